"""Heat maps: confusion matrices, and the diversity of pairs of members."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..evaluation import confusion_matrix, diversity_matrix
from ..predictions import Predictions
from ._inputs import Models, as_models
from ._style import (
    FAINT,
    HEAT,
    INK,
    MOST_TINT,
    MUTED,
    SIZE,
    WIDTH,
    checked_plot,
    fitted,
    grid_of,
    new_figure,
    shorten,
    style_axes,
    text_inches,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_confusion", "plot_diversity"]

LEAST = 5
"""Smallest text in points. Where numbers would be smaller, a key of the tints is drawn instead."""
KEY = 0.55
"""Inches of the key of the tints."""
UNITS = {"disagreement": "share of rows", "double_fault": "share of rows", "vote_disagreement": "share of rows"}
"""Measure -> its unit; the others have none, or that of the predictions."""


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
        cell. Where the numbers would be too small to read, a key of the tints stands below instead.

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
    texts = {name: [[f"{count}" for count in row] for row in matrix.to_numpy()] for name, matrix in matrices.items()}
    key = 0 if all(_text_size(cells, side) for cells in texts.values()) else KEY
    size = SIZE - 2 if columns > 1 else SIZE
    titles = [fitted(name, side if columns > 1 else width - room, size) for name in matrices]
    below = key + (0 if columns == 1 else room + 0.2)
    height = side + (room + 0.6 if columns == 1 else 0.35) + 0.15 * any("\n" in title for title in titles)
    figure, panels = grid_of(len(matrices), columns=columns, width=width, height=height, below=below)
    for place, (axes, title, (name, matrix)) in enumerate(zip(panels, titles, matrices.items(), strict=True)):
        counts = matrix.to_numpy()
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        cells = None if key else texts[name]
        _draw_heat_map(axes, shares, cells, rows=labels[name], columns=labels[name], side=side)
        axes.set_title(title, fontsize=size, color=INK, loc="left")
        left, last = place % columns == 0, columns == 1 or place >= len(matrices) - columns
        axes.tick_params(labelleft=left, labelbottom=last)
        axes.set_ylabel("True class" if left else "", fontsize=SIZE, color=MUTED)
        axes.set_xlabel("Predicted class" if last else "", fontsize=SIZE, color=MUTED)
    if key:
        _draw_key(figure, "Share of the true class", 1.0)
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
    side = min(width - _label_inches(names) - 0.2, 0.6 * len(names))
    largest = np.nanmax(np.abs(values), initial=1.0)  # only a spread of numbers can be above 1
    texts = [["–" if np.isnan(value) else f"{value:.2f}" if largest < 100 else f"{value:.3g}" for value in row]
             for row in values]  # fmt: skip
    key = 0 if _text_size(texts, side) else KEY
    figure = new_figure(width, side + _label_inches(names) + 0.55 + key)
    axes = figure.add_subplot()
    tints = np.abs(values) / largest
    _draw_heat_map(axes, tints, texts if not key else None, rows=names, columns=names, side=side)
    name = str(square.columns.name)
    title = name.replace("_", " ").capitalize() + (f" ({UNITS[name]})" if name in UNITS else "")
    axes.set_title(title, fontsize=SIZE, color=INK, loc="left")
    axes.set_xlabel("Member", fontsize=SIZE, color=MUTED)
    axes.set_ylabel("Member", fontsize=SIZE, color=MUTED)
    if key:
        _draw_key(figure, title, float(largest))
    return figure


def _label_inches(names: Sequence[str]) -> float:
    """Measure the inches of the longest name beside a square of cells."""
    return 0.2 + max(text_inches(name, SIZE - 1) for name in shorten(names))


def _text_size(texts: Sequence[Sequence[str]], side: float) -> float:
    """Choose the size of the text of cells in points; 0 where nobody could read it."""
    cell = side / len(texts[0])
    widest = max(text_inches(text, 1) for row in texts for text in row)
    size = min(SIZE - 1, 36 * cell, 0.85 * cell / widest)
    return size if size >= LEAST else 0


def _draw_heat_map(
    axes: Axes,
    tints: np.ndarray,
    texts: Sequence[Sequence[str]] | None,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    side: float,
) -> None:
    """Draw a square of cells of ``side`` inches; tints are in [0, 1], and NaN is blank."""
    from matplotlib.patches import Rectangle

    text_size = _text_size(texts, side) if texts else 0
    for (row, column), tint in np.ndenumerate(tints):
        alpha = 0.0 if np.isnan(tint) else MOST_TINT * float(tint)
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=HEAT, alpha=alpha, linewidth=0))
        if texts:
            text = str(texts[row][column])
            axes.text(column, row, text, ha="center", va="center", fontsize=text_size, color=INK)
    style_axes(axes, lines=None)
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_aspect("equal")
    fits = 0.9 * 72 * side / len(columns)
    every = max(1, math.ceil(LEAST / fits))  # of very many names only some have room
    axes.set_xticks(range(0, len(columns), every), shorten(columns)[::every], rotation=90)
    axes.set_yticks(range(0, len(rows), every), shorten(rows)[::every])
    axes.tick_params(length=0, labelsize=min(SIZE - 1, max(LEAST, fits)))
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(FAINT)


def _draw_key(figure: Figure, title: str, largest: float) -> None:
    """Draw what the tints of the cells mean, as a strip below them."""
    from matplotlib.patches import Rectangle

    width, height = (float(side) for side in figure.get_size_inches())
    figure.get_layout_engine().set(rect=(0, KEY / height, 1, 1 - KEY / height))  # type: ignore[union-attr]
    axes = figure.add_axes((0.25, 0.36 / height, min(0.5, 1.6 / width), 0.12 / height))
    axes.set_in_layout(False)
    for step in range(5):
        axes.add_patch(
            Rectangle((step / 5, 0), 0.2, 1, facecolor=HEAT, alpha=MOST_TINT * (step + 0.5) / 5, linewidth=0)
        )
    style_axes(axes, x=title, lines=None)
    axes.xaxis.label.set_size(SIZE - 1)
    axes.set(
        xlim=(0, 1), ylim=(0, 1), yticks=[], xticks=[0, 0.5, 1], xticklabels=[f"{largest * t:g}" for t in (0, 0.5, 1)]
    )
    axes.spines["left"].set_visible(False)
