"""`extract_features`: every image through a frozen backbone once."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data import ImageFolder
from ..errors import DataError, FeatureBankWarning, InvalidOptionError
from ._bank import FeatureBank
from ._keys import check_images, image_keys, row_keys
from ._model import BackboneModel, check_frozen, precision
from ._shelf import Hits, Shelf

if TYPE_CHECKING:
    from ..interfaces import Backbone

__all__ = ["extract_features"]

FLUSH_SECONDS = 10.0
"""What a process that is killed loses at most, in seconds of its work."""
KEEP_WHOLE = 4
"""A call that computed at least one in so many of its rows keeps all of them in one segment."""


def extract_features(
    backbone: Backbone,
    images: Any,
    *,
    augmentation: Any = None,
    n_views: int | None = None,
    bank: FeatureBank | None = None,
    batch_size: int = 32,
    keys: Any = None,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Give the features of images, computing only those that are not known yet.

    Parameters
    ----------
    backbone : Backbone
        Its features are computed as in inference. With a bank it must be frozen and have a fingerprint.
    images : ImageFolder or array-like of shape (n, height, width, channels)
        RGB, 0 to 255. A folder is decoded once, in batches; its unreadable images are left out where it says so.
    augmentation : AffineViews or alike, optional
        Draws views of the images; anything with ``fingerprint`` and ``draw(images, keys, view)`` will do.
    n_views : int, optional
        How many views of each image, from view 0 on. To be given together with ``augmentation``.
    bank : FeatureBank, optional
        Where features are looked up and kept. Without one all are computed.
    batch_size : int, default=32
        Images that the backbone is given at a time.
    keys : array-like of str, shape (n,), optional
        What `image_keys` gives for the images, if it is known already.
    progress : callable, optional
        Called with how many images (times views) have been computed, and how many have to be.

    Returns
    -------
    ndarray of float32, shape (n, d) or (n_views, n, d)
        The first for the images as they are, the second for drawn views. Read-only; a memory map where the bank has
        these rows in one piece.

    Raises
    ------
    CompatibilityError
        If the backbone cannot be banked, or gives no vectors.
    DataError
        If the images or keys are none, or the augmentation changes their shape.
    InvalidOptionError
        If an option is none of those above.

    Warns
    -----
    FeatureBankWarning
        If features cannot be kept, or some that were kept are damaged. They are computed and returned all the same.

    Notes
    -----
    Images of equal content are computed once. What a killed process had computed is kept but for its last seconds.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit import extract_features, load_plugins
    >>> backbone = load_plugins().create_backbone("mobilenet_v2", weights="none")
    >>> images = np.zeros((3, 32, 32, 3), dtype=np.uint8)
    >>> extract_features(backbone, images).shape
    (3, 1280)
    """
    if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size < 1:
        raise InvalidOptionError(f"batch_size must be a whole number >= 1; received {batch_size!r}.")
    if bank is not None and not isinstance(bank, FeatureBank):
        raise InvalidOptionError(f"bank must be a FeatureBank or None; received {type(bank).__name__}.")
    if isinstance(images, ImageFolder):
        if keys is not None:
            raise InvalidOptionError("keys are those of an array; an ImageFolder is hashed as it is decoded.")
        n, shape, blocks = len(images), (*images.size, 3), _decoded(images, batch_size)
    else:
        images = check_images(images)
        n, shape, blocks = len(images), images.shape[1:], iter([(images, _check_keys(keys, images))])
    job = _Job(backbone, shape, n, _views(augmentation, n_views), augmentation, bank, batch_size)
    return job.run(blocks, progress)


def _views(augmentation: Any, n_views: Any) -> list[int | None]:
    if augmentation is None and n_views is None:
        return [None]
    if augmentation is None or not isinstance(n_views, int) or isinstance(n_views, bool) or n_views < 1:
        raise InvalidOptionError(
            "augmentation and n_views, a whole number >= 1, must be given together, or neither; received "
            f"augmentation={augmentation!r} and n_views={n_views!r}."
        )
    if not callable(getattr(augmentation, "draw", None)) or not isinstance(
        getattr(augmentation, "fingerprint", None), str
    ):
        raise InvalidOptionError(
            "augmentation must have draw(images, keys, view) and a fingerprint, a str; received "
            f"{type(augmentation).__name__}."
        )
    return list(range(n_views))


def _check_keys(keys: Any, images: np.ndarray) -> np.ndarray:
    if keys is None:
        return image_keys(images)
    keys = np.asarray(keys)
    if keys.shape != (len(images),) or keys.dtype.kind != "U":
        raise DataError(
            f"keys must be one str an image, as image_keys gives them; received {keys.dtype} of shape {keys.shape} for "
            f"{len(images)} images."
        )
    return keys


