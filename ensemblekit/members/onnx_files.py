"""ONNX files. They are checked before ONNX Runtime loads them."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import shorten
from typing import Any

from ..errors import EnsembleKitError, InvalidOptionError, MissingDependencyError
from ..limits import check_size
from ..regular import bytes_on_disk, open_regular

__all__ = ["import_onnx_package", "new_session", "unreadable"]

LOG_NOTHING = 4
"""Log level at which ONNX Runtime prints nothing; errors are raised in any case."""


def import_onnx_package(name: str) -> Any:
    """Import a package of the extra ``onnx``.

    Parameters
    ----------
    name : {"onnx", "onnxruntime", "tf2onnx"}
        The package.

    Returns
    -------
    module
        The package.

    Raises
    ------
    MissingDependencyError
        If it is not installed; the error says how to install it.
    """
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise MissingDependencyError(
            f'ONNX needs {name}, which is not installed: pip install "ensemblekit[onnx]".'
        ) from error


def new_session(path: str | os.PathLike[str]) -> tuple[Any, bytes]:
    """Check and open a model that consists of one file.

    Parameters
    ----------
    path : path-like
        An ``.onnx`` file.

    Returns
    -------
    tuple of (onnxruntime.InferenceSession, bytes)
        The session, and the content of the file.

    Raises
    ------
    InvalidOptionError
        If it is damaged, or refers to other files.
    NotAFileError
        If it is not a regular file.
    MissingDependencyError
        If ONNX Runtime is not installed.
    """
    runtime = import_onnx_package("onnxruntime")
    try:
        content = _read(Path(path))
        options = runtime.SessionOptions()
        options.log_severity_level = LOG_NOTHING
        return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"]), content
    except EnsembleKitError:
        raise
    except Exception as error:  # ONNX Runtime raises a dozen types of errors
        raise unreadable(path, error) from error


def unreadable(path: str | os.PathLike[str], error: Exception) -> InvalidOptionError:
    """Make the error for a file that ONNX Runtime does not open.

    Parameters
    ----------
    path : path-like
        The file.
    error : Exception
        What ONNX Runtime raised.

    Returns
    -------
    InvalidOptionError
        The error.
    """
    reason = shorten(str(error), 400) or type(error).__name__
    return InvalidOptionError(f"{os.fspath(path)!r} cannot be opened by ONNX Runtime: {reason}")


def _read(path: Path) -> bytes:
    with open_regular(path) as file:
        n_bytes = os.fstat(file.fileno()).st_size
        check_size(n_bytes, f"the file {os.fspath(path)!r}", InvalidOptionError, stored=bytes_on_disk(file))
        content = file.read(n_bytes)
    # Every reference to another file has this key. Most models do not have it, and need not be parsed.
    if b"location" in content:
        _check_no_external_data(os.fspath(path), import_onnx_package("onnx").load_model_from_string(content))
    return content


def _check_no_external_data(name: str, model: Any) -> None:
    messages = [model]
    while messages:
        message = messages.pop()
        if message.DESCRIPTOR.name == "TensorProto" and (message.external_data or message.data_location):
            raise InvalidOptionError(
                f"an ONNX model must be one file; {name!r} refers to others for the values of {message.name!r}. Save "
                "it with its data inside: onnx.save(onnx.load(FILE), NEW)."
            )
        for field, value in message.ListFields():
            if field.message_type is not None:
                messages += [value] if hasattr(value, "ListFields") else list(value)
