"""The names that the arguments of `Predictions` carry are used where names are left out, and compared where not."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InvalidPredictionsError
from ..kinds import KINDS, kind_of
from ._columns import has_index
from ._key_columns import is_key_columns, is_multi_index
from ._numbered import check_known_order
from ._task_names import classes_of_task, names_of_task
from .groups import without_groups
from .named import is_default, read_named, same_index
from .names import as_ids, few, same_names, shown

__all__ = ["Fields", "read_fields"]


@dataclass(frozen=True)
class Fields:
    """The arguments of `Predictions` after their names were read.

    Attributes
    ----------
    probas : ndarray
        Values without names.
    ids, classes
        Validated.
    labels : object
        The labels that were given, or the column ``label`` of the table.
    index : pandas.Index or None
        Another name of each row: the index that ids or table have beside the ids.
    groups : object
        The groups that were given, or the column ``group`` of the table.
    """

    probas: Any
    ids: np.ndarray
    classes: tuple[Hashable, ...]
    labels: Any
    index: Any
    groups: Any = None


def read_fields(probas: Any, ids: Any, classes: Any, labels: Any, task: str, who: str, groups: Any = None) -> Fields:
    """Read the names that predictions carry, and refuse those that disagree with the names that are given."""
    own = None if classes is None else classes_of_task(classes, task)
    probas, of_table = (probas, None) if type(probas) is np.ndarray else without_groups(probas, own)
    if of_table is not None and groups is not None:
        raise InvalidPredictionsError(
            f"groups must be given once; received groups=, and {who} with a column 'group'. Leave one of them out: "
            "probas.drop(columns='group')."
        )
    named = read_named(probas, "probas", keep=own or (), label=kind_of(task) == "multiclass")
    if isinstance(probas, Mapping) and own is not None and {*own} == {*probas}:
        raise InvalidPredictionsError(
            f"{who} in a mapping must be {{id: values}}; received the keys {shown([*probas])}, which are the classes. "
            "Give pd.DataFrame(probas)."
        )
    names = _classes_of(named, own, task, who)
    rows, index = _rows_of(named, ids, who)
    if named.labels is not None:
        if labels is not None:
            raise InvalidPredictionsError(
                f"labels must be given once; received labels=, and {who} with a column 'label'. Leave one of them out: "
                "probas.drop(columns='label')."
            )
        # As in a file: a number in a table is the name of a class, never its position.
        as_text = isinstance(names[0], str) and named.labels.dtype.kind in "iu"
        labels = named.labels.astype(str) if as_text else named.labels
    if named.columns is not None and named.values.dtype.kind == "O":
        _check_numbers(named.values, named.columns, rows, who)
    return Fields(named.values, rows, names, labels, index, of_table if groups is None else groups)


def _classes_of(named: Any, own: tuple[Hashable, ...] | None, task: str, who: str) -> tuple[Hashable, ...]:
    columns = named.columns
    if columns is not None and own is not None and columns != own[-1:]:
        columns = names_of_task(columns, task)
    if own is None:
        if columns is None and kind_of(task) == "regression" and isinstance(named.name, str) and named.name:
            columns = (named.name,)
        if columns is None:
            raise InvalidPredictionsError(
                f"classes must be given, or be the names of the columns of a table; {who} came as an array, or with "
                "columns 0, 1, 2, ..., which are no names. Give classes=[...], in the order of its columns."
            )
        return classes_of_task(columns, task)
    if named.unnamed and len(own) == named.values.shape[-1] and not _no_names(tuple(range(len(own))), own):
        raise InvalidPredictionsError(
            f"{who} must name its columns, or have no names at all: the classes {shown(own)} are the numbers 0..k-1 in "
            "another order, and nobody can know whether the default columns 0..k-1 mean these. Give probas.to_numpy() "
            "if they are in the order of the classes; if they are not, rename them."
        )
    if task not in KINDS and columns == own[-1:]:  # the shorter form of a task with two classes; see `Task.complete`
        return own
    if columns is None or columns == own or (len(columns) == len(own) and _no_names(columns, own)):
        return own
    if len(columns) != len(own):
        raise InvalidPredictionsError(
            f"{who} must have one column a class; received {len(columns)} columns {shown([*columns])} and {len(own)} "
            f"classes {shown(own)}. Leave out columns that are no class, or classes that are no column: "
            "probas[list(classes)]."
        )
    order = {*columns} == {*own}
    raise InvalidPredictionsError(
        f"{who} must have its columns in the order of the classes {shown(own)}; received a table with "
        f"{shown([*columns])}. "
        + (
            "Give probas[list(classes)], or leave classes out."
            if order
            else "Leave classes out, or rename the columns. If they are in the order of the classes, give "
            "probas.to_numpy()."
        )
    )


def _no_names(columns: tuple[Hashable, ...], own: tuple[Hashable, ...]) -> bool:
    """Tell whether columns are 0..k-1, or numbers as text, as files write them, and classes are not others of these."""
    one, another = [*map(str, columns)], [*map(str, own)]
    return one == another or (is_default([*columns]) and {*one} != {*another})


def _rows_of(named: Any, ids: Any, who: str) -> tuple[np.ndarray, Any]:
    if ids is None:
        rows = named.rows
        if rows is None:
            raise InvalidPredictionsError(
                f"ids must be given, or be the index of a table or its column 'id'; {who} came without names of rows"
                f"{', as an index 0..n-1 is none' if named.index is not None else ''}. Give ids=[...], in the order of "
                "its rows."
            )
        return rows, named.index
    if isinstance(ids, Mapping) and not is_key_columns(ids):
        raise InvalidPredictionsError(
            f"ids must be a sequence of str or int, or {{column: values}} of a key; received a mapping of {few(ids)}. "
            "Give list(ids) if its keys are in the order of the rows."
        )
    index: Any = getattr(ids, "index", None) if has_index(ids) else ids if is_multi_index(ids) else None
    given = as_ids(ids)
    if index is not None and named.index is not None and same_index(index, named.index):
        return given, index
    rows = named.rows_like(given)
    if rows is None:
        if named.index is not None and len(given) == len(named.values):
            check_known_order("probas", given, index, called="ids")
        return given, index
    if len(rows) != len(given):
        raise InvalidPredictionsError(f"{who} must have one row an id; received {len(rows)} rows and {len(given)} ids.")
    if not same_names(rows, given):
        raise _disagreement(rows, given, who)
    return given, index if index is not None else named.index


def _disagreement(rows: np.ndarray, given: np.ndarray, who: str) -> InvalidPredictionsError:
    differ = np.flatnonzero([a != b for a, b in zip(rows.tolist(), given.tolist(), strict=True)])
    first = int(differ[0]) if len(differ) else 0
    same = {*rows.tolist()} == {*given.tolist()}
    return InvalidPredictionsError(
        f"{who} must name its rows as ids does, in one order; received "
        f"{'the same names in another order' if same else 'other names'} in {len(differ)} rows, the first {first}: "
        f"{shown(rows.tolist()[first])} in its index and {shown(given.tolist()[first])} in ids. "
        + ("Leave ids out, or give probas.loc[ids]." if same else "Leave ids out if the names of the table are right.")
        + " If its rows are in the order of the ids, give probas.to_numpy()."
    )


def _check_numbers(values: np.ndarray, columns: tuple[Any, ...], ids: np.ndarray, who: str) -> None:
    """Refuse the first column that holds something other than numbers, by name."""
    for place, name in enumerate(columns):
        for row, value in enumerate(values[:, place].tolist() if values.ndim == 2 else ()):
            if not isinstance(value, int | float | np.number | None):
                where = f" for id {shown(ids[row : row + 1].tolist()[0])}" if row < len(ids) else ""
                raise InvalidPredictionsError(
                    f"{who} must hold numbers; column {shown(name)} has {shown(value)}{where}. Leave out columns that "
                    f"are no class: the columns are {shown([*columns])}."
                )
