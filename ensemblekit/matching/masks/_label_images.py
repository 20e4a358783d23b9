"""`LabelImages`: what readers have drawn on cases, one label a voxel, on one grid a case."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ...arguments import check_unmasked, typed
from ...errors import DataError, InvalidOptionError, InvalidPredictionsError, MissingDependencyError
from ...limits import check_size
from ...predictions.names import shown
from ...predictions.spellings import check_spellings
from ...regular import bytes_on_disk, open_regular

__all__ = ["LabelImage", "LabelImages"]

CLOSE = 1e-3
"""Affines that differ by no more, in units of length, are of one grid: files hold them as float32."""


class LabelImage:
    """The labels of one image, as an array or in a file, and the grid that it is on.

    Parameters
    ----------
    image : array-like of int or bool, or path-like
        One label a voxel; or the path of a NIfTI or NPY file.
    affine : array-like of shape (4, 4), optional
        Where voxels lie. By default that of the file.
    spacing : sequence of float, optional
        Distance between voxels on each axis. By default as the affine says, else 1.

    Raises
    ------
    DataError
        If the file is none of these, or cannot be read.
    InvalidPredictionsError
        If the labels are no whole numbers, or a shape or a number is impossible.
    MissingDependencyError
        If nibabel is needed, and not installed.
    """

    __slots__ = ("_image", "affine", "shape", "spacing")

    @typed(but=("image", "affine"))
    def __init__(self, image: Any, *, affine: Any = None, spacing: Sequence[float] | None = None) -> None:
        self._image: Any = image
        if isinstance(image, str | os.PathLike):
            self._image, own = _opened(Path(image))
            affine = own if affine is None else affine
        else:
            self._image = _array(image, "an image of labels", image)
        self.shape: tuple[int, ...] = tuple(int(n) for n in self._image.shape)
        kind = np.dtype(self._image.dtype).kind
        if kind not in "biuf" or len(self.shape) not in (1, 2, 3) or 0 in self.shape:
            raise InvalidPredictionsError(
                f"an image of labels must hold whole numbers on one to three axes; received {self._image.dtype} of "
                f"shape "
                f"{self.shape}. Take one volume, or the most probable class of each voxel: probas.argmax(axis=-1)."
            )
        self.affine = None if affine is None else _array(affine, "affine", affine, np.float64)
        if self.affine is not None and (self.affine.shape != (4, 4) or not np.isfinite(self.affine).all()):
            raise InvalidPredictionsError(f"affine must be a finite matrix of shape (4, 4); received {shown(affine)}.")
        if spacing is None and self.affine is not None:
            spacing = np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0))[: len(self.shape)].tolist()
        self.spacing = tuple(float(step) for step in ((1.0,) * len(self.shape) if spacing is None else spacing))
        if len(self.spacing) != len(self.shape) or not all(np.isfinite(step) and step > 0 for step in self.spacing):
            raise InvalidPredictionsError(
                f"spacing must be one number > 0 for each of the {len(self.shape)} axes; received {shown(spacing)}."
            )

    def read(self) -> np.ndarray:
        """Read the labels.

        Returns
        -------
        ndarray of int
            The array itself, or that of the file.

        Raises
        ------
        InvalidPredictionsError
            If one is no whole number.
        """
        array = np.asanyarray(self._image)
        if array.dtype.kind == "f":
            whole = np.rint(array)
            if not (whole == array).all() or np.abs(whole).max(initial=0) > 2**31:
                wrong = array[(whole != array) | (np.abs(whole) > 2**31)].ravel()[0]
                raise InvalidPredictionsError(
                    f"labels must be whole numbers; received {wrong:g}. Say where a probability becomes a label: "
                    "(image > 0.5).astype('uint8')."
                )
            array = whole.astype(np.int32)
        return array.view(np.uint8) if array.dtype.kind == "b" else array


class LabelImages:
    """Images of labels by case and reader, all readers of a case on one grid.

    Parameters
    ----------
    images : mapping of case to mapping of reader to image
        Arrays, paths of NIfTI or NPY files, or `LabelImage`. A reader who has not drawn a case is not named there; an
        image of zeros says that nothing was found.
    spacing : sequence of float, optional
        Distance between voxels on each axis, for arrays that do not say it. By default 1.

    Raises
    ------
    InvalidPredictionsError
        If the readers of a case have other shapes, spacings or affines. Headers alone are read for this.

    Notes
    -----
    Files are read one case at a time, when they are needed.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit.matching import LabelImages
    >>> LabelImages({"a": {"ann": np.eye(3, dtype=int), "bo": np.eye(3, k=1, dtype=int)}})
    LabelImages(n_cases=1, readers=('ann', 'bo'))
    """

    __slots__ = ("_images", "readers")

    @typed(but=("images",))
    def __init__(self, images: Any, *, spacing: Sequence[float] | None = None) -> None:
        if not isinstance(images, Mapping) or not all(isinstance(one, Mapping) and one for one in images.values()):
            raise InvalidPredictionsError(
                "images must be {case: {reader: image}}, with a reader in each case; received "
                f"{shown(images, 100)}. Name the one case too: "
                "{'case': images}."
            )
        self._images: dict[Any, dict[Any, LabelImage]] = {}
        for case, of_case in images.items():
            own = {who: one if isinstance(one, LabelImage) else _image(one, spacing) for who, one in of_case.items()}
            _check_grid(case, own)
            self._images[case] = own
        names = {who for of_case in self._images.values() for who in of_case}
        kinds = {type(who) for who in names}
        if len(kinds) > 1 or not kinds <= {str, int}:
            raise InvalidPredictionsError(
                f"readers must be named by text, or by whole numbers; received {shown(names)}."
            )
        check_spellings(names, "readers")
        check_spellings(self._images, "cases")
        self.readers: tuple[Any, ...] = tuple(sorted(names))

    @property
    def cases(self) -> tuple[Any, ...]:
        """Names of the cases, in the order given."""
        return tuple(self._images)

    def __len__(self) -> int:
        return len(self._images)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._images)

    def __getitem__(self, case: Any) -> Mapping[Any, LabelImage]:
        """Return the images of a case by reader; the order of readers is that of their names."""
        if case not in self._images:
            raise InvalidOptionError(f"no case {shown(case)} here; there are {shown([*self._images])}.")
        own = self._images[case]
        return {who: own[who] for who in self.readers if who in own}

    def __repr__(self) -> str:
        return f"LabelImages(n_cases={len(self)}, readers={shown(self.readers)})"


def _array(values: Any, what: str, given: Any, kind: Any = None) -> np.ndarray:
    check_unmasked(what, values)
    try:
        return np.asarray(values, dtype=kind)
    except (TypeError, ValueError, OverflowError):
        raise InvalidPredictionsError(f"{what} must be an array of numbers; received {shown(given, 100)}.") from None


def _image(one: Any, spacing: Sequence[float] | None) -> LabelImage:
    if isinstance(one, str | os.PathLike):
        return LabelImage(one)
    return LabelImage(one, spacing=spacing)


def _check_grid(case: Any, images: Mapping[Any, LabelImage]) -> None:
    first, *others = images
    one = images[first]
    for who in others:
        other = images[who]
        differs = ""
        if one.shape != other.shape:
            differs = f"shape {one.shape} and {other.shape}"
        elif one.affine is not None and other.affine is not None:
            if not np.allclose(one.affine, other.affine, rtol=0, atol=CLOSE):
                differs = f"affine {one.affine[:3].round(3).tolist()} and {other.affine[:3].round(3).tolist()}"
        elif not np.allclose(one.spacing, other.spacing, rtol=0, atol=CLOSE):
            differs = f"spacing {one.spacing} and {other.spacing}"
        if differs:
            raise InvalidPredictionsError(
                f"all readers of a case must draw on one grid; {shown(first)} and {shown(who)} differ on case "
                f"{shown(case)}: {differs}. Resample one to the grid of the other, to the nearest label: "
                "nibabel.processing.resample_from_to(image, (shape, affine), order=0)."
            )


def _opened(path: Path) -> tuple[Any, Any]:
    """Open a file; its voxels are read later."""
    with open_regular(path) as file:
        start = file.read(6)
        stored = bytes_on_disk(file)
    if start == b"\x93NUMPY":
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        return array, None
    try:
        nibabel: Any = import_module("nibabel")
    except ImportError as error:
        raise MissingDependencyError(
            'Reading NIfTI files needs nibabel, which is not installed: pip install "ensemblekit[medical]".'
        ) from error
    try:
        volume = nibabel.load(path)
        shape, dtype = tuple(volume.shape), volume.get_data_dtype()
    except Exception as error:  # nibabel can raise almost any error for a broken file
        raise DataError(
            f"an image of labels must be a NIfTI or NPY file; {os.fspath(path)!r} is not: {error}. Convert it first."
        ) from error
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    check_size(prod(shape) * dtype.itemsize, f"a NIfTI file of shape {shape}", DataError, stored=stored)
    return _Volume(volume.dataobj, shape, dtype), volume.affine


class _Volume:
    """The voxels of a NIfTI file, which are read when they are asked for."""

    def __init__(self, data: Any, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self._data, self.shape, self.dtype = data, shape, dtype

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asanyarray(self._data).reshape(self.shape, order="F")
