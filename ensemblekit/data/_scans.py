"""The scans of a JPEG: each is a pass over the whole picture, and a small file can ask for thousands."""

from __future__ import annotations

import re
from typing import BinaryIO

from ..errors import UnreadableImageError

__all__ = ["check_scans"]

MOST_SCANS = 100
"""As in libtiff. A progressive JPEG has about ten."""

_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])", re.DOTALL)
"""What is neither data, a filling byte, nor a restart of the decoder within a scan."""
_END, _SCAN = 0xD9, 0xDA
_WITHOUT_LENGTH = (0x01, 0xD8)


def check_scans(file: BinaryIO) -> None:
    """Refuse a JPEG with more scans than any has.

    Parameters
    ----------
    file : BinaryIO
        It is left where it was.

    Raises
    ------
    UnreadableImageError
        If there are more.
    """
    place = file.tell()
    file.seek(0)
    content = file.read()
    file.seek(place)
    scans = at = 0
    while (found := _MARKER.search(content, at)) and found[1][0] != _END:
        at = found.end()
        if found[1][0] not in _WITHOUT_LENGTH:
            at += int.from_bytes(content[at : at + 2], "big")
        scans += found[1][0] == _SCAN
        if scans > MOST_SCANS:
            raise UnreadableImageError(f"a JPEG has at most {MOST_SCANS} scans, and this one has more")
