"""Names that look the same, and text and numbers that look the same, never meet in silence; nor is a mask read over."""

import unicodedata

import numpy as np
import pandas as pd
import pytest

from ensemblekit import Predictions, Votes
from ensemblekit.crowd import aggregate_votes
from ensemblekit.errors import InvalidOptionError, InvalidPredictionsError
from ensemblekit.matching import LabelImages, Regions, match_regions
from ensemblekit.matching.fusing import fuse_boxes
from ensemblekit.predictions.spellings import alike_pair, never_combines
from ensemblekit.quantiles import from_samples, sort_quantiles
from ensemblekit.ranking import Qrels, Run, fuse_runs, score_runs

NFC, NFD = "caf\xe9", "cafe\u0301"
REMEDY = r"unicodedata.normalize\('NFC', name\)"
PAIR = r"'caf\\xe9' (from .+ )?and 'cafe\\u0301'"
ONE_WAY = rf"must be spelled in one way; received {PAIR}.*{REMEDY}"
BOXES = {"x1": [1, 1], "y1": [1, 1], "x2": [2, 2], "y2": [2, 2]}


def votes(**changed):
    return Votes(**{"table": {"item": [1, 1], "rater": ["a", "b"], "label": ["tea", NFC]}, **changed})


def cells(**changed):
    return {"item": [1, 1], "rater": ["a", "b"], "label": ["x", "y"], **changed}


def judged(run, qrels):
    return score_runs([Run(run, member="a")], Qrels(qrels), metrics="map")


def regions(read=None, **changed):
    return Regions({"case": ["a", "a"], "reader": ["r", "s"], **BOXES, **changed}, read=read)


TWO_SPELLINGS = {
    "labels": lambda: Votes(cells(label=[NFC, NFD])),
    "raters": lambda: Votes(cells(rater=[NFC, NFD])),
    "items": lambda: Votes(cells(item=[NFC, NFD])),
    "labels and gold": lambda: votes(gold={1: NFD}),
    "items of a run": lambda: Run({"q": {NFC: 1.0, NFD: 2.0}}),
    "queries of a run": lambda: Run({NFC: {"a": 1.0}, NFD: {"a": 2.0}}),
    "beside long names": lambda: Run({"q": {NFC: 1.0, NFD: 2.0, **{"x" * 9000 + str(k): 1.0 for k in range(500)}}}),
    "judgements": lambda: Qrels({"q": {NFC: 1, NFD: 0}}),
    "items of two runs": lambda: fuse_runs({"a": {"q": {NFC: 1.0}}, "b": {"q": {NFD: 1.0}}}),
    "queries of two runs": lambda: fuse_runs({"a": {NFC: {"x": 1.0}}, "b": {NFD: {"x": 1.0}}}),
    "a run and judgements": lambda: judged({"q": {NFC: 1.0}}, {"q": {NFD: 1}}),
    "names of runs": lambda: fuse_runs({NFC: {"q": {"x": 1.0}}, NFD: {"q": {"x": 1.0}}}),
    "queries judged": lambda: judged({NFC: {"x": 1.0}}, {NFD: {"x": 1}}),
    "labels of marks": lambda: regions(label=[NFC, NFD]),
    "readers": lambda: regions(reader=[NFC, NFD]),
    "cases": lambda: regions(case=[NFC, NFD]),
    "cases read": lambda: regions(case=["a", NFC], read={"r": ["a"], "s": [NFD]}),
    "readers of images": lambda: LabelImages({"c": {NFC: np.eye(2, dtype=int), NFD: np.eye(2, dtype=int)}}),
    "classes": lambda: Predictions([[0.5, 0.5]], ids=["a"], classes=[NFC, NFD]),
    "groups": lambda: Predictions([[0.5, 0.5]] * 2, ids=["a", "b"], classes=["x", "y"], groups=[NFC, NFD]),
}


@pytest.mark.parametrize("what", TWO_SPELLINGS)
def test_two_spellings_of_one_name_are_refused_where_they_meet(what):
    with pytest.raises(InvalidPredictionsError, match=ONE_WAY):
        TWO_SPELLINGS[what]()


