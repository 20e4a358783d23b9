"""Greedy ensemble selection as other libraries do it: every candidate is averaged in full, and the metric is computed.

`EnsembleSelection` does what AutoGluon's class of that name does in a round: a running mean in float64, all candidates
blended in full, renormalised, and scored by scikit-learn; candidates within 1e-12 are equal. AutoGluon breaks ties at
random and rounds scores to six decimals; here the first of equals is taken, so that picks can be compared.

Run it to compare: ``python -m benchmarks.peers.greedy [task] [metric ...]``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import get_scorer

KINDS, AVERAGES = ("f1", "precision", "recall", "jaccard"), ("macro", "micro", "weighted")
AVERAGED = tuple(f"{kind}_{average}" for kind in KINDS for average in AVERAGES)
TASKS: dict[str, tuple[str, ...]] = {
    "multiclass": (
        "log_loss", "neg_brier_score", "accuracy", "balanced_accuracy", "matthews_corrcoef", *AVERAGED, "roc_auc_ovr",
        "roc_auc_ovr_weighted", "roc_auc_ovo", "roc_auc_ovo_weighted", "average_precision", "top_k_accuracy",
        "d2_log_loss_score", "d2_brier_score", "adjusted_mutual_info_score", "adjusted_rand_score",
        "completeness_score", "fowlkes_mallows_score", "homogeneity_score", "mutual_info_score",
        "normalized_mutual_info_score", "rand_score", "v_measure_score",
    ),
    "binary": (
        "log_loss", "neg_brier_score", "accuracy", *KINDS, "roc_auc", "average_precision", "d2_log_loss_score",
        "d2_brier_score", "positive_likelihood_ratio", "neg_negative_likelihood_ratio",
    ),
    "multilabel": ("accuracy", *AVERAGED, *(f"{kind}_samples" for kind in KINDS), "roc_auc", "average_precision"),
    "regression": (
        "neg_mean_squared_error", "neg_root_mean_squared_error", "r2", "explained_variance", "neg_mean_absolute_error",
        "d2_absolute_error_score", "neg_mean_absolute_percentage_error", "neg_mean_squared_log_error",
        "neg_root_mean_squared_log_error", "neg_mean_poisson_deviance", "neg_mean_gamma_deviance",
        "neg_median_absolute_error", "neg_max_error",
    ),
}  # fmt: skip
"""Task -> scorers of scikit-learn that make sense for it."""


class _GivenProbabilities(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose input is its prediction."""

    def __init__(self, classes: np.ndarray, *, multilabel: bool) -> None:
        self.classes_, self._multilabel = classes, multilabel

    def predict_proba(self, probas: np.ndarray) -> np.ndarray:
        return probas

    def predict(self, probas: np.ndarray) -> np.ndarray:
        return (probas >= 0.5).astype(int) if self._multilabel else self.classes_[probas.argmax(axis=1)]


class _GivenValues(RegressorMixin, BaseEstimator):
    """A fitted regressor whose input is its prediction."""

    fitted_ = True

    def predict(self, values: np.ndarray) -> np.ndarray:
        return values


def measure_of(metric: str, task: str, n_classes: int) -> Callable[[Any, Any], float]:
    """Return a scorer of scikit-learn as a function ``(truth, predictions) -> float``, greater is better."""
    scorer = get_scorer("neg_log_loss" if metric == "log_loss" else metric)
    given: Any = _GivenValues()
    if task != "regression":
        given = _GivenProbabilities(np.arange(n_classes), multilabel=task == "multilabel")
    return lambda truth, predictions: scorer(given, predictions, truth)


