"""Compare files with their digests while their rows are read for another purpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

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
        self._files = files
        headers = zip(files.headers, files.fit_ids_of_each, strict=True)
        self._remaining = [(header, fit_ids) for header, fit_ids in headers if header.n_rows][::-1]
        self._is_needed = not files.edited and any(header.has_digest for header in files.headers)
        self._content = self.last = ContentDigest()
        self._n_rows = 0

    @property
    def compares_all(self) -> bool:
        """Whether every file is compared, or none may be: its ids are hashed if those of others must be."""
        return self._files.edited or all(header.has_digest for header in self._files.headers)

    def update(self, p: Predictions) -> None:
        """Add the next rows; compare a file with its digest after its last row."""
        codes, groups = p.label_codes, p.groups
        self._add(
            len(p),
            lambda rows, header: self._content.update(
                p.ids[rows],
                p.probas[rows],
                None if codes is None else codes[rows],
                groups=None if groups is None else groups[rows],
            ),
        )

    def update_rows(self, ids: np.ndarray, probas: np.ndarray) -> None:
        """Add the next rows of files without labels, as arrays of valid ids and values."""
        self._add(len(probas), lambda rows, header: self._content.update(ids[rows], probas[rows]))

    def update_values(self, probas: np.ndarray) -> None:
        """Add the next rows of the one file of a member without labels; `finish` adds the ids."""
        if self._is_needed:
            self._content.update(None, probas)

    def finish(self, first: DigestCheck) -> None:
        """Compare the one file of a member whose ids are those of another member, which was compared before."""
        if self._is_needed:
            self._content.take_ids(first.last)
            self._compare(*self._remaining[-1])

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
            if header.has_digest:
                try:
                    add(slice(start, stop), header)
                except InvalidPredictionsError as error:
                    raise InvalidPredictionsError(f"{header.path!r}: {error}") from None
                except Exception as error:  # columns that contradict the metadata raise errors of many types
                    raise InvalidPredictionsError(f"{RULE}; {header.path!r} cannot be read: {error}") from error
            start = stop
            if self._n_rows == header.n_rows:
                self._compare(header, fit_ids)
                self._remaining.pop()
                self.last, self._content, self._n_rows = self._content, ContentDigest(), 0

    def _compare(self, header: FileHeader, fit_ids: np.ndarray | None) -> None:
        if header.has_digest:
            meta = header.meta or {}
            try:
                check_digest(self._content.hexdigest(meta | {"fit_ids": fit_ids}), meta)
            except InvalidPredictionsError as error:
                raise InvalidPredictionsError(f"{header.path!r}: {error}") from None
