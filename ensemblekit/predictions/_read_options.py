"""How a table is read as predictions: the options, and how an error spells them."""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import re
import shlex
from collections.abc import Generator, Hashable, Mapping, Sequence
from typing import Any, Literal

from ..errors import InvalidOptionError
from ..kinds import Kind, kind_of
from .choices import Task, check_choice, check_task
from .names import plain, shown

__all__ = ["READ", "SEPARATORS", "Columns", "ReadOptions", "spelled"]

Columns = str | Sequence[str] | Mapping[str, Hashable] | None
"""Columns of values: names, or ``{column: class}``."""
SEPARATORS = (",", ";", "\t", "|")
"""Separators of cells that are recognised."""
Style = Literal["python", "read", "command"]
_STYLE: contextvars.ContextVar[Style] = contextvars.ContextVar("style", default="python")
READ = ("task", "id", "label", "columns", "positive", "separator", "decimal", "edited")
"""Options of `align` that say how files are read, for functions that take them as ``read={...}``."""


@contextlib.contextmanager
def spelled(style: Style) -> Generator[None]:
    """Let errors in this context spell options as the caller writes them.

    Parameters
    ----------
    style : {"python", "read", "command"}
        As in `ReadOptions`.
    """
    token = _STYLE.set(style)
    try:
        yield
    finally:
        _STYLE.reset(token)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How a file or table that `Predictions.save` did not write is read.

    Attributes
    ----------
    task : str, optional
        By default that of the file, or ``multiclass``.
    id : str or sequence of str, optional
        Column of the ids; several are the columns of a key, in the order of its parts. By default ``id`` in any
        case, or a first column with a name such as ``image_id``.
    label : str or mapping, optional
        Column of the labels; for several outputs ``{column: class}``. By default ``label`` in any case, if there is
        one. A table with no other column than this and the ids holds votes.
    columns : str, sequence of str or mapping, optional
        Columns of values; others are ignored. A mapping ``{column: class}`` names their classes too. By default all
        others, each called like its class.
    positive : str, int, bool or (negative, positive), optional
        Class whose probability the one column of values is. The other class is called ``not ...`` or, for 1 and True,
        0 and False.
    missing : {"error", "renormalize"}
        As in `Predictions`.
    separator : str, optional
        Character between the cells of a text file. By default it is recognised: one of ``, ; | tab``.
    decimal : {".", ","}, optional
        Decimal mark of a text file. By default it is recognised.
    edited : bool
        Whether a file that was changed since it was saved is accepted.
    style : {"python", "read", "command"}
        How an error spells an option: ``id='Id'``, ``read={'id': 'Id'}`` or ``--id Id``. By default as in `spelled`.
    takes_missing : bool
        Whether the caller has the option ``missing``, so that an error may propose it.
    """

    task: Task | None = None
    id: str | Sequence[str] | None = None
    label: str | Mapping[str, Hashable] | None = None
    columns: Columns = None
    positive: Any = None
    missing: Literal["error", "renormalize"] = "error"
    separator: str | None = None
    decimal: Literal[".", ","] | None = None
    edited: bool = False
    style: Style = dataclasses.field(default_factory=lambda: _STYLE.get())
    takes_missing: bool = True

    def __post_init__(self) -> None:
        if self.task is not None:
            check_task(self.task)
        check_choice("missing", self.missing, ("error", "renormalize"))
        if self.decimal is not None:
            check_choice("decimal", self.decimal, (".", ","))
        separator = self.separator
        if separator is not None and not (
            isinstance(separator, str) and len(separator) == 1 and separator.isascii() and separator not in '"\r\n\0'
        ):
            raise InvalidOptionError(
                f"separator must be one ASCII character, such as {', '.join(map(repr, SEPARATORS))}; received "
                f"{separator!r}."
            )
        if separator is not None and separator == self.decimal:
            raise InvalidOptionError(
                f"separator and decimal must be different characters; received {separator!r} for both."
            )
        if self.columns is not None and not isinstance(self.columns, str) and not len(self.columns):
            raise InvalidOptionError("columns must name at least one column of values; received none.")
        if self.id is not None and not isinstance(self.id, str):
            if not len(self.id) or not all(isinstance(name, str) for name in self.id):
                raise InvalidOptionError(f"id must name a column, or columns of a key; received {shown(self.id)}.")
            object.__setattr__(self, "id", tuple(self.id))  # options are compared, and used as keys
        if self.positive is not None:
            self.binary_classes()

    @property
    def kind(self) -> Kind:
        """Kind of the values that a table holds."""
        return "multiclass" if self.task is None else kind_of(self.task)

    def given(self) -> dict[str, Any]:
        """Collect the options that differ from their defaults.

        Returns
        -------
        dict
            Name -> value, without ``style`` and ``takes_missing``.
        """
        fields = [field for field in dataclasses.fields(self) if field.name not in ("style", "takes_missing")]
        return {f.name: getattr(self, f.name) for f in fields if getattr(self, f.name) != f.default}

    def say(self, **options: Any) -> str:
        """Spell options as the caller writes them.

        Parameters
        ----------
        **options
            Name -> value.

        Returns
        -------
        str
            Such as ``id='Id'``.
        """
        if self.style == "command":
            return " ".join(
                f"--{name}" if value is True else f"--{name} {_word(value)}" for name, value in _repeated(options)
            )
        if self.style == "read":
            return f"read={options!r}"
        return ", ".join(f"{name}={value!r}" for name, value in options.items())

    def respell(self, text: str) -> str:
        """Spell the options that other checks propose as the caller writes them.

        Parameters
        ----------
        text : str
            Message of an error.

        Returns
        -------
        str
        """
        if not self.takes_missing:
            text = re.sub(r",? or admit rows [a-zA-Z ]* with missing='renormalize'", "", text)
        return text.replace("edited=True", self.say(edited=True)).replace(
            "missing='renormalize'",
            "missing='renormalize'" if self.style != "command" else "--missing renormalize",
        )

    def binary_classes(self) -> tuple[Hashable, Hashable]:
        """Name the two classes of a table with one column of probabilities.

        Returns
        -------
        tuple
            The negative and the positive class.
        """
        positive = self.positive
        if isinstance(positive, (tuple, list)):
            names = [plain(name) for name in positive]
            if len(names) == 2 and type(names[0]) is type(names[1]) in (str, int, bool) and names[0] != names[1]:
                return names[0], names[1]
        else:
            name = plain(positive)
            if isinstance(name, bool):
                return not name, name
            if isinstance(name, int):
                return (1 - name if name in (0, 1) else 0), name
            if isinstance(name, str) and name:
                return f"not {name}", name
        raise InvalidOptionError(
            "positive must name the class whose probability is given, or (negative, positive); received "
            f"{shown(positive)}."
        )


def _repeated(options: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """List options of a command: one that takes one name a time is repeated."""
    pairs = [
        (name, [*value] if name == "id" and not isinstance(value, str) else [value]) for name, value in options.items()
    ]
    return [(name, value) for name, values in pairs for value in values]


def _word(value: Any) -> str:
    if isinstance(value, Mapping):
        value = [f"{name}={of}" for name, of in value.items()]
    text = ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return shlex.quote(text)
