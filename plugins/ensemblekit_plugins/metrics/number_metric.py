"""What metrics of numbers have in common: all outputs at once, or one of them by name."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from ensemblekit.interfaces import Metric

from .class_metric import asked_place

__all__ = ["MeanOfErrors", "NumberMetric", "units_of"]

_HUGE = 1e100


class NumberMetric(Metric):
    """A metric of numbers: the mean over outputs, or one of them.

    Parameters
    ----------
    of : str or int, optional
        Name of an output; a position, where the predictions bring no names. By default all of them.
    """

    tasks = frozenset({"regression"})
    higher_is_better = False
    range = (0.0, float("inf"))
    needs = "numbers"
    dense = True
    by_class = True

    def __init__(self, *, of: Hashable | None = None) -> None:
        self.of = of

    def _losses(self, labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """Average the losses of the positions of each row: shape ``(n_samples, n_outputs)``."""
        true, given = self._numbers(labels, predicted)
        return self._each(true, given).reshape(len(true), -1, true.shape[-1]).mean(axis=1)

    def _each(self, true: np.ndarray, given: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _numbers(self, labels: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        true, given = (np.asarray(values, dtype=np.float64) for values in (labels, predicted))
        place = asked_place(self)
        if place is None:
            return true, given
        return true[..., place : place + 1], given[..., place : place + 1]


def units_of(*values: np.ndarray) -> np.ndarray:
    """Find the unit of each output in which numbers have squares: 1, or a power of 2 if they are very large or small.

    Parameters
    ----------
    *values : ndarray of shape (n_samples, ..., n_outputs)
        Numbers.

    Returns
    -------
    ndarray of shape (n_outputs,)
        Units; division by them loses no digit.
    """
    axes = tuple(range(values[0].ndim - 1))
    size = np.max([np.abs(each).max(axis=axes, initial=0) for each in values], axis=0)
    usual = ((size > 1 / _HUGE) & (size < _HUGE)) | (size == 0) | ~np.isfinite(size)
    return np.where(usual, 1.0, 2.0 ** np.floor(np.log2(np.where(usual, 1.0, size))))


class MeanOfErrors(NumberMetric):
    """A metric of numbers that is the mean of an error of each row.

    Parameters
    ----------
    of : str or int, optional
        Name of an output; a position, where the predictions bring no names. By default the mean over outputs.
    """

    def row_values(self, labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        return self._losses(labels, predicted).mean(axis=1)
