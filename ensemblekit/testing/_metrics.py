"""The checks of metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ..errors import InvalidOptionError
from ..kinds import KINDS, kind_of, task_of
from ._attributes import difference, snapshot
from ._failure import Violation
from ._metric_subject import MetricSubject, Rows, draw_rows, near, settled
from ._running import Check, check_all

__all__ = ["METRIC_CHECKS", "check_metric"]

NEEDS = ("probabilities", "decisions", "numbers")
MAX_EXAMPLES = 25


def _contract(subject: MetricSubject, draw: Any) -> None:
    probe = subject.probe
    if isinstance(probe, type) or not all(callable(getattr(probe, name, None)) for name in ("score", "of_weights")):
        raise Violation(
            "a metric is an object with the methods score and of_weights; derive from Metric", received=probe
        )
    tasks = getattr(probe, "tasks", None)
    if isinstance(tasks, str) or not tasks or not subject.tasks:
        raise Violation("tasks must be names of kinds or of registered tasks, at least one", received=tasks)
    needs, kinds = getattr(probe, "needs", None), {kind_of(task) for task in subject.tasks}
    if needs not in NEEDS or (needs == "numbers") != (kinds == {"regression"}):
        raise Violation(
            "needs must say what it looks at, numbers for regression alone", expected=list(NEEDS), received=needs
        )
    for name in ("higher_is_better", "dense"):
        if not isinstance(getattr(probe, name, None), bool):
            raise Violation(f"{name} must be True or False", received=getattr(probe, name, None))
    bounds = getattr(probe, "range", None)
    if not isinstance(bounds, tuple) or len(bounds) != 2 or not bounds[0] < bounds[1]:
        raise Violation("range must be the smallest and the largest value", received=bounds)
    if not isinstance(getattr(probe, "name", None), str):
        raise Violation("name must be a str", received=getattr(probe, "name", None))


def _check_range(rows: Rows, value: float, given: dict[str, Any]) -> None:
    low, high = rows.metric.range
    slack = 1e-9 * max(1.0, abs(low) if np.isfinite(low) else 1.0, abs(high) if np.isfinite(high) else 1.0)
    if not np.isnan(value) and not low - slack <= value <= high + slack:
        raise Violation("the score is outside of its range", given, expected=(low, high), received=value)


def _range(subject: MetricSubject, draw: Callable[[Any], Any]) -> None:
    rows = draw_rows(subject, draw)
    for weighted in (False, True):
        _check_range(rows, rows.score(weighted=weighted), rows.given(weights=weighted))


def _defined(subject: MetricSubject, draw: Callable[[Any], Any]) -> None:
    rows = draw_rows(subject, draw, full=True)
    value = rows.score()
    if not np.isfinite(value):
        raise Violation("the score of rows with all classes is a finite number", rows.given(), received=value)


def _perfect(rows: Rows) -> np.ndarray:
    if kind_of(rows.task) != "multiclass":
        return rows.labels.astype(np.float64)
    return np.eye(rows.predicted.shape[-1])[rows.labels]


def _no_values(subject: MetricSubject) -> str | None:
    tasks = subject.tasks
    some = any(name in KINDS or getattr(task_of(name).task, "labels_are_values", True) for name in tasks)
    return None if some else "labels are no values that predictions could have"


def _perfect_is_best(subject: MetricSubject, draw: Callable[[Any], Any]) -> None:
    rows = draw_rows(subject, draw, full=True)
    best = replace(rows, predicted=_perfect(rows)).score()
    value = rows.score()
    sign = 1 if rows.metric.higher_is_better else -1
    if np.isnan(best) or sign * (value - best) > 1e-9 * max(1.0, abs(best)):
        direction = "greater" if sign > 0 else "smaller"
        raise Violation(
            f"these predictions are better than perfect ones, as {direction} is better",
            rows.given(),
            expected=f"nothing {direction} than {best!r}",
            received=value,
        )


def _row_values(subject: MetricSubject, draw: Callable[[Any], Any]) -> None:
    rows = draw_rows(subject, draw)
    values = np.asarray(rows.call("row_values"))
    n = len(rows.predicted)
    if values.shape != (n,) or values.dtype.kind not in "biuf":
        raise Violation(
            "row_values must be one number a row", rows.given(), expected=(n,), received=(values.dtype, values.shape)
        )
    for weighted, weights in ((False, np.ones(n)), (True, rows.weights)):
        expected = float(np.average(values.astype(np.float64), weights=weights))
        if not near(expected, received := rows.score(weighted=weighted)):
            raise Violation(
                "the score is not the mean of row_values",
                rows.given(weights=weighted),
                expected=expected,
                received=received,
            )


def _many_weights(subject: MetricSubject, draw: Callable[[Any], Any]) -> None:
    rows = draw_rows(subject, draw)
    many = np.column_stack([rows.weights, np.ones(len(rows.weights)), rows.weights[::-1]])
    received = rows.of_weights(many)
    if received.shape != (3,):
        raise Violation("of_weights must give one score a column", rows.given(), expected=(3,), received=received.shape)
    for column, value in zip(many.T, received, strict=True):
        weighted = replace(rows, weights=np.ascontiguousarray(column))
        if not near(expected := weighted.score(weighted=True), float(value)):
            raise Violation(
                "of_weights gives another score than score with the same sample_weight",
                weighted.given(weights=True),
                expected=expected,
                received=float(value),
            )


def _weights_repeat(subject: MetricSubject, draw: Callable[[Any], Any]) -> None:
    rows = draw_rows(subject, draw)
    repeated = rows.take(np.repeat(np.arange(len(rows.weights)), rows.weights.astype(np.int64)))
    if not near(expected := repeated.score(), received := rows.score(weighted=True)):
        raise Violation(
            "whole weights give another score than rows that are repeated as often",
            rows.given(weights=True),
            expected=expected,
            received=received,
        )
    halved = replace(rows, weights=rows.weights / 2)
    if not near(expected, received := halved.score(weighted=True)):
        raise Violation(
            "half of each weight gives another score", halved.given(weights=True), expected=expected, received=received
        )


def _order_of_rows(subject: MetricSubject, draw: Callable[[Any], Any]) -> None:
    rows = draw_rows(subject, draw)
    order = np.asarray(draw(st.permutations(range(len(rows.weights)))), dtype=np.int64)
    for weighted in (False, True):
        expected, received = rows.score(weighted=weighted), rows.take(order).score(weighted=weighted)
        if not near(expected, received):
            raise Violation(
                "rows in another order get another score",
                rows.given(weights=weighted, order=order),
                expected=expected,
                received=received,
            )


def _order_of_classes(subject: MetricSubject, draw: Callable[[Any], Any]) -> None:
    free = [task for task in subject.tasks if not subject.ordered(task)]
    rows = draw_rows(subject, draw, ties=False, task=draw(st.sampled_from(free)))
    order = np.asarray(draw(st.permutations(range(rows.predicted.shape[-1]))), dtype=np.int64)
    multiclass = kind_of(rows.task) == "multiclass"
    turned = replace(
        rows,
        predicted=np.take(rows.predicted, order, axis=-1),
        labels=np.argsort(order)[rows.labels] if multiclass else np.take(rows.labels, order, axis=-1),
        metric=settled(subject, subject.probe, tuple(rows.classes[k] for k in order), rows.task),
    )
    if not near(expected := rows.score(), received := turned.score()):
        raise Violation(
            "classes in another order, with their labels, get another score; if their order means something, declare "
            "ordered = True",
            rows.given(order=order),
            expected=expected,
            received=received,
        )


def _no_order(subject: MetricSubject) -> str | None:
    free = [task for task in subject.tasks if not subject.ordered(task)]
    return None if free else "the order of its classes means something"


def _decisions(subject: MetricSubject, draw: Callable[[Any], Any]) -> None:
    rows = draw_rows(subject, draw)
    if kind_of(rows.task) == "multilabel":
        hard = (rows.predicted >= 0.5).astype(np.float64)
    else:
        hard = np.eye(rows.predicted.shape[-1])[rows.predicted.argmax(axis=-1)]
    if not near(expected := rows.score(), received := replace(rows, predicted=hard).score()):
        raise Violation(
            "it needs decisions alone, and other probabilities of the same decisions get another score",
            rows.given(),
            expected=expected,
            received=received,
        )


def _changes_nothing(subject: MetricSubject, draw: Callable[[Any], Any]) -> None:
    rows = draw_rows(subject, draw)
    before, first = snapshot(rows.metric), rows.score(weighted=True)
    for writeable in (True, False):
        given = [rows.labels.copy(), rows.predicted.copy(), rows.weights.copy()]
        for array in given:
            array.flags.writeable = writeable
        try:
            received = float(rows.metric.score(given[0], given[1], sample_weight=given[2]))
        except Exception as error:
            raise Violation(
                f"score raised {type(error).__name__} for arrays that are read-only: {error}".rstrip("."),
                rows.given(weights=True),
            ) from error
        for name, own, kept in zip(
            ("labels", "predicted", "sample_weight"), given, (rows.labels, rows.predicted, rows.weights), strict=True
        ):
            if own.tobytes() != kept.tobytes():
                raise Violation(f"score changed {name}", rows.given(weights=True), expected=kept, received=own)
        if first != received and not (np.isnan(first) and np.isnan(received)):
            raise Violation("the second call gives another score", rows.given(weights=True), expected=first,
                            received=received)  # fmt: skip
    if changed := difference(before, snapshot(rows.metric)) or difference(snapshot(rows.metric), before):
        raise Violation(f"score changed the attribute {changed!r}", rows.given(weights=True))


def _by_class(subject: MetricSubject, draw: Callable[[Any], Any]) -> None:
    rows = draw_rows(subject, draw, full=True)
    of = draw(st.sampled_from(rows.classes))
    metric = subject.make(of=of)
    alone = replace(rows, metric=settled(subject, metric, rows.classes, rows.task))
    value, given = alone.score(), rows.given(of=of)
    if not np.isfinite(value):
        raise Violation("the score of one class that occurs is a finite number", given, received=value)
    _check_range(alone, value, given)
    try:
        metric.for_classes(("other", "another"), rows.task)
    except InvalidOptionError:
        return
    except Exception as error:
        raise Violation("an unknown class must be refused with an InvalidOptionError", given, received=error) from error
    raise Violation("an unknown class is not refused; for_classes of Metric does it", given)


METRIC_CHECKS = (
    Check("contract", "it says its tasks, its direction, its range and what it needs", _contract, share=0),
    Check("range", "the score is a float in its range, or NaN where it is not defined; nothing is raised", _range),
    Check("defined", "the score of rows with every class is a finite number", _defined),
    Check("arguments", "labels, predictions, weights and the metric stay as they are, and the score too",
          _changes_nothing, share=0.5),
    Check("order_of_rows", "the order of the rows changes nothing", _order_of_rows),
    Check("row_values", "the score is the weighted mean of row_values", _row_values,
          skipped=lambda s: None if s.is_mean else "no mean of rows"),
    Check("weights", "whole weights count as repeated rows, and only their proportions count", _weights_repeat),
    Check("of_weights", "of_weights gives for each column what score gives", _many_weights),
    Check("decisions", "a metric of decisions sees nothing but these", _decisions,
          skipped=lambda s: None if s.probe.needs == "decisions" else "needs more than decisions"),
    Check("order_of_classes", "the order of the classes changes nothing", _order_of_classes, skipped=_no_order),
    Check("perfect", "nothing is better than perfect predictions", _perfect_is_best, skipped=_no_values),
    Check("by_class", "one class can be scored alone, and only one that there is", _by_class, share=0.5,
          skipped=lambda s: None if getattr(s.probe, "by_class", False) else "not by class"),
)  # fmt: skip
"""In the order in which they run: the most basic checks come first."""


def check_metric(
    factory: Callable[..., Any],
    *,
    expected_failed_checks: Mapping[str, str] | None = None,
    n_classes: int | None = None,
    valid: Callable[[np.ndarray], np.ndarray] | None = None,
    valid_labels: Callable[[np.ndarray], np.ndarray] | None = None,
    max_examples: int = MAX_EXAMPLES,
) -> None:
    """Check that a metric keeps what its attributes say, and what every metric must.

    Parameters
    ----------
    factory : callable
        Makes a metric without arguments: the class, a `functools.partial`, a lambda. With ``by_class`` it also takes
        ``of``.
    expected_failed_checks : mapping of str to str, optional
        Name of a check -> reason why it is expected to fail. If the check passes, that is an error.
    n_classes : int, optional
        Number of classes that its options require. Classes are called ``c0``, ``c1``, ...
    valid, valid_labels : callable, optional
        As in `check_task`.
    max_examples : int, default=25
        Largest number of examples that a check draws. They are the same in every run.

    Raises
    ------
    CheckFailedError
        At the first broken promise, with a small counter-example.
    InvalidOptionError
        If ``expected_failed_checks`` has a name that is not a check, or an empty reason.

    Examples
    --------
    >>> from ensemblekit import Metric
    >>> from ensemblekit.testing import check_metric
    >>> class Hits(Metric):
    ...     needs = "decisions"
    ...
    ...     def row_values(self, labels, predicted):
    ...         return predicted.argmax(axis=1) == labels
    >>> check_metric(Hits)
    >>> class Misses(Hits):
    ...     def row_values(self, labels, predicted):
    ...         return predicted.argmax(axis=1) != labels
    >>> check_metric(Misses)
    Traceback (most recent call last):
        ...
    ensemblekit.errors.CheckFailedError: Misses breaks the promise 'perfect': nothing is better than perfect ...
    ...
    """
    subject = MetricSubject(factory, n_classes=n_classes, valid=valid, valid_labels=valid_labels)
    check_all(subject, METRIC_CHECKS, expected_failed_checks, max_examples)
