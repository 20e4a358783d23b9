"""CSV: a table for every program. The metadata are the name of a last, empty column; each float reads back the same."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote

import numpy as np

from ...errors import InvalidPredictionsError
from ...kinds import kind_of
from ..keys import key_of
from ..names import is_text, readonly, shown
from ..tables import ReadOptions, check_different
from ._arrow import name_column, number_column, stacked, text_column
from ._keys import KEY_PREFIX, cells_of_ids, id_columns, ids_of_columns
from ._metadata import (
    EDITED,
    PredictionFields,
    check_columns,
    check_said,
    column_names,
    digest_of,
    fields_of,
    label_columns,
    metadata_of,
    parse_metadata,
    row_columns,
)
from ._numbers import parse_integers, read_columns
from ._parts import Table
from ._plain_tables import fields_from_text
from ._text import TextTable, ends_with_line, needs_quotes, open_text, read_cells, write_rows

__all__ = ["read_csv", "read_text_columns", "text_names", "write_csv"]

MARK = "ensemblekit "
"""Beginning of the name of the last column, before the metadata."""
START = MARK + "{"
ESCAPED = "%\",;|'"
"""Characters of the metadata that are written as in a URL, the percent sign first."""
LONGEST = 131072
"""Characters of a name. Longer cells are refused by the reader of Python's standard library."""


def write_csv(p: PredictionFields, file: BinaryIO, separator: str = ",") -> None:
    """Write predictions."""
    import pyarrow as pa

    if p.probas.ndim != 2:
        raise InvalidPredictionsError(
            f"a CSV file holds predictions of shape (n_samples, n_classes); received {p.probas.shape}. "
            "Save them as .parquet or .npz."
        )
    _check_cells(p)
    meta = metadata_of(p)
    columns: list[Any] = [pa.array(p.ids)] if key_of(p.ids) is None else cells_of_ids(p.ids)
    if p.label_codes is not None and p.kind == "multiclass":
        columns.append(pa.array(list(map(str, p.classes))).take(pa.array(p.label_codes)))
    elif p.label_codes is not None:
        columns += [pa.array(column.astype(np.float64)) for column in p.label_codes.T]
    columns += [pa.array(names) for names in (p.groups, None if p.fits is None else p.fits.folds) if names is not None]
    # A float32 is exact as float64, so that the shortest text of the float64 reads back exactly.
    columns += [pa.array(np.ascontiguousarray(column, dtype=np.float64), from_pandas=True) for column in p.probas.T]
    columns.append(pa.nulls(len(p.ids)))
    quoted = needs_quotes(columns, separator)
    names = [*column_names(meta), _metadata_name(meta | {"quoted": quoted, "sha256": digest_of(p)})]
    write_rows(names, columns, file, separator, quoted=quoted)


def _metadata_name(meta: dict[str, Any]) -> str:
    """Name the last column: JSON without the characters for which a name of a column needs quotes.

    Some programs do not read quotes within the quotes of a name.
    """
    text = json.dumps(meta, separators=(",", ":"))
    for character in ESCAPED:
        text = text.replace(character, f"%{ord(character):02X}")
    return MARK + text


def _check_cells(p: PredictionFields) -> None:
    longest = max([len(f"proba:{name}") for name in p.classes])
    for names in (p.ids, p.groups):
        if names is not None and is_text(names):
            longest = max([longest, *map(len, names.tolist())])
    if longest > LONGEST:
        raise InvalidPredictionsError(
            f"a name in a CSV file must have at most {LONGEST} characters; received one of {longest}. "
            "Save them as .parquet or .npz."
        )


def read_csv(path: Path, options: ReadOptions) -> Table:
    """Read the arguments of `Predictions`, and the metadata; None for a table without."""
    text = open_text(path, options, functools.partial(_is_plain_text, edited=options.edited))
    check_different(text.names)
    if text.metadata is not None:  # formats 1 and 2
        return _own_fields(text, parse_metadata(text.metadata), text.names, options)
    meta = _metadata_in(text.names)
    if meta is None:
        return fields_from_text(text, options)
    return _own_fields(text, meta, [name for name in text.names if not name.startswith(START)], options)


