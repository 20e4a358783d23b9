"""Learning curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import InvalidOptionError
from ._style import (
    MUTED,
    WIDTH,
    Look,
    add_legend,
    checked_plot,
    grid_of,
    legend_inches,
    looks,
    shorten,
    style_axes,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["plot_learning_curves"]

TITLES = {"loss": "Loss", "accuracy": "Accuracy"}


@checked_plot
def plot_learning_curves(histories: Mapping[str, pd.DataFrame], *, width: float = WIDTH) -> Figure:
    """Draw the training and validation loss and accuracy of each epoch.

    Parameters
    ----------
    histories : mapping of str to pandas.DataFrame
        Model -> one row per epoch, with ``loss``, ``accuracy`` or both; optional are ``val_loss``, ``val_accuracy`` and
        ``epoch``, by default counted from 1. ``pandas.DataFrame(history.history)`` of Keras has this form.
    width : float, default=4.8
        Width of the figure in inches.

    Returns
    -------
    matplotlib.figure.Figure
        One panel for the loss and one for the accuracy. Each model has a colour and a marker; training is dashed,
        validation solid.

    Raises
    ------
    InvalidOptionError
        If there is no history, or one has neither loss nor accuracy.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> import pandas as pd
    >>> from ensemblekit.plots import plot_learning_curves
    >>> cnn = pd.DataFrame({"loss": [0.9, 0.5], "val_loss": [1.0, 0.7]})
    >>> [axes.get_ylabel() for axes in plot_learning_curves({"cnn": cnn}).axes]
    ['Loss']
    """
    if not histories:
        raise InvalidOptionError("plot_learning_curves needs the history of at least one model; received none.")
    for name, history in histories.items():
        if not set(TITLES) & set(history.columns):
            raise InvalidOptionError(
                f"a history must have the column 'loss' or 'accuracy'; that of {name!r} has {list(history.columns)}."
            )
    metrics = [metric for metric in TITLES if any(metric in history.columns for history in histories.values())]
    look = looks(list(histories))
    names = [*shorten(look), "training", "validation"]
    figure, panels = grid_of(len(metrics), columns=1, width=width, height=2.1, below=legend_inches(names, width))
    from matplotlib.ticker import MaxNLocator  # new_figure has refused a missing matplotlib

    for axes, key in zip(panels, metrics, strict=True):
        for name, history in histories.items():
            epochs = history["epoch"] if "epoch" in history.columns else range(1, len(history) + 1)
            style: dict[str, Any] = {
                "color": look[name].colour,
                "marker": look[name].marker,
                "markersize": 4,
                "linewidth": 1.4,
            }
            every = max(1, len(history) // 12)
            if key in history.columns:
                axes.plot(epochs, history[key], **style, markevery=every, linestyle=(0, (3, 1.5)), fillstyle="none")
            if f"val_{key}" in history.columns:
                axes.plot(epochs, history[f"val_{key}"], **style, markevery=every, linestyle="-")
        style_axes(axes, x="Epoch" if axes is panels[-1] else "", y=TITLES[key])
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    add_legend(figure, _handles(look), names, width)
    return figure


def _handles(look: Mapping[Any, Look]) -> list[Any]:
    from matplotlib.lines import Line2D

    return [
        *(
            Line2D([], [], color=model.colour, marker=model.marker, markersize=4, linewidth=1.4)
            for model in look.values()
        ),
        Line2D([], [], color=MUTED, linestyle=(0, (3, 1.5)), linewidth=1.4),
        Line2D([], [], color=MUTED, linewidth=1.4),
    ]
