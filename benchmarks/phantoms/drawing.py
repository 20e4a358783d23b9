"""One phantom: a chest in cross-section as a CT slice shows it, drawn from its name as the seed.

The same name gives the same pixels on every machine: arrays are only added, multiplied, divided and square-rooted,
which IEEE 754 rounds alike everywhere, and NumPy guarantees the stream of ``RandomState``.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np

Point = tuple[float, float]
AIR, FAT, MUSCLE, MARROW, BONE = -1000.0, -100.0, 50.0, 250.0, 850.0  # Hounsfield units

WINDOWS = {
    "wide": ((-1150, -1020), (1900, 2500)),
    "dim": ((-1150, -1050), (3100, 3900)),
    "lung": ((-1250, -1100), (1300, 1600)),
    "soft": ((-500, -250), (700, 1100)),
}
"""Ranges of the Hounsfield unit that is shown black, and of the span from black to white."""


@dataclass(frozen=True)
class Style:
    """Shares of `WINDOWS`, then the mass: radius, probabilities of a place at the hilum, spikes, a cavity; waves."""

    windows: tuple[float, ...]
    radius: Point | None = None
    central: float = 0.0
    spikes: float = 0.0
    cavity: float = 0.0
    waves: float = 0.0


STYLES = {
    "adenocarcinoma": Style((0.65, 0.15, 0.1, 0.1), (0.09, 0.17), central=0.1, spikes=0.9, cavity=0.05, waves=0.16),
    "large.cell.carcinoma": Style((0.15, 0.65, 0.1, 0.1), (0.2, 0.32), central=0.2, spikes=0.1, cavity=0.1, waves=0.06),
    "normal": Style((0.15, 0.1, 0.65, 0.1)),
    "squamous.cell.carcinoma": Style(
        (0.15, 0.1, 0.1, 0.65), (0.14, 0.25), central=0.85, spikes=0.2, cavity=0.7, waves=0.1
    ),
}
"""By class. The ranges overlap, so that the classes do."""
CLASSES = tuple(STYLES)


@dataclass(frozen=True)
class Phantom:
    """One image: its POSIX path from the data root, which is its seed, and its class."""

    name: str
    label: str


class Slice:
    """A picture in Hounsfield units. Half the breadth of the body is 1, half its depth ``depth``, its middle (0, 0)."""

    def __init__(self, height: int, width: int, pixel: float, depth: float) -> None:
        self.pixel, self.depth = pixel, depth
        self.u = ((np.arange(width, dtype=np.float32) + 0.5) - width / 2) * pixel + np.zeros((height, 1), np.float32)
        self.v = (((np.arange(height, dtype=np.float32) + 0.5) - height / 2) * pixel)[:, np.newaxis] + 0 * self.u
        self.hu = np.full((height, width), AIR, dtype=np.float32)
        self.lung = np.zeros_like(self.hu)

    def cover(self, inside: np.ndarray) -> np.ndarray:
        """Turn distances inside an outline into the share of each pixel that is covered."""
        return np.clip(inside / self.pixel + 0.5, 0, 1)

    def box(self, u: float, v: float, reach: float) -> tuple[slice, slice]:
        """Return the rows and columns within a reach of a point."""
        height, width = self.hu.shape
        row, column, pixels = v / self.pixel + height / 2, u / self.pixel + width / 2, reach / self.pixel + 2
        low = (max(0, int(row - pixels)), max(0, int(column - pixels)))
        return slice(low[0], max(0, int(row + pixels))), slice(low[1], max(0, int(column + pixels)))

    def paint(self, value: float | np.ndarray, cover: np.ndarray, box: tuple[slice, slice] = np.s_[:, :]) -> None:
        """Lay a value over a box of the picture, as far as it is covered."""
        self.hu[box] += (value - self.hu[box]) * cover

    def ellipse(
        self, value: float, at: Point, radii: Point, angle: float = 0.0, *, strength: float = 1, in_lung: bool = False
    ) -> None:
        """Paint an ellipse, its first radius at an angle, everywhere or only in the lungs."""
        box = self.box(*at, max(radii))
        du, dv, c, s = self.u[box] - at[0], self.v[box] - at[1], math.cos(angle), math.sin(angle)
        along, across = (du * c + dv * s) / radii[0], (dv * c - du * s) / radii[1]
        cover = self.cover((1 - np.sqrt(along * along + across * across)) * min(radii)) * strength
        self.paint(value, cover * self.lung[box] if in_lung else cover, box)

    def vessel(self, start: Point, end: Point, radius: float, strength: float) -> None:
        """Paint a vessel of the lung as a long ellipse between two points."""
        du, dv = end[0] - start[0], end[1] - start[1]
        middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        radii = (math.hypot(du, dv) / 2 + radius, radius)
        self.ellipse(MUSCLE, middle, radii, math.atan2(dv, du), strength=strength, in_lung=True)


def draw(phantom: Phantom) -> np.ndarray:
    """Draw an image as uint8: grey, RGB or RGBA. The class decides on the mass and on how likely each window is."""
    random = np.random.RandomState(np.frombuffer(hashlib.sha256(phantom.name.encode()).digest(), dtype="<u4"))
    width = random.randint(420, 561) if random.rand() < 0.06 else random.randint(260, 401)
    height = int(width / random.uniform(1.05, 1.7))
    pixel = 2 * random.uniform(0.98, 1.12) / width
    picture = Slice(height, width, pixel, height * pixel / 2 / random.uniform(1.02, 1.2))
    draw_chest(picture, random)
    draw_mass(picture, phantom.label, random)
    picture.hu += noise(random, (height, width)) * random.uniform(12, 42)
    kind = random.choice(list(WINDOWS), p=STYLES[phantom.label].windows)
    black, span = (random.uniform(*limits) for limits in WINDOWS[kind])
    grey = (np.clip((picture.hu - black) / span, 0, 1) * 255 + 0.5).astype(np.uint8)
    channels = random.choice([1, 3, 4], p=[0.02, 0.08, 0.9])
    pixels = np.repeat(grey[..., np.newaxis], channels, axis=-1)
    pixels[..., 3:] = 255
    return grey if channels == 1 else pixels


def noise(random: np.random.RandomState, shape: tuple[int, int]) -> np.ndarray:
    """Draw independent, nearly normal values of mean 0 and deviation 1."""
    return (random.randint(0, 256, (4, *shape), dtype=np.uint8).sum(axis=0, dtype=np.int32) - 510).astype("f4") / 147.8


def clouds(random: np.random.RandomState, shape: tuple[int, int], cell: int) -> np.ndarray:
    """Draw smooth values of mean 0: noise on a grid of cells, interpolated."""
    field = noise(random, (shape[0] // cell + 2, shape[1] // cell + 2))
    for axis, length in enumerate(shape):
        place, rest = np.divmod(np.arange(length), cell)
        share = np.expand_dims(rest.astype(np.float32) / cell, 1 - axis)
        field = np.take(field, place, axis) * (1 - share) + np.take(field, place + 1, axis) * share
    return field


def draw_chest(picture: Slice, random: np.random.RandomState) -> None:
    """Draw the body, its bones, the lungs, what lies between them, and findings that any class may have."""
    depth, shape = picture.depth, picture.hu.shape
    square, level, blood = random.uniform(0.15, 0.55), random.rand(), MUSCLE + random.uniform(-20, 170)
    table = picture.v - depth * random.uniform(1.02, 1.08) + picture.u * picture.u * random.uniform(0.1, 0.2)
    picture.paint(-400.0, picture.cover(0.01 - np.abs(table)))
    skin, fat = random.uniform(0.015, 0.025), random.uniform(0.05, 0.13)
    texture = clouds(random, shape, 9) * 22
    for scale, value in ((1.0, MUSCLE), (1 - skin, FAT), (1 - fat, MUSCLE + texture), (0.83, FAT), (0.82, MUSCLE)):
        u, v = picture.u / scale, picture.v / (scale * depth)
        u, v = u * u, v * v
        picture.paint(value, picture.cover((1 - u - v + square * u * v) * (0.5 * min(scale, scale * depth))))
    for side in (-1, 1):  # ribs, from the spine to the sternum
        for angle in np.arange(random.uniform(-1.2, -1.0), 1.25, random.uniform(0.24, 0.3)).tolist():
            u, v = side * math.cos(angle) * 0.82, math.sin(angle) * 0.82 * depth
            lean, long = math.atan2(u * depth * depth, -v), random.uniform(0.05, 0.12)
            picture.ellipse(BONE * random.uniform(0.6, 1.1), (u, v), (long, 0.026), lean)
            picture.ellipse(MARROW, (u, v), (long * 0.8, 0.012), lean)
    picture.ellipse(BONE * 0.75, (0, -depth * 0.8), (random.uniform(0.11, 0.17), 0.042))
    picture.ellipse(MARROW, (0, -depth * 0.8), (0.1, 0.024))
    for side in (-1, 1):
        at = (side * random.uniform(0.39, 0.42), depth * random.uniform(-0.04, 0.06))
        u, v = (picture.u - at[0]) / (random.uniform(0.3, 0.35) * (1 + picture.v * (0.24 / depth))), picture.v - at[1]
        v = v / (depth * random.uniform(0.6, 0.68))
        picture.lung = np.maximum(picture.lung, picture.cover((1 - np.sqrt(u * u + v * v)) * 0.3))
    picture.lung *= 1 - picture.cover(random.uniform(0.12, 0.16) - np.abs(picture.u))
    air = random.uniform(-890, -800) + picture.v * (random.uniform(10, 90) / depth)
    picture.paint(air + clouds(random, shape, 6) * random.uniform(10, 28), picture.lung)
    for side in (-1, 1):
        draw_vessels(picture, side, random)
    for _ in range(random.randint(0, 4)):  # scars and calcified nodules
        at = (random.choice([-1, 1]) * random.uniform(0.2, 0.65), depth * random.uniform(-0.5, 0.5))
        picture.ellipse(random.uniform(0, 300), at, (random.uniform(0.018, 0.034), 0.02), in_lung=True)
    picture.ellipse(FAT, (0, -0.3 * depth), (0.14, 0.4 * depth))
    if level < 0.45:  # the arch of the aorta, the superior vena cava and the windpipe
        radii = random.uniform(0.13, 0.17), random.uniform(0.2, 0.3) * depth
        picture.ellipse(blood, (0.07, -0.16 * depth), radii, 0.3)
        picture.ellipse(blood, (-0.12, -0.22 * depth), (0.07, 0.09 * depth))
        picture.ellipse(AIR, (-0.01, 0.1 * depth), (random.uniform(0.045, 0.06), 0.09 * depth))
    else:  # the heart and its chambers
        size, u, v = random.uniform(0.22, 0.37), random.uniform(0.06, 0.14), -depth * random.uniform(0.14, 0.24)
        picture.ellipse(blood, (u, v), (size * 1.2, size), 0.4)
        picture.ellipse(blood + random.uniform(10, 60), (u - size * 0.3, v), (size * 0.5, size * 0.6), 0.4)
    picture.ellipse(blood, (random.uniform(0.1, 0.15), depth * random.uniform(0.34, 0.4)), (0.085, 0.085))
    v, size, bone = depth * random.uniform(0.5, 0.55), random.uniform(0.1, 0.125), BONE * random.uniform(0.6, 0.9)
    for side in (-1, 1):
        picture.ellipse(bone, (side * size, v + size * 1.5), (size, 0.035), side * 0.2)
    picture.ellipse(bone, (0, (v + 0.9 * depth) / 2), (0.03, (0.9 * depth - v) / 2))
    for value, scale in ((bone, 1.0), (MARROW, 0.84)):
        picture.ellipse(value, (0, v), (size * scale, size * scale * 0.85))
    picture.ellipse(30.0, (0, v + size * 1.2), (size * 0.5, size * 0.4))


def draw_vessels(picture: Slice, side: int, random: np.random.RandomState) -> None:
    """Draw the vessels of one lung: branches from the hilum, and dots where vessels cross the slice."""
    depth = picture.depth
    hilum = (side * 0.17, depth * random.uniform(0.0, 0.14))
    for _ in range(random.randint(6, 10)):
        end = (side * random.uniform(0.35, 0.72), depth * random.uniform(-0.6, 0.6))
        bend = (random.uniform(0.35, 0.6) * end[0] + side * 0.08, (hilum[1] + end[1]) / 2 + random.uniform(-0.06, 0.06))
        radius, strength = random.uniform(0.012, 0.024), random.uniform(0.6, 1.0)
        picture.vessel(hilum, bend, radius, strength)
        picture.vessel(bend, end, radius * 0.5, strength)
        for _ in range(random.randint(1, 4)):
            tip = (bend[0] + side * random.uniform(-0.02, 0.18), bend[1] + random.uniform(-0.18, 0.18))
            picture.vessel(bend, tip, radius * 0.4, strength)
    for _ in range(random.randint(14, 30)):
        at = (side * random.uniform(0.15, 0.75), depth * random.uniform(-0.6, 0.6))
        picture.ellipse(MUSCLE, at, (random.uniform(0.006, 0.014),) * 2, strength=random.uniform(0.5, 1), in_lung=True)


def draw_mass(picture: Slice, label: str, random: np.random.RandomState) -> None:
    """Draw the mass of a class where most of it lies in a lung; ``normal`` has none."""
    style = STYLES[label]
    if style.radius is None:
        return
    radius, central = random.uniform(*style.radius), random.rand() < style.central
    waves = random.uniform(-style.waves, style.waves, (4, 2)).tolist()
    for _ in range(40):
        u = random.choice([-1, 1]) * (random.uniform(0.18, 0.34) if central else random.uniform(0.38, 0.66))
        v = picture.depth * (random.uniform(-0.2, 0.3) if central else random.uniform(-0.5, 0.5))
        box = picture.box(u, v, radius * 1.8)
        cover = outline(picture.u[box] - u, picture.v[box] - v, radius, waves, picture)
        whole = np.count_nonzero(cover > 0.5)  # counted, as the order of a float sum differs between machines
        if np.count_nonzero(cover * picture.lung[box] > 0.5) > 0.7 * whole > 0:
            break
    density = random.uniform(-30, 90)
    for _ in range(random.randint(6, 13) if random.rand() < style.spikes else 0):
        at, reach = (u, v), radius * random.uniform(1.3, 2.1)
        picture.ellipse(density, at, (reach, radius * 0.15), random.uniform(0, math.pi), strength=0.8, in_lung=True)
    picture.paint(density + clouds(random, cover.shape, 5) * 18, cover * picture.lung[box], box)
    if random.rand() < style.cavity:
        size = radius * random.uniform(0.4, 0.65)
        picture.ellipse(random.uniform(-950, -750), (u, v), (size, size * random.uniform(0.7, 1.0)), 1.0, in_lung=True)


def outline(x: np.ndarray, y: np.ndarray, radius: float, waves: list[Point], picture: Slice) -> np.ndarray:
    """Cover a disc whose radius varies with the direction, by Fourier coefficients from the second on."""
    far = np.sqrt(x * x + y * y) + np.float32(1e-6)
    c, s = x / far, y / far
    cosine, sine = c * c - s * s, 2 * c * s
    wavy = np.ones_like(far)
    for a, b in waves:
        wavy += cosine * a + sine * b
        cosine, sine = cosine * c - sine * s, sine * c + cosine * s  # of the next multiple of the angle
    return picture.cover(radius * np.maximum(wavy, 0.4) - far)
