"""What the readers of all formats give: a file whose header was read, and the values of a frame."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

__all__ = ["SAY_WINDOW", "Opened", "Taken"]

SAY_WINDOW = (
    "does not say which value is white. Give reader=ImageReader(window=(level, width)) or window='range'; on the "
    "command line --window"
)


class Taken(NamedTuple):
    """The values of one frame."""

    values: np.ndarray
    """``(height, width)``, or with channels last."""
    shown: tuple[float, float] | None
    """The values that the file shows as black and as white."""
    problem: str = ""
    """Why nothing is shown."""


class Opened(Protocol):
    """A file whose header was read, and whose size was checked.

    Attributes
    ----------
    mode, format : str
        Kind of its pixels, and of the file.
    inverted : bool
        Whether the least value is white.
    bits : tuple of float or None
        Least and greatest value that its bits can hold.
    upper_bits : bool
        Whether 16 bits become 8 by leaving out the lower 8, if no window is given.
    has_more : bool
        Whether there is more than one frame.
    n_frames : int
        Number of frames.
    """

    @property
    def mode(self) -> str: ...
    @property
    def format(self) -> str: ...
    @property
    def inverted(self) -> bool: ...
    @property
    def bits(self) -> tuple[float, float] | None: ...
    @property
    def upper_bits(self) -> bool: ...
    @property
    def has_more(self) -> bool: ...
    @property
    def n_frames(self) -> int: ...
    def take(self, frame: int, *, shown: bool) -> Taken: ...
