"""File formats of fused models: functions that write each format, and that run its files."""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from ..assembly import import_keras, load_keras_file
from ..errors import InvalidOptionError, MissingDependencyError
from ..files import Folder, Replaceable, atomic_folder, atomic_path
from ._layer_names import class_names, member_names

__all__ = ["BATCH", "Format", "FormatName", "format_of", "import_onnx_package", "list_inputs"]

FormatName = Literal["keras", "onnx", "saved_model"]
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
    name : {"keras", "onnx", "saved_model"}
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
        A path that ends in ``.keras`` or ``.onnx``, or has no suffix.

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
            f"a model is exported to a name that ends in .keras or .onnx, or to a folder, a SavedModel; received "
            f"{path.name!r}."
        ) from None


def list_inputs(inputs: np.ndarray | Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """List the arrays of one input, or of several by name."""
    return [np.asarray(a) for a in inputs.values()] if isinstance(inputs, Mapping) else [np.asarray(inputs)]


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
    model.save(path)


def _run_keras(path: Path, inputs: Any) -> np.ndarray:
    return np.asarray(load_keras_file(path).predict(inputs, batch_size=BATCH, verbose=0))


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
    import_keras("A SavedModel")
    import tensorflow as tf

    with _quiet():
        serve: Any = tf.saved_model.load(str(path))
    return np.concatenate([np.asarray(serve.serve(batch)) for batch in _batches(inputs)])


def _write_onnx(model: Any, path: Path) -> None:
    onnx = import_onnx_package("onnx")
    import_onnx_package("tf2onnx")
    keras = import_keras("Export to ONNX")
    with _quiet():
        rows = keras.tree.map_structure(lambda t: np.zeros([1, *(s or 32 for s in t.shape[1:])], t.dtype), model.input)
        model(rows, training=False)  # Keras can only export a model that was called
        model.export(path, format="onnx", verbose=False)
    exported = onnx.load(path)
    output = exported.graph.output[0].name
    for node in exported.graph.node:
        node.output[:] = ["probas" if name == output else name for name in node.output]
        node.input[:] = ["probas" if name == output else name for name in node.input]
    exported.graph.output[0].name = "probas"
    onnx.helper.set_model_props(exported, {f"ensemblekit.{k}": json.dumps(v) for k, v in _names(model).items()})
    onnx.save(exported, path)


def _run_onnx(path: Path, inputs: Any) -> np.ndarray:
    session = import_onnx_package("onnxruntime").InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]

    def feeds(batch: Any) -> dict[str, np.ndarray]:
        if not isinstance(batch, Mapping):
            return {names[0]: np.asarray(batch)}
        return {name: np.asarray(batch[name.partition(":")[0]]) for name in names}

    return np.concatenate([session.run(None, feeds(batch))[0] for batch in _batches(inputs)])


def _names(model: Any) -> dict[str, Any]:
    return {"classes": list(class_names(model) or ()), "members": list(member_names(model))}


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
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


_SAVED_MODELS = Replaceable("a SavedModel of ensemblekit", _files_written)
_FORMATS = {
    ".keras": Format("keras", _write_keras, _run_keras, _new_file),
    ".onnx": Format("onnx", _write_onnx, _run_onnx, _new_file),
    "": Format("saved_model", _write_saved_model, _run_saved_model, _new_folder),
}
