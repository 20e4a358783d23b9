"""Which classes are taken for which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..evaluation import confusion_matrix
from ._heat import heat
from ._inputs import Models, as_models
from ._style import INK, MUTED, SIZE, WIDTH, grid_of, shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_confusion"]


def plot_confusion(predictions: Models, *, width: float = WIDTH) -> Figure:
    """Draw the confusion matrix of each model.

    Parameters
    ----------
    predictions : Predictions, PredictionSet or mapping of str to Predictions
        Labelled, of the task ``multiclass``.
    width : float, default=4.8
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure
        A panel a model, a row a true class. Each cell says how many rows of the true class were taken for the predicted
        one, and is the darker the larger its share of the true class.

    Raises
    ------
    InvalidPredictionsError
        If there are no labels, or the task is another.
    MissingDependencyError
        If matplotlib is not installed.
    """
    models = as_models(predictions, "plot_confusion")
    figure, panels = grid_of(len(models), columns=1, width=width, height=0.75 * width)
    for axes, (name, model) in zip(panels, models.items(), strict=True):
        matrix = confusion_matrix(model)
        counts = matrix.to_numpy()
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        names = [str(c) for c in matrix.columns]
        texts = [[f"{count}" for count in row] for row in counts]
        heat(axes, shares, texts, rows=names, columns=names, text_size=min(SIZE - 1, 56 / len(names)))
        axes.set_title(shown([name])[0], fontsize=SIZE, color=INK, loc="left")
        axes.set_ylabel("True", fontsize=SIZE, color=MUTED)
        axes.set_xlabel("Predicted", fontsize=SIZE, color=MUTED)
    return figure
