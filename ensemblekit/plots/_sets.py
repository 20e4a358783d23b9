"""Sizes of prediction sets, and risk-coverage curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import InvalidOptionError
from ..evaluation import Models, aurc, named_models, risk_coverage_curve
from ._style import (
    FAINT,
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
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_risk_coverage", "plot_set_sizes"]

SIDE_BY_SIDE = 3
"""Largest number of tables whose bars are drawn in one panel."""


@checked_plot
def plot_risk_coverage(predictions: Models, *, metric: Any = None, width: float = WIDTH) -> Figure:
    """Draw the risk of the surest rows against the share of rows that is answered.

    Parameters
    ----------
    predictions : Predictions, PredictionSet, sequence or mapping of str to Predictions
        Labelled, of a task with probabilities, shape ``(n_samples, n_classes)``.
    metric : metric, optional
        As in `ensemblekit.evaluation.risk_coverage_curve`.
    width : float, default=4.8
        Width of the figure in inches.

    Returns
    -------
    matplotlib.figure.Figure
        One line per model, which starts at the surest row. The legend has the area under each line.

    Raises
    ------
    InvalidPredictionsError, InvalidOptionError
        As in `ensemblekit.evaluation.risk_coverage_curve`.
    MissingDependencyError
        If matplotlib is not installed.
    """
    models = named_models(predictions, argument="predictions")
    curves = {name: risk_coverage_curve(model, metric=metric) for name, model in models.items()}
    names = [
        f"{short}, area {aurc(model, metric=metric):.3f}"
        for short, model in zip(shorten(models), models.values(), strict=True)
    ]
    figure = new_figure(width, 0.6 * width + legend_inches(names, width))
    axes = figure.add_subplot()
    for curve, look in zip(curves.values(), looks([*curves]).values(), strict=True):
        axes.plot(curve["coverage"], curve["risk"], color=look.colour, linestyle=look.line, linewidth=1.4)
    style_axes(axes, x="Share of rows answered, the surest first", y="Risk of these")
    axes.set(xlim=(0, 1.01), ylim=(0, None))
    add_legend(figure, axes.get_lines(), names, width)
    return figure


@checked_plot
def plot_set_sizes(sets: Any, *, width: float = WIDTH) -> Figure:
    """Draw how many rows have prediction sets of each size.

    Parameters
    ----------
    sets : DataFrame or mapping of str to DataFrame
        Sets of ``predict_sets``: a row a sample, a column of True and False a class. Several are drawn side by side.
    width : float, default=4.8
        Width of the figure in inches.

    Returns
    -------
    matplotlib.figure.Figure
        One bar per size and entry, as high as its share of the rows. The legend has the mean sizes. More than three
        tables have a panel each.

    Raises
    ------
    InvalidOptionError
        If ``sets`` is something else, or has no row.
    MissingDependencyError
        If matplotlib is not installed.
    """
    tables = {"sets": sets} if not isinstance(sets, Mapping) else dict(sets)
    sizes = {name: _sizes(name, table) for name, table in tables.items()}
    if not sizes:
        raise InvalidOptionError("plot_set_sizes needs at least one table of sets; received none.")
    most = max(int(of_rows.max()) for of_rows in sizes.values())
    return _panels(sizes, most, width) if len(sizes) > SIDE_BY_SIDE else _bars(sizes, most, width)


def _bars(sizes: Mapping[str, pd.Series], most: int, width: float) -> Figure:
    """Draw bars side by side in one panel."""
    names = [
        f"{short}, mean {of_rows.mean():.2f}" for short, of_rows in zip(shorten(sizes), sizes.values(), strict=True)
    ]
    figure = new_figure(width, 0.5 * width + legend_inches(names, width))
    axes = figure.add_subplot()
    step = 0.8 / len(sizes)
    for place, (of_rows, look) in enumerate(zip(sizes.values(), looks([*sizes]).values(), strict=True)):
        _draw(axes, of_rows, look.colour, (place + 0.5) * step - 0.4, 0.9 * step)
    _style_sizes(axes, most)
    add_legend(figure, axes.containers, names, width)
    return figure


def _panels(sizes: Mapping[str, pd.Series], most: int, width: float) -> Figure:
    """Draw a panel per table, where bars side by side would be too thin."""
    figure, panels = grid_of(len(sizes), columns=2, width=width, height=1.5, below=0.2)
    for place, (axes, name, of_rows) in enumerate(zip(panels, shorten(sizes, 60), sizes.values(), strict=True)):
        _draw(axes, of_rows, SERIES[0], 0, 0.8)
        _style_sizes(axes, most, x=place >= len(sizes) - 2, y=place % 2 == 0)
        axes.sharey(panels[0])
        titled(axes, name, f"mean {of_rows.mean():.2f}", inches=width / 2 - 0.4)
    return figure


def _draw(axes: Axes, of_rows: pd.Series, colour: str, shift: float, thick: float) -> None:
    shares = of_rows.value_counts(normalize=True)
    axes.bar([size + shift for size in shares.index], shares.to_list(), width=thick, color=colour)


def _style_sizes(axes: Axes, most: int, *, x: bool = True, y: bool = True) -> None:
    style_axes(axes, x="Classes in the set" if x else "", y="Share of rows" if y else "", lines="y")
    axes.set_xticks(range(most + 1) if most <= 12 else range(0, most + 1, -(-most // 8)))
    axes.set_xlim(-0.6, most + 0.6)
    axes.axhline(0, color=FAINT, linewidth=0.8)


def _sizes(name: Any, table: Any) -> pd.Series:
    import pandas as pd

    if not isinstance(table, pd.DataFrame) or not len(table) or {kind.kind for kind in table.dtypes} != {"b"}:
        raise InvalidOptionError(
            f"sets must be a table of True and False, as predict_sets makes it, with at least one row; received "
            f"{type(table).__name__} for {name!r}."
        )
    return table.sum(axis=1)
