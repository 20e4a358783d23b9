"""Which calibration rows decide about which class or output: those of a group, of a class, of the model of a fold."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InvalidOptionError
from ...predictions.names import few
from ._inputs import names_by_id
from ._scores import place_of, quantile

if TYPE_CHECKING:
    import pandas as pd

    from ...predictions import Predictions

__all__ = ["Cells", "codes_of_groups", "fewest_rows", "known_cells", "promise_of", "table_of_sets"]

BLOCK = 1 << 22
"""Values compared at once."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Scores of the calibration rows, in cells of a group and a class or output.

    Attributes
    ----------
    alpha : float
        Share that may miss.
    limits : ndarray of shape (n_groups or 1, n_columns or 1)
        Threshold of each cell.
    n_rows : ndarray of int, of the same shape
        Calibration rows of each cell.
    groups : tuple
        Names of the groups; empty if there are none.
    folds : tuple of str
        Names of the models; one ``""`` if there is one model.
    scores : tuple of tuple of ndarray
        Sorted scores of each fold, of each cell in the order of ``limits.ravel()``; empty if there is one model.
    """

    alpha: float
    limits: np.ndarray
    n_rows: np.ndarray
    groups: tuple[Hashable, ...] = ()
    folds: tuple[str, ...] = ("",)
    scores: tuple[tuple[np.ndarray, ...], ...] = field(default=(), repr=False)

    @classmethod
    def of(
        cls,
        scores: np.ndarray,
        alpha: float,
        *,
        columns: np.ndarray | None,
        n_columns: int,
        groups: np.ndarray,
        names: tuple[Hashable, ...],
        fold_codes: np.ndarray,
        folds: tuple[str, ...],
    ) -> Cells:
        """Divide scores, shape ``(n_rows,)`` with a column each, or ``(n_rows, n_columns)`` without ``columns``."""
        shape = (max(1, len(names)), n_columns)
        limits, n_rows = np.empty(shape), np.empty(shape, dtype=np.int64)
        kept: list[list[np.ndarray]] = [[] for _ in folds]
        for group, column in np.ndindex(shape):
            rows = groups == group
            if columns is not None and n_columns > 1:
                rows = rows & (columns == column)
            own = scores[rows] if scores.ndim == 1 else scores[rows, column]
            limits[group, column], n_rows[group, column] = quantile(own, alpha), len(own)
            if len(folds) > 1:
                for fold, into in enumerate(kept):
                    into.append(np.sort(own[fold_codes[rows] == fold]))
        several = tuple(map(tuple, kept)) if len(folds) > 1 else ()
        return cls(alpha, limits, n_rows, names, folds, several)

    def groups_of(self, groups: Any, ids: np.ndarray) -> np.ndarray:
        """Give the place of each row's group."""
        if not self.groups:
            if groups is not None:
                raise InvalidOptionError("groups is for what was calibrated with groups; this was not.")
            return np.zeros(len(ids), dtype=np.int64)
        if groups is None:
            raise InvalidOptionError(
                f"it was calibrated by group, {few(self.groups)}; give groups={{id: group}} of the new rows."
            )
        names = names_by_id("groups", groups, ids)
        unknown = dict.fromkeys(name for name in dict.fromkeys(names) if name not in self.groups)
        if unknown:
            raise InvalidOptionError(
                f"groups must be those of the calibration, {few(self.groups)}; received others: {few(unknown)}. "
                "Nothing can be promised for a group without calibration rows: leave its rows out."
            )
        return _codes(names, self.groups)

    def held(self, scores: Sequence[np.ndarray], groups: np.ndarray) -> np.ndarray:
        """Tell which classes or values are in the set, from the scores ``(n_samples, n_columns)`` of each fold."""
        if len(self.folds) == 1:
            return scores[0] <= self.limits[groups]
        lower = np.zeros(scores[0].shape, dtype=np.int64)
        for own, new in zip(self.scores, scores, strict=True):
            for group, column, sorted_scores in self._cells(own):
                rows = np.flatnonzero(groups == group)
                columns = slice(column, column + 1) if self.limits.shape[1] > 1 else slice(None)
                lower[rows, columns] += np.searchsorted(sorted_scores, new[rows, columns])
        return lower < self.places()[groups]

    def bounds(
        self, lows: Sequence[np.ndarray], highs: Sequence[np.ndarray], scales: Sequence[np.ndarray], groups: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Compute the ends of intervals, each ``(n_samples, n_outputs)``, from those of each fold's model."""
        if len(self.folds) == 1:
            half = self.limits[groups] * scales[0]
            return lows[0] - half, highs[0] + half
        low, high = np.empty(lows[0].shape), np.empty(lows[0].shape)
        places = self.places()
        for group, column in np.ndindex(self.limits.shape):
            rows = np.flatnonzero(groups == group)
            place, n_rows = int(places[group, column]), int(self.n_rows[group, column])
            if place > n_rows:
                low[rows, column], high[rows, column] = -np.inf, np.inf
                continue
            cell = group * self.limits.shape[1] + column
            step = max(1, BLOCK // n_rows)
            for start in range(0, len(rows), step):
                some = rows[start : start + step]
                ends = [
                    np.concatenate(
                        [
                            sign * of[some, column, np.newaxis] + own[cell] * scale[some, column, np.newaxis]
                            for own, of, scale in zip(self.scores, side, scales, strict=True)
                        ],
                        axis=1,
                    )
                    for sign, side in ((-1, lows), (1, highs))
                ]
                left, right = (np.partition(values, place - 1, axis=1)[:, place - 1] for values in ends)
                low[some, column], high[some, column] = -left, right
        return low, high

    def places(self) -> np.ndarray:
        """Compute which of the sorted scores of each cell is the threshold, from 1."""
        return np.array([[place_of(int(n), self.alpha) for n in row] for row in self.n_rows])

    def table(self, classes: tuple[Hashable, ...], of: str) -> pd.DataFrame:
        """List the cells, with their rows and thresholds."""
        import pandas as pd

        columns = classes if self.limits.shape[1] > 1 or len(classes) == 1 else (None,)
        found: dict[str, Any] = {}
        if self.groups:
            found["group"] = [name for name in self.groups for _ in columns]
        if columns != (None,):
            found[of] = [name for _ in self.groups or (None,) for name in columns]
        return pd.DataFrame(found | {"n": self.n_rows.ravel(), "threshold": self.limits.ravel()})

    def _cells(self, own: tuple[np.ndarray, ...]) -> Iterator[tuple[int, int, np.ndarray]]:
        for (group, column), scores in zip(np.ndindex(self.limits.shape), own, strict=True):
            yield group, column, scores


def known_cells(cells: Cells | None, alpha: float, limits: np.ndarray, n_rows: int) -> Cells:
    """Give the cells of a result; one that was saved before there were any has thresholds alone."""
    return cells or Cells(alpha, limits, np.full(limits.shape, n_rows))


def table_of_sets(held: np.ndarray, classes: tuple[Hashable, ...], predictions: Predictions) -> pd.DataFrame:
    """Name what is in the sets, with rows and classes as in the predictions; ``held`` has columns like ``classes``."""
    import pandas as pd

    columns = [classes.index(name) for name in predictions.classes]
    index = pd.Index(predictions.ids, name="id")
    return pd.DataFrame(held[:, columns], index=index, columns=pd.Index(predictions.classes))


def codes_of_groups(groups: Any, ids: np.ndarray) -> tuple[np.ndarray, tuple[Hashable, ...]]:
    """Number the groups of rows, sorted by name; without groups all rows are of one."""
    if groups is None:
        return np.zeros(len(ids), dtype=np.int64), ()
    names = names_by_id("groups", groups, ids)
    try:
        known = tuple(sorted(set(names)))
    except TypeError:
        known = tuple(sorted(set(names), key=repr))
    return _codes(names, known), known


def _codes(names: list[Any], known: tuple[Hashable, ...]) -> np.ndarray:
    places = {name: place for place, name in enumerate(known)}
    return np.fromiter(map(places.__getitem__, names), dtype=np.int64, count=len(names))


def fewest_rows(alpha: float) -> int:
    """Compute how many calibration rows a cell needs at least for a finite threshold."""
    return max(1, math.ceil(1 / Fraction(repr(float(alpha)))) - 1)


def promise_of(cells: Cells, what: str, *, by_class: bool = False) -> str:
    """Say what is promised of new rows."""
    level = f"{100 * (1 - cells.alpha):g} %"
    whom = " and ".join([*(["class"] if by_class else []), *(["group"] if cells.groups else [])])
    sentence = f"On average over calibrations, {what} of at least {level} of new rows like these"
    if len(cells.folds) > 1:
        sure = max(0.0, 1 - 2 * cells.alpha)
        sentence = (
            f"{what[0].upper()}{what[1:]} of about {level} of new rows like these; what is proven for models of folds "
            f"is about {100 * sure:g} %"
        )
    sentence += f", for each {whom}." if whom else "."
    n_infinite = int(np.isinf(cells.limits).sum())
    if n_infinite:
        share = f"{n_infinite} of {cells.limits.size} thresholds are" if cells.limits.size > 1 else "The threshold is"
        sentence += f" {share} infinite, as there are too few calibration rows: what they decide holds everything."
    return sentence
