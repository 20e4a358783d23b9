"""Repeated trials of a cascade: models fitted on some rows, its threshold set on others, judged on the rest."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ensemblekit import Predictions, align
from ensemblekit.cascading import cascade
from ensemblekit.errors import FewRowsWarning

SPLITS_PER_FIT = 10
"""Held-out rows are drawn anew so often before the models are fitted to other rows."""


class Stage(NamedTuple):
    """One stage: its name, a function that makes it, its features, and the seconds that these cost for a row."""

    name: str
    make: Callable[[], Any]
    x: np.ndarray
    seconds: float


@dataclass(frozen=True)
class Setting:
    """A data set with its stages, and how many rows are fitted and held out."""

    name: str
    stages: Sequence[Stage]
    labels: np.ndarray
    n_fit: int
    n_held_out: int


class Trial(NamedTuple):
    """What one division into rows gave.

    Attributes
    ----------
    agreement : float
        With the last stage, on new rows.
    agreement_all : float
        The same on held-out and new rows together, from which the held-out rows were drawn.
    reach, cost : float
        Share of new rows that reach the last stage; cost relative to the last stage alone.
    accuracy, accuracy_last : float
        Of the cascade and of its last stage, on new rows.
    """

    agreement: float
    agreement_all: float
    reach: float
    cost: float
    accuracy: float
    accuracy_last: float


def run_trials(setting: Setting, n_splits: int, agreement: float, confidence: float, seed: int = 0) -> list[Trial]:
    """Divide the rows at random, so often."""
    rng = np.random.default_rng(seed)
    trials: list[Trial] = []
    while len(trials) < n_splits:
        order = rng.permutation(len(setting.labels))
        fit, rest = order[: setting.n_fit], np.sort(order[setting.n_fit :])
        predictions, seconds = _fitted(setting, fit, rest)
        for _ in range(min(SPLITS_PER_FIT, n_splits - len(trials))):
            drawn = rng.permutation(rest)
            held_out, new = drawn[: setting.n_held_out], drawn[setting.n_held_out :]
            trials.append(_trial(predictions, seconds, held_out, new, agreement, confidence))
    return trials


def _fitted(setting: Setting, fit: np.ndarray, rest: np.ndarray) -> tuple[Any, dict[str, float]]:
    members: list[Predictions] = []
    seconds: dict[str, float] = {}
    for stage in setting.stages:
        model = stage.make().fit(stage.x[fit], setting.labels[fit])
        started = time.process_time()
        probas = model.predict_proba(stage.x[rest])
        seconds[stage.name] = stage.seconds + (time.process_time() - started) / len(rest)
        fields: dict[str, Any] = {"ids": rest, "labels": setting.labels[rest], "fit_ids": fit}
        members.append(Predictions(probas, classes=model.classes_.tolist(), member=stage.name, **fields))
    return align(members), seconds


def _trial(
    predictions: Any, seconds: dict[str, float], held_out: np.ndarray, new: np.ndarray, agreement: float, share: float
) -> Trial:
    names = predictions.members
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FewRowsWarning)
        chain = cascade(
            {name: predictions[name].take(held_out) for name in names},
            agreement=agreement, confidence=share, costs=seconds,
        )  # fmt: skip
    joined, stage = chain.join({name: predictions[name] for name in names})
    last = predictions[names[-1]]
    agrees = pd.Series(joined.predicted == last.predicted, index=joined.ids)
    rows = joined.take(new)
    answering: Any = stage[new]
    cost = sum(seconds[name] * answering.isin(names[place:]).mean() for place, name in enumerate(names))
    return Trial(
        agreement=float(agrees[new].mean()),
        agreement_all=float(agrees.mean()),
        reach=float((answering == names[-1]).mean()),
        cost=float(cost / seconds[names[-1]]),
        accuracy=float((rows.predicted == rows.labels).mean()),
        accuracy_last=float((last.take(new).predicted == rows.labels).mean()),
    )


def summary(setting: Setting, trials: list[Trial], agreement: float) -> dict[str, Any]:
    """Put the trials of a setting into a row of the table."""
    table = pd.DataFrame(trials)
    return {
        "data set": setting.name,
        "stages": " → ".join(stage.name for stage in setting.stages),
        "splits": len(trials),
        "holds": f"{100 * (table['agreement_all'] >= agreement).mean():.1f} %",
        "holds on new rows alone": f"{100 * (table['agreement'] >= agreement).mean():.1f} %",
        "agreement": f"{table['agreement'].mean():.4f}",
        "reach the last": f"{100 * table['reach'].mean():.0f} %",
        "cost saved": f"{100 * (1 - table['cost'].mean()):.0f} %",
        "accuracy": f"{table['accuracy'].mean():.4f}",
        "last alone": f"{table['accuracy_last'].mean():.4f}",
    }
