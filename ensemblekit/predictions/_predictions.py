"""`Predictions`: the predictions of one member, with the ids and class names that are needed to combine them safely."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from ..errors import InvalidPredictionsError
from ._checks import as_labels, as_probas
from ._files import PredictionFiles
from ._fits import UNKNOWN, key_groups, read_fitted
from ._kept import restore
from ._keyed_rows import with_time
from ._reading import read_fields
from ._rows import PredictionRows
from .choices import Task, check_choice, check_task
from .groups import as_groups
from .keys import key_of

__all__ = ["Predictions"]


class Predictions(PredictionRows, PredictionFiles):
    """The predictions of one member, named by id and class.

    Parameters
    ----------
    probas : array-like or table of shape (n_samples, ..., n_classes)
        Probabilities in [0, 1], summing to 1 over the last axis for ``multiclass``; any finite values for
        ``regression``, for which one output needs no second axis. The dtype is kept; bfloat16 becomes float32. The
        array is copied unless it is read-only. A pandas, polars or Arrow table may bring ids and classes along.
    ids : sequence of str or int, or columns of a key, shape (n_samples,), optional
        Unique name of each row, such as the POSIX path from the data root: ``test/normal/6.png``. By default the index
        of a table, or its column ``id``. A MultiIndex with named levels, a table or ``{column: values}`` is a key of
        several columns: text, whole numbers or dates.
    classes : sequence of str or int, or mapping, shape (n_classes,), optional
        Unique name of each column; output names for regression. By default the columns of a table. A label map is
        ``{code: name}`` or ``{name: code}``.
    labels : array-like, Series or mapping, optional
        True class names, shape ``(n_samples, ...)`` (for string classes, integer codes into ``classes`` too);
        multilabel: 0 or 1, regression: numbers, both of the shape of ``probas``. Looked up by id where they have
        names; otherwise in the order of ``ids``. By default the column ``label`` of a table.
    task : str, default="multiclass"
        Name of a task: ``multiclass``, ``multilabel``, ``regression``, ``binary`` or another that a plugin registered.
        Its `kind` determines which values are valid. For ``binary`` the second class is the positive one, and
        ``probas`` may be its probabilities alone, of shape ``(n_samples,)`` or ``(n_samples, 1)``.
    split : str, optional
        Which part of the data these are: ``train``, ``valid``, ``test``.
    member : str, optional
        Name of the member.
    fit_ids : sequence of str or int, or mapping of fold to these, optional
        Ids of the rows that the member was fitted on: text or integers, like ``ids``. None if they are not known.
    groups : array-like, Series or mapping, optional
        Group of each row, such as its patient: text or whole numbers, which become text. Looked up by id like
        ``labels``. The name of a key column groups by it. By default the column ``group`` of a table, if it
        holds no floating point numbers.
    fit_groups : sequence of str or int, or mapping of fold to these, optional
        Groups of the rows that the member was fitted on; names may be repeated. The groups of rows of ``fit_ids`` that
        are among ``ids`` are known without.
    folds : array-like, Series or mapping, optional
        Name of the fold of each row, for out-of-fold predictions: each fold has a model of its own. ``fit_ids`` and
        ``fit_groups`` are then ``{fold: names}``; by default a model was fitted on the rows of all other folds.
    time : str or tuple of str, optional
        Key column of the forecast origin (cutoff), or those of the origin and of the date of the outcome, such as
        ``("cutoff", "target_date")``. A combiner that is fitted on these rows is then only used on later cutoffs.
    missing : {"error", "renormalize"}
        ``renormalize`` accepts rows that are entirely NaN, for which the member has no prediction.

    Raises
    ------
    InvalidPredictionsError
        If shapes, values, ids, classes or labels are not as described above, or the names of a table are not those
        that are given, in the same order.

    Notes
    -----
    Of a key, `ids` are its columns as one text: ``DE/2024-01-06/7``, with "%" and "/" in a text as ``%25`` and ``%2F``,
    and dates as ISO 8601 writes them. The columns are given back by `key` and `key_frame`.

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

    __slots__ = ()

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
        fit_ids: Iterable[Any] | Mapping[Any, Iterable[Any]] | None = None,
        groups: Any = None,
        fit_groups: Iterable[Any] | Mapping[Any, Iterable[Any]] | None = None,
        folds: Any = None,
        time: str | tuple[str, str] | None = None,
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
        given = read_fields(probas, ids, classes, labels, task, who, groups)
        self._ids, self._classes = given.ids if time is None else with_time(given.ids, time), given.classes
        nan_rows, is_new = missing == "renormalize", isinstance(probas, list | tuple)
        self._probas, self._present = as_probas(
            given.probas, self._ids, self._classes, task, nan_rows=nan_rows, who=who, is_new=is_new
        )
        self._label_values = (
            None
            if given.labels is None
            else as_labels(given.labels, self._classes, task, self._probas.shape, self._ids, index=given.index)
        )
        self._groups = None if given.groups is None else as_groups(given.groups, self._ids, index=given.index)
        self._fitted = UNKNOWN
        if fit_ids is not None or fit_groups is not None or folds is not None:
            self._fitted = read_fitted(
                fit_ids, fit_groups, folds, ids=self._ids, groups=self._groups, index=given.index, present=self._present
            )
            if isinstance(given.groups, str):
                self._fitted = key_groups(self._fitted, given.groups)
            if (
                not len(self._ids)
                and key_of(self._ids) is None
                and self._fitted.ids is not None
                and len(self._fitted.ids)
            ):
                self._ids = self._fitted.ids[:0]  # without ids, fit_ids determine the kind


_restore = restore  # pickles of earlier versions refer to these names
_remade = restore
