"""Fit the members on all rows; and fit them on the training rows of each fold, to predict the rows it holds out."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..printed import printable
from ._coded import CodedClassifier, fit_classifier
from ._keras import KerasEstimator
from ._members import MemberPredictor, name_outputs
from ._outputs import parts_of
from ._rows import take
from ._splits import Fold

__all__ = ["fit_members"]


@dataclass(frozen=True)
class _Job:
    name: str
    estimator: Any
    params: Mapping[str, Any]
    inner_folds: Mapping[str, Any] = field(default_factory=dict)
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


def fit_members(
    members: Mapping[str, Any],
    X: Any,
    y: np.ndarray,
    *,
    params: Mapping[str, Mapping[str, Any]],
    folds: list[Fold],
    inner_folds: Mapping[tuple[str, int], Mapping[str, Any]],
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
    inner_folds : dict
        (name, number of the fold, 0 for all rows) -> parameters ``cv`` of the member's own parts, as folds of its rows.
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
    answers : dict
        Name -> out-of-fold predictions for ``rows``, or columns: the mean over the folds that held a row out.
    """
    jobs = [_Job(name, estimator, params[name], inner_folds.get((name, 0), {})) for name, estimator in members.items()]
    columns = predictor.asking.columns
    # A member that learns without labels is fitted once: its columns mean something else in each fit.
    once = [name for name in members if columns.get(name) == "features"]
    jobs += [
        _Job(name, estimator, params[name], inner_folds.get((name, number), {}), number, len(folds), fold)
        for name, estimator in members.items()
        if name not in once
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
    for name in once if folds else ():
        means[name] = predictor.columns(name, fitted[name], X)[rows]
    for name in members if folds else ():
        if name in once:
            continue
        total = np.zeros((len(y), *of_fold[name, 1].shape[1:]))
        for number, fold in enumerate(folds, 1):
            total[fold.test] += of_fold[name, number]
        means[name] = total[rows] / times[rows].reshape(-1, *(1,) * (total.ndim - 1))
    return (
        {name: fitted[name] for name in members},
        seconds,
        rows,
        {name: means[name] for name in members if name in means},
    )


def _run_jobs(
    jobs: list[_Job], X: Any, y: np.ndarray, predictor: MemberPredictor, n_jobs: int | None
) -> Iterator[tuple[int, Any, float]]:
    from sklearn.utils.parallel import Parallel, delayed

    # A Keras model uses all cores itself, and each worker process would have to import TensorFlow first.
    of_keras = {place for place, job in enumerate(jobs) if isinstance(job.estimator, KerasEstimator)}
    others = [place for place in range(len(jobs)) if place not in of_keras]
    parallel: Any = Parallel(n_jobs=n_jobs, return_as="generator_unordered")
    if parallel.n_jobs == 1:
        yield from (_run_job(place, jobs[place], X, y, predictor) for place in others)
    else:
        yield from parallel(delayed(_run_job)(place, jobs[place], X, y, predictor) for place in others)
    for place in sorted(of_keras):
        yield _run_job(place, jobs[place], X, y, predictor)


def _run_job(place: int, job: _Job, X: Any, y: np.ndarray, predictor: MemberPredictor) -> tuple[int, Any, float]:
    from sklearn.base import clone

    started = time.perf_counter()
    try:
        if job.fold is None:
            result = _fit(clone(job.estimator), job, X, y, job.params, predictor)
        else:
            result = _predict_fold(clone(job.estimator), job, job.fold, X, y, predictor)
    except Exception as error:
        error.add_note(f"This came from member {job}.")
        raise
    return place, result, time.perf_counter() - started


def _predict_fold(estimator: Any, job: _Job, fold: Fold, X: Any, y: np.ndarray, predictor: MemberPredictor) -> Any:
    labels = np.unique(y[fold.train]) if predictor.names is not None else ()
    kind = predictor.asking.columns.get(job.name)
    if len(labels) == 1 and kind != "numbers":
        # Many classifiers refuse one class, and there is nothing to learn.
        if kind == "decisions":
            return predictor.asking.certain(labels.tolist()[0], list(predictor.names or ()), len(fold.test))
        return predictor.certain(labels.tolist()[0], len(fold.test))
    params = {name: _of_rows(value, fold.train, len(y)) for name, value in job.params.items()}
    fitted = _fit(estimator, job, take(X, fold.train), y[fold.train], params, predictor)
    if kind is not None:
        return predictor.columns(job.name, fitted, take(X, fold.test))
    return predictor.predict(job.name, fitted, take(X, fold.test), fold.test).probas


def _fit(
    estimator: Any, job: _Job, X: Any, y: np.ndarray, params: Mapping[str, Any], predictor: MemberPredictor
) -> Any:
    name_outputs(estimator, None if predictor.names is None else list(predictor.names))
    given: dict[str, Any] = {}
    if job.inner_folds:
        of_all = estimator.get_params()
        given = {parameter: of_all[parameter] for parameter in job.inner_folds}
        estimator.set_params(**job.inner_folds)
    if predictor.names is None or predictor.asking.columns.get(job.name) in ("numbers", "features"):
        fitted = predictor.fit_named(job.name, estimator, X, y, params)
    else:
        fitted = fit_classifier(estimator, X, y, params)
    if given:  # the folds were of these rows alone
        for part in parts_of(fitted, estimator) if not isinstance(fitted, CodedClassifier) else [fitted.estimator_]:
            part.set_params(**given)
    predictor.check(job.name, fitted)
    return fitted


def _of_rows(value: Any, rows: np.ndarray, n_samples: int) -> Any:
    one_a_row = not isinstance(value, (str, Mapping)) and hasattr(value, "__len__") and len(value) == n_samples
    return take(value, rows) if one_a_row else value
