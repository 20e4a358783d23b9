"""What grows in the lungs: harmless things in any image, and the mass that makes its class."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .anatomy import Chest, Lung
from .canvas import Source, coverage

__all__ = ["draw_harmless", "draw_mass"]


@dataclass(frozen=True)
class Growth:
    """How the masses of a class are drawn; their ranges overlap, and so the classes do.

    Radii are in half breadths of the body; the others are shares of cases, and the depth of the outline's waves.
    """

    radius: tuple[float, float]
    central: float
    spiky: float
    hollow: float
    waves: tuple[float, float]
    haze: float


GROWTHS = {
    "adenocarcinoma": Growth((0.09, 0.17), central=0.12, spiky=0.9, hollow=0.05, waves=(0.1, 0.22), haze=0.6),
    "large.cell.carcinoma": Growth((0.2, 0.32), central=0.15, spiky=0.1, hollow=0.08, waves=(0.02, 0.09), haze=0.1),
    "squamous.cell.carcinoma": Growth((0.14, 0.25), central=0.88, spiky=0.2, hollow=0.7, waves=(0.05, 0.14), haze=0.3),
}


def draw_harmless(chest: Chest, source: Source) -> None:
    """Draw what any chest may have: small scars and calcified nodules, thick vessels, collapsed air cells behind.

    Parameters
    ----------
    chest : Chest
        Where.
    source : Source
        Of how many, and which.
    """
    for _ in range(source.count(0, 3)):
        lung = chest.lungs[source.count(0, 1)]
        u, v = _peripheral(lung, source.uniform(0.2, 0.85), source)
        radius = source.uniform(0.018, 0.034)
        box, cover = chest.canvas.ellipse(u, v, (radius, radius * source.uniform(0.75, 1.0)))
        chest.paint_in_lung(source.uniform(0, 300), box, cover)
    if source.chance(0.3):
        lung = chest.lungs[source.count(0, 1)]
        u, v = _peripheral(lung, 0.92, source)
        end = (u - lung.side * source.uniform(0.05, 0.15), v + source.uniform(-0.12, 0.12))
        box, cover = chest.canvas.tube((u, v), end, (source.uniform(0.012, 0.03), 0.004), 0.015)
        chest.paint_in_lung(-100.0, box, cover * 0.8)
    if source.chance(0.25):
        lung = chest.lungs[source.count(0, 1)]
        place = (lung.middle[0], lung.middle[1] + lung.radii[1] * source.uniform(0.9, 1.0))
        box, cover = chest.canvas.ellipse(*place, (lung.radii[0], source.uniform(0.05, 0.12)), soft=0.08)
        chest.paint_in_lung(-300.0, box, cover * source.uniform(0.3, 0.7))


def draw_mass(chest: Chest, label: str, source: Source) -> None:
    """Draw the mass of a class, where it can be seen.

    Parameters
    ----------
    chest : Chest
        Where.
    label : str
        The class; ``normal`` has no mass.
    source : Source
        Of its lung, place, size and form.
    """
    growth = GROWTHS.get(label)
    if growth is None:
        return
    canvas = chest.canvas
    radius = source.uniform(*growth.radius)
    central = source.chance(growth.central)
    waves = [(source.uniform(-1, 1), source.uniform(-1, 1)) for _ in range(4)]
    wave = source.uniform(*growth.waves)
    stretch, axis = source.uniform(0.8, 1.0), source.direction()
    for attempt in range(20):
        lung = chest.lungs[source.count(0, 1)]
        u, v = _central(chest, lung, radius, attempt, source) if central else _beside_wall(lung, radius, source)
        box = canvas.box(u, v, radius * 2.4)
        du, dv = canvas.u[box] - u, canvas.v[box] - v
        far, outline = _outline(du * axis[0] + dv * axis[1], (dv * axis[0] - du * axis[1]) / stretch, waves, wave)
        cover = coverage(radius * outline - far, max(0.012, canvas.pixel))
        # Whole pixels are counted, for the order of a sum of floats may differ between machines.
        whole = np.count_nonzero(cover > 0.5)
        if np.count_nonzero(cover * chest.air[box] > 0.5) > 0.6 * whole > 0:
            break
    density = source.uniform(-30, 90)
    if source.chance(growth.haze):
        glow = coverage(radius * outline * source.uniform(1.25, 1.7) - far, radius * 0.8)
        chest.paint_in_lung(-450.0, box, glow * source.uniform(0.35, 0.7))
    if source.chance(growth.spiky):
        for _ in range(source.count(6, 12)):
            c, s = source.direction()
            reach = radius * source.uniform(1.3, 2.1)
            spike, ray = canvas.tube((u, v), (u + c * reach, v + s * reach), (radius * 0.3, 0.003))
            chest.paint_in_lung(density, spike, ray * source.uniform(0.5, 0.9))
    texture = source.clouds(*cover.shape, 5) * 18
    chest.paint_in_lung(density + texture, box, cover)
    if source.chance(growth.hollow):
        size = source.uniform(0.4, 0.68)
        place = (u + radius * source.uniform(-0.15, 0.15), v + radius * source.uniform(-0.15, 0.15))
        hole, inner = canvas.ellipse(*place, (radius * size, radius * size * source.uniform(0.7, 1.0)), axis, 0.012)
        chest.paint_in_lung(source.uniform(-950, -750), hole, inner)


def _outline(
    x: np.ndarray, y: np.ndarray, waves: list[tuple[float, float]], depth: float
) -> tuple[np.ndarray, np.ndarray]:
    """Give each pixel's distance from the middle, and the waves of the outline, about 1, in its direction."""
    far = np.sqrt(x * x + y * y) + 1e-6
    c, s = x / far, y / far
    cosine, sine = c * c - s * s, 2 * c * s
    outline = np.ones_like(far)
    for a, b in waves:
        outline += (cosine * a + sine * b) * depth
        cosine, sine = cosine * c - sine * s, sine * c + cosine * s
    return far, np.maximum(outline, 0.4)


def _peripheral(lung: Lung, far: float, source: Source) -> tuple[float, float]:
    c, s = source.direction()
    return lung.middle[0] + lung.side * abs(c) * far * lung.radii[0], lung.middle[1] + s * far * lung.radii[1]


def _beside_wall(lung: Lung, radius: float, source: Source) -> tuple[float, float]:
    far = max(0.3, 1 - source.uniform(0.75, 1.5) * radius / math.sqrt(lung.radii[0] * lung.radii[1]))
    return _peripheral(lung, far, source)


def _central(chest: Chest, lung: Lung, radius: float, attempt: int, source: Source) -> tuple[float, float]:
    # Each attempt lies further out, past a large heart.
    out = radius * source.uniform(0.3, 0.8) + 0.015 * attempt
    return lung.hilum[0] + lung.side * out, lung.hilum[1] + chest.depth * source.uniform(-0.2, 0.2)
