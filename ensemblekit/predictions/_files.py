"""Predictions in files: Parquet, CSV and NPZ, exact to the bit, written whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..errors import InvalidPredictionsError
from ..files import atomic_write
from ._predictions import Predictions

__all__ = ["fields_of_table", "load", "rewrite_parquet", "save", "table_of"]

FORMAT = 1
HEADER = "# ensemblekit "
RESERVED = ("id", "label")


def save(predictions: Predictions, path: str | os.PathLike[str]) -> None:
    """Write predictions; see `Predictions.save`."""
    write, _ = _format(path)
    try:
        with atomic_write(path) as file:
            write(predictions, file)
    except UnicodeError as error:
        raise InvalidPredictionsError(
            f"names in a {Path(path).suffix} file must be valid Unicode; received others: {error}. Save them as .npz, "
            "or rename them."
        ) from None


def load(path: str | os.PathLike[str]) -> Predictions:
    """Read predictions; see `Predictions.load`."""
    _, read = _format(path)
    if not Path(path).is_file():
        raise FileNotFoundError(f"No file of predictions at {os.fspath(path)!r}.")
    try:
        fields = read(Path(path))
    except InvalidPredictionsError as error:
        raise InvalidPredictionsError(f"{os.fspath(path)!r}: {error}") from None
    except Exception as error:
        raise InvalidPredictionsError(
            f"{os.fspath(path)!r} must be predictions written by Predictions.save, or a table with a column 'id' and "
            f"a column a class; it cannot be read: {error}"
        ) from error
    try:
        return Predictions(**fields)
    except InvalidPredictionsError as error:
        raise InvalidPredictionsError(f"{os.fspath(path)!r}: {error}") from None


def _format(
    path: str | os.PathLike[str],
) -> tuple[Callable[[Predictions, BinaryIO], None], Callable[[Path], dict[str, Any]]]:
    suffix = Path(path).suffix.lower()
    if suffix not in _FORMATS:
        raise InvalidPredictionsError(
            f"a file of predictions must end in {', '.join(_FORMATS)}; received {os.fspath(path)!r}."
        )
    return _FORMATS[suffix]


def _metadata(p: Predictions) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "classes": list(p.classes),
        "task": p.task,
        "split": p.split,
        "member": p.member,
        "fit_ids": None if p.fit_ids is None else p.fit_ids.tolist(),
        "dtype": p.probas.dtype.name,
        "shape": list(p.probas.shape[1:]),
        "n_samples": len(p),
        "ids": "str" if p.ids.dtype.kind == "U" else "int",
        "labelled": p.label_codes is not None,
        "missing": "error" if p.present is None else "renormalize",
    }


def _fields(meta: dict[str, Any], ids: Any, probas: np.ndarray, labels: Any) -> dict[str, Any]:
    if meta["format"] > FORMAT:
        raise InvalidPredictionsError(f"format {meta['format']} is newer than this ensemblekit reads ({FORMAT}).")
    if len(ids) != meta["n_samples"]:
        raise InvalidPredictionsError(
            f"a file of {meta['n_samples']} predictions must have as many rows; it has {len(ids)}: it was cut or "
            "edited. Save it again."
        )
    return {
        "probas": probas,
        "ids": np.asarray(ids, dtype=np.str_ if meta["ids"] == "str" else np.int64),
        "classes": meta["classes"],
        "labels": labels,
        **{name: meta[name] for name in ("task", "split", "member", "fit_ids", "missing")},
    }


def _label_columns(p: Predictions) -> dict[str, Any]:
    labels = p.labels
    if labels is None:
        return {}
    if p.task == "multiclass":
        return {"label": labels}
    return {f"label:{name}": labels[..., column] for column, name in enumerate(p.classes)}


def _read_labels(meta: dict[str, Any], columns: Any) -> Any:
    if not meta["labelled"]:
        return None
    if meta["task"] == "multiclass":
        return columns("label")
    return np.stack([columns(f"label:{name}") for name in meta["classes"]], axis=-1)


# Parquet: a column a class (a fixed-size list for dense outputs), the rest in the metadata of the schema.


def _write_parquet(p: Predictions, file: BinaryIO) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table_of(p), file, write_page_checksum=True)


def table_of(p: Predictions) -> Any:
    """Lay predictions out as an Arrow table with its metadata."""
    import pyarrow as pa

    def column(values: np.ndarray) -> Any:
        flat = pa.array(np.ascontiguousarray(values).reshape(-1))
        if values.ndim == 1:
            return flat
        return pa.FixedSizeListArray.from_arrays(flat, int(np.prod(values.shape[1:])))

    columns = {"id": pa.array(p.ids)}
    columns |= {name: column(values) for name, values in _label_columns(p).items()}
    columns |= {f"proba:{name}": column(p.probas[..., place]) for place, name in enumerate(p.classes)}
    return pa.table(columns).replace_schema_metadata({b"ensemblekit": json.dumps(_metadata(p)).encode()})


def rewrite_parquet(parts: Sequence[Path], file: BinaryIO, n_samples: int) -> None:
    """Join Parquet files of one kind, one after the other, without holding more than one of them.

    Parameters
    ----------
    parts : sequence of Path
        Written by `save`, with the same classes and columns.
    file : binary file
        To write to.
    n_samples : int
        How many rows there are in all.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pq.read_schema(parts[0])
    meta = json.loads((schema.metadata or {})[b"ensemblekit"]) | {"n_samples": n_samples}
    schema = schema.with_metadata({b"ensemblekit": json.dumps(meta).encode()})
    with pq.ParquetWriter(file, schema, write_page_checksum=True) as writer:
        for part in parts:
            with pq.ParquetFile(part, page_checksum_verification=True) as read:
                table = read.read()
            writer.write_table(pa.table(table.columns, schema=schema))


