"""`audit_images`: finds problems in a folder of images before a model is fitted on it."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..arguments import typed
from ..errors import DataError
from ..predictions.alike import propose_aliases
from ._audit import Audit
from ._hashes import check_thresholds
from ._scan import File, Scan, list_files, scan_files
from ._source import ImageSource
from .reading import AnyReader, check_reader

__all__ = ["audit_images"]


@typed(but=("folder", "reader"))
def audit_images(
    folder: str | os.PathLike[str] | ImageSource | Mapping[str, ImageSource],
    *,
    splits: Sequence[str] | None = None,
    aliases: Mapping[str, str] | None = None,
    max_distance: int = 32,
    min_correlation: float = 0.99,
    ids: Collection[str] | None = None,
    visit: Callable[[str, np.ndarray], object] | None = None,
    progress: Callable[[int, int], object] | None = None,
    reader: AnyReader | None = None,
) -> Audit:
    """Search images for copies, leaks, conflicting labels and files that are not images.

    Parameters
    ----------
    folder : path-like, ImageTable, ImageFolder or mapping of split to one of these
        Holds one folder per split, each with one folder per class; or one folder per class, and is the only split. Or
        images of tables, `image_table`; those of a mapping are splits, in this order.
    splits : sequence of str, optional
        Names of the split folders, the one that models are fitted on first; if empty, ``folder`` is the only split. By
        default every folder is a split if one of them is called train, valid, test or the like.
    aliases : mapping, optional
        ``{class folder: common name}``. Missing aliases are proposed if names clearly belong together, as in
        `image_splits`, and are used.
    max_distance : int, default=32
        Largest number of bits, of 255, in which the perceptual hashes of near copies differ.
    min_correlation : float, default=0.99
        Least correlation between the thumbnails of near copies, 32 by 32 grey pixels.
    ids : collection of str, optional
        Only these files, by their ids.
    visit : callable, optional
        Called in a thread with the id and the decoded pixels, uint8 ``(height, width, 3)`` unless the reader says
        otherwise, of each readable image, so that they need not be decoded again.
    progress : callable, optional
        Called with the number of files done and of all files.
    reader : ImageReader or callable, optional
        How files are read; see `image_folder`. A source has its own.

    Returns
    -------
    Audit
        The findings.

    Raises
    ------
    FolderNotFoundError
        If the folder or a split does not exist.
    DataError
        If there is no file in it.
    InvalidOptionError
        If ``max_distance`` or ``min_correlation`` is out of its range.
    MissingDependencyError
        If Pillow is not installed.

    Notes
    -----
    Pixels are compared as `image_folder` gives them to models, before resizing: RGB, transparency dropped, grey and
    palettes converted to RGB, the upper 8 of 16 bits kept, not rotated by an orientation tag. Two images have equal
    pixels if height, width and every value are equal.

    The perceptual hash holds the signs of the 255 lowest frequencies of a thumbnail, relative to their median; see
    [1]_. Hashes propose the pairs, and the correlation of their thumbnails decides.

    References
    ----------
    .. [1] C. Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010.
    """
    check_thresholds(max_distance, min_correlation)
    check_reader(reader)
    any_name = not isinstance(folder, (str, os.PathLike))
    if any_name:
        root, class_folders, files, reader = _of_sources(folder, splits, reader)
    else:
        root = Path(os.path.abspath(folder))  # noqa: PTH100 - resolve() would replace a link with its target
        class_folders, files = list_files(Path(folder), splits)
    if ids is not None:
        wanted = set(ids)
        files = [file for file in files if file.id in wanted]
    scans = list(scan_files(files, visit, progress, reader, any_name))
    if not scans:
        raise DataError(f"there must be files to look at; {os.fspath(root)!r} holds none of the ids given.")
    given = {old: new for old, new in (aliases or {}).items() if any(old in names for names in class_folders.values())}
    return Audit(
        folder=root,
        class_folders=class_folders,
        scans=scans,
        aliases=given,
        proposed_aliases=_propose_common_names(class_folders, given),
        max_distance=max_distance,
        min_correlation=min_correlation,
        group_leaked=_group_leaked(folder, scans),
        reader=reader,
    )


def _of_sources(
    given: Any, splits: Sequence[str] | None, reader: AnyReader | None
) -> tuple[Path, dict[str, list[str]], list[File], AnyReader | None]:
    """Return the common folder of sources, the classes of each, their files, and how they are read."""
    sources = {given.split or "images": given} if isinstance(given, ImageSource) else given
    if not isinstance(sources, Mapping) or not all(isinstance(one, ImageSource) for one in sources.values()):
        raise DataError(
            f"an audit must get a folder, or images of image_table or image_folder; received {type(given).__name__}."
        )
    readers = {id(one.reader): one.reader for one in sources.values()}
    if splits is not None or reader is not None or len(readers) > 1 or not sources:
        raise DataError("images of tables bring their splits, and one reader for all. Leave both options out.")
    files = [
        File(str(name), path, str(split), label)
        for split, one in sources.items()
        for (name, path), label in zip(one.paths.items(), one.one_label(), strict=True)
    ]
    twice = len(files) - len({file.id for file in files})
    if twice:
        raise DataError(f"ids must be different over all splits of an audit; {twice} come again.")
    folders = {
        str(split): sorted({file.folder for file in files if file.split == split and file.folder is not None})
        for split in sources
    }
    root = Path(os.path.commonpath([os.fspath(file.path.parent) for file in files]))
    return root, folders, files, next(iter(readers.values()))


def _group_leaked(sources: Any, scans: Sequence[Scan]) -> dict[str, list[str]]:
    """Find the images of each split whose group stands in an earlier one."""
    readable = {scan.file.id for scan in scans if not scan.problem}
    found: dict[str, list[str]] = {}
    earlier: set[str] = set()
    for split, one in sources.items() if isinstance(sources, Mapping) else ():
        if one.groups is None:
            continue
        own = [
            (str(i), group)
            for i, group in zip(one.ids.tolist(), one.groups.tolist(), strict=True)
            if str(i) in readable
        ]
        if earlier:
            found[str(split)] = sorted(i for i, group in own if group in earlier)
        earlier |= {group for _, group in own}
    return found


def _propose_common_names(folders: Mapping[str, Sequence[str]], aliases: Mapping[str, str]) -> dict[str, str]:
    """Propose the matching class names of the first split for class folders of later splits, if the match is clear."""
    named = [[aliases.get(name, name) for name in names] for names in folders.values() if names]
    proposal: dict[Hashable, Hashable] = {}
    for names in named[1:]:
        proposal |= propose_aliases(
            [c for c in names if c not in named[0] and c not in proposal], [c for c in named[0] if c not in names]
        )
    return {str(old): str(new) for old, new in proposal.items()}
