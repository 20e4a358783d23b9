"""Standard streams of the command: stdout writes all characters or raises OSError."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import sys
from typing import Any

__all__ = ["close_output", "is_reader_gone", "open_streams"]

_replaced: list[Any] = []


def open_streams() -> None:
    """Make stdout write every character, or raise OSError."""
    for number in range(3):
        # A descriptor that the shell has closed (`>&-`) would be reused by the next file that is opened, and output
        # would be written to that file. So the streams are opened for the wrong direction: reading and writing remain
        # errors.
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY if number else os.O_WRONLY)
    out: Any = sys.stdout
    raw = _ClosedOutput() if out is None else getattr(out, "buffer", None)
    if isinstance(raw, io.RawIOBase):
        # With PYTHONUNBUFFERED a partial write of a pipe or a disk is not completed.
        _replaced.append(out)  # the finalizer of the old stream would close the file descriptor
        encoding = "utf-8" if out is None else out.encoding
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(raw), encoding, "backslashreplace", line_buffering=True)
    elif isinstance(out, io.TextIOWrapper):
        out.reconfigure(errors="backslashreplace")


def close_output() -> None:
    """Flush stdout; if that fails, discard its buffer, so that the interpreter does not flush it again at exit."""
    out: Any = sys.stdout
    try:
        out.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, out.fileno())
            os.close(devnull)
            return
        sys.stdout = io.StringIO()


def is_reader_gone() -> bool:
    """Tell whether stdout is a pipe or a socket whose reader has closed it."""
    poll = select.poll()
    poll.register(1, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


class _ClosedOutput(io.RawIOBase):
    def writable(self) -> bool:
        return True

    def write(self, _: Any) -> int:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF), "stdout")
