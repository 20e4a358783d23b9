"""The stages of a cascade, as they are given: models or predictions."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

from ..errors import AlignmentError, InvalidOptionError, InvalidPredictionsError
from ..interfaces import Member
from ..members import as_member, collect
from ..predictions import Predictions, PredictionSet, align
from ..predictions.named import by_member
from ..predictions.names import shown

__all__ = ["check_predictions", "named_stages", "prices_of", "read_stages"]


def named_stages(stages: Any) -> dict[str, Any]:
    """Name the stages, two or more."""
    rule = "stages must be (name, stage) pairs or {name: stage}, two or more, from the cheapest"
    if not isinstance(stages, (Mapping, list, tuple)):
        raise InvalidOptionError(f"{rule}; received {type(stages).__name__}.")
    pairs = list(stages.items()) if isinstance(stages, Mapping) else list(stages)
    for pair in pairs:
        if not (isinstance(pair, (list, tuple)) and len(pair) == 2 and isinstance(pair[0], str) and pair[0]):
            raise InvalidOptionError(f"{rule}; received the item {shown(pair)}.")
    names = [name for name, _ in pairs]
    if len(names) < 2 or len({*names}) < len(names):
        raise InvalidOptionError(f"{rule}, with different names; received {names}.")
    return dict(pairs)


def prices_of(costs: Any, names: tuple[str, ...]) -> dict[str, float]:
    """Read the cost of each stage."""
    given = by_member(costs)
    missing, unknown = [n for n in names if n not in given], [n for n in given if n not in names]
    if missing or unknown:
        raise InvalidOptionError(f"costs must name each stage once; missing {missing}, unknown {unknown}.")
    prices = {name: float(given[name]) for name in names}
    if not all(0 <= price < math.inf for price in prices.values()) or not prices[names[-1]]:
        raise InvalidOptionError(f"costs must be finite numbers >= 0, positive for the last stage; received {prices}.")
    return prices


def read_stages(
    named: dict[str, Any], held_out: Any, classes: Any, batch_size: int
) -> tuple[tuple[Member, ...] | None, PredictionSet]:
    """Read the stages: their models, if they are models, and the predictions that the threshold is set on."""
    saved = [isinstance(stage, (Predictions, str, os.PathLike)) for stage in named.values()]
    if any(saved):
        if not all(saved) or held_out is not None or classes is not None:
            raise InvalidOptionError(
                "stages must all be models, with held_out=, or all be predictions, without held_out= and classes=; "
                f"received predictions for {[n for n, is_saved in zip(named, saved, strict=True) if is_saved]}."
            )
        return None, align(named)
    if held_out is None:
        raise InvalidOptionError(
            "the threshold of a cascade is set on held-out rows; received none. Give held_out=, data as for collect, "
            "or the predictions of each stage."
        )
    members = tuple(_member(name, model, classes) for name, model in named.items())
    predictions = _predictions(members, held_out, batch_size)
    for member in members:
        if set(member.classes) != set(predictions.classes):
            raise AlignmentError(
                f"stages must have the classes of held_out, {shown(predictions.classes)}; stage {member.name!r} has "
                f"{shown(member.classes)}."
            )
    return members, predictions


def _predictions(members: tuple[Member, ...], held_out: Any, batch_size: int) -> PredictionSet:
    by_name = isinstance(held_out, Mapping) and all(
        isinstance(one, (Predictions, str, os.PathLike)) for one in held_out.values()
    )
    if not (by_name or isinstance(held_out, PredictionSet)):
        return collect(list(members), held_out, batch_size=batch_size)
    predictions = held_out if isinstance(held_out, PredictionSet) else align(held_out)
    names = tuple(member.name for member in members)
    if set(predictions.members) != set(names):
        raise AlignmentError(f"held_out must be of the stages, {names}; received those of {predictions.members}.")
    return predictions.select(names)


def _member(name: str, model: Any, classes: Any) -> Member:
    knows = getattr(model, "classes_", None) is not None or isinstance(model, Member)
    return as_member(model, name=name, classes=None if knows else classes)


def check_predictions(predictions: PredictionSet) -> None:
    """Refuse predictions that do not tell how sure they are, or lack rows."""
    if predictions.kind == "regression":
        raise InvalidPredictionsError(
            "the predictions of a regression do not tell how sure they are; received stages of the task "
            f"{predictions.task!r}. A cascade needs probabilities."
        )
    shape = predictions[predictions.members[0]].probas.shape
    if len(shape) != 2 or not len(predictions.ids) or predictions.present is not None:
        raise InvalidPredictionsError(
            f"a cascade needs predictions of shape (n_samples, n_classes), at least one row and every row present; "
            f"received shape {shape}."
        )
