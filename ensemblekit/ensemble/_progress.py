"""What an ensemble tells while it fits: a line a job, on stderr."""

from __future__ import annotations

import sys

from ..printed import printable

__all__ = ["Progress"]


class Progress:
    """Count the jobs that are done.

    Parameters
    ----------
    who : str
        What is being fitted.
    total : int
        Number of jobs.
    verbose : int
        0 says nothing.
    """

    def __init__(self, who: str, total: int, verbose: int) -> None:
        self.who, self.total, self.verbose, self.done = who, total, verbose, 0

    def tell(self, what: str, seconds: float) -> None:
        """Say that one more is done, and how long it took."""
        self.done += 1
        if self.verbose:
            width = len(str(self.total))
            sys.stderr.write(
                printable(f"[{self.who}] {self.done:>{width}}/{self.total}  {what}  ({seconds:.2f} s)") + "\n"
            )
            sys.stderr.flush()
