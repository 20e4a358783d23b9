"""`predict_images`: predict images as a stream; the memory does not grow with the number of images."""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..arguments import typed
from ..data import ImageSource
from ..data.listing import ImageFile, split_of
from ..data.reading import AnyReader, check_reader, fingerprint_of, in_threads, read_sized, reason_of, warn_of
from ..errors import FolderNotFoundError, InvalidOptionError, UnreadableImageError
from ..kinds import kind_of
from ..limits import check_size
from ..members.meaning import Activation
from ..predictions import Predictions, Task
from ..predictions.names import readonly
from ._checkpoints import Checkpoints
from ._model import Predictor, open_model
from ._survey import list_surveyed, survey_images
from .images import check_channels, check_labels, rows_of

if TYPE_CHECKING:
    import keras

    from ..ensemble import EnsembleClassifier

__all__ = ["Predicted", "predict_images"]

PART = 1024
"""Images in a part, which is what a killed run loses at most."""


class Predicted(NamedTuple):
    """The result of a run.

    Attributes
    ----------
    outputs : dict of str to pathlib.Path
        ``combined``, and each member if ``members`` was given.
    n_images : int
        Number of images predicted.
    unreadable : dict of str to str
        Id -> reason, for each image that could not be read.
    n_others : int
        Number of files that are left out, because they do not have the suffix of an image.
    seconds : float
        Duration of this run.
    images_per_second : float
        Speed of this run, without the parts that an interrupted run had finished.
    """

    outputs: dict[str, Path]
    n_images: int
    unreadable: dict[str, str]
    n_others: int
    seconds: float
    images_per_second: float


