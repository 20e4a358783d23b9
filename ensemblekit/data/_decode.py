"""From a file of any format to pixels: frames, window, channels, and what is lost on the way."""

from __future__ import annotations

from typing import Any, BinaryIO, NamedTuple, Protocol

import numpy as np

from ..errors import UnreadableImageError
from ..limits import check_size
from ._arrays import Nifti, Npy, is_nifti, is_npy
from ._dicom import Dicom, is_dicom
from ._opened import SAY_WINDOW, Opened
from ._pictures import open_picture

__all__ = ["Decoded", "Options", "decode_file"]

FEW_LEVELS = 32
"""Of 256: an image with no more grey levels after reading, but four times as many in its file, is warned of."""


class Options(Protocol):
    """The options of an `ImageReader`."""

    @property
    def window(self) -> Any: ...
    @property
    def frame(self) -> Any: ...
    @property
    def channels(self) -> Any: ...


class Decoded(NamedTuple):
    """One image as models get it."""

    pixels: np.ndarray
    mode: str
    format: str
    note: str = ""
    """What is lost in silence otherwise; empty if nothing is."""


def _open(file: BinaryIO) -> Opened:
    start = file.read(352)
    if is_dicom(start):
        return Dicom(file)
    file.seek(0)
    if is_npy(start):
        return Npy(file)
    if is_nifti(start, file):
        return Nifti(file)
    file.seek(0)
    return open_picture(file)


def decode_file(file: BinaryIO, reader: Options) -> Decoded:
    """Decode an image; errors are those of the libraries that decode it."""
    opened = _open(file)
    frames, note = _frames(opened, reader.frame)
    shown = reader.window in (None, "file")
    taken = [opened.take(frame, shown=shown) for frame in frames]
    values = taken[0].values
    if len(taken) > 1:
        if opened.mode in ("1", "L"):  # Pillow's grey of 8 bits was made RGB
            taken = [one._replace(values=one.values[..., 0]) for one in taken]
            values = taken[0].values
        if shown and any(one.shown != taken[0].shown for one in taken):
            raise ValueError(
                "its frames have windows of their own, and channels need one for all. Give window=(level, width) or "
                "'bits'"
            )
        if any(one.values.shape != values.shape or values.ndim != 2 for one in taken):
            shapes = ", ".join(sorted({str(one.values.shape) for one in taken}))
            raise ValueError(f"frames that become channels must be grey and of one size; these are {shapes}")
        values = np.stack([one.values for one in taken], axis=-1)
    if opened.upper_bits and reader.window is None:
        pixels = (values >> 8).astype(np.uint8)
    else:
        low, high = _ends(opened, reader.window, values, taken[0].shown, taken[0].problem)
        pixels = _through(values, low, high, inverted=opened.inverted)
    how = "as the upper 8 of 16 bits are kept" if opened.upper_bits else "as its file says no window"
    note = note or _lost_levels(values, pixels, reader.window, how)
    return Decoded(_with_channels(pixels, reader.channels), opened.mode, opened.format, note)


def _frames(opened: Opened, frame: Any) -> tuple[list[int], str]:
    """Choose frames; the note says if others are left out that nobody asked to leave out."""
    if frame is None:
        if not opened.has_more:
            return [0], ""
        advice = "Give the one that is meant: reader=ImageReader(frame='middle'), or its number from 0"
        if opened.format in ("DICOM", "NIfTI", "NPY"):
            raise ValueError(f"it holds {opened.n_frames} frames, and one is an image. {advice}")
        return [0], f"holds several frames, of which the first is taken. {advice}."
    n = opened.n_frames
    wanted = [n // 2] if frame == "middle" else [frame] if isinstance(frame, int) else list(frame)
    if not all(-n <= one < n for one in wanted):
        raise ValueError(f"it holds {n} frames, and frame={frame!r} is not among them")
    return [one % n for one in wanted], ""


def _ends(opened: Opened, window: Any, values: np.ndarray, shown: Any, problem: str) -> tuple[float, float]:
    """Return the values that become black and white."""
    if isinstance(window, tuple):
        return window[0] - window[1] / 2, window[0] + window[1] / 2
    if window == "range":
        return float(values.min()), float(values.max())
    if window != "bits" and shown is not None:
        return shown
    if window == "file" or opened.bits is None or opened.format == "NPY":
        if window == "bits" and opened.bits is not None:
            return opened.bits
        raise ValueError(problem or f"it has no bits of whole numbers, and {SAY_WINDOW}")
    return opened.bits


def _through(values: np.ndarray, low: float, high: float, *, inverted: bool) -> np.ndarray:
    if values.dtype == np.uint8 and (low, high) == (0, 255):
        return 255 - values if inverted else values
    check_size(8 * values.size, f"an image of shape {values.shape}", UnreadableImageError, stored=8 * values.size)
    numbers = values.astype(np.float32 if values.dtype.itemsize < 8 else np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError(f"{int((~np.isfinite(numbers)).sum())} of its values are no finite numbers")
    numbers -= low
    numbers *= 255 / (high - low) if high > low else 0
    numbers = np.clip(numbers, 0, 255, out=numbers).astype(np.float32, copy=False)
    return 255 - numbers if inverted else numbers


def _lost_levels(values: np.ndarray, pixels: np.ndarray, window: Any, how: str) -> str:
    if values is pixels or (values.dtype == np.uint8 and window is None):
        return ""
    left = int(np.count_nonzero(np.bincount(np.rint(pixels).astype(np.uint8).ravel(), minlength=256)))
    if left > FEW_LEVELS:
        return ""
    held = np.unique(values)
    if len(held) < 4 * left:
        return ""
    low, high = float(held[0]), float(held[-1])
    how = how if window is None else f"with window={window!r}"
    return (
        f"keeps {left} of the {len(held)} grey levels of its file, {how}. Its values go from {low:g} to {high:g}: give "
        f"the window that shows them, reader=ImageReader(window=({(low + high) / 2:g}, {high - low:g}))."
    )


def _with_channels(pixels: np.ndarray, channels: Any) -> np.ndarray:
    pixels = pixels[..., np.newaxis] if pixels.ndim == 2 else pixels
    n = pixels.shape[-1]
    if not isinstance(channels, str):
        if max(channels) >= n:
            raise ValueError(f"it has {n} channels, and channels={channels!r} asks for more")
        return pixels[..., list(channels)]
    if n not in (1, 3):
        raise ValueError(f"it has {n} channels. Say which are meant: reader=ImageReader(channels=(0, 1, 2))")
    if channels == "rgb":
        return np.repeat(pixels, 3, axis=-1) if n == 1 else pixels
    return pixels if n == 1 else _grey(pixels)[..., np.newaxis]


def _grey(pixels: np.ndarray) -> np.ndarray:
    """Weigh red, green and blue as Pillow and Keras do (ITU-R 601); the weights add up to 65536."""
    red, green, blue = (pixels[..., k].astype(np.float64) for k in range(3))
    grey = (red * 19595 + green * 38470 + blue * 7471) / 65536
    return (grey + 0.5).astype(np.uint8) if pixels.dtype == np.uint8 else grey.astype(np.float32)
