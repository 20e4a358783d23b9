"""The combiner under test: create and fit it, read its traits, and call it so that exceptions become violations."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ..combining import AskedCombiner, fit_combiner
from ..errors import InvalidOptionError
from ..predictions import PredictionSet
from ._failure import Violation, raise_violation
from ._strategies import TASKS, member_probas
from ._training import training_predictions

__all__ = ["Case", "Code", "CombinerSubject", "Subject", "close", "draw_case", "example_classes", "label_of"]

TOLERANCE = {"float64": 1e-10, "float32": 2e-5, "float16": 5e-3}
"""Largest difference between two ways to compute one number, relative to the largest input."""
LEARNED = 2e-2
"""The same for a combiner that is fitted again on the same rows in another order."""


class Code(str):
    """Source code; its repr is the code itself."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def example_classes(task: Any, n: int) -> tuple[str, ...]:
    """Name classes as a task does: ``c0``, ``c1`` and so on, or numbers between 0 and 1 where it refuses these."""
    name_classes = getattr(task, "name_classes", tuple)
    for names in ([f"c{k}" for k in range(n)], [str((k + 1) / (n + 1)) for k in range(n)]):
        try:
            return tuple(name_classes(tuple(names)))
        except ValueError:
            continue
    return tuple(f"c{k}" for k in range(n))


def label_of(factory: Any) -> str:
    """Name a factory as its author would write it in code."""
    if isinstance(factory, partial):
        arguments = [*map(repr, factory.args), *(f"{name}={value!r}" for name, value in factory.keywords.items())]
        return f"{label_of(factory.func)}({', '.join(arguments)})"
    return getattr(factory, "__name__", type(factory).__name__)


class Subject:
    """What is under test, made by a factory.

    Parameters
    ----------
    factory : callable
        Makes one without arguments.
    """

    def __init__(self, factory: Callable[..., Any]) -> None:
        self.factory = factory

    def make(self, **options: Any) -> Any:
        """Make one."""
        try:
            return self.factory(**options)
        except Exception as error:
            return raise_violation(error, "making it", options)

    @cached_property
    def probe(self) -> Any:
        """One to inspect; it is never fitted."""
        return self.make()

    @cached_property
    def label(self) -> str:
        """Name in messages."""
        name = label_of(self.factory)
        if name == "<lambda>":
            try:
                return type(self.probe).__name__
            except Violation:
                return "the factory"
        return name


