"""The choice of the rule that combines the candidates, by `ensemblekit.choose` on out-of-fold predictions alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ensemblekit import Predictions, PredictionSet
from ensemblekit.evaluation import log_loss, paired_bootstrap
from ensemblekit.registry import Registry

from .candidates import Candidate

BEST_MEMBER = "best member"
BACKBONES = "mean of the backbones"
"""Every backbone has the same weight, however many of its candidates there are."""
SIMPLE: dict[str, tuple[str, dict[str, Any]]] = {
    "mean": ("mean", {}),
    "super_learner": ("super_learner", {"loss": "log_loss"}),
    "greedy_selection": ("greedy_selection", {}),
}
"""Title -> a combiner and its options."""
EQUAL = ("mean", "mean, calibrated", BACKBONES, f"{BACKBONES}, calibrated")
"""Rules of equal weights. They stay unless what `choose` picks is better, with an interval that excludes 0."""


@dataclass(frozen=True)
class Chosen:
    """What was chosen: the rule by its title in `make_rules`, and the predictions and the table that it stands on."""

    rule: str
    best_member: str
    out_of_fold: Predictions
    table: pd.DataFrame
    sentences: list[str]


def make_rules(candidates: Sequence[Candidate], registry: Registry) -> dict[str, Any]:
    """Make the rules that are tried, not fitted, by title; equal weights also with a temperature after them."""
    rules = {title: registry.create_combiner(name, **options) for title, (name, options) in SIMPLE.items()}
    by_backbone = {b: [c.name for c in candidates if c.backbone == b] for b in {c.backbone for c in candidates}}
    if len({len(names) for names in by_backbone.values()}) > 1:
        weights = {name: 1 / len(names) for names in by_backbone.values() for name in names}
        rules[BACKBONES] = registry.create_combiner("weighted", weights=weights)
    calibrated = {
        f"{title}, calibrated": registry.create_combiner("calibrated", inner=rule, order="after")
        for title, rule in rules.items()
        if title in EQUAL  # learned weights are fitted by log loss, as the temperature is
    }
    return rules | calibrated


def choose_rule(
    predictions: PredictionSet,
    candidates: Sequence[Candidate],
    groups: Mapping[str, int],
    registry: Registry,
    seed: int,
) -> Chosen:
    """Choose on the out-of-fold predictions of every candidate, without any test image.

    ``groups`` gives the group of alike images of each id: they are never both fitted on and held out.

    Folds show only in part how new images differ, such as those of other subjects or another scanner: a head that is
    the best of many on these rows has most to lose. So equal weights stay, unless `choose` shows better ones.
    """
    from ensemblekit.choosing import choose

    rules = make_rules(candidates, registry)
    titles = {repr(rule): title for title, rule in rules.items()}
    choice = choose(predictions, rules=[*rules.values()], groups=groups, seed=seed)
    picked = BEST_MEMBER if choice.name == choice.best_member else titles.get(choice.name, choice.name)
    held = {titles.get(name, name): rows for name, rows in choice.out_of_fold.items()}
    equal = min((title for title in EQUAL if title in held), key=lambda title: log_loss(held[title]))
    said = choice.sentence.replace(choice.name, picked) if picked != BEST_MEMBER else choice.sentence
    sentences = [f"ensemblekit.choose: {said}", *choice.notes]
    rule, rows = picked, held[choice.best_member if picked == BEST_MEMBER else picked]
    if picked not in EQUAL:
        judged = held.get("choice", rows)
        difference = paired_bootstrap(judged, held[equal], metrics=["log_loss"], groups=groups).iloc[0]
        low, high = difference["group_low"], difference["group_high"]
        told = f"log loss {difference['difference']:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}"
        if high < 0:
            sentences.append(f"Against equal weights that is better too ({told}), and taken.")
        else:
            rule, rows = equal, held[equal]
            sentences.append(
                f"Against equal weights ({equal}) that is not shown to be better ({told}): equal weights stay, which "
                "depend least on any one head where new images differ from these."
            )
    table = choice.table.assign(candidate=choice.table["candidate"].replace(titles))
    return Chosen(rule, choice.best_member, rows, table, sentences)
