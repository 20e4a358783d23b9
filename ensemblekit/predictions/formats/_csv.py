"""CSV: one comment line of metadata, a header, and every float as the shortest text that reads back the same."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ...errors import InvalidPredictionsError
from ..names import is_text, named_by, readonly
from ._metadata import (
    EDITED,
    PredictionFields,
    check_columns,
    digest_of,
    fields_of,
    label_columns,
    metadata_of,
    parse_metadata,
)
from ._plain_tables import fields_from_cells, parse_integers, parse_numbers

__all__ = ["read_csv", "write_csv"]

HEADER = "# ensemblekit "


def write_csv(p: PredictionFields, file: BinaryIO) -> None:
    """Write predictions."""
    if p.probas.ndim != 2:
        raise InvalidPredictionsError(
            f"a CSV file holds predictions of shape (n_samples, n_classes); received {p.probas.shape}. "
            "Save them as .parquet or .npz."
        )
    _check_cells(p)
    meta = metadata_of(p)
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    text.write(HEADER + json.dumps(meta | {"sha256": digest_of(p)}) + "\n")
    # Text is quoted, because Python before 3.13 reads an unquoted carriage return as the end of a line.
    rows = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    rows.writerow(["id", *label_columns(meta), *(f"proba:{name}" for name in p.classes)])
    columns = [p.ids.tolist()]
    if p.label_codes is not None and p.task == "multiclass":
        columns.append(named_by(p.label_codes, p.classes).tolist())
    elif p.label_codes is not None:
        columns += p.label_codes.T.astype(np.float64).tolist()
    # A float32 is exact as float64, so that the shortest text of the float64 reads back exactly.
    columns += [p.probas[:, place].astype(np.float64).tolist() for place in range(len(p.classes))]
    rows.writerows(zip(*columns, strict=True))
    text.flush()
    text.detach()


def _check_cells(p: PredictionFields) -> None:
    longest = max([len(f"proba:{name}") for name in p.classes])
    if is_text(p.ids):
        longest = max([longest, *map(len, p.ids.tolist())])
    if longest > csv.field_size_limit():
        raise InvalidPredictionsError(
            f"a name in a CSV file must have at most {csv.field_size_limit()} characters; received one of {longest}. "
            "Save them as .parquet or .npz."
        )


def read_csv(path: Path, edited: bool) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Read the arguments of `Predictions`, and the metadata; None for a table without."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = file.readlines()
    own = bool(lines) and lines[0].startswith(HEADER)
    names, *rows = [row for row in csv.reader(lines[own:]) if row] or [[]]
    if any(len(row) != len(names) for row in rows) or (own and not edited and not lines[-1].endswith("\n")):
        raise InvalidPredictionsError(f"each line must have {len(names)} cells; the file was cut or edited.")
    columns: list[Any] = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    if not own:
        return fields_from_cells(names, columns, edited=edited), None
    meta = parse_metadata(lines[0].removeprefix(HEADER))
    check_columns(meta, names, edited=edited)
    cells = dict(zip(names, columns, strict=True))

    def numbers(name: str) -> np.ndarray:
        return parse_numbers(cells[name])

    with np.errstate(over="ignore"):
        probas = np.stack([numbers(f"proba:{name}") for name in meta["classes"]], axis=-1).astype(meta["dtype"])
        probas = readonly(probas)
    labels: Any = None
    if meta["labelled"] and meta["task"] == "multiclass":
        classes = {str(name): name for name in meta["classes"]}
        labels = [classes.get(cell, cell) for cell in cells["label"]]
    elif meta["labelled"]:
        labels = np.stack([numbers(name) for name in label_columns(meta)], axis=-1)
    ids = parse_integers(list(cells["id"])) if meta["ids"] == "int" else list(cells["id"])
    if meta["ids"] == "int" and any(isinstance(row, str) for row in ids):
        raise InvalidPredictionsError(f"ids must be whole numbers, as the metadata say: {EDITED}")
    if not ids:
        ids = np.empty(0, dtype=np.str_ if meta["ids"] == "str" else np.int64)
    return fields_of(meta, ids, probas, labels, edited=edited), meta
