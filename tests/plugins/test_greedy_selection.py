"""`greedy_selection`: the picks of a plain implementation, for every metric, and cases worked by hand."""

import time
import tracemalloc

import numpy as np
import pytest
import sklearn
from packaging.version import Version

from benchmarks.peers.greedy import EnsembleSelection, library
from ensemblekit import Predictions, align, combine, fit_combiner
from ensemblekit.errors import InvalidOptionError, NotFittedError
from ensemblekit_plugins.combiners.greedy_selection import GreedySelection

CLASSIFICATION = [
    "log_loss", "neg_brier_score", "accuracy", "balanced_accuracy", "matthews_corrcoef", "f1_macro", "f1_micro",
    "f1_weighted", "precision_macro", "precision_micro", "precision_weighted", "recall_macro", "recall_micro",
    "recall_weighted", "jaccard_macro", "jaccard_micro", "jaccard_weighted", "roc_auc_ovr", "roc_auc_ovr_weighted",
    "roc_auc_ovo", "roc_auc_ovo_weighted", "average_precision", "top_k_accuracy", "d2_log_loss_score",
]  # fmt: skip
BINARY = ["log_loss", "neg_brier_score", "f1", "precision", "recall", "jaccard", "roc_auc", "average_precision"]
REGRESSION = ["squared_error", "absolute_error", "neg_root_mean_squared_error", "r2", "explained_variance"]
REGRESSION += ["neg_median_absolute_error", "neg_max_error"]
MULTILABEL = ["f1_macro", "roc_auc", "average_precision", "accuracy"]
SINCE = {"neg_brier_score": "1.7", "d2_log_loss_score": "1.8"}
"""The first scikit-learn with this score of several classes, where it is not the lowest that we take."""


def scored(metric):
    """Say whether scikit-learn has a score to compare with."""
    return Version(sklearn.__version__) >= Version(SINCE.get(metric, "1"))


def members(probas, labels, task="multiclass"):
    n_classes = probas.shape[-1]
    fields = {"ids": range(probas.shape[1]), "classes": [f"c{c}" for c in range(n_classes)], "task": task}
    names = np.array(fields["classes"])
    labels = names[labels] if task == "multiclass" else labels
    return align([Predictions(p, member=f"m{k:02}", labels=labels, **fields) for k, p in enumerate(probas)])


def drawn(task="multiclass", n_members=6, n=60, n_classes=4, seed=0):
    rng = np.random.default_rng(seed)
    if task == "regression":
        labels = rng.normal(size=(n, n_classes))
        return labels + rng.normal(size=(n_members, n, n_classes)) * rng.uniform(0.3, 1, (n_members, 1, 1)), labels
    if task == "multilabel":
        labels = rng.random((n, n_classes)) < 0.4
        noise = rng.normal(size=(n_members, n, n_classes)) * 2
        return 1 / (1 + np.exp(-2 * (labels - 0.5) - noise)), labels
    probas, labels = library(n_members, n, n_classes, seed)
    probas = probas.astype(np.float64)
    return probas / probas.sum(axis=-1, keepdims=True), labels


def scorer_oracle(metric, task):
    """Ask scikit-learn's scorer through an estimator that says what it is given."""
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.metrics import get_scorer

    aliases = {"log_loss": "neg_log_loss", "squared_error": "neg_mean_squared_error"}
    scorer = get_scorer(aliases.get(metric, "neg_mean_absolute_error" if metric == "absolute_error" else metric))
    mixin = RegressorMixin if task == "regression" else ClassifierMixin

    class Says(mixin, BaseEstimator):
        def fit(self, x, y):
            return self

        def __sklearn_is_fitted__(self):
            return True

        def predict_proba(self, x):
            return x

        def predict(self, x):
            if task == "regression":
                return x
            return x.argmax(axis=1) if task == "multiclass" else (x >= 0.5).astype(int)

    says = Says()
    return lambda y, p, **kwargs: (setattr(says, "classes_", np.arange(p.shape[1])), scorer(says, p, y, **kwargs))[1]


def plain(probas, labels, measure, n_rounds, **kwargs):
    """Average everything, score everything; within 1e-12 the first."""
    total, picks, history = np.zeros(probas.shape[1:]), [], []
    for k in range(1, n_rounds + 1):
        scores = np.array([measure(labels, (total + p) / k, **kwargs) for p in probas])
        best = int(np.argmax(scores >= scores.max() - 1e-12 * abs(scores.max())))
        total += probas[best]
        picks.append(best)
        history.append(scores[best])
    return picks, history


