"""Who keeps which promise: functions of other packages, tried by `ensemblekit.testing.check_foreign`.

``make bench-referee`` runs it in an environment of its own, as the packages need others than ours. It writes
``docs/referee.md``. ``python benchmarks/referee.py --only ranx`` prints the reports of one package instead.

Examples are drawn from one seed, text is hashed by one (``PYTHONHASHSEED=0``), and the limits of time are so far away
that the page is the same whenever it is made with the same versions.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.foreign.adapters import ADAPTERS
from benchmarks.foreign.notes import NOTES
from ensemblekit.testing import ForeignReport, check_foreign

REPO = Path(__file__).resolve().parent.parent
PAGE = REPO / "docs" / "referee.md"
MARKS = ("<!-- figures: made by benchmarks/referee.py -->", "<!-- end of figures -->")
SECONDS = 60.0


def examine(adapter: Any, shape: str, options: dict[str, Any], *, max_examples: int) -> ForeignReport:
    """Try one adapter; what it prints is not shown."""
    code = f"{inspect.getsource(adapter)}\n\nfunction = {adapter.__name__}"
    with contextlib.redirect_stdout(io.StringIO()):
        # The first call compiles, and is not limited in time.
        with contextlib.suppress(Exception):
            adapter([{"q1": {"a": 2.0, "b": 1.0}}] * 2, *([[1.0, 1.0]] if options.get("weighted", True) else []))
        return check_foreign(adapter, shape, code=code, seconds=SECONDS, max_examples=max_examples, **options)


def table(reports: dict[tuple[str, str], ForeignReport]) -> str:
    """Write who keeps and breaks what, one row a function."""
    lines = ["| package | function | shape | kept | broken |", "|---|---|---|---|---|"]
    for (package, name), report in reports.items():
        broken = ", ".join(f"`{promise}`" for promise in report.broken) or "none"
        lines.append(
            f"| {package} {version(package)} | {name} | {report.shape} "
            f"| {len(report.kept)} of {len(report.kept) + len(report.broken)} | {broken} |"
        )
    return "\n".join(lines)


def section(package: str, name: str, report: ForeignReport) -> str:
    """Write each broken promise of a function, what is documented about it, and the example."""
    parts = [f"### {package}: {name}"]
    for promise in report.broken:
        note = NOTES.get((package, name, promise), "Whether this is documented was not looked up.")
        parts.append(f"`{promise}`: {report.found[promise].rstrip('.')}. {note}")
        parts.append(f"```text\n{report.examples[promise].rstrip()}\n```")
    return "\n\n".join(parts)


def write_page(reports: dict[tuple[str, str], ForeignReport]) -> None:
    """Write the figures into the page, between its marks."""
    before, rest = PAGE.read_text().split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    sections = [section(*key, report) for key, report in reports.items() if report.broken]
    figures = "\n\n".join([table(reports), "## The examples", *sections])
    PAGE.write_text(f"{before}{MARKS[0]}\n\n{figures}\n\n{MARKS[1]}{after}")


def main(
    only: Annotated[str | None, typer.Option(help="Print the reports of one package, and write no page.")] = None,
    examples: Annotated[int, typer.Option(help="Examples a promise; three times as many of boxes.")] = 40,
) -> None:
    """Try the functions, and write the page."""
    if os.environ.get("PYTHONHASHSEED") != "0":  # some functions break ties by the hash of a name
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})  # noqa: S606
    reports: dict[tuple[str, str], ForeignReport] = {}
    for package, functions in ADAPTERS.items():
        if only in (None, package):
            for name, (adapter, shape, options) in functions.items():
                started = time.perf_counter()
                n = 3 * examples if shape == "boxes" else examples  # few boxes that are drawn overlap
                report = reports[package, name] = examine(adapter, shape, options, max_examples=n)
                took = f"{time.perf_counter() - started:.0f} s"
                broken = ", ".join(report.broken) or "none"
                print(report if only else f"{package} {name}: broken {broken} ({took})", flush=True)
    if only is None:
        write_page(reports)


if __name__ == "__main__":
    typer.run(main)
