"""Calls of the functions for several readers, each with one argument whose items or readers are named."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemblekit.crowd import fleiss_kappa, krippendorff_alpha
from ensemblekit.matching import LabelImages, Regions, fuse_boxes, vote_labels

from .named_crowds import votes_of
from .named_doors import LOOKED_UP, Give, World, door

READERS = ["a", "b", "c"]


def weights_by_reader(give: Give) -> Any:
    values = np.array([0.2, 0.3, 0.4])
    given = give(values, names=READERS)
    return dict(zip(READERS, values.tolist(), strict=True)) if given is values else given


def groups_of(world: World, give: Give) -> Any:
    given = give(world.group)
    return dict(zip(world.ids, given.tolist(), strict=True)) if given is world.group else given


@door("crowd.krippendorff_alpha(groups)", containers=LOOKED_UP)
def _(world: World, give: Give) -> Any:
    return krippendorff_alpha(votes_of(world), groups=groups_of(world, give)).low


@door("crowd.fleiss_kappa(groups)", containers=LOOKED_UP)
def _(world: World, give: Give) -> Any:
    return fleiss_kappa(votes_of(world), groups=groups_of(world, give)).low


@door("matching.fuse_boxes(weights)", reads=False)
def _(world: World, give: Give) -> Any:
    marks = {"case": ["i"] * 3, "reader": READERS, "x1": [0, 1, 2], "y1": [0] * 3, "x2": [9, 9, 9], "y2": [9] * 3}
    return fuse_boxes(Regions(marks, read="all"), weights=weights_by_reader(give)).coordinates[0, 0]


@door("matching.vote_labels(weights)", reads=False)
def _(world: World, give: Give) -> Any:
    images = LabelImages({"i": {"a": [0, 1, 1], "b": [1, 1, 0], "c": [0, 0, 1]}})
    return vote_labels(images, weights=weights_by_reader(give)).probability("i", 1).sum()
