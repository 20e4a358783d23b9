"""`Fused`: the boxes that several detectors have together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._regions import Regions

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Fused"]


@dataclass(frozen=True, repr=False)
class Fused:
    """Boxes of several readers as one set. Made by `fuse_boxes`.

    Attributes
    ----------
    regions : Regions
        What was fused.
    row : ndarray of int64 of shape (n_marks,)
        The fused box of each of these; -1 for those that are left out.
    case : ndarray of int64 of shape (n_boxes,)
        Position of the case of each fused box in ``regions.cases``.
    label : ndarray of int64 of shape (n_boxes,), or None
        Position of its label in ``regions.labels``.
    coordinates : ndarray of float64 of shape (n_boxes, n_coordinates)
        Its coordinates.
    score : ndarray of float64 of shape (n_boxes,)
        Its score; within a case sorted from the largest on.
    n_marked : ndarray of int64 of shape (n_boxes,)
        Number of readers who marked it.
    method : str
        How it was made.
    """

    regions: Regions
    row: np.ndarray
    case: np.ndarray
    label: np.ndarray | None
    coordinates: np.ndarray
    score: np.ndarray
    n_marked: np.ndarray
    method: str

    def __len__(self) -> int:
        return len(self.score)

    def __repr__(self) -> str:
        return f"Fused(method={self.method!r}, n_boxes={len(self)}, n_marks={len(self.regions)})"

    def to_frame(self) -> pd.DataFrame:
        """List the fused boxes.

        Returns
        -------
        pandas.DataFrame
            ``case``, ``label`` if there is one, the coordinates, ``score`` and ``n_marked``.
        """
        import pandas as pd

        r = self.regions
        columns: dict[str, Any] = {"case": r.cases[self.case]}
        if self.label is not None:
            columns["label"] = np.array(r.labels)[self.label]
        columns |= dict(zip(r.names, self.coordinates.T, strict=True))
        return pd.DataFrame({**columns, "score": self.score, "n_marked": self.n_marked})
