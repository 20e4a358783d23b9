"""The combiner under test: how it is made, what it promises, and calls of it whose errors are findings."""

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
from ._failure import Broken, broken_by
from ._strategies import TASKS, member_probas
from ._training import training_predictions

__all__ = ["Case", "Code", "CombinerSubject", "close", "draw_case", "label_of"]

TOLERANCE = {"float64": 1e-10, "float32": 2e-5, "float16": 5e-3}
"""How far two ways to one number may differ, as a part of the largest value among the inputs."""
LEARNED = 2e-2
"""The same, where a combiner is fitted again on the same rows in another order."""


class Code(str):
    """Source text, shown as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def label_of(factory: Any) -> str:
    """Name a factory as its author would write it."""
    if isinstance(factory, partial):
        arguments = [*map(repr, factory.args), *(f"{name}={value!r}" for name, value in factory.keywords.items())]
        return f"{label_of(factory.func)}({', '.join(arguments)})"
    return getattr(factory, "__name__", type(factory).__name__)


class CombinerSubject:
    """A combiner under test.

    Parameters
    ----------
    factory : callable
        Makes an unfitted combiner; takes no arguments.
    n_members, n_classes : int, optional
        Sizes that its options ask for.
    """

    def __init__(
        self, factory: Callable[[], Any], *, n_members: int | None = None, n_classes: int | None = None
    ) -> None:
        self.factory = factory
        self.n_members = n_members
        self.n_classes = n_classes
        self._ready: dict[Any, Any] = {}

    def make(self) -> Any:
        """Make a new combiner."""
        try:
            return self.factory()
        except Exception as error:
            return broken_by(error, "making it", {})

    @cached_property
    def probe(self) -> Any:
        """One combiner, to be looked at and not to be changed."""
        return self.make()

    @cached_property
    def label(self) -> str:
        """Its name in messages."""
        name = label_of(self.factory)
        if name == "<lambda>":
            try:
                return type(self.probe).__name__
            except Broken:
                return "the factory"
        return name

    @property
    def traits(self) -> frozenset[str]:
        """What it promises."""
        return AskedCombiner(self.label, self.probe).traits

    @property
    def learns(self) -> bool:
        """Whether it must be fitted."""
        return "learns" in self.traits

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that are tried; of a class that names none, ``multiclass`` alone."""
        tasks = getattr(self.probe, "tasks", ("multiclass",))
        return tuple(task for task in TASKS if task in tasks)

    @cached_property
    def members(self) -> tuple[str, ...] | None:
        """Names of the members, where its options say how many there are."""
        weights = getattr(self.probe, "weights", None)
        if isinstance(weights, Mapping):
            return tuple(weights)
        n_members = self.n_members
        if n_members is None and isinstance(weights, (list, tuple, np.ndarray)):
            n_members = len(weights)
        return None if n_members is None else tuple(f"m{k}" for k in range(n_members))

    def names(self, n_members: int) -> tuple[str, ...]:
        """Name so many members."""
        return self.members or tuple(f"m{k}" for k in range(n_members))

    def takes(self, option: str, method: str = "combine") -> bool:
        """Say whether a method has this keyword."""
        asked = AskedCombiner(self.label, self.probe)
        return option in (asked.takes if method == "combine" else asked.fit_takes)

    def member_counts(self) -> st.SearchStrategy[int]:
        """Draw a number of members that its options allow; few different ones, where each must be fitted."""
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
        """List the extra axes to try: none where it refuses them with an `InvalidOptionError`."""
        key = ("extra axes", task)
        if key not in self._ready:
            n_members = len(self.members) if self.members else 3
            n_classes = self.n_classes or 2
            cube = np.full((n_members, 1, 2, n_classes), 1 / n_classes)
            self._ready[key] = [(), (2,)]
            try:
                self.combine(self.ready(task, n_members, n_classes, (2,)), cube, task)
            except Broken as broken:
                if isinstance(broken.__cause__, InvalidOptionError):
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
        """Make a combiner that can combine: fitted where it learns, its weights settled; the same one each time.

        ``twin`` gives another one, made in the same way.
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
        """Turn what is given by member name into arrays."""
        settle = getattr(combiner, "for_members", None)
        if settle is None:
            return combiner
        try:
            return settle(self.names(n_members))
        except Exception as error:
            return broken_by(error, f"for_members({self.names(n_members)!r})", {})

    def fit(self, predictions: PredictionSet, combiner: Any = None, **options: Any) -> Any:
        """Fit by `fit_combiner`, as users do."""
        combiner = self.make() if combiner is None else combiner
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return fit_combiner(predictions, combiner, **options)
        except Exception as error:
            return broken_by(
                error, "fit_combiner", {"predictions": training_code(predictions.task, predictions.member_probas.shape)}
            )

    def combine(self, combiner: Any, cube: np.ndarray, task: str, **options: Any) -> Any:
        """Call ``combine`` with a copy of the cube in the same layout; what it raises is a finding."""
        try:
            return self.call(combiner, np.array(cube, order="K"), task, **options)
        except Exception as error:
            given = {"member_probas": cube, **{k: v for k, v in options.items() if k != "xp"}}
            return broken_by(error, "combine", given)

    def call(self, combiner: Any, cube: Any, task: str, **options: Any) -> Any:
        """Call ``combine`` with this very cube, and the task where it takes one."""
        if self.takes("task"):
            options["task"] = task
        with warnings.catch_warnings():
            # A rule may take the logarithm of 0 and mend it; whether it warns is not what is checked.
            warnings.simplefilter("ignore")
            return combiner.combine(cube, **options)


def training_code(task: str, shape: tuple[int, ...], **more: Any) -> Code:
    """Write how to make training predictions of this shape again."""
    sizes = f"n_members={shape[0]}, n_classes={shape[-1]}"
    extra = f", extra_axes={shape[2:-1]}" if shape[2:-1] else ""
    options = "".join(f", {name}={value!r}" for name, value in more.items() if value)
    return Code(f"training_predictions({task!r}, {sizes}{extra}{options})")


@dataclass(frozen=True)
class Case:
    """One drawn cube, and a combiner that is ready for it."""

    subject: CombinerSubject
    task: str
    combiner: Any
    cube: np.ndarray
    hard: bool = False

    def combine(self, cube: np.ndarray | None = None, combiner: Any = None, **options: Any) -> np.ndarray:
        """Combine, by default this cube by this combiner."""
        cube = self.cube if cube is None else cube
        return np.asarray(self.subject.combine(combiner or self.combiner, cube, self.task, **options))

    def given(self, **more: Any) -> dict[str, Any]:
        """Tell what was given, for a counter-example."""
        told: dict[str, Any] = {"task": self.task} if self.task != "multiclass" else {}
        if self.subject.learns:
            told["fitted_on"] = training_code(self.task, self.cube.shape, hard=self.hard)
        return told | {"member_probas": self.cube} | more

    def same(self, expected: np.ndarray, received: np.ndarray, *, rounding: float = 1.0) -> bool:
        """Say whether two answers are equal but for rounding."""
        return close(self, expected, received, TOLERANCE[self.cube.dtype.name] * rounding)


def close(case: Case, expected: np.ndarray, received: np.ndarray, tolerance: float) -> bool:
    """Say whether two answers differ by no more than a part of the largest input."""
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
