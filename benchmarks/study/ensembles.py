"""The combinations in the table: each a registered combiner, marked with the split that it was fitted on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ensemblekit import Predictions, PredictionSet, combine, fit_combiner
from ensemblekit.files import atomic_path
from ensemblekit.registry import Registry

from .settings import ENSEMBLE_EPOCHS, PATIENCE

MEMBERS = ("first_model", "second_model")


@dataclass(frozen=True)
class Combined:
    """What a rule gave: predictions by split, the seconds of its fit, and the epochs of a rule that trains a model."""

    predictions: dict[str, Predictions]
    seconds: float
    history: dict[str, list[float]] | None


@dataclass(frozen=True)
class Rule:
    """One way to combine the two members: its name in the table, and the combiner behind it."""

    name: str
    combiner: str
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    fitted_on: str | None = None

    @property
    def trained(self) -> bool:
        """Whether it trains a Keras model."""
        return self.options.get("final_estimator") == "dense"


def _dense(inputs: str) -> dict[str, Any]:
    return {"final_estimator": "dense", "inputs": inputs, "epochs": ENSEMBLE_EPOCHS, "patience": PATIENCE}


RULES = (
    Rule("ensemble_model", "stacking", _dense("average"), "train"),
    Rule("ensemble_mean", "mean"),
    Rule("ensemble_average_dense", "stacking", _dense("average"), "train"),
    Rule("ensemble_concat_dense", "stacking", _dense("concatenation"), "train"),
    Rule("ensemble_weighted", "weighted", fitted_on="valid"),
    Rule("ensemble_voting", "voting"),
    Rule("ensemble_stacking", "stacking", fitted_on="valid"),
)
"""A, B, C and D of the study, and three more. A and C are the same rule with different initial weights."""


def combine_rule(
    rule: Rule,
    registry: Registry,
    predictions: Mapping[str, PredictionSet],
    folder: Path,
    seed: int,
    log: Callable[[str], None],
) -> Combined:
    """Fit a rule where it learns, combine every split, and save the Keras model of a rule that trains one."""
    start = time.perf_counter()
    options = dict(rule.options)
    if rule.trained:
        options["seed"] = seed
    combiner = registry.create_combiner(rule.combiner, **options)
    if rule.fitted_on:
        # The study fits on the rows that its members were trained on. It is repeated here, and marked in the table.
        combiner = fit_combiner(
            predictions[rule.fitted_on],
            combiner,
            allow_leakage=rule.fitted_on == "train",
            validation=predictions["valid"] if rule.trained else None,
        )
    seconds = time.perf_counter() - start
    if rule.trained:
        _keep(combiner.final_estimator_, folder / f"{rule.name}.keras")
    if hasattr(combiner, "weights_"):
        shares = zip(combiner.members_, combiner.weights_, strict=True)
        log(f"{rule.name} weighs {', '.join(f'{member} {weight:.2f}' for member, weight in shares)}")
    combined = {split: combine(members, combiner).rename(rule.name) for split, members in predictions.items()}
    return Combined(combined, seconds, combiner.final_estimator_.history_ if rule.trained else None)


def _keep(estimator: Any, path: Path) -> None:
    import keras

    with atomic_path(path) as partial:
        estimator.model_.save(partial)
    estimator.model_ = keras.models.load_model(path)
