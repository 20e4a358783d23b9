"""Inputs of models: one array, one table, a list of samples, or several inputs. Their structure says which it is.

Lengths alone never decide: a list of two arrays may be two samples or two inputs. What nobody can know is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ..errors import DataError
from ..predictions.names import few

__all__ = ["Inputs", "are_several", "joined_inputs", "read_inputs"]


class Inputs:
    """Inputs of known rows.

    Attributes
    ----------
    x : object
        The inputs as the model takes them: an array, a table, a list of samples, or a dict, list or tuple of such.
    parts : dict of tuple to object
        The arrays, tables and lists of samples in ``x``, by their keys and positions; one, with the key ``()``, if the
        inputs are one.
    tree : object
        The parts in their dicts, lists and tuples.
    """

    def __init__(self, tree: Any) -> None:
        self.tree = tree
        self.x = self.map(lambda part: part)
        self.parts: dict[tuple[Any, ...], Any] = dict(_parts(tree))

    @property
    def is_one(self) -> bool:
        """Whether it is one input."""
        return isinstance(self.tree, _Part)

    @property
    def by_name(self) -> bool:
        """Whether it is several inputs by name."""
        return isinstance(self.tree, dict)

    @property
    def is_nested(self) -> bool:
        """Whether some of its inputs are several themselves."""
        return any(len(path) > 1 for path in self.parts)

    @property
    def structure(self) -> Any:
        """Keys and containers, without the data: equal for batches of one source."""
        return _shape_of(self.tree)

    @property
    def index(self) -> Any:
        """The index of the first pandas object; None if there is none."""
        return next((p.index for p in self.parts.values() if hasattr(p, "iloc")), None)

    def map(self, function: Callable[[Any], Any]) -> Any:
        """Call a function with each array, table and list of samples.

        Parameters
        ----------
        function : callable
            Takes one of `parts`.

        Returns
        -------
        object
            The results, in the structure of ``x``.
        """
        return _mapped(self.tree, lambda part: function(part.data))

    def rows(self, rows: slice) -> Inputs:
        """Take rows of each input.

        Parameters
        ----------
        rows : slice
            Rows from a start to an end.

        Returns
        -------
        Inputs
            Of the same structure.
        """
        return Inputs(_mapped(self.tree, lambda part: _Part(_take(part.data, rows))))

    def take(self, places: np.ndarray) -> Inputs:
        """Take rows of each input by their places.

        Parameters
        ----------
        places : ndarray of int
            Places from 0, in any order.

        Returns
        -------
        Inputs
            Of the same structure.
        """
        return Inputs(_mapped(self.tree, lambda part: _Part(_take_at(part.data, places))))


class _Part:
    """One array, table or list of samples."""

    def __init__(self, data: Any) -> None:
        self.data = data


def read_inputs(x: Any, n_samples: int, *, what: str = "x", like: Inputs | None = None) -> Inputs:
    """Find the structure of inputs, and check the rows of each.

    Parameters
    ----------
    x : object
        An array or table with one row a sample; a list of text, dicts, numbers or arrays, one a sample; a mapping
        ``{name: input}``, or a tuple or list of arrays, for several inputs.
    n_samples : int
        Number of samples.
    what : str, default="x"
        Name of the argument, for errors.
    like : Inputs, optional
        Inputs of another batch of the same source, which have the same structure.

    Returns
    -------
    Inputs
        The inputs; nothing is copied.

    Raises
    ------
    DataError
        If an input has more or fewer rows than samples, or a list may mean samples as well as inputs, or the structure
        is not that of ``like``.
    """
    read = Inputs(_read(x, n_samples, what, None if like is None else like.tree))
    if like is not None and read.structure != like.structure:
        raise DataError(
            f"each batch must have the same inputs; received {_described(read)} after {_described(like)}. Give every "
            f"batch the same structure."
        )
    return read


def joined_inputs(batches: list[Inputs]) -> Inputs:
    """Join the inputs of batches, one after the other.

    Parameters
    ----------
    batches : list of Inputs
        At least one, all of one structure.

    Returns
    -------
    Inputs
        Of the same structure.
    """
    first = batches[0]
    if len(batches) == 1:
        return first
    whole = {path: _concatenated([batch.parts[path] for batch in batches]) for path in first.parts}
    parts = iter(whole.values())
    return Inputs(_mapped(first.tree, lambda part: _Part(next(parts))))


def are_several(values: list[Any] | tuple[Any, ...], n_samples: int, *, from_rank: int = 1) -> bool | None:
    """Tell whether a list or tuple holds several arrays of all samples, and not one item a sample.

    Parameters
    ----------
    values : list or tuple
        Of anything.
    n_samples : int
        Number of samples.
    from_rank : int, default=1
        Axes that each array has at least, if a list holds several.

    Returns
    -------
    bool or None
        None for a list that may be either. A tuple of arrays that may be either is several.
    """
    least = 1 if isinstance(values, tuple) else from_rank
    if not values or not all(_is_array(v, least) for v in values):
        return False
    if all(_n_rows(v) == n_samples for v in values):
        return None if isinstance(values, list) and len(values) == n_samples else True
    return len(values) != n_samples


def _read(x: Any, n_samples: int, what: str, like: Any) -> Any:
    if isinstance(x, Mapping):
        if not x:
            raise DataError(f"{what} must hold at least one input; received an empty {type(x).__name__}.")
        inner = like if isinstance(like, dict) else {}
        return {k: _read(v, n_samples, f"{what}[{k!r}]", inner.get(k)) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        several = isinstance(like, (list, tuple)) if like is not None else are_several(x, n_samples)
        if several is None:
            raise DataError(
                f"{what} must be several inputs or a list of samples, and nobody can know which a list of {len(x)} "
                f"arrays of {n_samples} rows for {n_samples} ids is. Give several inputs by name, {{name: array}}, or "
                f"as a tuple; give samples as one array, np.stack({what})."
            )
        if several:
            inner = like if isinstance(like, (list, tuple)) and len(like) == len(x) else [None] * len(x)
            found = [_read(v, n_samples, f"{what}[{k}]", one) for k, (v, one) in enumerate(zip(x, inner, strict=True))]
            return found if isinstance(x, list) else tuple(found)
    rows = _n_rows(x)
    table: Any = x
    if rows is None:
        ragged = " It has rows of different lengths: pad them, as with .to_tensor()." if _is_ragged(x) else ""
        raise DataError(
            f"{what} must be an array, a table or a list with one row an id, or {{name: array}} for several inputs; "
            f"received {type(x).__name__}.{ragged}"
        )
    if rows != n_samples:
        raise DataError(f"{what} must have one row an id; received {rows} rows and {n_samples} ids.")
    # A sparse matrix of coordinates has no rows to take.
    return _Part(table.tocsr() if getattr(x, "format", None) in ("coo", "dia", "bsr") else x)


def _is_ragged(x: Any) -> bool:
    return hasattr(x, "row_splits") or hasattr(x, "nested_row_splits")


def _is_array(value: Any, least: int) -> bool:
    shape = getattr(value, "shape", None)
    return shape is not None and not _is_ragged(value) and len(shape) >= least


def _n_rows(x: Any) -> int | None:
    if isinstance(x, (str, bytes)) or _is_ragged(x):
        return None
    try:
        shape = getattr(x, "shape", None)
        return int(shape[0]) if shape is not None and not callable(shape) else len(x)
    except (TypeError, IndexError):
        return None


def _take(data: Any, rows: slice) -> Any:
    if hasattr(data, "iloc"):
        return data.iloc[rows]
    if hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__"):  # polars and pyarrow
        start, stop, _ = rows.indices(_n_rows(data) or 0)
        return data.slice(start, stop - start)
    return data[rows]


def _take_at(data: Any, places: np.ndarray) -> Any:
    if hasattr(data, "iloc"):
        return data.iloc[places]
    if isinstance(data, (list, tuple)):
        return [data[place] for place in places.tolist()]
    return data.take(places) if hasattr(data, "to_pylist") else data[places]  # pyarrow takes no places in brackets


def _concatenated(pieces: list[Any]) -> Any:
    if hasattr(pieces[0], "iloc"):
        import pandas as pd

        return pd.concat(pieces)
    return [one for piece in pieces for one in piece] if isinstance(pieces[0], list) else np.concatenate(pieces)


def _mapped(tree: Any, function: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _mapped(value, function) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(_mapped(value, function) for value in tree)
    return function(tree)


def _parts(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(tree, _Part):
        yield path, tree.data
        return
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield from _parts(value, (*path, key))


def _shape_of(tree: Any) -> Any:
    if isinstance(tree, dict):
        return frozenset((key, _shape_of(value)) for key, value in tree.items())
    if isinstance(tree, (list, tuple)):
        return tuple(_shape_of(value) for value in tree)
    return None


def _described(inputs: Inputs) -> str:
    if inputs.is_one:
        return "one input"
    if inputs.by_name:
        return f"inputs called {few(dict.fromkeys(path[0] for path in inputs.parts))}"
    return f"{len(inputs.parts)} inputs without names"
