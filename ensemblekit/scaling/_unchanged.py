"""Whether the rows of files are those that were saved, told while they are read for another purpose."""

from __future__ import annotations

import numpy as np

from ..errors import InvalidPredictionsError
from ..predictions import Predictions
from ..predictions._digest import ContentDigest
from ..predictions._files._metadata import check_digest
from ._head import Head
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
        start = 0
        while self.is_asked and start < len(p):
            head, fit_ids = self._waiting[-1]
            stop = min(len(p), start + head.n_rows - self._n_rows)
            codes = p.label_codes
            self._content.update(p.ids[start:stop], p.probas[start:stop], None if codes is None else codes[start:stop])
            self._n_rows += stop - start
            start = stop
            if self._n_rows == head.n_rows:
                if _says_digest(head):
                    _compare(self._content, head, fit_ids)
                self._waiting.pop()
                self._content, self._n_rows = ContentDigest(), 0


def _says_digest(head: Head) -> bool:
    return head.meta is not None and head.meta.get("sha256") is not None


def _compare(content: ContentDigest, head: Head, fit_ids: np.ndarray | None) -> None:
    meta = head.meta or {}
    try:
        check_digest(content.hexdigest(meta | {"fit_ids": fit_ids}), meta)
    except InvalidPredictionsError as error:
        raise InvalidPredictionsError(f"{head.path!r}: {error}") from None
