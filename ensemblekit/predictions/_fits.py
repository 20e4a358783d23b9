"""What the models behind predictions were fitted on: by id, by group, and by row where several models made them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ..errors import InvalidPredictionsError
from .groups import as_groups, key_texts, known_groups
from .joining import among, composed, positions
from .keys import key_of
from .names import all_fit_ids, as_fit_ids, few, readonly, shown, sorted_ids, text_array

__all__ = [
    "UNKNOWN",
    "Fits",
    "Fitted",
    "derive_groups",
    "frozen",
    "key_groups",
    "read_fitted",
    "seen_rows",
]


@dataclass(frozen=True, slots=True, eq=False)
class Fits:
    """Which model predicted which row, and what each of these models was fitted on.

    Attributes
    ----------
    names : tuple of str
        Names of the folds, sorted.
    codes : ndarray of int, shape (n_samples,)
        Position of the fold of each row in ``names``; -1 for a row that is absent.
    ids : ndarray of shape (n_fit_ids,)
        Sorted ids that any of the models was fitted on.
    in_ids : ndarray of bool, shape (n_folds, n_fit_ids)
        Which of them each model was fitted on.
    groups : ndarray of str, shape (n_fit_groups,), or None
        Sorted groups that any of the models was fitted on; None if unknown.
    in_groups : ndarray of bool, shape (n_folds, n_fit_groups), or None
        Which of them each model was fitted on.
    """

    names: tuple[str, ...]
    codes: np.ndarray
    ids: np.ndarray
    in_ids: np.ndarray
    groups: np.ndarray | None
    in_groups: np.ndarray | None

    def take(self, rows: np.ndarray) -> Fits:
        """Select rows by position; a negative one is no row."""
        return replace(self, codes=readonly(np.append(self.codes, -1)[np.maximum(rows, -1)]))

    @property
    def folds(self) -> np.ndarray:
        """Name of the fold of each row; ``""`` for a row that no model predicted."""
        return readonly(text_array([*self.names, ""])[self.codes])

    def fit_ids(self, fold: str) -> np.ndarray:
        """List the ids that the model of a fold was fitted on, sorted."""
        return self.ids[self.in_ids[self.names.index(fold)]]

    def fit_groups(self, fold: str) -> np.ndarray | None:
        """List the groups that the model of a fold was fitted on, sorted; None if unknown."""
        if self.groups is None or self.in_groups is None:
            return None
        return self.groups[self.in_groups[self.names.index(fold)]]


class Fitted(NamedTuple):
    """What was fitted on what.

    Attributes
    ----------
    ids, groups : ndarray or None
        Sorted ids and groups that any model was fitted on; None if unknown.
    fits : Fits or None
        Where several models made the rows, what each was fitted on.
    """

    ids: np.ndarray | None = None
    groups: np.ndarray | None = None
    fits: Fits | None = None

    def without_groups(self) -> Fitted:
        """Forget the groups that models were fitted on."""
        fits = None if self.fits is None else replace(self.fits, groups=None, in_groups=None)
        return Fitted(self.ids, None, fits)

    def arguments(self) -> dict[str, Any]:
        """Make the arguments of `Predictions` that say the same."""
        if self.fits is None:
            return {"fit_ids": self.ids, "fit_groups": self.groups}
        fits = self.fits
        by_groups = None if fits.groups is None else {name: fits.fit_groups(name) for name in fits.names}
        return {"folds": fits.folds, "fit_ids": {n: fits.fit_ids(n) for n in fits.names}, "fit_groups": by_groups}

    def take(self, rows: np.ndarray) -> Fitted:
        """Select rows by position; a negative one is no row."""
        return self if self.fits is None else self._replace(fits=self.fits.take(rows))


UNKNOWN = Fitted()
"""Nobody knows what was fitted."""


def frozen(value: Any) -> Any:
    """Make the arrays of a value read-only, after it was copied; return it."""
    if value is None:
        return None
    if isinstance(value, Fits):
        for array in (value.codes, value.ids, value.in_ids, value.groups, value.in_groups):
            frozen(array)
    elif isinstance(value, Fitted):
        for part in value:
            frozen(part)
    return readonly(value) if isinstance(value, np.ndarray) else value


def read_fitted(
    fit_ids: Any, fit_groups: Any, folds: Any, *, ids: np.ndarray, groups: np.ndarray | None, index: Any, present: Any
) -> Fitted:
    """Read the arguments of `Predictions` that say what was fitted; at least one is given."""
    if folds is None:
        known = None if fit_groups is None else known_groups(fit_groups)
        fitted = Fitted(None if fit_ids is None else as_fit_ids(fit_ids, ids), known)
        return derive_groups(fitted, ids, groups)
    names = as_groups(folds, ids, what="folds", index=index, optional=present is not None)
    if present is not None and bool(((names == "") & present).any()):
        row = int(np.flatnonzero((names == "") & present)[0])
        raise InvalidPredictionsError(
            f"folds must be known for every row that has predictions; row {row} (id {shown(ids.tolist()[row])}) has "
            "none. Give it one, or take the other rows."
        )
    return derive_groups(_fitted_by_fold(names, ids, fit_ids, fit_groups), ids, groups)


def _fitted_by_fold(folds: np.ndarray, ids: np.ndarray, fit_ids: Any, fit_groups: Any) -> Fitted:
    """Read what the model of each fold was fitted on.

    Parameters
    ----------
    folds : ndarray of str, shape (n_samples,)
        Name of the fold of each row.
    ids : ndarray of shape (n_samples,)
        Validated ids.
    fit_ids, fit_groups : mapping of str to sequence, or None
        By name of the fold. Without ``fit_ids`` a model was fitted on the rows of all other folds.
    """
    names, codes = np.unique(folds, return_inverse=True)
    own: list[str] = list(map(str, names.tolist()))
    if own[:1] == [""]:  # rows that no model predicted
        own, codes = own[1:], codes - 1
    if fit_ids is None:
        union = sorted_ids(ids)
        of_ids = codes if union is ids else codes[positions(ids, union)]
        in_ids = of_ids[np.newaxis, :] != np.arange(len(own))[:, np.newaxis]
        if len(own) < 2:  # nobody was fitted on anything that is here
            union, in_ids = union[:0], in_ids[:, :0]
        by_ids: dict[str, Any] = {}
    else:
        given = _by_name(fit_ids, "fit_ids", own)
        by_ids = {name: as_fit_ids(value, ids) for name, value in given.items()}
        own, codes = _wider(own, codes, by_ids)
        union = all_fit_ids(by_ids.values())
        assert union is not None  # noqa: S101 - for the type checker
        in_ids = _membership([by_ids.get(name) for name in own], union)
    groups = in_groups = None
    if fit_groups is not None:
        by_groups = {name: known_groups(value) for name, value in _by_name(fit_groups, "fit_groups", own).items()}
        groups = all_fit_ids(by_groups.values())
        assert groups is not None  # noqa: S101 - for the type checker
        in_groups = _membership([by_groups.get(name) for name in own], groups)
    fits = Fits(tuple(own), readonly(codes.astype(np.intp)), union, readonly(in_ids), groups, in_groups)
    return Fitted(union, groups, fits)


def _by_name(given: Any, what: str, folds: Sequence[str]) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise InvalidPredictionsError(
            f"{what} must be {{fold: {what.removeprefix('fit_')}}} beside folds=, as each fold has a model of its own; "
            f"received {type(given).__name__}. Leave it out if each model was fitted on the rows of all other folds."
        )
    named = {str(name): value for name, value in given.items()}
    if lacks := [name for name in folds if name not in named]:
        raise InvalidPredictionsError(f"{what} must name every fold; received {few(named)}, which lacks {few(lacks)}.")
    return named


def _wider(own: list[str], codes: np.ndarray, named: Mapping[str, Any]) -> tuple[list[str], np.ndarray]:
    """Add the names of folds that have no row here."""
    names = sorted({*own, *named})
    return names, np.array([*(names.index(name) for name in own), -1], dtype=np.intp)[codes]


def _membership(sets: Sequence[np.ndarray | None], union: np.ndarray) -> np.ndarray:
    out = np.zeros((len(sets), len(union)), dtype=bool)
    for place, names in enumerate(sets):
        if names is not None and len(names):
            out[place, positions(union, names)] = True
    return out


def seen_rows(ids: np.ndarray, groups: np.ndarray | None, fitted: Fitted) -> np.ndarray | None:
    """Tell which rows a model was fitted on that predicted them, by id or by group; None if nobody knows."""
    if fitted.fits is None:
        if fitted.ids is None and fitted.groups is None:
            return None
        seen = np.zeros(len(ids), dtype=bool) if fitted.ids is None else among(ids, fitted.ids)
        return seen if groups is None or fitted.groups is None else seen | among(groups, fitted.groups)
    fits = fitted.fits
    seen = _seen_by_fold(fits.codes, ids, fits.ids, fits.in_ids)
    if groups is not None and fits.groups is not None and fits.in_groups is not None:
        seen |= _seen_by_fold(fits.codes, groups, fits.groups, fits.in_groups)
    return seen


def _seen_by_fold(codes: np.ndarray, names: np.ndarray, union: np.ndarray, membership: np.ndarray) -> np.ndarray:
    if not len(union) or not len(names):
        return np.zeros(len(names), dtype=bool)
    names, union, membership = _alike(names, union, membership)
    places = positions(union, names)
    return (places >= 0) & (codes >= 0) & membership[codes, places]


def _alike(names: np.ndarray, union: np.ndarray, membership: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Write names in one Unicode normalisation, as `among` does."""
    one, other = composed(names), composed(union)
    if one is names and other is union:
        return names, union, membership
    different, places = np.unique(other, return_inverse=True)
    joined = np.zeros((len(membership), len(different)), dtype=bool)
    for row, own in zip(joined, membership, strict=True):
        row[places[own]] = True
    return one, different, joined


