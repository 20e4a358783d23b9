"""The output folder: never another run's, and each file whole."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from ensemblekit import OutputExistsError, Predictions
from ensemblekit.files import write_text
from ensemblekit.report import to_csv

from .tables import DISCLAIMER, Report, to_text

__all__ = ["AUDIT", "CONFIG", "prepare", "versions", "write_json", "write_predictions", "write_report"]

AUDIT = "audit.json"
CONFIG = "config.json"
WORTH = ("scores", "comparisons", "confusion", "leak_free", "repeats")
OWN_FILES = (AUDIT, CONFIG, "notes.json", "results.csv", "results.md", *(f"{name}.csv" for name in WORTH))


def prepare(folder: Path, *, overwrite: bool) -> None:
    """Make the folder, or clear another run's results out of it where that is wished.

    A folder where a run failed before it had anything to keep counts as empty.

    Raises
    ------
    OutputExistsError
        If there are results and ``overwrite`` is False, or the folder holds what no run wrote.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputExistsError(f"--out must be a folder; {str(folder)!r} is a file.")
    there = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
    if there and there != [CONFIG]:
        if CONFIG not in there:
            raise OutputExistsError(
                f"--out must be a new or empty folder, or hold an earlier run; {str(folder)!r} holds "
                f"{', '.join(there[:3])}{', ...' if len(there) > 3 else ''}. Choose another."
            )
        if not overwrite:
            raise OutputExistsError(
                f"{str(folder)!r} holds the results of another run. Choose another --out, or give --overwrite to "
                "replace them."
            )
        _clear(folder)
    folder.mkdir(parents=True, exist_ok=True)


def _clear(folder: Path) -> None:
    # Only what a run writes: whatever else was put there stays.
    for path in (*(folder / name for name in OWN_FILES), *folder.glob("*.keras"), *folder.glob(".*.keras")):
        path.unlink(missing_ok=True)
    for path in (folder / "predictions").glob("*.parquet"):
        path.unlink()


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record, whole or not at all."""
    write_text(path, json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def write_predictions(folder: Path, rows: Mapping[str, Mapping[str, Predictions]]) -> None:
    """Write each row's predictions of each split: ``predictions/MODEL.SPLIT.parquet``."""
    (folder / "predictions").mkdir(exist_ok=True)
    for model, by_split in rows.items():
        for split, predictions in by_split.items():
            predictions.save(folder / "predictions" / f"{model}.{split}.parquet")


def write_report(folder: Path, report: Report) -> None:
    """Write every table in full as CSV, ``results.md``, and ``notes.json``, the marks of each row."""
    to_csv(report.results, folder / "results.csv")
    for name in WORTH:
        table = getattr(report.worth, name)
        if table is not None:
            to_csv(table, folder / f"{name}.csv")
    write_text(folder / "results.md", to_text(report))
    write_json(
        folder / "notes.json", {"marks": report.marks, "notes": report.notes, "remarks": [*report.remarks, DISCLAIMER]}
    )


def versions() -> dict[str, str]:
    """Name the versions of what a result depends on."""
    names = ("ensemblekit", "keras", "numpy", "pandas", "pillow", "scikit-learn", "tensorflow")
    return {"python": platform.python_version(), "platform": platform.platform()} | {
        name: metadata.version(name) for name in names
    }
