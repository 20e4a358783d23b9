"""Checkpoints of a run: its finished parts are kept in a hidden folder beside the output, so that it can be resumed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, InvalidPredictionsError, OutputExistsError
from ..files import Folder, atomic_path, check_file, locked_folder, write_text
from ..predictions import Predictions
from ..predictions.formats import join_parquet

__all__ = ["Checkpoints"]

_HEADER = b"id,reason\n"
PLAN, WRITTEN = "plan.json", "written.json"
_OWN = re.compile(
    r"plan\.json|written\.json|\d{7}\.json|\d{7}-\d+\.parquet"
    r"|\.(plan|\d{7}(-\d+)?)\.[a-z0-9_]{8}\.(json|parquet)"  # unfinished files of earlier versions
)


class Checkpoints:
    """The finished parts of one run.

    Parameters
    ----------
    output : Path
        Output file, to which the parts are joined.
    plan : dict
        All that the run depends on: model, images and options. A run with another plan cannot be resumed.
    names : sequence of str
        ``combined``, and the members if they are written.
    """

    def __init__(self, output: Path, plan: dict[str, Any], names: Sequence[str]) -> None:
        self.output, self.plan, self.names = output, plan, list(names)
        self._records: dict[int, dict[str, Any]] = {}

    @contextlib.contextmanager
    def opened(self, *, resume: bool, overwrite: bool) -> Generator[None]:
        """Create the folder or resume from it, and lock it against other runs."""
        for path in (*self.outputs.values(), self.unreadable):
            check_file(path)
        real = Path(os.path.realpath(self.output))
        path = real.parent / f".{real.name}.parts"
        with locked_folder(path, real, "parts", own=_OWN, earlier=_is_of_earlier_version) as self._folder:
            is_new = PLAN not in self._folder.names()
            try:
                self._begin(resume=resume, overwrite=overwrite, is_new=is_new)
            except BaseException:
                if is_new:
                    self._clear()
                raise
            yield

    def _begin(self, *, resume: bool, overwrite: bool, is_new: bool) -> None:
        earlier_plan = self._read(PLAN)
        self._overwrite = overwrite
        if resume and earlier_plan is not None:
            changed = [key for key, value in self.plan.items() if earlier_plan.get(key) != value]
            if not changed:
                self._overwrite |= earlier_plan.get("overwrite") is True
                self._check_outputs()
                return
            if not overwrite:
                raise DataError(
                    f"a run is resumed with the same model, images and options; {', '.join(changed)} changed since "
                    f"{self.output.name!r} was begun. Begin again: --overwrite (overwrite=True)."
                )
        self._folder.remove(WRITTEN)  # outputs of another run must not be replaced
        self._check_outputs()
        if not overwrite and not is_new and not resume:
            raise OutputExistsError(
                f"an earlier run to {self.output.name!r} was cut off. --resume (resume=True) goes on with it, "
                "--overwrite (overwrite=True) begins again."
            )
        self._clear()
        self._write(PLAN, self.plan | {"overwrite": overwrite})

    def _check_outputs(self) -> None:
        for path in (*self.outputs.values(), self.unreadable):
            check_file(path, overwrite=self._overwrite or self._is_own(path))
        if self.unreadable.exists():
            with self.unreadable.open("rb") as file:
                is_list = file.read(len(_HEADER)) == _HEADER
            if not is_list:
                raise OutputExistsError(
                    f"{os.fspath(self.unreadable)!r} will list the images that cannot be read; the file of that name "
                    "is no such list. Move it elsewhere, or take another name for the output."
                )

    def _is_own(self, path: Path) -> bool:
        """Tell whether this run wrote the existing file before it was interrupted."""
        return path.exists() and (self._read(WRITTEN) or {}).get(path.name) == _identity(path)

    @property
    def unreadable(self) -> Path:
        """The file that lists the images that cannot be read."""
        return self.output.with_name(f"{self.output.stem}.unreadable.csv")

    @property
    def outputs(self) -> dict[str, Path]:
        """Name -> output file. The name of a member comes before the suffix."""
        members = self.names[1:]
        safe = {m: "".join(c if c.isalnum() or c in "-_" else f"%{ord(c):02X}" for c in m) for m in members}
        return {"combined": self.output} | {
            m: self.output.with_name(f"{self.output.stem}.{safe[m]}{self.output.suffix}") for m in members
        }

    def is_finished(self, number: int) -> bool:
        """Tell whether a part is finished, and neither its record nor its files are damaged."""
        record = self._read(_record(number))
        if record is None or not _is_record(record):
            return False
        for file, digest in record["files"].items():
            content = self._folder.read(file, 2**40)
            if content is None or hashlib.sha256(content).hexdigest() != digest:
                return False
        self._records[number] = record
        return True

    def write(self, number: int, predictions: Mapping[str, Predictions], unreadable: dict[str, str]) -> None:
        """Write the files of a part and then its record; with the record the part is finished."""
        files: dict[str, str] = {}
        for name, part in predictions.items():
            path = self._file(number, name)
            part.save(path, overwrite=True)
            files[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
        n_rows = len(next(iter(predictions.values()), ()))
        record = {"n_rows": n_rows, "unreadable": unreadable, "files": files}
        self._write(_record(number), record | {"sha256": _digest(record)})
        self._records[number] = record

    def join(self, n_parts: int) -> tuple[dict[str, Path], dict[str, str], int]:
        """Join all parts to the outputs, and remove the parts.

        Parameters
        ----------
        n_parts : int
            Number of parts, all finished.

        Returns
        -------
        tuple of (dict of name to path, dict of unreadable id to reason, number of rows)
            The files that were written, the unreadable images, and the number of rows.
        """
        records = [self._records[number] for number in range(n_parts)]
        unreadable = {name: reason for record in records for name, reason in record["unreadable"].items()}
        n_rows = sum(record["n_rows"] for record in records)
        filled = [number for number, record in enumerate(records) if record["n_rows"]]
        stale = self.unreadable.exists() and (self._overwrite or self._is_own(self.unreadable))
        if unreadable or (stale and self.unreadable.is_symlink()):  # a link is kept, and its target is emptied
            with self._recorded(self.unreadable) as path:
                path.write_bytes(_as_csv(unreadable))
        elif stale:
            self.unreadable.unlink()
        if not filled:
            self._clear()
            raise DataError(
                f"there must be at least one readable image; all {len(unreadable)} cannot be read: see "
                f"{os.fspath(self.unreadable)!r}."
            )
        for name, path in self.outputs.items():
            self._join_one(path, [self._file(number, name) for number in filled], n_rows)
        self._clear()
        return self.outputs, unreadable, n_rows

    def _clear(self) -> None:
        # The plan is removed first. If this is interrupted, the other files cannot be taken for a run to resume.
        for name in (PLAN, *self._folder.names()):
            if _OWN.fullmatch(name):
                self._folder.remove(name)

    def _join_one(self, path: Path, files: list[Path], n_rows: int) -> None:
        with self._recorded(path) as temporary:
            if path.suffix.lower() == ".parquet":
                with temporary.open("xb") as file:
                    join_parquet(map(Predictions.load, files), file, n_rows)
                return
            parts = [Predictions.load(file) for file in files]
            first = parts[0]
            Predictions(
                np.concatenate([p.probas for p in parts]),
                ids=np.concatenate([p.ids for p in parts]),
                classes=first.classes,
                task=first.task,
                labels=None if first.labels is None else np.concatenate([_labels(p) for p in parts]),
                member=first.member,
                split=first.split,
                groups=None if first.groups is None else np.concatenate([np.asarray(p.groups) for p in parts]),
            ).save(temporary)

    @contextlib.contextmanager
    def _recorded(self, path: Path) -> Generator[Path]:
        """Write an output, and record its identity before it gets its final name; see `_is_own`."""
        with atomic_path(path, overwrite=self._overwrite or self._is_own(path)) as temporary:
            yield temporary
            self._write(WRITTEN, (self._read(WRITTEN) or {}) | {path.name: _identity(temporary)})

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            found = json.loads(self._folder.read(name) or b"")
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        write_text(self._folder.path / name, json.dumps(content, indent=1) + "\n")

    def _file(self, number: int, name: str) -> Path:
        return self._folder.path / f"{number:07d}-{self.names.index(name)}.parquet"


def _record(number: int) -> str:
    return f"{number:07d}.json"


def _is_record(record: dict[str, Any]) -> bool:
    rest = {key: value for key, value in record.items() if key != "sha256"}
    return record.get("sha256") == _digest(rest) and rest.keys() == {"n_rows", "unreadable", "files"}


def _digest(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _identity(path: Path) -> list[int]:
    # A rename changes none of these.
    state = path.stat()
    return [state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns]


def _is_of_earlier_version(folder: Folder) -> bool:
    """Tell whether a folder has a plan in the form that was used before folders had markers."""
    try:
        plan = json.loads(folder.read(PLAN) or b"")
        keys = {"model", "classes", "images", "members", "labels", "part"}
        return plan.keys() == keys and re.fullmatch("[0-9a-f]{64}", plan["images"]) is not None
    except (ValueError, TypeError, AttributeError, RecursionError):
        return False


def _labels(predictions: Predictions) -> np.ndarray:
    labels = predictions.labels
    if labels is None:
        raise InvalidPredictionsError("all parts must have labels, or none; one has none.")
    return labels


def _as_csv(unreadable: dict[str, str]) -> bytes:
    import csv
    import io

    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(unreadable.items())
    return _HEADER + text.getvalue().encode()