NOT_FOUND = {
    "label": lambda: votes(classes=[NFD, "tea"]),
    "label that may fail": lambda: votes(classes=[NFD, "tea"], unknown="failed"),
    "abstained": lambda: votes(abstained=[NFD]),
    "item of gold": lambda: Votes(cells(item=[NFC, "x"]), gold={"x": "y", NFD: "x"}),
    "weight of a run": lambda: fuse_runs({NFC: {"q": {"a": 1.0}}}, weights={NFD: 1.0}),
    "weight of a rater": lambda: aggregate_votes(Votes(cells(rater=[NFC, "b"])), "weighted", weights={NFD: 1, "b": 1}),
    "weight of a reader": lambda: fuse_boxes(regions(reader=[NFC, "b"], read="all"), weights={NFD: 1, "b": 1}),
    "query": lambda: Run({NFC: {"a": 1.0}}).take([NFD]),
    "rater": lambda: Votes(cells(rater=[NFC, "b"])).without_raters([NFD]),
}


@pytest.mark.parametrize("what", NOT_FOUND)
def test_a_name_that_is_not_found_for_its_spelling_is_shown_with_escapes(what):
    with pytest.raises((InvalidPredictionsError, InvalidOptionError), match=r"Unicode normalisation: 'caf.*' and 'caf"):
        NOT_FOUND[what]()


def test_one_spelling_of_any_normalisation_is_taken():
    for name in (NFC, NFD):
        assert Votes(cells(label=[name, name])).classes == (name,)
        runs = {"a": {"q": {name: 1.0}}, "b": {"q": {name: 1.0, "x": 0.5}}}
        assert len(fuse_runs(runs)) == 2
        assert judged({"q": {name: 1.0}}, {"q": {name: 1}})["value"].tolist() == [1]


def test_the_pair_is_found_among_many_names():
    many = [f"{name}{k}" for k in range(300) for name in ("\u0436", "caf", "\xe9")]
    assert alike_pair(np.array(many)) is None
    for name in ("\xe9299", "\u043628"):
        other = unicodedata.normalize("NFD", name) if name[0] == "\xe9" else None
        assert alike_pair(np.array([*many, other or name])) == ((name, other) if other else None)


def test_what_is_said_never_to_combine_does_not():
    written = map(chr, range(0xC0, 0x30000))
    pairs = [unicodedata.normalize("NFD", letter) for letter in written if unicodedata.decomposition(letter)]
    seconds = {letters[-1] for letters in pairs if len(letters) > 1}
    assert len(seconds) > 50
    assert not any(map(never_combines, seconds))
    assert not never_combines("\u212b")  # the sign of the unit, which becomes a letter
    assert all(map(never_combines, "\u0436\u65e5\u3042\u05d0"))


MASK = np.ma.masked_array(np.ones((4, 4), bool), mask=np.eye(4, dtype=bool))
ROW = np.ma.masked_array([3.0, 9.0], mask=[False, True])
MASKED = {
    "mask": lambda: Regions.from_masks({"s": {"a": MASK}}, parts="connected"),
    "rows of a mask": lambda: Regions.from_masks({"s": {"a": [*MASK]}}, parts="connected"),
    "image of labels": lambda: LabelImages({"s": {"a": MASK.astype(int)}}),
    "scores": lambda: Run({"query": ["q", "q"], "item": ["a", "b"], "score": ROW}),
    "items": lambda: Run({"query": ["q", "q"], "item": ROW.astype(int), "score": [1.0, 2.0]}),
    "grades": lambda: Qrels({"query": ["q", "q"], "item": ["a", "b"], "grade": ROW}),
    "weights": lambda: fuse_runs([{"q": {"a": 1.0}}, {"q": {"a": 1.0}}], weights=ROW),
    "draws": lambda: from_samples(np.ma.stack([ROW, ROW]), levels=[0.5], ids=["a", "b"]),
    "values": lambda: sort_quantiles(np.ma.stack([ROW]), [0.1, 0.9]),
}


