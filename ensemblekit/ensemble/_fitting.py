"""Fit the members on all rows; and fit them on the training rows of each fold, to predict the rows it holds out."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InvalidOptionError, LeakageError, MissingClassWarning
from ..predictions.names import array_of, few, first_null, shown
from ..printed import printable
from ._keras import KerasEstimator
from ._members import MemberPredictor

__all__ = ["Fold", "fit_members", "make_folds"]


@dataclass(frozen=True)
class Fold:
    """Row numbers to fit on, and row numbers held out."""

    train: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class _Job:
    name: str
    estimator: Any
    params: Mapping[str, Any]
    number: int = 0
    n_folds: int = 0
    fold: Fold | None = None

    def __str__(self) -> str:
        return f"{self.name}, " + ("all rows" if self.fold is None else f"fold {self.number} of {self.n_folds}")


class _Progress:
    """Write a line to stderr for each finished job.

    Parameters
    ----------
    owner : str
        Name of the estimator that is fitted.
    total : int
        Number of jobs.
    verbose : int
        0 writes nothing.
    """

    def __init__(self, owner: str, total: int, verbose: int) -> None:
        self.owner, self.total, self.verbose, self.done = owner, total, verbose, 0

    def finish(self, job: str, seconds: float) -> None:
        """Count a job, and write its number and time."""
        self.done += 1
        if self.verbose:
            width = len(str(self.total))
            line = f"[{self.owner}] {self.done:>{width}}/{self.total}  {job}  ({seconds:.2f} s)"
            sys.stderr.write(printable(line) + "\n")
            sys.stderr.flush()


def check_names(what: str, values: Any) -> None:
    """Refuse nulls, and text mixed with other types, because NumPy would turn both into text."""
    array = array_of(values)
    if array.dtype.kind not in "OT":
        return
    names: list[Any] = array.ravel().tolist()
    if (row := first_null(names)) is not None:
        raise InvalidOptionError(f"{what} must be known of each row; that of row {row} is {shown(names[row])}.")
    if len({isinstance(name, str) for name in names}) > 1:
        raise InvalidOptionError(f"{what} must be of one kind; received text and other things, {few(names)}.")


def make_folds(
    cv: Any, X: Any, y: np.ndarray, *, groups: Any, params: Mapping[str, Any], classifier: bool
) -> list[Fold]:
    """Split the rows in the same way for every member, and refuse folds that leak.

    Parameters
    ----------
    cv : int, splitter, or iterable of (train, test)
        With ``groups``, a whole number keeps the groups together.
    X, y : array-like of n_samples rows
        The rows to split.
    groups : array-like of shape (n_samples,), or None
        Rows of one group are never both fitted on and held out by a fold.
    params : dict
        Parameters of the splitter.
    classifier : bool
        Whether to spread the classes evenly over the folds.

    Returns
    -------
    list of Fold
        At least one.

    Raises
    ------
    LeakageError
        If a fold fits on a row or a group that it holds out.
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, check_cv

    names = None if groups is None else np.asarray(groups)
    if names is not None and (row := first_null(names.tolist())) is not None:
        raise InvalidOptionError(
            f"groups must name the group of each row; that of row {row} is {names.tolist()[row]!r}."
        )
    if groups is not None and isinstance(cv, (int, np.integer)) and not isinstance(cv, bool):
        splitter: Any = (StratifiedGroupKFold if classifier else GroupKFold)(int(cv))
    else:
        splitter = check_cv(cv, y, classifier=classifier)
    folds: list[Fold] = []
    for train, test in splitter.split(X, y, **params):
        folds.append(Fold(*(_row_numbers(rows, len(y)) for rows in (train, test))))
    if not folds:
        raise InvalidOptionError(f"cv must give at least one fold; {cv!r} gives none.")
    for number, fold in enumerate(folds, 1):
        both = np.intersect1d(fold.train, fold.test)
        if len(both):
            raise LeakageError(
                f"rows that a fold holds out must not be fitted on; fold {number} of {len(folds)} has "
                f"{few(both.tolist())} on both sides."
            )
        shared = [] if names is None else np.intersect1d(names[fold.train], names[fold.test]).tolist()
        if shared:
            raise LeakageError(
                f"groups must not be divided by a fold; fold {number} of {len(folds)} has the groups "
                f"{few(shared)} on both sides. Give cv a whole number, GroupKFold or StratifiedGroupKFold."
            )
    for number, fold in enumerate(folds if classifier else (), 1):
        lacks = np.setdiff1d(y, y[fold.train]).tolist()
        if lacks:
            warnings.warn(
                f"fold {number} of {len(folds)} has no row of the classes {few(lacks)} to fit on; its members give "
                "them probability 0 there. Give fewer or stratified folds.",
                MissingClassWarning,
                stacklevel=4,
            )
    return folds


def _row_numbers(rows: Any, n_samples: int) -> np.ndarray:
    rows = np.asarray(rows)
    return np.flatnonzero(rows) if rows.dtype == bool and rows.shape == (n_samples,) else rows


