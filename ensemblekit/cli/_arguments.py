"""Arguments that several commands share: their options, parsers and completions."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import FolderNotFoundError, InvalidOptionError, OutputExistsError
from ._completion import complete_metric, complete_option, complete_task, completes

__all__ = [
    "ActivationName", "ClassNames", "CombinerOptions", "Confidence", "Groups", "Labels", "Metrics", "MissingRows",
    "ModelPath", "Overwrite", "SampleWeight", "Seed", "TaskName", "Unit", "check_missing", "check_output",
    "key_and_value", "name_and_path", "pairs_of",
]  # fmt: skip

ModelPath = Annotated[
    Path, typer.Argument(help="A .keras or .onnx file, or a folder with a saved ensemble.", metavar="MODEL")
]
ClassNames = Annotated[
    list[str] | None,
    typer.Option("--class", help="Name of an output, in order; for a model without class names.", metavar="NAME"),
]
TaskName = Annotated[
    str | None,
    typer.Option(
        "--task",
        help="multiclass, multilabel or regression; by default what the model knows.",
        metavar="TASK",
        autocompletion=complete_task,
    ),
]
ActivationName = Annotated[
    str | None,
    typer.Option(
        "--activation",
        help="Applied to the outputs: sigmoid or softmax; linear: nothing.",
        metavar="NAME",
        autocompletion=completes("sigmoid", "softmax", "linear"),
    ),
]
CombinerOptions = Annotated[
    list[str] | None,
    typer.Option(
        help="An option of the rule; as often as needed.", metavar="KEY=VALUE", autocompletion=complete_option
    ),
]
Labels = Annotated[
    Path | None, typer.Option(help="A table with id and label, for files without labels.", metavar="FILE")
]
Groups = Annotated[
    Path | None,
    typer.Option(
        help="A table with id and group, or a key column: rows that are not independent, such as near copies.",
        metavar="FILE",
    ),
]
Confidence = Annotated[float, typer.Option(help="Confidence level of the intervals.", metavar="NUMBER")]
Seed = Annotated[int, typer.Option(help="Seed of the resampling.", metavar="NUMBER")]
SampleWeight = Annotated[
    Path | None, typer.Option(help="A table with id and weight: how much each row counts.", metavar="FILE")
]
MissingRows = Annotated[
    str,
    typer.Option(
        "--missing",
        help="Rows that not all members have: error, or common: leave them out.",
        metavar="POLICY",
        autocompletion=completes("error", "common"),
    ),
]
Unit = Annotated[str, typer.Option(help="Plural word for the samples.", metavar="WORD")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing outputs.")]


def pairs_of(option: str, texts: Sequence[str] | None) -> dict[str, str]:
    """Parse the values of an option of the form OLD=NEW."""
    pairs: dict[str, str] = {}
    for text in texts or ():
        old, _, new = text.partition("=")
        if not (old and new):
            raise InvalidOptionError(f"{option} must be OLD=NEW; received {text!r}.")
        pairs[old] = new
    return pairs


def key_and_value(text: str) -> tuple[str, Any]:
    """Parse an option of a plugin, KEY=VALUE; a value that is not a Python literal is text."""
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise InvalidOptionError(f"--option must be KEY=VALUE; received {text!r}.")
    try:
        return key, ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):  # the known errors of literal_eval
        return key, value


def name_and_path(text: str) -> tuple[str, Path]:
    """Parse FILE or NAME=FILE; without NAME= the name is empty."""
    name, equals, rest = text.partition("=")
    named = bool(equals) and not Path(text).exists()
    return (name, Path(rest)) if named else ("", Path(text))


def check_missing(missing: str) -> None:
    """Refuse a --missing of a command that knows two."""
    if missing not in ("error", "common"):
        raise InvalidOptionError(f"--missing must be error or common; received {missing!r}.")


def check_output(path: Path, *, overwrite: bool, suffixes: Sequence[str] = ()) -> None:
    """Refuse the path of an output before anything is computed.

    Parameters
    ----------
    path : Path
        File or folder to be written.
    overwrite : bool
        Whether it may replace an existing one.
    suffixes : sequence of str, optional
        Admitted suffixes.
    """
    if suffixes and not path.name.lower().endswith(tuple(suffixes)):
        raise InvalidOptionError(f"an output must end in {', '.join(suffixes)}; received {str(path)!r}.")
    if not path.parent.is_dir():
        raise FolderNotFoundError(f"the folder of an output must exist; that of {str(path)!r} does not. Make it first.")
    if path.exists() and not overwrite:
        raise OutputExistsError(f"{str(path)!r} is there already. Take another name, or give --overwrite.")
    if suffixes:
        from ..files import check_file

        check_file(path)


Metrics = Annotated[
    list[str] | None,
    typer.Option(
        help="A metric, NAME or NAME:OPTION=VALUE, or a scorer of scikit-learn; as often as needed. Default: those of "
        "the task.",
        autocompletion=complete_metric,
        metavar="METRIC",
    ),
]
