"""`Run`: one member's ranked items of each query."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from ...arguments import check_count, typed
from ...errors import InvalidOptionError, InvalidPredictionsError
from ...predictions.alike import normalisation_note
from ...predictions.names import as_fit_ids, as_names, few, positions, readonly
from ._columns import Coded, ColumnNames, coded_table
from ._order import Rows, check_different_items, in_order

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Run"]


class Run:
    """The items that a member returned for each query, with scores of any scale.

    Parameters
    ----------
    table : table or mapping
        A row an item of a query: a pandas, Arrow or polars table, or a mapping of column name to array. Or ``{query:
        {item: score}}``. Columns are found by name.
    query, item, score : str, optional
        Names of the columns. By default, in any case, ``query``, ``query_id``, ``qid``, ``q_id`` or ``topic``;
        ``item``, ``item_id``, ``docno``, ``doc_id``, ``docid``, ``document`` or ``doc``; ``score`` or ``sim``.
    member : str, optional
        Name of the member.
    fit_queries : sequence of str or int, optional
        Queries that the member was fitted on. None if that is not known.

    Raises
    ------
    InvalidPredictionsError
        If a column is not there, an item is there twice for a query, a score is not finite, or a name is missing.
        If two names differ only by their Unicode normalisation.

    Notes
    -----
    Queries and items are text or whole numbers. An item without a row is absent: it has no score, not the score 0. A
    query without rows is not in the table.

    Tie rule, the same for fusion, evaluation and files: of items with equal scores the one with the larger name stands
    first, text by code point, as in trec_eval [1]_. For fusion items with equal scores share the mean of their
    ranks, so that no name decides what a member says.

    The object is read-only. Columns that are in order, as arrays of int64 and float64, are not copied; do not change
    them later.

    References
    ----------
    .. [1] C. Buckley, "trec_eval", National Institute of Standards and Technology, 1991 to 2021.

    Examples
    --------
    >>> from ensemblekit.ranking import Run
    >>> run = Run({"q1": {"a": 3.5, "b": 7.0}, "q2": {"c": 0.1}}, member="bm25")
    >>> run
    Run(member='bm25', n_queries=2, n_rows=3)
    >>> run.to_frame()
      query item  score  rank
    0    q1    b    7.0   1.0
    1    q1    a    3.5   2.0
    2    q2    c    0.1   1.0
    """

    __slots__ = ("__weakref__", "_fit_queries", "_member", "_names", "_queries", "_rows")

    @typed(but=("fit_queries",))
    def __init__(
        self,
        table: Any,
        *,
        query: str | None = None,
        item: str | None = None,
        score: str | None = None,
        member: str | None = None,
        fit_queries: Any = None,
    ) -> None:
        coded = coded_table(table, ColumnNames(query, item, score, "score"))
        self._fill(coded, member, fit_queries)

    def _fill(self, coded: Coded, member: str | None, fit_queries: Any = None) -> None:
        rows = in_order(coded.query, len(coded.queries), coded.item, coded.value)
        what = "a run" if member is None else f"the run {member!r}"
        check_different_items(rows, coded.queries, coded.names, what)
        fitted = None if fit_queries is None else as_fit_ids(fit_queries, coded.queries)
        self._set(coded.queries, coded.names, rows, member, fitted)

    def _set(
        self, queries: np.ndarray, names: np.ndarray | None, rows: Rows, member: str | None, fitted: np.ndarray | None
    ) -> None:
        self._queries, self._names, self._member, self._fit_queries = queries, names, member, fitted
        # Views, as the arrays may be the caller's, which stay writable.
        self._rows = Rows(_view(rows.starts), _view(rows.item), _view(rows.score), rows.tied)

    @classmethod
    def _made(
        cls, queries: np.ndarray, names: np.ndarray | None, rows: Rows, member: str | None = None, fitted: Any = None
    ) -> Self:
        """Make a run of rows that are in order."""
        new = object.__new__(cls)
        new._set(queries, names, rows, member, fitted)
        return new

    @property
    def member(self) -> str | None:
        """Name of the member."""
        return self._member

    @property
    def queries(self) -> np.ndarray:
        """Sorted names of the queries that have rows, shape ``(n_queries,)``: int64 or text."""
        return self._queries

    @property
    def starts(self) -> np.ndarray:
        """Position of the first row of each query, and the number of rows, int64, shape ``(n_queries + 1,)``."""
        return self._rows.starts

    @property
    def item(self) -> np.ndarray:
        """Name of the item of each row, by query and from the best to the worst, shape ``(n_rows,)``."""
        return self._rows.item if self._names is None else self._names.take(self._rows.item)

    @property
    def item_names(self) -> np.ndarray | None:
        """Sorted names of the items if they are text, with others perhaps; None if they are whole numbers."""
        return self._names

    @property
    def item_code(self) -> np.ndarray:
        """Position in `item_names` of the item of each row, or the whole number, int64, shape ``(n_rows,)``."""
        return self._rows.item

    @property
    def score(self) -> np.ndarray:
        """Score of each row, float64, shape ``(n_rows,)``; it falls within a query."""
        return self._rows.score

    @property
    def tied(self) -> bool:
        """Whether two items of a query have one score."""
        return self._rows.tied

    @property
    def rank(self) -> np.ndarray:
        """Rank of each row within its query, from 1, float64, shape ``(n_rows,)``; equal scores share a mean rank."""
        from .._ranks import doubled_ranks

        return doubled_ranks(np.diff(self.starts), self.score if self.tied else None) / 2

    @property
    def fit_queries(self) -> np.ndarray | None:
        """Sorted queries that the member was fitted on; None if that is not known."""
        return self._fit_queries

    def __len__(self) -> int:
        return len(self._rows.score)

    def __reduce__(self) -> Any:
        # Copies and unpickled objects are read-only too.
        return _restore, (type(self), self._queries, self._names, self._rows, self._member, self._fit_queries)

    def __repr__(self) -> str:
        named = "" if self._member is None else f"member={self._member!r}, "
        return f"Run({named}n_queries={len(self._queries)}, n_rows={len(self)})"

    def to_frame(self) -> pd.DataFrame:
        """Convert to a table.

        Returns
        -------
        pandas.DataFrame
            A row an item of a query, with the columns ``query``, ``item``, ``score`` and ``rank``.
        """
        import pandas as pd

        query = self._queries.repeat(np.diff(self.starts))
        return pd.DataFrame({"query": query, "item": self.item, "score": self.score, "rank": self.rank})

    @typed()
    def rename(self, member: str) -> Self:
        """Name the member.

        Parameters
        ----------
        member : str
            Its name.

        Returns
        -------
        Run
            The same rows.
        """
        return self._made(self._queries, self._names, self._rows, member, self._fit_queries)

    @typed(but=("fit_queries",))
    def with_fit_queries(self, fit_queries: Any) -> Self:
        """Say which queries the member was fitted on.

        Parameters
        ----------
        fit_queries : sequence of str or int
            Their names.

        Returns
        -------
        Run
            The same rows.
        """
        fitted = as_fit_ids(fit_queries, self._queries)
        return self._made(self._queries, self._names, self._rows, self._member, fitted)

    @typed()
    def top(self, n: int) -> Self:
        """Keep the first items of each query.

        Parameters
        ----------
        n : int
            Number of items, >= 1.

        Returns
        -------
        Run
            At most ``n`` rows a query.
        """
        check_count("n", n)
        lengths = np.diff(self.starts)
        if int(lengths.max(initial=0)) <= n:
            return self
        place = np.arange(len(self)) - self.starts[:-1].repeat(lengths)
        return self._kept(np.minimum(lengths, n), place < n)

    @typed(but=("queries",))
    def take(self, queries: Any) -> Self:
        """Keep the rows of some queries.

        Parameters
        ----------
        queries : sequence of str or int
            Their names, in any order.

        Returns
        -------
        Run
            With the queries in sorted order.

        Raises
        ------
        InvalidOptionError
            If a query is not there.
        """
        wanted = as_names(queries, "queries")
        places = positions(self._queries, wanted)
        if (places < 0).any():
            raise InvalidOptionError(
                f"queries to take must be there; received unknown: {few(wanted[places < 0].tolist())}."
                f"{normalisation_note(wanted[places < 0], self._queries)}"
            )
        stays = np.zeros(len(self._queries), dtype=bool)
        stays[places] = True
        lengths = np.diff(self.starts)
        new = self._kept(lengths[stays], stays.repeat(lengths))
        new._queries = readonly(self._queries[stays])
        return new

    def _kept(self, lengths: np.ndarray, kept: np.ndarray) -> Self:
        starts = np.append(0, np.cumsum(lengths))
        rows = Rows(starts, self.item_code[kept], self.score[kept], self.tied)
        return self._made(self._queries, self._names, rows, self._member, self._fit_queries)

    @classmethod
    @typed(but=("fit_queries",))
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        member: str | None = None,
        ids: Literal["text", "numbers"] = "text",
        fit_queries: Any = None,
    ) -> Self:
        """Read a TREC run: a line an item, ``query Q0 item rank score tag``.

        Parameters
        ----------
        path : path-like
            Any name; a file that ends in ``.gz`` is decompressed.
        member : str, optional
            Name of the member; by default the tag of the file.
        ids : {"text", "numbers"}, default="text"
            Whether queries and items are text, as trec_eval takes them, or whole numbers.
        fit_queries : sequence of str or int, optional
            As of `Run`.

        Returns
        -------
        Run
            The rank of the file is not looked at, as trec_eval does.

        Raises
        ------
        InvalidPredictionsError
            If a line has not six fields, a score is no number, lines have several tags, or the rows are no run.
        FileNotFoundError
            If the file does not exist.
        """
        from ._trec import read_run

        coded, tag = read_run(path, ids)
        new = object.__new__(cls)
        try:
            new._fill(coded, member or tag, fit_queries)
        except InvalidPredictionsError as error:
            raise InvalidPredictionsError(f"{os.fspath(path)!r}: {error}") from None
        return new

    @typed()
    def save(self, path: str | os.PathLike[str], *, tag: str | None = None, overwrite: bool = True) -> None:
        """Write a TREC run; it appears whole or not at all.

        Parameters
        ----------
        path : path-like
            Any name.
        tag : str, optional
            Name of the run in the file; by default that of the member, or ``run``.
        overwrite : bool, default=True
            Whether it may replace a file.

        Raises
        ------
        InvalidPredictionsError
            If the name of a query, an item or the run is empty or holds white space, which separates the fields.
        OutputExistsError
            If the file exists and ``overwrite`` is False.

        Notes
        -----
        Scores are written in full: a run that is read again is the same. trec_eval reads scores as 32-bit floats.
        """
        from ._trec import write_run

        write_run(path, self, tag or self._member or "run", overwrite=overwrite)


def _view(column: np.ndarray) -> np.ndarray:
    view = column.view()
    view.flags.writeable = False
    return view


def _restore(kind: type[Run], queries: Any, names: Any, rows: Rows, member: Any, fitted: Any) -> Run:
    return kind._made(readonly(queries), None if names is None else readonly(names), rows, member, fitted)  # pyright: ignore[reportPrivateUsage]
