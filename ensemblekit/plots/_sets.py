"""Sizes of prediction sets, and risk-coverage curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import InvalidOptionError
from ..evaluation import Models, aurc, named_models, risk_coverage_curve
from ._style import FAINT, WIDTH, checked_plot, label_legend, looks, new_figure, shorten, style_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["plot_risk_coverage", "plot_set_sizes"]


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
    figure = new_figure(width, 0.7 * width)
    axes = figure.add_subplot()
    for curve, look in zip(curves.values(), looks([*curves]).values(), strict=True):
        line: dict[str, Any] = {"color": look.colour, "linestyle": look.line, "linewidth": 1.4, "label": "model"}
        axes.plot(curve["coverage"], curve["risk"], **line)
    names = [
        f"{short}, area {aurc(model, metric=metric):.3f}"
        for short, model in zip(shorten(models), models.values(), strict=True)
    ]
    style_axes(axes, x="Share of rows answered, the surest first", y="Risk of these")
    axes.set(xlim=(0, 1.01), ylim=(0, None))
    legend = axes.legend(frameon=False, fontsize="small", loc="upper left")
    label_legend(legend, names)
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
        One bar per size and entry, as high as its share of the rows. The legend has the mean sizes.

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
    figure = new_figure(width, 0.6 * width)
    axes = figure.add_subplot()
    step = 0.8 / len(sizes)
    for place, (of_rows, look) in enumerate(zip(sizes.values(), looks([*sizes]).values(), strict=True)):
        shares = of_rows.value_counts(normalize=True)
        places = [size - 0.4 + (place + 0.5) * step for size in shares.index]
        axes.bar(places, shares.to_list(), width=0.9 * step, color=look.colour, label="sets")
    style_axes(axes, x="Classes in the set", y="Share of rows", lines="y")
    axes.set_xticks(range(most + 1) if most <= 12 else range(0, most + 1, -(-most // 8)))
    axes.margins(y=0.08 + 0.08 * len(sizes))  # room for the legend
    axes.axhline(0, color=FAINT, linewidth=0.8)
    names = [
        f"{short}, mean {of_rows.mean():.2f}" for short, of_rows in zip(shorten(sizes), sizes.values(), strict=True)
    ]
    label_legend(axes.legend(frameon=False, fontsize="small"), names)
    return figure


def _sizes(name: Any, table: Any) -> pd.Series:
    import pandas as pd

    if not isinstance(table, pd.DataFrame) or not len(table) or {kind.kind for kind in table.dtypes} != {"b"}:
        raise InvalidOptionError(
            f"sets must be a table of True and False, as predict_sets makes it, with at least one row; received "
            f"{type(table).__name__} for {name!r}."
        )
    return table.sum(axis=1)
