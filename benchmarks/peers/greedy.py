"""Greedy ensemble selection as others do it: every candidate is averaged in full, and the metric is called on it.

`EnsembleSelection` does what AutoGluon's class of that name does in a round: a running mean in float64, all candidates
blended in full, renormalised, and scored by scikit-learn; candidates within 1e-12 are equal. AutoGluon breaks ties at
random and rounds scores to six decimals; here the first of equals is taken, so that picks can be compared.

Run it to compare: ``python -m benchmarks.peers.greedy [metric ...]``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["EnsembleSelection", "library", "measures"]


class EnsembleSelection:
    """Plain greedy selection with replacement.

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


def measures() -> dict[str, Callable[..., float]]:
    """Give scikit-learn's metrics by the names that `greedy_selection` knows them by."""
    from sklearn import metrics

    def predicted(score: Callable[..., float]) -> Callable[..., float]:
        return lambda y, p: score(y, p.argmax(axis=1))

    return {
        "log_loss": lambda y, p: -metrics.log_loss(y, p),
        "neg_brier_score": lambda y, p: -metrics.brier_score_loss(y, p),
        "accuracy": predicted(metrics.accuracy_score),
        "balanced_accuracy": predicted(metrics.balanced_accuracy_score),
        "f1_macro": predicted(lambda y, said: metrics.f1_score(y, said, average="macro")),
        "precision_macro": predicted(lambda y, said: metrics.precision_score(y, said, average="macro")),
        "recall_weighted": predicted(lambda y, said: metrics.recall_score(y, said, average="weighted")),
        "jaccard_macro": predicted(lambda y, said: metrics.jaccard_score(y, said, average="macro")),
        "matthews_corrcoef": predicted(metrics.matthews_corrcoef),
        "roc_auc_ovr": lambda y, p: metrics.roc_auc_score(y, p, multi_class="ovr"),
        "roc_auc_ovo": lambda y, p: metrics.roc_auc_score(y, p, multi_class="ovo"),
        "average_precision": metrics.average_precision_score,
        "top_k_accuracy": metrics.top_k_accuracy_score,
        "d2_log_loss_score": metrics.d2_log_loss_score,
    }


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


def main(names: list[str]) -> None:
    """Print seconds a round of both, for each metric."""
    from ensemblekit import Predictions, align, fit_combiner

    members, labels = library()
    fields = {"ids": range(len(labels)), "classes": range(members.shape[-1]), "labels": labels}
    aligned = align([Predictions(p, member=f"m{k:03}", **fields) for k, p in enumerate(members)])
    known = measures()
    print("| metric | rounds of the plain one | plain, s a round | greedy_selection, s a round | times | same picks |")
    print("|---|---|---|---|---|---|")
    for name in names or known:
        rounds = 50 if name == "log_loss" else 3
        start = time.perf_counter()
        plain = EnsembleSelection(rounds, known[name]).fit(members, labels)
        middle = time.perf_counter()
        ours = 50 if name not in ("roc_auc_ovr", "roc_auc_ovo", "average_precision", "top_k_accuracy") else rounds
        fitted = fit_combiner("greedy_selection", aligned, metric=name, n_rounds=ours)
        per_round = (time.perf_counter() - middle) / ours
        plain_round = (middle - start) / rounds
        same = fitted.picks_[0][:rounds].tolist() == plain.picks_
        print(f"| {name} | {rounds} | {plain_round:.3f} | {per_round:.4f} | {plain_round / per_round:.1f} | {same} |")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
