"""Nulls are never names, and nothing becomes a name or a number of another type on the way in: at every entrance."""

import datetime as dt
import enum
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.naive_bayes import GaussianNB

from ensemblekit import EnsembleClassifier, EnsembleKitError, InvalidOptionError, Predictions, collect
from ensemblekit.cli._columns import read_column
from ensemblekit.errors import AlignmentError, DataError, InvalidPredictionsError
from ensemblekit.evaluation import score_table

HALF = [[0.5, 0.5], [0.5, 0.5]]
NULLS = [None, np.nan, float("nan"), np.float32("nan"), pd.NA, pd.NaT, np.datetime64("NaT"), Decimal("nan")]
OTHERS = [1.5, 1.0, np.float64(2), True, np.True_, b"a", np.bytes_(b"a"), Decimal(1), np.datetime64(7, "ns"),
          np.timedelta64(7, "ns"), dt.date(2026, 1, 1), 1j, ("a",), 2**63, np.uint64(2**64 - 1)]  # fmt: skip


def make(**fields):
    return Predictions(HALF, **{"ids": ["a", "b"], "classes": ["cat", "dog"], **fields})


@pytest.mark.parametrize("what", ["ids", "fit_ids", "labels", "classes"])
@pytest.mark.parametrize("null", NULLS, ids=repr)
@pytest.mark.parametrize("held", [list, lambda v: np.array(v, dtype=object), lambda v: pd.Series(v, dtype=object)])
def test_a_null_is_no_name(what, null, held):
    for name in ("cat", 1, "None"):
        classes = {"classes": [name, {"cat": "dog", 1: 2, "None": "nan"}[name]]} if what == "labels" else {}
        with pytest.raises(InvalidPredictionsError, match=f"^{what} must"):
            make(**classes | {what: held([name, null])})
    if what != "classes":
        with pytest.raises(InvalidPredictionsError, match="row 1 has none"):
            make(**{what: held(["cat", null])})


@pytest.mark.parametrize("what", ["ids", "fit_ids", "labels", "classes"])
@pytest.mark.parametrize("names", [[1, 2], ["cat", "dog"]], ids=repr)
def test_what_a_mask_hides_is_a_null(what, names):
    classes = {"classes": names} if what == "labels" else {"ids": names} if what == "fit_ids" else {}
    make(**classes | {what: np.ma.array(names)})
    with pytest.raises(InvalidPredictionsError, match="row 1 has none" if what != "classes" else "^classes must"):
        make(**classes | {what: np.ma.array(names, mask=[False, True])})


@pytest.mark.parametrize("kind", [int, bool, "f4", "f8"])
def test_a_number_that_a_mask_hides_is_not_a_number(kind):
    hidden = np.ma.array(np.array([[1, 0], [0, 1]], dtype=kind), mask=[[1, 1], [0, 0]])
    fields = {"ids": ["a", "b"], "classes": ["cat", "dog"]}
    with pytest.raises(InvalidPredictionsError, match="NaN or infinity in 1 rows"):
        Predictions(hidden, **fields)
    p = Predictions(hidden, missing="renormalize", **fields)
    assert p.present.tolist() == [False, True]
    assert p.probas.dtype == {int: "f8", bool: "f2", "f4": "f4", "f8": "f8"}[kind]
    for task in ("multilabel", "regression"):
        with pytest.raises(InvalidPredictionsError, match="with none in row 0"):
            Predictions(HALF, labels=hidden, task=task, **fields)


@pytest.mark.parametrize("table", [pd.DataFrame, lambda columns: pa.table(columns)])
def test_the_columns_of_a_table_are_in_the_order_of_the_classes(table):
    columns = {"dog": [0.25, 0.5], "cat": [0.75, 0.5]}
    with pytest.raises(InvalidPredictionsError, match=r"order of the classes .*'dog', 'cat'"):
        Predictions(table(columns), ids=["a", "b"], classes=["cat", "dog"])
    assert Predictions(table(columns), ids=["a", "b"], classes=["dog", "cat"]).probas[0, 0] == 0.25
    assert Predictions(table({"0": [1.0], "1": [0.0]}), ids=["a"], classes=["cat", "dog"]).probas[0, 0] == 1


