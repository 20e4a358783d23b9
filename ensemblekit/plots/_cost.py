"""Plots of accuracy against latency, for models and for subsets of members."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidOptionError
from ._style import (
    FAINT,
    INK,
    MUTED,
    PAPER,
    SIZE,
    WIDTH,
    checked_plot,
    literal,
    looks,
    new_figure,
    shorten,
    style_axes,
    text_inches,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_cost", "plot_frontier"]


@checked_plot
def plot_cost(
    accuracy: Mapping[str, float],
    latency: Mapping[str, float],
    *,
    intervals: Mapping[str, tuple[float, float]] | None = None,
    unit: str = "ms per image",
    width: float = WIDTH,
) -> Figure:
    """Draw the accuracy of each model against its latency.

    Parameters
    ----------
    accuracy : mapping of str to float
        Model -> accuracy, in [0, 1].
    latency : mapping of str to float
        Model -> time of a prediction, > 0; the same models.
    intervals : mapping of str to (float, float), optional
        Model -> lower and upper bound of its accuracy, drawn as a line.
    unit : str, default="ms per image"
        Unit of the latency.
    width : float, default=4.8
        Width of the figure in inches.

    Returns
    -------
    matplotlib.figure.Figure
        Latency is on a logarithmic axis. Names are at the right; a thin line connects each name to its point.

    Raises
    ------
    InvalidOptionError
        If the mappings differ in their models or are empty, or a latency is not positive and finite.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> from ensemblekit.plots import plot_cost
    >>> figure = plot_cost({"cnn": 0.8, "svm": 0.7}, {"cnn": 5.0, "svm": 1.0})
    >>> figure.axes[0].get_xlabel()
    'Latency (ms per image)'
    """
    if not accuracy or set(accuracy) != set(latency):
        raise InvalidOptionError(
            "accuracy and latency must be of the same models, one at least; received accuracy of "
            f"{sorted(accuracy)} and latency of {sorted(latency)}."
        )
    wrong = {name: value for name, value in latency.items() if not (np.isfinite(value) and value > 0)}
    if wrong:
        raise InvalidOptionError(f"a latency must be finite and > 0; received {wrong}.")
    names = sorted(accuracy, key=lambda name: accuracy[name])
    figure = new_figure(width, max(2.6, 0.5 + 0.24 * len(names)))
    axes = figure.add_subplot()
    look = looks(list(accuracy))
    for name in names:
        if intervals and name in intervals:
            axes.plot([latency[name]] * 2, intervals[name], color=look[name].colour, linewidth=1, alpha=0.6)
        axes.plot(latency[name], accuracy[name], look[name].marker, color=look[name].colour, markersize=6)
    style_axes(axes, x=f"Latency ({literal(unit)})", y="Accuracy")
    axes.set_xscale("log")
    _log_ticks(axes, list(latency.values()))
    axes.margins(0.08, 0.08)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    heights = [(accuracy[name] - low) / (high - low) for name in names]
    for name, short, place in zip(names, shorten(names), _spread(heights, 1 / max(12, len(names))), strict=True):
        axes.annotate(
            short,
            xy=(latency[name], accuracy[name]),
            xytext=(1.06, place),
            textcoords="axes fraction",
            va="center",
            fontsize=SIZE - 1,
            color=INK,
            arrowprops={"arrowstyle": "-", "color": FAINT, "linewidth": 0.8, "shrinkA": 1, "shrinkB": 4},
        )
    return figure


@checked_plot
def plot_frontier(frontier: pd.DataFrame, *, unit: str = "ms per image", width: float = WIDTH) -> Figure:
    """Draw the accuracy of subsets of members against their latency, and the Pareto frontier.

    Parameters
    ----------
    frontier : pandas.DataFrame
        Columns ``members``, ``ms``, ``accuracy`` and ``on_frontier``, from `profile_model`. With a column ``measured``,
        points with an estimated latency are hollow.
    unit : str, default="ms per image"
        Unit of the latency.
    width : float, default=4.8
        Width of the figure in inches.

    Returns
    -------
    matplotlib.figure.Figure
        Subsets on the frontier are numbered and listed below, from the fastest to the most accurate. Others are grey.

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
    everyone = list(dict.fromkeys(str(member) for members in kept["members"] for member in members))
    shown = dict(zip(everyone, shorten(everyone), strict=True))
    labels = [
        _lines(f"{number}  {accuracy:.3f}, {_time(ms)} ms: ", [shown[str(member)] for member in members], width - 0.1)
        for number, (ms, accuracy, members) in enumerate(
            zip(kept["ms"], kept["accuracy"], kept["members"], strict=True), 1
        )
    ]
    lines = [line for label in labels for line in label]
    figure = new_figure(width, 2.9 + 0.19 * len(lines))
    axes = figure.add_subplot()
    look = looks(["frontier"])["frontier"]
    _points(axes, frontier[~frontier["on_frontier"].astype(bool)], MUTED, 4)
    axes.step(kept["ms"], kept["accuracy"], where="post", color=look.colour, linewidth=1, zorder=2)
    _points(axes, kept, look.colour, 6)
    style_axes(axes, x=f"Latency ({literal(unit)})", y="Accuracy")
    axes.set_xscale("log")
    _log_ticks(axes, frontier["ms"].tolist())
    axes.margins(0.08, 0.1)
    _number(axes, kept["ms"].tolist(), kept["accuracy"].tolist(), width)
    if "measured" in frontier and not all(frontier["measured"].tolist()):
        lines.append("Hollow points: latency estimated from what layers are shared.")
    figure.supxlabel("\n".join(lines), x=0.02, ha="left", fontsize=SIZE - 1, color=INK, linespacing=1.5)
    return figure


