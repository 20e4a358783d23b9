"""What makes a folder ours: a file in it, with content of ours that names the folder's purpose."""

from __future__ import annotations

import hashlib
import json
import os

from ._folder import Folder

__all__ = ["MARKER", "is_marked", "mark", "marker_for"]

MARKER = ".ensemblekit"


def marker_for(kind: str, of: str) -> bytes:
    """Give the content of the marker of a folder.

    Parameters
    ----------
    kind : str
        What the folder is for.
    of : str
        What comes of it.
    """
    about = {"format": 1, "kind": kind, "of": of, "ensemblekit": "a folder that ensemblekit made, and removes"}
    return (json.dumps(about, sort_keys=True) + "\n").encode()


def mark(folder: Folder, marker: bytes) -> None:
    """Write the marker, whole or not at all."""
    new = _unfinished(marker)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(new, flags, 0o666, dir_fd=folder.descriptor)
    try:
        os.write(descriptor, marker)
    finally:
        os.close(descriptor)
    os.rename(new, MARKER, src_dir_fd=folder.descriptor, dst_dir_fd=folder.descriptor)


def is_marked(folder: Folder, marker: bytes) -> bool:
    """Say whether a folder has this marker, or nothing at all, as where we were killed before we wrote it."""
    if folder.read(MARKER, len(marker)) == marker:
        return True
    names = folder.names()
    # The name of that file is a digest of its content: nobody else has one of that name.
    return not names or (names == [_unfinished(marker)] and folder.state(names[0]) is not None)


def _unfinished(marker: bytes) -> str:
    return f"{MARKER}.{hashlib.sha256(marker).hexdigest()[:32]}"
