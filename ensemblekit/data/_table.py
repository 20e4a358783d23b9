"""`image_table`: images that a table names, with labels and groups; nothing is decoded yet."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..arguments import typed
from ..errors import DataError, InvalidOptionError, InvalidPredictionsError, MissingImagesError
from ..predictions.choices import check_choice
from ..predictions.names import as_classes, as_ids, few, shown
from ._columns import column_of, read_frame, read_targets
from ._source import ImageSource
from .reading import AnyReader, check_image_size, check_reader

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ImageTable", "image_table"]

TASKS = ("multiclass", "multilabel", "regression")


class ImageTable(ImageSource):
    """The images that a table names; `image_table` returns one.

    Attributes
    ----------
    size : tuple of int
        ``(height, width)`` in pixels; every image is resized to it.
    ids : ndarray of str, shape (n_samples,)
        In the order of the table.
    classes : tuple or None
        Names of the classes, or of the numbers that are predicted; None without labels.
    task : str
        ``"multiclass"``, ``"multilabel"`` or ``"regression"``.
    groups : ndarray of shape (n_samples,) or None
        Group of each image, such as its patient.
    split : str or None
        Part of the data.
    reader : ImageReader, callable or None
        How the files are read.
    unreadable : dict of str to str
        Id -> reason, for each image that was skipped so far.
    """

    def __init__(
        self,
        *,
        name: str,
        task: str,
        classes: tuple[Hashable, ...] | None,
        split: str | None,
        **fields: Any,
    ) -> None:
        super().__init__(**fields)
        self._name, self.task, self.classes, self.split = name, task, classes, split

    @property
    def name(self) -> str:
        """Where the table is from."""
        return self._name

    @property
    def labels(self) -> np.ndarray | pd.DataFrame | None:
        """Class names, shape ``(n_samples,)``; or a table with a row per id and a column per class or number."""
        if self._targets is None:
            return None
        if self.task == "multiclass":
            return np.asarray(self.classes)[self._targets]
        import pandas as pd

        return pd.DataFrame(self._targets, index=pd.Index(self.ids, name="id"), columns=list(self.classes or ()))

    def __repr__(self) -> str:
        labels = "no labels" if self.classes is None else f"{self.task} {shown(self.classes)}"
        groups = "" if self.groups is None else f", {len(np.unique(self.groups))} groups"
        return f"<{len(self)} images of {self.name}, {labels}{groups}, {self.size} pixels>"

    def _taken(self, rows: np.ndarray) -> Self:
        return type(self)(
            name=self._name,
            task=self.task,
            classes=self.classes,
            split=self.split,
            ids=self.ids[rows],
            paths=[self._paths[row] for row in rows.tolist()],
            targets=None if self._targets is None else self._targets[rows],
            groups=None if self.groups is None else self.groups[rows],
            size=self.size,
            skip_unreadable=self.skip_unreadable,
            reader=self.reader,
        )


@typed(but=("frame", "size", "reader"))
def image_table(
    frame: Any,
    *,
    path: str = "path",
    label: str | Sequence[str] | Mapping[str, Hashable] | None = None,
    group: str | None = None,
    id: str | None = None,  # noqa: A002 - the word for it everywhere
    root: str | os.PathLike[str] | None = None,
    classes: Sequence[Hashable] | None = None,
    task: str | None = None,
    size: tuple[int, int] = (224, 224),
    split: str | None = None,
    reader: AnyReader | None = None,
    skip_unreadable: bool = False,
) -> ImageTable:
    """Use images that a table names as a source of samples with ids.

    It goes wherever an `image_folder` goes: to `collect`, `predict_images`, `audit_images` and `extract_features`.

    Parameters
    ----------
    frame : DataFrame, table of polars or Arrow, mapping of columns, or path-like
        A row per image; or a ``.csv`` or ``.parquet`` file of such rows. Of a csv file paths, ids and groups are read
        as text, so that patient 007 stays one.
    path : str, default="path"
        Column of the files.
    label : str, sequence of str or mapping of column to class, optional
        Column of class names; or several columns of 0 and 1, one per class, of which more than one may apply
        (multilabel); or columns of numbers, with ``task="regression"``.
    group : str, optional
        Column of what images have in common, such as the patient. Groups go on to the predictions.
    id : str, optional
        Column of the ids. By default an id is the path as it stands in the table, relative to ``root`` if it is in it.
    root : path-like, optional
        Folder that relative paths start at; by default the folder of the csv or parquet file, else the working folder.
    classes : sequence of str or int, optional
        All class names in their order, for one column of labels; by default those that occur, sorted.
    task : {"multiclass", "multilabel", "regression"}, optional
        What labels are; by default multiclass for one column, multilabel for several.
    size : tuple of int, default=(224, 224)
        ``(height, width)`` in pixels; images are resized bilinearly, without antialiasing, as Keras does.
    split : str, optional
        Name of this part of the data, such as ``"test"``.
    reader : ImageReader or callable, optional
        Window, frame and channels of the files; or a function of a path that returns ``(height, width, 3)``.
    skip_unreadable : bool, default=False
        Leave out images that cannot be decoded, and list them in ``unreadable``.

    Returns
    -------
    ImageTable
        Nothing is decoded yet.

    Raises
    ------
    DataError
        If a column is not there, a path, label or group is missing, files do not exist (all are named), or two rows
        have one id or one file.
    InvalidOptionError
        If an option is not valid.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit.data import image_table
    >>> for name in ("a", "b", "c"):
    ...     np.save(f"{name}.npy", np.zeros((8, 8), np.uint8))
    >>> rows = {"path": ["a.npy", "b.npy", "c.npy"], "patient": [1, 1, 2], "mass": [0, 1, 1], "effusion": [0, 1, 0]}
    >>> films = image_table(rows, label=["mass", "effusion"], group="patient", size=(8, 8))
    >>> films
    <3 images of a table, multilabel ('mass', 'effusion'), 2 groups, (8, 8) pixels>
    >>> films.labels.loc["b.npy"].tolist()
    [1, 1]
    """
    check_image_size(size)
    check_reader(reader)
    if task is not None:
        check_choice("task", task, TASKS)
    table, name, folder = read_frame(frame, [column for column in (path, id, group) if column is not None])
    if not len(table):
        raise DataError(f"a table of images must have rows; {name} has none.")
    base = folder if root is None else Path(root)
    texts = column_of(table, path, name)
    files, ids = _files_and_ids(texts, path, base, name)
    if id is not None:
        try:
            ids = as_ids(column_of(table, id, name).tolist(), what=f"ids of a table of images, column {id!r},")
        except InvalidPredictionsError as error:
            raise DataError(str(error)) from None
        ids = ids.astype(np.str_)
    _check_different("ids", ids.tolist(), f"column {id or path!r}", name)
    _check_different("files", [os.fspath(file) for file in files], f"column {path!r}", name)
    task, names, targets = read_targets(table, label, classes, task, ids, name)
    groups = None if group is None else _groups(column_of(table, group, name), group, name)
    _check_there(files, ids, name)
    return ImageTable(
        name=name,
        task=task,
        classes=None if names is None else as_classes(names),
        split=split,
        ids=ids,
        paths=files,
        targets=targets,
        groups=groups,
        size=(size[0], size[1]),
        skip_unreadable=skip_unreadable,
        reader=reader,
    )


def _files_and_ids(texts: np.ndarray, column: str, base: Path, name: str) -> tuple[list[Path], np.ndarray]:
    listed = texts.tolist()
    wrong = [row for row, text in enumerate(listed) if not isinstance(text, (str, os.PathLike)) or not os.fspath(text)]
    if wrong:
        raise DataError(
            f"column {column!r} must hold paths; {name} has {len(wrong)} rows without one, at {few(wrong)}, such as "
            f"{listed[wrong[0]]!r}."
        )
    root = Path(os.path.abspath(base))  # noqa: PTH100 - resolve() would replace a link with its target
    files = [Path(os.path.normpath(root / text)) for text in listed]
    ids = [
        file.relative_to(root).as_posix()
        if Path(text).is_absolute() and file.is_relative_to(root)
        else Path(text).as_posix()
        for text, file in zip(listed, files, strict=True)
    ]
    return files, np.array(ids, dtype=np.str_)


def _check_different(what: str, values: Sequence[str], column: str, name: str) -> None:
    seen: set[str] = set()
    twice = [value for value in values if value in seen or seen.add(value)]
    if twice:
        raise DataError(
            f"{what} of a table of images must be different; in {column} of {name} {len(twice)} come again: "
            f"{few(twice)}. Leave copies out: frame.drop_duplicates(...)."
        )


def _groups(values: np.ndarray, column: str, name: str) -> np.ndarray:
    import pandas as pd

    missing = np.flatnonzero(pd.isna(values))
    if len(missing):
        raise DataError(
            f"each image must have a group; column {column!r} of {name} lacks {len(missing)}, at rows "
            f"{few(missing.tolist())}. Name a group for each, its own id if it stands alone."
        )
    if any(isinstance(one, float) for one in values.tolist()):
        raise InvalidOptionError(f"groups must be texts or whole numbers; column {column!r} of {name} holds fractions.")
    return np.array([str(one) for one in values.tolist()], dtype=np.str_)


def _check_there(files: Sequence[Path], ids: np.ndarray, name: str) -> None:
    """Name all missing files at once, before anything is decoded."""
    gone = [row for row, file in enumerate(files) if not os.path.isfile(file)]  # noqa: PTH113 - it takes bad names
    if gone:
        error = MissingImagesError(
            f"the images of a table must be there; of {len(files)} of {name} {len(gone)} are not: "
            f"{few(ids[gone].tolist(), 20)}. The first was looked for at {os.fspath(files[gone[0]])!r}: give root= if "
            "the paths start elsewhere. The attribute missing of this error lists them all."
        )
        error.missing = tuple(ids[gone].tolist())
        raise error
