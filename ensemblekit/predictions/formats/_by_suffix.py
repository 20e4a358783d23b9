"""Saving and loading: the suffix of the path selects the format."""

from __future__ import annotations

import contextlib
import functools
import gzip
import os
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from ...errors import EnsembleKitError, InvalidOptionError, InvalidPredictionsError
from ...files import atomic_write
from ..names import shown
from ..tables import ReadOptions
from ._csv import read_csv, text_names, write_csv
from ._metadata import PredictionFields, check_unchanged
from ._npz import read_npz, write_npz
from ._ordinary import FORMS, write_ordinary
from ._parquet import parquet_names, read_parquet, write_parquet
from ._parts import Table, joined, parts_of, with_all_votes

__all__ = ["SUFFIXES", "load", "load_members", "ordinary_names", "save"]

P = TypeVar("P", bound=PredictionFields)
Writer = Callable[[PredictionFields, BinaryIO], None]
Reader = Callable[[Path, ReadOptions], Table]

_FORMATS: dict[str, tuple[Writer, Reader]] = {
    ".parquet": (write_parquet, read_parquet),
    ".csv": (write_csv, read_csv),
    ".npz": (write_npz, read_npz),
    ".tsv": (functools.partial(write_csv, separator="\t"), read_csv),
}
SUFFIXES = (*_FORMATS, ".csv.gz", ".tsv.gz")
"""Suffixes of files of predictions."""


def save(
    predictions: PredictionFields,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    form: str = "predictions",
    **table: Any,
) -> None:
    """Write predictions to a file, as described in `Predictions.save`.

    Parameters
    ----------
    predictions : Predictions
        What to write.
    path : path-like
        The suffix selects the format.
    overwrite : bool, default=False
        Whether an existing file is replaced.
    form : {"predictions", "table", "votes"}
        What is written.
    **table
        Options of an ordinary table.
    """
    suffix = _suffix(path)
    write = _FORMATS[suffix.removesuffix(".gz")][0]
    given = {name: value for name, value in table.items() if value is not None}
    if form not in FORMS:
        raise InvalidOptionError(f"form must be one of {', '.join(map(repr, FORMS))}; received {form!r}.")
    if form != "predictions":
        write = functools.partial(write_ordinary, suffix=suffix.removesuffix(".gz"), votes=form == "votes", **given)
    elif given:
        raise InvalidOptionError(
            f"{', '.join(given)} must go with form='table' or 'votes', an ordinary table; received form='predictions', "
            "which has columns of its own. Give one of these forms too, or leave it out."
        )
    try:
        with atomic_write(path, overwrite=overwrite) as file:
            if suffix.endswith(".gz"):
                with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
                    write(predictions, packed)  # pyright: ignore[reportArgumentType] - it can be written to
            else:
                write(predictions, file)
    except UnicodeError as error:
        raise InvalidPredictionsError(
            f"names in a {suffix} file must be valid Unicode; received others: {error}. Save them as .npz, or rename "
            "them."
        ) from None


def load(path: str | os.PathLike[str], make: Callable[..., P], options: ReadOptions | None = None) -> P:
    """Read predictions from a file or a folder of parts, as described in `Predictions.load`.

    Parameters
    ----------
    path : path-like
        The suffix selects the format.
    make : callable
        Called with the fields of the file as keyword arguments: the class `Predictions`.
    options : ReadOptions, optional
        How to read it.

    Returns
    -------
    Predictions
        What ``make`` returns.
    """
    return load_members([path], make, options)[0]


def load_members(
    paths: Iterable[str | os.PathLike[str]], make: Callable[..., P], options: ReadOptions | None = None
) -> list[P]:
    """Read the predictions of several members; votes get the classes of all of them.

    Parameters
    ----------
    paths : iterable of path-like
        One per member.
    make : callable
        As in `load`.
    options : ReadOptions, optional
        How to read them.

    Returns
    -------
    list of Predictions
        In the order of the paths.
    """
    options = options or ReadOptions()
    paths = list(paths)
    _check_text_options(paths, options)
    found = [_read(path, make, options) for path in paths]
    with _naming(paths[0] if paths else "", options):
        tables = with_all_votes(found)
    return [_made(path, make, table, options) for path, table in zip(paths, tables, strict=True)]