def fit_members(
    members: Mapping[str, Any],
    X: Any,
    y: np.ndarray,
    *,
    params: Mapping[str, Mapping[str, Any]],
    folds: list[Fold],
    predictor: MemberPredictor,
    owner: str,
    n_jobs: int | None,
    verbose: int,
) -> tuple[dict[str, Any], dict[str, float], np.ndarray, dict[str, np.ndarray]]:
    """Fit each member on all rows, and on each fold.

    Parameters
    ----------
    members : dict
        Name -> estimator; each is cloned.
    X, y : array-like of n_samples rows
        All rows.
    params : dict
        Name -> parameters of its ``fit``. If a parameter has one value for each row, a fold uses the values of its
        rows.
    folds : list of Fold
        Empty for combiners that learn nothing.
    predictor : MemberPredictor
        Predicts with the fitted members.
    owner : str
        Name of the ensemble's class, for the lines on stderr.
    n_jobs, verbose : int
        As in `EnsembleClassifier`.

    Returns
    -------
    fitted : dict
        Name -> estimator fitted on all rows.
    seconds : dict
        Name -> time of all its fits.
    rows : ndarray of int
        Sorted numbers of the rows that some fold held out.
    probas : dict
        Name -> out-of-fold predictions for ``rows``: the mean over the folds that held a row out.
    """
    jobs = [_Job(name, estimator, params[name]) for name, estimator in members.items()]
    jobs += [
        _Job(name, estimator, params[name], number, len(folds), fold)
        for name, estimator in members.items()
        for number, fold in enumerate(folds, 1)
    ]
    fitted: dict[str, Any] = {}
    seconds = dict.fromkeys(members, 0.0)
    of_fold: dict[tuple[str, int], np.ndarray] = {}
    progress = _Progress(owner, len(jobs), verbose)
    for place, result, took in _run_jobs(jobs, X, y, predictor, n_jobs):
        job = jobs[place]
        seconds[job.name] += took
        if job.fold is None:
            fitted[job.name] = result
        else:
            of_fold[job.name, job.number] = result
        progress.finish(str(job), took)
    times = np.zeros(len(y), dtype=np.int64)
    for fold in folds:
        times[fold.test] += 1
    rows = np.flatnonzero(times)
    means: dict[str, np.ndarray] = {}
    for name in members if folds else ():
        total = np.zeros((len(y), *of_fold[name, 1].shape[1:]))
        for number, fold in enumerate(folds, 1):
            total[fold.test] += of_fold[name, number]
        means[name] = total[rows] / times[rows].reshape(-1, *(1,) * (total.ndim - 1))
    return {name: fitted[name] for name in members}, seconds, rows, means


def _run_jobs(
    jobs: list[_Job], X: Any, y: np.ndarray, predictor: MemberPredictor, n_jobs: int | None
) -> Iterator[tuple[int, Any, float]]:
    from sklearn.utils.parallel import Parallel, delayed

    # A Keras model uses all cores itself, and each worker process would have to import TensorFlow first.
    of_keras = {place for place, job in enumerate(jobs) if isinstance(job.estimator, KerasEstimator)}
    parallel: Any = Parallel(n_jobs=n_jobs, return_as="generator_unordered")
    yield from parallel(delayed(_run_job)(i, job, X, y, predictor) for i, job in enumerate(jobs) if i not in of_keras)
    for place in sorted(of_keras):
        yield _run_job(place, jobs[place], X, y, predictor)


def _run_job(place: int, job: _Job, X: Any, y: np.ndarray, predictor: MemberPredictor) -> tuple[int, Any, float]:
    from sklearn.base import clone

    started = time.perf_counter()
    try:
        estimator: Any = clone(job.estimator)
        if hasattr(estimator, "name_outputs"):
            estimator.name_outputs(None if predictor.names is None else list(predictor.names))
        if job.fold is None:
            estimator.fit(X, y, **job.params)
            predictor.check(job.name, estimator)
            result: Any = estimator
        else:
            params = {name: _of_rows(value, job.fold.train, len(y)) for name, value in job.params.items()}
            estimator.fit(_take(X, job.fold.train), y[job.fold.train], **params)
            predictor.check(job.name, estimator)
            result = predictor.predict_all_classes(job.name, estimator, _take(X, job.fold.test), job.fold.test)
    except Exception as error:
        error.add_note(f"This came from member {job}.")
        raise
    return place, result, time.perf_counter() - started


def _take(X: Any, rows: np.ndarray) -> Any:
    from sklearn.utils import _safe_indexing  # pyright: ignore[reportPrivateUsage]

    return _safe_indexing(X, rows)


def _of_rows(value: Any, rows: np.ndarray, n_samples: int) -> Any:
    one_a_row = not isinstance(value, (str, Mapping)) and hasattr(value, "__len__") and len(value) == n_samples
    return _take(value, rows) if one_a_row else value
