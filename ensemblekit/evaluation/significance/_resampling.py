"""Resamples of rows or of groups of rows, as counts; and intervals of metrics from these resamples."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from ...errors import InvalidOptionError, InvalidPredictionsError
from ...interfaces import Metric
from ...predictions.groups import key_texts
from ...predictions.joining import positions
from ...predictions.named import read_named
from ...predictions.names import as_ids, first_null, shown
from .._weighted import Statistic

__all__ = [
    "MOST_UNITS", "Interval", "KnownGroups", "check_resampling", "count_groups", "draw_counts", "group_places",
    "groups_by_id", "interval", "jackknife", "resample", "resample_means", "resamples_of",
]  # fmt: skip

BLOCK = 1 << 19
"""Weights of resamples computed at once: few enough for the cache of a CPU, and many enough that calls do not count."""

DRAWN = 1 << 17
"""Draws counted at once: they are added in no order, so that a smaller cache must hold them."""

MOST_UNITS = 1000
"""With more rows or groups the percentile interval holds its level, and the jackknife would take long."""

MOST_CALLS = 1000
"""Resamples of a metric that is computed for one after the other; or a fifth of those that are asked for, if more."""

MANY_MODELS = 20
"""With more models in a table, metrics that are no means get as few resamples."""

FOR_SKEWNESS = 200
"""Parts that are left out, one after the other, where leaving out each unit would take long."""

MOST_SUMS = 1 << 23
"""Sums of units that are resampled at once."""

Interval = tuple[float, float]
Groups = Mapping[Any, Hashable] | Any
"""What `group_places` reads: a mapping of id to group, or a Series or table whose rows are named by id."""


class KnownGroups:
    """The groups of rows, as predictions know them: every id has one.

    Parameters
    ----------
    ids : ndarray of shape (n_samples,)
        Validated ids.
    groups : ndarray of str of shape (n_samples,)
        Group of each.
    """

    __slots__ = ("_codes", "groups", "ids")

    def __init__(self, ids: np.ndarray, groups: np.ndarray) -> None:
        self.ids, self.groups = ids, groups
        self._codes = np.unique(groups, return_inverse=True)[1]

    def places(self, ids: np.ndarray) -> np.ndarray:
        """Number the groups of rows in the order of their first rows; a row without group is one of its own."""
        rows = positions(self.ids, ids)
        codes = np.where(rows >= 0, self._codes.take(rows, mode="clip"), len(self.ids) + np.arange(len(ids)))
        _, first, places = np.unique(codes, return_index=True, return_inverse=True)
        return np.argsort(np.argsort(first))[places]


def check_resampling(confidence: float, n_resamples: int, seed: int = 0) -> None:
    """Refuse a confidence, a number of resamples or a seed for which there is no interval."""
    if isinstance(confidence, bool) or not isinstance(confidence, (int, float)) or not 0 < confidence < 1:
        raise InvalidOptionError(f"confidence must be a number > 0 and < 1; received {confidence!r}.")
    if isinstance(n_resamples, bool) or not isinstance(n_resamples, (int, np.integer)) or n_resamples < 2:
        raise InvalidOptionError(f"n_resamples must be a whole number >= 2; received {n_resamples!r}.")
    if seed < 0:
        raise InvalidOptionError(f"seed must be a whole number >= 0; received {seed!r}.")


def group_places(ids: np.ndarray, groups: Groups | None) -> np.ndarray:
    """Number the groups of rows in the order of their first rows.

    Parameters
    ----------
    ids : ndarray of shape (n_samples,)
        Ids of the rows, as `Predictions` keeps them.
    groups : mapping of id to group, Series or table whose rows are named by id, name of a key column, or None
        An id without a group is a group of its own; without groups, each row is.

    Returns
    -------
    ndarray of int of shape (n_samples,)
        Number of the group of each row, from 0.

    Raises
    ------
    InvalidOptionError
        If the groups are not given by id, name none of the ids, or a group is no name.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit.evaluation import group_places
    >>> group_places(np.array(["a", "b", "c"]), {"a": "left", "c": "left"})
    array([0, 1, 0])
    """
    ids = ids if isinstance(ids, np.ndarray) else as_ids(ids)
    if groups is None:
        return np.arange(len(ids))
    if isinstance(groups, KnownGroups):
        return groups.places(ids)
    groups = groups_by_id(groups, ids)
    names = ids.tolist()
    if groups and len(names) and not any(name in groups for name in names):
        raise InvalidOptionError(
            f"groups must map ids of these rows to their groups; none of the {len(names)} ids, first "
            f"{shown(names[0])}, is among the {len(groups)} that it names, first {shown(next(iter(groups)))}."
        )
    places: dict[Any, int] = {}
    # A group and an id may have the same name.
    keys = [("group", groups[name]) if name in groups else ("id", name) for name in names]
    if (row := first_null(key for _, key in keys)) is not None:
        raise InvalidOptionError(
            f"groups must name the group of each id that they have; that of {shown(names[row])} is "
            f"{keys[row][1]!r}. Leave it out, and the row is a group of its own."
        )
    try:
        return np.fromiter((places.setdefault(key, len(places)) for key in keys), dtype=np.int64, count=len(names))
    except TypeError as error:
        raise InvalidOptionError(
            f"a group must be a name, such as text or a number; received others: {error}."
        ) from None


def groups_by_id(groups: Any, ids: np.ndarray) -> Mapping[Any, Hashable]:
    """Read groups as a mapping of id to group; the name of a key column of the ids groups by it."""
    if isinstance(groups, Mapping):
        return groups
    try:
        if isinstance(groups, str):
            return dict(zip(ids.tolist(), key_texts(groups, ids, "groups").tolist(), strict=True))
        found = read_named(groups, "groups", like=ids)
        names = found.rows_like(ids)
    except InvalidPredictionsError as error:
        raise InvalidOptionError(str(error)) from None
    if names is None or math.prod(found.values.shape) != len(names):
        raise InvalidOptionError(
            f"groups must map ids of rows to their groups: {{id: group}}, a Series indexed by id, or a table with a "
            f"column id and one more; received {type(groups).__name__}"
            f"{' with an index 0..n-1' if found.index is not None else ''}. Give dict(zip(ids, groups))."
        )
    return dict(zip(names.tolist(), found.values.reshape(-1).tolist(), strict=True))


def count_groups(places: np.ndarray) -> int:
    """Count the groups that `group_places` numbered."""
    return int(places.max()) + 1


def resamples_of(metric: Metric, n_resamples: int, n_models: int = 1) -> int:
    """Say how many resamples a metric gets: fewer, if it is computed for one after the other, or for many models."""
    takes_long = metric.loops or (n_models > MANY_MODELS and not metric.is_mean)
    return max(min(n_resamples, MOST_CALLS), n_resamples // 5) if takes_long else int(n_resamples)


def draw_counts(rng: np.random.Generator, n_groups: int, n_resamples: int) -> np.ndarray:
    """Draw as many groups as there are, with replacement; count how often each is drawn.

    Returns
    -------
    ndarray of float64 of shape (n_groups, n_resamples)
    """
    counts = np.empty((n_groups, n_resamples))
    step = max(1, DRAWN // n_groups)
    for start in range(0, n_resamples, step):
        n = min(step, n_resamples - start)
        drawn = rng.integers(n_groups, size=(n, n_groups)) * n + np.arange(n)[:, np.newaxis]
        counts[:, start : start + n] = np.bincount(drawn.ravel(), minlength=n_groups * n).reshape(n_groups, n)
    return counts


def resample(statistics: Sequence[Statistic], places: np.ndarray, n_resamples: int, seed: int) -> np.ndarray:
    """Compute statistics of resamples of the groups; all statistics share the resamples.

    Returns
    -------
    ndarray of shape (n_statistics, n_resamples)
    """
    rng = np.random.default_rng(seed)
    n_groups = count_groups(places)
    single = n_groups == len(places)
    values = np.empty((len(statistics), n_resamples))
    step = max(1, BLOCK // len(places))
    for start in range(0, n_resamples, step):
        n = min(step, n_resamples - start)
        weights = draw_counts(rng, n_groups, n)
        if not single:
            weights = weights[places]
        for place, statistic in enumerate(statistics):
            values[place, start : start + n] = statistic(weights)
    return values


def resample_means(sums: np.ndarray, masses: np.ndarray, n_resamples: int, seed: int) -> np.ndarray:
    """Compute means of the resamples that `resample` draws, from the sums of units.

    Parameters
    ----------
    sums, masses : ndarray of shape (n_means, n_units)
        Weighted sum of the rows of each unit, and the sum of their weights.
    n_resamples, seed : int
        As in `resample`.

    Returns
    -------
    ndarray of shape (n_means, n_resamples)
    """
    n_means, n_units = sums.shape
    values = np.empty((n_means, n_resamples))
    many, step = max(1, MOST_SUMS // n_units), max(1, BLOCK // n_units)
    same = bool((masses == masses[0]).all())
    for first in range(0, n_means, many):
        part = slice(first, first + many)
        rng = np.random.default_rng(seed)
        for start in range(0, n_resamples, step):
            counts = draw_counts(rng, n_units, min(step, n_resamples - start))
            values[part, start : start + step] = sums[part] @ counts / ((masses[:1] if same else masses[part]) @ counts)
    return values


def jackknife(statistics: Sequence[Statistic], places: np.ndarray) -> np.ndarray:
    """Compute statistics without each of the groups, or of the parts of very many, ``(n_statistics, n_groups)``."""
    if count_groups(places) > MOST_UNITS:
        places = np.random.default_rng(0).permutation(count_groups(places))[places] % FOR_SKEWNESS
    n_groups = count_groups(places)
    values = np.empty((len(statistics), n_groups))
    step = max(1, BLOCK // len(places))
    with np.errstate(invalid="ignore", divide="ignore"):  # without the only group no row is left
        for start in range(0, n_groups, step):
            left = np.arange(start, min(start + step, n_groups))
            weights = (places[:, np.newaxis] != left).astype(np.float64)
            for place, statistic in enumerate(statistics):
                values[place, left] = statistic(weights)
    return values


def interval(
    resampled: np.ndarray, confidence: float, *, point: float | None = None, left_out: np.ndarray | None = None
) -> Interval:
    """Compute the percentile interval or, given the value and its jackknife, the BCa interval."""
    from scipy.special import ndtr, ndtri

    known = resampled[~np.isnan(resampled)]
    if not len(known):
        return np.nan, np.nan
    levels = np.array([0.5 - confidence / 2, 0.5 + confidence / 2])
    if point is not None and left_out is not None:
        below = ((known < point).sum() + (known == point).sum() / 2) / len(known)
        # ndtri is infinite at 0 and 1.
        bias = ndtri(np.clip(below, 0.5 / len(known), 1 - 0.5 / len(known)))
        off = np.nanmean(left_out) - left_out[~np.isnan(left_out)] if not np.isnan(left_out).all() else np.zeros(1)
        spread = (off**2).sum()
        bend = (off**3).sum() / (6 * spread**1.5) if spread > 0 else 0.0
        shifted = bias + ndtri(levels)
        levels = ndtr(bias + shifted / np.maximum(1 - bend * shifted, 1e-12))
    low, high = np.quantile(known, levels)
    return float(low), float(high)