def _metadata_in(names: list[str]) -> dict[str, Any] | None:
    found = next((name for name in names if name.startswith(START)), None)
    return None if found is None else parse_metadata(unquote(found.removeprefix(MARK)))


def _is_plain_text(names: list[str], *, edited: bool) -> bool:
    """Tell whether a file of ours says that it has no quotes; what was edited since may have some."""
    meta = _metadata_in(names)
    return not edited and meta is not None and meta.get("quoted") is False


def read_text_columns(
    path: Path, choose: Callable[[Sequence[str]], Sequence[str]], options: ReadOptions | None = None
) -> Any:
    """Read columns of a text table as text, such as labels or groups by id.

    Parameters
    ----------
    path : Path
        The file; it may be packed with gzip.
    choose : callable
        Names of all columns -> those to read.
    options : ReadOptions, optional
        Its separator, if that cannot be recognised.

    Returns
    -------
    pyarrow.Table or None
        Columns of text; None for a file of `Predictions.save`.
    """
    text = open_text(path, options or ReadOptions())
    if text.metadata is not None or any(name.startswith(START) for name in text.names):
        return None
    check_different(text.names)
    return read_cells(text, (), list(choose(text.names)))


def text_names(path: Path, options: ReadOptions) -> tuple[list[str], str] | None:
    """Read the header of a text table and its separator; None for a file of `Predictions.save`."""
    text = open_text(path, options)
    own = text.metadata is not None or any(name.startswith(START) for name in text.names)
    return None if own else (text.names, text.separator)


def _own_fields(text: TextTable, meta: dict[str, Any], found: list[str], options: ReadOptions) -> Table:
    check_said(meta, options)
    check_columns(meta, found, edited=options.edited)
    if not options.edited and not ends_with_line(text):
        raise InvalidPredictionsError(f"the last line must end with a line end; it does not: {EDITED}")
    numbers = [f"proba:{name}" for name in meta["classes"]]
    named = meta["labelled"] and kind_of(meta["task"]) == "multiclass"
    of_rows = row_columns(meta)
    of_ids = id_columns(meta)
    texts = [*of_ids, *(["label"] if named else []), *of_rows]
    flags = [] if named else label_columns(meta)

    def refuse(cell: str, name: str, row: Any) -> InvalidPredictionsError:
        return InvalidPredictionsError(
            f"column {name!r} must hold numbers; it has {shown(cell)} for id {row!r}: {EDITED}"
        )

    table = read_columns(text, {*numbers, *flags}, [*texts, *flags, *numbers], of_ids[0], options, refuse)
    probas = readonly(stacked([number_column(table, name) for name in numbers], np.dtype(meta["dtype"])))
    labels: Any = None
    if named:
        classes = {str(name): name for name in meta["classes"]}
        labels = [classes.get(cell, cell) for cell in name_column(table, "label").tolist()]
    elif flags:
        labels = stacked([number_column(table, name) for name in flags], np.dtype(np.float64))
    ids: Any
    if "key" in meta:
        ids = ids_of_columns({name.removeprefix(KEY_PREFIX): table.column(name) for name in of_ids}, meta, EDITED)
    else:
        ids = parse_integers(table.column("id")) if meta["ids"] == "int" else text_column(table.column("id"))
    if len(ids) and (meta["ids"] == "int") == is_text(ids):
        raise InvalidPredictionsError(f"ids must be whole numbers, as the metadata say: {EDITED}")
    if not len(ids) and "key" not in meta:
        ids = np.empty(0, dtype=np.str_ if meta["ids"] == "str" else np.int64)
    names = {name: text_column(table.column(name)) for name in of_rows}
    edited = options.edited
    fields = fields_of(meta, ids, probas, labels, edited=edited, groups=names.get("group"), folds=names.get("fold"))
    return Table(fields, meta)
