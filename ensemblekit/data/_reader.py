"""`ImageReader`: how image files become the pixels that models get."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Any, BinaryIO, Literal

import numpy as np

from ..errors import EnsembleKitError, InvalidOptionError, UnreadableImageError
from ..limits import largest
from ..predictions.choices import check_choice
from ..printed import printable
from ..regular import open_regular
from ._decode import Decoded, decode_file

__all__ = ["AnyReader", "ImageReader", "channels_of", "decode", "fingerprint_of", "read_pixels", "reason_of"]

WINDOWS = ("file", "bits", "range")


@dataclass(frozen=True)
class ImageReader:
    """How image files become the pixels that models get: which values are black and white, which frame and channels.

    Parameters
    ----------
    window : (level, width) or {"file", "bits", "range"}, optional
        Values that become black, 0, and white, 255. ``(level, width)``: from ``level - width / 2`` to
        ``level + width / 2``, in the units of the file (Hounsfield units for CT); what is beyond becomes 0 or 255.
        ``"file"``: the window that the file states. ``"bits"``: all that its bits can hold. ``"range"``: least and
        greatest value of each image. By default the window of the file, and if a DICOM file states none, its bits;
        pictures of 16 bits keep the upper 8.
    frame : int, "middle" or sequence of int, optional
        The frame of a TIFF stack, a DICOM file, a volume or an array, from 0, or from the end if negative. Several
        frames become channels. By default a file has one; of pictures the first is taken, with a warning.
    channels : {"rgb", "grayscale"} or sequence of int, default="rgb"
        What models get: three channels, for which grey is repeated; one channel; or these channels of the file.
    suffixes : sequence of str, default=()
        More suffixes of files that are images, such as ``".ima"``; ``""`` stands for names without a dot.

    Raises
    ------
    InvalidOptionError
        If an option is none of these.

    Notes
    -----
    Pixels of 8 bits stay bytes unless they go through a window. All others become float32, which keeps levels apart
    that bytes would join. In a DICOM file values are first rescaled as it says, and ``MONOCHROME1`` is inverted.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit.data import ImageReader
    >>> np.save("film.npy", np.array([[0, 1000], [2000, 4000]], dtype=np.uint16))
    >>> ImageReader(window=(2000, 4000), channels="grayscale")("film.npy")[..., 0].tolist()
    [[0.0, 63.75], [127.5, 255.0]]
    """

    window: tuple[float, float] | Literal["file", "bits", "range"] | None = None
    frame: int | Literal["middle"] | tuple[int, ...] | None = None
    channels: Literal["rgb", "grayscale"] | tuple[int, ...] = "rgb"
    suffixes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("window", "frame", "channels", "suffixes"):  # lists are taken as tuples, so that readers compare
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        _check_window(self.window)
        frame, channels, suffixes = self.frame, self.channels, self.suffixes
        if not (
            frame is None or (isinstance(frame, str) and frame == "middle") or _is_whole(frame) or _are_whole(frame)
        ):
            raise InvalidOptionError(f"frame must be a whole number, 'middle' or several numbers; received {frame!r}.")
        if not isinstance(channels, str) and not _are_whole(channels, least=0):
            raise InvalidOptionError(f"channels must be 'rgb', 'grayscale' or several numbers; received {channels!r}.")
        if isinstance(channels, str):
            check_choice("channels", channels, ("rgb", "grayscale"))
        if not isinstance(suffixes, tuple) or not all(isinstance(s, str) and s[:1] in ("", ".") for s in suffixes):
            raise InvalidOptionError(f"suffixes must be a list of '.ima' and the like; received {suffixes!r}.")

    def __call__(self, path: str | os.PathLike[str]) -> np.ndarray:
        """Read one image.

        Parameters
        ----------
        path : path-like
            Path of the file.

        Returns
        -------
        ndarray of shape (height, width, n_channels)
            0 to 255, uint8 or float32.
        """
        return read_pixels(path, self).pixels

    @property
    def n_channels(self) -> int:
        """Number of channels of what is read."""
        return {"rgb": 3, "grayscale": 1}[self.channels] if isinstance(self.channels, str) else len(self.channels)

    @property
    def fingerprint(self) -> str:
        """The options as text: equal if and only if the same pixels are read."""
        return repr(astuple(self)[:3])


def _check_window(window: Any) -> None:
    if window is None or (isinstance(window, str) and window in WINDOWS):
        return
    if (
        not isinstance(window, tuple)
        or len(window) != 2
        or not all(isinstance(one, (int, float, np.number)) and np.isfinite(one) for one in window)
        or window[1] <= 0
    ):
        raise InvalidOptionError(
            f"window must be (level, width) with width > 0, or one of 'file', 'bits', 'range'; received {window!r}."
        )


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _are_whole(value: Any, least: int | None = None) -> bool:
    return (
        isinstance(value, tuple)
        and bool(value)
        and all(_is_whole(one) and (least is None or one >= least) for one in value)
    )


AnyReader = ImageReader | Callable[..., Any]
DEFAULT = ImageReader()


def read_pixels(path: str | os.PathLike[str], reader: AnyReader | None = None) -> Decoded:
    """Read one image with any reader; what is wrong with it is an `UnreadableImageError` with its path."""
    try:
        if isinstance(reader, ImageReader | None):
            with open_regular(path, most=largest()) as file:
                return decode(file, reader)
        return _checked(reader(path), reader)
    except EnsembleKitError as error:
        if isinstance(error, OSError):
            raise _unreadable(path, error) from error
        raise
    except OSError as error:
        raise _unreadable(path, error) from error
    except Exception as error:
        if reader is None or isinstance(reader, ImageReader):
            raise
        raise _unreadable(path, error) from error


def _unreadable(path: str | os.PathLike[str], error: Exception) -> UnreadableImageError:
    return UnreadableImageError(
        f"an image must be readable; {os.fspath(path)!r} is not: {reason_of(error)}. Replace it, or leave it out with "
        "skip_unreadable=True."
    )


def decode(file: BinaryIO, reader: ImageReader | None = None) -> Decoded:
    """Decode an image in the form that models get: by default RGB, transparency dropped, its orientation tag ignored.

    Parameters
    ----------
    file : BinaryIO
        An open file, at its start.
    reader : ImageReader, optional
        How it is read.

    Returns
    -------
    Decoded
        Pixels ``(height, width, channels)``; mode and format as Pillow names them, or as the file does.

    Raises
    ------
    UnreadableImageError
        If the image cannot be decoded; the error states the reason in a few words.
    MissingDependencyError
        If Pillow, pydicom or nibabel is needed, and not installed.
    """
    try:
        return decode_file(file, reader or DEFAULT)
    except EnsembleKitError:
        raise
    except Exception as error:  # Pillow, pydicom and nibabel can raise almost any error for a broken file
        raise UnreadableImageError(reason_of(error)) from error


def reason_of(error: BaseException) -> str:
    """Explain in a few words why a file cannot be read as an image.

    Parameters
    ----------
    error : BaseException
        The error that was raised when the file was opened or decoded.

    Returns
    -------
    str
        The reason, without a full stop.
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error).rstrip(".")
    if isinstance(error, (OSError, ValueError, SyntaxError)) and text:
        return text
    # The text of other errors, such as a KeyError, is not clear without their type.
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def channels_of(reader: AnyReader | None) -> int:
    """Return the number of channels that a reader gives: that of a function is 3, if it has no ``n_channels``."""
    return int(getattr(reader or DEFAULT, "n_channels", 3))


def fingerprint_of(reader: AnyReader | None) -> str | None:
    """Return what tells a reader from others; None for a function that has no ``fingerprint``."""
    if isinstance(reader, ImageReader | None):
        return (reader or DEFAULT).fingerprint
    found = getattr(reader, "fingerprint", None)
    return found if isinstance(found, str) else None


def _checked(found: Any, reader: Any) -> Decoded:
    """Check what a function of the user gave; grey without an axis of channels becomes RGB."""
    pixels, n = np.asarray(found), channels_of(reader)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., np.newaxis], n, axis=-1)
    if pixels.ndim != 3 or pixels.shape[-1] != n or not pixels.size or pixels.dtype.kind not in "biuf":
        raise ValueError(
            f"a reader must give numbers of shape (height, width, {n}); {_name(reader)} gave {pixels.dtype} of shape "
            f"{pixels.shape}. Another number of channels is told by the attribute n_channels of the function"
        )
    if not np.isfinite(pixels).all():
        raise ValueError(f"a reader must give finite numbers; {_name(reader)} did not")
    return Decoded(pixels, str(pixels.dtype), _name(reader))


def _name(reader: Any) -> str:
    return printable(str(getattr(reader, "__name__", type(reader).__name__)))
