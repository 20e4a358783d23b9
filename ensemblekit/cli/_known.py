"""What the installed plugins are, remembered in the user's cache: help and completion import none of them."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..printed import printable

__all__ = ["Known", "Option", "known_plugins", "known_scorers"]

FORMAT, MOST_KEPT = 1, 20


class Option(NamedTuple):
    """An option of a plugin: its name, its default as text, and the values that it can take, if they are few."""

    name: str
    default: str
    choices: tuple[str, ...]


class Known(NamedTuple):
    """A plugin by name."""

    kind: str
    name: str
    summary: str
    options: tuple[Option, ...]


def known_plugins() -> list[Known]:
    """List the installed plugins by kind and name; none if they cannot be loaded, as help must always work."""
    found = _remembered("plugins", _load)
    try:
        return [
            Known(kind, name, summary, tuple(Option(n, d, tuple(c)) for n, d, c in options))
            for kind, name, summary, options in found
        ]
    except (TypeError, ValueError):  # the file was written by something else
        return []


def known_scorers() -> list[str]:
    """List the names of scikit-learn's scorers."""
    return [str(name) for name in _remembered("scorers", _load_scorers)]


def _load() -> tuple[list[Any], list[str]]:
    from ..registry import load_plugins

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        registrations = load_plugins().registrations
    sources = {_source(r.factory) for r in registrations}
    found = [[r.kind, r.name, printable(r.summary), _options(r)] for r in registrations]
    return found, sorted(filter(None, sources))


def _load_scorers() -> tuple[list[Any], list[str]]:
    from sklearn.metrics import get_scorer_names

    return list(get_scorer_names()), []


def _source(factory: Any) -> str:
    return getattr(sys.modules.get(getattr(factory, "__module__", "")), "__file__", None) or ""


def _options(registration: Any) -> list[Any]:
    return [
        [
            option.name,
            _text(option.default),
            list(option.choices) or (["True", "False"] if option.type == "bool" else []),
        ]
        for option in registration.options
    ]


def _text(default: str) -> str:
    """Write a default as --option takes it: text without its quotes."""
    quoted = len(default) > 2 and default[0] == default[-1] and default[0] in "'\""
    return printable(default[1:-1] if quoted else default or "...")


def _remembered(what: str, load: Callable[[], tuple[list[Any], list[str]]]) -> list[Any]:
    """Take a list from the cache if nothing has been installed or changed since, else make it, and keep it."""
    try:
        folders = [path or str(Path.cwd()) for path in sys.path]
        place = _place(what, folders)
        kept = _read(place)
        if kept is not None and kept["stamps"] == _stamps([*folders, *kept["sources"]]):
            return kept["found"]
        found, sources = load()
        _write(place, {"format": FORMAT, "sources": sources, "stamps": _stamps([*folders, *sources]), "found": found})
    except Exception:  # a broken plugin, package or cache must not take the help away; other commands say it
        return []
    return found


def _place(what: str, folders: Sequence[str]) -> Path:
    import hashlib

    from ..files import cache_folder

    key = json.dumps([FORMAT, sys.version, sys.executable, folders])
    return cache_folder() / "names" / f"{what}-{hashlib.sha256(key.encode(errors='replace')).hexdigest()[:16]}.json"


def _stamps(paths: Sequence[str]) -> list[int]:
    """Give the time of the last change of each folder and file; installing anything changes its folder."""
    return [_changed(path) for path in paths]


def _changed(path: str) -> int:
    try:
        return Path(path).stat().st_mtime_ns
    except OSError:
        return 0


def _read(place: Path) -> dict[str, Any] | None:
    try:
        kept = json.loads(place.read_text(encoding="utf-8"))
        return kept if isinstance(kept["found"], list) and isinstance(kept["sources"], list) else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _write(place: Path, record: dict[str, Any]) -> None:
    import contextlib

    from ..errors import EnsembleKitError
    from ..files import write_text

    with contextlib.suppress(OSError, EnsembleKitError):  # a cache that cannot be written is none
        place.parent.mkdir(parents=True, exist_ok=True)
        write_text(place, json.dumps(record))
        kept = sorted(place.parent.glob("*.json"), key=lambda file: _changed(str(file)))
        for old in kept[:-MOST_KEPT]:  # of other environments
            old.unlink(missing_ok=True)
