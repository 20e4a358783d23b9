"""Columns of votes, rankings and marks are recognised in any case; what is proposed where none is can be pasted."""

import re

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from ensemblekit import Votes
from ensemblekit.errors import InvalidPredictionsError
from ensemblekit.matching import Regions
from ensemblekit.ranking import Qrels, Run

BOX = {"x1": [1.0], "y1": [1.0], "x2": [2.0], "y2": [2.0]}


@pytest.mark.parametrize("table", [dict, pd.DataFrame, pa.table, pl.DataFrame])
def test_names_are_recognised_in_any_case(table):
    assert len(Votes(table({"Item": [1], "RATER": ["a"], "Label": ["y"]}))) == 1
    assert len(Run(table({"Query": ["q"], "DocID": ["a"], "SCORE": [1.0]}))) == 1
    assert len(Qrels(table({"Topic": ["q"], "Item": ["a"], "Rel": [1]}))) == 1
    marks = Regions(table({"Image": ["s"], "Reader": ["a"], "Label": ["t"], "XMin": [0], "XMax": [2], "YMin": [1],
                           "YMax": [4], "Confidence": [0.5]}))  # fmt: skip
    assert marks.coordinates.tolist() == [[0, 1, 2, 4]]
    assert (marks.names, marks.labels, marks.score.tolist()) == (("XMin", "YMin", "XMax", "YMax"), ("t",), [0.5])
    points = Regions(table({"Case": ["s"], "Reader": ["a"], "X": [0], "Y": [2], "Radius": [1]}))
    assert points.names == ("X", "Y", "Radius")


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_names_in_files_are_recognised_in_any_case(tmp_path, suffix):
    table, path = pd.DataFrame({"Item": ["p"], "Rater": ["a"], "Label": ["y"], "Note": ["z"]}), tmp_path / f"v{suffix}"
    if suffix == ".parquet":
        table.to_parquet(path)
    elif suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        table.to_json(path, orient="records", lines=True)
    assert Votes.load(path).classes == ("y",)


def test_who_has_read_what_is_recognised_in_any_case():
    marks = {"case": ["s"], "reader": ["a"], **BOX}
    assert Regions(marks, read={"Case": ["s", "t"], "Reader": ["a", "a"]}).read.tolist() == [[True], [True]]


AMBIGUOUS = {
    "item": lambda: Votes({"item": [1], "Item": [2], "rater": ["a"], "label": ["y"]}),
    "query": lambda: Run({"query": ["q"], "Query": ["r"], "item": ["a"], "score": [1.0]}),
    "reader": lambda: Regions({"case": ["s"], "reader": ["a"], "READER": ["b"], **BOX}),
    "x1": lambda: Regions({"case": ["s"], "reader": ["a"], **BOX, "X1": [0.0]}),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_two_columns_that_differ_by_case_alone_are_refused(name):
    with pytest.raises(InvalidPredictionsError, match=rf"\['{name}', '{name.title()}'\] could each be|READER.*could"):
        AMBIGUOUS[name]()


PROPOSED = {
    "label": (Votes, {"item": [1], "rater": ["a"], "class": ["y"]}, "label='class'"),
    "label that is no number": (Votes, {"item": [1], "rater": ["a"], "p": [0.5], "class": ["y"]}, "label='class'"),
    "rater": (Votes, {"item": [1], "who": ["a"], "label": ["y"]}, "rater='who'"),
    "item": (Votes, {"rater": ["a"], "label": ["y"], "question": ["q"]}, "item='question'"),
    "score": (Run, {"query": ["q"], "item": ["a"], "rank": [1], "text": ["t"], "bm25": [3.5]}, "score='bm25'"),
    "item of a run": (Run, {"query": ["q"], "score": [1.0], "thing": ["a"]}, "item='thing'"),
    "grade": (Qrels, {"query": ["q"], "item": ["a"], "note": ["z"], "level": [1]}, "grade='level'"),
    "case": (Regions, {**BOX, "file": ["s"], "reader": ["a"]}, "case='file'"),
    "reader": (Regions, {**BOX, "Image": ["s"], "size": [0.5], "who": ["a"]}, "reader='who'"),
}


@pytest.mark.parametrize("what", PROPOSED)
@pytest.mark.parametrize("table", [dict, pa.table])
def test_the_column_that_is_proposed_is_none_of_the_others_and_can_be_pasted(what, table):
    kind, columns, proposal = PROPOSED[what]
    with pytest.raises(InvalidPredictionsError, match=f"Name it: {proposal}") as refused:
        kind(table(columns))
    name, value = re.search(r"Name it: (\w+)='(\w+)'", str(refused.value)).groups()
    assert len(kind(table(columns), **{name: value})) == 1


def test_where_no_column_is_left_the_recognised_names_are_told():
    with pytest.raises(InvalidPredictionsError, match=r"No other column can be it.*in any case: 'label', 'vote'"):
        Votes({"item": [1], "rater": ["a"]})
    with pytest.raises(InvalidPredictionsError, match=r"No other column can be it.*'score', 'sim'") as refused:
        Run({"query": ["q", "q"], "item": ["a", "b"], "Rank": [1, 2]})
    table = {"query": ["q", "q"], "item": ["a", "b"], "Rank": [1, 2]}
    turned = re.search(r"turn it round, (.*)\.$", str(refused.value)).group(1)
    assert Run(eval(turned, {"pd": pd, "table": table})).item.tolist() == ["a", "b"]  # noqa: S307


TWO_TAGS = "q1 Q0 d1 1 3.5 bm25\nq1 Q0 d2 1 900 dense\nq1 Q0 d1 2 800 dense\n"


def test_a_file_of_two_runs_is_refused_with_what_splits_it(tmp_path):
    path = tmp_path / "two.run"
    path.write_text(TWO_TAGS)
    with pytest.raises(InvalidPredictionsError, match=r"must be of one run; received.* 2 tags.*\['bm25', 'dense']"):
        Run.load(path, member="named")
    with pytest.raises(InvalidPredictionsError, match="Split it") as refused:
        Run.load(path)
    lines = re.search(r"Split it: (.*)\.$", str(refused.value)).group(1)
    found = {"pd": pd, "Run": Run}
    exec(lines.replace("; ", "\n"), found)  # noqa: S102
    assert found["runs"]["bm25"].to_frame().score.tolist() == [3.5]
    assert found["runs"]["dense"].to_frame().score.tolist() == [900, 800]
    path.write_text(TWO_TAGS.replace("bm25", "dense").replace("d1 1", "d3 1"))
    assert Run.load(path).member == "dense"
