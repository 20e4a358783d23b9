"""The weights of rows, looked up by id."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InvalidOptionError
from ..predictions.named import by_id
from ..predictions.names import shown

__all__ = ["weights_of"]


def weights_of(sample_weight: Any, ids: np.ndarray) -> np.ndarray:
    """Look up the weights of these ids, by id if they name their rows.

    Parameters
    ----------
    sample_weight : Series or table with an index of ids, mapping of id to float, or array-like of shape (n_samples,)
        Without names, in the order of ``ids``.
    ids : ndarray of shape (n_samples,)
        Ids to look up.

    Returns
    -------
    ndarray of float64, shape (n_samples,)

    Raises
    ------
    InvalidOptionError
        If ids are absent, or the weights are not finite numbers >= 0 with a positive sum.
    """
    found = by_id("sample_weight", sample_weight, ids, error=InvalidOptionError)
    if found.ndim == 2 and found.shape[1] == 1:  # a table with one column
        found = found[:, 0]
    try:
        weights = np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InvalidOptionError(
            f"sample_weight must be numbers, one a row; received {shown(found.tolist())}."
        ) from None
    rule = f"sample_weight must be finite and >= 0 with a positive sum, one a row, shape {ids.shape}"
    if weights.shape != ids.shape:
        raise InvalidOptionError(f"{rule}; received shape {weights.shape}.")
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(wrong):
        first = wrong[0]
        raise InvalidOptionError(
            f"{rule}; received {len(wrong)} others, first {weights[first]} for the id {shown(ids[first].item())}."
        )
    if not weights.sum() > 0:
        raise InvalidOptionError(f"{rule}; received only 0.")
    return weights
