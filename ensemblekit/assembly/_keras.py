"""Import Keras, but only when it is needed."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from ..errors import MissingDependencyError

__all__ = ["import_keras", "quiet_tensorflow"]


def import_keras(what: str) -> Any:
    """Import Keras, or say how to install it.

    Parameters
    ----------
    what : str
        What needs Keras: the subject of the error.

    Returns
    -------
    module
        Keras.

    Raises
    ------
    MissingDependencyError
        If Keras or TensorFlow is not installed.
    """
    try:
        import keras
    except ImportError as error:
        raise MissingDependencyError(
            f'{what} needs Keras and TensorFlow, which are not installed: pip install "ensemblekit[tensorflow]".'
        ) from error
    return keras


@contextmanager
def quiet_tensorflow() -> Generator[None]:
    """Silence the lines that TensorFlow writes to standard error when it is imported, before it reads its settings.

    Yields
    ------
    None
        Everything that is written to standard error in this context is lost: only import in it.

    Examples
    --------
    >>> from ensemblekit.assembly import quiet_tensorflow
    >>> with quiet_tensorflow():
    ...     import keras
    """
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    kept = os.dup(2)
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)
