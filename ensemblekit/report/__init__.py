"""DataFrames as Markdown, CSV and tables on a terminal, and audits of images. Nothing is computed here."""

from ._audit import print_audit
from ._tables import print_table, to_csv, to_markdown

__all__ = ["print_audit", "print_table", "to_csv", "to_markdown"]
