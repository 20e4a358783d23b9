"""Print and write DataFrames (terminal, Markdown, CSV), audits of images, and HTML pages. Nothing is computed here."""

from ._audit import print_audit
from ._page import Code, Picture, Section, Sentences, Table, write_page
from ._tables import print_table, to_csv, to_markdown

__all__ = [
    "Code",
    "Picture",
    "Section",
    "Sentences",
    "Table",
    "print_audit",
    "print_table",
    "to_csv",
    "to_markdown",
    "write_page",
]
