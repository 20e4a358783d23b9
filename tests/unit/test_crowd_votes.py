"""`Votes`: every kind of table gives the same votes; what is no vote is told apart, or refused."""

import copy
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from ensemblekit import Predictions, Votes
from ensemblekit.errors import InvalidOptionError, InvalidPredictionsError, NotAFileError, UnvotedClassWarning

ROWS = [("q2", "b", "no"), ("q1", "c", "no"), ("q1", "a", "yes"), ("q2", "a", "no"), ("q1", "b", "yes")]
LONG = pd.DataFrame(ROWS, columns=["item", "rater", "label"])
NESTED = {"q1": {"c": "no", "a": "yes", "b": "yes"}, "q2": {"b": "no", "a": "no"}}
WIDE = pd.DataFrame({"case": ["q2", "q1"], "b": ["no", "yes"], "a": ["no", "yes"], "c": [None, "no"]})


def content(votes):
    """Give the votes as they were sorted by hand: ``ROWS`` is q1 a yes, q1 b yes, q1 c no, q2 a no, q2 b no."""
    parts = (votes.items.tolist(), votes.raters, votes.classes, votes.item, votes.rater, votes.choice)
    return tuple(part.tolist() if isinstance(part, np.ndarray) else part for part in parts)


EXPECTED = (["q1", "q2"], ("a", "b", "c"), ("no", "yes"), [0, 0, 0, 1, 1], [0, 1, 2, 0, 1], [1, 1, 0, 0, 0])
KINDS = {
    "pandas": (LONG, {}),
    "polars": (pl.from_pandas(LONG), {}),
    "lazy": (pl.from_pandas(LONG).lazy(), {}),
    "arrow": (pa.Table.from_pandas(LONG), {}),
    "columns": (LONG.to_dict("list"), {}),
    "records": (LONG.to_dict("records"), {}),
    "categories": (LONG.astype("category"), {}),
    "index": (LONG.set_index("item"), {}),
    "crowd-kit": (LONG.rename(columns={"item": "task", "rater": "worker"}), {}),
    "named": (LONG.set_axis(["x", "y", "z"], axis=1), {"item": "x", "rater": "y", "label": "z"}),
    "more columns": (LONG.assign(seconds=3, comment=None), {}),
    "nested": (NESTED, {}),
    "records with verdicts": ([{"item": q, "verdicts": v} for q, v in NESTED.items()], {}),
    "wide": (WIDE, {"item": "case", "raters": ["b", "a", "c"]}),
    "wide by index": (WIDE.set_index("case"), {"item": "case", "raters": ["c", "b", "a"]}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_table_gives_the_same_votes(kind):
    table, options = KINDS[kind]
    assert content(Votes(table, **options)) == EXPECTED


def test_a_reader_that_goes_by_position_would_be_noticed():
    assert content(Votes(LONG[["rater", "item", "label"]])) == EXPECTED
    swapped = LONG.set_axis(["rater", "item", "label"], axis=1)
    assert content(Votes(swapped)) != EXPECTED


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".csv.gz", ".parquet", ".jsonl", ".json"])
def test_every_kind_of_file_gives_the_same_votes(tmp_path, suffix):
    path = tmp_path / f"votes{suffix}"
    if suffix == ".parquet":
        LONG.to_parquet(path)
    elif suffix.startswith(".json"):
        LONG.to_json(path, orient="records", lines=suffix == ".jsonl")
    else:
        LONG.to_csv(path, index=False, sep="\t" if "tsv" in suffix else ",")
    assert content(Votes.load(path)) == EXPECTED


def test_verdicts_of_a_jury_are_read(tmp_path):
    path = tmp_path / "verdicts.jsonl"
    path.write_text(
        '{"item": 7, "judge": "model-b", "verdict": "A"}\n\n'
        '{"item": 7, "judge": "model-a", "verdict": "tie"}\n'
        '{"item": 3, "judge": "model-a", "verdict": "I think that"}\n'
        '{"item": 3, "judge": "model-b", "verdict": null}\n'
    )
    votes = Votes.load(path, classes=["A", "B"], abstained=["tie"], unknown="failed", empty="failed")
    assert content(votes) == ([3, 7], ("model-a", "model-b"), ("A", "B"), [0, 0, 1, 1], [0, 1, 0, 1], [-2, -2, -1, 0])
    assert votes.to_frame()["status"].tolist() == ["failed", "failed", "abstained", "answered"]
    assert votes.to_frame()["label"].isna().tolist() == [True, True, True, False]


