"""Votes as a long table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...predictions.names import named_by

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["frame_of"]


def frame_of(votes: Any) -> pd.DataFrame:
    """Do what `Votes.to_frame` says."""
    import pandas as pd

    table = {
        "item": votes.items[votes.item],
        "rater": np.array(votes.raters, dtype=object)[votes.rater],
        "label": _names(votes.choice, votes.classes),
        "status": np.array(["answered", "failed", "abstained"])[np.minimum(votes.choice, 0)],
    }
    if votes.weight is not None:
        table["weight"] = votes.weight
    if votes.gold is not None:
        table["gold"] = _names(votes.gold, votes.classes)[votes.item]
    return pd.DataFrame(table)


def _names(codes: np.ndarray, classes: Any) -> np.ndarray:
    """Name classes by their positions; None for a negative one."""
    names = named_by(np.maximum(codes, 0), classes).astype(object)
    names[codes < 0] = None
    return names
