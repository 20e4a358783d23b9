"""Calls for fewer models at the end, each with one argument whose rows, columns or members are named."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemblekit.cascading import cascade
from ensemblekit.compressing import distil, soup

from .named_calls import answer
from .named_doors import CLASSES, Give, World, cells, door


@door("cascading.cascade(classes)", reads=False)
def _(world: World, give: Give) -> Any:
    given = give(np.array(CLASSES, dtype=object), names=[0, 1, 2])
    classes = given.to_dict() if hasattr(given, "index") else CLASSES
    chain = cascade({"a": answer, "b": answer}, (world.ids, world.x), classes=classes, agreement=0.8)
    return cells(chain.answer((world.ids, world.x))[0])


@door("cascading.Cascade.answer(source)")
def _(world: World, give: Give) -> Any:
    chain = cascade({"a": answer, "b": answer}, (world.ids, world.x), classes=CLASSES, agreement=0.8)
    return cells(chain.answer((world.ids, give(world.x)), batch_size=10)[0])


def networks() -> dict[str, Any]:
    import keras

    keras.utils.set_random_seed(0)
    parts = [[keras.Input((3,)), keras.layers.Dense(3, "softmax")] for _ in range(2)]
    return {f"n{k}": keras.Sequential(part) for k, part in enumerate(parts)}


@door("compressing.soup(classes)", reads=False, keras=True)
def _(world: World, give: Give) -> Any:
    given = give(np.array(CLASSES, dtype=object), names=[0, 1, 2])
    classes = given.to_dict() if hasattr(given, "index") else CLASSES
    return soup(networks(), greedy_on=(world.ids, world.x, world.labels), classes=classes).table.to_dict("records")


@door("compressing.soup(greedy_on) of data", keras=True, containers=("pandas",))
def _(world: World, give: Give) -> Any:
    source = world.ids, give(world.x), world.labels
    return soup(networks(), greedy_on=source, classes=CLASSES).table.to_dict("records")


@door("compressing.distil(classes)", reads=False, keras=True)
def _(world: World, give: Give) -> Any:
    given = give(np.array(CLASSES, dtype=object), names=[0, 1, 2])
    classes = given.to_dict() if hasattr(given, "index") else CLASSES
    net = networks()["n0"]
    return distil(world.member(), net, (world.ids, world.x), classes=classes, epochs=1).get_weights()[0].tolist()


@door("compressing.distil(source)", keras=True, containers=("pandas",))
def _(world: World, give: Give) -> Any:
    source = world.ids, give(world.x), world.labels
    trained = distil(world.member(), networks()["n0"], source, label_weight=0.5, epochs=1, shuffle=False)
    return trained.get_weights()[0].tolist()
