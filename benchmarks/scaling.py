"""Combining prediction files that do not fit in memory: peak memory, and time as a multiple of reading them once.

``python benchmarks/scaling.py --rows 50000000`` draws five members of so many rows, 6 GB of files.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ensemblekit.report import print_table

CLASSES = ["adenocarcinoma", "large cell", "normal", "squamous"]
CHUNK = 2**20
RUN = """
import json, sys
from ensemblekit.scaling import combine_files
done = combine_files(sys.argv[2:], "mean", sys.argv[1], overwrite=True)
peak = [line for line in open("/proc/self/status") if line.startswith("VmHWM")][0].split()[1]
print(json.dumps({"seconds": done.seconds, "joined": done.joined, "rows": done.n_rows, "peak": int(peak) * 1024}))
"""


def main(
    rows: Annotated[int, typer.Option(help="Rows of each member.", min=1000)] = 2_000_000,
    members: Annotated[int, typer.Option(help="How many members.", min=2)] = 5,
    folder: Annotated[Path | None, typer.Option(help="Where the files are drawn; removed at the end.")] = None,
    orders: Annotated[str, typer.Option(help="rising, same, other or all: how the rows are ordered.")] = "all",
    repeats: Annotated[int, typer.Option(help="Pairs of a read and a combination; the median is shown.", min=1)] = 3,
) -> None:
    """Draw, read once with DuckDB, and combine: ids ascending, in one other order, in another for each member."""
    table: list[dict[str, object]] = []
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    kinds = {"rising": "the same, rising", "same": "the same, shuffled", "other": "another for each"}
    names = {**{kind: (name,) for kind, name in kinds.items()}, "all": tuple(kinds.values())}
    for order in names[orders]:
        with tempfile.TemporaryDirectory(dir=folder) as name:
            steps = {
                kinds["rising"]: [0] * members,
                kinds["same"]: [1] * members,
                kinds["other"]: range(1, members + 1),
            }
            files = [draw(Path(name), member, rows, step) for member, step in enumerate(steps[order])]
            os.sync()  # what was drawn is not written to the disk while something else is measured
            command = [sys.executable, "-c", RUN, str(Path(name) / "out.parquet"), *map(str, files)]
            pairs = pd.DataFrame([{"read": read_once(files), **run(command)} for _ in range(repeats)])
            size = sum(f.stat().st_size for f in files)
        table.append(
            {
                "order of rows": order,
                "files, GB": f"{size / 1e9:.2f}",
                "read once, s": f"{pairs['read'].median():.1f}",
                "combined, s": f"{pairs['seconds'].median():.1f}",
                "times": f"{(pairs['seconds'] / pairs['read']).median():.1f}",
                "peak, GiB": f"{pairs['peak'].max() / 2**30:.2f}",
            }
        )
    print_table(
        pd.DataFrame(table), title=f"{members} members of {rows:,} rows, {len(CLASSES)} classes", console=Console()
    )


def run(command: list[str]) -> dict[str, float]:
    """Combine in a process of its own; return its seconds and its peak memory in bytes."""
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603


def draw(folder: Path, member: int, rows: int, order: int) -> Path:
    """Write one member's predictions, whole numbers as ids, ascending (order 0) or in another order (1, 2, ...)."""
    from ensemblekit import Predictions
    from ensemblekit.predictions.formats import TableWriter

    path = folder / f"member-{member}.parquet"
    step = next(s for s in range(rows // 3 + order, rows) if np.gcd(s, rows) == 1) if order else 1
    random = np.random.default_rng(member)
    with path.open("wb") as file, TableWriter(file) as writer:
        for start in range(0, rows, CHUNK):
            places = np.arange(start, min(start + CHUNK, rows), dtype=np.int64)
            ids = places * step % rows
            probas = random.random((len(ids), len(CLASSES)), dtype=np.float32)
            probas /= probas.sum(axis=1, keepdims=True)
            writer.write(Predictions(probas, ids=ids, classes=CLASSES, member=f"member-{member}"))
    return path


def read_once(files: list[Path]) -> float:
    """Sum every column of every file with DuckDB; return the seconds."""
    import duckdb

    start = time.perf_counter()
    for file in files:
        columns = ", ".join(f'sum("proba:{name}")' for name in CLASSES)
        with contextlib.chdir(file.parent):  # DuckDB reads patterns and partitions into a path
            rows = f"read_parquet('{file.name}', hive_partitioning=false)"
            duckdb.sql(f"SELECT sum(id), {columns} FROM {rows}").fetchall()  # noqa: S608
    return time.perf_counter() - start


if __name__ == "__main__":
    typer.run(main)
