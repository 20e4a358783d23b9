"""The checks of tasks."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from hypothesis import assume, reject
from hypothesis import strategies as st

from ..errors import EnsembleKitError, InvalidOptionError, InvalidPredictionsError
from ..evaluation import find_metric
from ..kinds import KINDS, task_of
from ..predictions import Predictions
from ._failure import Violation, raise_violation
from ._running import Check, check_all
from ._strategies import labels as drawn_labels
from ._strategies import member_probas
from ._subject import Subject, example_classes

__all__ = ["TASK_CHECKS", "TaskSubject", "check_task"]

METHODS = ("check", "check_labels", "baseline", "complete")
Refused = Sequence[tuple[Any, tuple[Any, ...]]]


class TaskSubject(Subject):
    """A task under test.

    Parameters
    ----------
    factory : callable
        Creates a task without arguments.
    n_classes : int, optional
        Number of classes that it requires.
    refused : sequence of (probas, classes)
        Predictions that it must refuse.
    valid, valid_labels : callable, optional
        Turn drawn predictions and labels into some that it admits.
    """

    def __init__(
        self,
        factory: Callable[[], Any],
        *,
        n_classes: int | None = None,
        refused: Refused = (),
        valid: Callable[[np.ndarray], np.ndarray] | None = None,
        valid_labels: Callable[[np.ndarray], np.ndarray] | None = None,
        classes: Sequence[Any] | None = None,
    ) -> None:
        super().__init__(factory)
        self._n_classes = n_classes if classes is None else len(classes)
        self.refused, self.valid, self.valid_labels, self._classes = refused, valid, valid_labels, classes

    @property
    def kind(self) -> str:
        """Kind of its values."""
        return self.probe.kind

    @cached_property
    def n_classes(self) -> int:
        """A number of classes that it admits, 2 to 6."""
        if self._n_classes is not None:
            return self._n_classes
        for n in (1, 2) if self.kind == "regression" else (3, 2, 4, 5, 6, 1):
            even = np.full((1, n), 0.5 if self.kind == "multilabel" else 1 / n)
            if (n > 1 or self.kind != "multiclass") and self.admits(even, self.classes(n)):
                return n
        return 3

    def classes(self, n: int) -> tuple[Any, ...]:
        """Name classes as the task does."""
        return example_classes(self.probe, n) if self._classes is None else tuple(self._classes)[:n]

    def admits(self, probas: np.ndarray, classes: tuple[Any, ...]) -> bool:
        """Whether it admits predictions; what it raises besides ValueError is a violation."""
        return self._passes("check", probas, classes)

    def admits_labels(self, labels: np.ndarray, classes: tuple[Any, ...]) -> bool:
        """Whether it admits labels; what it raises besides ValueError is a violation."""
        return self._passes("check_labels", labels, classes)

    def _passes(self, method: str, values: np.ndarray, classes: tuple[Any, ...]) -> bool:
        given = {"values": values, "classes": classes}
        own = values.copy()
        own.flags.writeable = False  # as those of Predictions are
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                answer = getattr(self.probe, method)(own, classes)
        except ValueError as error:
            if "read-only" in str(error):
                raise Violation(f"{method} must not change its argument", given) from error
            if not str(error):
                raise Violation(f"{method} must say why it refuses", given) from error
            return False
        except Exception as error:
            return raise_violation(error, f"{method} must raise ValueError or nothing; it", given)
        if answer is not None:
            raise Violation(f"{method} must raise ValueError or return None", given, received=answer)
        return True


def _contract(subject: TaskSubject, draw: Any) -> None:
    probe = subject.probe
    lacking = [name for name in METHODS if not callable(getattr(probe, name, None))]
    if isinstance(probe, type) or lacking:
        raise Violation(f"a task is an object with the methods {', '.join(METHODS)}; derive from Task", received=probe)
    if getattr(probe, "kind", None) not in KINDS:
        raise Violation("kind must be one of three", expected=list(KINDS), received=getattr(probe, "kind", None))
    for name in ("metrics", "dense_metrics"):
        value = getattr(probe, name, None)
        if not isinstance(value, tuple) or not all(isinstance(one, str) for one in value):
            raise Violation(f"{name} must be a tuple of names", received=value)
    if not probe.metrics:
        raise Violation("metrics must name one metric at least, the one by which a choice is made", received=())
    if not isinstance(probe.ordered, bool):
        raise Violation("ordered must be True or False", received=probe.ordered)


def _metrics(subject: TaskSubject, draw: Any) -> None:
    probe = subject.probe
    for group in ("metrics", "dense_metrics"):
        for name in getattr(probe, group):
            try:
                metric = find_metric(name)
            except EnsembleKitError as error:
                raise Violation(f"{group} names a metric that is not registered: {error}".rstrip("."), received=name) \
                    from error  # fmt: skip
            own = {task for task in metric.tasks if task not in KINDS and _is_registered_as(task, type(probe))}
            if not own and not {subject.kind, getattr(probe, "name", "")} & {*metric.tasks}:
                raise Violation(
                    f"{group} names a metric of other tasks",
                    expected=subject.kind,
                    received=(name, sorted(metric.tasks)),
                )
            if group == "dense_metrics" and not metric.dense:
                raise Violation("dense_metrics names a metric that takes no dense predictions", received=name)


def _is_registered_as(name: str, kind: type) -> bool:
    try:
        return type(task_of(name).task) is kind
    except InvalidOptionError:
        return False


def _draw_probas(subject: TaskSubject, draw: Callable[[Any], Any], n_members: int = 1) -> np.ndarray:
    """Draw predictions that it admits, shape ``(n_members, n_samples, ..., n_classes)``."""
    n, classes = subject.n_classes, subject.classes(subject.n_classes)
    drawn = member_probas(task=subject.kind, n_members=n_members, n_samples=3, n_classes=n, dtype=np.float64)
    cube = np.array(draw(drawn))
    if subject.valid is not None:
        cube = np.stack([np.array(subject.valid(member), dtype=np.float64) for member in cube])
    # Many tasks are of numbers >= 0, or of numbers in order, and few examples would be.
    for values in (cube, np.abs(cube), np.sort(cube, axis=-1)):
        if all(subject.admits(member, classes) for member in values):
            return values
    return reject()


def _admits_some(subject: TaskSubject, draw: Callable[[Any], Any]) -> None:
    probas, classes = _draw_probas(subject, draw)[0], subject.classes(subject.n_classes)
    for row in range(len(probas)):
        if not subject.admits(probas[row : row + 1], classes):
            raise Violation("predictions are admitted, and a row of them alone is not", {"probas": probas, "row": row})
    absent = np.concatenate([probas, np.full_like(probas[:1], np.nan)])
    if not subject.admits(absent, classes):
        raise Violation("predictions are admitted, and with a row that is absent, NaN, they are not",
                        {"probas": probas})  # fmt: skip


def _mean_admitted(subject: TaskSubject, draw: Callable[[Any], Any]) -> None:
    cube, classes = _draw_probas(subject, draw, n_members=2), subject.classes(subject.n_classes)
    mean = cube.mean(axis=0)
    if not subject.admits(mean, classes):
        raise Violation(
            "two predictions are admitted and their mean is not, so that most combiners cannot combine them",
            {"member_probas": np.array(cube)},
            received=mean,
        )


def _refuses(subject: TaskSubject, draw: Any) -> None:
    for probas, classes in subject.refused:
        if subject.admits(np.asarray(probas, dtype=np.float64), tuple(classes)):
            raise Violation("it admits what it must refuse", {"probas": np.asarray(probas), "classes": tuple(classes)})


def _complete(subject: TaskSubject, draw: Callable[[Any], Any]) -> None:
    probas, classes = _draw_probas(subject, draw)[0], subject.classes(subject.n_classes)
    completed = np.asarray(subject.probe.complete(probas.copy(), classes))
    if completed.shape != probas.shape or completed.tobytes() != probas.tobytes():
        raise Violation("complete must leave predictions with all columns as they are", {"probas": probas},
                        received=completed)  # fmt: skip


def _baseline(subject: TaskSubject, draw: Callable[[Any], Any]) -> None:
    n, classes = subject.n_classes, subject.classes(subject.n_classes)
    axes = draw(st.sampled_from([(), (2,)] if subject.probe.dense_metrics else [()]))
    rows = draw(st.integers(1, 4))
    labels = np.asarray(draw(drawn_labels(task=subject.kind, n_samples=rows, n_classes=n, extra_axes=axes)))
    if subject.valid_labels is not None:
        labels = np.array(subject.valid_labels(labels))
    for mended in (np.abs(labels), np.repeat(labels[..., :1], n, axis=-1)) if subject.kind == "regression" else ():
        labels = labels if subject.admits_labels(labels, classes) else mended
    assume(subject.admits_labels(labels, classes))
    weights = np.asarray(draw(st.lists(st.integers(0, 3), min_size=rows, max_size=rows)), dtype=np.float64)
    weights[0] += weights.sum() == 0
    times = weights.astype(np.int64)
    given: dict[str, Any] = {"labels": labels, "n_classes": n, "sample_weight": weights}
    if "classes" in inspect.signature(subject.probe.baseline).parameters:
        given["classes"] = classes
    plain, weighted = _call(subject, given, labels, n), _call(subject, given, labels, n, sample_weight=weights)
    for baseline in (plain, weighted):
        if baseline.shape != (n,) or baseline.dtype.kind != "f":
            raise Violation("baseline must be a float a class", given, expected=(n,), received=baseline)
        row = np.broadcast_to(baseline, (1, *axes, n))
        try:
            Predictions(row, ids=[0], classes=classes, task=subject.kind)
        except InvalidPredictionsError as error:
            raise Violation(
                f"baseline must be a valid prediction: {error}".rstrip("."), given, received=baseline
            ) from None
        if not subject.admits(np.array(row), classes):
            raise Violation("baseline must be a prediction that check admits", given, received=baseline)
    repeated = _call(subject, given, np.repeat(labels, times, axis=0), n)
    turned = _call(subject, given, labels[::-1], n, sample_weight=weights[::-1])
    for what, expected in (("as repeated rows", repeated), ("and their order changes nothing", turned)):
        if not np.allclose(expected, weighted, rtol=1e-9, atol=1e-12):
            raise Violation(f"weights count {what}", given, expected=expected, received=weighted)


def _call(subject: TaskSubject, given: dict[str, Any], labels: np.ndarray, n: int, **options: Any) -> np.ndarray:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            named = {"classes": given["classes"]} if "classes" in given else {}
            return np.asarray(subject.probe.baseline(labels.copy(), n, **named, **options))
    except Exception as error:
        return raise_violation(error, "baseline", given)


TASK_CHECKS = (
    Check("contract", "it says its kind and its default metrics", _contract, share=0),
    Check("metrics", "its default metrics are registered and score it", _metrics, share=0),
    Check("rows_alone", "check sees each row alone, admits rows that are absent, and raises nothing but ValueError",
          _admits_some),
    Check("mean_admitted", "the mean of predictions that it admits is one too", _mean_admitted),
    Check("refuses", "it refuses what its author says", _refuses, share=0,
          skipped=lambda s: None if s.refused else "no examples were given"),
    Check("complete", "predictions with all columns are complete", _complete, share=0.5),
    Check("baseline", "the baseline is a valid prediction, and weights count as repeated rows", _baseline),
)  # fmt: skip
"""In the order in which they run: the most basic checks come first."""


def check_task(
    factory: Callable[[], Any],
    *,
    expected_failed_checks: Mapping[str, str] | None = None,
    n_classes: int | None = None,
    refused: Refused = (),
    valid: Callable[[np.ndarray], np.ndarray] | None = None,
    valid_labels: Callable[[np.ndarray], np.ndarray] | None = None,
    columns: Sequence[Any] | None = None,
    max_examples: int = 25,
) -> None:
    """Check that a task keeps what its attributes say, and what every task must.

    Parameters
    ----------
    factory : callable
        Makes a task without arguments: the class, a `functools.partial`, a lambda.
    expected_failed_checks : mapping of str to str, optional
        As in `check_metric`.
    n_classes : int, optional
        Number of classes or outputs that it requires; by default the first of 3, 2, 4, 5 and 6 that it admits.
    refused : sequence of (probas, classes), optional
        Predictions, valid for the kind, that it must refuse.
    valid, valid_labels : callable, optional
        Turn arrays that are valid for the kind, predictions or labels, into some that the task admits, such as sorted
        ones; by default they are drawn until some are admitted.
    columns : sequence of str or int, optional
        Names of columns, its classes or outputs, that it admits; by default ``c0``, ``c1``, ...
    max_examples : int, default=25
        As in `check_metric`.

    Raises
    ------
    CheckFailedError
        At the first broken promise, with a small counter-example.
    InvalidOptionError
        If ``expected_failed_checks`` has a name that is not a check, or an empty reason.

    Examples
    --------
    >>> from ensemblekit import Task
    >>> from ensemblekit.testing import check_task
    >>> class Counts(Task):
    ...     kind = "regression"
    ...     metrics = ("mae", "rmse")
    ...
    ...     def check(self, probas, classes):
    ...         if (probas < 0).any():
    ...             raise ValueError(f"counts must be >= 0; received {probas.min()}")
    ...
    ...     def check_labels(self, labels, classes):
    ...         self.check(labels, classes)
    >>> check_task(Counts, refused=[([[-1.0]], ["visits"])])
    """
    subject = TaskSubject(
        factory, n_classes=n_classes, refused=refused, valid=valid, valid_labels=valid_labels, classes=columns
    )
    check_all(subject, TASK_CHECKS, expected_failed_checks, max_examples)
