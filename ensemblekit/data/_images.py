"""`ImageFolder`: a source of ids, images and labels."""

from __future__ import annotations

import os
from collections.abc import Hashable
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..predictions.names import shown
from ._source import ImageSource

__all__ = ["ImageFolder"]


class ImageFolder(ImageSource):
    """The images of a folder with one folder per class; `image_folder` returns one.

    Attributes
    ----------
    folder : Path
        Folder of the images.
    size : tuple of int
        ``(height, width)`` in pixels; every image is resized to it.
    split : str
        Name of the folder.
    classes : tuple of str
        Names of the classes, after ``aliases``, in the sorted order of their folders.
    ids : ndarray of str, shape (n_samples,)
        ``split/class folder/file``, sorted.
    label_codes : ndarray of int64, shape (n_samples,)
        True classes, as positions in `classes`.
    groups : None
        Groups are known of tables; see `image_table`.
    reader : ImageReader, callable or None
        How the files are read.
    unreadable : dict
        Id -> reason, for each image that was skipped so far.
    others : tuple of str
        Names of the files that are left out, because they have no suffix of an image.
    """

    classes: tuple[Hashable, ...]
    split: str

    def __init__(
        self,
        folder: Path,
        size: tuple[int, int],
        classes: tuple[Hashable, ...],
        files: list[tuple[str, Path, int]],
        skip_unreadable: bool,
        reader: Any = None,
        others: tuple[str, ...] = (),
    ) -> None:
        self.folder, self.split, self.classes, self.others = folder, folder.name, classes, others
        self.label_codes = np.array([code for _, _, code in files], dtype=np.int64)
        super().__init__(
            ids=np.array([name for name, _, _ in files], dtype=np.str_),
            paths=[path for _, path, _ in files],
            targets=self.label_codes,
            groups=None,
            size=size,
            skip_unreadable=skip_unreadable,
            reader=reader,
        )

    @property
    def name(self) -> str:
        """Path of the folder, quoted."""
        return repr(os.fspath(self.folder))

    @property
    def labels(self) -> np.ndarray:
        """True class names, shape ``(n_samples,)``."""
        return np.asarray(self.classes)[self.label_codes]

    def __repr__(self) -> str:
        return f"<{len(self)} images in {self.name}, classes {shown(self.classes)}, {self.size} pixels>"

    def _taken(self, rows: np.ndarray) -> Self:
        files = [(str(self.ids[row]), self._paths[row], int(self.label_codes[row])) for row in rows]
        return type(self)(self.folder, self.size, self.classes, files, self.skip_unreadable, self.reader, self.others)