def derive_groups(fitted: Fitted, ids: np.ndarray, groups: np.ndarray | None) -> Fitted:
    """Add the groups of the rows that are here and that models were fitted on."""
    if groups is None or fitted.ids is None:
        return fitted
    if fitted.fits is None:
        own = np.unique(groups[among(ids, fitted.ids)])
        known = len(own) or not len(fitted.ids) or fitted.groups is not None
        return fitted._replace(groups=all_fit_ids([fitted.groups, own]) if known else None)
    fits = fitted.fits
    names, codes = np.unique(groups, return_inverse=True)
    _, union, membership = _alike(ids, fits.ids, fits.in_ids)
    places = positions(union, composed(ids))
    here = places >= 0
    of_fold = [names[np.unique(codes[here][membership[fold, places[here]]])] for fold in range(len(fits.names))]
    if fits.groups is None and not here.any() and len(fits.ids):
        return fitted
    known = [of_fold] if fits.groups is None else [of_fold, [_own(fits, fold) for fold in range(len(fits.names))]]
    union_groups = all_fit_ids([own for each in known for own in each])
    assert union_groups is not None  # noqa: S101 - for the type checker
    in_groups = np.logical_or.reduce([_membership(each, union_groups) for each in known])
    return Fitted(fitted.ids, union_groups, replace(fits, groups=union_groups, in_groups=readonly(in_groups)))


def key_groups(fitted: Fitted, name: str) -> Fitted:
    """Add the groups by a key column of all rows that models were fitted on, whether they are here or not."""
    if fitted.ids is None or not len(fitted.ids) or key_of(fitted.ids) is None:
        return fitted
    names, codes = np.unique(key_texts(name, fitted.ids, "groups"), return_inverse=True)
    fits = fitted.fits
    if fits is None:
        return fitted._replace(groups=all_fit_ids([fitted.groups, readonly(names)]))
    own = [names[np.unique(codes[of_fold])] for of_fold in fits.in_ids]
    known = [own] if fits.groups is None else [own, [_own(fits, fold) for fold in range(len(fits.names))]]
    union = all_fit_ids([each for part in known for each in part])
    assert union is not None  # noqa: S101 - for the type checker
    in_groups = np.logical_or.reduce([_membership(part, union) for part in known])
    return Fitted(fitted.ids, union, replace(fits, groups=union, in_groups=readonly(in_groups)))


def _own(fits: Fits, fold: int) -> np.ndarray | None:
    return None if fits.groups is None or fits.in_groups is None else fits.groups[fits.in_groups[fold]]
