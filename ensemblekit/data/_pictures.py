"""Open bmp, gif, jpeg, png, tiff and webp files with Pillow."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np

from ..errors import MissingDependencyError, UnreadableImageError
from ..limits import check_size
from ..regular import bytes_on_disk
from ._opened import SAY_WINDOW, Taken

__all__ = ["FORMATS", "Picture", "import_pillow", "open_picture"]

FORMATS = {name: f"PIL.{name}ImagePlugin" for name in ("Bmp", "Gif", "Jpeg", "Png", "Tiff", "WebP")}
"""Formats that are decoded -> their module in Pillow. Pillow knows more, and runs other programs for some of them."""
BYTES_PER_PIXEL = {"WEBP": 18}
"""Largest memory while an image is decoded, where it is not 15 bytes per pixel: WebP's decoder holds two canvases."""

MAX_JPEG_SCANS = 100
"""As in libtiff. A progressive JPEG has about ten."""
_JPEG_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])", re.DOTALL)
"""A marker that is neither data, a filling byte, nor a restart of the decoder within a scan."""
_JPEG_END, _JPEG_SCAN = 0xD9, 0xDA
_WITHOUT_LENGTH = (0x01, 0xD8)


class Picture:
    """A picture of Pillow's; see `Opened`."""

    inverted = False

    def __init__(self, image: Any, stored: int) -> None:
        self._image, self._stored = image, stored
        self.mode, self.format = image.mode, str(image.format)
        self._check_size()
        self.bits = (0, 65535) if self.upper_bits else None if self.mode in ("I", "F") else (0, 255)

    @property
    def upper_bits(self) -> bool:
        """Whether it is grey, of 16 bits; the lower 8 are left out if there is no window."""
        return self.mode.startswith("I;16") or (self.mode, self.format) == ("I", "PNG")

    @property
    def has_more(self) -> bool:
        """Whether there is more than one frame."""
        try:
            return bool(getattr(self._image, "is_animated", False))
        except Exception:  # what is wrong with a second frame is no matter for the first
            return False

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return int(getattr(self._image, "n_frames", 1))

    def take(self, frame: int, *, shown: bool) -> Taken:
        image = self._image
        if frame != image.tell():
            image.seek(frame)
            self._check_size()  # the frames of a TIFF differ in size
            if image.mode != self.mode:
                raise ValueError(f"its frames are of different modes, {self.mode!r} and {image.mode!r}")
        if self.upper_bits:
            return Taken(np.asarray(image).astype(np.uint16), (0, 65535))
        if image.mode in ("I", "F"):
            return Taken(np.asarray(image), None, f"its mode {image.mode!r}, 32 bits a channel, {SAY_WINDOW}")
        # Pillow warns if a palette with transparency becomes RGB at once. Reassigning frees each step's memory.
        if image.mode == "P" and "transparency" in image.info:
            image = image.convert("RGBA")
        if image.mode != "RGB":
            image = image.convert("RGB")
        return Taken(np.asarray(image), (0, 255))

    def _check_size(self) -> None:
        width, height = self._image.size
        if not width or not height:
            raise ValueError("it has no pixels")
        check_size(
            width * height * BYTES_PER_PIXEL.get(self.format, 15),
            f"an image of {width} x {height} pixels",
            UnreadableImageError,
            stored=self._stored,
        )


@cache
def import_pillow() -> ModuleType:
    try:
        for module in FORMATS.values():
            import_module(module)
        return import_module("PIL.Image")
    except ImportError as error:
        raise MissingDependencyError(
            'Reading images needs Pillow, which is not installed: pip install "ensemblekit[images]".'
        ) from error


def open_picture(file: BinaryIO) -> Picture:
    """Read the header of an image, and check its size before memory for the pixels is allocated."""
    pillow = import_pillow()
    start = file.read(16)
    # Image.open would do the same for these formats, but its limit of pixels applies to the whole process.
    for name in map(str.upper, FORMATS):
        factory, accepts = pillow.OPEN[name]
        if accepts(start) is not True:
            continue
        file.seek(0)
        image = factory(file, "")
        picture = Picture(image, bytes_on_disk(file))
        if name == "JPEG":
            _check_jpeg_scans(file)
        return picture
    raise ValueError("it is empty" if not start else "no image, whatever its name says")


def _check_jpeg_scans(file: BinaryIO) -> None:
    """Refuse a file with too many scans: each scan is a pass over all pixels, and a small file can have thousands."""
    position = file.tell()
    file.seek(0)
    content = file.read()
    file.seek(position)
    scans = at = 0
    while (marker := _JPEG_MARKER.search(content, at)) and marker[1][0] != _JPEG_END:
        at = marker.end()
        if marker[1][0] not in _WITHOUT_LENGTH:
            at += int.from_bytes(content[at : at + 2], "big")
        scans += marker[1][0] == _JPEG_SCAN
        if scans > MAX_JPEG_SCANS:
            raise UnreadableImageError(f"a JPEG has at most {MAX_JPEG_SCANS} scans, and this one has more")
