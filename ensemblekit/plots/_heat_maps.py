"""Heat maps: confusion matrices, and the diversity of pairs of members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..evaluation import confusion_matrix, diversity_matrix
from ..predictions import Predictions
from ._inputs import Models, as_models
from ._style import HEAT, INK, MOST_TINT, MUTED, SIZE, WIDTH, checked_plot, grid_of, new_figure, shorten, style_axes

if TYPE_CHECKING:
    import pandas as pd
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
    predictions : PredictionSet, Predictions, or sequence or mapping of these
        Labelled, of classes or labels. Each position of dense predictions counts as a row.
    width : float, default=4.8
        Width of the figure in inches.

    Returns
    -------
    matplotlib.figure.Figure
        One panel per model, for ``multilabel`` one per model and label, with true classes as rows and predicted classes
        as columns. Each cell holds the number of samples; the larger their share of the true class, the darker the
        cell.

    Raises
    ------
    InvalidPredictionsError
        If there are no labels, or the predictions are numbers.
    MissingDependencyError
        If matplotlib is not installed.
    """
    matrices = _matrices(as_models(predictions, "plot_confusion"))
    labels = {name: [str(c) for c in matrix.columns] for name, matrix in matrices.items()}
    # Panels share their tick labels only if all have the same classes.
    alike = len({tuple(names) for names in labels.values()}) == 1
    columns = 2 if alike and len(matrices) > 1 and len(next(iter(labels.values()))) <= 8 else 1
    room = max(map(_label_inches, labels.values()))
    side = min(3.2, (width - room - 0.3) / columns)
    below = 0 if columns == 1 else room + 0.2
    height = side + (room + 0.6 if columns == 1 else 0.35)
    figure, panels = grid_of(len(matrices), columns=columns, width=width, height=height, below=below)
    for place, (axes, (name, matrix)) in enumerate(zip(panels, matrices.items(), strict=True)):
        counts = matrix.to_numpy()
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        texts = [[f"{count}" for count in row] for row in counts]
        _draw_heat_map(axes, shares, texts, rows=labels[name], columns=labels[name], side=side)
        title = shorten([name], most=max(8, int(72 * side / 4.3)))[0]
        axes.set_title(title, fontsize=SIZE - 2 if columns > 1 else SIZE, color=INK, loc="left")
        left, last = place % columns == 0, columns == 1 or place >= len(matrices) - columns
        axes.tick_params(labelleft=left, labelbottom=last)
        axes.set_ylabel("True" if left else "", fontsize=SIZE, color=MUTED)
        axes.set_xlabel("Predicted" if last else "", fontsize=SIZE, color=MUTED)
    return figure


def _matrices(models: Mapping[str, Predictions]) -> dict[str, pd.DataFrame]:
    """Count each panel: its title -> true by predicted classes."""
    matrices: dict[str, pd.DataFrame] = {}
    for name, model in models.items():
        matrix = confusion_matrix(model)
        if model.kind == "multilabel":
            matrices |= {f"{name}: {label}": matrix.xs(label, level="label") for label in model.classes}
        else:
            matrices[name] = matrix
    return matrices


@checked_plot
def plot_diversity(predictions: Models, *, measure: str | None = None, width: float = WIDTH) -> Figure:
    """Draw a measure of diversity of each pair of members as a heat map.

    Parameters
    ----------
    predictions : PredictionSet, Predictions, or sequence or mapping of these
        Of any task.
    measure : str, optional
        As in `ensemblekit.evaluation.diversity_matrix`.
    width : float, default=4.8
        Width of the figure in inches.

    Returns
    -------
    matplotlib.figure.Figure
        Each cell holds its value; the further it is from 0, the darker the cell. An undefined value is a dash. A spread
        of numbers is darkest where it is largest.

    Raises
    ------
    InvalidOptionError
        If the measure is unknown, or is none of these predictions.
    InvalidPredictionsError
        If there are no rows.
    MissingDependencyError
        If matplotlib is not installed.
    """
    square = diversity_matrix(predictions, measure)
    values = square.to_numpy()
    names = [str(name) for name in square.index]
    side = min(width - _label_inches(names), 0.6 * len(names))
    figure = new_figure(width, side + _label_inches(names))
    largest = np.nanmax(np.abs(values), initial=1.0)  # only a spread of numbers can be above 1
    texts = [["–" if np.isnan(value) else f"{value:.2f}" if largest < 100 else f"{value:.3g}" for value in row]
             for row in values]  # fmt: skip
    _draw_heat_map(figure.add_subplot(), np.abs(values) / largest, texts, rows=names, columns=names, side=side)
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
