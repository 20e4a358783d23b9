"""Simulated crowds of five kinds, and of others drawn at random, whose true labels are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd


class Drawn(NamedTuple):
    """Votes as crowd-kit has them, and the true label of each item."""

    table: pd.DataFrame
    truth: pd.Series


def one_coin(rng: np.random.Generator, truth: np.ndarray, rater: np.ndarray, k: int) -> np.ndarray:
    """Raters of different skill, whose errors are spread evenly."""
    skill = rng.beta(4, 2, size=rater.max() + 1)
    return _said(rng, truth, skill[rater], k)


def confused(rng: np.random.Generator, truth: np.ndarray, rater: np.ndarray, k: int) -> np.ndarray:
    """Raters who each confuse other classes."""
    matrices = np.stack([rng.dirichlet(0.5 + 2.5 * np.eye(k)[c], size=rater.max() + 1) for c in range(k)], axis=1)
    return _drawn(rng, matrices[rater, truth[:, np.newaxis]])


def spammers(rng: np.random.Generator, truth: np.ndarray, rater: np.ndarray, k: int) -> np.ndarray:
    """Half of the raters say the same always, or anything at all."""
    n = rater.max() + 1
    kind, favourite = rng.choice(3, size=n, p=[0.5, 0.25, 0.25]), rng.integers(k, size=n)
    good = _said(rng, truth, np.full(rater.shape, 0.85), k)
    return np.choose(kind[rater], [good, favourite[rater], rng.integers(k, size=rater.shape)])


def adversaries(rng: np.random.Generator, truth: np.ndarray, rater: np.ndarray, k: int) -> np.ndarray:
    """A fifth of the raters are nearly always wrong."""
    skill = np.where(rng.random(rater.max() + 1) < 0.2, 0.1, rng.uniform(0.55, 0.9, size=rater.max() + 1))
    return _said(rng, truth, skill[rater], k)


def hard_items(rng: np.random.Generator, truth: np.ndarray, rater: np.ndarray, k: int) -> np.ndarray:
    """Items are easy or hard, and raters better or worse, as GLAD assumes."""
    ability, ease = rng.normal(1.5, 1, size=rater.max() + 1), np.exp(rng.normal(0, 0.7, size=len(truth)))
    return _said(rng, truth, 1 / (1 + np.exp(-ability[rater] * ease[:, np.newaxis])), k)


KINDS: Mapping[str, Callable[..., np.ndarray]] = {
    "one coin": one_coin,
    "confused": confused,
    "spammers": spammers,
    "adversaries": adversaries,
    "hard items": hard_items,
}
PRIORS = {"confused": [0.55, 0.3, 0.1, 0.05]}
"""Share of each class, where they differ."""


def _said(rng: np.random.Generator, truth: np.ndarray, right: np.ndarray, k: int) -> np.ndarray:
    others = (truth[:, np.newaxis] + rng.integers(1, k, size=right.shape)) % k
    return np.where(rng.random(right.shape) < right, truth[:, np.newaxis], others)


def _drawn(rng: np.random.Generator, probas: np.ndarray) -> np.ndarray:
    below = rng.random(probas.shape[:-1])[..., np.newaxis] > probas.cumsum(axis=-1)
    return np.minimum(below.sum(axis=-1), probas.shape[-1] - 1)


def draw(
    kind: str, seed: int, *, n_items: int = 600, n_raters: int = 40, per_item: int = 5, k: int = 4, mixed: bool = False
) -> Drawn:
    """Draw votes of one kind; ``mixed`` shuffles the names of the classes, so that the first is not the most common."""
    rng = np.random.default_rng([seed, list(KINDS).index(kind)])
    prior = PRIORS.get(kind)
    truth = rng.choice(k, size=n_items, p=None if prior is None else np.array(prior[:k]) / sum(prior[:k]))
    step = rng.integers(1, max(2, n_raters // per_item), size=(n_items, per_item)).cumsum(axis=1)
    rater = (rng.integers(n_raters, size=(n_items, 1)) + step) % n_raters
    label = KINDS[kind](rng, truth, rater, k)
    if mixed:
        name = rng.permutation(k)
        truth, label = name[truth], name[label]
    return _drawn_of(np.repeat(np.arange(n_items), per_item), rater.ravel(), label.ravel(), truth)


OTHERS = ("one coin", "confused", "spammers", "adversaries", "hard items", "common", "neighbours", "traps")


def draw_any(seed: int) -> tuple[str, Drawn]:
    """Draw votes of any kind, size, number of classes and votes, and shares of classes and of raters."""
    rng = np.random.default_rng([20261129, seed])
    kind = str(rng.choice(OTHERS))
    k, n, m = (int(rng.choice(of)) for of in ([2, 3, 4, 6, 9], [100, 300, 1000], [8, 20, 60]))
    mean, prior = int(rng.choice([2, 3, 5, 9])), rng.dirichlet(np.full(k, rng.choice([1.0, 5.0, 100.0])))
    truth = rng.choice(k, size=n, p=prior)
    busy = np.arange(1, m + 1) ** -float(rng.choice([0, 0, 1]))
    n_votes = np.clip(rng.poisson(mean - 1, size=n) + 1, 1, m) if rng.random() < 0.5 else np.full(n, min(mean, m))
    order = np.argsort(-(rng.gumbel(size=(n, m)) + np.log(busy)), axis=1)
    item, place = np.nonzero(np.arange(m) < n_votes[:, np.newaxis])
    rater, true = order[item, place], truth[item]
    base = float(rng.choice([0.5, 0.65, 0.8]))
    skill = 1 / k + (1 - 1 / k) * rng.beta(5 * base, 5 * (1 - base), size=m)

    def said(right: np.ndarray) -> np.ndarray:
        return _said(rng, true, right[:, np.newaxis], k)[:, 0]

    label = _any_label(rng, kind, item, rater, truth, skill, prior, base, said)
    name = rng.permutation(k)
    return kind, _drawn_of(item, rater, name[label], name[truth])


def _any_label(
    rng: np.random.Generator, kind: str, item: np.ndarray, rater: np.ndarray, truth: np.ndarray, skill: np.ndarray,
    prior: np.ndarray, base: float, said: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:  # fmt: skip
    k, m, n, true = len(prior), len(skill), len(item), truth[item]
    good = said(skill[rater])
    if kind == "confused":
        matrices = np.stack([rng.dirichlet(0.5 + 4 * base * np.eye(k)[c], size=m) for c in range(k)], axis=1)
        return _drawn(rng, matrices[rater, true])
    if kind == "spammers":
        favourite = rng.integers(k, size=m)
        return np.choose(
            rng.choice(3, size=m, p=[0.6, 0.2, 0.2])[rater], [good, favourite[rater], rng.integers(k, size=n)]
        )
    if kind == "adversaries":
        return said(np.where(rng.random(m) < 0.15, 0.3 / k, skill)[rater])
    if kind == "hard items":
        ease = np.exp(rng.normal(0, 0.7, size=len(truth)))
        return said(1 / (1 + np.exp(-rng.normal(1.5, 1, size=m)[rater] * ease[item])))
    if kind == "common":  # who does not know names common classes
        return np.where(rng.random(n) < skill[rater], true, rng.choice(k, size=n, p=prior))
    if kind == "neighbours":
        off = np.round(rng.normal(0, 2.4 * (1.1 - skill)[rater])).astype(int)
        return np.clip(true + off, 0, k - 1)
    if kind == "traps":  # some items draw raters to one wrong class
        wrong = (truth + rng.integers(1, k, size=len(truth))) % k
        trapped = (rng.random(len(truth)) < 0.2)[item] & (rng.random(n) < 0.5)
        return np.where(trapped, wrong[item], good)
    return good


def _drawn_of(item: np.ndarray, rater: np.ndarray, label: np.ndarray, truth: np.ndarray) -> Drawn:
    table = pd.DataFrame({"task": item, "worker": rater, "label": label})
    return Drawn(table, pd.Series(truth, index=pd.RangeIndex(len(truth), name="task")))