def ordinary_names(path: str | os.PathLike[str], options: ReadOptions | None = None) -> tuple[list[str], str] | None:
    """Read the header of an ordinary table.

    Parameters
    ----------
    path : path-like
        A file, or a folder of parts.
    options : ReadOptions, optional
        Its separator, if that cannot be recognised.

    Returns
    -------
    tuple or None
        Names of the columns, and the separator, which is empty for Parquet; None for a file of `Predictions.save`.
    """
    options = options or ReadOptions()
    with _naming(path, options):
        file = parts_of(Path(path), SUFFIXES)[0] if _is(Path.is_dir, path) else Path(path)
        suffix = _suffix(file).removesuffix(".gz")
        if suffix == ".npz":
            return None
        return parquet_names(file) if suffix == ".parquet" else text_names(file, options)


def _check_text_options(paths: list[str | os.PathLike[str]], options: ReadOptions) -> None:
    """Refuse a separator or a decimal mark if no file is text."""
    given = {name: getattr(options, name) for name in ("separator", "decimal") if getattr(options, name) is not None}
    if given and not any(map(_holds_text, paths)):
        raise InvalidOptionError(
            f"{options.say(**given)} must say how a text file is read, .csv or .tsv; received it beside "
            f"{shown([os.fspath(path) for path in paths])}. Leave it out."
        )


def _holds_text(path: str | os.PathLike[str]) -> bool:
    files = Path(path).iterdir() if _is(Path.is_dir, path) else [Path(path)]
    return any(file.name.lower().removesuffix(".gz").endswith((".csv", ".tsv")) for file in files)


def _read(path: str | os.PathLike[str], make: Callable[..., Any], options: ReadOptions) -> Table:
    if _is(Path.is_dir, path):
        with _naming(path, options):
            paths = parts_of(Path(path), SUFFIXES)
        tables = with_all_votes([_read(part, make, options) for part in paths])
        parts = [_made(part, make, table, options) for part, table in zip(paths, tables, strict=True)]
        with _naming(path, options):
            return Table(joined(parts, paths), votes=all(table.votes for table in tables))
    read = _FORMATS[_suffix(path).removesuffix(".gz")][1]
    if not _is(Path.is_file, path):
        raise FileNotFoundError(f"No file of predictions at {os.fspath(path)!r}.")
    with _naming(path, options):
        return read(Path(path), options)


def _made(path: str | os.PathLike[str], make: Callable[..., P], table: Table, options: ReadOptions) -> P:
    with _naming(path, options):
        predictions = make(**table.fields)
        if table.meta is not None and not options.edited:
            check_unchanged(predictions, table.meta)
        return predictions


@contextlib.contextmanager
def _naming(path: str | os.PathLike[str], options: ReadOptions) -> Generator[None]:
    """Name the file in any error; one of a parser becomes an error of ours."""
    try:
        yield
    except EnsembleKitError as error:
        raise InvalidPredictionsError(f"{os.fspath(path)!r}: {options.respell(str(error))}") from None
    except FileNotFoundError:
        raise
    except Exception as error:
        raise InvalidPredictionsError(
            f"{os.fspath(path)!r} must be predictions written by Predictions.save, or a table with a column 'id' and "
            f"a column a class; it cannot be read: {str(error)[:500] or type(error).__name__}"
        ) from error


def _is(kind: Callable[[Path], bool], path: str | os.PathLike[str]) -> bool:
    try:
        return kind(Path(path))
    except OSError:  # the name is invalid on this file system
        return False


def _suffix(path: str | os.PathLike[str]) -> str:
    if not isinstance(path, (str, os.PathLike)):
        raise InvalidOptionError(f"path must be a str or a pathlib.Path; received {type(path).__name__}.")
    suffixes = [suffix.lower() for suffix in Path(path).suffixes[-2:]]
    suffix = "".join(suffixes) if suffixes[1:] == [".gz"] else "".join(suffixes[-1:])
    if suffix not in SUFFIXES:
        raise InvalidPredictionsError(
            f"a file of predictions must end in {', '.join(SUFFIXES)}; received {os.fspath(path)!r}."
        )
    return suffix
