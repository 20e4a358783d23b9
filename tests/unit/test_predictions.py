"""Predictions are checked once, where they come in, and refused with the rule, what came and what to do."""

import copy
import pickle
from pathlib import PurePosixPath, PureWindowsPath

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ensemblekit import EnsembleKitError, Predictions, PredictionSet, align
from ensemblekit.errors import InvalidPredictionsError

GOOD = [[0.9, 0.1], [0.3, 0.7]]
NAN = [np.nan, np.nan]


def make(probas=GOOD, **fields):
    return Predictions(probas, **{"ids": ["a", "b"], "classes": ["cat", "dog"], **fields})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"ids": ["a", "a"]},
            r"ids must be unique; received 2, of which repeated: 1 \('a'\)\. Give each row its own id",
        ),
        ({"ids": ["a", 1]}, r"ids must be all str or all int; received int, str\. .*str\(i\) for i in ids"),
        ({"ids": [0.0, 1.0]}, r"ids must be all str or all int; received float"),
        ({"ids": [True, False]}, r"ids must be all str or all int; received bool"),
        ({"ids": ["a", None]}, r"ids must name each row; row 1 has none: None\. Give it a name, or leave it out"),
        ({"ids": "ab"}, r"ids must be a sequence of str or int; received 'ab'"),
        ({"ids": None}, r"ids must be given, or be the index of a table or its column"),
        ({"ids": {"a", "b"}}, r"ids must be a sequence, as a set has no order"),
        ({"ids": np.array([[1, 2]])}, r"ids must have one axis; received shape \(1, 2\)"),
        ({"ids": ["a", "b\0"]}, r"ids must not hold the character NUL"),
        ({"ids": [1, 2**63]}, r"ids must fit in 64 signed bits"),
        (
            {"ids": np.array([1, 2**63], dtype=np.uint64)},
            r"ids must fit in 64 signed bits; received 9223372036854775808",
        ),
        ({"ids": ["a"]}, r"one row an id; received 2 rows and 1 ids"),
        ({"classes": ["cat"]}, r"one column a class; received 2 columns .* and 1 classes \('cat',\)"),
        ({"classes": ["cat", "cat"]}, r"classes must be unique; .* of which repeated: \['cat'\]"),
        (
            {"classes": ["cat", 1]},
            r"classes must be all str or all int, as alignment is by name; received \('cat', 1\)",
        ),
        ({"classes": [0.5, 1.5]}, r"classes must be all str or all int"),
        ({"classes": []}, r"classes must name at least one class"),
        ({"classes": "cd"}, r"classes must be a sequence of names; received 'cd'"),
        ({"classes": {"cat", "dog"}}, r"classes must be a sequence, as a set has no order"),
        ({"probas": [0.5, 0.5]}, r"at least two axes; received shape \(2,\)\. For the one output p of a sigmoid"),
        ({"probas": [[0.5], [0.5]], "classes": ["dog"]}, r"at least two classes; .*np\.column_stack\(\[1 - p, p\]\)"),
        ({"probas": [["0.5", "0.5"]] * 2}, r"must be floating point; received dtype <U3"),
        ({"probas": np.array([[0.5j, 0.5]] * 2)}, r"must be floating point; received dtype complex128"),
        ({"probas": [[90.0, 10.0], [30.0, 70.0]]}, r"must lie in \[0, 1\].*percentages divided by 100"),
        (
            {"probas": [[-0.1, 1.1], [0.3, 0.7]]},
            r"must lie in \[0, 1\]; received values from -0\.1 .* row 0 \(id 'a'\)",
        ),
        ({"probas": [[2.5, -1.5], [0.3, 0.7]]}, r"must lie in \[0, 1\].*softmax of logits"),
        (
            {"probas": [[0.3, 0.7], [0.9, 0.3]]},
            r"must sum to 1 .* 1 rows do not, the first 1 \(id 'b'\).*Normalise them",
        ),
        ({"probas": [[0.9, 0.3], [0.3, 0.7]]}, r"must sum to 1 .*task='multilabel'"),
        ({"probas": [NAN, [0.3, 0.7]]}, r"must be finite.*1 rows, the first 0 \(id 'a'\).*missing='renormalize'"),
        ({"probas": [[np.inf, 0.0], [0.3, 0.7]]}, r"must be finite; received NaN or infinity"),
        ({"labels": ["cat", "cow"]}, r"labels must be names out of classes \('cat', 'dog'\).* 1 \('cow'\)"),
        ({"labels": ["cat", None]}, r"labels must be names out of classes .* row 1 has none: None\. Give it a label"),
        ({"labels": ["cat"]}, r"labels must be one class name a row, shape \(2,\); received shape \(1,\)"),
        ({"labels": [[1, 0], [0, 1]]}, r"labels must be one class name a row.*Give names, not one-hot rows"),
        ({"labels": [0, 2]}, r"labels must be names out of classes .* 1 \(2\)"),
        ({"labels": [0, -1]}, r"labels must be names out of classes .* 1 \(-1\)"),
        ({"labels": [0.0, 1.0]}, r"labels must be names out of classes"),
        ({"labels": [1, 3], "classes": [1, 2]}, r"labels must be names out of classes \(1, 2\).* 1 \(3\)"),
        (
            {"task": "ranking"},
            r"task must be one of 'multiclass', 'multilabel', 'regression' or .* received 'ranking'.*There are: binary",
        ),
        ({"missing": "zero"}, r"missing must be one of 'error', 'renormalize'; received 'zero'"),
        ({"member": ""}, r"member must be a non-empty str or None; received ''"),
        ({"split": 3}, r"split must be a non-empty str or None; received 3"),
        ({"fit_ids": ["x", "x"]}, r"fit_ids must be unique"),
        (
            {"fit_ids": [1, 2]},
            r"fit_ids must be of the kind of ids, else they never meet; received 1 beside the id 'a'",
        ),
    ],
)
def test_bad_input_is_refused(fields, message):
    with pytest.raises(ValueError, match=message) as caught:
        make(**fields)
    assert isinstance(caught.value, EnsembleKitError)