def test_a_table_of_readers_is_read(tmp_path):
    path = tmp_path / "readers.csv"
    path.write_text("case;anna;bo;truth\n010;1;0;1\n002;;1;\n")
    votes = Votes.load(path, item="case", raters=["bo", "anna"], gold="truth")
    assert content(votes) == (["002", "010"], ("anna", "bo"), (0, 1), [0, 1, 1], [1, 0, 1], [1, 1, 0])
    assert votes.gold.tolist() == [-1, 1]


def test_three_things_are_told_apart():
    table = pd.DataFrame({"item": [1, 1, 1, 2], "rater": ["a", "b", "c", "a"], "label": ["x", "?", "###", "y"]})
    votes = Votes(table, abstained=["?"], failed={"###"})
    assert (votes.classes, votes.choice.tolist()) == (("x", "y"), [0, -1, -2, 1])
    assert repr(votes) == "Votes(n_votes=4, n_items=2, n_raters=3, classes=('x', 'y'), abstained=1, failed=1)"
    assert len(votes) == 4  # b and c are absent on item 2


@pytest.mark.parametrize(("empty", "choice"), [("absent", [0, 0]), ("abstained", [0, -1, 0]), ("failed", [0, -2, 0])])
def test_an_empty_cell_is_what_the_caller_says(empty, choice):
    table = pd.DataFrame({"item": [1, 1, 2], "rater": ["a", "b", "a"], "label": [1.0, np.nan, 1.0], "w": [1, 2, 3]})
    votes = Votes(table, empty=empty, weight="w")
    assert (votes.classes, votes.choice.tolist()) == ((1,), choice)
    assert votes.weight.tolist() == ([1, 3] if empty == "absent" else [1, 2, 3])
    wide = pd.DataFrame({"item": [1, 2], "a": [1, 1], "b": [None, None]})
    found = Votes(wide, raters=["a", "b"], empty=empty).choice.tolist()
    assert found == ([0, 0] if empty == "absent" else [0, choice[1], 0, choice[1]])


def test_classes_keep_the_order_that_is_given():
    assert Votes(LONG, classes=["yes", "no", "both"]).classes == ("yes", "no", "both")
    assert Votes(LONG, classes=["yes", "no", "both"]).choice.tolist() == [0, 0, 1, 1, 1]


@pytest.mark.parametrize(("which", "choice"), [("first", [0, 1]), ("last", [1, 1])])
def test_of_repeated_votes_one_counts(which, choice):
    table = {"item": [2, 1, 1], "rater": ["a", "a", "a"], "label": ["y", "x", "y"]}
    assert Votes(table, repeated=which).choice.tolist() == choice


GOLD = {
    "mapping": {"q2": "yes", "q9": "no", "q1": None},
    "series": pd.Series(["no", "yes"], index=["q9", "q2"]),
    "table": pd.DataFrame({"id": ["q9", "q2"], "label": ["no", "yes"]}),
    "polars": pl.DataFrame({"id": ["q9", "q2"], "label": ["no", "yes"]}),
}


@pytest.mark.parametrize("kind", GOLD)
def test_known_labels_are_looked_up_by_item(kind):
    votes = Votes(LONG, gold=GOLD[kind])
    assert votes.gold.tolist() == [-1, 1]
    assert votes.without_gold().gold is None
    assert votes.to_frame()["gold"].fillna("").tolist() == ["", "", "", "yes", "yes"]


