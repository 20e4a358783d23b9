"""``ensemblekit rank``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InvalidOptionError
from ..printed import as_text
from ._arguments import CombinerOptions, Confidence, Overwrite, Seed, check_output, key_and_value, name_and_path
from ._commands import command
from ._completion import completes
from ._screen import frame_to_json, make_console, print_json, select, takes_plain

if TYPE_CHECKING:
    import pandas as pd

    from ..ranking import Run

RULES = (
    "rrf",
    "isr",
    "comb_sum",
    "comb_mnz",
    "comb_anz",
    "comb_max",
    "comb_min",
    "comb_med",
    "borda",
    "condorcet",
    "rbc",
)
"""Names of the rules for rankings, whose room need not be imported for the help."""
FUSED = "fused"
"""Name of the fused run in tables."""


@command(
    ("Two runs by reciprocal rank fusion", "ensemblekit rank bm25.run dense.run -o fused.run"),
    (
        "The same, scored by judgements",
        "ensemblekit rank bm25.run dense.run --qrels qrels.txt --metric ndcg:k=10 --metric mrr",
    ),
    (
        "Weights that are learned by the first metric",
        "ensemblekit rank bm25.run dense.run --rule linear --qrels qrels.txt --learn -o fused.run",
    ),
)
@takes_plain
def rank(
    files: Annotated[list[str], typer.Argument(help="TREC runs, FILE or NAME=FILE; also .gz.", metavar="FILE")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File for the fused TREC run.", metavar="FILE")
    ] = None,
    rule: Annotated[
        str,
        typer.Option(
            "--rule",
            "-r",
            help=f"Name of the rule: {', '.join(RULES)}.",
            autocompletion=completes(*RULES),
            metavar="RULE",
        ),
    ] = "rrf",
    option: CombinerOptions = None,
    weight: Annotated[
        list[str] | None, typer.Option(help="Weight of a member, NAME=NUMBER; of each one.", metavar="NAME=NUMBER")
    ] = None,
    qrels: Annotated[
        Path | None, typer.Option(help="TREC judgements, by which runs are scored.", metavar="FILE")
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="ndcg, map, mrr, recall, precision or r_precision, with options: ndcg:k=10; as often as needed.",
            metavar="METRIC",
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(help="Name of the run to compare the fused one with. Default: the first.", metavar="NAME"),
    ] = None,
    learn: Annotated[
        bool,
        typer.Option("--learn", help="Learn weights by the first metric; scores are of queries that were held out."),
    ] = False,
    cv: Annotated[int, typer.Option(help="Parts of the queries for --learn.", metavar="NUMBER")] = 5,
    top: Annotated[int | None, typer.Option(help="Most items of a query that are kept.", metavar="NUMBER")] = None,
    ids: Annotated[
        str,
        typer.Option(
            help="How ids are sorted: text, as trec_eval, or numbers.",
            metavar="KIND",
            autocompletion=completes("text", "numbers"),
        ),
    ] = "text",
    confidence: Confidence = 0.95,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Fuse rankings, TREC runs of several members, and score them by query."""
    from ..ranking import Qrels, Run, compare_runs, find_ranking_metrics, fit_weights, fuse_runs, score_runs
    from ._inputs import existing, naming_files

    if output is not None:
        check_output(output, overwrite=overwrite)
    if output is None and qrels is None:
        raise InvalidOptionError("rank must write or score something. Give -o FILE, --qrels FILE or both.")
    if qrels is None and (metric or against or learn):
        raise InvalidOptionError("--metric, --against and --learn need judgements. Give --qrels FILE.")
    if learn and weight:
        raise InvalidOptionError("--learn finds the weights, and --weight gives them. Leave one out.")
    names = _names(files)
    if against is not None and against not in names:
        raise InvalidOptionError(f"--against must be one of {', '.join(map(repr, names))}; received {against!r}.")
    if ids not in ("text", "numbers"):
        raise InvalidOptionError(f"--ids must be text or numbers; received {ids!r}.")
    metrics = find_ranking_metrics(metric or None)
    options = dict(key_and_value(text) for text in option or [])
    kind: Any = ids
    judgements = None if qrels is None else Qrels.load(existing(qrels), ids=kind)
    runs = {name: Run.load(path, member=name, ids=kind) for name, path in names.items()}
    record: dict[str, Any] = {"rule": rule, "members": [*runs], "output": None if output is None else str(output)}
    with naming_files(files):
        if judgements is not None and learn:
            first = next(iter(metrics))
            found = fit_weights(runs, judgements, rule, metric=first, cv=cv, seed=seed, **options)
            record["weights"], judged = found.weights, found.out_of_fold
            fused = found.fuse(runs, allow_leakage=True, top=top)
        else:
            fused = judged = fuse_runs(runs, rule, weights=_weights(weight), top=top, **options)
        record |= {"n_queries": len(fused.queries), "n_rows": len(fused)}
        if output is not None:
            fused.save(output, tag=rule, overwrite=overwrite)
        if judgements is None:
            _say(record, as_json)
            return
        reference = against or next(iter(runs))
        every: dict[str, Run] = {**runs, FUSED: judged}
        asked: dict[str, Any] = {"metrics": [*metrics], "confidence": confidence, "seed": seed}
        scores = score_runs(every, judgements, **asked)
        told = compare_runs({reference: runs[reference], FUSED: judged}, reference, judgements, **asked)
    if as_json:
        print_json(record | {"rows": frame_to_json(scores), "comparisons": frame_to_json(told)})
        return
    _print_tables(record, scores, told, confidence)


def _names(files: list[str]) -> dict[str, Path]:
    """Name each file, by the name that is given or its own."""
    from ._inputs import existing

    names: dict[str, Path] = {}
    for given, path in map(name_and_path, files):
        name = given or existing(path).name.removesuffix(".gz").rpartition(".")[0] or path.name
        if name in names or name == FUSED:
            raise InvalidOptionError(
                f"runs must have different names, and none {FUSED!r}; received {name!r} for {str(path)!r}. Give "
                f"another: NAME={path}."
            )
        names[name] = path
    return names


def _weights(texts: list[str] | None) -> dict[str, float] | None:
    if not texts:
        return None
    weights: dict[str, float] = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        try:
            weights[name] = float(number)
        except ValueError:
            raise InvalidOptionError(f"--weight must be NAME=NUMBER; received {text!r}.") from None
    return weights


def _say(record: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(record)
        return
    n_members, n_queries, n_rows = len(record["members"]), record["n_queries"], record["n_rows"]
    text = f"{n_members} runs fused by {record['rule']}: {n_queries} queries, {n_rows} rows"
    make_console().print(as_text(f"{text}, in {record['output']}." if record["output"] else f"{text}."))


def _print_tables(record: dict[str, Any], scores: pd.DataFrame, told: pd.DataFrame, confidence: float) -> None:
    from ..report import print_table

    console = make_console()
    _say(record, as_json=False)
    if "weights" in record:
        weights = ", ".join(f"{name} {weight:.2f}" for name, weight in record["weights"].items())
        console.print(as_text(f"Learned weights: {weights}. The scores are of queries that they were not learned on."))
    headings = {"model": "Run", "metric": "Metric", "value": "Value", "low": "Low", "high": "High", "n": "Queries"}
    print_table(
        select(scores, headings), title=f"Figures, with {100 * confidence:g} % intervals by query", console=console
    )
    for sentence in told["sentence"]:
        console.print(as_text(f"- {sentence}"))
