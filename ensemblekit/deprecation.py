"""The warning for what goes on working for one version under its old name."""

from __future__ import annotations

import warnings

__all__ = ["warn_deprecated"]


def warn_deprecated(old: str, new: str, *, removed_in: str = "0.3", stacklevel: int = 2) -> None:
    """Warn that a caller uses an old name, argument or order.

    Parameters
    ----------
    old : str
        What the caller wrote, such as ``"ensemblekit.DataError"``.
    new : str
        What to write instead.
    removed_in : str, default="0.3"
        First version that no longer takes it. A test fails when that version comes and the old way is still there.
    stacklevel : int, default=2
        2 where the caller of the function that calls this is to be shown, 3 for the caller of that, and so on.
    """
    warnings.warn(
        f"{old} is deprecated and goes in ensemblekit {removed_in}; use {new}.",
        DeprecationWarning,
        stacklevel=stacklevel + 1,
    )
