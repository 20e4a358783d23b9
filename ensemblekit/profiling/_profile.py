"""`profile_model`: latency, size and memory of a model, and the gain and loss from dropping each member."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..arguments import typed
from ..combining import ask
from ..errors import CompatibilityError, InvalidOptionError
from ..files import size_on_disk
from ..fusion import fuse
from ..interfaces import CombinerLike
from ..predicting import Predictor, open_model
from ..predictions import Alignable, PredictionSet, align
from ._graph import FusedGraph, compile_call
from ._members import profile_members
from ._memory import on_disk, peak_memory
from ._subset_scores import SubsetScores
from ._timing import time_calls

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from ..ensemble import EnsembleClassifier

__all__ = ["Profile", "profile_model"]

MEAN_TOLERANCE = 1e-4
"""Largest difference between the mean of members in NumPy and a model that combines by the mean, in float32."""


class Profile(NamedTuple):
    """Costs of a model.

    Attributes
    ----------
    name : str
        Name of the model.
    latency : pandas.DataFrame
        One row for each batch size: ``batch``; ``ms``, the median for a whole batch, with the first and last deciles
        ``low`` and ``high``; ``images_per_second``.
    members : pandas.DataFrame or None
        One row for each ``member``. Its own costs: ``alone_ms``, ``alone_parameters``, and ``alone_bytes`` of weights.
        What is saved without it, which is less if it shares layers: ``saves_ms`` with ``_low`` and ``_high`` of its
        95 % interval, ``saves_parameters``, ``saves_bytes``. With predictions: ``accuracy`` and ``log_loss`` of the
        ensemble without it, and ``accuracy_change`` and ``log_loss_change`` against all members, each with ``_low`` and
        ``_high`` of its 95 % paired interval. None if the members are not known.
    frontier : pandas.DataFrame or None
        One row for each subset of the members: ``members``; ``ms``, and whether it is ``measured`` or estimated;
        ``accuracy``; ``log_loss``; and ``on_frontier``, which is True if no other subset is as fast and more accurate,
        or as accurate and faster. None without predictions.
    greedy : bool
        Whether only some of the subsets are scored because there are too many.
    batch : int
        Batch size at which the costs of members are measured.
    n_parameters : int or None
        Number of parameters of the model, if it is a Keras model.
    n_bytes : int or None
        Size on disk; for a model in memory, the size of a ``.keras`` file.
    peak_memory : int or None
        Bytes by which the memory of a process grows when it loads the model and predicts the largest batch. None if it
        was not measured, which needs Linux.
    """

    name: str
    latency: pd.DataFrame
    members: pd.DataFrame | None
    frontier: pd.DataFrame | None
    greedy: bool
    batch: int
    n_parameters: int | None
    n_bytes: int | None
    peak_memory: int | None


@typed(but=("model", "predictions", "combiner", "fit_on"))
def profile_model(
    model: str | os.PathLike[str] | keras.Model | EnsembleClassifier | Predictor | Mapping[str, keras.Model],
    *,
    classes: Sequence[Hashable] | None = None,
    predictions: Alignable | None = None,
    combiner: str | CombinerLike | None = None,
    fit_on: Alignable | None = None,
    batch_sizes: Sequence[int] = (1, 8, 32),
    seconds: float = 2.0,
    memory: bool = True,
    seed: int = 0,
) -> Profile:
    """Measure the costs of a model and its members, and its scores without some of the members.

    Parameters
    ----------
    model : path-like, keras.Model, EnsembleClassifier, Predictor, or mapping of str to keras.Model
        As in `open_model`. The models of a mapping are fused first: by ``combiner``, or by the mean if that cannot be
        part of a graph or is not fitted.
    classes : sequence of str or int, optional
        Names of the outputs, if the model has none.
    predictions : PredictionSet, or sequence or mapping of Predictions or paths, optional
        Labelled predictions of each member, as `predict_images` writes with ``members=True``.
    combiner : str or Combiner, optional
        Combines the predictions of each subset of the members. By default that of the ensemble, or the mean if a fused
        model combines by the mean. It must be given for a fused model of any other rule.
    fit_on : like ``predictions``, optional
        Held-out predictions on which a combiner that learns is fitted; they must have no rows of ``predictions``.
    batch_sizes : sequence of int, default=(1, 8, 32)
        Numbers of images at a time. Members are measured at the first.
    seconds : float, default=2
        Time for each comparison.
    memory : bool, default=True
        Whether to measure memory. For this, another process loads the model.
    seed : int, default=0
        Seed of the images, which are random noise, and of the resamples.

    Returns
    -------
    Profile
        Tables; `ensemblekit.report.print_table` prints them, `ensemblekit.plots.plot_frontier` draws the frontier.

    Raises
    ------
    InvalidOptionError
        If options are not valid, or ``combiner`` must be given.
    AlignmentError
        If predictions are not of the members and classes of the model.
    InvalidPredictionsError
        If predictions have no labels.
    NotFittedError
        If the combiner learns and ``fit_on`` is not given.
    LeakageError
        If ``fit_on`` has rows of ``predictions``, or of the test split.

    Warns
    -----
    ProfileWarning
        If the process that measures memory fails.

    Notes
    -----
    Calls are compiled, called once, and then timed in rounds of random order, so that other work on the machine affects
    all of them. They run the compiled graph, from NumPy to NumPy; `Predictor.predict` and Keras add some milliseconds
    to each. The cost of a member is that of the layers it needs, without the combiner. The saving from dropping it is
    the difference between the model and the model without it, as the median over the rounds.

    Latencies are measured for all members, each alone, and all but one. For other subsets they are estimated as a sum
    of costs of groups of layers, those that the same members share; the costs are fitted to the measured latencies by
    non-negative least squares. Up to 10 members (6 if the combiner learns) all subsets are scored; of more, the
    measured ones and those of backward elimination by log loss.
    """
    sizes = list(batch_sizes)
    if not sizes or any(not isinstance(n, int) or isinstance(n, bool) or n < 1 for n in sizes):
        raise InvalidOptionError(f"batch_sizes must be whole numbers >= 1, one at least; received {batch_sizes!r}.")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < np.inf:
        raise InvalidOptionError(f"seconds must be a number > 0; received {seconds!r}.")
    if predictions is None and (fit_on is not None or (combiner is not None and not isinstance(model, Mapping))):
        raise InvalidOptionError("combiner and fit_on say how predictions are combined. Give predictions, too.")
    path = Path(model) if isinstance(model, (str, os.PathLike)) else None
    if isinstance(model, Mapping):
        model = _fuse(model, combiner, classes)
        combiner, classes = combiner or "mean", None
    predictor = open_model(model, classes=classes)
    images = np.random.default_rng(seed).uniform(0, 255, (max(sizes), *predictor.input_shape)).astype(np.float32)
    graph = FusedGraph(predictor.model) if predictor.members else None
    scores = None
    if predictions is not None:
        if graph is None:
            raise InvalidOptionError(f"{predictor.name!r} does not know its members, by which predictions are scored.")
        rule = combiner if combiner is not None else _rule_of(predictor, images)
        held_out = None if fit_on is None else _align(fit_on)
        scores = SubsetScores(_align(predictions), rule, held_out, graph.members, predictor.classes)
    latency = _latency(predictor, images, sizes, seconds)
    members = frontier = None
    if graph is not None:
        members, frontier = profile_members(graph, scores, images[: sizes[0]], seconds, seed)
    n_bytes = peak = None
    if path is not None or predictor.model is not None:
        with on_disk(predictor.model, path) as saved:
            n_bytes = size_on_disk(saved)
            peak = peak_memory(saved, max(sizes), predictor.classes) if memory else None
    n_parameters = None if predictor.model is None else int(predictor.model.count_params())
    greedy = scores is not None and scores.greedy
    return Profile(predictor.name, latency, members, frontier, greedy, sizes[0], n_parameters, n_bytes, peak)


def _align(predictions: Alignable) -> PredictionSet:
    return predictions if isinstance(predictions, PredictionSet) else align(predictions)


def _fuse(
    models: Mapping[str, Any], combiner: str | CombinerLike | None, classes: Sequence[Hashable] | None
) -> keras.Model:
    asked = ask("mean" if combiner is None else combiner)
    if asked.unfitted:
        return fuse(models, "mean", classes=classes)
    try:
        return fuse(models, asked.combiner, classes=classes)
    except CompatibilityError:
        return fuse(models, "mean", classes=classes)


def _rule_of(predictor: Predictor, images: np.ndarray) -> str | CombinerLike:
    if predictor.combiner is not None:
        return predictor.combiner
    # On noise alone, members may agree by chance. So plain images of several brightnesses are used too.
    plain = np.broadcast_to(np.linspace(0, 255, 8, dtype=np.float32)[:, None, None, None], (8, *images.shape[1:]))
    members = predictor.predict_members(np.concatenate([images[:8], plain]))
    combined = members.pop("combined")
    difference = float(np.max(np.abs(np.mean(list(members.values()), axis=0) - combined)))
    if difference > MEAN_TOLERANCE:
        raise InvalidOptionError(
            f"a file of Keras does not tell its rule, and {predictor.name!r} does not combine by the mean: it is off "
            f"by {difference:.1g} on noise. Name the rule: combiner=..., on the command line --combiner NAME."
        )
    return "mean"


def _latency(predictor: Predictor, images: np.ndarray, sizes: Sequence[int], seconds: float) -> pd.DataFrame:
    import pandas as pd

    def call(n: int) -> Callable[[], object]:
        if predictor.model is not None:
            return compile_call(predictor.model, images[:n])
        return lambda: predictor.predict(images[:n])

    timed = time_calls({n: call(n) for n in sizes}, seconds)
    rows = [
        {
            "batch": n,
            "ms": 1000 * float(np.median(times)),
            "low": 1000 * float(np.quantile(times, 0.1)),
            "high": 1000 * float(np.quantile(times, 0.9)),
            "images_per_second": n / float(np.median(times)),
        }
        for n, times in timed.items()
    ]
    return pd.DataFrame(rows)
