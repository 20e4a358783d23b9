"""Predictions drawn for measuring: a cube of any shape, and labelled rows of the same members."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ensemblekit import InvalidOptionError, Predictions, PredictionSet, align

FIT_ROWS = 2_000
"""Labelled rows that learning combiners are fitted on; of dense predictions, as many positions."""


@dataclass(frozen=True)
class Shape:
    """A named shape ``(n_members, n_samples, ..., n_classes)``."""

    name: str
    axes: tuple[int, ...]

    @property
    def members(self) -> tuple[str, ...]:
        """Names of the members, in the order of the first axis and of the alphabet."""
        return tuple(f"member_{place:04d}" for place in range(self.axes[0]))

    @property
    def positions(self) -> int:
        """Number of distributions over the classes in one sample."""
        return math.prod(self.axes[2:-1])

    @property
    def words(self) -> str:
        """The shape in words."""
        members, samples, *dense, classes = self.axes
        parts = [counted(members, "member"), counted(samples, "sample")]
        if dense:
            parts.append(f"{' × '.join(map(str, dense))} positions")
        return " × ".join((*parts, f"{classes} classes"))

    def bytes_in_and_out(self, dtype: np.dtype) -> int:
        """Bytes that any rule must read once and write once."""
        return (math.prod(self.axes) + math.prod(self.axes[1:])) * dtype.itemsize


def counted(n: int, thing: str) -> str:
    """Write a number and what is counted: ``1 sample``, ``500,000 samples``."""
    return f"{n:,} {thing}{'' if n == 1 else 's'}"


LARGE = Shape("large", (8, 500_000, 10))
"""The shape at which the promises are made."""

SHAPES = {
    shape.name: shape
    for shape in (
        LARGE,
        Shape("few", (3, 10_000, 4)),
        Shape("wide", (32, 20_000, 3)),
        Shape("dense", (5, 200, 64, 64, 2)),
        Shape("crowd", (100, 1_000, 2)),
        Shape("row", (8, 1, 10)),
    )
}


def parse_shape(text: str) -> Shape:
    """Read a name of `SHAPES`, or numbers such as ``8,500000,10``."""
    if text in SHAPES:
        return SHAPES[text]
    parts = text.replace("_", "").split(",")
    axes = tuple(int(part) for part in parts if part.strip().isdecimal())
    if len(axes) != len(parts) or len(axes) < 3 or min(axes) < 1 or axes[-1] < 2:
        raise InvalidOptionError(
            f"--shape must be one of {', '.join(SHAPES)}, or members,samples,...,classes such as 8,500000,10 with 2 "
            f"classes at least; received {text!r}."
        )
    return Shape("×".join(map(str, axes)), axes)


def draw(shape: Shape, *, dtype: Any = np.float32, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw predictions of members of different skill, ``(*shape.axes)``, and the true classes, ``(n_samples, ...)``."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(shape.axes[-1], size=shape.axes[1:-1])
    cube = np.empty(shape.axes, dtype=dtype)
    for skill, probas in zip(np.linspace(0.5, 1.5, shape.axes[0]), cube, strict=True):
        scores = rng.standard_normal(shape.axes[1:], dtype=np.float32)
        truth = codes[..., np.newaxis]
        np.put_along_axis(scores, truth, np.take_along_axis(scores, truth, -1) + np.float32(skill), -1)
        np.exp(scores, out=scores)
        np.divide(scores, scores.sum(axis=-1, keepdims=True), out=probas, casting="same_kind")
    return cube, codes


def labelled(shape: Shape, *, rows: int = FIT_ROWS, dtype: Any = np.float32, seed: int = 1) -> PredictionSet:
    """Draw labelled rows of the same members, for combiners that learn."""
    axes = (shape.axes[0], max(8, rows // shape.positions), *shape.axes[2:])
    cube, codes = draw(Shape(shape.name, axes), dtype=dtype, seed=seed)
    width = len(str(axes[-1] - 1))
    classes = np.array([f"class_{code:0{width}d}" for code in range(axes[-1])])
    fields: dict[str, Any] = {"ids": np.arange(axes[1]), "classes": classes.tolist(), "labels": classes[codes]}
    return align([Predictions(p, member=name, **fields) for name, p in zip(shape.members, cube, strict=True)])
