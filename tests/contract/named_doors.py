"""Every argument of a public function that is matched to rows, members or classes, and a call that names them.

A door gets a `World` and a function `give`, which wraps values in a container that names their rows, in any order. It
returns an answer that does not depend on the order in which it was asked.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from ensemblekit import Predictions

N = 24
CLASSES = ("cat", "dog", "owl")


class World:
    """Predictions, inputs and labels of some rows; ``ids`` are text, whole numbers, or 0..n-1 in another order.

    ``once`` keeps what several doors ask of the same world, as a fitted model.
    """

    def __init__(self, kind: str = "text") -> None:
        self._kept: dict[Any, Any] = {}
        rng = np.random.default_rng(0)
        order = rng.permutation(N)
        self.ids: list[Any] = [f"r{k}" for k in order] if kind == "text" else (order + 7 * (kind == "numbers")).tolist()
        self.codes = np.arange(N) % 3
        self.labels = np.array(CLASSES)[self.codes]
        self.probas = np.stack([rng.dirichlet(1 + 3 * np.eye(3)[code]) for code in self.codes])
        self.x = 3 * np.eye(3)[self.codes] + rng.normal(size=(N, 3))
        self.value = self.x @ [1.0, 2.0, 3.0] + rng.normal(size=N)
        self.weight = rng.random(N) + 0.1
        self.group = np.repeat(np.arange(N // 3), 3)[rng.permutation(N)]

    def member(self, name: str = "k", seed: int = 0, **fields: Any) -> Predictions:
        rng = np.random.default_rng(seed)
        probas = np.stack([rng.dirichlet(1 + 2 * np.eye(3)[code]) for code in self.codes])
        return Predictions(probas, ids=self.ids, classes=CLASSES, member=name, **{"labels": self.labels, **fields})

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    @property
    def pair(self) -> list[Predictions]:
        return [self.member("k", 1), self.member("m", 2)]


Give = Callable[..., Any]
"""``give(values, columns=None)``: the values as they are, or in a container that names their rows and columns."""


def plain(values: Any, columns: Any = None, names: Any = None) -> Any:
    return values


def named(world: World, container: str, rows: np.ndarray, places: np.ndarray | None = None) -> Give:
    """Make the function that names rows and columns, and puts both in another order."""

    def give(values: Any, columns: Any = None, names: Any = None) -> Any:
        names = world.ids if names is None else names
        own = rows if len(names) == len(rows) else np.argsort(rows[: len(names)])
        index, values = pd.Index([names[k] for k in own]), np.asarray(values)[own]
        if container == "mapping":
            return dict(zip(index.tolist(), values.tolist(), strict=True))
        if values.ndim == 1:
            table: Any = pd.Series(values, index=index, name="label" if values.dtype.kind == "U" else "value")
        else:
            table = pd.DataFrame(values, index=index, columns=list(columns or CLASSES))
            if places is not None:
                table = table.iloc[:, places]
        if container == "nullable":
            return table.convert_dtypes()
        if container == "pandas":
            return table
        table = table.rename_axis("id").reset_index()
        kinds = {"column": lambda t: t, "polars": pl.from_pandas, "arrow": functools.partial(pa.Table.from_pandas)}
        return kinds[container](table)

    return give


PANDAS = ("pandas", "nullable")
TABLES = (*PANDAS, "column", "polars", "arrow")
LOOKED_UP = (*TABLES, "mapping")


@dataclass(frozen=True)
class Door:
    """A call with one argument whose rows are named.

    ``covers`` are its function and argument; ``containers`` those that it must read as it reads plain values;
    ``reads`` says whether names are read at all, so that a reader that drops them is noticed.
    """

    covers: tuple[str, ...]
    ask: Callable[[World, Give], Any]
    containers: tuple[str, ...] = PANDAS
    reads: bool = True
    keras: bool = False
    columns: bool = False

    def __str__(self) -> str:
        return self.covers[0]


DOORS: list[Door] = []


def door(*covers: str, **options: Any) -> Callable[[Callable[[World, Give], Any]], Any]:
    def keep(ask: Callable[[World, Give], Any]) -> Any:
        DOORS.append(Door(covers, ask, **options))
        return ask

    return keep


def cells(predictions: Any) -> dict[Any, Any]:
    """Give each prediction under its id and class."""
    found = predictions.to_frame().drop(columns="label", errors="ignore")
    return {(i, c): found.loc[i, c] for i in found.index for c in found.columns}


def of_ids(ids: Any, values: Any) -> dict[Any, Any]:
    return dict(zip(np.asarray(ids).tolist(), np.asarray(values).tolist(), strict=True))
