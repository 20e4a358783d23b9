"""Names that data carry: an index, columns, keys and masks are read as names; the default ones are none."""

from collections import namedtuple
from decimal import Decimal

import dask.dataframe as dask
import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from ensemblekit.errors import InvalidOptionError, InvalidPredictionsError
from ensemblekit.predictions.named import by_id, check_same_rows, read_named

IDS = np.array(["a", "b", "c"])
Row = namedtuple("Row", ["cat", "dog"])
NUMBERS = [1.5, 2.5, 3.5]
FRAME = {"cat": [0.25, 0.5, 1.0], "dog": [0.75, 0.5, 0.0]}


def read(data, **options):
    found = read_named(data, "x", **options)
    return found.values.tolist(), None if found.rows is None else found.rows.tolist(), found.columns


@pytest.mark.parametrize(
    ("data", "rows", "columns"),
    [
        (pd.DataFrame(FRAME, index=IDS), ["a", "b", "c"], ("cat", "dog")),
        (pd.DataFrame(FRAME, index=pd.Index([0, 1, 2], name="id")), [0, 1, 2], ("cat", "dog")),
        (pd.DataFrame(FRAME, index=[2, 0, 1]), [2, 0, 1], ("cat", "dog")),
        (pd.DataFrame({"id": IDS} | FRAME), ["a", "b", "c"], ("cat", "dog")),
        (pl.DataFrame({"id": IDS} | FRAME), ["a", "b", "c"], ("cat", "dog")),
        (pa.table({"id": IDS} | FRAME), ["a", "b", "c"], ("cat", "dog")),
        (pa.table({"id": pa.array(IDS).dictionary_encode()} | FRAME), ["a", "b", "c"], ("cat", "dog")),
        (pa.RecordBatch.from_pydict({"id": IDS} | FRAME), ["a", "b", "c"], ("cat", "dog")),
        (pd.DataFrame({"image_id": IDS} | FRAME), ["a", "b", "c"], ("cat", "dog")),
        (pd.DataFrame({"id": IDS} | FRAME, index=[2, 0, 1]), ["a", "b", "c"], ("cat", "dog")),
        (pd.DataFrame({"shop_id": [1.0, 2, 3], "cat": NUMBERS}, index=IDS), ["a", "b", "c"], ("shop_id", "cat")),
        (pd.DataFrame(FRAME), None, ("cat", "dog")),
        (pd.DataFrame(FRAME, index=[0, 1, 2]), None, ("cat", "dog")),
        (pl.DataFrame(FRAME), None, ("cat", "dog")),
        (pd.DataFrame(np.array([*FRAME.values()]).T), None, None),
        (pl.DataFrame(np.array([*FRAME.values()]).T, schema=["column_0", "column_1"]), None, None),
        (np.array([*FRAME.values()]).T, None, None),
        (np.array([*FRAME.values()]).T.tolist(), None, None),
        ({"a": (0.25, 0.75), "b": (0.5, 0.5), "c": (1.0, 0.0)}, ["a", "b", "c"], None),
        ([pd.Series({"cat": c, "dog": 1 - c}, name=i) for i, c in zip("abc", FRAME["cat"], strict=True)],
         ["a", "b", "c"], ("cat", "dog")),
        ([pd.Series({"cat": 0.25, "dog": 0.75}), pd.Series({"dog": 0.5, "cat": 0.5}), pd.Series({"dog": 0, "cat": 1})],
         None, ("cat", "dog")),
        ([{"cat": 0.25, "dog": 0.75}, {"dog": 0.5, "cat": 0.5}, {"dog": 0.0, "cat": 1.0}], None, ("cat", "dog")),
        ([Row(c, 1 - c) for c in FRAME["cat"]], None, ("cat", "dog")),
        (pd.Series({"a": [0.25, 0.75], "b": [0.5, 0.5], "c": [1, 0]}), ["a", "b", "c"], None),
        (pd.Series({"a": {"cat": 0.25, "dog": 0.75}, "b": {"dog": 0.5, "cat": 0.5}, "c": {"cat": 1, "dog": 0}}),
         ["a", "b", "c"], ("cat", "dog")),
        (pl.DataFrame({"id": IDS} | FRAME).lazy(), ["a", "b", "c"], ("cat", "dog")),
        (dask.from_pandas(pd.DataFrame(FRAME, index=IDS), npartitions=2), ["a", "b", "c"], ("cat", "dog")),
        (duckdb.from_arrow(pa.table({"id": IDS} | FRAME)), ["a", "b", "c"], ("cat", "dog")),
    ],
)  # fmt: skip
def test_each_kind_of_table_gives_its_names(data, rows, columns):
    values, *names = read(data)
    assert names == [rows, columns]
    if columns != ("shop_id", "cat"):
        assert values == np.array([*FRAME.values()]).T.tolist()


