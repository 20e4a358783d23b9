"""``config.json``: settings, versions and images of a run, updated as it goes on and compared when it is resumed."""

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

CONFIG = "config.json"

FREE = ("bank", "data", "drop_leaks", "out", "overwrite", "repeats", "resume")
"""Settings on which no piece depends: the images are compared by their contents, the others only change the report."""
DISTRIBUTIONS = ("ensemblekit", "keras", "numpy", "pillow", "scikit-learn", "tensorflow")
"""Those whose versions every piece depends on."""


def is_config(folder: Path) -> bool:
    """Tell whether the ``config.json`` of a folder is one of ours: many programs have a file of that name."""
    try:
        content = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        return "ensemblekit" in content["versions"] and {"settings", "status"} <= content.keys()
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False


class Config:
    """The contents of ``config.json``. A run that is resumed must have the settings and versions recorded there."""

    def __init__(self, settings: Settings, *, resumed: bool) -> None:
        self._folder = settings.out
        self._content: dict[str, Any] = _read(settings.out / CONFIG) if resumed else {}
        now = {"settings": _as_json(settings), "versions": _versions()}
        if resumed:
            self._compare(**now)
        self.update(status="running", **now)

    @property
    def content(self) -> dict[str, Any]:
        """A copy of the contents."""
        return dict(self._content)

    def update(self, **content: Any) -> None:
        """Change or add entries, and write the file."""
        self._content |= content
        with writing(CONFIG, self._folder):
            write_json(self._folder / CONFIG, self._content)

    def add_images(self, images: Images) -> None:
        """Record the images; a run that is resumed must have the same."""
        counts = {name: len(split.ids) for name, split in images.splits.items()}
        before = self._content.get("data")
        if before and before["fingerprint"] != images.fingerprint:
            raise InvalidOptionError(
                f"--resume must go on with the images that the run in {str(self._folder)!r} began with; those of "
                f"{str(images.folder)!r} are others or have changed (then {before['images']}, digest "
                f"{before['fingerprint'][:12]}; now {counts}, digest {images.fingerprint[:12]}). Put the images back, "
                "or choose another --out, or give --overwrite to start anew."
            )
        self.update(
            data={
                "folder": str(images.folder),
                "synthetic": images.synthetic,
                "fingerprint": images.fingerprint,
                "classes": images.classes,
                "images": counts,
                "unreadable": images.unreadable,
                "test_copies_of_fitted_images": images.copies,
            }
        )

    def _compare(self, settings: dict[str, Any], versions: dict[str, str]) -> None:
        earlier = self._content.get("settings", {})
        options = {f"--{name.replace('_', '-')}": name for name in {**earlier, **settings} if name not in FREE}
        others = {
            "be given the settings": _differences(earlier, settings, options),
            "go on with the versions": _differences(
                self._content.get("versions", {}), versions, {name: name for name in DISTRIBUTIONS}
            ),
        }
        for (rule, different), remedy in zip(others.items(), ("Give", "Install"), strict=True):
            if different:
                raise InvalidOptionError(
                    f"--resume must {rule} that the run in {str(self._folder)!r} began with; others are "
                    f"{', '.join(different)}. {remedy} the same, or choose another --out, or give --overwrite to start "
                    "anew."
                )


def basis(settings: Settings, images: Images) -> str:
    """Return a digest of what every piece of a run depends on: settings, seed, versions and images."""
    versions = _versions()
    parts = [
        {name: value for name, value in _as_json(settings).items() if name not in FREE},
        {name: versions[name] for name in DISTRIBUTIONS},
        images.fingerprint,
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _as_json(settings: Settings) -> dict[str, Any]:
    # As JSON reads it back, so that the two can be compared.
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


def _differences(earlier: dict[str, Any], now: dict[str, Any], names: dict[str, str]) -> list[str]:
    def text(value: Any) -> str:
        return "not given" if value in (None, []) else str(value)

    return [
        f"{title} (then {text(earlier.get(name))}, now {text(now.get(name))})"
        for title, name in names.items()
        if earlier.get(name) != now.get(name)
    ]


def _versions() -> dict[str, str]:
    names = (*DISTRIBUTIONS, "pandas")
    return {"python": platform.python_version(), "platform": platform.platform()} | {
        name: metadata.version(name) for name in names
    }
