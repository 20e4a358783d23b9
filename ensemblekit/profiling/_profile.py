"""`profile_model`: latency, size and memory, by member; and what dropping a member saves and loses."""

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
from ..predicting import Predictor, open_model
from ..predictions import PredictionSet, align
from ._graph import FusedGraph, compiled
from ._members import costs_and_worth
from ._memory import on_disk, peak_memory
from ._timing import time_calls
from ._worth import Worth

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Profile", "profile_model"]

SAME = 1e-4
"""Most that a mean in float32 may be off from the model's own."""


class Profile(NamedTuple):
    """What a model costs.

    Attributes
    ----------
    name : str
        Of the model.
    latency : pandas.DataFrame
        A row a batch size: ``batch``; ``ms``, the median for a whole batch, with the deciles ``low`` and ``high``;
        ``images_per_second``.
    members : pandas.DataFrame or None
        A row a member, ``member``. What it costs by itself: ``alone_ms``, ``alone_parameters``, ``alone_bytes`` of
        weights. What the model without it costs less, which is less than that where layers are shared: ``saves_ms``
        with ``_low`` and ``_high`` of its 95 % interval, ``saves_parameters``, ``saves_bytes``. With predictions
        ``accuracy`` and ``log_loss`` of the ensemble without it, and ``accuracy_change`` and ``log_loss_change``
        against the whole, each with ``_low`` and ``_high`` of its 95 % paired interval. None where the members are not
        known.
    frontier : pandas.DataFrame or None
        A row a subset of the members: ``members``, ``ms``, whether that is ``measured``, ``accuracy``, ``log_loss``,
        and ``on_frontier``: no other subset is as fast and more accurate, or as accurate and faster. None without
        predictions.
    greedy : bool
        Whether the frontier is that of some subsets only, as there are too many.
    batch : int
        Batch size that the costs of members are measured at.
    n_parameters : int or None
        Of the model, where it is of Keras.
    n_bytes : int or None
        On disk; of a model in memory, as a ``.keras`` file.
    peak_memory : int or None
        Bytes that a process of its own takes more to load it and predict its largest batch. None where that was not
        asked for or cannot be measured, as it needs Linux.
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


@typed()
def profile_model(
    model: Any,
    *,
    classes: Sequence[Hashable] | None = None,
    predictions: Any = None,
    combiner: Any = None,
    fit_on: Any = None,
    batch_sizes: Sequence[int] = (1, 8, 32),
    seconds: float = 2.0,
    memory: bool = True,
    seed: int = 0,
) -> Profile:
    """Measure what a model costs, and what each of its members is worth.

    Parameters
    ----------
    model : path-like, keras.Model, EnsembleClassifier, Predictor, or mapping of str to keras.Model
        As in `open_model`; a mapping is fused first, by the mean where ``combiner`` cannot be a graph as it came.
    classes : sequence of str or int, optional
        Names of the outputs, where the model does not hold them.
    predictions : PredictionSet, or sequence or mapping of Predictions or paths, optional
        Labelled predictions of each member, as `predict_images` writes with ``members=True``.
    combiner : str or Combiner, optional
        The rule by which the members' predictions are combined anew without some of them. By default that of the
        ensemble, or the mean where a model combines so; a file of Keras that does otherwise does not tell its rule.
    fit_on : like ``predictions``, optional
        Held-out predictions, for a rule that learns; never the rows of ``predictions``.
    batch_sizes : sequence of int, default=(1, 8, 32)
        Images at a time. Members are measured at the first.
    seconds : float, default=2
        How long each comparison is measured.
    memory : bool, default=True
        Whether to measure memory, for which a process of its own loads the model anew.
    seed : int, default=0
        Of the images, which are noise, and of the resamples.

    Returns
    -------
    Profile
        Tables; `ensemblekit.report.print_table` prints them, `ensemblekit.plots.plot_frontier` draws the frontier.

    Raises
    ------
    InvalidOptionError
        If options are not valid, or the rule must be given.
    AlignmentError
        If predictions are not of the members and classes of the model.
    InvalidPredictionsError
        If predictions have no labels.
    NotFittedError
        If the rule learns and ``fit_on`` is not given.
    LeakageError
        If ``fit_on`` has rows of ``predictions``, or of the test split.

    Warns
    -----
    ProfileWarning
        If the process that measures memory fails.

    Notes
    -----
    All is compiled and called once before it is timed, and timed in rounds, each in an order of its own, so that other
    work on the machine hits all alike. Calls are those of the compiled graph, from images in NumPy to answers in NumPy;
    `Predictor.predict` and Keras add some milliseconds a call of their own. A member's cost is that of the layers that
    it needs; the combiner's own is left out. What dropping it saves is the median over the rounds of the difference
    between the model and the model without it.

    The latency of a subset of the members is measured for all members, each alone, and all but one; that of other
    subsets is estimated, as the sum of what groups of layers cost that the same members share, which fits the measured
    ones best (non-negative least squares). Up to 10 members (6 where the rule learns) all subsets are looked at, beyond
    that the measured ones and those of a greedy way down.
    """
    sizes = list(batch_sizes)
    if not sizes or any(not isinstance(n, int) or isinstance(n, bool) or n < 1 for n in sizes):
        raise InvalidOptionError(f"batch_sizes must be whole numbers >= 1, one at least; received {batch_sizes!r}.")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < np.inf:
        raise InvalidOptionError(f"seconds must be a number > 0; received {seconds!r}.")
    if predictions is None and (fit_on is not None or (combiner is not None and not isinstance(model, Mapping))):
        raise InvalidOptionError("combiner and fit_on tell how predictions are combined anew. Give predictions, too.")
    path = Path(model) if isinstance(model, (str, os.PathLike)) else None
    if isinstance(model, Mapping):
        model = _fused(model, combiner, classes)
        combiner, classes = combiner or "mean", None
    predictor = open_model(model, classes=classes)
    random = np.random.default_rng(seed)
    images = random.uniform(0, 255, (max(sizes), *predictor.input_shape)).astype(np.float32)
    graph = FusedGraph(predictor.model) if predictor.members else None
    worth = None
    if predictions is not None:
        if graph is None:
            raise InvalidOptionError(
                f"{predictor.name!r} does not know its members, of which predictions tell the worth."
            )
        rule = combiner if combiner is not None else _rule_of(predictor, images)
        held_out = None if fit_on is None else _set(fit_on)
        worth = Worth(_set(predictions), rule, held_out, graph.members, predictor.classes)
    latency = _latency(predictor, images, sizes, seconds)
    members = frontier = None
    if graph is not None:
        members, frontier = costs_and_worth(graph, worth, images[: sizes[0]], seconds, seed)
    n_bytes = peak = None
    if path is not None or predictor.model is not None:
        with on_disk(predictor.model, path) as place:
            n_bytes = size_on_disk(place)
            peak = peak_memory(place, max(sizes), predictor.classes) if memory else None
    n_parameters = None if predictor.model is None else int(predictor.model.count_params())
    greedy = worth is not None and worth.greedy
    return Profile(predictor.name, latency, members, frontier, greedy, sizes[0], n_parameters, n_bytes, peak)


def _set(predictions: Any) -> PredictionSet:
    return predictions if isinstance(predictions, PredictionSet) else align(predictions)


def _fused(models: Mapping[str, Any], combiner: Any, classes: Sequence[Hashable] | None) -> Any:
    asked = ask("mean" if combiner is None else combiner)
    if asked.unfitted:
        return fuse(models, "mean", classes=classes)
    try:
        return fuse(models, asked.combiner, classes=classes)
    except CompatibilityError:
        return fuse(models, "mean", classes=classes)


def _rule_of(predictor: Predictor, images: np.ndarray) -> Any:
    if predictor.combiner is not None:
        return predictor.combiner
    # Members that are sure of all agree on much; plain images of several brightnesses are not like noise.
    plain = np.broadcast_to(np.linspace(0, 255, 8, dtype=np.float32)[:, None, None, None], (8, *images.shape[1:]))
    said = predictor.predict_members(np.concatenate([images[:8], plain]))
    combined = said.pop("combined")
    off = float(np.max(np.abs(np.mean(list(said.values()), axis=0) - combined)))
    if off > SAME:
        raise InvalidOptionError(
            f"a file of Keras does not tell its rule, and {predictor.name!r} does not combine by the mean: it is off "
            f"by {off:.1g} on noise. Name the rule: combiner=..., on the command line --combiner NAME."
        )
    return "mean"


def _latency(predictor: Predictor, images: np.ndarray, sizes: Sequence[int], seconds: float) -> pd.DataFrame:
    import pandas as pd

    def call(n: int) -> Callable[[], object]:
        if predictor.model is not None:
            return compiled(predictor.model, images[:n])
        return lambda: predictor.predict(images[:n])

    taken = time_calls({n: call(n) for n in sizes}, seconds)
    rows = [
        {
            "batch": n,
            "ms": 1000 * float(np.median(times)),
            "low": 1000 * float(np.quantile(times, 0.1)),
            "high": 1000 * float(np.quantile(times, 0.9)),
            "images_per_second": n / float(np.median(times)),
        }
        for n, times in taken.items()
    ]
    return pd.DataFrame(rows)
