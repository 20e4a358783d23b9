"""The images of a run: found, decoded once, their classes renamed alike in every split, and audited for copies."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ensemblekit import AlignmentError, audit_images, image_splits
from ensemblekit.data import Audit, ImageFolder, resize_image
from ensemblekit.errors import FolderNotFoundError, MissingDependencyError, UnreadableImageError
from ensemblekit.predictions.alike import shown_aliases

from .settings import Settings

SPLITS = ("train", "valid", "test")
KAGGLE = "mohamedhanyyy/chest-ctscan-images"


@dataclass(frozen=True)
class Split:
    """The samples of one split, in memory."""

    ids: np.ndarray
    x: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Images:
    """All splits, and what the audit found."""

    splits: dict[str, Split]
    classes: tuple[str, ...]
    folder: Path
    synthetic: bool
    audit: Audit
    unreadable: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def title(self) -> str:
        """What the images are, for the title of a table."""
        kind = "synthetic phantoms, drawn by the benchmark" if self.synthetic else f"images of {self.folder.name}"
        return f"{sum(len(s.ids) for s in self.splits.values())} {kind}"

    @property
    def fingerprint(self) -> str:
        """Digest of the names and bytes of the files."""
        return self.audit.fingerprint

    @property
    def copies(self) -> list[str]:
        """Ids of test images whose pixels are also in train or valid."""
        return self.audit.leaked["test"]

    def codes(self, split: str) -> np.ndarray:
        """Return the labels of a split as positions in `classes`."""
        place = {name: code for code, name in enumerate(self.classes)}
        return np.array([place[name] for name in self.splits[split].labels.tolist()], dtype=np.int64)


def load_images(settings: Settings, progress: Callable[[str, int, int], None]) -> Images:
    """Find and decode the images of every split, as float32 RGB from 0 to 255.

    ``progress`` is called with what is being done, how much is done, and how much there is.
    """
    folder = _find(settings, progress)
    size = (settings.image_size, settings.image_size)
    try:
        folders = image_splits(folder, size=size, aliases=settings.aliases, skip_unreadable=settings.skip_unreadable)
    except AlignmentError as error:
        if error.aliases:
            options = " ".join(f"--alias {shlex.quote(f'{old}={new}')}" for old, new in error.aliases.items())
            raise AlignmentError(str(error).replace(shown_aliases(error.aliases), options)) from None
        raise
    if settings.rows:
        folders = {name: _first_rows(split, settings.rows) for name, split in folders.items()}
    x = {name: np.empty((len(split), *size, 3), dtype=np.float32) for name, split in folders.items()}
    place = {str(i): (name, row) for name, split in folders.items() for row, i in enumerate(split.ids)}

    def keep(name: str, pixels: np.ndarray) -> None:
        if name in place:  # an image outside the class folders is left out
            split, row = place[name]
            x[split][row] = resize_image(pixels, size)

    audit = audit_images(
        folder,
        splits=SPLITS,
        aliases=settings.aliases,
        ids=place if settings.rows else None,
        visit=keep,
        progress=lambda done, total: progress("images", done, total),
    )
    unreadable = {name: why for name, why in audit.unreadable.items() if name in place}
    if unreadable and not settings.skip_unreadable:
        name, why = next(iter(unreadable.items()))
        raise UnreadableImageError(
            f"images must be readable; {len(unreadable)} are not, first {str(folder / name)!r}: {why}. Replace them, "
            "or leave them out; on this command line: --skip-unreadable"
        )
    splits = {}
    for name, split in folders.items():
        readable = np.array([i not in unreadable for i in split.ids.tolist()])
        splits[name] = Split(
            split.ids[readable], x[name] if readable.all() else x[name][readable], split.labels[readable]
        )
    return Images(
        splits=splits,
        classes=tuple(sorted(str(c) for c in folders["train"].classes)),
        folder=folder,
        synthetic=settings.data == "synthetic",
        audit=audit,
        unreadable=unreadable,
    )


def _find(settings: Settings, progress: Callable[[str, int, int], None]) -> Path:
    if settings.data == "synthetic":
        from ..phantoms import default_folder, make_phantoms

        return make_phantoms(default_folder(), progress=lambda done, total: progress("phantoms", done, total))
    if settings.data == "kaggle":
        try:
            import kagglehub
        except ImportError as error:
            raise MissingDependencyError(
                'Downloading from Kaggle needs kagglehub, which is not installed: pip install "ensemblekit[kaggle]".'
            ) from error
        folder = Path(kagglehub.dataset_download(KAGGLE))
    else:
        folder = Path(settings.data)
        if not folder.is_dir():
            raise FolderNotFoundError(
                f"--data must be 'synthetic', 'kaggle' or a folder with {', '.join(SPLITS)}; nothing is at "
                f"{settings.data!r}."
            )
    # The Kaggle archive holds the splits in a folder of its own.
    return folder / "Data" if (folder / "Data" / "train").is_dir() else folder


def _first_rows(folder: ImageFolder, rows: int) -> ImageFolder:
    """Take so many rows, one of each class in turn, so that no class is left out."""
    codes = folder.label_codes
    turn = np.empty(len(folder), dtype=np.int64)
    for code in np.unique(codes):
        of_class = np.flatnonzero(codes == code)
        turn[of_class] = np.arange(len(of_class))
    return folder.take(folder.ids[np.sort(np.lexsort((codes, turn))[:rows])])
