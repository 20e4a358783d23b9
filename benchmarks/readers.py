"""Four readers of 1,018 CT scans: their 6,859 marks matched into nodules, and how far they agree.

Run it from a checkout: ``make bench-readers``, which gets the marks first. ``--page`` writes the tables into
``docs/readers.md``. It takes some seconds.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.command import make_app, run_app
from benchmarks.lidc import READERS, find_file, read_marks
from ensemblekit.crowd import krippendorff_alpha, leave_one_rater_out
from ensemblekit.files import write_text
from ensemblekit.matching import Matched, Regions, match_regions
from ensemblekit.report import to_markdown

app = make_app()

BOX = ("x1", "y1", "z1", "x2", "y2", "z2")
RULES: dict[str, dict[str, Any]] = {
    "boxes share anything": {"threshold": 0.0},
    "the same, optimal": {"threshold": 0.0, "method": "optimal"},
    "IoU above 0.1": {"threshold": 0.1},
    "IoU above 0.1, with all of the row": {"threshold": 0.1, "linkage": "complete"},
    "centres at most 5 mm apart": {"measure": "distance", "threshold": 5.0},
}
PUBLISHED = {"marked": "2669", "4 readers": "928"}
"""Nodules of at least 3 mm: Armato et al., Medical Physics 38(2), 2011."""
BEGIN, END = "<!-- from benchmarks/readers.py -->", "<!-- to here -->"


def regions_of(marks: pd.DataFrame, scans: list[int]) -> Regions:
    """Make regions of the marks; all four have read all scans."""
    return Regions(
        marks, case="scan", box=BOX, ratings=["malignancy", "subtlety", "texture"],
        read=dict.fromkeys(READERS, scans),
    )  # fmt: skip


def counts_table(regions: Regions) -> tuple[pd.DataFrame, Matched]:
    """Match by each rule; count the rows by number of readers. Also return the rows of the first rule."""
    rows: list[dict[str, Any]] = []
    first: Matched | None = None
    for name, options in RULES.items():
        start = time.perf_counter()
        found = match_regions(regions, **options)
        seconds = time.perf_counter() - start
        first = first or found
        by_number = np.bincount(found.n_marked, minlength=5)[1:5]
        rows.append({
            "rule": name, "marked": str(len(found)),
            **{f"{k} reader{'s' * (k > 1)}": str(n) for k, n in enumerate(by_number.tolist(), 1)},
            "seconds": f"{seconds:.2f}",
        })  # fmt: skip
    assert first is not None  # noqa: S101 - for the type checker
    published = {"rule": "published", **PUBLISHED}
    return pd.concat([pd.DataFrame(rows), pd.DataFrame([published])], ignore_index=True), first


def agreement_table(matched: Matched) -> pd.DataFrame:
    """Compute the agreement on ratings, with intervals over scans, and beside them over nodules."""
    scan_of = dict(zip(matched.ids.tolist(), matched.regions.cases[matched.case].tolist(), strict=True))
    rows: list[dict[str, Any]] = []
    for what in ("malignancy", "subtlety", "texture"):
        votes = matched.votes(what)
        found = krippendorff_alpha(votes, level="ordinal", groups=scan_of)
        alone = krippendorff_alpha(votes, level="ordinal")
        rows.append({
            "rating": what, "nodules": found.n_items, "scans": found.n_groups, "ratings": found.n_votes,
            "alpha": f"{found.value:.3f}", "interval over scans": f"{found.low:.3f} to {found.high:.3f}",
            "over nodules": f"{alone.low:.3f} to {alone.high:.3f}",
        })  # fmt: skip
    return pd.DataFrame(rows)


def left_out_table(matched: Matched) -> pd.DataFrame:
    """Tell how each position agrees with the majority of the other three, on malignancy and on whether it is there."""
    rows: list[dict[str, Any]] = []
    for what, votes in (("malignancy", matched.votes("malignancy")), ("nodule or not", matched.presence())):
        table = leave_one_rater_out(votes)
        for reader, row in table.iterrows():
            rows.append({
                "vote": what, "left out": reader, "compared": int(row["n"]), "agreement": f"{row['agreement']:.3f}",
                "interval": f"{row['low']:.3f} to {row['high']:.3f}", "by chance": f"{row['chance']:.3f}",
                "verdict": row["verdict"],
            })  # fmt: skip
    return pd.DataFrame(rows)


def as_page(counts: pd.DataFrame, agreement: pd.DataFrame, left_out: pd.DataFrame) -> str:
    """Write the tables of the page."""
    shown = counts.astype(object).where(counts.notna(), "")
    return "\n\n".join(to_markdown(table).strip() for table in (shown, agreement, left_out))


def into_page(text: str, tables: str) -> str:
    """Put the tables between the marks of a page."""
    head, rest = text.split(BEGIN)
    return f"{head}{BEGIN}\n\n{tables}\n\n{END}{rest.split(END)[1]}"


@app.command()
def readers(
    page: Annotated[bool, typer.Option(help="Write the tables into docs/readers.md.")] = False,
) -> None:
    """Match the marks of four readers into nodules, and measure how far the readers agree."""
    start = time.perf_counter()
    marks, scans = read_marks(find_file())
    regions = regions_of(marks, scans)
    counts, matched = counts_table(regions)
    tables = as_page(counts, agreement_table(matched), left_out_table(matched))
    typer.echo(tables)
    Console(stderr=True).print(
        f"{len(marks)} marks on {marks['scan'].nunique()} of {len(scans)} scans, {time.perf_counter() - start:.1f} s "
        f"in all"
    )
    if page:
        path = Path(__file__).resolve().parent.parent / "docs" / "readers.md"
        write_text(path, into_page(path.read_text(encoding="utf-8"), tables))


if __name__ == "__main__":
    run_app(app, "readers")
