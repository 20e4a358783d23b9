"""The simplest candidate that is not beaten: by hand, with losses of rows that are known."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemblekit.choosing._candidates import BEST, MEAN, Candidate
from ensemblekit.choosing._scoring import Scoring, simplest_not_beaten
from ensemblekit.evaluation import find_metric

N = 200
LEVELS = {BEST: 0, MEAN: 1, "weights": 3, "stacked": 4}


def choice(losses: dict[str, Any], *, simplest: bool = True, places: Any = None) -> str:
    """Choose by squared error, with these losses of the rows."""
    labels = np.zeros((N, 1))
    predicted = {name: np.sqrt(np.broadcast_to(values, N))[:, np.newaxis] for name, values in losses.items()}
    candidates: dict[str, Any] = {name: Candidate(name, None, LEVELS[name]) for name in losses}
    scoring = Scoring(find_metric("squared_error"), labels, np.arange(N) if places is None else places, None, 0)
    return simplest_not_beaten(scoring, candidates, predicted, simplest=simplest)


UP_AND_DOWN = np.where(np.arange(N) % 2, 0.5, -0.5)
"""As the difference of two rules it has a standard error of 0.035."""


def test_a_lead_that_chance_would_show_leaves_the_simplest() -> None:
    near = {BEST: 2.0, MEAN: 1.0, "weights": 0.99 + UP_AND_DOWN, "stacked": 0.98 - UP_AND_DOWN}
    assert choice(near) == MEAN
    assert choice(near, simplest=False) == "stacked"


def test_a_lead_that_is_none_of_chance_wins() -> None:
    assert choice({BEST: 2.0, MEAN: 1.0, "weights": 0.8 + UP_AND_DOWN, "stacked": 0.81 + UP_AND_DOWN}) == "weights"
    assert choice({BEST: 2.0, MEAN: 1.0, "weights": 0.99 + UP_AND_DOWN, "stacked": 0.7 - UP_AND_DOWN}) == "stacked"


def test_the_best_member_stays_unless_a_combination_leads() -> None:
    assert choice({BEST: 0.9, MEAN: 1.0, "weights": 1.1, "stacked": 1.2}) == BEST
    assert choice({BEST: 1.01, MEAN: 1 + UP_AND_DOWN, "weights": 1.5, "stacked": 1.5}) == BEST
    assert choice({BEST: 1.05, MEAN: 1 + UP_AND_DOWN, "weights": 1.5, "stacked": 1.5}) == MEAN


def test_rows_of_one_group_are_one_piece_of_evidence() -> None:
    places = np.arange(N) % 3
    by_group = {BEST: 2.0, MEAN: 1.0, "weights": 0.8 + np.array([0.6, -0.1, -0.5])[places]}
    assert choice(by_group) == "weights"
    assert choice(by_group, places=places) == MEAN


def test_the_sign_is_that_of_the_metric() -> None:
    labels = np.arange(40) % 2
    sure, coin = np.eye(2)[labels] * 0.8 + 0.1, np.full((40, 2), 0.5)
    candidates: dict[str, Any] = {name: Candidate(name, None, LEVELS[name]) for name in (BEST, MEAN)}
    for metric in ("accuracy", "log_loss"):
        scoring = Scoring(find_metric(metric), labels, np.arange(40), None, 0)
        for predicted, expected in (({BEST: coin, MEAN: sure}, MEAN), ({BEST: sure, MEAN: coin}, BEST)):
            assert simplest_not_beaten(scoring, candidates, predicted, simplest=True) == expected
