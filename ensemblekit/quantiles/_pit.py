"""Histograms of PIT values, with the band in which bars of a calibrated model lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..arguments import check_count, typed
from ..predictions import Predictions
from ._calibration import pit_values
from .levels import ascending, levels_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["pit_histogram"]

BAND = 0.9
"""Share of the bars of a calibrated model that lie in the band."""


@typed()
def pit_histogram(predictions: Predictions, *, n_bins: int = 10) -> pd.DataFrame:
    """Count the true numbers between the quantiles, and compare with what calibrated ones would count.

    Parameters
    ----------
    predictions : Predictions
        Labelled, of the task ``quantile``.
    n_bins : int, default=10
        Maximal number of bins. Their edges are levels of the predictions; where there are too many, those nearest to
        ``1 / n_bins``, ``2 / n_bins`` and so on.

    Returns
    -------
    pandas.DataFrame
        One row a bin: ``start`` and ``end`` (levels), ``share`` of the rows in it, ``density`` (share by width, 1 if
        calibrated), ``low`` and ``high``, between which 90 of 100 densities of calibrated models lie, and ``n``, the
        number of rows.

    Raises
    ------
    InvalidPredictionsError
        If they are of another task, have no labels or rows, or lack rows.
    InvalidOptionError
        If ``n_bins`` is below 1.

    Notes
    -----
    What lies between two levels is counted and not interpolated [1]_. A true number on an edge counts half on each
    side. The band is the binomial distribution of the count of one bin, if rows are independent; forecasts of
    neighbouring times are not, and their bars vary more.

    References
    ----------
    .. [1] T. Gneiting, F. Balabdaoui, A. E. Raftery, "Probabilistic forecasts, calibration and sharpness", Journal of
       the Royal Statistical Society B 69, 2007.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.quantiles import pit_histogram
    >>> fields = {"ids": [1, 2], "classes": [0.25, 0.75], "task": "quantile", "labels": [2.0, 9.0]}
    >>> pit_histogram(Predictions([[1.0, 3.0], [1.0, 3.0]], **fields))["share"].tolist()
    [0.0, 0.5, 0.5]
    """
    import pandas as pd
    from scipy.stats import binom

    check_count("n_bins", n_bins)
    pit = pit_values(predictions)
    levels = levels_of(predictions.classes)
    edges = levels[ascending(levels)]
    if len(edges) >= n_bins:
        wanted = np.arange(1, n_bins) / n_bins
        edges = np.unique(edges[np.abs(edges[:, np.newaxis] - wanted).argmin(axis=0)])
    edges = [0.0, *edges.tolist()]
    starts, ends = np.array(edges), np.array([*edges[1:], 1.0])
    upto = [[(pit < edge).mean() + (pit == edge).mean() / 2 for edge in side] for side in (starts, ends)]
    share, wide, n = np.subtract(upto[1], upto[0]), ends - starts, len(pit)
    low, high = (binom.ppf(at, n, wide) / n / wide for at in ((1 - BAND) / 2, (1 + BAND) / 2))
    return pd.DataFrame(
        {"start": starts, "end": ends, "share": share, "density": share / wide, "low": low, "high": high, "n": n}
    )
