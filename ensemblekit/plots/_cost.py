"""What accuracy costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InvalidOptionError
from ._style import FAINT, INK, SIZE, WIDTH, draws, literal, looks, new_figure, shown, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["log_ticks", "plot_cost"]


@draws
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
        Model -> time of a prediction, > 0; of the same models.
    intervals : mapping of str to (float, float), optional
        Model -> lower and upper bound of its accuracy, drawn as a line.
    unit : str, default="ms per image"
        Of the latency.
    width : float, default=4.8
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure
        The latency stands on a logarithmic axis. The names stand at the right, each with a thin line to its point.

    Raises
    ------
    InvalidOptionError
        If the models of the two mappings differ, there is none, or a latency is not positive and finite.
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
    tidy(axes, x=f"Latency ({literal(unit)})", y="Accuracy")
    axes.set_xscale("log")
    log_ticks(axes, list(latency.values()))
    axes.margins(0.08, 0.08)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    heights = [(accuracy[name] - low) / (high - low) for name in names]
    for name, place in zip(names, _apart(heights, 1 / max(12, len(names))), strict=True):
        axes.annotate(
            shown([name])[0],
            xy=(latency[name], accuracy[name]),
            xytext=(1.06, place),
            textcoords="axes fraction",
            va="center",
            fontsize=SIZE - 1,
            color=INK,
            arrowprops={"arrowstyle": "-", "color": FAINT, "linewidth": 0.8, "shrinkA": 1, "shrinkB": 4},
        )
    return figure


def log_ticks(axes: Axes, values: list[float]) -> None:
    """Put few ticks on a logarithmic axis of these values."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    # Within a decade the powers of ten alone would be one tick, or none.
    wide = max(values) / min(values) > 50
    axes.xaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


def _apart(heights: list[float], least: float) -> list[float]:
    """Move ascending heights in [0, 1] up, then down, until they are ``least`` apart and none lies beyond an end."""
    places: list[float] = []
    for height in heights:
        places.append(max(height, places[-1] + least) if places else height)
    ceiling = 1.0
    for place in reversed(range(len(places))):
        places[place] = min(places[place], ceiling)
        ceiling = places[place] - least
    return places