def _decoded(folder: ImageFolder, batch_size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for _, images, _ in folder.batches(batch_size):
        yield images, image_keys(images)


class _Job:
    """One call: what is wanted, what is found, what is computed."""

    def __init__(
        self,
        backbone: Any,
        shape: tuple[int, ...],
        n: int,
        views: list[int | None],
        augmentation: Any,
        bank: FeatureBank | None,
        batch_size: int,
    ) -> None:
        self.backbone, self.shape, self.n, self.views = backbone, shape, n, views
        self.augmentation, self.bank, self.batch_size = augmentation, bank, batch_size
        self.shelf: Shelf | None = None
        self.about: dict[str, Any] = {}
        if bank is not None:
            self.about = {
                "backbone": str(getattr(backbone, "name", type(backbone).__name__)),
                "fingerprint": check_frozen(backbone),
                "input_shape": list(shape),
                "precision": precision(),
                "augmentation": None if augmentation is None else augmentation.fingerprint,
            }
            self.shelf = bank.shelf(self.about)
        self.locked = contextlib.ExitStack()
        self.waited = False
        # Row keys of every view and image; where rows are found; where the same row comes first; what was computed.
        self.keys = np.empty((len(views), n), dtype="S16")
        self.seen = 0
        self.found: list[tuple[Hits, np.ndarray]] = []
        self.first: dict[bytes, int] = {}
        self.repeats: list[tuple[int, int]] = []
        self.computed: list[int] = []
        self.kept = 0
        self.total = len(views) * n
        self.model: BackboneModel | None = None
        self.out: np.ndarray | None = None

    def run(self, blocks: Iterator[tuple[np.ndarray, np.ndarray]], progress: Any) -> np.ndarray:
        """Compute what is missing, keep it, and give all rows."""
        with self.locked:
            flushed = time.monotonic()
            for places, batch in _ahead(self._batches(blocks)):
                features = self._run_model(batch)[: len(places)]
                assert self.out is not None  # noqa: S101 - it was made beside the model
                self.out.reshape(-1, self.out.shape[-1])[places] = features
                self.computed += places
                if progress:
                    progress(len(self.computed), self.total)
                if time.monotonic() - flushed >= FLUSH_SECONDS:
                    self._flush()
                    flushed = time.monotonic()
            return self._finish()

    def _run_model(self, batch: np.ndarray) -> np.ndarray:
        if self.model is None:
            self.model = BackboneModel(self.backbone, self.shape, must_be_frozen=self.bank is not None)
            self.out = np.empty((len(self.views), self.n, self.model.n_features), dtype=np.float32)
        return self.model(batch)

    def _batches(self, blocks: Iterator[tuple[np.ndarray, np.ndarray]]) -> Iterator[tuple[list[int], np.ndarray]]:
        """Yield what has to be computed: the places of its rows, and the images or views, filled up to one shape."""
        pending: list[tuple[int, int | None, np.ndarray, str]] = []
        first_block = True
        size = self.batch_size
        for images, keys in blocks:
            missing = self._look_up(keys)
            if first_block and len(keys) == self.n:
                size = min(size, 1 << max(0, len(missing) - 1).bit_length())
            first_block = False
            for place in missing:
                view, image = divmod(place, self.n)
                row = image - self.seen + len(keys)
                pending.append((place, self.views[view], images[row], str(keys[row])))
                if len(pending) == size:
                    yield self._draw(pending, size)
                    pending = []
        if pending:
            yield self._draw(pending, size)

    def _draw(self, pending: list[tuple[int, int | None, np.ndarray, str]], size: int) -> tuple[list[int], np.ndarray]:
        # One shape for all batches: a new one would be traced anew.
        batch = np.zeros((size, *self.shape), dtype=np.float32)
        start = 0
        while start < len(pending):
            view = pending[start][1]
            stop = start
            while stop < len(pending) and pending[stop][1] == view:
                stop += 1
            images = [image for _, _, image, _ in pending[start:stop]]
            if view is None:
                for row, image in enumerate(images, start):
                    batch[row] = image
            else:
                names = np.array([key for _, _, _, key in pending[start:stop]])
                drawn = np.asarray(self.augmentation.draw(np.stack(images), names, view))
                if drawn.shape != (stop - start, *self.shape):
                    raise DataError(
                        f"an augmentation must keep the shape of images, {(stop - start, *self.shape)}; "
                        f"{type(self.augmentation).__name__} drew {drawn.shape}."
                    )
                batch[start:stop] = drawn
            start = stop
        return [place for place, _, _, _ in pending], batch

    def _look_up(self, keys: np.ndarray) -> list[int]:
        """Find the rows of a block of images; give the places of those to compute."""
        start, self.seen = self.seen, self.seen + len(keys)
        wanted = np.stack([row_keys(keys, view) for view in self.views])
        self.keys[:, start : self.seen] = wanted
        places = (np.arange(len(self.views))[:, np.newaxis] * self.n + np.arange(start, self.seen)).ravel()
        missing = np.ones(len(places), dtype=bool)
        if self.shelf is not None:
            hits = self.shelf.find(wanted.ravel())
            if hits.missing.any() and not self.waited and self._lock():
                hits = self.shelf.find(wanted.ravel())
            missing = hits.missing
            self.found.append((hits, places))
        to_compute: list[int] = []
        for place, key in zip(places[missing].tolist(), wanted.ravel()[missing].tolist(), strict=True):
            before = self.first.setdefault(key, place)
            if before == place:
                to_compute.append(place)
            else:
                self.repeats.append((place, before))
        self.total -= len(places) - len(to_compute)
        return to_compute

    def _lock(self) -> bool:
        """Wait until no other process computes on this shelf, and look again; False where nothing can be kept."""
        assert self.shelf is not None and self.bank is not None  # noqa: S101, PT018
        self.waited = True
        try:
            self.bank.prepare(self.shelf, self.about)
            self.locked.enter_context(self.shelf.writing())
        except OSError as error:
            self._give_up(error)
            return False
        return True

    def _flush(self) -> None:
        """Keep what was computed since the last time."""
        new = self.computed[self.kept :]
        if self.bank is None or not new:
            return
        assert self.out is not None  # noqa: S101
        self._keep(self.keys.ravel()[new], self.out.reshape(-1, self.out.shape[-1])[new])
        self.kept = len(self.computed)

    def _keep(self, keys: np.ndarray, features: np.ndarray) -> None:
        if self.bank is None or self.shelf is None:
            return
        try:
            self.bank.keep(self.shelf, keys, features)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        assert self.bank is not None  # noqa: S101
        warnings.warn(
            f"features are computed and not kept: {str(self.bank.folder)!r} cannot be written ({error}). Free space, or "
            "choose another folder by FeatureBank(FOLDER) or ENSEMBLEKIT_CACHE.",
            FeatureBankWarning,
            stacklevel=2,
        )
        self.bank = None

    def _finish(self) -> np.ndarray:
        keys = self.keys[:, : self.seen]
        if self.out is None:
            if len(self.found) and not self.first:
                return self._shape(self._all_found(keys.ravel()))
            columns = BackboneModel(self.backbone, self.shape, must_be_frozen=self.bank is not None).n_features
            return self._shape(np.empty((0, columns), dtype=np.float32))
        flat = self.out.reshape(-1, self.out.shape[-1])
        for hits, places in self.found:
            there = np.flatnonzero(~hits.missing)
            if len(there):
                hits.copy_to(flat, places)
        for place, before in self.repeats:
            flat[place] = flat[before]
        out = self.out[:, : self.seen]
        if len(self.computed) * KEEP_WHOLE >= keys.size:
            self._keep(keys.ravel(), out.reshape(-1, out.shape[-1]))
        else:
            self._flush()
        return self._shape(out)

    def _all_found(self, keys: np.ndarray) -> np.ndarray:
        if len(self.found) == 1:
            whole = self.found[0][0].as_one(keys)
            if whole is not None:
                return whole
        else:
            assert self.shelf is not None  # noqa: S101
            whole = self.shelf.find(keys).as_one(keys)
            if whole is not None:
                return whole
        out = np.empty((len(self.views) * self.n, self.found[0][0].n_columns), dtype=np.float32)
        for hits, places in self.found:
            hits.copy_to(out, places)
        return out.reshape(len(self.views), self.n, -1)[:, : self.seen].reshape(-1, out.shape[-1])

    def _shape(self, rows: np.ndarray) -> np.ndarray:
        rows = rows.reshape(len(self.views), -1, rows.shape[-1]) if rows.ndim == 2 else rows
        rows = rows if self.augmentation is not None else rows[0]
        rows.flags.writeable = False
        return rows


def _ahead(batches: Iterator[Any]) -> Iterator[Any]:
    """Make each batch in a thread while the one before it is used."""
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(next, batches, None)
        while (batch := following.result()) is not None:
            following = pool.submit(next, batches, None)
            yield batch
