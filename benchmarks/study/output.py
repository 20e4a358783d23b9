"""The output folder: one run at a time, and an earlier run's results are replaced only when asked for."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ensemblekit import InvalidOptionError
from ensemblekit.errors import OutputExistsError
from ensemblekit.files import is_leftover, locked_file, open_folder, remove_leftovers

from .config import CONFIG, is_config
from .pieces import RECORDS, writing
from .settings import BEST_CSV, BEST_FILE, CANDIDATES_CSV

AUDIT = "audit.json"
PAGE = "report.html"
REPEATS = "repeats"
EVALUATION = (
    "scores", "comparisons", "confusion", "leak_free", "leak_free_classes", "leak_free_comparisons", "repeats",
)  # fmt: skip
ARRAYS = ("out_of_fold", "members")
"""Folders of the arrays of the preset ``best``."""
LOCK = "lock"
REPORT = ("results.csv", "results.md", "notes.json")


@contextmanager
def hold(folder: Path) -> Generator[None]:
    """Make the folder of a run if needed, and lock out other runs. Refuses a folder with files of another program."""
    if folder.exists() and not folder.is_dir():
        raise OutputExistsError(f"--out must be a folder; {str(folder)!r} is a file.")
    names = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
    others = [folder / name for name in names if not _is_begun(folder / name)]
    if not (is_config(folder) or all(map(is_leftover, others))) or (folder / RECORDS).is_symlink():
        raise OutputExistsError(
            f"--out must be a new or empty folder, or hold an earlier run; {str(folder)!r} holds "
            f"{', '.join(names[:3])}{', ...' if len(names) > 3 else ''}. Choose another."
        )
    lock = folder / RECORDS / LOCK
    with ExitStack() as stack:
        try:
            with writing("the results", folder):
                lock.parent.mkdir(parents=True, exist_ok=True)
                records = stack.enter_context(open_folder(lock.parent))
                stack.enter_context(locked_file(records, LOCK, wait=False))
                lock.write_text(f"{os.getpid()}\n", encoding="utf-8")
        except BlockingIOError:
            process = lock.read_text(encoding="utf-8", errors="replace")[:20].strip()
            raise OutputExistsError(
                f"--out must be one run's alone; another is at work in {str(folder)!r}"
                f"{f' (process {process})' if process else ''}. Wait for its end, or choose another."
            ) from None
        yield


def _is_begun(path: Path) -> bool:
    """Tell whether a folder of a run holds nothing but its lock: the run was killed before, or after it was cleared."""
    ours = path.name in (RECORDS, "histories", "predictions", *ARRAYS) and path.is_dir() and not path.is_symlink()
    return ours and all(p.name == LOCK and path.name == RECORDS for p in path.iterdir())


def prepare(folder: Path, *, overwrite: bool, resume: bool) -> bool:
    """Return whether the folder holds pieces to go on with; clear an earlier run out of it where that is asked for.

    A folder where a run ended before it had saved anything counts as empty. Results or pieces are refused where neither
    ``overwrite`` nor ``resume`` is given.
    """
    if overwrite and resume:
        raise InvalidOptionError(
            "--resume keeps what is finished and --overwrite replaces it; received both. Give one."
        )
    with writing("the results", folder):
        _remove_leftovers(folder)
    pieces = list(folder.glob(f"**/{RECORDS}/*.json"))
    results = [p for p in (folder / name for name in REPORT) if p.exists()]
    # A run may have been killed after it saved a model and before it wrote the record.
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


def _remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of a killed run, but not those of a bank below it, where other runs may write."""
    for where in (
        folder,
        *(found for pattern in ("*", f"{REPEATS}/*", f"{REPEATS}/*/*") for found in folder.glob(pattern)),
    ):
        if where.is_dir():
            remove_leftovers(where)


def _clear(folder: Path) -> None:
    # Only recorded files: whatever else was put there stays. A record goes before its files, so that none is wrong.
    recorded: set[str] = set()
    for path in () if (folder / RECORDS).is_symlink() else (folder / RECORDS).glob("*.json"):
        # A file that raises one of these is no record.
        with suppress(OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            record = json.loads(path.read_text(encoding="utf-8"))
            if record["depends"].keys() >= {"basis"}:
                recorded.update(record["files"])
                path.unlink()
    for pattern in ("*.keras", "predictions/*.parquet", "histories/*.csv", *(f"{name}/*.npz" for name in ARRAYS)):
        for path in folder.glob(pattern):
            if path.relative_to(folder).as_posix() in recorded and not path.parent.is_symlink():
                path.unlink()
    for name in (
        *REPORT,
        AUDIT,
        PAGE,
        BEST_FILE,
        BEST_CSV,
        CANDIDATES_CSV,
        *(f"{name}.csv" for name in EVALUATION),
        CONFIG,
    ):
        (folder / name).unlink(missing_ok=True)
    for path in () if (folder / REPEATS).is_symlink() else (folder / REPEATS).glob("*"):
        if path.name.isdigit() and path.is_dir() and not path.is_symlink():
            _clear(path)
