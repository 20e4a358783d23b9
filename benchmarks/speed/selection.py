"""Greedy selection against the plain implementation: the same choice, and the speed-up."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ensemblekit import PredictionSet, fit_combiner
from ensemblekit.registry import Registry

from .cubes import Shape, labelled
from .rules import error_text

METRICS = ("log_loss", "neg_brier_score", "accuracy", "balanced_accuracy", "f1_macro", "roc_auc_ovr")


@dataclass(frozen=True)
class Task:
    """How much there is to choose from, and how often."""

    members: int
    samples: int
    classes: int
    rounds: int


TASK = Task(members=100, samples=20_000, classes=10, rounds=50)
"""The size for which the promises are made."""
SMALL_TASK = Task(members=10, samples=2_000, classes=4, rounds=5)

Choose = Callable[[PredictionSet, str, int], np.ndarray]
"""Takes labelled predictions, a metric and a number of rounds; returns the weight of each member."""


@dataclass(frozen=True)
class Selected:
    """One metric: seconds of ours and of the plain one for all rounds, and whether both chose the same."""

    metric: str
    task: Task
    ours: float = float("nan")
    plain: float = float("nan")
    plain_rounds: int = 0
    same: bool = False
    reason: str | None = None

    @property
    def faster(self) -> float:
        """How many times faster ours is."""
        return self.plain / self.ours

    @property
    def scaled(self) -> bool:
        """Whether the plain one made only some of the rounds."""
        return 0 < self.plain_rounds < self.task.rounds


def measure_selection(
    registry: Registry, metric: str, task: Task, *, slowest: float, plain: Choose | None = None
) -> Selected:
    """Select by a metric, both ways.

    Where the plain implementation (by default that of `benchmarks.peers.greedy`) would take longer than ``slowest``
    seconds, it makes its first rounds only: its time is scaled, and its choice compared with ours after as many.
    """
    try:
        plain = plain or _plain()
        ours_way = _ours(registry)
        predictions = labelled(Shape("greedy", (task.members, task.samples, task.classes)), rows=task.samples)
        small = labelled(Shape("greedy", (4, 64, 3)), rows=64)
        for choose in (ours_way, plain):
            choose(small, metric, 2)  # imports
        ours, chosen = _timed(ours_way, predictions, metric, task.rounds)
        one_round, _ = _timed(plain, predictions, metric, 1)
        rounds = int(min(task.rounds, max(2, slowest / one_round)))
        seconds, expected = _timed(plain, predictions, metric, rounds)
        if rounds < task.rounds:
            chosen = ours_way(predictions, metric, rounds)
    except Exception as error:  # a plugin or a peer may raise anything
        return Selected(metric, task, reason=error_text(error))
    same = bool(np.allclose(chosen, expected, rtol=0, atol=1e-12))
    return Selected(metric, task, ours, seconds * task.rounds / rounds, rounds, same)


def _timed(choose: Choose, predictions: PredictionSet, metric: str, rounds: int) -> tuple[float, np.ndarray]:
    started = time.perf_counter()
    weights = choose(predictions, metric, rounds)
    return time.perf_counter() - started, weights


def _ours(registry: Registry) -> Choose:
    def choose(predictions: PredictionSet, metric: str, rounds: int) -> np.ndarray:
        combiner: Any = registry.create_combiner("greedy_selection", metric=metric, n_rounds=rounds)
        return fit_combiner(predictions, combiner).weights_

    return choose


def _plain() -> Choose:
    from benchmarks.peers.greedy import EnsembleSelection, measure_of

    def choose(predictions: PredictionSet, metric: str, rounds: int) -> np.ndarray:
        measure = measure_of(metric, "multiclass", len(predictions.classes))
        chosen = EnsembleSelection(rounds, measure).fit(predictions.member_probas, predictions.label_codes)
        return chosen.counts_ / chosen.counts_.sum()

    return choose
