"""The three kinds of values that predictions may have, and the tasks that plugins name over them.

`predictions` needs to know the kind of any task, and stands below the registry that knows the tasks. So the registry is
asked through a function that the package gives with `find_tasks_with`. The three kinds are tasks too, of the same
names, and for these nobody is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from .errors import InvalidOptionError, PluginLoadError, UnknownPluginError

__all__ = ["KINDS", "FoundTask", "Kind", "find_tasks_with", "has_ordered_classes", "joined_task", "kind_of", "task_of"]

Kind = Literal["multiclass", "multilabel", "regression"]
"""What the values of predictions are, and how they combine."""
KINDS: tuple[Kind, ...] = ("multiclass", "multilabel", "regression")
_kinds: dict[str, Kind] = {kind: kind for kind in KINDS}


class FoundTask(NamedTuple):
    """A registered task, and the distribution that registered it."""

    task: Any
    distribution: str


_find: Callable[[str], FoundTask] | None = None
_found: dict[str, FoundTask] = {}


def find_tasks_with(find: Callable[[str], FoundTask] | None) -> None:
    """Say how a task is found by its name.

    Parameters
    ----------
    find : callable
        Called once for each name that is none of the three, when it is first used. It raises an `UnknownPluginError`
        for a name that is not registered.
    """
    global _find
    _find = find
    _found.clear()
    for name in {*_kinds} - {*KINDS}:
        del _kinds[name]


def kind_of(name: str) -> Kind:
    """Return the kind of the values of a task.

    Parameters
    ----------
    name : str
        Name of a task, which was checked before.

    Returns
    -------
    {"multiclass", "multilabel", "regression"}

    Raises
    ------
    InvalidOptionError
        If no task is registered under this name.
    """
    return _kinds.get(name) or task_of(name).task.kind


def task_of(name: Any, *, distribution: str | None = None) -> FoundTask:
    """Find the registered task of a name, with the distribution it came from.

    Parameters
    ----------
    name : str
        Name of a task.
    distribution : str, optional
        The one that registered it where the predictions were saved, for the error.

    Returns
    -------
    FoundTask

    Raises
    ------
    InvalidOptionError
        If no task is registered under this name.
    PluginLoadError
        If its kind is none of the three.
    """
    found = _found.get(name) if isinstance(name, str) else None
    if found is None:
        found = _ask(name, distribution)
        _found[name], _kinds[name] = found, found.task.kind
    return found


def _ask(name: Any, distribution: str | None) -> FoundTask:
    rule = f"task must be one of {', '.join(map(repr, KINDS))} or the name of another registered task"
    if not isinstance(name, str) or _find is None:
        raise InvalidOptionError(f"{rule}; received {name!r}.")
    try:
        found = _find(name)
    except UnknownPluginError as error:
        remedy = f" It was registered by {distribution!r}, which is not installed: install it." if distribution else ""
        raise InvalidOptionError(f"{rule}; received {name!r}.{remedy} {error}") from None
    kind = getattr(found.task, "kind", None)
    if kind not in KINDS:
        raise PluginLoadError(
            f"a task must have a kind out of {', '.join(map(repr, KINDS))}; {name!r} of {found.distribution!r} has "
            f"{kind!r}. Report it to its authors."
        )
    return found


def has_ordered_classes(name: str) -> bool:
    """Whether the order of the classes means something for a task, so that it is never changed; see `Task`."""
    return name not in KINDS and bool(getattr(task_of(name).task, "ordered", False))


def joined_task(one: str, other: str) -> str | None:
    """Join the tasks of two predictions.

    Parameters
    ----------
    one, other : str
        Names of tasks, which were checked before.

    Returns
    -------
    str or None
        Their common task: that of both, or the one that says more where the other is the plain kind of it. None if they
        have none.
    """
    if one == other:
        return one
    for plain, named in ((one, other), (other, one)):
        if plain in KINDS and named not in KINDS and kind_of(named) == plain:
            return named
    return None
