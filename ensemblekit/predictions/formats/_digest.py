"""The digest of predictions: one SHA-256 over content and metadata, the same in every file format."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

__all__ = ["BLOCK", "ContentDigest"]

DIGESTED = ("classes", "dtype", "ids", "labelled", "member", "shape", "split", "task")
"""Metadata that the digest covers. The number of rows and absent rows follow from the content."""
LATER = ("fit_groups", "folds", "in_ids", "in_groups", "key", "key_time")
"""Metadata that the digest covers where they are there, as earlier ensemblekits did not know them."""
BLOCK = 2**20
"""Numbers hashed at once: few enough to stay in the CPU cache between the NaN check and the hash."""

MANY = 2**18
"""Rows from which ids and probabilities are hashed side by side."""


class ContentDigest:
    """Incremental digest of predictions; the size of the batches does not change it.

    Examples
    --------
    >>> import numpy as np
    >>> meta = {"classes": ["a", "b"], "dtype": "float64", "ids": "int", "labelled": False, "member": None,
    ...     "shape": [2], "split": None, "task": "multiclass", "fit_ids": None}
    >>> whole, parts = ContentDigest(), ContentDigest()
    >>> whole.update(np.arange(2), np.array([[0.5, 0.5], [1.0, 0.0]]))
    >>> parts.update(np.arange(1), np.array([[0.5, 0.5]]))
    >>> parts.update(np.arange(1, 2), np.array([[1.0, 0.0]]))
    >>> whole.hexdigest(meta) == parts.hexdigest(meta)
    True
    """

    def __init__(self) -> None:
        self._ids, self._labels, self._probas = (hashlib.sha256() for _ in range(3))
        self._groups, self._folds = hashlib.sha256(), hashlib.sha256()
        self._n_samples = 0

    def update(
        self,
        ids: np.ndarray | None,
        probas: np.ndarray,
        label_codes: np.ndarray | None = None,
        *,
        groups: np.ndarray | None = None,
        folds: np.ndarray | None = None,
    ) -> None:
        """Add rows.

        Parameters
        ----------
        ids : ndarray of int64 or str, shape (n_rows,)
            Ids of the rows; None in every batch if `take_ids` follows.
        probas : ndarray of shape (n_rows, ..., n_classes)
            Predictions, in the dtype of the metadata.
        label_codes : ndarray, optional
            As `Predictions.label_codes`; in every batch or in none.
        groups, folds : ndarray of str, shape (n_rows,), optional
            Group and fold of each row; in every batch or in none.
        """
        self._n_samples += len(probas)
        if ids is None:
            _add_numbers(self._probas, probas)
        elif len(ids) < MANY:
            _add_names(self._ids, ids)
            _add_numbers(self._probas, probas)
        else:
            with ThreadPoolExecutor(1) as pool:  # hashing needs no lock of Python
                done = pool.submit(_add_numbers, self._probas, probas)
                _add_names(self._ids, ids)
                done.result()
        if label_codes is not None:
            _add_numbers(self._labels, label_codes)
        for hasher, names in ((self._groups, groups), (self._folds, folds)):
            if names is not None:
                _add_names(hasher, names)

    def take_ids(self, other: ContentDigest) -> None:
        """Take the ids of another digest, whose rows have the same ids in the same order."""
        self._ids = other._ids.copy()

    def hexdigest(self, meta: Mapping[str, Any]) -> str:
        """Compute the digest of all rows so far.

        Parameters
        ----------
        meta : mapping
            Metadata of the file. ``fit_ids`` is a sorted array or list, or None.

        Returns
        -------
        str
            64 hexadecimal digits.
        """
        fit_ids = meta["fit_ids"]
        if fit_ids is not None:
            fitted = hashlib.sha256()
            _add_names(fitted, fit_ids)
            fit_ids = fitted.hexdigest()
        content = {
            **{name: meta[name] for name in DIGESTED},
            "fit_ids_sha256": fit_ids,
            "ids_sha256": self._ids.hexdigest(),
            "labels_sha256": self._labels.hexdigest() if meta["labelled"] else None,
            "n_samples": self._n_samples,
            "probas_sha256": self._probas.hexdigest(),
        }
        # What earlier ensemblekits did not know is covered where it is there, so that other digests stay as they were.
        if "groups" in meta:
            content["groups_sha256"] = self._groups.hexdigest()
        if "folds" in meta:
            content["folds_sha256"] = self._folds.hexdigest()
        content |= {name: meta[name] for name in LATER if name in meta}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()


def _add_names(hasher: Any, names: Any) -> None:
    """Hash text as UTF-8, each name followed by a zero byte; integers as int64. No name contains NUL."""
    if not len(names):
        return
    if isinstance(names, np.ndarray) and names.dtype.kind in "iu":
        hasher.update(np.ascontiguousarray(names, dtype="<i8"))
        return
    if isinstance(names, np.ndarray) and names.dtype.kind == "U" and names.dtype.isnative:
        codes = np.ascontiguousarray(names).view(np.uint32).reshape(len(names), -1)
        if codes.shape[1] and codes.max() < 128:  # an array of bytes is made faster than a text of Python
            hasher.update(_ascii(names, codes))
            return
    listed: list[Any] = names.tolist() if isinstance(names, np.ndarray) else list(names)
    if isinstance(listed[0], str):
        # NPZ files may contain lone surrogates, which strict UTF-8 refuses.
        hasher.update(("\0".join(listed) + "\0").encode("utf-8", "surrogatepass"))
    else:
        hasher.update(np.array(listed, dtype="<i8"))


def _ascii(names: np.ndarray, codes: np.ndarray) -> np.ndarray:
    width = codes.shape[1]
    ended = np.zeros((len(names), width + 1), dtype=np.uint8)
    ended[:, :width] = codes
    lengths = np.strings.str_len(names)
    return ended if bool((lengths == width).all()) else ended[np.arange(width + 1) <= lengths[:, np.newaxis]]


def _add_numbers(hasher: Any, values: np.ndarray) -> None:
    """Hash numbers row by row, little-endian. All NaNs have the same hash, as CSV cannot keep the payload of a NaN."""
    kind = values.dtype.newbyteorder("<")
    rows = max(1, BLOCK // max(1, values[:1].size))
    for start in range(0, len(values), rows):
        block = np.ascontiguousarray(values[start : start + rows], dtype=kind)
        if kind.kind == "f" and (is_nan := np.isnan(block)).any():
            block = np.where(is_nan, np.array(np.nan, dtype=kind), block)
        hasher.update(block)
