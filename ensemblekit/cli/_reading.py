"""Options that say how the tables of a command are read."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InvalidOptionError
from ._completion import complete_task, completes
from ._option_groups import with_options

if TYPE_CHECKING:
    from ..predictions.tables import ReadOptions

__all__ = ["takes_read_options"]

PANEL = "How tables are read"


def _option(text: str, **more: Any) -> Any:
    return typer.Option(help=text, rich_help_panel=PANEL, **more)


_TYPES: dict[str, Any] = {
    "task": Annotated[
        str | None,
        _option(
            "What a table holds: multiclass, multilabel, regression, binary or the task of a plugin.",
            metavar="TASK",
            autocompletion=complete_task,
        ),
    ],
    "id": Annotated[
        list[str] | None,
        _option(
            "Column of the ids; as often as a key has columns. Default: id, or a first column such as image_id.",
            metavar="COLUMN",
        ),
    ],
    "label": Annotated[str | None, _option("Column of the labels. Default: label.", metavar="COLUMN")],
    "columns": Annotated[
        list[str] | None,
        _option("Columns of values; others are ignored. COLUMN=CLASS names the class too.", metavar="COLUMN,..."),
    ],
    "positive": Annotated[
        str | None,
        _option("Class whose probability the one column of values is, or NEGATIVE,POSITIVE.", metavar="CLASS"),
    ],
    "separator": Annotated[
        str | None, _option("Character between cells: , ; | or tab. Default: recognised.", metavar="CHARACTER")
    ],
    "decimal": Annotated[
        str | None,
        _option(
            "Decimal mark: . or , (the default is recognised).", metavar="MARK", autocompletion=completes(".", ",")
        ),
    ],
}
"""Name of an option -> its type, in the order of ``--help``."""


def takes_read_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say how tables are read; it gets them as ``read``, a `ReadOptions`.

    Parameters
    ----------
    command : callable
        Function with a keyword argument ``read``.

    Returns
    -------
    callable
        The command as typer sees it.
    """
    takes_missing = "missing" in inspect.signature(command).parameters
    return with_options(command, _TYPES, "read", functools.partial(_read_options, takes_missing=takes_missing))


def _read_options(
    *,
    task: Any,
    id: list[str] | None,  # noqa: A002 - the name of the option
    label: str | None,
    columns: list[str] | None,
    positive: str | None,
    separator: str | None,
    decimal: Any,
    takes_missing: bool,
) -> ReadOptions:
    from ..predictions.tables import ReadOptions

    named = [part.partition("=") for text in columns or () for part in text.split(",")]
    if any(not name or (equals and not of) for name, equals, of in named):
        raise InvalidOptionError(f"--columns must be COLUMN,... or COLUMN=CLASS,...; received {columns!r}.")
    classes = tuple(map(_class_name, (positive or "").split(",")))
    return ReadOptions(
        task=task,
        id=id[0] if id and len(id) == 1 else id or None,
        label=label,
        columns={name: of or name for name, _, of in named} or None,
        positive=None if positive is None else classes if len(classes) == 2 else _class_name(positive),
        separator={"tab": "\t", "\\t": "\t"}.get(separator or "", separator),
        decimal=decimal,
        style="command",
        takes_missing=takes_missing,
    )


def _class_name(text: str) -> str | int:
    """Take a whole number as one: a target called 1 is usually the number 1."""
    return int(text) if text.isdecimal() and text.isascii() and str(int(text)) == text else text