def test_an_error_names_the_member():
    with pytest.raises(InvalidPredictionsError, match="probas of member 'cnn' must sum to 1"):
        make([[0.9, 0.3], [0.3, 0.7]], member="cnn")


# Ids and classes.


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([PurePosixPath("test/a.png"), PurePosixPath("test/b.png")], ["test/a.png", "test/b.png"]),
        ([PureWindowsPath("test\\a.png"), PureWindowsPath("test\\b.png")], ["test/a.png", "test/b.png"]),
        (pd.Index(["a", "b"]), ["a", "b"]),
        (np.array(["a", "b"], dtype=object), ["a", "b"]),
        (np.array([3, 2], dtype=np.uint8), [3, 2]),
        ([np.int32(3), 2], [3, 2]),
        (range(2), [0, 1]),
        (["", 'ü,"\n'], ["", 'ü,"\n']),
    ],
)
def test_ids_are_kept_as_text_or_whole_numbers(ids, expected):
    p = make(ids=ids)
    assert p.ids.tolist() == expected
    assert p.ids.dtype.kind in "U" or p.ids.dtype == np.int64


def test_ids_do_not_follow_a_later_change_of_what_was_given():
    ids = np.array(["a", "b"])
    p = make(ids=ids)
    ids[0] = "z"
    assert p.ids.tolist() == ["a", "b"]


def test_class_names_of_numpy_become_plain():
    assert make(classes=np.array([3, 7])).classes == (3, 7)
    assert [type(c) for c in make(classes=np.array(["x", "y"])).classes] == [str, str]


# Values.


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_dtype_is_kept(dtype):
    assert make(np.array(GOOD, dtype)).probas.dtype == dtype


@pytest.mark.parametrize("array", [np.eye(2, dtype=int), np.eye(2, dtype=bool), np.eye(2, dtype=">f4")])
def test_other_numbers_become_float64(array):
    p = make(array)
    assert p.probas.dtype == np.float64
    assert p.probas.dtype.isnative
    assert p.probas.tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize("layout", ["C", "F"])
