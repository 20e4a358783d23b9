"""Files of predictions, labels and groups, as arguments of a command."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..errors import DataError, EnsembleKitError, InvalidOptionError, InvalidPredictionsError
from ..predictions.formats import load_members
from ..predictions.joining import positions
from ..predictions.names import shown, text_array
from ..predictions.tables import ReadOptions, member_name
from ._arguments import name_and_path
from ._columns import read_column, read_columns

if TYPE_CHECKING:
    from ..predictions import Predictions

__all__ = ["existing", "naming_files", "read_groups", "read_members", "read_named", "with_labels"]

T = TypeVar("T")
PLAIN = ReadOptions(style="command")


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
        # The text of a KeyError is its first argument too.
        error.args = (f"{error} Files: {', '.join(files)}.", *error.args[1:])
        raise


def read_groups(path: Path | None, models: Mapping[str, Predictions], read: ReadOptions) -> dict[Any, Hashable] | None:
    """Read the group of each id, for the ids of these predictions.

    Parameters
    ----------
    path : Path or None
        A table with id and group.
    models : mapping of str to Predictions
        Their ids are looked up.
    read : ReadOptions
        How the table is read.

    Returns
    -------
    dict of id to group, or None
        None if there is no table. An id that the table lacks is left out.
    """
    if path is None:
        return None
    by = read_column(path, "group", read)
    groups: dict[Any, Hashable] = {
        row: by[str(row)] for p in models.values() for row in p.ids.tolist() if str(row) in by
    }
    if not groups:
        raise DataError(f"{str(path)!r} must have groups of these rows; it names none of their ids.")
    return groups


def read_members(files: Sequence[str], read: ReadOptions = PLAIN) -> dict[str, Predictions]:
    """Read files of predictions, FILE or NAME=FILE; without NAME= the member name of the predictions is used.

    Parameters
    ----------
    files : sequence of str
        As given.
    read : ReadOptions
        How tables are read.

    Returns
    -------
    dict of str to Predictions
        In the given order.
    """
    from ..predictions import Predictions

    paths = [existing(path) for _, path in map(name_and_path, files)]
    found = iter(load_members(paths, Predictions, read))  # together, as votes get the classes of all of them

    def next_one(_: Path) -> tuple[str | None, Predictions]:
        predictions = next(found)
        return predictions.member, predictions

    return read_named(files, next_one)


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
    from ..predictions import Predictions

    return {
        name: Predictions(
            p.probas,
            ids=p.ids,
            classes=p.classes,
            labels=_labels_for(name, p, path, read),
            task=p.task,
            split=p.split,
            member=p.member,
            fit_ids=p.fit_ids,
            missing="error" if p.present is None else "renormalize",
        )
        for name, p in members.items()
    }


def _labels_for(name: str, p: Predictions, path: Path, read: ReadOptions) -> np.ndarray:
    if p.task == "multiclass":
        table = read_column(path, "label", read)
        ids, cells = [*table], np.array([*table.values()], dtype=object)
    else:
        columns = read_columns(path, _outputs_of(path, p), "label", read)
        ids = columns["id"]
        try:
            cells = np.array([columns[str(c)] for c in p.classes], dtype=np.float64).T.reshape(len(ids), -1)
        except ValueError as error:
            raise DataError(f"{str(path)!r} must have numbers as labels of the task {p.task!r}: {error}.") from None
    rows = positions(text_array(ids), text_array(list(map(str, p.ids.tolist()))))
    if (rows < 0).any():
        raise DataError(
            f"{str(path)!r} must have a label for each id; it lacks {int((rows < 0).sum())} of {name!r}, first "
            f"{str(p.ids[rows < 0][0])!r}."
        )
    labels = cells[rows]
    if p.task != "multiclass":
        return labels
    classes = {str(c): c for c in p.classes}
    unknown = sorted({*labels.tolist()} - classes.keys())
    if unknown:
        raise DataError(
            f"{str(path)!r} must label rows with classes of {name!r}, {shown([*classes])}; received {unknown[:3]}."
        )
    return np.asarray([classes[label] for label in labels.tolist()])


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
