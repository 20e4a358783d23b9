"""A shelf: the rows of one backbone, input shape and augmentation, found by their keys in the segments of a folder."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..errors import FeatureBankWarning
from ._files import remove_segments, segment_names
from ._keys import KEY
from ._segment import DamagedSegmentError, Segment, read_segment, write_segment

__all__ = ["Hits", "Shelf"]

MOST_SEGMENTS = 32
"""With more of them than this, the smaller half becomes one."""


class Hits:
    """Where rows that were asked for are: each in a segment, or missing."""

    def __init__(self, segments: list[Segment], segment: np.ndarray, row: np.ndarray) -> None:
        self._segments, self._segment, self._row = segments, segment, row

    @classmethod
    def none(cls, rows: int) -> Hits:
        """Say of so many rows that they are missing."""
        return cls([], np.full(rows, -1), np.zeros(rows, dtype=np.int64))

    @property
    def missing(self) -> np.ndarray:
        """Which rows are in no segment, as bool, shape ``(rows,)``."""
        return self._segment < 0

    @property
    def n_columns(self) -> int:
        """Features a row."""
        return int(self._segments[0].features.shape[1])

    def copy_to(self, out: np.ndarray, places: np.ndarray) -> None:
        """Copy the rows that are there into ``out``, row ``i`` to ``places[i]``."""
        for number in np.unique(self._segment[~self.missing]):
            of_it = self._segment == number
            out[places[of_it]] = self._segments[number].features[self._row[of_it]]

    def as_one(self, keys: np.ndarray) -> np.ndarray | None:
        """Give all rows as one piece of a map, where they stand so in one segment; else None."""
        if not len(keys) or self._segment[0] < 0 or (self._segment != self._segment[0]).any():
            return None
        segment, start = self._segments[self._segment[0]], int(self._row[0])
        piece = slice(start, start + len(keys))
        return segment.features[piece] if np.array_equal(segment.keys[piece], keys) else None


class Shelf:
    """The segments of a folder, as they were when it was last looked at.

    Parameters
    ----------
    folder : Path
        May be absent: then there are none.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._by_name: dict[str, Segment] = {}
        self._damaged: set[str] = set()
        self.refresh()

    @property
    def n_columns(self) -> int:
        """Features a row; 0 where there is none."""
        return int(self._segments[0].features.shape[1]) if self._segments else 0

    def refresh(self) -> None:
        """Look at the folder again."""
        names = segment_names(self.folder)
        self._by_name = {name: segment for name, segment in self._by_name.items() if name in names}
        for name in sorted(names - set(self._by_name) - self._damaged):
            try:
                self._by_name[name] = self._read(name)
            except DamagedSegmentError as error:
                self._discard(self.folder / name, error)
            except OSError:  # another process has made room, or it is another user's
                continue
        self._index()

    def _read(self, name: str) -> Segment:
        segment = read_segment(self.folder / name)
        n_columns, expected = segment.features.shape[1], [s.features.shape[1] for s in self._by_name.values()][:1]
        if expected not in ([], [n_columns]):
            raise DamagedSegmentError(f"it has {n_columns} features a row, and others have {expected[0]}")
        return segment

    def find(self, keys: np.ndarray) -> Hits:
        """Look up rows; the segments of those that are found have been verified."""
        while len(self._keys):
            at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
            segment = np.where(self._keys[at] == keys, self._segment_of[at], -1)
            if self._are_whole(np.unique(segment[segment >= 0])):
                return Hits(self._segments, segment, self._row_of[at])
        return Hits.none(len(keys))

    def append(self, keys: np.ndarray, features: np.ndarray) -> None:
        """Write rows as a segment, and remove the segments that have no others."""
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
                return  # it is told, and removed, when one of its rows is asked for
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
        # Of equal keys the first in a segment stays first: there a piece of it begins.
        order = np.argsort(every, kind="stable")
        ends = np.cumsum(lengths, dtype=np.int64)
        self._keys = every[order]
        self._segment_of = np.searchsorted(ends, order, side="right")
        starts = ends - lengths
        self._row_of = order - starts[self._segment_of] if lengths else order

    def _are_whole(self, numbers: np.ndarray) -> bool:
        whole = True
        for segment in [self._segments[number] for number in numbers]:
            try:
                segment.verify()
            except DamagedSegmentError as error:
                self._discard(segment.path, error)
                whole = False
            else:
                segment.touch()
        if not whole:
            self._index()
        return whole

    def _discard(self, path: Path, error: DamagedSegmentError) -> None:
        self._damaged.add(path.name)  # where it cannot be removed, it is told once
        self._by_name.pop(path.name, None)
        with contextlib.suppress(OSError):
            remove_segments(self.folder, [path.name])
        warnings.warn(
            f"a file of a feature bank must be as it was written; {str(path)!r} is not: {error}. It is removed, and "
            "its features are computed again.",
            FeatureBankWarning,
            stacklevel=2,
        )
