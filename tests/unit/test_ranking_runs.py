"""Runs and judgements are read by name from whatever holds them, and refused where they are none."""

import copy
import gzip
import pickle

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemblekit.errors import EnsembleKitError, InvalidOptionError, InvalidPredictionsError, OutputExistsError
from ensemblekit.ranking import Qrels, Run, fuse_runs
from ensemblekit.ranking.runs._order import MIXED, PLACES
from tests.unit import ranking_samples as samples

TABLE = {"qid": ["q2", "q1", "q1"], "docno": ["c", "a", "b"], "score": [0.1, 3.5, 7.0]}
NUMBERS = {"qid": np.array([2, 1, 1]), "docno": np.array([3, 10, 9]), "score": np.array([1, 35, 70], dtype=np.float32)}


def rows(run):
    return run.to_frame().values.tolist()


EXPECTED = [["q1", "b", 7.0, 1.0], ["q1", "a", 3.5, 2.0], ["q2", "c", 0.1, 1.0]]


@pytest.mark.parametrize(
    "make",
    [
        dict,
        pd.DataFrame,
        lambda t: pd.DataFrame(t).astype({"qid": "category", "docno": object}),
        lambda t: pd.DataFrame(t).set_index(["qid", "docno"]),
        lambda t: pd.DataFrame(t).set_index(["qid", "docno"])["score"],
        pa.table,
        lambda t: pa.table({"qid": pa.array(t["qid"]).dictionary_encode(), "docno": t["docno"], "score": t["score"]}),
        lambda t: pytest.importorskip("polars").DataFrame(t),
        lambda t: pytest.importorskip("polars").LazyFrame(t),
        lambda t: {name: np.array(column) for name, column in t.items()},
    ],
)
def test_a_table_of_any_kind_is_read_by_the_names_of_its_columns(make):
    assert rows(Run(make(TABLE))) == EXPECTED
    swapped = {"score": TABLE["score"], "docno": TABLE["docno"], "qid": TABLE["qid"]}
    assert rows(Run(make(swapped))) == EXPECTED


def test_mappings_and_whole_numbers():
    assert rows(Run({"q1": {"a": 3.5, "b": 7}, "q2": {"c": 0.1}})) == EXPECTED
    for make in (dict, pd.DataFrame, pa.table):
        run = Run(make(NUMBERS))
        assert rows(run) == [[1, 9, 70.0, 1.0], [1, 10, 35.0, 2.0], [2, 3, 1.0, 1.0]]
        assert run.queries.dtype == run.item.dtype == np.int64
    assert rows(Run({"a": [1], "b": [2], "c": [0.5]}, query="b", item="a", score="c")) == [[2, 1, 0.5, 1.0]]
    assert rows(Run({})) == rows(Run({"query": [], "item": [], "score": []})) == []


def test_columns_of_arrow_in_any_form():
    import pyarrow.compute as pc

    names = ["é", "a", "", "b" * 70, "a b", "zz"]
    kinds = (pa.array, lambda x, t: pa.array(x, pa.large_string()), lambda x, t: pa.array(x, t).dictionary_encode())
    for make in kinds:
        for items in (names, names[1:2] + names[-1:], [], names[:3]):
            column = pa.chunked_array([make(items[:1], pa.string()), make(items[1:], pa.string())])
            table = pa.table({"query": range(len(items)), "item": column, "score": [1.0] * len(items)})
            assert Run(table).item.tolist() == items
            assert Run(table.slice(1)).item.tolist() == items[1:]
    # A name that no row has is no query.
    queries = pa.array(["p", "q", "r"]).dictionary_encode()
    table = pa.table({"query": queries, "item": [1, 2, 3], "score": [1.0] * 3}).filter(pc.field("item") != 2)
    assert Run(table).queries.tolist() == ["p", "r"]
    with pytest.raises(InvalidPredictionsError, match="row 1 has none"):
        Run(pa.table({"query": pa.array(["p", None]).dictionary_encode(), "item": [1, 2], "score": [1.0, 2.0]}))