@pytest.mark.parametrize(
    ("data", "values", "kind"),
    [
        (pd.Series([0.5, None], dtype="Float32"), [0.5, None], "f4"),
        (pd.Series([1, None], dtype="Int64"), [1.0, None], "f8"),
        (pd.Series([1, 2], dtype="UInt8"), [1, 2], "u1"),
        (pd.Series([2**53 + 1, None], dtype="Int64"), [2**53 + 1, None], "O"),
        (pd.Series([True, None], dtype="boolean"), [1.0, None], "f8"),
        (pd.Series([True, False], dtype="boolean"), [True, False], "?"),
        (pd.Series(["x", None], dtype="string"), ["x", None], "O"),
        (pd.Series(["x", None], dtype="category"), ["x", None], "O"),
        (pd.Series([7, 8], dtype="category"), [7, 8], "i8"),
        (pd.Series([0.5, None], dtype=pd.ArrowDtype(pa.float64())), [0.5, None], "f8"),
        (pd.Series([1, None], dtype=pd.ArrowDtype(pa.int32())), [1.0, None], "f8"),
        (pd.Series(["x", None], dtype=pd.ArrowDtype(pa.string())), ["x", None], "O"),
        (pd.Series([Decimal(1), None], dtype=pd.ArrowDtype(pa.decimal128(5, 1))),
         [1.0, None], "f8"),
        (pd.Series([0.0, 0.5], dtype=pd.SparseDtype("float64", 0.0)), [0.0, 0.5], "f8"),
        (pd.Categorical(["x", None]), ["x", None], "O"),
        (pd.array([1, None], dtype="Int64"), [1.0, None], "f8"),
        (pd.Index(["x", "y"]), ["x", "y"], "O"),
        (pl.Series([0.5, None]), [0.5, None], "f8"),
        (pl.Series([1, None]), [1.0, None], "f8"),
        (pl.Series(["x", None]), ["x", None], "O"),
        (pl.Series(["x", "y"], dtype=pl.Categorical), ["x", "y"], "O"),
        (pl.Series([[0.5, 1.0]], dtype=pl.Array(pl.Float64, 2)), [[0.5, 1.0]], "f8"),
        (pl.Series([[0.5, 1.0], [0.0, 2.0]]), [[0.5, 1.0], [0.0, 2.0]], "f8"),
        (pa.array([True, None]), [1.0, None], "f8"),
        (pa.chunked_array([[1], [2]]), [1, 2], "i8"),
        (pa.array([2**53 + 1, None]), [2**53 + 1, None], "O"),
        (pa.nulls(2), [None, None], "f8"),
        (np.ma.array([1, 2], mask=[0, 1]), [1.0, None], "f8"),
        (np.ma.array([0.5, 2], mask=[0, 1], dtype="f4"), [0.5, None], "f4"),
        (np.ma.array(["x", "y"], mask=[0, 1]), ["x", None], "O"),
        (np.ma.array([2**53 + 1, 2], mask=[0, 1]), [2**53 + 1, None], "O"),
        ([np.ma.array([1.0, 2.0], mask=[0, 1]), np.ma.array([3.0, 4.0])], [[1.0, None], [3.0, 4.0]], "f8"),
    ],
)  # fmt: skip
def test_what_is_null_or_masked_is_missing_and_nothing_else_changes(data, values, kind):
    found = read_named(data, "x").values
    assert found.dtype == kind
    plain = np.where(found != found, None, found).tolist() if found.dtype.kind == "f" else found.tolist()
    assert plain == values


