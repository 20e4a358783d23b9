"""File formats of fused models: functions that write each format, and that run its files."""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from textwrap import shorten
from typing import Any, Literal, NamedTuple

import numpy as np

from ..assembly import check_tensorflow, import_keras, load_keras_file, own_objects
from ..errors import CompatibilityError, InvalidOptionError, OwnLayersWarning
from ..files import Folder, Replaceable, atomic_folder, atomic_path
from ..members.onnx_files import import_onnx_package
from ._for_onnx import for_onnx
from ._litert import run_litert, write_litert
from .layer_names import class_names, member_names, task_name

__all__ = ["BATCH", "Format", "FormatName", "format_of", "list_inputs", "predicted"]

FormatName = Literal["keras", "onnx", "saved_model", "litert"]
"""Names of the formats."""

BATCH = 32
"""Samples that are run at a time."""

SAVED_MODEL, ABOUT = "saved_model.pb", "ensemblekit.json"
_TENSORFLOW = (SAVED_MODEL, "fingerprint.pb", "variables/variables.index", "variables/variables.data-00000-of-00001")
"""Files of a SavedModel written before its list of files was kept."""
_NAMES = re.compile(
    r"(saved_model|fingerprint|keras_metadata)\.pb|variables/variables\.[\w.-]+|assets/[^/]+", re.DOTALL
)
"""Names that TensorFlow gives. Other files are not ours, even if the list names them."""
_FOLDERS = ("assets/", "variables/")


class Format(NamedTuple):
    """One file format.

    Attributes
    ----------
    name : {"keras", "onnx", "saved_model", "litert"}
        Name of the format.
    write : callable
        ``write(model, path)``.
    run : callable
        ``run(path, inputs) -> ndarray``: load the file and predict, without the model in memory.
    new : callable
        ``new(path, overwrite)``: a context that yields a temporary path and renames it to ``path`` at its end.
    """

    name: FormatName
    write: Callable[[Any, Path], None]
    run: Callable[[Path, Any], np.ndarray]
    new: Callable[[Path, bool], AbstractContextManager[Path]]


def format_of(path: Path) -> Format:
    """Find the format by the suffix.

    Parameters
    ----------
    path : Path
        A path that ends in ``.keras``, ``.onnx`` or ``.tflite``, or has no suffix.

    Returns
    -------
    Format
        The format, with functions to write and run it.

    Raises
    ------
    InvalidOptionError
        If it has another suffix.
    """
    try:
        return _FORMATS[path.suffix]
    except KeyError:
        raise InvalidOptionError(
            f"a model is exported to a name that ends in .keras, .onnx or .tflite, or to a folder, a SavedModel; "
            f"received {path.name!r}."
        ) from None