@pytest.mark.parametrize(
    "name",
    [str, "MARCO_D{}".format, "clueweb12-{0}-{0:09}".format, "é{}".format, lambda k: f"é{k}" if k % 2 else f"d{k}",
     lambda k: "d" * k, lambda k: "doc-" + "d" * k, lambda k: f"d{k}" if k else "a name of many letters"],
)  # fmt: skip
def test_names_of_any_length_are_joined_and_in_order(name):
    rng = np.random.default_rng(0)
    tables = {}
    for member in "abc":
        n = rng.integers(5, 12, 4)
        items = np.concatenate([rng.permutation(12)[:k] for k in n]).tolist()
        query = np.repeat(["q10", "q2", "q1", "q3"], n)
        tables[member] = pa.table({"query": query, "item": list(map(name, items)), "score": rng.random(len(items))})
    runs = {member: Run(table) for member, table in tables.items()}
    by_row = {}
    for member, table in tables.items():
        for query, item, score in zip(*(table[c].to_pylist() for c in ("query", "item", "score")), strict=True):
            by_row.setdefault(member, {}).setdefault(query, {})[item] = score
        assert runs[member].item_names.tolist() == sorted(set(table["item"].to_pylist()))
        assert runs[member].queries.tolist() == ["q1", "q10", "q2", "q3"]
        pd.testing.assert_frame_equal(runs[member].to_frame(), Run(by_row[member]).to_frame())
    fused = fuse_runs(tables, "rrf").to_frame()
    for query, rows in fused.groupby("query"):
        expected = {}
        for run in by_row.values():
            for rank, item in enumerate(sorted(run[query], key=run[query].get, reverse=True), 1):
                expected[item] = expected.get(item, 0) + 1 / (60 + rank)
        assert dict(zip(rows["item"], rows["score"], strict=True)) == pytest.approx(expected)
    assert fuse_runs(runs, "rrf").item_names.tolist() == sorted(
        {i for t in tables.values() for i in t["item"].to_pylist()}
    )


def test_equal_scores_share_a_rank_and_the_larger_name_stands_first():
    run = Run({"q": {"d10": 1, "d9": 1, "x": 2, "a": 1, "b": 0}})
    assert run.item.tolist() == ["x", "d9", "d10", "a", "b"]
    assert run.rank.tolist() == [1, 3, 3, 3, 5]
    assert Run({1: {10: 1, 9: 1}}).item.tolist() == [10, 9]  # by value
    for items in (["a", "b", "c"], ["c", "b", "a"], ["b", "c", "a"]):  # also where scores are in order already
        assert Run({"query": ["q"] * 3, "item": items, "score": [1, 1, 1]}).item.tolist() == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ({"q": {"a": float("nan")}}, "each score must be finite; 1 of 1 are not, first nan in row 0"),
        ({"q": {"a": float("inf")}}, "each score must be finite"),
        ({"q": {"a": "high"}}, "each score must be a number; received 'high' of the type str"),
        ({"q": {"a": None}}, "each score must be finite"),
        (
            {"query": ["q", "q"], "item": ["a", "a"], "score": [1, 2]},
            r"received 1 rows more, first \(query, item\) \[\('q', 'a'\)\]",
        ),
        ({"query": [1, 1], "item": [5, 5], "score": [1, 2]}, r"\[\(1, 5\)\]"),
        (
            {"query": ["q", None], "item": ["a", "b"], "score": [1, 2]},
            "queries must have a name in each row; row 1 has none",
        ),
        ({"query": ["q"], "item": [1.5], "score": [1]}, "items must be all str or all int"),
        ({"query": ["q"], "item": ["a", "b"], "score": [1]}, "columns of a run must be equally long"),
        ({"query": ["q"], "thing": ["a"], "score": [1]}, r"none is known as the item. Name it: item='thing'"),
        ({"query": ["q"], "qid": ["q"], "item": ["a"], "score": [1]}, r"\['query', 'qid'\] could each be the query"),
        ([("q", "a", 1.0)], "rankings must be a table with the columns query, item and score"),
        (np.ones((2, 3)), "rankings must be a table"),
        ("no.run", "rankings must be a table"),
    ],
)
def test_what_is_no_run_is_refused(table, text):
    with pytest.raises(InvalidPredictionsError, match=text):
        Run(table)


def test_a_column_that_is_named_must_be_there():
    with pytest.raises(InvalidPredictionsError, match="item must name a column of the table; received 'doc'"):
        Run(TABLE, item="doc")


