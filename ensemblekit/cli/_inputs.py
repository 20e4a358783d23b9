"""Files of predictions, labels and groups, as arguments of a command."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import shlex
from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import typer

from ..errors import DataError, EnsembleKitError, InvalidOptionError, InvalidPredictionsError
from ..predictions.formats import load_members, ordinary_names, parse_numbers
from ..predictions.joining import positions
from ..predictions.names import shown, text_array
from ..predictions.tables import ReadOptions, member_name
from ..printed import one_line
from ._arguments import name_and_path
from ._columns import read_column, read_columns

if TYPE_CHECKING:
    from ..predictions import Predictions

__all__ = [
    "common_rows", "existing", "naming_files", "read_groups", "read_members", "read_named", "read_weights",
    "with_labels",
]  # fmt: skip

T = TypeVar("T")
PLAIN = ReadOptions(style="command")
ANOTHER_ORDER = r"Give the task 'multiclass' to a \w+ whose .* by name\."
IN_ONE_ORDER = "Name the columns in the order that is meant, the positive class last: --columns NEGATIVE,POSITIVE."
"""What a command says instead, as its option --task is for all files."""


@contextlib.contextmanager
def naming_files(files: Sequence[str]) -> Generator[None]:
    """Add the files to the text of an error that names members.

    Parameters
    ----------
    files : sequence of str
        As given, FILE or NAME=FILE.
    """
    try:
        yield
    except EnsembleKitError as error:
        text = re.sub(ANOTHER_ORDER, IN_ONE_ORDER, PLAIN.respell(str(error)))
        # The text of a KeyError is its first argument too.
        error.args = (f"{text} Files: {', '.join(files)}.", *error.args[1:])
        raise


def read_groups(
    path: Path | None, models: Mapping[str, Predictions], read: ReadOptions
) -> dict[Any, Hashable] | str | None:
    """Read the group of each id, for the ids of these predictions.

    Parameters
    ----------
    path : Path or None
        A table with id and group; or the name of a key column, where there is no such file.
    models : mapping of str to Predictions
        Their ids are looked up.
    read : ReadOptions
        How the table is read.

    Returns
    -------
    dict of id to group, name of a key column, or None
        None if there is no table. An id that the table lacks is left out.
    """
    if path is None:
        return None
    if not path.exists() and all(str(path) in p.id_columns for p in models.values()):
        return str(path)
    by = read_column(path, "group", read)
    groups: dict[Any, Hashable] = {
        row: by[str(row)] for p in models.values() for row in p.ids.tolist() if str(row) in by
    }
    if not groups:
        raise DataError(f"{str(path)!r} must have groups of these rows; it names none of their ids.")
    return groups


def read_weights(path: Path, models: Mapping[str, Predictions], read: ReadOptions) -> dict[Any, float]:
    """Read the weight of each id, for the ids of these predictions.

    Parameters
    ----------
    path : Path
        A table with id and weight.
    models : mapping of str to Predictions
        Their ids are looked up.
    read : ReadOptions
        How the table is read.

    Returns
    -------
    dict of id to float
    """
    by = read_column(path, "weight", read)
    by = dict(zip(by, _numbers(path, [*by.values()], "weights", read), strict=True))
    ids = {row: str(row) for p in models.values() for row in p.ids.tolist()}
    found = {row: by[text] for row, text in ids.items() if text in by}
    if lacks := [text for text in ids.values() if text not in by]:
        raise DataError(
            f"{str(path)!r} must have a weight for each id; it lacks {len(lacks)} of {len(ids)} ids, first "
            f"{lacks[0]!r}. Give each a weight; 0 leaves a row out."
        )
    return found


def read_members(
    files: Sequence[str], read: ReadOptions = PLAIN, *, labels: Path | None = None
) -> dict[str, Predictions]:
    """Read files of predictions, FILE or NAME=FILE; without NAME= the member name of the predictions is used.

    Parameters
    ----------
    files : sequence of str
        As given.
    read : ReadOptions
        How tables are read.
    labels : Path, optional
        The table that labels them. The column of labels that ``read`` names is then one of this table; the files may
        have it too.

    Returns
    -------
    dict of str to Predictions
        In the given order.
    """
    from ..predictions import Predictions

    paths = [existing(path) for _, path in map(name_and_path, files)]
    if labels is not None and read.label is not None:
        of_values = [read.columns] if isinstance(read.columns, str) else [*(read.columns or ())]
        if read.label in of_values or not any(_has_column(path, read.label, read) for path in paths):
            read = dataclasses.replace(read, label=None)
    found = iter(load_members(paths, Predictions, read))  # together, as votes get the classes of all of them

    def next_one(_: Path) -> tuple[str | None, Predictions]:
        predictions = next(found)
        return predictions.member, predictions

    return read_named(files, next_one)


def common_rows(members: dict[str, Predictions], missing: str) -> tuple[dict[str, Predictions], dict[str, int]]:
    """Keep the rows that all members have, in the order of each, if --missing says so, and say how many on stderr.

    Parameters
    ----------
    members : dict of str to Predictions
        By name.
    missing : str
        Value of --missing; any but ``common`` keeps all rows.

    Returns
    -------
    dict of str to Predictions
        With these rows only.
    dict of str to int
        Member -> how many of its rows were left out.
    """
    if missing != "common":
        return members, {}
    shared = set.intersection(*({*p.ids.tolist()} for p in members.values()))
    if not shared:
        raise DataError(
            f"--missing common combines the rows that all members have; {', '.join(map(repr, members))} have none in "
            "common. Give files of the same rows; the ids of a row must be spelt alike in each."
        )
    left_out = {name: len(p) - len(shared) for name, p in members.items()}
    kept = {
        name: p if not left_out[name] else p.take([row for row in p.ids.tolist() if row in shared])
        for name, p in members.items()
    }
    if lacking := [f"{n} of {name!r}" for name, n in left_out.items() if n]:
        told = f"{len(shared)} rows are common to all members; left out are {', '.join(lacking)}."
        typer.echo(f"ensemblekit: {one_line(told)}", err=True)
    return kept, left_out


def _has_column(path: Path, name: Any, read: ReadOptions) -> bool:
    found = ordinary_names(path, read)
    return found is not None and name in found[0]


def existing(path: Path) -> Path:
    """Refuse a path of predictions without a file or folder."""
    if not path.is_file() and not path.is_dir():
        raise DataError(f"predictions are read from a file or a folder of parts; there is none at {str(path)!r}.")
    return path


def read_named(files: Sequence[str], read: Callable[[Path], tuple[str | None, T]]) -> dict[str, T]:
    """Read files, FILE or NAME=FILE, and refuse two of the same name.

    Parameters
    ----------
    files : sequence of str
        As given.
    read : callable
        Path -> member name of its predictions, if any, and the content.

    Returns
    -------
    dict of str to content
        In the given order. Without NAME= the name is that of the predictions, or that of the file if they have none.
    """
    contents: dict[str, T] = {}
    for given in files:
        name, path = name_and_path(given)
        member, content = read(existing(path))
        name = name or member or member_name(path)
        if name in contents:
            raise InvalidOptionError(
                f"each file must have a name of its own; {given!r} is called {name!r} as another is. Give NAME=FILE."
            )
        contents[name] = content
    return contents


def with_labels(
    members: Mapping[str, Predictions], path: Path | None, read: ReadOptions = PLAIN
) -> dict[str, Predictions]:
    """Label predictions by id from a table or file of predictions; if there is none, check that they are labelled.

    Parameters
    ----------
    members : mapping of str to Predictions
        By name.
    path : Path or None
        A table of ids and labels: class names in one column, or for other tasks a column per output.
    read : ReadOptions
        How the table is read.

    Returns
    -------
    dict of str to Predictions
        Labelled.
    """
    if path is None:
        for name, predictions in members.items():
            if predictions.labels is None:
                raise InvalidPredictionsError(
                    f"the predictions of {name!r} have no labels. Give --labels FILE, a table with the columns id and "
                    "label."
                )
        return dict(members)
    return {name: p.with_labels(_labels_for(name, p, path, read)) for name, p in members.items()}


def _labels_for(name: str, p: Predictions, path: Path, read: ReadOptions) -> np.ndarray:
    if p.probas.ndim > 2:
        return _dense_labels_for(name, p, path)
    if p.kind == "multiclass":
        table = read_column(path, "label", read)
        ids, cells = [*table], np.array([*table.values()], dtype=object)
    else:
        columns = read_columns(path, _outputs_of(path, p), "label", read)
        ids = columns["id"]
        what = f"labels of the task {p.task!r}"
        cells = np.array([_numbers(path, columns[str(c)], what, read) for c in p.classes]).T.reshape(len(ids), -1)
    rows = positions(text_array(ids), text_array(list(map(str, p.ids.tolist()))))
    if (rows < 0).any():
        raise DataError(
            f"{str(path)!r} must have a label for each id; it lacks {int((rows < 0).sum())} of {name!r}, first "
            f"{str(p.ids[rows < 0][0])!r}. Label them, or leave these rows out of the predictions."
        )
    labels = cells[rows]
    if p.kind != "multiclass":
        return labels
    classes = {str(c): c for c in p.classes}
    unknown = sorted({*labels.tolist()} - classes.keys())
    if unknown:
        raise DataError(
            f"{str(path)!r} must label rows with classes of {name!r}, {shown([*classes])}; received {unknown[:3]}. "
            f"{_class_advice([*classes], unknown)}"
        )
    return np.asarray([classes[label] for label in labels.tolist()])


def _numbers(path: Path, cells: Sequence[str], what: str, read: ReadOptions) -> list[float]:
    """Parse a column of a table, with a decimal comma where it has one."""
    try:
        parsed = parse_numbers(cells, read)
        numbers = [number for number in parsed if number is not None]
        if len(numbers) < len(parsed):
            raise ValueError(cells[parsed.index(None)])
    except InvalidPredictionsError as error:
        raise DataError(f"{str(path)!r}: {error}") from None
    except ValueError as error:
        wrong = str(error)
        raise DataError(
            f"{str(path)!r} must have numbers as {what}; received {wrong!r} in row {[*cells].index(wrong)}. Write a "
            "number there, such as 0.5, or leave the row out."
        ) from None
    return numbers


def _class_advice(classes: Sequence[str], unknown: Sequence[str]) -> str:
    if len(classes) == 2 and len(unknown) == 1 and classes[0] == f"not {classes[1]}":
        return f"If that is the other class, name both: --positive {shlex.quote(f'{unknown[0]},{classes[1]}')}."
    return "Write them as there, or add the class to the predictions."


def _dense_labels_for(name: str, p: Predictions, path: Path) -> np.ndarray:
    from ..predictions import Predictions

    try:
        truth = Predictions.load(path)
    except EnsembleKitError as error:
        raise DataError(
            f"labels of the masks of {name!r} must be a file of predictions with labels, .npz or .parquet; "
            f"{str(path)!r} is none: {error}"
        ) from None
    if truth.labels is None or truth.labels.ndim < p.probas.ndim - 1:
        raise DataError(
            f"labels of the masks of {name!r} must be a file of predictions with labels for each position; "
            f"{str(path)!r} has {'none' if truth.labels is None else 'one for each row'}."
        )
    rows = positions(text_array(list(map(str, truth.ids.tolist()))), text_array(list(map(str, p.ids.tolist()))))
    if (rows < 0).any():
        raise DataError(
            f"{str(path)!r} must have labels for each id; it lacks {int((rows < 0).sum())} of {name!r}, first "
            f"{str(p.ids[rows < 0][0])!r}."
        )
    if p.kind != "multiclass" and truth.classes != p.classes:
        raise DataError(
            f"{str(path)!r} must have the outputs of {name!r} in the same order, {shown(p.classes)}; it has "
            f"{shown(truth.classes)}."
        )
    return truth.labels[rows]


def _outputs_of(path: Path, p: Predictions) -> Callable[[Sequence[str]], Mapping[str, str]]:
    def choose(names: Sequence[str]) -> Mapping[str, str]:
        outputs = [str(name) for name in p.classes]
        if len(outputs) == 1 and outputs[0] not in names and "label" in names:
            return {"label": outputs[0]}
        if lacks := [name for name in outputs if name not in names]:
            raise DataError(
                f"{str(path)!r} must have a column of labels for each output, {shown(outputs)}; it lacks "
                f"{shown(lacks)}. Rename its columns."
            )
        return {name: name for name in outputs}

    return choose
