"""The referee: tries the promises of functions that others wrote, each shape by its calling convention."""

from ._door import assert_foreign, check_foreign, foreign_promises, foreign_subject
from ._report import ForeignReport

__all__ = ["ForeignReport", "assert_foreign", "check_foreign", "foreign_promises", "foreign_subject"]
