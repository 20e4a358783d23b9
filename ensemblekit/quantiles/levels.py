"""Quantile levels as names of columns: one name for all spellings of a level, back to numbers, and their loss."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = ["DIGITS", "MEDIAN", "ascending", "central_intervals", "level_name", "levels_of", "pinball"]

DIGITS = 12
"""Levels are rounded to this number of decimal places, so that ``1 - 0.9`` is ``0.1``."""
SINGLE_DIGITS = 6
"""The same for float32, so that ``0.1`` in it is ``0.1``."""
MEDIAN = "0.5"


def level_name(level: Any) -> str:
    """Name a quantile level: ``"0.1"`` for ``0.1``, ``"0.10"``, ``".1"`` and ``1 - 0.9``.

    Parameters
    ----------
    level : str or float
        Above 0 and below 1.

    Returns
    -------
    str
        The shortest decimal number, without exponent, so that names are in the order of their levels. It is rounded to
        12 decimal places, and to 6 if float32 has the same number.

    Raises
    ------
    ValueError
        If it is no number, or not above 0 and below 1.

    Examples
    --------
    >>> from ensemblekit.quantiles.levels import level_name
    >>> level_name("0.10"), level_name(1 - 0.9), level_name(0.025)
    ('0.1', '0.1', '0.025')
    """
    rule = "quantile levels must be numbers above 0 and below 1, such as 0.1 or '0.1'"
    try:
        number = math.nan if isinstance(level, bool | bytes) else float(level)
    except (TypeError, ValueError):
        raise ValueError(f"{rule}; received {level!r:.100}. Name the columns by their levels alone.") from None
    digits = SINGLE_DIGITS if float(np.float32(number)) == number else DIGITS
    rounded = round(number, digits) if math.isfinite(number) else math.nan
    if not 0 < rounded < 1:
        advice = " Divide percentages by 100." if 1 <= number <= 100 else ""
        raise ValueError(f"{rule}; received {level!r:.100}.{advice}")
    return np.format_float_positional(rounded, trim="-")


def levels_of(classes: Iterable[Any]) -> np.ndarray:
    """Convert names of levels to numbers.

    Parameters
    ----------
    classes : iterable of str or float
        Names of levels.

    Returns
    -------
    ndarray of float64 of shape (n_levels,)
        In the same order.

    Raises
    ------
    ValueError
        If one is no level.

    Examples
    --------
    >>> from ensemblekit.quantiles.levels import levels_of
    >>> levels_of(["0.9", "0.10"])
    array([0.9, 0.1])
    """
    return np.array([float(level_name(name)) for name in classes])


def ascending(levels: np.ndarray) -> np.ndarray | slice:
    """Return positions that sort levels; ``slice(None)``, which copies nothing, if they are sorted.

    Parameters
    ----------
    levels : ndarray of shape (n_levels,)
        Different levels.

    Returns
    -------
    ndarray of int of shape (n_levels,), or slice
    """
    return slice(None) if (np.diff(levels) > 0).all() else np.argsort(levels, kind="stable")


def central_intervals(levels: np.ndarray) -> list[tuple[float, int, int]]:
    """Find the central intervals: pairs of the levels ``a`` and ``1 - a``.

    Parameters
    ----------
    levels : ndarray of shape (n_levels,)
        Different levels.

    Returns
    -------
    list of (float, int, int)
        Nominal coverage ``1 - 2a`` and the places of the lower and upper level, the narrowest interval first.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit.quantiles.levels import central_intervals
    >>> central_intervals(np.array([0.1, 0.5, 0.9, 0.95]))
    [(0.8, 0, 2)]
    """
    places = {round(float(level), DIGITS): place for place, level in enumerate(levels)}
    pairs = [(round(1 - 2 * low, DIGITS), place, places.get(round(1 - low, DIGITS))) for low, place in places.items()]
    return sorted((width, low, high) for width, low, high in pairs if high is not None and width > 0)


def pinball(errors: np.ndarray, levels: np.ndarray | float) -> np.ndarray:
    """Compute the pinball loss ``max(t u, (t - 1) u)``.

    Parameters
    ----------
    errors : ndarray of shape (..., n_levels)
        ``u``: the true number less the quantile.
    levels : ndarray of shape (n_levels,), or float
        ``t``.

    Returns
    -------
    ndarray of the same shape
    """
    return np.maximum(levels * errors, (levels - 1) * errors)
