"""Subsets of the members that are fast enough: the best one, as one model."""

import numpy as np
import pytest

from ensemblekit import InvalidOptionError, LeakageError, Predictions, fuse
from ensemblekit.errors import CompatibilityError
from ensemblekit.fusion import class_names, member_names
from ensemblekit.profiling import prune

keras = pytest.importorskip("keras")
layers = keras.layers
pytestmark = pytest.mark.keras

CLASSES = ["cat", "dog"]
IMAGES = np.random.default_rng(0).uniform(0, 255, (4, 16, 16, 3)).astype("float32")


def network(width, depth):
    parts = [layers.Conv2D(width, 3, padding="same", activation="relu") for _ in range(depth)]
    head = [layers.GlobalAveragePooling2D(), layers.Dense(2, "softmax")]
    return keras.Sequential([keras.Input((16, 16, 3)), *parts, *head])


def held_out(right):
    """Make predictions of 40 rows of which so many are right."""
    good = np.arange(40) < right
    p = np.where(good, 0.8, 0.2)
    return Predictions(np.column_stack([p, 1 - p]), ids=range(40), classes=CLASSES, labels=["cat"] * 40)


@pytest.fixture(scope="module")
def models():
    return {"quick": network(2, 1), "slow": network(64, 8)}


PREDICTIONS = {"quick": held_out(30), "slow": held_out(36)}


@pytest.mark.slow
def test_the_best_that_is_fast_enough_is_taken(models):
    options = {"predictions": PREDICTIONS, "classes": CLASSES, "seconds": 0.1, "batch_size": 4}
    free = prune(models, max_ms=1e6, **options)
    assert free.members == ("slow",)
    times = free.profile.frontier.set_index("members")["ms"]
    between = (times[("quick",)] + times[("slow",)]) / 2
    assert times[("quick",)] < between
    pruned = prune(models, max_ms=between, **options)
    assert pruned.members == ("quick",)
    assert pruned.ms <= between
    assert pruned.accuracy == 30 / 40
    assert member_names(pruned.model) == ("quick",)
    assert class_names(pruned.model) == ("cat", "dog")
    assert np.asarray(pruned.model(IMAGES)) == pytest.approx(np.asarray(models["quick"](IMAGES)), abs=1e-5)
    with pytest.raises(InvalidOptionError, match="max_ms must allow at least one member; received 1e-09"):
        prune(models, max_ms=1e-9, **options)


@pytest.mark.slow
def test_a_fused_model_is_pruned_too(models):
    fused = fuse(models, "mean", classes=CLASSES)
    wrong = {"quick": held_out(36), "slow": held_out(4)}
    pruned = prune(fused, max_ms=1e6, predictions=wrong, seconds=0.05, by="accuracy")
    assert pruned.members == ("quick",)
    assert pruned.model.count_params() == models["quick"].count_params()


def test_what_cannot_be_pruned_is_refused(models):
    with pytest.raises(CompatibilityError, match="must know its members"):
        prune(models["quick"], max_ms=1, predictions=PREDICTIONS)
    with pytest.raises(InvalidOptionError, match="max_ms must be a finite number"):
        prune(models, max_ms=0, predictions=PREDICTIONS)
    with pytest.raises(InvalidOptionError, match="batch_size must be"):
        prune(models, max_ms=1, predictions=PREDICTIONS, batch_size=0)


def test_members_are_not_chosen_on_rows_that_they_know(models):
    known = PREDICTIONS["slow"]
    known = Predictions(known.probas, ids=known.ids, classes=CLASSES, labels=known.labels, fit_ids=[3])
    with pytest.raises(LeakageError, match="member 'slow' was fitted on 1 of 40, first 3"):
        prune(models, max_ms=1e6, predictions={**PREDICTIONS, "slow": known}, classes=CLASSES)
