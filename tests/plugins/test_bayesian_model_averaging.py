"""`bayesian_model_averaging`: posteriors worked by hand, and SciPy's densities."""

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import norm

from ensemblekit import Predictions, align, combine, fit_combiner
from ensemblekit.errors import InvalidOptionError, NotFittedError
from ensemblekit_plugins.combiners.bayesian_model_averaging import BayesianModelAveraging


def members(probas, labels, task="multiclass"):
    probas = np.asarray(probas, dtype=float)
    fields = {"ids": range(probas.shape[1]), "classes": range(probas.shape[-1]), "task": task, "labels": labels}
    return align([Predictions(p, member=f"m{k}", **fields) for k, p in enumerate(probas)])


def learn(*args, **options):
    return fit_combiner(members(*args), "bayesian_model_averaging", **options)


SURE = [[0.8, 0.2], [0.25, 0.75]]  # 0.8 * 0.75 = 0.6
TORN = [[0.5, 0.5], [0.2, 0.8]]  # 0.5 * 0.8 = 0.4


def test_by_hand():
    fitted = learn([SURE, TORN], np.array([0, 1]))
    np.testing.assert_allclose(fitted.weights_, [0.6, 0.4])
    np.testing.assert_allclose(fitted.log_likelihood_, np.log([0.6, 0.4]))
    # 0.6 * 0.8 + 0.4 * 0.5 = 0.68; 0.6 * 0.25 + 0.4 * 0.2 = 0.23
    combined = combine(members([SURE, TORN], np.array([0, 1])), fitted)
    np.testing.assert_allclose(combined.probas, [[0.68, 0.32], [0.23, 0.77]])


@pytest.mark.parametrize("prior", [{"m1": 3, "m0": 2}, [2, 3], np.array([0.4, 0.6])])
def test_a_prior_by_name_or_in_order(prior):
    # 2 * 0.6 = 1.2 and 3 * 0.4 = 1.2
    np.testing.assert_allclose(learn([SURE, TORN], np.array([0, 1]), prior=prior).weights_, [0.5, 0.5])


def test_a_member_without_prior_has_no_posterior():
    assert learn([SURE, TORN], np.array([0, 1]), prior=[0, 1]).weights_.tolist() == [0, 1]


def test_a_temperature_flattens():
    fitted = learn([SURE, TORN], np.array([0, 1]), temperature=2)
    np.testing.assert_allclose(fitted.weights_, np.sqrt([0.6, 0.4]) / np.sqrt([0.6, 0.4]).sum())


def test_labels_are_independent():
    # Labels (1, 0): 0.9 * 0.8 = 0.72 and 0.4 * 0.7 = 0.28.
    fitted = learn([[[0.9, 0.2]], [[0.4, 0.3]]], np.array([[1, 0]]), "multilabel")
    np.testing.assert_allclose(fitted.weights_, [0.72, 0.28])


def test_regression_is_gaussian():
    rng = np.random.default_rng(0)
    labels = rng.normal(size=(6, 2))
    values = labels + rng.normal(size=(3, 6, 2)) * np.array([0.9, 1, 1.1])[:, None, None]
    fitted = learn(values, labels, "regression")
    deviation = np.sqrt(np.square(values - labels).mean(axis=1, keepdims=True))
    expected = norm.logpdf(labels, values, deviation).sum(axis=(1, 2))
    np.testing.assert_allclose(fitted.log_likelihood_, expected)
    np.testing.assert_allclose(fitted.weights_, softmax(expected))


def test_a_member_without_error_takes_all():
    labels = np.arange(4.0)[:, None]
    assert learn([labels, labels + 1], labels, "regression").weights_.tolist() == [1, 0]


def test_many_rows_and_probabilities_of_zero_do_not_underflow():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 100_000)
    close = np.full((2, len(labels), 2), 0.5)
    fitted = learn(close, labels)
    assert fitted.weights_.tolist() == [0.5, 0.5]
    wrong = np.eye(2)[1 - labels]
    assert learn([wrong, close[0]], labels).weights_.tolist() == [0, 1]


def test_a_row_of_weight_two_is_two_rows():
    twice = learn(np.repeat([SURE, TORN], [2, 1], axis=1), np.array([0, 0, 1]))
    weighted = learn([SURE, TORN], np.array([0, 1]), sample_weight=[2, 1])
    np.testing.assert_allclose(weighted.weights_, twice.weights_)
    np.testing.assert_allclose(weighted.weights_, np.array([0.48, 0.2]) / 0.68)


def test_dense_outputs_are_rows():
    dense = learn(np.reshape([SURE, TORN], (2, 1, 2, 2)), np.array([[0, 1]]), sample_weight=[3])
    np.testing.assert_allclose(dense.log_likelihood_, 3 * np.log([0.6, 0.4]))


def test_what_is_refused():
    with pytest.raises(InvalidOptionError, match="temperature must be a finite number > 0; received 0"):
        BayesianModelAveraging(temperature=0)
    with pytest.raises(InvalidOptionError, match=r"prior: weights by member name .* missing \['m1'\]"):
        learn([SURE, TORN], np.array([0, 1]), prior={"m0": 1})
    with pytest.raises(InvalidOptionError, match=r"prior: weights must be finite and >= 0"):
        learn([SURE, TORN], np.array([0, 1]), prior=[1, -1])
    with pytest.raises(NotFittedError, match="BayesianModelAveraging must be fitted before it combines"):
        BayesianModelAveraging().combine(np.ones((2, 2, 2)))
