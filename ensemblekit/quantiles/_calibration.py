"""Calibration of quantiles: coverage by level, PIT values, and levels that are corrected on held-out rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..arguments import typed
from ..errors import AlignmentError, InvalidPredictionsError, LeakageError
from ..predictions import Predictions, align
from ..predictions.choices import check_not_seen, check_not_test
from ..predictions.names import among, shown
from ..predictions.results import fitted_together, predictions_for
from .levels import ascending, central_intervals, levels_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Recalibration", "fit_recalibration", "pit_values", "quantile_coverage"]


@typed()
def pit_values(predictions: Predictions) -> np.ndarray:
    """Compute the probability integral transform: the level at which each true number lies in its distribution.

    Parameters
    ----------
    predictions : Predictions
        Labelled, of the task ``quantile``.

    Returns
    -------
    ndarray of float64 of shape (n_samples,)
        In (0, 1). Uniform, if the distributions are calibrated.

    Raises
    ------
    InvalidPredictionsError
        If they are of another task, have no labels or rows, or lack rows.

    Notes
    -----
    ``F_i(y_i)``, with ``F_i`` linear between two levels [1]_. A true number below the lowest quantile, of level ``a``,
    has ``a / 2``, and one above the highest, of level ``b``, ``(1 + b) / 2``: in the middle of what is known. One that
    equals several quantiles has the mean of their lowest and highest level.

    References
    ----------
    .. [1] A. P. Dawid, "Statistical theory: the prequential approach", Journal of the Royal Statistical Society A 147,
       1984.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.quantiles import pit_values
    >>> fields = {"ids": [1, 2], "classes": [0.25, 0.75], "task": "quantile", "labels": [2.0, 9.0]}
    >>> pit_values(Predictions([[1.0, 3.0], [1.0, 3.0]], **fields))
    array([0.5  , 0.875])
    """
    true, values, levels = _sorted(predictions, "pit_values")
    last = len(levels) - 1
    below, upto = (values < true[:, np.newaxis]).sum(axis=1), (values <= true[:, np.newaxis]).sum(axis=1)
    low, high = np.clip(below - 1, 0, last), np.clip(below, 0, last)
    rows = np.arange(len(true))
    width = values[rows, high] - values[rows, low]
    share = np.divide(true - values[rows, low], width, out=np.zeros(len(true)), where=width > 0)
    inside = levels[low] + share * (levels[high] - levels[low])
    on = (levels[np.clip(below, 0, last)] + levels[np.clip(upto - 1, 0, last)]) / 2
    found = np.where(upto > below, on, inside)
    found = np.where((upto == below) & (below == 0), levels[0] / 2, found)
    return np.where((upto == below) & (below > last), (1 + levels[-1]) / 2, found)


@typed()
def quantile_coverage(predictions: Predictions) -> pd.DataFrame:
    """Compare each level with the share of the true numbers up to its quantile, and each interval with what it covers.

    Parameters
    ----------
    predictions : Predictions
        Labelled, of the task ``quantile``.

    Returns
    -------
    pandas.DataFrame
        One row a level, then one a central interval, with the columns ``kind`` (``level`` or ``interval``),
        ``nominal``, ``observed``, ``difference`` and ``n``.

    Raises
    ------
    InvalidPredictionsError
        If they are of another task, have no labels or rows, or lack rows.

    Notes
    -----
    The share of rows with ``y <= q``, and with ``l <= y <= u``. Of true numbers that equal their quantile, as counts
    do, many are on both sides: the share is then above the level.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.quantiles import quantile_coverage
    >>> fields = {"ids": [1, 2], "classes": [0.25, 0.75], "task": "quantile", "labels": [2.0, 9.0]}
    >>> quantile_coverage(Predictions([[1.0, 3.0], [1.0, 3.0]], **fields))
           kind  nominal  observed  difference  n
    0     level     0.25       0.0       -0.25  2
    1     level     0.75       0.5       -0.25  2
    2  interval     0.50       0.5        0.00  2
    """
    import pandas as pd

    true, values, levels = _sorted(predictions, "quantile_coverage")
    upto = (true[:, np.newaxis] <= values).mean(axis=0)
    rows = [("level", float(level), float(share)) for level, share in zip(levels, upto, strict=True)]
    for nominal, low, high in central_intervals(levels):
        rows.append(("interval", nominal, float(((values[:, low] <= true) & (true <= values[:, high])).mean())))
    frame = pd.DataFrame(rows, columns=["kind", "nominal", "observed"])
    frame["difference"] = frame["observed"] - frame["nominal"]
    frame["n"] = len(true)
    return frame


class Recalibration:
    """A map of levels that was fitted on held-out rows; made by `fit_recalibration`.

    Parameters
    ----------
    levels : ndarray of shape (n_levels,)
        Levels, ascending.
    shifts : ndarray of shape (n_levels,)
        What is added to the quantile of each level, in the unit of the numbers.
    fit_ids : ndarray
        Ids of the rows that it was fitted on.
    """

    def __init__(self, levels: np.ndarray, shifts: np.ndarray, fit_ids: np.ndarray) -> None:
        self.levels, self.shifts, self.fit_ids = levels, shifts, fit_ids

    def __repr__(self) -> str:
        return f"Recalibration(levels={self.levels.tolist()}, n_samples={len(self.fit_ids)})"

    @typed()
    def apply(self, predictions: Predictions, *, allow_leakage: bool = False) -> Predictions:
        """Shift the quantiles of each row, and sort them where they cross.

        Parameters
        ----------
        predictions : Predictions
            Of the task ``quantile``, with the same levels.
        allow_leakage : bool, default=False
            Also accept rows that it was fitted on.

        Returns
        -------
        Predictions
            With the same names.

        Raises
        ------
        LeakageError
            If it was fitted on some of the rows.
        AlignmentError
            If the levels are others.
        """
        levels = levels_of(predictions.classes) if predictions.task == "quantile" else np.array([])
        order = ascending(levels)
        if not np.array_equal(levels[order], self.levels):
            raise AlignmentError(
                f"levels must be those of the fit, {shown(self.levels.tolist())}; received "
                f"{shown(predictions.classes)} of the task {predictions.task!r}."
            )
        seen = among(predictions.ids, self.fit_ids)
        if seen.any() and not allow_leakage:
            raise LeakageError(
                f"quantiles are recalibrated on other rows than they are used for; it was fitted on "
                f"{int(seen.sum())} of {len(seen)}, first {shown(predictions.ids[seen].tolist()[0])}. Give others, or "
                "allow_leakage=True to go on knowingly."
            )
        shifted = np.sort(predictions.probas[:, order] + self.shifts.astype(predictions.probas.dtype), axis=1)
        back = shifted if isinstance(order, slice) else shifted[:, np.argsort(order)]
        aligned = align([predictions])
        return predictions_for(
            aligned, back, member=predictions.member or aligned.members[0],
            fitted=fitted_together(aligned, self.fit_ids, None),
        )  # fmt: skip


@typed()
def fit_recalibration(predictions: Predictions, *, allow_leakage: bool = False) -> Recalibration:
    """Learn from held-out rows how far the quantile of each level must be shifted to be reached as often as it says.

    Parameters
    ----------
    predictions : Predictions
        Labelled, of the task ``quantile``, of rows that the model was not fitted on.
    allow_leakage : bool, default=False
        Also accept rows that it was fitted on, or the test split.

    Returns
    -------
    Recalibration
        Its method ``apply`` corrects predictions of other rows.

    Raises
    ------
    LeakageError
        If the model was fitted on some of the rows, or they are of the split ``test``.
    InvalidPredictionsError
        If they are of another task, have no labels or rows, or lack rows.

    Notes
    -----
    The shift at level ``t`` is a quantile of the ``n`` differences ``y_i - q_t[i]``: the one in the place
    ``ceil((n + 1) t)``, or the largest [1]_. For rows that are exchangeable with these, the share of true numbers up to
    the shifted quantile is at least ``t``, and at most ``t + 1 / (n + 1)`` without ties, if ``n >= t / (1 - t)``.
    Forecasts of a series that changes are not exchangeable, and only the recent past helps them.

    References
    ----------
    .. [1] Y. Romano, E. Patterson, E. Candes, "Conformalized quantile regression", NeurIPS, 2019.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.quantiles import fit_recalibration
    >>> fields = {"ids": [1, 2, 3], "classes": [0.5], "task": "quantile", "labels": [3.0, 4.0, 8.0]}
    >>> fit_recalibration(Predictions([[1.0], [1.0], [1.0]], **fields)).shifts
    array([3.])
    """
    true, values, levels = _sorted(predictions, "fit_recalibration")
    if not allow_leakage:
        check_not_test("quantiles are never recalibrated", predictions.split, predictions.ids)
        check_not_seen("quantiles are recalibrated", "model", {predictions.member or "model": predictions})
    differences = np.sort(true[:, np.newaxis] - values, axis=0)
    n = len(true)
    places = np.minimum(np.ceil((n + 1) * levels * (1 - 1e-12)).astype(np.int64), n) - 1
    shifts = differences[np.maximum(places, 0), np.arange(len(levels))]
    return Recalibration(levels, shifts, predictions.ids)


def _sorted(predictions: Predictions, who: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return true numbers, quantiles in the order of the levels, and the levels."""
    labels = predictions.label_codes
    if predictions.task != "quantile" or labels is None or not len(predictions) or predictions.present is not None:
        raise InvalidPredictionsError(
            f"{who} needs labelled predictions of the task 'quantile', with every row; received {predictions!r}, "
            f"{'labelled' if labels is not None else 'without labels'}"
            f"{', with absent rows' if predictions.present is not None else ''}."
        )
    levels = levels_of(predictions.classes)
    order = ascending(levels)
    return labels[:, 0].astype(np.float64), predictions.probas[:, order].astype(np.float64), levels[order]
