"""The metadata of a file: created, validated, and compared with the rows that were loaded."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Hashable
from typing import Any, Protocol

import numpy as np

from ...errors import InvalidOptionError, InvalidPredictionsError
from ...kinds import KINDS, Kind, kind_of, task_of
from .._fits import Fits
from ..choices import Task
from ..names import is_text, shown
from ..tables import ReadOptions
from ._digest import ContentDigest
from ._keys import id_columns, is_key, key_metadata

__all__ = [
    "EDITED",
    "PredictionFields",
    "check_columns",
    "check_digest",
    "check_said",
    "check_unchanged",
    "column_names",
    "digest_of",
    "fields_of",
    "label_columns",
    "metadata_of",
    "parse_metadata",
    "row_columns",
    "stored_digest",
]

FORMAT = 5
"""Version of the file format. Version 1 has no digest; in versions 1 and 2 a CSV file begins with a comment line.

Files without a key of several columns are of version 4, and without groups and folds of version 3, so that earlier
ensemblekits read them."""
EDITED = "the file was cut, edited or damaged. Save it again, or take it as it is: edited=True."
"""End of an error about a file that differs from what was saved."""


class PredictionFields(Protocol):
    """The attributes of `Predictions` that a file stores."""

    @property
    def probas(self) -> np.ndarray: ...
    @property
    def ids(self) -> np.ndarray: ...
    @property
    def classes(self) -> tuple[Hashable, ...]: ...
    @property
    def label_codes(self) -> np.ndarray | None: ...
    @property
    def task(self) -> Task: ...
    @property
    def kind(self) -> Kind: ...
    @property
    def split(self) -> str | None: ...
    @property
    def member(self) -> str | None: ...
    @property
    def fit_ids(self) -> np.ndarray | None: ...
    @property
    def groups(self) -> np.ndarray | None: ...
    @property
    def fit_groups(self) -> np.ndarray | None: ...
    @property
    def fits(self) -> Fits | None: ...
    @property
    def present(self) -> np.ndarray | None: ...


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


RULES: dict[str, Callable[[Any], bool]] = {
    "format": _is_count,
    "classes": lambda value: isinstance(value, list),
    "task": lambda value: isinstance(value, str),
    "split": lambda value: value is None or isinstance(value, str),
    "member": lambda value: value is None or isinstance(value, str),
    "fit_ids": lambda value: value is None or isinstance(value, list),
    "dtype": lambda value: value in ("float16", "float32", "float64"),
    "shape": lambda value: isinstance(value, list) and bool(value) and all(map(_is_count, value)),
    "n_samples": _is_count,
    "ids": lambda value: value in ("str", "int"),
    "labelled": lambda value: isinstance(value, bool),
    "missing": lambda value: isinstance(value, str),
}


OPTIONAL: dict[str, Callable[[Any], bool]] = {
    "groups": lambda value: value is True,
    "fit_groups": lambda value: _are_texts(value),
    "folds": lambda value: _are_texts(value),
    "in_ids": lambda value: isinstance(value, str),
    "in_groups": lambda value: isinstance(value, str),
    "key": lambda value: is_key(value),
    "key_time": lambda value: _are_texts(value),
}
"""Rules for what files of version 4 and 5 say, each only where there is something to say."""


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def metadata_of(p: PredictionFields, *, fit_ids: bool = True) -> dict[str, Any]:
    """Collect the metadata of predictions, without the digest."""
    named = {} if p.task in KINDS else {"task_from": task_of(p.task).distribution}
    grouped: dict[str, Any] = {} if p.groups is None else {"groups": True}
    if p.fit_groups is not None:
        grouped["fit_groups"] = p.fit_groups.tolist()
    if p.fits is not None:
        grouped |= {"folds": list(p.fits.names), "in_ids": _packed(p.fits.in_ids)}
        grouped |= {} if p.fits.in_groups is None else {"in_groups": _packed(p.fits.in_groups)}
    key = key_metadata(p.ids)
    return {
        "format": FORMAT if key else 4 if grouped else 3,
        "classes": list(p.classes),
        "task": p.task,
        "split": p.split,
        "member": p.member,
        "fit_ids": p.fit_ids.tolist() if fit_ids and p.fit_ids is not None else None,
        "dtype": p.probas.dtype.name,
        "shape": list(p.probas.shape[1:]),
        "n_samples": len(p.ids),
        "ids": "str" if is_text(p.ids) else "int",
        "labelled": p.label_codes is not None,
        "missing": "error" if p.present is None else "renormalize",
        **named,
        **grouped,
        **key,
    }


def _packed(membership: np.ndarray) -> str:
    return base64.b64encode(np.packbits(membership, axis=1).tobytes()).decode("ascii")


def _unpacked(text: str, n_folds: int, n: int) -> np.ndarray:
    bits = np.frombuffer(base64.b64decode(text, validate=True), np.uint8).reshape(n_folds, -1)
    if bits.shape[1] != -(-n // 8):
        raise ValueError("its length is wrong")
    return np.unpackbits(bits, axis=1, count=n).astype(bool)


def digest_of(p: PredictionFields) -> str:
    """Compute the digest of predictions."""
    content = ContentDigest()
    content.update(p.ids, p.probas, p.label_codes, groups=p.groups, folds=None if p.fits is None else p.fits.folds)
    return content.hexdigest(metadata_of(p, fit_ids=False) | {"fit_ids": p.fit_ids})


def parse_metadata(text: str | bytes) -> dict[str, Any]:
    """Parse and validate the JSON text of a file."""
    try:
        meta = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidPredictionsError(f"the metadata must be JSON ({error}): {EDITED}") from None
    if isinstance(meta, dict) and type(meta.get("format")) is int and meta["format"] > FORMAT:
        raise InvalidPredictionsError(f"format {meta['format']} is newer than this ensemblekit reads ({FORMAT}).")
    wrong = ["all of it"]
    if isinstance(meta, dict):
        wrong = [name for name, holds in RULES.items() if name not in meta or not holds(meta[name])]
        wrong += [name for name, holds in OPTIONAL.items() if name in meta and not holds(meta[name])]
        if ("folds" in meta) != ("in_ids" in meta):
            wrong.append("folds")
        if not wrong and meta["shape"][-1] != len(meta["classes"]):
            wrong = ["shape"]
    if wrong:
        raise InvalidPredictionsError(f"the metadata must be as saved; {', '.join(wrong)} is not: {EDITED}")
    if meta["task"] not in KINDS:
        try:
            task_of(meta["task"], distribution=str(meta.get("task_from") or "") or None)
        except InvalidOptionError as error:  # readers add the file to the errors of predictions
            raise InvalidPredictionsError(str(error)) from None
    return meta


def fields_of(
    meta: dict[str, Any],
    ids: Any,
    probas: np.ndarray,
    labels: Any,
    *,
    edited: bool,
    groups: np.ndarray | None = None,
    folds: np.ndarray | None = None,
) -> dict[str, Any]:
    """Collect the arguments of `Predictions` from the metadata and arrays of a file."""
    if len(ids) != meta["n_samples"] and not edited:
        raise InvalidPredictionsError(
            f"a file of {meta['n_samples']} predictions must have as many rows; it has {len(ids)}: {EDITED}"
        )
    fields = {
        "probas": probas,
        "ids": ids,
        "labels": labels,
        **{name: meta[name] for name in ("classes", "task", "split", "member", "fit_ids", "missing")},
    }
    if groups is not None:
        fields["groups"] = groups
    if meta.get("fit_groups") is not None:
        fields["fit_groups"] = meta["fit_groups"]
    if folds is not None:
        fields |= {"folds": folds, "fit_ids": _by_fold(meta, "in_ids", meta["fit_ids"])}
        if meta.get("fit_groups") is not None:
            fields["fit_groups"] = _by_fold(meta, "in_groups", meta["fit_groups"])
    return fields


def _by_fold(meta: dict[str, Any], name: str, union: Any) -> dict[str, Any]:
    try:
        membership = _unpacked(meta[name], len(meta["folds"]), len(union))
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidPredictionsError(f"the metadata must be as saved; {name} is not ({error}): {EDITED}") from None
    names = union if isinstance(union, np.ndarray) else np.array([*union, None], dtype=object)[:-1]
    return {fold: names[own].tolist() for fold, own in zip(meta["folds"], membership, strict=True)}


def check_columns(meta: dict[str, Any], found: list[str], *, edited: bool) -> None:
    """Refuse a saved table with missing columns and, unless it is edited, with additional or reordered ones."""
    expected = column_names(meta)
    if (found != expected and not edited) or not {*expected} <= {*found} or len({*found}) != len(found):
        raise InvalidPredictionsError(
            f"the columns must be those that were saved, {shown(expected)}; received {shown(found)}: {EDITED}"
        )


def check_said(meta: dict[str, Any], options: ReadOptions) -> None:
    """Refuse options that say something else than the metadata of a file."""
    told: dict[str, Any] = {"id": "id", "label": "label", "task": meta["task"]}
    if "key" in meta:
        told["id"] = [name for name, _ in meta["key"]]
    for name in ("task", "id", "label", "columns", "positive"):
        value = getattr(options, name)
        value = list(value) if name == "id" and value is not None and not isinstance(value, str) else value
        if value is not None and value != told.get(name):
            raise InvalidPredictionsError(
                f"a file that Predictions.save wrote says its task and columns itself, {meta['task']!r} and "
                f"{shown(column_names(meta))}; received {options.say(**{name: value})}. Leave it out here."
            )


def column_names(meta: dict[str, Any]) -> list[str]:
    """List the columns of a saved table, in the order in which they are saved."""
    return [*id_columns(meta), *label_columns(meta), *row_columns(meta), *(f"proba:{name}" for name in meta["classes"])]


def row_columns(meta: dict[str, Any]) -> list[str]:
    """List the columns of the groups and of the folds."""
    return [column for name, column in (("groups", "group"), ("folds", "fold")) if name in meta]


def label_columns(meta: dict[str, Any]) -> list[str]:
    """List the columns of the labels."""
    if not meta["labelled"]:
        return []
    return ["label"] if kind_of(meta["task"]) == "multiclass" else [f"label:{name}" for name in meta["classes"]]


def check_unchanged(p: PredictionFields, meta: dict[str, Any]) -> None:
    """Refuse loaded predictions whose digest differs from the stored one."""
    if stored_digest(meta) is not None:
        check_digest(digest_of(p), meta)


def stored_digest(meta: dict[str, Any]) -> str | None:
    """Get the digest from the metadata; files of format 1 have none."""
    digest = meta.get("sha256")
    if digest is None and meta["format"] > 1:
        raise InvalidPredictionsError(f"a file of format {meta['format']} must say its SHA-256; it does not: {EDITED}")
    return digest


def check_digest(found: str, meta: dict[str, Any]) -> None:
    """Refuse a file whose stored digest differs from the computed one."""
    if found != meta["sha256"]:
        raise InvalidPredictionsError(
            f"what it holds must be what was saved; its SHA-256 is {found}, and not {shown(meta['sha256'])}: {EDITED}"
        )
