"""Predictions as a table of pandas."""

from __future__ import annotations

from typing import Any

from ..errors import InvalidPredictionsError
from .names import shown

__all__ = ["frame_of"]


def frame_of(p: Any) -> Any:
    """Make the table of `Predictions.to_frame`."""
    import pandas as pd

    if p.probas.ndim != 2:
        raise InvalidPredictionsError(
            f"to_frame needs predictions of shape (n_samples, n_classes); received {p.probas.shape}."
        )
    frame = pd.DataFrame(p.probas, index=pd.Index(p.ids, name="id"), columns=pd.Index(p.classes), copy=True)
    if p.task == "multiclass" and p.labels is not None:
        if "label" in p.classes:
            raise InvalidPredictionsError(
                f"to_frame needs the column 'label' for the labels; received the classes {shown(p.classes)}. "
                "Rename that class: p.rename(aliases={'label': ...})."
            )
        frame["label"] = p.labels
    return frame
