"""`audit_images`: what is wrong with a folder of images before any model sees it."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..arguments import typed
from ..errors import DataError
from ._audited import Audit
from ._hashes import check_thresholds
from ._layout import list_files, propose_common_names
from ._scan import scan_files

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
    """Look through a folder of images for copies, leaks, conflicting labels and files that are no images.

    Parameters
    ----------
    folder : path-like
        Holds a folder a split, each with a folder a class; or just a folder a class, which is one split.
    splits : sequence of str, optional
        Names of the split folders, first that which models are fitted on; none of them: ``folder`` is one split. By
        default every folder is a split where one of them is called train, valid, test or the like.
    aliases : mapping, optional
        ``{class folder: common name}``. What is missing is proposed where it is plain, as `image_splits` does, and
        used.
    max_distance : int, default=32
        Bits, of 255, in which the perceptual hashes of near copies may differ.
    min_correlation : float, default=0.99
        Least correlation between the thumbnails of near copies, 32 by 32 grey pixels.
    ids : collection of str, optional
        Only these files, by their ids.
    visit : callable, optional
        Called, in a thread of its own, with the id and the decoded pixels, uint8 ``(height, width, 3)``, of each
        readable image: so that they need not be decoded again.
    progress : callable, optional
        Called with the files done and in all.

    Returns
    -------
    Audit
        What was found.

    Raises
    ------
    FolderNotFoundError
        If the folder or a split is not there.
    DataError
        If there is no file in it.
    InvalidOptionError
        If ``max_distance`` or ``min_correlation`` is out of its range.
    MissingDependencyError
        If Pillow is not installed.

    Notes
    -----
    Pixels are those that `image_folder` gives to models, before resizing: RGB, transparency dropped, grey and palettes
    turned into RGB, of 16 bits the upper 8, not turned by an orientation tag. Two images have equal pixels where
    height, width and every value are equal.

    The perceptual hash takes the signs of the 255 lowest frequencies of a thumbnail, against their median; see [1]_. It
    finds pairs, and the correlation of their thumbnails decides.

    References
    ----------
    .. [1] C. Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010.
    """
    check_thresholds(max_distance, min_correlation)
    found, files = list_files(Path(folder), splits)
    if ids is not None:
        wanted = set(ids)
        files = [file for file in files if file.id in wanted]
    scans = list(scan_files(files, visit, progress))
    if not scans:
        raise DataError(f"there must be files to look at; {os.fspath(folder)!r} holds none of the ids given.")
    given = {old: new for old, new in (aliases or {}).items() if any(old in names for names in found.values())}
    return Audit(
        folder=Path(os.path.abspath(folder)),  # noqa: PTH100 - a link keeps the name that it was given by
        class_folders=found,
        scans=scans,
        aliases=given,
        proposed_aliases=propose_common_names(found, given),
        max_distance=max_distance,
        min_correlation=min_correlation,
    )
