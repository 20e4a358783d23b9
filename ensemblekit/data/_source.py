"""What folders and tables of images share: ids, pixels and labels of the same rows, in batches."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..errors import DataError, ImageReadingWarning, InvalidOptionError, UnreadableImageError
from ..predictions.names import as_ids, few, positions
from .reading import AnyReader, channels_of, in_threads, read_sized

__all__ = ["ImageSource"]


class ImageSource(ABC):
    """Images with ids, and maybe labels and groups.

    Attributes
    ----------
    size : tuple of int
        ``(height, width)`` in pixels; every image is resized to it.
    ids : ndarray of str, shape (n_samples,)
        One per image.
    classes : tuple of str or None
        Names of the classes; None without labels.
    groups : ndarray or None
        Group of each image, such as its patient; None if it is not known.
    split : str or None
        Part of the data.
    reader : ImageReader, callable or None
        How the files are read.
    task : str
        ``"multiclass"``, ``"multilabel"`` or ``"regression"``.
    unreadable : dict of str to str
        Id -> reason, for each image that was skipped so far.
    """

    task = "multiclass"
    classes: Any
    split: Any

    def __init__(
        self,
        *,
        ids: np.ndarray,
        paths: list[Path],
        targets: np.ndarray | None,
        groups: np.ndarray | None,
        size: tuple[int, int],
        skip_unreadable: bool,
        reader: AnyReader | None,
    ) -> None:
        self.ids, self.size, self.reader, self.groups = ids, size, reader, groups
        self.skip_unreadable = skip_unreadable
        self.unreadable: dict[str, str] = {}
        self._paths, self._targets = paths, targets
        self._has_warned = False

    @property
    def paths(self) -> dict[str, Path]:
        """Id -> file."""
        return dict(zip(self.ids.tolist(), self._paths, strict=True))

    @property
    def n_channels(self) -> int:
        """Number of channels of each image."""
        return channels_of(self.reader)

    @property
    @abstractmethod
    def name(self) -> str:
        """Where the images come from, in words."""

    @property
    @abstractmethod
    def labels(self) -> Any:
        """True labels in the form of `Predictions`."""

    @abstractmethod
    def _taken(self, rows: np.ndarray) -> Self:
        """Return the images of these rows."""

    def one_label(self) -> list[str | None]:
        """Return one text per image for its labels; of several they are joined by ``|``.

        Returns
        -------
        list of str or None
            None where there is no label, or a number.
        """
        if self._targets is None or self.task == "regression":
            return [None] * len(self)
        names = np.array([str(one) for one in self.classes or ()], dtype=object)
        if self.task == "multiclass":
            return names[self._targets].tolist()
        return ["|".join(names[row.astype(bool)]) or "none" for row in self._targets]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, ids: Sequence[str] | np.ndarray) -> Self:
        """Select images by id.

        Parameters
        ----------
        ids : sequence of str
            Their ids.

        Returns
        -------
        ImageFolder or ImageTable
            Only these images, in the order of ``ids``, and all classes.

        Raises
        ------
        DataError
            If an id is unknown.
        """
        rows = positions(self.ids, as_ids(ids))
        if (rows < 0).any():
            raise DataError(f"ids to take must be there; received unknown: {few(as_ids(ids)[rows < 0].tolist())}.")
        return self._taken(rows)

    def batches(self, batch_size: int = 32) -> Iterator[tuple[np.ndarray, np.ndarray, Any]]:
        """Yield ids, images and labels; decode images before the caller asks for them.

        Parameters
        ----------
        batch_size : int, default=32
            Number of images in a batch; fewer in the last one, and if unreadable images are skipped.

        Yields
        ------
        ids : ndarray of str, shape (n,)
            Their ids.
        images : ndarray of float32, shape (n, height, width, n_channels)
            0 to 255; RGB unless the reader says otherwise.
        labels : ndarray or None
            Positions in `classes`, int64 of shape ``(n,)``; or one column per class, if several may apply.

        Raises
        ------
        UnreadableImageError
            If an image cannot be decoded and ``skip_unreadable`` is False.
        InvalidOptionError
            If ``batch_size`` is not a whole number >= 1.

        Warns
        -----
        ImageReadingWarning
            Of the first image of which few grey levels are left, or whose other frames are left out.
        """
        if not isinstance(batch_size, int) or batch_size < 1:
            raise InvalidOptionError(f"batch_size must be a whole number >= 1; received {batch_size!r}.")
        with closing(in_threads(self._read, range(len(self)), 2 * batch_size)) as read:
            for start in range(0, len(self), batch_size):
                kept: list[int] = []
                shape = (min(batch_size, len(self) - start), *self.size, self.n_channels)
                images = np.empty(shape, dtype=np.float32)
                for row, image in islice(read, batch_size):
                    if isinstance(image, UnreadableImageError):
                        if not self.skip_unreadable:
                            raise image
                        self.unreadable[str(self.ids[row])] = str(image)
                        continue
                    images[len(kept)], note = image
                    if note and not self._has_warned:
                        self._warn(row, note)
                    kept.append(row)
                if kept:
                    labels = None if self._targets is None else self._targets[kept]
                    yield self.ids[kept], images[: len(kept)], labels

    def _read(self, row: int) -> tuple[int, tuple[np.ndarray, str] | UnreadableImageError]:
        try:
            return row, read_sized(self._paths[row], self.size, self.reader)
        except UnreadableImageError as error:
            return row, error

    def _warn(self, row: int, note: str) -> None:
        self._has_warned = True
        more = " Others like it are not named here; audit_images lists them all."
        warnings.warn(f"{str(self.ids[row])!r} {note}{more}", ImageReadingWarning, stacklevel=3)

    def load(self, progress: Callable[[int, int], object] | None = None) -> tuple[np.ndarray, np.ndarray, Any]:
        """Read all images at once.

        Parameters
        ----------
        progress : callable, optional
            Called after each batch with the number of images done and of all images.

        Returns
        -------
        ids : ndarray of str, shape (n_samples,)
            Their ids.
        images : ndarray of float32, shape (n_samples, height, width, n_channels)
            0 to 255, RGB unless the reader says otherwise: ``12 * height * width`` bytes per RGB image.
        labels : ndarray or None
            True class names, shape ``(n_samples,)``; or one column per class, if several may apply.

        Raises
        ------
        UnreadableImageError
            If an image cannot be decoded and ``skip_unreadable`` is False.
        DataError
            If every image was unreadable.
        """
        images = np.empty((len(self), *self.size, self.n_channels), dtype=np.float32)
        ids: list[np.ndarray] = []
        found: list[Any] = []
        done = 0
        for batch_ids, batch, labels in self.batches(64):
            images[done : done + len(batch)] = batch
            done += len(batch)
            ids.append(batch_ids)
            found.append(labels)
            if progress:
                progress(done, len(self))
        if not ids:
            raise DataError(f"{self.name} must hold readable images; all {len(self)} were unreadable.")
        if self._targets is None:
            return np.concatenate(ids), images[:done], None
        targets = np.concatenate(found)
        if self.task == "multiclass":
            targets = np.asarray(self.classes)[targets]
        return np.concatenate(ids), images[:done], targets