def _read_parquet(path: Path) -> dict[str, Any]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        table = file.read()
    raw = (table.schema.metadata or {}).get(b"ensemblekit")
    return fields_of_table(table, None if raw is None else json.loads(raw))


def fields_of_table(table: Any, meta: dict[str, Any] | None) -> dict[str, Any]:
    """Read the arguments of `Predictions` out of an Arrow table.

    Parameters
    ----------
    table : pyarrow.Table
        Rows of a Parquet file.
    meta : dict or None
        What its metadata say of them, ``n_samples`` of this table; None for a table of others.
    """
    if meta is None:
        return _plain_table(table.column_names, [column.to_pylist() for column in table.columns])

    def column(name: str) -> np.ndarray:
        values = table.column(name).combine_chunks()
        if hasattr(values.type, "list_size"):
            return values.flatten().to_numpy(zero_copy_only=False).reshape(-1, *meta["shape"][:-1])
        return values.to_numpy(zero_copy_only=False)

    probas = np.stack([column(f"proba:{name}") for name in meta["classes"]], axis=-1) if len(table) else _empty(meta)
    return _fields(meta, table.column("id").to_numpy(), probas, _read_labels(meta, column))


def _empty(meta: dict[str, Any]) -> np.ndarray:
    return np.empty((0, *meta["shape"]), dtype=meta["dtype"])


# CSV: one comment line of metadata, a header, and every float as the shortest text that gives it back.


def _write_csv(p: Predictions, file: BinaryIO) -> None:
    if p.probas.ndim != 2:
        raise InvalidPredictionsError(
            f"a CSV file holds predictions of shape (n_samples, n_classes); received {p.probas.shape}. "
            "Save them as .parquet or .npz."
        )
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    text.write(HEADER + json.dumps(_metadata(p)) + "\n")
    labels = _label_columns(p)
    # Text is quoted: of a carriage return inside it, Python before 3.13 would make a new line.
    rows = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    rows.writerow(["id", *labels, *(f"proba:{name}" for name in p.classes)])
    columns = [p.ids.tolist()]
    columns += [(v if p.task == "multiclass" else v.astype(np.float64)).tolist() for v in labels.values()]
    # The float64 of a float32 is exact, and so is its text; the short text of a float32 is not, read as a float64.
    columns += [p.probas[:, place].astype(np.float64).tolist() for place in range(len(p.classes))]
    rows.writerows(zip(*columns, strict=True))
    text.flush()
    text.detach()


