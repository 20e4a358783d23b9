"""What the documentation of a plugin says, as data: the sections of a numpydoc docstring, and the options."""

from __future__ import annotations

import ast
import functools
import inspect
import re
from dataclasses import dataclass
from typing import Any

__all__ = ["PluginOption", "options_of", "sections_of"]

UNDERLINE = re.compile(r"-{3,}\s*$")
DEFAULT = re.compile(r",?\s*(?:default\s*[=:]?\s*(?P<value>.+)|(?P<optional>optional))$", re.DOTALL)
SENTENCE = re.compile(r"(?<!\be\.g)(?<!\bi\.e)\.(?=\s+[A-Z`\"]|$)")
CHOICES = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True)
class PluginOption:
    """One option of a plugin, as its signature and its docstring say.

    Attributes
    ----------
    name : str
        Name of the argument.
    type : str
        What it takes, in the words of the docstring, or else its annotation; empty if neither says.
    default : str
        The default as Python spells it; empty if the option is required.
    meaning : str
        First sentence of the description, or all of it if it says one choice after the other; empty if the option is
        not documented.
    description : str
        The whole description, as lines of reStructuredText.
    choices : tuple of str
        The texts that it takes, if its type lists them, such as ``("hard", "soft")``.
    """

    name: str
    type: str
    default: str
    meaning: str
    description: str
    choices: tuple[str, ...]

    @property
    def required(self) -> bool:
        """Whether the plugin cannot be made without it."""
        return not self.default


def sections_of(documented: Any) -> dict[str, str]:
    """Divide a numpydoc docstring into its sections.

    Parameters
    ----------
    documented : object
        A class or function; of a `functools.partial`, what it calls.

    Returns
    -------
    dict of str to str
        Title of a section -> its text; the summary is ``"Summary"`` and what follows it ``"Extended Summary"``.
    """
    while isinstance(documented, functools.partial):
        documented = documented.func
    lines = (inspect.getdoc(documented) or "").splitlines()
    starts = [at for at in range(len(lines) - 1) if lines[at].strip() and UNDERLINE.match(lines[at + 1])]
    ends = [*starts, len(lines)]
    summary, _, extended = "\n".join(lines[: ends[0]]).strip().partition("\n\n")
    sections = {"Summary": " ".join(summary.split()), "Extended Summary": extended.strip()}
    for start, end in zip(starts, ends[1:], strict=True):
        sections[lines[start].strip()] = "\n".join(lines[start + 2 : end]).strip("\n")
    return {title: text for title, text in sections.items() if text}


def options_of(factory: Any) -> tuple[PluginOption, ...]:
    """List the options of a factory in the order of its signature.

    Parameters
    ----------
    factory : callable
        What a plugin registers: a class or function.

    Returns
    -------
    tuple of PluginOption
        One an argument; of ``**options``, those that the docstring names. Empty if the signature cannot be read.
    """
    sections = sections_of(factory)
    written = _entries("\n".join(sections.get(title, "") for title in ("Parameters", "Other Parameters")))
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return ()
    options = [_option(p, *written.get(p.name, ("", ""))) for p in parameters if p.kind not in (2, 4)]
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
        known = {option.name for option in options}
        more = ((name, *entry) for name, entry in written.items() if name not in known and name.isidentifier())
        options += [_option(inspect.Parameter(name, 3), words, description) for name, words, description in more]
    return tuple(options)


def _entries(section: str) -> dict[str, tuple[str, str]]:
    """Read ``name, name : type`` and the indented description below it."""
    entries: dict[str, tuple[str, str]] = {}
    for block in re.split(r"\n(?=\S)", section):
        head, _, body = block.partition("\n")
        names, _, words = head.partition(" : ") if " : " in head else head.partition(":")
        entry = (words.strip(), inspect.cleandoc(body))
        entries.update((name.strip(), entry) for name in names.split(","))
    return entries


def _option(parameter: inspect.Parameter, words: str, description: str) -> PluginOption:
    said = DEFAULT.search(words)
    kind = (words[: said.start()] if said else words) or _annotation(parameter.annotation)
    default = "" if parameter.default is parameter.empty else repr(parameter.default)
    if said and not default:  # an option of **options has its default in the docstring alone
        default = said["value"] or "None"
    choices = _choices(kind)
    meaning = " ".join(description.partition("\n\n")[0].split())
    if not (choices and meaning.startswith("``")):  # a description that says one choice after the other is kept whole
        end = SENTENCE.search(meaning)
        meaning = meaning[: end.start() if end else None]
    return PluginOption(parameter.name, kind, default, meaning.removesuffix("."), description, choices)


def _annotation(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return ""
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _choices(kind: str) -> tuple[str, ...]:
    listed = CHOICES.search(kind)
    text = listed[0] if listed else kind.replace("Literal[", "{").replace("]", "}") if "Literal[" in kind else ""
    try:
        values = ast.literal_eval(re.sub(r"^\{", "(", re.sub(r"\}.*$", ",)", text, flags=re.DOTALL)))
    except (ValueError, SyntaxError):
        return ()
    return tuple(value for value in values if isinstance(value, str))
