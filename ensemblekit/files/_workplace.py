"""Hidden folders beside an output, in which it comes to be: what a killed process left there, the next one removes."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Generator
from itertools import count
from pathlib import Path

from ._folder import Folder, is_at, opened
from ._marker import MARKER, mark, marker_for

__all__ = ["LEFTOVER", "OLD", "is_leftover", "remove_leftovers", "workplace"]

LEFTOVER = re.compile(r"\.ensemblekit-[0-9a-f]{16}")
NEW, OLD = "new", "old"
"""What is made in a workplace; and what an output was before, on its way out."""
_KIND = "output"
_OWN = re.compile(rf"{NEW}(\..*)?|{OLD}", re.DOTALL)
_UNFINISHED = re.compile(rf"{re.escape(MARKER)}\.[0-9a-f]{{32}}")


def is_leftover(path: Path) -> bool:
    """Say whether there is, by its name and marker, what a killed process left or another is at work in.

    Parameters
    ----------
    path : Path
        Of anything.
    """
    if not LEFTOVER.fullmatch(path.name):
        return False
    try:
        descriptor = opened(path)
    except OSError:
        return False
    try:
        return _of(Folder(descriptor), path) is not None
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def workplace(output: Path) -> Generator[Path]:
    """Make a folder of our own beside an output, and remove it at the end; before, those that killed processes left.

    Each process that writes to one output at the same time has one of its own.

    Parameters
    ----------
    output : Path
        What comes to be in it.

    Yields
    ------
    Path
        For what is called ``new`` or begins with ``new.``, and ``old``. No other user can look into it.
    """
    place, descriptor = _made(output)
    try:
        mark(Folder(descriptor), marker_for(_KIND, output.name))
        yield place
    finally:
        _emptied(Folder(descriptor), place, output)
        os.close(descriptor)


def remove_leftovers(folder: Path) -> None:
    """Remove from a folder what killed processes left there, of all outputs.

    Parameters
    ----------
    folder : Path
        Only what is directly in it is looked at.
    """
    for name in sorted(os.listdir(folder)):  # noqa: PTH208 - names are enough
        if LEFTOVER.fullmatch(name):
            _swept(folder / name)


def _made(output: Path) -> tuple[Path, int]:
    mine: tuple[Path, int] | None = None
    for number in count():
        place = output.parent / f"{_stem(output.name)}{number:04x}"
        if mine is not None and not os.path.lexists(place):
            return mine
        if _swept(place) and mine is None:
            mine = _claimed(place, output)
    raise AssertionError


def _claimed(place: Path, output: Path) -> tuple[Path, int] | None:
    try:
        place.mkdir(0o700)
    except FileExistsError:
        return None
    except OSError as error:
        error.filename = os.fspath(output)  # what the user knows of
        raise
    try:
        descriptor = opened(place)
    except FileNotFoundError:
        return None  # another process took it for a leftover
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if is_at(descriptor, place):
        return place, descriptor
    os.close(descriptor)
    return None


def _swept(place: Path) -> bool:
    """Remove a workplace that nobody is at work in; say whether its name is free."""
    try:
        descriptor = opened(place)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        folder = Folder(descriptor)
        name = _of(folder, place)
        if name is None or os.fstat(descriptor).st_uid != os.geteuid() or not is_at(descriptor, place):
            return False
        _emptied(folder, place, place.parent / name)
        return not os.path.lexists(place)
    except OSError:  # it is locked, or cannot be
        return False
    finally:
        os.close(descriptor)


def _of(folder: Folder, place: Path) -> str | None:
    """Name the output of a workplace; nothing where it was not marked yet, None where it is no workplace."""
    content = folder.read(MARKER)
    if content is None:
        started = all(_UNFINISHED.fullmatch(name) and folder.state(name) for name in folder.names())
        return "" if started else None
    try:
        name = json.loads(content)["of"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    ours = isinstance(name, str) and content == marker_for(_KIND, name) and place.name.startswith(_stem(name))
    return name if ours else None


def _stem(name: str) -> str:
    return f".ensemblekit-{hashlib.sha256(os.fsencode(name)).hexdigest()[:12]}"


def _emptied(folder: Folder, place: Path, output: Path) -> None:
    with contextlib.suppress(OSError):
        # Killed between the two steps of a replacement: then what was there comes back.
        if OLD in folder.names() and not os.path.lexists(output):
            os.rename(OLD, output, src_dir_fd=folder.descriptor)
        for name in folder.names():
            if any(own.fullmatch(name) for own in (_OWN, _UNFINISHED, LEFTOVER)):
                folder.remove_tree(name)
        if folder.names() in ([MARKER], []):  # else there is what we did not make
            folder.remove(MARKER)
            place.rmdir()
