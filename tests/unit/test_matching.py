"""Regions of several readers become rows: who has read what, what is one object, and what no order changes."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from ensemblekit import combine
from ensemblekit.crowd import aggregate_votes, krippendorff_alpha
from ensemblekit.errors import InvalidOptionError, InvalidPredictionsError
from ensemblekit.matching import Matched, Regions, match_regions
from ensemblekit.matching._overlaps import find_links, measured
from ensemblekit.matching._pairs import touching_pairs
from ensemblekit.matching._shapes import Balls

BOX = ["x1", "y1", "x2", "y2"]


def marks(*rows: tuple[Any, ...], columns: str = "case reader x1 y1 x2 y2") -> pd.DataFrame:
    return pd.DataFrame(rows, columns=columns.split())


@st.composite
def tables(draw: st.DrawFn, most: int = 14) -> pd.DataFrame:
    """Marks on a coarse grid, so that overlaps are equal and marks are repeated."""
    n = draw(st.integers(1, most))
    whole = st.lists(st.integers(0, 5), min_size=n, max_size=n)
    x, y, w, h = (np.array(draw(whole)) for _ in range(4))
    return pd.DataFrame({
        "case": draw(st.lists(st.sampled_from("ab"), min_size=n, max_size=n)),
        "reader": draw(st.lists(st.sampled_from(["ann", "bo", "cy", "di"]), min_size=n, max_size=n)),
        "x1": x, "y1": y, "x2": x + 1 + w, "y2": y + 1 + h,
        "rate": np.array(draw(whole), dtype=float),
    })  # fmt: skip


OPTIONS = st.fixed_dictionaries({
    "measure": st.sampled_from(["iou", "dice"]), "threshold": st.sampled_from([0.0, 0.3, 0.5]),
    "method": st.sampled_from(["greedy", "optimal"]), "linkage": st.sampled_from(["single", "complete"]),
    "repeated": st.sampled_from(["apart", "dropped"]),
})  # fmt: skip


def content(found: Matched) -> list[Any]:
    """What the rows hold, whatever their marks are called."""
    frame = found.to_frame().drop(columns=["reader"]).assign(reader=found.to_frame()["reader"].astype(str))
    return sorted(map(tuple, frame.astype(object).where(frame.notna(), "").to_numpy().tolist()))


@settings(max_examples=30, deadline=None)
@given(tables(), OPTIONS, st.randoms(use_true_random=False))
def test_no_order_of_marks_changes_a_row(table: pd.DataFrame, options: dict[str, Any], random: Any) -> None:
    order = [*range(len(table))]
    random.shuffle(order)
    first, second = (match_regions(Regions(t, ratings=["rate"]), **options) for t in (table, table.iloc[order]))
    assert content(first) == content(second)


@settings(max_examples=30, deadline=None)
@given(tables(), OPTIONS)
def test_a_reader_is_at_most_once_in_a_row_and_rows_are_of_one_case(
    table: pd.DataFrame, options: dict[str, Any]
) -> None:
    found = match_regions(Regions(table), **options)
    frame = found.to_frame().dropna(subset="id")
    assert not frame.duplicated(["id", "reader"]).any()
    assert (frame.groupby("id")["case"].nunique() == 1).all()
    assert found.n_marked.sum() == (found.row >= 0).sum()
    if options["repeated"] == "apart":
        assert (found.row >= 0).all()


def greedy(regions: Regions, links: Any, complete: bool) -> list[set[int]]:
    """Take the pairs one after the other."""
    rows = [{k} for k in range(len(regions))]
    linked = {frozenset(pair) for pair in zip(links.first.tolist(), links.second.tolist(), strict=True)}
    for a, b in zip(links.first.tolist(), links.second.tolist(), strict=True):
        one, other = (next(row for row in rows if k in row) for k in (a, b))
        who = [regions.reader[k] for k in one | other]
        whole = all(frozenset((p, q)) in linked for p in one for q in other)
        if one is not other and len({*who}) == len(who) and (whole or not complete):
            rows.remove(other)
            one |= other
    return sorted(rows, key=min)


@settings(max_examples=40, deadline=None)
@given(tables(most=20), st.booleans(), st.sampled_from([0.0, 0.2]))
def test_joining_all_at_once_is_joining_one_by_one(table: pd.DataFrame, complete: bool, threshold: float) -> None:
    regions = Regions(table)
    links = find_links(regions.shapes, regions.case, regions.reader, "iou", threshold)
    found = match_regions(regions, threshold=threshold, linkage="complete" if complete else "single")
    rows = [{*np.flatnonzero(found.row == k).tolist()} for k in range(len(found))]
    assert sorted(rows, key=min) == greedy(regions, links, complete)


def test_the_last_pairs_are_taken_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from ensemblekit.matching import _joining

    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 12, size=(2, 60))
    table = pd.DataFrame({
        "case": "a", "reader": rng.choice([*"abcdef"], size=60), "x1": x, "y1": y,
        "x2": x + rng.integers(2, 6, size=60), "y2": y + rng.integers(2, 6, size=60),
    })  # fmt: skip
    for linkage in ("single", "complete"):
        at_once = match_regions(Regions(table), threshold=0.1, linkage=linkage)
        with monkeypatch.context() as patched:
            patched.setattr(_joining, "ROUNDS", 1)
            slowly = match_regions(Regions(table), threshold=0.1, linkage=linkage)
        assert (at_once.row == slowly.row).all()


@settings(max_examples=25, deadline=None)
@given(tables(most=12), st.sampled_from([0.0, 0.3]))
def test_of_two_readers_no_matching_is_better_than_the_optimal_one(table: pd.DataFrame, threshold: float) -> None:
    table["reader"] = np.where(table["reader"].isin(["ann", "bo"]), "ann", "bo")
    regions = Regions(table)
    found = match_regions(regions, threshold=threshold, method="optimal")
    links = find_links(regions.shapes, regions.case, regions.reader, "iou", threshold)
    value = np.zeros((len(regions), len(regions)))
    value[links.first, links.second] = value[links.second, links.first] = links.gain
    best = linear_sum_assignment(np.where(regions.reader[:, None] < regions.reader, value, 0), maximize=True)
    same = found.row[links.first] == found.row[links.second]
    assert links.gain[same].sum() == pytest.approx(
        np.where(regions.reader[:, None] < regions.reader, value, 0)[best].sum()
    )


def test_optimal_and_greedy_by_hand() -> None:
    # ann's second box overlaps both of bo's; the greedy pair leaves one of each alone.
    table = marks(("a", "ann", 0, 0, 4, 1), ("a", "ann", 3, 0, 7, 1), ("a", "bo", 2, 0, 6, 1), ("a", "bo", 5, 0, 9, 1))
    regions = Regions(table, read="all")
    greedy_rows = match_regions(regions, threshold=0.2)
    assert greedy_rows.n_marked.tolist() == [1, 2, 1]
    optimal = match_regions(regions, threshold=0.2, method="optimal")
    assert optimal.n_marked.tolist() == [2, 2]
    assert optimal.to_frame()["id"].tolist() == ["a/1", "a/2", "a/1", "a/2"]


def test_an_overlap_must_be_above_the_threshold() -> None:
    half = Regions(marks(("a", "ann", 0, 0, 4, 1), ("a", "bo", 0, 0, 2, 1)))
    assert match_regions(half, threshold=0.5).n_marked.tolist() == [1, 1]
    assert match_regions(half, threshold=0.49).n_marked.tolist() == [2]


def test_linkage_and_what_is_repeated_by_hand() -> None:
    chain = marks(("a", "ann", 0, 0, 4, 1), ("a", "bo", 2, 0, 6, 1), ("a", "cy", 4, 0, 8, 1))
    assert match_regions(Regions(chain), threshold=0.2).n_marked.tolist() == [3]
    assert sorted(match_regions(Regions(chain), threshold=0.2, linkage="complete").n_marked.tolist()) == [1, 2]
    twice = marks(("a", "ann", 0, 0, 4, 4), ("a", "ann", 0, 0, 4, 3), ("a", "bo", 0, 0, 4, 4), ("b", "bo", 0, 0, 1, 1))
    apart = match_regions(Regions(twice))
    assert sorted(apart.n_marked.tolist()) == [1, 1, 2]
    dropped = match_regions(Regions(twice), repeated="dropped")
    assert dropped.n_marked.tolist() == [2, 1]
    assert dropped.to_frame()["id"].isna().tolist() == [
        True,
        False,
        False,
        False,
    ]  # the smaller one, which comes first by its corner
    assert "left_out=1" in repr(dropped)
    alone = marks(("a", "ann", 0, 0, 4, 4), ("a", "ann", 0, 0, 4, 3))
    assert match_regions(Regions(alone), repeated="dropped").n_marked.tolist() == [1]


def test_labels_are_votes_or_divide_objects() -> None:
    table = marks(
        ("a", "ann", 0, 0, 4, 4, "cyst"), ("a", "bo", 0, 0, 4, 4, "mass"), columns="case reader x1 y1 x2 y2 label"
    )
    together = match_regions(Regions(table))
    assert together.n_marked.tolist() == [2]
    assert together.votes().to_frame()["label"].tolist() == ["cyst", "mass"]
    assert match_regions(Regions(table), by_label=True).n_marked.tolist() == [1, 1]


@settings(max_examples=25, deadline=None)
@given(tables(), st.sampled_from(["iou", "dice", "distance"]))
def test_measures_are_symmetric_and_bounded(table: pd.DataFrame, measure: str) -> None:
    shapes = Regions(table).shapes
    first, second = (a.ravel() for a in np.indices((len(table), len(table))))
    value = measured(shapes, first, second, measure)
    assert (value == measured(shapes, second, first, measure)).all()
    same = first == second
    assert (value[same] == (0 if measure == "distance" else 1)).all()
    assert (value >= 0).all()
    assert measure == "distance" or (value <= 1).all()


def test_overlaps_by_hand() -> None:
    boxes = Regions(marks(("a", "ann", 0, 0, 2, 2), ("a", "bo", 1, 0, 3, 2))).shapes
    one, other = np.array([0]), np.array([1])
    assert measured(boxes, one, other, "iou")[0] == pytest.approx(2 / 6)
    assert measured(boxes, one, other, "dice")[0] == pytest.approx(2 / 4)
    assert measured(boxes, one, other, "distance")[0] == 1
    for n, shared in ((1, 1.0), (2, 2 * np.pi / 3 - np.sqrt(3) / 2), (3, 5 * np.pi / 12)):  # two of radius 1, 1 apart
        balls = Balls(
            np.array([[0.0] * n, [1.0] + [0.0] * (n - 1), [0.1] + [0.0] * (n - 1)]), np.array([1, 1, 0.5]), ()
        )
        found = balls.shared(np.array([0, 0, 0]), np.array([1, 2, 0]))
        assert found == pytest.approx([shared, balls.sizes[2], balls.sizes[0]])


def test_masks_of_boxes_overlap_as_the_boxes_do() -> None:
    rng = np.random.default_rng(3)
    images: dict[str, dict[str, np.ndarray]] = {"a": {}, "b": {}}
    rows: list[tuple[Any, ...]] = []
    for case, of_case in images.items():
        for reader in ("ann", "bo"):
            image = np.zeros((30, 40), dtype=int)
            for k in range(3):
                low = np.array([10 * k, 0]) + rng.integers(0, 3, size=2)
                high = low + rng.integers(4, 7, size=2)
                image[low[0] : high[0], low[1] : high[1]] = k + 1
                rows.append((case, reader, *(low * [2, 0.5]), *(high * [2, 0.5])))
            of_case[reader] = image
    boxes = match_regions(Regions(marks(*rows)), threshold=0.3)
    masks = match_regions(Regions.from_masks(images, spacing=(2, 0.5)), threshold=0.3)
    assert boxes.n_marked.tolist() == masks.n_marked.tolist()
    centre = (boxes.table()[["x1", "y1"]].to_numpy() + boxes.table()[["x2", "y2"]].to_numpy()) / 2
    assert masks.table()[["centre_0", "centre_1"]].to_numpy() == pytest.approx(centre)
    assert masks.n_read is not None
    assert (masks.n_read == 2).all()


def test_parts_of_a_boolean_mask_are_regions_and_an_empty_one_is_read() -> None:
    image = np.zeros((5, 5), dtype=bool)
    image[0, 0] = image[1, 1] = image[4, 4] = True  # the first two touch at a corner
    regions = Regions.from_masks({"a": {"ann": image, "bo": image & False}})
    assert len(regions) == 2
    found = match_regions(regions)
    assert found.presence().to_frame()["label"].tolist() == ["yes", "no", "yes", "no"]


def test_not_read_and_nothing_marked_are_two_things() -> None:
    table = marks(("a", "ann", 0, 0, 4, 4), ("b", "bo", 0, 0, 4, 4))
    regions = Regions(table, read={"ann": ["a", "c"], "bo": ["a", "b"], "cy": ["a"]})
    assert regions.readers == ("ann", "bo", "cy")
    assert regions.cases.tolist() == ["a", "b", "c"]
    found = match_regions(regions)
    votes = found.presence().to_frame()
    assert [*zip(votes["item"], votes["rater"], votes["label"], strict=True)] == [
        ("a/1", "ann", "yes"), ("a/1", "bo", "no"), ("a/1", "cy", "no"), ("b/1", "bo", "yes"),
    ]  # fmt: skip
    assert found.table()["n_read"].tolist() == [3, 1]
    assert aggregate_votes(found.presence(), "majority").predictions.predicted.tolist() == ["no", "yes"]
    read = pd.DataFrame({"case": ["a", "b", "c"], "reader": ["ann", "bo", "ann"]})
    assert match_regions(Regions(table, read=read)).table()["n_read"].tolist() == [1, 1]


def test_numbers_go_to_the_rules_that_are_there() -> None:
    table = marks(
        ("s/1", "ann", 0, 0, 4, 4, 0.9, 2.0), ("s/1", "bo", 0, 0, 4, 5, 0.5, np.nan),
        ("s/1", "cy", 0, 0, 4, 9, 0.1, 5.0),
        ("t", "bo", 8, 8, 9, 9, 0.3, np.nan), columns="case reader x1 y1 x2 y2 score rate",
    )  # fmt: skip
    found = match_regions(Regions(table, ratings=["rate"], read="all"), threshold=0.3)
    assert found.ids.tolist() == ["s%2F1/1", "t/1"]
    coordinates = combine(found.numbers(), "median", missing="renormalize")
    assert coordinates.probas[0].tolist() == [0, 0, 4, 5]
    assert coordinates.groups is not None
    assert coordinates.groups.tolist() == ["s/1", "t"]
    # Nobody who marked the second object gave a rating; that is no 0, and no row.
    rated = found.numbers(["rate"])
    assert rated.members == ("ann", "cy")
    assert combine(rated, "mean", missing="renormalize").probas[:, 0].tolist() == [3.5]
    assert found.table()["rate"].tolist()[0] == 3.5
    votes = found.votes("rate")
    assert len(votes) == 2
    assert np.isnan(krippendorff_alpha(votes, level="ordinal").low) or not krippendorff_alpha(votes).enough


def test_centres_at_most_so_far_apart() -> None:
    columns = "case reader x y z radius"
    table = marks(("a", "ann", 0, 0, 0, 1), ("a", "bo", 3, 4, 0, 1), ("a", "cy", 9, 9, 9, 2), columns=columns)
    assert match_regions(Regions(table), measure="distance", threshold=5).n_marked.tolist() == [2, 1]
    assert match_regions(Regions(table), measure="distance", threshold=4.99).n_marked.tolist() == [1, 1, 1]
    with pytest.raises(InvalidOptionError, match="threshold must be given with measure='distance'"):
        match_regions(Regions(table), measure="distance")


def test_pairs_in_blocks_are_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    from ensemblekit.matching import _pairs

    rng = np.random.default_rng(1)
    case, low = rng.integers(0, 3, size=50), rng.random((50, 2))
    high = low + rng.random((50, 2)) * 0.4
    touch = (case[:, None] == case) & (low[:, None] <= high).all(axis=2) & (low <= high[:, None]).all(axis=2)
    expected = {*zip(*(a.tolist() for a in np.nonzero(np.triu(touch, 1))), strict=True)}
    monkeypatch.setattr(_pairs, "BLOCK", 7)
    found = [
        pair for a, b in touching_pairs(case, low, high, None) for pair in zip(a.tolist(), b.tolist(), strict=True)
    ]
    assert len(found) == len({*found})
    assert {*found} == expected


def test_results_are_read_only_and_survive_a_pickle() -> None:
    found = match_regions(Regions(marks(("a", "ann", 0, 0, 4, 4), ("a", "bo", 0, 0, 4, 4)), read="all"))
    again = pickle.loads(pickle.dumps(found))  # noqa: S301
    assert again.to_frame().equals(found.to_frame())
    for one, name in ((found, "row"), (found.regions, "case")):
        with pytest.raises(AttributeError, match="stays as it is"):
            setattr(one, name, None)
        with pytest.raises(ValueError, match="read-only"):
            getattr(one, name)[0] = 1


WRONG: list[tuple[pd.DataFrame, dict[str, Any], str]] = [
    (marks(("a", "ann", 0, 0, 0, 1)), {}, "each box must have a positive extent"),
    (marks(("a", "ann", 0, 0, np.nan, 1)), {}, "coordinates must be finite numbers; 1 of the column 'x2' are not"),
    (marks((None, "ann", 0, 0, 1, 1)), {}, "each mark must have a case; row 0 has none"),
    (marks(("a", "ann", 0, 0, 1, 1)), {"reader": "who"}, "reader must name a column"),
    (marks(("a", "ann", 0, 0, 1, 1)), {"box": ["x1", "y1", "x2"]}, "box must name the columns"),
    (marks(("a", "ann", 0, 0, 1, 1)), {"read": "some"}, "read must be 'all'"),
    (marks(("a", "ann", 0, 0, 1, 1)), {"read": {"ann": "a"}}, "with a list of cases"),
    (marks(("a", "ann", 0, 0, 1, 1)), {"read": {"ann": ["b"]}}, r"received 1 marks by readers who have not"),
    (marks(("a", "ann", 0, 0, -1), columns="case reader x y radius"), {}, "each radius must be > 0"),
    (marks(("a", "ann", 0), columns="case reader x"), {}, "must have columns of coordinates"),
    (marks(("a", "ann", 0, 0, 1, 1, 2), columns="case reader x1 y1 x2 y2 score"), {}, r"scores must be in \[0, 1\]"),
]


@pytest.mark.parametrize(("table", "options", "said"), WRONG)
def test_what_is_no_table_of_marks_is_refused(table: pd.DataFrame, options: dict[str, Any], said: str) -> None:
    with pytest.raises((InvalidPredictionsError, InvalidOptionError), match=said):
        Regions(table, **options)


def test_no_marks_at_all_are_read_cases() -> None:
    nothing = Regions(marks(), read={"ann": ["a"], "bo": ["a"]})
    found = match_regions(nothing)
    assert (len(nothing), len(found), len(nothing.readers)) == (0, 0, 2)
    assert found.table().empty
    assert match_regions(Regions.from_masks({"a": {"ann": np.zeros((3, 3), bool)}})).table().empty


def test_what_needs_to_know_who_has_read_says_so() -> None:
    found = match_regions(Regions(marks(("a", "ann", 0, 0, 4, 4))))
    with pytest.raises(InvalidOptionError, match=r"Regions\(\.\.\., read='all'\), or which: read=\{'ann': "):
        found.presence()
    with pytest.raises(InvalidOptionError, match="votes must be of a label or a rating"):
        found.votes()
    with pytest.raises(InvalidOptionError, match="threshold must be below 1"):
        match_regions(found.regions, threshold=1)
    with pytest.raises(InvalidPredictionsError, match="masks of one case must have one shape"):
        Regions.from_masks({"a": {"ann": np.zeros((2, 2), int), "bo": np.zeros((2, 3), int)}})
    with pytest.raises(InvalidPredictionsError, match=r"mask > 0\.5"):
        Regions.from_masks({"a": {"ann": np.zeros((2, 2))}})
