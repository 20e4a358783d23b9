"""The form of an output: ordinary tables, such as submissions, become an ordinary table with the same columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import InvalidOptionError
from ..predictions.formats import ordinary_names
from ..predictions.tables import ReadOptions, TableColumns, split_columns

__all__ = ["options_of_output"]


def options_of_output(form: str | None, files: Sequence[Path], read: ReadOptions, output: str) -> dict[str, Any]:
    """Find how an output is written; keyword arguments of `Predictions.save`.

    Parameters
    ----------
    form : str or None
        What the user asks for; None for the form of the inputs.
    files : sequence of Path
        The inputs.
    read : ReadOptions
        How they are read.
    output : str
        Path of the output.

    Returns
    -------
    dict
        Keyword arguments of `Predictions.save`.
    """
    forms = ("predictions", "table", "votes")
    if form is not None and form not in forms:
        raise InvalidOptionError(f"--form must be one of {', '.join(forms)}; received {form!r}.")
    if form == "predictions" or output.lower().endswith(".npz"):
        return {} if form in (None, "predictions") else {"form": form}
    found = [ordinary_names(file, read) for file in files]
    tables = [split_columns(names, read) for names, _ in (one for one in found if one is not None)]
    first = tables[0] if len(tables) == len(files) and _are_alike(tables) else None
    if first is None:
        return {"form": form} if form else {}
    separator = next(one[1] for one in found if one is not None)
    options: dict[str, Any] = {"id": first.id}
    if not output.lower().endswith(".parquet"):
        options["separator"] = "\t" if ".tsv" in output.lower() else separator or None
        options["decimal"] = read.decimal if separator != read.decimal else None
    if form == "votes" or (form is None and first.votes is not None):
        return options | {"form": "votes", "label": first.votes}
    if first.votes is not None:
        return options | {"form": "table"}
    columns = first.values
    if read.positive is not None:
        columns = dict.fromkeys(columns, read.binary_classes()[1])
    return options | {"form": "table", "label": first.label, "columns": columns}


def _are_alike(tables: Sequence[TableColumns]) -> bool:
    def shape(table: TableColumns) -> tuple[Any, ...]:
        return table.id, table.label, table.votes, frozenset(table.values.items()), bool(table.labels)

    return not tables[0].labels and len({shape(table) for table in tables}) == 1
