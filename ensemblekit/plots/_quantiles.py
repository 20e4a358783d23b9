"""Calibration of quantiles: histograms of PIT values, and coverage level by level."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..evaluation import Models, named_models
from ..quantiles import pit_histogram, quantile_coverage
from ._style import (
    FAINT,
    MUTED,
    SERIES,
    WIDTH,
    add_legend,
    checked_plot,
    grid_of,
    legend_inches,
    looks,
    new_figure,
    shorten,
    style_axes,
    titled,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_pit", "plot_quantile_coverage"]


@checked_plot
def plot_pit(predictions: Models, *, n_bins: int = 10, width: float = WIDTH) -> Figure:
    """Draw the PIT histogram of each model: how often the true numbers lie between which of its quantiles.

    Parameters
    ----------
    predictions : Predictions, PredictionSet, sequence or mapping of str to Predictions
        Labelled, of the task ``quantile``.
    n_bins : int, default=10
        As in `ensemblekit.quantiles.pit_histogram`.
    width : float, default=4.8
        Width of the figure in inches.

    Returns
    -------
    matplotlib.figure.Figure
        One panel per model. Each bar is as wide as its levels, and as high as the share of the rows in it, divided by
        this width. Bars of a calibrated model are at 1; the grey band holds 90 of 100 of them, if rows are independent.

    Raises
    ------
    InvalidPredictionsError
        If they are of another task, have no labels or rows, or lack rows.
    InvalidOptionError
        If ``n_bins`` is below 1.
    MissingDependencyError
        If matplotlib is not installed.

    Notes
    -----
    A U means intervals that are too narrow, a hill intervals that are too wide. A slope means quantiles that are too
    low (rising) or too high (falling).

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.plots import plot_pit
    >>> fields = {"ids": [1, 2], "classes": [0.25, 0.75], "task": "quantile", "labels": [2.0, 9.0]}
    >>> figure = plot_pit(Predictions([[1.0, 3.0], [1.0, 3.0]], **fields))
    >>> [bar.get_height() for bar in figure.axes[0].containers[0]]
    [0.0, 1.0, 2.0]
    """
    models = named_models(predictions, argument="predictions")
    histograms = {name: pit_histogram(model, n_bins=n_bins) for name, model in models.items()}
    figure, panels = grid_of(len(models), columns=2, width=width, height=width / 3 + 0.3, below=0.2)
    top = max(max(table["density"].max(), table["high"].max()) for table in histograms.values())
    for place, (axes, name, table) in enumerate(zip(panels, shorten(models, 60), histograms.values(), strict=True)):
        edges = [*table["start"], table["end"].iloc[-1]]
        axes.stairs(table["high"], edges, baseline=table["low"], fill=True, color=FAINT, zorder=1)
        axes.bar(
            table["start"], table["density"], table["end"] - table["start"], align="edge", facecolor="none",
            edgecolor=SERIES[0], linewidth=1.4, zorder=2,
        )  # fmt: skip
        axes.axhline(1, color=MUTED, linewidth=1, linestyle=(0, (4, 2)), zorder=3)
        left, last = place % 2 == 0, place >= len(models) - 2
        style_axes(axes, x="Level of the true number" if last else "", y="Density" if left else "", lines=None)
        titled(axes, name, f"{int(table['n'].iloc[0]):,} rows", inches=width / 2 - 0.35)
        axes.set(xlim=(0, 1), ylim=(0, 1.05 * top))
        axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    return figure


@checked_plot
def plot_quantile_coverage(predictions: Models, *, width: float = WIDTH) -> Figure:
    """Draw the share of the true numbers up to the quantile of each level against the level.

    Parameters
    ----------
    predictions : Predictions, PredictionSet, sequence or mapping of str to Predictions
        Labelled, of the task ``quantile``.
    width : float, default=4.8
        Width of the figure in inches.

    Returns
    -------
    matplotlib.figure.Figure
        One line per model, with a mark at each level. On the diagonal the share is what the level says. The legend has
        the mean distance from it.

    Raises
    ------
    InvalidPredictionsError
        If they are of another task, have no labels or rows, or lack rows.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.plots import plot_quantile_coverage
    >>> fields = {"ids": [1, 2], "classes": [0.25, 0.75], "task": "quantile", "labels": [2.0, 9.0]}
    >>> figure = plot_quantile_coverage(Predictions([[1.0, 3.0], [1.0, 3.0]], **fields))
    >>> figure.axes[0].get_lines()[1].get_ydata().tolist()
    [0.0, 0.5]
    """
    models = named_models(predictions, argument="predictions")
    tables = {name: quantile_coverage(model) for name, model in models.items()}
    levels = {name: table[table["kind"] == "level"] for name, table in tables.items()}
    names = [
        f"{short}, off by {table['difference'].abs().mean():.3f}"
        for short, table in zip(shorten(models), levels.values(), strict=True)
    ]
    figure = new_figure(width, 0.75 * width + legend_inches(names, width))
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 2)))
    for table, look in zip(levels.values(), looks([*levels]).values(), strict=True):
        axes.plot(
            table["nominal"], table["observed"], color=look.colour, linestyle=look.line, linewidth=1.4,
            marker=look.marker, markersize=4, clip_on=False,
        )  # fmt: skip
    style_axes(axes, x="Level", y="Share of true numbers up to the quantile")
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    add_legend(figure, axes.get_lines()[1:], names, width)
    return figure
