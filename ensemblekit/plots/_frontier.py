"""What accuracy costs, for subsets of the members of one model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import InvalidOptionError
from ._cost import log_ticks
from ._style import INK, MUTED, PAPER, SIZE, WIDTH, draws, literal, looks, new_figure, shown, tidy

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_frontier"]


@draws
def plot_frontier(frontier: pd.DataFrame, *, unit: str = "ms per image", width: float = WIDTH) -> Figure:
    """Draw the accuracy of subsets of the members against their latency, and the frontier of those that pay.

    Parameters
    ----------
    frontier : pandas.DataFrame
        Columns ``members``, ``ms``, ``accuracy`` and ``on_frontier``, as `profile_model` gives them; where a column
        ``measured`` is there, too, points whose latency is estimated are hollow.
    unit : str, default="ms per image"
        Of the latency.
    width : float, default=4.8
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure
        Subsets on the frontier are numbered, and named below from the fastest to the most accurate. The others are
        grey.

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
    named = [
        _lines(f"{number}  {right:.3f}, {ms:.3g} ms: ", shown([str(member) for member in members]), int(width * 13.8))
        for number, (ms, right, members) in enumerate(
            zip(kept["ms"], kept["accuracy"], kept["members"], strict=True), 1
        )
    ]
    lines = [line for of_one in named for line in of_one]
    figure = new_figure(width, 2.9 + 0.19 * len(lines))
    axes = figure.add_subplot()
    look = looks(["frontier"])["frontier"]
    _points(axes, frontier[~frontier["on_frontier"].astype(bool)], MUTED, 4)
    axes.step(kept["ms"], kept["accuracy"], where="post", color=look.colour, linewidth=1, zorder=2)
    _points(axes, kept, look.colour, 6)
    tidy(axes, x=f"Latency ({literal(unit)})", y="Accuracy")
    axes.set_xscale("log")
    log_ticks(axes, frontier["ms"].tolist())
    axes.margins(0.08, 0.1)
    for number, (ms, right) in enumerate(zip(kept["ms"], kept["accuracy"], strict=True), 1):
        axes.annotate(
            str(number), (ms, right), xytext=(0, 6), textcoords="offset points", ha="center", fontsize=SIZE - 1
        )
    if "measured" in frontier and not all(frontier["measured"].tolist()):
        lines.append("Hollow points: latency estimated from what layers are shared.")
    figure.supxlabel("\n".join(lines), x=0.02, ha="left", fontsize=SIZE - 1, color=INK, linespacing=1.5)
    return figure


def _points(axes: Axes, rows: Any, colour: str, size: float) -> None:
    sure = rows["measured"].astype(bool) if "measured" in rows else rows["ms"] > 0
    for some, inside in ((rows[sure], colour), (rows[~sure], PAPER)):
        axes.plot(
            some["ms"], some["accuracy"], "o", color=colour, markerfacecolor=inside, markersize=size, zorder=3
        )  # fmt: skip


def _lines(start: str, names: list[str], most: int) -> list[str]:
    """Write names one after another, in lines of a length."""
    lines = [start + names[0]]
    for name in names[1:]:
        lines[-1] += ","
        if len(lines[-1]) + len(name) < most:
            lines[-1] += f" {name}"
        else:
            lines.append("     " + name)
    return lines
