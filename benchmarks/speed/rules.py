"""Every registered rule, made, fitted where it learns, and timed."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ensemblekit import PredictionSet, fit_combiner
from ensemblekit.registry import Registry

from .cubes import Shape
from .timing import Budget, Copy, Timing, measure

__all__ = ["OPTIONS", "Row", "measure_rule", "timed"]

OPTIONS: Mapping[str, Callable[[int], dict[str, Any]]] = {
    "weighted": lambda n_members: {"weights": list(range(1, n_members + 1))},
}
"""Options of the rules that are not measured as they come, from the number of members."""


@dataclass(frozen=True)
class Row:
    """One rule, or one peer of a rule, and what was measured of it; or the reason why nothing was."""

    name: str
    rule: str
    timing: Timing | None = None
    extra: int | None = None
    fit: float | None = None
    reason: str | None = None
    warned: tuple[str, ...] = ()


def measure_rule(
    registry: Registry,
    name: str,
    cube: np.ndarray,
    fit_set: Callable[[], PredictionSet],
    shape: Shape,
    *,
    copy: Copy,
    budget: Budget,
) -> Row:
    """Time a rule; whatever goes wrong becomes the row's reason.

    Parameters
    ----------
    registry : Registry
        Where the rule is registered.
    name : str
        Its name.
    cube : ndarray of shape ``shape.axes``
        What it combines.
    fit_set : callable
        Gives the labelled predictions of the same members; asked only for a rule that learns.
    shape : Shape
        Of the cube.
    copy : Copy
        The floor.
    budget : Budget
        How long it may take.

    Returns
    -------
    Row
        Its time, its memory, and the seconds of its ``fit``.
    """

    def make() -> tuple[Callable[[np.ndarray], Any], float | None]:
        combiner = registry.create_combiner(name, **OPTIONS.get(name, lambda _: {})(shape.axes[0]))
        _check_task(combiner)
        seconds = None
        if "learns" in getattr(combiner, "traits", ()):
            combiner, seconds = _fitted(combiner, fit_set())
        settle = getattr(combiner, "for_members", None)
        return (settle(shape.members) if settle else combiner).combine, seconds

    return timed(name, name, make, cube, shape, copy=copy, budget=budget)


def timed(
    name: str,
    rule: str,
    make: Callable[[], tuple[Callable[[np.ndarray], Any], float | None]],
    cube: np.ndarray,
    shape: Shape,
    *,
    copy: Copy,
    budget: Budget,
    memory: bool = True,
) -> Row:
    """Make something that combines, and time it; whatever goes wrong becomes the row's reason."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            call, fit = make()
            timing, extra = measure(
                call, cube, copy=copy, n_bytes=shape.bytes_in_and_out(cube.dtype), budget=budget, memory=memory
            )
        except Exception as error:  # a plugin or a peer may raise anything
            return Row(name, rule, reason=" ".join(f"{type(error).__name__}: {error}".split()))
    return Row(name, rule, timing, extra, fit, warned=tuple(sorted({" ".join(str(w.message).split()) for w in caught})))


def _check_task(combiner: Any) -> None:
    tasks = getattr(combiner, "tasks", ("multiclass",))
    if "multiclass" not in tasks:
        raise ValueError(f"not for the task 'multiclass', only for {', '.join(sorted(tasks))}")


def _fitted(combiner: Any, predictions: PredictionSet) -> tuple[Any, float]:
    started = time.perf_counter()
    fitted = fit_combiner(predictions, combiner)
    first = time.perf_counter() - started
    if first > 5:
        return fitted, first
    started = time.perf_counter()  # again, now that what it needs is imported
    fit_combiner(predictions, combiner)
    return fitted, min(first, time.perf_counter() - started)