def test_who_holds_the_array_changes_nothing(layout):
    array = np.array(GOOD, order=layout)
    p = make(array)
    view = array[:]
    view.flags.writeable = False
    looking = make(view)
    array[0] = 0
    assert p.probas.tolist() == looking.probas.tolist() == np.array(GOOD).tolist()
    with pytest.raises(ValueError, match="read-only"):
        p.probas[0, 0] = 1


def test_an_array_that_nobody_can_write_to_is_not_copied(tmp_path):
    array = np.array(GOOD)
    array.flags.writeable = False
    np.save(tmp_path / "p.npy", array)
    mapped = np.load(tmp_path / "p.npy", mmap_mode="r")
    for given in (array, array[:], mapped, np.frombuffer(array.tobytes()).reshape(2, 2)):
        assert np.shares_memory(make(given).probas, given)
    lent = np.ravel(GOOD)
    arrow = pa.array(lent).to_numpy().reshape(2, 2)
    assert np.shares_memory(arrow, lent)
    locked = np.load(tmp_path / "p.npy", mmap_mode="r+")
    locked.flags.writeable = False
    buffer = np.frombuffer(bytearray(array.tobytes())).reshape(2, 2)
    for given in (arrow, locked, np.load(tmp_path / "p.npy", mmap_mode="c"), buffer):
        assert not np.shares_memory(make(given).probas, given)


def arrays_of(p):
    names = ("probas", "member_probas", "ids", "labels", "label_codes", "present", "fit_ids")
    found = [getattr(p, name, None) for name in names if name != "labels"]
    return [a for a in found if isinstance(a, np.ndarray)] + list(
        found[-1].values() if isinstance(p, PredictionSet) else []
    )


@pytest.mark.parametrize("copied", [lambda p: pickle.loads(pickle.dumps(p)), copy.deepcopy, copy.copy])  # noqa: S301
def test_a_copy_can_be_changed_as_little(copied):
    p = make([*GOOD, [np.nan, np.nan]], ids=["a", "b", "c"], labels=[0, 1, 1], fit_ids=["x"], missing="renormalize")
    aligned = align(p, make([*GOOD, (0.5, 0.5)], ids=["a", "b", "c"]), missing="renormalize")
    for whole in (p, p.take(["c", "a"]), aligned, aligned["#1"], aligned.select(["#2"])):
        again = copied(whole)
        found = arrays_of(again)
        assert len(found) >= 3
        for array in found:
            owner = array
            while isinstance(owner, np.ndarray):
                assert not owner.flags.writeable
                owner = owner.base
        assert repr(again) == repr(whole)
    with pytest.raises(TypeError, match="does not support item assignment"):
        copied(aligned).fit_ids["#1"] = None


@pytest.mark.parametrize("task", ["multiclass", "multilabel", "regression"])
def test_every_array_is_read_only(task):
    labels = ["dog", "cat"] if task == "multiclass" else np.eye(2)
    p = make([[0.9, 0.1], NAN], task=task, labels=labels, fit_ids=["x", "y"], missing="renormalize")
    for q in (p, p.take(["b", "a"])):
        arrays = [q.probas, q.ids, q.label_codes, q.fit_ids, q.present]
        assert not [a for a in arrays if a.flags.writeable]


def test_rows_rounded_to_four_decimals_pass_and_rows_off_by_a_hundredth_do_not():
    make([[0.3333, 0.3333], [0.3, 0.7]], classes=["cat", "dog"], task="multilabel")
    Predictions([[0.3333, 0.3333, 0.3333]], ids=[1], classes=["a", "b", "c"])
    with pytest.raises(InvalidPredictionsError, match="sum to 1"):
        make([[0.3, 0.69], [0.3, 0.7]])


def test_float16_rows_may_be_off_by_their_rounding():
    rows = np.random.default_rng(0).dirichlet(np.ones(100), 50).astype(np.float16)
    assert Predictions(rows, ids=range(50), classes=range(100)).probas.dtype == np.float16


