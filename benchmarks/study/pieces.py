"""Pieces of a run: a finished piece is on disk completely, with a record that proves it; others are made again."""

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

UNWRITABLE = {
    errno.EACCES, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC, errno.EPERM, errno.EROFS, errno.ENOTDIR,
}  # fmt: skip
"""Errors of a file system that cannot take a file; any other error is a fault of the program."""
RECORDS = "pieces"
"""Folder of the records, inside the folder of a run."""


class UnwritableError(EnsembleKitError, OSError):
    """A file of a run cannot be written: the disk is full, or the folder is read-only."""


class Pieces:
    """The finished pieces of a run. The record of a piece is ``pieces/NAME.json`` in its folder.

    ``basis`` is a digest of what every piece depends on; a record with another digest does not count. ``log`` is called
    with a sentence where a piece is made again: which one, and why.

    A record is written after all files of its piece, and holds the size and SHA-256 of each. It counts as long as its
    files, and the files that the piece was made from, are unchanged. Before a piece is made again its record is
    removed: a record never describes files that are missing.
    """

    def __init__(self, folder: Path, basis: str, log: Callable[[str], None]) -> None:
        self.folder, self._basis, self._log = folder, basis, log
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
        """Return the record of a piece, and make the piece first where it is not finished.

        ``files`` are the paths in the folder that ``build`` writes. ``build`` returns what else is recorded, as JSON.
        ``needs`` are files of earlier pieces that it is made from, ``also`` what it depends on besides.
        """
        depends = {"basis": self._basis, **{file: self._digests[file] for file in needs}, **(also or {})}
        record = self._read(name)
        if record is not None:
            why = self._fault(record, depends, files)
            if why is None:
                self._digests |= {file: about["sha256"] for file, about in record["files"].items()}
                return record
            self._log(f"{name} is made again: {why}")
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
        """Return the record of a piece without checking its files, or None."""
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

    def _fault(self, record: Mapping[str, Any], depends: Mapping[str, Any], files: Sequence[str]) -> str | None:
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
    """Turn an error of the file system into one sentence that says what is lost and what is kept."""
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
    """Write a record, completely or not at all."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def _describe(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