def list_inputs(inputs: np.ndarray | Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """List the arrays of one input, or of several by name."""
    return [np.asarray(a) for a in inputs.values()] if isinstance(inputs, Mapping) else [np.asarray(inputs)]


def _batches(inputs: Any) -> Generator[Any]:
    for start in range(0, len(list_inputs(inputs)[0]), BATCH):
        rows = slice(start, start + BATCH)
        yield {k: v[rows] for k, v in inputs.items()} if isinstance(inputs, Mapping) else inputs[rows]


def _new_file(path: Path, overwrite: bool) -> AbstractContextManager[Path]:
    return atomic_path(path, overwrite=overwrite)


def _new_folder(path: Path, overwrite: bool) -> AbstractContextManager[Path]:
    return atomic_folder(path, replaces=_SAVED_MODELS if overwrite else None)


def _files_written(folder: Folder) -> list[str] | None:
    """List the files that `export_fused` recorded for its SavedModel; None for any other folder."""
    if SAVED_MODEL not in folder.names() or "assets.extra" not in folder.names():
        return None
    try:
        with folder.inner("assets.extra") as extra:
            about = json.loads(extra.read(ABOUT) or b"")
        digest = hashlib.sha256(folder.read(SAVED_MODEL, 2**40) or b"").hexdigest()
        if not {"classes", "members"} <= set(about) or about.get("sha256", digest) != digest:
            return None  # another model was saved over ours
        files = filter(_NAMES.fullmatch, about.get("files", _TENSORFLOW))
        return [*files, f"assets.extra/{ABOUT}", *_FOLDERS]
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return None


def _write_keras(model: Any, path: Path) -> None:
    keras = import_keras("A .keras file")
    own = own_objects(keras.saving.serialize_keras_object(model))
    if own:
        unknown = [name for name, is_registered in own.items() if not is_registered]
        rule = "a .keras file is loaded with `import keras` alone only if it holds nothing but layers of Keras"
        remedy = (
            "Write it with layers of Keras or keras.ops, or export a SavedModel or an .onnx file, which need no code."
        )
        if unknown:
            raise CompatibilityError(f"{rule}; this one would hold {', '.join(unknown)}. {remedy}")
        warnings.warn(
            OwnLayersWarning(f"{rule}; this one holds {', '.join(own)}, whose code must be imported first. {remedy}"),
            stacklevel=4,
        )
    model.save(path)


def _run_keras(path: Path, inputs: Any) -> np.ndarray:
    return predicted(load_keras_file(path), inputs)


def predicted(model: Any, inputs: Any) -> np.ndarray:
    """Predict samples with a Keras model.

    Parameters
    ----------
    model : keras.Model
        The model.
    inputs : ndarray, or dict, list or tuple of such
        As the model takes them; texts too.

    Returns
    -------
    ndarray
        Its output.
    """
    keras = import_keras("A model")
    given = keras.tree.map_structure(tensors_of_texts, inputs)
    return np.asarray(model.predict(given, batch_size=BATCH, verbose=0))


def tensors_of_texts(values: Any) -> Any:
    """Make a tensor of texts, which Keras takes with any number of axes; leave numbers as they are."""
    if getattr(getattr(values, "dtype", None), "kind", "") not in ("O", "U", "S", "T"):
        return values
    keras = import_keras("A model of texts")
    return keras.ops.convert_to_tensor(np.asarray(values, dtype=object), dtype="string")


def _write_saved_model(model: Any, path: Path) -> None:
    with _quiet():
        model.export(path, format="tf_saved_model", verbose=False)
    # TensorFlow reserves this folder for other data.
    extra = path / "assets.extra"
    extra.mkdir()
    files = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
    digest = hashlib.sha256((path / SAVED_MODEL).read_bytes()).hexdigest()
    (extra / ABOUT).write_text(json.dumps(_names(model) | {"files": files, "sha256": digest}), encoding="utf-8")


def _run_saved_model(path: Path, inputs: Any) -> np.ndarray:
    check_tensorflow("A SavedModel")
    import tensorflow as tf

    with _quiet():
        serve: Any = tf.saved_model.load(str(path))
    return np.concatenate([np.asarray(serve.serve(batch)) for batch in _batches(inputs)])


def _write_onnx(model: Any, path: Path) -> None:
    onnx = import_onnx_package("onnx")
    import_onnx_package("tf2onnx")
    keras = import_keras("Export to ONNX")
    model = for_onnx(keras, model)
    with _quiet():
        try:
            model(keras.tree.map_structure(_one_row, model.input), training=False)  # only then Keras can export it
            model.export(path, format="onnx", verbose=False)
        except Exception as error:  # tf2onnx raises any error for what it cannot convert
            raise _not_onnx(path.name, error) from error
    exported = onnx.load(path)
    output = exported.graph.output[0].name
    for node in exported.graph.node:
        node.output[:] = ["probas" if name == output else name for name in node.output]
        node.input[:] = ["probas" if name == output else name for name in node.input]
    exported.graph.output[0].name = "probas"
    onnx.helper.set_model_props(exported, {f"ensemblekit.{k}": json.dumps(v) for k, v in _names(model).items()})
    onnx.save(exported, path)


def _run_onnx(path: Path, inputs: Any) -> np.ndarray:
    runtime = import_onnx_package("onnxruntime")
    try:
        session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises a dozen types of errors
        raise _not_onnx(path.name, error) from error
    names = [given.name for given in session.get_inputs()]

    def feeds(batch: Any) -> dict[str, np.ndarray]:
        if not isinstance(batch, Mapping):
            return {names[0]: np.asarray(batch)}
        return {name: np.asarray(batch[name.partition(":")[0]]) for name in names}

    return np.concatenate([session.run(None, feeds(batch))[0] for batch in _batches(inputs)])


def _write_litert(model: Any, path: Path) -> None:
    with _quiet():
        write_litert(model, path, _names(model))


def _run_litert(path: Path, inputs: Any) -> np.ndarray:
    return run_litert(path, _batches(inputs))


def _one_row(tensor: Any) -> Any:
    shape = [1, *(n or 32 for n in tensor.shape[1:])]
    return (
        tensors_of_texts(np.full(shape, "", dtype=object))
        if tensor.dtype == "string"
        else np.zeros(shape, tensor.dtype)
    )


def _not_onnx(file: str, error: Exception) -> CompatibilityError:
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))  # Keras colours its errors
    # The names of operations begin with those of the model and the layer.
    found = re.search(r"\w+/([\w.>-]+?)(?:_\d+)?/[A-Z]\w+", text)
    of = f", which its layer {found[1]!r} is not" if found else ""
    said = shorten(re.sub(rf"\S*{re.escape(file)}", file, text), 240) or type(error).__name__
    return CompatibilityError(
        f"a model must be made of what ONNX can hold{of}; the converter or ONNX Runtime says: {said} Export it as "
        ".keras or as a SavedModel."
    )


def _names(model: Any) -> dict[str, Any]:
    task = task_name(model)
    about = {"classes": list(class_names(model) or ()), "members": list(member_names(model))}
    return about if task in (None, "multiclass") else about | {"task": task}


@contextmanager
def _quiet() -> Generator[None]:
    """Hide the log messages and warnings of TensorFlow and tf2onnx."""
    import logging

    loggers = [logging.getLogger(name) for name in ("tensorflow", "tf2onnx", "absl")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, module=r"keras\.src\.export|tf2onnx")
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"tf2onnx|google|onnx")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)  # what fails is said by the error
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


_SAVED_MODELS = Replaceable("a SavedModel of ensemblekit", _files_written)
_FORMATS = {
    ".keras": Format("keras", _write_keras, _run_keras, _new_file),
    ".onnx": Format("onnx", _write_onnx, _run_onnx, _new_file),
    ".tflite": Format("litert", _write_litert, _run_litert, _new_file),
    "": Format("saved_model", _write_saved_model, _run_saved_model, _new_folder),
}
