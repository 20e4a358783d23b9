"""The output folder: one run's alone, never another's results, and each file whole."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from ensemblekit import InvalidOptionError
from ensemblekit.errors import OutputExistsError
from ensemblekit.files import is_leftover, remove_leftovers, write_text
from ensemblekit.report import to_csv

from .config import CONFIG, is_config
from .pieces import RECORDS, write_json, writing
from .settings import BEST_FILE
from .tables import DISCLAIMER, Report, to_text

__all__ = ["AUDIT", "PAGE", "REPEATS", "clear_leftovers", "hold", "prepare", "report_files", "write_report"]

AUDIT = "audit.json"
PAGE = "report.html"
REPEATS = "repeats"
WORTH = ("scores", "comparisons", "confusion", "leak_free", "repeats")
LOCK = "lock"
REPORT = ("results.csv", "results.md", "notes.json")


@contextmanager
def hold(folder: Path) -> Generator[None]:
    """Make the folder of a run where it is not there, and keep other runs out of it for as long as this one lives.

    Raises
    ------
    OutputExistsError
        If another run is at work in it, or it holds what no run wrote.
    UnwritableError
        If it cannot be made.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputExistsError(f"--out must be a folder; {str(folder)!r} is a file.")
    there = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
    others = [folder / name for name in there if name != RECORDS or not _is_begun(folder / RECORDS)]
    if not (is_config(folder) or all(map(is_leftover, others))) or (folder / RECORDS).is_symlink():
        raise OutputExistsError(
            f"--out must be a new or empty folder, or hold an earlier run; {str(folder)!r} holds "
            f"{', '.join(there[:3])}{', ...' if len(there) > 3 else ''}. Choose another."
        )
    with writing("the results", folder):
        (folder / RECORDS).mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / RECORDS / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    try:
        _lock(lock, folder)
        yield
    finally:
        os.close(lock)  # the lock is gone with it, as it is with a process that is killed


def _is_begun(records: Path) -> bool:
    """Say whether a run was killed here before it had written anything but its lock."""
    return records.is_dir() and not records.is_symlink() and all(p.name == LOCK for p in records.iterdir())


def _lock(lock: int, folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        process = os.pread(lock, 20, 0).decode(errors="replace").strip()
        raise OutputExistsError(
            f"--out must be one run's alone; another is at work in {str(folder)!r}"
            f"{f' (process {process})' if process else ''}. Wait for its end, or choose another."
        ) from None
    with writing("the results", folder):
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)


def prepare(folder: Path, *, overwrite: bool, resume: bool) -> bool:
    """Look at what is in the folder, and clear another run's results out of it where that is wished.

    A folder where a run ended before it had anything to keep counts as empty.

    Returns
    -------
    bool
        Whether there are pieces to go on with.

    Raises
    ------
    OutputExistsError
        If there are results or pieces, and neither ``overwrite`` nor ``resume``.
    """
    if overwrite and resume:
        raise InvalidOptionError(
            "--resume keeps what is finished and --overwrite replaces it; received both. Give one."
        )
    with writing("the results", folder):
        clear_leftovers(folder)
    pieces = list(folder.glob(f"**/{RECORDS}/*.json"))
    results = [p for p in (folder / name for name in REPORT) if p.exists()]
    # A model may have been kept, and the run killed before its record was written.
    nothing = not pieces and not results and (resume or not list(folder.glob("*.keras")))
    if overwrite or nothing:
        with writing("the results", folder):
            _clear(folder)
        return False
    if resume and not pieces:
        raise OutputExistsError(
            f"--resume needs the records of finished pieces; {str(folder)!r} holds results without them. Choose "
            "another --out, or give --overwrite to replace them."
        )
    if not resume:
        _refuse(folder, len(pieces))
    return True


def _refuse(folder: Path, n_pieces: int) -> None:
    try:
        finished = json.loads((folder / CONFIG).read_text(encoding="utf-8"))["status"] == "finished"
    except (OSError, ValueError, LookupError, TypeError):
        finished = False
    if finished:
        raise OutputExistsError(
            f"{str(folder)!r} holds the results of another run. Choose another --out, or give --overwrite to replace "
            "them, or --resume to see them again."
        )
    raise OutputExistsError(
        f"{str(folder)!r} holds a run that did not come to its end; {n_pieces} of its pieces are finished. Give "
        "--resume to go on with it, or --overwrite to start anew, or choose another --out."
    )


def clear_leftovers(folder: Path) -> None:
    """Remove what a killed run was just writing."""
    # Not all below it: a bank may be there too, where others write.
    for where in (
        folder,
        *(found for pattern in ("*", f"{REPEATS}/*", f"{REPEATS}/*/*") for found in folder.glob(pattern)),
    ):
        if where.is_dir():
            remove_leftovers(where)


def _clear(folder: Path) -> None:
    # Only what a run has recorded: whatever else was put there stays. Records go first: none tells of what is gone.
    named: set[str] = set()
    for path in () if (folder / RECORDS).is_symlink() else (folder / RECORDS).glob("*.json"):
        with suppress(
            OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError
        ):  # else it is no record
            record = json.loads(path.read_text(encoding="utf-8"))
            if record["depends"].keys() >= {"basis"}:
                named.update(record["files"])
                path.unlink()
    for pattern in ("*.keras", "predictions/*.parquet", "histories/*.csv"):
        for path in folder.glob(pattern):
            if path.relative_to(folder).as_posix() in named and not path.parent.is_symlink():
                path.unlink()
    for name in (*REPORT, AUDIT, PAGE, BEST_FILE, *(f"{name}.csv" for name in WORTH), CONFIG):
        (folder / name).unlink(missing_ok=True)
    for path in () if (folder / REPEATS).is_symlink() else (folder / REPEATS).glob("*"):
        if path.name.isdigit() and path.is_dir() and not path.is_symlink():
            _clear(path)


def report_files(report: Report) -> list[str]:
    """Name the files that `write_report` writes."""
    return [*REPORT, *(f"{name}.csv" for name in WORTH if getattr(report.worth, name) is not None)]


def write_report(folder: Path, report: Report) -> None:
    """Write every table in full as CSV, ``results.md``, and ``notes.json``, the marks of each row."""
    to_csv(report.results, folder / "results.csv")
    for name in WORTH:
        table = getattr(report.worth, name)
        if table is None:
            (folder / f"{name}.csv").unlink(missing_ok=True)  # of the same run with other options
        else:
            to_csv(table, folder / f"{name}.csv")
    write_text(folder / "results.md", to_text(report))
    write_json(
        folder / "notes.json", {"marks": report.marks, "notes": report.notes, "remarks": [*report.remarks, DISCLAIMER]}
    )
