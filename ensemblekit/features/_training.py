"""`ViewCycle`: training data of several views of each image, for Keras's ``fit``.

Importing this module imports Keras; nothing imports it before `ViewCycle` is used.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from ..arguments import as_array, typed
from ..assembly import import_keras
from ..errors import DataError, InvalidOptionError

__all__ = ["ViewCycle"]

keras = import_keras("ViewCycle")


class ViewCycle(keras.utils.PyDataset):
    """Training data of several views of each image, for Keras's ``fit``: one view of every image an epoch.

    Parameters
    ----------
    views : array-like of shape (n_views, n_samples, ...) or callable
        Features or pixels of each view; a memory map will do, nothing is copied but the rows of a batch. Or a function
        that takes the number of a view and gives that view, shape ``(n_samples, ...)``: it is called in a thread, one
        epoch ahead.
    y : array-like of shape (n_samples, ...)
        Targets, the same for every view.
    n_views : int, optional
        With a function alone: draw so many views, keep them, and cycle through them; by default each epoch has a new
        view, and none is kept.
    batch_size : int, default=32
        Samples a step; the last step of an epoch takes what is left.
    seed : int, default=0
        Of the order of the samples.

    Attributes
    ----------
    epoch : int
        Number of the epoch that is given out, counted over all calls of ``fit``.

    Raises
    ------
    InvalidOptionError
        If an option is none of those above.
    DataError
        If the views are empty, or have not one target a sample.

    Notes
    -----
    Epoch ``e`` gives view ``e % n_views`` of each sample once, in an order drawn from ``(seed, e)``: the same in every
    run, whatever else draws random numbers. Give ``fit`` no other ``shuffle`` than False: it would draw an order of the
    batches from Python's own state.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit.features import ViewCycle
    >>> features = np.arange(24).reshape(3, 4, 2)
    >>> data = ViewCycle(features, [0, 1, 0, 1], batch_size=2)
    >>> x, y = data[0]
    >>> len(data), x.shape, y.shape
    (2, (2, 2), (2,))
    """

    @typed()
    def __init__(self, views: Any, y: Any, *, n_views: int | None = None, batch_size: int = 32, seed: int = 0) -> None:
        super().__init__()
        for name, value, least in (("batch_size", batch_size, 1), ("seed", seed, 0), ("n_views", n_views, 1)):
            if name == "n_views" and value is None:
                continue
            if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
                raise InvalidOptionError(f"{name} must be a whole number >= {least}; received {value!r}.")
        self.y = as_array("y", y, error=DataError)
        if self.y.ndim < 1 or not len(self.y):
            raise DataError(f"y must hold a target for each sample, at least one; received shape {self.y.shape}.")
        self.batch_size, self.seed = batch_size, seed
        if callable(views):
            self._source: _Given | _Drawn = _Drawn(views, n_views, len(self.y))
        elif n_views is not None:
            raise InvalidOptionError(
                f"n_views is for a function that draws views; received {n_views} and an array, whose first axis is it."
            )
        else:
            self._source = _Given(views, len(self.y))
        self.epoch = 0
        self._begun = False
        self._current = self._load()

    @property
    def num_batches(self) -> int:
        """Steps an epoch."""
        return -(-len(self.y) // self.batch_size)

    def __len__(self) -> int:
        return self.num_batches

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Give one batch of the present epoch.

        Parameters
        ----------
        index : int
            Number of the batch, 0 up to ``len(self) - 1``.

        Returns
        -------
        x, y : ndarray of shape (batch_size, ...)
            Of samples in the order of this epoch.
        """
        if not 0 <= index < self.num_batches:
            raise IndexError(f"there are {self.num_batches} batches; received {index}.")
        view, order = self._current  # one read: Keras asks in a thread of its own
        rows = order[index * self.batch_size : (index + 1) * self.batch_size]
        return np.asarray(view[rows]), self.y[rows]

    def on_epoch_begin(self) -> None:
        """Go on to the next epoch; Keras calls it."""
        # Keras also ends an epoch before the first begins, so that only beginnings count.
        if self._begun:
            self.epoch += 1
            self._current = self._load()
        self._begun = True

    def _load(self) -> tuple[np.ndarray, np.ndarray]:
        order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.y))
        return self._source.view(self.epoch), order


class _Given:
    """Views in an array."""

    def __init__(self, views: Any, n_samples: int) -> None:
        self._views = as_array("views", views, error=DataError)
        if self._views.ndim < 3 or not self._views.size or self._views.shape[1] != n_samples:
            raise DataError(
                f"views must have the shape (n_views, n_samples, ...), one sample a target; received shape "
                f"{self._views.shape} for {n_samples} targets."
            )

    def view(self, epoch: int) -> np.ndarray:
        return self._views[epoch % len(self._views)]


class _Drawn:
    """Views from a function: the next one is drawn while this one is used."""

    def __init__(self, draw: Callable[[int], Any], n_views: int | None, n_samples: int) -> None:
        self._draw, self._n_views, self._n_samples = draw, n_views, n_samples
        self._kept: dict[int, np.ndarray] = {}
        self._ahead: tuple[int, Future[np.ndarray]] | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="views")

    def view(self, epoch: int) -> np.ndarray:
        number = epoch if self._n_views is None else epoch % self._n_views
        following = epoch + 1 if self._n_views is None else (epoch + 1) % self._n_views
        view = self._take(number)
        if following not in self._kept:
            self._ahead = following, self._pool.submit(self._drawn, following)
        return view

    def _take(self, number: int) -> np.ndarray:
        if number in self._kept:
            return self._kept[number]
        ahead = self._ahead is not None and self._ahead[0] == number
        view = self._ahead[1].result() if self._ahead and ahead else self._drawn(number)
        self._ahead = None
        if self._n_views is not None:
            self._kept[number] = view
        return view

    def _drawn(self, number: int) -> np.ndarray:
        view = np.asarray(self._draw(number))
        if view.ndim < 2 or len(view) != self._n_samples:
            raise DataError(
                f"a view must have the shape (n_samples, ...), one sample a target; view {number} has the shape "
                f"{view.shape} for {self._n_samples} targets."
            )
        return view
