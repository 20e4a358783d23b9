"""Load a saved folder. All checks come before any object is created; only installed or trusted classes are used."""

from __future__ import annotations

import json
import os
import reprlib
import warnings
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, overload

import numpy as np

from ..arguments import typed
from ..assembly import load_keras_file
from ..errors import EnsembleKitError, InvalidOptionError, MissingDependencyError, StoreError
from ..predictions.keys import Key, with_key
from ._archives import check_archive
from ._classes import find_class
from ._folder import SavedFolder, read_folder
from ._manifest import ARRAYS, FORMAT, MANIFEST, import_skops, is_sealed, owners, path_of, versions
from ._sklearn_types import HARMLESS, check_loaded, needing_trust, types_in

if TYPE_CHECKING:
    from ..ensemble import EnsembleClassifier, EnsembleRegressor
    from ..interfaces import Combiner

__all__ = ["load", "load_with_digest"]

T = TypeVar("T")


@overload
def load(
    folder: str | os.PathLike[str], *, kind: None = None, trusted: Iterable[type | str] = ()
) -> EnsembleClassifier | EnsembleRegressor | Combiner: ...


@overload
def load(folder: str | os.PathLike[str], *, kind: type[T], trusted: Iterable[type | str] = ()) -> T: ...


@typed(but=("trusted",))
def load(folder: str | os.PathLike[str], *, kind: type | None = None, trusted: Iterable[type | str] = ()) -> Any:
    """Load a combiner or ensemble that `save` wrote.

    Before any object is created, all bytes are compared with their digests, and every class is checked: it must belong
    to ensemblekit, an installed plugin or scikit-learn, or you must trust it. No constructor is run.

    Parameters
    ----------
    folder : path-like
        Folder that `save` wrote.
    kind : type, optional
        The class that you expect, such as `EnsembleClassifier`. An object of any other class is refused. Type checkers
        and editors infer the type of the result from it.
    trusted : iterable of type or str, default=()
        Your own classes that the folder may hold, such as ``[MyCombiner]``; and names of parts of scikit-learn's
        estimators, such as ``"sklearn.tree._tree.Tree"``.

    Returns
    -------
    EnsembleClassifier, EnsembleRegressor or Combiner
        The saved object, which may be of another class.

    Raises
    ------
    StoreError
        If there is no saved ensemble, a file is missing or changed, its format is newer than this version of
        ensemblekit can read, a class in it is neither installed nor trusted, or it is not of the ``kind``.
    MissingDependencyError
        If skops or Keras is needed but not installed.

    See Also
    --------
    save : Write a folder.

    Notes
    -----
    Digests show whether a folder was damaged, not who saved it. Compiled parts of scikit-learn, such as decision trees,
    do not check their arrays: trust them only in folders whose source you trust.
    """
    try:
        isinstance(None, object if kind is None else kind)
    except TypeError as error:
        raise InvalidOptionError(f"kind must be a class to compare with; received {kind!r}: {error}.") from None
    loaded = load_with_digest(folder, trusted=trusted)[0]
    if kind is not None and not isinstance(loaded, kind):
        raise StoreError(
            f"{os.fspath(folder)!r} must hold a {kind.__name__} (kind); it holds a {type(loaded).__name__}. Leave kind "
            "out, or load another folder."
        )
    return loaded


def load_with_digest(folder: str | os.PathLike[str], *, trusted: Iterable[type | str] = ()) -> tuple[Any, str]:
    """Load a saved object, and compute its digest.

    Parameters
    ----------
    folder, trusted
        As in `load`.

    Returns
    -------
    tuple of (object, str)
        The saved object, and the SHA-256 of its manifest, which has the digests of all files.
    """
    known = None if isinstance(trusted, (str, type)) or not isinstance(trusted, Iterable) else tuple(trusted)
    if known is None or not all(isinstance(one, (str, type)) for one in known):
        raise InvalidOptionError(
            "trusted must be a sequence of classes, or names of classes; received "
            f"{reprlib.repr(trusted)}. Give trusted=[MyCombiner]."
        )
    folder = Path(folder)
    with read_folder(folder, lambda text: _parse_manifest(folder, text)) as saved:
        try:
            return _Reader(saved, known).read(), saved.digest
        except StoreError as error:
            raise StoreError(f"{os.fspath(folder)!r}: {error}") from error.__cause__
        except EnsembleKitError:
            raise
        except Exception as error:
            raise StoreError(
                f"{os.fspath(folder)!r} is no saved ensemble that makes sense: {error!r}."
                f"{_other_versions(saved.manifest)}"
            ) from error


