"""The folder of a bag: a manifest, and a folder for each fold that is finished. Nothing in it is a pickle."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import OutputExistsError, StoreError
from ..files import atomic_folder, atomic_write, locked_file, open_folder, remove_leftovers
from ..predictions import Predictions
from ..store import load, save

__all__ = ["MANIFEST", "alone_in", "begin", "keep_fold", "kept_fold", "read_manifest"]

MANIFEST = "folds.json"
OOF = "oof.parquet"
MODEL = "model"
LOCK = ".lock"


@contextlib.contextmanager
def alone_in(folder: Path) -> Generator[None]:
    """Create the folder of a bag if there is none, and keep other runs out of it."""
    if not (folder / MANIFEST).is_file() and folder.exists() and any(path.name != LOCK for path in folder.iterdir()):
        raise OutputExistsError(f"a folder for folds must be new or empty; {os.fspath(folder)!r} holds other files.")
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as locked:
        try:
            opened = locked.enter_context(open_folder(folder))
            locked.enter_context(locked_file(opened, LOCK, wait=False, must_lock=False))
        except BlockingIOError:
            raise OutputExistsError(
                f"a folder of folds must be one run's alone; another is at work in {os.fspath(folder)!r}. Wait for its "
                "end, or give another folder."
            ) from None
        yield


def begin(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest into a locked folder, or find that it was begun for the same models and rows."""
    if (folder / MANIFEST).is_file():
        found = read_manifest(folder)
        differs = [name for name in manifest if found.get(name) != manifest[name]]
        if differs:
            raise OutputExistsError(
                f"a folder of folds goes on where it was begun; {os.fspath(folder)!r} was begun with other "
                f"{', '.join(differs)}. Give another folder, or remove this one."
            )
        remove_leftovers(folder)
        return
    with atomic_write(folder / MANIFEST) as file:
        file.write(json.dumps(manifest, indent=1).encode())


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a folder."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if not (isinstance(manifest, dict) and manifest["format"] == 1 and isinstance(manifest["folds"], list)):
            raise ValueError("it says something else")
    except (ValueError, KeyError, RecursionError) as error:
        raise StoreError(f"{os.fspath(folder / MANIFEST)!r} must be as it was written; it is not: {error}.") from None
    return manifest


def kept_fold(folder: Path, fold: str, trusted: Iterable[type | str] = ()) -> tuple[Predictions, Any] | None:
    """Load the predictions and the model of a fold; None if it is not finished."""
    path = _path(folder, fold)
    if not path.is_dir():
        return None
    return Predictions.load(path / OOF), load(path / MODEL, trusted=trusted)


def keep_fold(folder: Path, fold: str, oof: Predictions, model: Any) -> None:
    """Write the predictions and the model of a fold, whole or not at all."""
    with atomic_folder(_path(folder, fold)) as temporary:
        oof.save(temporary / OOF)
        save(model, temporary / MODEL)


def _path(folder: Path, fold: str) -> Path:
    return folder / f"fold_{fold}"
