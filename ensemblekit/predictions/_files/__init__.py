"""Predictions in files: Parquet, CSV and NPZ, exact to the bit, written whole or not at all."""

from ._files import load, save
from ._parquet import TableWriter, fields_of_table, rewrite_parquet, said_in, table_of

__all__ = ["TableWriter", "fields_of_table", "load", "rewrite_parquet", "said_in", "save", "table_of"]
