"""`ImageFolder`: a source of ids, images and labels."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np

from ..errors import DataError, InvalidOptionError, UnreadableImageError
from ..predictions.names import as_ids, few, positions, shown
from .reading import in_threads, read_image

__all__ = ["ImageFolder"]


class ImageFolder:
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
    unreadable : dict
        Id -> reason, for each image that was skipped so far.
    """

    def __init__(
        self,
        folder: Path,
        size: tuple[int, int],
        classes: tuple[Hashable, ...],
        files: list[tuple[str, Path, int]],
        skip_unreadable: bool,
    ) -> None:
        self.folder, self.size, self.split = folder, size, folder.name
        self.classes: tuple[Hashable, ...] = classes
        self.ids = np.array([name for name, _, _ in files], dtype=np.str_)
        self.label_codes = np.array([code for _, _, code in files], dtype=np.int64)
        self.skip_unreadable = skip_unreadable
        self.unreadable: dict[str, str] = {}
        self._paths = [path for _, path, _ in files]

    @property
    def labels(self) -> np.ndarray:
        """True class names, shape ``(n_samples,)``."""
        return np.asarray(self.classes)[self.label_codes]

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"<{len(self)} images in {os.fspath(self.folder)!r}, classes {shown(self.classes)}, {self.size} pixels>"

    def take(self, ids: Sequence[str] | np.ndarray) -> ImageFolder:
        """Select images by id.

        Parameters
        ----------
        ids : sequence of str
            Their ids.

        Returns
        -------
        ImageFolder
            Only these images, in the order of ``ids``, and all classes.

        Raises
        ------
        DataError
            If an id is unknown.
        """
        rows = positions(self.ids, as_ids(ids))
        if (rows < 0).any():
            raise DataError(f"ids to take must be there; received unknown: {few(as_ids(ids)[rows < 0].tolist())}.")
        files = [(str(self.ids[row]), self._paths[row], int(self.label_codes[row])) for row in rows]
        return ImageFolder(self.folder, self.size, self.classes, files, self.skip_unreadable)

    def batches(self, batch_size: int = 32) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield ids, images and label codes; decode images before the caller asks for them.

        Parameters
        ----------
        batch_size : int, default=32
            Number of images in a batch; fewer in the last one, and if unreadable images are skipped.

        Yields
        ------
        ids : ndarray of str, shape (n,)
            Their ids.
        images : ndarray of float32, shape (n, height, width, 3)
            RGB, 0 to 255.
        label_codes : ndarray of int64, shape (n,)
            Positions in `classes`.

        Raises
        ------
        UnreadableImageError
            If an image cannot be decoded and ``skip_unreadable`` is False.
        InvalidOptionError
            If ``batch_size`` is not a whole number >= 1.
        """
        if not isinstance(batch_size, int) or batch_size < 1:
            raise InvalidOptionError(f"batch_size must be a whole number >= 1; received {batch_size!r}.")
        with closing(in_threads(self._read, range(len(self)), 2 * batch_size)) as read:
            for start in range(0, len(self), batch_size):
                kept: list[int] = []
                images = np.empty((min(batch_size, len(self) - start), *self.size, 3), dtype=np.float32)
                for row, image in islice(read, batch_size):
                    if isinstance(image, UnreadableImageError):
                        if not self.skip_unreadable:
                            raise image
                        self.unreadable[str(self.ids[row])] = str(image)
                        continue
                    images[len(kept)] = image
                    kept.append(row)
                if kept:
                    yield self.ids[kept], images[: len(kept)], self.label_codes[kept]

    def _read(self, row: int) -> tuple[int, np.ndarray | UnreadableImageError]:
        try:
            return row, read_image(self._paths[row], self.size)
        except UnreadableImageError as error:
            return row, error

    def load(self, progress: Callable[[int, int], object] | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Read all images at once.

        Parameters
        ----------
        progress : callable, optional
            Called after each batch with the number of images done and of all images.

        Returns
        -------
        ids : ndarray of str, shape (n_samples,)
            Their ids.
        images : ndarray of float32, shape (n_samples, height, width, 3)
            RGB, 0 to 255: ``12 * height * width`` bytes per image.
        labels : ndarray of str, shape (n_samples,)
            True class names.

        Raises
        ------
        UnreadableImageError
            If an image cannot be decoded and ``skip_unreadable`` is False.
        DataError
            If every image was unreadable.
        """
        images = np.empty((len(self), *self.size, 3), dtype=np.float32)
        ids: list[np.ndarray] = []
        codes: list[np.ndarray] = []
        done = 0
        for batch_ids, batch, batch_codes in self.batches(64):
            images[done : done + len(batch)] = batch
            done += len(batch)
            ids.append(batch_ids)
            codes.append(batch_codes)
            if progress:
                progress(done, len(self))
        if not ids:
            raise DataError(f"{os.fspath(self.folder)!r} must hold readable images; all {len(self)} were unreadable.")
        return np.concatenate(ids), images[:done], np.asarray(self.classes)[np.concatenate(codes)]
