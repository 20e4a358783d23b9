"""Quantiles of draws, and quantiles that cross, sorted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..arguments import check_unmasked, typed
from ..errors import InvalidOptionError, InvalidPredictionsError
from ..predictions import Predictions
from ..predictions.choices import check_choice
from ..predictions.names import shown
from .levels import ascending, level_name, levels_of

__all__ = ["from_samples", "sort_quantiles"]

LEVELS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
METHODS = ("linear", "inverted_cdf", "median_unbiased")


@typed(but=("values",))
def sort_quantiles(values: Any, classes: Sequence[Any]) -> np.ndarray:
    """Sort the quantiles of each row, so that they do not decrease as the level rises.

    `Predictions` refuses quantiles that cross; this is the stated way to accept them.

    Parameters
    ----------
    values : array-like of shape (n_samples, n_levels)
        Quantiles.
    classes : sequence of str or float
        Levels of the columns, in any order.

    Returns
    -------
    ndarray of shape (n_samples, n_levels)
        A copy; the smallest value of each row is in the column of the lowest level.

    Raises
    ------
    InvalidOptionError
        If a class is no level, or there is not one a column.

    Notes
    -----
    Sorting never makes the mean pinball loss over the levels larger [1]_.

    References
    ----------
    .. [1] V. Chernozhukov, I. Fernandez-Val, A. Galichon, "Quantile and probability curves without crossing",
       Econometrica 78(3), 2010.

    Examples
    --------
    >>> from ensemblekit.quantiles import sort_quantiles
    >>> sort_quantiles([[3.0, 2.0, 5.0]], [0.1, 0.5, 0.9])
    array([[2., 3., 5.]])
    """
    levels = _checked_levels(classes)
    if hasattr(values, "columns"):
        raise InvalidOptionError(
            "values must be an array, whose columns are in the order of classes; received a table, which has names of "
            "its own. Give table[columns].to_numpy()."
        )
    check_unmasked("values", values, error=InvalidOptionError)
    array = np.asarray(values)
    if array.ndim != 2 or array.shape[1] != len(levels):
        raise InvalidOptionError(
            f"values must have shape (n_samples, n_levels), here (n_samples, {len(levels)}); received {array.shape}."
        )
    order = ascending(levels)
    ordered = np.sort(array[:, order], axis=1)
    return ordered if isinstance(order, slice) else ordered[:, np.argsort(order)]


@typed(but=("draws",))
def from_samples(
    draws: Any, *, levels: Sequence[Any] = LEVELS, method: str = "linear", member: str | None = None, **names: Any
) -> Predictions:
    """Turn draws of a predictive distribution into predictions of the task ``quantile``.

    Parameters
    ----------
    draws : array-like of shape (n_samples, n_draws), or mapping of str to these
        Draws for each row, such as the members of an ensemble of simulations. Of several models, a mapping by their
        names, all draws of a row are pooled, so that each draw counts as much as any other. The index of a DataFrame
        names the rows.
    levels : sequence of float, default=(0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
        Levels of the quantiles.
    method : {"linear", "inverted_cdf", "median_unbiased"}, default="linear"
        How quantiles of few draws are interpolated, as in `numpy.quantile`.
    member : str, optional
        Name of the member.
    **names
        ``ids``, ``labels``, ``groups`` and what else `Predictions` takes.

    Returns
    -------
    Predictions
        Of the task ``quantile``.

    Raises
    ------
    InvalidOptionError
        If a level or the method is unknown.
    InvalidPredictionsError
        If the draws have another shape or are not finite, or the names do not fit them.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit.quantiles import from_samples
    >>> from_samples([[1.0, 2.0, 3.0, 4.0, 5.0]], levels=[0.25, 0.5], ids=["monday"]).probas
    array([[2., 3.]])
    """
    check_choice("method", method, METHODS)
    found = _checked_levels(levels)
    if taken := sorted({*names} & {"classes", "task"}):
        raise InvalidOptionError(f"from_samples makes {' and '.join(taken)} itself; received it too. Give levels=.")
    given = [*draws.values()] if isinstance(draws, Mapping) else [draws]
    indexes = [one.index for one in given if hasattr(type(one), "iloc")]  # of pandas
    if indexes and (len(indexes) < len(given) or not all(indexes[0].equals(other) for other in indexes[1:])):
        raise InvalidPredictionsError(
            "draws of several models must name their rows alike, in one order, or none may name them; received tables "
            "with different indexes. Give draws.loc[ids] of each."
        )
    for one in given:
        check_unmasked("draws", one)
    arrays = [np.asarray(one) for one in given]
    for array in arrays:
        if array.ndim != 2 or array.shape[1] == 0 or array.dtype.kind not in "fiu" or len(array) != len(arrays[0]):
            raise InvalidPredictionsError(
                "draws must be numbers of shape (n_samples, n_draws), with the same rows for every model; received "
                f"{shown([(one.dtype.name, one.shape) for one in arrays])}."
            )
        if not np.isfinite(array).all():
            raise InvalidPredictionsError("draws must be finite; received NaN or infinity. Leave these draws out.")
    pooled = arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis=1)
    kept: Any = method
    values = np.quantile(pooled, found, axis=1, method=kept).T
    # Interpolation rounds: neighbouring quantiles of equal draws may differ in the last bit.
    values = sort_quantiles(values, levels)
    named: Any = values
    classes = [level_name(level) for level in levels]
    if indexes:
        import pandas as pd

        named = pd.DataFrame(values, index=indexes[0], columns=classes)  # so that Predictions compare the names
    return Predictions(named, classes=classes, task="quantile", member=member, **names)


def _checked_levels(levels: Sequence[Any]) -> np.ndarray:
    try:
        found = levels_of(levels)
    except ValueError as error:
        raise InvalidOptionError(str(error)) from None
    if len({*found.tolist()}) != len(found) or not len(found):
        raise InvalidOptionError(f"levels must be different, and at least one; received {shown([*levels])}.")
    return found
