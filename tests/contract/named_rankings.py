"""Calls of the functions for rankings, each with one argument whose queries or members are named."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemblekit.ranking import Qrels, Run, compare_runs, fit_weights, fuse_runs, score_runs

from .named_doors import LOOKED_UP, Give, World, door


def runs_of(world: World, seed: int = 0) -> dict[str, Run]:
    """Let members a, b and c rank four items for each row."""
    rng = np.random.default_rng(seed)
    scores = {member: rng.random((len(world.ids), 4)) for member in "abc"}
    return {
        member: Run({query: dict(zip("wxyz", row, strict=True)) for query, row in zip(world.ids, rows, strict=True)})
        for member, rows in scores.items()
    }


def qrels_of(world: World) -> Qrels:
    return Qrels({query: {"wxyz"[code]: 1} for query, code in zip(world.ids, world.codes.tolist(), strict=True)})


def grouped(world: World, give: Give) -> Any:
    given = give(world.group)
    return dict(zip(world.ids, world.group.tolist(), strict=True)) if given is world.group else given


@door("ranking.fuse_runs(weights)", reads=False)
def _(world: World, give: Give) -> Any:
    values, members = np.array([0.2, 0.3, 0.4]), ["a", "b", "c"]
    given = give(values, names=members)
    weights = dict(zip(members, values.tolist(), strict=True)) if given is values else given
    return fuse_runs(runs_of(world), weights=weights).to_frame().to_dict("records")


@door("ranking.score_runs(groups)", containers=LOOKED_UP, reads=False)
def _(world: World, give: Give) -> Any:
    table = score_runs(runs_of(world), qrels_of(world), metrics="mrr", groups=grouped(world, give), n_resamples=99)
    return table.drop(columns="in_sample").to_dict("records")


@door("ranking.compare_runs(groups)", containers=LOOKED_UP, reads=False)
def _(world: World, give: Give) -> Any:
    table = compare_runs(
        runs_of(world), "a", qrels_of(world), metrics="mrr", groups=grouped(world, give), n_resamples=99
    )
    return table.drop(columns=["model_only", "member_only"]).to_dict("records")


@door("ranking.fit_weights(groups)", containers=LOOKED_UP, reads=False)
def _(world: World, give: Give) -> Any:
    found = fit_weights(runs_of(world), qrels_of(world), metric="mrr", cv=2, groups=grouped(world, give), n_jobs=1)
    return found.out_of_fold.to_frame().to_dict("records")
