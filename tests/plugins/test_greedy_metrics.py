"""`greedy_selection`: by every scorer of scikit-learn it picks as the plain implementation does."""

import tracemalloc
import warnings

import numpy as np
import pytest
import sklearn
from packaging.version import Version
from sklearn.metrics import get_scorer_names

from ensemblekit import fit_combiner
from ensemblekit.errors import InvalidOptionError
from ensemblekit.evaluation import METRICS
from ensemblekit_plugins.learning.blends import Whole
from ensemblekit_plugins.learning.metrics import blends
from ensemblekit_plugins.learning.rows import Rows

from .test_greedy_selection import drawn, members, plain, scorer_oracle

SHAPES = [("multiclass", 4), ("multiclass", 2), ("multilabel", 4), ("regression", 1), ("regression", 2)]
OF_REGRESSION = ("neg_mean_", "neg_root_", "neg_max", "neg_median", "r2", "explained", "d2_absolute")
LEFT = {
    # scikit-learn divides rows of labels by their sums there, as if they were classes.
    ("d2_log_loss_score", "multilabel", 4),
    ("neg_log_loss", "multilabel", 4),
    # The mean over labels here, the sum there; see test_the_loss_of_labels_is_the_mean_over_labels.
    ("neg_brier_score", "multilabel", 4),
    # Both classes are always among the first two.
    ("top_k_accuracy", "multiclass", 2),
}


FAST = {
    "accuracy", "balanced_accuracy", "f1", "f1_macro", "f1_micro", "f1_samples", "f1_weighted", "average_precision",
    "neg_log_loss", "neg_brier_score", "roc_auc_ovr", "roc_auc_ovr_weighted", "neg_mean_squared_error",
    "neg_root_mean_squared_error", "neg_mean_absolute_error",
}  # fmt: skip


def small(task, width):
    probas, labels = drawn(task, n_members=5, n=60, n_classes=width, seed=3)
    return (np.abs(probas) + 0.1, np.abs(labels) + 0.1) if task == "regression" else (probas, labels)


