"""What a file says beside its rows: written, checked, and compared with what was loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import InvalidPredictionsError
from .._digest import ContentDigest
from .._predictions import Predictions
from ..names import is_text, shown

__all__ = [
    "EDITED",
    "FORMAT",
    "check_columns",
    "check_unchanged",
    "checked",
    "column_names",
    "digest_of",
    "fields_of",
    "label_names",
    "metadata",
    "parsed",
]

FORMAT = 2
"""1 had no digest."""
EDITED = "the file was cut, edited or damaged. Save it again, or take it as it is: Predictions.load(path, edited=True)."


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


def metadata(p: Predictions) -> dict[str, Any]:
    """Say what a file says beside the rows, but for the digest."""
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
        "ids": "str" if is_text(p.ids) else "int",
        "labelled": p.label_codes is not None,
        "missing": "error" if p.present is None else "renormalize",
    }


def digest_of(p: Predictions) -> str:
    """Give the digest of predictions."""
    content = ContentDigest()
    content.update(p.ids, p.probas, p.label_codes)
    return content.hexdigest(metadata(p) | {"fit_ids": p.fit_ids})


def parsed(text: str | bytes) -> dict[str, Any]:
    """Read metadata as they stand in a file."""
    try:
        meta = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidPredictionsError(f"what is said beside the rows must be JSON ({error}): {EDITED}") from None
    return checked(meta)


def checked(meta: Any) -> dict[str, Any]:
    """Refuse metadata that say other things than `save` writes, or say them in another way."""
    if isinstance(meta, dict) and type(meta.get("format")) is int and meta["format"] > FORMAT:
        raise InvalidPredictionsError(f"format {meta['format']} is newer than this ensemblekit reads ({FORMAT}).")
    wrong = ["all of it"]
    if isinstance(meta, dict):
        wrong = [name for name, holds in RULES.items() if name not in meta or not holds(meta[name])]
        if not wrong and meta["shape"][-1] != len(meta["classes"]):
            wrong = ["shape"]
    if wrong:
        raise InvalidPredictionsError(
            f"what is said beside the rows must be as it was saved; {', '.join(wrong)} is not: {EDITED}"
        )
    return meta


def fields_of(meta: dict[str, Any], ids: Any, probas: np.ndarray, labels: Any, *, edited: bool) -> dict[str, Any]:
    """Give the arguments of `Predictions` for what stood in a file of ours."""
    if len(ids) != meta["n_samples"] and not edited:
        raise InvalidPredictionsError(
            f"a file of {meta['n_samples']} predictions must have as many rows; it has {len(ids)}: {EDITED}"
        )
    return {
        "probas": probas,
        "ids": ids,
        "labels": labels,
        **{name: meta[name] for name in ("classes", "task", "split", "member", "fit_ids", "missing")},
    }


def check_columns(meta: dict[str, Any], found: list[str], *, edited: bool) -> None:
    """Refuse a table of ours that lacks a column, or has others."""
    expected = column_names(meta)
    if (found != expected and not edited) or not {*expected} <= {*found} or len({*found}) != len(found):
        raise InvalidPredictionsError(
            f"the columns must be those that were saved, {shown(expected)}; received {shown(found)}: {EDITED}"
        )


def column_names(meta: dict[str, Any]) -> list[str]:
    """Name the columns of a table of ours."""
    return ["id", *label_names(meta), *(f"proba:{name}" for name in meta["classes"])]


def label_names(meta: dict[str, Any]) -> list[str]:
    """Name the columns of the labels."""
    if not meta["labelled"]:
        return []
    return ["label"] if meta["task"] == "multiclass" else [f"label:{name}" for name in meta["classes"]]


def check_unchanged(p: Predictions, meta: dict[str, Any]) -> None:
    """Refuse what was loaded if it is not what was saved."""
    if said_digest(meta) is not None:
        check_digest(digest_of(p), meta)


def said_digest(meta: dict[str, Any]) -> str | None:
    """Give the digest that a file says; one of format 1 says none."""
    said = meta.get("sha256")
    if said is None and meta["format"] > 1:
        raise InvalidPredictionsError(f"a file of format {meta['format']} must say its SHA-256; it does not: {EDITED}")
    return said


def check_digest(found: str, meta: dict[str, Any]) -> None:
    """Refuse a file that says another digest than that of what it holds."""
    if found != meta["sha256"]:
        raise InvalidPredictionsError(
            f"what it holds must be what was saved; its SHA-256 is {found}, and not {shown(meta['sha256'])}: {EDITED}"
        )
