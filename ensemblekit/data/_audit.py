"""`Audit`: what was found in a folder of images, as plain data."""

from __future__ import annotations

import hashlib
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ._audit_summary import summarise
from ._copies import Rows, find_copies
from ._hashes import SIDE, check_thresholds, search_near
from ._scan import Scan
from .reading import AnyReader

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Audit"]


class Audit:
    """The findings in a folder of images; `audit_images` returns one.

    Attributes
    ----------
    folder : Path
        Folder of the images.
    splits : tuple of str
        Names of the splits, in order; models are fitted on the first.
    class_folders : dict of str to list of str
        Split -> its class folders.
    aliases : dict of str to str
        ``{class folder: common name}``, as given, without class folders that do not exist here.
    proposed_aliases : dict of str to str
        Aliases that were added, because class folders differ between splits and their names show which belong together.
    ids : ndarray of str, shape (n_images,)
        ``split/class folder/file`` of each readable image, by split and name.
    unreadable : dict of str to str
        Id -> reason, for each file that is not a readable image.
    max_distance : int
        Largest number of bits in which the hashes of near copies differ.
    min_correlation : float
        Least correlation between the thumbnails of near copies.
    group_leaked : dict of str to list of str
        Split -> ids of its images whose group, such as a patient, is also in an earlier split; of tables with groups.
    reader : ImageReader, callable or None
        How the files were read.
    notes : dict of str to str
        Id -> what is lost by the way it is read: grey levels of 16 bits, frames of a stack.
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
        group_leaked: dict[str, list[str]] | None = None,
        reader: AnyReader | None = None,
    ) -> None:
        self.folder, self.class_folders, self.splits = folder, class_folders, tuple(class_folders)
        self.aliases, self.proposed_aliases = aliases, proposed_aliases
        self.max_distance, self.min_correlation = max_distance, min_correlation
        self.unreadable = {scan.file.id: scan.problem for scan in scans if scan.problem}
        self.group_leaked, self.reader = group_leaked or {}, reader
        self.notes = {scan.file.id: scan.note for scan in scans if scan.note}
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
        """Id -> common name of its class, None if it is in no class folder."""
        labels = [self.common_name(scan.file.folder) for scan in self._scans]
        return dict(zip(self.ids.tolist(), labels, strict=True))

    @cached_property
    def images(self) -> pd.DataFrame:
        """One row per image: id, split, label, class_folder, height, width, mode, format, bytes, pixels (a digest)."""
        import pandas as pd

        scans = self._scans
        # dtype object: file names may hold bytes that are not valid text, which the string dtype of pandas refuses.
        return pd.DataFrame(
            {
                "id": pd.Series([scan.file.id for scan in scans], dtype=object),
                "split": pd.Series([scan.file.split for scan in scans], dtype=object),
                "label": pd.Series(list(self.labels.values()), dtype=object),
                "class_folder": pd.Series([scan.file.folder for scan in scans], dtype=object),
                "height": [scan.size[0] for scan in scans],
                "width": [scan.size[1] for scan in scans],
                "mode": [scan.mode for scan in scans],
                "format": [scan.format for scan in scans],
                "bytes": [scan.n_bytes for scan in scans],
                "pixels": [scan.pixels for scan in scans],
            }
        )

    @cached_property
    def equal_groups(self) -> list[list[str]]:
        """Ids of images with equal pixels, two or more per group."""
        return [[str(self.ids[row]) for row in rows] for rows in self._by_pixels if len(rows) > 1]

    @cached_property
    def cross_split_groups(self) -> list[list[str]]:
        """The `equal_groups` with images of more than one split."""
        return [ids for ids in self.equal_groups if len({self._split_of[i] for i in ids}) > 1]

    @cached_property
    def label_conflicts(self) -> list[list[str]]:
        """The `equal_groups` with more than one class, by common name."""
        return [ids for ids in self.equal_groups if len({self.labels[i] for i in ids} - {None}) > 1]

    @cached_property
    def copies(self) -> pd.DataFrame:
        """One row per copy: image, twin (ids), kind, leaks, conflict, distance (bits) and correlation as of near pairs.

        The twin is an image before it, of an earlier split if there is one. The kind is ``"bytes"`` if the files are
        equal, ``"pixels"`` if only the pixels are, ``"near"`` for near copies. It leaks if the twin is in an earlier
        split, and conflicts if their classes differ. Leaks come first, and among them conflicts.
        """
        ranks = [self._rank_of[i] for i in self.ids.tolist()]
        digests = [scan.digest for scan in self._scans]
        return find_copies(
            Rows(self.ids.tolist(), ranks, [*self.labels.values()], digests), self._by_pixels, self._near
        )

    @cached_property
    def leaked(self) -> dict[str, list[str]]:
        """Split -> ids of its images whose pixels are also in an earlier split."""
        return self._leaking(near=False)

    @cached_property
    def near_leaked(self) -> dict[str, list[str]]:
        """Split -> ids of its images with a near copy in an earlier split, except for those in `leaked`."""
        return self._leaking(near=True)

    def _leaking(self, *, near: bool) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {name: [] for name in self.splits[1:]}
        copies = self.copies[self.copies["leaks"]]
        for image in sorted(copies["image"][(copies["kind"] == "near") == near].tolist()):
            found[self._split_of[image]].append(image)
        return found

    @cached_property
    def near_pairs(self) -> pd.DataFrame:
        """One row per pair of near copies, nearest first: first, second (ids), distance (bits), correlation.

        If images have equal pixels, only the first of them is compared.
        """
        import pandas as pd

        firsts = np.array([rows[0] for rows in self._by_pixels], dtype=np.int64)
        pairs, distances, correlations = self._near
        ids = self.ids[firsts[pairs]]
        table = pd.DataFrame(
            {
                "first": pd.Series(ids[:, 0].tolist(), dtype=object),
                "second": pd.Series(ids[:, 1].tolist(), dtype=object),
                "distance": distances,
                "correlation": correlations,
            }
        )
        return table.sort_values(["distance", "first", "second"], ignore_index=True)

    @cached_property
    def n_byte_copies(self) -> int:
        """Number of images that are byte copies of an earlier one."""
        return len(self) - len({scan.digest for scan in self._scans})

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the names and bytes of every file that could be read and has the suffix of an image."""
        lines = [f"{name} {digest}" for name, digest in sorted(self._digests.items())]
        return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()

    @cached_property
    def counts(self) -> dict[str, dict[str, int]]:
        """Split -> common name of a class -> number of images; those in no class folder have an empty name."""
        names = {self.common_name(folder) for folders in self.class_folders.values() for folder in folders}
        counts = {split: dict.fromkeys(sorted(str(name) for name in names), 0) for split in self.splits}
        for i, label in self.labels.items():
            of_split = counts[self.split_of(i)]
            of_split[label or ""] = of_split.get(label or "", 0) + 1
        return counts

    @cached_property
    def imbalance(self) -> dict[str, float | None]:
        """Split -> size of its largest class divided by that of its smallest; None if a class has no image."""
        found: dict[str, float | None] = {}
        for split, counts in self.counts.items():
            sizes = [n for label, n in counts.items() if label]
            found[split] = round(max(sizes) / min(sizes), 4) if sizes and min(sizes) else None
        return found

    @cached_property
    def sizes(self) -> dict[str, Any]:
        """Number of different sizes; least, median and greatest height and width in pixels."""
        if not len(self):
            return {"n_distinct": 0}
        sizes = self.images[["height", "width"]].to_numpy()
        low, middle, high = sizes.min(axis=0), np.median(sizes, axis=0), sizes.max(axis=0)
        return {"n_distinct": len(np.unique(sizes, axis=0))} | {
            name: {"min": int(low[k]), "median": float(middle[k]), "max": int(high[k])}
            for k, name in enumerate(("height", "width"))
        }

    @cached_property
    def summary(self) -> list[str]:
        """The findings in sentences, the most serious first."""
        return summarise(self._findings)

    @property
    def _findings(self) -> dict[str, Any]:
        return {
            "leaked": self.leaked,
            "near_leaked": self.near_leaked,
            "group_leaked": self.group_leaked,
            "cross_split_groups": self.cross_split_groups,
            "label_conflicts": self.label_conflicts,
            "equal_groups": self.equal_groups,
            "n_byte_copies": self.n_byte_copies,
            "near_pairs": self.near_pairs.to_dict("records"),
            "max_distance": self.max_distance,
            "min_correlation": self.min_correlation,
            "unreadable": self.unreadable,
            "notes": self.notes,
            "class_folders": self.class_folders,
            "aliases": self.aliases,
            "proposed_aliases": self.proposed_aliases,
            "counts": self.counts,
            "imbalance": self.imbalance,
            "modes": dict(sorted(Counter(self.images["mode"].tolist()).items())),
            "formats": dict(sorted(Counter(self.images["format"].tolist()).items())),
            "sizes": self.sizes,
        }

    @cached_property
    def groups(self) -> dict[str, int]:
        """Id -> number of its group of equal and near copies, over all splits; see `group`."""
        return self.group()

    def group(self, *, max_distance: int | None = None, min_correlation: float | None = None) -> dict[str, int]:
        """Put copies of each other into one group.

        Parameters
        ----------
        max_distance : int, optional
            Largest number of bits in which the hashes of near copies differ; by default that of the audit.
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
        Groups are the connected components of the near pairs. If A is near B, and B is near C, all three are in one
        group, even if A and C are not near. Looser thresholds therefore join neighbouring slices of one patient, and
        in the end nearly all images. So look at the sizes of the groups.
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
        """Positions of the images with equal pixels: one list per distinct image, in order of the first."""
        rows: dict[str, list[int]] = {}
        for row, scan in enumerate(self._scans):
            rows.setdefault(scan.pixels, []).append(row)
        return list(rows.values())

    @cached_property
    def _thumbnails(self) -> np.ndarray:
        distinct = [self._scans[rows[0]].thumbnail for rows in self._by_pixels]
        return np.stack(distinct) if distinct else np.empty((0, SIDE, SIDE), dtype=np.uint8)

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
        """Return the name that the class of a class folder has in every split.

        Parameters
        ----------
        folder : str or None
            Name of a class folder, or None.

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
        """Return the split of an image.

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
        """Return all findings as values that JSON can hold, in a fixed order.

        Returns
        -------
        dict
            What the command ``ensemblekit audit --json`` prints.
        """
        return {
            "folder": str(self.folder),
            "fingerprint": self.fingerprint,
            "n_images": len(self),
            "splits": list(self.splits),
            "summary": self.summary,
            **self._findings,
        }
