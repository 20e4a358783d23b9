"""Loading: everything is checked before anything is made, and nothing is run but what is installed or trusted."""

from __future__ import annotations

import json
import os
import reprlib
import warnings
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..arguments import typed
from ..assembly import load_keras_file
from ..errors import EnsembleKitError, InvalidOptionError, MissingDependencyError, StoreError
from ._archives import check_archive
from ._classes import find_class
from ._estimators import HARMLESS, asking, check_made, types_in
from ._folder import Held, hold
from ._manifest import ARRAYS, FORMAT, MANIFEST, import_skops, owners, path_of, sealed, versions

__all__ = ["load", "load_with_digest"]


@typed(but=("trusted",))
def load(folder: str | os.PathLike[str], *, trusted: Iterable[type | str] = ()) -> Any:
    """Read what `save` wrote.

    Everything is checked before anything is made: that no byte has changed, that every file is there, and that every
    class is one of ensemblekit, of an installed plugin, of scikit-learn, or trusted by you. No constructor is run.

    Parameters
    ----------
    folder : path-like
        Made by `save`.
    trusted : iterable of type or str, default=()
        Classes of your own that it may hold, such as ``[MyCombiner]``; of what scikit-learn estimators hold, names too,
        such as ``"sklearn.tree._tree.Tree"``.

    Returns
    -------
    object
        As it was saved.

    Raises
    ------
    StoreError
        If there is no saved ensemble, a file is missing or changed, its format is newer than this ensemblekit reads,
        or it holds what is neither installed nor trusted.
    MissingDependencyError
        If skops or Keras is needed and not installed.

    See Also
    --------
    save : Write it.

    Notes
    -----
    Digests tell damage from what was saved; they do not tell who saved it. Compiled parts of scikit-learn, such as
    decision trees, trust the numbers they are given: name them in ``trusted`` only for folders whose source you trust.
    """
    return load_with_digest(folder, trusted=trusted)[0]


def load_with_digest(folder: str | os.PathLike[str], *, trusted: Iterable[type | str] = ()) -> tuple[Any, str]:
    """Load what was saved, with the SHA-256 digest of its manifest, and so of all of it, from the same reading."""
    known = None if isinstance(trusted, (str, type)) or not isinstance(trusted, Iterable) else tuple(trusted)
    if known is None or not all(isinstance(one, (str, type)) for one in known):
        raise InvalidOptionError(
            "trusted must be a sequence of classes, or names of classes; received "
            f"{reprlib.repr(trusted)}. Give trusted=[MyCombiner]."
        )
    folder = Path(folder)
    with hold(folder, lambda text: _manifest(folder, text)) as held:
        try:
            return _Reader(held, known).read(), held.digest
        except StoreError as error:
            raise StoreError(f"{os.fspath(folder)!r}: {error}") from error.__cause__
        except EnsembleKitError:
            raise
        except Exception as error:
            raise StoreError(
                f"{os.fspath(folder)!r} is no saved ensemble that makes sense: {error!r}."
                f"{_other_versions(held.manifest)}"
            ) from error


def _other_versions(manifest: dict[str, Any]) -> str:
    saved, here = manifest.get("versions"), versions()
    if not isinstance(saved, dict):
        return ""
    other = [f"{name} {saved[name]} (here {here[name]})" for name in here if saved.get(name, here[name]) != here[name]]
    return f" It was saved with {', '.join(other)}." if other else ""