@pytest.mark.parametrize("what", ["ids", "fit_ids", "classes"])
@pytest.mark.parametrize("other", [np.array("cat"), np.array([["cat", "dog"]])])
def test_names_have_one_axis(what, other):
    with pytest.raises(InvalidPredictionsError, match=f"^{what} must have one axis"):
        make(**{what: other})


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("ids", "one row an id; received 2 rows and 1 ids"),
        ("fit_ids", r"of the kind of ids.*the key columns \('cat', 'dog'\) beside the id 'a'"),
        ("classes", "classes must have one axis"),
    ],
)
def test_a_table_of_two_columns_is_a_key_and_no_classes(what, said):
    with pytest.raises(InvalidPredictionsError, match=said):
        make(**{what: pd.DataFrame({"cat": [1], "dog": [2]})})


@pytest.mark.parametrize("what", ["ids", "fit_ids", "labels", "classes"])
@pytest.mark.parametrize("other", OTHERS, ids=repr)
def test_what_is_neither_text_nor_a_whole_number_is_no_name(what, other):
    classes = {"classes": [0, 1]} if what == "labels" else {}
    others = [[other, name] for name in ("cat", 1)] + ([[other]] if what == "fit_ids" else [])
    if np.ndim(other) == 0:
        others.append(np.array([other, other])[:1] if what == "fit_ids" else np.array([other, other]))
    for values in others:
        with pytest.raises(InvalidPredictionsError, match=f"^{what} must"):
            make(**classes | {what: values})


def test_a_whole_number_or_a_text_of_any_type_is_the_name_that_it_is():
    class Colour(enum.StrEnum):
        RED = "red"

    assert make(ids=[Colour.RED, np.str_("b")]).ids.tolist() == ["red", "b"]
    assert make(ids=[np.uint64(5), np.int8(-1)]).ids.tolist() == [5, -1]
    assert make(ids=pd.array(["a", "b"], dtype="string")).ids.tolist() == ["a", "b"]
    assert make(ids=np.array(["a", "bb"], dtype=np.dtypes.StringDType())).ids.tolist() == ["a", "bb"]
    assert make(classes=[np.int64(3), 4], labels=np.array([4, 3], dtype=np.uint8)).labels.tolist() == [4, 3]
    assert make(labels=pd.Categorical(["dog", "cat"])).labels.tolist() == ["dog", "cat"]


@pytest.mark.parametrize("classes", [["a", "b"], [0, 1], [False, True]], ids=["text", "numbers", "truth"])
@pytest.mark.parametrize("labels", [[0.0, 1.0], ["0", "1"], [False, True], [b"a", b"b"], [0, 1]], ids=repr)
def test_labels_are_of_the_type_of_the_classes(classes, labels):
    fits = type(labels[0]) is type(classes[0]) and labels[0] in classes
    codes = classes == ["a", "b"] and labels == [0, 1] and type(labels[0]) is int
    for given in (labels, np.array(labels), np.array(labels, dtype=object)):
        if fits or (codes and np.asarray(given).dtype.kind == "i"):
            assert make(classes=classes, labels=given).label_codes.tolist() == [0, 1]
        elif not codes:
            with pytest.raises(InvalidPredictionsError, match="labels must be names out of classes"):
                make(classes=classes, labels=given)


@pytest.mark.parametrize("task", ["multilabel", "regression"])
@pytest.mark.parametrize("bad", ["1", None, np.nan, b"1", np.datetime64(1, "s")], ids=repr)
def test_numbers_are_numbers(task, bad):
    with pytest.raises(InvalidPredictionsError, match=f"labels for {task} must be"):
        make(task=task, labels=[[1, 0], [0, bad]])
    with pytest.raises(InvalidPredictionsError, match="must be"):
        Predictions([[0.5, 0.5], [0.5, bad]], ids=[1, 2], classes=["a", "b"], task=task)


