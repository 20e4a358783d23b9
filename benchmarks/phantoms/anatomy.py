"""A chest in cross-section, seen from below as on a CT slice: the patient's left is on the right, the spine below."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .canvas import AIR, Canvas, Source, coverage, turn

__all__ = ["Chest", "Lung", "draw_chest"]

FAT, MUSCLE, MARROW, CORTEX = -100.0, 50.0, 250.0, 850.0


@dataclass(frozen=True)
class Lung:
    """Where a lung is: its side (-1 or 1), middle and radii, and where its vessels come in."""

    side: int
    middle: tuple[float, float]
    radii: tuple[float, float]
    hilum: tuple[float, float]


@dataclass(frozen=True)
class Chest:
    """A drawn chest: the canvas, half its depth, the lungs, and how far each pixel is lung."""

    canvas: Canvas
    depth: float
    lungs: tuple[Lung, Lung]
    air: np.ndarray

    def paint_in_lung(self, value: float | np.ndarray, box: tuple[slice, slice], cover: np.ndarray) -> None:
        """Paint where there is lung, and nowhere else."""
        self.canvas.paint(value, cover * self.air[box], box)


def draw_chest(canvas: Canvas, depth: float, source: Source) -> Chest:
    """Draw the table, the body, its bones, the lungs with their vessels, and what lies between them.

    Parameters
    ----------
    canvas : Canvas
        What to draw on, empty.
    depth : float
        Half the depth of the body; half its breadth is 1.
    source : Source
        Of every patient's difference.

    Returns
    -------
    Chest
        What was drawn, for what grows in it.
    """
    level = source.uniform(0, 1)
    _draw_table(canvas, depth, source)
    _draw_wall(canvas, depth, level, source)
    blood = MUSCLE + source.uniform(-20, 170)
    between, organs = _mediastinum(canvas, depth, level, blood, source)
    lungs, air = _lungs(canvas, depth, level, between, source)
    chest = Chest(canvas, depth, lungs, air)
    _draw_lungs(chest, source)
    for lung in lungs:
        _draw_vessels(chest, lung, source)
    for value, box, cover in organs:
        canvas.paint(value, cover, box)
    _draw_spine(canvas, depth, source)
    return chest


def _draw_table(canvas: Canvas, depth: float, source: Source) -> None:
    top = depth * source.uniform(1.0, 1.06)
    curve = canvas.v - canvas.u * canvas.u * -source.uniform(0.1, 0.22)
    for gap, value in ((0.03, -350.0), (source.uniform(0.11, 0.16), -550.0)):
        canvas.paint(value, coverage(0.009 - np.abs(curve - top - gap), canvas.pixel))


def _draw_wall(canvas: Canvas, depth: float, level: float, source: Source) -> None:
    square = source.uniform(0.15, 0.55)
    skin, fat = source.uniform(0.015, 0.025), source.uniform(0.04, 0.13)
    breasts = source.uniform(0.06, 0.16) if source.chance(0.3) else 0.0
    texture = source.clouds(canvas.height, canvas.width, 9) * 22
    for scale, value in ((1.0, MUSCLE), (1 - skin, FAT)):
        canvas.paint(value, coverage(_inside(canvas, (scale, scale * depth), square), canvas.pixel))
        for side in (-1, 1) if breasts else ():
            radii = (0.36 + scale - 1, breasts + 0.3 * depth + scale - 1)
            box, cover = canvas.ellipse(side * 0.42, -depth * 0.62, radii, turn(side * 0.12))
            canvas.paint(value, cover, box)
    scale = 1 - fat
    canvas.paint(MUSCLE + texture, coverage(_inside(canvas, (scale, scale * depth), square), canvas.pixel))
    # Fat between the muscles of the wall.
    for scale in (source.uniform(0.84, 0.87), source.uniform(0.8, 0.83)):
        seam = coverage(0.006 - np.abs(_inside(canvas, (scale, scale * depth), square)), 0.01)
        canvas.paint(FAT, seam * source.uniform(0.3, 0.8))
    _draw_ribs(canvas, depth, square, source)
    box, cover = canvas.ellipse(0.0, -depth * 0.79, (source.uniform(0.11, 0.17), 0.042))
    canvas.paint(CORTEX * 0.75, cover, box)
    box, cover = canvas.ellipse(0.0, -depth * 0.79, (0.1, 0.024))
    canvas.paint(MARROW, cover, box)
    if level < 0.75:
        for side in (-1, 1):
            start = (side * source.uniform(0.72, 0.78), depth * source.uniform(0.3, 0.42))
            end = (start[0] - side * source.uniform(0.12, 0.22), start[1] + depth * source.uniform(0.16, 0.3))
            box, cover = canvas.tube(start, end, (0.034, 0.016))
            canvas.paint(CORTEX * 0.8, cover, box)
            box, cover = canvas.tube(start, end, (0.018, 0.003))
            canvas.paint(MARROW, cover, box)


def _inside(canvas: Canvas, radii: tuple[float, float], square: float) -> np.ndarray:
    u, v = canvas.u / radii[0], canvas.v / radii[1]
    u, v = u * u, v * v
    return (1 - (u + v - square * (u * v))) * (0.5 * min(radii))


def _draw_ribs(canvas: Canvas, depth: float, square: float, source: Source) -> None:
    scale = source.uniform(0.77, 0.8)
    count = source.count(8, 11)
    step = turn(source.uniform(0.9, 1.1) * 1.25 / count)
    for side in (-1, 1):
        # From beside the spine to beside the sternum.
        direction = turn(source.uniform(0.95, 1.15))
        direction = (direction[0] + 0.35, direction[1])
        length = math.sqrt(direction[0] * direction[0] + direction[1] * direction[1])
        c, s = direction[0] / length, direction[1] / length
        for _ in range(count):
            bend = square * c * c * s * s
            far = math.sqrt((1 - math.sqrt(1 - 4 * bend)) / (2 * bend)) if bend > 1e-6 else 1.0
            u, v = side * far * c * scale, far * s * scale * depth
            normal = (u, v / (depth * depth))
            length = math.sqrt(normal[0] * normal[0] + normal[1] * normal[1])
            axis = (-normal[1] / length, normal[0] / length)
            long, thick = source.uniform(0.05, 0.13), source.uniform(0.02, 0.03)
            if source.chance(0.8):
                bright = source.uniform(0.6, 1.1)
                box, cover = canvas.ellipse(u, v, (long, thick), axis)
                canvas.paint(CORTEX * bright, cover, box)
                box, cover = canvas.ellipse(u, v, (long * 0.8, thick * 0.5), axis)
                canvas.paint(MARROW, cover, box)
            c, s = c * step[0] + s * step[1], s * step[0] - c * step[1]


def _mediastinum(
    canvas: Canvas, depth: float, level: float, blood: float, source: Source
) -> tuple[np.ndarray, list[tuple[float, tuple[slice, slice], np.ndarray]]]:
    """Cover what lies between the lungs, and list its organs, to be painted when the lungs are."""
    between = np.zeros_like(canvas.hu)
    organs: list[tuple[float, tuple[slice, slice], np.ndarray]] = []

    def place(
        value: float | None, u: float, v: float, radii: tuple[float, float], axis: tuple[float, float] = (1.0, 0.0)
    ) -> None:
        box, cover = canvas.ellipse(u, v * depth, (radii[0], radii[1] * depth), axis)
        if value is not None:
            organs.append((value, box, cover))
        if value is None or value > FAT:
            between[box] = np.maximum(between[box], cover)

    breadth = source.uniform(0.12, 0.17)
    place(None, 0.0, 0.0, (breadth, 0.85))
    place(FAT * 0.3, 0.01, -0.3, (breadth * 0.9, 0.36))
    if level < 0.45:
        # The arch of the aorta, the superior vena cava and the windpipe.
        place(blood, 0.07, -0.16, (source.uniform(0.12, 0.16), source.uniform(0.24, 0.36)), turn(0.14))
        place(blood, -0.12, -0.22, (0.065, 0.1))
        place(MUSCLE, 0.02, 0.22, (0.11, 0.16))
        place(AIR, -0.01, source.uniform(0.04, 0.1), (source.uniform(0.045, 0.06), 0.09))
    else:
        size = 0.24 + 0.13 * (level - 0.45) / 0.55 + source.uniform(-0.02, 0.04)
        u, v = source.uniform(0.06, 0.14), source.uniform(-0.24, -0.14)
        lean = turn(source.uniform(0.1, 0.3))
        place(blood, u, v, (size, size * source.uniform(1.3, 1.5)), lean)
        chamber = blood + source.uniform(10, 60)
        place(chamber, u - size * 0.3, v - 0.08, (size * 0.5, size * 0.6), lean)
        place(chamber, u + size * 0.25, v + 0.1, (size * 0.5, size * 0.7), lean)
        place(MUSCLE, 0.0, 0.22, (0.12, 0.2))
        if level < 0.75:
            for side in (-1, 1):
                radius = source.uniform(0.03, 0.045)
                place(AIR, side * source.uniform(0.1, 0.15), source.uniform(0.1, 0.18), (radius, 0.06))
    radius = source.uniform(0.075, 0.095)
    place(blood, source.uniform(0.1, 0.15), source.uniform(0.34, 0.4), (radius, radius / depth))
    place(None, 0.0, 0.62, (0.17, 0.3))
    return between, organs


def _lungs(
    canvas: Canvas, depth: float, level: float, between: np.ndarray, source: Source
) -> tuple[tuple[Lung, Lung], np.ndarray]:
    full = source.uniform(0.9, 1.04) * (0.9 + 0.1 * level)
    lungs: list[Lung] = []
    air = np.zeros_like(canvas.hu)
    for side in (-1, 1):
        radii = (0.34 * full * source.uniform(0.94, 1.04), 0.66 * depth * full * source.uniform(0.94, 1.04))
        middle = (side * source.uniform(0.385, 0.41), depth * source.uniform(-0.04, 0.06))
        # Narrower in front than behind.
        narrow = 1 + canvas.v * (0.24 / depth)
        u, v = (canvas.u - middle[0]) / (radii[0] * narrow), (canvas.v - middle[1]) / radii[1]
        cover = coverage((1 - np.sqrt(u * u + v * v)) * radii[0], 1.5 * canvas.pixel)
        air = np.maximum(air, cover)
        hilum = (side * source.uniform(0.17, 0.22), depth * source.uniform(0.0, 0.14))
        lungs.append(Lung(side, middle, radii, hilum))
    return (lungs[0], lungs[1]), air * (1 - between)


def _draw_lungs(chest: Chest, source: Source) -> None:
    canvas = chest.canvas
    base = source.uniform(-890, -800)
    # Blood sinks: the lower parts are denser.
    sunk = canvas.v * (source.uniform(10, 90) / chest.depth)
    texture = source.clouds(canvas.height, canvas.width, 6) * source.uniform(10, 28)
    canvas.paint(base + sunk + texture, chest.air)


def _draw_vessels(chest: Chest, lung: Lung, source: Source) -> None:
    u, v = lung.hilum
    for _ in range(source.count(5, 8)):
        reach, height = source.uniform(0.3, 1.0), source.uniform(-0.95, 0.95)
        end = (lung.middle[0] + lung.side * lung.radii[0] * (reach - 0.25), lung.middle[1] + lung.radii[1] * height)
        radius = source.uniform(0.01, 0.023)
        bend = (
            (u + end[0]) / 2 + source.uniform(-0.05, 0.05),
            (v + end[1]) / 2 + source.uniform(-0.05, 0.05),
        )
        _vessel(chest, (u, v), bend, radius, radius * 0.65, source)
        _vessel(chest, bend, end, radius * 0.65, radius * 0.25, source)
        for _ in range(source.count(1, 3)):
            share = source.uniform(0.1, 0.8)
            start = (bend[0] + share * (end[0] - bend[0]), bend[1] + share * (end[1] - bend[1]))
            tip = (start[0] + source.uniform(-0.14, 0.14), start[1] + source.uniform(-0.16, 0.16))
            _vessel(chest, start, tip, radius * 0.45, radius * 0.2, source)
    for _ in range(source.count(14, 30)):
        # Those that run across the slice are dots.
        c, s = source.direction()
        far = math.sqrt(source.uniform(0.0, 0.85))
        place = (lung.middle[0] + c * far * lung.radii[0], lung.middle[1] + s * far * lung.radii[1])
        radius = source.uniform(0.006, 0.016) * (1.25 - 0.4 * far)
        box, cover = chest.canvas.ellipse(*place, (radius, radius * source.uniform(0.7, 1.0)))
        chest.paint_in_lung(MUSCLE, box, cover * source.uniform(0.5, 1.0))


def _vessel(
    chest: Chest, start: tuple[float, float], end: tuple[float, float], first: float, last: float, source: Source
) -> None:
    box, cover = chest.canvas.tube(start, end, (first, last))
    chest.paint_in_lung(MUSCLE, box, cover * source.uniform(0.6, 1.0))


def _draw_spine(canvas: Canvas, depth: float, source: Source) -> None:
    v, size = depth * source.uniform(0.46, 0.51), source.uniform(0.1, 0.125)
    bright = source.uniform(0.6, 0.9)
    for side in (-1, 1):
        box, cover = canvas.tube((0.0, v + size * 1.4), (side * size * 2.0, v + size * 1.7), (0.04, 0.028))
        canvas.paint(CORTEX * bright, cover, box)
    box, cover = canvas.tube((0.0, v + size * 1.6), (0.0, min(v + size * 2.7, depth * 0.9)), (0.04, 0.018))
    canvas.paint(CORTEX * bright, cover, box)
    box, cover = canvas.ellipse(0.0, v, (size, size * 0.85))
    canvas.paint(CORTEX * bright, cover, box)
    box, cover = canvas.ellipse(0.0, v, (size * 0.85, size * 0.7))
    canvas.paint(MARROW + source.uniform(0, 120), cover, box)
    box, cover = canvas.ellipse(0.0, v + size * 1.3, (size * 0.55, size * 0.48))
    canvas.paint(30.0, cover, box)
