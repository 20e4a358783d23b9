"""Calls for quantiles, each with one argument whose rows are named."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemblekit import Predictions
from ensemblekit.quantiles import fit_by, from_samples, online_weights

from .named_doors import LOOKED_UP, PANDAS, Give, N, World, cells, door

SPREAD = np.array([-1.0, 0.0, 1.0])


def forecasters(world: World) -> list[Predictions]:
    """Make two members whose errors depend on the row, so that its group or its date matters."""
    off = np.where(world.group % 2, 2.0, -1.0)
    values = {"high": world.value + off, "low": world.value - 0.5 * off + 1}
    fields: dict[str, Any] = {"ids": world.ids, "classes": [0.1, 0.5, 0.9], "task": "quantile", "labels": world.value}
    return [Predictions(own[:, np.newaxis] + SPREAD, member=name, **fields) for name, own in values.items()]


@door("quantiles.online_weights(cutoff)", containers=LOOKED_UP)
def _(world: World, give: Give) -> Any:
    made = np.arange(N)[np.argsort(world.value)]
    return cells(online_weights(forecasters(world), cutoff=give(made), known=made + 1).predictions)


@door("quantiles.online_weights(known)", containers=LOOKED_UP)
def _(world: World, give: Give) -> Any:
    made = np.arange(N)[np.argsort(world.value)]
    return cells(online_weights(forecasters(world), cutoff=made, known=give(made + 1 + world.group % 3)).predictions)


@door("quantiles.fit_by(by)", containers=(*PANDAS, "mapping"), reads=False)
def _(world: World, give: Give) -> Any:
    fitted = fit_by(forecasters(world), "pinball_weights", give(world.group % 2))
    return {str(group): weights for group, weights in fitted.weights().round(9).T.to_dict().items()}


@door("quantiles.FittedBy.combine(by)", containers=(*PANDAS, "mapping"))
def _(world: World, give: Give) -> Any:
    fitted, other = fit_by(forecasters(world), "pinball_weights", world.group % 2), forecasters(world)
    return cells(fitted.combine(other, by=give(world.group % 2)))


@door("quantiles.from_samples(draws)", containers=("pandas",))
def _(world: World, give: Give) -> Any:
    draws = world.value[:, np.newaxis] + np.random.default_rng(1).normal(size=(N, 3))
    given = give(draws, columns=["one", "two", "three"])
    names = {"ids": world.ids} if given is draws else {}
    return cells(from_samples(given, levels=(0.25, 0.5, 0.75), **names))
