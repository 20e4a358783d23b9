"""Wrap Keras models, scikit-learn estimators, callables and saved predictions as members."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np

from ..arguments import typed
from ..errors import AlignmentError, InvalidOptionError, InvalidPredictionsError
from ..interfaces import Member
from ..predictions import Predictions, Task
from ..predictions.choices import check_task
from ..predictions.names import as_classes, as_ids, few, positions, shown

__all__ = ["WrappedMember", "as_member"]


class WrappedMember:
    """A model as a member; see `as_member`.

    Attributes
    ----------
    model : object
        The wrapped model.
    """

    def __init__(
        self,
        model: Any,
        call_by: str,
        *,
        name: str,
        classes: tuple[Hashable, ...],
        fit_ids: np.ndarray | None,
        task: Task,
    ) -> None:
        self.model = model
        self.name, self.classes, self.fit_ids = name, classes, fit_ids
        self.task: Task = task
        self._call_by = call_by

    def predict(self, ids: np.ndarray, x: Any) -> np.ndarray:
        """Predict one batch; see `Member`."""
        probas = np.asarray(self._call(ids, x))
        if probas.ndim == 1 and self.task == "regression":
            probas = probas[:, np.newaxis]
        if self.task == "multiclass" and len(self.classes) == 2 and probas.shape[1:] == (1,):
            # One sigmoid output is the probability of the second class, as in scikit-learn and Keras.
            probas = np.concatenate([1 - probas, probas], axis=-1)
        if probas.ndim < 2 or len(probas) != len(ids):
            raise InvalidPredictionsError(
                f"member {self.name!r} must return one row an input, shape (n_samples, ..., n_classes); for "
                f"{len(ids)} inputs it returned shape {probas.shape}."
            )
        if probas.shape[-1] != len(self.classes):
            raise InvalidPredictionsError(
                f"member {self.name!r} must return one column a class; it returned shape {probas.shape} for the "
                f"{len(self.classes)} classes {shown(self.classes)}."
            )
        return probas

    def _call(self, ids: np.ndarray, x: Any) -> Any:
        if self._call_by == "rows":
            return _look_up(self.model, self.name, ids)
        if self._call_by == "member":
            return self.model.predict(ids, x)
        return self.model(x) if self._call_by == "call" else getattr(self.model, self._call_by)(x)

    def __repr__(self) -> str:
        return f"<member {self.name!r}, classes {shown(self.classes)}>"


@typed(but=("classes", "fit_ids", "task"))
def as_member(
    model: Any,
    *,
    name: str,
    classes: Iterable[Any] | None = None,
    fit_ids: Iterable[Any] | None = None,
    task: Task | None = None,
) -> Member:
    """Wrap anything that predicts as a member; the methods of the model decide how it is called.

    Parameters
    ----------
    model : Keras model, scikit-learn estimator, callable, Predictions or Member
        A callable takes ``x`` of shape ``(n_samples, ...)`` and returns predictions. `Predictions` are looked up by id.
        A Member keeps its values of the arguments that are not given.
    name : str
        Name of the member.
    classes : sequence of str or int, optional
        Names of the outputs of the model in their order; required unless the model has ``classes_``.
    fit_ids : sequence of str or int, optional
        Ids of the rows that it was fitted on; by default those of the model.
    task : {"multiclass", "multilabel", "regression"}, optional
        By default that of the model, otherwise ``multiclass``.

    Returns
    -------
    Member
        A member of that name; the model is not changed.

    Raises
    ------
    InvalidOptionError
        If the model cannot predict or is not fitted, or its class names are unknown or differ from ``classes``.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit import as_member
    >>> coin = as_member(lambda x: np.full((len(x), 2), 0.5), name="coin", classes=["heads", "tails"])
    >>> coin.predict(np.array(["a", "b"]), np.zeros((2, 3))).shape
    (2, 2)
    """
    if task is not None:
        check_task(task)
    call_by, own_classes, own_task = _recognise(model, name)
    task = task or own_task or "multiclass"
    if classes is None and own_classes is None:
        if task != "regression":
            raise InvalidOptionError(
                f"member {name!r} ({type(model).__name__}) does not know the names of its outputs. Give them in the "
                "order it was trained with: as_member(model, name=..., classes=[...]) or collect(..., classes=[...])."
            )
        own_classes = ("value",)
    names = as_classes(own_classes if own_classes is not None else classes)
    if own_classes is not None and classes is not None and set(as_classes(classes)) != set(names):
        raise InvalidOptionError(
            f"member {name!r} knows its classes, {shown(names)}; received {shown(as_classes(classes))}. Leave "
            "classes out, or give aliases where they are other names of the same."
        )
    ids = getattr(model, "fit_ids", None) if fit_ids is None else fit_ids
    ids = None if ids is None else as_ids(ids, what=f"fit_ids of member {name!r}")
    return WrappedMember(model, call_by, name=name, classes=names, fit_ids=ids, task=task)


def _recognise(model: Any, name: str) -> tuple[str, Any, Task | None]:
    """Find how to call a model (a method, or "rows", "member" or "call"), its classes and its task."""
    if isinstance(model, Predictions):
        return "rows", model.classes, model.task
    if isinstance(model, Member):
        return "member", model.classes, model.task
    if callable(getattr(model, "predict_on_batch", None)):  # a Keras model
        return "predict_on_batch", None, None
    if hasattr(model, "classes_") and hasattr(model, "predict_proba"):  # a scikit-learn classifier
        return "predict_proba", model.classes_, "multiclass"
    kind = _kind(model)
    if hasattr(model, "predict_proba") or (kind == "classifier" and not hasattr(model, "classes_")):
        raise InvalidOptionError(
            f"member {name!r} ({type(model).__name__}) must be fitted before it predicts; it has no classes_. "
            "Call its fit first."
        )
    if hasattr(model, "classes_"):
        raise InvalidOptionError(
            f"member {name!r} ({type(model).__name__}) has no predict_proba. Give it one, for instance with "
            "scikit-learn's CalibratedClassifierCV."
        )
    if callable(getattr(model, "predict", None)) and kind in ("regressor", None):
        return "predict", None, "regression" if kind else None
    if callable(model):
        return "call", None, None
    raise InvalidOptionError(
        f"member {name!r} must be a Keras model, a scikit-learn classifier or regressor, a callable or Predictions; "
        f"received {type(model).__name__}."
    )


def _kind(model: Any) -> str | None:
    # Like scikit-learn's is_classifier and is_regressor, but without the import. Before 1.6 it was an attribute.
    tags = None if isinstance(model, type) else getattr(model, "__sklearn_tags__", None)
    return tags().estimator_type if tags else getattr(model, "_estimator_type", None)


def _look_up(saved: Predictions, name: str, ids: np.ndarray) -> np.ndarray:
    rows = positions(saved.ids, ids)
    if (rows < 0).any():
        raise AlignmentError(
            f"member {name!r} must have saved predictions for every id; it lacks "
            f"{few(ids[rows < 0].tolist())} of a batch of {len(ids)}."
        )
    return saved.probas[rows]
