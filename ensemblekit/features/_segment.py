"""Segments: files of features and their keys. A segment appears only when it is complete, and never changes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import time
from pathlib import Path

import numpy as np

from ..files import atomic_write
from ..limits import RATIO, largest
from ..regular import bytes_on_disk, open_regular
from ._keys import KEY

__all__ = ["SUFFIX", "DamagedSegmentError", "Segment", "read_segment", "segment_bytes", "write_segment"]

SUFFIX = ".features"

# Header: magic, version, bytes per key, rows, columns, SHA-256 of the features. Then the keys, zeros up to a multiple
# of 64, and the features: float32, little-endian, in row-major order. The file's name is the digest of header and keys.
_HEADER = struct.Struct("<8sIIQQ32s")
_MAGIC, _VERSION = b"EKITBANK", 1
_FLOAT = np.dtype("<f4")

_verified: set[tuple[int, int, int, int]] = set()
"""Files whose checksum this process has compared: device, inode, size, time of modification."""


class DamagedSegmentError(Exception):
    """A segment differs from what was written."""


class Segment:
    """An open segment, with its keys in memory and its features memory-mapped.

    Attributes
    ----------
    path : Path
        File of the segment. The memory map stays valid if the file is removed.
    keys : ndarray of S16, shape (rows,)
        From `row_keys`.
    features : ndarray of float32, shape (rows, columns)
        Read-only memory map.
    """

    def __init__(self, path: Path, keys: np.ndarray, features: np.ndarray, digest: bytes, stat: os.stat_result) -> None:
        self.path, self.keys, self.features = path, keys, features
        self.n_bytes = stat.st_size
        self._digest = digest
        self._identity = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)

    def verify(self) -> None:
        """Compare the features with their checksum, once per process.

        Raises
        ------
        DamagedSegmentError
            If they differ.
        """
        if self._identity in _verified:
            return
        if hashlib.sha256(self.features.data).digest() != self._digest:
            raise DamagedSegmentError("its features do not match their checksum")
        _verified.add(self._identity)

    def touch(self) -> None:
        """Set the segment's access time to now. The segments with the oldest access times are removed first."""
        with contextlib.suppress(OSError):  # the segment was removed, or belongs to another user
            # The modification time stays, because `verify` identifies a file by it.
            os.utime(self.path, ns=(time.time_ns(), self._identity[3]))


def write_segment(folder: Path, keys: np.ndarray, features: np.ndarray) -> Path:
    """Write rows to a new file; after an error there is no file.

    Parameters
    ----------
    folder : Path
        Folder of the file.
    keys : ndarray of S16, shape (rows,)
        From `row_keys`.
    features : ndarray of float32, shape (rows, columns)
        Contiguous.

    Returns
    -------
    Path
        The file. Its name is the same for equal keys and features.
    """
    data = np.ascontiguousarray(features, dtype=_FLOAT)
    digest = hashlib.sha256(data.data).digest()
    head = _HEADER.pack(_MAGIC, _VERSION, KEY.itemsize, *data.shape, digest) + keys.tobytes()
    path = folder / (_name_of(head) + SUFFIX)
    with atomic_write(path) as file:
        file.write(head)
        file.write(bytes(_data_offset(len(keys)) - len(head)))
        file.write(data.data)
        file.flush()
        stat = os.fstat(file.fileno())  # as soon as it has its final name, another process may remove it
    _verified.add((stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns))
    return path


def read_segment(path: Path) -> Segment:
    """Open a file, and check its header and keys, but not its features.

    Raises
    ------
    DamagedSegmentError
        If the file differs from what was written.
    OSError
        If it does not exist, or cannot be read.
    """
    with open_regular(path) as file:
        stat = os.fstat(file.fileno())
        header = file.read(_HEADER.size)
        if len(header) < _HEADER.size:
            raise DamagedSegmentError("it ends within its header")
        magic, version, key_bytes, rows, columns, digest = _HEADER.unpack(header)
        if (magic, version, key_bytes) != (_MAGIC, _VERSION, KEY.itemsize):
            raise DamagedSegmentError("its header is not one of this version")
        if stat.st_size != segment_bytes(rows, columns):
            raise DamagedSegmentError(f"it must have {segment_bytes(rows, columns)} bytes and has {stat.st_size}")
        if not rows or not columns:
            raise DamagedSegmentError("it has no features")
        # A sparse file takes less disk space than its size.
        if rows * KEY.itemsize > max(largest(), RATIO * bytes_on_disk(file)):
            raise DamagedSegmentError(f"it has {rows} keys, which are not there")
        packed = file.read(rows * KEY.itemsize)
        if path.stem != _name_of(header + packed):
            raise DamagedSegmentError("its keys do not match their checksum")
        features = np.memmap(file, dtype=_FLOAT, mode="r", offset=_data_offset(rows), shape=(rows, columns))
    return Segment(path, np.frombuffer(packed, dtype=KEY), features, digest, stat)


def segment_bytes(rows: int, columns: int) -> int:
    """Return the size of a segment's file."""
    return _data_offset(rows) + rows * columns * _FLOAT.itemsize


def _data_offset(rows: int) -> int:
    return -(-(_HEADER.size + rows * KEY.itemsize) // 64) * 64


def _name_of(head: bytes) -> str:
    return hashlib.sha256(head).hexdigest()[:32]
