"""The formats that a fused model ships in: how each is written, and how it is run again."""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..assembly import import_keras, load_keras_file
from ..errors import InvalidOptionError, MissingDependencyError
from ..files import Folder, Replaceable, atomic_folder, atomic_path
from ._names import class_names, member_names

__all__ = ["Format", "flat_inputs", "format_of", "import_extra"]

SAVED_MODEL, ABOUT = "saved_model.pb", "ensemblekit.json"
_TENSORFLOW = (SAVED_MODEL, "fingerprint.pb", "variables/variables.index", "variables/variables.data-00000-of-00001")
"""What a SavedModel of ours holds that was written before we kept a list."""
_NAMES = re.compile(
    r"(saved_model|fingerprint|keras_metadata)\.pb|variables/variables\.[\w.-]+|assets/[^/]+", re.DOTALL
)
"""Names that TensorFlow gives; others are not ours, whatever the list says."""
_FOLDERS = ("assets/", "variables/")
BATCH = 32


class Format(NamedTuple):
    """One way to write a model.

    Attributes
    ----------
    name : str
        What it is called.
    write : callable
        ``write(model, path)``.
    run : callable
        ``run(path, inputs) -> ndarray``, as whoever receives the file would: without the model in memory.
    new : callable
        ``new(path, overwrite)``, a context that gives a temporary path and renames it at the end.
    """

    name: str
    write: Callable[[Any, Path], None]
    run: Callable[[Path, Any], np.ndarray]
    new: Callable[[Path, bool], Any]


def format_of(path: Path) -> Format:
    """Tell the format by the end of the name."""
    try:
        return _FORMATS[path.suffix]
    except KeyError:
        raise InvalidOptionError(
            f"a model is exported to a name that ends in .keras or .onnx, or to a folder, a SavedModel; received "
            f"{path.name!r}."
        ) from None


def flat_inputs(inputs: Any) -> list[np.ndarray]:
    """List the arrays of one input, or of several by name."""
    return [np.asarray(a) for a in inputs.values()] if isinstance(inputs, dict) else [np.asarray(inputs)]


def _batches(inputs: Any) -> Generator[Any]:
    for start in range(0, len(flat_inputs(inputs)[0]), BATCH):
        rows = slice(start, start + BATCH)
        yield {k: v[rows] for k, v in inputs.items()} if isinstance(inputs, dict) else inputs[rows]


def _new_file(path: Path, overwrite: bool) -> Any:
    return atomic_path(path, overwrite=overwrite)


def _new_folder(path: Path, overwrite: bool) -> Any:
    return atomic_folder(path, replaces=_SAVED_MODELS if overwrite else None)


def _own_files(folder: Folder) -> list[str] | None:
    """List the files of a SavedModel that we have written, by what we have said in it of ourselves."""
    if SAVED_MODEL not in folder.names() or "assets.extra" not in folder.names():
        return None
    try:
        with folder.inner("assets.extra") as extra:
            about = json.loads(extra.read(ABOUT) or b"")
        found = hashlib.sha256(folder.read(SAVED_MODEL, 2**40) or b"").hexdigest()
        if not {"classes", "members"} <= set(about) or about.get("sha256", found) != found:
            return None  # or another model was saved over ours
        files = filter(_NAMES.fullmatch, about.get("files", _TENSORFLOW))
        return [*files, f"assets.extra/{ABOUT}", *_FOLDERS]
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return None


def _write_keras(model: Any, path: Path) -> None:
    model.save(path)


def _run_keras(path: Path, inputs: Any) -> np.ndarray:
    return np.asarray(load_keras_file(path).predict(inputs, batch_size=BATCH, verbose=0))


def _write_saved_model(model: Any, path: Path) -> None:
    with _silence():
        model.export(path, format="tf_saved_model", verbose=False)
    # The place that TensorFlow keeps for what is not its own.
    extra = path / "assets.extra"
    extra.mkdir()
    files = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
    found = hashlib.sha256((path / SAVED_MODEL).read_bytes()).hexdigest()
    (extra / ABOUT).write_text(json.dumps(_names(model) | {"files": files, "sha256": found}), encoding="utf-8")


def _run_saved_model(path: Path, inputs: Any) -> np.ndarray:
    import_keras("A SavedModel")
    import tensorflow as tf

    with _silence():
        serve: Any = tf.saved_model.load(str(path))
    return np.concatenate([np.asarray(serve.serve(batch)) for batch in _batches(inputs)])


def _write_onnx(model: Any, path: Path) -> None:
    onnx = import_extra("onnx")
    import_extra("tf2onnx")
    keras = import_keras("Export to ONNX")
    with _silence():
        rows = keras.tree.map_structure(lambda t: np.zeros([1, *(s or 32 for s in t.shape[1:])], t.dtype), model.input)
        model(rows, training=False)  # Keras exports no model that never ran
        model.export(path, format="onnx", verbose=False)
    made = onnx.load(path)
    output = made.graph.output[0].name
    for node in made.graph.node:
        node.output[:] = ["probas" if name == output else name for name in node.output]
        node.input[:] = ["probas" if name == output else name for name in node.input]
    made.graph.output[0].name = "probas"
    onnx.helper.set_model_props(made, {f"ensemblekit.{k}": json.dumps(v) for k, v in _names(model).items()})
    onnx.save(made, path)


def _run_onnx(path: Path, inputs: Any) -> np.ndarray:
    session = import_extra("onnxruntime").InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]

    def feed(batch: Any) -> dict[str, np.ndarray]:
        if not isinstance(batch, dict):
            return {names[0]: np.asarray(batch)}
        return {name: np.asarray(batch[name.partition(":")[0]]) for name in names}

    return np.concatenate([session.run(None, feed(batch))[0] for batch in _batches(inputs)])


def _names(model: Any) -> dict[str, Any]:
    return {"classes": list(class_names(model) or ()), "members": list(member_names(model))}


def import_extra(name: str) -> Any:
    """Import what the extra ``onnx`` installs, or say how to install it."""
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise MissingDependencyError(
            f'ONNX needs {name}, which is not installed: pip install "ensemblekit[onnx]".'
        ) from error


@contextmanager
def _silence() -> Generator[None]:
    """Keep what TensorFlow and tf2onnx tell of themselves from the screen."""
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


_SAVED_MODELS = Replaceable("a SavedModel of ensemblekit", _own_files)
_FORMATS = {
    ".keras": Format("keras", _write_keras, _run_keras, _new_file),
    ".onnx": Format("onnx", _write_onnx, _run_onnx, _new_file),
    "": Format("saved_model", _write_saved_model, _run_saved_model, _new_folder),
}
