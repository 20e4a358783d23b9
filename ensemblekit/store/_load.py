"""Loading: everything is checked before anything is made, and nothing is run but what is installed or trusted."""

from __future__ import annotations

import hashlib
import json
import os
import re
import warnings
import zipfile
from collections.abc import Generator, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ..arguments import typed
from ..assembly import import_keras
from ..errors import EnsembleKitError, StoreError
from ._manifest import ARRAYS, FORMAT, MANIFEST, SPLITTERS, import_skops, owners, path_of, sealed, versions

__all__ = ["load"]

FILE_NAME = re.compile(r"\w+\.(npz|skops|keras)", re.ASCII)
DISTRIBUTION = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)
HARMLESS = (
    "sklearn._loss.loss.HalfTweedieLossIdentity",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels.ConstantKernel",
    "sklearn.gaussian_process.kernels.Product",
    "sklearn.gaussian_process.kernels.RBF",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
)
"""Parts of scikit-learn's estimators, written in Python, that skops does not trust by itself."""


@typed()
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
    folder = Path(folder)
    manifest = _read_manifest(folder)
    try:
        return _Reader(folder, manifest, tuple(trusted)).read()
    except StoreError as error:
        raise StoreError(f"{os.fspath(folder)!r}: {error}") from error.__cause__
    except EnsembleKitError:
        raise
    except Exception as error:
        raise StoreError(
            f"{os.fspath(folder)!r} is no saved ensemble that makes sense: {error!r}.{_other_versions(manifest)}"
        ) from error


