"""The groups that predictions know themselves, and what is asked for beside them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ...errors import AlignmentError, InvalidOptionError
from ...predictions.joining import Lookup, same_names
from ...predictions.names import joined_names, shown
from ._resampling import Groups, KnownGroups, groups_by_id

__all__ = ["find_groups"]


def find_groups(models: Iterable[Any], groups: Groups | None) -> Groups | None:
    """Take the groups of predictions where none are given; refuse given ones that are others.

    Parameters
    ----------
    models : iterable of Predictions or PredictionSet
        Whose rows are judged.
    groups : mapping of id to group, Series or table whose rows are named by id, name of a key column, or None
        What the caller gave.

    Returns
    -------
    mapping or None
        What `group_places` reads: None if nobody knows groups.

    Raises
    ------
    InvalidOptionError
        If the groups that are given are not those of the predictions.
    AlignmentError
        If two predictions know different groups for one row.
    """
    if isinstance(groups, KnownGroups):
        return groups
    found: KnownGroups | None = None
    for p in models:
        if p.groups is not None:
            found = KnownGroups(p.ids, p.groups) if found is None else _joined(found, p)
    if found is None or groups is None:
        return groups if found is None else found
    given = groups_by_id(groups, found.ids)
    for name, group in zip(found.ids.tolist(), found.groups.tolist(), strict=True):
        if name not in given or str(given[name]) != group:
            received = f"{shown(given[name])} for id {shown(name)}" if name in given else f"none for id {shown(name)}"
            raise InvalidOptionError(
                f"groups must be those of the predictions, {shown(group)}, where these have groups; received "
                f"{received}. Leave groups out, or give predictions without: Predictions(p.probas, ids=p.ids, ...)."
            )
    return found


def _joined(found: KnownGroups, p: Any) -> KnownGroups:
    if same_names(found.ids, p.ids) and same_names(found.groups, p.groups):
        return found
    places = Lookup(found.ids).positions(p.ids)
    here = places >= 0
    differ = found.groups[places[here]] != p.groups[here]
    if differ.any():
        name = shown(p.ids[here][differ].tolist()[0])
        raise AlignmentError(f"predictions of the same rows must have the same groups; they differ for id {name}.")
    if here.all():
        return found
    groups = np.concatenate([found.groups, p.groups[~here]])
    return KnownGroups(joined_names([found.ids, p.ids[~here]]), groups)
