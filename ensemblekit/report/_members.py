"""Predictions as text in a page, for the script that combines them anew."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np

from ..combining.asked import sorted_names
from ..combining.row_weights import weights_of
from ..errors import InvalidPredictionsError
from ..predictions import PredictionSet
from ..printed import printable
from ._parts import MemberChoice

__all__ = ["MOST_BYTES", "MOST_ROWS", "as_json", "embedded"]

MOST_ROWS = 20_000
MOST_BYTES = 2**23
"""Most bytes of embedded values, which become a third more as text."""
LABELS = {"multiclass": np.int32, "multilabel": np.uint8, "regression": np.float64}


def embedded(choice: MemberChoice) -> tuple[dict[str, Any], str]:
    """Return the data of the script, and a sentence where not every row is among them ("" if all are)."""
    predictions = choice.predictions
    if predictions.label_codes is None:
        raise InvalidPredictionsError(
            "members that readers choose need labels; the predictions have none. Give labelled predictions."
        )
    kind = predictions.kind
    probas = predictions.member_probas
    n_members, n_classes = len(probas), probas.shape[-1]
    places = np.prod(probas.shape[1:-1], dtype=np.int64)
    per_sample = max(1, int(places) // max(1, len(predictions.ids)))
    codes = _flat_labels(predictions, kind)
    probas = probas.reshape(n_members, -1, n_classes)
    kept = _kept(predictions.ids, per_sample, n_members * n_classes)
    # float64 is kept where it fits: rounded to float32, equal probabilities would not stay equal when they are added.
    exact = probas.dtype == np.float64 and len(kept) * n_members * n_classes * 8 <= MOST_BYTES
    dtype = np.dtype(np.float64 if exact else np.float32)
    values = np.nan_to_num(probas[:, kept].astype(dtype), nan=0.0)
    of_sample = kept // per_sample
    weights = None
    if choice.sample_weight is not None:
        weights = weights_of(choice.sample_weight, predictions.ids)
    record = {
        "kind": kind,
        "dense": kind != "regression" and predictions.member_probas.ndim > 3,
        "members": [printable(name) for name in predictions.members],
        "weights": [float(choice.weights.get(name, 1)) for name in predictions.members],
        # Sums of floats depend on their order: they are added by name, as `combine` does.
        "order": sorted(range(n_members), key=lambda place: predictions.members[place]),
        "class_order": [predictions.classes.index(name) for name in sorted_names(predictions.classes)],
        "shape": [n_members, len(kept), n_classes],
        "dtype": dtype.name,
        "values": _text(values),
        "labels": _text(codes[kept].astype(LABELS[kind])),
        "row_weights": None if weights is None else _text(weights[of_sample]),
        "present": None if predictions.present is None else _text(predictions.present[:, of_sample].astype(np.uint8)),
    }
    return record, _limits(len(kept), int(places), "rows" if per_sample == 1 else "pixels")


def as_json(record: dict[str, Any]) -> str:
    """Write JSON that can stand in a script element: no name in it can end the element."""
    text = json.dumps(record, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _flat_labels(predictions: PredictionSet, kind: str) -> np.ndarray:
    labels = np.asarray(predictions.label_codes)
    return labels.reshape(-1) if kind == "multiclass" else labels.reshape(-1, labels.shape[-1])


def _kept(ids: np.ndarray, per_sample: int, values_per_row: int) -> np.ndarray:
    """Choose the rows (or pixels) to embed: all, or as many as there is room for, evenly over the sorted ids."""
    n_rows = len(ids) * per_sample
    most = max(1, min(MOST_ROWS, MOST_BYTES // (4 * values_per_row)))
    if n_rows <= most:
        return np.arange(n_rows)
    wanted = np.unique(np.linspace(0, n_rows - 1, most).round().astype(np.int64))
    samples = np.argsort(ids, kind="stable")[wanted // per_sample]
    return np.sort(samples * per_sample + wanted % per_sample)


def _limits(n_kept: int, n_rows: int, unit: str) -> str:
    if n_kept < n_rows:
        return (
            f"Only {n_kept:,} of the {n_rows:,} {unit} are in this page, evenly chosen: the figures of this table are "
            "of these, and differ from those above."
        )
    return ""


def _text(array: np.ndarray) -> str:
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return base64.b64encode(little.tobytes()).decode("ascii")
