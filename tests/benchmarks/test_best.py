"""The preset ``best``: which images are kept together, who is fitted on which rows, and what a run leaves."""

import itertools

import numpy as np
import pytest

from benchmarks.study.best.candidates import make_candidates, out_of_fold
from benchmarks.study.best.features import Pooled
from benchmarks.study.best.folds import KEPT, copy_groups, folds_of, group_levels, make_folds
from benchmarks.study.settings import Settings
from ensemblekit import InvalidOptionError, load_plugins
from ensemblekit.errors import DataError

REGISTRY = load_plugins()


# Groups and folds.


def scenes(n_scenes, n_each, seed=0):
    """Draw scenes, and images of each that look alike."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (n_scenes, 8, 8, 3))
    images = np.repeat(np.repeat(np.repeat(coarse, n_each, axis=0), 4, axis=1), 4, axis=2)
    return (images + rng.integers(0, 9, images.shape)).astype(np.float32)


def test_levels_join_copies_first_and_then_what_looks_alike():
    copies = np.arange(60)
    copies[59] = copies[0]  # a copy of the first scene among those of the last
    levels = group_levels(scenes(12, 5), copies)
    assert levels[0].tolist() == np.unique(copies, return_inverse=True)[1].tolist()
    for finer, coarser in itertools.pairwise(levels):
        assert coarser.max() < finer.max()
        for group in np.unique(finer):
            assert len(np.unique(coarser[finer == group])) == 1


def undivided(level, n_scenes, n_each):
    """Tell whether each scene is in one group, and not all in the same."""
    groups = [np.unique(level[n_each * s : n_each * (s + 1)]) for s in range(n_scenes)]
    return all(len(found) == 1 for found in groups) and len(np.unique(np.concatenate(groups))) > 1


@pytest.mark.parametrize("n_each", [3, 12])
def test_groups_have_no_fixed_size(n_each):
    levels = group_levels(scenes(16, n_each), np.arange(16 * n_each))
    assert any(undivided(level, 16, n_each) for level in levels)


def test_images_that_all_look_alike_are_not_held_out_together():
    # One scene under every label: by looks one group would hold all images.
    codes = np.arange(90) % 3
    levels = group_levels(scenes(1, 90), np.arange(90))
    assert np.bincount(levels[-1]).max() > 30
    groups, folds, notes = folds_of(codes, levels, 5, seed=0)
    assert len(folds) == 5
    assert np.bincount(groups).max() <= 90 / 5
    for fitted, held in folds:
        assert not set(groups[fitted]) & set(groups[held])
        assert (np.bincount(codes[fitted]) >= KEPT * np.bincount(codes)).all()
    assert f"{len(np.unique(groups))} groups" in notes[0]


@pytest.mark.parametrize(("counts", "held"), [((20, 40, 40), 15), ((90, 40, 40), 40)])
def test_groups_that_hold_most_of_a_class_or_more_than_a_fold_give_way_to_finer_ones(counts, held):
    codes = np.repeat(np.arange(3), counts)
    n = len(codes)
    coarse = np.concatenate([np.zeros(held, dtype=int), 1 + np.arange(n - held) // 2])  # one large group, and pairs
    assert (held > n / 5) is (counts[0] == 90)  # the first is no larger than a fold, and three quarters of a class
    groups, folds, notes = folds_of(codes, [np.arange(n), coarse], 5, seed=0)
    assert groups.tolist() == list(range(n))
    assert len(folds) == 5
    assert notes == [f"Folds keep near copies together: {n} groups, the largest of 1 images."]
    pairs = np.arange(n) // 2  # no group is large
    assert folds_of(codes, [np.arange(n), pairs], 5, seed=0)[0].tolist() == pairs.tolist()


def test_many_copies_are_said():
    codes = np.repeat([0, 1, 2], 12)
    copies = np.arange(36) // 4  # three groups a class
    groups, folds, notes = folds_of(codes, [copies], 5, seed=0)
    assert groups.tolist() == copies.tolist()
    assert 3 <= len(folds) <= 5
    assert "Near copies are many: 9 groups, the largest of 4 of 36 images" in notes[0]
    for fitted, held in folds:
        assert not set(copies[fitted]) & set(copies[held])
        assert len(np.unique(codes[fitted])) == 3


def test_where_copies_hold_whole_classes_it_says_so():
    codes = np.arange(12) // 4
    with pytest.raises(DataError, match=r"12 images in 3 groups do not allow it\. Give more images\."):
        folds_of(codes, [codes], 5, seed=0)


def test_images_that_the_audit_left_out_are_alone():
    assert copy_groups(np.array(["a", "x", "b", "y"]), {"a": 0, "b": 0}).tolist() == [0, 2, 0, 4]


# Features.


class Tiny:
    """A backbone whose map is its input."""

    name, fingerprint, frozen = "tiny", "tiny", True

    def __init__(self, keras, pooling):
        self._keras, self._pooling = keras, pooling

    def build(self, input_shape):
        pixels = self._keras.Input(input_shape)
        x = self._keras.layers.ReLU()(pixels)
        return self._keras.Model(pixels, self._keras.layers.Flatten()(x) if self._pooling is None else self._pooling(x))


@pytest.mark.keras
def test_a_map_is_pooled_in_four_ways(keras):
    pooled = Pooled(Tiny(keras, keras.layers.GlobalMaxPooling2D()))
    model = pooled.build((4, 6, 3))
    assert pooled.parts == ("max", "mean", "gem", "spread")
    images = np.random.default_rng(0).normal(size=(5, 4, 6, 3)).astype(np.float32)
    features, values = np.asarray(model(images)), np.maximum(images, 0).reshape(5, 24, 3)
    for part, expected in {
        "max": values.max(axis=1),
        "mean": values.mean(axis=1),
        "gem": (values**3).mean(axis=1) ** (1 / 3),
        "spread": values.std(axis=1),
    }.items():
        np.testing.assert_allclose(pooled.columns(features, part), expected, rtol=1e-4, atol=1e-4)
    whole = Pooled(Tiny(keras, None))
    assert whole.build((4, 6, 3)).output_shape == (None, 72)
    assert whole.parts == ("whole",)


# Candidates.


def test_out_of_fold_every_row_is_asked_of_a_head_that_did_not_see_it():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 2, 40)
    # Features that say nothing but which row it is: in the fit, neighbours would know all.
    candidates = [c for c in make_candidates(["net.max"]) if c.name.endswith("neighbours")]
    folds = make_folds(codes, np.arange(40), 5, seed=0)
    features = rng.normal(size=(2, 40, 30))
    probas, failed = out_of_fold(candidates, features, codes, folds, REGISTRY, lambda *_: None)
    assert (probas["net.max.neighbours"].argmax(axis=1) == codes).mean() < 0.75
    np.testing.assert_allclose(probas["net.max.neighbours"].sum(axis=1), 1)
    assert failed == {}


def test_a_head_that_cannot_be_fitted_is_left_out_with_its_reason():
    codes = np.array([0] * 9 + [1])
    folds = [(np.array([0, 1, 2, 9]), np.arange(3, 9)), (np.arange(3, 10), np.array([0, 1, 2]))]
    features = np.random.default_rng(0).normal(size=(1, 10, 4))
    candidates = [c for c in make_candidates(["net.max"]) if c.name.endswith(("svm", "neighbours"))]
    probas, failed = out_of_fold(candidates, features, codes, folds, REGISTRY, lambda *_: None)
    assert list(probas) == ["net.max.neighbours"]
    assert "each class needs 2 at least" in failed["net.max.svm"]


# Settings.


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