def test_wide_numbers_that_are_there_twice_are_noticed():
    wide = [-(2**63), 2**63 - 1, -(2**63)]
    with pytest.raises(InvalidPredictionsError, match="received 1 rows more"):
        Run({"query": [1, 1, 1], "item": wide, "score": [1, 2, 3]})
    assert len(Run({"query": [1, 1, 2], "item": wide, "score": [1, 2, 3]})) == 3


def test_a_run_is_read_only_and_leaves_the_callers_arrays_alone():
    given_ = {"query": np.array([1, 1]), "item": np.array([5, 6]), "score": np.array([2.0, 1.0])}
    run = Run(given_)
    for column in (run.score, run.item, run.queries, run.starts):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 1
    assert all(column.flags.writeable for column in given_.values())
    assert np.shares_memory(run.score, given_["score"])  # in order: no copy
    for other in (copy.deepcopy(run), pickle.loads(pickle.dumps(run))):  # noqa: S301
        assert rows(other) == rows(run)
        assert not other.score.flags.writeable


def test_take_top_and_rename():
    run = Run(TABLE, member="bm25", fit_queries=["q2", "q0"])
    assert rows(run.take(["q2"])) == EXPECTED[2:]
    assert rows(run.top(1)) == [EXPECTED[0], EXPECTED[2]]
    assert run.rename("x").member == "x"
    assert run.top(1).fit_queries.tolist() == ["q0", "q2"]
    with pytest.raises(InvalidOptionError, match=r"queries to take must be there; received unknown: 1 \('q3'\)"):
        run.take(["q1", "q3"])
    with pytest.raises(InvalidOptionError, match="n must be a whole number >= 1"):
        run.top(0)


def test_several_runs_have_different_names_of_one_kind():
    one, other = Run({"q": {"a": 1}}, member="m"), Run({"q": {1: 1}}, member="n")
    with pytest.raises(InvalidPredictionsError, match=r"items must be of one kind.*ids='numbers'"):
        fuse_runs([one, other])
    with pytest.raises(InvalidPredictionsError, match=r"queries must be of one kind"):
        fuse_runs([one, Run({1: {"a": 1}})])
    with pytest.raises(InvalidPredictionsError, match=r"different names; received \['m', 'm'\]"):
        fuse_runs([one, one])
    for wrong in (one, "x.run", 3, {3: one}, pd.DataFrame(TABLE)):
        with pytest.raises(InvalidOptionError):
            fuse_runs(wrong)
    with pytest.raises(InvalidPredictionsError, match="runs must be one or more"):
        fuse_runs([])
    assert len(fuse_runs([one, Run({}, member="none")])) == 1  # a run without rows is of any kind
    assert len(fuse_runs([Run({})])) == 0


# TREC files.


@settings(max_examples=8, deadline=None)
@given(members=samples.runs())
def test_a_run_that_is_written_and_read_is_the_same(members, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "a.run"
    for name, table in members.items():
        run = Run(table, member=name)
        run.save(path)
        again = Run.load(path)
        assert rows(again) == rows(run)
        assert again.member == (name if len(run) else None)


def test_files_as_they_come(tmp_path):
    path = tmp_path / "a.run"
    text = 'q1 Q0\td1  1 0.5 my_run\r\n\n q2 Q0 d"2, 2 -1e-3 my_run \r\n'
    path.write_bytes(text.encode())
    assert rows(Run.load(path)) == [["q1", "d1", 0.5, 1.0], ["q2", 'd"2,', -0.001, 1.0]]
    assert Run.load(path).member == "my_run"
    assert Run.load(path, member="x").member == "x"
    packed = tmp_path / "a.run.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    assert rows(Run.load(packed)) == rows(Run.load(path))
    Run.load(path).save(path)
    assert path.read_text() == 'q1 Q0 d1 1 0.5 my_run\nq2 Q0 d"2, 1 -0.001 my_run\n'
    Run({1: {5: 1.0}}).save(path)
    assert path.read_text() == "1 Q0 5 1 1 run\n"
    assert rows(Run.load(path)) == [["1", "5", 1.0, 1.0]]
    assert rows(Run.load(path, ids="numbers")) == [[1, 5, 1.0, 1.0]]
    qrels = Qrels({"q1": {"a": 2, "b": -1}, "q2": {"é": 0}})
    qrels.save(path)
    assert path.read_text() == "q1 0 a 2\nq1 0 b -1\nq2 0 é 0\n"
    pd.testing.assert_frame_equal(Qrels.load(path).to_frame(), qrels.to_frame())
    assert copy.deepcopy(qrels).to_frame().equals(qrels.to_frame())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q1 Q0 d1 1 0.5\n", "each line must have the 6 fields query Q0 item rank score tag; received one of 5"),
        ("q1 Q0 d1 1 x t\n", "of which score is a number"),
        ("q1 Q0 d1 1 nan t\n", "each score must be finite"),
        ("q1 Q0 d1 1 1 t\nq1 Q0 d1 2 0 t\n", "must have each item of a query once"),
    ],
)
def test_a_file_that_is_no_run_is_refused_by_name(tmp_path, text, message):
    path = tmp_path / "bad.run"
    path.write_text(text)
    with pytest.raises(InvalidPredictionsError, match=message) as error:
        Run.load(path)
    assert "bad.run" in str(error.value)