def _read_csv(path: Path) -> dict[str, Any]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = file.readlines()
    own = bool(lines) and lines[0].startswith(HEADER)
    names, *rows = [row for row in csv.reader(lines[own:]) if row] or [[]]
    if any(len(row) != len(names) for row in rows) or (own and not lines[-1].endswith("\n")):
        raise InvalidPredictionsError(f"each line must have {len(names)} cells; the file was cut or edited.")
    columns: list[Any] = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    if not own:
        return _plain_table(names, columns, as_ids=_whole_numbers)
    meta = json.loads(lines[0].removeprefix(HEADER))
    cells = dict(zip(names, columns, strict=True))
    classes = {str(name): name for name in meta["classes"]}

    def label(name: str) -> Any:
        if meta["task"] == "multiclass":
            return [classes.get(cell, cell) for cell in cells[name]]
        return np.array(cells[name], dtype=np.float64)

    probas = np.stack([np.array(cells[f"proba:{name}"], dtype=np.float64) for name in meta["classes"]], axis=-1)
    return _fields(meta, list(cells["id"]), probas.astype(meta["dtype"]), _read_labels(meta, label))


# Tables of others: the text of a CSV cell stays as it stands, so that "001" is not 1 and a class may be called "NA".


def _whole_numbers(texts: list[str]) -> list[Any]:
    try:
        numbers = [int(text) for text in texts]
    except ValueError:
        return texts
    return numbers if list(map(str, numbers)) == texts else texts


def _plain_table(
    names: list[str], columns: list[Any], *, as_ids: Callable[[list[Any]], list[Any]] = list
) -> dict[str, Any]:
    if "id" not in names:
        raise InvalidPredictionsError(f"a table of predictions must have a column 'id'; received {names}.")
    if any(name == "" or name.startswith("__index_level_") for name in names):
        raise InvalidPredictionsError(
            f"each column of a table must have a name; received {names}. pandas writes its index so: leave it out with "
            "index=False."
        )
    table = dict(zip(names, columns, strict=True))
    ids = list(table["id"])
    if "" in ids:
        raise InvalidPredictionsError(f"each row of a table must have an id; row {ids.index('')} has none.")
    classes = [name for name in names if name not in RESERVED]
    try:
        probas = np.array([table[name] for name in classes], dtype=np.float64).T
    except ValueError:
        probas = np.array(
            [[_number(cell, name, row) for row, cell in zip(ids, table[name], strict=True)] for name in classes]
        ).T
    return {
        "probas": probas,
        "ids": as_ids(ids),
        "classes": [name.removeprefix("proba:") for name in classes],
        "labels": [str(label) for label in table["label"]] if "label" in table else None,
    }


def _number(cell: Any, column: str, row: Any) -> float:
    try:
        return np.nan if cell in ("", None) else float(cell)  # as pandas writes what is missing
    except ValueError:
        raise InvalidPredictionsError(
            f"a column of a table must hold the probabilities of one class; {column!r} has {cell!r} for id {row!r}. "
            "Leave out columns that are no class, or mend the cell."
        ) from None


# NPZ: plain arrays, no pickle.


def _write_npz(p: Predictions, file: BinaryIO) -> None:
    arrays: dict[str, np.ndarray] = {"ids": p.ids, "probas": p.probas}
    if p.label_codes is not None:
        arrays["labels"] = p.label_codes
    meta = {**_metadata(p), "fit_ids": None}
    if p.fit_ids is not None:
        arrays["fit_ids"] = p.fit_ids
    np.savez(file, allow_pickle=False, metadata=np.array(json.dumps(meta)), **arrays)


def _read_npz(path: Path) -> dict[str, Any]:
    # NumPy would leave a file that is no NPZ open.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        meta = json.loads(arrays["metadata"].item())
        meta["fit_ids"] = arrays.get("fit_ids")
        labels = arrays.get("labels")
        if labels is not None and meta["task"] == "multiclass":
            labels = np.asarray(meta["classes"])[labels]
        return _fields(meta, arrays["ids"], arrays["probas"], labels)


_FORMATS = {
    ".parquet": (_write_parquet, _read_parquet),
    ".csv": (_write_csv, _read_csv),
    ".npz": (_write_npz, _read_npz),
}
