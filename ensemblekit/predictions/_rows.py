"""The rows of predictions: taken, named, joined and aggregated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

from ..arguments import typed
from ..errors import InvalidPredictionsError
from ._aggregate import aggregated
from ._checks import as_labels
from ._concat import joined_rows
from ._fits import derive_groups, key_groups
from ._kept import KeptPredictions, with_ids
from ._keyed_rows import with_time
from ._one_key import same_key
from ._task_names import classes_of_task
from .alike import check_aliases, normalisation_note
from .choices import Aliases
from .groups import as_groups, check_same_groups
from .keys import key_of
from .names import as_ids, few, positions, readonly

__all__ = ["PredictionRows"]


class PredictionRows(KeptPredictions):
    """What `Predictions` inherits: other rows, and other names."""

    __slots__ = ()

    def take(self, ids: Iterable[Any]) -> Self:
        """Select rows by id, in the order given.

        Parameters
        ----------
        ids : sequence of str or int, or columns of the key
            Ids to keep: the values of a Series, or an index. Of a key a MultiIndex, a table, ``{column: values}`` or a
            list of tuples.

        Returns
        -------
        Predictions
            With these rows only.

        Raises
        ------
        InvalidPredictionsError
            If an id is unknown or repeated.
        """
        wanted = as_ids(ids, like=self._ids)
        rows = positions(self._ids, wanted)
        if (rows < 0).any():
            raise InvalidPredictionsError(
                f"ids to take must be there; received unknown: {few(wanted[rows < 0].tolist())}."
                + normalisation_note(wanted[rows < 0], self._ids)
            )
        present = None if self._present is None else readonly(self._present[rows])
        return self._with(
            _ids=readonly(self._ids[rows]),
            _probas=readonly(self._probas[rows]),
            _present=None if present is None or present.all() else present,
            _label_values=None if self._label_values is None else readonly(self._label_values[rows]),
            _groups=None if self._groups is None else readonly(self._groups[rows]),
            _fitted=self._fitted.take(rows),
        )

    @classmethod
    def concat(cls, parts: Iterable[Any] | Mapping[str, Any], *, member: str | None = None) -> Self:
        """Join the rows of several predictions, such as those of folds.

        Parameters
        ----------
        parts : sequence of Predictions, or mapping of fold to Predictions
            Predictions of different rows. Classes are matched by name and follow the first part.
        member : str, optional
            Name of the member; by default the one that all parts have.

        Returns
        -------
        Predictions
            The rows of the parts, one after the other. Where parts were fitted on different rows, each part is a fold,
            and each row knows what its own model was fitted on.

        Raises
        ------
        AlignmentError
            If tasks, classes, splits or shapes differ, or labels or groups are known for some parts only.
        InvalidPredictionsError
            If an id is in several parts.

        Examples
        --------
        >>> from ensemblekit import Predictions
        >>> one = Predictions([[0.9, 0.1]], ids=["a"], classes=["cat", "dog"], fit_ids=["b"])
        >>> two = Predictions([[0.7, 0.3]], ids=["b"], classes=["dog", "cat"], fit_ids=["a"])
        >>> both = Predictions.concat({"fold 0": one, "fold 1": two})
        >>> both.probas.tolist(), both.folds.tolist(), both.seen.tolist()
        ([[0.9, 0.1], [0.3, 0.7]], ['fold 0', 'fold 1'], [False, False])
        """
        if member is not None and (not isinstance(member, str) or not member):
            raise InvalidPredictionsError(f"member must be a non-empty str or None; received {member!r}.")
        new = object.__new__(cls)
        for slot, value in joined_rows(parts, KeptPredictions, member).items():
            setattr(new, slot, value)
        return new

    def aggregate(self, by: Any = "group", combiner: Any = "mean", *, labels: Any = "error", **options: Any) -> Self:
        """Combine the rows of each group to one row, such as slices to patients.

        Parameters
        ----------
        by : "group", array-like, Series or mapping, default="group"
            ``"group"`` for `groups`; or the group of each row, as ``groups`` of `Predictions`, such as a key column.
        combiner : str or Combiner, default="mean"
            A registered name, or an object: any that learns nothing and has no weights. The rows of a group
            are combined as members are, however many there are.
        labels : {"error", "majority", "any", "mean"}, array-like, Series, mapping or None, default="error"
            What labels become that differ within a group: an error; for multiclass the most frequent one, the first of
            equals in the order of `classes`; for multilabel those of any row; for regression their mean. Labels of
            the groups, ``{group: label}``, replace those of the rows; None leaves them out.
        **options
            Options of a combiner that is given by name.

        Returns
        -------
        Predictions
            One row a group, sorted by name, with the groups as ``ids``. ``fit_ids`` are the groups that the member, or
            the models that predicted the rows, were fitted on. A group whose rows are all NaN is NaN.

        Raises
        ------
        InvalidPredictionsError
            If there are no groups.
        AlignmentError
            If labels differ within a group.
        InvalidOptionError
            If the combiner or the labels do not suit the predictions.

        Examples
        --------
        >>> from ensemblekit import Predictions
        >>> probas = [[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]]
        >>> slices = Predictions(probas, ids=["s1", "s2", "s3"], classes=["well", "ill"], groups=["ann", "ann", "bob"])
        >>> patients = slices.aggregate("group", "mean")
        >>> patients.ids.tolist(), patients.probas.tolist()
        (['ann', 'bob'], [[0.7, 0.3], [0.2, 0.8]])
        """
        return self._with(**aggregated(self, by, combiner, labels, options))

    def with_labels(self, labels: Any) -> Self:
        """Add the true labels of the rows, or replace them.

        Parameters
        ----------
        labels : array-like, Series or mapping
            As in `Predictions`: looked up by id where they have names, otherwise in the order of `ids`.

        Returns
        -------
        Predictions
            The same predictions, labelled.

        Raises
        ------
        InvalidPredictionsError
            If they do not fit the classes and the rows.
        """
        return self._with(_label_values=as_labels(labels, self._classes, self._task, self._probas.shape, self._ids))

    def with_groups(self, groups: Any) -> Self:
        """Add the groups of the rows, such as their patients.

        Parameters
        ----------
        groups : array-like, Series, mapping or str
            As in `Predictions`: looked up by id where they have names, otherwise in the order of `ids`. The name of a
            key column groups by it: the groups of all rows of ``fit_ids`` are then known.

        Returns
        -------
        Predictions
            The same predictions with groups. The groups of rows that are here and were fitted on are known.

        Raises
        ------
        InvalidPredictionsError
            If a row has no group, or another one already.
        """
        found = as_groups(groups, self._ids)
        check_same_groups(found, self._groups, self._ids)
        fitted = key_groups(self._fitted, groups) if isinstance(groups, str) else self._fitted
        return self._with(_groups=found, _fitted=derive_groups(fitted, self._ids, found))

    def with_time(self, time: str | tuple[str, str] | None) -> Self:
        """Say which key columns are the forecast origin and the date of the outcome.

        Parameters
        ----------
        time : str, tuple of str, or None
            As in `Predictions`; None for neither.

        Returns
        -------
        Predictions
            The same predictions, of which a combiner remembers how far in time it was fitted.

        Raises
        ------
        InvalidPredictionsError
            If they are no key columns of dates or whole numbers.
        """
        ids = with_time(self._ids, time)
        return with_ids(self, ids, same_key(self._fitted, key_of(ids)))

    @typed(but={"member"})  # a name taken from a file name may not be valid Unicode
    def rename(self, member: str | None = None, *, aliases: Aliases | None = None, split: str | None = None) -> Self:
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
            If two classes would have the same name, or an alias spells a class in another Unicode normalisation.
        """
        if not isinstance(member, str | None):
            raise InvalidPredictionsError(f"member must be a str or None; received {member!r}.")
        classes = self._classes
        if aliases:
            check_aliases(aliases, classes)
            classes = classes_of_task([aliases.get(c, c) for c in classes], self._task)
        return self._with(_classes=classes, _member=member or self._member, _split=split or self._split)