def test_names_that_a_file_cannot_hold_are_refused(tmp_path):
    path = tmp_path / "a.run"
    for run in (Run({"q 1": {"a": 1}}), Run({"q": {"a\tb": 1}}), Run({"q": {"": 1}})):
        with pytest.raises(InvalidPredictionsError, match="a character and no white space"):
            run.save(path)
    with pytest.raises(InvalidPredictionsError, match="the name of the run"):
        Run({"q": {"a": 1}}).save(path, tag="my run")
    assert not path.exists()
    Run({"q": {"a": 1}}).save(path)
    with pytest.raises(OutputExistsError):
        Run({"q": {"a": 1}}).save(path, overwrite=False)
    for broken in (b"\x1f\x8b garbage", b""):
        (tmp_path / "b.gz").write_bytes(broken)
        if broken:
            with pytest.raises(EnsembleKitError, match="whole gzip file"):
                Run.load(tmp_path / "b.gz")


def test_grades_are_whole_numbers_and_judged_once():
    with pytest.raises(InvalidPredictionsError, match=r"each grade must be a whole number; row 0 has 0\.5"):
        Qrels({"q": {"a": 0.5}})
    with pytest.raises(InvalidPredictionsError, match="judgements must have each item of a query once"):
        Qrels({"query": ["q", "q"], "item": ["a", "a"], "rel": [1, 0]})
    assert Qrels({"query": ["q"], "item": ["a"], "rel": [1]}).grade.tolist() == [1.0]


@given(st.integers(0, 10**6), st.sampled_from([3, 50, 3_000, 40_000]), st.integers(1, 4), st.integers(0, 2))
def test_every_item_that_is_there_twice_is_noticed(seed, n_rows, n_queries, n_twice):
    rng = np.random.default_rng(seed)
    query = rng.integers(0, n_queries, n_rows)
    item = rng.permutation(10 * n_rows)[:n_rows] - n_rows
    for _ in range(n_twice):
        source, copy = rng.choice(n_rows, 2, replace=False)
        query[copy], item[copy] = query[source], item[source]
    twice = n_rows - len(np.unique(query * 10**6 + item))
    table = {"query": query, "item": item, "score": rng.random(n_rows)}
    if not twice:
        assert len(Run(table)) == n_rows
        return
    with pytest.raises(InvalidPredictionsError, match=rf"each item of a query once; received {twice} rows more"):
        Run(table)


def test_two_of_one_item_that_both_lose_their_place_to_a_third_are_noticed():
    number = np.arange(2**18, dtype=np.uint64)
    place = (number * MIXED) >> np.uint64(64 - PLACES)
    (a, b), (c, d) = (np.flatnonzero(place == place[k])[:2].tolist() for k in (5, 9))
    items = [a, c, a, d, b, 0]
    with pytest.raises(InvalidPredictionsError, match=rf"received 1 rows more.*\[\(1, {a}\)\]"):
        Run({"query": [1] * 6, "item": items, "score": [6, 5, 4, 3, 2, 1]})
