"""Print and write DataFrames (terminal, Markdown, CSV), audits of images, and HTML pages."""

from ._audit import print_audit
from ._audit_page import write_audit
from ._page import write_page
from ._parts import (
    Answer,
    Code,
    Fold,
    Intervals,
    MemberChoice,
    Notice,
    Picture,
    Section,
    Sentences,
    SideBySide,
    Table,
    Thumbnail,
)
from ._report import write_report
from ._tables import print_table, to_csv, to_markdown
from ._verdicts import verdict_table

__all__ = [
    "Answer",
    "Code",
    "Fold",
    "Intervals",
    "MemberChoice",
    "Notice",
    "Picture",
    "Section",
    "Sentences",
    "SideBySide",
    "Table",
    "Thumbnail",
    "print_audit",
    "print_table",
    "to_csv",
    "to_markdown",
    "verdict_table",
    "write_audit",
    "write_page",
    "write_report",
]
