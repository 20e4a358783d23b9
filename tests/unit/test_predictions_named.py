"""`Predictions` of what carries names: used where names are left out, refused where they disagree, never dropped."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from ensemblekit import Predictions, align, combine
from ensemblekit.errors import InvalidPredictionsError

PROBAS = {"dog": [0.75, 0.25, 0.5], "cat": [0.25, 0.75, 0.5]}
IDS = ["b", "a", "c"]
ARRAY = np.array([*PROBAS.values()]).T


def frame(**options):
    return pd.DataFrame(PROBAS, **{"index": IDS, **options})


def make(**fields):
    return Predictions(ARRAY, **{"ids": IDS, "classes": ["dog", "cat"], **fields})


def said(p):
    labels = None if p.labels is None else p.labels.tolist()
    return p.ids.tolist(), p.classes, p.probas.tolist(), labels


TABLES = {
    "index": frame(),
    "named index": frame(index=pd.Index(IDS, name="image")),
    "column id": pd.DataFrame({"id": IDS} | PROBAS),
    "column image_id": pd.DataFrame({"image_id": IDS} | PROBAS),
    "nullable": frame().convert_dtypes(),
    "arrow dtypes": frame().convert_dtypes(dtype_backend="pyarrow"),
    "categorical index": frame(index=pd.CategoricalIndex(IDS)),
    "polars": pl.DataFrame({"id": IDS} | PROBAS),
    "pyarrow": pa.table({"id": IDS} | PROBAS),
    "rows": [row for _, row in frame().iterrows()],
    "mapping of rows": dict(frame().iterrows()),
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_names_that_are_left_out_are_those_of_the_table(table):
    assert said(Predictions(table)) == (IDS, ("dog", "cat"), ARRAY.tolist(), None)
    assert said(Predictions(table, ids=IDS, classes=["dog", "cat"])) == said(make())


def test_an_index_of_ids_with_the_numbers_of_a_default_index_in_another_order_is_refused():
    ids = pd.Series(IDS, index=[2, 0, 1])
    with pytest.raises(InvalidPredictionsError, match=r"the names in the index of ids are the numbers .*to_numpy\(\)"):
        Predictions(frame(index=None), ids=ids)
    with pytest.raises(InvalidPredictionsError, match=r"labels must name its rows, .* the index of the ids are the"):
        make(ids=ids, labels=pd.Series(["dog", "cat", "cat"]))
    assert said(Predictions(frame(index=None).to_numpy(), ids=ids, classes=["dog", "cat"]))[0] == IDS


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"ids": ["a", "b", "c"]},
            r"the same names in another order in 2 rows, the first 0: 'b' .* 'a' .*to_numpy\(\)",
        ),
        ({"ids": ["b", "a", "z"]}, r"other names in 1 rows, the first 2: 'c' in its index and 'z' in ids"),
        ({"ids": ["b", "a"]}, "received 3 rows and 2 ids"),
        ({"ids": [1, 2, 3]}, "other names in 3 rows"),
        ({"classes": ["cat", "dog"]}, r"order of the classes \('cat', 'dog'\).*\['dog', 'cat'\].*leave classes out"),
        ({"classes": ["dog", "cow"]}, r"order of the classes .*rename the columns"),
        ({"classes": ["dog"]}, r"received 2 columns \['dog', 'cat'\] and 1 classes"),
    ],
)
def test_names_that_disagree_are_refused(table, fields, message):
    with pytest.raises(InvalidPredictionsError, match=message):
        Predictions(table, **fields)


@pytest.mark.parametrize(
    ("probas", "missing"),
    [(ARRAY, "classes"), (pd.DataFrame(ARRAY, index=IDS), "classes"), (frame(index=None), "ids"), (PROBAS, "classes")],
    ids=["array", "columns 0..k-1", "index 0..n-1", "mapping"],
)
def test_what_has_no_names_needs_them(probas, missing):
    with pytest.raises(InvalidPredictionsError, match=rf"^{missing} must be given"):
        Predictions(probas)


def test_a_default_index_is_no_name_unless_the_ids_are_the_same_numbers_in_another_order():
    assert said(Predictions(frame(index=None), ids=IDS)) == said(make())
    assert Predictions(pd.DataFrame(ARRAY), ids=[7, 8, 9], classes=["dog", "cat"]).ids.tolist() == [7, 8, 9]
    with pytest.raises(InvalidPredictionsError, match=r"nobody can know.*probas\.to_numpy\(\)"):
        Predictions(frame(index=None), ids=[2, 0, 1])
    assert make(ids=[2, 0, 1]).ids.tolist() == [2, 0, 1]


@pytest.mark.parametrize("columns", [None, ["0", "1"]], ids=["numbers", "text"])
@pytest.mark.parametrize("kind", [int, str])
def test_default_columns_are_no_names_unless_the_classes_are_the_same_numbers_in_another_order(columns, kind):
    table = pd.DataFrame(ARRAY, index=IDS, columns=columns)
    assert Predictions(table, classes=["dog", "cat"]).classes == ("dog", "cat")
    assert Predictions(table, classes=[7, 8]).classes == (7, 8)
    own = [kind(0), kind(1)]
    assert Predictions(table, classes=own).classes == tuple(own)
    with pytest.raises(InvalidPredictionsError, match=r"nobody can know|in the order of the classes"):
        Predictions(table, classes=own[::-1])
    assert Predictions(table.to_numpy(), ids=IDS, classes=own[::-1]).classes == tuple(own[::-1])


def test_the_columns_of_one_table_go_together_whatever_its_index():
    table = pd.DataFrame({"path": IDS, "truth": ["dog", "cat", "cat"]} | PROBAS)
    labelled = make(labels=["dog", "cat", "cat"])
    for index in ([0, 1, 2], [2, 0, 1], [7, 7, 3], pd.date_range("2026", periods=3)):
        t = table.set_axis(index, axis=0)
        p = Predictions(t[["dog", "cat"]], ids=t["path"], labels=t["truth"])
        assert said(p) == said(labelled)
        assert said(Predictions(t[["dog", "cat"]].to_numpy(), ids=t.path, classes=["dog", "cat"], labels=t.truth)) == (
            said(labelled)
        )
    shuffled = table.assign(path=[2, 0, 1])
    assert Predictions(shuffled[["dog", "cat"]], ids=shuffled.path, labels=shuffled.truth).labels.tolist() == [
        "dog", "cat", "cat",
    ]  # fmt: skip
    with pytest.raises(InvalidPredictionsError, match=r"labels must have a value for every id.*labels\.to_numpy"):
        Predictions(t[["dog", "cat"]], ids=t.path, labels=table.truth.set_axis([5, 6, 7]))


def test_a_column_label_is_read_as_in_a_file():
    p = make(labels=["dog", "cat", "cat"])
    assert said(Predictions(p.to_frame())) == said(p)
    assert said(Predictions(p.to_frame().reset_index())) == said(p)
    assert said(Predictions(pl.DataFrame(p.to_frame().reset_index()))) == said(p)
    with pytest.raises(InvalidPredictionsError, match="labels must be given once"):
        Predictions(p.to_frame(), labels=["dog", "cat", "cat"])
    as_class = frame().rename(columns={"cat": "label"})
    assert Predictions(as_class, classes=["dog", "label"]).classes == ("dog", "label")


def test_a_column_that_holds_no_numbers_is_named():
    with pytest.raises(InvalidPredictionsError, match=r"column 'site' has 'x' for id 'b'\. Leave out columns that are"):
        Predictions(frame().assign(site="x"))


def test_a_mapping_of_columns_is_not_taken_for_rows():
    with pytest.raises(InvalidPredictionsError, match=r"the keys \['a', 'b'\], which are the classes.*pd\.DataFrame"):
        Predictions({"a": [0.5, 0.5], "b": [0.5, 0.5]}, classes=["a", "b"])
    with pytest.raises(InvalidPredictionsError, match=r"ids must be a sequence.*received a mapping of 3 \('b', 'a'"):
        make(ids={"b": 1, "a": 0, "c": 2})


# Labels.

TRUTH = {"a": "cat", "b": "dog", "c": "dog", "unused": "cat"}
LABELS = {
    "series": pd.Series(TRUTH),
    "series in another order": pd.Series(TRUTH).sample(frac=1, random_state=1),
    "mapping": TRUTH,
    "frame of one column": pd.DataFrame({"y": TRUTH}),
    "table": pd.DataFrame({"id": TRUTH.keys(), "label": TRUTH.values()}),
    "polars": pl.DataFrame({"id": [*TRUTH], "label": [*TRUTH.values()]}),
    "pyarrow": pa.table({"id": [*TRUTH], "label": [*TRUTH.values()]}),
    "frame of predictions": pd.DataFrame({"cat": 0.5, "dog": 0.5, "label": TRUTH}),
    "categorical": pd.Series(TRUTH).astype("category"),
    "arrow": pd.Series(TRUTH).astype(pd.ArrowDtype(pa.string())),
    "no names": ["dog", "cat", "dog"],
    "no names, pyarrow": pa.array(["dog", "cat", "dog"]),
    "no names, polars": pl.Series(["dog", "cat", "dog"]),
    "default index": pd.Series(["dog", "cat", "dog"]),
    "codes": pd.Series({"c": 0, "a": 1, "b": 0}),
    "codes without names": [0, 1, 0],
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_labels_with_names_are_looked_up_by_id(labels):
    assert make(labels=labels).labels.tolist() == ["dog", "cat", "dog"]
    assert align(make(member="m")).with_labels(labels).labels.tolist() == ["dog", "cat", "dog"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"a": "cat", "b": "dog"}, r"labels must have a value for every id.*lacks 1 \('c'\)"),
        (pd.Series({"a": "cat", "b": "dog", "c": None}), "row 2 has none"),
        (pd.Series(["dog", "cat"]), "received 2 values for 3 ids"),
        (pd.Series(["dog", "cat", "dog"], index=["a", "a", "b"]), r"the index of labels must be unique"),
        (pl.Series(["dog", "cat", None]), "row 2 has none"),
        (pd.DataFrame({"dog": [1, 0, 1], "cat": [0, 1, 0]}), "Give names, not one-hot rows"),
    ],
)
def test_labels_that_cannot_be_looked_up_are_refused(labels, message):
    with pytest.raises(InvalidPredictionsError, match=message):
        make(labels=labels)
    with pytest.raises(InvalidPredictionsError, match=message):
        align(make(member="m")).with_labels(labels)


def test_label_tables_of_several_outputs_are_read_by_both_names():
    table = pd.DataFrame({"cat": [1, 0, 1], "dog": [0, 0, 1]}, index=["c", "b", "a"])
    for labels in (
        table,
        table.convert_dtypes(),
        table.reset_index(names="id"),
        pl.DataFrame(table.reset_index(names="id")),
    ):
        p = make(task="multilabel", labels=labels)
        assert p.labels.tolist() == [[False, False], [True, True], [False, True]]
        assert make(task="regression", labels=labels).labels.tolist() == [[0, 0], [1, 1], [0, 1]]
    with pytest.raises(InvalidPredictionsError, match=r"labels must have one column a class .*\['cat', 'cow'\]"):
        make(task="multilabel", labels=table.rename(columns={"dog": "cow"}))
    price = Predictions(pd.Series({"a": 1.5, "b": 2}, name="price"), task="regression", labels={"b": 2, "a": 1})
    assert (price.classes, price.ids.tolist(), price.labels.tolist()) == (("price",), ["a", "b"], [[1], [2]])


@pytest.mark.parametrize("classes", [["1", "0"], ["cat", "7"], ["+1", "-1"], ["1.0", "2.0"]], ids=repr)
@pytest.mark.parametrize(
    "labels", [[1, 0, 1], np.array([1, 0, 1]), pd.Series([1, 0, 1])], ids=["list", "array", "series"]
)
def test_whole_numbers_beside_texts_that_look_like_numbers_are_refused(classes, labels):
    with pytest.raises(InvalidPredictionsError, match=r"names or positions\? Nobody can know.*is a class"):
        make(classes=classes, labels=labels)
    assert make(classes=classes, labels=[classes[1]] * 3).labels.tolist() == [classes[1]] * 3


# Classes, fit ids, rows to take.


@pytest.mark.parametrize(
    "classes",
    [
        {0: "dog", 1: "cat"},
        {1: "cat", 0: "dog"},
        {"cat": 1, "dog": 0},
        {np.int64(0): "dog", np.int64(1): np.str_("cat")},
        pd.Index(["dog", "cat"]),
        pd.Series(["dog", "cat"], index=[17, 3]),
        pd.Categorical(["dog", "cat"], categories=["cat", "dog"]),
        pl.Series(["dog", "cat"]),
        pa.array(["dog", "cat"]),
    ],
)
def test_a_label_map_gives_the_names_of_the_columns(classes):
    assert make(classes=classes).classes == ("dog", "cat")


@pytest.mark.parametrize(
    "classes",
    [{1: "dog", 2: "cat"}, {"0": "dog", "1": "cat"}, {"dog": 0, "cat": 0}, {0: "dog", 1: "dog"},
     {False: "a", True: "b"}, {"dog": 0.0, "cat": 1.0}, {}],
    ids=repr,
)  # fmt: skip
def test_a_mapping_that_is_no_label_map_is_refused(classes):
    with pytest.raises(InvalidPredictionsError, match="classes must be"):
        make(classes=classes)


def test_a_label_map_that_can_be_read_in_two_ways_is_refused():
    three = np.full((1, 3), 1 / 3)
    with pytest.raises(InvalidPredictionsError, match="which can be read in both ways"):
        Predictions(three, ids=["a"], classes={0: 1, 1: 2, 2: 0})
    assert Predictions(three, ids=["a"], classes={0: 2, 1: 1, 2: 0}).classes == (2, 1, 0)


@pytest.mark.parametrize(
    "kind", [pd.Index, pd.Series, pl.Series, pa.array, np.array, tuple, lambda v: pd.Series(v, index=[3, 1])]
)
def test_ids_come_in_any_column(kind):
    p = make(fit_ids=kind(["x", "y"]), labels=["dog", "cat", "dog"])
    assert p.fit_ids.tolist() == ["x", "y"]
    assert p.take(kind(["c", "b"])).labels.tolist() == ["dog", "dog"]
    assert align(p.rename("m")).take(kind(["c", "b"])).ids.tolist() == ["c", "b"]
    assert Predictions(ARRAY[:2], ids=kind(["x", "y"]), classes=["dog", "cat"]).ids.tolist() == ["x", "y"]
    with pytest.raises(InvalidPredictionsError, match="ids to take must be there"):
        p.take(kind(["c", "z"]))


@pytest.mark.parametrize("what", ["ids", "fit_ids", "classes"])
@pytest.mark.parametrize(
    "null", [pl.Series(["x", None]), pa.array(["x", None]), pd.Series(["x", None])], ids=["polars", "arrow", "pandas"]
)
def test_a_null_in_a_column_is_no_name(what, null):
    fields = {"ids": ["a", "b"], "classes": ["dog", "cat"]}
    with pytest.raises(InvalidPredictionsError, match=f"^{what} must"):
        Predictions(ARRAY[:2], **fields | {what: null})


# Values.


def test_masked_and_null_rows_are_missing():
    holes = [
        np.ma.array(ARRAY, mask=[[0, 0], [1, 1], [0, 0]]),
        [*np.ma.array(ARRAY, mask=[[0, 0], [1, 1], [0, 0]])],
        frame().where(np.array([[True], [False], [True]]) & np.ones((3, 2), bool)).convert_dtypes(),
        pl.DataFrame({"id": IDS, "dog": [0.75, None, 0.5], "cat": [0.25, None, 0.5]}),
        pa.table({"id": IDS, "dog": [0.75, None, 0.5], "cat": [0.25, None, 0.5]}),
    ]
    for probas in holes:
        p = Predictions(probas, ids=IDS, classes=["dog", "cat"], missing="renormalize")
        assert p.present.tolist() == [True, False, True]
        with pytest.raises(InvalidPredictionsError, match="must be finite"):
            Predictions(probas, ids=IDS, classes=["dog", "cat"])


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_rounding_below_0_and_above_1_is_rounding(dtype, task):
    by = 1e-3 if dtype == "f2" else 1e-7
    given = np.array([[-by, 1 + by], [0.5, 0.5]], dtype=dtype)
    kept = given.copy()
    p = Predictions(given, ids=[1, 2], classes=["n", "y"], task=task)
    assert p.probas.dtype == given.dtype
    assert p.probas.min() == 0
    assert (given == kept).all()
    given.flags.writeable = False
    assert Predictions(given, ids=[1, 2], classes=["n", "y"], task=task).probas.min() == 0
    with pytest.raises(InvalidPredictionsError, match="must lie in"):
        Predictions(np.array([[-0.01, 0.51, 0.5]], dtype), ids=[1], classes=["n", "y", "z"], task=task)
    assert Predictions([-1e-7], ids=[1], classes=["y"], task="regression").probas.tolist() == [[-1e-7]]


def test_negative_rounding_among_missing_rows():
    p = Predictions([[np.nan, np.nan], [-1e-7, 1]], ids=[1, 2], classes=["n", "y"], missing="renormalize")
    assert p.probas[1].tolist() == [0, 1]
    assert np.isnan(p.probas[0]).all()


def test_a_combiner_may_round_below_0():
    class Rounding:
        traits = frozenset()

        def combine(self, member_probas, *, xp=np):
            return member_probas.mean(axis=0) * [1, 1] - [1e-7, -1e-7]

    p = Predictions([[0.0, 1.0]], ids=[1], classes=["n", "y"], member="m")
    assert combine([p], Rounding()).probas.tolist() == [[0, 1 + 1e-7]]


@pytest.mark.parametrize("n_classes", [2, 10, 1000])
def test_bfloat16_comes_in(n_classes):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    exact = np.random.default_rng(0).dirichlet(np.ones(n_classes), 50)
    coarse = exact.astype(ml_dtypes.bfloat16)
    p = Predictions(coarse, ids=range(50), classes=range(n_classes))
    assert p.probas.dtype == np.float32
    assert np.abs(p.probas.sum(axis=1) - 1).max() < 1e-5
    assert np.abs(p.probas / exact - 1)[exact > 1e-30].max() < 0.01
    assert (p.probas.argmax(1) == coarse.astype("f4").argmax(1)).all()
    with pytest.raises(InvalidPredictionsError, match="must sum to 1"):
        Predictions((exact / 2).astype(ml_dtypes.bfloat16), ids=range(50), classes=range(n_classes))
    outputs = Predictions(coarse, ids=range(50), classes=range(n_classes), task="regression")
    assert (outputs.probas == coarse.astype("f4")).all()


def test_thousands_of_classes_are_not_printed():
    p = Predictions(np.full((1, 9999), 1 / 9999), ids=[1], classes=[f"class {i}" for i in range(9999)], member="m")
    assert len(repr(p)) < 700
    assert len(repr(align(p))) < 700


@pytest.mark.parametrize("dtype", ["torch.bfloat16", "torch.float32"])
def test_tensors_that_numpy_does_not_read_come_in(dtype):
    class Tensor:  # as of PyTorch, with gradients, on another device
        dtype, at = "", "cuda"

        def __init__(self, values, kind, *, at="cuda", grad=True):
            self.values, self.dtype, self.at, self.grad = values, kind, at, grad

        def __array__(self, *args, **kwargs):
            if self.grad:
                raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
            raise TypeError("Got unsupported ScalarType BFloat16")

        def detach(self):
            return Tensor(self.values, self.dtype, at=self.at, grad=False)

        def cpu(self):
            return Tensor(self.values, self.dtype, at="cpu", grad=self.grad)

        def float(self):
            return Tensor(self.values, "torch.float32", at=self.at, grad=self.grad)

        def numpy(self):
            assert not self.grad
            assert (self.at, self.dtype) == ("cpu", "torch.float32")
            return self.values

    p = Predictions(Tensor(ARRAY.astype("f4"), dtype), ids=IDS, classes=["dog", "cat"])
    assert p.probas.dtype == np.float32
    assert p.probas.tolist() == ARRAY.tolist()


def test_a_number_in_a_column_label_is_a_name_as_in_a_file():
    table = pd.DataFrame({"id": IDS, "3": PROBAS["dog"], "4": PROBAS["cat"], "label": [3, 4, 4]})
    assert Predictions(table).labels.tolist() == ["3", "4", "4"]
    with pytest.raises(InvalidPredictionsError, match=r"labels must be names out of classes .*'1'"):
        Predictions(frame().assign(label=[0, 1, 1]))