def test_columns_of_several_kinds_become_one_array():
    frame = pd.DataFrame({"a": pd.array([0.5, None], dtype="Float32"), "b": [1.0, 0.0]})
    assert read_named(frame, "x").values.dtype == np.float64
    assert np.isnan(read_named(frame, "x").values[1, 0])
    assert read(pd.DataFrame({"a": pd.array([1, 2], dtype="Int64"), "b": ["x", "y"]}))[0] == [[1, "x"], [2, "y"]]
    assert read(pl.DataFrame({"a": [1, 2], "b": ["x", "y"]}))[0] == [[1, "x"], [2, "y"]]
    assert read_named(pd.DataFrame({"a": np.ones(2, "f4")}), "x").values.dtype == np.float32
    assert read_named(pl.DataFrame({"id": ["a", "b"]}).head(0).with_columns(p=0.5), "x").values.shape == (0, 1)


@pytest.mark.parametrize("table", [pd.DataFrame, pl.DataFrame, pa.table])
def test_a_column_label_is_taken_out_where_it_is_asked_for(table):
    data = table({"id": IDS, "label": ["x", "y", "x"]} | FRAME)
    assert read_named(data, "x", label=True).labels.tolist() == ["x", "y", "x"]
    assert read_named(data, "x", label=True).columns == ("cat", "dog")
    assert read_named(data, "x").columns == ("label", "cat", "dog")
    kept = read_named(data, "x", keep=("id", "label"), label=True)
    assert kept.rows is None
    assert kept.columns == ("id", "label", "cat", "dog")


def test_a_column_called_id_beside_a_named_index_is_a_column():
    frame = pd.DataFrame({"id": [7.0, 8.0], "b": [0.0, 1.0]}, index=pd.Index(["r", "s"], name="image"))
    assert read(frame) == ([[7.0, 0.0], [8.0, 1.0]], ["r", "s"], ("id", "b"))


ATTRIBUTES = ["columns", "divisions", "schema", "column_names", "index", "iloc", "isna", "compute", "_fields", "name"]


def test_names_that_are_attributes_of_tables_are_names():
    series = pd.Series(range(10), index=ATTRIBUTES)
    assert read(series) == ([*range(10)], ATTRIBUTES, None)
    assert by_id("x", series, np.array(ATTRIBUTES[::-1])).tolist() == [*range(9, -1, -1)]
    assert read(pd.DataFrame([series], index=["a"])) == ([[*range(10)]], ["a"], tuple(ATTRIBUTES))
    assert read(pl.DataFrame([series.to_dict()])) == ([[*range(10)]], None, tuple(ATTRIBUTES))
    check_same_rows("X", series.to_frame(), "y", series)


@pytest.mark.parametrize(
    "table",
    [pd.DataFrame([[1, 2, 3]], columns=["a", "b", "a"]), pa.table([[1], [2], [3]], names=["a", "b", "a"])],
    ids=["pandas", "pyarrow"],
)
def test_columns_of_one_name_are_refused(table):
    with pytest.raises(InvalidPredictionsError, match=r"must have a name of its own.*repeated: \['a'\]"):
        read_named(table, "x")


# Look-up.

NAMED = [
    pd.Series(NUMBERS, index=IDS),
    pd.Series(NUMBERS, index=IDS).sample(frac=1, random_state=0),
    pd.Series([9.5, *NUMBERS], index=["z", *IDS]),
    dict(zip(IDS.tolist(), NUMBERS, strict=True)),
    dict(zip(reversed(IDS.tolist()), reversed(NUMBERS), strict=True)),
    pd.Series(NUMBERS[::-1], index=pd.CategoricalIndex(IDS[::-1])),
    pd.Series(NUMBERS[::-1], index=pd.Index(IDS[::-1], dtype=pd.ArrowDtype(pa.string()))),
]


@pytest.mark.parametrize("data", NAMED)
def test_values_with_names_are_looked_up_by_id_in_any_order(data):
    assert by_id("x", data, IDS).tolist() == NUMBERS


@pytest.mark.parametrize(
    "data", [NUMBERS, tuple(NUMBERS), np.array(NUMBERS), pd.Series(NUMBERS), pl.Series(NUMBERS), pa.array(NUMBERS)]
)
def test_values_without_names_are_in_the_order_of_the_ids(data):
    assert by_id("x", data, IDS).tolist() == NUMBERS
    with pytest.raises(InvalidPredictionsError, match=r"x must have one value an id.*received 3 values for 2 ids"):
        by_id("x", data, IDS[:2])


@pytest.mark.parametrize("table", [pd.DataFrame, pl.DataFrame, pa.table])
def test_a_table_is_looked_up_by_its_column_id(table):
    data = table({"id": IDS[::-1]} | FRAME)
    assert by_id("x", data, IDS).tolist() == np.array([*FRAME.values()]).T[::-1].tolist()


