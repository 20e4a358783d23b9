"""Checks of the zip archives in a saved folder, made before any content is read into memory."""

from __future__ import annotations

import ast
import io
import math
import os
import re
import struct
import zipfile
from typing import IO

import numpy as np

from ..errors import StoreError
from ..limits import check_size

__all__ = ["check_archive"]

ARRAY = b"\x93NUMPY"
"""The first bytes of an array in NumPy's format."""

LONGEST_HEADER = 10_000
"""Bytes of an array's header that NumPy reads."""

OVERHEAD = 2**10
"""Bytes of a zip file that may belong to an entry, beside its content and twice its name."""


def check_archive(name: str, file: IO[bytes]) -> None:
    """Refuse an archive that neither NumPy, skops nor Keras writes.

    Parameters
    ----------
    name : str
        Name of the file.
    file : binary file
        Open for reading. At the end it is at its start again.

    Raises
    ------
    StoreError
        If it is not an archive; if an entry is compressed, occurs twice, or has a path outside of the archive; if the
        entries have more or fewer bytes than the file; or if the size of an array differs from its header.
    """
    size = file.seek(0, os.SEEK_END)
    try:
        with zipfile.ZipFile(file) as archive:
            _check_entries(name, archive.infolist(), size)
            for entry in archive.infolist():
                _check_entry(name, archive, entry)
    except StoreError:
        raise
    except Exception as error:  # a broken zip file can raise many errors
        raise StoreError(f"the file {name} is no archive: {error}.") from error
    file.seek(0)


def _check_entries(name: str, entries: list[zipfile.ZipInfo], size: int) -> None:
    for entry in entries:
        parts = re.split(r"[/\\]", entry.filename)
        if ".." in parts or parts[0] == "" or ":" in parts[0]:
            raise StoreError(f"names in {name} must stay inside of it; one is {entry.filename!r}.")
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1 or entry.file_size != entry.compress_size:
            raise StoreError(f"what is in {name} must be stored as it is; {entry.filename!r} is compressed or locked.")
    if len({entry.filename for entry in entries}) < len(entries):
        raise StoreError(f"what is in {name} must be stored once; an entry is there twice.")
    content = sum(entry.file_size for entry in entries)
    if content > size:
        raise StoreError(f"what is in {name} must be stored once; its entries are larger than the file.")
    if size > content + sum(OVERHEAD + 2 * len(entry.filename.encode()) for entry in entries) + OVERHEAD:
        raise StoreError(f"{name} must hold its entries and nothing else; it is larger than they are.")


def _check_entry(name: str, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    # NumPy and skops tell the kind of an entry by its first bytes, not by its name.
    with archive.open(entry) as content:
        start = content.read(len(ARRAY))
        if start == ARRAY:
            _check_array(f"{entry.filename} in {name}", content, entry.file_size)
            return
    if start.startswith(b"PK"):
        # scipy writes a sparse matrix compressed.
        with zipfile.ZipFile(io.BytesIO(archive.read(entry))) as inner:
            parts = inner.infolist()
            total = sum(part.file_size for part in parts)
            check_size(total, f"the sparse matrix {entry.filename} in {name}", StoreError, stored=entry.file_size)
            for part in parts:
                with inner.open(part) as content:
                    if content.read(len(ARRAY)) != ARRAY:
                        raise StoreError(f"a sparse matrix must be of arrays; {entry.filename} in {name} is not.")
                    _check_array(f"{part.filename} of {entry.filename} in {name}", content, part.file_size)


def _check_array(title: str, content: IO[bytes], size: int) -> None:
    """Compare the size of an array with the size in its header; the first bytes of the file are already read."""
    major, _ = content.read(2)
    (length,) = struct.unpack("<H", content.read(2)) if major == 1 else struct.unpack("<I", content.read(4))
    if length > LONGEST_HEADER:
        raise StoreError(f"{title} must have a header of at most {LONGEST_HEADER} bytes; it has {length}.")
    header = ast.literal_eval(content.read(length).decode("utf-8" if major == 3 else "latin-1"))
    dtype, shape = np.lib.format.descr_to_dtype(header["descr"]), header["shape"]
    if dtype.hasobject:
        raise StoreError(f"an array must hold no Python objects; {title} does.")
    declared = content.tell() + math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or declared != size:
        raise StoreError(f"an array must be as large as its header says, {declared} bytes; {title} has {size}.")
