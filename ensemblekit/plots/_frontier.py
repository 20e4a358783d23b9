"""What accuracy costs, for subsets of the members of one model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import InvalidOptionError
from ._cost import log_ticks
from ._style import FAINT, INK, SIZE, WIDTH, looks, new_figure, shown, tidy

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["plot_frontier"]


def plot_frontier(frontier: pd.DataFrame, *, unit: str = "ms per image", width: float = WIDTH) -> Figure:
    """Draw the accuracy of subsets of the members against their latency, and the frontier of those that pay.

    Parameters
    ----------
    frontier : pandas.DataFrame
        Columns ``members``, ``ms``, ``accuracy`` and ``on_frontier``, as `profile_model` gives them.
    unit : str, default="ms per image"
        Of the latency.
    width : float, default=4.8
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure
        Subsets on the frontier are numbered, and named below from the fastest to the most accurate.

    Raises
    ------
    InvalidOptionError
        If there is no subset.
    MissingDependencyError
        If matplotlib is not installed.
    """
    if not len(frontier):
        raise InvalidOptionError("a frontier must have one subset of members at least; received none.")
    kept: Any = frontier[frontier["on_frontier"].astype(bool)]
    kept = kept.sort_values("ms")
    height = 2.9 + 0.19 * len(kept)
    figure = new_figure(width, height)
    axes = figure.add_subplot()
    look = looks(["frontier"])["frontier"]
    axes.plot(frontier["ms"], frontier["accuracy"], "o", color=FAINT, markersize=4, zorder=1)
    axes.step(kept["ms"], kept["accuracy"], where="post", color=look.colour, linewidth=1, zorder=2)
    axes.plot(kept["ms"], kept["accuracy"], "o", color=look.colour, markersize=6, zorder=3)
    tidy(axes, x=f"Latency ({unit})", y="Accuracy")
    axes.set_xscale("log")
    log_ticks(axes, frontier["ms"].tolist())
    axes.margins(0.08, 0.1)
    lines: list[str] = []
    for number, (ms, right, members) in enumerate(zip(kept["ms"], kept["accuracy"], kept["members"], strict=True), 1):
        axes.annotate(
            str(number), (ms, right), xytext=(0, 6), textcoords="offset points", ha="center", fontsize=SIZE - 1
        )
        lines.append(f"{number}  {right:.3f}, {ms:.3g} ms: {', '.join(shown(list(members)))}")
    axes.text(
        0, -0.26, "\n".join(lines), transform=axes.transAxes, va="top", fontsize=SIZE - 1, color=INK, linespacing=1.5
    )
    return figure
