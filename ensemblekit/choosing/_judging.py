"""Predictions of every candidate for rows that neither its fit nor its calibration saw."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..combining import combine, fit_combiner
from ..predictions import PredictionSet
from ._candidates import Candidate, reason_of
from ._folds import Folds

__all__ = ["Judged", "judge"]


@dataclass(frozen=True)
class Judged:
    """The predictions of one candidate, each by a fit that did not see the row.

    Attributes
    ----------
    candidate : Candidate
        Whose predictions these are.
    held_out : ndarray of shape (n_samples, ..., n_classes)
        Fitted without the fold of the row; NaN for rows that no fold holds out.
    without : mapping of (int, int) to ndarray
        Of a candidate that learns, for two folds: the predictions of their rows, in the order of the rows, by a fit
        without both. Empty for another, and for folds in time.
    """

    candidate: Candidate
    held_out: np.ndarray
    without: Mapping[tuple[int, int], np.ndarray] = field(default_factory=dict[tuple[int, int], np.ndarray])

    def without_fold(self, fold: int, folds: Folds) -> np.ndarray:
        """Predict the rows by which the choice without a fold is made, by fits that did not see that fold either.

        Parameters
        ----------
        fold : int
            The fold that is left out.
        folds : Folds
            Of all rows.

        Returns
        -------
        ndarray of shape (n_rows, ..., n_classes)
            For the rows of ``folds.judged[fold]``, in their order.
        """
        if not self.without:
            return self.held_out[folds.judged[fold]]
        place = folds.place
        predicted = np.empty_like(self.held_out)
        for pair, values in self.without.items():
            if fold in pair:
                other = pair[0] + pair[1] - fold
                of_pair = place[(place == pair[0]) | (place == pair[1])]
                predicted[place == other] = values[of_pair == other]
        return predicted[place != fold]


@dataclass(frozen=True)
class _Job:
    number: int
    left_out: tuple[int, ...]


def judge(
    candidates: Sequence[Candidate],
    predictions: PredictionSet,
    folds: Folds,
    *,
    sample_weight: np.ndarray | None,
    allow_leakage: bool,
    n_jobs: int,
) -> tuple[list[Judged], dict[str, str]]:
    """Fit every candidate without what folds leave out, and predict these rows.

    Parameters
    ----------
    candidates : sequence of Candidate
        Those that are not left out.
    predictions : PredictionSet
        Labelled, in sorted order.
    folds : Folds
        At least three.
    sample_weight : ndarray of shape (n_samples,), optional
        For rules that learn.
    allow_leakage : bool
        As in `fit_combiner`.
    n_jobs : int
        Number of threads.

    Returns
    -------
    judged : list of Judged
        Those that could be fitted, in the given order.
    reasons : dict of str to str
        Name of each other -> its error.
    """
    subsets = folds.left_out
    jobs: list[_Job] = []
    for number, candidate in enumerate(candidates):
        jobs += [_Job(number, left_out) for left_out in subsets] if candidate.learns else [_Job(number, ())]

    def run(job: _Job) -> Any:
        try:
            return _predict(candidates[job.number], predictions, folds, job.left_out, sample_weight, allow_leakage)
        except Exception as error:  # a stranger's rule may raise anything, and the others go on
            return reason_of(error)

    from threadpoolctl import threadpool_limits

    answers: dict[int, dict[tuple[int, ...], Any]] = {number: {} for number in range(len(candidates))}
    # The fits are small: threads inside of one would wait for each other longer than they work.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")  # of fits on parts of the rows; the fit of the chosen one warns
        for job, answer in zip(jobs, _in_parallel(run, jobs, n_jobs), strict=True):
            answers[job.number][job.left_out] = answer
    judged: list[Judged] = []
    reasons: dict[str, str] = {}
    for candidate, given in zip(candidates, answers.values(), strict=True):
        failed = [answer for answer in given.values() if isinstance(answer, str)]
        if failed:
            reasons[candidate.name] = failed[0]
        elif () in given:
            judged.append(Judged(candidate, given[()]))
        else:
            held_out = np.full(predictions.member_probas.shape[1:], np.nan, dtype=predictions.member_probas.dtype)
            pairs: dict[tuple[int, int], np.ndarray] = {}
            for left_out, values in given.items():
                if len(left_out) == 1:
                    held_out[folds.place == left_out[0]] = values
                else:
                    pairs[left_out[0], left_out[1]] = values
            judged.append(Judged(candidate, held_out, pairs))
    return judged, reasons


def _predict(
    candidate: Candidate,
    predictions: PredictionSet,
    folds: Folds,
    left_out: tuple[int, ...],
    sample_weight: np.ndarray | None,
    allow_leakage: bool,
) -> np.ndarray:
    if not left_out:
        return combine(predictions, candidate.combiner).probas
    held, rows = np.isin(folds.place, left_out), folds.fitted(left_out)
    given: dict[str, Any] = {} if sample_weight is None else {"sample_weight": sample_weight[rows]}
    fitted = fit_combiner(predictions.reorder(rows=rows), candidate.combiner, allow_leakage=allow_leakage, **given)
    return combine(predictions.reorder(rows=np.flatnonzero(held)), fitted, allow_leakage=allow_leakage).probas


def _in_parallel(run: Any, jobs: Sequence[_Job], n_jobs: int) -> Iterator[Any]:
    if n_jobs == 1:
        return map(run, jobs)
    from sklearn.utils.parallel import Parallel, delayed

    return iter(Parallel(n_jobs=n_jobs, backend="threading")(delayed(run)(job) for job in jobs))