def test_whole_numbers_that_float64_does_not_hold_are_refused():
    for fields in ({"labels": [2**53 + 1, 0]}, {}):
        values = np.array([2**53 + 1, 0])
        with pytest.raises(InvalidPredictionsError, match=r"must be exact in float64: whole numbers up to 2\*\*53"):
            Predictions([0.5, 1.5] if fields else values, ids=[1, 2], classes=["y"], task="regression", **fields)


# NUL, and fit ids of no kind.


@pytest.mark.parametrize("what", ["ids", "fit_ids", "classes"])
def test_a_name_holds_no_nul(what):
    for values in (
        ["a\0", "b"],
        ["a\0b", "b"],
        np.array(["a\0b", "b"]),
        np.array(["\0b", "b"]),
        np.array(["a\0b", "b"], object),
    ):
        with pytest.raises(InvalidPredictionsError, match=f"{what} must not hold the character NUL"):
            make(**{what: values})


def test_fit_ids_of_nobody_are_of_the_kind_of_the_ids():
    nobody, somebody = make(ids=[1, 2], fit_ids=[], member="a"), make(ids=[1, 2], fit_ids=[7], member="b")
    assert nobody.fit_ids.dtype == np.int64
    from ensemblekit import combine

    assert combine([nobody, somebody], "mean").fit_ids.tolist() == [7]
    assert combine([nobody, nobody.rename("c")], "mean").fit_ids.tolist() == []
    assert Predictions(np.empty((0, 2)), ids=[], classes=["a", "b"], fit_ids=[3]).ids.dtype == np.int64


# Tables: Arrow, CSV, NPZ.


def write(path, **columns):
    pq.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("id", pa.array(["a", None]), "column 'id' must have a name; row 1 has none"),
        ("id", pa.array([1, None]), "column 'id' must have a name; row 1 has none"),
        ("id", pa.array(["a", None]).dictionary_encode(), "column 'id' must have a name; row 1 has none"),
        ("id", pa.array([1.5, 2.0]), "column 'id' must hold text or whole numbers; received double"),
        ("id", pa.array([True, False]), "ids must be all str or all int; received bool"),
        ("id", pa.array([b"a", b"b"]), "column 'id' must hold text or whole numbers; received binary"),
        ("id", pa.array([0, 1], pa.timestamp("ns")), "column 'id' must hold text or whole numbers; received timestamp"),
        ("id", pa.array([0, 2**64 - 1], pa.uint64()), "ids must fit in 64 signed bits"),
        ("label", pa.array(["cat", None]), "column 'label' must have a name; row 1 has none"),
        ("label", pa.array([0.0, 1.0]), "column 'label' must hold text or whole numbers"),
        ("cat", pa.array(["0.5", "0.5"]), "'cat' has '0.5' for id 'a'"),
        ("cat", pa.array([0, 1], pa.timestamp("ns")), "column 'cat' must hold numbers; received timestamp"),
        ("cat", pa.array([[0.5], [0.5]]), "column 'cat' must hold numbers; received list"),
        ("cat", pa.array([0.5, None]), "probas must be finite"),
        ("cat", pa.array([None, None]), "probas must be finite"),
    ],
)
def test_a_column_of_arrow_is_taken_as_it_is_or_refused(column, values, message, tmp_path):
    columns = {"id": ["a", "b"], "cat": [0.5, 0.5], "dog": [0.5, 0.5]} | {column: values}
    if column == "label":
        columns |= {"None": [0.0, 0.0], "0.0": [0.0, 0.0]}
    with pytest.raises(InvalidPredictionsError, match=message):
        Predictions.load(write(tmp_path / "p.parquet", **columns))


