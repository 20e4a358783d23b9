"""Fits of conformal sets and intervals: scores of the calibration rows, divided into cells."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import InvalidOptionError
from ...predictions import Predictions, PredictionSet
from ._cells import Cells, fewest_rows
from ._inputs import Answers, check_unused, spread_of
from ._intervals import ConformalIntervals
from ._scores import quantile, set_scores, uniform_by_id
from ._sets import ConformalSets

__all__ = ["Asked", "Grouping", "fit_intervals", "fit_sets"]

PENALTIES = (0.001, 0.01, 0.1, 0.2, 0.5)
"""Penalties that are tried, as in the paper on RAPS."""
TUNED = 5
"""One of so many rows chooses the penalty."""

Grouping = tuple[np.ndarray, tuple[Hashable, ...]]
"""The place of each row's group, and the names of the groups."""


@dataclass(frozen=True)
class Asked:
    """The options of `fit_conformal`."""

    method: str
    alpha: float
    by: str | None
    spread: Any
    randomised: bool
    penalty: float | None
    n_free: int | None
    risk: str
    confidence: float
    seed: int


def fit_sets(answers: Mapping[str, Answers], ids: np.ndarray, groups: Grouping, asked: Asked, _: bool) -> ConformalSets:
    """Fit prediction sets."""
    classes = next(iter(answers.values())).first.classes
    probas = np.concatenate([model.values(classes)[0] for model in answers.values()])
    true = np.concatenate([model.true(classes) for model in answers.values()])
    folds = np.repeat(np.arange(len(answers)), [len(model.ids) for model in answers.values()])
    randomised = asked.randomised and asked.method != "lac"
    uniform = uniform_by_id(ids, asked.seed) if randomised else None
    penalty, n_free = asked.penalty or 0.0, asked.n_free or 0
    kept = np.ones(len(ids), dtype=bool)
    if asked.method == "raps" and asked.penalty is None:
        # Other random numbers than those of the scores.
        order = np.argsort(uniform_by_id(ids, asked.seed + 1), kind="stable")
        tuning = order[: len(ids) // TUNED]
        kept[tuning] = False
        own = None if uniform is None else uniform[tuning]
        penalty, n_free = _penalty(probas[tuning], true[tuning], own, asked.alpha, len(ids))
    scores = set_scores(probas, asked.method, uniform=uniform, penalty=penalty, n_free=n_free)
    cells = Cells.of(
        scores[np.arange(len(true)), true][kept],
        asked.alpha,
        columns=true[kept],
        n_columns=len(classes) if asked.by else 1,
        groups=groups[0][kept],
        names=groups[1],
        fold_codes=folds[kept],
        folds=tuple(answers),
    )
    return ConformalSets(
        method=asked.method,
        alpha=asked.alpha,
        threshold=float(cells.limits.max()),
        classes=classes,
        calibration_ids=ids,
        randomised=randomised,
        seed=asked.seed,
        penalty=penalty,
        n_free=n_free,
        by=asked.by,
        cells=cells,
    )


def _penalty(
    probas: np.ndarray, true: np.ndarray, uniform: np.ndarray | None, alpha: float, n_rows: int
) -> tuple[float, int]:
    """Choose the penalty with the smallest sets, and the rank that nearly all true classes reach."""
    if len(true) < fewest_rows(alpha):
        raise InvalidOptionError(
            f"raps chooses penalty and n_free on a fifth of the rows, which must be at least {fewest_rows(alpha)} for "
            f"alpha={alpha}; received {len(true)} of {n_rows}. Give penalty= and n_free=, or more rows."
        )
    rows = np.arange(len(true))
    ranks = (probas >= probas[rows, true][:, np.newaxis]).sum(axis=1)
    n_free = int(quantile(ranks, alpha))
    sizes: list[float] = []
    for penalty in PENALTIES:
        scores = set_scores(probas, "raps", uniform=uniform, penalty=penalty, n_free=n_free)
        sizes.append(float((scores <= quantile(scores[rows, true], alpha)).sum(axis=1).mean()))
    return PENALTIES[int(np.argmin(sizes))], n_free


def fit_intervals(
    answers: Mapping[str, Answers], ids: np.ndarray, groups: Grouping, asked: Asked, allow_leakage: bool
) -> ConformalIntervals:
    """Fit prediction intervals."""
    classes = next(iter(answers.values())).first.classes
    scores: list[np.ndarray] = []
    for model in answers.values():
        values, true = model.values(classes), model.true(classes)
        own = np.maximum(values[0] - true, true - values[-1])
        if asked.spread is not None:
            if not allow_leakage:
                _check_spread(asked.spread, model.first)
            own = own / spread_of(asked.spread, model.first, classes)
        scores.append(own)
    cells = Cells.of(
        np.concatenate(scores),
        asked.alpha,
        columns=None,
        n_columns=len(classes),
        groups=groups[0],
        names=groups[1],
        fold_codes=np.repeat(np.arange(len(answers)), [len(own) for own in scores]),
        folds=tuple(answers),
    )
    half_widths = cells.limits.max(axis=0)
    return ConformalIntervals(asked.alpha, half_widths, classes, ids, method=asked.method, cells=cells)


def _check_spread(spread: Any, predictions: Predictions) -> None:
    """Refuse a spread of models that were fitted on rows of the calibration."""
    fitted = spread.fit_ids.values() if isinstance(spread, PredictionSet) else [getattr(spread, "fit_ids", None)]
    if isinstance(spread, Predictions | PredictionSet):
        for ids in fitted:
            check_unused(predictions, ids, "a model of spread was fitted on")
