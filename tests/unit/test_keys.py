"""Ids of several columns: one text inside, columns apart outside, matched by name or refused."""

import copy
import datetime as dt
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemblekit import AlignmentError, LeakageError, Predictions, align, combine, fit_combiner
from ensemblekit.choosing import choose
from ensemblekit.errors import InvalidOptionError, InvalidPredictionsError
from ensemblekit.evaluation import compare_with_reference, group_places
from ensemblekit.scaling import combine_files

NAMES = ["location", "target_date", "horizon"]
CLASSES = ["dry", "wet"]
SUFFIXES = (".parquet", ".csv", ".tsv", ".csv.gz", ".npz")


def index(locations=("DE", "a/b%"), dates=("2024-01-06", "2024-01-13"), horizons=(1, 2)):
    return pd.MultiIndex.from_product([locations, pd.to_datetime([*dates], format="ISO8601"), horizons], names=NAMES)


def make(rows=None, member="m", seed=0, **fields):
    rows = index() if rows is None else rows
    share = np.random.default_rng(seed).random(len(rows))
    return Predictions(pd.DataFrame({"dry": share, "wet": 1 - share}, index=rows), member=member, **fields)


def assert_same(p, q):
    assert p.ids.tolist() == q.ids.tolist()
    assert p.id_columns == q.id_columns
    for name in p.id_columns:
        assert p.key(name).tolist() == q.key(name).tolist()
        assert p.key(name).dtype == q.key(name).dtype


def test_a_key_is_one_text_and_its_columns_are_given_back():
    p = make()
    assert p.ids[[0, -1]].tolist() == ["DE/2024-01-06/1", "a%2Fb%25/2024-01-13/2"]
    assert p.id_columns == tuple(NAMES)
    assert p.key("location").tolist() == ["DE"] * 4 + ["a/b%"] * 4
    assert p.key("target_date").dtype == "datetime64[D]"
    assert p.key("horizon").dtype == np.int64
    # By values, as the unit of dates differs between versions of pandas.
    for again in (pd.MultiIndex.from_frame(p.key_frame()), p.to_frame().index):
        assert (list(again.names), again.tolist()) == (list(index().names), index().tolist())
    assert Predictions([[0.5, 0.5]], ids=["DE/1"], classes=CLASSES).id_columns == ()


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame, pa.table, dict, list])
def test_every_holder_of_columns_is_a_key(kind):
    frame = index().to_frame(index=False)
    columns = {name: frame[name].to_numpy() for name in NAMES}
    given = pd.MultiIndex.from_frame(frame) if kind is list else kind(columns)
    assert_same(Predictions(np.full((8, 2), 0.5), ids=given, classes=CLASSES), make())


INSTANT = dt.datetime(2024, 1, 6)
SAME = [
    np.array(["2024-01-06"], "datetime64[D]"), np.array(["2024-01-06"], "datetime64[ns]"), [INSTANT], [INSTANT.date()],
    ["2024-01-06"], pd.Series([pd.Timestamp(INSTANT)]), pd.Categorical([pd.Timestamp(INSTANT)]),
    pa.array([INSTANT.date()]), pd.array([INSTANT], dtype="timestamp[ms][pyarrow]"),
]  # fmt: skip


