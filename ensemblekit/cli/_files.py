"""Files of predictions, labels and groups, as arguments of a command."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..errors import (
    DataError,
    EnsembleKitError,
    FolderNotFoundError,
    InvalidOptionError,
    InvalidPredictionsError,
    OutputExistsError,
)
from ..files import check_file
from ._columns import read_column

if TYPE_CHECKING:
    from ..predictions import Predictions

__all__ = [
    "about_files",
    "check_output",
    "groups_of",
    "name_and_path",
    "read_members",
    "read_named",
    "with_labels",
]

SUFFIXES = (".parquet", ".csv", ".npz")
Found = TypeVar("Found")


def check_output(path: Path, *, overwrite: bool, suffixes: Sequence[str] = ()) -> None:
    """Refuse a place for an output before anything is computed.

    Parameters
    ----------
    path : Path
        File or folder to be written.
    overwrite : bool
        Whether it may replace one.
    suffixes : sequence of str, optional
        What its name may end in.
    """
    if suffixes and path.suffix.lower() not in suffixes:
        raise InvalidOptionError(f"an output must end in {', '.join(suffixes)}; received {str(path)!r}.")
    if not path.parent.is_dir():
        raise FolderNotFoundError(f"an output goes to a folder that is there; {str(path)!r} is in none. Make it first.")
    if path.exists() and not overwrite:
        raise OutputExistsError(f"{str(path)!r} is there already. Take another name, or give --overwrite.")
    if suffixes:
        check_file(path)


@contextlib.contextmanager
def about_files(files: Sequence[str]) -> Generator[None]:
    """Let an error that names members say which files they are.

    Parameters
    ----------
    files : sequence of str
        As given, FILE or NAME=FILE.
    """
    try:
        yield
    except EnsembleKitError as error:
        # A KeyError shows its first argument, as every other error here does.
        error.args = (f"{error} Files: {', '.join(files)}.", *error.args[1:])
        raise


def groups_of(path: Path | None, rows: Mapping[str, Predictions]) -> dict[Any, Hashable] | None:
    """Read the group of each id, for the ids of these predictions.

    Parameters
    ----------
    path : Path or None
        A table with id and group.
    rows : mapping of str to Predictions
        Whose ids are grouped.

    Returns
    -------
    dict of id to group, or None
        None without a table. An id that the table lacks is left out.
    """
    if path is None:
        return None
    by = read_column(path, "group")
    found = {row: by[str(row)] for p in rows.values() for row in p.ids.tolist() if str(row) in by}
    if not found:
        raise DataError(f"{str(path)!r} must have groups of these rows; it names none of their ids.")
    return found


def read_members(files: Sequence[str]) -> dict[str, Predictions]:
    """Read files of predictions, FILE or NAME=FILE; a file without NAME= is called as the predictions in it are.

    Parameters
    ----------
    files : sequence of str
        As given.

    Returns
    -------
    dict of str to Predictions
        In the order given.
    """
    from ..predictions import Predictions

    def read(path: Path) -> tuple[str | None, Predictions]:
        predictions = Predictions.load(path)
        return predictions.member, predictions

    return read_named(files, read)


def read_named(files: Sequence[str], read: Callable[[Path], tuple[str | None, Found]]) -> dict[str, Found]:
    """Read files, FILE or NAME=FILE, and name each; two of one name are refused.

    Parameters
    ----------
    files : sequence of str
        As given.
    read : callable
        Path -> what the predictions in it are called, and what is wanted of them.

    Returns
    -------
    dict of str to what ``read`` gives
        In the order given. Without NAME= the name is that of the predictions, or of the file where they have none.
    """
    found: dict[str, Found] = {}
    for given in files:
        name, path = name_and_path(given)
        if not path.is_file():
            raise DataError(f"predictions are read from a file; there is none at {str(path)!r}.")
        member, wanted = read(path)
        name = name or member or path.stem
        if name in found:
            raise InvalidOptionError(
                f"each file must have a name of its own; {given!r} is called {name!r} as another is. Give NAME=FILE."
            )
        found[name] = wanted
    return found


def name_and_path(given: str) -> tuple[str, Path]:
    """Read FILE or NAME=FILE; without a name it is empty."""
    name, equals, rest = given.partition("=")
    named = bool(equals) and not Path(given).exists()
    return (name, Path(rest)) if named else ("", Path(given))


def with_labels(members: Mapping[str, Predictions], path: Path | None) -> dict[str, Predictions]:
    """Give predictions their labels by id, from a table or another file of predictions; or see that they have some."""
    from ..predictions import Predictions

    if path is None:
        for name, predictions in members.items():
            if predictions.labels is None:
                raise InvalidPredictionsError(
                    f"the predictions of {name!r} have no labels. Give --labels FILE, a table with the columns id and "
                    "label."
                )
        return dict(members)
    table = read_column(path, "label")
    out: dict[str, Predictions] = {}
    for name, p in members.items():
        classes = {str(c): c for c in p.classes}
        labels = [table.get(str(row)) for row in p.ids.tolist()]
        lacks = [str(row) for row, label in zip(p.ids.tolist(), labels, strict=True) if label is None]
        if lacks:
            raise DataError(
                f"{str(path)!r} must have a label for each id; it lacks {len(lacks)} of {name!r}, first {lacks[0]!r}."
            )
        unknown = sorted({str(label) for label in labels} - classes.keys())
        if unknown:
            raise DataError(
                f"{str(path)!r} must label rows with classes of {name!r}, {list(classes)}; received {unknown[:3]}."
            )
        out[name] = Predictions(
            p.probas,
            ids=p.ids,
            classes=p.classes,
            labels=np.asarray([classes[str(label)] for label in labels]),
            task=p.task,
            split=p.split,
            member=p.member,
            fit_ids=p.fit_ids,
            missing="error" if p.present is None else "renormalize",
        )
    return out
