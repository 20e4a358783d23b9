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
GROUPS = re.compile(r"Give groups= to Predictions, or p\.with_groups\(.*?\)\.")
ABSENT = re.compile(r"Take the others: rows = align\(.*?\)\]\)\.")
PHRASES = (
    (
        re.compile(r"Predictions\(n_samples=(\d+), classes=(\(.*?\)), task='(\w+)'.*?\)"),
        r"\1 rows of the task \3, classes \2",
    ),
    (
        re.compile(r"costs must map each of the members (\[.*?\]) to a finite number >= 0; received \{(.*?)\}"),
        r"--cost must be NAME=NUMBER with a number >= 0 for each of the members \1; received \2",
    ),
    (
        re.compile(r"Give \{member: weight\} to be safe from their order"),
        """Name them to be safe from their order: --option 'weights={"MEMBER": NUMBER, ...}'""",
    ),
    (re.compile(r"^reference must be"), "--against must be"),
    (re.compile(r"^batch_sizes must be"), "--batch must be"),
    (
        re.compile(r"^suffixes must be a list of '\.ima' and the like; received \((.*?),?\)"),
        r"--suffix must be '.ima' or the like; received \1",
    ),
    (
        re.compile(r"^combiner and fit_on say how predictions are combined\. Give predictions, too"),
        "--combiner and --fit-on say how predictions are combined. Give --predictions, too",
    ),
    (
        re.compile(r"^stages must be \(name, stage\) pairs or \{name: stage\}, two or more, from the cheapest"),
        "a cascade needs FILE or --fit-on FILE for two stages or more, from the cheapest",
    ),
    (re.compile(r" \(sklearn\.metrics\.get_scorer_names\(\)\), a scorer, a Metric or a callable"), ""),
    (
        re.compile(r", a folder that ensemblekit\.store\.save wrote, or a Keras model"),
        " or a folder with a saved ensemble",
    ),
    (re.compile(r"or map names of the metrics (\[.*?\]) to such"), r"or METRIC=NUMBER of one of \1"),
    (re.compile(r"Give rules=\{name: rule\}\."), "Give the file another name: NAME=FILE."),
    (re.compile(r"Align them with those of others in one call: align\(paths\)\."), "Give the files of all members."),
)
"""What has no option of its own."""
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
    for phrase, instead in PHRASES:
        text = phrase.sub(instead, text)
    text = BOTH.sub("", text)
    text = LEAKAGE.sub("", text)
    text = FIT.sub(FIT_HERE if "fit_on" in options else FIT_BEFORE, text)
    text = GROUPS.sub("Give --groups FILE." if "groups" in options else "Give files with groups.", text)
    if "alias" not in options:
        text = CLASSES.sub(CLASSES_BEFORE, text)
    text = ALIASES.sub(_alias, text)
    text = OPTIONS.sub(_plugin_options, text)
    text = text.replace("overwrite=True (--overwrite)", "--overwrite").replace("overwrite=True", "--overwrite")
    if "cost" in options:
        text = COSTS.sub("--cost NAME=NUMBER for each member", text)
    leaves_out = "missing_rows" in options or "common" in str(getattr(options.get("missing"), "help", ""))
    if leaves_out:
        text = text.replace("take the ids that all members have", "leave out other rows with --missing common")
    text = ABSENT.sub(
        "Leave these rows out with --missing common." if leaves_out else "Leave these rows out of the files.", text
    )
    given = {name: one for name, one in options.items() if one.param_type_name == "option"}
    values = {name for name, one in given.items() if not _is_file(one)}
    text = re.sub(rf"\b(\w+)=({VALUE})", lambda found: _option(found, values), text)
    first = re.match(r"(\w+) (?:must|needs)\b", text)
    # Files are options too, but a sentence on `labels` is one on what they hold.
    if first and (first[1] in values or ("_" in first[1] and first[1] in given)):
        return f"--{first[1].replace('_', '-')}{text[first.end(1) :]}"
    return text


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
