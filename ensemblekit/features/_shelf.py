"""A shelf: the features of one backbone, input shape and augmentation, in the segments of a folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import warnings
from collections.abc import Generator
from pathlib import Path

import numpy as np

from ..errors import FeatureBankWarning
from ._segment import SUFFIX, DamagedSegmentError, Segment, read_segment, write_segment

__all__ = ["LOCK", "Hits", "Shelf"]

LOCK = ".lock"
MOST_SEGMENTS = 32
"""With more of them than this, the smaller half becomes one."""


class Hits:
    """Where rows that were asked for are: each in a segment, or missing."""

    def __init__(self, segments: list[Segment], segment: np.ndarray, row: np.ndarray) -> None:
        self.segments, self._segment, self._row = segments, segment, row

    @property
    def missing(self) -> np.ndarray:
        """Which rows are in no segment, as bool, shape ``(rows,)``."""
        return self._segment < 0

    @property
    def n_columns(self) -> int:
        """Features a row."""
        return int(self.segments[0].features.shape[1])

    def copy_to(self, out: np.ndarray, places: np.ndarray) -> None:
        """Copy the rows that are there into ``out``, row ``i`` to ``places[i]``."""
        for number, segment in enumerate(self.segments):
            of_it = self._segment == number
            if of_it.any():
                out[places[of_it]] = segment.features[self._row[of_it]]

    def as_one(self, keys: np.ndarray) -> np.ndarray | None:
        """Give all rows as one piece of a map, where they stand so in one segment; else None."""
        if not len(keys) or (self._segment != self._segment[0]).any() or self._segment[0] < 0:
            return None
        segment, start = self.segments[self._segment[0]], int(self._row[0])
        piece = slice(start, start + len(keys))
        return segment.features[piece] if np.array_equal(segment.keys[piece], keys) else None


class Shelf:
    """The segments of one folder, as they are now."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._segments: dict[str, Segment] = {}
        self._index()

    @property
    def n_rows(self) -> int:
        """Rows of different keys."""
        return len(np.unique(self._keys))

    @property
    def n_columns(self) -> int:
        """Features a row; 0 where there is none."""
        return int(self._list[0].features.shape[1]) if self._list else 0

    def find(self, keys: np.ndarray) -> Hits:
        """Look up rows; what is found has been checked."""
        while True:
            at = np.searchsorted(self._keys, keys)
            at[at == len(self._keys)] = 0
            there = self._keys[at] == keys if len(self._keys) else np.zeros(len(keys), dtype=bool)
            segment = np.where(there, self._segment_of[at], -1) if len(self._keys) else np.full(len(keys), -1)
            row = self._row_of[at] if len(self._keys) else np.zeros(len(keys), dtype=np.int64)
            if not self._remove_damaged(np.unique(segment[there])):
                return Hits(self._list, segment, row)

    def refresh(self) -> None:
        """Look at the folder again."""
        names: set[str] = set()
        with contextlib.suppress(FileNotFoundError), os.scandir(self.folder) as entries:
            names = {entry.name for entry in entries if entry.name.endswith(SUFFIX) and entry.name[0] != "."}
        self._segments = {name: segment for name, segment in self._segments.items() if name in names}
        for name in sorted(names - set(self._segments)):
            try:
                self._segments[name] = read_segment(self.folder / name)
            except DamagedSegmentError as error:
                _discard(self.folder / name, error)
            except FileNotFoundError:  # another process has made room
                pass
        self._index()

    def append(self, keys: np.ndarray, features: np.ndarray) -> None:
        """Write rows as a new segment, and drop the segments that have no others."""
        path = write_segment(self.folder, keys, features)
        before = [segment for segment in self._list if segment.path != path]
        self.refresh()
        for segment in before:
            if np.isin(segment.keys, keys).all():
                segment.path.unlink(missing_ok=True)
                self._segments.pop(segment.path.name, None)
        self._tidy()
        self._index()

    @contextlib.contextmanager
    def writing(self) -> Generator[None]:
        """Let one process at a time compute what is missing here; the others wait, and then find it.

        The kernel gives the lock back when a process ends, however it ends.
        """
        with (self.folder / LOCK).open("ab") as file:
            with contextlib.suppress(OSError):  # a file system without locks: both compute, and nothing breaks
                fcntl.flock(file, fcntl.LOCK_EX)
                # Whoever wrote these has not lived to give them their names.
                for partial in self.folder.glob(f".*{SUFFIX}"):
                    partial.unlink(missing_ok=True)
            try:
                self.refresh()
                yield
            finally:
                with contextlib.suppress(OSError):
                    fcntl.flock(file, fcntl.LOCK_UN)

    def _tidy(self) -> None:
        if len(self._segments) <= MOST_SEGMENTS:
            return
        small = sorted(self._segments.values(), key=lambda s: (s.n_bytes, s.path.name))[: MOST_SEGMENTS // 2]
        small = [segment for segment in small if segment.features.shape[1] == small[0].features.shape[1]]
        keys, first = np.unique(np.concatenate([segment.keys for segment in small]), return_index=True)
        write_segment(self.folder, keys, np.concatenate([segment.features for segment in small])[first])
        for segment in small:
            segment.path.unlink(missing_ok=True)
        self.refresh()

    def _index(self) -> None:
        self._list = list(self._segments.values())
        keys = [segment.keys for segment in self._list]
        lengths = [len(k) for k in keys]
        every = np.concatenate(keys) if keys else np.empty(0, dtype="S16")
        # Of equal keys the first in a segment comes first: there a run of rows begins.
        order = np.argsort(every, kind="stable")
        self._keys = every[order]
        self._segment_of = np.repeat(np.arange(len(keys)), lengths)[order]
        self._row_of = np.concatenate([np.arange(n) for n in lengths])[order] if keys else np.empty(0, dtype=np.int64)

    def _remove_damaged(self, numbers: np.ndarray) -> bool:
        damaged = False
        for segment in [self._list[number] for number in numbers]:
            try:
                segment.verify()
            except DamagedSegmentError as error:
                _discard(segment.path, error)
                del self._segments[segment.path.name]
                damaged = True
            else:
                segment.touch()
        if damaged:
            self._index()
        return damaged


def _discard(path: Path, error: DamagedSegmentError) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
    warnings.warn(
        f"a file of the feature bank was damaged and is removed; its features are computed again: {str(path)!r}: "
        f"{error}.",
        FeatureBankWarning,
        stacklevel=2,
    )
