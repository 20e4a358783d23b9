"""Combined rows on their way to a Parquet file that `Predictions.load` reads."""

from __future__ import annotations

import json
from typing import Any, BinaryIO

import numpy as np

from ..predictions import Predictions
from ..predictions._files import table_of

__all__ = ["Output"]


class Output:
    """A Parquet file that grows by batches.

    Parameters
    ----------
    file : binary file
        To write to.
    n_rows : int
        How many there will be.
    fit_ids : ndarray or None
        What members and rule were fitted on.
    """

    def __init__(self, file: BinaryIO, n_rows: int, fit_ids: np.ndarray | None) -> None:
        self.file, self.expected, self.fit_ids = file, n_rows, fit_ids
        self.n_rows = 0
        self._writer: Any = None

    def write(self, combined: Predictions) -> None:
        """Append rows."""
        table = table_of(combined)
        self.begin(table.schema)
        self.write_table(table)

    def begin(self, schema: Any) -> None:
        """Settle the columns, and the metadata of all rows from those of a few."""
        import pyarrow.parquet as pq

        if self._writer is None:
            fit_ids = None if self.fit_ids is None else self.fit_ids.tolist()
            meta = json.loads(schema.metadata[b"ensemblekit"]) | {"n_samples": self.expected, "fit_ids": fit_ids}
            schema = schema.with_metadata({b"ensemblekit": json.dumps(meta).encode()})
            self._writer = pq.ParquetWriter(self.file, schema, write_page_checksum=True)

    def write_table(self, table: Any) -> None:
        """Append rows of the same columns."""
        import pyarrow as pa

        self._writer.write_table(pa.table(table.columns, schema=self._writer.schema))
        self.n_rows += len(table)

    def close(self) -> None:
        """End the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
