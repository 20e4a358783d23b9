"""``ensemblekit combine``."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import EnsembleKitError, InvalidOptionError, NotFittedError
from ..printed import printable
from ._arguments import CombinerOptions, Groups, Overwrite, check_output, key_and_value, name_and_path, pairs_of
from ._commands import command
from ._completion import complete_combiner, completes
from ._reading import takes_read_options
from ._screen import print_json

if TYPE_CHECKING:
    from ..predictions.tables import ReadOptions

SUFFIXES = (".parquet", ".csv", ".tsv", ".npz", ".csv.gz", ".tsv.gz")
LARGE = 2**28
"""Total bytes of Parquet files from which they are combined batch by batch."""
FILES = "Files of predictions, FILE or NAME=FILE: .csv, .tsv, .npz, .parquet, or a folder of parts."


@command(
    ("The mean of three members", "ensemblekit combine *.test.csv -o mean.csv"),
    ("A rule with an option", "ensemblekit combine *.test.csv -c voting --option kind=soft -o voted.csv"),
    (
        "A rule that learns, fitted on held-out rows, and kept",
        "ensemblekit combine forest.test.csv bayes.test.csv -c stacking \\\n"
        "    --fit-on forest.valid.csv --fit-on bayes.valid.csv --save rule -o new.csv",
    ),
    ("The fitted rule on other rows", "ensemblekit combine forest.test.csv bayes.test.csv --load rule -o -"),
    lists=("combiner options",),
)
@takes_read_options
def combine(
    files: Annotated[list[str], typer.Argument(help=FILES, metavar="FILE")],
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", help="Output file: .csv, .tsv, .npz, .parquet; - is CSV on stdout.", metavar="FILE"
        ),
    ],
    combiner: Annotated[
        str,
        typer.Option(
            "--combiner", "-c", help="Name of the rule; those below.", autocompletion=complete_combiner, metavar="RULE"
        ),
    ] = "mean",
    option: CombinerOptions = None,
    fit_on: Annotated[
        list[str] | None,
        typer.Option(
            help="Labelled predictions to fit a rule on, one of each member; as FILE or NAME=FILE.", metavar="FILE"
        ),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Labels of the --fit-on rows: a table with id and label.", metavar="FILE")
    ] = None,
    load: Annotated[Path | None, typer.Option(help="A fitted rule saved with --save.", metavar="FOLDER")] = None,
    save: Annotated[Path | None, typer.Option(help="Folder to save the fitted rule in.", metavar="FOLDER")] = None,
    alias: Annotated[
        list[str] | None, typer.Option(help="Common name of a class; as often as needed.", metavar="OLD=NEW")
    ] = None,
    missing: Annotated[
        str,
        typer.Option(
            help="Policy for absent classes and rows: error, zero (classes only), renormalize (the members that are "
            "present), or common (only rows that all members have).",
            metavar="POLICY",
            autocompletion=completes("error", "zero", "renormalize", "common"),
        ),
    ] = "error",
    groups: Groups = None,
    aggregate: Annotated[
        str | None,
        typer.Option(
            help="Rule that combines the rows of each group to one.", metavar="RULE", autocompletion=complete_combiner
        ),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            help="Form of the output: predictions, table or votes. Default: as the inputs, if all are tables with the "
            "same columns.",
            metavar="FORM",
            autocompletion=completes("predictions", "table", "votes"),
        ),
    ] = None,
    overwrite: Overwrite = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
    *,
    read: ReadOptions,
) -> None:
    """Combine the predictions of several members, matched by id and class name, or refuse."""
    from ..combining import combine as combine_members
    from ..combining import fit_combiner
    from ..store import load as load_fitted
    from ..store import save as save_fitted
    from ._inputs import common_rows, existing, naming_files, read_groups, read_members, with_labels
    from ._ordinary import options_of_output

    to_stdout = output == "-"
    if to_stdout and as_json:
        raise InvalidOptionError("--json and -o - both write to stdout. Leave one out.")
    if load is not None and (fit_on or option or combiner != "mean"):
        raise InvalidOptionError("--load brings a fitted rule; --combiner, --option and --fit-on are for a new one.")
    if labels is not None and not fit_on:
        raise InvalidOptionError("--labels are those of the --fit-on rows. Give these, or leave it out.")
    if save is not None and not fit_on:
        raise InvalidOptionError("--save keeps a rule that --fit-on has fitted. Give that, or leave it out.")
    if load is None and not fit_on:
        _refuse_unfitted(combiner, option)
    if not to_stdout:
        check_output(Path(output), overwrite=overwrite, suffixes=SUFFIXES)
    if save is not None:
        check_output(save, overwrite=overwrite)
    aliases: Any = pairs_of("--alias", alias) or None
    policy: Any = missing  # combine checks it
    options = dict(key_and_value(text) for text in option or [])
    if missing == "common":
        policy = "error"
    if missing == "renormalize":
        read = dataclasses.replace(read, missing="renormalize")
    written = options_of_output(form, [existing(path) for _, path in map(name_and_path, files)], read, output)
    of_rows = groups is None and aggregate is None
    if (
        of_rows
        and not fit_on
        and missing != "common"
        and not written
        and not read.given()
        and _are_large(files, output)
    ):
        rule = combiner if load is None else load_fitted(load)
        with naming_files(files):
            record = _combine_large(files, rule, output, aliases, policy, options)
        _print_record(record, as_json)
        return
    members, left_out = common_rows(read_members(files, read), missing)
    if (by_id := read_groups(groups, members, read)) is not None:
        with naming_files(files):
            members = {name: p.with_groups(by_id) for name, p in members.items()}
    rule: Any = combiner
    if load is not None:
        rule = load_fitted(load)
    elif fit_on:
        rows, _ = common_rows(read_members(fit_on, read, labels=labels), missing)
        rows = with_labels(rows, labels, read) if labels else rows
        with naming_files(fit_on):
            rule = fit_combiner(rows, combiner, aliases=aliases, missing=policy, options=options)
        options = {}
    with naming_files(files):
        combined = combine_members(members, rule, aliases=aliases, missing=policy, options=options)
        if aggregate is not None:
            combined = combined.aggregate("group", aggregate)
            if isinstance(written.get("id"), tuple):  # groups have one name, and no key
                written.pop("id")
    if save is not None:
        save_fitted(rule, save, overwrite=overwrite)
    if to_stdout:
        with tempfile.TemporaryDirectory() as folder:
            combined.save(Path(folder) / "out.csv", **written)
            typer.echo((Path(folder) / "out.csv").read_bytes(), nl=False)  # this is UTF-8 in any locale
        return
    combined.save(output, overwrite=overwrite, **written)
    record = {
        "output": output,
        "combiner": combined.member,
        "members": list(members),
        "n_rows": len(combined),
        "left_out": left_out,
        "classes": list(combined.classes),
        "saved": None if save is None else str(save),
    }
    _print_record(record, as_json)


def _refuse_unfitted(combiner: str, option: list[str] | None) -> None:
    from ..combining import ask

    try:
        unfitted = ask(combiner, dict(key_and_value(text) for text in option or [])).unfitted
    except EnsembleKitError:
        return  # said later, with the files
    if unfitted:
        raise NotFittedError(
            f"combiner {combiner!r} learns, and must be fitted before it combines. Give labelled predictions of rows "
            "that no member was fitted on, --fit-on FILE for each member, or a rule that was saved, --load FOLDER."
        )


def _print_record(record: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(record)
    else:
        counts = f"{len(record['members'])} members, {record['n_rows']} rows, {len(record['classes'])} classes"
        typer.echo(f"{counts}: {printable(record['output'])}")


def _are_large(files: list[str], output: str) -> bool:
    paths = [path for _, path in map(name_and_path, files)]
    parts = [part for path in paths for part in (sorted(path.iterdir()) if path.is_dir() else [path])]
    if not output.lower().endswith(".parquet") or not all(
        part.suffix.lower() == ".parquet" and part.is_file() for part in parts
    ):
        return False
    return sum(part.stat().st_size for part in parts) > LARGE and not any(map(_has_key, paths))


def _has_key(path: Path) -> bool:
    """Tell whether a file has ids of several columns, which are combined in memory."""
    from ..scaling.headers import read_header

    parts = sorted(path.iterdir()) if path.is_dir() else [path]
    return "key" in (read_header(str(parts[0])).meta or {})


def _combine_large(
    files: list[str], rule: Any, output: str, aliases: Any, missing: Any, options: dict[str, Any]
) -> dict[str, Any]:
    from ..scaling import combine_files
    from ..scaling.headers import read_header
    from ._inputs import read_named

    def read(path: Path) -> tuple[str | None, Path]:
        meta = read_header(str(path)).meta
        return (meta["member"] if meta else None), path

    sources = read_named(files, read)
    done = combine_files(sources, rule, output, aliases=aliases, missing=missing, overwrite=True, options=options)
    meta = read_header(output).meta or {}
    return {
        "output": output,
        "combiner": meta["member"],
        "members": list(done.members),
        "n_rows": done.n_rows,
        "left_out": {},
        "classes": meta["classes"],
        "saved": None,
    }