class CombinerSubject(Subject):
    """A combiner under test.

    Parameters
    ----------
    factory : callable
        Creates an unfitted combiner without arguments.
    n_members, n_classes : int, optional
        Sizes that its options require.
    """

    def __init__(
        self, factory: Callable[[], Any], *, n_members: int | None = None, n_classes: int | None = None
    ) -> None:
        super().__init__(factory)
        self.n_members = n_members
        self.n_classes = n_classes
        self._ready: dict[Any, Any] = {}

    @property
    def traits(self) -> frozenset[str]:
        """Its traits."""
        return AskedCombiner(self.label, self.probe).traits

    @property
    def learns(self) -> bool:
        """Whether it must be fitted."""
        return "learns" in self.traits

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks to check; ``multiclass`` alone for a class that declares none."""
        tasks = getattr(self.probe, "tasks", ("multiclass",))
        return tuple(task for task in TASKS if task in tasks)

    @cached_property
    def members(self) -> tuple[str, ...] | None:
        """Names of the members, if its options determine the number of members."""
        weights = getattr(self.probe, "weights", None)
        if isinstance(weights, Mapping):
            return tuple(weights)
        n_members = self.n_members
        if n_members is None and isinstance(weights, (list, tuple, np.ndarray)):
            n_members = len(weights)
        return None if n_members is None else tuple(f"m{k}" for k in range(n_members))

    def names(self, n_members: int) -> tuple[str, ...]:
        """Return names for a number of members."""
        return self.members or tuple(f"m{k}" for k in range(n_members))

    def takes(self, option: str, method: str = "combine") -> bool:
        """Whether a method takes this keyword."""
        asked = AskedCombiner(self.label, self.probe)
        return option in (asked.takes if method == "combine" else asked.fit_takes)

    def member_counts(self) -> st.SearchStrategy[int]:
        """Draw a number of members that its options allow; one of only two numbers if the combiner must be fitted."""
        if self.members is not None:
            return st.just(len(self.members))
        return st.sampled_from([1, 3]) if self.learns else st.integers(1, 4)

    def class_counts(self, task: str) -> st.SearchStrategy[int]:
        """Draw a number of classes."""
        if self.n_classes is not None:
            return st.just(self.n_classes)
        if task == "multiclass":
            return st.sampled_from([2, 3]) if self.learns else st.integers(2, 4)
        return st.sampled_from([1, 2]) if self.learns else st.integers(1, 3)

    def extra_axes(self, task: str) -> list[tuple[int, ...]]:
        """List the extra axes to check; only no extra axes if it refuses others with an `InvalidOptionError`."""
        key = ("extra axes", task)
        if key not in self._ready:
            n_members = len(self.members) if self.members else 3
            n_classes = self.n_classes or 2
            cube = np.full((n_members, 1, 2, n_classes), 1 / n_classes)
            self._ready[key] = [(), (2,)]
            try:
                self.combine(self.ready(task, n_members, n_classes, (2,)), cube, task)
            except Violation as violation:
                if isinstance(violation.__cause__, InvalidOptionError):
                    self._ready[key] = [()]
        return self._ready[key]

    def ready(
        self,
        task: str,
        n_members: int,
        n_classes: int,
        extra_axes: tuple[int, ...] = (),
        *,
        twin: bool = False,
        hard: bool = False,
    ) -> Any:
        """Return a combiner that can combine: fitted if it learns, with weights in the order of the members.

        It is cached. ``twin`` returns a second combiner that was created in the same way.
        """
        key = (task, n_members, n_classes, extra_axes if self.learns else (), twin, hard and self.learns)
        if key not in self._ready:
            combiner = self.make()
            if self.learns:
                predictions = training_predictions(
                    task, n_members=n_members, n_classes=n_classes, extra_axes=extra_axes, hard=hard
                )
                combiner = self.fit(predictions, combiner)
            self._ready[key] = self.settle(combiner, n_members)
        return self._ready[key]

    def settle(self, combiner: Any, n_members: int) -> Any:
        """Let ``for_members`` put weights by member name in order."""
        settle = getattr(combiner, "for_members", None)
        if settle is None:
            return combiner
        try:
            return settle(self.names(n_members))
        except Exception as error:
            return raise_violation(error, f"for_members({self.names(n_members)!r})", {})

    def fit(self, predictions: PredictionSet, combiner: Any = None, **options: Any) -> Any:
        """Fit with `fit_combiner`, as users do."""
        combiner = self.make() if combiner is None else combiner
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return fit_combiner(predictions, combiner, **options)
        except Exception as error:
            return raise_violation(
                error, "fit_combiner", {"predictions": training_code(predictions.task, predictions.member_probas.shape)}
            )

    def combine(self, combiner: Any, cube: np.ndarray, task: str, **options: Any) -> Any:
        """Call ``combine`` with a copy of the cube in the same memory layout; an exception is a violation."""
        try:
            return self.call(combiner, np.array(cube, order="K"), task, **options)
        except Exception as error:
            given = {"member_probas": cube, **{k: v for k, v in options.items() if k != "xp"}}
            return raise_violation(error, "combine", given)

    def call(self, combiner: Any, cube: Any, task: str, **options: Any) -> Any:
        """Call ``combine`` with the cube itself, and with the task if it takes one."""
        if self.takes("task"):
            options["task"] = task
        with warnings.catch_warnings():
            # A rule may take log(0) and correct the result; warnings are not checked.
            warnings.simplefilter("ignore")
            return combiner.combine(cube, **options)


def training_code(task: str, shape: tuple[int, ...], **more: Any) -> Code:
    """Write the code that creates training predictions of this shape."""
    sizes = f"n_members={shape[0]}, n_classes={shape[-1]}"
    extra = f", extra_axes={shape[2:-1]}" if shape[2:-1] else ""
    options = "".join(f", {name}={value!r}" for name, value in more.items() if value)
    return Code(f"training_predictions({task!r}, {sizes}{extra}{options})")


@dataclass(frozen=True)
class Case:
    """A drawn cube, and a combiner that is ready for it."""

    subject: CombinerSubject
    task: str
    combiner: Any
    cube: np.ndarray
    hard: bool = False

    def combine(self, cube: np.ndarray | None = None, combiner: Any = None, **options: Any) -> np.ndarray:
        """Combine, by default this cube with this combiner."""
        cube = self.cube if cube is None else cube
        return np.asarray(self.subject.combine(combiner or self.combiner, cube, self.task, **options))

    def given(self, **more: Any) -> dict[str, Any]:
        """Return the input, to show it in a counter-example."""
        given: dict[str, Any] = {"task": self.task} if self.task != "multiclass" else {}
        if self.subject.learns:
            given["fitted_on"] = training_code(self.task, self.cube.shape, hard=self.hard)
        return given | {"member_probas": self.cube} | more

    def same(self, expected: np.ndarray, received: np.ndarray, *, rounding: float = 1.0) -> bool:
        """Whether two results are equal within the tolerance of the dtype."""
        return close(self, expected, received, TOLERANCE[self.cube.dtype.name] * rounding)


def close(case: Case, expected: np.ndarray, received: np.ndarray, tolerance: float) -> bool:
    """Whether two results differ by at most ``tolerance``, relative to the largest input of a regression."""
    if expected.shape != received.shape:
        return False
    scale = 1.0
    if case.task == "regression":
        scale = float(np.abs(case.cube.astype(np.float64)).max(initial=0))
        scale = max(scale, 1.0) if case.subject.learns else scale
    least = 4 * float(np.finfo(case.cube.dtype).smallest_subnormal)
    expected, received = expected.astype(np.float64), received.astype(np.float64)
    with np.errstate(all="ignore"):
        near = np.abs(expected - received) <= tolerance * scale + least
    return bool((near | (expected == received)).all())


def draw_case(
    subject: CombinerSubject,
    draw: Callable[[Any], Any],
    *,
    n_members: Any = None,
    n_samples: Any = None,
    n_classes: Any = None,
    dtype: Any = None,
    hard: bool = False,
) -> Case:
    """Draw a task, a cube, and a combiner that is ready for it."""
    task = draw(st.sampled_from(subject.tasks))
    members = n_members if n_members is not None else draw(subject.member_counts())
    classes = n_classes if n_classes is not None else draw(subject.class_counts(task))
    axes = draw(st.sampled_from(subject.extra_axes(task)))
    fitted_hard = subject.learns and hard and draw(st.booleans())
    cube = draw(
        member_probas(
            task=task, n_members=members, n_samples=n_samples, n_classes=classes, extra_axes=axes, dtype=dtype
        )
    )
    return Case(subject, task, subject.ready(task, members, classes, axes, hard=fitted_hard), cube, fitted_hard)
