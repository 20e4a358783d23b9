"""The error of each member on the rows that it has."""

from __future__ import annotations

import numpy as np

from ensemblekit import PredictionSet
from ensemblekit.errors import InvalidOptionError

from .scales import scale_of

__all__ = ["mean_squared_errors"]

BLOCK_VALUES = 2**19
"""Values of a block in float64: 4 MB."""


def mean_squared_errors(predictions: PredictionSet, sample_weight: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Average the squared errors of each member over the rows that it has.

    Parameters
    ----------
    predictions : PredictionSet
        Labelled, of the task ``regression``; members may lack rows.
    sample_weight : ndarray of shape (n_samples,), or None
        Non-negative.

    Returns
    -------
    errors : ndarray of shape (n_members, n_outputs)
        Mean over rows, and over further axes of the outputs, divided by a power of two if numbers are extreme.
    exponents : ndarray of int of shape (n_outputs,)
        For `numpy.ldexp`, which multiplies by that power.

    Raises
    ------
    InvalidOptionError
        If a member has no row with a positive weight.
    """
    cube, labels = predictions.member_probas, predictions.label_codes
    assert labels is not None  # noqa: S101 - fit_combiner requires labels
    n_members, n, *axes, n_outputs = cube.shape
    places = int(np.prod(axes))
    counts = np.ones((n_members, n), dtype=bool) if predictions.present is None else predictions.present
    weight = np.ones(n) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    mass = counts @ weight
    if not mass.all():
        raise InvalidOptionError(
            f"each member must have rows with a positive weight; {predictions.members[int(np.argmin(mass))]!r} has "
            "none. Leave it out, or give it rows."
        )
    scale = scale_of(cube, labels)
    total = np.zeros((n_members, n_outputs))
    step = max(1, BLOCK_VALUES // (n_members * places * n_outputs))
    for start in range(0, n, step):
        block = slice(start, start + step)
        part = cube[:, block].reshape(n_members, -1, places, n_outputs).astype(np.float64)
        truth = labels[block].reshape(-1, places, n_outputs)
        if scale.any():
            part, truth = np.ldexp(part, -scale), np.ldexp(truth, -scale)
        part -= truth
        part[~counts[:, block]] = 0  # absent rows are NaN
        total += np.einsum("mipc,mipc,i->mc", part, part, weight[block])
    return total / (mass[:, np.newaxis] * places), 2 * scale
