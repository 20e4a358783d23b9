"""Which files an audit looks at: splits, class folders, and common names of classes."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import DataError, FolderNotFoundError
from ..predictions.names import propose_aliases
from ._walk import children, walk

__all__ = ["File", "list_files", "propose_common_names"]

RANKS = {"train": 0, "training": 0, "dev": 1, "val": 1, "valid": 1, "validation": 1, "test": 2, "testing": 2}
"""Folders that are splits by their name, and where they stand: what is fitted on comes first."""


class File(NamedTuple):
    """One file of a data set."""

    id: str
    path: Path
    split: str
    folder: str | None
    """Its class folder; None where it lies in none."""


def list_files(root: Path, splits: Sequence[str] | None) -> tuple[dict[str, list[str]], list[File]]:
    """List the class folders of each split, and every file in them that is not hidden.

    Parameters
    ----------
    root : Path
        Holds a folder a split, or is itself the one split.
    splits : sequence of str, optional
        Which folders are splits, in order; none of them, and the folder is the one split.

    Returns
    -------
    folders : dict of str to list of str
        Split -> its class folders; splits in order.
    files : list of File
        By split, then by id.
    """
    if not root.is_dir():
        raise FolderNotFoundError(f"a folder of images must be there; nothing is at {os.fspath(root)!r}.")
    root = Path(os.path.abspath(root))  # noqa: PTH100 - resolve() would give a link the name of what it leads to
    children = _folders_of(root)
    if splits is None:
        known = any(name.casefold() in RANKS for name in children)
        splits = sorted(children, key=lambda name: RANKS.get(name.casefold(), 3)) if known else ()
    absent = [name for name in splits if not (root / name).is_dir()]
    if absent:
        raise FolderNotFoundError(
            f"a folder of splits must hold {', '.join(splits)}; {os.fspath(root)!r} lacks {', '.join(absent)}. It "
            f"holds the folders {children}."
        )
    places = {name: root / name for name in splits} or {root.name: root}
    files = [file for name, folder in places.items() for file in _files_of(folder, name)]
    if not files:
        raise DataError(f"a folder of images must hold files; {os.fspath(root)!r} holds none.")
    return {name: _folders_of(folder) for name, folder in places.items()}, files


def _folders_of(folder: Path) -> list[str]:
    return sorted(p.name for p in children(folder) if p.is_dir() and not p.name.startswith("."))


def _files_of(folder: Path, split: str) -> list[File]:
    files: list[File] = []
    for child in children(folder):
        if child.name.startswith("."):
            continue
        inside = sorted(p for p in walk(child) if not p.name.startswith(".")) if child.is_dir() else [child]
        files += [
            File(f"{split}/{p.relative_to(folder).as_posix()}", p, split, None if p == child else child.name)
            for p in inside
            if not p.is_dir() or p.is_symlink()
        ]
    return files


def propose_common_names(folders: Mapping[str, Sequence[str]], aliases: Mapping[str, str]) -> dict[str, str]:
    """Propose what class folders of later splits are called in the first, where it is plain.

    Parameters
    ----------
    folders : mapping of str to sequence of str
        Split -> its class folders, in order.
    aliases : mapping of str to str
        Common names that are known already.

    Returns
    -------
    dict of str to str
        ``{class folder: common name}``.
    """
    named = [[aliases.get(name, name) for name in names] for names in folders.values() if names]
    proposal: dict[Hashable, Hashable] = {}
    for names in named[1:]:
        proposal |= propose_aliases(
            [c for c in names if c not in named[0] and c not in proposal], [c for c in named[0] if c not in names]
        )
    return {str(old): str(new) for old, new in proposal.items()}