def test_multilabel_rows_need_not_sum_to_one():
    assert make([[0.9, 0.8], [0.0, 0.0]], task="multilabel").predicted.tolist() == [[True, True], [False, False]]
    for row in ([1.2, 0.8], [-0.1, 0.8]):
        with pytest.raises(InvalidPredictionsError, match=r"lie in \[0, 1\]"):
            make([row, [0.0, 0.0]], task="multilabel")


def test_regression_takes_any_finite_value():
    largest = float(np.finfo(np.float32).max)
    p = make(np.array([[largest, largest], [-5, 1e3]], np.float32), task="regression")
    assert p.predicted is p.probas
    with pytest.raises(InvalidPredictionsError, match="must be finite"):
        make([[np.inf, 0], [0, 0]], task="regression")


def test_regression_of_one_output_may_have_one_axis():
    p = make([1.5, -2.5], classes=["age"], task="regression", labels=[1, 2])
    assert p.probas.tolist() == [[1.5], [-2.5]]
    assert p.labels.tolist() == [[1], [2]]


def test_dense_outputs_have_axes_between_samples_and_classes():
    probas = np.full((2, 3, 4, 2), 0.5)
    p = make(probas, labels=np.full((2, 3, 4), "dog"))
    assert p.predicted.shape == (2, 3, 4)
    assert p.take(["b"]).labels.shape == (1, 3, 4)
    probas = probas.copy()
    probas[1, 2, 3] = [0.5, 0.7]
    with pytest.raises(InvalidPredictionsError, match=r"1 rows do not, the first 1 \(id 'b'\)"):
        make(probas)


def test_no_rows_are_predictions_too():
    p = make(np.empty((0, 2)), ids=[], labels=[])
    assert len(p) == 0
    assert p.predicted.shape == (0,)


# NaN.


def test_whole_nan_rows_are_admitted_when_asked_for():
    p = make([NAN, [0.3, 0.7]], missing="renormalize")
    assert p.present.tolist() == [False, True]
    assert make(missing="renormalize").present is None


@pytest.mark.parametrize("row", [[np.nan, 1.0], [np.inf, 0.0]])
def test_half_nan_rows_are_refused_always(row):
    with pytest.raises(InvalidPredictionsError, match="as a whole or not at all"):
        make([row, [0.3, 0.7]], missing="renormalize")


@pytest.mark.parametrize(
    ("row", "message"), [([0.9, 0.3], r"the first 1 \(id 'b'\)"), ([1.5, -0.5], r"first in row 1 \(id 'b'\)")]
)
def test_rows_are_counted_with_the_nan_rows_before_them(row, message):
    with pytest.raises(InvalidPredictionsError, match=message):
        make([NAN, row], missing="renormalize")


def test_predicted_needs_every_row_and_its_advice_works():
    p = make([NAN, [0.3, 0.7]], missing="renormalize")
    with pytest.raises(
        InvalidPredictionsError, match=r"1 rows are NaN\. Take the others: p\.take\(p\.ids\[p\.present\]\)"
    ):
        _ = p.predicted
    q = p.take(p.ids[p.present])
    assert q.present is None
    assert q.predicted.tolist() == ["dog"]


# Labels.


def test_labels_may_be_names_or_codes_of_the_classes_beside_them():
    assert make(labels=["dog", "cat"]).label_codes.tolist() == [1, 0]
    assert make(labels=[1, 0]).labels.tolist() == ["dog", "cat"]


def test_integers_are_names_where_classes_are_integers():
    p = make(classes=[1, 0], labels=[1, 0])
    assert p.label_codes.tolist() == [0, 1]
    assert p.labels.tolist() == [1, 0]


def test_multilabel_labels_are_zero_or_one():
    p = make(task="multilabel", labels=[[1, 0], [0.0, 1]])
    assert p.labels.tolist() == [[True, False], [False, True]]
    for labels in ([1, 0], [[2, 0], [0, 1]], [["1", "0"], ["0", "1"]]):
        with pytest.raises(InvalidPredictionsError, match="labels for multilabel must be 0 or 1"):
            make(task="multilabel", labels=labels)


@pytest.mark.parametrize("labels", [[1.0, 2.0], [[np.nan, 0], [0, 1]], [["a", "b"], ["c", "d"]]])
def test_regression_labels_are_finite_numbers_of_the_same_shape(labels):
    with pytest.raises(InvalidPredictionsError, match="labels for regression must be finite numbers of shape"):
        make(task="regression", labels=labels)


