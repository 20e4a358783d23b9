"""`Audit`: what was found in a folder of images, as plain data."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ._audit_summary import count_classes, describe_sizes, find_imbalance, summarise, to_dict
from ._audit_tables import tabulate_images, tabulate_pairs
from ._hashes import SIDE, check_thresholds, search_near
from ._scan import Scan

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Audit"]


class Audit:
    """What was found in a folder of images; made by `audit_images`.

    Attributes
    ----------
    folder : Path
        Where the images are.
    splits : tuple of str
        In order: what models are fitted on comes first.
    class_folders : dict of str to list of str
        Split -> its class folders.
    aliases : dict of str to str
        ``{class folder: common name}``, as given, without those that are not here.
    proposed_aliases : dict of str to str
        Those that were added, where class folders differ between splits and it is plain which is which.
    ids : ndarray of str, shape (n_images,)
        ``split/class folder/file`` of each readable image, by split and name.
    unreadable : dict of str to str
        Id -> reason, for each file that is no readable image.
    max_distance : int
        Bits in which the hashes of near copies may differ.
    min_correlation : float
        Least correlation of their thumbnails.
    """

    def __init__(
        self,
        *,
        folder: Path,
        class_folders: dict[str, list[str]],
        scans: list[Scan],
        aliases: dict[str, str],
        proposed_aliases: dict[str, str],
        max_distance: int,
        min_correlation: float,
    ) -> None:
        self.folder, self.class_folders, self.splits = folder, class_folders, tuple(class_folders)
        self.aliases, self.proposed_aliases = aliases, proposed_aliases
        self.max_distance, self.min_correlation = max_distance, min_correlation
        self.unreadable = {scan.file.id: scan.problem for scan in scans if scan.problem}
        self._digests = {scan.file.id: scan.digest for scan in scans if scan.digest}
        self._scans = [scan for scan in scans if not scan.problem]
        self.ids = np.array([scan.file.id for scan in self._scans], dtype=np.str_)

    def __len__(self) -> int:
        return len(self._scans)

    def __repr__(self) -> str:
        return (
            f"<audit of {len(self)} images in {str(self.folder)!r}: {len(self.equal_groups)} groups of equal pixels, "
            f"{len(self.near_pairs)} near pairs, {len(self.unreadable)} unreadable>"
        )

    @cached_property
    def paths(self) -> dict[str, Path]:
        """Id -> file, for each readable image."""
        return {scan.file.id: scan.file.path for scan in self._scans}

    @cached_property
    def labels(self) -> dict[str, str | None]:
        """Id -> common name of its class, None where it lies in no class folder."""
        labels = [self.common_name(scan.file.folder) for scan in self._scans]
        return dict(zip(self.ids.tolist(), labels, strict=True))

    @cached_property
    def images(self) -> pd.DataFrame:
        """A row an image: id, split, label, class_folder, height, width, mode, format, bytes, pixels (their digest)."""
        return tabulate_images(self._scans, list(self.labels.values()))

    @cached_property
    def equal_groups(self) -> list[list[str]]:
        """Ids of images with equal pixels, two or more a group."""
        return [[str(self.ids[row]) for row in rows] for rows in self._by_pixels if len(rows) > 1]

    @cached_property
    def cross_split_groups(self) -> list[list[str]]:
        """Those of `equal_groups` with images of more than one split."""
        return [ids for ids in self.equal_groups if len({self._split_of[i] for i in ids}) > 1]

    @cached_property
    def label_conflicts(self) -> list[list[str]]:
        """Those of `equal_groups` with more than one class, by their common names."""
        return [ids for ids in self.equal_groups if len({self.labels[i] for i in ids} - {None}) > 1]

    @cached_property
    def leaked(self) -> dict[str, list[str]]:
        """Split -> ids of its images whose pixels stand in an earlier split, too."""
        found: dict[str, list[str]] = {name: [] for name in self.splits[1:]}
        for ids in self.cross_split_groups:
            first = min(self._rank_of[i] for i in ids)
            for i in ids:
                if self._rank_of[i] > first:
                    found[self._split_of[i]].append(i)
        return {name: sorted(ids) for name, ids in found.items()}

    @cached_property
    def near_leaked(self) -> dict[str, list[str]]:
        """Split -> ids of its images with a near copy in an earlier split, without those of `leaked`."""
        found: dict[str, set[str]] = {name: set() for name in self.splits[1:]}
        for pair in self._near[0].tolist():
            sides = [[str(self.ids[row]) for row in self._by_pixels[place]] for place in pair]
            first = [min(self._rank_of[i] for i in ids) for ids in sides]
            for ids, earliest in zip(sides, reversed(first), strict=True):
                for i in ids:
                    if self._rank_of[i] > earliest:
                        found[self._split_of[i]].add(i)
        return {name: sorted(ids - set(self.leaked[name])) for name, ids in found.items()}

    @cached_property
    def near_pairs(self) -> pd.DataFrame:
        """A row a pair of near copies, nearest first: first, second (ids), distance (bits), correlation.

        Of images with equal pixels, the first stands for all.
        """
        firsts = np.array([rows[0] for rows in self._by_pixels], dtype=np.int64)
        return tabulate_pairs(self.ids[firsts[self._near[0]]], *self._near[1:])

    @cached_property
    def n_byte_copies(self) -> int:
        """How many images are byte copies of another, the first of each not counted."""
        return len(self) - len({scan.digest for scan in self._scans})

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the names and bytes of every file that could be read and has a name of an image."""
        lines = [f"{name} {digest}" for name, digest in sorted(self._digests.items())]
        return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()

    @cached_property
    def counts(self) -> dict[str, dict[str, int]]:
        """Split -> common name of a class -> images; those in no class folder under an empty name."""
        return count_classes(self)

    @cached_property
    def imbalance(self) -> dict[str, float | None]:
        """Split -> its largest class divided by its smallest; None where one has no image."""
        return find_imbalance(self)

    @cached_property
    def sizes(self) -> dict[str, Any]:
        """How many sizes there are; least, median and greatest height and width in pixels."""
        return describe_sizes(self)

    @cached_property
    def summary(self) -> list[str]:
        """What was found, in sentences."""
        return summarise(self)

    @cached_property
    def groups(self) -> dict[str, int]:
        """Id -> number of its group of copies, equal and near, over all splits; see `group`."""
        return self.group()

    def group(self, *, max_distance: int | None = None, min_correlation: float | None = None) -> dict[str, int]:
        """Put copies of each other into one group.

        Parameters
        ----------
        max_distance : int, optional
            Bits in which the hashes of near copies may differ; by default that of the audit.
        min_correlation : float, optional
            Least correlation of their thumbnails; by default that of the audit.

        Returns
        -------
        dict of str to int
            Id -> number of its group, from 0 in the order of `ids`; most groups have one image.

        Raises
        ------
        InvalidOptionError
            If a threshold is out of its range.

        Notes
        -----
        Groups are the connected components of the near pairs. They chain: where A is near to B, and B to C, all three
        are in one group, be A and C near or not. Looser thresholds thus join slices of one patient that lie next to
        each other, and in the end nearly everything: look at the sizes of the groups.
        """
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        pairs = self._near[0]
        if max_distance is not None or min_correlation is not None:
            distance = self.max_distance if max_distance is None else max_distance
            correlation = self.min_correlation if min_correlation is None else min_correlation
            check_thresholds(distance, correlation)
            pairs = search_near(self._thumbnails, distance, correlation)[0]
        n = len(self._by_pixels)
        links = coo_array((np.ones(len(pairs), dtype=np.int8), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
        component = connected_components(links, directed=False)[1]
        of_row = np.empty(len(self), dtype=np.int64)
        for place, rows in enumerate(self._by_pixels):
            of_row[rows] = component[place]
        number: dict[int, int] = {}
        return {str(i): number.setdefault(c, len(number)) for i, c in zip(self.ids, of_row.tolist(), strict=True)}

    @cached_property
    def _by_pixels(self) -> list[list[int]]:
        """Rows of images with equal pixels, alone or not, in order of the first."""
        rows: dict[str, list[int]] = {}
        for row, scan in enumerate(self._scans):
            rows.setdefault(scan.pixels, []).append(row)
        return list(rows.values())

    @cached_property
    def _thumbnails(self) -> np.ndarray:
        shown = [self._scans[rows[0]].thumbnail for rows in self._by_pixels]
        return np.stack(shown) if shown else np.empty((0, SIDE, SIDE), dtype=np.uint8)

    @cached_property
    def _near(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return search_near(self._thumbnails, self.max_distance, self.min_correlation)

    @cached_property
    def _split_of(self) -> dict[str, str]:
        return {scan.file.id: scan.file.split for scan in self._scans}

    @cached_property
    def _rank_of(self) -> dict[str, int]:
        rank = {name: place for place, name in enumerate(self.splits)}
        return {i: rank[split] for i, split in self._split_of.items()}

    def common_name(self, folder: str | None) -> str | None:
        """Say what the class of a class folder is called in every split.

        Parameters
        ----------
        folder : str or None
            Name of a class folder, or None for none.

        Returns
        -------
        str or None
            Its alias, given or proposed, or the name itself.
        """
        if folder is None:
            return None
        name = self.aliases.get(folder, folder)
        return self.proposed_aliases.get(name, name)

    def split_of(self, image: str) -> str:
        """Say in which split an image is.

        Parameters
        ----------
        image : str
            Its id.

        Returns
        -------
        str
            Name of the split.
        """
        return self._split_of[image]

    def to_dict(self) -> dict[str, Any]:
        """Give everything as what JSON can hold, in an order that does not change.

        Returns
        -------
        dict
            What the command ``ensemblekit audit --json`` prints.
        """
        return to_dict(self)
