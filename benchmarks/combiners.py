"""How fast every combination rule is, against a memory copy and against other libraries.

Run it from a checkout: ``python benchmarks/combiners.py``, or ``make bench-combiners``.
"""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.command import make_app, run_app
from benchmarks.peers.rules import PEERS, Peer
from benchmarks.speed.cubes import LARGE, SHAPES, Shape, draw, labelled, parse_shape
from benchmarks.speed.promises import PROMISES, broken, broken_selections
from benchmarks.speed.rules import measure_rule, timed
from benchmarks.speed.selection import METRICS, SMALL_TASK, TASK, measure_selection
from benchmarks.speed.tables import Measured, Results, to_json, to_markdown
from benchmarks.speed.timing import Budget, Copy
from benchmarks.study.screen import Screen
from ensemblekit import InvalidOptionError, load_plugins
from ensemblekit.files import write_text
from ensemblekit.registry import Registry

app = make_app()

QUICK, QUICK_COPY = Budget(repeats=3, seconds=0.5, slowest=1.0), 128 * 2**20

EXAMPLES = """Examples:

  python benchmarks/combiners.py

  python benchmarks/combiners.py --rules mean,median --shape large --no-peers

  python benchmarks/combiners.py --shape 8,1000,10 --json -

  python benchmarks/combiners.py --check --greedy
"""


@app.command(epilog=EXAMPLES)
def combiners(
    rules: Annotated[
        str | None,
        typer.Option(help="Only these, with commas between; default: all that are registered.", metavar="NAMES"),
    ] = None,
    shape: Annotated[
        list[str] | None,
        typer.Option(
            help=f"One of {', '.join(SHAPES)}, or members,samples,...,classes; repeatable. The first is shown in full, "
            "with its peers.  [default: all, large first]",
            metavar="SHAPE",
            show_default=False,
        ),
    ] = None,
    greedy: Annotated[
        bool,
        typer.Option(
            "--greedy", help="Greedy selection too, against a plain implementation: some minutes, most of them its."
        ),
    ] = False,
    peers: Annotated[bool, typer.Option(help="Other libraries beside them, where they are installed.")] = True,
    quick: Annotated[
        bool, typer.Option("--quick", help="Few repeats, and what is slow on part of the rows: figures are rough.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Exit with 1 where a promise of speed or memory is broken, and name it."),
    ] = False,
    json_to: Annotated[
        str | None,
        typer.Option("--json", help="Every figure as JSON, into a file, or with - to stdout alone.", metavar="PATH|-"),
    ] = None,
) -> None:
    """Measure every combination rule.

    A rule's time is given in seconds and as a multiple of the floor: the time in which its bytes go in once and out
    once at the speed of a large memory copy, which is measured in turn with it.
    """
    shapes = [parse_shape(text) for text in shape or SHAPES]
    if check and LARGE not in shapes:
        raise InvalidOptionError(f"--check needs the shape {LARGE.name}, for which the promises are made. Add it.")
    if check and quick:
        raise InvalidOptionError("--check judges careful figures; received --quick beside it. Leave one out.")
    registry = load_plugins()
    names = _names(registry, rules)
    results = Results(np.dtype(np.float32))
    budget = QUICK if quick else Budget()
    with Screen(Console(stderr=True)) as screen:
        copy = Copy(QUICK_COPY) if quick else Copy()
        for place, one in enumerate(dict.fromkeys(shapes)):
            needed = {PROMISES[name].peer for name in names if name in PROMISES} if check and one == LARGE else set()
            chosen = [p for p in PEERS if p.rule in names and ((peers and place == 0) or p.name in needed)]
            results.shapes.append(_measure(registry, names, chosen, one, copy, budget, screen))
        if greedy:
            task = SMALL_TASK if quick else TASK
            for done, metric in enumerate(METRICS):
                screen.count("greedy selection", done, len(METRICS), metrics=metric)
                results.selections.append(measure_selection(registry, metric, task, slowest=10 * budget.slowest))
            screen.count("greedy selection", len(METRICS), len(METRICS))
    if check:
        large = next(measured for measured in results.shapes if measured.shape == LARGE)
        results.broken = broken(large.rules, large.peers) + broken_selections(results.selections)
    if json_to is not None:
        text = json.dumps(to_json(results), indent=2, ensure_ascii=False) + "\n"
        typer.echo(text, nl=False) if json_to == "-" else write_text(Path(json_to), text)
    if json_to != "-":
        typer.echo(to_markdown(results), nl=False)
    if results.broken:
        sys.exit(1)


def _names(registry: Registry, rules: str | None) -> list[str]:
    if rules is None:
        return list(registry.combiners)
    names = [name.strip() for name in rules.split(",") if name.strip()]
    for name in names:
        registry.combiners[name]  # refuses an unknown name, with the near matches
    if not names:
        raise InvalidOptionError(f"--rules must name a rule at least; received {rules!r}.")
    return names


def _measure(
    registry: Registry,
    names: list[str],
    peers: list[Peer],
    shape: Shape,
    copy: Copy,
    budget: Budget,
    screen: Screen,
) -> Measured:
    total = len(names) + len(peers)
    screen.count(shape.name, 0, total, metrics="drawing predictions")
    cube, _ = draw(shape)
    fit_set = functools.cache(lambda: labelled(shape))
    measured = Measured(shape)
    for done, name in enumerate(names):
        screen.count(shape.name, done, total, metrics=name)
        measured.rules.append(measure_rule(registry, name, cube, fit_set, shape, copy=copy, budget=budget))
    for done, peer in enumerate(peers, start=len(names)):
        screen.count(shape.name, done, total, metrics=peer.name)

        def make(peer: Peer = peer) -> tuple:
            return peer.make(), None

        measured.peers.append(timed(peer.name, peer.rule, make, cube, shape, copy=copy, budget=budget, memory=False))
    screen.count(shape.name, total, total)
    return measured


def main() -> None:
    """Run the command."""
    run_app(app, "combiners")


if __name__ == "__main__":
    main()
