"""`Predictions`: the predictions of one member, with the ids and class names that are needed to combine them safely."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from ..arguments import typed
from ..errors import InvalidPredictionsError
from ._checks import as_labels, as_probas
from ._reading import read_fields
from .choices import Aliases, Task, check_choice, check_task
from .names import as_classes, as_fit_ids, as_ids, few, named_by, positions, readonly, shown

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Predictions"]


class Predictions:
    """The predictions of one member, named by id and class.

    Parameters
    ----------
    probas : array-like or table of shape (n_samples, ..., n_classes)
        Probabilities in [0, 1], summing to 1 over the last axis for ``multiclass``; any finite values for
        ``regression``, for which one output needs no second axis. The dtype is kept; bfloat16 becomes float32. The
        array is copied unless it is read-only. A pandas, polars or Arrow table may bring ids and classes along.
    ids : sequence of str or int, shape (n_samples,), optional
        Unique name of each row, such as the POSIX path from the data root: ``test/normal/6.png``. By default the index
        of a table, or its column ``id``.
    classes : sequence of str or int, or mapping, shape (n_classes,), optional
        Unique name of each column; output names for regression. By default the columns of a table. A label map is
        ``{code: name}`` or ``{name: code}``.
    labels : array-like, Series or mapping, optional
        True class names, shape ``(n_samples, ...)`` (for string classes, integer codes into ``classes`` too);
        multilabel: 0 or 1, regression: numbers, both of the shape of ``probas``. Looked up by id where they have
        names; otherwise in the order of ``ids``. By default the column ``label`` of a table.
    task : {"multiclass", "multilabel", "regression"}
        Determines which values are valid.
    split : str, optional
        Which part of the data these are: ``train``, ``valid``, ``test``.
    member : str, optional
        Name of the member.
    fit_ids : sequence of str or int, optional
        Ids of the rows that the member was fitted on: text or integers, like ``ids``. None if they are not known.
    missing : {"error", "renormalize"}
        ``renormalize`` accepts rows that are entirely NaN, for which the member has no prediction.

    Raises
    ------
    InvalidPredictionsError
        If shapes, values, ids, classes or labels are not as described above, or the names of a table are not those
        that are given, in the same order.

    Notes
    -----
    An index 0..n-1 and columns 0..k-1 are no names. Masked entries are missing. Values below 0 by rounding, as of
    ``1 - p``, become 0. Multiclass rows of bfloat16 are divided by their sums, which are coarse.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> cnn = Predictions([[0.9, 0.1], [0.3, 0.7]], ids=["a.png", "b.png"], classes=["cat", "dog"], member="cnn")
    >>> cnn
    Predictions(member='cnn', n_samples=2, classes=('cat', 'dog'), task='multiclass')
    >>> cnn.predicted
    array(['cat', 'dog'], dtype='<U3')
    """

    __slots__ = (
        "_classes", "_fit_ids", "_ids", "_label_values", "_member", "_present", "_probas", "_split", "_task",
    )  # fmt: skip

    def __init__(
        self,
        probas: Any,
        *,
        ids: Iterable[Any] | None = None,
        classes: Iterable[Any] | Mapping[Any, Any] | None = None,
        labels: Any = None,
        task: Task = "multiclass",
        split: str | None = None,
        member: str | None = None,
        fit_ids: Iterable[Any] | None = None,
        missing: Literal["error", "renormalize"] = "error",
    ) -> None:
        check_task(task)
        check_choice("missing", missing, ("error", "renormalize"))
        for name, value in (("member", member), ("split", split)):
            if value is not None and (not isinstance(value, str) or not value):
                raise InvalidPredictionsError(f"{name} must be a non-empty str or None; received {value!r}.")
        who = f"probas of member {member!r}" if member else "probas"
        self._task: Task = task
        self._split, self._member = split, member
        given = read_fields(probas, ids, classes, labels, task, who)
        self._ids, self._classes = given.ids, given.classes
        self._probas, self._present = as_probas(
            given.probas,
            self._ids,
            self._classes,
            task,
            nan_rows=missing == "renormalize",
            who=who,
            is_new=isinstance(probas, list | tuple),
        )
        self._label_values = (
            None
            if given.labels is None
            else as_labels(given.labels, self._classes, task, self._probas.shape, self._ids, index=given.index)
        )
        self._fit_ids = None if fit_ids is None else as_fit_ids(fit_ids, self._ids)
        if not len(self._ids) and self._fit_ids is not None and len(self._fit_ids):
            self._ids = self._fit_ids[:0]  # without ids, fit_ids determine the kind

    @property
    def probas(self) -> np.ndarray:
        """Read-only predictions, shape ``(n_samples, ..., n_classes)``."""
        return self._probas

    @property
    def ids(self) -> np.ndarray:
        """Unique ids, shape ``(n_samples,)``: int64 or text. Long texts are ``str`` in an array of objects."""
        return self._ids

    @property
    def classes(self) -> tuple[Hashable, ...]:
        """Class names in the order of the last axis."""
        return self._classes

    @property
    def labels(self) -> np.ndarray | None:
        """True class names, shape ``(n_samples, ...)``; indicators or numbers for the other tasks; or None."""
        if self._label_values is None or self._task != "multiclass":
            return self._label_values
        return named_by(self._label_values, self._classes)

    @property
    def label_codes(self) -> np.ndarray | None:
        """True classes as positions in `classes`; the labels themselves for the other tasks; or None."""
        return self._label_values

    @property
    def task(self) -> Task:
        """``multiclass``, ``multilabel`` or ``regression``."""
        return self._task

    @property
    def split(self) -> str | None:
        """Which part of the data these are."""
        return self._split

    @property
    def member(self) -> str | None:
        """Name of the member."""
        return self._member

    @property
    def fit_ids(self) -> np.ndarray | None:
        """Sorted ids of the rows that the member was fitted on, or None if unknown."""
        return self._fit_ids

    @property
    def present(self) -> np.ndarray | None:
        """Which rows are not NaN, shape ``(n_samples,)``; None if all are present."""
        return self._present

    @property
    def predicted(self) -> np.ndarray:
        """The name of the most probable class of each row (the first of equals); the values for regression."""
        if self._present is not None:
            raise InvalidPredictionsError(
                f"predicted needs every row; {int((~self._present).sum())} rows are NaN. Take the others: "
                "p.take(p.ids[p.present])."
            )
        if self._task == "regression":
            return self._probas
        if self._task == "multilabel":
            return self._probas >= 0.5
        return named_by(self._probas.argmax(axis=-1), self._classes)

    def __len__(self) -> int:
        return len(self._ids)

    def __reduce__(self) -> Any:
        # Copies and unpickled objects are read-only too.
        return _restore, (type(self), {slot: getattr(self, slot) for slot in Predictions.__slots__})

    def __repr__(self) -> str:
        parts = [f"member={self._member!r}"] if self._member else []
        parts += [f"split={self._split!r}"] if self._split else []
        parts += [f"n_samples={len(self)}", f"classes={shown(self._classes)}", f"task={self._task!r}"]
        return f"Predictions({', '.join(parts)})"

    def take(self, ids: Iterable[Any]) -> Self:
        """Select rows by id, in the order given.

        Parameters
        ----------
        ids : sequence of str or int
            Ids to keep: the values of a Series, or an index.

        Returns
        -------
        Predictions
            With these rows only.

        Raises
        ------
        InvalidPredictionsError
            If an id is unknown or repeated.
        """
        wanted = as_ids(ids)
        rows = positions(self._ids, wanted)
        if (rows < 0).any():
            raise InvalidPredictionsError(
                f"ids to take must be there; received unknown: {few(wanted[rows < 0].tolist())}."
            )
        present = None if self._present is None else readonly(self._present[rows])
        return self._with(
            _ids=readonly(self._ids[rows]),
            _probas=readonly(self._probas[rows]),
            _present=None if present is None or present.all() else present,
            _label_values=None if self._label_values is None else readonly(self._label_values[rows]),
        )

    @typed(but={"member"})  # a name taken from a file name may not be valid Unicode
    def rename(
        self,
        member: str | None = None,
        *,
        aliases: Aliases | None = None,
        split: str | None = None,
    ) -> Self:
        """Rename the member, its classes or its split.

        Parameters
        ----------
        member : str, optional
            New name of the member.
        aliases : mapping, optional
            ``{name: new name}`` of classes; other classes keep their names.
        split : str, optional
            New name of the split.

        Returns
        -------
        Predictions
            The same values under the new names.

        Raises
        ------
        InvalidPredictionsError
            If two classes would have the same name.
        """
        if not isinstance(member, str | None):
            raise InvalidPredictionsError(f"member must be a str or None; received {member!r}.")
        classes = self._classes if not aliases else as_classes([aliases.get(c, c) for c in self._classes])
        return self._with(_classes=classes, _member=member or self._member, _split=split or self._split)

    def to_frame(self) -> pd.DataFrame:
        """Convert to a table with the index ``id``, a column per class, and ``label`` if known.

        Returns
        -------
        pandas.DataFrame
            One row per sample.

        Raises
        ------
        InvalidPredictionsError
            If the predictions are dense, or are labelled and have a class called ``label``.
        """
        import pandas as pd

        if self._probas.ndim != 2:
            raise InvalidPredictionsError(
                f"to_frame needs predictions of shape (n_samples, n_classes); received {self._probas.shape}."
            )
        frame = pd.DataFrame(
            self._probas, index=pd.Index(self._ids, name="id"), columns=pd.Index(self._classes), copy=True
        )
        if self._task == "multiclass" and self.labels is not None:
            if "label" in self._classes:
                raise InvalidPredictionsError(
                    f"to_frame needs the column 'label' for the labels; received the classes {shown(self._classes)}. "
                    "Rename that class: p.rename(aliases={'label': ...})."
                )
            frame["label"] = self.labels
        return frame

    @typed()
    def save(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        form: Literal["predictions", "table", "votes"] = "predictions",
        id: str | None = None,  # noqa: A002 - the word of the people who have such tables
        label: str | None = None,
        columns: str | Sequence[Hashable] | Mapping[str, Hashable] | None = None,
        separator: str | None = None,
        decimal: Literal[".", ","] | None = None,
    ) -> None:
        """Write to a file, by default so that `load` gives the same predictions, to the bit.

        The write is atomic: after an error the path is unchanged.

        Parameters
        ----------
        path : path-like
            The suffix selects the format: ``.parquet``, ``.csv``, ``.tsv``, ``.csv.gz``, ``.tsv.gz`` or ``.npz``. Dense
            predictions need Parquet or NPZ.
        overwrite : bool, default=False
            Replace an existing file.
        form : {"predictions", "table", "votes"}
            ``predictions`` writes everything. ``table`` writes an ordinary table, such as a submission: ids and values,
            without metadata. ``votes`` writes ids and the most probable class of each row; for multilabel, 0 or 1 in a
            column a class.
        id : str, optional
            Name of the column of the ids in an ordinary table, by default ``id``.
        label : str, optional
            Of a table: write the true labels too, in a column of this name. Of votes: name of their column, by default
            ``label``.
        columns : str, sequence or mapping, optional
            Of a table: classes to write, or ``{column: class}``. By default all, each column called like its class.
        separator : str, optional
            Character between the cells of an ordinary table of text.
        decimal : {".", ","}, optional
            Its decimal mark. With a comma, the separator is by default a semicolon.

        Raises
        ------
        InvalidPredictionsError
            If the suffix is unknown or the format cannot hold these predictions.
        InvalidOptionError
            If the options do not fit the form, or name unknown classes.
        OutputExistsError
            If the file exists and ``overwrite`` is False, or the path is a folder, a pipe or a device.
        """
        from .formats import save

        save(
            self, path, overwrite=overwrite, form=form,
            id=id, label=label, columns=columns, separator=separator, decimal=decimal,
        )  # fmt: skip

    @classmethod
    @typed(but=("missing", "task"))
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        task: Task | None = None,
        id: str | None = None,  # noqa: A002 - the word of the people who have such tables
        label: str | Mapping[str, Hashable] | None = None,
        columns: str | Sequence[str] | Mapping[str, Hashable] | None = None,
        positive: Any = None,
        missing: Literal["error", "renormalize"] = "error",
        separator: str | None = None,
        decimal: Literal[".", ","] | None = None,
        edited: bool = False,
    ) -> Predictions:
        """Read from a file or a folder of parts, with every check.

        Parameters
        ----------
        path : path-like
            A file of `save`; any other CSV, TSV or Parquet table with a column of ids and a column per class; or a
            folder of such files, which are the parts of one table. Text may be packed with gzip. A table of ids and
            class names alone holds votes: each gets probability 1.
        task : {"multiclass", "multilabel", "regression"}, optional
            Task of a table, by default ``multiclass``.
        id : str, optional
            Column of the ids. By default ``id`` in any case, or a first column with a name such as ``image_id``.
        label : str or mapping, optional
            Column of the labels, by default ``label`` in any case, if there is one. For the labels of several outputs
            ``{column: class}``.
        columns : str, sequence of str or mapping, optional
            Columns of values; all others are ignored. A mapping ``{column: class}`` also names their classes. By
            default every column but the ids and labels, called like its class.
        positive : str, int, bool or (negative, positive), optional
            Class whose probability is in the one column of values. The other class is called ``not ...``, or 0 for 1
            and False for True.
        missing : {"error", "renormalize"}
            ``renormalize`` accepts rows without any value, for which the member has no prediction.
        separator : str, optional
            Character between the cells of a text file. By default it is recognised: one of ``, ; | tab``.
        decimal : {".", ","}, optional
            Decimal mark of a text file. By default a comma is recognised where it can mean nothing else.
        edited : bool, default=False
            Accept a file that was changed since it was saved.

        Returns
        -------
        Predictions
            With the names and metadata of the file.

        Raises
        ------
        InvalidPredictionsError
            If the file cannot be read as predictions, was changed since it was saved, or exceeds the memory limit; see
            `ensemblekit.limits`.
        InvalidOptionError
            If an option is none of those above.
        FileNotFoundError
            If the file does not exist.
        """
        from .formats import load
        from .tables import ReadOptions

        options = ReadOptions(
            task=task, id=id, label=label, columns=columns, positive=positive, missing=missing, separator=separator,
            decimal=decimal, edited=edited,
        )  # fmt: skip
        return load(path, Predictions, options)

    def _with(self, **changes: Any) -> Self:
        new = object.__new__(type(self))
        for slot in Predictions.__slots__:
            setattr(new, slot, changes.get(slot, getattr(self, slot)))
        return new


def _restore(kind: type[Predictions], slots: Mapping[str, Any]) -> Predictions:
    new = object.__new__(kind)
    for slot, value in slots.items():
        setattr(new, slot, readonly(value) if isinstance(value, np.ndarray) else value)
    return new


_remade = _restore  # pickles of version 0.1 refer to this name
