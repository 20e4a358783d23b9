"""Plots of images beside the predictions of the members, or beside their copies."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidOptionError
from ..evaluation import aligned_models, uncertainty_maps
from ..predictions import PredictionSet
from ._inputs import Models, check_rows
from ._style import (
    FAINT,
    INK,
    MUTED,
    SIZE,
    WIDTH,
    add_legend,
    checked_plot,
    fitted,
    legend_inches,
    looks,
    new_figure,
    shorten,
    style_axes,
    text_inches,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_copies", "plot_disagreement"]

SIDE = 160
"""Largest side of a thumbnail in pixels."""


@checked_plot
def plot_disagreement(
    predictions: Models,
    image: Callable[[Hashable], Any],
    *,
    most: int = 6,
    width: float = WIDTH,
) -> Figure:
    """Show the images that the members disagree on most, with the predictions of each member.

    Parameters
    ----------
    predictions : PredictionSet, or sequence or mapping of Predictions
        Of any task. Labels are shown if there are any.
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
        For each image, one panel with the image and one with the prediction of each class or output by member. The true
        classes are bold, and true numbers are lines. Of dense predictions the second panel is the map of disagreement:
        the darker, the more.

    Raises
    ------
    InvalidOptionError
        If ``most`` is below 1.
    InvalidPredictionsError
        If there is no row.
    AlignmentError
        If several models cannot be aligned.
    MissingDependencyError
        If matplotlib is not installed.

    Notes
    -----
    Images are sorted by decreasing epistemic uncertainty, see `ensemblekit.evaluation.uncertainty`, of dense
    predictions by its mean over the positions; ties keep their order.
    """
    predictions = aligned_models(predictions)
    check_rows(predictions, "plot_disagreement")
    if most < 1:
        raise InvalidOptionError(f"most must be at least 1; received {most}.")
    maps = uncertainty_maps(predictions)["epistemic"]
    rows = np.argsort(-maps.reshape(len(maps), -1).mean(axis=1), kind="stable")[:most]
    look = looks(list(predictions.members))
    height = max(1.5, 0.45 + 0.2 * len(predictions.classes))
    members = shorten(predictions.members)
    classes = shorten(predictions.classes)
    below = 0 if maps.ndim > 1 else legend_inches(members, width)
    figure = new_figure(width, 0.5 + height * len(rows) + below)
    grid = figure.add_gridspec(len(rows), 2, width_ratios=(1, 1.25))
    beside = 0 if maps.ndim > 1 else 0.3 + max(text_inches(name, SIZE - 1) for name in classes)
    inches = max(0.8, (width - beside - 0.2) / 2.25)
    handles: list[Any] = []
    for place, row in enumerate(rows):
        name = predictions.ids[row : row + 1].tolist()[0]
        picture = figure.add_subplot(grid[place, 0])
        _picture(picture, image(name), str(name), inches + 0.6 * beside)
        panel = figure.add_subplot(grid[place, 1])
        if maps.ndim > 1:
            _map(panel, maps[row], float(maps[rows].max()))
            continue
        _answers(panel, predictions, int(row), look, classes)
        handles = panel.get_lines()[: len(predictions.members)]
        unit = "Predicted" if predictions.kind == "regression" else "Probability"
        panel.set_xlabel(unit if row == rows[-1] else "", fontsize=SIZE, color=MUTED)
        panel.set_ylabel("Output" if predictions.kind == "regression" else "Class", fontsize=SIZE, color=MUTED)
    if handles:
        add_legend(figure, handles, members, width)
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
            _picture(figure.add_subplot(grid[place, side]), image(group[side]), f"{group[side]}", width / 2 - 0.1, more)
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


def _picture(axes: Axes, pixels: Any, name: str, inches: float, more: str = "") -> None:
    small = thumbnail(pixels)
    axes.imshow(small, cmap="gray", vmin=0, vmax=255, interpolation="none")
    # The folder is on a separate line, as names differ most at the end.
    folder, slash, file = name.rpartition("/")
    lines = [fitted(folder + slash, inches, SIZE - 2)] if folder else []
    lines.append(fitted(file + more, inches, SIZE - 2))
    axes.set_title("\n".join(lines), fontsize=SIZE - 2, color=INK, loc="left")
    axes.set_anchor("NW")
    axes.set_axis_off()


def _map(axes: Axes, values: np.ndarray, most: float) -> None:
    """Draw where members disagree; positions along one axis are a line."""
    flat = values.reshape(-1, values.shape[-1]) if values.ndim > 1 else values[np.newaxis]
    axes.imshow(flat, cmap="Greys", vmin=0, vmax=most or 1, interpolation="none", aspect="auto")
    axes.set_title("Disagreement (darker: more)", fontsize=SIZE - 2, color=INK, loc="left")
    axes.set_axis_off()


def _answers(axes: Axes, predictions: PredictionSet, row: int, look: dict, classes: list[str]) -> None:
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
    axes.set_yticks(places, classes)
    numbers, truth = predictions.kind == "regression", None
    if predictions.label_codes is not None:
        truth = predictions.label_codes[row]
    if numbers:
        for place in places:
            axes.axhline(float(place), color=FAINT, linewidth=0.6, zorder=0)
    else:
        axes.hlines(places, 0, 1, color=FAINT, linewidth=0.6, zorder=0)
        axes.set_xlim(-0.04, 1.04)
        axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_ylim(len(places) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if truth is None:
        return
    if numbers:
        axes.vlines(truth, places - 0.35, places + 0.35, color=INK, linewidth=1.2)
        return
    true = np.flatnonzero(truth) if predictions.kind == "multilabel" else [truth]
    for place in true:
        label = axes.get_yticklabels()[int(place)]
        label.set_fontweight("bold")
        label.set_color(INK)