@pytest.mark.parametrize("dates", SAME, ids=range(len(SAME)))
@pytest.mark.parametrize(
    "horizons", [np.array([7], np.int32), np.array([7], np.uint8), [7], pd.array([7], "Int64"), ["7"]]
)
def test_equal_keys_of_other_types_are_equal(dates, horizons):
    def one(**key):
        return Predictions([[0.5, 0.5]], ids=key, classes=CLASSES)

    p, q = one(date=np.array(["2024-01-06"], "datetime64[s]"), lead=[7]), one(lead=horizons, date=dates)
    both = align({"p": p, "q": q})
    assert both.id_columns == ("date", "lead")
    assert both.key("date").dtype == "datetime64[D]"
    assert both.key("lead").dtype == np.int64


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": ["x", None], "b": [1, 2]}, r"every part of a key in each row; column 'a' has none in row 1\. Give it"),
        ({"a": ["x", ""], "b": [1, 2]}, r"column 'a' has none in row 1"),
        ({"a": ["x", "y"], "b": [1, np.nan]}, r"column 'b' has none in row 1"),
        ({"a": ["x", "y"], "b": [1.0, 2.5]}, r"column 'b' has double, such as 1\.0\. Give whole numbers, \.astype"),
        ({"a": [True, False]}, r"column 'a' has bool.*Give text"),
        ({"a": pd.to_timedelta([1, 2], "D")}, r"column 'a' has duration.*\.dt\.days"),
        ({"a": pd.to_datetime(["2024-01-06", "2024-01-07"], utc=True)}, r"'a' has timestamp.*tz_localize\(None\)"),
        ({"a": ["x", 1]}, r"one of them in each column; column 'a' has int, str\."),
        ({"a": ["x", "x"], "b": [1, 1]}, r"ids must be unique.*'x/1'\)\. Add the column to the key \('a', 'b'\)"),
        ({"a": ["x", "y"], "b": [1]}, r"columns of one length; received \{'a': 2, 'b': 1\}"),
        ({"a": ["x\0", "y"]}, r"NUL"),
        ({0: ["x", "y"]}, r"must name each of them"),
        ({"a": np.array([2**63, 1], np.uint64)}, r"64 signed bits; column 'a' has 9223372036854775808"),
    ],
)  # fmt: skip
def test_what_is_no_key_is_refused(columns, message):
    with pytest.raises(InvalidPredictionsError, match=message):
        Predictions(np.full((2, 2), 0.5), ids=columns, classes=CLASSES)


def test_an_index_must_name_its_levels():
    with pytest.raises(InvalidPredictionsError, match=r"must name each of them.*set_names"):
        make(index().set_names([None] * 3))


def test_keys_are_matched_by_name_in_any_order_of_columns_and_rows():
    one, other = make(member="one"), make(index().reorder_levels([2, 0, 1])[::-1], "other")
    assert other.ids[0] == "2/a%2Fb%25/2024-01-13"
    both = align(one, other)
    assert both.ids.tolist() == one.ids.tolist()
    assert np.array_equal(both.member_probas[1], other.probas[::-1])
    assert both["other"].key("horizon").tolist() == one.key("horizon").tolist()


def test_other_columns_are_refused_by_name():
    one = make(member="one")
    with pytest.raises(AlignmentError, match=r"member 'one' has \('location', .*member 'two' has .*'lead'\)"):
        align(one, make(index().set_names("lead", level=2), "two"))
    plain = Predictions(np.full((8, 2), 0.5), ids=one.ids.tolist(), classes=CLASSES, member="two")
    with pytest.raises(AlignmentError, match=r"member 'two' has plain ids\. Give its ids as an index"):
        align(one, plain)


def test_text_that_only_looks_like_numbers_is_refused():
    def one(values, member):
        return Predictions(np.full((2, 2), 0.5), ids={"county": values}, classes=CLASSES, member=member)

    message = r"member 'text' must hold whole numbers in the key column 'county'.*received text such as '01'"
    for first, second in [((1, 10), ("01", "10")), (("01", "10"), (1, 10))]:
        names = ["text" if isinstance(values[0], str) else "int" for values in (first, second)]
        with pytest.raises(AlignmentError, match=message):
            align(*map(one, (first, second), names))


def test_what_is_made_of_rows_keeps_the_key():
    p = make(labels=pd.Series(["dry", "wet"] * 4, index=index()))
    q = make(index()[::-1], "q", 1)
    for kept in (
        combine([p, q], "mean"), align(p, q)["q"], p.rename("r"), copy.deepcopy(p), pickle.loads(pickle.dumps(p)),  # noqa: S301
        Predictions.concat([p.take(p.ids[:3]), p.take(p.ids[3:])]), Predictions(p.probas, ids=p.ids, classes=CLASSES),
    ):  # fmt: skip
        assert_same(kept.take(p.ids), p)
    fitted = fit_combiner([p, q.with_labels(p.to_frame()["label"])], "stacking")
    assert_same(combine([q, p], fitted), q)
    both = [make(index(horizons=range(9)), name, n, labels=["dry", "wet"] * 18) for n, name in enumerate("pq")]
    chosen = choose(both, rules=["mean", "median"], groups="horizon")
    assert chosen.judgement.n_units == 9
    assert chosen.out_of_fold["mean"].id_columns == tuple(NAMES)