def test_an_absent_id_is_refused_with_both_remedies():
    with pytest.raises(InvalidPredictionsError, match=r"lacks 2 \('b', 'c'\) of 3 ids.*x\.to_numpy\(\).*index"):
        by_id("x", pd.Series([1.0, 2, 3], index=["a", "y", "z"]), IDS)
    with pytest.raises(InvalidOptionError, match="must have a value for every id"):
        by_id("x", {"a": 1}, IDS, error=InvalidOptionError)
    with pytest.raises(InvalidPredictionsError, match=r"the index of x must be unique.*x\.to_numpy\(\)"):
        by_id("x", pd.Series([1, 2, 3], index=["a", "a", "b"]), IDS)
    with pytest.raises(InvalidPredictionsError, match=r"must have one value for each of the 3 ids; received 1\.0"):
        by_id("x", 1.0, IDS)


def test_of_a_default_index_and_the_same_numbers_in_another_order_nobody_can_know():
    shuffled = np.array([2, 0, 1])
    with pytest.raises(InvalidPredictionsError, match=r"nobody can know.*x\.to_numpy\(\)"):
        by_id("x", pd.Series(NUMBERS), shuffled)
    assert by_id("x", pd.Series(NUMBERS, index=pd.Index([0, 1, 2], name="id")), shuffled).tolist() == [3.5, 1.5, 2.5]
    assert by_id("x", np.array(NUMBERS), shuffled).tolist() == NUMBERS
    assert by_id("x", pd.Series(NUMBERS), np.array([0, 1, 2])).tolist() == NUMBERS
    assert by_id("x", pd.Series(NUMBERS), np.array([2, 0, 7])).tolist() == NUMBERS


def test_an_index_that_the_rows_share_counts_as_their_names():
    index = pd.Index([7, 7, 3])
    assert by_id("x", pd.Series(NUMBERS, index=index), IDS, index=index).tolist() == NUMBERS
    with pytest.raises(InvalidPredictionsError, match="lacks 3"):
        by_id("x", pd.Series(NUMBERS, index=[3, 7, 8]), IDS, index=pd.Index([8, 7, 3]))


# Two arguments of one call.


@pytest.mark.parametrize(
    ("one", "another", "message"),
    [
        (IDS, IDS[::-1], "the same names in another order: row 0 is 'a' in X and 'c' in y"),
        (IDS, ["a", "b", "d"], "other names: row 2 is 'c' in X and 'd' in y"),
        ([2, 0, 1], [1, 2, 0], "the same names in another order: row 0 is 2 in X and 1 in y"),
        ([0, 1, 2], [1, 2, 0], "nobody can know"),
        ([1, 2, 0], [0, 1, 2], "nobody can know"),
    ],
)
def test_rows_that_are_named_otherwise_are_refused(one, another, message):
    x, y = pd.DataFrame(FRAME, index=one), pd.Series(NUMBERS, index=another)
    with pytest.raises(InvalidOptionError, match=message):
        check_same_rows("X", x, "y", y)
    with pytest.raises(InvalidPredictionsError, match=message):
        check_same_rows("X", x.index, "y", y.index, error=InvalidPredictionsError)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (pd.DataFrame(FRAME, index=IDS), pd.Series(NUMBERS, index=IDS)),
        (pd.DataFrame(FRAME, index=[5, 5, 1]), pd.Series(NUMBERS, index=[5, 5, 1])),
        (pd.DataFrame(FRAME, index=pd.date_range("2026", periods=3)),
         pd.Series(NUMBERS, index=pd.date_range("2026", periods=3))),
        (pd.DataFrame(FRAME, index=IDS), pd.Series(NUMBERS)),
        (pd.DataFrame(FRAME, index=[5, 2, 9]), pd.Series(NUMBERS)),
        (pd.DataFrame(FRAME, index=[2, 0, 1]), NUMBERS),
        (pd.DataFrame(FRAME, index=[2, 0, 1]), np.array(NUMBERS)),
        (np.eye(3), pd.Series(NUMBERS, index=IDS)),
    ],
)  # fmt: skip
def test_rows_that_are_named_alike_or_by_one_side_alone_are_taken(x, y):
    check_same_rows("X", x, "y", y)
