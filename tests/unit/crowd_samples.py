"""Simulated crowds for the tests."""

import numpy as np

from ensemblekit import Votes


def crowd(n_items=60, n_raters=8, k=3, per_item=5, seed=0, accuracy=None, gold=False, ordinal=False):
    """Draw votes; the truth is in `gold` on request, and comes along."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(k, size=n_items)
    item = np.repeat(np.arange(n_items), per_item)
    rater = rng.permuted(np.tile(np.arange(n_raters), (n_items, 1)), axis=1)[:, :per_item].ravel()
    right = rng.beta(4, 2, size=n_raters) if accuracy is None else np.asarray(accuracy)
    if ordinal:
        off = np.linspace(-0.6, 0.6, n_raters)[rater] + np.linspace(0.4, 1.2, n_raters)[rater] * rng.normal(
            size=len(item)
        )
        said = np.clip(np.round(truth[item] + off), 0, k - 1).astype(int)
    else:
        others = (truth[item] + rng.integers(1, max(k, 2), size=len(item))) % k
        said = np.where(rng.random(len(item)) < right[rater], truth[item], others)
    table = {"item": [f"i{i:03d}" for i in item], "rater": [f"r{r}" for r in rater], "label": [f"{c}" for c in said]}
    known = {f"i{i:03d}": f"{c}" for i, c in enumerate(truth)} if gold else None
    return Votes(table, classes=[f"{c}" for c in range(k)], gold=known), truth


def frame(votes):
    """The votes as crowd-kit has them, so that raters and classes first appear in sorted order."""
    import pandas as pd

    table = pd.DataFrame(
        {
            "task": votes.items[votes.item],
            "worker": np.array(votes.raters)[votes.rater],
            "label": np.array(votes.classes)[votes.choice],
        }
    )
    return table.sort_values(["worker", "label"], kind="stable").reset_index(drop=True)
