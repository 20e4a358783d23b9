"""The inputs of `combine` and `fit_combiner`: align predictions, look features up by id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import InvalidOptionError, InvalidPredictionsError
from ..predictions import PredictionSet, align
from ..predictions.choices import missing_policy
from ..predictions.named import look_up, read_named
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


def features_of(
    features: Any, ids: np.ndarray, *, known: tuple[Any, ...] | None = None, sparse: bool = False
) -> tuple[Any, tuple[Any, ...] | None]:
    """Look up the features of these ids, by id.

    Parameters
    ----------
    features : table with an index or a column ``id``, mapping of id to vector, or (ids, array or sparse matrix)
        They may have more ids than are asked for.
    ids : ndarray of shape (n_samples,)
        Ids to look up.
    known : tuple, optional
        Names of the columns that the combiner was fitted on.
    sparse : bool, default=False
        Whether the combiner takes a sparse matrix; else an array is made of it.

    Returns
    -------
    features : ndarray of shape (n_samples, ...), or CSR matrix of shape (n_samples, n_features)
        In the order of ``ids``, and with named columns in the order of ``known``.
    columns : tuple or None
        Names of the columns, if they have names.

    Raises
    ------
    InvalidOptionError
        If the features have no ids, lack some of these ids, or have other columns.
    """
    try:
        names, values, columns = _read(features, ids)
    except InvalidPredictionsError as error:
        raise InvalidOptionError(str(error)) from None
    n_rows = values.shape[0]
    if len(names) != n_rows:
        raise InvalidOptionError(f"features must have one row an id; received {n_rows} for {len(names)} ids.")
    rows = positions(names, ids)
    if (rows < 0).any():
        raise InvalidOptionError(f"features must be there for every row; they lack {few(ids[rows < 0].tolist())}.")
    if known is not None and columns is not None and columns != known:
        values, columns = _in_order(values, columns, known), known
    values: Any = values if np.array_equal(rows, np.arange(n_rows)) else values[rows]
    return values if sparse or not _is_sparse(values) else values.toarray(), columns


def _is_sparse(values: Any) -> bool:
    return hasattr(values, "tocsr")


def _read(features: Any, ids: np.ndarray) -> tuple[np.ndarray, Any, tuple[Any, ...] | None]:
    if isinstance(features, Mapping):
        found = read_named([*features.values()], "features")  # its vectors may be Series, with names of columns
        return as_ids([*features], what="ids of features", like=ids), found.values, found.columns
    if isinstance(features, tuple) and len(features) == 2 and _is_sparse(features[1]):
        return as_ids(features[0], what="ids of features", like=ids), features[1].tocsr(), None
    if isinstance(features, tuple) and len(features) == 2:
        names, found = (
            as_ids(features[0], what="ids of features", like=ids),
            read_named(features[1], "features", like=ids),
        )
        values = found.values if len(found.values) != len(names) else look_up(found, "features", names)
        return names, values, found.columns
    found = read_named(features, "features", like=ids)
    if (rows := found.rows_like(ids)) is not None:
        return rows, found.values, found.columns
    if found.index is None:
        raise InvalidOptionError(
            "features must name their rows: a DataFrame indexed by id, {id: vector} or (ids, array); received "
            f"{type(features).__name__}{'' if found.columns is None else ' without a column id'}."
        )
    if len(found.values) == len(ids):
        look_up(found, "features", ids)  # refuses a default index that may or may not be the ids
    return np.asarray(found.index), found.values, found.columns


def _in_order(values: np.ndarray, columns: tuple[Any, ...], known: tuple[Any, ...]) -> np.ndarray:
    places = {name: place for place, name in enumerate(columns)}
    if places.keys() != set(known):
        raise InvalidOptionError(
            "features must have the columns that the combiner was fitted on, its feature_names_; they lack "
            f"{few([name for name in known if name not in places])} and have besides "
            f"{few([name for name in columns if name not in set(known)])}. Give the columns of the fit."
        )
    return values[:, [places[name] for name in known]]
