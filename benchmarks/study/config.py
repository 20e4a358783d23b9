"""``config.json``: what ran, kept up to date, and compared with what is to go on."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from ensemblekit import InvalidOptionError
from ensemblekit.errors import OutputExistsError

from .images import Images
from .pieces import write_json, writing
from .settings import Settings

__all__ = ["CONFIG", "Config", "basis", "is_config"]

CONFIG = "config.json"

FREE = ("bank", "data", "drop_leaks", "out", "repeats")
"""Settings on which no piece depends: the images are compared by their contents, the others only change the report."""
MATTER = ("ensemblekit", "keras", "numpy", "pillow", "scikit-learn", "tensorflow")
OPTIONS = {"aliases": "--alias", "batch_size": "--batch", "pairs": "--backbone and --weights"}


def is_config(folder: Path) -> bool:
    """Say whether the ``config.json`` of a folder is one of ours: many programs have a file of that name."""
    try:
        content = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        return "ensemblekit" in content["versions"] and {"settings", "status"} <= content.keys()
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False


class Config:
    """What ran, in ``config.json``.

    Parameters
    ----------
    settings : Settings
        Of this run.
    go_on : bool
        Whether it goes on with what the folder holds: then these must be its settings and versions.

    Raises
    ------
    InvalidOptionError
        If they are not.
    """

    def __init__(self, settings: Settings, *, go_on: bool) -> None:
        self._folder = settings.out
        self._content: dict[str, Any] = _read(settings.out / CONFIG) if go_on else {}
        now = {"settings": _plain(settings), "versions": _versions()}
        if go_on:
            self._compare(now["settings"], now["versions"])
        self.update(status="running", **now)

    @property
    def content(self) -> dict[str, Any]:
        """What is written."""
        return dict(self._content)

    def update(self, **content: Any) -> None:
        """Write with these entries changed or added."""
        self._content |= content
        with writing(CONFIG, self._folder):
            write_json(self._folder / CONFIG, self._content)

    def add_images(self, images: Images) -> None:
        """Write what the images are, or refuse others than those that the folder's pieces were made from.

        Raises
        ------
        InvalidOptionError
            If they are others.
        """
        told = {name: len(split.ids) for name, split in images.splits.items()}
        before = self._content.get("data")
        if before and before["fingerprint"] != images.fingerprint:
            raise InvalidOptionError(
                f"--resume must go on with the images that the run in {str(self._folder)!r} began with; those of "
                f"{str(images.folder)!r} are others or have changed (then {before['images']}, digest "
                f"{before['fingerprint'][:12]}; now {told}, digest {images.fingerprint[:12]}). Put the images back, or "
                "choose another --out, or give --overwrite to start anew."
            )
        self.update(
            data={
                "folder": str(images.folder),
                "synthetic": images.synthetic,
                "fingerprint": images.fingerprint,
                "classes": images.classes,
                "images": told,
                "unreadable": images.unreadable,
                "test_copies_of_fitted_images": images.copies,
            }
        )

    def _compare(self, settings: dict[str, Any], versions: dict[str, str]) -> None:
        folder = str(self._folder)
        before = self._content.get("settings", {})
        other = [
            f"{OPTIONS.get(name, '--' + name.replace('_', '-'))} (then {_show(before.get(name))}, now "
            f"{_show(settings.get(name))})"
            for name in {**before, **settings}
            if name not in FREE and before.get(name) != settings.get(name)
        ]
        if other:
            raise InvalidOptionError(
                f"--resume must be given the settings that the run in {folder!r} began with; others are "
                f"{', '.join(other)}. Give the same, or choose another --out, or give --overwrite to start anew."
            )
        before = self._content.get("versions", {})
        other = [
            f"{name} (then {before.get(name)}, now {versions[name]})"
            for name in MATTER
            if before.get(name) != versions[name]
        ]
        if other:
            raise InvalidOptionError(
                f"--resume must go on with the versions that the run in {folder!r} began with; others are "
                f"{', '.join(other)}. Install the same, or choose another --out, or give --overwrite to start anew."
            )


def basis(settings: Settings, images: Images) -> str:
    """Digest what every piece of a run depends on: settings, seed, versions and images."""
    versions = _versions()
    parts = [
        {name: value for name, value in _plain(settings).items() if name not in FREE},
        {name: versions[name] for name in MATTER},
        images.fingerprint,
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _plain(settings: Settings) -> dict[str, Any]:
    # As JSON gives it back, so that the two can be compared.
    return json.loads(json.dumps(dataclasses.asdict(settings), default=str))


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = None
    if not isinstance(content, dict):
        raise OutputExistsError(
            f"--resume reads what was run from {str(path)!r}, which is not whole. Choose another --out, or give "
            "--overwrite to start anew."
        )
    return content


def _show(value: Any) -> str:
    return "not given" if value is None else str(value)


def _versions() -> dict[str, str]:
    names = (*MATTER, "pandas")
    return {"python": platform.python_version(), "platform": platform.platform()} | {
        name: metadata.version(name) for name in names
    }
