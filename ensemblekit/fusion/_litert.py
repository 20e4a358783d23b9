"""LiteRT files, ``.tflite``: written by Keras, run by the interpreter of LiteRT or of TensorFlow."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np

from ..assembly import check_tensorflow
from ..errors import CompatibilityError, EnsembleKitError, MissingDependencyError

__all__ = ["run_litert", "write_litert"]

METADATA = "ensemblekit"
"""Name of the metadata with the names of classes and members, as JSON."""

TYPES = ("bfloat16", "float16", "float8")
"""Types that the interpreter does not compute in."""


def write_litert(model: Any, path: Path, names: Mapping[str, Any]) -> None:
    """Write a model, and the names of its classes and members as metadata.

    Parameters
    ----------
    model : keras.Model
        A fused model.
    path : Path
        A new file.
    names : mapping
        What goes into the metadata, as JSON.

    Raises
    ------
    CompatibilityError
        If the model holds what LiteRT has not.
    """
    for layer in model._flatten_layers(include_self=False):
        if callable(getattr(layer, "get_vocabulary", None)):
            raise CompatibilityError(
                f"LiteRT takes models of numbers; the layer {layer.name!r} ({type(layer).__name__}) looks up words "
                "in a table. Export it as .keras or as a SavedModel."
            )
        policy = f"{getattr(layer, 'compute_dtype', '')} {getattr(layer.dtype_policy, 'quantization_mode', '')}"
        found = next((one for one in TYPES if one in policy), None)
        if found is not None:
            raise CompatibilityError(
                f"LiteRT takes models that compute in float32; the layer {layer.name!r} computes in {found}. Export it "
                "as .keras or as a SavedModel, or build it in float32 with the same weights."
            )
    # Keras writes to names that end in .tflite only; the file is renamed at the end.
    written = path.with_name(f"{path.name}.tflite")
    try:
        model.export(written, format="litert", verbose=False)
        _add_names(written, path, names)
    except EnsembleKitError:
        raise
    except Exception as error:  # the converter raises many types of errors
        raise _not_litert(error) from error
    finally:
        written.unlink(missing_ok=True)


def _add_names(written: Path, path: Path, names: Mapping[str, Any]) -> None:
    try:
        from tensorflow.lite.python import schema_py_generated as schema
        from tensorflow.lite.tools import flatbuffer_utils
    except ImportError as error:
        raise MissingDependencyError(
            "a .tflite file needs tensorflow.lite, which this TensorFlow does not have. Install one that has it, such "
            "as 2.21, or export a SavedModel and convert that."
        ) from error
    made: Any = flatbuffer_utils.read_model(str(written))
    content, entry = schema.BufferT(), schema.MetadataT()
    content.data = list(json.dumps(names).encode())
    made.buffers.append(content)
    entry.name, entry.buffer = METADATA, len(made.buffers) - 1
    made.metadata = [*(made.metadata or []), entry]
    path.write_bytes(flatbuffer_utils.convert_object_to_bytearray(made))


def run_litert(path: Path, batches: Any) -> np.ndarray:
    """Run a file.

    Parameters
    ----------
    path : Path
        A ``.tflite`` file.
    batches : iterable of ndarray or dict of str to ndarray
        Inputs.

    Returns
    -------
    ndarray
        The output of all batches.

    Raises
    ------
    CompatibilityError
        If the interpreter has not all that the file holds.
    """
    try:
        interpreter = _interpreter(model_content=path.read_bytes())
        run = interpreter.get_signature_runner()
        types = {name: about["dtype"] for name, about in run.get_input_details().items()}
        (output,) = run.get_output_details()
        said: list[np.ndarray] = []
        for batch in batches:
            given = batch if isinstance(batch, Mapping) else {next(iter(types)): batch}
            said.append(run(**{name: np.asarray(given[name], dtype=types[name]) for name in types})[output])
    except Exception as error:  # the interpreter raises many types of errors
        raise _not_litert(error) from error
    return np.concatenate(said)


def _interpreter(**given: Any) -> Any:
    check_tensorflow("A .tflite file")
    module = import_module("tensorflow.lite.python.interpreter")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\s*Warning: tf.lite.Interpreter is deprecated")
        return module.Interpreter(**given)


def _not_litert(error: Exception) -> CompatibilityError:
    said = re.sub(r"\s+", " ", str(error)) or type(error).__name__
    return CompatibilityError(
        f"a model must be made of what LiteRT can hold; the converter or the interpreter says: {shorten(said, 240)} "
        "Export it as .keras or as a SavedModel."
    )
