"""Heat maps: confusion matrices, and the diversity of pairs of members."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..evaluation import confusion_matrix, diversity_matrix
from ..predictions import PredictionSet
from ._inputs import Models, as_models
from ._style import HEAT, INK, MOST_TINT, MUTED, SIZE, WIDTH, checked_plot, grid_of, new_figure, shorten, style_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_confusion", "plot_diversity"]

LEAST = 3.5
"""Smallest text of a cell in points; smaller text is left out."""


@checked_plot
def plot_confusion(predictions: Models, *, width: float = WIDTH) -> Figure:
    """Draw the confusion matrix of each model.

    Parameters
    ----------
    predictions : Predictions, PredictionSet or mapping of str to Predictions
        Labelled, of the task ``multiclass``.
    width : float, default=4.8
        Width of the figure in inches.

    Returns
    -------
    matplotlib.figure.Figure
        One panel per model, with true classes as rows and predicted classes as columns. Each cell holds the number of
        samples; the larger their share of the true class, the darker the cell.

    Raises
    ------
    InvalidPredictionsError
        If there are no labels, or the task is not ``multiclass``.
    MissingDependencyError
        If matplotlib is not installed.
    """
    models = as_models(predictions, "plot_confusion")
    labels = {name: [str(c) for c in model.classes] for name, model in models.items()}
    # Panels share their tick labels only if all have the same classes.
    alike = len({tuple(names) for names in labels.values()}) == 1
    columns = 2 if alike and len(models) > 1 and len(next(iter(labels.values()))) <= 8 else 1
    room = max(map(_label_inches, labels.values()))
    side = min(3.2, (width - room - 0.3) / columns)
    below = 0 if columns == 1 else room + 0.2
    height = side + (room + 0.6 if columns == 1 else 0.35)
    figure, panels = grid_of(len(models), columns=columns, width=width, height=height, below=below)
    for place, (axes, (name, model)) in enumerate(zip(panels, models.items(), strict=True)):
        matrix = confusion_matrix(model)
        counts = matrix.to_numpy()
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        texts = [[f"{count}" for count in row] for row in counts]
        _draw_heat_map(axes, shares, texts, rows=labels[name], columns=labels[name], side=side)
        title = shorten([name], most=max(8, int(72 * side / 4.3)))[0]
        axes.set_title(title, fontsize=SIZE - 2 if columns > 1 else SIZE, color=INK, loc="left")
        left, last = place % columns == 0, columns == 1 or place >= len(models) - columns
        axes.tick_params(labelleft=left, labelbottom=last)
        axes.set_ylabel("True" if left else "", fontsize=SIZE, color=MUTED)
        axes.set_xlabel("Predicted" if last else "", fontsize=SIZE, color=MUTED)
    return figure


@checked_plot
def plot_diversity(predictions: PredictionSet, *, measure: str = "disagreement", width: float = WIDTH) -> Figure:
    """Draw a measure of diversity of each pair of members as a heat map.

    Parameters
    ----------
    predictions : PredictionSet
        Labelled, of the task ``multiclass`` or ``multilabel``.
    measure : {"disagreement", "q_statistic", "correlation", "double_fault", "kappa"}
        As in `ensemblekit.evaluation.diversity`.
    width : float, default=4.8
        Width of the figure in inches.

    Returns
    -------
    matplotlib.figure.Figure
        Each cell holds its value; the further it is from 0, the darker the cell. An undefined value is a dash.

    Raises
    ------
    InvalidOptionError
        If the measure is unknown.
    InvalidPredictionsError
        If there are no labels, or the task is ``regression``.
    MissingDependencyError
        If matplotlib is not installed.
    """
    square = diversity_matrix(predictions, measure)
    values = square.to_numpy()
    names = list(predictions.members)
    side = min(width - _label_inches(names), 0.6 * len(names))
    figure = new_figure(width, side + _label_inches(names))
    texts = [["–" if np.isnan(value) else f"{value:.2f}" for value in row] for row in values]
    _draw_heat_map(figure.add_subplot(), np.abs(values), texts, rows=names, columns=names, side=side)
    return figure


def _label_inches(names: Sequence[str]) -> float:
    """Estimate the inches of the longest name beside a square of cells."""
    return 0.2 + 0.066 * max(map(len, shorten(list(names))))


def _draw_heat_map(
    axes: Axes,
    tints: np.ndarray,
    texts: Sequence[Sequence[str]],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    side: float,
) -> None:
    """Draw a square of cells of ``side`` inches; tints are in [0, 1], and NaN is blank."""
    from matplotlib.patches import Rectangle

    cell = 72 * side / len(columns)
    text_size = min(SIZE - 1, 0.34 * cell)
    for (row, column), tint in np.ndenumerate(tints):
        alpha = 0.0 if np.isnan(tint) else MOST_TINT * float(tint)
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=HEAT, alpha=alpha, linewidth=0))
        if text_size >= LEAST:
            text = str(texts[row][column])
            axes.text(column, row, text, ha="center", va="center", fontsize=text_size, color=INK)
    style_axes(axes, lines=None)
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_aspect("equal")
    axes.set_xticks(range(len(columns)), shorten(list(columns)), rotation=90)
    axes.set_yticks(range(len(rows)), shorten(list(rows)))
    axes.tick_params(length=0, labelsize=min(SIZE - 1, 0.9 * cell))
    for spine in axes.spines.values():
        spine.set_visible(False)
