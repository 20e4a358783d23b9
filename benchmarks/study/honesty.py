"""What the results are worth: intervals, comparisons, confusion, figures without leaked images, repeats."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ensemblekit import Predictions
from ensemblekit.evaluation import (
    accuracy,
    compare_with_best_member,
    confusion_matrix,
    log_loss,
    repeats_table,
    score_table,
)

from .ensembles import MEMBERS, RULES

__all__ = ["COMPARED", "Worth", "weigh"]

COMPARED: Mapping[str, Sequence[str]] = {rule.row: MEMBERS for rule in RULES} | {"chained_model": ("first_model",)}
"""Row -> the members that it is held against."""


@dataclass(frozen=True)
class Worth:
    """Tables of what the figures can carry, all of the test images."""

    scores: pd.DataFrame
    comparisons: pd.DataFrame
    confusion: pd.DataFrame
    leak_free: pd.DataFrame | None = None
    repeats: pd.DataFrame | None = None
    n_leaked: int = 0


def weigh(
    rows: Mapping[str, Mapping[str, Predictions]],
    *,
    members: Mapping[str, Sequence[str]] = COMPARED,
    groups: Mapping[str, int] | None = None,
    leaked: Collection[str] = (),
    repeats: Mapping[int, pd.DataFrame] | None = None,
    seed: int = 0,
) -> Worth:
    """Compute the tables.

    Parameters
    ----------
    rows : mapping of str to mapping of str to Predictions
        Row -> split -> its predictions.
    members : mapping of str to sequence of str
        Row -> its members; the best of them on the validation images is what it is compared with.
    groups : mapping of str to int, optional
        Id -> group of near copies.
    leaked : collection of str
        Ids of test images that were seen before.
    repeats : mapping of int to DataFrame, optional
        Seed -> its results table.
    seed : int
        Of the resamples.

    Returns
    -------
    Worth
        All tables.
    """
    test = {row: by_split["test"] for row, by_split in rows.items()}
    held = {row: names for row, names in members.items() if row in rows}
    chosen_on = {name: rows[name]["valid"] for names in held.values() for name in names}
    dropped = sorted(set(leaked))
    leak_free = _leak_free(test, dropped) if dropped else None
    return Worth(
        scores=score_table(test, groups=groups, seed=seed),
        comparisons=compare_with_best_member(test, held, chosen_on=chosen_on, groups=groups, seed=seed, unit="images"),
        confusion=_confusion(test),
        leak_free=leak_free,
        repeats=repeats_table(repeats) if repeats else None,
        n_leaked=len(np.intersect1d(next(iter(test.values())).ids, dropped)) if dropped else 0,
    )


def _leak_free(test: Mapping[str, Predictions], leaked: list[str]) -> pd.DataFrame | None:
    ids = next(iter(test.values())).ids
    kept = ids[~np.isin(ids, leaked)]
    if not len(kept):
        return None
    return pd.DataFrame(
        [
            {
                "Model": row,
                "Test Loss": log_loss(p),
                "Test Accuracy": accuracy(p),
                "Leak-free Loss": log_loss(p.take(kept)),
                "Leak-free Accuracy": accuracy(p.take(kept)),
            }
            for row, p in test.items()
        ]
    )


def _confusion(test: Mapping[str, Predictions]) -> pd.DataFrame:
    parts = [confusion_matrix(p).stack().rename("n").reset_index().assign(model=row) for row, p in test.items()]
    return pd.concat(parts, ignore_index=True)[["model", "true", "predicted", "n"]]
