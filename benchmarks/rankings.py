"""The speed of fusing rankings: against plain NumPy in the same run, and ranx where it is installed.

``python benchmarks/rankings.py`` draws 17 runs of 1,500 queries and 1,000 items a query, 25.5 million rows, and fuses
them by reciprocal ranks, from columns in memory to the sorted result: what is read, checked and built counts too. Each
figure is the best of several repeats, taken in turn. The largest difference between the scores is printed.

ranx needs numba, so that it goes into an environment of its own, with this package: ``pip install ranx``.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.command import make_app, run_app
from ensemblekit.ranking import Run, fuse_runs
from ensemblekit.report import to_markdown

COLLECTION = 8_800_000
"""Items of which those of a query are drawn: as many as MS MARCO has passages."""
Table = dict[str, np.ndarray]

app = make_app()


def draw(member: int, n_queries: int, depth: int, candidates: int) -> Table:
    """Draw a run as columns in the order that a search engine writes: by query, from the best to the worst.

    Members return ``depth`` of the same candidates of a query, so that they share some items.
    """
    rng = np.random.default_rng(member)
    item = np.empty((n_queries, depth), dtype=np.int64)
    for query in range(n_queries):
        known = (query * 5801 + np.arange(candidates, dtype=np.int64) * 2203) % COLLECTION
        item[query] = rng.permutation(known)[:depth]
    score = -np.sort(-rng.random((n_queries, depth)), axis=1)
    return {"query": np.arange(n_queries).repeat(depth), "item": item.ravel(), "score": score.ravel()}


def plain(tables: dict[str, Table], k: float = 60.0) -> Table:
    """Fuse by reciprocal ranks in plain NumPy, as one would write it; the runs must be in order."""
    query, item = (np.concatenate([table[name] for table in tables.values()]) for name in ("query", "item"))
    parts: list[np.ndarray] = []
    for table in tables.values():
        starts = np.flatnonzero(np.diff(table["query"], prepend=-1))
        lengths = np.diff(starts, append=len(table["query"]))
        parts.append(1 / (k + 1 + np.arange(len(table["query"])) - starts.repeat(lengths)))
    key = query * COLLECTION + item
    order = np.argsort(key)
    key = key[order]
    starts = np.flatnonzero(np.diff(key, prepend=-1))
    scores = np.add.reduceat(np.concatenate(parts)[order], starts)
    query, item = np.divmod(key[starts], COLLECTION)
    order = np.lexsort((-item, -scores, query))
    return {"query": query[order], "item": item[order], "score": scores[order]}


def timed(functions: dict[str, Callable[[], Any]], repeats: int) -> tuple[dict[str, float], dict[str, Any]]:
    """Call functions in turn; return the best time of each, and what it returned."""
    best = dict.fromkeys(functions, np.inf)
    found: dict[str, Any] = {}
    for _ in range(repeats):
        for name, function in functions.items():
            found.pop(name, None)
            started = time.perf_counter()
            found[name] = function()
            best[name] = min(best[name], time.perf_counter() - started)
    return best, found


def with_text(tables: dict[str, Table]) -> dict[str, pd.DataFrame]:
    """Make the names text, as a reader of TREC files has them."""
    import pyarrow as pa

    made: dict[str, pd.DataFrame] = {}
    for name, table in tables.items():
        text = {key: pa.array(table[key]).cast(pa.string()) for key in ("query", "item")}
        made[name] = pa.table({**text, "score": table["score"]})  # pyright: ignore[reportArgumentType]
    return made


def ranx_rows(tables: dict[str, Table], repeats: int) -> list[dict[str, Any]]:
    """Measure ranx: the time to build its runs, and to fuse them once it is compiled."""
    import ranx

    started = time.perf_counter()
    runs: list[Any] = []
    for name, table in tables.items():
        frame = pd.DataFrame({key: table[key] if key == "score" else table[key].astype(str) for key in table})
        runs.append(ranx.Run.from_df(frame, q_id_col="query", doc_id_col="item", score_col="score", name=name))
    built = time.perf_counter() - started
    # The method is compiled in the first call.
    best, _ = timed({"fuse": lambda: ranx.fuse(runs, norm=None, method="rrf")}, repeats + 1)
    return [{"what": "ranx: build", "seconds": built}, {"what": "ranx: fuse, compiled", "seconds": best["fuse"]}]


@app.command()
def rankings(
    members: Annotated[int, typer.Option(help="Number of runs.", min=1)] = 17,
    queries: Annotated[int, typer.Option(help="Queries of a run.", min=1)] = 1500,
    depth: Annotated[int, typer.Option(help="Items of a query.", min=1)] = 1000,
    candidates: Annotated[int, typer.Option(help="Items of which a member returns some.", min=1)] = 4000,
    repeats: Annotated[int, typer.Option(help="Repeats, of which the best counts.", min=1)] = 5,
    text: Annotated[bool, typer.Option("--text", help="Also with names that are text.")] = False,
    with_ranx: Annotated[bool, typer.Option("--ranx", help="Also ranx, if it is installed.")] = False,
) -> None:
    """Fuse runs, and print the time of each way and its share of that of plain NumPy."""
    tables = {f"m{member:02d}": draw(member, queries, depth, max(depth, candidates)) for member in range(members)}
    runs = {name: Run(table) for name, table in tables.items()}
    ways: dict[str, Callable[[], Any]] = {
        "plain NumPy, rrf": lambda: plain(tables),
        "end to end, rrf": lambda: fuse_runs(tables, "rrf"),
        "end to end, comb_sum": lambda: fuse_runs(tables, "comb_sum"),
        "end to end, comb_mnz": lambda: fuse_runs(tables, "comb_mnz"),
        "from runs, rrf": lambda: fuse_runs(runs, "rrf"),
        "from runs, rrf, one thread": lambda: fuse_runs(runs, "rrf", n_jobs=1),
    }
    best, found = timed(ways, repeats)
    ours, other = found["end to end, rrf"], found["plain NumPy, rrf"]
    apart = float(np.abs(ours.score - other["score"]).max())
    if text:
        frames = with_text(tables)
        best |= timed({"end to end, rrf, text": lambda: fuse_runs(frames, "rrf")}, min(repeats, 2))[0]
    rows = [{"what": name, "seconds": seconds} for name, seconds in best.items()]
    if with_ranx and importlib.util.find_spec("ranx"):
        rows += ranx_rows(tables, 2)
    table = pd.DataFrame(rows)
    table["times plain NumPy"] = (table["seconds"] / best["plain NumPy, rrf"]).round(2)
    table["seconds"] = table["seconds"].round(2)
    n_rows, n_cores = members * queries * depth, len(os.sched_getaffinity(0))
    typer.echo(f"{n_rows:,} rows of {members} runs, {len(ours):,} fused, on {n_cores} cores.\n")
    typer.echo(to_markdown(table))
    typer.echo(f"\nScores differ by {apart:.1g} at most.")


def main() -> None:
    """Run the command."""
    run_app(app, "rankings")


if __name__ == "__main__":
    main()
