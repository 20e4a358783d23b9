"""Open DICOM files with pydicom."""

from __future__ import annotations

from importlib import import_module
from typing import Any, BinaryIO

import numpy as np

from ..errors import MissingDependencyError, UnreadableImageError
from ..limits import check_size
from ..regular import bytes_on_disk
from ._opened import SAY_WINDOW, Taken

__all__ = ["Dicom", "is_dicom"]

DEFLATED = b"1.2.840.10008.1.2.1.99"
"""Transfer syntax of a file whose header is compressed; pydicom expands it without limit."""
_RESCALING = ("PixelValueTransformationSequence", "ModalityLUTSequence", "RescaleSlope")
_AFTER_MAGIC, _LONG_META = 132, 2**13


def is_dicom(start: bytes) -> bool:
    """Tell a DICOM file by its first 132 bytes."""
    return start[128:132] == b"DICM"


class Dicom:
    """The frames of a DICOM file, their values rescaled as the file says; see `Opened`."""

    format, upper_bits = "DICOM", False

    def __init__(self, file: BinaryIO) -> None:
        try:
            pydicom: Any = import_module("pydicom")
            self._pixels: Any = import_module("pydicom.pixels")
        except ImportError as error:
            raise MissingDependencyError(
                'Reading DICOM files needs pydicom, which is not installed: pip install "ensemblekit[medical]".'
            ) from error
        file.seek(0)
        is_deflated = DEFLATED in file.read(_LONG_META)
        file.seek(_AFTER_MAGIC)
        meta = pydicom.filereader.read_dataset(file, False, True, stop_when=_is_past_meta)
        if is_deflated or str(meta.get("TransferSyntaxUID", "")) == DEFLATED.decode():
            raise ValueError("a deflated DICOM file, which is not read; expand it with dcmconv")
        file.seek(0)
        self._data = data = pydicom.dcmread(file)
        if not any(name in data for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
            raise ValueError("a DICOM file without pixels")
        rows, columns, channels = int(data.Rows), int(data.Columns), int(data.get("SamplesPerPixel", 1))
        n_bytes = 12 * rows * columns * channels
        what = f"an image of {columns} x {rows} pixels"
        check_size(n_bytes, what, UnreadableImageError, stored=bytes_on_disk(file))
        self.n_frames = int(data.get("NumberOfFrames") or 1)
        self._colours = str(data.PhotometricInterpretation)
        self.inverted = self._colours == "MONOCHROME1"
        self._stored = None
        if "BitsStored" in data and "PixelData" in data:
            n_bits, signed = int(data.BitsStored), int(data.PixelRepresentation)
            self._stored = (-(2.0 ** (n_bits - 1)), 2.0 ** (n_bits - 1) - 1) if signed else (0.0, 2.0**n_bits - 1)
        self.mode = f"{self._colours} {data.get('BitsStored', 'float')}"
        self.bits = None
        if self._stored is not None:
            about = self._about(0, *_RESCALING)
            if about is not None and about.get("ModalityLUTSequence"):
                self.bits = 0, 2.0 ** int(about.ModalityLUTSequence[0].LUTDescriptor[2]) - 1
            else:
                ends = self._rescaled(np.array(self._stored), 0)
                self.bits = float(ends.min()), float(ends.max())

    @property
    def has_more(self) -> bool:
        """Whether there is more than one frame."""
        return self.n_frames > 1

    def take(self, frame: int, *, shown: bool) -> Taken:
        values = self._pixels.pixel_array(self._data, index=frame if self.has_more else None, raw=False)
        if self._colours == "PALETTE COLOR":
            values = self._pixels.apply_color_lut(values, self._data)
            return Taken(values, (0, 255) if values.dtype == np.uint8 else (0, 65535))
        if values.ndim == 3:
            return Taken(values, self.bits)
        if self._stored == (0, 255) and values.dtype == np.uint8 and self.bits == (0, 255):
            plain = values
        else:
            plain = self._rescaled(values, frame)
        if not shown:
            return Taken(plain, None)
        return self._as_shown(plain, frame)

    def _as_shown(self, values: np.ndarray, frame: int) -> Taken:
        about = self._about(frame, "FrameVOILUTSequence", "VOILUTSequence", "WindowCenter")
        if about is None:
            return Taken(values, None, f"a DICOM file without a window {SAY_WINDOW}")
        if about.get("VOILUTSequence"):
            n_bits = int(about.VOILUTSequence[0].LUTDescriptor[2])
            return Taken(self._looked_up(about.VOILUTSequence[0], values), (0, 2.0**n_bits - 1))
        centre, width = (_first(about[name].value) for name in ("WindowCenter", "WindowWidth"))
        form = str(about.get("VOILUTFunction") or "LINEAR")
        if form == "SIGMOID":
            return Taken(1 / (1 + np.exp(-4 * (values - centre) / width)), (0, 1))
        if form == "LINEAR_EXACT":
            return Taken(values, (centre - width / 2, centre + width / 2))
        return Taken(values, (centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2))

    def _rescaled(self, values: np.ndarray, frame: int) -> np.ndarray:
        about = self._about(frame, *_RESCALING)
        if about is None:
            return values
        if about.get("ModalityLUTSequence"):
            return self._looked_up(about.ModalityLUTSequence[0], values)
        slope, intercept = float(about.RescaleSlope), float(about.get("RescaleIntercept") or 0)
        if slope == 0 or not (np.isfinite(slope) and np.isfinite(intercept)):
            raise ValueError(
                f"a DICOM file with RescaleSlope {slope:g} and RescaleIntercept {intercept:g}, which leave no grey "
                "levels; correct its header"
            )
        if slope == 1 and intercept == int(intercept) and values.dtype.kind in "iu":
            return values.astype(np.int32) + int(intercept)
        return values.astype(np.float64) * slope + intercept

    def _looked_up(self, table: Any, values: np.ndarray) -> np.ndarray:
        """Look values up; pydicom 3.0 counts entries in the type of the results, and goes wrong beyond 255."""
        n, first = int(table.LUTDescriptor[0]) or 2**16, int(table.LUTDescriptor[1])
        data = table.LUTData
        if isinstance(data, bytes):
            order = "<" if self._data.file_meta.TransferSyntaxUID.is_little_endian else ">"
            data = np.frombuffer(data, dtype=f"{order}u2", count=n)
        entries = np.asarray(data, dtype=np.int64)
        return entries[np.clip(np.rint(values).astype(np.int64) - first, 0, min(n, len(entries)) - 1)]

    def _about(self, frame: int, group: str, *names: str) -> Any:
        """Find what says how the values of a frame are changed: in the groups of frames, or in the file."""
        each = self._data.get("PerFrameFunctionalGroupsSequence")
        shared = self._data.get("SharedFunctionalGroupsSequence")
        groups = [each[frame]] if each and frame < len(each) else []
        groups += [shared[0]] if shared else []
        places = [one[group][0] for one in groups if one.get(group)]
        return next((one for one in (*places, self._data) if any(one.get(name) is not None for name in names)), None)


def _is_past_meta(tag: int, *_: object) -> bool:
    return tag >> 16 != 2


def _first(value: Any) -> float:
    """Return the first of several windows."""
    return float(value if isinstance(value, (int, float, str)) else value[0])