def test_rows_are_taken_by_any_form_of_the_key():
    p = make()
    wanted = p.ids[[5, 2]].tolist()
    rows = index()[[5, 2]]
    for given_rows in (rows, rows.reorder_levels([1, 2, 0]), rows.to_frame(), [*rows], wanted):
        assert p.take(given_rows).ids.tolist() == wanted
        assert align(p).take(given_rows).ids.tolist() == wanted
    with pytest.raises(InvalidPredictionsError, match=r"received unknown: 1 \('DE/2024-01-06/3'\)"):
        p.take([("DE", "2024-01-06", 3)])
    with pytest.raises(InvalidPredictionsError, match=r"ids must have the key columns .*received \('location',\)"):
        p.take({"location": ["DE"]})


def test_labels_and_groups_are_looked_up_by_key():
    p = make()
    truth = pd.Series([*"dwdwdwdw"], index=index()).map({"d": "dry", "w": "wet"})
    shuffled = truth.sample(frac=1, random_state=1)
    tables = [shuffled.rename("label").reset_index(), pl.from_pandas(shuffled.rename("label").reset_index())]
    forms = [shuffled, shuffled.reorder_levels([2, 1, 0]), *tables, dict(shuffled), shuffled.to_frame("label")]
    for labels in forms:
        assert p.with_labels(labels).labels.tolist() == truth.tolist()
        assert align(p).with_labels(labels).labels.tolist() == truth.tolist()
    assert p.with_groups(shuffled).groups.tolist() == truth.tolist()
    with pytest.raises(InvalidPredictionsError, match=r"names of labels must have the key columns"):
        p.with_labels(shuffled.droplevel("horizon").iloc[:2])
    weight = pd.Series(np.arange(1.0, 9.0), index=index()).sample(frac=1, random_state=2)
    both = [make(member="a", labels=truth), make(member="b", seed=1, labels=truth)]
    by_key, by_order = (fit_combiner(both, "stacking", sample_weight=w) for w in (weight, weight.sort_index()))
    assert np.array_equal(combine(both, by_key).probas, combine(both, by_order).probas)


def test_a_part_of_the_key_makes_groups():
    p = make(groups="location", fit_ids=index(locations=["DE", "FR"], dates=["2023-01-07"]))
    assert p.groups.tolist() == ["DE"] * 4 + ["a/b%"] * 4
    assert p.fit_groups.tolist() == ["DE", "FR"]
    assert p.seen.tolist() == [True] * 4 + [False] * 4
    assert p.with_labels(["dry", "wet"] * 4).aggregate("location", labels="majority").ids.tolist() == ["DE", "a/b%"]
    assert make().with_groups("target_date").groups.tolist()[:3] == ["2024-01-06", "2024-01-06", "2024-01-13"]
    labelled = make(member="a", labels=["dry", "wet"] * 4, groups="location", fit_ids=index(["DE"], ["2023-01-07"]))
    with pytest.raises(LeakageError):
        fit_combiner([labelled], "stacking")
    with pytest.raises(InvalidPredictionsError, match=r"received 'place', and ids with the key columns \('location'"):
        p.with_groups("place")
    assert group_places(p.ids, "horizon").tolist() == [0, 1] * 4
    members = {name: make(index(horizons=range(9)), name, i, labels=["dry", "wet"] * 18) for i, name in enumerate("ab")}
    by_name, by_map = (
        compare_with_reference(members, "a", groups=groups, n_resamples=50)
        for groups in (
            "horizon",
            dict(zip(members["a"].ids.tolist(), members["a"].key("horizon").tolist(), strict=True)),
        )
    )
    assert by_name.equals(by_map)
    with pytest.raises(InvalidOptionError, match="name of a key column"):
        compare_with_reference(members, "a", groups="place", n_resamples=50)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("times", [("2024-01-06", "2024-01-07"), ("2024-01-06 12:30:00.25", "2024-01-07")])
def test_files_keep_the_columns_apart(tmp_path, suffix, times):
    rows = index(["01", 'é/%;,"x'], times, (1, -2))
    p = make(rows, labels=["dry", "wet"] * 4, fit_ids=rows[:1].append(index(["z"])), groups="location")
    p.save(tmp_path / f"p{suffix}")
    q = Predictions.load(tmp_path / f"p{suffix}")
    assert_same(p, q)
    assert q.fit_ids.tolist() == p.fit_ids.tolist()
    assert_same(q.take(q.ids[:2]), p.take(p.ids[:2]))
    assert Predictions.load(tmp_path / f"p{suffix}", id=NAMES).ids.tolist() == p.ids.tolist()
    empty = p.take([])
    empty.save(tmp_path / f"empty{suffix}")
    assert_same(Predictions.load(tmp_path / f"empty{suffix}"), empty)
    with pytest.raises(InvalidPredictionsError, match="says its task and columns itself"):
        Predictions.load(tmp_path / f"p{suffix}", id=NAMES[:2])


