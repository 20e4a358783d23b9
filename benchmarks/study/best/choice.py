"""The choice of members and calibration, on out-of-fold predictions alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ensemblekit import InvalidPredictionsError, Predictions, PredictionSet, Registry, combine, fit_combiner
from ensemblekit.evaluation import log_loss, paired_bootstrap

__all__ = ["Choice", "choose", "shares"]


@dataclass(frozen=True)
class Choice:
    """What was chosen, and on what figures.

    Attributes
    ----------
    members : list of str
        Best first.
    combiner : Combiner
        Their mean, calibrated; fitted on their out-of-fold predictions.
    losses : dict of str to float
        Out-of-fold log loss of every candidate, calibrated out of fold.
    """

    members: list[str]
    combiner: Any
    losses: dict[str, float]


def choose(
    predictions: PredictionSet,
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
    groups: dict[str, int],
    registry: Registry,
) -> tuple[Choice, Predictions]:
    """Choose the members that know more than how common each class is, and calibrate their mean.

    Parameters
    ----------
    predictions : PredictionSet
        Out-of-fold predictions of every candidate, labelled. No test image is among them.
    folds : sequence of (fit rows, held-out rows)
        By group, so that each calibration is scored on rows that neither it nor its members were fitted on.
    groups : dict of str to int
        Id -> group of alike images.
    registry : Registry
        Where the combiners are.

    Returns
    -------
    choice : Choice
        The members, best first, and their combiner.
    held_out : Predictions
        Of the combination, each row by a calibration that did not see it.

    Raises
    ------
    InvalidPredictionsError
        If no candidate knows anything.

    Notes
    -----
    A candidate is a member where its log loss, calibrated, is below that of the class shares, with a 95 % interval by
    group that excludes 0. All members weigh the same. Weights that are learned on few images follow what these have in
    common, such as one scanner or one patient, and new images pay for it; see the benchmark's page.
    """
    calibrated = {name: _calibrated(predictions.select([name]), folds, registry) for name in predictions.members}
    prior = shares(predictions[predictions.members[0]])
    losses = {name: log_loss(rows) for name, rows in calibrated.items()}
    members = [
        name
        for name in sorted(losses, key=losses.__getitem__)
        if paired_bootstrap(calibrated[name], prior, metrics=["log_loss"], groups=groups)["group_high"].item() < 0
    ]
    if not members:
        raise InvalidPredictionsError(
            f"an ensemble needs a candidate that predicts better than the shares of the classes; of {len(losses)} none "
            f"does, the best with log loss {min(losses.values()):.3f} against {log_loss(prior):.3f}. "
            "Are the backbones pretrained, and the labels right?"
        )
    chosen = predictions.select(members)
    return Choice(members, fit_combiner(_rule(registry), chosen), losses), _calibrated(chosen, folds, registry)


def shares(rows: Predictions) -> Predictions:
    """Give every row the share of each class among the labels."""
    counts = np.bincount(rows.label_codes, minlength=len(rows.classes))
    probas = np.tile(counts / counts.sum(), (len(rows), 1))
    return Predictions(probas, ids=rows.ids, classes=rows.classes, labels=rows.labels, member="shares")


def _rule(registry: Registry) -> Any:
    return registry.create_combiner("calibrated", inner="mean", order="after")


def _calibrated(
    predictions: PredictionSet, folds: Sequence[tuple[np.ndarray, np.ndarray]], registry: Registry
) -> Predictions:
    parts: list[Predictions] = []
    for fitted, held in folds:
        combiner = fit_combiner(_rule(registry), predictions.take(predictions.ids[fitted]))
        parts.append(combine(predictions.take(predictions.ids[held]), combiner))
    return Predictions(
        np.concatenate([part.probas for part in parts]),
        ids=np.concatenate([part.ids for part in parts]),
        classes=parts[0].classes,
        labels=np.concatenate([np.asarray(part.labels) for part in parts]),
        member="+".join(predictions.members[:1]),
    ).take(predictions.ids)
