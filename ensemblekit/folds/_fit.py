"""`fit_folds`: fit a model a fold, and predict each row with the one that has not seen it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..arguments import typed
from ..combining.row_weights import weights_of
from ..errors import MissingClassWarning
from ..kinds import kind_of
from ..members import as_member, collect
from ..members.streamed import StreamedRows
from ..predictions import Predictions
from ..predictions.choices import check_task
from ..predictions.groups import as_groups, check_same_groups
from ..predictions.names import few
from ._bag import FoldBag
from ._kept import alone_in, begin, keep_fold, kept_fold
from ._models import check_build, check_weighted, described, fitted_model, is_estimator, task_of_labels
from ._rows import Rows, read_rows
from ._splits import Split, splits_of

__all__ = ["fit_folds"]


@typed(but=("build", "source", "cv", "groups", "classes", "task", "sample_weight"))
def fit_folds(
    build: Any,
    source: Any,
    cv: Any = 5,
    *,
    groups: Any = None,
    sample_weight: Any = None,
    folder: str | os.PathLike[str] | None = None,
    name: str | None = None,
    classes: Sequence[Any] | None = None,
    task: str | None = None,
    batch_size: int = 256,
    in_memory: bool | None = None,
    allow_leakage: bool = False,
    trusted: Iterable[type | str] = (),
    progress: Callable[[int, int], None] | None = None,
    options: Mapping[str, Any] | None = None,
) -> FoldBag:
    """Fit one model a fold, and predict each row with the model that was not fitted on it.

    Parameters
    ----------
    build : estimator, or callable
        A scikit-learn estimator, which is cloned for each fold; or a function without arguments that makes a new
        estimator, or a compiled Keras model.
    source : Source, tuple (ids, x, y) or dataset
        Labelled samples, as in `ensemblekit.collect`.
    cv : int, splitter, or iterable of (rows to fit on, rows held out), default=5
        A number of folds, which keep groups together and spread the classes evenly; or a splitter of scikit-learn,
        such as ``GroupKFold(5)``, which gets the rows sorted by id. Pairs, ``PredefinedSplit`` and ``TimeSeriesSplit``
        mean the order of the source.
    groups : mapping of id to group, Series indexed by id, or array-like, optional
        Group of each row, such as its patient; without names, in the order of the source. By default those of the
        source, such as `ensemblekit.data.image_table`.
    sample_weight : mapping of id to float, Series indexed by id, or array-like, optional
        Weight of each row in the fit of its models, >= 0; without names, in the order of the source.
    folder : path-like, optional
        Where fold models and their predictions are kept as they are finished. The same call goes on after it was
        stopped, and fits only what is missing. While it runs, no other run may use the folder.
    name : str, optional
        Name of the bag; by default that of the class or function of ``build``.
    classes : sequence of str or int, optional
        Names of the classes in the order of the outputs of a model; needed for the task multilabel.
    task : str, optional
        Name of a task. By default as the estimator and the labels say.
    batch_size : int, default=256
        Samples that are predicted at once.
    in_memory : bool, optional
        Whether all samples are held in memory. By default they are, unless they would take more than 1 GiB
        (`ensemblekit.limits`) and the source can read some of its rows alone, as image folders and tables can. Then
        networks are trained on batches that are read in each epoch, other models on the rows of their fold.
    allow_leakage : bool, default=False
        Also accept folds that cut a group. The rows are then known as seen.
    trusted : iterable of type or str, optional
        Types of finished models in ``folder`` that may be loaded, as in `ensemblekit.store.load`.
    progress : callable, optional
        Called after each fold with the number of finished folds, and of all.
    options : mapping of str to Any, optional
        Options of the training of a Keras model that ``build`` makes: those of `KerasClassifier`, such as ``epochs``,
        ``batch_size`` and ``seed``; for the task multilabel those of ``Model.fit``.

    Returns
    -------
    FoldBag
        With ``oof``, ``members``, ``scores`` and ``predict``.

    Raises
    ------
    LeakageError
        If a fold holds out rows that it is fitted on, or rows of their groups.
    InvalidOptionError
        If ``build`` makes no new models, or models that take no ``sample_weight``, or ``cv`` does not divide the rows.
    OutputExistsError
        If the folder was begun with other rows, labels, weights, groups, folds or models, or another run is at work in
        it.

    Notes
    -----
    Rows are sorted by id before they are divided, so that the order of the source changes nothing, unless ``cv`` means
    that order. A folder knows the ids, inputs, labels, weights, groups and folds by a digest, and the models by the
    name of the function or the parameters of the estimator; a function that was changed under its name is not noticed.
    A class that a fold had no row of has probability 0 there, with a warning.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import GroupKFold
    >>> from ensemblekit.folds import fit_folds
    >>> x = np.repeat(np.eye(2), 6, axis=0)
    >>> ids, y, patients = [f"s{i}" for i in range(12)], np.repeat(["ill", "well"], 6), np.arange(12) // 2
    >>> bag = fit_folds(LogisticRegression(), (ids, x, y), GroupKFold(3), groups=patients)
    >>> bag.oof.aggregate("group").seen.any().item()
    False
    """
    options = dict(options or {})
    check_build(build, options)
    if sample_weight is not None and is_estimator(build):
        check_weighted(build)
    if task is not None:
        check_task(task)
    rows = read_rows(source, in_memory)
    of_rows = rows.groups if groups is None else _groups(groups, rows)
    if of_rows is not None:
        check_same_groups(of_rows, rows.groups, rows.ids)
    weight = None if sample_weight is None else _weights(sample_weight, rows)
    task = task or task_of_labels(build, rows.y)
    kind = kind_of(task)
    classes = tuple(classes) if classes is not None else rows.classes
    if kind == "multiclass" and classes is None:
        classes = tuple(np.unique(rows.y).tolist())
    name = name or _name(build)
    splits = splits_of(cv, rows, of_rows, task=kind, allow_leakage=allow_leakage)
    place = None if folder is None else Path(folder)
    names = [f"{number:0{len(str(len(splits) - 1))}d}" for number in range(len(splits))]
    found: dict[str, tuple[Predictions, Any]] = {}
    with contextlib.nullcontext() if place is None else alone_in(place):
        if place is not None:
            digest = _digest(rows, of_rows, weight, splits)
            model = described(build, options)
            begin(place, {"format": 1, "name": name, "task": task, "folds": names, "model": model, "rows": digest})
        for number, (fold, split) in enumerate(zip(names, splits, strict=True)):
            kept = None if place is None else kept_fold(place, fold, trusted)
            if kept is None:
                fit = split[0]
                model = fitted_model(
                    build, rows.x.take(fit), rows.y[fit], task=kind, classes=classes, options=options,
                    weight=None if weight is None else weight[fit],
                )  # fmt: skip
                oof = _predicted(model, f"{name}/{fold}", rows, split, of_rows, classes, task, batch_size)
                kept = (oof, model)
                if place is not None:
                    keep_fold(place, fold, oof, model)
            found[fold] = kept
            if progress:
                progress(number + 1, len(splits))
    oof = Predictions.concat({fold: p for fold, (p, _) in found.items()}, member=name)
    return FoldBag(name, oof, {fold: model for fold, (_, model) in found.items()})


def _groups(groups: Any, rows: Rows) -> np.ndarray:
    """Read the group of each row, by id or in the order of the source."""
    back = np.argsort(rows.order)
    return as_groups(groups, rows.ids[back])[rows.order]


def _weights(sample_weight: Any, rows: Rows) -> np.ndarray:
    """Read the weight of each row, by id or in the order of the source."""
    back = np.argsort(rows.order)
    return weights_of(sample_weight, rows.ids[back])[rows.order]


def _name(build: Any) -> str:
    own = type(build).__name__ if is_estimator(build) else getattr(build, "__name__", "model")
    return "model" if own == "<lambda>" else own


def _digest(rows: Rows, groups: np.ndarray | None, weight: np.ndarray | None, splits: Sequence[Split]) -> str:
    hasher = hashlib.sha256(rows.digest().encode())
    if weight is not None:
        hasher.update(b"weights" + weight.astype("<f8").tobytes())
    if groups is not None:
        hasher.update("\0".join(groups.tolist()).encode("utf-8", "surrogatepass"))
    for fit, held in splits:
        hasher.update(np.asarray(fit, dtype="<i8").tobytes() + b"|" + np.asarray(held, dtype="<i8").tobytes())
    return hasher.hexdigest()


def _predicted(
    model: Any, name: str, rows: Rows, split: Split, groups: np.ndarray | None, classes: Any, task: str, batch_size: int
) -> Predictions:
    """Predict the rows that a fold holds out."""
    fit, held = split
    known = hasattr(model, "classes_") and kind_of(task) == "multiclass"
    member = as_member(model, name=name, classes=None if known else classes, task=task)
    ids = rows.ids[held]
    taken = rows.x.take(held)
    given: Any = taken if isinstance(taken, StreamedRows) else (ids, taken.x)
    p = collect({name: member}, given, batch_size=batch_size)[name]
    probas, own = p.probas, p.classes
    if classes is not None and kind_of(task) == "multiclass" and own != tuple(classes):
        lacks = [c for c in classes if c not in own]
        if lacks:
            warnings.warn(
                f"fold {name!r} was fitted on no row of {few(lacks)}, and predicts these classes with probability 0.",
                MissingClassWarning,
                stacklevel=3,
            )
        columns = {c: place for place, c in enumerate(own)}
        wide = np.zeros((*probas.shape[:-1], len(classes)), probas.dtype)
        for place, c in enumerate(classes):
            if c in columns:
                wide[..., place] = probas[..., columns[c]]
        probas, own = wide, tuple(classes)
    return Predictions(
        probas, ids=ids, classes=own, labels=rows.y[held], task=task, split=rows.split, member=name,
        fit_ids=rows.ids[fit], groups=None if groups is None else groups[held],
        fit_groups=None if groups is None else groups[fit],
    )  # fmt: skip