def _log_ticks(axes: Axes, values: list[float]) -> None:
    """Put few ticks on a logarithmic axis."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    # Within a decade there is at most one power of ten.
    wide = max(values) / min(values) > 50
    axes.xaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


def _spread(heights: list[float], least: float) -> list[float]:
    """Spread ascending heights in [0, 1] until they are ``least`` apart."""
    places: list[float] = []
    for height in heights:
        places.append(max(height, places[-1] + least) if places else height)
    ceiling = 1.0
    for place in reversed(range(len(places))):
        places[place] = min(places[place], ceiling)
        ceiling = places[place] - least
    return places


def _points(axes: Axes, rows: Any, colour: str, size: float) -> None:
    sure = rows["measured"].astype(bool) if "measured" in rows else rows["ms"] > 0
    for some, inside in ((rows[sure], colour), (rows[~sure], PAPER)):
        axes.plot(
            some["ms"], some["accuracy"], "o", color=colour, markerfacecolor=inside, markersize=size, zorder=3
        )  # fmt: skip


def _number(axes: Axes, times: list[float], accuracies: list[float], width: float) -> None:
    """Number the points of a frontier, up and left of each: what lay there would be on the frontier instead."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    across = 72 * (width - 0.8) / math.log(right / left)
    before: list[tuple[float, float]] = []
    for number, (time, accuracy) in enumerate(zip(times, accuracies, strict=True), 1):
        x, y = across * math.log(time / left), 72 * 2.1 * (accuracy - low) / (high - low)
        place = y + 4
        for other_x, other_y in before:
            if abs(x - other_x) < 7 * len(str(number)) and place < other_y + SIZE:
                place = other_y + SIZE
        before.append((x, place))
        axes.annotate(
            str(number), (time, accuracy), xytext=(-4, place - y), textcoords="offset points", ha="right",
            fontsize=SIZE - 1, color=INK,
        )  # fmt: skip


def _time(milliseconds: float) -> str:
    return f"{milliseconds:,.0f}" if milliseconds >= 100 else f"{milliseconds:.3g}"


def _lines(start: str, names: list[str], inches: float) -> list[str]:
    """Join names into lines that fit."""
    lines = [start + names[0]]
    for name in names[1:]:
        lines[-1] += ","
        if text_inches(f"{lines[-1]} {name},", SIZE - 1) < inches:
            lines[-1] += f" {name}"
        else:
            lines.append("     " + name)
    return lines