def test_labels_are_copied():
    labels = np.array([[1.0, 2.0], [3.0, 4.0]])
    p = make(task="regression", labels=labels)
    labels[:] = 0
    assert p.labels.tolist() == [[1, 2], [3, 4]]


# What else is known.


def test_fit_ids_are_sorted_and_may_be_none_or_empty():
    assert make(fit_ids=["z", "x"]).fit_ids.tolist() == ["x", "z"]
    assert make(ids=[1, 2], fit_ids=[9, 3]).fit_ids.tolist() == [3, 9]
    assert make(fit_ids=[]).fit_ids.tolist() == []
    assert make().fit_ids is None


def test_predicted_is_the_first_of_equals():
    assert make([[0.5, 0.5], [0.3, 0.7]]).predicted.tolist() == ["cat", "dog"]


def test_repr_says_what_it_is():
    assert repr(make(member="m", split="test")) == (
        "Predictions(member='m', split='test', n_samples=2, classes=('cat', 'dog'), task='multiclass')"
    )


def test_predictions_survive_pickling():
    p = pickle.loads(pickle.dumps(make(labels=[0, 1], member="m")))  # noqa: S301
    assert p.labels.tolist() == ["cat", "dog"]
    assert p.probas.tolist() == GOOD


# take, rename, to_frame.


def test_take_selects_rows_by_id_in_the_order_given():
    p = make([[0.9, 0.1], [0.3, 0.7], [0.5, 0.5]], ids=["a", "b", "c"], labels=[0, 1, 1], member="m", fit_ids=["z"])
    q = p.take(["c", "a"])
    assert q.ids.tolist() == ["c", "a"]
    assert q.probas.tolist() == [[0.5, 0.5], [0.9, 0.1]]
    assert q.labels.tolist() == ["dog", "cat"]
    assert (q.member, q.fit_ids.tolist()) == ("m", ["z"])
    assert len(p.take([])) == 0


@pytest.mark.parametrize(
    ("ids", "message"),
    [(["a", "z"], r"ids to take must be there; .* 1 \('z'\)"), ([0], r"unknown: 1 \(0\)"), (["a", "a"], "unique")],
)
def test_take_refuses_unknown_and_repeated_ids(ids, message):
    with pytest.raises(InvalidPredictionsError, match=message):
        make().take(ids)


def test_rename_gives_other_names_to_the_same_values():
    p = make(labels=["dog", "cat"], member="m", split="train")
    q = p.rename("n", aliases={"cat": "dog", "dog": "wolf"}, split="test")
    assert (q.member, q.split, q.classes, q.labels.tolist()) == ("n", "test", ("dog", "wolf"), ["wolf", "dog"])
    assert q.probas is p.probas
    assert (p.member, p.classes) == ("m", ("cat", "dog"))
    with pytest.raises(InvalidPredictionsError, match="classes must be unique"):
        p.rename(aliases={"cat": "dog"})


def test_to_frame_has_a_row_an_id_and_a_column_a_class():
    frame = make(labels=["dog", "cat"]).to_frame()
    assert frame.index.name == "id"
    assert frame.index.tolist() == ["a", "b"]
    assert frame[["cat", "dog"]].to_numpy().tolist() == GOOD
    assert frame["label"].tolist() == ["dog", "cat"]
    assert "label" not in make().to_frame()


def test_to_frame_is_a_copy():
    array = np.array(GOOD)
    frame = make(array).to_frame()
    frame.loc["a", "cat"] = 5
    assert array.tolist() == GOOD


def test_to_frame_refuses_what_is_no_table():
    with pytest.raises(InvalidPredictionsError, match=r"shape \(n_samples, n_classes\); received \(2, 3, 2\)"):
        make(np.full((2, 3, 2), 0.5)).to_frame()
    with pytest.raises(InvalidPredictionsError, match="needs the column 'label' for the labels"):
        make(classes=["label", "dog"], labels=[0, 1]).to_frame()
