"""The speed of alignment, beside what other libraries do with the same rows: joins, reindexing, a bare copy.

``python benchmarks/alignment.py`` draws five members of a million rows and four classes, and takes about a minute. Each
pair is timed in turn, several times; the best of each is shown.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ensemblekit import Predictions, align, combine
from ensemblekit.report import print_table

CLASSES = ["adenocarcinoma", "large cell", "normal", "squamous"]
MEMBERS = 5
SHORTEST = 0.005
"""Seconds: a quicker call is repeated between two readings of the clock, and timed more often."""
OFTEN = 20
"""How many times as often: else one interruption by another program is all that is measured."""
Call = Callable[[], Any]


def main(
    rows: Annotated[int, typer.Option(help="Rows of each member.", min=1000)] = 1_000_000,
    csv_rows: Annotated[int, typer.Option(help="Rows of the CSV file of ten classes.", min=100)] = 300_000,
    repeats: Annotated[int, typer.Option(help="How often each call is timed.", min=1)] = 5,
    only: Annotated[str, typer.Option(help="Measure only what has this in its name.")] = "",
) -> None:
    """Align, construct, combine and store predictions; print the times, and how many times those of the other."""
    with tempfile.TemporaryDirectory() as folder:
        table = list(measured(rows, csv_rows, Path(folder), repeats, only))
    title = f"{MEMBERS} members of {rows:,} rows, {len(CLASSES)} classes"
    print_table(pd.DataFrame(table), title=title, console=Console())


def measured(rows: int, csv_rows: int, folder: Path, repeats: int, only: str) -> Iterator[dict[str, object]]:
    """Time each pair whose name has this in it; yield its row of the table."""
    for what, asked, ours, other, theirs in (*alignments(rows), *files(csv_rows, folder)):
        if only in what:
            own, peer = in_turn(ours, theirs, repeats)
            yield row(what, own, f"{asked:g} x {other}", peer, own / peer <= asked)
    for what, asked, ours in limits(rows):
        if only in what:
            own, _ = in_turn(ours, lambda: None, repeats)
            yield row(what, own, f"{asked * 1000:g} ms", None, own <= asked)


def row(what: str, own: float, asked: str, peer: float | None, holds: bool) -> dict[str, object]:
    """Make a row of the table, in milliseconds."""
    return {
        "what": what,
        "ensemblekit, ms": round(own * 1000, 3),
        "the other, ms": "" if peer is None else round(peer * 1000, 3),
        "times": "" if peer is None else round(own / peer, 2),
        "at most": asked,
        "holds": "yes" if holds else "no",
    }


def in_turn(ours: Call, theirs: Call, repeats: int) -> tuple[float, float]:
    """Time two calls one after the other; return the best seconds of each."""
    calls = (ours, theirs)
    for call in calls:
        call()  # plugins are loaded by the first call
    times = [[seconds(call, 1)] for call in calls]
    numbers = [1 + int(SHORTEST / first) for (first,) in times]
    if times[0][0] < SHORTEST:
        repeats *= OFTEN
    for _ in range(repeats - 1):
        for call, number, own in zip(calls, numbers, times, strict=True):
            own.append(seconds(call, number))
    return min(times[0]), min(times[1])


def seconds(call: Call, number: int) -> float:
    """Time a call, repeated between two readings of the clock."""
    start = time.perf_counter()
    result = None
    for _ in range(number):
        result = call()
    taken = (time.perf_counter() - start) / number
    del result  # after the clock is read: freeing it is not part of the call
    return taken


def alignments(rows: int) -> Iterator[tuple[str, float, Call, str, Call]]:
    """Draw members with ids in another order each, and in one; yield what to time."""
    random = np.random.default_rng(0)
    probas = [random.dirichlet(np.ones(len(CLASSES)), rows) for _ in range(MEMBERS)]
    kinds = {
        "text": np.array([f"test/normal/{i:08d}" for i in range(rows)]),
        "whole numbers": np.arange(rows),
        "scattered numbers": np.unique(random.integers(0, 2**62, rows + rows // 100))[:rows],
    }
    for kind, ids in kinds.items():
        members = named(probas, [ids[random.permutation(rows)] for _ in probas])
        if kind == "text":
            yield f"{kind}, other orders", 1.5, lambda m=members: align(m), "polars joins", polars_joins(members)
        else:
            yield f"{kind}, other orders", 2, lambda m=members: align(m), "pandas reindex", pandas_reindex(members)
        members = named(probas, [ids] * MEMBERS)
        yield f"{kind}, equal order", 1.2, lambda m=members: align(m), "copy of the cube", copy_of_cube(members)


def named(probas: list[np.ndarray], ids: list[np.ndarray]) -> list[Predictions]:
    """Make predictions of each array."""
    return [
        Predictions(p, ids=own, classes=CLASSES, member=f"m{place}")
        for place, (p, own) in enumerate(zip(probas, ids, strict=True))
    ]


def polars_joins(members: list[Predictions]) -> Call:
    """Join the columns of all members to the rows of the first."""
    import polars as pl

    frames = [
        pl.DataFrame({"id": p.ids.tolist()} | {f"{c} {p.member}": p.probas[:, i] for i, c in enumerate(CLASSES)})
        for p in members
    ]

    def join() -> Any:
        joined = frames[0]
        for frame in frames[1:]:
            joined = joined.join(frame, on="id", how="left", maintain_order="left")
        return joined

    return join


def pandas_reindex(members: list[Predictions]) -> Call:
    """Bring the rows of each member to the order of the first, as one cube."""
    frames = [pd.DataFrame(p.probas, index=pd.Index(p.ids), columns=CLASSES) for p in members]
    first = frames[0].index
    return lambda: np.stack([frames[0].to_numpy(), *(frame.reindex(first).to_numpy() for frame in frames[1:])])


def copy_of_cube(members: list[Predictions]) -> Call:
    """Copy the values of all members to one array."""
    return lambda: np.stack([p.probas for p in members])


def files(rows: int, folder: Path) -> Iterator[tuple[str, float, Call, str, Call]]:
    """Draw a table of ten classes; yield how it is read and written."""
    import pyarrow as pa
    import pyarrow.csv as pc

    random = np.random.default_rng(0)
    names = [f"class {i}" for i in range(10)]
    p = Predictions(
        random.dirichlet(np.ones(10), rows), ids=[f"test/{i:08d}" for i in range(rows)], classes=names, member="m"
    )
    ours, theirs = folder / "ours.csv", folder / "theirs.csv"
    arrow: Any = pc
    table = pa.table({"id": p.ids.tolist()} | {name: p.probas[:, i] for i, name in enumerate(names)})
    p.save(ours)
    arrow.write_csv(table, theirs)
    yield (
        "CSV file, save", 2.5, lambda: p.save(ours, overwrite=True), "pyarrow", lambda: arrow.write_csv(table, theirs),
    )  # fmt: skip
    yield "CSV file, load", 2, lambda: Predictions.load(ours), "pyarrow", lambda: arrow.read_csv(theirs)


def limits(rows: int) -> Iterator[tuple[str, float, Call]]:
    """Yield what must take at most so many seconds on this machine."""
    random = np.random.default_rng(0)
    probas = random.dirichlet(np.ones(len(CLASSES)), rows)
    ids = np.array([f"test/normal/{i:08d}" for i in range(rows)])[random.permutation(rows)]
    for kind, given in {"array": ids, "list": ids.tolist()}.items():
        yield f"Predictions of an {kind} of text ids", 0.3, lambda g=given: Predictions(probas, ids=g, classes=CLASSES)
    wide = [f"class {i}" for i in range(10_000)]
    members = [
        Predictions(random.dirichlet(np.ones(10_000), 20), ids=np.arange(20), classes=names, member=f"m{place}")
        for place, names in enumerate([wide, wide[::-1], wide, wide[::-1], wide])
    ]
    yield "10,000 classes, 20 rows, other orders", 0.05, lambda: align(members)
    few = [Predictions(probas[i : i + 1], ids=["a"], classes=CLASSES, member=f"m{i}") for i in range(2)]
    yield "combine two members of one row", 100e-6, lambda: combine(few, "mean")


if __name__ == "__main__":
    typer.run(main)
