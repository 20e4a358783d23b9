"""Every public plot, small and large, with short and with long names: what the tests of readability draw."""

import numpy as np
import pandas as pd
from scipy.stats import norm

from ensemblekit import Predictions, plots


def named(word, n, long):
    return [f"{word} number {k:02d} with a long name"[:30] if long else f"{word[0]}{k}" for k in range(n)]


def members(n_members, n_classes, n_rows, long):
    rng = np.random.default_rng(0)
    classes, codes = named("class", n_classes, long), rng.integers(n_classes, size=n_rows)
    scores = rng.normal(size=(n_members, n_rows, n_classes)) + 2 * np.eye(n_classes)[codes]
    probas = np.exp(scores) / np.exp(scores).sum(axis=2, keepdims=True)
    fields = {"ids": [f"{row}.png" for row in range(n_rows)], "classes": classes, "labels": np.array(classes)[codes]}
    names = named("member", n_members, long)
    return [Predictions(p, member=name, **fields) for name, p in zip(names, probas, strict=True)]


def forecasts(n_members, n_levels, n_rows, long):
    true, levels = np.random.default_rng(0).normal(size=n_rows), np.round(np.arange(1, n_levels) / n_levels, 3)
    fields = {"ids": range(n_rows), "classes": levels.tolist(), "task": "quantile", "labels": true}
    names = named("member", n_members, long)
    return [
        Predictions(np.tile((0.5 + 0.1 * k) * norm.ppf(levels), (n_rows, 1)), member=name, **fields)
        for k, name in enumerate(names)
    ]


def drawn(name, *, n_members, n_classes, n_rows, long):
    """Draw the plot of this name; a plot that is not here has no example."""
    rng = np.random.default_rng(1)
    names = named("member", n_members, long)
    size = (n_members, n_classes, n_rows, long)
    right, grey = np.linspace(0.6, 0.61, n_members), np.zeros((8, 9))
    table = pd.DataFrame({"model": names, "value": right, "low": right - 0.1, "high": right + 0.1})
    subsets = [tuple(names[: k + 1]) for k in range(n_members)]
    frontier = pd.DataFrame({"members": subsets, "ms": 1 + 0.01 * np.arange(n_members), "accuracy": right,
                             "on_frontier": True, "measured": False})  # fmt: skip
    history = pd.DataFrame({"loss": rng.random(n_rows), "val_loss": rng.random(n_rows), "accuracy": rng.random(n_rows)})
    sets = {m: pd.DataFrame(rng.random((n_rows, n_classes)) < 0.3) for m in names}
    calls = {
        "plot_confusion": lambda: plots.plot_confusion(members(*size)[:2]),
        "plot_copies": lambda: plots.plot_copies([[f"train/{'a' * 30}/{n}.png" for n in names]], lambda _: grey),
        "plot_cost": lambda: plots.plot_cost(
            dict(zip(names, right, strict=True)), dict(zip(names, 1 + right, strict=True))
        ),
        "plot_disagreement": lambda: plots.plot_disagreement(members(*size), lambda _: grey, most=2),
        "plot_diversity": lambda: plots.plot_diversity(members(*size)),
        "plot_frontier": lambda: plots.plot_frontier(frontier),
        "plot_learning_curves": lambda: plots.plot_learning_curves(dict.fromkeys(names, history)),
        "plot_pit": lambda: plots.plot_pit(forecasts(*size)),
        "plot_quantile_coverage": lambda: plots.plot_quantile_coverage(forecasts(*size)),
        "plot_reliability": lambda: plots.plot_reliability(members(*size)),
        "plot_risk_coverage": lambda: plots.plot_risk_coverage(members(*size)),
        "plot_scores": lambda: plots.plot_scores(table, value="value", low="low", high="high", label="Accuracy"),
        "plot_set_sizes": lambda: plots.plot_set_sizes(sets),
    }
    return calls[name]()
