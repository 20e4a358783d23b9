"""Finished parts of a run, in a hidden folder beside the output: a killed run leaves them, a resumed one goes on."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, InvalidPredictionsError, OutputExistsError
from ..files import atomic_write, held_folder, write_text
from ..predictions import Predictions
from ..predictions._files import rewrite_parquet

__all__ = ["Parts", "part_slices"]

PLAN = "plan.json"


class Parts:
    """The parts of one run.

    Parameters
    ----------
    output : Path
        What they will be joined to.
    plan : dict
        What the run depends on: model, images, options.
    names : sequence of str
        ``combined``, and the members where they are wanted.
    """

    def __init__(self, output: Path, plan: dict[str, Any], names: Sequence[str]) -> None:
        self.output, self.plan, self.names = output, plan, list(names)
        self.folder = output.parent / f".{output.name}.parts"

    @contextlib.contextmanager
    def at_work(self, *, resume: bool, overwrite: bool) -> Generator[None]:
        """Make the folder, or take up what is there, and keep other runs out of it."""
        with held_folder(self.folder, self.output) as is_new:
            try:
                self._begin(resume=resume, overwrite=overwrite, is_new=is_new)
            except BaseException:
                if is_new:
                    self._remove()
                raise
            yield

    def _begin(self, *, resume: bool, overwrite: bool, is_new: bool) -> None:
        before = self._read_plan()
        if resume and before is not None:
            changed = [key for key, value in self.plan.items() if before.get(key) != value]
            if not changed:
                return  # outputs that are there already are its own: it was cut off while it wrote them
            if not overwrite:
                raise DataError(
                    f"a run is resumed with the same model, images and options; {', '.join(changed)} changed since "
                    f"{self.output.name!r} was begun. Begin again: --overwrite (overwrite=True)."
                )
        if not overwrite:
            for path in (*self.outputs.values(), self.unreadable):
                if path.exists():
                    raise OutputExistsError(
                        f"{os.fspath(path)!r} is there already. Take another name, or give --overwrite "
                        "(overwrite=True)."
                    )
            if not is_new and not resume:
                raise OutputExistsError(
                    f"an earlier run to {self.output.name!r} was cut off. --resume (resume=True) goes on with it, "
                    "--overwrite (overwrite=True) begins again."
                )
        self._clear()
        write_text(self.folder / PLAN, json.dumps(self.plan, indent=1) + "\n")

    @property
    def unreadable(self) -> Path:
        """The file that names the images which cannot be read."""
        return self.output.with_name(f"{self.output.stem}.unreadable.csv")

    @property
    def outputs(self) -> dict[str, Path]:
        """Name -> the file that it ends in; the members' have their names before the suffix."""
        members = self.names[1:]
        safe = {m: "".join(c if c.isalnum() or c in "-_" else f"%{ord(c):02X}" for c in m) for m in members}
        return {"combined": self.output} | {
            m: self.output.with_name(f"{self.output.stem}.{safe[m]}{self.output.suffix}") for m in members
        }

    def finished(self, number: int) -> dict[str, Any] | None:
        """Read the record of a part, where it is finished."""
        try:
            return json.loads(self._record(number).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def write(self, number: int, said: dict[str, Predictions], unreadable: dict[str, str]) -> None:
        """Keep a part; its record comes last."""
        for name, predictions in said.items():
            predictions.save(self._file(number, name))
        n_rows = len(next(iter(said.values()))) if said else 0
        write_text(self._record(number), json.dumps({"n_rows": n_rows, "unreadable": unreadable}) + "\n")

    def join(self, n_parts: int) -> tuple[dict[str, Path], dict[str, str], int]:
        """Join all parts to the outputs, and remove them.

        Returns
        -------
        tuple of (dict of name to path, dict of unreadable id to reason, number of rows)
            What was written.
        """
        records = [self.finished(number) or {} for number in range(n_parts)]
        unreadable = {name: reason for record in records for name, reason in record["unreadable"].items()}
        n_rows = sum(record["n_rows"] for record in records)
        full = [number for number, record in enumerate(records) if record["n_rows"]]
        if unreadable:
            _write_csv(self.unreadable, unreadable)
        else:
            self.unreadable.unlink(missing_ok=True)
        if not full:
            self._remove()
            raise DataError(
                f"there must be at least one readable image; all {len(unreadable)} cannot be read: see "
                f"{os.fspath(self.unreadable)!r}."
            )
        for name, path in self.outputs.items():
            self._join_one(path, [self._file(number, name) for number in full], n_rows)
        self._remove()
        return self.outputs, unreadable, n_rows

    def _clear(self) -> None:
        # Without its plan it is no run to go on with, however far the rest of it is removed.
        (self.folder / PLAN).unlink(missing_ok=True)
        for path in self.folder.iterdir():
            path.unlink()

    def _remove(self) -> None:
        self._clear()
        self.folder.rmdir()

    def _join_one(self, path: Path, files: list[Path], n_rows: int) -> None:
        if path.suffix.lower() == ".parquet":
            with atomic_write(path) as file:
                rewrite_parquet(files, file, n_rows)
            return
        parts = [Predictions.load(file) for file in files]
        first = parts[0]
        Predictions(
            np.concatenate([p.probas for p in parts]),
            ids=np.concatenate([p.ids for p in parts]),
            classes=first.classes,
            labels=None if first.labels is None else np.concatenate([_labels(p) for p in parts]),
            member=first.member,
            split=first.split,
        ).save(path)

    def _read_plan(self) -> dict[str, Any] | None:
        try:
            return json.loads((self.folder / PLAN).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def _file(self, number: int, name: str) -> Path:
        return self.folder / f"{number:07d}-{self.names.index(name)}.parquet"

    def _record(self, number: int) -> Path:
        return self.folder / f"{number:07d}.json"


def _labels(predictions: Predictions) -> np.ndarray:
    labels = predictions.labels
    if labels is None:
        raise InvalidPredictionsError("either every part has labels or none.")
    return labels


def _write_csv(path: Path, unreadable: dict[str, str]) -> None:
    import csv
    import io

    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["id", "reason"])
    rows.writerows(unreadable.items())
    write_text(path, text.getvalue())


def part_slices(n_images: int, size: int) -> Generator[tuple[int, int]]:
    """Cut rows into parts; yields the number of each and how many rows it has."""
    for number, start in enumerate(range(0, n_images, size)):
        yield number, min(size, n_images - start)