class EnsembleSelection:
    """Forward selection with replacement.

    Parameters
    ----------
    n_rounds : int
        Picks.
    measure : callable
        ``(y_true, y_proba) -> float``, greater is better.
    renormalise : bool, default=True
        Divide each blend by the sums of its rows, as for multiclass predictions.
    """

    def __init__(self, n_rounds: int, measure: Callable[..., float], *, renormalise: bool = True) -> None:
        self.n_rounds, self.measure, self.renormalise = n_rounds, measure, renormalise

    def fit(self, predictions: Any, labels: np.ndarray) -> EnsembleSelection:
        """Select; `picks_` are positions, `history_` scores."""
        blend = np.zeros(predictions[0].shape)
        candidate = np.zeros(predictions[0].shape)
        self.picks_: list[int] = []
        self.history_: list[float] = []
        for done in range(self.n_rounds):
            scores = np.empty(len(predictions))
            shared = blend * (done / (done + 1))
            for member, probas in enumerate(predictions):
                candidate[:] = shared + (1 / (done + 1)) * probas
                if self.renormalise:
                    candidate /= candidate.sum(axis=1)[:, np.newaxis]
                scores[member] = self.measure(labels, candidate)
            best = int(np.argmax(np.isclose(scores, scores.max(), rtol=1e-12, atol=0)))
            blend = shared + predictions[best] / (done + 1)
            self.picks_.append(best)
            self.history_.append(float(scores[best]))
        kept = int(np.argmax(np.isclose(self.history_, max(self.history_), rtol=1e-12, atol=0))) + 1
        self.counts_ = np.bincount(self.picks_[:kept], minlength=len(predictions))
        return self


def library(n_members: int = 100, n_samples: int = 20_000, n_classes: int = 10, seed: int = 0) -> tuple[Any, Any]:
    """Draw members of different skill, as float32 probabilities, and labels."""
    draws = np.random.default_rng(seed)
    labels = draws.integers(0, n_classes, n_samples)
    members = np.empty((n_members, n_samples, n_classes), dtype=np.float32)
    common = draws.normal(size=(n_samples, n_classes))
    for member in members:
        scores = 1.5 * common + draws.normal(size=common.shape)
        scores[np.arange(n_samples), labels] += draws.uniform(0.5, 2.5)
        member[:] = np.exp(scores - scores.max(axis=1, keepdims=True))
        member /= member.sum(axis=1, keepdims=True)
    return members, labels


def _draw(task: str, n_members: int = 100, n_samples: int = 20_000) -> tuple[Any, Any, list[str]]:
    if task in ("multiclass", "binary"):
        members, labels = library(n_members, n_samples, 10 if task == "multiclass" else 2)
        return members, labels, [f"c{k}" for k in range(members.shape[-1])]
    draws = np.random.default_rng(0)
    skill = draws.uniform(0.5, 2, (n_members, 1, 1))
    if task == "multilabel":
        labels = draws.random((n_samples, 10)) < 0.3
        scores = skill * (2 * labels - 1) + draws.normal(size=(n_members, n_samples, 10), scale=2.0)
        return (1 / (1 + np.exp(-scores))).astype(np.float32), labels, [f"c{k}" for k in range(10)]
    labels = draws.gamma(2, 2, (n_samples, 1)) + 0.1
    noise = draws.normal(size=(n_members, n_samples, 1)) / skill
    return (np.abs(labels + noise) + 0.05).astype(np.float32), labels, ["y"]


def main(task: str, names: list[str]) -> None:
    """Print seconds a round of both, for each metric."""
    from ensemblekit import Predictions, align, fit_combiner

    members, labels, classes = _draw(task)
    kind = "multiclass" if task == "binary" else task
    truth = np.array(classes)[labels] if kind == "multiclass" else labels
    fields = {"ids": range(len(labels)), "classes": classes, "labels": truth, "task": kind}
    aligned = align([Predictions(p, member=f"m{k:03}", **fields) for k, p in enumerate(members)])
    print("| metric | rounds of the plain one | plain, s a round | greedy_selection, s a round | times | same picks |")
    print("|---|---|---|---|---|---|")
    for name in names or TASKS[task]:
        rounds = 50 if name == "log_loss" else 2
        fit_combiner(aligned, "greedy_selection", metric=name, n_rounds=1)  # imports
        measure = measure_of(name, task, len(classes))
        start = time.perf_counter()
        plain = EnsembleSelection(rounds, measure, renormalise=kind == "multiclass").fit(members, labels)
        middle = time.perf_counter()
        ours = 50 if (middle - start) / rounds < 1 else 10
        fitted = fit_combiner(aligned, "greedy_selection", metric=name, n_rounds=ours)
        per_round = (time.perf_counter() - middle) / ours
        plain_round = (middle - start) / rounds
        same = fitted.picks_[0][:rounds].tolist() == plain.picks_
        print(f"| {name} | {rounds} | {plain_round:.3f} | {per_round:.4f} | {plain_round / per_round:.1f} | {same} |")
        sys.stdout.flush()


if __name__ == "__main__":
    wanted = sys.argv[1:]
    main(*((wanted[0], wanted[1:]) if wanted and wanted[0] in TASKS else ("multiclass", wanted)))
