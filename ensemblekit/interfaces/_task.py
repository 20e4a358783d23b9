"""The contract of tasks."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Literal

import numpy as np

__all__ = ["Task"]


class Task:
    """The base class of every task: what its predictions are, and how they are judged if nothing else is asked for.

    Attributes
    ----------
    name : str
        By default the registered name.
    kind : {"multiclass", "multilabel", "regression"}
        What the values are: a distribution over the classes, a probability of each label, or numbers. Combiners look
        at the kind only, so that every combiner of a kind combines all its tasks.
    metrics : tuple of str
        Names of the default metrics. The first is the one by which a choice is made.
    dense_metrics : tuple of str
        The default metrics of predictions with more than one place per row, such as masks.
    ordered : bool
        Whether the order of the classes means something, as for ``binary``, whose second class is the positive one.
        Then `ensemblekit.align` refuses another order, and combiners are fitted in this one.
    labels_are_values : bool
        Whether a label is what its prediction should have been, so that the distance of both means something. False
        for labels such as (time, event) of a survival curve: combiners that learn from labels are then refused, unless
        they name the task among their ``tasks``.

    Examples
    --------
    >>> from ensemblekit import Task
    >>> class Counts(Task):
    ...     kind = "regression"
    ...     metrics = ("mae", "rmse")
    ...
    ...     def check(self, probas, classes):
    ...         if (probas < 0).any():
    ...             raise ValueError(f"counts must be >= 0; received {probas.min()}")
    """

    name: str = ""
    kind: Literal["multiclass", "multilabel", "regression"] = "multiclass"
    metrics: tuple[str, ...] = ("log_loss", "accuracy")
    dense_metrics: tuple[str, ...] = ()
    ordered: bool = False
    labels_are_values: bool = True

    def name_classes(self, classes: tuple[Any, ...]) -> tuple[Any, ...]:
        """Name classes as the task does, so that two spellings of one class have one name; the default keeps them.

        Parameters
        ----------
        classes : tuple
            Names as given, or the columns of a table.

        Returns
        -------
        tuple of str or int
            One name a class, in the same order.

        Raises
        ------
        ValueError
            For a name that is none of the task, with the rule and what came.
        """
        return classes

    def complete(self, probas: np.ndarray, classes: tuple[Hashable, ...]) -> np.ndarray:
        """Complete predictions that have fewer columns than classes; the default returns them as they are.

        Parameters
        ----------
        probas : ndarray of float of any shape
            Predictions as given, which are not checked yet. They must not be changed.
        classes : tuple of str or int
            Names of the classes or outputs.

        Returns
        -------
        ndarray of shape (n_samples, ..., n_classes)
            Predictions with all columns: ``probas`` itself if it has them, or an array of the same dtype.
        """
        return probas

    def check(self, probas: np.ndarray, classes: tuple[Hashable, ...]) -> None:
        """Refuse predictions that the checks of the kind admit; the default refuses nothing.

        Parameters
        ----------
        probas : ndarray of shape (n_samples, ..., n_classes)
            Predictions; rows that are absent are NaN.
        classes : tuple of str or int
            Names of the classes or outputs.

        Raises
        ------
        ValueError
            With the rule and what came.
        """

    def complete_labels(
        self, labels: np.ndarray, classes: tuple[Hashable, ...], columns: tuple[Hashable, ...] | None = None
    ) -> np.ndarray:
        """Turn labels of another shape than the kind's into that; the default returns them as they are.

        Parameters
        ----------
        labels : ndarray of any shape
            Labels in the order of the rows, which are not checked yet. They must not be changed.
        classes : tuple of str or int
            Names of the classes or outputs.
        columns : tuple of str or int, optional
            Names of the columns that the labels had, if they came as a table.

        Returns
        -------
        ndarray
            ``labels`` itself, or labels as in the notes of `Metric`, in which all of them can be read again.
        """
        return labels

    def check_labels(self, labels: np.ndarray, classes: tuple[Hashable, ...]) -> None:
        """Refuse labels that the checks of the kind admit; the default refuses nothing.

        Parameters
        ----------
        labels : ndarray
            Codes of classes, 0 and 1, or numbers, as in the notes of `Metric`.
        classes : tuple of str or int
            Names of the classes or outputs.

        Raises
        ------
        ValueError
            With the rule and what came.
        """

    def baseline(
        self,
        labels: np.ndarray,
        n_classes: int,
        *,
        sample_weight: np.ndarray | None = None,
        classes: tuple[Hashable, ...] | None = None,
    ) -> np.ndarray:
        """Compute the prediction of a model that looks at no input: shares of classes or labels, or means.

        Parameters
        ----------
        labels : ndarray
            As in `check_labels`, of rows that are not judged.
        n_classes : int
            Number of classes or outputs.
        sample_weight : ndarray of shape (n_samples,), optional
            Weight of each row, >= 0.
        classes : tuple of str or int, optional
            Names of the classes or outputs. A method without this parameter is called without it.

        Returns
        -------
        ndarray of float64 of shape (n_classes,)
            The same prediction for every row.

        Notes
        -----
        A subclass whose baseline depends on the names of the classes may also take them as ``classes``.
        """
        weights = np.ones(len(labels)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        if self.kind != "multiclass":
            places = labels.reshape(len(labels), -1, n_classes).mean(axis=1)
            return weights @ places / weights.sum()
        each = np.repeat(weights, labels.size // len(labels))
        counts = np.bincount(np.ravel(labels), weights=each, minlength=n_classes)
        return counts / counts.sum()

    def __repr__(self) -> str:
        options: dict[str, Any] = {k: v for k, v in vars(self).items() if k != "name" and not k.startswith("_")}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in options.items())})"