@typed(but=("model", "images", "reader"))
def predict_images(
    model: str | os.PathLike[str] | keras.Model | EnsembleClassifier | Predictor,
    images: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | ImageSource,
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
    output_name: str | None = None,
    task: Task | None = None,
    activation: Activation | None = None,
    reader: AnyReader | None = None,
) -> Predicted:
    """Predict any number of images, and write predictions with their ids to a file.

    Two threads decode images while the model predicts. Each part of 1,024 images is written to a hidden folder beside
    the output. At the end the parts are joined to one file, which appears only when it is complete.

    Parameters
    ----------
    model : path-like, keras.Model, EnsembleClassifier or Predictor
        As in `open_model`.
    images : path-like, sequence of path-like, ImageTable or ImageFolder
        Folders, searched to any depth for files with the suffix of an image; image files; and ``.txt`` files that list
        images, one path a line, relative to the list. The id of an image in a folder is its path from the data root,
        split included, as in `image_folder`; the id of another image is its path as given. Or the images of a table,
        `image_table`, whose ids and groups are those of the predictions. All are resized to what the model takes.
    output : path-like
        A name that ends in ``.parquet``, ``.csv`` or ``.npz``; `Predictions.load` reads it. Only a Parquet file is
        written without loading all predictions into memory.
    classes : sequence of str or int, optional
        Names of the model's outputs, if it has none.
    members : bool, default=False
        Also write the predictions of each member, beside the output: ``out.cnn.parquet``.
    labels : bool, default=False
        Use the class folder of each image, after ``aliases``, as its label; of a table its labels.
    aliases : mapping of str to str, optional
        Class folder -> class.
    batch_size : int, default=32
        Number of images that the model gets at a time; 1,024 at most.
    resume : bool, default=False
        Continue a run that was interrupted, with the same model, images and options. Damaged parts are predicted again.
    overwrite : bool, default=False
        Replace existing outputs, and the parts of a run that was interrupted.
    progress : callable, optional
        Called after each batch with the number of images done and of all images.
    output_name : str, optional
        The output to take of a model with several, as in `open_model`.
    task, activation
        As in `open_model`.
    reader : ImageReader or callable, optional
        Window, frame and channels of the files, or a function of a path; see `image_folder`. A table has its own.
        For ``resume`` a function must have a ``fingerprint``, a text that changes with what it does.

    Returns
    -------
    Predicted
        Images that cannot be read are listed in it, and in the file ``out.unreadable.csv``.

    Raises
    ------
    InvalidOptionError
        If options, labels or the model are not valid.
    FolderNotFoundError
        If the model, the images or the folder of the output do not exist.
    DataError
        If no image can be read, images are added or removed in the meantime, or ``resume`` finds a run with another
        model, images or options.
    OutputExistsError
        If the output exists and ``overwrite`` is False; an interrupted run is found and neither ``resume`` nor
        ``overwrite`` is given; another run writes the same output; or the hidden folder would replace other files.
    InvalidPredictionsError
        If the model's outputs are not probabilities.

    Warns
    -----
    ImageReadingWarning
        If files are left out because of their names; and of the first image of which few grey levels are left.
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
    given = _as_given(images)
    source, paths = (given, []) if isinstance(given, ImageSource) else (None, given)
    if source is not None and (aliases or reader is not None):
        raise InvalidOptionError("aliases and reader are options of image_table and image_folder. Give them there.")
    check_reader(reader)
    reader = reader if source is None else source.reader
    if resume and fingerprint_of(reader) is None:
        raise InvalidOptionError(
            "resume must know whether images are read as before; the function that reads them has no fingerprint. Give "
            "it one, a text: reader.fingerprint = 'version 1'."
        )
    predictor = open_model(model, classes=classes, output_name=output_name, task=task, activation=activation)
    if labels and source is None and kind_of(predictor.task) != "multiclass":
        raise InvalidOptionError(
            f"labels=True takes class folders as labels, one an image; the task of {predictor.name!r} is "
            f"{predictor.task!r}. Give image_table(..., label=[a column per class]), or add labels to the predictions "
            "afterwards: predictions.with_labels(...)."
        )
    if members and not predictor.members:
        raise InvalidOptionError(
            f"{predictor.name!r} does not know its members; a fused .keras file or a saved ensemble does."
        )
    check_channels(predictor.name, predictor.input_shape, reader)
    if labels and source is not None:
        check_labels(source, predictor.classes, kind_of(predictor.task))
    class_of_folder: dict[str, Hashable] | None = None
    if labels and source is None:
        class_of_folder = {str(name): name for name in predictor.classes} | dict(aliases or {})
    survey = survey_images(given, class_of_folder, reader)
    names = ["combined", *(predictor.members if members else ())]
    plan = {
        "model": predictor.fingerprint,
        "classes": list(predictor.classes),
        "images": survey.digest,
        "members": names[1:],
        "labels": class_of_folder and {folder: str(name) for folder, name in class_of_folder.items()},
        "part": PART,
    }
    if source is not None:
        plan["rows"] = rows_of(source, source.ids, labels=labels).digest
    if fingerprint_of(reader) != fingerprint_of(None):
        plan["reader"] = fingerprint_of(reader)
    checkpoints = Checkpoints(output, plan, names)
    with checkpoints.opened(resume=resume, overwrite=overwrite):
        start = time.perf_counter()
        batch_size = min(batch_size, PART, survey.n_images)
        n_bytes = 4 * batch_size * math.prod(predictor.input_shape)
        check_size(n_bytes, f"a batch of {batch_size} images (batch_size)", InvalidOptionError)
        split = source.split if source is not None else split_of(paths)
        run = _Run(predictor, batch_size, members, class_of_folder, split, progress, survey.n_images)
        run.reader, run.source, run.has_labels = reader, source, labels
        files = list_surveyed(given, survey, reader)
        n_parts = math.ceil(survey.n_images / PART)
        for number in range(n_parts):
            part = islice(files, PART)
            if checkpoints.is_finished(number):
                run.skip(sum(1 for _ in part))
            else:
                checkpoints.write(number, *run.predict(list(part)))
        for _ in files:
            pass  # at its end, the listing compares the files with the survey
        outputs, unreadable, n_images = checkpoints.join(n_parts)
    seconds = time.perf_counter() - start
    return Predicted(outputs, n_images, unreadable, survey.n_others, seconds, run.n_predicted / seconds)


def _as_given(images: Any) -> Any:
    if isinstance(images, ImageSource):
        return images
    given = [images] if isinstance(images, (str, os.PathLike)) else images
    if isinstance(given, (bytes, Mapping)) or not hasattr(given, "__iter__"):
        raise InvalidOptionError(f"images must be paths, or an image_table; received {type(images).__name__}.")
    given = list(given)
    if not given or not all(isinstance(one, (str, os.PathLike)) for one in given):
        raise InvalidOptionError(f"images must be paths of folders and files, or an image_table; received {given!r}.")
    return given


class _Run:
    """Predict the parts of one run, and count the images."""

    def __init__(
        self,
        predictor: Predictor,
        batch_size: int,
        members: bool,
        class_of_folder: Mapping[str, Hashable] | None,
        split: str | None,
        progress: Callable[[int, int], None] | None,
        n_images: int,
    ) -> None:
        self.predictor, self.batch_size, self.members = predictor, batch_size, members
        self.class_of_folder, self.split = class_of_folder, split
        self.progress, self.n_images = progress, n_images
        self.n_done = self.n_predicted = 0
        self.reader: AnyReader | None = None
        self.source: ImageSource | None = None
        self.has_labels = self.has_warned = False

    def skip(self, n_images: int) -> None:
        self._count(n_images)

    def predict(self, files: list[ImageFile]) -> tuple[dict[str, Predictions], dict[str, str]]:
        """Predict images; return the predictions by name, and the ids of unreadable images with the reasons."""
        predictor, kept = self.predictor, list[ImageFile]()
        unreadable: dict[str, str] = {}
        probas: dict[str, list[np.ndarray]] = {}
        reading = _batches(predictor, files, self.batch_size, self.reader, self._warn)
        with warnings.catch_warnings(), closing(reading) as batches:
            # Pillow warns about unusual tags and large pictures. It raises an error for files that it cannot decode.
            warnings.filterwarnings("ignore", module=r"PIL\.")
            for read, batch, broken in batches:
                unreadable |= broken
                kept += read
                if read:
                    outputs = (
                        predictor.predict_members(batch) if self.members else {"combined": predictor.predict(batch)}
                    )
                    for name, rows in outputs.items():
                        probas.setdefault(name, []).append(np.array(rows[: len(read)]))
                self._count(len(read) + len(broken))
        self.n_predicted += len(files)
        ids = [file.id for file in kept]
        labels = groups = None
        if self.source is not None:
            labels, groups, _ = rows_of(self.source, ids, labels=self.has_labels)
        if self.class_of_folder is not None:
            labels = [self.class_of_folder[str(file.folder)] for file in kept]
        return {
            name: Predictions(
                readonly(np.concatenate(arrays)),
                ids=ids,
                classes=predictor.classes,
                labels=labels,
                task=predictor.task,
                split=self.split,
                member=predictor.name if name == "combined" else name,
                groups=groups,
            )
            for name, arrays in probas.items()
        }, unreadable

    def _warn(self, file: ImageFile, note: str) -> None:
        if not self.has_warned:
            self.has_warned = True
            more = " Others like it are not named here; audit_images lists them all."
            warn_of(note, file.id, stacklevel=6, more=more)

    def _count(self, n_images: int) -> None:
        self.n_done += n_images
        if self.progress:
            self.progress(self.n_done, self.n_images)


def _batches(
    predictor: Predictor,
    files: list[ImageFile],
    batch_size: int,
    reader: AnyReader | None,
    warn: Callable[[ImageFile, str], None],
) -> Generator[tuple[list[ImageFile], np.ndarray, dict[str, str]]]:
    """Yield the files that were read, their pixels (padded to the batch size), and the ids of unreadable images."""
    height, width, _ = predictor.input_shape

    def read(file: ImageFile) -> tuple[np.ndarray, str] | str:
        if file.printable_id != file.id or "\0" in file.id:
            return "its name is no valid Unicode, and cannot be an id; rename it"
        try:
            if file.path.exists() and not file.path.is_file():
                return "no file, but a folder, a pipe, a socket or a device"
            return read_sized(file.path, (height, width), reader)
        except UnreadableImageError as error:
            return reason_of(error.__cause__ or error)

    with closing(in_threads(read, files, 2 * batch_size)) as pixels:
        for start in range(0, len(files), batch_size):
            # The batch is padded, as TensorFlow compiles the model for each batch size.
            batch = np.zeros((batch_size, *predictor.input_shape), dtype=np.float32)
            kept: list[ImageFile] = []
            broken: dict[str, str] = {}
            for file, image in zip(files[start : start + batch_size], islice(pixels, batch_size), strict=True):
                if isinstance(image, str):
                    broken[file.printable_id] = image
                else:
                    batch[len(kept)], note = image
                    kept.append(file)
                    if note:
                        warn(file, note)
            yield kept, batch, broken
