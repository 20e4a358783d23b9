"""Folds by label and by group, which leave rows of every class to fit on; or a note that says where they cannot."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..combining.forward import FEWEST_OF_CLASS, ForwardFolds, forward_folds
from ..errors import InvalidOptionError
from ..evaluation.words import counted
from ..predictions import PredictionSet
from ..predictions.names import few, shown

__all__ = ["FEWEST_FOLDS", "Folds", "folds_in_time", "make_folds", "strata_of"]

FEWEST_FOLDS = 3
"""One to judge the choice on, one to choose on, and one to fit on."""
MOST_STRATA = 10
"""Bins of a target of numbers."""
FEWEST_TO_FIT = FEWEST_OF_CLASS
"""Rows of a class that must be left to fit on, where even folds leave as many."""
KEPT = 0.5
"""Share of the rows of a class that must be left to fit on."""


@dataclass(frozen=True)
class Folds:
    """The fold of each row, and what had to be mended.

    Attributes
    ----------
    place : ndarray of int of shape (n_samples,)
        Number of the fold that holds the row out.
    n_folds : int
        Number of folds; 0 if there are too few groups or cutoffs.
    can_learn : bool
        Whether each fold leaves enough rows of each class for a rule that learns.
    notes : tuple of str
        What differs from the folds that were asked for, as sentences.
    forward : ForwardFolds, or None
        Of rows with ``time``. Their folds are numbered from 1, and nothing is predicted for place 0.
    """

    place: np.ndarray
    n_folds: int
    can_learn: bool = True
    notes: tuple[str, ...] = ()
    forward: ForwardFolds | None = None

    @property
    def left_out(self) -> list[tuple[int, ...]]:
        """What a rule is fitted without: each fold, and each two folds for the choice; in time each fold alone."""
        if self.forward is not None:
            return [(fold,) for fold in range(1, self.n_folds + 1)]
        every = range(self.n_folds)
        return [*((fold,) for fold in every), *itertools.combinations(every, 2)]

    def fitted(self, left_out: tuple[int, ...]) -> np.ndarray:
        """List the rows that a rule is fitted on without these folds."""
        if self.forward is not None:
            return self.forward.fits[left_out[0] - 1]
        return np.flatnonzero(~np.isin(self.place, left_out))

    @property
    def held_out(self) -> np.ndarray:
        """Tell which rows rules predict without having seen them, shape ``(n_samples,)``."""
        return np.ones(len(self.place), dtype=bool) if self.forward is None else self.place > 0

    @property
    def judged(self) -> dict[int, np.ndarray]:
        """Folds on which the choice is judged -> the rows, of mask ``(n_samples,)``, that it is made by."""
        if self.forward is None:
            return {fold: self.place != fold for fold in range(self.n_folds)}
        found: dict[int, np.ndarray] = {}
        for fold, fit in enumerate(self.forward.fits, 1):
            known = np.zeros(len(self.place), dtype=bool)
            known[fit] = self.place[fit] > 0
            if known.any():
                found[fold] = known
        return found


def strata_of(labels: np.ndarray, kind: str, weight: np.ndarray | None) -> np.ndarray:
    """Number the stratum of each row: its class, its rarest label, or a bin of its target.

    Parameters
    ----------
    labels : ndarray of shape (n_samples, ...)
        Codes, indicators or numbers.
    kind : {"multiclass", "multilabel", "regression"}
        What they are.
    weight : ndarray of shape (n_samples,), optional
        Rows of weight 0 do not count as rows of a class.

    Returns
    -------
    ndarray of int of shape (n_samples,)
    """
    n = len(labels)
    if kind == "multiclass":
        codes = labels if labels.ndim == 1 else np.zeros(n, dtype=np.int64)
    elif kind == "multilabel" and labels.ndim == 2:
        counts = labels.sum(axis=0)
        rarity = np.where(labels > 0, counts, np.inf)
        codes = np.where(labels.any(axis=1), rarity.argmin(axis=1) + 1, 0)
    elif kind == "regression" and labels.ndim == 2:
        labels = labels / np.maximum(np.abs(labels).max(axis=0), np.finfo(np.float64).tiny)  # squares may be infinite
        center, spread = labels.mean(axis=0), labels.std(axis=0)
        target = ((labels - center) / np.where(spread > 0, spread, 1)).mean(axis=1)
        edges = np.quantile(target, np.linspace(0, 1, max(2, min(MOST_STRATA, n // 10)) + 1)[1:-1])
        codes = np.searchsorted(edges, target, side="right")
    else:
        codes = np.zeros(n, dtype=np.int64)
    codes = np.unique(codes, return_inverse=True)[1].astype(np.int64)
    if weight is not None and not weight.all():
        codes = np.where(weight > 0, codes, codes.max() + 1)
    return codes


def make_folds(
    strata: np.ndarray,
    places: np.ndarray,
    cv: int,
    seed: int,
    *,
    names: Sequence[Any] | None = None,
) -> Folds:
    """Draw folds that keep groups together and spread the strata evenly.

    Parameters
    ----------
    strata : ndarray of int of shape (n_samples,)
        Stratum of each row.
    places : ndarray of int of shape (n_samples,)
        Group of each row, numbered from 0.
    cv : int
        Number of folds that is asked for, at least 3.
    seed : int
        Seed of the draw.
    names : sequence, optional
        Names of the strata if these are classes, of which each fold must leave some to fit on.

    Returns
    -------
    Folds
        Fewer than ``cv`` if groups are large, or if that leaves more rows of a class to fit on.
    """
    notes: list[str] = []
    n, n_groups = len(strata), int(places.max()) + 1
    sizes = np.bincount(places)
    k = min(cv, n_groups)
    if k < FEWEST_FOLDS:
        few_groups = counted(n_groups, "groups")
        what = f"the rows are of {few_groups}, and {FEWEST_FOLDS} are needed to choose and to judge the choice."
        return Folds(np.zeros(n, dtype=np.int64), 0, False, (what,))
    largest = int(sizes.max())
    if largest > n / k and n_groups < n:
        fitting = max(FEWEST_FOLDS, int(n // largest))
        what = f"one group has {largest} of {n} rows, more than one of {k} folds"
        if fitting < k:
            notes.append(f"{what}: there are {fitting} folds.")
            k = fitting
        else:
            notes.append(f"{what}: it is a fold of its own size.")
    table = np.zeros((n_groups, int(strata.max()) + 1))
    np.add.at(table, (places, strata), 1)
    if names is not None:
        total = table.sum(axis=0)
        rare = [names[s] for s in range(len(names)) if 0 < total[s] < FEWEST_TO_FIT]
        if rare:
            notes.append(f"there are fewer than {FEWEST_TO_FIT} rows of some classes: {few(rare)}.")
    best = None
    for folds in range(k, FEWEST_FOLDS - 1, -1):
        assigned = _assign(table, folds, seed)
        lacking = [] if names is None else _lacking(table, assigned, folds, len(names))
        if best is None or len(lacking) < len(best[2]):
            best = folds, assigned, lacking
        if not lacking:
            break
    assert best is not None  # noqa: S101 - k is 3 or more
    folds, assigned, lacking = best
    if folds < k:
        notes.append(f"{folds} folds in place of {k} leave more rows of each class to fit on.")
    can_learn = True
    if lacking and names is not None:
        total, left = table.sum(axis=0), _left(table, assigned, folds).min(axis=0)
        worst = min(lacking, key=lambda stratum: left[stratum] / total[stratum])
        others = f", and as few of {len(lacking) - 1} more" if len(lacking) > 1 else ""
        notes.append(
            f"a fold leaves {int(left[worst])} of {int(total[worst])} rows of the class {shown(names[worst])} to fit "
            f"on{others}, as groups are not divided."
        )
        can_learn = all(left[s] >= FEWEST_TO_FIT for s in lacking)
    return Folds(assigned[places], folds, can_learn, tuple(notes))


def _left(table: np.ndarray, assigned: np.ndarray, folds: int) -> np.ndarray:
    """Count the rows of each stratum that each fold leaves to fit on, shape ``(n_folds, n_strata)``."""
    held = np.zeros((folds, table.shape[1]))
    np.add.at(held, assigned, table)
    return table.sum(axis=0) - held


def _lacking(table: np.ndarray, assigned: np.ndarray, folds: int, n_named: int) -> list[int]:
    """List the strata of which some fold leaves fewer rows to fit on than even folds would, and too few."""
    total, left = table.sum(axis=0), _left(table, assigned, folds).min(axis=0)
    even = total - np.ceil(total / folds)
    needed = np.minimum(np.maximum(KEPT * total, FEWEST_TO_FIT), even)
    return [s for s in np.flatnonzero(left < needed).tolist() if s < n_named]


def _assign(table: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Give each group a fold: large groups first, each where its strata are rarest."""
    n_groups, n_strata = table.shape
    rng = np.random.default_rng(seed)
    drawn = rng.permutation(n_groups)
    sizes = table.sum(axis=1)
    assigned = np.empty(n_groups, dtype=np.int64)
    if sizes.max() <= 1:  # rows without groups are dealt, stratum by stratum, one fold after the other
        strata = table.argmax(axis=1)
        order = drawn[np.argsort(strata[drawn], kind="stable")]
        assigned[order] = np.arange(n_groups) % folds
        return assigned
    order = drawn[np.argsort(-sizes[drawn], kind="stable")]
    held = np.zeros((folds, n_strata))
    share = np.maximum(table.sum(axis=0), 1)
    for group in order:
        with_it = (held + table[group]) / share
        cost = (with_it**2 - (held / share) ** 2).sum(axis=1) + ((held.sum(axis=1) + sizes[group]) / sizes.sum()) ** 2
        fold = int(np.argmin(np.round(cost, 12)))
        assigned[group] = fold
        held[fold] += table[group]
    return assigned