def _manifest(folder: Path, content: bytes) -> dict[str, Any]:
    """Parse a manifest, and check its seal and its form."""
    path = os.fspath(folder / MANIFEST)
    try:
        text = content.decode()
        manifest = json.loads(text)
        untouched = isinstance(manifest, dict) and sealed(manifest, text)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path!r} cannot be read: {error}") from error
    version = manifest.get("format") if isinstance(manifest, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise StoreError(f"{path!r} is no manifest of a saved ensemble.")
    if version > FORMAT:
        raise StoreError(
            f"{os.fspath(folder)!r} has the format {version}, of ensemblekit {manifest.get('ensemblekit')}; this one "
            f"reads {FORMAT}. Update it: pip install --upgrade ensemblekit."
        )
    if not untouched:
        raise StoreError(f"{path!r} was changed after it was saved. Save it again.")
    files = manifest.get("files")
    if "object" not in manifest or not isinstance(files, dict) or not all(isinstance(d, str) for d in files.values()):
        raise StoreError(f"{path!r} must name an object, and files with their digests; it does not.")
    return manifest


class _Reader:
    def __init__(self, held: Held, trusted: tuple[type | str, ...]) -> None:
        self.tree, self.files = held.manifest["object"], held.files
        self.trusted = {path_of(t): t for t in trusted if isinstance(t, type)}
        self.names = [t if isinstance(t, str) else f"{t.__module__}.{t.__qualname__}" for t in trusted]
        self.owners = owners()
        self.classes: dict[str, type] = {}
        self.arrays: dict[str, np.ndarray] = {}
        self.made: dict[str, Any] = {}
        self.numbered: dict[int, Any] = {}

    def read(self) -> Any:
        for name, file in self.files.items():
            check_archive(name, file)
        for node in _objects(self.tree):
            path = node["class"]
            self.classes[path] = self.trusted[path] if path in self.trusted else find_class(node, self.owners)
        self._audit()
        if ARRAYS in self.files:
            with np.load(self.files[ARRAYS], allow_pickle=False) as arrays:
                self.arrays = {name: arrays[name] for name in arrays.files}
        made = self._decode(self.tree)
        check_made(made, self.names)
        return made

    def _audit(self) -> None:
        # Trusted by skops is what makes no other object; we ask whether it would break the interpreter, too.
        foreign: dict[str, set[str]] = {}
        for name, file in self.files.items():
            if name.endswith(".skops"):
                asked = asking(types_in(file), self.names)
                asked |= set(import_skops().get_untrusted_types(file=file)) - {*HARMLESS, *self.names}
                foreign |= {name: asked} if asked else {}
        if foreign:
            types = sorted(set().union(*foreign.values()))
            raise StoreError(
                f"{', '.join(foreign)} holds the types {types}, which are not trusted. If you know who saved it: "
                f"load(folder, trusted={types})."
            )

    def _decode(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self._decode(value) for value in node]
        if not isinstance(node, dict):
            return node
        if "class" in node:
            made = object.__new__(self.classes[node["class"]])
            vars(made).update({name: self._decode(value) for name, value in node["state"].items()})
            self.numbered[node["number"]] = made
            return made
        if "objects" in node:
            array = np.empty(len(node["objects"]), dtype=object)
            array[:] = [self._decode(value) for value in node["objects"]]
            return array.reshape(node["shape"])
        ((kind, value),) = node.items()
        return self._simple(kind, value)

    def _simple(self, kind: str, value: Any) -> Any:
        match kind:
            case "float":
                return float(value)
            case "tuple":
                return tuple(self._decode(value))
            case "set":
                return set(self._decode(value))
            case "frozenset":
                return frozenset(self._decode(value))
            case "dict":
                return {self._decode(key): self._decode(held) for key, held in value}
            case "bunch":
                from sklearn.utils import Bunch

                return Bunch(**self._simple("dict", value))
            case "array":
                return self.arrays[value]
            case "scalar":
                return self.arrays[value][()]
            case "same":
                return self.numbered[value]
            case "sklearn" | "keras":
                if value not in self.made:
                    self.made[value] = (self._sklearn if kind == "sklearn" else self._keras)(self.files[value])
                return self.made[value]
            case _:
                raise StoreError(f"there is nothing of the kind {kind!r} in the format {FORMAT}.")

    def _sklearn(self, file: BinaryIO) -> Any:
        return import_skops().load(file, trusted=[*HARMLESS, *self.names])

    def _keras(self, file: BinaryIO) -> Any:
        custom = {cls.__name__: cls for cls in self.trusted.values()}
        try:
            with warnings.catch_warnings():
                # A model that was compiled and never trained has an optimizer without state.
                warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
                return load_keras_file(file, custom_objects=custom, compiled=True)
        except MissingDependencyError:
            raise
        except Exception as error:
            raise StoreError(f"the Keras model {file.name} cannot be loaded in safe mode: {error}") from error


def _objects(node: Any) -> Generator[dict[str, Any]]:
    if isinstance(node, dict):
        if "class" in node:
            yield node
        for value in node.values():
            yield from _objects(value)
    elif isinstance(node, list):
        for value in node:
            yield from _objects(value)
