"""Calls of the crowd's functions, each with one argument whose items or raters are named."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemblekit import Votes
from ensemblekit.crowd import aggregate_votes

from .named_doors import CLASSES, LOOKED_UP, Give, World, door, of_ids


def votes_of(world: World, **options: Any) -> Votes:
    """Let raters a, b and c vote on each row; of two the votes depend on the row."""
    said = {"a": world.codes, "b": (world.codes + np.argsort(world.value) % 2) % 3, "c": world.codes * 0}
    rows = [
        {"item": name, "rater": rater, "label": CLASSES[code]}
        for rater, codes in said.items()
        for name, code in zip(world.ids, codes, strict=True)
    ]
    return Votes(rows, **options)


@door("crowd.Votes(gold)", "crowd.Votes.load(gold)", containers=LOOKED_UP)
def _(world: World, give: Give) -> Any:
    given = give(world.labels)
    gold = dict(zip(world.ids, given.tolist(), strict=True)) if given is world.labels else given
    votes = votes_of(world, gold=gold)
    return of_ids(votes.items, votes.gold)


@door("crowd.WeightedVote(weights)", reads=False)
def _(world: World, give: Give) -> Any:
    values, raters = np.array([0.2, 0.3, 0.4]), ["a", "b", "c"]
    given = give(values, names=raters)
    weights = dict(zip(raters, values.tolist(), strict=True)) if given is values else given
    found = aggregate_votes(votes_of(world), "weighted", weights=weights).predictions
    return of_ids(found.ids, found.probas[:, 0])
