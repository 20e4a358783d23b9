"""Datasets whose batches have columns: torch's DataLoader, Hugging Face's datasets, and iterables of such batches."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, cast

import numpy as np

from ..arguments import typed
from ..errors import DataError, InvalidOptionError
from ..predictions.names import as_classes, few, shown
from ._sources import Batch, Source, StreamSource
from ._torch_module import as_numpy

__all__ = ["column_source", "is_loader", "is_table_of_columns", "loader_source"]

REMEDY = "column_source(dataset, ids='...', x='...', y='...') says which column is which."


def is_loader(source: Any) -> bool:
    """Tell whether a source is a DataLoader of PyTorch."""
    data = getattr(getattr(sys.modules.get("torch"), "utils", None), "data", None)
    return data is not None and isinstance(source, data.DataLoader)


def is_table_of_columns(source: Any) -> bool:
    """Tell whether a source is a dataset of Hugging Face, of rows or a stream."""
    return hasattr(source, "column_names") and hasattr(source, "features") and callable(getattr(source, "iter", None))


def loader_source(source: Any, classes: Any = None) -> Source:
    """Accept a DataLoader of ``(ids, x[, y])``, of integer labels in these classes; refuse one without ids."""
    if not is_loader(source):
        raise DataError(
            f"a dataset must say which of its columns are ids and inputs; it has {few(source.column_names or ())}. "
            f"Give it to ensemblekit.members: {REMEDY}"
        )
    stream = StreamSource(_tuples(source))
    stream.classes = None if classes is None else as_classes(classes)
    return stream


def _tuples(loader: Any) -> Iterator[tuple[Any, ...]]:
    for batch in loader:
        if isinstance(batch, Mapping):
            raise DataError(
                f"a DataLoader gives columns, {few(batch)}, and does not say which of them are ids. {REMEDY}"
            )
        parts = list(cast(Any, batch)) if isinstance(batch, (list, tuple)) else [batch]
        if len(parts) not in (2, 3) or len(getattr(parts[0], "shape", (0,))) != 1 or _is_float(parts[0]):
            raise _without_ids(loader)
        yield (_as_ids(parts[0]), parts[1], *map(as_numpy, parts[2:]))


def _is_float(ids: Any) -> bool:
    return bool(getattr(getattr(ids, "dtype", None), "is_floating_point", False))


def _as_ids(ids: Any) -> Any:
    ids = as_numpy(ids)
    return list(ids) if isinstance(ids, tuple) else ids


def _shuffles(loader: Any) -> bool:
    data = sys.modules["torch"].utils.data
    in_order = type(getattr(loader, "sampler", None)) is data.SequentialSampler
    return not in_order or type(loader.batch_sampler) not in (data.BatchSampler, type(None))


def _without_ids(loader: Any) -> DataError:
    why = "it shuffles its rows" if _shuffles(loader) else "its rows are in order, but have no names"
    return DataError(
        "a DataLoader must give its ids with its rows, (ids, x) or (ids, x, y); here nothing says which row is which "
        f"sample ({why}). Let its dataset return (id, x, y); or give the ids of a DataLoader with shuffle=False in the "
        "order of its rows: ensemblekit.members.column_source(loader, ids=[...], x=0, y=1)."
    )


@typed(but=("ids", "x", "y", "classes"))
def column_source(
    dataset: Any,
    *,
    ids: Hashable | Sequence[Hashable],
    x: Hashable | Mapping[str, Hashable],
    y: Hashable | None = None,
    classes: Iterable[Any] | None = None,
    split: str | None = None,
) -> Source:
    """Say which column of a dataset holds the ids, which the inputs, and which the labels.

    Parameters
    ----------
    dataset : DataLoader, Hugging Face Dataset or IterableDataset, or iterable of batches
        Batches are mappings of column to values, or tuples, whose columns are numbered from 0.
    ids : str, int, or sequence of str
        The column of the ids. Or the ids themselves, one a row, in the order of the rows: only for a DataLoader that
        does not shuffle.
    x : str, int, or mapping of str to such
        The column of the inputs; or, for models with several inputs, ``{input: column}``.
    y : str or int, optional
        The column of the labels.
    classes : sequence of str or int, optional
        Classes that integer labels are positions in; by default the names of a ``ClassLabel`` column.
    split : str, optional
        Name of this part of the data.

    Returns
    -------
    Source
        A source for `collect`. Images of Pillow become arrays ``(n_samples, height, width, 3)``; torch tensors stay
        what they are, channels first.

    Raises
    ------
    DataError
        If ids are given for a dataset whose rows may come in another order, or a column is not there.
    InvalidOptionError
        If ``ids``, ``x`` or ``y`` is no column.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit import collect
    >>> from ensemblekit.members import column_source
    >>> batches = [{"name": ["a", "b"], "pixels": np.zeros((2, 3)), "kind": np.array([1, 0])}]
    >>> source = column_source(batches, ids="name", x="pixels", y="kind", classes=["cat", "dog"])
    >>> collect({"coin": lambda x: np.full((len(x), 2), 0.5)}, source, classes=["cat", "dog"]).labels.tolist()
    ['dog', 'cat']
    """
    listed = None
    if isinstance(x, Mapping) and not x:
        raise InvalidOptionError("x must be a column, or name at least one input; received {}.")
    for option, column in (*(("x", one) for one in (x.values() if isinstance(x, Mapping) else [x])), ("y", y)):
        if not isinstance(column, (str, int)) and (option == "x" or column is not None):
            raise InvalidOptionError(f"{option} must be the name or number of a column; received {shown(column)}.")
    if not isinstance(ids, (str, int)):
        if not isinstance(ids, Iterable) or isinstance(ids, (bytes, Mapping, Set)):
            raise InvalidOptionError(f"ids must be a column, or a list of the ids themselves; received {shown(ids)}.")
        listed = list(cast(Iterable[Any], ids))
        if not is_loader(dataset) or _shuffles(dataset):
            kind = "DataLoader that shuffles" if is_loader(dataset) else type(dataset).__name__
            raise DataError(
                f"a list of ids is for a DataLoader with shuffle=False, whose rows are in order; received a {kind}. "
                "Give the name of a column of ids, which goes along with its rows, as of dataset.add_column('id', ids) "
                "before it is shuffled."
            )
    if classes is None and y is not None:
        features: Any = getattr(dataset, "features", None) or {}
        classes = getattr(features.get(y), "names", None)
    return _ColumnSource(dataset, listed, ids, x, y, None if classes is None else as_classes(classes), split)


class _ColumnSource:
    def __init__(
        self, dataset: Any, listed: list[Any] | None, ids: Any, x: Any, y: Any, classes: Any, split: str | None
    ) -> None:
        self.classes: tuple[Hashable, ...] | None = classes
        self.split = split
        self._dataset, self._listed, self._ids, self._x, self._y = dataset, listed, ids, x, y

    def batches(self, batch_size: int) -> Iterator[Batch]:
        stream = StreamSource(self._tuples(batch_size), self.split)
        yield from stream.batches(batch_size)

    def __len__(self) -> int:
        return 0 if self._listed is None else len(self._listed)

    def _tuples(self, batch_size: int) -> Iterator[tuple[Any, ...]]:
        by_columns = is_table_of_columns(self._dataset)
        n_done = 0
        for batch in self._dataset.iter(batch_size) if by_columns else self._dataset:
            columns: Any = batch if isinstance(batch, Mapping) else dict(enumerate(batch))
            x = (
                {name: _as_input(self._column(columns, of), of) for name, of in self._x.items()}
                if isinstance(self._x, Mapping)
                else _as_input(self._column(columns, self._x), self._x)
            )
            if self._listed is None:
                ids = _as_ids(self._column(columns, self._ids))
            else:
                n_rows = len(next(iter(x.values())) if isinstance(self._x, Mapping) else x)
                ids = self._listed[n_done : n_done + n_rows]
                n_done += n_rows
                if n_done > len(self._listed):
                    raise DataError(f"ids must be one a row; received {len(self._listed)} for {n_done} rows or more.")
            yield (ids, x) if self._y is None else (ids, x, as_numpy(self._column(columns, self._y)))
        if self._listed is not None and n_done != len(self._listed):
            raise DataError(f"ids must be one a row; received {len(self._listed)} for {n_done} rows.")

    def _column(self, columns: Mapping[Any, Any], name: Any) -> Any:
        if name not in columns:
            raise DataError(f"a batch must have the column {name!r}; it has {few(columns)}.")
        return columns[name]


def _as_input(part: Any, column: Any) -> Any:
    """Stack the images or lists of numbers of a batch; leave arrays, tensors and texts as they are."""
    if not isinstance(part, list) or not part or isinstance(part[0], (str, bytes, dict)):
        return part
    rows: list[Any] = [np.asarray(one.convert("RGB")) if hasattr(one, "convert") else as_numpy(one) for one in part]
    shapes = {np.shape(one) for one in rows}
    if len(shapes) > 1:
        raise DataError(
            f"the rows of column {column!r} must be of one size; received {few(sorted(shapes))}. Resize or pad them in "
            "the dataset: dataset.map(...)."
        )
    return np.stack(rows)
