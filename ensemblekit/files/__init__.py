"""Atomic writing of files and folders, locks, and the cache folder of the user."""

from typing import TYPE_CHECKING, Any

from ..deprecation import warn_deprecated
from ._atomic import Replaceable, atomic_folder, atomic_path, atomic_write, check_file, check_folder, write_text
from ._folder import Folder, cache_folder, is_at, open_folder, size_on_disk
from ._locked_folder import LockedFolder, locked_folder
from ._locks import locked_file
from ._staging import is_leftover, remove_leftovers

__all__ = [
    "Folder",
    "LockedFolder",
    "Replaceable",
    "atomic_folder",
    "atomic_path",
    "atomic_write",
    "cache_folder",
    "check_file",
    "check_folder",
    "is_at",
    "is_leftover",
    "locked_file",
    "locked_folder",
    "open_folder",
    "remove_leftovers",
    "size_on_disk",
    "write_text",
]

_RENAMED = {"HeldFolder": "LockedFolder", "held_folder": "locked_folder"}


if not TYPE_CHECKING:  # a type checker would take every name for one of this module

    def __getattr__(name: str) -> Any:
        if name in _RENAMED:
            warn_deprecated(f"ensemblekit.files.{name}", f"ensemblekit.files.{_RENAMED[name]}")
            return globals()[_RENAMED[name]]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