def said_by_plain(name, task, probas, labels, kwargs):
    """Picks and scores, or None where scikit-learn has no score of this."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            picks, history = plain(probas, labels, scorer_oracle(name, task), 5, **kwargs)
    except (TypeError, ValueError):
        return None
    return (picks, history) if np.isfinite(history).all() else None


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("task", "width"), SHAPES)
def test_every_scorer_picks_as_the_plain_one(task, width, weighted):
    probas, labels = small(task, width)
    weight = np.random.default_rng(1).uniform(0.5, 2, len(labels)) if weighted else None
    kwargs = {} if weight is None else {"sample_weight": weight}
    rows = Rows(probas, labels, None if weight is None else weight / weight.sum(), task)
    given, compared, called = members(probas, labels, task), [], set()
    for name in get_scorer_names():
        if name.startswith(OF_REGRESSION) != (task == "regression") or (name, task, width) in LEFT:
            continue
        expected = said_by_plain(name, task, probas, labels, kwargs)
        if expected is None:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of scikit-learn, as for the plain one
            fitted = fit_combiner(given, "greedy_selection", metric=name, n_rounds=5, **kwargs)
        assert fitted.picks_[0].tolist() == expected[0], name
        np.testing.assert_allclose(fitted.history_[0], expected[1], rtol=1e-9, atol=1e-12, err_msg=name)
        compared.append(name)
        scorer = blends(name, rows)
        if type(scorer) is Whole:
            called.add(name)
    # The common ones have a way of their own; the others are averaged and scored one by one.
    assert called.isdisjoint(FAST)
    assert len(compared) >= {"multiclass": 20, "multilabel": 15, "regression": 9}[task]


@pytest.mark.parametrize("weight", [None, np.tile([0.25, 1.0, 1.5], 1000)])
@pytest.mark.parametrize("name", ["neg_median_absolute_error", "neg_max_error", "d2_absolute_error_score"])
def test_medians_of_many_rows(name, weight):
    # Sorted rows: the sample by which the median is bracketed still finds it. Halves: rounded errors are often equal.
    if name == "neg_max_error" and weight is not None:
        pytest.skip("scikit-learn has no weights there")
    if name == "neg_median_absolute_error" and weight is not None and Version(sklearn.__version__) < Version("1.7"):
        pytest.skip("before 1.7 scikit-learn takes another weighted median")
    draws = np.random.default_rng(0)
    labels = np.sort(draws.normal(size=(3000, 1)), axis=0)
    for probas in (labels + draws.normal(size=(5, 3000, 1)), np.round(labels + draws.normal(size=(5, 3000, 1)), 1)):
        kwargs = {} if weight is None else {"sample_weight": weight}
        picks, history = plain(probas, labels, scorer_oracle(name, "regression"), 4, **kwargs)
        fitted = fit_combiner(
            members(probas, labels, "regression"), "greedy_selection", metric=name, n_rounds=4, **kwargs
        )
        assert fitted.picks_[0].tolist() == picks
        np.testing.assert_allclose(fitted.history_[0], history, rtol=1e-9)


def test_a_median_that_the_sample_misses():
    labels = np.zeros((3000, 1))
    errors = np.ones((1, 3000, 1))
    errors[:, :: 3000 // 512] = 50
    fitted = fit_combiner(
        members(errors, labels, "regression"), "greedy_selection", metric="neg_median_absolute_error", n_rounds=1
    )
    assert fitted.history_[0][0] == -1


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("neg_mean_poisson_deviance", "strictly positive y_pred"),
        ("neg_mean_gamma_deviance", "strictly positive y"),
        ("neg_mean_squared_log_error", "less than or equal to -1"),
    ],
)
def test_values_that_a_metric_has_no_score_for_are_refused_by_scikit_learn(name, error):
    labels = np.array([[1.0], [2.0], [3.0]])
    given = members(np.array([[[-2.0], [2.0], [3.0]], [[1.0], [2.0], [2.0]]]), labels, "regression")
    with pytest.raises(ValueError, match=error):
        fit_combiner(given, "greedy_selection", metric=name, n_rounds=2)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("name", ["accuracy", "roc_auc_ovr", "brier_score", "log_loss"])
def test_memory_is_bounded(name):
    draws = np.random.default_rng(0)
    probas = draws.random((8, 500_000, 10), dtype=np.float32)
    probas /= probas.sum(axis=-1, keepdims=True)
    given = members(probas, draws.integers(0, 10, 500_000))
    tracemalloc.start()
    fit_combiner(given, "greedy_selection", metric=name, n_rounds=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 64_000_000


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("name", sorted(METRICS))
def test_a_metric_of_evaluation_scores_as_evaluation_does(name, n_classes):
    probas, labels = drawn(n_members=5, n=60, n_classes=n_classes, seed=3)
    probas[:, 0] = np.eye(n_classes)[labels[0] - 1]  # the truth has probability 0, and is clipped
    fitted = fit_combiner(members(probas, labels), "greedy_selection", metric=name, n_rounds=4)
    sign = 1 if METRICS[name].higher_is_better else -1
    total = np.zeros(probas.shape[1:])
    for pick, score in zip(fitted.picks_[0], fitted.history_[0], strict=True):
        blends = (total + probas) / (total + probas).sum(axis=-1, keepdims=True)
        scores = [sign * METRICS[name].score(one) for one in members(blends, labels)]
        assert score == pytest.approx(max(scores), rel=1e-9)
        assert scores[pick] == pytest.approx(max(scores), rel=1e-9)
        total += probas[pick]


def test_a_class_without_a_row_has_no_area_under_the_curve():
    probas, labels = drawn(n_members=4, n_classes=4)
    labels = np.where(labels == 2, 0, labels)
    fitted = fit_combiner(members(probas, labels), "greedy_selection", metric="macro_auroc", n_rounds=1)
    best = max(METRICS["macro_auroc"].score(one) for one in members(probas, labels))
    assert fitted.history_[0][0] == pytest.approx(best, rel=1e-12)


@pytest.mark.parametrize("combiner", ["greedy_selection", "weighted"])
def test_brier_is_the_former_name_of_brier_score(combiner):
    given = members(*drawn())
    with pytest.warns(DeprecationWarning, match="metric='brier' is deprecated .* use metric='brier_score'") as caught:
        old = fit_combiner(given, combiner, metric="brier")
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(old.weights_, fit_combiner(given, combiner, metric="brier_score").weights_)


@pytest.mark.parametrize("name", ["log_loss", "macro_auroc", "calibration_error"])
def test_metrics_of_probabilities_are_refused_for_numbers(name):
    given = members(*drawn("regression"), "regression")
    with pytest.raises(InvalidOptionError, match=f"metric '{name}' is for probabilities"):
        fit_combiner(given, "greedy_selection", metric=name)


@pytest.mark.parametrize("combiner", ["greedy_selection", "weighted"])
def test_the_squared_error_of_classes_does_not_depend_on_their_names(combiner):
    given = members(*drawn())
    by_error = fit_combiner(given, combiner, metric="squared_error")
    np.testing.assert_array_equal(by_error.weights_, fit_combiner(given, combiner, metric="brier_score").weights_)
    with pytest.raises(InvalidOptionError, match="metric 'absolute_error' is for numbers; received probabilities"):
        fit_combiner(given, combiner, metric="absolute_error")
