"""Saving and loading: the suffix of the path selects the format."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from ...errors import EnsembleKitError, InvalidOptionError, InvalidPredictionsError
from ...files import atomic_write
from ._csv import read_csv, write_csv
from ._metadata import PredictionFields, check_unchanged
from ._npz import read_npz, write_npz
from ._parquet import read_parquet, write_parquet

__all__ = ["load", "save"]

P = TypeVar("P", bound=PredictionFields)
Writer = Callable[[PredictionFields, BinaryIO], None]
Reader = Callable[[Path, bool], tuple[dict[str, Any], dict[str, Any] | None]]

_FORMATS: dict[str, tuple[Writer, Reader]] = {
    ".parquet": (write_parquet, read_parquet),
    ".csv": (write_csv, read_csv),
    ".npz": (write_npz, read_npz),
}


def save(predictions: PredictionFields, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write predictions to a file, as described in `Predictions.save`.

    Parameters
    ----------
    predictions : Predictions
        What to write.
    path : path-like
        The suffix selects the format.
    overwrite : bool, default=False
        Whether an existing file is replaced.
    """
    write, _ = _format(path)
    try:
        with atomic_write(path, overwrite=overwrite) as file:
            write(predictions, file)
    except UnicodeError as error:
        raise InvalidPredictionsError(
            f"names in a {Path(path).suffix} file must be valid Unicode; received others: {error}. Save them as .npz, "
            "or rename them."
        ) from None


def load(path: str | os.PathLike[str], make: Callable[..., P], *, edited: bool = False) -> P:
    """Read predictions from a file, as described in `Predictions.load`.

    Parameters
    ----------
    path : path-like
        The suffix selects the format.
    make : callable
        Called with the fields of the file as keyword arguments: the class `Predictions`.
    edited : bool, default=False
        Whether a file that was changed since it was saved is accepted.

    Returns
    -------
    Predictions
        What ``make`` returns.
    """
    _, read = _format(path)
    if not _is_file(Path(path)):
        raise FileNotFoundError(f"No file of predictions at {os.fspath(path)!r}.")
    try:
        fields, meta = read(Path(path), edited)
        predictions = make(**fields)
        if meta is not None and not edited:
            check_unchanged(predictions, meta)
    except EnsembleKitError as error:
        raise InvalidPredictionsError(f"{os.fspath(path)!r}: {error}") from None
    except FileNotFoundError:
        raise
    except Exception as error:
        raise InvalidPredictionsError(
            f"{os.fspath(path)!r} must be predictions written by Predictions.save, or a table with a column 'id' and "
            f"a column a class; it cannot be read: {str(error)[:500] or type(error).__name__}"
        ) from error
    return predictions


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the name is invalid on this file system
        return False


def _format(path: str | os.PathLike[str]) -> tuple[Writer, Reader]:
    if not isinstance(path, (str, os.PathLike)):
        raise InvalidOptionError(f"path must be a str or a pathlib.Path; received {type(path).__name__}.")
    suffix = Path(path).suffix.lower()
    if suffix not in _FORMATS:
        raise InvalidPredictionsError(
            f"a file of predictions must end in {', '.join(_FORMATS)}; received {os.fspath(path)!r}."
        )
    return _FORMATS[suffix]
