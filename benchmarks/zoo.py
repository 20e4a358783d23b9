"""Many kinds of Keras models fused, saved, exported and run: a table of differences and of refusals.

``python benchmarks/zoo.py`` prints the table; ``--to docs/model-zoo.md`` writes it into the page.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.command import make_app, run_app
from benchmarks.model_zoo.alone import run_application
from benchmarks.model_zoo.cells import CELLS, is_kept, run_entry, run_keras_alone
from benchmarks.model_zoo.models import APPLICATIONS, ODD
from ensemblekit import EnsembleKitError
from ensemblekit.assembly import quiet_tensorflow

app = make_app()
START, END = "<!-- zoo: begin -->", "<!-- zoo: end -->"


@app.command()
def zoo(
    which: Annotated[list[str] | None, typer.Argument(help="Rows, by parts of their names; by default all.")] = None,
    to: Annotated[
        Path | None, typer.Option(help="A page with the two comments between which the table stands.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 where a cell is a fault.")] = False,
    rows_in: Annotated[
        Path | None, typer.Option("--rows", help="A file that keeps each row, so that a stopped run goes on.")
    ] = None,
    limit: Annotated[
        float, typer.Option(min=1, help="Seconds after which a cell of an application is given up.")
    ] = 600,
) -> None:
    """Try each model with each way, and print a Markdown table."""
    known = {} if rows_in is None or not rows_in.is_file() else dict(map(json.loads, rows_in.open(encoding="utf-8")))
    with quiet_tensorflow():
        import keras  # noqa: F401
    asked = [name for name in [*APPLICATIONS, *ODD] if not which or any(part in name for part in which)]
    rows = {name: known[name] for name in asked if name in known}
    with tempfile.TemporaryDirectory() as folder:
        folders: dict[str, Path] = {}
        for number, name in enumerate(name for name in asked if name not in rows):
            own = Path(folder) / str(number)
            own.mkdir()
            if name in APPLICATIONS:
                rows[name] = run_application(name, own, limit=limit)
                shutil.rmtree(own)
                _keep(rows_in, {name: rows[name]})
            else:
                folders[name] = own
                rows[name] = run_entry(ODD[name](), own)
        for name, cell in run_keras_alone(folders).items():
            rows[name]["Keras alone"] = cell
        _keep(rows_in, {name: rows[name] for name in folders})
    rows = {name: rows[name] for name in asked}
    table = as_markdown(rows)
    if to is None:
        print(table)
    else:
        page = to.read_text(encoding="utf-8")
        before, after = page.split(START)[0], page.split(END)[1]
        to.write_text(f"{before}{START}\n{table}\n{END}{after}", encoding="utf-8")
    faults = [f"{name}, {cell}: {said}" for name, row in rows.items() for cell, said in row.items()
              if not is_kept(said, half="float" in name)]  # fmt: skip
    for fault in faults:
        print(fault, file=sys.stderr)
    if check and faults:
        raise EnsembleKitError(f"{len(faults)} cells are faults.")


def _keep(file: Path | None, rows: Mapping[str, Mapping[str, str]]) -> None:
    for name, row in rows.items():
        print(name, row, file=sys.stderr, flush=True)
    if file is not None:
        with file.open("a", encoding="utf-8") as kept:
            kept.writelines(json.dumps([name, row]) + "\n" for name, row in rows.items())


def as_markdown(rows: dict[str, dict[str, str]]) -> str:
    """Write the table, with the refusals below it."""
    lines: list[str] = []
    notes: dict[str, int] = {}
    for name, row in rows.items():
        cells = []
        for cell in CELLS:
            # What is refused has no file for the cells behind it.
            refused = (text for text in (row.get("saved"), row["fuse"]) if text and not text[:1].isdigit())
            said = row.get(cell) or next(refused, "not tried.")
            said = re.sub(r"'[^']*/([^/']+)'", r"'\1'", said)
            if said[:1].isdigit():
                cells.append(said)
            else:
                cells.append(f"({notes.setdefault(said, len(notes) + 1)})")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    head = [f"| members | {' | '.join(CELLS)} |", f"|---|{'---|' * len(CELLS)}"]
    below = [f"{number}. {text}" for text, number in notes.items()]
    return "\n".join([*head, *lines, "", *below])


def main() -> None:
    """Run the command."""
    run_app(app, "zoo")


if __name__ == "__main__":
    main()
