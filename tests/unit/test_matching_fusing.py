"""Weighted box fusion and its relatives: values of ensemble-boxes where it keeps its promises, and the promises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemblekit.errors import InvalidOptionError
from ensemblekit.matching import Regions, fuse_boxes, match_regions

COLUMNS = ["x1", "y1", "x2", "y2", "score", "label"]
# The example of the README of ensemble-boxes 1.0.9, two models.
README = pd.DataFrame(
    [
        ("i", "m0", 0.00, 0.51, 0.81, 0.91, 0.9, 0), ("i", "m0", 0.10, 0.31, 0.71, 0.61, 0.8, 1),
        ("i", "m0", 0.01, 0.32, 0.83, 0.93, 0.2, 0), ("i", "m0", 0.02, 0.53, 0.11, 0.94, 0.4, 1),
        ("i", "m0", 0.03, 0.24, 0.12, 0.35, 0.7, 1), ("i", "m1", 0.04, 0.56, 0.84, 0.92, 0.5, 1),
        ("i", "m1", 0.12, 0.33, 0.72, 0.64, 0.8, 1), ("i", "m1", 0.38, 0.66, 0.79, 0.95, 0.7, 1),
        ("i", "m1", 0.08, 0.49, 0.21, 0.89, 0.3, 0),
    ],
    columns=["image", "model", *COLUMNS],
)  # fmt: skip
WEIGHTS = {"m0": 2, "m1": 1}
# What ensemble-boxes 1.0.9 returns: fused boxes, and those that stay alone, by method, with weights 2 and 1.
BOTH = [[0.1066667, 0.3166667, 0.7133333, 0.62], [0.0018182, 0.4754545, 0.8136364, 0.9136364]]
ALONE = [
    [0.03, 0.24, 0.12, 0.35, 1], [0.02, 0.53, 0.11, 0.94, 1], [0.38, 0.66, 0.79, 0.95, 1], [0.04, 0.56, 0.84, 0.92, 1],
    [0.08, 0.49, 0.21, 0.89, 0],
]  # fmt: skip
PUBLISHED = {
    "boxes": [0.8, 0.7333333, 0.4666667, 0.2666667, 0.2333333, 0.1666667, 0.1],
    "mean": [0.8, 0.3666667, 0.4666667, 0.2666667, 0.2333333, 0.1666667, 0.1],  # its 'box_and_model_avg'
    "max": [0.8, 0.9, 0.7, 0.4, 0.35, 0.25, 0.15],
}


def regions(table: pd.DataFrame = README, read: Any = "all") -> Regions:
    return Regions(table, read=read)


def values(found: Any) -> np.ndarray:
    """Sort boxes by place, as ties of scores have no order of their own there."""
    return found.to_frame()[COLUMNS].sort_values(["label", "x1", "y1"]).to_numpy(dtype=float)


@pytest.mark.parametrize("score", PUBLISHED)
def test_the_readme_of_ensemble_boxes(score: Any) -> None:
    rows = [[*BOTH[0], 1], [*BOTH[1], 0], *ALONE]
    expected = pd.DataFrame(rows, columns=["x1", "y1", "x2", "y2", "label"]).assign(score=PUBLISHED[score])
    expected = expected[COLUMNS].sort_values(["label", "x1", "y1"]).to_numpy()
    found = fuse_boxes(regions(), threshold=0.5, weights=WEIGHTS, score=score)
    np.testing.assert_allclose(values(found), expected, atol=2e-7)


def test_non_maximum_weighted_is_that_of_ensemble_boxes() -> None:
    both = [[0.1057682, 0.3157682, 0.7128841, 0.6186522], [0.001236, 0.4865151, 0.812472, 0.9124721]]
    found = fuse_boxes(regions(), "non_maximum_weighted", threshold=0.5, weights=WEIGHTS).to_frame()
    table = found.set_index(["label", "score"])
    np.testing.assert_allclose(table.loc[(1, 0.8), COLUMNS[:4]].to_numpy(dtype=float).ravel(), both[0], atol=1e-6)
    np.testing.assert_allclose(table.loc[(0, 0.9), COLUMNS[:4]].to_numpy(dtype=float).ravel(), both[1], atol=1e-6)
    assert len(found) == 7


def test_suppression_keeps_the_boxes_that_ensemble_boxes_keeps() -> None:
    kept = fuse_boxes(regions(), "nms", threshold=0.5)
    # Of the two boxes with a score of 0.8 ours is the first; theirs is the last.
    assert sorted(README.index[kept.regions.row[kept.row >= 0]]) == [0, 1, 3, 4, 5, 7, 8]
    soft = fuse_boxes(regions(), "soft_nms", threshold=0.5, sigma=0.1, least=0.0001)
    assert len(soft) == 9
    scores = dict(zip(soft.regions.row.tolist(), soft.score[soft.row].tolist(), strict=True))
    a, b = README.loc[1, COLUMNS[:4]].to_numpy(float), README.loc[6, COLUMNS[:4]].to_numpy(float)
    shared = (min(a[2], b[2]) - max(a[0], b[0])) * (min(a[3], b[3]) - max(a[1], b[1]))
    iou = shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)
    assert scores[1] == 0.8
    assert scores[6] < 0.8 * np.exp(-(iou**2) / 0.1) + 1e-12  # ensemble-boxes returns 0.8, as if nothing were lowered
    linear = fuse_boxes(regions(), "soft_nms", threshold=0.5, least=0.0001)
    assert dict(zip(linear.regions.row.tolist(), linear.score[linear.row].tolist(), strict=True))[6] == pytest.approx(
        0.8 * (1 - iou)
    )


def test_a_score_is_never_above_the_largest_of_its_boxes() -> None:
    table = pd.DataFrame(
        [("i", m, 0.1, 0.1, 0.5, 0.5, 0.9) for m in ("a", "a")], columns=["image", "model", *COLUMNS[:5]]
    )
    read = {"a": ["i"], "b": ["i"], "c": ["i"]}
    weights = {"a": 10, "b": 1, "c": 1}
    # ensemble-boxes 1.0.9: 1.5.
    assert fuse_boxes(regions(table, read), weights=weights, score="boxes").score.tolist() == [0.9]
    assert fuse_boxes(regions(table, read), weights=weights).score == pytest.approx([0.9 * 10 / 12])
    assert fuse_boxes(regions(table, read), weights=weights, score="sum").score == pytest.approx([1.5])


def test_who_has_not_read_does_not_lower_a_score() -> None:
    table = README[README["model"] == "m0"].iloc[:1]
    assert fuse_boxes(regions(table, {"m0": ["i"], "m1": ["i"]})).score == pytest.approx([0.45])
    assert fuse_boxes(regions(table, {"m0": ["i"], "m1": ["j"]})).score == pytest.approx([0.9])
    assert fuse_boxes(regions(table, {"m0": ["i"], "m1": ["i"]}), unmarked="ignored").score == pytest.approx([0.9])
    with pytest.raises(InvalidOptionError, match="unmarked='zero' needs to know which reader has read which cases"):
        fuse_boxes(regions(table, None))


@st.composite
def detections(draw: st.DrawFn) -> pd.DataFrame:
    n = draw(st.integers(1, 14))
    whole = st.lists(st.integers(0, 4), min_size=n, max_size=n)
    x, y, w, h, s = (np.array(draw(whole)) for _ in range(5))
    return pd.DataFrame({
        "image": draw(st.lists(st.sampled_from("ij"), min_size=n, max_size=n)),
        "model": draw(st.lists(st.sampled_from("abc"), min_size=n, max_size=n)),
        "x1": x, "y1": y, "x2": x + 1 + w, "y2": y + 1 + h, "score": s / 4,
        "label": draw(st.lists(st.sampled_from("pq"), min_size=n, max_size=n)),
    })  # fmt: skip


HOW = st.fixed_dictionaries({
    "method": st.sampled_from(["weighted", "non_maximum_weighted", "nms", "soft_nms"]),
    "threshold": st.sampled_from([0.0, 0.3, 0.5]), "score": st.sampled_from(["mean", "boxes", "max"]),
    "unmarked": st.sampled_from(["zero", "ignored"]), "once": st.booleans(),
})  # fmt: skip
READ = {m: ["i", "j"] for m in "abc"}


def shown(found: Any) -> list[Any]:
    return found.to_frame().round(9).to_numpy().tolist()


@settings(max_examples=40, deadline=None)
@given(detections(), HOW, st.randoms(use_true_random=False))
def test_promises_of_every_method(table: pd.DataFrame, how: dict[str, Any], random: Any) -> None:
    weights = {"a": 2.0, "b": 1.0, "c": 0.0}
    found = fuse_boxes(regions(table, READ), weights=weights, **how)
    order = [*range(len(table))]
    random.shuffle(order)
    assert shown(fuse_boxes(regions(table.iloc[order], READ), weights=weights, **how)) == shown(found)
    scaled = {name: 4 * weight for name, weight in weights.items()}
    assert shown(fuse_boxes(regions(table, READ), weights=scaled, **how)) == shown(found)
    # A weight of 0 is as a reader that is not there.
    without = table[table["model"] != "c"]
    if len(without):
        rest = fuse_boxes(regions(without, {m: READ[m] for m in "ab"}), weights={"a": 2, "b": 1}, **how)
        assert shown(rest) == shown(found)
    marks = found.regions
    for k, (score, box) in enumerate(zip(found.score, found.coordinates, strict=True)):
        own = found.row == k
        assert 0 <= score <= marks.score[own].max() + 1e-12
        assert (box >= marks.coordinates[own].min(axis=0) - 1e-9).all()
        assert (box <= marks.coordinates[own].max(axis=0) + 1e-9).all()
        assert len({*marks.case[own], *(found.case[k],)}) == 1
        if how["once"]:
            assert len({*marks.reader[own]}) == own.sum()


def one_by_one(boxes: np.ndarray, scores: np.ndarray, threshold: float) -> list[list[int]]:
    """Weighted box fusion as it is written in the paper, for one image and label."""
    rows: list[list[int]] = []
    for k in np.argsort(-scores, kind="stable"):
        means = [np.average(boxes[row], axis=0, weights=scores[row]) for row in rows]
        shared = [
            np.prod(np.maximum(np.minimum(m[2:], boxes[k, 2:]) - np.maximum(m[:2], boxes[k, :2]), 0)) for m in means
        ]
        sizes = [np.prod(m[2:] - m[:2]) for m in [*means, boxes[k]]]
        iou = [s / (size + sizes[-1] - s) for s, size in zip(shared, sizes[:-1], strict=True)]
        if iou and max(iou) > threshold:
            rows[int(np.argmax(iou))].append(int(k))
        else:
            rows.append([int(k)])
    return sorted(map(sorted, rows))


def test_all_images_at_once_are_images_one_by_one() -> None:
    rng = np.random.default_rng(0)
    n = 300
    corner = rng.integers(0, 3, size=(n, 2)) + rng.normal(size=(n, 2)) * 0.1
    boxes = np.concatenate([corner, corner + 0.5 + rng.random((n, 2)) * 0.3], axis=1)
    image, score = rng.integers(0, 8, size=n), rng.random(n)
    table = pd.DataFrame({"image": image, "model": rng.integers(0, 3, size=n), "score": score})
    table[COLUMNS[:4]] = boxes
    found = fuse_boxes(regions(table), threshold=0.4)
    of_row = np.empty(n, dtype=int)
    of_row[found.regions.row] = found.row
    for one in range(8):
        rows = np.flatnonzero(image == one)
        expected = one_by_one(boxes[rows], score[rows], 0.4)
        ours = [sorted(np.flatnonzero(of_row[rows] == k).tolist()) for k in np.unique(of_row[rows])]
        assert sorted(ours) == expected


def test_a_reader_may_have_one_box_alone_in_a_fused_one() -> None:
    rows = [("i", m, 0.1, 0.1, 0.5, 0.5, s) for m, s in (("a", 0.9), ("a", 0.8), ("b", 0.7))]
    table = regions(pd.DataFrame(rows, columns=["image", "model", *COLUMNS[:5]]))
    assert fuse_boxes(table).n_marked.tolist() == [2]
    assert fuse_boxes(table, once=True).n_marked.tolist() == [2, 1]


def test_rows_that_are_matched_become_one_box_each() -> None:
    table = README.assign(label=0).iloc[[1, 6, 7]]
    matched = match_regions(regions(table), threshold=0.5)
    found = fuse_boxes(matched, weights=WEIGHTS)
    assert found.n_marked.tolist() == [2, 1]
    np.testing.assert_allclose(found.coordinates[0], BOTH[0], atol=1e-7)
    with pytest.raises(InvalidOptionError, match="rows that are matched become one box each"):
        fuse_boxes(matched, "nms")
    balls = pd.DataFrame({"case": ["a", "a"], "reader": ["p", "q"], "x": [0, 1], "radius": [3, 3], "score": [0.5, 0.5]})
    with pytest.raises(InvalidOptionError, match="Match them first"):
        fuse_boxes(Regions(balls, read="all"))
    assert fuse_boxes(match_regions(Regions(balls, read="all"))).coordinates.tolist() == [[0.5, 3.0]]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"weights": [1, 2]}, r"weights must name their readers; received \[1, 2\]. Give \{'m0': 1.0"),
        ({"weights": {"m0": 1}}, "lacking 1 \\('m1'\\)"),
        ({"weights": {"m0": 1, "m1": np.nan}}, "weights must be finite and >= 0"),
        ({"weights": {"m0": 0, "m1": 0}}, "with a positive sum"),
        ({"threshold": 2.0}, "threshold must be a finite number >= 0 and <= 1"),
        ({"score": "median"}, "score must be"),
        ({"sigma": 0.0}, "sigma must be"),
    ],
)
def test_what_cannot_be_meant_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidOptionError, match=said):
        fuse_boxes(regions(), **options)
