"""Rows of groups combined to one row a group, such as slices to patients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import AlignmentError, InvalidOptionError, InvalidPredictionsError
from ..provided import slice_combiner
from ._checks import as_labels
from ._fits import Fitted, derive_groups, key_groups
from ._joined_fits import join_groups
from .groups import as_groups
from .joining import order_of
from .names import as_ids, few, readonly, shown

__all__ = ["aggregated"]

POLICIES = {"error": None, "majority": "multiclass", "any": "multilabel", "mean": "regression"}
"""What labels that differ within a group become, and the kind of values for which it does."""


def aggregated(p: Any, by: Any, rule: Any, labels: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Combine rows, as `Predictions.aggregate` does, to values of slots."""
    groups = _groups_of(p, by)
    combine = slice_combiner(rule, p.task, options)
    names, codes = np.unique(groups, return_inverse=True)
    # Slices in the order of their ids, so that no order of the rows changes a bit.
    by_id = order_of(p.ids)
    order = by_id[np.argsort(codes[by_id], kind="stable")]
    ids = as_ids(names)
    found, truth = _labels(p, labels, codes, ids)
    values, present = _combined(p, combine, order, codes, ids)
    return {
        "_probas": readonly(values),
        "_ids": ids,
        "_label_values": truth if found is None else found,
        "_groups": None,
        "_present": None if present.all() else readonly(present),
        "_fitted": join_groups(_fitted(p, by, groups), codes, len(ids)),
    }


def _groups_of(p: Any, by: Any) -> np.ndarray:
    if not isinstance(by, str):
        return as_groups(by, p.ids, what="by")
    if by in p.id_columns:
        return as_groups(by, p.ids, what="by")
    if by != "group":
        raise InvalidOptionError(
            f"by must be 'group', a key column, or name the group of each row as groups= does; received {shown(by)}."
        )
    if p.groups is None:
        raise InvalidPredictionsError(
            "rows are aggregated by group, and these predictions have no groups. Give groups= to Predictions, or "
            "p.with_groups({id: group})."
        )
    return p.groups


def _fitted(p: Any, by: Any, groups: np.ndarray) -> Fitted:
    fitted = Fitted(p.fit_ids, p.fit_groups, p.fits)
    if isinstance(by, str) and by not in p.id_columns:
        return fitted
    fitted = fitted.without_groups()
    return derive_groups(key_groups(fitted, by) if isinstance(by, str) else fitted, p.ids, groups)


def _combined(
    p: Any, combine: Any, order: np.ndarray, codes: np.ndarray, ids: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Combine the groups of one size at a time: then no slice is missing, which few rules could take."""
    if p.present is not None:
        order = order[p.present[order]]
    sizes = np.bincount(codes[order], minlength=len(ids))
    starts = np.cumsum(sizes) - sizes
    out: np.ndarray | None = None
    for size in np.unique(sizes[sizes > 0]).tolist():
        rows = np.flatnonzero(sizes == size)
        slices = p.probas[order[starts[rows] + np.arange(size)[:, np.newaxis]]]
        values = combine(slices, p.classes, ids[rows])
        out = np.full((len(ids), *values.shape[1:]), np.nan, values.dtype) if out is None else out
        out[rows] = values
    if out is None:
        out = np.full((len(ids), *p.probas.shape[1:]), np.nan, p.probas.dtype)
    return out, sizes > 0


def _labels(p: Any, asked: Any, codes: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return labels that are given by group, or those of the rows as one a group."""
    if asked is not None and not isinstance(asked, str):
        return as_labels(asked, p.classes, p.task, (len(ids), *p.probas.shape[1:]), ids), None
    if asked is not None and (asked not in POLICIES or POLICIES[asked] not in (None, p.kind)):
        fit = [name for name, kind in POLICIES.items() if kind in (None, p.kind)]
        raise InvalidOptionError(
            f"labels must be {', '.join(map(repr, fit))}, None, or {{group: label}} for these predictions; received "
            f"{shown(asked)}."
        )
    values = p.label_codes
    if values is None or asked is None:
        return None, None
    first = np.empty(len(ids), dtype=np.intp)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    one = values[first]
    if asked == "error":
        differ = (values != one[codes]).reshape(len(values), -1).any(axis=1)
        if differ.any():
            mixed = np.unique(codes[differ])
            fit = [name for name, kind in POLICIES.items() if kind == p.kind]
            raise AlignmentError(
                f"labels must be the same for all rows of a group; those of {few(ids[mixed].tolist())} of {len(ids)} "
                f"groups differ. Give labels={fit[0]!r}, or the labels of the groups: labels={{group: label}}."
            )
        return None, readonly(one)
    if asked == "majority":
        if values.ndim != 1:
            raise InvalidOptionError("labels='majority' is for one label a row. Give {group: label}.")
        votes = np.bincount(codes * len(p.classes) + values, minlength=len(ids) * len(p.classes))
        return None, readonly(votes.reshape(len(ids), -1).argmax(axis=1))
    sums = np.zeros((len(ids), *values.shape[1:]), dtype=np.float64)
    np.add.at(sums, codes, values)
    if asked == "any":
        return None, readonly(sums > 0)
    counts = np.bincount(codes, minlength=len(ids)).reshape(-1, *[1] * (values.ndim - 1))
    return None, readonly(sums / counts)
