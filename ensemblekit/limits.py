"""The memory limit for one input file, checked before the memory is allocated.

It holds for files of predictions, images and models. A user can raise it with an environment variable.
"""

from __future__ import annotations

import os

from .errors import EnsembleKitError, InvalidOptionError

__all__ = ["LARGEST", "RATIO", "VARIABLE", "check_size", "largest"]

LARGEST = 2**30
"""Default limit in bytes: 1 GiB."""
RATIO = 32
"""An input may take this multiple of its file size, if that is above the limit: large files need no option."""
VARIABLE = "ENSEMBLEKIT_MAX_BYTES"
"""Environment variable that overrides `LARGEST`."""


def largest() -> int:
    """Get the number of bytes that one input may take in memory.

    Returns
    -------
    int
        The value of the environment variable ``ENSEMBLEKIT_MAX_BYTES``, by default `LARGEST`.

    Raises
    ------
    InvalidOptionError
        If the variable is not a positive integer.
    """
    value = os.environ.get(VARIABLE, "").strip()
    if not value:
        return LARGEST
    if not (value.isascii() and value.isdecimal() and 0 < len(value) <= 18 and int(value)):
        raise InvalidOptionError(f"{VARIABLE} must be a whole number of bytes above 0; received {value[:40]!r}.")
    return int(value)


def check_size(n_bytes: int, what: str, error: type[EnsembleKitError], *, stored: int = 0) -> None:
    """Refuse an input that would exceed the memory limit, before memory is allocated.

    Parameters
    ----------
    n_bytes : int
        Memory that the input would take.
    what : str
        Description of the input, such as ``"the array 'probas'"``.
    error : type of EnsembleKitError
        Class of the error to raise.
    stored : int, default=0
        Size of the file in bytes. An input may always take `RATIO` times that size.

    Raises
    ------
    EnsembleKitError
        Of the class ``error``.

    Examples
    --------
    >>> from ensemblekit.errors import DataError
    >>> check_size(10**12, "an image of 500000 x 500000 pixels", DataError, stored=40_000)
    Traceback (most recent call last):
        ...
    ensemblekit.errors.DataError: an image of 500000 x 500000 pixels must take at most 1073741824 bytes of memory, or
    32 times its file; it would take 1000000000000. Set ENSEMBLEKIT_MAX_BYTES=1000000000000 if it is meant.
    """
    allowed = largest()
    if n_bytes > max(allowed, RATIO * stored):
        raise error(
            f"{what} must take at most {allowed} bytes of memory, or {RATIO} times its file; it would take {n_bytes}. "
            f"Set {VARIABLE}={n_bytes} if it is meant."
        )
