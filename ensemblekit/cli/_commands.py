"""The commands by topic, so that the help and completion list them without importing them; each is imported by name."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any

import typer

__all__ = ["MODULES", "TOPICS", "command", "find_command", "last_run", "make_command", "summaries"]

TOPICS = {
    "Combine and judge": {
        "combine": "combine the predictions of several members",
        "choose": "choose the rule that combines members best",
        "evaluate": "scores with intervals",
        "compare": "paired tests and their conclusions",
        "report": "a page: how to combine, and whether it is worth it",
        "cascade": "which rows need the large model, and joining its answers",
        "rank": "fuse TREC runs, and score them by query",
    },
    "Images and networks": {
        "predict": "predict any number of images",
        "fuse": "convert several models and a rule to one model",
        "profile": "cost of a model, and the value of each member",
        "audit": "find copies, leaks and label conflicts among images",
        "cache": "show or clear the feature bank",
    },
    "Start and look up": {
        "init": "write an example folder to play with",
        "plugins": "list rules, metrics and other plugins, or show one",
        "check": "test whether a plugin keeps its promises",
        "guide": "a short guide for programs that write code",
    },
}
"""Topic -> commands in the order of the help -> what each does."""

MODULES = {"compare": "evaluate"}
"""Command -> its module, where that has another name."""

_run: list[str] = []
"""Commands that were run, the last one last: an error is told in its words."""
_functions: dict[str, tuple[Callable[..., Any], Sequence[tuple[str, str]], Sequence[str]]] = {}


def summaries() -> dict[str, str]:
    """List the commands in the order of the help, with what each does."""
    return {name: text for commands in TOPICS.values() for name, text in commands.items()}


def command(
    *examples: tuple[str, str], lists: Sequence[str] = ()
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function as the command of its name.

    Parameters
    ----------
    *examples : tuple of str
        What a command line does, and the line, for the help.
    lists : sequence of str
        Kinds of plugins whose names the help lists.

    Returns
    -------
    callable
        The decorator.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        _functions[function.__name__] = function, examples, lists
        return function

    return register


def find_command(name: str, cls: type[Any]) -> Any:
    """Make the command that the line names, and remember that it is the one."""
    _run.append(name)
    return make_command(name, cls)


def last_run() -> str | None:
    """Name the command that was run last; None before any."""
    return _run[-1] if _run else None


@functools.cache
def make_command(name: str, cls: type[Any]) -> Any:
    """Import the module of a command, and make the command."""
    importlib.import_module(f"{__package__}._{MODULES.get(name, name)}")
    function, examples, lists = _functions[name]
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    alone.command(name, cls=cls)(function)
    made: Any = typer.main.get_command(alone)
    made.examples, made.lists = examples, lists
    return made