@pytest.mark.parametrize("what", MASKED)
def test_masked_entries_are_never_read_as_the_data_below(what):
    with pytest.raises((InvalidPredictionsError, InvalidOptionError), match="must have no masked entries"):
        MASKED[what]()


def test_masked_cells_of_votes_and_marks_are_empty():
    with pytest.raises(InvalidPredictionsError, match=r"row 1 has none"):
        Votes(cells(item=ROW.astype(int)))
    with pytest.raises(InvalidPredictionsError, match=r"1 of the column 'x1' are not, first in row 1: nan"):
        regions(x1=ROW)
    assert len(Regions.from_masks({"s": {"a": np.ma.masked_array(np.ones((4, 4), bool))}})) == 1  # nothing is masked


def grouped(groups):
    return Predictions([[0.5, 0.5]] * len(groups), ids=[*"abc"][: len(groups)], classes=["x", "y"], groups=groups)


MIXED = {
    "groups": (lambda: grouped([1, "1"]), r"groups must be all text or all whole numbers; received 1 and '1'"),
    "other groups": (lambda: grouped([2, "b"]), r"received 2 and 'b'.*\[str\(value\) for value in groups\]"),
    "groups by id": (lambda: grouped(pd.Series([1, "1"], index=["a", "b"])), "received 1 and '1'"),
    "labels": (lambda: Votes(cells(label=[1, "1"])), r"text and numbers never match; received 1 and '1'"),
    "labels of classes": (lambda: Votes(cells(label=[1, "1"]), classes=[1]), r"received 1 and '1'"),
    "other labels": (lambda: Votes(cells(label=[1, "x"])), r"received 1 and 'x'"),
    "three labels": (lambda: Votes(cells(item=[1, 2, 3], rater=[*"abc"], label=[1, "1", 2])), r"received 1 and '1'"),
    "truth values": (lambda: Votes(cells(label=[True, 1])), "received True and 1, a truth value and a number"),
    "truth values in columns": (
        lambda: Votes(pd.DataFrame({"item": [1], "a": [True], "b": [1]}), raters=["a", "b"]),
        "received True and 1",
    ),
    "items of votes": (lambda: Votes(cells(item=[1, True])), "received True and 1"),
    "items of a run": (lambda: Run({"query": [1, 1], "item": [1, True], "score": [1, 2]}), "received True and 1"),
    "cases": (lambda: regions(case=[1, True]), "received True and 1"),
    "gold": (lambda: Votes(cells(label=["1", "2"]), gold={1: 1}), "received '1' and 1"),
    "gold of classes": (
        lambda: Votes(cells(label=["1", "2"]), gold={1: 1}, classes=["1", "2"]),
        r"Text and numbers never match: 1 is not '1'",
    ),
    "classes": (lambda: Votes(cells(label=["1", "2"]), classes=[1, 2]), r"never match: '1' is not 1"),
    "truth values of numbers": (lambda: Votes(cells(label=[True, False]), classes=[0, 1]), "must be among the classes"),
    "classes that may fail": (
        lambda: Votes(cells(label=["1", "2"]), classes=[1, 2], unknown="failed"),
        r"never match: '1' is not 1",
    ),
}


@pytest.mark.parametrize("what", MIXED)
def test_text_and_numbers_never_match(what):
    call, text = MIXED[what]
    with pytest.raises(InvalidPredictionsError, match=text):
        call()


def test_numbers_alone_are_groups_and_labels_and_a_text_file_has_no_types(tmp_path):
    assert grouped([1, 2]).groups.tolist() == ["1", "2"]
    assert Votes(cells(label=[1, 2])).classes == (1, 2)
    assert Votes(cells(label=[1, "unsure"]), abstained=["unsure"]).classes == (1,)
    path = tmp_path / "votes.csv"
    path.write_text("item,rater,label\n1,a,1\n1,b,0\n2,c,unsure\n")
    assert Votes.load(path, classes=[0, 1], abstained=["unsure"], gold={1: 1}).choice.tolist() == [1, 0, -1]


def test_matched_regions_keep_one_label_a_spelling():
    matched = match_regions(regions(label=[NFC, NFC], read="all"))
    assert matched.regions.labels == (NFC,)
