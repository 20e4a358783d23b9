"""Predictions in files: Parquet, CSV and NPZ, exact to the bit, written whole or not at all."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..errors import InvalidPredictionsError
from ._predictions import Predictions

__all__ = ["atomic_write", "load", "save"]

FORMAT = 1
HEADER = "# ensemblekit "
RESERVED = ("id", "label")


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Generator[BinaryIO]:
    """Open a file that replaces ``path`` only when everything was written."""
    path = Path(path)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def save(predictions: Predictions, path: str | os.PathLike[str]) -> None:
    """Write predictions; see `Predictions.save`."""
    write, _ = _format(path)
    with atomic_write(path) as file:
        write(predictions, file)


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
        "ids": "str" if p.ids.dtype.kind == "U" else "int",
        "labelled": p.label_codes is not None,
        "missing": "error" if p.present is None else "renormalize",
    }


def _fields(meta: dict[str, Any], ids: Any, probas: np.ndarray, labels: Any) -> dict[str, Any]:
    if meta["format"] > FORMAT:
        raise InvalidPredictionsError(f"format {meta['format']} is newer than this ensemblekit reads ({FORMAT}).")
    return {
        "probas": probas,
        "ids": ids,
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
    import pyarrow as pa
    import pyarrow.parquet as pq

    def column(values: np.ndarray) -> Any:
        flat = pa.array(np.ascontiguousarray(values).reshape(-1))
        if values.ndim == 1:
            return flat
        return pa.FixedSizeListArray.from_arrays(flat, int(np.prod(values.shape[1:])))

    columns = {"id": pa.array(p.ids)}
    columns |= {name: column(values) for name, values in _label_columns(p).items()}
    columns |= {f"proba:{name}": column(p.probas[..., place]) for place, name in enumerate(p.classes)}
    table = pa.table(columns).replace_schema_metadata({b"ensemblekit": json.dumps(_metadata(p)).encode()})
    pq.write_table(table, file)


def _read_parquet(path: Path) -> dict[str, Any]:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    raw = (table.schema.metadata or {}).get(b"ensemblekit")
    if raw is None:
        return _plain_table(table.to_pandas())
    meta = json.loads(raw)

    def column(name: str) -> np.ndarray:
        values = table.column(name).combine_chunks()
        if hasattr(values.type, "list_size"):
            return values.flatten().to_numpy(zero_copy_only=False).reshape(-1, *meta["shape"][:-1])
        return values.to_numpy(zero_copy_only=False)

    probas = np.stack([column(f"proba:{name}") for name in meta["classes"]], axis=-1) if len(table) else _empty(meta)
    return _fields(meta, table.column("id").to_pylist(), probas, _read_labels(meta, column))


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
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["id", *labels, *(f"proba:{name}" for name in p.classes)])
    columns = [p.ids.tolist()]
    columns += [(v if p.task == "multiclass" else v.astype(np.float64)).tolist() for v in labels.values()]
    # The float64 of a float32 is exact, and so is its text; the short text of a float32 is not, read as a float64.
    columns += [p.probas[:, place].astype(np.float64).tolist() for place in range(len(p.classes))]
    rows.writerows(zip(*columns, strict=True))
    text.flush()
    text.detach()


def _read_csv(path: Path) -> dict[str, Any]:
    with path.open(encoding="utf-8", newline="") as file:
        first = file.readline()
        if not first.startswith(HEADER):
            import pandas as pd

            return _plain_table(pd.read_csv(path, float_precision="round_trip"))
        meta = json.loads(first.removeprefix(HEADER))
        reader = csv.reader(file)
        names = next(reader)
        rows = list(reader)
    if any(len(row) != len(names) for row in rows):
        raise InvalidPredictionsError(f"each line must have {len(names)} cells; the file was cut or edited.")
    cells = dict(zip(names, zip(*rows, strict=True) if rows else [()] * len(names), strict=True))
    whole = {"str": str, "int": int}

    def label(name: str) -> Any:
        if meta["task"] == "multiclass":
            return [type(meta["classes"][0])(cell) for cell in cells[name]]
        return np.array([float(cell) for cell in cells[name]])

    columns = [np.array([float(c) for c in cells[f"proba:{name}"]], dtype=np.float64) for name in meta["classes"]]
    probas = np.stack(columns, axis=-1).astype(meta["dtype"])
    return _fields(meta, [whole[meta["ids"]](cell) for cell in cells["id"]], probas, _read_labels(meta, label))


def _plain_table(frame: Any) -> dict[str, Any]:
    if "id" not in frame:
        raise InvalidPredictionsError(f"a table of predictions must have a column 'id'; received {list(frame)}.")
    names = [c for c in frame if c not in RESERVED]
    classes = [str(c).removeprefix("proba:") for c in names]
    labels = frame["label"].tolist() if "label" in frame else None
    if labels is not None:
        labels = [str(label) for label in labels]
    return {
        "probas": frame[names].to_numpy(dtype=np.float64),
        "ids": frame["id"].tolist(),
        "classes": classes,
        "labels": labels,
    }


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
    with np.load(path, allow_pickle=False) as arrays:
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
