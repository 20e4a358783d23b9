"""Which image of a data set is a copy of which: one row per copy, beside the image that came first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["KINDS", "Rows", "find_copies"]

KINDS = ("bytes", "pixels", "near")
"""What a copy has in common with its twin, the closest first."""


class Rows(NamedTuple):
    """The images of a data set in its order."""

    ids: Sequence[str]
    ranks: Sequence[int]
    """Place of the split of each."""
    labels: Sequence[str | None]
    digests: Sequence[str]
    """Of the bytes of each file."""


def find_copies(
    rows: Rows, by_pixels: Sequence[Sequence[int]], near: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> pd.DataFrame:
    """Find the twin of each copy.

    Parameters
    ----------
    rows : Rows
        The images.
    by_pixels : sequence of sequence of int
        Rows with equal pixels, one entry for each distinct image.
    near : tuple of ndarray
        Pairs of places in ``by_pixels``, their distances and correlations.

    Returns
    -------
    DataFrame
        As `Audit.copies`.
    """
    import pandas as pd

    equal = [_equal(rows, group, place) for group in by_pixels for place in range(1, len(group))]
    found = equal + _near(rows, by_pixels, near, {one["row"] for one in equal if one["leaks"]})
    for one in found:
        labels = rows.labels[one["row"]], rows.labels[one["of"]]
        one["conflict"] = None not in labels and labels[0] != labels[1]
    found.sort(key=lambda one: (not one["leaks"], not one["conflict"], KINDS.index(one["kind"]), one["row"]))
    columns = ("kind", "leaks", "conflict", "distance", "correlation")
    ids: dict[str, Any] = {
        "image": pd.Series([rows.ids[one["row"]] for one in found], dtype=object),
        "twin": pd.Series([rows.ids[one["of"]] for one in found], dtype=object),
    }
    table = pd.DataFrame(ids | {name: [one[name] for one in found] for name in columns})
    return table.astype({"leaks": bool, "conflict": bool, "distance": "int64", "correlation": "float64"})


def _equal(rows: Rows, group: Sequence[int], place: int) -> dict[str, Any]:
    """Choose among the images before this one: of an earlier split if there is one, then with the same bytes."""
    row = group[place]
    of = min(group[:place], key=lambda o: (rows.ranks[o] == rows.ranks[row], rows.digests[o] != rows.digests[row]))
    kind = "bytes" if rows.digests[of] == rows.digests[row] else "pixels"
    return _found(rows, row, of, kind, 0, 1.0)


def _near(
    rows: Rows,
    by_pixels: Sequence[Sequence[int]],
    near: tuple[np.ndarray, np.ndarray, np.ndarray],
    leaked: set[int],
) -> list[dict[str, Any]]:
    """Choose the nearest twin of each image; those of an earlier split go before those of its own."""
    best: dict[int, dict[str, Any]] = {}
    for pair, distance, correlation in zip(*(column.tolist() for column in near), strict=True):
        sides = [by_pixels[place] for place in pair]
        firsts = [min(side, key=lambda row: rows.ranks[row]) for side in sides]
        pairs = [
            (row, of)
            for side, of in zip(sides, reversed(firsts), strict=True)
            for row in side
            if rows.ranks[row] > rows.ranks[of] and row not in leaked
        ]
        # Copies of the later one are shown as copies of it.
        for row, of in pairs or [(max(s[0] for s in sides), min(s[0] for s in sides))]:
            one = _found(rows, row, of, "near", distance, correlation)
            if row not in best or _nearness(one) < _nearness(best[row]):
                best[row] = one
    return [*best.values()]


def _found(rows: Rows, row: int, of: int, kind: str, distance: int, correlation: float) -> dict[str, Any]:
    leaks = rows.ranks[of] < rows.ranks[row]
    return {"row": row, "of": of, "kind": kind, "leaks": leaks, "distance": distance, "correlation": correlation}


def _nearness(one: Mapping[str, Any]) -> tuple[bool, int, float]:
    return not one["leaks"], one["distance"], -one["correlation"]
