"""Files of predictions: Parquet, CSV and NPZ, exact to the bit, written atomically.

`Predictions.save` and `Predictions.load` read and write one file. The other names of this package are for code that
reads or writes Parquet in batches.
"""

from ._arrow import text_column, values_of_array
from ._by_suffix import SUFFIXES, load, load_members, ordinary_names, save
from ._csv import read_text_columns
from ._digest import ContentDigest
from ._keys import key_ids
from ._metadata import (
    EDITED,
    PredictionFields,
    check_columns,
    check_digest,
    check_said,
    column_names,
    stored_digest,
)
from ._numbers import parse_numbers
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
    "join_parquet",
    "key_ids",
    "load",
    "load_members",
    "ordinary_names",
    "parse_numbers",
    "parts_of",
    "read_metadata",
    "read_text_columns",
    "save",
    "stored_digest",
    "text_column",
    "to_arrow",
    "update_digest",
    "values_of_array",
]
