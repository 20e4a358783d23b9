"""Whether the rows of files are those that were saved, told while they are read for another purpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import InvalidPredictionsError
from ..predictions import Predictions
from ..predictions._digest import ContentDigest
from ..predictions._files._metadata import check_digest
from ..predictions._files._parquet import add_table
from ._head import RULE, Head
from ._source import Source

__all__ = ["Unchanged"]


class Unchanged:
    """All rows of a member, as they come in the order of its files, against the digest of each file.

    Parameters
    ----------
    source : Source
        The files. Those that say no digest, and those that may be edited, are taken as they are.
    """

    def __init__(self, source: Source) -> None:
        heads = zip(source.heads, source.fit_ids_of_each, strict=True)
        self._waiting = [(head, fit_ids) for head, fit_ids in heads if head.n_rows][::-1]
        self.is_asked = not source.edited and any(map(_says_digest, source.heads))
        self._content = ContentDigest()
        self._n_rows = 0

    def update(self, p: Predictions) -> None:
        """Look at the next rows; a file that ends among them is compared with its digest."""
        codes = p.label_codes
        self._look(
            len(p),
            lambda rows, head: self._content.update(
                p.ids[rows], p.probas[rows], None if codes is None else codes[rows]
            ),
        )

    def update_table(self, table: Any) -> None:
        """Look at the next rows where they are a table, which costs less than to make predictions of it."""
        self._look(
            len(table),
            lambda rows, head: add_table(
                self._content, table.slice(rows.start, rows.stop - rows.start), head.meta or {}
            ),
        )

    def _look(self, n_rows: int, add: Callable[[slice, Head], None]) -> None:
        start = 0
        while self.is_asked and start < n_rows:
            head, fit_ids = self._waiting[-1]
            stop = min(n_rows, start + head.n_rows - self._n_rows)
            self._n_rows += stop - start
            if _says_digest(head):
                try:
                    add(slice(start, stop), head)
                    if self._n_rows == head.n_rows:
                        meta = head.meta or {}
                        check_digest(self._content.hexdigest(meta | {"fit_ids": fit_ids}), meta)
                except InvalidPredictionsError as error:
                    raise InvalidPredictionsError(f"{head.path!r}: {error}") from None
                except Exception as error:  # of many kinds, where columns are not what is said beside them
                    raise InvalidPredictionsError(f"{RULE}; {head.path!r} cannot be read: {error}") from error
            start = stop
            if self._n_rows == head.n_rows:
                self._waiting.pop()
                self._content, self._n_rows = ContentDigest(), 0


def _says_digest(head: Head) -> bool:
    return head.meta is not None and head.meta.get("sha256") is not None
