"""`predict_images`: images in, predictions with ids out, in memory that does not grow."""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..arguments import typed
from ..data.listing import ImageFile, split_of
from ..data.reading import in_threads, read_image, reason_of
from ..errors import FolderNotFoundError, InvalidOptionError, UnreadableImageError
from ..limits import check_size
from ..predictions import Predictions
from ..predictions.names import readonly
from ._files import list_again, survey
from ._model import Predictor, open_model
from ._parts import Parts, part_slices

__all__ = ["Predicted", "predict_images"]

PART = 1024
"""Images a part: what a killed run loses at most."""


class Predicted(NamedTuple):
    """What a run has done.

    Attributes
    ----------
    outputs : dict of str to pathlib.Path
        ``combined``, and each member where they were wanted.
    n_images : int
        Images predicted.
    unreadable : dict of str to str
        Id -> reason, for each image that could not be read.
    n_others : int
        Files that are no images by their name, and were left out.
    seconds : float
        Of this run.
    images_per_second : float
        Of this run; what an earlier one had finished is not counted.
    """

    outputs: dict[str, Path]
    n_images: int
    unreadable: dict[str, str]
    n_others: int
    seconds: float
    images_per_second: float


@typed()
def predict_images(
    model: Any,
    images: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    classes: Sequence[Hashable] | None = None,
    members: bool = False,
    labels: bool = False,
    aliases: Mapping[str, str] | None = None,
    batch_size: int = 32,
    resume: bool = False,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Predicted:
    """Predict any number of images, and write predictions with their ids to a file.

    Images are decoded in two threads beside the model. Every 1,024 a part is written to a hidden folder beside the
    output; at the end the parts become one file, which appears whole or not at all.

    Parameters
    ----------
    model : path-like, keras.Model, EnsembleClassifier or Predictor
        As in `open_model`.
    images : path-like, or sequence of path-like
        Folders, looked through to any depth for names that end as those of images do; image files; and ``.txt`` files
        that list images, a path a line, from the folder of the list. Ids are paths from the data root, split included,
        as in `image_folder`; of files and in lists, the path as given.
    output : path-like
        A name that ends in ``.parquet``, ``.csv`` or ``.npz``; `Predictions.load` reads it. Only a Parquet file is
        joined without being held in memory.
    classes : sequence of str or int, optional
        Names of the model's outputs, where it does not hold them.
    members : bool, default=False
        Write what each member says too, beside the output: ``out.cnn.parquet``.
    labels : bool, default=False
        Take the class folder of each image, after ``aliases``, as its label.
    aliases : mapping of str to str, optional
        Class folder -> class.
    batch_size : int, default=32
        Images that the model is given at a time; 1,024 at most.
    resume : bool, default=False
        Go on with a run that was cut off; its model, images and options must be the same. Parts that are damaged are
        predicted again.
    overwrite : bool, default=False
        Replace what is there, and what a run that was cut off has left.
    progress : callable, optional
        Called with the images done and in all after each batch.

    Returns
    -------
    Predicted
        Images that cannot be read are listed there, and in a file ``out.unreadable.csv``.

    Raises
    ------
    InvalidOptionError
        If options, labels or the model are not valid.
    FolderNotFoundError
        If the model, images or the folder of the output are not there.
    DataError
        If there is no image that can be read, images come or go meanwhile, or a resumed run is another.
    OutputExistsError
        If the output is there and ``overwrite`` is not given, a run was cut off and neither this nor ``resume`` is,
        another run is at work on it, or what is kept meanwhile would lie where something is that is not ours.
    InvalidPredictionsError
        If the model gives what are no probabilities.
    """
    if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size < 1:
        raise InvalidOptionError(f"batch_size must be a whole number >= 1; received {batch_size!r}.")
    output = Path(output)
    if output.suffix.lower() not in (".parquet", ".csv", ".npz"):
        raise InvalidOptionError(f"output must end in .parquet, .csv or .npz; received {output.name!r}.")
    if not output.parent.is_dir():
        raise FolderNotFoundError(f"the folder of the output must be there; {os.fspath(output.parent)!r} is not.")
    if aliases and not labels:
        raise InvalidOptionError("aliases name class folders, which only labels=True looks at. Leave them out.")
    given = [images] if isinstance(images, (str, os.PathLike)) else list(images)
    predictor = open_model(model, classes=classes)
    if members and not predictor.members:
        raise InvalidOptionError(
            f"{predictor.name!r} does not know its members; a fused .keras file or a saved ensemble does."
        )
    known = {str(name): name for name in predictor.classes} | dict(aliases or {}) if labels else None
    listing = survey(given, known)  # pyright: ignore[reportArgumentType] - names of folders are text
    names = ["combined", *(predictor.members if members else ())]
    plan = {
        "model": predictor.fingerprint,
        "classes": list(predictor.classes),
        "images": listing.digest,
        "members": names[1:],
        "labels": known and {k: str(v) for k, v in known.items()},
        "part": PART,
    }
    parts = Parts(output, plan, names)
    with parts.at_work(resume=resume, overwrite=overwrite):
        start = time.perf_counter()
        n_parts = done = fresh = 0
        split = split_of(given)
        batch_size = min(batch_size, PART, listing.n_images)
        n_bytes = 4 * batch_size * math.prod(predictor.input_shape)
        check_size(n_bytes, f"a batch of {batch_size} images (batch_size)", InvalidOptionError)
        files = list_again(given, listing)
        for number, size in part_slices(listing.n_images, PART):
            n_parts += 1
            if not parts.finished(number):
                few = list(islice(files, size))
                said, unreadable = _predict(
                    predictor, few, batch_size, members, known, split, progress, done, listing.n_images
                )
                parts.write(number, said, unreadable)
                fresh += size
            else:
                next(islice(files, size, size), None)
            done += size
            if progress:
                progress(done, listing.n_images)
        for _ in files:
            pass  # at its end it says whether files came or went
        outputs, unreadable, n_images = parts.join(n_parts)
    seconds = time.perf_counter() - start
    return Predicted(outputs, n_images, unreadable, listing.n_others, seconds, fresh / seconds)


def _predict(
    predictor: Predictor,
    files: list[ImageFile],
    batch_size: int,
    members: bool,
    known: Mapping[str, Any] | None,
    split: str | None,
    progress: Callable[[int, int], None] | None,
    done: int,
    total: int,
) -> tuple[dict[str, Predictions], dict[str, str]]:
    kept: list[ImageFile] = []
    unreadable: dict[str, str] = {}
    said: dict[str, list[np.ndarray]] = {}
    with warnings.catch_warnings(), closing(_batches(predictor, files, batch_size)) as batches:
        # Pillow warns of odd tags and large pictures: what it cannot decode is told as an error.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        for read, batch, broken in batches:
            unreadable |= broken
            kept += read
            done += len(read) + len(broken)
            if read:
                answer = predictor.predict_members(batch) if members else {"combined": predictor.predict(batch)}
                for name, probas in answer.items():
                    said.setdefault(name, []).append(np.array(probas[: len(read)]))
            if progress:
                progress(done, total)
    if not kept:
        return {}, unreadable
    ids = [file.id for file in kept]
    labels = None if known is None else [known[str(file.folder)] for file in kept]
    return {
        name: Predictions(
            readonly(np.concatenate(arrays)),
            ids=ids,
            classes=predictor.classes,
            labels=labels,
            task=predictor.task,
            split=split,
            member=predictor.name if name == "combined" else name,
        )
        for name, arrays in said.items()
    }, unreadable


def _batches(
    predictor: Predictor, files: list[ImageFile], batch_size: int
) -> Generator[tuple[list[ImageFile], np.ndarray, dict[str, str]]]:
    """Yield the images read, the batch, filled up to its full size, and what could not be read."""
    height, width, _ = predictor.input_shape

    def read(file: ImageFile) -> np.ndarray | str:
        if file.printable_id != file.id or "\0" in file.id:
            return "its name is no valid Unicode, and cannot be an id; rename it"
        try:
            if file.path.exists() and not file.path.is_file():
                return "no file, but a folder, a pipe, a socket or a device"
            return read_image(file.path, (height, width))
        except UnreadableImageError as error:
            return reason_of(error.__cause__ or error)

    with closing(in_threads(read, files, 2 * batch_size)) as pixels:
        for start in range(0, len(files), batch_size):
            # A batch of another size would be compiled anew.
            batch = np.zeros((batch_size, *predictor.input_shape), dtype=np.float32)
            kept: list[ImageFile] = []
            broken: dict[str, str] = {}
            for file, found in zip(files[start : start + batch_size], islice(pixels, batch_size), strict=True):
                if isinstance(found, str):
                    broken[file.printable_id] = found
                else:
                    batch[len(kept)] = found
                    kept.append(file)
            yield kept, batch, broken
