"""How differently the members err, as a heat map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..evaluation import diversity_matrix
from ..predictions import PredictionSet
from ._heat import heat, room_for
from ._style import WIDTH, draws, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_diversity"]


@draws
def plot_diversity(predictions: PredictionSet, *, measure: str = "disagreement", width: float = WIDTH) -> Figure:
    """Draw a measure of diversity of each pair of members as a heat map.

    Parameters
    ----------
    predictions : PredictionSet
        Labelled, of the task ``multiclass`` or ``multilabel``.
    measure : {"disagreement", "q_statistic", "correlation", "double_fault", "kappa"}
        As in `ensemblekit.evaluation.diversity`.
    width : float, default=4.8
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure
        Each cell says its number, and is the darker the further the number is from 0. What is not defined is a dash.

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
    side = min(width - room_for(names), 0.6 * len(names))
    figure = new_figure(width, side + room_for(names))
    texts = [["–" if np.isnan(value) else f"{value:.2f}" for value in row] for row in values]
    heat(figure.add_subplot(), np.abs(values), texts, rows=names, columns=names, side=side)
    return figure
