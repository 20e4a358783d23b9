"""Files of predictions: Parquet, CSV and NPZ, exact to the bit, written atomically.

`Predictions.save` and `Predictions.load` read and write one file. The other names of this package are for code that
reads or writes Parquet in batches.
"""

from ._by_suffix import SUFFIXES, load, load_members, save
from ._csv import is_saved_text
from ._digest import ContentDigest
from ._metadata import (
    EDITED,
    PredictionFields,
    check_columns,
    check_digest,
    check_said,
    column_names,
    stored_digest,
)
from ._parquet import TableWriter, fields_from_arrow, join_parquet, read_metadata, to_arrow, update_digest
from ._parts import parts_of

__all__ = [
    "EDITED",
    "SUFFIXES",
    "ContentDigest",
    "PredictionFields",
    "TableWriter",
    "check_columns",
    "check_digest",
    "check_said",
    "column_names",
    "fields_from_arrow",
    "is_saved_text",
    "join_parquet",
    "load",
    "load_members",
    "parts_of",
    "read_metadata",
    "save",
    "stored_digest",
    "to_arrow",
    "update_digest",
]
