"""ONNX files of others: looked through before ONNX Runtime loads them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from textwrap import shorten
from typing import Any, NamedTuple

import numpy as np

from ..errors import CompatibilityError, EnsembleKitError, InvalidOptionError
from ..fusion._formats import import_extra
from ..limits import check_size
from ..regular import bytes_on_disk, open_regular

__all__ = ["OnnxModel", "open_onnx"]

FLOATS = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16}
NOTHING = 4
"""The level of logging at which ONNX Runtime prints nothing: what fails is raised."""


class OnnxModel(NamedTuple):
    """A model of one input and one output, each numbers.

    Attributes
    ----------
    session : onnxruntime.InferenceSession
        What runs it.
    content : bytes
        Of its file.
    classes : list or None
        What the file says of its classes, whatever that is.
    shape : tuple of int or None
        Of one sample.
    width : int or None
        How many outputs.
    """

    session: Any
    content: bytes
    classes: Any
    shape: tuple[int | None, ...]
    width: int | None

    def run(self, x: np.ndarray) -> np.ndarray:
        """Run it on samples, as many at a time as it takes."""
        (given,) = self.session.get_inputs()
        x = x.astype(FLOATS[given.type], copy=False)
        step = _whole(given.shape[0]) or len(x)
        found: list[np.ndarray] = []
        for start in range(0, len(x), step):
            rows = x[start : start + step]
            lacking = step - len(rows)
            if lacking:
                rows = np.concatenate([rows, np.zeros((lacking, *x.shape[1:]), x.dtype)])
            found.append(self.session.run(None, {given.name: rows})[0][: step - lacking])
        return np.concatenate(found)


def open_onnx(path: Path) -> OnnxModel:
    """Open a model that is one file.

    Parameters
    ----------
    path : Path
        An ``.onnx`` file.

    Returns
    -------
    OnnxModel
        Ready to run.

    Raises
    ------
    InvalidOptionError
        If it is damaged, or refers to other files.
    CompatibilityError
        If it has not one input and one output of numbers.
    NotAFileError
        If it is no regular file.
    MissingDependencyError
        If ONNX Runtime is not installed.
    """
    runtime = import_extra("onnxruntime")
    try:
        content = _read(path)
        options = runtime.SessionOptions()
        options.log_severity_level = NOTHING
        session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        return _described(path.name, session, content)
    except EnsembleKitError:
        raise
    except Exception as error:  # ONNX Runtime has a dozen errors of its own
        said = shorten(str(error), 400) or type(error).__name__
        raise InvalidOptionError(f"{os.fspath(path)!r} cannot be opened by ONNX Runtime: {said}") from error


def _read(path: Path) -> bytes:
    with open_regular(path) as file:
        n_bytes = os.fstat(file.fileno()).st_size
        check_size(n_bytes, f"the file {os.fspath(path)!r}", InvalidOptionError, stored=bytes_on_disk(file))
        content = file.read(n_bytes)
    # Data in other files are named by this key: without it there are none to look for.
    if b"location" in content:
        _check_data(os.fspath(path), import_extra("onnx").load_model_from_string(content))
    return content


def _check_data(name: str, model: Any) -> None:
    waiting = [model]
    while waiting:
        message = waiting.pop()
        if message.DESCRIPTOR.name == "TensorProto" and (message.external_data or message.data_location):
            raise InvalidOptionError(
                f"an ONNX model must be one file; {name!r} refers to others for the values of {message.name!r}. Save "
                "it with its data inside: onnx.save(onnx.load(FILE), NEW)."
            )
        for field, value in message.ListFields():
            if field.message_type is not None:
                waiting += [value] if hasattr(value, "ListFields") else list(value)


def _described(name: str, session: Any, content: bytes) -> OnnxModel:
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1:
        raise CompatibilityError(
            f"a model of images must have one input and one output; {name!r} has {len(inputs)} and {len(outputs)}."
        )
    if inputs[0].type not in FLOATS or outputs[0].type not in FLOATS:
        raise CompatibilityError(
            f"a model of images must take and give floating-point numbers; {name!r} takes {inputs[0].type} and gives "
            f"{outputs[0].type}."
        )
    said = session.get_modelmeta().custom_metadata_map.get("ensemblekit.classes")
    return OnnxModel(
        session,
        content,
        json.loads(said) if said else None,
        tuple(map(_whole, inputs[0].shape[1:])),
        _whole(outputs[0].shape[-1]) if len(outputs[0].shape) > 1 else None,
    )


def _whole(length: Any) -> int | None:
    """Give the length of an axis, where it is one: others have a name or nothing."""
    return length if isinstance(length, int) and length > 0 else None