def _other_versions(manifest: dict[str, Any]) -> str:
    then, now = manifest.get("versions"), versions()
    if not isinstance(then, dict):
        return ""
    changed = [f"{name} {then[name]} (here {now[name]})" for name in now if then.get(name, now[name]) != now[name]]
    return f" It was saved with {', '.join(changed)}." if changed else ""


def _parse_manifest(folder: Path, content: bytes) -> dict[str, Any]:
    """Parse a manifest, and check its digest and its keys."""
    path = os.fspath(folder / MANIFEST)
    try:
        text = content.decode()
        manifest = json.loads(text)
        unchanged = isinstance(manifest, dict) and is_sealed(manifest, text)
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
    if not unchanged:
        raise StoreError(f"{path!r} was changed after it was saved. Save it again.")
    files = manifest.get("files")
    if "object" not in manifest or not isinstance(files, dict) or not all(isinstance(d, str) for d in files.values()):
        raise StoreError(f"{path!r} must name an object, and files with their digests; it does not.")
    return manifest


class _Reader:
    def __init__(self, saved: SavedFolder, trusted: tuple[type | str, ...]) -> None:
        self.tree, self.files = saved.manifest["object"], saved.files
        self.trusted = {path_of(t): t for t in trusted if isinstance(t, type)}
        self.names = [t if isinstance(t, str) else f"{t.__module__}.{t.__qualname__}" for t in trusted]
        self.owners = owners()
        self.classes: dict[str, type] = {}
        self.arrays: dict[str, np.ndarray] = {}
        self.loaded_files: dict[str, Any] = {}
        self.numbered: dict[int, Any] = {}

    def read(self) -> Any:
        for name, file in self.files.items():
            check_archive(name, file)
        for node in _objects(self.tree):
            path = node["class"]
            self.classes[path] = self.trusted[path] if path in self.trusted else find_class(node, self.owners)
        self._check_skops_types()
        if ARRAYS in self.files:
            with np.load(self.files[ARRAYS], allow_pickle=False) as arrays:
                self.arrays = {name: arrays[name] for name in arrays.files}
        decoded = self._decode(self.tree)
        check_loaded(decoded, self.names)
        return decoded

    def _check_skops_types(self) -> None:
        # skops trusts types that cannot run other code. Some of them can still crash the interpreter.
        untrusted: dict[str, set[str]] = {}
        for name, file in self.files.items():
            if name.endswith(".skops"):
                types = needing_trust(types_in(file), self.names)
                types |= set(import_skops().get_untrusted_types(file=file)) - {*HARMLESS, *self.names}
                untrusted |= {name: types} if types else {}
        if untrusted:
            types = sorted(set().union(*untrusted.values()))
            raise StoreError(
                f"{', '.join(untrusted)} holds the types {types}, which are not trusted. If you know who saved it: "
                f"load(folder, trusted={types})."
            )

    def _decode(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self._decode(value) for value in node]
        if not isinstance(node, dict):
            return node
        if "class" in node:
            decoded = object.__new__(self.classes[node["class"]])
            vars(decoded).update({name: self._decode(value) for name, value in node["state"].items()})
            self.numbered[node["number"]] = decoded
            return decoded
        if "objects" in node:
            array = np.empty(len(node["objects"]), dtype=object)
            array[:] = [self._decode(value) for value in node["objects"]]
            return array.reshape(node["shape"])
        ((kind, value),) = node.items()
        return self._decode_kind(kind, value)

    def _decode_kind(self, kind: str, value: Any) -> Any:
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
                return {self._decode(key): self._decode(item) for key, item in value}
            case "bunch":
                from sklearn.utils import Bunch

                return Bunch(**self._decode_kind("dict", value))
            case "keyed":
                ids, *parts = value
                return with_key(self._decode(ids), Key(*map(tuple, parts)))
            case "array":
                return self.arrays[value]
            case "scalar":
                return self.arrays[value][()]
            case "same":
                return self.numbered[value]
            case "sklearn" | "keras":
                if value not in self.loaded_files:
                    load_file = self._load_skops if kind == "sklearn" else self._load_keras
                    self.loaded_files[value] = load_file(self.files[value])
                return self.loaded_files[value]
            case _:
                raise StoreError(f"the format {FORMAT} has nothing of the kind {kind!r}.")

    def _load_skops(self, file: BinaryIO) -> Any:
        return import_skops().load(file, trusted=[*HARMLESS, *self.names])

    def _load_keras(self, file: BinaryIO) -> Any:
        custom = {cls.__name__: cls for cls in self.trusted.values()}
        try:
            with warnings.catch_warnings():
                # The optimizer of a model that was compiled but not trained has no state.
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