def _other_versions(manifest: dict[str, Any]) -> str:
    saved, here = manifest.get("versions"), versions()
    if not isinstance(saved, dict):
        return ""
    other = [f"{name} {saved[name]} (here {here[name]})" for name in here if saved.get(name, here[name]) != here[name]]
    return f" It was saved with {', '.join(other)}." if other else ""


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():  # nor a pipe, which would never end
        raise StoreError(f"No saved ensemble at {os.fspath(folder)!r}: it has no {MANIFEST}.")
    try:
        text = path.read_bytes().decode()
        manifest = json.loads(text)
        untouched = isinstance(manifest, dict) and sealed(manifest, text)
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{os.fspath(path)!r} cannot be read: {error}") from error
    version = manifest.get("format") if isinstance(manifest, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise StoreError(f"{os.fspath(path)!r} is no manifest of a saved ensemble.")
    if version > FORMAT:
        raise StoreError(
            f"{os.fspath(folder)!r} has the format {version}, of ensemblekit {manifest.get('ensemblekit')}; this one "
            f"reads {FORMAT}. Update it: pip install --upgrade ensemblekit."
        )
    if not untouched:
        raise StoreError(f"{os.fspath(path)!r} was changed after it was saved. Save it again.")
    return manifest


class _Reader:
    def __init__(self, folder: Path, manifest: dict[str, Any], trusted: tuple[type | str, ...]) -> None:
        self.tree = manifest["object"]
        self.files = {name: _checked(folder, name, digest) for name, digest in manifest["files"].items()}
        self.trusted = {path_of(t): t for t in trusted if isinstance(t, type)}
        self.names = [t if isinstance(t, str) else f"{t.__module__}.{t.__qualname__}" for t in trusted]
        self.owners = owners()
        self.classes: dict[str, type] = {}
        self.made: dict[str, Any] = {}
        self.numbered: dict[int, Any] = {}

    def read(self) -> Any:
        for node in _objects(self.tree):
            self.classes[node["class"]] = self._find(node)
        for name, path in self.files.items():
            if path.suffix == ".skops":
                self._audit(name, path)
        if ARRAYS in self.files:
            with self.files[ARRAYS].open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                self.arrays = {name: arrays[name] for name in arrays.files}
        return self._decode(self.tree)

    def _find(self, node: dict[str, Any]) -> type:
        path = node["class"]
        if path in self.trusted:
            return self.trusted[path]
        module, _, name = path.partition(":")
        package = module.partition(".")[0]
        if package not in self.owners and package != "sklearn":
            raise StoreError(_not_installed(node))
        try:
            found: Any = import_module(module)
            for part in name.split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError) as error:
            raise StoreError(f"{_gone(node)} {error}.") from error
        # A class under the name that it has itself, and not what happens to be imported there.
        if not isinstance(found, type) or path_of(found) != path:
            raise StoreError(f"{path!r} must be the class of that name; it is {found!r}.")
        if (
            package == "sklearn"
            and module != SPLITTERS
            and not issubclass(found, import_module("sklearn.base").BaseEstimator)
        ):
            raise StoreError(f"of scikit-learn only estimators and splitters are made; {path!r} is neither.")
        return found

    def _audit(self, name: str, path: Path) -> None:
        skops = import_skops()
        known = {*HARMLESS, *self.names}
        foreign = [found for found in skops.get_untrusted_types(data=path.read_bytes()) if found not in known]
        if foreign:
            raise StoreError(
                f"{name} holds the types {foreign}, which are not trusted. If you know who saved it: load(folder, "
                f"trusted={foreign})."
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

    def _sklearn(self, path: Path) -> Any:
        return import_skops().loads(path.read_bytes(), trusted=[*HARMLESS, *self.names])

    def _keras(self, path: Path) -> Any:
        keras = import_keras("This ensemble")
        custom = {cls.__name__: cls for cls in self.trusted.values()}
        try:
            with warnings.catch_warnings():
                # A model that was compiled and never trained has an optimizer without state.
                warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
                return keras.saving.load_model(path, custom_objects=custom, safe_mode=True)
        except Exception as error:
            raise StoreError(f"the Keras model {path.name} cannot be loaded in safe mode: {error}") from error


def _checked(folder: Path, name: str, digest: str) -> Path:
    path = folder / name
    if not FILE_NAME.fullmatch(name) or path.is_symlink():
        raise StoreError(f"every file must lie in the folder itself; the manifest names {name!r}.")
    if not path.is_file():
        raise StoreError(f"the file {name} is missing.")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != digest:
        raise StoreError(f"the file {name} was changed after it was saved. Save it again.")
    _check_archive(path)
    return path


def _check_archive(path: Path) -> None:
    """Refuse what none of the writers does: compressed entries, which may swell, and names that leave the archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except zipfile.BadZipFile as error:
        raise StoreError(f"the file {path.name} is no archive: {error}.") from error
    for entry in entries:
        parts = re.split(r"[/\\]", entry.filename)
        if ".." in parts or parts[0] == "" or ":" in parts[0]:
            raise StoreError(f"names in {path.name} must stay inside of it; one is {entry.filename!r}.")
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
            raise StoreError(
                f"what is in {path.name} must be stored as it is; {entry.filename!r} is compressed or locked."
            )
    if sum(entry.file_size for entry in entries) > path.stat().st_size:
        raise StoreError(f"what is in {path.name} must be stored once; its entries are larger than the file.")


def _objects(node: Any) -> Generator[dict[str, Any]]:
    if isinstance(node, dict):
        if "class" in node:
            yield node
        for value in node.values():
            yield from _objects(value)
    elif isinstance(node, list):
        for value in node:
            yield from _objects(value)


def _title(node: dict[str, Any]) -> str:
    return f"the combiner {node['combiner']!r}" if "combiner" in node else f"the class {node['class']!r}"


def _not_installed(node: dict[str, Any]) -> str:
    distribution = node.get("distribution")
    if distribution is None:
        return (
            f"{_title(node)} is of no installed plugin. If it is yours: load(folder, "
            f"trusted=[{node['class'].rpartition(':')[2].rpartition('.')[2]}])."
        )
    if not DISTRIBUTION.fullmatch(distribution):
        return f"{_title(node)} is of {distribution!r}, which is the name of no distribution."
    return (
        f"{_title(node)} is of {distribution} {node.get('version', '')}, which is not installed: pip install "
        f"{distribution}."
    )


def _gone(node: dict[str, Any]) -> str:
    return (
        f"{_title(node)} was saved with {node.get('distribution')} {node.get('version', '')}, and is not in what is "
        "installed now:"
    )
