"""How a table is read as predictions: the options, and which of its columns are ids, labels and values."""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from ..errors import InvalidOptionError, InvalidPredictionsError
from .choices import Task, check_choice, check_task
from .names import plain, shown

__all__ = [
    "PREFIX",
    "SEPARATORS",
    "ReadOptions",
    "TableColumns",
    "check_different",
    "is_id_name",
    "member_name",
    "recognised",
    "split_columns",
]

PREFIX = "proba:"
"""Beginning of the name of a column of probabilities in a file of `Predictions.save`."""
SEPARATORS = (",", ";", "\t", "|")
"""Separators of cells that are recognised."""
_ID = re.compile(r".*(_id|(?<=[a-z0-9])I[dD])", re.DOTALL)
"""Names of a first column that are names of ids: ``image_id``, ``PassengerId``, but no class such as ``COVID``."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How a file or table that `Predictions.save` did not write is read.

    Attributes
    ----------
    task : {"multiclass", "multilabel", "regression"}, optional
        By default that of the file, or ``multiclass``.
    id : str, optional
        Column of the ids. By default ``id`` in any case, or a first column with a name such as ``image_id``.
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
        How an error spells an option: ``id='Id'``, ``read={'id': 'Id'}`` or ``--id Id``.
    """

    task: Task | None = None
    id: str | None = None
    label: str | Mapping[str, Hashable] | None = None
    columns: str | Sequence[str] | Mapping[str, Hashable] | None = None
    positive: Any = None
    missing: Literal["error", "renormalize"] = "error"
    separator: str | None = None
    decimal: Literal[".", ","] | None = None
    edited: bool = False
    style: Literal["python", "read", "command"] = "python"

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
        if self.positive is not None:
            self.binary_classes()

    def given(self) -> dict[str, Any]:
        """Collect the options that differ from their defaults.

        Returns
        -------
        dict
            Name -> value, without ``style``.
        """
        fields = [field for field in dataclasses.fields(self) if field.name != "style"]
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
            return " ".join(f"--{name} {_word(value)}" for name, value in options.items())
        if self.style == "read":
            return f"read={options!r}"
        return ", ".join(f"{name}={value!r}" for name, value in options.items())

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


@dataclasses.dataclass(frozen=True)
class TableColumns:
    """Which column of a table is what.

    Attributes
    ----------
    id : str
        Column of the ids.
    label : str or None
        Column of the labels; for votes, None.
    labels : dict
        Column -> class, for labels in a column a class.
    values : dict
        Column -> class.
    votes : str or None
        Column of class names that are the predictions themselves.
    """

    id: Any
    label: Any
    labels: dict[Any, Hashable]
    values: dict[Any, Hashable]
    votes: Any = None


def split_columns(names: Sequence[Any], options: ReadOptions | None = None) -> TableColumns:
    """Tell which columns of a table are ids, labels and values.

    Parameters
    ----------
    names : sequence of str
        Names of the columns, in their order.
    options : ReadOptions, optional
        What the caller says.

    Returns
    -------
    TableColumns

    Raises
    ------
    InvalidPredictionsError
        If two columns have one name, none is that of the ids, or the columns do not fit the options.
    """
    options = options or ReadOptions()
    check_different(names)
    row = _id_column(names, options)
    rest = [name for name in names if name != row]
    label, labels = _label_columns(rest, options)
    rest = [name for name in rest if name != label and name not in labels]
    values = _value_columns(rest, names, label, options)
    if not values and label is not None and options.columns is None:
        # A table of ids and labels alone: these are what the member says.
        if options.task == "regression":
            values, label = {label: label}, None
        elif options.task != "multilabel" and options.positive is None:
            return TableColumns(row, None, labels, {}, votes=label)
    if not values:
        raise InvalidPredictionsError(
            f"classes must name at least one class, which has a column; received {shown([*names])}."
        )
    if options.positive is not None and len(values) != 1:
        raise InvalidPredictionsError(
            f"{options.say(positive=options.positive)} is for a table with one column of values; received "
            f"{shown([*values])}. Name the one that is meant: {options.say(columns=[next(iter(values), 'p')])}."
        )
    if options.positive is not None and options.task not in (None, "multiclass"):
        raise InvalidPredictionsError(
            f"{options.say(positive=options.positive)} is for two classes that exclude each other; received the task "
            f"{options.task!r}. Leave one of them out."
        )
    if len(values) == 1 and options.task in (None, "multiclass") and options.positive is None:
        only = next(iter(values))
        raise InvalidPredictionsError(
            f"a table of predictions must have a column for each of two classes or more; received the one column "
            f"{shown(only)}. If it is the probability of a class, name the class: {options.say(positive='yes')}; if it "
            f"holds class names: {options.say(label=only)}; if it holds numbers to predict: "
            f"{options.say(task='regression')}."
        )
    return TableColumns(row, label, labels, values)


def recognised(names: Sequence[Any]) -> tuple[Any, Any]:
    """Tell which columns of a table are ids and labels by their names alone.

    Parameters
    ----------
    names : sequence
        Names of the columns, in their order.

    Returns
    -------
    tuple
        The column of the ids and that of the labels; None where no name says so.
    """
    options = ReadOptions()
    try:
        row = _id_column(names, options)
    except InvalidPredictionsError:
        row = None
    return row, _label_columns([name for name in names if name != row], options)[0]


