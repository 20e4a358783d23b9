"""`image_folder` and `image_splits`: list the images of folders; nothing is decoded yet."""

from __future__ import annotations

import os
import warnings
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from ..arguments import typed
from ..errors import AlignmentError, DataError, FolderNotFoundError, ImageReadingWarning, InvalidOptionError
from ..predictions.alike import propose_aliases, shown_aliases
from ..predictions.choices import check_choice
from ..predictions.names import as_classes, few, shown
from ._images import ImageFolder
from .listing import children, walk
from .reading import OTHER_SUFFIXES, SUFFIXES, AnyReader, check_image_size, check_reader, is_image_name

__all__ = ["image_folder", "image_splits"]

Others = Literal["warn", "error", "ignore"]
CLUTTER = frozenset({"desktop.ini", "thumbs.db"})
"""Files that systems write into folders of images."""


@typed(but=("size", "reader", "others"))
def image_folder(
    folder: str | os.PathLike[str],
    *,
    size: tuple[int, int] = (224, 224),
    aliases: Mapping[str, str] | None = None,
    skip_unreadable: bool = False,
    reader: AnyReader | None = None,
    others: Others = "warn",
) -> ImageFolder:
    """Use a folder of images, with one folder per class, as a source of samples with ids.

    Parameters
    ----------
    folder : path-like
        Holds one folder per class; its own name is the split. Images are bmp, gif, jpeg, png, tiff or webp
        pictures, DICOM and NIfTI files (dcm, dicom, nii, nii.gz) and arrays (npy), at any depth.
    size : tuple of int, default=(224, 224)
        ``(height, width)`` in pixels; images are resized bilinearly, without antialiasing, as Keras does.
    aliases : mapping, optional
        ``{class folder: common name}``; keys that are not class folders here are ignored.
    skip_unreadable : bool, default=False
        Leave out images that cannot be decoded, and list them in ``unreadable``.
    reader : ImageReader or callable, optional
        Window, frame and channels of the files; or a function of a path that returns ``(height, width, 3)``. A
        function may have the attributes ``suffixes`` and ``n_channels``, as an `ImageReader` has.
    others : {"warn", "error", "ignore"}, default="warn"
        What to do about files in class folders that have no suffix of an image: they are left out with a warning that
        names them, are refused, or are left out in silence. Hidden files are none.

    Returns
    -------
    ImageFolder
        Nothing is decoded yet.

    Raises
    ------
    FolderNotFoundError
        If the folder does not exist.
    DataError
        If it has no class folders, one of them holds no image, or ``others="error"`` and there are others.

    Warns
    -----
    ImageReadingWarning
        If files are left out because they have no suffix of an image.
    """
    check_choice("others", others, ("warn", "error", "ignore"))
    check_reader(reader)
    root = Path(folder)
    if not root.is_dir():
        raise FolderNotFoundError(f"a folder of images must be there; nothing is at {os.fspath(folder)!r}.")
    check_image_size(size)
    root = Path(os.path.abspath(root))  # noqa: PTH100 - resolve() would replace a link with its target
    class_folders = sorted(p for p in children(root) if p.is_dir() and not p.name.startswith("."))
    if not class_folders:
        raise DataError(f"a folder of images must hold a folder a class; {os.fspath(folder)!r} holds none.")
    names = as_classes([(aliases or {}).get(p.name, p.name) for p in class_folders])
    files: list[tuple[str, Path, int]] = []
    left_out: list[str] = []
    for code, class_folder in enumerate(class_folders):
        inside = [p for p in walk(class_folder) if not p.name.startswith(".") and p.is_file()]
        found = sorted(p for p in inside if is_image_name(p.name, reader))
        left_out += sorted(
            p.relative_to(root.parent).as_posix()
            for p in inside
            if not is_image_name(p.name, reader) and p.name.lower() not in CLUTTER
        )
        if not found:
            raise DataError(
                f"each class folder must hold an image ({', '.join(sorted(SUFFIXES | OTHER_SUFFIXES))}); "
                f"{os.fspath(class_folder)!r} holds none{_but(left_out)}. Fill it or remove it."
            )
        files += [(p.relative_to(root.parent).as_posix(), p, code) for p in found]
    if left_out and others != "ignore":
        _name_others(os.fspath(folder), left_out, others)
    return ImageFolder(root, (size[0], size[1]), names, files, skip_unreadable, reader, tuple(left_out))