def test_a_parquet_file_has_typed_columns_and_is_checked(tmp_path):
    make().save(tmp_path / "p.parquet")
    import pyarrow.parquet as pq

    table = pq.read_table(tmp_path / "p.parquet")
    assert table.column_names[:3] == [f"id:{name}" for name in NAMES]
    assert table.schema.types[:3] == [pa.large_string(), pa.date32(), pa.int64()]
    pq.write_table(table.set_column(2, "id:horizon", pa.array([1, 2] * 3 + [2, 1])), tmp_path / "p.parquet")
    with pytest.raises(InvalidPredictionsError, match="SHA-256"):
        Predictions.load(tmp_path / "p.parquet")


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".tsv"])
def test_ordinary_tables_have_plain_columns(tmp_path, suffix):
    p = make(index(dates=("2024-01-06 12:30", "2024-01-07")), labels=["dry", "wet"] * 4)
    p.save(tmp_path / f"t{suffix}", form="table", label="label")
    q = Predictions.load(tmp_path / f"t{suffix}", id=NAMES)
    assert_same(p, q)
    assert q.labels.tolist() == p.labels.tolist()
    p.save(tmp_path / f"u{suffix}", form="table", id=["a", "b", "c"], columns=["wet"])
    assert Predictions.load(tmp_path / f"u{suffix}", id=["a", "b", "c"], positive="wet").id_columns == ("a", "b", "c")
    with pytest.raises(InvalidOptionError, match="id must name the columns of the ids"):
        p.save(tmp_path / f"v{suffix}", form="table", id="a")
    with pytest.raises(InvalidPredictionsError, match=r"id must name a column of the table; received 'horizn'.*mean"):
        Predictions.load(tmp_path / f"t{suffix}", id=[*NAMES[:2], "horizn"])


def test_text_files_tell_numbers_dates_and_text_apart(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("fips,when,h,dry,wet\n01,2024-01-06,1,.2,.8\n10,2024-01-06 18:00:00,2,.3,.7\n")
    p = Predictions.load(path, id=["fips", "when", "h"])
    assert p.ids.tolist() == ["01/2024-01-06/1", "10/2024-01-06T18:00:00/2"]
    assert [p.key(name).dtype.kind for name in p.id_columns] == ["U", "M", "i"]
    path.write_text("fips,when,dry,wet\n01,,.2,.8\n10,2024-01-06,.3,.7\n")
    with pytest.raises(InvalidPredictionsError, match=r"column 'when' has none in row 0"):
        Predictions.load(path, id=["fips", "when"])


def test_files_that_are_combined_batch_by_batch_refuse_a_key(tmp_path):
    make().save(tmp_path / "p.parquet")
    make().save(tmp_path / "t.parquet", form="table")
    for name, read in (("p", None), ("t", {"id": NAMES})):
        with pytest.raises(InvalidPredictionsError, match=r"received the key columns 3 \('location'.*Use `combine`"):
            combine_files([tmp_path / f"{name}.parquet"] * 1, "mean", tmp_path / "out.parquet", read=read)


text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=6)
instants = st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1))
keys = st.lists(st.tuples(text, st.integers(-(2**63), 2**63 - 1), instants), min_size=1, max_size=8, unique=True)


@settings(max_examples=40)
@given(keys, st.permutations(range(3)))
def test_any_key_is_given_back_and_met_in_any_order(rows, order):
    columns = dict(zip("abc", map(list, zip(*rows, strict=True)), strict=True))
    p = Predictions(np.full((len(rows), 2), 0.5), ids=columns, classes=CLASSES, member="p")
    assert [*zip(*(p.key(name).astype(object).tolist() for name in "ab"), strict=True)] == [row[:2] for row in rows]
    assert p.key("c").astype("datetime64[us]").tolist() == columns["c"]
    other = {"abc"[place]: columns["abc"[place]] for place in order}
    q = Predictions(np.full((len(rows), 2), 0.5), ids=other, classes=CLASSES, member="q")
    assert align(p, q).ids.tolist() == p.ids.tolist()
    assert len({*p.ids.tolist()}) == len(rows)
