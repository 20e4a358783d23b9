"""`Qrels`: how relevant items are to queries."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from ...arguments import typed
from ...errors import InvalidPredictionsError
from ...predictions.names import readonly
from ._columns import Coded, ColumnNames, coded_table
from ._order import Rows, check_different_items

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Qrels"]


class Qrels:
    """The judged items of queries, each with a grade of relevance.

    Parameters
    ----------
    table : table or mapping
        A row a judged item of a query, as of `Run`, or ``{query: {item: grade}}``.
    query, item, grade : str, optional
        Names of the columns. By default they are recognised, in any case; the grade is ``grade``, ``relevance``
        or ``rel``.

    Raises
    ------
    InvalidPredictionsError
        If a column is not there, an item is judged twice for a query, a grade is no whole number, or a name is missing.

    Notes
    -----
    A grade of 0 or less is not relevant, and an item that is not judged is not relevant either.

    Examples
    --------
    >>> from ensemblekit.ranking import Qrels
    >>> Qrels({"q1": {"a": 1, "b": 0, "c": 2}})
    Qrels(n_queries=1, n_rows=3)
    """

    __slots__ = ("_grade", "_item", "_names", "_queries", "_starts")

    @typed()
    def __init__(
        self, table: Any, *, query: str | None = None, item: str | None = None, grade: str | None = None
    ) -> None:
        self._fill(coded_table(table, ColumnNames(query, item, grade, "grade")))

    def _fill(self, coded: Coded) -> None:
        if not (whole := coded.value == np.rint(coded.value)).all():
            row = int(whole.argmin())
            raise InvalidPredictionsError(
                f"each grade must be a whole number; row {row} has {coded.value[row]}. Multiply or round them."
            )
        order = np.lexsort((coded.item, coded.query))
        starts = np.zeros(len(coded.queries) + 1, dtype=np.int64)
        np.cumsum(np.bincount(coded.query, minlength=len(coded.queries)), out=starts[1:])
        rows = Rows(starts, coded.item[order], coded.value[order], tied=True)
        check_different_items(rows, coded.queries, coded.names, "judgements")
        self._queries, self._names = coded.queries, coded.names
        self._starts, self._item, self._grade = readonly(starts), readonly(rows.item), readonly(rows.score)

    @property
    def queries(self) -> np.ndarray:
        """Sorted names of the judged queries, shape ``(n_queries,)``: int64 or text."""
        return self._queries

    @property
    def starts(self) -> np.ndarray:
        """Position of the first row of each query, and the number of rows, int64, shape ``(n_queries + 1,)``."""
        return self._starts

    @property
    def item_names(self) -> np.ndarray | None:
        """Sorted names of the items if they are text; None if they are whole numbers."""
        return self._names

    @property
    def item_code(self) -> np.ndarray:
        """Position in `item_names` of the item of each row, or the whole number, int64; sorted within a query."""
        return self._item

    @property
    def grade(self) -> np.ndarray:
        """Grade of each row, float64, shape ``(n_rows,)``."""
        return self._grade

    def __len__(self) -> int:
        return len(self._grade)

    def __reduce__(self) -> Any:
        return Qrels, (self.to_frame(),)

    def __repr__(self) -> str:
        return f"Qrels(n_queries={len(self._queries)}, n_rows={len(self)})"

    def to_frame(self) -> pd.DataFrame:
        """Convert to a table.

        Returns
        -------
        pandas.DataFrame
            A row a judged item, with the columns ``query``, ``item`` and ``grade``.
        """
        import pandas as pd

        query = self._queries.repeat(np.diff(self._starts))
        item = self._item if self._names is None else self._names.take(self._item)
        return pd.DataFrame({"query": query, "item": item, "grade": self._grade.astype(np.int64)})

    @classmethod
    @typed()
    def load(cls, path: str | os.PathLike[str], *, ids: Literal["text", "numbers"] = "text") -> Self:
        """Read TREC judgements: a line an item, ``query iteration item grade``.

        Parameters
        ----------
        path : path-like
            Any name; a file that ends in ``.gz`` is decompressed.
        ids : {"text", "numbers"}, default="text"
            As of `Run.load`.

        Returns
        -------
        Qrels

        Raises
        ------
        InvalidPredictionsError
            If a line has not four fields, or the rows are no judgements.
        FileNotFoundError
            If the file does not exist.
        """
        from ._trec import read_qrels

        coded = read_qrels(path, ids)
        new = object.__new__(cls)
        try:
            new._fill(coded)
        except InvalidPredictionsError as error:
            raise InvalidPredictionsError(f"{os.fspath(path)!r}: {error}") from None
        return new

    @typed()
    def save(self, path: str | os.PathLike[str], *, overwrite: bool = True) -> None:
        """Write TREC judgements; the file appears whole or not at all.

        Parameters
        ----------
        path : path-like
            Any name.
        overwrite : bool, default=True
            Whether it may replace a file.

        Raises
        ------
        InvalidPredictionsError
            If the name of a query or an item is empty or holds white space, which separates the fields.
        OutputExistsError
            If the file exists and ``overwrite`` is False.
        """
        from ._trec import write_qrels

        write_qrels(path, self, overwrite=overwrite)
