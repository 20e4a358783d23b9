"""What a shell completes: names of plugins."""

from __future__ import annotations

import warnings

__all__ = ["complete_combiner", "complete_plugin"]


def complete_combiner(incomplete: str) -> list[tuple[str, str]]:
    """List the combiners that begin so, with what they are."""
    return _names(incomplete, "combiner")


def complete_plugin(incomplete: str) -> list[tuple[str, str]]:
    """List the plugins of every kind that begin so, with what they are."""
    return _names(incomplete, None)


def _names(incomplete: str, kind: str | None) -> list[tuple[str, str]]:
    from ..registry import load_plugins

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        registrations = load_plugins().registrations
    return [(r.name, r.summary) for r in registrations if r.name.startswith(incomplete) and kind in (None, r.kind)]
