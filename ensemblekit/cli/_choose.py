"""``ensemblekit choose``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InvalidOptionError
from ..printed import as_text
from ._arguments import Confidence, Groups, Labels, MissingRows, Overwrite, Seed, check_missing, check_output
from ._commands import command
from ._completion import complete_combiner, complete_metric
from ._reading import takes_read_options
from ._screen import frame_to_json, make_console, print_json, select, takes_plain

if TYPE_CHECKING:
    from ..choosing import Choice
    from ..files import Folder, Replaceable
    from ..predictions.tables import ReadOptions

COMBINER, TABLE, RECORD = "combiner", "table.csv", "choice.json"
FORMAT = "ensemblekit choice 1"
MOST_SHOWN = 12


def _own_files(folder: Folder) -> list[str] | None:
    try:
        record = json.loads((folder.read(RECORD) or b"").decode())
        return [RECORD, *map(str, record["files"])] if record["format"] == FORMAT else None
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def _replaceable() -> Replaceable:
    """Describe the folders that may be replaced: those with a record of `choose`, and the files that it names."""
    from ..files import Replaceable

    return Replaceable("a choice", _own_files)


@command(
    ("The best rule for three members, by their held-out rows", "ensemblekit choose *.valid.csv"),
    (
        "A few rules by accuracy; the fitted one is kept, and used",
        "ensemblekit choose *.valid.csv --rule mean --rule voting --metric accuracy -o choice\n"
        "ensemblekit combine *.test.csv --load choice/combiner -o chosen.csv",
    ),
    lists=("combiner", "metric"),
)
@takes_plain
@takes_read_options
def choose(
    files: Annotated[
        list[str],
        typer.Argument(help="Files of predictions of two members or more, FILE or NAME=FILE.", metavar="FILE"),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for the fitted rule, the table and the answer.", metavar="FOLDER"),
    ] = None,
    labels: Labels = None,
    groups: Groups = None,
    metric: Annotated[
        str | None,
        typer.Option(help="What counts. Default: that of the task.", autocompletion=complete_metric, metavar="METRIC"),
    ] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(
            help="A rule to try; as often as needed. Default: all that suit.",
            autocompletion=complete_combiner,
            metavar="RULE",
        ),
    ] = None,
    cv: Annotated[int, typer.Option(help="Number of folds, at least 3.", metavar="NUMBER")] = 5,
    simplest: Annotated[
        bool, typer.Option("--simplest/--best", help="The simplest rule that is not beaten, or the best value.")
    ] = True,
    smallest: Annotated[float, typer.Option(help="Smallest gain of interest, in the metric.", metavar="NUMBER")] = 0.0,
    cost: Annotated[
        list[str] | None,
        typer.Option(help="Cost of a member; of each one. Cheaper members are then tried too.", metavar="NAME=NUMBER"),
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option(help="Highest cost of the members of a rule together.", metavar="NUMBER")
    ] = None,
    missing: MissingRows = "error",
    confidence: Confidence = 0.95,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    *,
    read: ReadOptions,
) -> None:
    """Choose the rule that combines members best, and say whether it beats the best of them."""
    from ..choosing import choose as choose_rule
    from ..files import check_folder
    from ._inputs import common_rows, naming_files, read_groups, read_members, with_labels

    check_missing(missing)
    if output is not None:
        check_output(output, overwrite=overwrite)
        check_folder(output, _replaceable() if overwrite else None)
    members, left_out = common_rows(read_members(files, read, labels=labels), missing)
    members = with_labels(members, labels, read)
    with naming_files(files):
        choice = choose_rule(
            members,
            rules=rule or None,
            metric=metric,
            cv=cv,
            groups=read_groups(groups, members, read),
            simplest=simplest,
            smallest=smallest,
            costs=_costs(cost) if cost else None,
            max_cost=max_cost,
            confidence=confidence,
            seed=seed,
        )
    record = _record(choice)
    if output is not None:
        _write(choice, record, output, overwrite=overwrite)
    if as_json:
        print_json(
            {
                **record,
                "output": None if output is None else str(output),
                "left_out": left_out,
                "rows": frame_to_json(choice.table),
            }
        )
        return
    _show(choice, 100 * confidence, "row" if groups is None and not _have_groups(members) else "group")
    if output is not None:
        make_console().print(as_text(f"Written to {output}: combine --load {output / COMBINER} uses the rule."))


def _have_groups(members: Mapping[str, Any]) -> bool:
    return any(p.groups is not None for p in members.values())


def _costs(texts: list[str]) -> dict[str, float]:
    costs: dict[str, float] = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        try:
            cost = float(number)
        except ValueError:
            cost = math.nan
        if not name or name in costs or math.isnan(cost):
            raise InvalidOptionError(f"--cost must be NAME=NUMBER, each member once; received {text!r}.")
        costs[name] = cost
    return costs


def _record(choice: Choice) -> dict[str, Any]:
    low, high = choice.promise()
    numbers = {
        "gain": choice.gain, "gain_low": choice.gain_low, "gain_high": choice.gain_high,
        "promised_low": low, "promised_high": high,
    }  # fmt: skip
    return {
        "format": FORMAT,
        "sentence": choice.sentence,
        "notes": list(choice.notes),
        "name": choice.name,
        "members": list(choice.members),
        "best_member": choice.best_member,
        "beats": choice.beats,
        **{name: None if math.isnan(value) else value for name, value in numbers.items()},
        "metric": choice.metric,
        "n_candidates": choice.n_candidates,
        **({} if choice.cost is None else {"cost": choice.cost}),
    }


def _write(choice: Choice, record: dict[str, Any], output: Path, *, overwrite: bool) -> None:
    from ..files import atomic_folder
    from ..store import save

    with atomic_folder(output, replaces=_replaceable() if overwrite else None) as folder:
        save(choice.combiner, folder / COMBINER)
        choice.table.to_csv(folder / TABLE, index=False)
        names = sorted(str(path.relative_to(folder).as_posix()) for path in folder.rglob("*") if path.is_file())
        text = json.dumps({**record, "files": names}, indent=1, ensure_ascii=False)
        (folder / RECORD).write_text(text + "\n", encoding="utf-8")


def _show(choice: Choice, percent: float, by: str) -> None:
    from ..evaluation.words import metric_title
    from ..report import print_table

    console = make_console()
    console.print(as_text(choice.sentence))
    for note in choice.notes:
        console.print(as_text(f"Note: {note}"))
    if choice.gain and not math.isnan(choice.gain):  # not of the best member itself, nor where nothing could be judged
        _show_gain(choice, percent)
    table = choice.table
    judged: Any = table[table["left_out"].fillna("") == ""]
    headings = {
        "candidate": "Candidate", "cost": "Cost", "value": "Value", "low": "Low", "high": "High",
        "difference": "Difference", "difference_low": "From", "difference_high": "To",
    }  # fmt: skip
    shown: Any = judged[(judged.index < MOST_SHOWN) | judged["chosen"].astype(bool) | (judged["kind"] != "rule")]
    print_table(
        select(shown, {name: heading for name, heading in headings.items() if name in table}),
        title=f"{metric_title(choice.metric)}, and difference to the best member, with {percent:g} % intervals by {by}",
        console=console,
    )
    if len(shown) < len(judged):
        console.print(as_text(f"{len(judged) - len(shown)} candidates more are in the table that -o or --json writes."))
    left_out: Any = table[table["left_out"].fillna("") != ""]
    for record in left_out.to_dict("records"):
        console.print(as_text(f"Left out: {record['candidate']}: {record['left_out']}"))


def _show_gain(choice: Choice, percent: float) -> None:
    """Show what the rows say of the expected gain, and what new rows will show."""
    import pandas as pd

    from ..report import print_table

    low, high = choice.promise()
    gains = pd.DataFrame(
        {
            "": ["expected gain", "gain on as many new rows"],
            "Gain": [choice.gain] * 2,
            "Low": [choice.gain_low, low],
            "High": [choice.gain_high, high],
        }
    )
    print_table(
        gains,
        title=f"Gain over {choice.best_member}, {percent:g} % intervals",
        console=make_console(),
    )