def _but(left_out: Sequence[str]) -> str:
    return f", but files with other suffixes, such as {left_out[-1]!r}" if left_out else ""


def _name_others(folder: str, left_out: Sequence[str], others: Others) -> None:
    rule = (
        f"files in class folders must be images by their suffix; in {folder!r} {len(left_out)} "
        f"{'is' if len(left_out) == 1 else 'are'} none: {few(left_out)}"
    )
    advice = "If they are images, give reader=ImageReader(suffixes=[...]); if not, others='ignore'."
    if others == "error":
        raise DataError(f"{rule}. {advice}")
    warnings.warn(f"{rule}, and left out. {advice}", ImageReadingWarning, stacklevel=4)


@typed(but=("size", "reader", "others"))
def image_splits(
    folder: str | os.PathLike[str],
    *,
    splits: Sequence[str] = ("train", "valid", "test"),
    size: tuple[int, int] = (224, 224),
    aliases: Mapping[str, str] | None = None,
    skip_unreadable: bool = False,
    reader: AnyReader | None = None,
    others: Others = "warn",
) -> dict[str, ImageFolder]:
    """Use a folder of splits, each with one folder per class, as sources of samples with ids.

    Parameters
    ----------
    folder : path-like
        Holds one folder per split.
    splits : sequence of str, default=("train", "valid", "test")
        Names of the splits; the class folders of the first split give the names of the classes.
    size, aliases, skip_unreadable, reader, others
        As in `image_folder`, for every split.

    Returns
    -------
    dict of str to ImageFolder
        Split -> its images; each has the same class names.

    Raises
    ------
    FolderNotFoundError
        If the folder or a split does not exist.
    DataError
        If a split has no class folders, or one of them holds no image.
    AlignmentError
        If class folders have other names in another split. The error's attribute ``aliases`` proposes the names that
        match.
    """
    if not splits:
        raise InvalidOptionError("splits must name one folder at least; received none.")
    root = Path(folder)
    if not root.is_dir():
        raise FolderNotFoundError(f"a folder of splits must be there; nothing is at {os.fspath(folder)!r}.")
    absent = [s for s in splits if not (root / s).is_dir()]
    if absent:
        folders = sorted(p.name for p in children(root) if p.is_dir())
        raise FolderNotFoundError(
            f"a folder of splits must hold {', '.join(splits)}; {os.fspath(folder)!r} lacks {', '.join(absent)}. It "
            f"holds the folders {folders}."
        )
    found = {
        s: image_folder(
            root / s, size=size, aliases=aliases, skip_unreadable=skip_unreadable, reader=reader, others=others
        )
        for s in splits
    }
    _check_same_classes(found)
    return found


def _check_same_classes(splits: Mapping[str, ImageFolder]) -> None:
    proposal: dict[Hashable, Hashable] = {}
    first, *others = splits.items()
    differing = ""
    for name, other in others:
        ours, theirs = set(first[1].classes), set(other.classes)
        lacks = [c for c in first[1].classes if c not in theirs]
        extra = [c for c in other.classes if c not in ours]
        if lacks or extra:
            differing += f" {name!r} lacks {shown(lacks)} and has also {shown(extra)};"
            proposal |= propose_aliases(extra, lacks)
    if differing:
        error = AlignmentError(
            f"class folders must have the same names in every split; {first[0]!r} has {shown(first[1].classes)},"
            f"{differing.rstrip(';')}."
            + (f" If these are other names of the same classes, give {shown_aliases(proposal)}." if proposal else "")
        )
        error.aliases = {str(old): str(new) for old, new in proposal.items()}
        raise error
