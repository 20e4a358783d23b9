"""A square of numbers, tinted by their size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ._style import HEAT, INK, MOST_TINT, SIZE, shown, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["heat", "room_for"]

LEAST = 3.5
"""Points of the smallest text in a cell; smaller ones are left out."""


def room_for(names: Sequence[str]) -> float:
    """Inches that the longest name takes beside a square of cells."""
    return 0.2 + 0.066 * max(map(len, shown(list(names))))


def heat(
    axes: Axes,
    tints: np.ndarray,
    texts: Sequence[Sequence[str]],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    side: float,
) -> None:
    """Draw a square of cells, ``side`` inches long; the tint of each is in [0, 1], and NaN stays blank."""
    from matplotlib.patches import Rectangle

    cell = 72 * side / len(columns)
    text_size = min(SIZE - 1, 0.34 * cell)
    for (row, column), tint in np.ndenumerate(tints):
        alpha = 0.0 if np.isnan(tint) else MOST_TINT * float(tint)
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=HEAT, alpha=alpha, linewidth=0))
        if text_size >= LEAST:
            text = str(texts[row][column])
            axes.text(column, row, text, ha="center", va="center", fontsize=text_size, color=INK)
    tidy(axes, lines=None)
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_aspect("equal")
    axes.set_xticks(range(len(columns)), shown(list(columns)), rotation=90)
    axes.set_yticks(range(len(rows)), shown(list(rows)))
    axes.tick_params(length=0, labelsize=min(SIZE - 1, 0.9 * cell))
    for spine in axes.spines.values():
        spine.set_visible(False)
