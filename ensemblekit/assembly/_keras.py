"""Import Keras, but only when it is needed."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from ..errors import CompatibilityError, MissingDependencyError

__all__ = ["check_tensorflow", "import_keras", "quiet_tensorflow"]


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
            f'{what} needs Keras and TensorFlow, which are not installed: pip install "ensemblekit[tensorflow]". Keras '
            "also runs on torch and jax: see KERAS_BACKEND."
        ) from error
    return keras


def check_tensorflow(what: str) -> None:
    """Refuse what no other backend of Keras can do.

    Parameters
    ----------
    what : str
        What needs TensorFlow: the subject of the error.

    Raises
    ------
    CompatibilityError
        If Keras runs on another backend.
    MissingDependencyError
        If Keras is not installed.

    Examples
    --------
    >>> from ensemblekit.assembly import check_tensorflow
    >>> check_tensorflow("A SavedModel")
    """
    backend = import_keras(what).backend.backend()
    if backend != "tensorflow":
        raise CompatibilityError(
            f"{what} is made and read by TensorFlow, and Keras runs on {backend} here. Save a .keras file, which every "
            "backend reads, and go on with it where KERAS_BACKEND=tensorflow."
        )


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
