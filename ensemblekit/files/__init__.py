"""Files and folders that appear whole or not at all; folders that are ours; the folder for what can be made again."""

from ._atomic import Replaceable, atomic_folder, atomic_path, atomic_write, check_file, check_folder, write_text
from ._cache import cache_folder, size_on_disk
from ._folder import Folder, is_at, open_folder
from ._held import HeldFolder, held_folder
from ._workplace import is_leftover, remove_leftovers

__all__ = [
    "Folder",
    "HeldFolder",
    "Replaceable",
    "atomic_folder",
    "atomic_path",
    "atomic_write",
    "cache_folder",
    "check_file",
    "check_folder",
    "held_folder",
    "is_at",
    "is_leftover",
    "open_folder",
    "remove_leftovers",
    "size_on_disk",
    "write_text",
]
