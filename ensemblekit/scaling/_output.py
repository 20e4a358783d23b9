"""Combined rows on their way to a Parquet file that `Predictions.load` reads."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np

from ..predictions import Predictions
from ..predictions._files import TableWriter, table_of

__all__ = ["Output"]


class Output:
    """A Parquet file that grows by batches.

    Parameters
    ----------
    file : binary file
        To write to.
    fit_ids : ndarray or None
        What members and rule were fitted on.
    """

    def __init__(self, file: BinaryIO, fit_ids: np.ndarray | None) -> None:
        self.file, self.fit_ids = file, fit_ids
        self.n_rows = 0
        self._writer: TableWriter | None = None

    def write(self, combined: Predictions) -> None:
        """Append rows."""
        self.write_table(table_of(combined), combined)

    def write_table(self, table: Any, combined: Predictions | None = None) -> None:
        """Append rows of the same columns; what the first say beside them is said of all."""
        if self._writer is None:
            self._writer = TableWriter(self.file, table.schema)
        self._writer.write(table, combined)
        self.n_rows += len(table)

    def close(self) -> None:
        """End the file."""
        if self._writer is not None:
            self._writer.close(fit_ids=self.fit_ids)
            self._writer = None
