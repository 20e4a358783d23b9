"""The task ``quantile``."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from ensemblekit import Task, hookimpl
from ensemblekit.quantiles.levels import ascending, level_name, levels_of

__all__ = ["Quantile"]

BLOCK_VALUES = 2**19
"""Values of a block in float64: 4 MB."""


class Quantile(Task):
    """Quantiles of a predictive distribution: a column a level, and one true number per row.

    Notes
    -----
    The classes are levels above 0 and below 1. They are matched by value: ``0.1``, ``"0.1"`` and ``"0.10"`` are the
    class ``"0.1"``. The columns may be in any order. In each row the quantiles must not decrease as the level rises;
    equal ones are allowed. Labels are one number per row.

    The baseline is the empirical quantile of the labels at each level, weighted: the smallest label up to which the
    share of the weights reaches the level [1]_.

    References
    ----------
    .. [1] R. J. Hyndman, Y. Fan, "Sample quantiles in statistical packages", The American Statistician 50(4), 1996:
       definition 1.
    """

    kind = "regression"
    metrics = ("wis", "crps", "pinball", "coverage_error", "sharpness")
    dense_metrics = ()

    def name_classes(self, classes: tuple[Any, ...]) -> tuple[str, ...]:
        return tuple(map(level_name, classes))

    def complete_labels(
        self, labels: np.ndarray, classes: tuple[Hashable, ...], columns: tuple[Hashable, ...] | None = None
    ) -> np.ndarray:
        one = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
        return np.broadcast_to(one[:, np.newaxis], (len(one), len(classes))) if one.ndim == 1 else labels

    def check(self, probas: np.ndarray, classes: tuple[Hashable, ...]) -> None:
        """Refuse rows whose quantiles decrease as the level rises.

        Parameters
        ----------
        probas : ndarray of shape (n_samples, n_levels)
            Quantiles; rows that are absent are NaN.
        classes : tuple of str
            Names of the levels.
        """
        order = ascending(levels_of(classes))
        if probas.ndim != 2:
            raise ValueError(f"quantiles must have shape (n_samples, n_levels); received shape {probas.shape}.")
        step = max(1, BLOCK_VALUES // len(classes))
        for start in range(0, len(probas), step):
            rows = probas[start : start + step][:, order]
            crossing = (rows[:, 1:] < rows[:, :-1]).any(axis=1)
            if crossing.any():
                first = int(crossing.argmax())
                total = sum(
                    int((part[:, 1:] < part[:, :-1]).any(axis=1).sum())
                    for at in range(0, len(probas), step)
                    for part in (probas[at : at + step][:, order],)
                )
                raise ValueError(
                    f"quantiles must not decrease as the level rises; they do in {total} of {len(probas)} rows, the "
                    f"first {start + first}: {np.array2string(rows[first], precision=4, threshold=8, separator=', ')}. "
                    "If crossing quantiles are to be sorted, say so: "
                    "ensemblekit.quantiles.sort_quantiles(values, classes)."
                )

    def check_labels(self, labels: np.ndarray, classes: tuple[Hashable, ...]) -> None:
        """Refuse labels that differ between the levels of a row.

        Parameters
        ----------
        labels : ndarray of shape (n_samples, n_levels)
            The true number of each row, once for each level.
        classes : tuple of str
            Names of the levels.
        """
        differ = (labels != labels[:, :1]).any(axis=1)
        if differ.any():
            raise ValueError(
                f"labels must be one number a row; they differ between the levels in {int(differ.sum())} of "
                f"{len(labels)} rows, the first {int(differ.argmax())}. Give one column."
            )

    def baseline(
        self,
        labels: np.ndarray,
        n_classes: int,
        *,
        sample_weight: np.ndarray | None = None,
        classes: tuple[Hashable, ...] | None = None,
    ) -> np.ndarray:
        """Compute the empirical quantiles of the labels.

        Parameters
        ----------
        labels : ndarray of shape (n_samples, n_levels)
            As in `check_labels`, of rows that are not judged.
        n_classes : int
            Number of levels.
        sample_weight : ndarray of shape (n_samples,), optional
            Weight of each row, >= 0.
        classes : tuple of str, optional
            Names of the levels; by default levels at equal distances, ``k / (n_classes + 1)``.

        Returns
        -------
        ndarray of float64 of shape (n_levels,)
            One quantile a level.
        """
        levels = np.arange(1, n_classes + 1) / (n_classes + 1) if classes is None else levels_of(classes)
        true = np.asarray(labels, dtype=np.float64)[:, 0]
        weights = np.ones(len(true)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        order = np.argsort(true, kind="stable")
        order = order[weights[order] > 0]
        reached = np.cumsum(weights[order])
        # Rounding must not turn a share that equals the level into one below it.
        places = np.searchsorted(reached, levels * reached[-1] * (1 - 1e-12))
        return true[order][np.minimum(places, len(order) - 1)]


@hookimpl
def ensemblekit_register_tasks(register: Any) -> None:
    """Register ``quantile``."""
    register("quantile", Quantile)
