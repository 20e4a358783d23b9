"""`prune`: the best subset of the members that is fast enough, as one model."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from ..arguments import typed
from ..assembly import import_keras
from ..combining import ask, fit_combiner
from ..errors import CompatibilityError, InvalidOptionError
from ..fusion import class_names, fuse, with_members
from ..interfaces import CombinerLike
from ..predictions import Alignable, PredictionSet, align
from ..predictions.choices import check_not_seen, check_not_test
from ._graph import compile_call
from ._profile import Profile, profile_model
from ._timing import time_calls

if TYPE_CHECKING:
    import keras

__all__ = ["Pruned", "prune"]


class Pruned(NamedTuple):
    """A subset of the members as one model.

    Attributes
    ----------
    model : keras.Model
        The members and their combination, as `fuse` makes it.
    members : tuple of str
        Members that are left.
    ms : float
        Milliseconds for a batch, measured.
    accuracy, log_loss : float
        Of the subset, on the predictions that it was chosen by.
    profile : Profile
        Of the whole, with the frontier.
    """

    model: keras.Model
    members: tuple[str, ...]
    ms: float
    accuracy: float
    log_loss: float
    profile: Profile


@typed(but=("model", "predictions", "combiner", "fit_on", "classes"))
def prune(
    model: Any,
    *,
    max_ms: float,
    predictions: Alignable,
    combiner: str | CombinerLike | None = None,
    fit_on: Alignable | None = None,
    classes: Sequence[Hashable] | None = None,
    by: Literal["log_loss", "accuracy"] = "log_loss",
    batch_size: int = 1,
    seconds: float = 2.0,
    seed: int = 0,
    allow_leakage: bool = False,
) -> Pruned:
    """Leave out members until a batch is predicted within a time, at the least loss.

    Parameters
    ----------
    model : keras.Model, EnsembleClassifier, or mapping of str to keras.Model
        A fused model, an ensemble of Keras members, or the members.
    max_ms : float
        Most milliseconds for a batch, > 0.
    predictions : PredictionSet, or sequence or mapping of Predictions or paths
        Labelled held-out predictions of each member.
    combiner : str or Combiner, optional
        As in `profile_model`; for members by default the mean.
    fit_on : like ``predictions``, optional
        Held-out predictions on which a combiner that learns is fitted.
    classes : sequence of str or int, optional
        Names of the outputs of members, if they have none.
    by : {"log_loss", "accuracy"}
        What is best.
    batch_size : int, default=1
        Images at a time, >= 1.
    seconds : float, default=2
        Time for each comparison.
    seed : int, default=0
        As in `profile_model`.
    allow_leakage : bool, default=False
        Accept ``predictions`` of rows that a member was fitted on, and of the test split.

    Returns
    -------
    Pruned
        The model, its members, and its measured time.

    Raises
    ------
    InvalidOptionError
        If no subset is fast enough, or an option is not valid.
    CompatibilityError
        If the members of the model are not known.
    LeakageError
        If ``predictions`` are of the test split, or of rows that a member was fitted on.

    Notes
    -----
    Subsets are those of the frontier table of `profile_model`. They are taken from the best to the worst among those
    whose latency, measured or estimated, is within ``max_ms``; each is fused and measured, and the first that keeps to
    it is returned. Of equally good ones the fastest comes first. The best of many subsets on the same rows is partly
    luck: score it on other rows before you report it.

    Examples
    --------
    >>> import keras, numpy as np
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.profiling import prune
    >>> def net():
    ...     return keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
    >>> right, wrong = [[0.9, 0.1], [0.1, 0.9]], [[0.4, 0.6], [0.6, 0.4]]
    >>> labels, named = ["cat", "dog"], {"ids": [1, 2], "classes": ["cat", "dog"], "labels": ["cat", "dog"]}
    >>> held_out = {"one": Predictions(right, **named), "other": Predictions(wrong, **named)}
    >>> models = {"one": net(), "other": net()}
    >>> prune(models, max_ms=1e6, predictions=held_out, classes=labels, seconds=0.05).members
    ('one',)
    """
    keras = import_keras("prune")
    if not 0 < max_ms < np.inf:
        raise InvalidOptionError(f"max_ms must be a finite number of milliseconds > 0; received {max_ms!r}.")
    if batch_size < 1:
        raise InvalidOptionError(f"batch_size must be a whole number >= 1; received {batch_size}.")
    aligned = predictions if isinstance(predictions, PredictionSet) else align(predictions)
    if not allow_leakage:
        check_not_test("members are never chosen", aligned.split, aligned.ids)
        check_not_seen("members are chosen", "member", {name: aligned[name] for name in aligned.members})
    whole = model
    if not isinstance(model, keras.Model):
        rule = combiner if hasattr(model, "estimators") or (combiner and not ask(combiner).unfitted) else "mean"
        whole = fuse(model, None if hasattr(model, "estimators") else rule, classes=classes)
        if combiner is None:
            combiner = model.combiner_ if hasattr(model, "estimators") else "mean"
    parts = with_members(whole)
    if parts is None:
        raise CompatibilityError(f"{whole.name!r} must know its members to leave some out. Give these by name.")
    profile = profile_model(
        whole, predictions=aligned, combiner=combiner, fit_on=fit_on, batch_sizes=(batch_size,), seconds=seconds,
        memory=False, seed=seed,
    )  # fmt: skip
    frontier: Any = profile.frontier
    made_of: Any = parts.output
    outputs = {name: keras.Model(whole.input, tensor) for name, tensor in made_of.items() if name != "combined"}
    held_out = None if fit_on is None else fit_on if isinstance(fit_on, PredictionSet) else align(fit_on)
    images = np.random.default_rng(seed).uniform(0, 255, (batch_size, *whole.input_shape[1:])).astype(np.float32)
    fast = frontier[frontier["ms"] <= max_ms].sort_values([by, "ms"], ascending=[by == "log_loss", True])
    for row in fast.to_dict("records"):
        made = _fused(outputs, row["members"], combiner or "mean", held_out, class_names(whole))
        timed = time_calls({"made": compile_call(made, images)}, min(seconds, 0.5))["made"]
        ms = 1000 * float(np.median(timed))
        if ms <= max_ms:
            return Pruned(made, tuple(row["members"]), ms, row["accuracy"], row["log_loss"], profile)
    quickest = frontier.sort_values("ms").iloc[0]
    raise InvalidOptionError(
        f"max_ms must allow at least one member; received {max_ms:g}, and the fastest subset, {quickest['members']}, "
        f"takes {quickest['ms']:.3g} ms. Allow more, or give a faster member."
    )


def _fused(outputs: Any, members: Sequence[str], combiner: Any, fit_on: Any, classes: Any) -> Any:
    models = {name: outputs[name] for name in members}
    asked = ask(combiner)
    if fit_on is not None and "learns" in asked.traits:
        combiner = fit_combiner(fit_on.select(tuple(members)), combiner)
    elif getattr(asked.combiner, "weights", None) is not None:
        raise InvalidOptionError(
            "weights by member do not fit a subset; received a combiner with weights. Give a rule without, or one that "
            "learns and fit_on=."
        )
    return fuse(models, combiner, classes=classes)
