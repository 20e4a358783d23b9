"""The choice of members, of the rule that combines them and of its calibration, on out-of-fold predictions alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ensemblekit import Predictions, PredictionSet, combine, fit_combiner
from ensemblekit.errors import InvalidPredictionsError
from ensemblekit.evaluation import log_loss, paired_bootstrap
from ensemblekit.registry import Registry

FEWEST_GROUPS = 6
"""No interval by fewer groups excludes 0, whatever the differences are; see `paired_bootstrap`."""
RULES: dict[str, dict[str, Any]] = {"mean": {}, "super_learner": {"loss": "log_loss"}, "greedy_selection": {}}
"""Combiners and their options, the simplest first."""


@dataclass(frozen=True)
class Choice:
    """The members, best first; the rule of `RULES` that combines them; the calibrated combiner, fitted out of fold.

    ``losses`` and ``rule_losses`` are the log losses of every candidate and every rule, each row predicted by a fit and
    a calibration that did not see it.
    """

    members: list[str]
    rule: str
    combiner: Any
    losses: dict[str, float]
    rule_losses: dict[str, float]


def choose(
    predictions: PredictionSet,
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
    groups: dict[str, int],
    registry: Registry,
) -> tuple[Choice, Predictions, Predictions]:
    """Choose the members that predict better than the class shares, and the simplest rule that combines them well.

    ``predictions`` are the out-of-fold predictions of every candidate, labelled, without any test image. ``folds`` are
    drawn by group, and ``groups`` gives the group of similar images of each id. The result is the choice, then the
    predictions of the best member and of the combination, each row by a fit and a calibration that did not see it.

    A candidate is a member where its log loss, calibrated, is below that of the class shares, with a 95 % interval by
    group that excludes 0. The rule is the first of `RULES`, unless a later one is better with such an interval: with
    few images, learned weights must prove to be better.
    """
    calibrated = {n: _held_out("mean", predictions.select([n]), folds, registry) for n in predictions.members}
    prior = shares(predictions[predictions.members[0]])
    losses = {name: log_loss(rows) for name, rows in calibrated.items()}
    members = [
        name for name in sorted(losses, key=losses.__getitem__) if _difference(calibrated[name], prior, groups) < 0
    ]
    if not members:
        raise InvalidPredictionsError(
            f"an ensemble needs a candidate that predicts better than the shares of the classes; of {len(losses)} none "
            f"does, the best with log loss {min(losses.values()):.3f} against {log_loss(prior):.3f}. "
            "Are the backbones pretrained, and the labels right?"
        )
    chosen = predictions.select(members)
    held = {rule: _held_out(rule, chosen, folds, registry) for rule in RULES}
    best, *others = RULES
    for rule in others:
        if _difference(held[rule], held[best], groups) < 0:
            best = rule
    rule_losses = {rule: log_loss(rows) for rule, rows in held.items()}
    choice = Choice(members, best, fit_combiner(chosen, _make(best, registry)), losses, rule_losses)
    return choice, calibrated[members[0]], held[best]


def calibrate(predictions: PredictionSet, name: str, registry: Registry) -> Any:
    """Fit the calibration of one candidate alone, in the way that an ensemble is calibrated."""
    return fit_combiner(predictions.select([name]), _make("mean", registry))


def _difference(first: Predictions, second: Predictions, groups: dict[str, int]) -> float:
    """Return the upper bound of the interval of the difference in log loss, by group if there are enough of them."""
    table = paired_bootstrap(first, second, metrics=["log_loss"], groups=groups)
    n_groups = len({groups[row] for row in first.ids.tolist()})
    return table["high" if n_groups < FEWEST_GROUPS else "group_high"].item()


def shares(rows: Predictions) -> Predictions:
    """Predict for every row the share of each class among the labels."""
    counts = np.bincount(rows.label_codes, minlength=len(rows.classes))
    probas = np.tile(counts / counts.sum(), (len(rows), 1))
    return Predictions(probas, ids=rows.ids, classes=rows.classes, labels=rows.labels, member="shares")


def _make(rule: str, registry: Registry) -> Any:
    inner = registry.create_combiner(rule, **RULES[rule])
    return registry.create_combiner("calibrated", inner=inner, order="after")


def _held_out(
    rule: str, predictions: PredictionSet, folds: Sequence[tuple[np.ndarray, np.ndarray]], registry: Registry
) -> Predictions:
    """Combine each fold by a rule that was fitted and calibrated on the other folds."""
    parts: list[Predictions] = []
    for fitted, held in folds:
        combiner = fit_combiner(predictions.take(predictions.ids[fitted]), _make(rule, registry))
        parts.append(combine(predictions.take(predictions.ids[held]), combiner))
    return Predictions(
        np.concatenate([part.probas for part in parts]),
        ids=np.concatenate([part.ids for part in parts]),
        classes=parts[0].classes,
        labels=np.concatenate([np.asarray(part.labels) for part in parts]),
        member=rule,
    ).take(predictions.ids)
