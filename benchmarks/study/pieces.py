"""Pieces of a run: what is finished stands on disk whole, with a record that says so; whatever else is made again."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ensemblekit import EnsembleKitError
from ensemblekit.files import write_text

__all__ = ["RECORDS", "Pieces", "UnwritableError", "write_json", "writing"]

UNWRITABLE = {
    errno.EACCES, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC, errno.EPERM, errno.EROFS, errno.ENOTDIR,
}  # fmt: skip
"""What a file system says that will not or cannot take a file; other errors mean something else."""
RECORDS = "pieces"
"""Folder of the records, in that of a run."""


class UnwritableError(EnsembleKitError, OSError):
    """A file of a run that cannot be written: a full disk, a folder that is read-only."""


class Pieces:
    """What of a run is finished, piece by piece.

    Parameters
    ----------
    folder : Path
        Of the run. The record of a piece is ``pieces/NAME.json``.
    basis : str
        Digest of what every piece depends on. A record that was made on another basis does not count.
    say : callable
        Called with sentences: which piece is made again, and why.

    Notes
    -----
    A record is written last, after all files of its piece, and holds the size and SHA-256 of each. It counts as long as
    these hold, and as long as those of the files do that the piece was made from. Where a piece is made again, its
    record is removed first: at no time does a record tell of files that are not there.
    """

    def __init__(self, folder: Path, basis: str, say: Callable[[str], None]) -> None:
        self.folder, self._basis, self._say = folder, basis, say
        self._digests: dict[str, str] = {}

    def make(
        self,
        name: str,
        files: Sequence[str],
        build: Callable[[], Mapping[str, Any]],
        *,
        needs: Sequence[str] = (),
        also: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Give the record of a piece, which is made where it is not finished.

        Parameters
        ----------
        name : str
            Of the piece.
        files : sequence of str
            Paths in the folder, of what ``build`` writes.
        build : callable
            Makes it from its own seed, and gives what else is to be recorded, as JSON has it.
        needs : sequence of str
            Files of pieces made before, which it is made from.
        also : mapping, optional
            What it depends on besides, as JSON has it.

        Returns
        -------
        dict
            The record: what ``build`` gave, and ``files``.

        Raises
        ------
        UnwritableError
            If a file cannot be written.
        """
        depends = {"basis": self._basis, **{file: self._digests[file] for file in needs}, **(also or {})}
        record = self._read(name)
        if record is not None:
            why = self._amiss(record, depends, files)
            if why is None:
                self._digests |= {file: about["sha256"] for file, about in record["files"].items()}
                return record
            self._say(f"{name} is made again: {why}")
        with writing(f"{name!r}", self.folder):
            self._path(name).unlink(missing_ok=True)
            for parent in {self._path(name).parent, *((self.folder / file).parent for file in files)}:
                parent.mkdir(parents=True, exist_ok=True)
            record = dict(build())
            kept = {file: _describe(self.folder / file) for file in files}
            record |= {"depends": depends, "files": kept}
            write_json(self._path(name), record)
        self._digests |= {file: about["sha256"] for file, about in kept.items()}
        return record

    def recorded(self, name: str) -> dict[str, Any] | None:
        """Give the record of a piece as it stands, or None; its files are not looked at."""
        record = self._read(name)
        return record if record and record.get("depends", {}).get("basis") == self._basis else None

    def _path(self, name: str) -> Path:
        return self.folder / RECORDS / f"{name}.json"

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            record = json.loads(self._path(name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            record = None
        return record if isinstance(record, dict) else {}

    def _amiss(self, record: Mapping[str, Any], depends: Mapping[str, Any], files: Sequence[str]) -> str | None:
        if set(record.get("files", ())) != set(files) or "depends" not in record:
            return "its record is damaged"
        if record["depends"] != depends:
            return "what it is made from has changed"
        for file in files:
            path = self.folder / file
            if not path.is_file():
                return f"{file} is missing"
            if _describe(path) != record["files"][file]:
                return f"{file} is damaged"
        return None


@contextmanager
def writing(what: str, folder: Path) -> Generator[None]:
    """Turn an error of the file system into one sentence that says what is lost, and what is not."""
    try:
        yield
    except EnsembleKitError:
        raise
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        reason = error.strerror or str(error).splitlines()[0]
        if isinstance(error.filename, str | Path):
            reason += f" ({Path(error.filename).name})"
        raise UnwritableError(
            f"{what} must be written to {str(folder)!r}, and cannot be: {reason}. What was finished before is kept; "
            "give the folder room and rights, and --resume goes on from there."
        ) from error


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a record, whole or not at all."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def _describe(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
