"""The preset ``best``: who is chosen, on which rows, and what it leaves."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from benchmarks.study.best.candidates import make_candidates, out_of_fold
from benchmarks.study.best.choice import choose
from benchmarks.study.best.folds import alike, copy_groups, folds_of, make_folds
from benchmarks.study.settings import Settings
from ensemblekit import (
    InvalidOptionError,
    LeakageError,
    Predictions,
    align,
    load_plugins,
)
from ensemblekit.errors import DataError, InvalidPredictionsError
from ensemblekit.evaluation import log_loss
from tests.small_study import CTSCAN, draw

REGISTRY = load_plugins()


def three_heads(n=120, *, know=True, split=None):
    """Two candidates that know something, and one that does not."""
    rng = np.random.default_rng(0)
    codes = np.arange(n) % 3
    rows = []
    for name, strength in (("weak", 1.0), ("strong", 2.0), ("blind", 0.0)):
        scores = rng.normal(size=(n, 3)) + strength * know * np.eye(3)[codes]
        probas = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        fields = {"ids": [f"train/{k}" for k in range(n)], "classes": ["a", "b", "c"], "split": split}
        rows.append(Predictions(probas, labels=np.array(["a", "b", "c"])[codes], member=name, **fields))
    groups = np.arange(n) // 4
    folds = make_folds(codes, groups, 5, seed=0)
    return align(rows), folds, dict(zip(rows[0].ids.tolist(), groups.tolist(), strict=True))


def test_members_know_more_than_the_shares_of_the_classes_best_first():
    choice, first, whole = choose(*three_heads(), REGISTRY)
    assert choice.members == ["strong", "weak"]
    assert sorted(choice.losses) == ["blind", "strong", "weak"]
    assert len(first) == len(whole) == 120
    assert choice.rule_losses["mean"] == log_loss(whole)
    assert choice.combiner.members_ == ("strong", "weak")


def test_equal_weights_stay_unless_others_are_better_with_an_interval():
    # Of two alike members, weights can only follow noise.
    predictions, folds, groups = three_heads()
    assert choose(predictions.select(["weak", "strong"]), folds, groups, REGISTRY)[0].rule == "mean"
    # One member knows all and four know next to nothing: equal weights drown it.
    rng = np.random.default_rng(1)
    codes = np.arange(150) % 3
    labels, ids = np.array(["a", "b", "c"])[codes], [f"train/{k}" for k in range(150)]
    rows = []
    for member in range(5):
        scores = rng.normal(size=(150, 3)) + (6.0 if member == 0 else 0.7) * np.eye(3)[codes]
        probas = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        rows.append(Predictions(probas, ids=ids, classes=["a", "b", "c"], labels=labels, member=f"m{member}"))
    folds = make_folds(codes, np.arange(150), 5, seed=0)
    chosen = choose(align(rows), folds, dict(zip(ids, range(150), strict=True)), REGISTRY)[0]
    assert chosen.rule in ("super_learner", "greedy_selection")
    assert chosen.rule_losses[chosen.rule] < chosen.rule_losses["mean"]


def test_where_nobody_knows_anything_it_says_so():
    with pytest.raises(InvalidPredictionsError, match=r"of 3 none does, the best with log loss .* against 1\.099"):
        choose(*three_heads(know=False), REGISTRY)


def test_the_choice_cannot_be_made_on_the_test_images():
    with pytest.raises(LeakageError):
        choose(*three_heads(split="test"), REGISTRY)


def test_alike_images_and_copies_share_a_group_and_groups_share_no_two_folds():
    rng = np.random.default_rng(0)
    scenes = rng.integers(0, 256, (12, 8, 8, 3))
    images = np.repeat(np.repeat(np.repeat(scenes, 5, axis=0), 4, axis=1), 4, axis=2) + rng.integers(
        0, 9, (60, 32, 32, 3)
    )
    copies = np.arange(60)
    copies[59] = copies[0]  # a copy of the first among the last
    groups = alike(images.astype(np.float32), copies)
    assert len(np.unique(groups)) < 12
    assert groups[59] == groups[0]
    for scene in range(12):
        assert len(np.unique(groups[5 * scene : 5 * scene + 5])) == 1
    for fitted, held in make_folds(np.arange(60) // 5 % 2, groups, 3, seed=0):
        assert not set(groups[fitted]) & set(groups[held])


def test_groups_that_hold_a_whole_class_give_way_to_finer_ones():
    codes = np.arange(12) // 4
    groups, folds = folds_of(codes, (codes, np.arange(12)), 5, seed=0)
    assert groups.tolist() == list(range(12))
    assert all(len(np.unique(codes[fitted])) == 3 for fitted, _ in folds)
    with pytest.raises(DataError, match=r"12 images in 3 groups do not allow it\. Give more images\."):
        folds_of(codes, (codes, codes), 5, seed=0)


def test_images_that_the_audit_left_out_are_alone():
    assert copy_groups(np.array(["a", "x", "b", "y"]), {"a": 0, "b": 0}).tolist() == [0, 2, 0, 4]


def test_out_of_fold_every_row_is_asked_of_a_head_that_did_not_see_it():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 2, 40)
    # Features that say nothing but which row it is: in the fit, neighbours would know all.
    features = {"net.max": rng.normal(size=(2, 40, 30))}
    candidates = [c for c in make_candidates(["net.max"]) if c.name.endswith("neighbours")]
    folds = make_folds(codes, np.arange(40), 5, seed=0)
    probas = out_of_fold(candidates, features, codes, folds, REGISTRY, lambda *_: None)["net.max.neighbours"]
    assert (probas.argmax(axis=1) == codes).mean() < 0.75
    np.testing.assert_allclose(probas.sum(axis=1), 1)


def test_every_backbone_has_its_own_weights_or_none_has():
    def pairs(backbone, weights):
        return Settings(preset="best", backbone=backbone, weights=weights).backbones

    assert pairs(["a", "b"], ["1", "2"]) == (("a", "1"), ("b", "2"))
    assert pairs(["a"], []) == (("a", None),)
    assert [name for name, _ in pairs([], [])] == ["mobilenet_v2", "resnet50"]
    with pytest.raises(
        InvalidOptionError, match=r"one --weights for each --backbone.*received 2 --backbone and 1 --we"
    ):
        pairs(["a", "b"], ["1"])


@pytest.mark.slow
@pytest.mark.keras
def test_a_run_leaves_its_rows_and_who_was_chosen(tmp_path):
    out = tmp_path / "out"
    done = subprocess.run(
        [
            sys.executable, CTSCAN, "--preset", "best", "--data", draw(tmp_path / "pets"),
            "--backbone", "mobilenet_v2", "--weights", "none", "--image-size", "32", "--bank", tmp_path / "bank",
            "--out", out,
        ],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert pd.read_csv(out / "results.csv")["Model"].tolist() == ["best_member", "best"]
    told = json.loads((out / "best.json").read_text())
    assert told["chosen_on"] == ["train", "valid"]
    assert set(told["members"]) <= set(told["candidates"])
    best = Predictions.load(out / "predictions" / "best.test.parquet")
    assert not set(best.ids) & set(Predictions.load(out / "predictions" / "best.train.parquet").ids)
    assert f"best is {len(told['members'])} members out of" in " ".join(done.stdout.split())
    assert (out / "report.html").is_file()
