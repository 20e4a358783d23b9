"""The tables of an audit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ._scan import Scan

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["tabulate_images", "tabulate_pairs"]


def tabulate_images(scans: Sequence[Scan], labels: Sequence[str | None]) -> pd.DataFrame:
    """Make a row an image."""
    import pandas as pd

    # As objects: names of files may hold what is no text, which the string type of pandas refuses.
    return pd.DataFrame(
        {
            "id": pd.Series([scan.file.id for scan in scans], dtype=object),
            "split": pd.Series([scan.file.split for scan in scans], dtype=object),
            "label": pd.Series(labels, dtype=object),
            "class_folder": pd.Series([scan.file.folder for scan in scans], dtype=object),
            "height": [scan.size[0] for scan in scans],
            "width": [scan.size[1] for scan in scans],
            "mode": [scan.mode for scan in scans],
            "format": [scan.format for scan in scans],
            "bytes": [scan.n_bytes for scan in scans],
            "pixels": [scan.pixels for scan in scans],
        }
    )


def tabulate_pairs(ids: np.ndarray, distances: np.ndarray, correlations: np.ndarray) -> pd.DataFrame:
    """Make a row a pair of ids, shape ``(n_pairs, 2)``, the nearest first."""
    import pandas as pd

    table = pd.DataFrame(
        {
            "first": pd.Series(ids[:, 0].tolist(), dtype=object),
            "second": pd.Series(ids[:, 1].tolist(), dtype=object),
            "distance": distances,
            "correlation": correlations,
        }
    )
    return table.sort_values(["distance", "first", "second"], ignore_index=True)
