"""Masks of several readers: votes, STAPLE, Dice and surface distances, and grids that differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ensemblekit import Votes, aggregate_votes
from ensemblekit.errors import DataError, InvalidOptionError, InvalidPredictionsError, VanishedClassWarning
from ensemblekit.matching import LabelImage, LabelImages, compare_masks, judge_readers, staple, vote_labels
from ensemblekit.matching.masks import _patterns

READERS = ("ann", "bo", "cy")
# SimpleITK 2.5.7, STAPLEImageFilter, on the images of `noisy` above 0.
SITK = {
    "sensitivity": [0.9963561, 0.9653977, 0.9654477, 0.9553923],
    "specificity": [0.9789581, 0.9556884, 0.9363867, 0.9202821],
}
DRAWN = arrays(np.uint8, (3, 4, 5), elements=st.integers(0, 3))


def of(**images: Any) -> LabelImages:
    return LabelImages({"a": images})


@settings(max_examples=25, deadline=None)
@given(DRAWN, st.sampled_from(["lowest", "highest", 9]), st.permutations([0, 1, 2]))
def test_the_vote_of_each_voxel(drawn: np.ndarray, ties: Any, order: list[int]) -> None:
    weights = {"ann": 1.0, "bo": 2.0, "cy": 0.5}
    images = of(**dict(zip(READERS, drawn, strict=True)))
    found = vote_labels(images, weights=weights, ties=ties).image("a")
    counts = np.stack([sum(w * (one == c) for w, one in zip(weights.values(), drawn, strict=True)) for c in range(4)])
    top = counts == counts.max(axis=0)
    expected = 3 - top[::-1].argmax(axis=0) if ties == "highest" else top.argmax(axis=0)
    if ties == 9:
        expected = np.where(top.sum(axis=0) > 1, 9, expected)
    assert (found == expected).all()
    turned = LabelImages({"a": {READERS[k]: drawn[k] for k in order}})
    assert (vote_labels(turned, weights=weights, ties=ties).image("a") == found).all()
    # A weight of 0 is as a reader that is not there.
    nobody = vote_labels(images, weights=weights | {"cy": 0.0}, ties=ties).image("a")
    assert (
        nobody == vote_labels(of(ann=drawn[0], bo=drawn[1]), weights={"ann": 1, "bo": 2}, ties=ties).image("a")
    ).all()


def test_a_label_for_ties_does_not_wrap_around() -> None:
    images = of(ann=np.array([0, 255, 7], dtype=np.uint8), bo=np.array([0, 1, 7], dtype=np.uint8))
    found = vote_labels(images, ties=256)
    assert found.image("a").tolist() == [0, 256, 7]
    assert found.image("a").dtype == np.uint16
    assert found.tied == {"a": 1}
    with pytest.raises(InvalidOptionError, match=r"must be one that no reader draws; received 255.* Give ties=256"):
        vote_labels(images, ties=255)


def sphere(centre: tuple[int, int, int], radius: float) -> np.ndarray:
    grid = np.indices((10, 14, 14)) - np.reshape(centre, (3, 1, 1, 1))
    return ((grid**2).sum(axis=0) < radius**2).astype(np.uint8)


def noisy(n: int = 4, seed: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = sphere((5, 7, 7), 4) + sphere((5, 7, 7), 2)
    found = {}
    for k in range(n):
        wrong = rng.random(truth.shape) < 0.03 * (k + 1)
        found[f"r{k}"] = np.where(wrong, rng.integers(0, 3, size=truth.shape), truth).astype(np.uint8)
    return found


def test_staple_is_dawid_and_skene_with_voxels_as_items() -> None:
    images = noisy()
    found = staple(of(**images), prior="learned", tol=1e-12)
    rows = [
        pd.DataFrame({"item": np.arange(one.size), "rater": name, "label": one.ravel()}) for name, one in images.items()
    ]
    crowd = aggregate_votes(Votes(pd.concat(rows)), "dawid_skene", pooling=0, tol=0.0, max_iter=2000)
    for k in range(3):
        np.testing.assert_allclose(found.probability("a", k).ravel(), crowd.predictions.probas[:, k], atol=1e-6)
    assert found.confusions is not None
    np.testing.assert_allclose(found.confusions, crowd.fitted.confusions_, atol=1e-6)


def test_staple_has_the_values_of_simpleitk() -> None:
    images = {name: (one > 0).astype(np.uint8) for name, one in noisy().items()}
    found = staple(of(**images)).reader_table().query("label == 1")
    np.testing.assert_allclose(found["sensitivity"], SITK["sensitivity"], atol=2e-6)
    np.testing.assert_allclose(found["specificity"], SITK["specificity"], atol=2e-6)


@settings(max_examples=15, deadline=None)
@given(DRAWN, st.permutations([0, 1, 2]))
def test_staple_ends_and_depends_on_no_order(drawn: np.ndarray, order: list[int]) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VanishedClassWarning)
        found = staple(of(**dict(zip(READERS, drawn, strict=True))), max_iter=50)
        turned = staple(LabelImages({"a": {READERS[k]: drawn[k] for k in order}}), max_iter=50)
    assert found.n_iter <= 50
    total = sum(found.probability("a", label) for label in found.labels)
    np.testing.assert_allclose(total, 1, atol=1e-5)
    assert (found.image("a") == turned.image("a")).all()


def test_readers_who_agree_are_right_and_all_is_over_in_two_steps() -> None:
    one = sphere((5, 7, 7), 4)
    found = staple(of(ann=one, bo=one.copy()))
    assert (found.image("a") == one).all()
    assert found.converged
    assert found.n_iter <= 3
    table = found.reader_table()
    np.testing.assert_allclose(table[["sensitivity", "specificity"]], 1, atol=1e-8)
    empty = staple(of(ann=one * 0, bo=one * 0))
    assert empty.labels == (0, 1)
    assert not empty.image("a").any()


def test_blocks_and_codes_that_are_too_large_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    images = noisy()
    whole = staple(of(**images))
    for name, value in (("BLOCK", 100), ("DENSE", 1), ("LARGEST", 1)):
        with monkeypatch.context() as patched:
            patched.setattr(_patterns, name, value)
            again = staple(of(**images))
            assert (again.image("a") == whole.image("a")).all(), name
    many = {f"r{k:02d}": np.random.default_rng(k).integers(0, 50, size=40) for k in range(20)}  # 50^20 > 2^64
    counted = vote_labels(of(**many)).image("a")
    stacked = np.stack([*many.values()])
    counts = (stacked[:, :, None] == np.arange(50)).sum(axis=0)
    assert (counted == counts.argmax(axis=1)).all()


def test_a_reader_who_has_not_drawn_a_case_tells_nothing_there() -> None:
    images = noisy()
    cases = {"a": images, "b": {name: images[name] for name in ("r0", "r1")}}
    found = vote_labels(LabelImages(cases))
    assert (found.image("b") == vote_labels(LabelImages({"b": cases["b"]})).image("b")).all()
    together = staple(LabelImages(cases))
    assert together.confusions is not None
    assert together.confusions.shape == (4, 3, 3)
    assert (together.image("a") == staple(LabelImages({"a": images})).image("a")).mean() > 0.97


def test_overlap_and_distances_by_hand() -> None:
    one, other = np.zeros((2, 6, 8), dtype=int)
    one[1:4, 1:4] = 1
    other[1:4, 2:5] = 1
    row = compare_masks(of(ann=one, bo=other), "bo").query("reader == 'ann'").iloc[0]
    assert (row["dice"], row["iou"]) == (pytest.approx(2 * 6 / 18), pytest.approx(6 / 12))
    # Of the 8 voxels of each surface, 3 lie 1 away from the other surface, and the middle of one inside edge is too.
    assert row["hausdorff_95"] == 1
    surface = [(i, j) for i in (1, 2, 3) for j in (1, 2, 3) if (i, j) != (2, 2)]
    shifted = [(i, j + 1) for i, j in surface]
    near = [min(np.hypot(i - k, j - m) for k, m in shifted) for i, j in surface]
    assert row["surface_distance"] == pytest.approx(np.mean(near))
    wide = compare_masks(LabelImages({"a": {"ann": one, "bo": other}}, spacing=(1, 2.5)), "bo").iloc[0]
    stretched = [min(np.hypot(i - k, 2.5 * (j - m)) for k, m in shifted) for i, j in surface]
    assert wide["surface_distance"] == pytest.approx(np.mean(stretched))
    nothing = compare_masks(of(ann=one, bo=one * 0), "bo").iloc[0]
    assert nothing["dice"] == 0
    assert np.isnan(nothing["surface_distance"])
    neither = compare_masks(of(ann=one * 0, bo=one * 0), "bo", labels=[1])
    assert neither["dice"].isna().all()


@settings(max_examples=15, deadline=None)
@given(DRAWN)
def test_comparisons_are_symmetric_and_bounded(drawn: np.ndarray) -> None:
    there, back = (
        compare_masks(of(p=drawn[k], q=drawn[1 - k]), "q", labels=[1, 2, 3]).drop(columns=["case", "reader"])
        for k in (0, 1)
    )
    pd.testing.assert_frame_equal(there, back)
    shares = there[["dice", "iou"]].to_numpy()
    assert ((shares >= 0) & (shares <= 1) | np.isnan(shares)).all()
    same = compare_masks(of(p=drawn[0], q=drawn[0]), "q").dropna()
    assert (same[["dice", "iou"]] == 1).all(axis=None)
    assert (same[["surface_distance", "hausdorff_95"]] == 0).all(axis=None)


def test_readers_are_judged_by_case_against_the_others() -> None:
    rng = np.random.default_rng(0)
    cases: dict[str, dict[str, np.ndarray]] = {}
    truth: dict[str, np.ndarray] = {}
    for k in range(8):
        truth[f"c{k}"] = sphere((5, 7, 7), 3 + k / 8)
        moved = {name: np.roll(truth[f"c{k}"], rng.integers(0, by), 1) for name, by in (("good", 2), ("poor", 4))}
        cases[f"c{k}"] = moved | {"also": truth[f"c{k}"]}
    images = LabelImages(cases, spacing=(2.0, 1.0, 1.0))
    table = judge_readers(images, truth).set_index(["reader", "metric"])
    assert table.loc[("also", "dice"), "value"] == 1
    assert table.loc[("also", "dice"), "low"] < 1  # eight cases prove no perfection
    assert table.loc[("good", "dice"), "value"] > table.loc[("poor", "dice"), "value"]
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()
    assert (table["n_cases"] == 8).all()
    others = judge_readers(images, distances=False)
    assert {*others["metric"]} == {"dice", "iou"}
    made = judge_readers(images, vote_labels(images), distances=False)
    assert made.set_index(["reader", "metric"]).loc[("also", "iou"), "value"] > 0.7


def test_grids_that_differ_are_refused() -> None:
    one, affine = np.zeros((4, 5, 6), dtype=np.uint8), np.diag([1.0, 1.0, 2.0, 1.0])
    with pytest.raises(
        InvalidPredictionsError, match=r"'ann' and 'bo' differ on case 'a': shape .*Resample one to the"
    ):
        of(ann=one, bo=one[1:])
    moved = affine.copy()
    moved[0, 3] = 3
    with pytest.raises(InvalidPredictionsError, match="differ on case 'a': affine"):
        of(ann=LabelImage(one, affine=affine), bo=LabelImage(one, affine=moved))
    with pytest.raises(InvalidPredictionsError, match="differ on case 'a': spacing"):
        of(ann=LabelImage(one, spacing=(1, 1, 1)), bo=LabelImage(one, spacing=(1, 1, 2)))
    with pytest.raises(InvalidPredictionsError, match="differ on case 'a': shape"):
        compare_masks(of(ann=one, bo=one), {"a": one[:, 1:]})
    assert LabelImage(one, affine=affine).spacing == (1.0, 1.0, 2.0)


def test_files_are_read_with_their_grid(tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    images, affine = noisy(2), np.diag([0.7, 0.7, 2.5, 1.0])
    paths = {}
    for name, suffix, kind in (("r0", "nii.gz", np.float32), ("r1", "nii", np.uint8)):
        paths[name] = tmp_path / f"{name}.{suffix}"
        nibabel.save(nibabel.Nifti1Image(images[name].astype(kind), affine), paths[name])
    found = vote_labels(of(**paths))
    assert (found.image("a") == vote_labels(of(**images)).image("a")).all()
    table = compare_masks(of(**paths), "r1")
    expected = compare_masks(LabelImages({"a": images}, spacing=(0.7, 0.7, 2.5)), "r1")
    pd.testing.assert_frame_equal(table, expected, rtol=1e-5)
    np.save(tmp_path / "r0.npy", images["r0"])
    assert (vote_labels(of(r0=tmp_path / "r0.npy", r1=images["r1"])).image("a") == found.image("a")).all()
    other = tmp_path / "moved.nii"
    nibabel.save(nibabel.Nifti1Image(images["r1"], affine @ np.diag([1, 1, 2, 1])), other)
    with pytest.raises(InvalidPredictionsError, match="affine"):
        of(r0=paths["r0"], r1=other)
    (tmp_path / "broken.nii").write_bytes(b"no volume")
    with pytest.raises(DataError, match="an image of labels must be a NIfTI or NPY file"):
        LabelImage(tmp_path / "broken.nii")


def test_what_is_no_image_of_labels_is_refused() -> None:
    with pytest.raises(InvalidPredictionsError, match=r"labels must be whole numbers; received 0.5"):
        vote_labels(of(ann=np.array([0.5, 1]), bo=np.array([0.0, 1])))
    with pytest.raises(InvalidPredictionsError, match=r"images must be \{case: \{reader: image\}\}"):
        LabelImages({"ann": np.zeros(3)})
    with pytest.raises(InvalidPredictionsError, match="spacing must be one number > 0"):
        LabelImage(np.zeros(3, int), spacing=(0.0,))
    images = of(ann=np.array([0, 1]), bo=np.array([0, 1]))
    with pytest.raises(InvalidOptionError, match="reference must be 'others', a reader"):
        compare_masks(images, "cy")
    with pytest.raises(InvalidOptionError, match="it lacks 1 \\('a'\\)"):
        compare_masks(images, {})
    with pytest.raises(InvalidOptionError, match="label must be one of"):
        vote_labels(images).probability("a", 5)
    with pytest.raises(InvalidPredictionsError, match="labels must name all that the images hold"):
        staple(images, labels=[0, 2])
