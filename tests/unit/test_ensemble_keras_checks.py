"""scikit-learn's checks of `KerasClassifier` and `KerasRegressor`: they pass all but those that are listed."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import dok_matrix
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import check_do_not_raise_errors_in_init_or_set_params, check_estimator

from ensemblekit import EnsembleClassifier, EnsembleRegressor, KerasClassifier, KerasRegressor
from ensemblekit.errors import InvalidOptionError

keras = pytest.importorskip("keras")
pytestmark = pytest.mark.keras

PAGE = Path(__file__).parents[2] / "docs/scikit-learn.md"
X = np.random.default_rng(0).random((12, 3), dtype=np.float32)
Y = np.arange(12) % 2

CANNOT_KEEP = {
    # The sums of a batch are rounded in float32, and another number of rows makes other batches.
    # And few steps do not follow weights of a thousand and of a ten thousandth.
    KerasClassifier: {"check_sample_weight_equivalence_on_dense_data", "check_class_weight_classifiers"},
    # The same; and the check wants float64, where a model answers in its own dtype.
    KerasRegressor: {"check_sample_weight_equivalence_on_dense_data", "check_regressor_multioutput"},
}
DEPENDS_ON_PROCESSOR = {"check_methods_sample_order_invariance", "check_methods_subset_invariance"}
"""These compare float32 results of other batches to 1e-7, which some processors keep and others do not."""


def classifier_of(n_outputs, input_shape):
    """Make a small model, without the tracing that takes longer than its training."""
    model = keras.Sequential([keras.Input(input_shape), keras.layers.Dense(n_outputs, "softmax")])
    model.compile(keras.optimizers.Adam(0.4), "sparse_categorical_crossentropy", run_eagerly=True)
    return model


def regressor_of(n_outputs):
    """Make a small model that does not say what its inputs are."""
    model = keras.Sequential([keras.layers.Dense(n_outputs)])
    model.compile(keras.optimizers.Adam(0.1), "mse", run_eagerly=True)
    return model


WRAPPERS = [
    pytest.param(KerasClassifier(classifier_of, epochs=5, batch_size=500, seed=0), id="classifier"),
    pytest.param(
        KerasRegressor(regressor_of, epochs=20, batch_size=500, seed=0),
        id="regressor",
        marks=pytest.mark.skipif(os.environ.get("ENSEMBLEKIT_FUZZ") != "large", reason="as long as the classifier's"),
    ),
]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.long
def test_they_pass_every_check_that_is_not_listed(wrapper):
    results = check_estimator(wrapper, on_fail=None, on_skip=None)
    assert sum(result["status"] == "passed" for result in results) > 50
    failed = {r["check_name"] for r in results if r["status"] == "failed"}
    assert failed - DEPENDS_ON_PROCESSOR == CANNOT_KEEP[type(wrapper)]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_they_pass_the_checks_of_the_interface():
    # Those that scikit-learn asks of any estimator of others, a tenth of all: what they cost is training.
    wrapper = KerasClassifier(classifier_of, epochs=1, batch_size=500, seed=0)
    results = check_estimator(wrapper, legacy=False, on_fail=None, on_skip=None)
    assert sum(result["status"] == "passed" for result in results) > 10
    assert {r["check_name"] for r in results if r["status"] == "failed"} == set()


def test_the_page_lists_them():
    _, _, section = PAGE.read_text().partition("## scikit-learn's checks")
    for wrapper, checks in CANNOT_KEEP.items():
        lines = re.findall(rf"^\|[^|]*`{wrapper.__name__}`[^|]*\|([^|]*)\|", section, re.MULTILINE)
        assert {*re.findall(r"`(\w+)`", "".join(lines))} == checks | DEPENDS_ON_PROCESSOR


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_what_they_cannot_take_is_refused_before_training(wrapper):
    wrong = {
        "of which 12 are not, first nan": np.full(12, np.nan),
        "of which 12 are not, first -1.0": -np.ones(12),
        "at least one non-zero number": np.zeros(12),
        r"shape \(12,\); received shape \(12, 2\)": np.ones((12, 2)),
        r"received shape \(11,\)": np.ones(11),
    }
    for told, weight in wrong.items():
        with pytest.raises(InvalidOptionError, match=told):
            wrapper.fit(X, Y, sample_weight=weight)
    with pytest.raises(InvalidOptionError, match="requires y to be passed, but the target y is None"):
        wrapper.fit(X, None)
    with pytest.raises(TypeError, match="Sparse data was passed for X"):
        wrapper.fit(dok_matrix(X), Y)
    with pytest.raises(NotFittedError):
        wrapper.predict(X)


def test_several_outputs_of_keras_members():
    values = np.stack([Y, 1 - Y], axis=1) + 0.5
    numbers = EnsembleRegressor([("net", KerasRegressor(regressor_of, epochs=1, seed=0))]).fit(X, values)
    assert numbers.predict(X).shape == (12, 2)
    assert type(numbers.named_estimators_["net"]) is KerasRegressor  # one model for both
    labels = EnsembleClassifier([("net", KerasClassifier(classifier_of, epochs=1, seed=0))]).fit(X, values > 1)
    assert labels.predict_proba(X).shape == (12, 2)
    assert len(labels.named_estimators_["net"].estimators_) == 2  # a model of each


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_parameters_of_any_type_are_set_and_refused_by_fit(wrapper):
    check_do_not_raise_errors_in_init_or_set_params(type(wrapper).__name__, wrapper)
    odd = clone(wrapper).set_params(model_options=3)
    assert odd.get_params()["model_options"] == 3
    with pytest.raises(InvalidOptionError, match=r"model_options must be Mapping.*; received 3"):
        odd.fit(X, Y)
