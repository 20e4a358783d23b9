"""Forest plots of scores with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import InvalidOptionError
from ._style import INK, MUTED, SERIES, SIZE, WIDTH, checked_plot, literal, new_figure, shorten, style_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["plot_scores"]


@checked_plot
def plot_scores(
    scores: pd.DataFrame,
    *,
    value: str,
    low: str,
    high: str,
    name: str | None = None,
    reference: float | None = None,
    label: str | None = None,
    width: float = WIDTH,
) -> Figure:
    """Draw a forest plot of scores with their intervals.

    Parameters
    ----------
    scores : pandas.DataFrame
        One row per model.
    value, low, high : str
        Columns of the score and of the bounds of its interval. NaN bounds are not drawn.
    name : str, optional
        Column of the names; by default the first.
    reference : float, optional
        Position of a vertical line, such as chance or no difference.
    label : str, optional
        Label of the axis; by default ``value``.
    width : float, default=4.8
        Width of the figure in inches.

    Returns
    -------
    matplotlib.figure.Figure
        Rows in the order of the table, with each score at the right.

    Raises
    ------
    InvalidOptionError
        If a column is missing or the table is empty.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> import pandas as pd
    >>> from ensemblekit.plots import plot_scores
    >>> scores = pd.DataFrame({"Model": ["cnn"], "Accuracy": [0.8], "low": [0.7], "high": [0.9]})
    >>> plot_scores(scores, value="Accuracy", low="low", high="high").axes[0].get_xlabel()
    'Accuracy'
    """
    name = str(scores.columns[0]) if name is None and len(scores.columns) else name
    lacking = [column for column in (name, value, low, high) if column not in scores.columns]
    if lacking or not len(scores):
        raise InvalidOptionError(
            f"scores must have a row at least, and the columns {name!r}, {value!r}, {low!r} and {high!r}; received "
            f"{len(scores)} rows with the columns {list(map(str, scores.columns))}."
        )
    figure = new_figure(width, 0.8 + 0.24 * len(scores))
    axes = figure.add_subplot()
    rows = range(len(scores))
    if reference is not None:
        axes.axvline(reference, color=MUTED, linewidth=1, linestyle=(0, (4, 2)))
    axes.hlines(list(rows), scores[low], scores[high], color=SERIES[0], linewidth=2)
    axes.plot(scores[value], list(rows), "o", color=SERIES[0], markersize=5)
    for row, score in zip(rows, scores[value], strict=True):
        axes.annotate(
            f"{score:.3f}",
            xy=(1.02, row),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=SIZE - 1,
            color=INK,
        )
    style_axes(axes, x=literal(label or value), lines="x")
    axes.set_yticks(list(rows), shorten(scores[name].astype(str).tolist()))
    axes.set_ylim(len(scores) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines["left"].set_visible(False)
    return figure
