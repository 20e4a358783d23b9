"""Labelled predictions to fit combiners that learn."""

from __future__ import annotations

import numpy as np

from ..predictions import Predictions, PredictionSet, align

__all__ = ["training_predictions"]

ROWS = 40


def training_predictions(
    task: str = "multiclass",
    *,
    n_members: int = 3,
    n_classes: int = 3,
    extra_axes: tuple[int, ...] = (),
    hard: bool = False,
    seed: int = 0,
) -> PredictionSet:
    """Create predictions to fit a combiner that learns: 40 rows, and members of different accuracy.

    Parameters
    ----------
    task : {"multiclass", "multilabel", "regression"}
        Task of the members.
    n_members, n_classes : int, default=3
        Sizes. Members are called ``m0``, ``m1``, ..., rows ``r00``, ``r01``, ..., classes ``c0``, ``c1``, ...
    extra_axes : tuple of int, default=()
        Axes between samples and classes.
    hard : bool, default=False
        One-hot rows (0 or 1 for ``multilabel``, whole numbers for ``regression``), with many ties.
    seed : int, default=0
        Seed of the random numbers.

    Returns
    -------
    PredictionSet
        The same for the same arguments. Each class has rows, and each member is right more often than not.

    Examples
    --------
    >>> from ensemblekit.testing import training_predictions
    >>> training_predictions(n_members=2).member_probas.shape
    (2, 40, 3)
    """
    rng = np.random.default_rng(seed)
    shape = (ROWS, *extra_axes, n_classes)
    skills = 1 + rng.permutation(n_members)
    classes = [f"c{k}" for k in range(n_classes)]
    if task == "multiclass":
        codes = rng.permuted(np.arange(np.prod(shape[:-1])) % n_classes).reshape(shape[:-1])
        truth, labels = np.eye(n_classes)[codes], np.array(classes)[codes]
    elif task == "multilabel":
        truth = labels = rng.permuted(np.arange(np.prod(shape)) % 2 == 0).reshape(shape)
    else:
        truth = labels = rng.normal(size=shape)
    members: list[Predictions] = []
    for place, skill in enumerate(skills):
        noise = rng.normal(size=shape)
        if task == "regression":
            values = truth + noise / skill
            values = values.round() if hard else values
        elif task == "multilabel":
            values = 1 / (1 + np.exp(-(2 * truth - 1) * skill - noise))
            values = values.round() if hard else values
        else:
            values = np.exp(skill * truth + noise)
            values /= values.sum(axis=-1, keepdims=True)
            values = np.eye(n_classes)[values.argmax(axis=-1)] if hard else values
        members.append(
            Predictions(
                values,
                ids=[f"r{k:02d}" for k in range(ROWS)],
                classes=classes,
                labels=labels,
                task=task,  # pyright: ignore[reportArgumentType] - Predictions checks it
                member=f"m{place}",
            )
        )
    return align(members)