def test_a_known_label_that_nobody_voted_for_is_a_class():
    with pytest.warns(UnvotedClassWarning, match=r"gold names 1 \('maybe'\), which no vote does") as caught:
        assert Votes(LONG, gold={"q1": "maybe"}).classes == ("maybe", "no", "yes")
    assert caught[0].filename == __file__
    with pytest.warns(UnvotedClassWarning, match=r"Is 'yess' to be 'yes'\? Mend the known label, or name all classes"):
        Votes(LONG, gold={"q1": "yess"})
    assert Votes(LONG, gold={"q1": "maybe"}, classes=["yes", "no", "maybe"]).gold.tolist() == [2, -1]
    with pytest.raises(InvalidPredictionsError, match=r"gold must be of the classes \('yes', 'no'\)"):
        Votes(LONG, gold={"q1": "maybe"}, classes=["yes", "no"])


def test_numbers_in_a_text_file_are_numbers(tmp_path):
    path = tmp_path / "votes.csv"
    path.write_text("item,rater,label\n10,a,1\n9,b,0\n")
    assert content(Votes.load(path, gold={9: 1}))[:3] == ([9, 10], ("a", "b"), (0, 1))
    path.write_text("item,rater,label\n010,a,1\n9,b,unsure\n")
    assert content(Votes.load(path, abstained=["unsure"], classes=[0, 1]))[::5] == (["010", "9"], [1, -1])


def test_members_are_raters():
    fields = {"classes": ["p", "q"]}
    probas = [[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]]
    whole = Predictions(probas, ids=["y", "x", "z"], labels=["p", "q", "q"], member="m", **fields)
    part = Predictions([[0.3, 0.7]], ids=["y"], member="k", **fields)
    votes = Votes.from_predictions([whole, part])
    assert content(votes) == (["x", "y", "z"], ("k", "m"), ("p", "q"), [0, 1, 1, 2], [1, 0, 1, 1], [1, 1, 0, 0])
    assert votes.gold.tolist() == [1, 0, 1]
    numbers = Predictions([1.0], ids=["x"], classes=["v"], task="regression", member="m")
    with pytest.raises(InvalidPredictionsError, match="one of several classes that exclude each other"):
        Votes.from_predictions([numbers])


def test_raters_can_be_left_out():
    votes = Votes(LONG, gold={"q1": "yes"}).without_raters(["a"])
    assert content(votes) == (["q1", "q2"], ("b", "c"), ("no", "yes"), [0, 0, 1], [0, 1, 0], [1, 0, 0])
    assert votes.gold.tolist() == [1, -1]
    with pytest.raises(InvalidOptionError, match=r"raters to leave out must be there; received unknown: 1 \('z'\)"):
        votes.without_raters(["z"])
    with pytest.raises(InvalidOptionError, match="must not be all"):
        votes.without_raters(["b", "c"])


def test_votes_do_not_change():
    votes = Votes(LONG, gold={"q1": "yes"})
    unpickled = pickle.loads(pickle.dumps(votes))  # noqa: S301
    for other in (votes, copy.deepcopy(votes), unpickled, votes.without_raters(["a"])):
        for array in (other.items, other.item, other.rater, other.choice, other.gold):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = array[1]


def long(**columns):
    return {"item": ["q1", "q2"], "rater": ["a", "a"], "label": ["x", "y"]} | columns


def test_a_column_that_is_named_for_one_thing_is_not_taken_for_another():
    votes = Votes(long(vote=["y", "x"]), gold="label")
    assert votes.to_frame()["label"].tolist() == ["y", "x"]
    assert [votes.classes[code] for code in votes.gold] == ["x", "y"]
    assert Votes(long(task=["s", "t"], answer=[2, 3]), item="task", weight="answer").items.tolist() == ["s", "t"]


