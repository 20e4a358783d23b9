"""Anything that predicts is a member; what does not is refused with the reason."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from ensemblekit import AlignmentError, InvalidOptionError, Member, Predictions, as_member
from ensemblekit.errors import InvalidPredictionsError

X = np.array([[0.0, 1.0], [1.0, 0.0], [0.2, 0.9], [0.8, 0.1]])
Y = np.array(["dog", "cat", "dog", "cat"])
IDS = np.array(["a", "b", "c", "d"])


def halves(x):
    return np.full((len(x), 2), 0.5)


def test_a_fitted_classifier_brings_its_own_class_names():
    model = LogisticRegression().fit(X, Y)
    member = as_member(model, name="forest", fit_ids=IDS)
    assert member.classes == ("cat", "dog")
    assert member.task == "multiclass"
    assert member.fit_ids.tolist() == IDS.tolist()
    assert isinstance(member, Member)
    np.testing.assert_array_equal(member.predict(IDS, X), model.predict_proba(X))


def test_a_classifier_in_a_pipeline_is_a_classifier():
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
    assert as_member(model, name="pipe").classes == ("cat", "dog")


@pytest.mark.parametrize(
    "model", [LogisticRegression(), LinearSVC(), make_pipeline(StandardScaler(), LogisticRegression())]
)
def test_an_unfitted_classifier_is_refused(model):
    with pytest.raises(InvalidOptionError, match=r"'m' .* must be fitted before it predicts; .*Call its fit first"):
        as_member(model, name="m", classes=["cat", "dog"])


def test_a_classifier_without_probabilities_is_refused():
    with pytest.raises(InvalidOptionError, match=r"'m' \(LinearSVC\) has no predict_proba.*CalibratedClassifierCV"):
        as_member(LinearSVC().fit(X, Y), name="m")


def test_a_regressor_predicts_values():
    member = as_member(LinearRegression().fit(X, [1.0, 2.0, 3.0, 4.0]), name="line")
    assert (member.task, member.classes) == ("regression", ("value",))
    assert member.predict(IDS, X).shape == (4, 1)
    assert as_member(LinearRegression(), name="line", classes=["price"]).classes == ("price",)


@pytest.mark.parametrize("model", [KMeans(2), 7, "vgg.keras"])
def test_what_predicts_neither_classes_nor_values_is_refused(model):
    with pytest.raises(InvalidOptionError, match=f"must be a Keras model, .*received {type(model).__name__}"):
        as_member(model, name="m", classes=["cat", "dog"])


def test_a_callable_is_a_member_once_its_classes_are_named():
    assert as_member(halves, name="coin", classes=["cat", "dog"]).predict(IDS, X).tolist() == [[0.5, 0.5]] * 4
    with pytest.raises(InvalidOptionError, match=r"'coin' \(function\) does not know the names of its outputs"):
        as_member(halves, name="coin")


def test_an_object_that_predicts_and_says_no_more_is_multiclass():
    class Plain:
        predict = staticmethod(halves)

    assert as_member(Plain(), name="plain", classes=["cat", "dog"]).task == "multiclass"
    with pytest.raises(InvalidOptionError, match="does not know the names of its outputs"):
        as_member(Plain(), name="plain")


def test_the_task_may_be_given():
    assert as_member(halves, name="m", classes=["cat", "dog"], task="multilabel").task == "multilabel"
    with pytest.raises(InvalidOptionError, match="task must be one of 'multiclass'"):
        as_member(halves, name="m", classes=["cat", "dog"], task="ranking")


def test_saved_predictions_are_looked_up_by_id():
    saved = Predictions([[0.9, 0.1], [0.3, 0.7]], ids=["a", "b"], classes=["cat", "dog"], member="old", fit_ids=["z"])
    member = as_member(saved, name="saved")
    assert member.predict(np.array(["b", "a"]), None).tolist() == [[0.3, 0.7], [0.9, 0.1]]
    assert member.fit_ids.tolist() == ["z"]
    assert as_member(saved, name="saved", fit_ids=["y"]).fit_ids.tolist() == ["y"]
    with pytest.raises(AlignmentError, match=r"'saved' must have saved predictions for every id; it lacks 1 \('c'\)"):
        member.predict(np.array(["a", "c"]), None)


def test_other_classes_than_its_own_are_refused():
    model = LogisticRegression().fit(X, Y)
    assert as_member(model, name="m", classes=["dog", "cat"]).classes == ("cat", "dog")
    for known in (model, Predictions([[0.5, 0.5]], ids=["a"], classes=["cat", "dog"])):
        with pytest.raises(InvalidOptionError, match=r"'m' knows its classes, .*received \('cat', 'cow'\).*aliases"):
            as_member(known, name="m", classes=["cat", "cow"])


def test_a_member_may_be_named_anew_and_keeps_the_rest():
    first = as_member(halves, name="first", classes=["cat", "dog"], fit_ids=["z"], task="multilabel")
    second = as_member(first, name="second")
    assert (second.name, second.classes, second.task) == ("second", ("cat", "dog"), "multilabel")
    assert second.fit_ids.tolist() == ["z"]
    assert as_member(first, name="third", fit_ids=["y"]).fit_ids.tolist() == ["y"]
    assert first.name == "first"


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (np.full((3, 2), 0.5), r"one row an input, .*for 4 inputs it returned shape \(3, 2\)"),
        (np.full(4, 0.5), r"one row an input, .*it returned shape \(4,\)"),
        (np.full((4, 3), 0.5), r"one column a class; it returned shape \(4, 3\) for the 2 classes \('cat', 'dog'\)"),
    ],
)
def test_a_member_that_returns_another_shape_is_refused(output, message):
    with pytest.raises(InvalidPredictionsError, match=f"member 'm' must return {message}"):
        as_member(lambda x: output, name="m", classes=["cat", "dog"]).predict(IDS, X)


def test_one_sigmoid_output_is_the_probability_of_the_second_class():
    member = as_member(lambda x: np.array([[0.25], [1.0]]), name="m", classes=["cat", "dog"])
    assert member.predict(IDS[:2], X[:2]).tolist() == [[0.75, 0.25], [0.0, 1.0]]


def test_one_output_is_no_sigmoid_for_three_classes_or_for_labels_that_do_not_exclude_each_other():
    for fields in ({"classes": ["cat", "cow", "dog"]}, {"classes": ["cat", "dog"], "task": "multilabel"}):
        with pytest.raises(InvalidPredictionsError, match="one column a class"):
            as_member(lambda x: np.full((len(x), 1), 0.5), name="m", **fields).predict(IDS, X)


@pytest.mark.keras
def test_a_keras_model_is_a_member():
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, "softmax")])
    member = as_member(model, name="network", classes=["dog", "cat"])
    assert (member.classes, member.task) == (("dog", "cat"), "multiclass")
    np.testing.assert_allclose(member.predict(IDS, X), model.predict(X, verbose=0), rtol=1e-6)
    with pytest.raises(InvalidOptionError, match=r"'network' \(Sequential\) does not know the names of its outputs"):
        as_member(model, name="network")


@pytest.mark.keras
def test_a_keras_model_with_one_sigmoid_output_is_a_member():
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, "sigmoid")])
    probas = as_member(model, name="network", classes=["cat", "dog"]).predict(IDS, X)
    np.testing.assert_allclose(probas[:, 1:], model.predict(X, verbose=0), rtol=1e-6)
    np.testing.assert_allclose(probas.sum(axis=1), 1)


@pytest.mark.slow
def test_recognising_members_and_sources_imports_no_tensorflow():
    code = """
import sys
import numpy as np
from sklearn.linear_model import LogisticRegression
from ensemblekit import Predictions, as_member, collect

x, ids = np.eye(2), ["a", "b"]
members = {
    "fitted": LogisticRegression().fit(x, ["cat", "dog"]),
    "callable": lambda x: np.full((len(x), 2), 0.5),
    "saved": Predictions(np.eye(2), ids=ids, classes=["cat", "dog"]),
}
collect(members, (ids, x), classes=["cat", "dog"])
for unknown in (7, LogisticRegression()):
    try:
        as_member(unknown, name="unknown")
    except ValueError:
        pass
print(*sorted({name.partition(".")[0] for name in sys.modules} & {"tensorflow", "keras", "torch", "jax"}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
