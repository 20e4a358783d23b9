"""A plugin for ensemblekit: survival curves as a task, two metrics of them, and the hooks that register these."""

import copy

import numpy as np

from ensemblekit import Metric, Task, hookimpl


def times_of(classes):
    """Read the names of the columns as times; refuse others."""
    try:
        times = np.array([float(name) for name in classes])
    except (TypeError, ValueError):
        raise ValueError(f"columns must be named by times, such as 30, 90, 365; received {classes}.") from None
    if not np.isfinite(times).all() or times[0] <= 0 or (np.diff(times) <= 0).any():
        raise ValueError(f"columns must be times > 0 that increase; received {classes}.")
    return times


def signed(times, events):
    """Write a time with an event as it is, and a censored one with a minus."""
    return np.where(events, times, -times)


def unsigned(labels):
    """Give times and events back, each of shape ``(n_samples,)``."""
    first = labels[:, 0]
    return np.abs(first), first > 0


class Survival(Task):
    """Probability of living longer than each of some times, which are the names of the columns."""

    name = "survival"
    kind = "regression"
    metrics = ("integrated_brier", "concordance")
    ordered = True
    labels_are_values = False

    def check(self, probas, classes):
        """Refuse what is no survival curve: not in [0, 1], or rising."""
        times_of(classes)
        there = probas[np.isfinite(probas).all(axis=-1)]
        if there.size and (there.min() < 0 or there.max() > 1):
            raise ValueError(f"survival must lie in [0, 1]; received {there.min():.6g} to {there.max():.6g}.")
        # Combiners add rows up in different orders: a rise by rounding is none.
        rising = (np.diff(there, axis=-1) > 1e-6).any(axis=-1)
        if rising.any():
            raise ValueError(f"survival must not rise with time; received {there[rising][0]} at {classes}.")

    def complete_labels(self, labels, classes, columns=None):
        """Take (time, event), a table of both, or one signed time a row: write it into every column."""
        labels = np.asarray(labels)
        if labels.dtype.names is not None:  # a structured array, as scikit-survival makes them
            columns, labels = labels.dtype.names, np.array([tuple(row) for row in labels.tolist()], dtype=np.float64)
        if labels.ndim == 2 and not self._are_complete(labels, columns, classes):
            labels = self._of_two(labels, columns)
        return np.repeat(labels[:, np.newaxis], len(classes), axis=1) if labels.ndim == 1 else labels

    def _are_complete(self, labels, columns, classes):
        if columns is not None:
            return {*columns} == {*classes}
        return labels.shape[1] == len(classes) and bool((labels == labels[:, :1]).all())

    def _of_two(self, labels, columns):
        if labels.shape[1] != 2 or (columns is not None and {*columns} != {"time", "event"}):
            came = f"the columns {columns}" if columns is not None else f"shape {labels.shape}"
            raise ValueError(f"labels must have the columns 'time' and 'event'; received {came}.")
        time, event = labels.T if columns is None else (labels[:, columns.index(name)] for name in ("time", "event"))
        time, event = time.astype(np.float64), event.astype(np.float64)
        if not np.isin(event, (0, 1)).all() or not (np.isfinite(time) & (time > 0)).all():
            raise ValueError("time must be a number > 0, and event 1 (it happened) or 0 (censored).")
        return signed(time, event == 1)

    def check_labels(self, labels, classes):
        """Refuse labels that are not one signed time a row."""
        if (labels == 0).any() or (labels != labels[:, :1]).any():
            raise ValueError(
                "labels must be (time, event) of each row, with times > 0: a table with these columns, or an array of "
                "shape (n_samples, 2)."
            )

    def baseline(self, labels, n_classes, *, sample_weight=None, classes=None):
        """Estimate one curve for all rows, by Kaplan and Meier."""
        times, events = unsigned(labels)
        weights = np.ones(len(times)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        return kaplan_meier(times, events, weights, times_of(classes))


def kaplan_meier(times, events, weights, at, *, before=False):
    """Estimate the probability of living longer than ``at``.

    Parameters
    ----------
    times, events, weights : ndarray of shape (n_samples,)
        When each row was last seen, whether by an event then, and how often it counts.
    at : ndarray of shape (n_times,)
        Times, in any order.
    before : bool, default=False
        Until just before ``at``: an event at that very time does not count.

    Returns
    -------
    ndarray of shape (n_times,)
    """
    steps, places = np.unique(times, return_inverse=True)
    ended = np.bincount(places, weights=weights * events, minlength=len(steps))
    gone = np.bincount(places, weights=weights, minlength=len(steps))
    at_risk = gone[::-1].cumsum()[::-1]
    left = 1 - np.divide(ended, at_risk, out=np.zeros_like(ended), where=at_risk > 0)
    curve = np.concatenate([[1.0], np.cumprod(np.maximum(left, 0))])
    return curve[np.searchsorted(steps, at, side="left" if before else "right")]


class IntegratedBrier(Metric):
    """Squared error of survival curves over time, with censored rows weighed out.

    Parameters
    ----------
    times : sequence of float, optional
        Times of the columns; by default the names of these.

    Notes
    -----
    With ``G`` the probability of not being censored, by Kaplan-Meier from the rows that are scored, the error at a time
    ``t`` is the mean of ``S(t)^2 / G(T-)`` over rows with an event until ``t``, of ``(1 - S(t))^2 / G(t)`` over rows
    that live longer, and of 0 over rows that were censored before. It is integrated by trapezoids, and divided by the
    span of the times.

    References
    ----------
    E. Graf, C. Schmoor, W. Sauerbrei and M. Schumacher, Statistics in Medicine 18, 1999.
    """

    name = "integrated_brier"
    tasks = frozenset({"survival"})
    higher_is_better = False
    range = (0.0, float("inf"))
    needs = "numbers"
    ordered = True

    def __init__(self, times=None):
        self.times = times

    def for_classes(self, classes, task):
        """Take the names of the columns as times."""
        settled = copy.copy(self)
        settled.times = times_of(classes if self.times is None else self.times)
        return settled

    def score(self, labels, predicted, *, sample_weight=None):
        """Compute the integrated Brier score."""
        last, events = unsigned(labels)
        weights = np.ones(len(last)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        at = self.times
        happened = (last[:, np.newaxis] <= at) & events[:, np.newaxis]
        alive = last[:, np.newaxis] > at
        not_censored = kaplan_meier(last, ~events, weights, at)
        until_then = kaplan_meier(last, ~events, weights, last, before=True)[:, np.newaxis]
        errors = np.divide(predicted**2, until_then, out=np.zeros_like(predicted), where=happened & (until_then > 0))
        np.divide((1 - predicted) ** 2, not_censored, out=errors, where=alive & (not_censored > 0))
        curve = weights @ errors / weights.sum()
        return float(curve[0]) if len(at) == 1 else float(np.trapezoid(curve, at) / (at[-1] - at[0]))


class Concordance(Metric):
    """Share of pairs of rows, of which one is known to have its event first, that the curves put in that order.

    Notes
    -----
    Rows are ordered by the mean of their curve. Equal means count one half. NaN if no pair can be compared.

    References
    ----------
    F. E. Harrell et al., "Evaluating the yield of medical tests", JAMA 247, 1982.
    """

    name = "concordance"
    tasks = frozenset({"survival"})
    needs = "numbers"

    def of_weights(self, labels, predicted):
        """Compute Harrell's C, with pairs weighed by the product of their weights."""
        last, events = unsigned(labels)
        curves = predicted.mean(axis=1)
        later = (last > last[:, np.newaxis]) | ((last == last[:, np.newaxis]) & ~events)
        known = (later & events[:, np.newaxis]).astype(np.float64)
        right = known * (0.5 + 0.5 * np.sign(curves - curves[:, np.newaxis]))

        def of_weights(weights):
            pairs = (weights * (known @ weights)).sum(axis=0)
            ordered = (weights * (right @ weights)).sum(axis=0)
            return np.divide(ordered, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)

        return of_weights


@hookimpl
def ensemblekit_register_tasks(register):
    """Register ``survival``."""
    register("survival", Survival)


@hookimpl
def ensemblekit_register_metrics(register):
    """Register ``integrated_brier`` and ``concordance``."""
    register("integrated_brier", IntegratedBrier)
    register("concordance", Concordance)
