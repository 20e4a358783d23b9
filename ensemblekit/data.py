"""`image_folder`: labelled images with ids, decoded once."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Hashable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from .errors import DataError, FolderNotFoundError, InvalidOptionError, MissingDependencyError, UnreadableImageError
from .predictions._checks import as_classes

__all__ = ["ImageFolder", "image_folder", "read_image"]

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


class ImageFolder:
    """The images of a folder with a folder a class; made by `image_folder`.

    Attributes
    ----------
    folder : Path
        Where the images are.
    size : tuple of int
        ``(height, width)`` in pixels that every image is resized to.
    split : str
        Name of the folder.
    classes : tuple of str
        Names of the classes in sorted order of their folders, after ``aliases``.
    ids : ndarray of str, shape (n_samples,)
        ``split/class folder/file``, sorted.
    label_codes : ndarray of int64, shape (n_samples,)
        True classes as positions in `classes`.
    unreadable : dict
        Id -> reason, for each image skipped so far.
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
        return f"<{len(self)} images in {os.fspath(self.folder)!r}, classes {self.classes!r}, {self.size} pixels>"

    def batches(self, batch_size: int = 32) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield ids, images and label codes, decoding ahead of the caller.

        Parameters
        ----------
        batch_size : int, default=32
            Images at a time; fewer in the last batch, and where unreadable images are skipped.

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
        """
        with ThreadPoolExecutor(max_workers=2) as pool:
            ahead: deque[tuple[int, Future[np.ndarray]]] = deque()
            rows = iter(range(len(self)))
            try:
                for row in rows:
                    ahead.append((row, pool.submit(read_image, self._paths[row], self.size)))
                    if len(ahead) >= 2 * batch_size:
                        break
                while ahead:
                    kept: list[int] = []
                    images = np.empty((min(batch_size, len(ahead)), *self.size, 3), dtype=np.float32)
                    for _ in range(len(images)):
                        row, future = ahead.popleft()
                        following = next(rows, None)
                        if following is not None:
                            ahead.append((following, pool.submit(read_image, self._paths[following], self.size)))
                        try:
                            images[len(kept)] = future.result()
                        except UnreadableImageError as error:
                            if not self.skip_unreadable:
                                raise
                            self.unreadable[str(self.ids[row])] = str(error)
                            continue
                        kept.append(row)
                    if kept:
                        yield self.ids[kept], images[: len(kept)], self.label_codes[kept]
            finally:
                for _, future in ahead:
                    future.cancel()

    def load(self, progress: Any = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Read all images at once.

        Parameters
        ----------
        progress : callable, optional
            Called with the images done and in all after each batch.

        Returns
        -------
        ids : ndarray of str, shape (n_samples,)
            Their ids.
        images : ndarray of float32, shape (n_samples, height, width, 3)
            RGB, 0 to 255: ``12 * height * width`` bytes an image.
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


def image_folder(
    folder: str | os.PathLike[str],
    *,
    size: tuple[int, int] = (224, 224),
    aliases: Mapping[str, str] | None = None,
    skip_unreadable: bool = False,
) -> ImageFolder:
    """Describe a folder of images, one folder a class, as a source of samples with ids.

    Parameters
    ----------
    folder : path-like
        Holds a folder a class; its own name is the split. Images: bmp, gif, jpeg, png, tiff, webp, at any depth.
    size : tuple of int, default=(224, 224)
        ``(height, width)`` in pixels; images are resized bilinearly, without antialiasing, as Keras does.
    aliases : mapping, optional
        ``{class folder: common name}``; a key that is no class folder here is ignored.
    skip_unreadable : bool, default=False
        Leave out images that cannot be decoded, and list them in ``unreadable``.

    Returns
    -------
    ImageFolder
        Nothing is decoded yet.

    Raises
    ------
    FolderNotFoundError
        If there is no such folder.
    DataError
        If it has no class folders, or one of them holds no image.
    """
    root = Path(folder)
    if not root.is_dir():
        raise FolderNotFoundError(f"a folder of images must be there; nothing is at {os.fspath(folder)!r}.")
    if len(size) != 2 or not all(isinstance(s, int) and s > 0 for s in size):
        raise InvalidOptionError(f"size must be (height, width) in pixels, whole numbers > 0; received {size!r}.")
    root = root.resolve()
    class_folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not class_folders:
        raise DataError(f"a folder of images must hold a folder a class; {os.fspath(folder)!r} holds none.")
    names = as_classes([(aliases or {}).get(p.name, p.name) for p in class_folders])
    files: list[tuple[str, Path, int]] = []
    for code, class_folder in enumerate(class_folders):
        found = sorted(
            p
            for p in class_folder.rglob("*")
            if p.suffix.lower() in SUFFIXES and p.is_file() and not p.name.startswith(".")
        )
        if not found:
            raise DataError(
                f"each class folder must hold an image ({', '.join(sorted(SUFFIXES))}); "
                f"{os.fspath(class_folder)!r} holds none. Fill it or remove it."
            )
        files += [(p.relative_to(root.parent).as_posix(), p, code) for p in found]
    return ImageFolder(root, (size[0], size[1]), names, files, skip_unreadable)


def read_image(path: str | os.PathLike[str], size: tuple[int, int]) -> np.ndarray:
    """Decode one image as RGB and resize it.

    Parameters
    ----------
    path : path-like
        An image file; transparency is dropped, grey becomes RGB, 16 bits become 8.
    size : tuple of int
        ``(height, width)`` in pixels.

    Returns
    -------
    ndarray of float32, shape (height, width, 3)
        0 to 255.

    Raises
    ------
    UnreadableImageError
        If the file is truncated, or no image.
    MissingDependencyError
        If Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingDependencyError(
            'Reading images needs Pillow, which is not installed: pip install "ensemblekit[images]".'
        ) from error
    try:
        with Image.open(path) as image:
            if image.mode.startswith(("I", "F")):
                # Pillow clips 16 bits to 8; the upper 8 are meant.
                grey = np.asarray(image, dtype=np.float32)
                pixels = np.repeat((grey / 257 if grey.max() > 255 else grey)[..., np.newaxis], 3, axis=-1)
            else:
                pixels = np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise UnreadableImageError(
            f"an image must be readable; {os.fspath(path)!r} is not: {error}. Replace it, or leave it out with "
            "skip_unreadable=True."
        ) from error
    return _resize(pixels, size)


def _resize(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize bilinearly without antialiasing, pixel centres at halves, as ``tf.image.resize`` does."""
    for axis, length in enumerate(size):
        if pixels.shape[axis] == length:
            continue
        scale = np.float32(pixels.shape[axis]) / np.float32(length)
        centre = (np.arange(length, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
        floor = np.floor(centre)
        lower = np.maximum(floor, 0).astype(np.intp)
        upper = np.minimum(np.ceil(centre), pixels.shape[axis] - 1).astype(np.intp)
        part = (centre - floor).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        low = np.take(pixels, lower, axis=axis).astype(np.float32, copy=False)
        high = np.take(pixels, upper, axis=axis)
        pixels = low + (high - low) * part
    return pixels.astype(np.float32, copy=False)
