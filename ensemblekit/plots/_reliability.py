"""Reliability diagrams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..evaluation import N_BINS, calibration_error, reliability_curve
from ._inputs import Models, as_models
from ._style import FAINT, SERIES, WIDTH, checked_plot, grid_of, style_axes, titled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_reliability"]


@checked_plot
def plot_reliability(
    predictions: Models, *, n_bins: int = N_BINS, strategy: str = "width", width: float = WIDTH
) -> Figure:
    """Draw the accuracy of each model against its confidence (a reliability diagram).

    Parameters
    ----------
    predictions : PredictionSet, Predictions, or sequence or mapping of these
        Labelled, of classes or labels. Each position of dense and each label of multilabel predictions counts as a row.
    n_bins, strategy
        As in `ensemblekit.evaluation.reliability_curve`.
    width : float, default=4.8
        Width of the figure in inches.

    Returns
    -------
    matplotlib.figure.Figure
        One panel per model. Each point is a bin; its size shows the number of samples. On the diagonal, confidence
        equals accuracy; for ``multilabel``, the probability of a label equals its frequency. Above each panel
        is the expected calibration error, of dense predictions none.

    Raises
    ------
    InvalidPredictionsError
        If there are no labels, or the predictions are numbers.
    InvalidOptionError
        If ``n_bins`` is below 1 or ``strategy`` is unknown.
    MissingDependencyError
        If matplotlib is not installed.
    """
    models = as_models(predictions, "plot_reliability")
    figure, panels = grid_of(len(models), columns=2, width=width, height=width / 2 + 0.55)
    for place, (axes, (name, model)) in enumerate(zip(panels, models.items(), strict=True)):
        bins = reliability_curve(model, n_bins=n_bins, strategy=strategy).dropna()
        dense = model.probas.ndim > 2
        error = None if dense else calibration_error(model, n_bins=n_bins, strategy=strategy)
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, zorder=0)
        axes.plot(bins["confidence"], bins["accuracy"], color=SERIES[0], linewidth=1.2, clip_on=False)
        axes.scatter(
            bins["confidence"], bins["accuracy"], s=6 + 90 * bins["n"] / bins["n"].sum(), color=SERIES[0], clip_on=False
        )
        style_axes(axes, x="Confidence", y="" if place % 2 else "Accuracy")
        titled(axes, name, "" if error is None else f"calibration error {error:.3f}", inches=width / 2 - 0.35)
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal")
        axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    return figure
