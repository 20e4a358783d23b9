"""Powers of two by which numbers near the ends of float64 are divided, so that their squares are numbers too."""

from __future__ import annotations

import numpy as np

__all__ = ["scale_of"]

SAFE = 300
"""Numbers from 2^-300 to 2^300 are left as they are: sums of their squares are far from the ends of float64."""


def scale_of(cube: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Find by which power of two the numbers of each output are divided.

    Parameters
    ----------
    cube : ndarray of shape (n_members, ..., n_outputs)
        Predictions; NaN is left out.
    labels : ndarray of shape (..., n_outputs)
        Numbers.

    Returns
    -------
    ndarray of int of shape (n_outputs,)
        Exponents for `numpy.ldexp`; 0 if the largest number is not extreme.
    """
    # Smaller floating-point numbers have no extreme ones.
    given = [labels, cube] if cube.dtype.itemsize >= 8 else [labels]
    largest = np.zeros(cube.shape[-1])
    for one in given:
        flat = one.reshape(-1, one.shape[-1])
        for end in (np.fmax.reduce(flat, axis=0, initial=0), np.fmin.reduce(flat, axis=0, initial=0)):
            largest = np.maximum(largest, np.abs(end.astype(np.float64)))
    exponents = np.frexp(largest)[1]
    return np.where(np.abs(exponents) > SAFE, exponents, 0)
