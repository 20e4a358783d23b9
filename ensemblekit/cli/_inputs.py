"""Files of predictions, labels and groups, as arguments of a command."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..errors import DataError, EnsembleKitError, InvalidOptionError, InvalidPredictionsError
from ._arguments import name_and_path
from ._columns import read_column

if TYPE_CHECKING:
    from ..predictions import Predictions

__all__ = ["naming_files", "read_groups", "read_members", "read_named", "with_labels"]

T = TypeVar("T")


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


def read_groups(path: Path | None, models: Mapping[str, Predictions]) -> dict[Any, Hashable] | None:
    """Read the group of each id, for the ids of these predictions.

    Parameters
    ----------
    path : Path or None
        A table with id and group.
    models : mapping of str to Predictions
        Their ids are looked up.

    Returns
    -------
    dict of id to group, or None
        None if there is no table. An id that the table lacks is left out.
    """
    if path is None:
        return None
    by = read_column(path, "group")
    groups = {row: by[str(row)] for p in models.values() for row in p.ids.tolist() if str(row) in by}
    if not groups:
        raise DataError(f"{str(path)!r} must have groups of these rows; it names none of their ids.")
    return groups


def read_members(files: Sequence[str]) -> dict[str, Predictions]:
    """Read files of predictions, FILE or NAME=FILE; without NAME= the member name of the predictions is used.

    Parameters
    ----------
    files : sequence of str
        As given.

    Returns
    -------
    dict of str to Predictions
        In the given order.
    """
    from ..predictions import Predictions

    def read(path: Path) -> tuple[str | None, Predictions]:
        predictions = Predictions.load(path)
        return predictions.member, predictions

    return read_named(files, read)


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
        if not path.is_file():
            raise DataError(f"predictions are read from a file; there is none at {str(path)!r}.")
        member, content = read(path)
        name = name or member or path.stem
        if name in contents:
            raise InvalidOptionError(
                f"each file must have a name of its own; {given!r} is called {name!r} as another is. Give NAME=FILE."
            )
        contents[name] = content
    return contents


def with_labels(members: Mapping[str, Predictions], path: Path | None) -> dict[str, Predictions]:
    """Label predictions by id from a table or file of predictions; if there is none, check that they are labelled."""
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
