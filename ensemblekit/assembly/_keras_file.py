"""`load_keras_file`: check a `.keras` file from any source before Keras builds the model that it describes."""

from __future__ import annotations

import io
import json
import os
import re
import threading
import zipfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from math import prod
from textwrap import shorten
from typing import Any, BinaryIO

from ..errors import EnsembleKitError, InvalidOptionError
from ..limits import RATIO, check_size
from ..members.losses import remember_loss
from ..regular import bytes_on_disk, open_regular
from ._keras import import_keras
from ._own import own_objects

__all__ = ["load_keras_file"]

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
ENTRIES = {CONFIG, WEIGHTS, "metadata.json"}
ASSETS = "assets"
"""Folder in the archive for files of layers, such as vocabularies."""

_building = threading.RLock()


def load_keras_file(
    path: str | os.PathLike[str] | BinaryIO, *, custom_objects: Mapping[str, Any] | None = None, compiled: bool = False
) -> Any:
    """Load a Keras model without running code from the file or allocating memory for weights that it does not hold.

    Parameters
    ----------
    path : path-like or BinaryIO
        A ``.keras`` file, or an open one.
    custom_objects : mapping of str to type, optional
        As in ``keras.saving.load_model``.
    compiled : bool, default=False
        Whether to compile the model as it was compiled when it was saved.

    Returns
    -------
    keras.Model
        Loaded in Keras's safe mode.

    Raises
    ------
    InvalidOptionError
        If the file is damaged, holds code, refers to other files, or asks for more memory than is allowed; see
        `ensemblekit.limits`.
    NotAFileError
        If the path is not a regular file.
    MissingDependencyError
        If Keras is not installed.
    """
    keras = import_keras("A .keras file")
    if isinstance(path, (str, os.PathLike)):
        name: Any = os.fspath(path)
        with _opened(path) as file:
            return _load(keras, name, file, custom_objects, compiled)
    return _load(keras, str(getattr(path, "name", "a .keras file")), path, custom_objects, compiled)


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Generator[BinaryIO]:
    try:
        file = open_regular(path)
    except EnsembleKitError:
        raise
    except OSError as error:
        raise InvalidOptionError(f"{os.fspath(path)!r} cannot be read: {error.strerror or error}.") from error
    with file:
        yield file


def _load(keras: Any, name: str, file: BinaryIO, custom_objects: Any, compiled: bool) -> Any:
    # Keras's public function only takes a path, so that it might open another file than the one that was checked.
    from keras.src.saving import saving_lib

    try:
        stored = _check_archive(name, file)
        with _limited(keras.Variable, lambda n_bytes: check_size(n_bytes, *_weights_of(name), stored=stored)):
            model = saving_lib.load_model(file, custom_objects=custom_objects, compile=compiled, safe_mode=True)
        if not isinstance(model, keras.Model):
            raise _refused(name, f"it holds a {type(model).__name__}")
        largest = max((4 * prod(n or 1 for n in tensor.shape[1:]) for tensor in _tensors(keras, model)), default=0)
        check_size(largest, f"what a layer of {name!r} gives of one sample", InvalidOptionError, stored=stored)
        remember_loss(model, _loss_in(file))
        return model
    except EnsembleKitError:
        raise
    except Exception as error:  # for a damaged archive or a bad configuration, Keras can raise almost any error
        own = _own_in(file, custom_objects)
        if own:
            raise InvalidOptionError(
                f"a file must hold what Keras knows to be loaded by it; {name!r} holds also {', '.join(own)}. Give the "
                "classes and functions by name, custom_objects={name: ...}, or register them."
            ) from error
        reason = shorten(str(error), 400) or type(error).__name__
        raise InvalidOptionError(f"{name!r} cannot be loaded by Keras in safe mode: {reason}") from error


def _tensors(keras: Any, model: Any) -> Generator[Any]:
    """Yield the outputs of all layers of a model, and of the models nested in it."""
    for layer in getattr(model, "operations", None) or model.layers:
        for node in layer._inbound_nodes:
            yield from node.output_tensors
        if isinstance(layer, keras.Model):
            yield from _tensors(keras, layer)


def _loss_in(file: BinaryIO) -> Any:
    with zipfile.ZipFile(file) as archive:
        described = json.loads(archive.read(CONFIG))
    return (described.get("compile_config") or {}).get("loss")


