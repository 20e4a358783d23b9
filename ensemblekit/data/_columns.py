"""Columns of a table of images: paths, groups, and labels of every form."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError, FolderNotFoundError, InvalidOptionError
from ..predictions.names import as_classes, few, shown

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["column_of", "read_frame", "read_targets"]


def read_frame(frame: Any, texts: Sequence[str]) -> tuple[pd.DataFrame, str, Path]:
    """Return a table of pandas, its name in words, and the folder that its relative paths start at."""
    import pandas as pd

    if isinstance(frame, (str, os.PathLike)):
        path = Path(frame)
        if not path.is_file():
            raise FolderNotFoundError(f"a table of images must be a file that is there; {os.fspath(path)!r} is not.")
        return _read_file(path, texts), repr(os.fspath(path)), path.parent
    for step in ("compute", "collect"):  # lazy tables of Dask and polars
        if callable(getattr(frame, step, None)):
            frame = getattr(frame, step)()
    if hasattr(frame, "__arrow_c_stream__") and not isinstance(frame, pd.DataFrame):
        import pyarrow as pa

        with contextlib.suppress(pa.ArrowInvalid):  # a column alone, which is refused below
            frame = pa.table(frame).to_pandas()
    elif isinstance(frame, Mapping):
        try:
            frame = pd.DataFrame(dict(frame))
        except ValueError as error:
            raise DataError(f"the columns of a table of images must be of one length: {error}.") from error
    if not isinstance(frame, pd.DataFrame):
        raise DataError(
            "a table of images must be a DataFrame, a table of polars or Arrow, a mapping of columns, or a csv or "
            f"parquet file; received {type(frame).__name__}."
        )
    return frame, "a table", Path()


def _read_file(path: Path, texts: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    try:
        if path.suffix.lower() == ".parquet":
            return pd.read_parquet(path)
        if path.suffix.lower() in (".csv", ".tsv"):
            separator = "\t" if path.suffix.lower() == ".tsv" else ","
            # Only what is empty is missing: a class or patient may be called NA.
            return pd.read_csv(
                path, sep=separator, dtype=dict.fromkeys(texts, "object"), keep_default_na=False, na_values=[""]
            )
    except (ValueError, OSError) as error:  # pandas and Arrow derive their errors of bad files from these
        raise DataError(f"a table of images must be readable; {os.fspath(path)!r} is not: {error}.") from error
    raise DataError(f"a table of images must be a .csv, .tsv or .parquet file; received {os.fspath(path)!r}.")


def column_of(table: pd.DataFrame, column: Any, name: str) -> np.ndarray:
    """Return the values of one column."""
    found = [one for one in table.columns if one == column]
    if len(found) != 1:
        raise DataError(
            f"a table of images must have the column {column!r} once; {name} has the columns {shown([*table.columns])}."
        )
    return table[column].to_numpy()


def read_targets(
    table: pd.DataFrame, label: Any, classes: Any, task: str | None, ids: np.ndarray, name: str
) -> tuple[str, Sequence[Hashable] | None, np.ndarray | None]:
    """Return the task, the names of the classes, and codes, indicators or numbers."""
    if label is None:
        if classes is not None or task is not None:
            raise InvalidOptionError("classes and task say what labels are. Give label=, the column of them, too.")
        return "multiclass", None, None
    if isinstance(label, str) and task in (None, "multiclass"):
        codes, names = _codes(column_of(table, label, name), classes, label, ids, name)
        return "multiclass", names, codes
    columns = {label: label} if isinstance(label, str) else label
    columns = dict(columns) if isinstance(columns, Mapping) else {one: one for one in columns}
    if not columns or task == "multiclass":
        raise InvalidOptionError(
            f"label must be one column of class names, or several columns; received {label!r} for {task or 'no'} task."
        )
    if classes is not None:
        raise InvalidOptionError("classes are named by the columns of labels here: label={column: class}.")
    task = task or "multilabel"
    values = [_numbers(column_of(table, column, name), column, task, ids, name) for column in columns]
    return task, as_classes([*columns.values()]), np.stack(values, axis=1)


def _codes(
    values: np.ndarray, classes: Any, column: str, ids: np.ndarray, name: str
) -> tuple[np.ndarray, Sequence[Hashable]]:
    import pandas as pd

    _check_none_missing(pd.isna(values), column, ids, name)
    listed = values.tolist()
    if not all(isinstance(one, (str, int)) for one in listed):
        example = next(one for one in listed if not isinstance(one, (str, int)))
        raise DataError(
            f"labels must be names of classes, texts or whole numbers; column {column!r} of {name} holds {example!r}. "
            "Give task='regression' for numbers to predict."
        )
    found = sorted(set(listed), key=lambda one: (isinstance(one, str), one))
    names = as_classes(found if classes is None else classes)
    known = {one: code for code, one in enumerate(names)}
    unknown = [one for one in found if one not in known]
    if unknown:
        raise DataError(
            f"labels must be among classes, {shown(names)}; column {column!r} of {name} holds also {few(unknown)}."
        )
    return np.array([known[one] for one in listed], dtype=np.int64), names


def _numbers(values: np.ndarray, column: str, task: str, ids: np.ndarray, name: str) -> np.ndarray:
    import pandas as pd

    _check_none_missing(pd.isna(values), column, ids, name)
    try:
        numbers = values.astype(np.float64)
    except (ValueError, TypeError):
        raise DataError(f"column {column!r} of {name} must hold numbers for {task}; it holds {values[0]!r}.") from None
    wrong = ~np.isfinite(numbers) if task == "regression" else ~np.isin(numbers, (0, 1))
    if wrong.any():
        rule = "finite numbers" if task == "regression" else "0 or 1, one column per class"
        raise DataError(
            f"labels for {task} must be {rule}; column {column!r} of {name} holds {numbers[wrong][0]:g} at "
            f"{few(ids[wrong].tolist())}. Decide what it means, or leave these rows out."
        )
    return numbers if task == "regression" else numbers.astype(np.int64)


def _check_none_missing(missing: np.ndarray, column: str, ids: np.ndarray, name: str) -> None:
    if missing.any():
        raise DataError(
            f"each image must have a label; column {column!r} of {name} lacks {int(missing.sum())}: "
            f"{few(ids[missing].tolist())}. Leave these rows out: frame.dropna(subset=[{column!r}])."
        )
