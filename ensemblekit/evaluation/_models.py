"""The models that a function judges, from whatever holds them, by name."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from ..arguments import typed
from ..errors import AlignmentError, InvalidPredictionsError
from ..kinds import has_ordered_classes
from ..predictions import Predictions, PredictionSet, align
from ..predictions.joining import positions
from ..predictions.names import same_kind, shown

__all__ = ["Models", "aligned_models", "named_models"]

Models = PredictionSet | Predictions | Sequence[Predictions] | Mapping[str, Predictions]
"""What every function that judges accepts: a set, one model, several with member names, or a mapping of names."""


@typed(but=("models",))
def named_models(models: Models, *, argument: str = "models") -> dict[str, Predictions]:
    """Name the predictions of every model.

    Parameters
    ----------
    models : PredictionSet, Predictions, sequence or mapping of Predictions
        The members of a set, one model, several models with different member names, or a mapping of name to model.
    argument : str, default="models"
        Name of the argument, for errors.

    Returns
    -------
    dict of str to Predictions
        In the given order. One unnamed model is called ``model``; unnamed ones of several ``model 1``, ``model 2``.
        Models of the same classes have them all in one order: that of a task in which it means something, such as
        ``binary``, else that of the first model. So a metric that judges the second of two classes judges the same one.
        A model without labels has those of another one of the same task and classes that knows all of its rows.

    Raises
    ------
    InvalidPredictionsError
        If it is something else, there is no model, or two have the same name.
    AlignmentError
        If two of a task in which the order of the classes means something have them in different orders.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import named_models
    >>> cnn = Predictions([[0.75, 0.25]], ids=["a"], classes=["cat", "dog"], member="cnn")
    >>> list(named_models([cnn]))
    ['cnn']
    """
    pairs: list[tuple[Any, Any]]
    if isinstance(models, Predictions):
        pairs = [(models.member or "model", models)]
    elif isinstance(models, Mapping):
        pairs = list(models.items())
    elif isinstance(models, (PredictionSet, Sequence)) and not isinstance(models, (str, bytes)):
        pairs = [(getattr(p, "member", None) or f"model {n}", p) for n, p in enumerate(models, start=1)]
    else:
        pairs = [("model", models)]
    for name, p in pairs:
        if not isinstance(p, Predictions) or not isinstance(name, str):
            raise InvalidPredictionsError(
                f"{argument} must be a PredictionSet, Predictions, a list of them, or a mapping of names to them; "
                f"received {type(p).__name__} as {name!r}. Read files with Predictions.load."
            )
    if not pairs:
        raise InvalidPredictionsError(f"{argument} must hold one model at least; received none.")
    named = dict(pairs)
    if len(named) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidPredictionsError(
            f"{argument} must have a name each; two are called {twice!r}. Give a mapping, {{name: predictions}}."
        )
    return _with_shared_labels(_in_one_order(named))


def _with_shared_labels(models: dict[str, Predictions]) -> dict[str, Predictions]:
    """Give models without labels those of another one that knows all of their rows, if all that do agree."""
    labelled = [p for p in models.values() if p.labels is not None]
    return {name: p if p.labels is not None else _labelled_by(p, labelled) for name, p in models.items()}


def _labelled_by(p: Predictions, others: Sequence[Predictions]) -> Predictions:
    found: np.ndarray | None = None
    for other in others:
        places = positions(other.ids, p.ids) if same_kind(other.ids, p.ids) else np.array([-1])
        if other.labels is None or other.task != p.task or {*other.classes} != {*p.classes} or (places < 0).any():
            continue
        labels = other.labels[places]
        if found is not None and not np.array_equal(found, labels, equal_nan=found.dtype.kind == "f"):
            return p
        found = labels
    return p if found is None else p.with_labels(found)


def _in_one_order(models: dict[str, Predictions]) -> dict[str, Predictions]:
    ordered = {name: p for name, p in models.items() if has_ordered_classes(p.task)}
    name, leading = next(iter((ordered or models).items()))
    classes = leading.classes
    for other, p in ordered.items():
        if p.classes != classes and {*p.classes} == {*classes}:
            raise AlignmentError(
                f"classes of the task {p.task!r} must be in the same order for every model, as the order means "
                f"something; received {shown(classes)} for {name!r} and {shown(p.classes)} for {other!r}. Give the "
                "task 'multiclass' to a model whose classes are only written in another order, and its columns are "
                "matched by name."
            )
    return {
        name: _turned(name, p, classes) if p.classes != classes and {*p.classes} == {*classes} else p
        for name, p in models.items()
    }


def _turned(name: str, p: Predictions, classes: tuple[Hashable, ...]) -> Predictions:
    alone = align([p.rename(name)], missing="error" if p.present is None else "renormalize")
    return alone.reorder(classes=classes)[name]


def aligned_models(models: Models, *, argument: str = "predictions") -> PredictionSet:
    """Align the predictions of every model, for a function that compares them row by row.

    Parameters
    ----------
    models : PredictionSet, Predictions, sequence or mapping of Predictions
        As in `named_models`. A set is returned as it is, also with absent rows.
    argument : str, default="predictions"
        Name of the argument, for errors.

    Returns
    -------
    PredictionSet
        The models, under the names that `named_models` gives them.

    Raises
    ------
    InvalidPredictionsError
        As in `named_models`.
    AlignmentError
        If they cannot be aligned.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import aligned_models
    >>> p = Predictions([[0.75, 0.25]], ids=["a"], classes=["cat", "dog"])
    >>> aligned_models({"cnn": p, "svm": p}).members
    ('cnn', 'svm')
    """
    return models if isinstance(models, PredictionSet) else align(named_models(models, argument=argument))