def folds_in_time(
    predictions: PredictionSet,
    cv: int,
    places: np.ndarray | None,
    *,
    weight: np.ndarray | None = None,
    classes: np.ndarray | None = None,
    names: Sequence[Any] | None = None,
) -> Folds:
    """Divide rows that say their ``time`` into folds, each predicted by fits on earlier cutoffs.

    Parameters
    ----------
    predictions : PredictionSet
        With ``time``.
    cv : int
        Number of folds that is asked for, at least 3.
    places : ndarray of int of shape (n_samples,), or None
        Group of each row.
    weight : ndarray of shape (n_samples,), optional
        Rows of weight 0 are fitted on by none, and divided by the others.
    classes : ndarray of int of shape (n_samples,), optional
        Class of each row.
    names : sequence, optional
        Names of the classes.

    Returns
    -------
    Folds
        Without any if there are too few cutoffs, or outcomes are known too late.

    Raises
    ------
    InvalidOptionError
        If groups reach over so many cutoffs that these cannot be divided.
    """
    rows = np.arange(len(predictions.ids)) if weight is None else np.flatnonzero(weight)
    forward = _forward_folds(predictions, cv, rows, places, classes)
    needed = FEWEST_FOLDS + 1
    if forward.n_parts < needed <= forward.n_cutoffs:
        places_left = f"{forward.n_parts - 1} of {needed - 1} places" if forward.n_parts > 1 else "no place"
        raise InvalidOptionError(
            "groups must not reach over the cutoffs at which folds in time are divided, as rows of one group are never "
            f"both fitted on and held out; received groups that leave {places_left} to divide {forward.n_cutoffs} "
            f"cutoffs. Give groups that follow time, such as groups={predictions.time[0]!r}, or none where rows of one "
            "group may be fitted on earlier and judged later."
        )
    if forward.n_folds < FEWEST_FOLDS:
        why = (
            f"the rows are of {counted(forward.n_cutoffs, 'cutoffs')}, and {needed} are needed"
            if forward.n_cutoffs < needed
            else f"of {forward.n_cutoffs} cutoffs too few are after the first known outcomes"
        )
        return Folds(forward.place, 0, False, (f"{why} to choose and to judge the choice.",), forward)
    notes: list[str] = []
    if forward.n_folds < cv:
        notes.append(f"the cutoffs after the first fit are enough for {forward.n_folds} folds, not {cv}.")
    if classes is not None and names is not None:
        total, n = np.bincount(classes[rows], minlength=int(classes.max()) + 1), len(names)
        first = np.bincount(classes[forward.fits[0]], minlength=len(total))
        short = first[:n] < np.minimum(total[:n] // 2, FEWEST_TO_FIT)
        if lacking := [names[s] for s in np.flatnonzero(short).tolist()]:
            notes.append(f"the first fit has fewer than {FEWEST_TO_FIT} rows of some classes: {few(lacking)}.")
    folds = Folds(forward.place, forward.n_folds, True, tuple(notes), forward)
    if folds.judged:
        return folds
    why = "no outcome of the first fold is known at the last one, so that nothing can be chosen by it."
    return Folds(forward.place, 0, False, (why,), forward)


def _forward_folds(
    predictions: PredictionSet, cv: int, rows: np.ndarray, places: np.ndarray | None, classes: np.ndarray | None
) -> ForwardFolds:
    """Divide some rows, and put the others where their cutoffs are."""
    given = {"groups": places, "classes": classes}
    if len(rows) == len(predictions.ids):
        return forward_folds(predictions, cv, fewest=FEWEST_FOLDS, **given)
    given = {name: None if values is None else values[rows] for name, values in given.items()}
    found = forward_folds(predictions.reorder(rows=rows), cv, fewest=FEWEST_FOLDS, **given)
    cutoff = predictions.key(predictions.time[0])
    first = np.array([cutoff[rows[held]].min() for _, held in found.splits()], dtype=cutoff.dtype)
    place = np.searchsorted(first, cutoff, side="right")
    return replace(found, place=place, fits=tuple(rows[fit] for fit in found.fits))
