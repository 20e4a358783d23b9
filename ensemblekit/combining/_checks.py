"""What `combine` and `fit_combiner` both ask of a combiner and of what it is to combine."""

from __future__ import annotations

import inspect
from collections.abc import Hashable
from typing import Any

from ..errors import AlignmentError, InvalidOptionError
from ..predictions import PredictionSet, align
from ..predictions.choices import missing_policy
from ..registry import default_registry


def aligned_set(predictions: Any, aliases: Any, missing: Any) -> PredictionSet:
    """Line predictions up, unless they are already."""
    if isinstance(predictions, PredictionSet) and not aliases:
        missing_policy(missing)  # settled when the set was aligned; nonsense is refused all the same
        return predictions
    return align(predictions, aliases=aliases, missing=missing)


def made(combiner: Any, options: dict[str, Any]) -> tuple[str, Any]:
    """Make a combiner of its name, and say what it is called in errors."""
    if isinstance(combiner, str):
        return combiner, default_registry().create_combiner(combiner, **options)
    name = type(combiner).__name__
    if isinstance(combiner, type) or not callable(getattr(combiner, "combine", None)):
        raise InvalidOptionError(
            f"combiner must be a registered name or an object with a method combine; received {combiner!r}."
        )
    if options:
        raise InvalidOptionError(
            f"options go with a combiner given by name; received {options!r} beside a {name}. Give them to it."
        )
    return name, combiner


def check_task(name: str, combiner: Any, predictions: PredictionSet) -> None:
    """Refuse a task for which the rule makes no sense."""
    tasks = getattr(combiner, "tasks", None)
    if tasks is not None and predictions.task not in tasks:
        raise InvalidOptionError(
            f"combiner {name!r} makes no sense for the task {predictions.task!r}; it is for {', '.join(sorted(tasks))}."
        )


def check_fitted_names(name: str, combiner: Any, predictions: PredictionSet) -> None:
    """Refuse members or classes that are not those it was fitted on."""
    members = getattr(combiner, "members_", None)
    if members is not None:
        check_same_names(name, predictions, members, combiner.classes_)


def check_same_names(
    name: str, predictions: PredictionSet, members: tuple[str, ...], classes: tuple[Hashable, ...]
) -> None:
    """Refuse predictions of other members or classes."""
    for what, fitted, came in (
        ("members", members, predictions.members),
        ("classes", classes, predictions.classes),
    ):
        if set(fitted) != set(came):
            raise AlignmentError(
                f"combiner {name!r} was fitted on the {what} {tuple(fitted)}; received {came}: missing "
                f"{[n for n in fitted if n not in came]}, unknown {[n for n in came if n not in fitted]}."
            )


def accepts(function: Any, name: str) -> bool:
    """Tell whether a function takes an argument of that name."""
    parameters = inspect.signature(function).parameters
    return name in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def check_accepted(name: str, function: Any, option: str) -> None:
    """Refuse an argument that the combiner makes no use of."""
    if function is None or not accepts(function, option):
        raise InvalidOptionError(f"combiner {name!r} makes no use of {option}. Leave it out.")


def sorted_names(classes: tuple[Hashable, ...]) -> tuple[Hashable, ...]:
    """Put class names in order."""
    names: list[Any] = list(classes)
    return tuple(sorted(names))
