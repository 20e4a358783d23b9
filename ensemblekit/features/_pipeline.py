"""The steps of `extract_features`: look up rows, then compute and store those that are missing."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any, NamedTuple

import numpy as np

from ..errors import DataError
from ._collection import Hits
from ._keys import KEY, row_keys
from ._model import BackboneModel
from ._session import BankSession

__all__ = ["Blocks", "ExtractionPipeline"]

FLUSH_SECONDS = 10.0
"""Computed rows are stored at least this often: a killed process loses no more, but for one batch."""
STORE_ALL = 4
"""A call that computed at least one in ``STORE_ALL`` of its rows stores all of them, as one segment."""

Blocks = Iterable[tuple[np.ndarray, np.ndarray]]
"""Images and their keys, in parts or all at once."""

_Batch = tuple[list[int], np.ndarray]


class _Missing(NamedTuple):
    """A row to compute."""

    place: int
    view: int | None
    image: np.ndarray
    key: str


class ExtractionPipeline:
    """The rows of one call, of shape ``(views, images)``. The place of a row is its index in the flattened shape.

    Parameters
    ----------
    build : callable
        Builds the model. It is called when the first row must be computed.
    session : BankSession
        Finds and stores rows.
    shape : tuple of int
        ``(views, images)``; there may be fewer images.
    augmentation : object or None
        Draws the views. None: there is one view, the unchanged images.
    batch_size : int
        Number of images in a batch of the model.
    """

    def __init__(
        self,
        build: Callable[[], BackboneModel],
        session: BankSession,
        shape: tuple[int, int],
        augmentation: Any,
        batch_size: int,
    ) -> None:
        self._build, self._session, self._shape = build, session, shape
        self._augmentation, self._batch_size = augmentation, batch_size
        self._views = [None] if augmentation is None else list(range(shape[0]))
        self._keys = np.empty(shape, dtype=KEY)
        self._seen = 0
        self._to_compute = shape[0] * shape[1]
        self._hits: list[tuple[Hits, np.ndarray]] = []
        self._first: dict[bytes, int] = {}
        self._repeats: list[tuple[int, int]] = []
        self._computed: list[int] = []
        self._n_stored = 0
        self._out: np.ndarray | None = None

    def run(self, blocks: Blocks, progress: Callable[[int, int], None] | None) -> np.ndarray:
        """Compute and store the missing rows, and return all features, ``(views, images, d)``."""
        try:
            self._compute(blocks, progress)
        except BaseException:
            self._flush()
            raise
        return self._result()

    def _compute(self, blocks: Blocks, progress: Callable[[int, int], None] | None) -> None:
        model: BackboneModel | None = None
        flushed = time.monotonic()
        with closing(_prefetched(self._batches(blocks))) as batches:
            for places, images in batches:
                if model is None:
                    model = self._build()
                    self._session.check_columns(model.n_features)
                self._rows(model.n_features)[places] = model(images, self._batch_size)
                self._computed += places
                if progress:
                    progress(len(self._computed), self._to_compute)
                if time.monotonic() - flushed >= FLUSH_SECONDS:
                    self._flush()
                    flushed = time.monotonic()

    def _rows(self, n_features: int) -> np.ndarray:
        """Return the array of all features, with one row per place."""
        if self._out is None:
            self._out = np.empty((*self._shape, n_features), dtype=np.float32)
        return self._out.reshape(-1, n_features)

    def _batches(self, blocks: Blocks) -> Generator[_Batch]:
        """Yield the rows to compute, as their places and their images or views."""
        pending: list[_Missing] = []
        for images, keys in blocks:
            for missing in self._look_up(images, keys):
                pending.append(missing)
                if len(pending) == self._batch_size:
                    yield [one.place for one in pending], self._draw(pending)
                    pending = []
        if pending:
            yield [one.place for one in pending], self._draw(pending)

    def _look_up(self, images: np.ndarray, keys: np.ndarray) -> list[_Missing]:
        """Find the rows of a block of images, and list each row to compute once."""
        start, self._seen = self._seen, self._seen + len(keys)
        wanted = np.stack([row_keys(keys, view) for view in self._views])
        self._keys[:, start : self._seen] = wanted
        places = np.arange(self._keys.size).reshape(self._shape)[:, start : self._seen]
        hits = self._session.find(wanted.ravel())
        self._hits.append((hits, places.ravel()))
        missing: list[_Missing] = []
        for view, row in np.argwhere(hits.missing.reshape(wanted.shape)).tolist():
            place = int(places[view, row])
            first = self._first.setdefault(wanted[view, row], place)
            if first == place:
                missing.append(_Missing(place, self._views[view], images[row], str(keys[row])))
            else:
                self._repeats.append((place, first))
        self._to_compute -= wanted.size - len(missing)
        return missing

    def _draw(self, batch: list[_Missing]) -> np.ndarray:
        if self._augmentation is None:
            return np.stack([one.image for one in batch]).astype(np.float32, copy=False)
        drawn: list[np.ndarray] = []
        for view, group in itertools.groupby(batch, key=lambda one: one.view):
            of_view = list(group)
            images = np.stack([one.image for one in of_view])
            drawn.append(np.asarray(self._augmentation.draw(images, np.array([one.key for one in of_view]), view)))
            if drawn[-1].shape != images.shape:
                raise DataError(
                    f"an augmentation must keep the shape of the images, {images.shape}; "
                    f"{type(self._augmentation).__name__} drew {drawn[-1].shape}."
                )
        return np.concatenate(drawn).astype(np.float32, copy=False)

    def _flush(self) -> None:
        """Store the rows that were computed since the last flush."""
        new = self._computed[self._n_stored :]
        if new and self._out is not None:
            self._session.store(self._keys.ravel()[new], self._out.reshape(-1, self._out.shape[-1])[new])
            self._n_stored = len(self._computed)

    def _result(self) -> np.ndarray:
        keys = self._keys[:, : self._seen]
        if self._computed:
            return self._stored_result(keys)
        if not keys.size:
            return np.empty((*keys.shape, self._build().n_features), dtype=np.float32)
        hits = self._hits[0][0] if len(self._hits) == 1 else self._session.find(keys.ravel())
        mapped = hits.as_map(keys.ravel())
        if mapped is not None:
            return mapped.reshape(*keys.shape, -1)
        self._fill()
        assert self._out is not None  # noqa: S101 - something was found
        return self._out[:, : self._seen]

    def _stored_result(self, keys: np.ndarray) -> np.ndarray:
        """Add the rows that were found or are repeated to the computed rows, and store them."""
        self._fill()
        assert self._out is not None  # noqa: S101 - something was computed
        out = self._out[:, : self._seen]
        if len(self._computed) * STORE_ALL >= keys.size:
            self._session.store(keys.ravel(), out.reshape(-1, out.shape[-1]))
        else:
            self._flush()
        return out

    def _fill(self) -> None:
        for hits, places in self._hits:
            if not hits.missing.all():
                hits.copy_to(self._rows(hits.n_columns), places)
        if self._repeats:
            assert self._out is not None  # noqa: S101 - the first of equal rows was computed
            rows, (places, first) = self._out.reshape(-1, self._out.shape[-1]), np.array(self._repeats).T
            rows[places] = rows[first]


def _prefetched(batches: Generator[_Batch]) -> Generator[_Batch]:
    """Prepare each batch in a thread while the caller uses the one before it."""
    with closing(batches), ThreadPoolExecutor(1) as pool:
        # The first batch is prepared in this thread: it may wait for another process, which the user may interrupt.
        batch = next(batches, None)
        while batch is not None:
            following = pool.submit(next, batches, None)
            yield batch
            batch = following.result()