def is_id_name(name: Any) -> bool:
    """Tell whether a column may hold ids, by its name.

    Parameters
    ----------
    name : str
        Name of a column.

    Returns
    -------
    bool
        True for ``id`` in any case, ``image_id``, ``PassengerId`` and the like.
    """
    return isinstance(name, str) and (name.lower() == "id" or _ID.fullmatch(name) is not None)


def member_name(path: str | os.PathLike[str]) -> str:
    """Name a member after its file or folder.

    Parameters
    ----------
    path : path-like
        A file of predictions.

    Returns
    -------
    str
        The name without suffixes of its format: ``cnn.test`` for ``cnn.test.csv.gz``.
    """
    name = Path(path)
    return name.with_suffix("").stem if name.suffix.lower() == ".gz" else name.stem


def check_different(names: Sequence[Any]) -> None:
    """Refuse two columns of one name."""
    if len({*names}) != len(names):
        seen: set[Any] = set()
        repeated = [*dict.fromkeys(name for name in names if name in seen or seen.add(name))]
        raise InvalidPredictionsError(
            f"each column of a table must have a name of its own; received {shown([*names])}, of which repeated: "
            f"{shown(repeated)}. Rename or drop all but one."
        )


def _id_column(names: Sequence[Any], options: ReadOptions) -> Any:
    if options.id is not None:
        return _named("id", options.id, names, options)
    if "id" in names:
        return "id"
    used = _used(options)
    found = [name for name in names if isinstance(name, str) and name.lower() == "id" and name not in used]
    if not found and names and is_id_name(names[0]) and names[0] not in used:
        found = [names[0]]
    if len(found) == 1:
        return found[0]
    what = f"a table of predictions must have a column 'id'; received {shown([*names])}."
    if found:
        raise InvalidPredictionsError(f"{what} Say which it is: {options.say(id=found[0])}.")
    if not names:
        raise InvalidPredictionsError(what)
    raise InvalidPredictionsError(f"{what} If another column holds the ids, name it: {options.say(id=names[0])}.")


def _used(options: ReadOptions) -> set[Any]:
    used: set[Any] = {*options.label} if isinstance(options.label, Mapping) else {options.label}
    return used | ({options.columns} if isinstance(options.columns, str) else {*(options.columns or ())})


def _label_columns(names: Sequence[Any], options: ReadOptions) -> tuple[Any, dict[Any, Hashable]]:
    if isinstance(options.label, Mapping):
        return None, {_named("label", name, names, options): of for name, of in options.label.items()}
    if options.label is not None:
        return _named("label", options.label, names, options), {}
    used = _used(options)
    if "label" in names:
        return (None if "label" in used else "label"), {}
    found = [name for name in names if isinstance(name, str) and name.lower() == "label" and name not in used]
    return (found[0] if len(found) == 1 else None), {}


def _value_columns(rest: Sequence[Any], names: Sequence[Any], label: Any, options: ReadOptions) -> dict[Any, Hashable]:
    given = options.columns
    if given is not None:
        wanted = [given] if isinstance(given, str) else list(given)
        check_different(wanted)
        if label in wanted and label is not None:
            raise InvalidPredictionsError(
                f"a column is of labels or of values; received {shown(label)} for both. Leave it out of one."
            )
        for name in wanted:
            _named("columns", name, rest, options)
        if isinstance(given, Mapping):
            return dict(given)
    else:
        wanted = list(rest)
        if any(name == "" or str(name).startswith(("__index_level_", "Unnamed: ")) for name in wanted):
            raise InvalidPredictionsError(
                f"each column of a table must have a name; received {shown([*names])}. pandas writes its index so: "
                "leave it out with index=False, or name the columns that count: "
                f"{options.say(columns=_named_ones(wanted))}."
            )
    if not options.edited and any(str(name).startswith((PREFIX, "label:")) for name in wanted):
        raise InvalidPredictionsError(
            f"columns called proba:... are of a file that Predictions.save wrote; received {shown([*names])} without "
            "its metadata: the file was cut, edited or damaged. Save it again, or take it as it is: "
            f"{options.say(edited=True)}."
        )
    return {name: name.removeprefix(PREFIX) if isinstance(name, str) else name for name in wanted}


def _named_ones(names: Sequence[Any]) -> list[Any]:
    return [name for name in names if name != "" and not str(name).startswith(("__index_level_", "Unnamed: "))][:4]


def _named(what: str, name: Any, names: Sequence[Any], options: ReadOptions) -> Any:
    if name in names:
        return name
    near = difflib.get_close_matches(str(name), [n for n in names if isinstance(n, str)][:1000], n=1)
    advice = f" Did you mean {near[0]!r}?" if near else ""
    raise InvalidPredictionsError(
        f"{what} must name a column of the table; received {shown(name)}, and the columns are {shown([*names])}."
        f"{advice}"
    )


def _word(value: Any) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{name}={of}" for name, of in value.items())
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return str(value)
