"""Compare files with their digests while their rows are read for another purpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import InvalidPredictionsError
from ..predictions import Predictions
from ..predictions.formats import ContentDigest, check_digest, update_digest
from ._member_files import MemberFiles
from .headers import RULE, FileHeader

__all__ = ["DigestCheck"]


class DigestCheck:
    """Compares the rows of a member, given in the order of its files, with the digest of each file.

    Parameters
    ----------
    files : MemberFiles
        Files of the member. Files without a digest, and files that may be edited, are not compared.
    """

    def __init__(self, files: MemberFiles) -> None:
        headers = zip(files.headers, files.fit_ids_of_each, strict=True)
        self._remaining = [(header, fit_ids) for header, fit_ids in headers if header.n_rows][::-1]
        self._is_needed = not files.edited and any(map(_has_digest, files.headers))
        self._content = ContentDigest()
        self._n_rows = 0

    def update(self, p: Predictions) -> None:
        """Add the next rows; compare a file with its digest after its last row."""
        codes = p.label_codes
        self._add(
            len(p),
            lambda rows, header: self._content.update(
                p.ids[rows], p.probas[rows], None if codes is None else codes[rows]
            ),
        )

    def update_table(self, table: Any) -> None:
        """Add the next rows as an Arrow table. This is cheaper than converting the table to predictions first."""
        self._add(
            len(table),
            lambda rows, header: update_digest(
                self._content, table.slice(rows.start, rows.stop - rows.start), header.meta or {}
            ),
        )

    def _add(self, n_rows: int, add: Callable[[slice, FileHeader], None]) -> None:
        start = 0
        while self._is_needed and start < n_rows:
            header, fit_ids = self._remaining[-1]
            stop = min(n_rows, start + header.n_rows - self._n_rows)
            self._n_rows += stop - start
            if _has_digest(header):
                try:
                    add(slice(start, stop), header)
                    if self._n_rows == header.n_rows:
                        meta = header.meta or {}
                        check_digest(self._content.hexdigest(meta | {"fit_ids": fit_ids}), meta)
                except InvalidPredictionsError as error:
                    raise InvalidPredictionsError(f"{header.path!r}: {error}") from None
                except Exception as error:  # columns that contradict the metadata raise errors of many types
                    raise InvalidPredictionsError(f"{RULE}; {header.path!r} cannot be read: {error}") from error
            start = stop
            if self._n_rows == header.n_rows:
                self._remaining.pop()
                self._content, self._n_rows = ContentDigest(), 0


def _has_digest(header: FileHeader) -> bool:
    return header.meta is not None and header.meta.get("sha256") is not None
