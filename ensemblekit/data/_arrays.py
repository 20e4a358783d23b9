"""Open NPY files, and NIfTI files with nibabel."""

from __future__ import annotations

import gzip
from importlib import import_module
from math import prod
from typing import Any, BinaryIO

import numpy as np

from ..errors import MissingDependencyError, UnreadableImageError
from ..limits import check_size
from ..regular import bytes_on_disk
from ._opened import SAY_WINDOW, Taken

__all__ = ["Nifti", "Npy", "is_nifti", "is_npy"]

MOST_CHANNELS = 4
"""A last axis of an array that is no longer than this holds channels."""
NPY_START = b"\x93NUMPY"
NIFTI_START = 348
"""Bytes of a header that tell a NIfTI file."""


def is_npy(start: bytes) -> bool:
    """Tell an NPY file by its first bytes."""
    return start.startswith(NPY_START)


def is_nifti(start: bytes, file: BinaryIO) -> bool:
    """Tell a NIfTI file, compressed or not, by its first bytes."""
    if start.startswith(b"\x1f\x8b"):
        file.seek(0)
        with gzip.GzipFile(fileobj=file) as inside:
            start = inside.read(NIFTI_START)
    return start[344:348] == b"n+1\0" or start[4:8] == b"n+2\0"


class Npy:
    """An array of ``(height, width)``, ``(height, width, channels)``, or frames of these first; see `Opened`."""

    format, inverted, upper_bits = "NPY", False, False

    def __init__(self, file: BinaryIO) -> None:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
        if dtype.kind not in "biuf" or len(shape) not in (2, 3, 4) or 0 in shape:
            raise ValueError(f"an array of {dtype} and shape {shape}, which is no image")
        check_size(prod(shape) * dtype.itemsize, f"an array of shape {shape}", UnreadableImageError)
        file.seek(0)
        self._array = np.lib.format.read_array(file, allow_pickle=False)
        self.mode = str(dtype)
        self.has_frames = len(shape) == 4 or (len(shape) == 3 and shape[-1] > MOST_CHANNELS)
        self.n_frames = shape[0] if self.has_frames else 1
        size = shape[1:] if self.has_frames else shape
        check_size(12 * prod(size[:2]), f"an image of {size[1]} x {size[0]} pixels", UnreadableImageError)
        self.bits = None if dtype.kind == "f" else (0, 1) if dtype.kind == "b" else _range_of(dtype)

    @property
    def has_more(self) -> bool:
        """Whether there is more than one frame."""
        return self.n_frames > 1

    def take(self, frame: int, *, shown: bool) -> Taken:
        values = self._array[frame] if self.has_frames else self._array
        if values.dtype == np.uint8 or values.dtype.kind == "b":
            return Taken(values, self.bits)
        return Taken(values, None, f"an array of {values.dtype} {SAY_WINDOW}")


def _range_of(dtype: np.dtype) -> tuple[float, float]:
    return float(np.iinfo(dtype).min), float(np.iinfo(dtype).max)


class Nifti:
    """A volume; its frames are axial slices from foot to head, turned as in a DICOM file; see `Opened`."""

    format, inverted, upper_bits = "NIfTI", False, False
    bits = None

    def __init__(self, file: BinaryIO) -> None:
        try:
            nibabel: Any = import_module("nibabel")
        except ImportError as error:
            raise MissingDependencyError(
                'Reading NIfTI files needs nibabel, which is not installed: pip install "ensemblekit[medical]".'
            ) from error
        file.seek(0)
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        inside: Any = gzip.GzipFile(fileobj=file) if packed else file
        newer = inside.read(8)[4:8] == b"n+2\0"
        inside.seek(0)
        holder = nibabel.FileHolder(fileobj=inside)
        kind = nibabel.Nifti2Image if newer else nibabel.Nifti1Image
        volume = kind.from_file_map({"header": holder, "image": holder})
        shape = volume.shape
        if len(shape) not in (2, 3, 4) or 0 in shape or volume.get_data_dtype().kind not in "iuf":
            raise ValueError(f"a NIfTI file of {volume.get_data_dtype()} and shape {shape}, which is no image")
        self._data, self.mode = volume.dataobj, str(volume.get_data_dtype())
        low, high = float(volume.header["cal_min"]), float(volume.header["cal_max"])
        self._shown = (low, high) if high > low else None
        # Places of the axes right to left, front to back and foot to head, and -1 where they run the other way.
        turned = nibabel.orientations.io_orientation(volume.affine)
        codes = nibabel.orientations.axcodes2ornt(("L", "P", "S"))
        self._turned = nibabel.orientations.ornt_transform(turned[: len(shape[:3])], codes[: len(shape[:3])])
        self._up = int(np.flatnonzero(self._turned[:, 0] == 2)[0]) if len(shape) > 2 else None
        self.n_frames = 1 if self._up is None else int(shape[self._up])
        n_bytes = 12 * prod(shape) // self.n_frames
        # What is compressed is read up to the slice.
        n_bytes = max(n_bytes, prod(shape) * volume.get_data_dtype().itemsize if packed else 0)
        check_size(n_bytes, f"a NIfTI file of shape {shape}", UnreadableImageError, stored=bytes_on_disk(file))

    @property
    def has_more(self) -> bool:
        """Whether there is more than one slice."""
        return self.n_frames > 1

    def take(self, frame: int, *, shown: bool) -> Taken:
        turned, up = self._turned, self._up
        where: list[Any] = [slice(None)] * 2
        if up is not None:
            where = [slice(None)] * 3
            where[up] = frame if turned[up, 1] > 0 else self.n_frames - 1 - frame
            turned = np.delete(turned, up, axis=0)
        values = np.asarray(self._data[tuple(where)])
        # The first axis becomes the columns, the second the rows.
        if turned[0, 0] == 0:
            values = np.swapaxes(values, 0, 1)
            turned = turned[::-1]
        for axis, (_, direction) in enumerate(turned):
            values = np.flip(values, axis) if direction < 0 else values
        return Taken(values, self._shown, f"a NIfTI file without cal_min and cal_max {SAY_WINDOW}")
