"""Fit members in layers, so that no row's own label reaches what is predicted for it out of fold, at any level."""

from __future__ import annotations

import itertools
import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import InvalidOptionError, MissingClassWarning
from ..predictions.names import few
from ._rows import flatten_rows, n_rows, take
from ._splits import split_rows

__all__ = ["FoldPredictions", "Layering", "OutOfTimeError", "disjoint_folds", "inputs_above", "refuse_text"]

Without = tuple[int, ...]
"""Numbers of the folds that a member was not fitted on, sorted."""

FoldPredictions = dict[tuple[Without, int], np.ndarray]
"""(folds that the member was not fitted on, one of them) -> its predictions for the rows of that one."""


class OutOfTimeError(Exception):
    """The time limit was reached."""


class Layering:
    """Members of several layers, fitted without one, two or more of the folds.

    A member of layer ``l`` that is fitted without the folds ``A`` gets, for a row of fold ``j`` that it is fitted on,
    the predictions of the members below that are fitted without ``A`` and ``j``. For the rows of ``A`` it gets those of
    the members below that are fitted without ``A``. So nothing that is predicted for a row of ``A`` depends on a label
    of ``A``. As the order of the folds in ``A`` does not matter, few fits are needed: ``K (K - 1) / 2`` for two of
    ``K`` folds.

    Parameters
    ----------
    layers : sequence of dict
        Name -> a member for each layer: ``fresh()`` makes an estimator with ``fit`` and ``transform``, and
        ``certain(y)`` gives what to predict without a fit, or None.
    X, y : array-like of n_samples rows
        All rows.
    folds : list of ndarray of int
        Numbers of the rows of each fold; each row is in one.
    params : dict
        Parameters of ``fit`` with one value a row.
    passthrough : bool
        Whether members above the first layer get X beside the predictions.
    time_limit : float or None
        Seconds from now.
    n_jobs : int or None
        Number of processes.
    report : callable
        Called with a sentence after each fit.
    """

    def __init__(
        self,
        layers: Sequence[Mapping[str, Any]],
        X: Any,
        y: np.ndarray,
        *,
        folds: list[np.ndarray],
        params: Mapping[str, np.ndarray],
        passthrough: bool,
        time_limit: float | None,
        n_jobs: int | None,
        report: Callable[[str], None],
    ) -> None:
        self.layers, self.X, self.y, self.folds, self.params = [dict(one) for one in layers], X, y, folds, params
        self.passthrough, self.n_jobs, self.report = passthrough, n_jobs, report
        self.started = time.perf_counter()
        self.ends = None if time_limit is None else self.started + time_limit
        self.predicted: list[dict[str, FoldPredictions]] = [{} for _ in layers]
        self.fitted: list[dict[str, Any]] = [{} for _ in layers]
        self.longest: dict[tuple[int, str], float] = {}
        self.n_fits = 0

    def add(self, layer: int, most: int) -> None:
        """Fit a layer, and what it needs of the layers below it.

        Parameters
        ----------
        layer : int
            Its number; those below are there.
        most : int
            Members of this layer are fitted without 0, 1, ... up to this number of folds.

        Raises
        ------
        OutOfTimeError
            If no member of this layer is finished in time. The first member of layer 0 is always finished.
        """
        for below in range(layer):
            for name in self.layers[below]:
                self._fit_member(below, name, [most + layer - below], urgent=False)
        finished: list[str] = []
        for name in self.layers[layer]:
            try:
                self._fit_member(layer, name, range(most + 1), urgent=layer == 0 and not finished)
            except OutOfTimeError:
                break
            finished.append(name)
        if not finished:
            raise OutOfTimeError
        self.layers[layer] = {name: self.layers[layer][name] for name in finished}

    def out_of_fold(self, layer: int, name: str, fold: int, without: Without = ()) -> np.ndarray:
        """Look up what a member predicts for a fold that it was not fitted on, nor on the folds ``without``."""
        return self.predicted[layer][name][tuple(sorted({fold, *without})), fold]

    def rows_without(self, without: Without) -> np.ndarray:
        """List the rows of all other folds, sorted."""
        return np.sort(np.concatenate([rows for fold, rows in enumerate(self.folds) if fold not in without]))

    def _fit_member(self, layer: int, name: str, sizes: Any, *, urgent: bool) -> None:
        from sklearn.utils.parallel import Parallel, delayed

        jobs = [without for size in sizes for without in itertools.combinations(range(len(self.folds)), size)]
        at_once = len(jobs) if self.ends is None else self._n_workers()
        # What a fit took before tells what the next one will take.
        longest = self.longest.get((layer, name), self.longest.get((layer - 1, name), 0.0))
        found: FoldPredictions = {}
        kept = None
        pool: Any = Parallel(n_jobs=self.n_jobs)
        with pool as parallel:
            for start in range(0, len(jobs), at_once):
                if not urgent and self.ends is not None and time.perf_counter() + longest > self.ends:
                    raise OutOfTimeError
                some = jobs[start : start + at_once]
                calls = (delayed(_fit)(self.layers[layer][name], *self._rows_for(layer, one)) for one in some)
                for without, (model, predictions, seconds) in zip(some, parallel(calls), strict=True):
                    longest = max(longest, seconds)
                    found |= {(without, fold): p for fold, p in zip(without, predictions, strict=True)}
                    kept = kept if without else model
                    self.n_fits += 1
                    held = f"without {len(without)} of {len(self.folds)} folds" if without else "all rows"
                    self.report(f"layer {layer + 1}, {name}, {held}  ({seconds:.2f} s)")
        self.longest[layer, name] = longest
        self.predicted[layer].setdefault(name, {}).update(found)
        if kept is not None:
            self.fitted[layer][name] = kept

    def _n_workers(self) -> int:
        n_jobs = self.n_jobs or 1
        return n_jobs if n_jobs > 0 else max(1, (os.cpu_count() or 1) + 1 + n_jobs)

    def _rows_for(self, layer: int, without: Without) -> tuple[Any, ...]:
        rows = self.rows_without(without)
        params = {name: values[rows] for name, values in self.params.items()}
        held = [self._inputs(layer, self.folds[fold], [fold], without) for fold in without]
        others = [fold for fold in range(len(self.folds)) if fold not in without]
        return self._inputs(layer, rows, others, without), self.y[rows], params, held, not without

    def _inputs(self, layer: int, rows: np.ndarray, folds: list[int], without: Without) -> Any:
        own = take(self.X, rows)
        if layer == 0:
            return own
        columns = [
            self._in_order([self.out_of_fold(layer - 1, name, fold, without) for fold in folds], folds)
            for name in self.layers[layer - 1]
        ]
        return inputs_above(columns, own if self.passthrough else None)

    def _in_order(self, parts: list[np.ndarray], folds: list[int]) -> np.ndarray:
        order = np.argsort(np.concatenate([self.folds[fold] for fold in folds]), kind="stable")
        return np.concatenate(parts)[order]


