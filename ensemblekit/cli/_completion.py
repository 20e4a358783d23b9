"""Completions of names and options: read from what is remembered of the plugins, so that a key press waits for none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import typer

from ._known import Known, known_plugins, known_scorers

__all__ = [
    "complete_combiner", "complete_metric", "complete_option", "complete_plugin", "complete_task", "completes",
]  # fmt: skip


def completes(*words: str) -> Callable[[str], list[str]]:
    """Make the completion of an option that takes one of a few words."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return complete


def complete_combiner(incomplete: str) -> list[tuple[str, str]]:
    """List the combiners whose names start with this text, with their summaries."""
    return _starting(incomplete, ["combiner"])


def complete_task(incomplete: str) -> list[tuple[str, str]]:
    """List the tasks whose names start with this text, with their summaries."""
    return _starting(incomplete, ["task"])


def complete_plugin(incomplete: str) -> list[tuple[str, str]]:
    """List the plugins of every kind whose names start with this text, with their summaries."""
    return _starting(incomplete, None)


def complete_metric(incomplete: str) -> list[tuple[str, str]]:
    """List the metrics whose names start with this text, then scorers of scikit-learn; after a colon, options."""
    name, colon, begun = incomplete.partition(":")
    if colon:
        *before, last = begun.split(",")
        head = f"{name}:" + "".join(f"{part}," for part in before)
        return [(head + text, why) for text, why in _options_of(_named("metric", name), last)]
    found = _starting(incomplete, ["metric"])
    known = {name for name, _ in found}
    scorers = [name for name in known_scorers() if name.startswith(incomplete) and name not in known]
    return found + [(name, "scorer of scikit-learn") for name in scorers]


def complete_option(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """List the options, KEY=VALUE, of the plugin that the line names, or of every rule if it names none yet."""
    given = ctx.params.get("combiner") or ctx.params.get("name")
    name = given if isinstance(given, str) else "mean"
    kind = ctx.params.get("kind")
    kinds = ["combiner"] if "combiner" in ctx.params or not isinstance(kind, str) else [kind]
    plugins = [one for one in known_plugins() if one.name == name and (one.kind in kinds or "name" in ctx.params)]
    return _options_of(plugins, incomplete)


def _starting(incomplete: str, kinds: Sequence[str] | None) -> list[tuple[str, str]]:
    found = [one for one in known_plugins() if kinds is None or one.kind in kinds]
    return [(one.name, one.summary) for one in found if one.name.startswith(incomplete)]


def _named(kind: str, name: str) -> list[Known]:
    return [one for one in known_plugins() if (one.kind, one.name) == (kind, name)]


def _options_of(plugins: Sequence[Known], incomplete: str) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for option in (option for one in plugins for option in one.options):
        for value in option.choices or ("",):
            found[f"{option.name}={value}"] = f"default {option.default}"
    return [(text, why) for text, why in found.items() if text.startswith(incomplete)]
