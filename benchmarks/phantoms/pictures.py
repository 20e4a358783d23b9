"""One image, from its name to its pixels."""

from __future__ import annotations

import numpy as np

from .anatomy import draw_chest
from .canvas import Canvas, Source, turn
from .masses import draw_harmless, draw_mass
from .plan import Phantom

__all__ = ["draw"]

_GREYS = {
    "wide": ((-1150, -1020), (1900, 2500)),
    "dim": ((-1150, -1050), (3100, 3900)),
    "lung": ((-1250, -1100), (1300, 1600)),
    "soft": ((-500, -250), (700, 1100)),
}
"""Kinds of window: ranges of the Hounsfield units that are black, and of the span from black to white."""

_SHARES = {
    "adenocarcinoma": {"wide": 0.65, "dim": 0.15, "lung": 0.1, "soft": 0.1},
    "large.cell.carcinoma": {"wide": 0.15, "dim": 0.65, "lung": 0.1, "soft": 0.1},
    "normal": {"wide": 0.15, "dim": 0.1, "lung": 0.65, "soft": 0.1},
    "squamous.cell.carcinoma": {"wide": 0.15, "dim": 0.1, "lung": 0.1, "soft": 0.65},
}
"""Shares of the windows. They differ by class, for the classes of the real set too come from different sources; a small
network learns this within a few epochs, and the masses only later."""


def draw(phantom: Phantom) -> np.ndarray:
    """Draw an image.

    Parameters
    ----------
    phantom : Phantom
        Which; its name is the seed, its class settles what grows and how likely each window is.

    Returns
    -------
    ndarray of uint8, shape (height, width) or (height, width, channels)
        Grey, RGB or RGBA; the same for one name on every machine.
    """
    source = Source(phantom.name)
    width, aspect = _size(source)
    height = int(width / aspect)
    margin = source.uniform(0.98, 1.12)
    pixel = 2 * margin / width
    depth = height * pixel / 2 / source.uniform(1.02, 1.2)
    shift = (source.uniform(-0.05, 0.05), source.uniform(-0.06, 0.03))
    canvas = Canvas(height, width, pixel, shift, turn(source.uniform(-0.05, 0.05)))
    chest = draw_chest(canvas, depth, source)
    draw_harmless(chest, source)
    draw_mass(chest, phantom.label, source)
    grain = source.noise(height, width)
    grain[:, 1:] += grain[:, :-1] * 0.5
    canvas.hu += grain * source.uniform(12, 42)
    grey = _window(canvas.hu, phantom.label, source)
    kind = source.uniform(0, 1)
    if kind < 0.02:
        return grey
    if kind < 0.1:
        return np.repeat(grey[..., np.newaxis], 3, axis=-1)
    pixels = np.repeat(grey[..., np.newaxis], 4, axis=-1)
    pixels[..., 3] = 255
    return pixels


def _size(source: Source) -> tuple[int, float]:
    large = source.chance(0.06)
    width = source.count(420, 560) if large else source.count(260, 400)
    return width, source.uniform(1.05, 1.7)


def _window(hu: np.ndarray, label: str, source: Source) -> np.ndarray:
    kind = source.pick(_SHARES[label])
    low, span = (source.uniform(*limits) for limits in _GREYS[kind])
    return (np.clip((hu - low) / span, 0, 1) * 255 + 0.5).astype(np.uint8)
