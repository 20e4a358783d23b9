"""ONNX files. They are checked before ONNX Runtime loads them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from textwrap import shorten
from typing import Any, NamedTuple

import numpy as np

from ..errors import CompatibilityError, EnsembleKitError, InvalidOptionError
from ..fusion.formats import import_onnx_package
from ..limits import check_size
from ..members.networks import unknown_output
from ..regular import bytes_on_disk, open_regular

__all__ = ["OnnxModel", "open_onnx"]

FLOATS = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16}
LOG_NOTHING = 4
"""Log level at which ONNX Runtime prints nothing; errors are raised in any case."""


class OnnxModel(NamedTuple):
    """A model with one numerical input and one numerical output.

    Attributes
    ----------
    session : onnxruntime.InferenceSession
        Runs the model.
    content : bytes
        Content of the file.
    classes : Any
        Class names from the file's metadata, not checked; None if there are none.
    shape : tuple of int or None
        Shape of one sample.
    width : int or None
        Number of outputs for a sample.
    output : str
        Name of the output that is taken.
    """

    session: Any
    content: bytes
    classes: Any
    shape: tuple[int | None, ...]
    width: int | None
    output: str

    def run(self, x: np.ndarray) -> np.ndarray:
        """Run the model; if its batch size is fixed, use batches of that size."""
        (given,) = self.session.get_inputs()
        x = x.astype(FLOATS[given.type], copy=False)
        step = _known_length(given.shape[0]) or len(x)
        outputs: list[np.ndarray] = []
        for start in range(0, len(x), step):
            rows = x[start : start + step]
            padding = step - len(rows)
            if padding:
                rows = np.concatenate([rows, np.zeros((padding, *x.shape[1:]), x.dtype)])
            outputs.append(self.session.run([self.output], {given.name: rows})[0][: step - padding])
        return np.concatenate(outputs)


def open_onnx(path: Path, output_name: str | None = None) -> OnnxModel:
    """Check and open a model that consists of one file.

    Parameters
    ----------
    path : Path
        An ``.onnx`` file.
    output_name : str, optional
        The output to take of a model with several.

    Returns
    -------
    OnnxModel
        The opened model.

    Raises
    ------
    InvalidOptionError
        If it is damaged, or refers to other files.
    CompatibilityError
        If it does not have exactly one input and one output, or one that is chosen, both of numbers.
    NotAFileError
        If it is not a regular file.
    MissingDependencyError
        If ONNX Runtime is not installed.
    """
    runtime = import_onnx_package("onnxruntime")
    try:
        content = _read(path)
        options = runtime.SessionOptions()
        options.log_severity_level = LOG_NOTHING
        session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        return _describe(path.name, session, content, output_name)
    except EnsembleKitError:
        raise
    except Exception as error:  # ONNX Runtime raises a dozen types of errors
        reason = shorten(str(error), 400) or type(error).__name__
        raise InvalidOptionError(f"{os.fspath(path)!r} cannot be opened by ONNX Runtime: {reason}") from error


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


def _describe(name: str, session: Any, content: bytes, output_name: str | None) -> OnnxModel:
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1:
        raise CompatibilityError(
            f"a model of images must have one input and one output; {name!r} has {len(inputs)} inputs, "
            f"{', '.join(repr(one.name) for one in inputs)}."
        )
    if len(outputs) != 1 or output_name is not None:
        names = [one.name for one in outputs]
        if output_name not in names:
            raise CompatibilityError(str(unknown_output(name, output_name, names)))
        outputs = [outputs[names.index(output_name)]]
    if inputs[0].type not in FLOATS or outputs[0].type not in FLOATS:
        raise CompatibilityError(
            f"a model of images must take and give floating-point numbers; {name!r} takes {inputs[0].type} and gives "
            f"{outputs[0].type}."
        )
    classes = session.get_modelmeta().custom_metadata_map.get("ensemblekit.classes")
    return OnnxModel(
        session,
        content,
        json.loads(classes) if classes else None,
        tuple(map(_known_length, inputs[0].shape[1:])),
        _known_length(outputs[0].shape[-1]) if len(outputs[0].shape) > 1 else None,
        outputs[0].name,
    )


def _known_length(length: Any) -> int | None:
    """Return the length of an axis; None if the length is a name or unknown."""
    return length if isinstance(length, int) and length > 0 else None
