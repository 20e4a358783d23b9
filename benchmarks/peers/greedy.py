"""Greedy ensemble selection as others do it: every candidate is averaged in full, and the metric is called on it.

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

from .scores import TASKS, measures

__all__ = ["EnsembleSelection", "library"]


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


def _drawn(task: str, n_members: int = 100, n_samples: int = 20_000) -> tuple[Any, Any, list[str]]:
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

    members, labels, classes = _drawn(task)
    kind = "multiclass" if task == "binary" else task
    said = np.array(classes)[labels] if kind == "multiclass" else labels
    fields = {"ids": range(len(labels)), "classes": classes, "labels": said, "task": kind}
    aligned = align([Predictions(p, member=f"m{k:03}", **fields) for k, p in enumerate(members)])
    known = measures(task)
    print("| metric | rounds of the plain one | plain, s a round | greedy_selection, s a round | times | same picks |")
    print("|---|---|---|---|---|---|")
    for name in names or known:
        rounds = 50 if name == "log_loss" else 2
        fit_combiner(aligned, "greedy_selection", metric=name, n_rounds=1)  # imports
        start = time.perf_counter()
        plain = EnsembleSelection(rounds, known[name], renormalise=kind == "multiclass").fit(members, labels)
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
