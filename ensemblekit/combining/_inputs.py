"""The inputs of `combine` and `fit_combiner`: align predictions, look features up by id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import InvalidOptionError
from ..predictions import PredictionSet, align
from ..predictions.choices import missing_policy
from ..predictions.names import as_ids, few, positions, shown
from ..predictions.tables import READ, spelled

__all__ = ["aligned_set", "features_of"]


def aligned_set(predictions: Any, aliases: Any, missing: Any, read: Mapping[str, Any] | None = None) -> PredictionSet:
    """Align predictions, unless they are aligned already; ``read`` says how files are read."""
    if isinstance(predictions, PredictionSet) and not aliases and not read:
        missing_policy(missing)  # it was used when the set was aligned, but it must still be valid
        return predictions
    unknown = [name for name in read or () if name not in READ]
    if unknown:
        raise InvalidOptionError(f"read must have keys out of {', '.join(READ)}; received {shown(unknown)}.")
    with spelled("read"):
        return align(predictions, aliases=aliases, missing=missing, **(read or {}))


def features_of(features: Any, ids: np.ndarray) -> np.ndarray:
    """Look up the features of these ids, by id.

    Parameters
    ----------
    features : DataFrame indexed by id, mapping of id to vector, or (ids, array)
        They may have more ids than are asked for.
    ids : ndarray of shape (n_samples,)
        Ids to look up.

    Returns
    -------
    ndarray of shape (n_samples, ...)
        Their features, in the order of ``ids``.

    Raises
    ------
    InvalidOptionError
        If the features have no ids, or lack some of these ids.
    """
    if isinstance(features, Mapping):
        names, values = list(features), np.asarray(list(features.values()))
    elif hasattr(features, "index") and hasattr(features, "to_numpy"):
        names, values = features.index.tolist(), features.to_numpy()
    elif isinstance(features, tuple) and len(features) == 2:
        names, values = features[0], np.asarray(features[1])
    else:
        raise InvalidOptionError(
            "features must name their rows: a DataFrame indexed by id, {id: vector} or (ids, array); received "
            f"{type(features).__name__}."
        )
    known = as_ids(names, what="ids of features")
    if len(known) != len(values):
        raise InvalidOptionError(f"features must have one row an id; received {len(values)} for {len(known)} ids.")
    rows = positions(known, ids)
    if (rows < 0).any():
        raise InvalidOptionError(f"features must be there for every row; they lack {few(ids[rows < 0].tolist())}.")
    return values if np.array_equal(rows, np.arange(len(values))) else values[rows]