def test_our_own_parquet_file_with_nulls_is_refused_even_where_edits_are_taken(tmp_path):
    path = tmp_path / "p.parquet"
    make(labels=["cat", "dog"], classes=["cat", "dog"]).save(path)
    table = pq.read_table(path)
    for name, values in (("id", ["a", None]), ("label", ["cat", None]), ("proba:cat", [0.5, None])):
        place = table.column_names.index(name)
        pq.write_table(table.set_column(place, name, pa.array(values)), path)
        for edited in (False, True):
            with pytest.raises(
                InvalidPredictionsError, match=r"row 1 has none|must be finite|must say its SHA|must be f"
            ):
                Predictions.load(path, edited=edited)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ids", np.array([1.0, 2.0]), "ids must be int"),
        ("ids", np.array([True, False]), "ids must be int"),
        ("ids", np.array([1, 2**64 - 1], dtype=np.uint64), "ids must be int"),
        ("ids", np.array([0, 1], dtype="M8[ns]"), "ids must be int"),
        ("ids", np.array(["a", "b"]), "ids must be int"),
        ("labels", np.array([False, True]), "labels must be of the kind that the metadata say"),
        ("labels", np.array([0.0, 1.0]), "labels must be of the kind that the metadata say"),
        ("labels", np.array([0, -1]), "labels must be positions in the classes"),
        ("labels", np.array([0, 2]), "labels must be positions in the classes"),
        ("probas", np.eye(2, dtype=np.float32), "probabilities must be of the dtype and shape that the metadata say"),
        ("fit_ids", np.array([3.0]), "ids must be int"),
    ],
)
def test_an_array_of_npz_is_taken_as_it_is_or_refused(name, value, message, tmp_path):
    path = tmp_path / "p.npz"
    make(ids=[1, 2], labels=[0, 1], fit_ids=[3]).save(path)
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **arrays | {name: value})
    with pytest.raises(InvalidPredictionsError, match=message):
        Predictions.load(path, edited=True)


@pytest.mark.parametrize("cell", ["1.0", "1_0", "０", " 1", "01"])
def test_ids_of_our_csv_are_whole_numbers_as_they_are_written(cell, tmp_path):
    path = tmp_path / "p.csv"
    make(ids=[1, 2]).save(path)
    path.write_text(path.read_text().replace("\n2,", f"\n{cell},"))
    with pytest.raises(InvalidPredictionsError, match="ids must be whole numbers"):
        Predictions.load(path, edited=True)


def test_python_reads_more_as_numbers_than_a_table_holds(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("id,cat,dog\na,1_0,0\nb,0.5,0.5\n")
    with pytest.raises(InvalidPredictionsError, match="'cat' has '1_0' for id 'a'"):
        Predictions.load(path)


# Groups, label tables, sources.


@pytest.mark.parametrize("null", NULLS, ids=repr)
def test_a_group_that_is_null_merges_no_rows(null):
    p = Predictions([[0.9, 0.1]] * 4, ids=[1, 2, 3, 4], classes=["a", "b"], labels=["a", "a", "b", "b"])
    with pytest.raises(EnsembleKitError, match=r"groups must name the group of each id that they have; that of 3 is"):
        score_table({"m": p}, groups={1: "x", 2: "x", 3: null, 4: null})
    with pytest.raises(EnsembleKitError, match=r"groups must name the group of each id that they have; that of 4 is"):
        score_table({"m": p}, groups=pd.Series({4: null, 1: "x"}, dtype=object))
    with pytest.raises(EnsembleKitError, match=r"received Series with an index 0\.\.n-1\. Give dict\(zip\(ids, groups"):
        score_table({"m": p}, groups=pd.Series(["x", "x", "y", "y"]))


@pytest.mark.parametrize("group", [[1], np.array([1]), {"a": 1}], ids=repr)
def test_a_group_is_a_name(group):
    p = Predictions([[0.9, 0.1]] * 2, ids=[1, 2], classes=["a", "b"], labels=["a", "b"])
    with pytest.raises(EnsembleKitError, match="a group must be a name"):
        score_table({"m": p}, groups={1: group, 2: group})


@pytest.mark.parametrize("what", ["y", "groups"])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["a", np.nan, "b", "c"], "row 1 is nan"),
        (["a", None, "b", "c"], "row 1 is None"),
        (pd.Series(["a", None, "b", "c"]), "row 1 is"),
        (pd.Categorical(["a", None, "b", "c"]), "row 1 is nan"),
        (pd.array(["a", pd.NA, "b", "c"], dtype="string"), "row 1 is <NA>"),
        (pd.array([1, pd.NA, 2, 3], dtype="Int64"), "row 1 is <NA>"),
        (np.ma.array([1, 2, 3, 4], mask=[0, 1, 0, 0]), "row 1 is None"),
        (np.ma.array(["a", "b", "c", "d"], mask=[0, 1, 0, 0]), "row 1 is None"),
        ([1, "1", 2, "2"], "of one kind"),
    ],
    ids=repr,
)
def test_what_an_ensemble_is_fitted_on_is_known_of_each_row(what, values, message):
    members = [("one", GaussianNB()), ("other", GaussianNB())]
    ensemble = EnsembleClassifier(members, combiner="stacking", cv=2)
    with pytest.raises(InvalidOptionError, match=f"^{what} must be .*{message}"):
        ensemble.fit(np.eye(4), **{"y": [0, 1, 0, 1], what: values})


