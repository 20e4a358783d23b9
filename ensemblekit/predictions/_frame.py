"""Predictions as a table of pandas."""

from __future__ import annotations

from typing import Any

from ..errors import InvalidPredictionsError
from ._keyed_rows import frame_of_key
from .names import shown

__all__ = ["frame_of"]


def frame_of(p: Any) -> Any:
    """Make the table of `Predictions.to_frame`."""
    import pandas as pd

    if p.probas.ndim != 2:
        raise InvalidPredictionsError(
            f"to_frame needs predictions of shape (n_samples, n_classes); received {p.probas.shape}."
        )
    index = pd.MultiIndex.from_frame(frame_of_key(p.ids)) if p.id_columns else pd.Index(p.ids, name="id")
    frame = pd.DataFrame(p.probas, index=index, columns=pd.Index(p.classes), copy=True)
    added = {"label": p.labels if p.kind == "multiclass" else None, "group": p.groups}
    for name, values in added.items():
        if values is None:
            continue
        if name in p.classes:
            raise InvalidPredictionsError(
                f"to_frame needs the column {name!r} for the {name}s; received the classes {shown(p.classes)}. "
                f"Rename that class: p.rename(aliases={{{name!r}: ...}})."
            )
        frame[name] = values
    return frame