def check(metric, task, probas, labels, sample_weight=None, n_rounds=5):
    kwargs = {} if sample_weight is None else {"sample_weight": sample_weight}
    picks, history = plain(probas, labels, scorer_oracle(metric, task), n_rounds, **kwargs)
    fitted = fit_combiner(
        members(probas, labels, task), "greedy_selection", metric=metric, n_rounds=n_rounds, sample_weight=sample_weight
    )
    assert fitted.picks_[0].tolist() == picks
    np.testing.assert_allclose(fitted.history_[0], history, rtol=1e-9, atol=1e-12)
    kept = int(np.argmax(np.array(history) >= max(history) - 1e-12 * abs(max(history)))) + 1
    assert fitted.counts_.tolist() == np.bincount(picks[:kept], minlength=len(probas)).tolist()
    np.testing.assert_array_equal(fitted.weights_, fitted.counts_ / fitted.counts_.sum())


@pytest.mark.parametrize("weighted", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("metric", CLASSIFICATION)
def test_the_picks_are_those_of_a_plain_implementation(metric, weighted):
    probas, labels = drawn()
    weight = np.random.default_rng(1).uniform(0.5, 2, len(labels)) if weighted else None
    if weighted and "ovo" in metric:
        pytest.skip("scikit-learn has no weights there")
    if not scored(metric):
        pytest.skip(f"scikit-learn has this since {SINCE[metric]}")
    check(metric, "multiclass", probas, labels, weight)


@pytest.mark.parametrize("metric", BINARY)
def test_the_second_class_is_the_positive_one(metric):
    check(metric, "multiclass", *drawn(n_classes=2))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("metric", REGRESSION)
def test_regression(metric, n_outputs, weighted):
    if metric == "neg_max_error" and (weighted or n_outputs > 1):
        pytest.skip("scikit-learn has no weights and one output there")
    probas, labels = drawn("regression", n_classes=n_outputs)
    weight = np.random.default_rng(1).uniform(0.5, 2, len(labels)) if weighted else None
    check(metric, "regression", probas, labels, weight)


@pytest.mark.parametrize("metric", MULTILABEL)
def test_multilabel(metric):
    check(metric, "multilabel", *drawn("multilabel"))


@pytest.mark.parametrize("metric", ["log_loss", "brier_score"])
def test_the_loss_of_labels_is_the_mean_over_labels(metric):
    from sklearn.metrics import brier_score_loss, log_loss

    probas, labels = drawn("multilabel")
    loss = {"log_loss": log_loss, "brier_score": brier_score_loss}[metric]

    def mean(y, p):
        return -np.mean([loss(y[:, c], p[:, c]) for c in range(p.shape[1])])

    fitted = fit_combiner(members(probas, labels, "multilabel"), "greedy_selection", n_rounds=5, metric=metric)
    picks, history = plain(probas, labels, mean, 5)
    assert fitted.picks_[0].tolist() == picks
    np.testing.assert_allclose(fitted.history_[0], history)


def test_large_sums_lose_no_pick():
    # With 40,000 rows there are several chunks, and with 40 rounds most rows are settled.
    probas, labels = drawn(n_members=4, n=40_000, n_classes=3)
    check("log_loss", "multiclass", probas, labels, n_rounds=5)
    check("accuracy", "multiclass", probas[:, :3000], labels[:3000], n_rounds=40)


def test_probabilities_of_zero_are_survived():
    probas = np.array([[[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]])
    check("neg_log_loss", "multiclass", probas, np.array([0, 1]), n_rounds=4)


def test_by_hand():
    # The true class gets 0.9 and 0.4 from m00, 0.6 and 0.8 from m01: products 0.36 and 0.48, so m01 comes first; then
    # m00 (0.75 * 0.6 = 0.45) against m01 again (0.48): m01; then m00 (0.7 * 2/3 = 0.4667) against m01 (0.48): m01.
    probas = np.array([[[0.9, 0.1], [0.6, 0.4]], [[0.6, 0.4], [0.2, 0.8]]])
    fitted = fit_combiner(members(probas, np.array([0, 1])), "greedy_selection", n_rounds=3, use_best=False)
    assert fitted.picks_[0].tolist() == [1, 1, 1]
    assert fitted.counts_.tolist() == [0, 3]
    np.testing.assert_allclose(fitted.history_[0], np.full(3, np.log(0.48) / 2))
    best = fit_combiner(members(probas, np.array([0, 1])), "greedy_selection", n_rounds=3)
    assert best.counts_.tolist() == [0, 1]


def test_ties_go_to_the_first_by_name():
    probas, labels = drawn(n_members=3)
    twins = probas[[0, 2, 2, 0, 1, 1]]
    for metric in filter(scored, ("log_loss", "accuracy", "neg_brier_score", "roc_auc_ovr", "d2_log_loss_score")):
        fitted = fit_combiner(members(twins, labels), "greedy_selection", metric=metric, n_rounds=8)
        assert set(fitted.picks_[0].tolist()) <= {0, 1, 4}


def test_sorted_initialisation_takes_the_best_first():
    probas, labels = drawn()
    alone = [fit_combiner(members(p[None], labels), "greedy_selection", n_rounds=1).history_[0][0] for p in probas]
    fitted = fit_combiner(members(probas, labels), "greedy_selection", n_rounds=6, n_init=3)
    assert fitted.picks_[0][:3].tolist() == np.argsort(-np.array(alone))[:3].tolist()
    assert fitted.history_[0][0] == pytest.approx(max(alone))


def test_bags_draw_members_and_count_together():
    given = members(*drawn())
    options = {"n_rounds": 5, "n_bags": 4, "bag_fraction": 0.5, "use_best": False}
    fitted = fit_combiner(given, "greedy_selection", **options)
    assert fitted.counts_.sum() == 20
    assert len(fitted.history_) == len(fitted.picks_) == 4
    assert all(len(set(picks.tolist())) <= 4 for picks in fitted.picks_)
    again = fit_combiner(given, "greedy_selection", **options)
    assert again.counts_.tolist() == fitted.counts_.tolist()
    other = fit_combiner(given, "greedy_selection", seed=1, **options)
    assert [p.tolist() for p in other.picks_] != [p.tolist() for p in fitted.picks_]


def test_callables_and_scorers():
    from sklearn.metrics import log_loss, make_scorer

    given = members(*drawn())
    expected = fit_combiner(given, "greedy_selection", n_rounds=5)
    for metric in (
        lambda y, p: -log_loss(y, p),
        make_scorer(log_loss, response_method="predict_proba", greater_is_better=False),
    ):
        fitted = fit_combiner(given, "greedy_selection", n_rounds=5, metric=metric)
        assert fitted.picks_[0].tolist() == expected.picks_[0].tolist()
        np.testing.assert_allclose(fitted.history_[0], expected.history_[0])


def test_dense_outputs_are_rows():
    probas, labels = drawn(n_members=8, n=90)
    dense = members(probas.reshape(8, 9, 5, 2, 4), labels.reshape(9, 5, 2))
    for metric in ("log_loss", "accuracy", "brier_score"):
        fitted = fit_combiner(dense, "greedy_selection", metric=metric, n_rounds=5)
        flat = fit_combiner(members(probas, labels), "greedy_selection", metric=metric, n_rounds=5)
        assert fitted.picks_[0].tolist() == flat.picks_[0].tolist()
    assert combine(dense, fitted).probas.shape == (9, 5, 2, 4)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_dtype_is_kept(dtype):
    probas, labels = drawn()
    given = members(probas.astype(dtype), labels)
    fitted = fit_combiner(given, "greedy_selection", n_rounds=5)
    combined = combine(given, fitted).probas
    assert combined.dtype == dtype
    expected = np.average(given.member_probas.astype(float), axis=0, weights=fitted.weights_)
    np.testing.assert_allclose(combined, expected, rtol=4 * np.finfo(dtype).eps, atol=1e-7)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"n_rounds": 0}, "n_rounds must be a whole number >= 1; received 0"),
        ({"metric": "loss"}, "metric must be one of .* 'log_loss', .* received 'loss'"),
        ({"n_init": 60}, "n_init must be at most n_rounds; received 60 of 50"),
        ({"n_bags": 3}, "n_bags > 1 needs bag_fraction < 1"),
        ({"bag_fraction": 0}, "bag_fraction must be a finite number > 0 and <= 1; received 0"),
        ({"use_best": 2}, "use_best must be one of True, False; received 2"),
    ],
)
def test_what_is_refused(options, error):
    with pytest.raises(InvalidOptionError, match=error):
        GreedySelection(**options)


def test_a_metric_that_is_never_finite_is_refused():
    with pytest.raises(InvalidOptionError, match="metric must be finite for some member"):
        fit_combiner(members(*drawn()), "greedy_selection", metric=lambda y, p: np.nan)


def test_it_must_be_fitted():
    with pytest.raises(NotFittedError, match="GreedySelection must be fitted"):
        GreedySelection().combine(np.ones((2, 2, 2)))


@pytest.mark.slow
def test_it_is_fifty_times_as_fast_and_picks_the_same():
    from sklearn.metrics import log_loss

    probas, labels = library()
    given = members(probas, labels)
    fit_combiner(given, "greedy_selection", n_rounds=1)
    start = time.perf_counter()
    plain = EnsembleSelection(2, lambda y, p: -log_loss(y, p)).fit(probas, labels)
    middle = time.perf_counter()
    fitted = fit_combiner(given, "greedy_selection", n_rounds=50)
    end = time.perf_counter()
    assert fitted.picks_[0][:2].tolist() == plain.picks_
    assert 25 * (middle - start) > 50 * (end - middle)
    tracemalloc.start()
    fit_combiner(given, "greedy_selection", n_rounds=5)
    assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    tracemalloc.stop()
