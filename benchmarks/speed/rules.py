"""Timing a registered rule, fitted where it learns, or a peer."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ensemblekit import PredictionSet, fit_combiner
from ensemblekit.combining.asked import ask
from ensemblekit.registry import Registry

from .cubes import Shape
from .timing import Budget, Copy, Timing, measure

OPTIONS: Mapping[str, Callable[[int], dict[str, Any]]] = {
    "weighted": lambda n_members: {"weights": list(range(1, n_members + 1))},
}
"""Options of the rules that are not measured with their defaults, from the number of members."""


@dataclass(frozen=True)
class Measurement:
    """What was measured of one rule, or of one peer of a rule; or the reason why nothing was.

    ``extra_memory`` is in bytes; ``fit`` is the seconds of fitting.
    """

    name: str
    rule: str
    timing: Timing | None = None
    extra_memory: int | None = None
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
) -> Measurement:
    """Time a rule, fitted on the predictions that ``fit_set`` returns where it learns."""

    def make() -> tuple[Callable[[np.ndarray], Any], float | None]:
        asked, seconds = ask(registry.create_combiner(name, **OPTIONS.get(name, lambda _: {})(shape.axes[0]))), None
        asked.check_task("multiclass")
        if asked.learns:
            combiner, seconds = _fitted(asked.combiner, fit_set())
            asked = ask(combiner)
        return asked.settle(shape.members).combiner.combine, seconds

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
) -> Measurement:
    """Make a function that combines, and time it. An error becomes the reason of the measurement."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            call, fit = make()
            n_bytes = shape.bytes_in_and_out(cube.dtype)
            timing, extra = measure(call, cube, copy=copy, n_bytes=n_bytes, budget=budget, memory=memory)
        except Exception as error:  # a plugin or a peer may raise anything
            return Measurement(name, rule, reason=error_text(error))
    warned = tuple(sorted({" ".join(str(w.message).split()) for w in caught}))
    return Measurement(name, rule, timing, extra, fit, warned=warned)


def error_text(error: Exception) -> str:
    """Write an error on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _fitted(combiner: Any, predictions: PredictionSet) -> tuple[Any, float]:
    started = time.perf_counter()
    fitted = fit_combiner(predictions, combiner)
    first = time.perf_counter() - started
    if first > 5:
        return fitted, first
    started = time.perf_counter()  # again, now that its imports are done
    fit_combiner(predictions, combiner)
    return fitted, min(first, time.perf_counter() - started)
