"""The page of a plugin as reStructuredText, made of its docstring, signature and traits."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence

from ..registry import PluginOption, Registration
from ._facts import facts_of, made, members_of

__all__ = ["MARK", "index_page", "kind_page", "page_of", "plural"]

MARK = ".. Made by ensemblekit.sphinx at each build. Changes are lost: edit the docstring of the plugin."
TITLES = {
    "backbone": "Backbones",
    "head": "Heads",
    "combiner": "Combination rules",
    "chainer": "Chainers",
    "task": "Tasks",
    "metric": "Metrics",
}
WHAT = {
    "backbone": "raw pixels to features",
    "head": "features to probabilities",
    "combiner": "many predictions to one",
    "chainer": "two parts to one model",
    "task": "what predictions are, and how they are judged",
    "metric": "how good predictions are, by the labels",
}
LONGEST_CALL = 80
CITED = re.compile(r"\[(\w+)\]_")
TITLED = re.compile(r"(Tie rule|Cost)(?=:| of)( of [^:\n]+)?")
CITATION = re.compile(r"^\.\. \[(\w+)\] *", re.MULTILINE)


def plural(kind: str) -> str:
    """Name the folder of a kind.

    Parameters
    ----------
    kind : str
        Such as ``combiner``.

    Returns
    -------
    str
        Such as ``combiners``.
    """
    return f"{kind}s"


def page_of(
    registration: Registration, *, cost: str | None = None, guide: str | None = None, notation: str | None = None
) -> str:
    """Make the page of a plugin.

    Parameters
    ----------
    registration : Registration
        The plugin.
    cost : str, optional
        Its time, as a sentence of reStructuredText; by default what its notes say after ``Cost:``.
    guide : str, optional
        The document that explains its kind, as ``:doc:`` takes it.
    notation : str, optional
        What the symbols of formulas mean; it stands below the formula.

    Returns
    -------
    str
        reStructuredText: the summary, the signature, and the sections Options, Formula, Tie rule, Traits, Cost, Source
        and Example, as far as the docstring has them.
    """
    said = registration.sections
    notes, tie_rule, said_cost = _divided(said.get("Notes", ""))
    sections = [
        ("Options", _options(registration.options)),
        ("Formula", f"{notes}\n\n{notation or ''}") if _has_formula(notes) else ("Notes", notes),
        ("Tie rule", tie_rule),
        ("Traits", _table(facts_of(registration))),
        ("Cost", _cost(registration, cost or said_cost)),
        ("What it learns", _attributes(said.get("Attributes", ""))),
        ("Example", said.get("Examples", "")),
        ("Source", _sources(said.get("References", ""))),
    ]
    where = f"Registered by the plugin ``{registration.plugin}`` of {registration.distribution}."
    if guide:
        where = f"When to use it, and how: :doc:`{guide}`. {where}"
    known = set(CITATION.findall(said.get("References", "")))
    page = _page(
        registration.name,
        f"{_words(registration)}\n\n.. currentmodule:: ensemblekit\n.. default-role:: py:obj",
        registration.summary or "It has no docstring.",
        f".. code-block:: python\n\n   {_call(registration)}",
        said.get("Extended Summary", ""),
        *(f"{title}\n{'-' * len(title)}\n\n{text}" for title, text in sections if text.strip()),
        where,
    )
    # A footnote mark becomes a link to the source, which is no footnote, as not every source is cited.
    return CITED.sub(lambda mark: f"`[{mark[1]}]`_" if mark[1] in known else mark[0], page)


def kind_page(kind: str, registrations: Sequence[Registration], guide: str | None = None) -> str:
    """Make the page that lists the plugins of a kind.

    Parameters
    ----------
    kind : str
        Such as ``combiner``.
    registrations : sequence of Registration
        Its plugins.
    guide : str, optional
        The document that explains the kind.

    Returns
    -------
    str
        reStructuredText.
    """
    rows = [(f":doc:`{r.name}`", r.summary) for r in registrations]
    toctree = "\n   ".join(r.name for r in registrations)
    return _page(
        f"{TITLES[kind]}: reference",
        "",
        f"A {kind} makes {WHAT[kind]}."
        if kind in ("backbone", "head", "combiner", "chainer")
        else f"{WHAT[kind]}.".capitalize(),
        f"The guide is :doc:`{guide}`." if guide else "",
        _table(rows),
        f".. toctree::\n   :hidden:\n\n   {toctree}",
    )


def index_page(registrations: Iterable[Registration]) -> str:
    """Make the page that leads to those of all kinds.

    Parameters
    ----------
    registrations : iterable of Registration
        The plugins.

    Returns
    -------
    str
        reStructuredText.
    """
    of_kind: dict[str, list[Registration]] = {}
    for r in registrations:
        of_kind.setdefault(r.kind, []).append(r)
    order = sorted(of_kind, key=["combiner", "metric", "task", "backbone", "head", "chainer"].index)
    toctree = "\n   ".join(f"{plural(kind)}/index" for kind in order)
    lists = [
        f"{TITLES[kind]}\n{'-' * len(TITLES[kind])}\n\n"
        + ", ".join(f":doc:`{r.name} <{plural(kind)}/{r.name}>`" for r in of_kind[kind])
        for kind in order
    ]
    return _page(
        "Reference of the plugins",
        "",
        "Every plugin has a page with its signature, options, formula, tie rule, traits, cost and source.",
        f".. toctree::\n   :hidden:\n\n   {toctree}",
        *lists,
    )


def _page(title: str, *parts: str) -> str:
    heading = f"{title}\n{'=' * len(title)}"
    return "\n\n".join([MARK, heading, *(part.strip("\n") for part in parts if part.strip())]) + "\n"


def _words(registration: Registration) -> str:
    words = {"combiner": "rule, combination rule, combiner, options, parameters"}.get(
        registration.kind, f"{registration.kind}, options, parameters"
    )
    return f".. meta::\n   :keywords: {registration.name}, {registration.name.replace('_', ' ')}, {words}"


def _call(registration: Registration) -> str:
    """Spell how the plugin is asked for, with every option and its default."""
    function, first = f"load_plugins().create_{registration.kind}", f'"{registration.name}"'
    options = [f"{o.name}={_spelled(o.default) or '...'}" for o in registration.options]
    if registration.kind == "combiner":
        learns = "learns" in members_of(made(registration), "traits")
        function, first = "fit_combiner" if learns else "combine", f"predictions, {first}"
    elif registration.kind == "task":
        function, first, options = "Predictions", "values", ["ids=...", "classes=...", f"task={first}"]
    call = f"{function}({', '.join([first, *options])})"
    if len(call) <= LONGEST_CALL:
        return call
    return f"{function}(\n   " + "".join(f"    {argument},\n   " for argument in [first, *options]) + ")"


def _spelled(default: str) -> str:
    return re.sub(r"^'([^'\"]*)'$", r'"\1"', default)


def _options(options: Sequence[PluginOption]) -> str:
    if not options:
        return "It has no options."
    return "\n\n".join(
        f"``{o.name}``{_classifier(o)}\n{textwrap.indent(o.description or 'It is not documented.', '   ')}"
        for o in options
    )


def _classifier(option: PluginOption) -> str:
    default = f"default ``{_spelled(option.default)}``" if option.default else "required"
    return f" : {option.type}, {default}" if option.type else f" : {default}"


def _attributes(section: str) -> str:
    blocks = [block for block in re.split(r"\n(?=\S)", section) if block.strip()]
    entries: list[str] = []
    for block in blocks:
        head, _, body = block.partition("\n")
        name, _, kind = head.partition(" : ")
        entries.append(f"``{name}``{' : ' if kind else ''}{kind}\n{textwrap.indent(textwrap.dedent(body), '   ')}")
    return "\n\n".join(entries)


def _has_formula(notes: str) -> bool:
    return ".. math::" in notes or ":math:" in notes


def _divided(notes: str) -> tuple[str, str, str]:
    """Take the paragraphs on ties and on cost out of the notes."""
    found: dict[str, list[str]] = {"": [], "Tie rule": [], "Cost": []}
    for paragraph in re.split(r"\n\s*\n", notes):
        title = TITLED.match(paragraph)
        if title is None:
            found[""].append(paragraph)
        else:
            text = f"{(title[2] or '').lstrip()}{paragraph[title.end() :]}".lstrip(": ")
            found[title[1]].append(text[:1].upper() + text[1:])
    rest, ties, costs = ("\n\n".join(paragraphs) for paragraphs in found.values())
    return rest, ties, costs


def _sources(references: str) -> str:
    entries = re.split(r"\n(?=\.\. \[)", references.strip())
    return "\n\n".join(CITATION.sub(r"_`[\1]` ", " ".join(entry.split())) for entry in entries)


def _cost(registration: Registration, cost: str) -> str:
    if registration.kind != "combiner":
        return cost
    learns = "learns" in members_of(made(registration), "traits")
    learned = "It learns: `fit_combiner` comes first." if learns else "It learns nothing: there is nothing to fit."
    return f"{learned} {cost}".strip()


def _table(rows: Sequence[tuple[str, str]]) -> str:
    if not rows:
        return ""
    body = "\n".join(f"   * - {what}\n     - {answer}" for what, answer in rows)
    return f".. list-table::\n   :widths: auto\n\n{body}"
