"""`write_audit`: an audit of images as a page, with the copies side by side."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from ..arguments import check_count, typed
from ..data.reading import in_threads, read_pixels, reason_of
from ..data.showing import shrink
from ..files import check_file
from ._page import write_page
from ._parts import Answer, Fold, Notice, Part, Section, Sentences, SideBySide, Table, Thumbnail
from ._raster import SIDE

if TYPE_CHECKING:
    import numpy as np

    from ..data import Audit

__all__ = ["write_audit"]

KINDS = {"bytes": "Same bytes", "pixels": "Same pixels, other bytes", "near": "Near copy"}
MORE = "--limit, in Python limit=, shows more"


@typed()
def write_audit(path: str | os.PathLike[str], audit: Audit, *, limit: int = 60, title: str = "") -> None:
    """Write a page of an audit: each copy beside its twin, as pictures, with ids, classes and the kind of copy.

    Parameters
    ----------
    path : path-like
        Name of the ``.html`` file. An existing one is replaced atomically.
    audit : Audit
        Result of `ensemblekit.audit_images`. The files that are shown are read again, as the audit read them.
    limit : int, default=60
        Largest number of findings of each kind that are shown; the page says how many are left out.
    title : str, optional
        Title of the page.

    Raises
    ------
    InvalidOptionError
        If ``limit`` is less than 1.
    OutputExistsError
        If a folder is at ``path``.

    Notes
    -----
    The page needs no network and no script. A picture has at most 160 pixels a side, and shows what models get: RGB
    without transparency, the upper 8 of 16 bits, or what the reader of the audit gives. A file that can no longer be
    read has its reason in the place of its picture.

    Examples
    --------
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from ensemblekit import audit_images
    >>> from ensemblekit.report import write_audit
    >>> for name in ("train/cat/1.png", "test/cat/2.png"):
    ...     Path("twins", name).parent.mkdir(parents=True, exist_ok=True)
    ...     Image.fromarray(np.eye(8, dtype=np.uint8) * 255).save(Path("twins", name))
    >>> write_audit("twins.html", audit_images("twins"))
    >>> "Same bytes" in Path("twins.html").read_text()
    True
    """
    check_file(path)
    check_count("limit", limit)
    found: list[dict[str, Any]] = audit.copies.to_dict("records")
    splits = {
        split: [row for row in found if row["leaks"] and audit.split_of(row["image"]) == split]
        for split in audit.splits[1:]
    }
    own = [row for row in found if not row["leaks"]]
    inside = {
        "Copies within a split": [row for row in own if row["kind"] != "near"],
        "Near copies within a split": [row for row in own if row["kind"] == "near"],
    }
    conflicts = [(ids, _one_of_each_class(audit, ids)) for ids in audit.label_conflicts]
    listed = [*splits.values(), *inside.values()]
    shown = {i: None for rows in listed for row in rows[:limit] for i in (row["image"], row["twin"])}
    shown |= {i: None for _, chosen in conflicts[:limit] for i in chosen}
    pictures = _Pictures(audit, shown)

    sections = [Section("Summary", [Sentences(audit.summary)])]
    for split, rows in splits.items():
        if rows:
            many = _counted(len(rows), f"image of {split} is a copy", f"images of {split} are copies")
            text = f"{many} of an image of an earlier split, which stands beside it. {_left_out(len(rows), limit)}"
            sections.append(Section(f"Copies in {split}", [text.strip(), *map(pictures.pair, rows[:limit])]))
    if conflicts:
        text = f"Equal pixels in more than one class. {_left_out(len(conflicts), limit)}".strip()
        groups = [pictures.group(f"{len(ids)} images with these pixels", chosen) for ids, chosen in conflicts[:limit]]
        sections.append(Section("One picture, several classes", [text, *groups]))
    for heading, rows in inside.items():
        if rows:
            text = f"{_counted(len(rows), 'image', 'images')}, each beside one that comes before it."
            text = f"{text} {_left_out(len(rows), limit)}".strip()
            sections.append(Section(heading, [Fold("Show them", [text, *map(pictures.pair, rows[:limit])])]))
    sections += _tables(audit, limit)
    write_page(path, title or f"Audit of {audit.folder.name}", sections, lead=_lead(audit), subtitle=_subtitle(audit))


class _Pictures:
    """The pictures of images, read once each."""

    def __init__(self, audit: Audit, ids: Iterable[str]) -> None:
        self._audit = audit
        self._sizes = {i: len(group) for group in audit.equal_groups for i in group}
        names = [*ids]
        with warnings.catch_warnings(), closing(in_threads(self._read, names, 16)) as read:
            warnings.simplefilter("ignore")  # as the audit does: Pillow warns of unusual tags
            self._read_before = dict(zip(names, read, strict=True))

    def _read(self, image: str) -> np.ndarray | str:
        try:
            return shrink(read_pixels(self._audit.paths[image], self._audit.reader).pixels, SIDE)
        except OSError as error:
            return reason_of(error.__cause__ or error)

    def _thumbnail(self, image: str) -> Thumbnail:
        found, label = self._read_before[image], self._audit.labels[image]
        note = f"{self._audit.split_of(image)}, {'in no class folder' if label is None else f'class {label}'}"
        if isinstance(found, str):
            return Thumbnail(None, image, f"{note}; can no longer be read: {found}")
        return Thumbnail(found, image, note)

    def pair(self, row: dict[str, Any]) -> SideBySide:
        """Show a copy and its twin."""
        title = KINDS[row["kind"]]
        if row["kind"] == "near":
            title += f", {row['distance']} of 255 bits differ, correlation {row['correlation']:.4f}"
        elif self._sizes[row["image"]] > 2:
            title += f", {self._sizes[row['image']]} images in all"
        if row["conflict"]:
            title += ", and the classes differ"
        return self.group(title, (row["image"], row["twin"]), marked=row["conflict"])

    def group(self, title: str, ids: Iterable[str], *, marked: bool = True) -> SideBySide:
        """Show images side by side."""
        return SideBySide(title, [*map(self._thumbnail, ids)], marked=marked)


def _one_of_each_class(audit: Audit, ids: Sequence[str]) -> list[str]:
    first: dict[str, str] = {}
    for i in ids:
        if (label := audit.labels[i]) is not None:
            first.setdefault(label, i)
    return [*first.values()]


def _lead(audit: Audit) -> list[Part]:
    totals = {split: sum(counts.values()) for split, counts in audit.counts.items()}
    leaking = {split: len(audit.leaked[split]) + len(audit.near_leaked[split]) for split in audit.splits[1:]}
    told = " and ".join(f"{n} of {totals[split]} {split} images" for split, n in leaking.items() if n)
    if told:
        verb = "are copies" if sum(leaking.values()) > 1 else "is a copy"
        answer = f"{told} {verb} of images of an earlier split: a model that was fitted on that one has seen them."
    elif len(audit.splits) > 1:
        answer = "No image is a copy of one in an earlier split."
    else:
        n = len(audit.copies)
        answer = f"{_counted(n, 'image is a copy', 'images are copies')} of another." if n else "No image is a copy."
    parts: list[Part] = [Answer(answer)]
    for split, ids in audit.group_leaked.items():
        if ids:
            told = _counted(len(ids), "image", "images")
            parts.append(Notice(f"{told} of {split}: of a group, such as a patient, of an earlier split."))
    if n := len(audit.label_conflicts):
        parts.append(Notice(f"{_counted(n, 'picture is', 'pictures are')} in more than one class: see below which."))
    if n := len(audit.unreadable):
        parts.append(Notice(f"{_counted(n, 'file', 'files')} cannot be read as an image: see below which, and why."))
    return parts


def _subtitle(audit: Audit) -> str:
    return f"{_counted(len(audit), 'readable image', 'readable images')}, splits {', '.join(audit.splits)}"


def _tables(audit: Audit, limit: int) -> list[Section]:
    import pandas as pd

    labels = dict.fromkeys(label for counts in audit.counts.values() for label in counts)
    order = sorted(labels, key=lambda name: (name == "", name))
    columns: dict[str, Any] = {"Class": [*(label or "(in no class folder)" for label in order), "all"]}
    for split, counts in audit.counts.items():
        numbers = [counts.get(label, 0) for label in order]
        columns[split] = [*numbers, sum(numbers)]
    found = [Section("Images by class and split", [Table(pd.DataFrame(columns), "Readable images")])]
    for heading, said in (("Files that cannot be read", audit.unreadable), ("What is lost in reading", audit.notes)):
        if said:
            rows = [*said.items()][:limit]
            frame = pd.DataFrame({"File": [i for i, _ in rows], "Why": [why for _, why in rows]}, dtype=object)
            text = _left_out(len(said), limit)
            found.append(
                Section(heading, [*([text] if text else []), Table(frame, _counted(len(said), "file", "files"))])
            )
    return found


def _left_out(n: int, limit: int) -> str:
    return f"Shown: {limit} of {n}; left out: {n - limit}. {MORE}." if n > limit else ""


def _counted(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"
