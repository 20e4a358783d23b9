"""Statistics of the test images: intervals, comparisons, confusion, figures without leaked images, repeats."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ensemblekit import Predictions
from ensemblekit.evaluation import (
    accuracy,
    compare_with_best_member,
    confusion_matrix,
    log_loss,
    repeats_table,
    score_table,
)

from .ensembles import MEMBERS, RULES

COMPARED: Mapping[str, Sequence[str]] = {rule.name: MEMBERS for rule in RULES} | {"chained_model": ("first_model",)}
"""Model -> the models that it is compared with."""


@dataclass(frozen=True)
class Evaluation:
    """Tables about the test images, every figure in full.

    ``leak_free`` has loss and accuracy of each model without the leaked images, with intervals, by group where groups
    are known; ``leak_free_classes`` how many images of each class are left; ``leak_free_comparisons`` what
    ``comparisons`` has, on the images that are left.
    """

    scores: pd.DataFrame
    comparisons: pd.DataFrame
    confusion: pd.DataFrame
    leak_free: pd.DataFrame | None = None
    leak_free_classes: pd.DataFrame | None = None
    leak_free_comparisons: pd.DataFrame | None = None
    repeats: pd.DataFrame | None = None
    n_leaked: int = 0


def evaluate(
    predictions: Mapping[str, Mapping[str, Predictions]],
    *,
    compared: Mapping[str, Sequence[str]] = COMPARED,
    groups: Mapping[str, int] | None = None,
    leaked: Collection[str] = (),
    repeats: Mapping[int, pd.DataFrame] | None = None,
    seed: int = 0,
) -> Evaluation:
    """Compute the tables from the predictions of each model and split.

    Each model of ``compared`` is compared with the one of its members that is best on the validation images. ``groups``
    are the groups of near copies by id, ``leaked`` the ids of test images that are also in another split, ``repeats``
    the results tables by seed; ``seed`` is that of the resamples.
    """
    test = {name: by_split["test"] for name, by_split in predictions.items()}
    members = {name: others for name, others in compared.items() if name in predictions}
    chosen_on = {name: predictions[name]["valid"] for others in members.values() for name in others}
    dropped = sorted(set(leaked))
    ids = next(iter(test.values())).ids
    kept = ids[~np.isin(ids, dropped)]
    left = {name: p.take(kept) for name, p in test.items()} if dropped and len(kept) else None
    return Evaluation(
        scores=score_table(test, groups=groups, seed=seed),
        comparisons=compare_with_best_member(
            test, members, chosen_on=chosen_on, groups=groups, seed=seed, unit="images"
        ),
        confusion=_confusion(test),
        leak_free=_leak_free(test, left, groups, seed) if left else None,
        leak_free_classes=_classes(test, left) if left else None,
        leak_free_comparisons=compare_with_best_member(
            left, members, chosen_on=chosen_on, groups=groups, seed=seed, unit="images"
        )
        if left
        else None,
        repeats=repeats_table(repeats) if repeats else None,
        n_leaked=len(ids) - len(kept),
    )


def _leak_free(
    test: Mapping[str, Predictions], left: Mapping[str, Predictions], groups: Mapping[str, int] | None, seed: int
) -> pd.DataFrame:
    scores = score_table(left, groups=groups, metrics=["log_loss", "accuracy"], seed=seed).set_index(
        ["model", "metric"]
    )
    by = "" if groups is None else "group_"
    return pd.DataFrame(
        [
            {
                "Model": name,
                "Test Loss": log_loss(p),
                "Test Accuracy": accuracy(p),
                "Leak-free Loss": loss["value"],
                "Leak-free Loss Low": loss[f"{by}low"],
                "Leak-free Loss High": loss[f"{by}high"],
                "Leak-free Accuracy": right["value"],
                "Leak-free Accuracy Low": right[f"{by}low"],
                "Leak-free Accuracy High": right[f"{by}high"],
            }
            for name, p in test.items()
            for loss, right in [(scores.loc[(name, "log_loss")], scores.loc[(name, "accuracy")])]
        ]
    )


def _classes(test: Mapping[str, Predictions], left: Mapping[str, Predictions]) -> pd.DataFrame:
    whole, part = next(iter(test.values())), next(iter(left.values()))
    counts = [np.bincount(p.label_codes, minlength=len(p.classes)) for p in (whole, part)]
    return pd.DataFrame(
        {"Class": whole.classes, "Test": counts[0], "Leaked": counts[0] - counts[1], "Leak-free": counts[1]}
    )


def _confusion(test: Mapping[str, Predictions]) -> pd.DataFrame:
    parts = [confusion_matrix(p).stack().rename("n").reset_index().assign(model=name) for name, p in test.items()]
    return pd.concat(parts, ignore_index=True)[["model", "true", "predicted", "n"]]
