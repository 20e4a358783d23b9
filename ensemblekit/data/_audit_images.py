"""`audit_images`: finds problems in a folder of images before a model is fitted on it."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..arguments import typed
from ..errors import DataError
from ..predictions.alike import propose_aliases
from ._audit import Audit
from ._hashes import check_thresholds
from ._scan import list_files, scan_files

__all__ = ["audit_images"]


@typed()
def audit_images(
    folder: str | os.PathLike[str],
    *,
    splits: Sequence[str] | None = None,
    aliases: Mapping[str, str] | None = None,
    max_distance: int = 32,
    min_correlation: float = 0.99,
    ids: Collection[str] | None = None,
    visit: Callable[[str, np.ndarray], object] | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Audit:
    """Search a folder of images for copies, leaks, conflicting labels and files that are not images.

    Parameters
    ----------
    folder : path-like
        Holds one folder per split, each with one folder per class; or one folder per class, and is the only split.
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
        Called in a thread with the id and the decoded pixels, uint8 ``(height, width, 3)``, of each readable image, so
        that they need not be decoded again.
    progress : callable, optional
        Called with the number of files done and of all files.

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
    class_folders, files = list_files(Path(folder), splits)
    if ids is not None:
        wanted = set(ids)
        files = [file for file in files if file.id in wanted]
    scans = list(scan_files(files, visit, progress))
    if not scans:
        raise DataError(f"there must be files to look at; {os.fspath(folder)!r} holds none of the ids given.")
    given = {old: new for old, new in (aliases or {}).items() if any(old in names for names in class_folders.values())}
    return Audit(
        folder=Path(os.path.abspath(folder)),  # noqa: PTH100 - resolve() would replace a link with its target
        class_folders=class_folders,
        scans=scans,
        aliases=given,
        proposed_aliases=_propose_common_names(class_folders, given),
        max_distance=max_distance,
        min_correlation=min_correlation,
    )


def _propose_common_names(folders: Mapping[str, Sequence[str]], aliases: Mapping[str, str]) -> dict[str, str]:
    """Propose the matching class names of the first split for class folders of later splits, if the match is clear."""
    named = [[aliases.get(name, name) for name in names] for names in folders.values() if names]
    proposal: dict[Hashable, Hashable] = {}
    for names in named[1:]:
        proposal |= propose_aliases(
            [c for c in names if c not in named[0] and c not in proposal], [c for c in named[0] if c not in names]
        )
    return {str(old): str(new) for old, new in proposal.items()}
