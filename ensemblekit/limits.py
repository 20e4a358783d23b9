"""How much memory one input may ask for: known before it is taken, and raised by whoever wants more.

Every room that reads what others wrote asks here, with its own error: files of predictions, images, models.
"""

from __future__ import annotations

import os

from .errors import EnsembleKitError, InvalidOptionError

__all__ = ["LARGEST", "RATIO", "VARIABLE", "check_size", "largest"]

LARGEST = 2**30
"""Bytes that one input may take in memory, however small its file is: 1 GiB."""
RATIO = 32
"""How many times the size of its file an input may take, if that is more. What is honestly large needs no option."""
VARIABLE = "ENSEMBLEKIT_MAX_BYTES"
"""The environment variable that gives another number of bytes than `LARGEST`."""


def largest() -> int:
    """Give the number of bytes that one input may take in memory.

    Returns
    -------
    int
        `LARGEST`, or what the environment variable ``ENSEMBLEKIT_MAX_BYTES`` says.

    Raises
    ------
    InvalidOptionError
        If the variable is no whole number above 0.
    """
    said = os.environ.get(VARIABLE, "").strip()
    if not said:
        return LARGEST
    if not (said.isascii() and said.isdecimal() and 0 < len(said) <= 18 and int(said)):
        raise InvalidOptionError(f"{VARIABLE} must be a whole number of bytes above 0; received {said[:40]!r}.")
    return int(said)


def check_size(n_bytes: int, what: str, error: type[EnsembleKitError], *, stored: int = 0) -> None:
    """Refuse what would take more memory than is allowed, before any is taken.

    Parameters
    ----------
    n_bytes : int
        What it would take.
    what : str
        What it is, such as ``"the array 'probas'"``.
    error : type of EnsembleKitError
        What to raise.
    stored : int, default=0
        Bytes of its file. A file may take `RATIO` times its own size, be the limit what it may.

    Raises
    ------
    EnsembleKitError
        Of the type that was given.

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