@pytest.mark.parametrize("column", ["label", "group"])
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_for_the_command_names_every_row(column, suffix, tmp_path):
    path = tmp_path / f"t{suffix}"
    for values, what in (
        ({"id": ["a", "b"], column: ["x", None]}, column),
        ({"id": ["a", None], column: ["x", "y"]}, "id"),
    ):
        frame = pd.DataFrame(values)
        frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
        with pytest.raises(DataError, match=f"must have an id and a {column}; row 1 has no {what}"):
            read_column(path, column)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npz"])
def test_labels_out_of_a_file_of_predictions_are_those_that_were_saved(suffix, tmp_path):
    path = tmp_path / f"p{suffix}"
    make(labels=["cat", "dog"]).save(path)
    assert read_column(path, "label") == {"a": "cat", "b": "dog"}
    if suffix == ".csv":
        path.write_text(path.read_text().replace("b,dog", "b,cat"))
        with pytest.raises(InvalidPredictionsError, match="SHA-256"):
            read_column(path, "label")


@pytest.mark.parametrize(
    ("ids", "labels", "message"),
    [
        (["a", None], None, "row 1 has none"),
        (["a", np.nan], None, "row 1 has none"),
        ([1, 1.5], None, "ids must be all str or all int"),
        (["a", 1], None, "ids must be all str or all int"),
        (["a", "b"], ["cat", None], "labels must be classes"),
        (["a", "b"], ["cat", np.nan], "labels must be classes"),
    ],
)
def test_a_source_of_batches_changes_no_type(ids, labels, message):
    batch = (ids, np.zeros((2, 1))) if labels is None else (ids, np.zeros((2, 1)), labels)
    with pytest.raises(EnsembleKitError, match=message):
        collect({"half": lambda x: np.full((len(x), 2), 0.5)}, [batch], classes=["cat", "dog"])
    first = (["x"], np.zeros((1, 1)))
    with pytest.raises(EnsembleKitError, match="of one kind"):
        collect({"half": lambda x: np.full((len(x), 2), 0.5)}, [first, ([1], np.zeros((1, 1)))], classes=["cat", "dog"])


@pytest.mark.parametrize("labels", [np.array([True, False]), np.array([0.0, 1.0]), np.array([0, -1]), np.array([0, 2])])
def test_labels_of_a_source_are_positions_in_its_classes_and_no_mask(labels):
    with pytest.raises(
        DataError, match=r"labels must be positions in the classes of the source, whole numbers from 0 to"
    ):
        collect({"half": lambda x: np.full((len(x), 2), 0.5)}, SourceOf(labels), classes=["cat", "dog"])


def test_texts_of_a_source_are_names_of_classes_and_no_positions():
    with pytest.raises(AlignmentError, match="labels must be classes that the members know"):
        collect({"half": lambda x: np.full((len(x), 2), 0.5)}, SourceOf(np.array(["0", "1"])), classes=["cat", "dog"])


class SourceOf:
    """Two rows with labels."""

    classes, split = ("cat", "dog"), None

    def __init__(self, labels):
        self.labels = labels

    def __len__(self):
        return 2

    def batches(self, batch_size):
        yield np.array(["a", "b"]), np.zeros((2, 1)), self.labels
