"""NPZ: plain arrays, without pickle, within the memory limit."""

from __future__ import annotations

import json
import math
import re
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ...errors import InvalidPredictionsError
from ...kinds import kind_of
from ...limits import check_size
from .._key_texts import key_values
from ..keys import key_of
from ..names import named_by, shown
from ..tables import ReadOptions
from ._keys import ids_of_columns
from ._metadata import EDITED, PredictionFields, check_said, digest_of, fields_of, metadata_of, parse_metadata
from ._parts import Table

__all__ = ["read_npz", "write_npz"]


ENTRIES = ("metadata", "ids", "probas", "labels", "fit_ids", "groups", "folds")
KEY_ENTRY = re.compile("key_[0-9]+")
"""Columns of a key, which stand for ``ids``, in their order."""
DTYPES = {"multiclass": np.int64, "multilabel": np.bool_, "regression": np.float64}


def write_npz(p: PredictionFields, file: BinaryIO) -> None:
    """Write predictions."""
    arrays: dict[str, np.ndarray] = {**_key_or_ids(p.ids), "probas": p.probas}
    if p.label_codes is not None:
        arrays["labels"] = p.label_codes
    if p.fit_ids is not None:
        arrays["fit_ids"] = _encode_names(p.fit_ids)
    if p.groups is not None:
        arrays["groups"] = _encode_names(p.groups)
    if p.fits is not None:
        arrays["folds"] = _encode_names(p.fits.folds)
    meta = metadata_of(p) | {"fit_ids": None, "sha256": digest_of(p)}
    np.savez(file, allow_pickle=False, metadata=np.array(json.dumps(meta)), **arrays)


def _key_or_ids(ids: np.ndarray) -> dict[str, np.ndarray]:
    if key_of(ids) is None:
        return {"ids": _encode_names(ids)}
    return {f"key_{place}": _encode_names(column) for place, column in enumerate(key_values(ids).values())}


def _key_ids(arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> np.ndarray:
    import pyarrow as pa

    columns: dict[str, Any] = {}
    for place, (name, kind) in enumerate(meta["key"]):
        stored = arrays[f"key_{place}"]
        columns[name] = pa.array(_decode_names(stored, "str") if kind == "text" else stored)
    return ids_of_columns(columns, meta, EDITED)


def _encode_names(names: np.ndarray) -> np.ndarray:
    """Encode text without a fixed width as UTF-8, each name followed by a zero byte; no name contains NUL."""
    if names.dtype.kind != "O":
        return names
    text = "".join(f"{name}\0" for name in names.tolist())
    return np.frombuffer(text.encode("utf-8", "surrogatepass"), dtype=np.uint8)


def _decode_names(stored: np.ndarray, kind: str) -> Any:
    if kind == "str" and stored.dtype == np.uint8 and stored.ndim == 1:
        *names, rest = stored.tobytes().decode("utf-8", "surrogatepass").split("\0")
        if not rest:
            return names
    elif stored.dtype.kind == {"str": "U", "int": "i"}[kind]:
        return stored
    raise InvalidPredictionsError(f"ids must be {kind}, as the metadata say; received {stored.dtype}: {EDITED}")


def read_npz(path: Path, options: ReadOptions) -> Table:
    """Read the arguments of `Predictions`, and the metadata."""
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        entries = [entry.removesuffix(".npy") for entry in archive.namelist()]
        keys = {name for name in entries if KEY_ENTRY.fullmatch(name)}
        needed = {"metadata", "probas"} | (keys or {"ids"})
        allowed = {*ENTRIES} - ({"ids"} if keys else set()) | keys
        if {*entries} - allowed or len({*entries}) != len(entries) or not needed <= {*entries}:
            raise InvalidPredictionsError(
                f"the arrays must be {', '.join(ENTRIES)}, of which all but the first three may be missing; received "
                f"{shown(entries)}: {EDITED}"
            )
        n_bytes = sum(entry.file_size for entry in archive.infolist())
        check_size(n_bytes, "its arrays", InvalidPredictionsError, stored=path.stat().st_size)
        arrays = {name: _read_array(archive, f"{name}.npy") for name in entries}
    meta = parse_metadata(str(arrays["metadata"].item()))
    check_said(meta, options)
    probas, labels, fit_ids = arrays["probas"], arrays.get("labels"), arrays.get("fit_ids")
    kind = kind_of(meta["task"])
    expected = DTYPES[kind]
    if (labels is not None) != meta["labelled"] or (labels is not None and labels.dtype != expected):
        raise InvalidPredictionsError(f"labels must be of the kind that the metadata say: {EDITED}")
    if probas.dtype != meta["dtype"] or probas.shape[1:] != tuple(meta["shape"]):
        raise InvalidPredictionsError(f"probabilities must be of the dtype and shape that the metadata say: {EDITED}")
    if labels is not None and kind == "multiclass":
        if labels.size and not 0 <= labels.min() <= labels.max() < len(meta["classes"]):
            raise InvalidPredictionsError(f"labels must be positions in the classes: {EDITED}")
        labels = named_by(labels, tuple(meta["classes"]))
    meta["fit_ids"] = None if fit_ids is None else _decode_names(fit_ids, meta["ids"])
    n_keys = sum(map(bool, map(KEY_ENTRY.fullmatch, arrays)))
    if n_keys != len(meta.get("key", ())):
        raise InvalidPredictionsError(f"key columns must be there if the metadata say so: {EDITED}")
    ids = _key_ids(arrays, meta) if n_keys else _decode_names(arrays["ids"], meta["ids"])
    if any((name in arrays) != (name in meta) for name in ("groups", "folds")):
        raise InvalidPredictionsError(f"groups and folds must be there if the metadata say so: {EDITED}")
    names = {name: _decode_names(arrays[name], "str") for name in ("groups", "folds") if name in arrays}
    return Table(fields_of(meta, ids, probas, labels, edited=options.edited, **names), meta)


def _read_array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """Read an array; refuse it if its size differs from the size in its header."""
    with archive.open(name) as entry:
        version = np.lib.format.read_magic(entry)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, is_fortran, dtype = read_header(entry)
        if dtype.hasobject:
            raise InvalidPredictionsError(f"the array {name!r} must be read with allow_pickle=False; it holds objects.")
        start, size = entry.tell(), archive.getinfo(name).file_size
        if math.prod(shape) * dtype.itemsize != size - start or min(shape, default=0) < 0:
            raise InvalidPredictionsError(
                f"the array {name!r} must be as large as it says, shape {shape} of {dtype}; it has {size - start} "
                f"bytes: {EDITED}"
            )
        array = np.frombuffer(entry.read(), dtype=dtype)
    return array.reshape(shape, order="F" if is_fortran else "C")
