"""Members line up by id and class name, or are refused; position is never trusted."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest

from ensemblekit import AlignmentError, EnsembleKitError, InvalidOptionError, Predictions, PredictionSet, align
from ensemblekit.errors import InvalidPredictionsError, UnknownMemberError

NAN = [np.nan, np.nan]


def make(member=None, probas=((0.9, 0.1), (0.3, 0.7)), ids=("a", "b"), classes=("cat", "dog"), **fields):
    return Predictions(np.array(probas), ids=ids, classes=classes, member=member, **fields)


def one(ids, value, member, **fields):
    return make(member, [[value, 1 - value]] * len(ids), ids=ids, **fields)


# What lines up.


def test_rows_are_matched_by_id_and_columns_by_name():
    second = make("m", [[0.6, 0.4], [0.2, 0.8]], ids=["b", "a"], classes=["dog", "cat"])
    aligned = align(make("k"), second)
    assert aligned.members == ("k", "m")
    assert aligned.ids.tolist() == ["a", "b"]
    assert aligned.classes == ("cat", "dog")
    assert aligned.member_probas.tolist() == [[[0.9, 0.1], [0.3, 0.7]], [[0.8, 0.2], [0.4, 0.6]]]
    assert aligned.present is None


def test_rows_classes_and_members_come_in_the_order_first_given():
    aligned = align(make("z", ids=["b", "a"], classes=["dog", "cat"]), make("a"))
    assert (aligned.ids.tolist(), aligned.classes, aligned.members) == (["b", "a"], ("dog", "cat"), ("z", "a"))


@pytest.mark.parametrize(
    "given",
    [
        (make("k"), make("m")),
        ([make("k"), make("m")],),
        ((p for p in (make("k"), make("m"))),),
        ({"k": make("x"), "m": make("x")},),
    ],
    ids=["arguments", "list", "generator", "mapping"],
)
def test_members_may_come_one_by_one_or_together(given):
    assert align(*given).members == ("k", "m")


def test_files_give_their_name_to_members_without_one(tmp_path):
    make().save(tmp_path / "cnn.npz")
    make("own").save(tmp_path / "svm.csv")
    assert align(tmp_path / "cnn.npz", str(tmp_path / "svm.csv")).members == ("cnn", "own")
    assert align({"x": tmp_path / "svm.csv"}).members == ("x",)
    assert align(tmp_path / "cnn.npz").members == ("cnn",)


def test_a_set_lines_up_again():
    aligned = align(make("k", labels=[0, 1]), make("m"))
    again = align(aligned)
    assert again.members == aligned.members
    assert again.member_probas.tobytes() == aligned.member_probas.tobytes()
    assert again.labels.tolist() == ["cat", "dog"]


def test_aliases_settle_other_names_of_classes():
    second = make("m", [[0.6, 0.4], [0.2, 0.8]], classes=["Dog", "Cat"])
    aligned = align(make("k"), second, aliases={"Dog": "dog", "Cat": "cat"})
    assert aligned.classes == ("cat", "dog")
    assert aligned["m"].probas.tolist() == [[0.4, 0.6], [0.8, 0.2]]


def test_labels_follow_rows_and_classes():
    aligned = align(make("k"), make("m", ids=["b", "a"], classes=["dog", "cat"], labels=["dog", "cat"]))
    assert aligned.labels.tolist() == ["cat", "dog"]
    assert aligned.label_codes.tolist() == [0, 1]


def test_multilabel_labels_follow_columns():
    fields = {"task": "multilabel", "ids": [1, 2]}
    first = make("k", classes=["x", "y"], labels=[[1, 0], [1, 1]], **fields)
    second = make("m", classes=["y", "x"], labels=[[0, 1], [1, 1]], **fields)
    assert align(first, second).labels.tolist() == [[True, False], [True, True]]


def test_dense_outputs_line_up():
    rng = np.random.default_rng(0)
    probas = rng.dirichlet(np.ones(3), (4, 2, 5))
    first = Predictions(probas, ids=range(4), classes=["x", "y", "z"], member="k")
    second = Predictions(probas[::-1][..., [2, 0, 1]], ids=[3, 2, 1, 0], classes=["z", "x", "y"], member="m")
    aligned = align(first, second)
    assert aligned.member_probas[1].tobytes() == probas.tobytes()


@pytest.mark.parametrize(
    ("dtypes", "expected"), [(("f2", "f2"), "f2"), (("f4", "f4"), "f4"), (("f2", "f4"), "f4"), (("f4", "f8"), "f8")]
)
def test_the_dtype_is_the_smallest_that_holds_all(dtypes, expected):
    members = [make(f"m{i}", np.array([[0.5, 0.5]], dtype), ids=[1]) for i, dtype in enumerate(dtypes)]
    assert align(members).member_probas.dtype == expected


def test_fit_ids_and_split_are_kept_by_member():
    aligned = align(make("k", fit_ids=["z", "y"]), make("m", split="test"))
    assert aligned.fit_ids["k"].tolist() == ["y", "z"]
    assert aligned.fit_ids["m"] is None
    assert aligned.split == "test"


# What is refused.


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (
            one(["a"], 0.5, "m"),
            r"ids must be the same .* member 'm' lacks 1 \('b'\) of the 2 ids, which member 'k' has",
        ),
        (one(["a", "b", "c"], 0.5, "m"), r"member 'k' lacks 1 \('c'\) of the 3 ids, which member 'm' has"),
        (one(["x", "y"], 0.5, "m"), r"member 'k' lacks 2 \('x', 'y'\) of the 4 ids"),
        (one([1, 2], 0.5, "m"), r"ids must be of one kind .* str for member 'k' and int for member 'm'"),
        (one(["a", "b"], 0.5, "k"), r"member names must be different; received \['k', 'k'\]"),
        (make("m", split="train"), r"split must be the same .* \{'k': 'test', 'm': 'train'\}"),
        (make("m", task="multilabel"), r"task must be the same .* 'multiclass' for member 'k' and 'multilabel' for"),
        (make("m", np.full((2, 3, 2), 0.5)), r"shape between samples and classes must be the same .* \(\) .* \(3,\)"),
        (make("m", labels=["cat", "cat"]), r"labels must agree .* 'm' and 'k' differ for 1 \('b'\)"),
        (
            make("m", classes=["cat", "bird"]),
            r"'k' lacks 1 \('bird'\) that member 'm' has\. Give aliases=.* missing='zero'",
        ),
        (make("m", classes=["Cat", "dog"]), r"other names of the same classes, give aliases=\{'cat': 'Cat'\}"),
        (
            np.eye(2),
            r"only Predictions line up; received ndarray of shape \(2, 2\) as number 2\. Give ids and class names",
        ),
        ([[0.5, 0.5]], r"only Predictions line up; received list as number 2"),
        (pd.DataFrame([[0.5, 0.5]]), r"received DataFrame of shape \(1, 2\).*\{'one': Predictions\(table\), 'other'"),
    ],
)
def test_what_does_not_line_up_is_refused(second, message):
    first = make("k", split="test", labels=["cat", "dog"])
    with pytest.raises(AlignmentError, match=message) as caught:
        align(first, second)
    assert isinstance(caught.value, EnsembleKitError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], r"at least one member is needed; received none"),
        (np.eye(2), r"received ndarray of shape \(2, 2\) as number 1"),
        (make().to_frame(), r"received DataFrame of shape \(2, 2\) as number 1"),
        (None, r"received NoneType as number 1"),
        (5, r"received int as number 1"),
    ],
)
def test_what_is_no_predictions_is_refused(given, message):
    with pytest.raises(AlignmentError, match=message):
        align(given)


def test_splits_differ_wherever_they_stand():
    with pytest.raises(AlignmentError, match=r"split must be the same .* \{'b': 'train', 'c': 'test'\}"):
        align(make("a"), make("b", split="train"), make("c", split="test"))


def test_a_plain_alias_is_proposed_and_works():
    first, second = (
        make("k", classes=["adenocarcinoma", "normal"]),
        make("m", classes=["adenocarcinoma_left.lobe", "normal"]),
    )
    with pytest.raises(AlignmentError) as caught:
        align(first, second)
    proposed = caught.value.aliases
    assert proposed == {"adenocarcinoma": "adenocarcinoma_left.lobe"}
    assert align(first, second, aliases=proposed).classes == ("adenocarcinoma_left.lobe", "normal")


def test_a_class_that_only_looks_like_another_name_is_kept_apart_when_that_is_said():
    first, second = make("k", classes=["cat", "dog"]), make("m", classes=["Cat", "dog"])
    with pytest.raises(AlignmentError, match=r"classes of their own, say so by aliases=\{'cat': 'cat'\}"):
        align(first, second, missing="zero")
    aligned = align(first, second, missing="zero", aliases={"cat": "cat"})
    assert aligned.classes == ("cat", "dog", "Cat")


@pytest.mark.parametrize(
    ("own", "other"),
    [
        (["cat", "dog"], ["cat", "bird"]),
        (["car", "dog"], ["carton", "cargo", "dog"]),
        ([0, 1], [0, 10]),
        (["0", "1"], [0, 1]),
    ],
    ids=["unlike", "ambiguous", "numbers", "kinds"],
)
def test_no_alias_is_proposed_where_none_is_plain(own, other):
    with pytest.raises(AlignmentError, match=r"Give aliases=\{name: common name\}") as caught:
        align(*(make(m, np.full((2, len(c)), 1 / len(c)), classes=c) for m, c in (("k", own), ("m", other))))
    assert caught.value.aliases == {}


def test_labels_must_be_known_for_all_rows_or_none():
    with pytest.raises(AlignmentError, match=r"labels must be known .* 1 \('b'\) of 2 rows have none"):
        align(one(["a"], 0.5, "k", labels=["cat"]), one(["b"], 0.5, "m"), missing="renormalize")


def test_the_error_names_the_member_that_has_the_other_label():
    members = [one(["a"], 0.5, "k", labels=["cat"]), one(["b"], 0.5, "m", labels=["cat"])]
    with pytest.raises(AlignmentError, match=r"member 'n' and 'm' differ for 1 \('b'\)"):
        align(*members, one(["b"], 0.5, "n", labels=["dog"]), missing="renormalize")


# Policies for what is missing.


def test_zero_gives_no_probability_to_a_class_never_seen():
    third = make("m", [[0.2, 0.3, 0.5]] * 2, classes=["cow", "dog", "cat"])
    aligned = align(make("k"), third, missing="zero")
    assert aligned.classes == ("cat", "dog", "cow")
    assert aligned["k"].probas.tolist() == [[0.9, 0.1, 0.0], [0.3, 0.7, 0.0]]
    assert aligned["m"].probas.tolist() == [[0.5, 0.3, 0.2]] * 2
    assert aligned.present is None


def test_zero_keeps_the_labels():
    three = make("m", [[0.2, 0.3, 0.5]] * 2, classes=["cow", "dog", "cat"], labels=["cow", "dog"])
    assert align(make("k"), three, missing="zero").labels.tolist() == ["cow", "dog"]


def test_zero_is_no_answer_for_regression_or_rows():
    with pytest.raises(AlignmentError, match="classes must be the same"):
        align(make("k", task="regression"), make("m", classes=["cat", "cow"], task="regression"), missing="zero")
    with pytest.raises(AlignmentError, match="ids must be the same"):
        align(make("k"), one(["a"], 0.5, "m"), missing="zero")


def test_renormalize_keeps_rows_that_some_members_lack():
    aligned = align(one(["a", "b"], 0.25, "k"), one(["c", "a"], 0.75, "m"), missing="renormalize")
    assert aligned.ids.tolist() == ["a", "b", "c"]
    assert aligned.present.tolist() == [[True, True, False], [True, False, True]]
    assert np.isnan(aligned.member_probas).all(axis=-1).tolist() == (~aligned.present).tolist()
    assert aligned["m"].probas[[0, 2]].tolist() == [[0.75, 0.25]] * 2


def test_renormalize_is_no_answer_for_classes():
    with pytest.raises(AlignmentError, match="classes must be the same"):
        align(make("k"), make("m", classes=["cat", "cow"]), missing="renormalize")


def test_both_policies_at_once():
    third = make("m", [[0.2, 0.3, 0.5]], ids=["a"], classes=["cow", "dog", "cat"])
    aligned = align(make("k"), third, missing={"classes": "zero", "rows": "renormalize"})
    assert aligned.member_probas[0].tolist() == [[0.9, 0.1, 0.0], [0.3, 0.7, 0.0]]
    assert np.isnan(aligned.member_probas[1, 1]).all()


def test_nan_rows_are_absent_rows():
    first, second = make("k", [NAN, [0.3, 0.7]], missing="renormalize"), make("m", ids=["b", "a"])
    with pytest.raises(AlignmentError, match=r"member 'k' has NaN for 1 \('a'\) of its 2 ids.*missing='renormalize'"):
        align(first, second)
    assert align(first, second, missing="renormalize").present.tolist() == [[False, True], [True, True]]
    assert align(second, first, missing="renormalize").present.tolist() == [[True, True], [True, False]]


def test_nan_rows_and_other_columns_at_once():
    first = make("k", [NAN, [0.3, 0.7]], missing="renormalize")
    aligned = align(make("m", classes=["dog", "cat"]), first, missing="renormalize")
    assert aligned["k"].probas[1].tolist() == [0.7, 0.3]
    assert np.isnan(aligned["k"].probas[0]).all()


def test_a_row_that_no_member_has_is_refused():
    with pytest.raises(AlignmentError, match=r"at least one member; 1 \('a'\) are for none"):
        align(make("k", [NAN, [0.3, 0.7]], missing="renormalize"), one(["b"], 0.5, "m"), missing="renormalize")


@pytest.mark.parametrize("missing", ["drop", None, {"rows": "zero"}, {"classes": "renormalize"}, {"columns": "zero"}])
def test_an_unknown_policy_is_refused(missing):
    with pytest.raises(InvalidOptionError, match=r"missing must be 'error', 'zero' .* received"):
        align(make("k"), missing=missing)


# The set.


def three():
    rows = [[0.9, 0.1], [0.3, 0.7], [0.5, 0.5]]
    members = [make(m, np.roll(rows, i, axis=0), ids=["b", "a", "c"], labels=[0, 1, 1]) for i, m in enumerate("xyz")]
    return align(members)


def test_a_set_is_read_only():
    aligned = align(make("k", labels=[0, 1]), one(["a"], 0.5, "m"), missing="renormalize")
    arrays = [aligned.member_probas, aligned.ids, aligned.label_codes, aligned.present]
    arrays += [aligned["m"].probas, aligned["m"].present]
    assert not [a for a in arrays if a.flags.writeable]
    with pytest.raises(AttributeError, match="'split' stays as it is"):
        aligned.split = "test"


def test_a_set_is_made_by_align_only():
    with pytest.raises(TypeError, match="made by align"):
        PredictionSet(ids=["a"])


@pytest.mark.parametrize("remake", [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])  # noqa: S301
def test_a_set_survives_copies_and_pickling(remake):
    again = remake(three())
    assert again.members == ("x", "y", "z")
    assert again.member_probas.tolist() == three().member_probas.tolist()
    assert not again.member_probas.flags.writeable


def test_members_are_views_by_name():
    aligned = three()
    assert [p.member for p in aligned] == ["x", "y", "z"]
    assert len(aligned) == 3
    assert np.shares_memory(aligned["y"].probas, aligned.member_probas)
    assert aligned["y"].labels.tolist() == ["cat", "dog", "dog"]
    with pytest.raises(UnknownMemberError, match="No member 'w' here; there are 'x', 'y', 'z'"):
        aligned["w"]


def test_select_keeps_members_in_the_order_given():
    aligned = three()
    selected = aligned.select(["z", "x"])
    assert selected.members == ("z", "x")
    assert list(selected.fit_ids) == ["z", "x"]
    assert selected["z"].probas.tolist() == aligned["z"].probas.tolist()
    assert aligned.select("y").members == ("y",)


@pytest.mark.parametrize("members", [["w"], ["x", "x"], []])
def test_select_refuses_names_that_are_not_there(members):
    with pytest.raises(AlignmentError, match="members to select must be different names out of"):
        three().select(members)


def test_select_refuses_to_leave_rows_without_members():
    aligned = align(make("k"), one(["a"], 0.5, "m"), missing="renormalize")
    assert aligned.select(["k"]).present is None
    with pytest.raises(AlignmentError, match=r"at least one member; 1 \('b'\) are for none"):
        aligned.select(["m"])


def test_take_keeps_rows_in_the_order_given():
    taken = three().take(["c", "b"])
    assert taken.ids.tolist() == ["c", "b"]
    assert taken.labels.tolist() == ["dog", "cat"]
    assert taken["x"].probas.tolist() == [[0.5, 0.5], [0.9, 0.1]]
    with pytest.raises(InvalidPredictionsError, match=r"ids to take must be there; .* 1 \('w'\)"):
        three().take(["w"])


def test_nothing_is_absent_once_the_incomplete_rows_are_left_out():
    aligned = align(make("k"), one(["a"], 0.5, "m"), missing="renormalize")
    assert aligned.take(["a"]).present is None
    assert aligned.take(["b", "a"]).present.tolist() == [[True, True], [False, True]]


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_reorder_moves_values_and_labels_together(task):
    labels = ["z", "x"] if task == "multiclass" else [[1, 0, 0], [0, 1, 1]]
    probas = np.array([[0.2, 0.3, 0.5], [0.1, 0.6, 0.3]])
    aligned = align(Predictions(probas, ids=[1, 2], classes=["x", "y", "z"], labels=labels, task=task, member="m"))
    moved = aligned.reorder(classes=["z", "x", "y"], rows=np.array([1, 0]))
    assert moved.member_probas.tolist() == [[[0.3, 0.1, 0.6], [0.5, 0.2, 0.3]]]
    assert moved.labels.tolist() == (["x", "z"] if task == "multiclass" else [[1, 0, 1], [0, 1, 0]])
    assert aligned.classes == ("x", "y", "z")


def test_reorder_copies_nothing_where_nothing_moves():
    aligned = three()
    assert aligned.reorder(members=aligned.members, classes=aligned.classes, rows=np.arange(3)) is aligned


def test_with_labels_labels_a_set():
    aligned = align(make("k"), make("m")).with_labels(["dog", "cat"])
    assert aligned.labels.tolist() == ["dog", "cat"]
    with pytest.raises(InvalidPredictionsError, match="labels must be names out of classes"):
        aligned.with_labels(["dog", "cow"])


def test_repr_of_a_set():
    assert repr(align(make("k"), make("m"))) == (
        "PredictionSet(members=('k', 'm'), n_samples=2, classes=('cat', 'dog'), task='multiclass', labelled=False)"
    )
