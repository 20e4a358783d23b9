"""Save objects: a JSON manifest, with arrays, scikit-learn estimators and Keras models in files beside it."""

from __future__ import annotations

import hashlib
import json
import math
import os
import sys
import zipfile
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

from .._version import __version__
from ..arguments import typed
from ..errors import NotStorableError, OutputExistsError
from ..files import Folder, Replaceable, atomic_folder
from ..predictions.keys import KeyedIds
from ..registry import default_registry
from ._manifest import (
    ARRAYS,
    FILE_NAME,
    FORMAT,
    MANIFEST,
    SPLITTERS,
    import_skops,
    is_sealed,
    owners,
    path_of,
    seal,
    versions,
)

__all__ = ["save"]

CAN = (
    "None, numbers, text, NumPy arrays and scalars, tuples, lists, sets and dicts of these, combiners, objects of "
    "ensemblekit and its plugins, scikit-learn estimators and Keras models"
)
FUNCTION = " A function that makes a network is not kept: fit with the network that it makes, or save model_ alone."


@typed()
def save(obj: Any, folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a combiner, or an ensemble of members and a combiner, to a folder.

    The folder appears only when it is complete, and holds no pickle. It holds a manifest, NumPy arrays, scikit-learn
    estimators in the format of skops, and Keras models.

    Parameters
    ----------
    obj : object
        A combiner, fitted or not, or another object of ensemblekit or its plugins. Its attributes can be `None`,
        numbers, text, NumPy arrays and scalars, tuples, lists, sets and dicts of these, other such objects,
        scikit-learn estimators (needs the extra ``store``) and Keras models.
    folder : path-like
        Folder to create, in an existing folder.
    overwrite : bool, default=False
        Replace an ensemble that was saved there before. A folder that holds another file, or a changed manifest, is not
        replaced.

    Raises
    ------
    NotStorableError
        If an attribute cannot be saved without a pickle. Nothing is written then.
    OutputExistsError
        If ``folder`` exists, and ``overwrite`` is False or the folder holds more than a saved ensemble; or if the path
        ends without a name, as ``"."`` does.
    MissingDependencyError
        If skops is needed but not installed.

    See Also
    --------
    load : Read the folder.

    Examples
    --------
    >>> import tempfile
    >>> from ensemblekit import load_plugins
    >>> from ensemblekit.store import load, save
    >>> folder = tempfile.mkdtemp() + "/combiner"
    >>> save(load_plugins().create_combiner("weighted", weights={"cnn": 2, "svm": 1}), folder)
    >>> load(folder)
    Weighted(weights={'cnn': 2, 'svm': 1}, ...)
    """
    if Path(folder).name in ("", ".."):
        raise OutputExistsError(
            f"an ensemble is saved to a folder that is given by its name; received {os.fspath(folder)!r}, which cannot "
            "be replaced from inside. Change to another folder, and give its path from there."
        )
    with atomic_folder(folder, replaces=SAVED if overwrite else None) as temporary:
        writer = _Writer(temporary)
        tree = writer.encode(obj, type(obj).__name__)
        writer.write_arrays()
        files = writer.digests()
        manifest = {
            "format": FORMAT,
            "ensemblekit": __version__,
            "versions": versions(),
            "object": tree,
            "files": files,
        }
        manifest |= _summary(obj, writer, files)
        (temporary / MANIFEST).write_text(seal(manifest), encoding="utf-8")


def _own_files(folder: Folder) -> list[str] | None:
    try:
        text = (folder.read(MANIFEST) or b"").decode()
        manifest = json.loads(text)
        ours = isinstance(manifest, dict) and "format" in manifest and is_sealed(manifest, text)
        return [MANIFEST, *filter(FILE_NAME.fullmatch, manifest["files"])] if ours else None
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


SAVED = Replaceable("a saved ensemble", _own_files)
"""The folders that may be replaced: a manifest as `save` wrote it, and the files that it names."""


def _summary(obj: Any, writer: _Writer, files: dict[str, str]) -> dict[str, Any]:
    """Describe the classes and members of an ensemble for people and other programs; `load` ignores it."""
    classes = getattr(obj, "classes_", None)
    members = getattr(obj, "named_estimators_", None)
    summary: dict[str, Any] = {}
    if classes is not None:
        summary["classes"] = [
            label if isinstance(label, (str, int)) else str(label) for label in np.asarray(classes).tolist()
        ]
    if members is not None:
        summary["members"] = {
            name: {"type": path_of(type(member)), "fingerprint": writer.fingerprint(member, files)}
            for name, member in members.items()
        }
    return summary


def _content_of_skops(path: Path) -> Any:
    """Read a skops file, without the ids of objects in it, as these differ between processes."""
    with zipfile.ZipFile(path) as archive:

        def content(node: Any) -> Any:
            if isinstance(node, list):
                return [content(part) for part in node]
            if not isinstance(node, dict):
                return node
            kept = {name: content(part) for name, part in node.items() if name not in ("__id__", "file")}
            if isinstance(node.get("file"), str):
                kept["file"] = hashlib.sha256(archive.read(node["file"])).hexdigest()
            return kept

        return content(json.loads(archive.read("schema.json")))


def _digest_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Writer:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.arrays: dict[str, np.ndarray] = {}
        self.files: list[str] = []
        self.owners = owners()
        self.combiners = {r.factory: r for r in default_registry().registrations if r.kind == "combiner"}
        # Id -> the object and its entry: while the object is kept, no other object can have its id.
        self.known: dict[int, tuple[Any, dict[str, Any]]] = {}
        self.n_objects = 0
        self.open: set[int] = set()

    def encode(self, value: Any, where: str) -> Any:
        kind = type(value)
        if value is None or kind in (bool, int, str):
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": str(value)}
        if id(value) in self.known:
            return self.known[id(value)][1]
        if id(value) in self.open:
            raise NotStorableError(f"what is saved must not hold itself; {where} does.")
        self.open.add(id(value))
        try:
            node = self._encode_container(value, where)
        finally:
            self.open.remove(id(value))
        return node

    def _encode_container(self, value: Any, where: str) -> Any:
        kind = type(value)
        if kind is list:
            return self._encode_all(value, where)
        if kind is tuple:
            return {"tuple": self._encode_all(value, where)}
        if kind in (set, frozenset):
            return {kind.__name__: self._encode_all(sorted(value, key=repr), where)}
        if kind is dict or path_of(kind) == "sklearn.utils._bunch:Bunch":
            pairs = [[self.encode(k, f"a key of {where}"), self.encode(v, f"{where}[{k!r}]")] for k, v in value.items()]
            return {"dict" if kind is dict else "bunch": pairs}
        if isinstance(value, np.generic):
            return {"scalar": self._add_array(np.asarray(value), where)["array"]}
        if kind is KeyedIds and value.key is not None:
            key = value.key
            parts = [list(key.names), list(key.kinds), list(key.time)]
            return {"keyed": [self.encode(np.asarray(value), where), *parts]}
        if kind is np.ndarray:
            if value.dtype.kind == "O":
                return {"objects": self._encode_all(value.ravel().tolist(), where), "shape": list(value.shape)}
            return self._remember(value, self._add_array(value, where))
        if _is_keras_model(value):
            return self._remember(value, self._add_keras(value))
        is_foreign = kind.__module__.partition(".")[0] not in self.owners and _is_estimator(value)
        if is_foreign and not (_is_sklearn(kind) and self._contains_ours(value, set())):
            return self._remember(value, self._add_sklearn(value, where))
        node = self._encode_object(value, where)
        self._remember(value, {"same": node["number"]})
        return node

    def _contains_ours(self, value: Any, seen: set[int]) -> bool:
        # skops saves neither Keras models nor classes of ensemblekit.
        if id(value) in seen:
            return False
        seen.add(id(value))
        if type(value) in (list, tuple):
            contents: Any = value
        elif type(value) is dict:
            contents = value.values()
        elif _is_keras_model(value) or type(value).__module__.partition(".")[0] in self.owners:
            return True
        else:
            contents = vars(value).values() if _is_estimator(value) else ()
        return any(self._contains_ours(part, seen) for part in contents)

    def _encode_all(self, values: Any, where: str) -> list[Any]:
        return [self.encode(value, f"{where}[{k}]") for k, value in enumerate(values)]

    def _remember(self, value: Any, node: dict[str, Any]) -> dict[str, Any]:
        self.known[id(value)] = value, node
        return node

    def _add_array(self, array: np.ndarray, where: str) -> dict[str, str]:
        if array.dtype.hasobject:
            raise NotStorableError(
                f"an array of Python objects in fields cannot be saved without a pickle; {where} is."
            )
        name = f"a{len(self.arrays)}"
        self.arrays[name] = array
        return {"array": name}

    def _add_keras(self, model: Any) -> dict[str, str]:
        name = self._add_file("keras")
        model.save(self.folder / name)
        return {"keras": name}

    def _add_sklearn(self, estimator: Any, where: str) -> dict[str, str]:
        skops = import_skops()
        name = self._add_file("skops")
        try:
            skops.dump(estimator, self.folder / name)
        except Exception as error:
            raise NotStorableError(
                f"{where}, a {type(estimator).__name__}, cannot be saved by skops: {error}"
            ) from error
        return {"sklearn": name}

    def _add_file(self, suffix: str) -> str:
        self.files.append(f"{suffix}{len(self.files)}.{suffix}")
        return self.files[-1]

    def _encode_object(self, value: Any, where: str) -> dict[str, Any]:
        cls = type(value)
        if (remedy := getattr(cls, "how_to_keep", None)) is not None:
            raise NotStorableError(f"{where} is kept in a folder of its own, and not by save: {remedy}")
        owner = self.owners.get(cls.__module__.partition(".")[0])
        is_object = hasattr(value, "__dict__") and not isinstance(value, type)
        is_plain = cls.__module__ == SPLITTERS or (_is_sklearn(cls) and _is_estimator(value))
        if not is_object or not (owner is not None or is_plain or callable(getattr(value, "combine", None))):
            raise NotStorableError(
                f"{where} cannot be saved: it is of the type {path_of(cls).replace(':', '.')}. What can be is {CAN}."
                + (FUNCTION if isinstance(value, FunctionType) else "")
            )
        node: dict[str, Any] = {"class": path_of(cls), "number": self.n_objects}
        self.n_objects += 1
        registration = self.combiners.get(cls)
        if registration is not None:
            node["combiner"] = registration.name
        if owner is not None:
            node |= {"distribution": owner.distribution, "version": owner.version}
        state = {name: self.encode(item, f"{where}.{name}") for name, item in _state(value).items()}
        return {**node, "state": state}

    def write_arrays(self) -> None:
        if self.arrays:
            self.files.append(ARRAYS)
            np.savez(self.folder / ARRAYS, allow_pickle=False, **self.arrays)

    def digests(self) -> dict[str, str]:
        return {name: _digest_of_file(self.folder / name) for name in sorted(self.files)}

    def fingerprint(self, value: Any, files: dict[str, str]) -> str:
        """Compute a digest of the data that were written for an object; the digest is the same in any ensemble."""
        return hashlib.sha256(json.dumps(self._content(self.encode(value, ""), files)).encode()).hexdigest()

    def _content(self, node: Any, files: dict[str, str]) -> Any:
        if isinstance(node, list):
            return [self._content(part, files) for part in node]
        if not isinstance(node, dict):
            return node
        if "same" in node:
            (value,) = (value for value, known in self.known.values() if known is node)
            return {name: self._content(self.encode(item, ""), files) for name, item in _state(value).items()}
        if "array" in node or "scalar" in node:
            array = self.arrays[node["array"] if "array" in node else node["scalar"]]
            return [array.dtype.str, list(array.shape), hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()]
        if "keras" in node or "sklearn" in node:
            return files[node["keras"]] if "keras" in node else _content_of_skops(self.folder / node["sklearn"])
        return {name: self._content(part, files) for name, part in node.items() if name != "number"}


def _state(value: Any) -> dict[str, Any]:
    """Return the attributes to write: all but those that the class names in ``not_stored``."""
    left_out = getattr(type(value), "not_stored", ())
    return {name: item for name, item in vars(value).items() if name not in left_out}


def _is_sklearn(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == "sklearn"


def _is_keras_model(value: Any) -> bool:
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(value, keras.Model)


def _is_estimator(value: Any) -> bool:
    base = sys.modules.get("sklearn.base")
    return base is not None and isinstance(value, base.BaseEstimator)
