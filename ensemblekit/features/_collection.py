"""Collections: the features of one backbone, input shape and augmentation, found by key in the segments of a folder."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..errors import FeatureBankWarning
from ._bank_folder import remove_segments, remove_staging, segment_names
from ._keys import KEY
from ._segment import DamagedSegmentError, Segment, read_segment, write_segment

__all__ = ["Collection", "Hits"]

MOST_SEGMENTS = 32
"""With more segments, the smaller half is merged into one."""


class Hits:
    """The result of a look-up: each row is in a segment, or missing.

    Parameters
    ----------
    segments : list of Segment
        The segments.
    segment, row : ndarray of int, shape (rows,)
        Where each row is: the position of its segment, or -1 if it is missing; and its row in that segment.
    """

    def __init__(self, segments: list[Segment], segment: np.ndarray, row: np.ndarray) -> None:
        self._segments, self._segment, self._row = segments, segment, row

    @classmethod
    def none(cls, rows: int) -> Hits:
        """Make the result for rows that are all missing."""
        return cls([], np.full(rows, -1), np.zeros(rows, dtype=np.int64))

    @property
    def missing(self) -> np.ndarray:
        """Which rows are in no segment, as bool, shape ``(rows,)``."""
        return self._segment < 0

    @property
    def n_columns(self) -> int:
        """Features per row."""
        return int(self._segments[0].features.shape[1])

    def copy_to(self, out: np.ndarray, places: np.ndarray) -> None:
        """Copy each row that was found into ``out``, row ``i`` to ``places[i]``."""
        for number in np.unique(self._segment[~self.missing]):
            in_segment = self._segment == number
            out[places[in_segment]] = self._segments[number].features[self._row[in_segment]]

    def as_map(self, keys: np.ndarray) -> np.ndarray | None:
        """Return all rows as one slice of a memory map; None if they are not one slice of one segment."""
        if not len(keys) or self._segment[0] < 0 or (self._segment != self._segment[0]).any():
            return None
        segment, start = self._segments[self._segment[0]], int(self._row[0])
        part = slice(start, start + len(keys))
        return segment.features[part] if np.array_equal(segment.keys[part], keys) else None


class Collection:
    """The segments of a folder, as they were at the last refresh.

    Parameters
    ----------
    folder : Path
        Folder of the collection. It need not exist; then there are no segments.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._by_name: dict[str, Segment] = {}
        self._damaged: set[str] = set()
        # Also where nothing is missing, so that nothing is written: a killed process can leave as much as half a bank.
        remove_staging(folder)
        self.refresh()

    @property
    def n_columns(self) -> int:
        """Features per row; 0 if there is no row."""
        return int(self._segments[0].features.shape[1]) if self._segments else 0

    def refresh(self) -> None:
        """Open the segments that were added since the last refresh, and drop those that were removed."""
        names = segment_names(self.folder)
        self._by_name = {name: segment for name, segment in self._by_name.items() if name in names}
        for name in sorted(names - set(self._by_name) - self._damaged):
            try:
                self._by_name[name] = self._read(name)
            except DamagedSegmentError as error:
                self._discard(self.folder / name, error)
            except OSError:  # another process has removed it, or it belongs to another user
                continue
        self._index()

    def _read(self, name: str) -> Segment:
        segment = read_segment(self.folder / name)
        n_columns, expected = segment.features.shape[1], [s.features.shape[1] for s in self._by_name.values()][:1]
        if expected not in ([], [n_columns]):
            raise DamagedSegmentError(f"it has {n_columns} features a row, and others have {expected[0]}")
        return segment

    def find(self, keys: np.ndarray) -> Hits:
        """Look up rows, and verify the segments in which they are found."""
        while len(self._keys):
            at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
            segment = np.where(self._keys[at] == keys, self._segment_of[at], -1)
            if self._are_undamaged(np.unique(segment[segment >= 0])):
                return Hits(self._segments, segment, self._row_of[at])
        return Hits.none(len(keys))

    def append(self, keys: np.ndarray, features: np.ndarray) -> None:
        """Write rows as a segment, and remove the segments that only hold these rows."""
        before = self._segments
        path = write_segment(self.folder, keys, features)
        self._damaged.discard(path.name)
        self._remove(s for s in before if s.path != path and np.isin(s.keys, keys).all())
        self.refresh()
        if len(self._segments) > MOST_SEGMENTS:
            self._merge(sorted(self._segments, key=lambda s: (s.n_bytes, s.path.name))[: MOST_SEGMENTS // 2])

    def _merge(self, segments: list[Segment]) -> None:
        for segment in segments:
            try:
                segment.verify()
            except DamagedSegmentError:
                return  # a damaged segment is reported and removed when one of its rows is looked up
        keys, first = np.unique(np.concatenate([s.keys for s in segments]), return_index=True)
        path = write_segment(self.folder, keys, np.concatenate([s.features for s in segments])[first])
        self._remove(s for s in segments if s.path != path)
        self.refresh()

    def _remove(self, segments: Iterable[Segment]) -> None:
        remove_segments(self.folder, [segment.path.name for segment in segments])

    def _index(self) -> None:
        self._segments = list(self._by_name.values())
        keys = [np.empty(0, dtype=KEY), *(segment.keys for segment in self._segments)]
        lengths = [len(segment.keys) for segment in self._segments]
        every = np.concatenate(keys)
        # A stable sort keeps the first of equal keys: `Hits.as_map` finds a slice from its first row.
        order = np.argsort(every, kind="stable")
        ends = np.cumsum(lengths, dtype=np.int64)
        self._keys = every[order]
        self._segment_of = np.searchsorted(ends, order, side="right")
        starts = ends - lengths
        self._row_of = order - starts[self._segment_of] if lengths else order

    def _are_undamaged(self, numbers: np.ndarray) -> bool:
        undamaged = True
        for segment in [self._segments[number] for number in numbers]:
            try:
                segment.verify()
            except DamagedSegmentError as error:
                self._discard(segment.path, error)
                undamaged = False
            else:
                segment.touch()
        if not undamaged:
            self._index()
        return undamaged

    def _discard(self, path: Path, error: DamagedSegmentError) -> None:
        self._damaged.add(path.name)  # so that it is reported once even if it cannot be removed
        self._by_name.pop(path.name, None)
        with contextlib.suppress(OSError):
            remove_segments(self.folder, [path.name])
        warnings.warn(
            f"a file of a feature bank must be as it was written; {str(path)!r} is not: {error}. It is removed, and "
            "its features are computed again.",
            FeatureBankWarning,
            stacklevel=2,
        )
