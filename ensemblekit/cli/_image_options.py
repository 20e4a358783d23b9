"""Options that say how the images of a command are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from ..errors import InvalidOptionError
from ._option_groups import with_options

__all__ = ["takes_image_options"]

PANEL = "How images are read"


def _option(text: str, **more: Any) -> Any:
    return typer.Option(help=text, rich_help_panel=PANEL, **more)


_TYPES: dict[str, Any] = {
    "window": Annotated[
        str | None,
        _option(
            "Values that are shown, as LEVEL,WIDTH; or that of the file, all that its bits can hold, or the range of "
            "each image: file, bits, range. Default: file; 16-bit pictures keep the upper 8 bits.",
            metavar="WINDOW",
        ),
    ],
    "frame": Annotated[
        str | None,
        _option("Frame of a stack or volume: a number from 0, middle, or several N,N,N as channels.", metavar="FRAME"),
    ],
    "channels": Annotated[
        str | None,
        _option("What models get: rgb, grayscale, or numbers of channels N,N,... Default: rgb.", metavar="CHANNELS"),
    ],
    "suffix": Annotated[
        list[str] | None,
        _option(
            "One more suffix of images, such as .ima; '' for names without one. As often as needed.", metavar="SUFFIX"
        ),
    ],
}
"""Name of an option -> its type, in the order of ``--help``."""


def takes_image_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say how images are read; it gets them as ``reader``, an `ImageReader` or None."""
    return with_options(command, _TYPES, "reader", _reader)


def _reader(window: str | None, frame: str | None, channels: str | None, suffix: list[str] | None) -> Any:
    if window is None and frame is None and channels is None and not suffix:
        return None
    from ..data import ImageReader

    numbers = None if frame is None or frame == "middle" else _numbers("--frame", frame, int)
    options: dict[str, Any] = {
        "window": window if window in (None, "file", "bits", "range") else _numbers("--window", window, float),
        "frame": frame if numbers is None else numbers[0] if len(numbers) == 1 else numbers,
        "suffixes": tuple(suffix or ()),
    }
    if channels is not None:
        named = channels in ("rgb", "grayscale")
        options["channels"] = channels if named else _numbers("--channels", channels, int)
    return ImageReader(**options)


def _numbers(option: str, text: str, kind: type[int] | type[float]) -> tuple[Any, ...]:
    try:
        return tuple(kind(part) for part in text.split(","))
    except ValueError:
        word = "whole numbers" if kind is int else "numbers"
        raise InvalidOptionError(f"{option} must be a word of its help, or {word} N,N; received {text!r}.") from None