def _own_in(file: BinaryIO, custom_objects: Any) -> list[str]:
    """Name what the model of a file needs beside Keras and the given objects."""
    try:
        with zipfile.ZipFile(file) as archive:
            described = json.loads(archive.read(CONFIG))
        found = own_objects({key: value for key, value in described.items() if key != "compile_config"})
    except Exception:  # the archive may be damaged in any way
        return []
    return [name for name in found if not any(given in name for given in custom_objects or ())][:10]


def _weights_of(name: str) -> tuple[str, type[EnsembleKitError]]:
    return f"the weights that {name!r} describes", InvalidOptionError


def _check_archive(name: str, file: BinaryIO) -> int:
    """Refuse an archive that Keras would not write; return the size of its weights in bytes."""
    file.seek(0)
    with zipfile.ZipFile(file) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        if len(entries) < len(archive.infolist()):
            raise _refused(name, "it must hold each file once")
        for entry in entries.values():
            parts = re.split(r"[/\\]", entry.filename)
            if entry.filename not in ENTRIES and (parts[0] != ASSETS or {"", ".", ".."} & set(parts[1:-1])):
                raise _refused(name, f"it must hold no other file than Keras writes; it holds {entry.filename!r}")
            if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
                raise _refused(
                    name, f"what it holds must be stored as it is; {entry.filename!r} is compressed or locked"
                )
        if CONFIG not in entries or WEIGHTS not in entries:
            raise _refused(name, f"it must hold {CONFIG} and {WEIGHTS}; it holds {sorted(entries)}")
        n_bytes = sum(entry.file_size for entry in entries.values())
        if n_bytes > file.seek(0, os.SEEK_END):
            raise _refused(name, "what it holds must be stored once; it is larger than the file")
        check_size(n_bytes, f"what {name!r} holds", InvalidOptionError, stored=bytes_on_disk(file))
        # Parsed JSON needs about 30 times the memory of its text.
        check_size(RATIO * entries[CONFIG].file_size, f"the configuration of {name!r}", InvalidOptionError)
        # Keras does not compare the checksums of the entries that it reads; `read` does.
        for entry in archive.infolist():
            content = archive.read(entry)
            if entry.filename == WEIGHTS:
                _check_weights(name, content)
    file.seek(0)
    return entries[WEIGHTS].file_size


def _check_weights(name: str, content: bytes) -> None:
    """Refuse weights that are in other files, or are declared but missing."""
    import h5py
    from h5py import h5l  # pyright: ignore[reportAttributeAccessIssue] - it is compiled

    def check_link(path: bytes, about: Any) -> str | None:
        if about.type != h5l.TYPE_HARD:
            return f"lie in it; {path.decode(errors='replace')!r} refers to elsewhere"
        return None

    def check_array(path: str, held: Any) -> str | None:
        if not isinstance(held, h5py.Dataset):
            return None
        if held.external or held.is_virtual:
            return f"lie in it; {path!r} lies in other files"
        if held.dtype.hasobject or held.id.get_storage_size() != held.size * held.dtype.itemsize:
            return f"be numbers, stored as they are; {path!r} is not"
        return None

    with h5py.File(io.BytesIO(content), "r") as weights:
        # The visit ends if the visitor returns a value; an exception would be lost.
        wrong = weights.id.links.visit(check_link, info=True) or weights.visititems(check_array)
    if wrong:
        raise _refused(name, f"its weights must {wrong}")


def _refused(name: str, rule: str) -> InvalidOptionError:
    return InvalidOptionError(f"{name!r} must be as Keras saves a model: {rule}.")


@contextmanager
def _limited(variable: Any, check: Callable[[int], None]) -> Generator[None]:
    """Check the total size of the variables that this thread creates in this context, before each is created."""
    # All weights are instances of this one class, and Keras has no hook that is called before one is created.
    with _building:
        thread, original, own = threading.get_ident(), variable.__init__, vars(variable).get("__init__")
        total = 0

        def check_first(
            self: Any, initializer: Any, shape: Any = None, dtype: Any = None, *args: Any, **options: Any
        ) -> None:
            nonlocal total
            if threading.get_ident() == thread:
                n_bytes = prod(() if shape is None else shape) * (8 if str(dtype).endswith("64") else 4)
                total += n_bytes
                # While the random numbers of a variable are drawn, its values are in memory three times.
                check(total + 2 * n_bytes)
            original(self, initializer, shape, dtype, *args, **options)

        variable.__init__ = check_first
        try:
            yield
        finally:
            if own is None:
                del variable.__init__
            else:
                variable.__init__ = own
