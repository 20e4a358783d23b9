"""DataFrames as Markdown, CSV and tables on a terminal. Nothing is computed here."""

from ._tables import print_table, to_csv, to_markdown

__all__ = ["print_table", "to_csv", "to_markdown"]
