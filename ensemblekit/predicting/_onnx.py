"""ONNX files of models of images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import CompatibilityError, EnsembleKitError, InvalidOptionError
from ..members.networks import unknown_output
from ..members.onnx_files import import_onnx_package, new_session, unreadable

__all__ = ["OnnxModel", "open_onnx"]

FLOATS = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16}
_PASSING = ("Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Cast", "Transpose")


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
    task : str or None
        Task from the file's metadata.
    """

    session: Any
    content: bytes
    classes: Any
    shape: tuple[int | None, ...]
    width: int | None
    output: str
    task: str | None = None

    def ends_in_sigmoid(self) -> bool:
        """Tell whether the operation that gives the output is a sigmoid, which parsing the file shows."""
        graph = import_onnx_package("onnx").load_model_from_string(self.content).graph
        made_by = {output: node for node in graph.node for output in node.output}
        node = made_by.get(self.output)
        while node is not None and node.op_type in _PASSING:
            node = made_by.get(node.input[0])
        return node is not None and node.op_type in ("Sigmoid", "HardSigmoid", "Softmax")

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
    session, content = new_session(path)
    try:
        return _describe(path.name, session, content, output_name)
    except EnsembleKitError:
        raise
    except Exception as error:  # ONNX Runtime raises a dozen types of errors
        raise unreadable(path, error) from error


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
    about = session.get_modelmeta().custom_metadata_map
    classes, task = about.get("ensemblekit.classes"), about.get("ensemblekit.task")
    return OnnxModel(
        session,
        content,
        json.loads(classes) if classes else None,
        tuple(map(_known_length, inputs[0].shape[1:])),
        _known_length(outputs[0].shape[-1]) if len(outputs[0].shape) > 1 else None,
        outputs[0].name,
        _stored_task(name, task),
    )


def _stored_task(name: str, stored: str | None) -> str | None:
    if not stored:
        return None
    task = json.loads(stored)
    if task not in ("multiclass", "multilabel", "regression"):
        raise InvalidOptionError(
            f"a model must hold its task as multiclass, multilabel or regression; {name!r} holds {stored[:200]!r}."
        )
    return task


def _known_length(length: Any) -> int | None:
    """Return the length of an axis; None if the length is a name or unknown."""
    return length if isinstance(length, int) and length > 0 else None
