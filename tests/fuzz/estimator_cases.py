"""Every estimator of scikit-learn, fitted, saved, altered by one number and sealed anew: the interpreter lives on."""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import os
import random
import tempfile
import warnings
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

# A thread that is not started cannot hide where an array ends.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np

from ensemblekit.errors import StoreError
from ensemblekit.store import load
from ensemblekit.store._manifest import FORMAT, seal
from ensemblekit.store._sklearn_checks import CHECKS
from tests.fuzz.store_cases import digest, nodes

X = np.random.default_rng(0).uniform(0.1, 2, (24, 4))
CODES, NUMBERS = np.arange(24) % 3, X.sum(axis=1)
TEXTS = [f"{'a b c'[: k % 5 + 1]} word{k % 7}" for k in range(24)]
METHODS = (
    "predict", "predict_proba", "decision_function", "transform", "score_samples", "kneighbors", "predict_log_proba",
    "inverse_transform",
)  # fmt: skip
ALTERED = (
    lambda a: a[:0],
    lambda a: a[:1],
    lambda a: a[:-1],
    lambda a: np.concatenate([a] * 5),
    lambda a: a[..., :-1],
    lambda a: a[..., :0],
    lambda a: np.concatenate([a] * 50, axis=-1),
    lambda a: np.ascontiguousarray(a.T),
    lambda a: np.asfortranarray(a),
    lambda a: a.reshape(-1),
    lambda a: a[None],
    lambda a: a.reshape(-1)[0],
    lambda a: a.astype("f4"),
    lambda a: a.astype("i1"),
    lambda a: a.astype("i4"),
    lambda a: a.astype("i8"),
    lambda a: a.astype("f8"),
    lambda a: a.astype("c16"),
    lambda a: a.astype("U8"),
    lambda a: a.astype(bool),
    lambda a: a.view("u1"),
    lambda a: np.full_like(a, -1),
    lambda a: np.full_like(a, np.nan),
    lambda a: np.full_like(a, np.inf),
    lambda a: np.full_like(a, 2**30),
    lambda a: np.full_like(a, -(2**30)),
    lambda a: np.full_like(a, 10**6),
    lambda a: np.full_like(a, 10**15),
    lambda a: np.where(np.arange(a.size).reshape(a.shape) == a.size // 2, np.array(2**30, a.dtype), a),
    lambda a: np.where(np.arange(a.size).reshape(a.shape) == 0, np.array(-(2**20), a.dtype), a),
    lambda a: np.zeros((200_000, *a.shape[1:]), a.dtype),
)
"""What is done to an array."""
SCALARS = (
    0,
    -1,
    1,
    10**6,
    2**31,
    -(2**31),
    2**62,
    None,
    True,
    "x",
    "precomputed",
    "linear",
    "brute",
    1.5,
    [],
    "nu_svr",
)


@cache
def estimators() -> list[type]:
    from sklearn.utils import all_estimators

    return [cls for _, cls in all_estimators()]


def made(cls: type) -> Any:
    """Make an estimator with as few numbers as it can do with."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

    takes, options = inspect.signature(cls).parameters, dict[str, Any]()
    classifies = "Classif" in cls.__name__ or "Output" in cls.__name__ or "One" in cls.__name__
    inner: Any = LogisticRegression() if classifies else Ridge()
    for name in ("estimator", "base_estimator"):
        if name in takes and takes[name].default is inspect.Parameter.empty:
            options[name] = inner
    lists = {"param_grid": {}, "param_distributions": {"alpha": [1, 2]}, "dictionary": X[:3], "n_estimators": 3}
    lists |= {"estimators": [("a", inner), ("b", inner)], "steps": [("s", StandardScaler()), ("l", inner)]}
    lists |= {"transformer_list": [("s", StandardScaler()), ("m", MinMaxScaler())], "novelty": True, "perplexity": 5}
    lists |= {"transformers": [("s", StandardScaler(), [0, 1]), ("m", OneHotEncoder(handle_unknown="ignore"), [2, 3])]}
    options |= {name: value for name, value in lists.items() if name in takes}
    estimator = cls(**options)
    few = {"random_state": 0, "max_iter": 20, "n_components": 2, "cv": 2, "min_samples": 10, "n_jobs": None}
    estimator.set_params(**{name: value for name, value in few.items() if name in takes})
    return estimator


@cache
def fitted(cls: type, variant: int) -> tuple[dict[str, bytes], Any] | None:
    """Fit on what it takes, and give what skops writes of it, by entry, and what it can predict for."""
    import skops.io
    from scipy.sparse import csr_array
    from sklearn.base import clone

    square = X @ X.T
    variants = ({}, {"algorithm": "brute", "kernel": "linear"}, {"probability": True}, {"kernel": "precomputed"})
    inputs = {2: [csr_array(X)], 3: [square]}.get(variant, [X])
    both = np.c_[NUMBERS, 2 * NUMBERS]
    for y in ((CODES,), (NUMBERS,), (both,), ()):
        for x in (*inputs, X, TEXTS, [{"a": k, "b": 1} for k in range(24)], CODES, CODES.reshape(-1, 1), NUMBERS):
            try:
                estimator = clone(made(cls))
                takes = estimator.get_params(deep=False)
                estimator.set_params(**{name: given for name, given in variants[variant].items() if name in takes})
                estimator.fit(x, *y)
                file = io.BytesIO()
                skops.io.dump(estimator, file)
            except Exception:  # noqa: S112 - then the next
                continue
            with zipfile.ZipFile(file) as archive:
                return {name: archive.read(name) for name in archive.namelist()}, x[:7]
    return None


def altered(draw: random.Random, content: bytes) -> bytes:
    """Alter an array; one that cannot be so stays as it is."""
    array, file = np.load(io.BytesIO(content), allow_pickle=False), io.BytesIO()
    try:
        array = draw.choice(ALTERED)(array)
        if np.asarray(array).nbytes < 10**8:
            np.save(file, array, allow_pickle=False)
            return file.getvalue()
    except (ValueError, TypeError, OverflowError, IndexError):
        pass
    return content


def spoil(draw: random.Random, entries: dict[str, bytes]) -> None:
    """Alter one thing of what skops wrote."""
    arrays = [name for name in entries if name.endswith(".npy")]
    schema = json.loads(entries["schema.json"])
    kind = draw.randrange(8)
    if kind < 4 and arrays:
        name = draw.choice(arrays)
        entries[name] = altered(draw, entries[name])
    elif kind == 4 and len(arrays) > 1:
        first, second = draw.sample(arrays, 2)
        entries[first] = entries[second]
    elif kind == 5 and any(name.endswith(".npz") for name in entries):
        name = draw.choice([name for name in entries if name.endswith(".npz")])
        with zipfile.ZipFile(io.BytesIO(entries[name])) as inner:
            parts = {part: inner.read(part) for part in inner.namelist()}
        part = draw.choice(sorted(parts))
        parts[part] = altered(draw, parts[part])
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as inner:
            for part, content in parts.items():
                inner.writestr(part, content)
        entries[name] = file.getvalue()
    else:
        places = [(c, k) for c, k in nodes(schema) if isinstance(c[k], dict) and "__loader__" in c[k]]
        container, key = draw.choice(places)
        if kind == 6:
            other, place = draw.choice(places)
            container[key] = json.loads(json.dumps(other[place]))
        else:
            value = json.dumps(draw.choice(SCALARS))
            container[key] = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "is_json": True}
            container[key] |= {"content": value, "__id__": draw.randrange(2**40)}
        entries["schema.json"] = json.dumps(schema).encode()


def write(folder: Path, entries: dict[str, bytes]) -> None:
    """Write a saved folder that holds one estimator."""
    with zipfile.ZipFile(folder / "skops0.skops", "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    manifest = {"format": FORMAT, "object": {"sklearn": "skops0.skops"}}
    manifest["files"] = {"skops0.skops": digest(folder / "skops0.skops")}
    (folder / "manifest.json").write_text(seal(manifest))


TRUSTED = ("scipy.sparse._csr.csr_matrix", "scipy.sparse._csr.csr_array", "numpy.dtype")
"""Types that skops asks about, and what we check of them holds all the same."""


def predicts(number: int) -> str | None:
    """Alter a fitted estimator, load it, and let it predict: it is refused, or says something, or raises."""
    draw = random.Random(f"estimator {number}")
    warnings.simplefilter("ignore")
    # Every other case is one that reaches compiled code.
    checked = [cls for cls in estimators() if cls.__name__ in CHECKS]
    those = checked if number % 2 else estimators()
    found = fitted(those[number // 2 % len(those)], draw.randrange(4))
    if found is None:
        return None
    entries, x = dict(found[0]), found[1]
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        spoil(draw, entries)
    with tempfile.TemporaryDirectory() as scratch:
        write(Path(scratch), entries)
        try:
            estimator = load(scratch, trusted=TRUSTED)
        except StoreError:
            return None
    for method in METHODS:
        with contextlib.suppress(Exception):  # a stranger's numbers may be wrong in any way
            getattr(estimator, method)(x)
    return None
