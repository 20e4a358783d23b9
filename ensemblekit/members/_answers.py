"""What a model returns: the one output that is wanted, read by the names that it carries."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import InvalidOptionError, InvalidPredictionsError
from ..predictions import Task
from ..predictions.named import Named, by_id, is_default, read_named
from ..predictions.names import few, plain
from .inputs import are_several
from .networks import unknown_output

__all__ = ["choose_output", "read_answer"]


def choose_output(
    answer: Any,
    wanted: str | None,
    *,
    name: str,
    n_samples: int,
    classes: tuple[Hashable, ...] | None = None,
    output_names: Sequence[str] | None = None,
    always_outputs: bool = False,
) -> Any:
    """Take the wanted output of an answer, or refuse an answer of several outputs.

    Parameters
    ----------
    answer : object
        What the model returned.
    wanted : str or None
        Name of the output.
    name : str
        Name of the member, for errors.
    n_samples : int
        Number of inputs.
    classes : tuple, optional
        Classes of the member: a mapping with these keys is one output with named columns.
    output_names : sequence of str, optional
        Names of the outputs of a list.
    always_outputs : bool, default=False
        Whether a list always holds outputs, as from Keras, and never rows.

    Returns
    -------
    object
        One output.

    Raises
    ------
    InvalidOptionError
        If no output is wanted of several, or none has that name.
    InvalidPredictionsError
        If a list may hold rows as well as outputs.
    """
    if isinstance(answer, Mapping):
        if wanted is None and (_is_columns(answer, classes, n_samples)):
            return answer
        return _named_output(tuple(answer), list(answer.values()), wanted, name)
    if isinstance(answer, (list, tuple)):
        several = True if always_outputs else are_several(answer, n_samples, from_rank=2)
        if several is None:
            raise InvalidPredictionsError(
                f"member {name!r} must return one row an input; nobody can know whether its list of {len(answer)} "
                f"arrays holds one output an array or one row an array. Return one array, as of np.stack, or "
                "{name: output}."
            )
        if several:
            names = tuple(output_names or ())
            if len(names) != len(answer):
                if len(answer) == 1 and wanted is None:
                    return answer[0]
                raise InvalidOptionError(
                    f"member {name!r} must have one output; it returned {len(answer)} without names. Return one of "
                    "them, or {name: output}, of which output_name= takes one."
                )
            return _named_output(names, list(answer), wanted, name)
    if wanted is not None:
        raise InvalidOptionError(
            f"output_name must be the name of an output; member {name!r} has one, without a name, and {wanted!r} was "
            "asked for. Leave it out."
        )
    return answer


def _named_output(names: tuple[Any, ...], outputs: list[Any], wanted: str | None, name: str) -> Any:
    if wanted is None and len(names) == 1:
        return outputs[0]
    if names.count(wanted) != 1:
        raise unknown_output(name, wanted, names)
    return outputs[names.index(wanted)]


def _is_columns(answer: Mapping[Any, Any], classes: tuple[Hashable, ...] | None, n_samples: int) -> bool:
    """Tell whether a mapping is one output, a column a class."""
    if classes is None or {plain(key) for key in answer} != {*classes}:
        return False
    return all(np.shape(column) in ((n_samples,), (n_samples, 1)) for column in answer.values())


def read_answer(
    answer: Any, *, name: str, ids: np.ndarray, index: Any, classes: tuple[Hashable, ...] | None, task: Task
) -> tuple[np.ndarray, tuple[Hashable, ...] | None]:
    """Read one output: its columns by class, its rows by the names of the inputs.

    Parameters
    ----------
    answer : object
        An array, table, or mapping of class to column.
    name : str
        Name of the member, for errors.
    ids : ndarray of shape (n_samples,)
        Ids of the inputs.
    index : pandas.Index or None
        Index of the inputs.
    classes : tuple or None
        Classes of the member; None if they are those of the columns.
    task : {"multiclass", "multilabel", "regression"}
        Task of the member.

    Returns
    -------
    tuple of (ndarray, tuple or None)
        Values, their columns in the order of the classes; and these classes.

    Raises
    ------
    InvalidPredictionsError
        If the answer is no array, or its columns have names that are not the classes.
    """
    what = f"the answer of member {name!r}"
    if isinstance(answer, Mapping):
        import pandas as pd

        answer = pd.DataFrame({key: np.ravel(column) for key, column in answer.items()})
    named = read_named(answer, what, keep=classes or ())
    values = _rows_by_name(named, what, ids, index)
    columns = named.columns
    if columns is None:
        _check_default_columns(answer, name, classes)
        return values, classes
    if classes is None:
        return values, columns
    return _columns_by_name(values, columns, classes, name, task)


def _rows_by_name(named: Named, what: str, ids: np.ndarray, index: Any) -> np.ndarray:
    values = named.values
    if named.index is None or named.has_names:
        names = named.rows
    elif (index is not None and named.index.equals(index)) or (
        is_default(named.index) and (index is None or is_default(index))
    ):
        return values
    else:
        names, ids = named.index, ids if index is None else np.asarray(index)
    if names is None or len(names) != len(values):
        return values
    import pandas as pd

    try:
        return values[by_id(what, pd.Series(np.arange(len(values)), index=names), ids)]
    except InvalidPredictionsError as error:
        raise InvalidPredictionsError(
            f"{what} must name its rows as its inputs do, or not at all; it names {few(np.asarray(names).tolist())} "
            f"for the inputs {few(np.asarray(ids).tolist())}. If its rows are in the order of the inputs, return it "
            f"without {'the column of ids' if named.has_names else 'an index, as of .to_numpy()'}."
        ) from error


def _check_default_columns(answer: Any, name: str, classes: tuple[Hashable, ...] | None) -> None:
    columns = getattr(answer, "columns", None)
    if columns is None or classes is None or len(columns) != len(classes):
        return
    numbers = list(range(len(classes)))
    if set(classes) == set(numbers) and list(classes) != numbers and type(classes[0]) is int:
        raise InvalidPredictionsError(
            f"member {name!r} must say what its columns are: they are called 0..{len(numbers) - 1}, as by default, and "
            f"its classes are the same numbers in another order, {few(classes)}. Return .to_numpy() if the columns are "
            "in the order of the classes."
        )


def _columns_by_name(
    values: np.ndarray, columns: tuple[Hashable, ...], classes: tuple[Hashable, ...], name: str, task: Task
) -> tuple[np.ndarray, tuple[Hashable, ...]]:
    if task == "regression" and len(columns) == len(classes) == 1:
        return values, classes
    place = {column: position for position, column in enumerate(columns)}
    if not all(c in place for c in classes) and all(isinstance(c, str) for c in columns):
        # A table of Arrow or polars calls its columns by text.
        as_text: dict[Hashable, Hashable] = {str(c): c for c in classes}
        place = {as_text.get(column, column): position for column, position in place.items()}
    if task == "multiclass" and len(classes) == 2 and len(columns) == 1 and set(place) <= {*classes}:
        (only,) = place
        column = values[:, 0]
        pair = [column, 1 - column] if classes[0] == only else [1 - column, column]
        return np.stack(pair, axis=1), classes
    missing, unknown = [c for c in classes if c not in place], [c for c in place if c not in {*classes}]
    if missing or unknown:
        faults = [f"lacks {few(missing)}"] * bool(missing) + [f"has also {few(unknown)}"] * bool(unknown)
        raise InvalidPredictionsError(
            f"member {name!r} must call its columns by its classes, {few(classes)}; its answer {' and '.join(faults)}. "
            "Give the names of the columns as classes=, and other names of the same classes as aliases=."
        )
    order = [place[c] for c in classes]
    return (values if order == list(range(len(order))) else values[:, order]), classes