REFUSED = {
    "no column": ({"item": ["q1"], "label": ["x"]}, {}, "none is known as the rater. No other column can be it"),
    "no such column": (long(), {"label": "lab"},
                    "label must name a column of the table of votes; received 'lab'"),
    "ambiguous": ({"item": ["q"], "worker": ["a"], "reader": ["b"], "label": ["x"]}, {},
                  r"\['worker', 'reader'\] could each be the rater"),
    "two labels": (long(vote=["y", "x"]), {}, r"\['label', 'vote'\] could each be the label. Name it: label='label'"),
    "two items": (long(task=["s", "t"]), {}, r"\['item', 'task'\] could each be the item"),
    "no item": (long(item=["q1", None]), {}, "items, the column 'item', must have a name in each row; row 1 has none"),
    "no rater": (long(rater=[None, "a"]), {}, "raters, the column 'rater', must have a name in each row; row 0"),
    "empty": (long(label=["x", None]), {}, "each vote must have a label; 1 of 2 are empty, first in row 1"),
    "unknown": (long(), {"classes": ["x"]}, r"labels must be among the classes \('x',\); received others: 1 \('y'\)"),
    "repeated": (long(item=["q1", "q1"]), {}, r"each rater must vote once on an item; received 1 votes more, first"),
    "mixed items": (long(item=["q1", 2]), {}, "must be all str or all int"),
    "mixed labels": (long(label=["x", 2]), {}, "text and numbers never match; received 'x' and 2."),
    "nobody": (long(label=["?", "?"]), {"abstained": ["?"]}, "classes must be given if nobody answered"),
    "weight": (long(w=[1, -1]), {"weight": "w"}, "the weights of votes must be finite and >= 0; row 1 has -1"),
    "nan weight": (long(w=[np.nan, 1]), {"weight": "w"}, "row 0 has nan"),
    "both": (long(), {"abstained": ["x"], "failed": ["x"]}, "a label means abstained or failed; received"),
    "rows": ([("q1", "a", "x")], {}, "votes must name their columns"),
    "array": (np.ones((2, 3)), {}, "votes must be a long table with the columns item, rater and label"),
    "nested": ([{"item": 1, "verdicts": {"a": 1}}, {"item": 2, "verdicts": 3}], {}, "row 1 has 3"),
    "lists": (long(label=[["x"], ["y"]]), {}, "each cell of a table of votes must be one name"),
    "gold by position": (long(), {"gold": ["x", "y"]}, "gold must name its items"),
    "gold index": (long(), {"gold": pd.Series(["x", "y"])}, "default index 0..n-1 is no name"),
    "gold kind": (long(), {"gold": {1: "x"}}, "gold must name items as the votes do; received 1 beside the item 'q1'"),
    "gold of others": (long(), {"gold": {"q7": "x"}}, "gold must know the label of at least one item"),
    "gold twice": (long(item=["q1", "q1"], rater=["a", "b"], g=["x", "y"]), {"gold": "g"}, "gold must be one label an"),
    "raters and label": (long(), {"raters": ["a"], "label": "label"}, "raters must name columns of labels"),
    "wide item": (long(item=["q1", "q1"]), {"raters": ["label"]}, "must have one row an item; received repeated"),
    "wide name": (long(), {"raters": ["zoe"]}, "raters must name a column of the table of votes; received 'zoe'"),
    "text of labels": (long(), {"failed": "x"}, "failed must be Collection"),
    "policy": (long(), {"empty": "zero"}, "empty must be"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_table_of_votes_is_refused(case):
    table, options, message = REFUSED[case]
    with pytest.raises((InvalidPredictionsError, InvalidOptionError), match=message):
        Votes(table, **options)


def test_bad_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        Votes.load(tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(NotAFileError):
        Votes.load(tmp_path / "folder.csv")
    path = tmp_path / "votes.jsonl"
    path.write_text('{"item": 1, "rater": "a", "label": 0}\n{"item": 2, "rater"\n')
    with pytest.raises(InvalidPredictionsError, match=r"votes.jsonl': each line .* line 2 is"):
        Votes.load(path)
    path.write_text("3\n")
    with pytest.raises(InvalidPredictionsError, match="one JSON object a line"):
        Votes.load(path)
    with pytest.raises(InvalidPredictionsError, match=r"a file of votes must be one of \.csv"):
        Votes.load(tmp_path / "votes.xls")
    with pytest.raises(InvalidOptionError, match="separator=';' must say how a text file is read"):
        Votes.load(path, separator=";")
    path = tmp_path / "votes.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(InvalidPredictionsError, match="a Parquet file must be whole"):
        Votes.load(path)
    path = tmp_path / "saved.csv"
    Predictions([[0.5, 0.5]], ids=["a"], classes=["p", "q"]).save(path)
    with pytest.raises(InvalidPredictionsError, match=r"Votes.from_predictions"):
        Votes.load(path)
