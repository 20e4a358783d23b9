"""Which classes are taken for which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..evaluation import confusion_matrix
from ._heat import heat, room_for
from ._inputs import Models, as_models
from ._style import INK, MUTED, SIZE, WIDTH, draws, grid_of, shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_confusion"]


@draws
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
    labels = {name: [str(c) for c in model.classes] for name, model in models.items()}
    # Panels share the names of their classes only where these are the same.
    alike = len({tuple(names) for names in labels.values()}) == 1
    columns = 2 if alike and len(models) > 1 and len(next(iter(labels.values()))) <= 8 else 1
    room = max(map(room_for, labels.values()))
    side = min(3.2, (width - room - 0.3) / columns)
    below = 0 if columns == 1 else room + 0.2
    height = side + (room + 0.6 if columns == 1 else 0.35)
    figure, panels = grid_of(len(models), columns=columns, width=width, height=height, below=below)
    for place, (axes, (name, model)) in enumerate(zip(panels, models.items(), strict=True)):
        matrix = confusion_matrix(model)
        counts = matrix.to_numpy()
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        texts = [[f"{count}" for count in row] for row in counts]
        heat(axes, shares, texts, rows=labels[name], columns=labels[name], side=side)
        title = shown([name], most=max(8, int(72 * side / 4.3)))[0]
        axes.set_title(title, fontsize=SIZE - 2 if columns > 1 else SIZE, color=INK, loc="left")
        left, last = place % columns == 0, columns == 1 or place >= len(models) - columns
        axes.tick_params(labelleft=left, labelbottom=last)
        axes.set_ylabel("True" if left else "", fontsize=SIZE, color=MUTED)
        axes.set_xlabel("Predicted" if last else "", fontsize=SIZE, color=MUTED)
    return figure
