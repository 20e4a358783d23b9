"""Stdout as a command needs it: all of the bytes go out, or it is known that they did not."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import sys
from typing import Any

__all__ = ["forget_output", "is_reader_gone", "open_streams"]

_kept: list[Any] = []


def open_streams() -> None:
    """Make stdout one that writes all it is given, whatever characters are in it, or raises OSError."""
    for number in range(3):
        # What a shell has closed (`>&-`) would be the number of the next file that is opened, and lines of others'
        # would land in it. Reading and writing stay errors.
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY if number else os.O_WRONLY)
    out: Any = sys.stdout
    raw = _Closed() if out is None else getattr(out, "buffer", None)
    if isinstance(raw, io.RawIOBase):
        # With PYTHONUNBUFFERED nobody writes the rest of what a pipe or a disk took only a part of.
        _kept.append(out)  # at its end it would close what it writes to
        encoding = "utf-8" if out is None else out.encoding
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(raw), encoding, "backslashreplace", line_buffering=True)
    elif isinstance(out, io.TextIOWrapper):
        out.reconfigure(errors="backslashreplace")


def forget_output() -> None:
    """Write what is still held back; where that fails let it go, so that the end of Python does not try again."""
    out: Any = sys.stdout
    try:
        out.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, out.fileno())
            os.close(nowhere)
            return
        sys.stdout = io.StringIO()


def is_reader_gone() -> bool:
    """Tell whether stdout is a pipe or a socket that nobody reads any more."""
    poll = select.poll()
    poll.register(1, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


class _Closed(io.RawIOBase):
    def writable(self) -> bool:
        return True

    def write(self, _: Any) -> int:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF), "stdout")
