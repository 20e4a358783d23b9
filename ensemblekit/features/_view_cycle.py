"""`ViewCycle`: training data for Keras's ``fit``, with several views of each image.

This module imports Keras. So it is only imported when `ViewCycle` is used.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arguments import as_array, typed
from ..assembly import import_keras
from ..errors import DataError, InvalidOptionError, InvalidPredictionsError
from ..predictions.named import check_same_rows, read_named
from ..predictions.names import few

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["ViewCycle"]

keras = import_keras("ViewCycle")


class ViewCycle(keras.utils.PyDataset):
    """Training data for Keras's ``fit``, with several views of each image: each epoch uses one view of every image.

    Parameters
    ----------
    views : array-like of shape (n_views, n_samples, ...) or callable
        Features or pixels of each view; only the rows of a batch are copied from a memory map. Or a function that takes
        the number of a view and returns that view, shape ``(n_samples, ...)``; it is called in a thread, one epoch
        ahead.
    y : array-like of shape (n_samples, ...)
        Targets, the same for every view. If both it and a view have an index, the indexes must be equal.
    n_views : int, optional
        Only for a function: the number of views to draw, keep, and cycle through. By default each epoch draws a new
        view, and no view is kept.
    batch_size : int, default=32
        Number of samples in a batch; the last one of an epoch may have fewer.
    seed : int, default=0
        Seed of the order of the samples.

    Attributes
    ----------
    epoch : int
        Number of the current epoch, counted over all calls of ``fit``.

    Raises
    ------
    InvalidOptionError
        If an option is none of those above.
    DataError
        If the views are empty, the number of targets differs from the number of samples, or rows or columns of tables
        have other names or another order.

    Notes
    -----
    Epoch ``e`` gives view ``e % n_views`` of each sample once. The order is drawn from ``(seed, e)``: it is the same in
    every run, and does not depend on other uses of random numbers. Call ``fit`` with ``shuffle=False``, or Keras draws
    an order of the batches from Python's global random state.

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

    @typed(but=("views", "y"))
    def __init__(
        self,
        views: ArrayLike | Callable[[int], ArrayLike],
        y: ArrayLike,
        *,
        n_views: int | None = None,
        batch_size: int = 32,
        seed: int = 0,
    ) -> None:
        super().__init__()
        for name, value, least in (("batch_size", batch_size, 1), ("seed", seed, 0), ("n_views", n_views, 1)):
            if name == "n_views" and value is None:
                continue
            if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
                raise InvalidOptionError(f"{name} must be a whole number >= {least}; received {value!r}.")
        names = _Names(y)
        self.y = names.values(y, "y")
        if self.y.ndim < 1 or not len(self.y):
            raise DataError(f"y must hold a target for each sample, at least one; received shape {self.y.shape}.")
        self.batch_size, self.seed = batch_size, seed
        if callable(views):
            self._source: _ArrayViews | _DrawnViews = _DrawnViews(views, n_views, len(self.y), names)
        elif n_views is not None:
            raise InvalidOptionError(
                f"n_views is for a function that draws views; received {n_views} and an array, whose first axis is it."
            )
        else:
            self._source = _ArrayViews(views, len(self.y), names)
        self.epoch = 0
        self._begun, self._furthest = False, -1
        self._current = self._load()

    @property
    def num_batches(self) -> int:
        """Number of batches per epoch."""
        return -(-len(self.y) // self.batch_size)

    def __len__(self) -> int:
        return self.num_batches

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return one batch of the current epoch.

        Parameters
        ----------
        index : int
            Number of the batch, 0 up to ``len(self) - 1``.

        Returns
        -------
        x, y : ndarray of shape (batch_size, ...)
            Views and targets, in the order of this epoch.
        """
        if not 0 <= index < self.num_batches:
            raise IndexError(f"there are {self.num_batches} batches; received {index}.")
        self._furthest = max(self._furthest, index)
        view, order = self._current  # read only once, as Keras calls this in another thread
        rows = order[index * self.batch_size : (index + 1) * self.batch_size]
        return np.asarray(view[rows]), self.y[rows]

    def on_epoch_begin(self) -> None:
        """Go on to the next epoch; Keras calls this."""
        # Keras also calls on_epoch_end before the first epoch. So only the beginnings of epochs are counted; and not of
        # the one that Keras ends after its first batch, to see its shape, where it runs on torch or jax.
        if self._begun and (self._furthest or self.num_batches == 1):
            self.epoch += 1
            self._current = self._load()
        self._begun, self._furthest = True, -1

    def _load(self) -> tuple[np.ndarray, np.ndarray]:
        order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.y))
        return self._source.view(self.epoch), order


class _Names:
    """The names of the rows of the targets, and of the columns of the first view that names its columns."""

    def __init__(self, y: Any) -> None:
        self._y, self._columns = y, None

    def values(self, data: Any, what: str) -> np.ndarray:
        """Read targets or a view; refuse masked entries, and rows or columns in another order or with other names."""
        if np.ma.is_masked(data):
            raise DataError(f"{what} must be known of each sample; received masked values. Leave these samples out.")
        try:
            named = read_named(data, what, keep=("id", "label"))
        except InvalidPredictionsError as error:
            raise DataError(str(error)) from None
        if data is not self._y:
            check_same_rows("y", self._y, what, data, error=DataError)
            if named.columns is not None:
                self._columns = self._columns or named.columns
                if named.columns != self._columns:
                    raise DataError(
                        f"each view must have the same columns in the same order; received {few(named.columns)} in "
                        f"{what} and {few(self._columns)} in another. Give view[list(columns)]."
                    )
        return named.values


class _ArrayViews:
    """Views in an array, or in a list of tables."""

    def __init__(self, views: Any, n_samples: int, names: _Names) -> None:
        if isinstance(views, (list, tuple)):
            views = [names.values(view, f"views[{number}]") for number, view in enumerate(views)]
        elif np.ma.is_masked(views):
            names.values(views, "views")
        self._views = as_array("views", views, error=DataError)
        if self._views.ndim < 3 or not self._views.size or self._views.shape[1] != n_samples:
            raise DataError(
                f"views must have the shape (n_views, n_samples, ...), one sample a target; received shape "
                f"{self._views.shape} for {n_samples} targets."
            )

    def view(self, epoch: int) -> np.ndarray:
        return self._views[epoch % len(self._views)]


class _DrawnViews:
    """Views from a function: the next view is drawn while the current one is used."""

    def __init__(self, draw: Callable[[int], Any], n_views: int | None, n_samples: int, names: _Names) -> None:
        self._names = names
        self._draw, self._n_views, self._n_samples = draw, n_views, n_samples
        self._kept: dict[int, np.ndarray] = {}
        self._next: tuple[int, Future[np.ndarray]] | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="views")

    def view(self, epoch: int) -> np.ndarray:
        number = epoch if self._n_views is None else epoch % self._n_views
        following = epoch + 1 if self._n_views is None else (epoch + 1) % self._n_views
        view = self._take(number)
        if following not in self._kept:
            self._next = following, self._pool.submit(self._call, following)
        return view

    def _take(self, number: int) -> np.ndarray:
        if number in self._kept:
            return self._kept[number]
        is_next = self._next is not None and self._next[0] == number
        view = self._next[1].result() if self._next and is_next else self._call(number)
        self._next = None
        if self._n_views is not None:
            self._kept[number] = view
        return view

    def _call(self, number: int) -> np.ndarray:
        view = self._names.values(self._draw(number), f"views({number})")
        if view.ndim < 2 or len(view) != self._n_samples:
            raise DataError(
                f"a view must have the shape (n_samples, ...), one sample a target; view {number} has the shape "
                f"{view.shape} for {self._n_samples} targets."
            )
        return view