def disjoint_folds(
    cv: Any, X: Any, y: np.ndarray, *, groups: Any, classifier: bool, most: int, layers: int
) -> list[np.ndarray]:
    """Divide the rows into folds of which some are left out together.

    Parameters
    ----------
    cv, X, y, groups, classifier
        As in `split_rows`.
    most : int
        Largest number of folds that are left out together.
    layers : int
        Number of layers, for errors.

    Returns
    -------
    list of ndarray of int
        Numbers of the rows of each fold, sorted; each row is in one.

    Raises
    ------
    InvalidOptionError
        If a row is not held out once, or there are too few folds.
    """
    folds = split_rows(cv, X, y, groups=groups, params={}, classifier=classifier)
    held = np.sort(np.concatenate([fold.test for fold in folds]))
    others = [len(np.setdiff1d(held, fold.test)) == len(np.unique(fold.train)) for fold in folds]
    if not np.array_equal(held, np.arange(len(y))) or not all(others):
        raise InvalidOptionError(
            "cv must hold out each row once and fit on all others, as several folds are left out together; "
            f"{cv!r} does not. Give a whole number, KFold, StratifiedKFold or GroupKFold."
        )
    if len(folds) <= most:
        raise InvalidOptionError(
            f"cv must give at least {most + 1} folds for {layers} layer(s) with this combiner, as {most} are left out "
            f"together; received {len(folds)}. Give more folds, or fewer layers."
        )
    if classifier:
        labels, codes = np.unique(y, return_inverse=True)
        counts = np.stack([np.bincount(codes[fold.test], minlength=len(labels)) for fold in folds])
        together = itertools.combinations(range(len(folds)), most)
        left = counts.sum(axis=0) - np.stack([counts[list(some)].sum(axis=0) for some in together])
        lacks = labels[(left == 0).any(axis=0)].tolist()
        if lacks:
            warnings.warn(
                f"without {most} of {len(folds)} folds there may be no row of the classes {few(lacks)} to fit on; "
                "members give them probability 0 there. Give more or stratified folds, or fewer layers.",
                MissingClassWarning,
                stacklevel=3,
            )
    return [np.sort(fold.test) for fold in folds]


def refuse_no_weight(folds: list[np.ndarray], weight: np.ndarray, most: int) -> None:
    """Refuse weights of which only those of 0 may be left to fit on, before any member is fitted."""
    has = [bool(weight[fold].any()) for fold in folds]
    if sum(has) <= most:
        raise InvalidOptionError(
            f"sample_weight must be > 0 on rows of at least {most + 1} folds, as {most} are left out together; it is "
            f"on {sum(has)} of {len(folds)} folds. Leave out the rows of weight 0, or give folds that are shuffled."
        )


def refuse_text(X: Any) -> None:
    """Refuse rows of text, of which members above the first layer can make nothing, before any member is fitted."""
    first = take(X, np.arange(1))
    if any(isinstance(value, (str, bytes)) for value in np.asarray(first, dtype=object).ravel()):
        raise InvalidOptionError(
            "passthrough needs X of numbers, which members above the first layer get beside the predictions; received "
            "text. Turn it into numbers first, or give passthrough=False."
        )


def inputs_above(columns: list[np.ndarray], X: Any = None) -> Any:
    """Put the predictions of the members of a layer side by side, and X beside them if it is given."""
    predictions = np.concatenate(columns, axis=1)
    if X is None:
        return predictions
    if hasattr(X, "tocsr"):
        from scipy import sparse

        return sparse.hstack([sparse.csr_array(predictions), X], format="csr")
    return np.concatenate([predictions, flatten_rows(X)], axis=1)


def _fit(
    estimator: Any, X: Any, y: np.ndarray, params: Mapping[str, Any], held: list[Any], keep: bool
) -> tuple[Any, list[np.ndarray], float]:
    started = time.perf_counter()
    if (certain := estimator.certain(y)) is not None:  # many classifiers refuse one class, and nothing is to learn
        return None, [np.tile(certain, (n_rows(rows), 1)) for rows in held], time.perf_counter() - started
    fitted = estimator.fresh().fit(X, y, **params)
    predictions = [fitted.transform(rows) for rows in held]
    return fitted if keep else None, predictions, time.perf_counter() - started
