"""Plots of images beside the predictions of the members, or beside their copies."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidOptionError, InvalidPredictionsError
from ..evaluation import uncertainty
from ..predictions import PredictionSet
from ._inputs import check_classes
from ._style import (
    FAINT,
    INK,
    MUTED,
    SIZE,
    WIDTH,
    checked_plot,
    label_legend,
    looks,
    new_figure,
    shorten,
    style_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_copies", "plot_disagreement"]

SIDE = 160
"""Largest side of a thumbnail in pixels."""


@checked_plot
def plot_disagreement(
    predictions: PredictionSet,
    image: Callable[[Hashable], Any],
    *,
    most: int = 6,
    width: float = WIDTH,
) -> Figure:
    """Show the images that the members disagree on most, with the predictions of each member.

    Parameters
    ----------
    predictions : PredictionSet
        Of the task ``multiclass``, of at least two members. Labels are shown if there are any.
    image : callable
        Id -> pixels, of shape ``(height, width)`` or ``(height, width, 3)``. The range is 0 to 255; floats that are all
        at most 1 are in the range 0 to 1.
    most : int, default=6
        Maximal number of images.
    width : float, default=4.8
        Width of the figure in inches.

    Returns
    -------
    matplotlib.figure.Figure
        For each image, one panel with the image and one with the probability of each class by member. The true class is
        bold.

    Raises
    ------
    InvalidOptionError
        If ``most`` is below 1.
    InvalidPredictionsError
        If the task is not ``multiclass``, there is no row, or the predictions are dense.
    MissingDependencyError
        If matplotlib is not installed.

    Notes
    -----
    Images are sorted by decreasing epistemic uncertainty, see `ensemblekit.evaluation.uncertainty`; ties keep their
    order.
    """
    check_classes(predictions, "plot_disagreement")
    if not len(predictions.ids):
        raise InvalidPredictionsError(f"plot_disagreement needs one row at least; received {predictions!r}.")
    if most < 1:
        raise InvalidOptionError(f"most must be at least 1; received {most}.")
    epistemic = uncertainty(predictions)["epistemic"].to_numpy()
    rows = np.argsort(-epistemic, kind="stable")[:most]
    look = looks(list(predictions.members))
    height = max(1.5, 0.45 + 0.2 * len(predictions.classes))
    figure = new_figure(width, 0.5 + height * len(rows))
    grid = figure.add_gridspec(len(rows), 2, width_ratios=(1, 1.25))
    handles: list[Any] = []
    for place, row in enumerate(rows):
        name = predictions.ids[row : row + 1].tolist()[0]
        picture = figure.add_subplot(grid[place, 0])
        _picture(picture, image(name), str(name))
        panel = figure.add_subplot(grid[place, 1])
        _probabilities(panel, predictions, int(row), look)
        handles = panel.get_lines()[: len(predictions.members)]
        panel.set_xlabel("Probability" if row == rows[-1] else "", fontsize=SIZE, color=MUTED)
    legend = figure.legend(
        handles=handles,
        labels=["member"] * len(predictions.members),
        loc="outside lower center",
        ncols=3,
        frameon=False,
        fontsize=SIZE - 1,
        labelcolor=INK,
    )
    label_legend(legend, shorten(predictions.members))
    return figure


@checked_plot
def plot_copies(
    groups: Sequence[Sequence[Hashable]],
    image: Callable[[Hashable], Any],
    *,
    most: int = 6,
    width: float = WIDTH,
) -> Figure:
    """Show images that are copies of each other side by side, with their ids.

    Parameters
    ----------
    groups : sequence of sequence of str or int
        The ids of each group of copies, two or more.
    image : callable
        Takes an id and returns its pixels, as in `plot_disagreement`.
    most : int, default=6
        Maximal number of groups. Each shows its first two images and the number of others.
    width : float, default=4.8
        Width of the figure in inches.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels per group.

    Raises
    ------
    InvalidOptionError
        If there is no group, a group has one image, or ``most`` is below 1.
    MissingDependencyError
        If matplotlib is not installed.
    """
    small = [list(group) for group in groups if len(group) < 2]
    if not len(groups) or small or most < 1:
        raise InvalidOptionError(
            f"copies need one group at least, two ids in each, and most >= 1; received {len(groups)} groups"
            f"{f', of one id {small[0]}' if small else ''}, and most={most}."
        )
    chosen = groups[:most]
    figure = new_figure(width, 1.9 * len(chosen) * width / WIDTH)
    grid = figure.add_gridspec(len(chosen), 2)
    for place, group in enumerate(chosen):
        for side in range(2):
            more = f" and {len(group) - 2} more" if side and len(group) > 2 else ""
            _picture(figure.add_subplot(grid[place, side]), image(group[side]), f"{group[side]}", more=more)
    return figure


def thumbnail(pixels: Any, side: int = SIDE) -> np.ndarray:
    """Convert pixels to uint8 and shrink them until no side is longer than ``side``."""
    from PIL import Image

    pixels = np.asarray(pixels)
    if pixels.ndim == 3 and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[-1] not in (3, 4)) or not pixels.size:
        raise InvalidOptionError(
            f"an image must have the shape (height, width) or (height, width, 3); received {pixels.shape}."
        )
    if pixels.dtype != np.uint8:
        scale = 255 if pixels.dtype.kind in "fb" and pixels.max() <= 1 else 1
        pixels = np.clip(np.rint(pixels.astype(np.float64) * scale), 0, 255).astype(np.uint8)
    if pixels.ndim == 3 and pixels.shape[-1] == 3 and np.ptp(pixels, axis=-1).max() == 0:
        pixels = pixels[..., 0]
    picture = Image.fromarray(pixels)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def _picture(axes: Axes, pixels: Any, name: str, *, more: str = "") -> None:
    small = thumbnail(pixels)
    axes.imshow(small, cmap="gray", vmin=0, vmax=255, interpolation="none")
    # The folder is on a separate line, as names differ most at the end.
    folder, slash, file = name.rpartition("/")
    lines = [*shorten([folder + slash] if folder else [], most=30), *shorten([file], most=30 - len(more))]
    axes.set_title("\n".join(lines) + more, fontsize=SIZE - 2, color=INK, loc="left")
    axes.set_anchor("SW")
    axes.set_axis_off()


def _probabilities(axes: Axes, predictions: PredictionSet, row: int, look: dict) -> None:
    places = np.arange(len(predictions.classes))
    for member, name in enumerate(predictions.members):
        axes.plot(
            predictions.member_probas[member, row],
            places,
            look[name].marker,
            color=look[name].colour,
            markersize=5,
        )
    style_axes(axes, lines="x")
    axes.set_yticks(places, shorten([str(name) for name in predictions.classes], most=20))
    axes.hlines(places, 0, 1, color=FAINT, linewidth=0.6, zorder=0)
    axes.set_xlim(-0.04, 1.04)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_ylim(len(places) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if predictions.label_codes is not None:
        label = axes.get_yticklabels()[predictions.label_codes[row]]
        label.set_fontweight("bold")
        label.set_color(INK)
