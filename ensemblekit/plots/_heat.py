"""A square of numbers, tinted by their size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ._style import HEAT, INK, MOST_TINT, SIZE, shown, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["heat"]


def heat(
    axes: Axes,
    tints: np.ndarray,
    texts: Sequence[Sequence[str]],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    text_size: float = SIZE - 1,
) -> None:
    """Draw cells with their texts; the tint of each is in [0, 1], and NaN stays blank."""
    from matplotlib.patches import Rectangle

    for (row, column), tint in np.ndenumerate(tints):
        alpha = 0.0 if np.isnan(tint) else MOST_TINT * float(tint)
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=HEAT, alpha=alpha, linewidth=0))
        text: str = texts[row][column]
        axes.text(column, row, text, ha="center", va="center", fontsize=text_size, color=INK)
    tidy(axes, lines=None)
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_aspect("equal")
    axes.set_xticks(range(len(columns)), shown(list(columns)), rotation=90)
    axes.set_yticks(range(len(rows)), shown(list(rows)))
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
