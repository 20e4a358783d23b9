"""Remedies of errors as a command takes them: the checks are those of Python, and propose its arguments."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Collection, Mapping
from typing import Any

__all__ = ["as_command"]

CALL = r"[A-Za-z_][\w.]*\((?:[^()]|\([^()]*\))*\)"
VALUE = r"(?:'[^']*'|\"[^\"]*\"|\{[^{}]*\}|\[[^\[\]]*\]|\([^()]*\)|[\w.+-]+)?"
ARGUMENT = rf"(?:\w+={CALL}|{CALL}|\w+={VALUE})"
BOTH = re.compile(rf"{ARGUMENT}(?:,? or {ARGUMENT})*(?:,|;)? (?:or )?on the command line (?=--)")
"""An argument of Python, and then that of the command."""
LEAKAGE = re.compile(r"(?:[,;] or|;|,)? (?:give )?allow_leakage=True(?: to go on knowingly)?")
ALIASES = re.compile(r"aliases=(\{[^{}]*\})")
COSTS = re.compile(r"costs=\{[^{}]*\}")
FIT = re.compile(r"Fit it on held-out predictions: fitted = fit_combiner\(.*?\); combine\(.*?\)\.")
FIT_HERE = "Give labelled predictions of rows that no member was fitted on: --fit-on FILE for each member."
FIT_BEFORE = (
    "Combine the files first, with combine --fit-on FILE for each member, and give what that writes as one more file."
)
CLASSES = re.compile(r"(?:If these are other names of the same classes, give|Give) aliases=.*?(?:'zero'[^.]*|names)\.")
CLASSES_BEFORE = "Write the classes alike in each file, or combine them with combine --alias OLD=NEW."
OPTIONS = re.compile(
    r"(backbone|head|combiner|chainer|task|metric) '(\w+)' takes the options .*?; received (\{.*?\}): .*?\."
)


def as_command(text: str, options: Mapping[str, Any]) -> str:
    """Spell the arguments that an error names as the options of a command.

    Parameters
    ----------
    text : str
        Message of an error.
    options : mapping of str to option
        The options of the command, by the names of their arguments.

    Returns
    -------
    str
    """
    text = BOTH.sub("", text)
    text = LEAKAGE.sub("", text)
    text = FIT.sub(FIT_HERE if "fit_on" in options else FIT_BEFORE, text)
    if "alias" not in options:
        text = CLASSES.sub(CLASSES_BEFORE, text)
    text = ALIASES.sub(_alias, text)
    text = OPTIONS.sub(_plugin_options, text)
    text = text.replace("overwrite=True (--overwrite)", "--overwrite").replace("overwrite=True", "--overwrite")
    if "cost" in options:
        text = COSTS.sub("--cost NAME=NUMBER for each member", text)
    if "missing_rows" in options or "common" in str(getattr(options.get("missing"), "help", "")):
        text = text.replace("take the ids that all members have", "leave out other rows with --missing common")
    values = {name for name, one in options.items() if not _is_file(one)}
    text = re.sub(rf"\b(\w+)=({VALUE})", lambda found: _option(found, values), text)
    first = re.match(r"(\w+) (?:must|needs)\b", text)
    return f"--{first[1].replace('_', '-')}{text[first.end(1) :]}" if first and first[1] in values else text


def _alias(found: re.Match[str]) -> str:
    try:
        pairs = ast.literal_eval(found[1])
    except (ValueError, SyntaxError):  # a form, not an example
        return "--alias OLD=NEW"
    return " ".join(f"--alias {shlex.quote(f'{old}={new}')}" for old, new in pairs.items())


def _option(found: re.Match[str], values: Collection[str]) -> str:
    name, value = found[1], found[2]
    if name not in values or found.string[: found.start()].endswith(("--", "-", "KEY=", ":", "--option ")):
        return found[0]
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return f"--{name.replace(chr(95), chr(45))} {shlex.quote(value[1:-1]) if quoted else value}".rstrip()


def _plugin_options(found: re.Match[str]) -> str:
    from ._known import known_plugins

    kind, name, received = found.groups()
    try:
        given = ", ".join(f"{key}={value}" for key, value in ast.literal_eval(received).items())
    except (ValueError, SyntaxError):
        given = received
    taken = [option.name for one in known_plugins() if (one.kind, one.name) == (kind, name) for option in one.options]
    return (
        f"{kind} {name!r} {'takes the options ' + ', '.join(taken) if taken else 'has no options'}; received {given}. "
        f"`ensemblekit plugins {name}` explains them."
    )


def _is_file(option: Any) -> bool:
    return getattr(option, "metavar", None) in ("FILE", "FOLDER", "PATH", "MODEL")
