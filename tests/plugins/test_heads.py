"""The heads made of scikit-learn classifiers: values by hand, few rows, bad options."""

import numpy as np
import pytest

from ensemblekit import load_plugins
from ensemblekit.errors import DataError, InvalidOptionError

PLUGINS = load_plugins()
SCIKIT = ("discriminant_head", "logistic_head", "neighbours_head", "svm_head", "trees_head")


def blobs(n=40, seed=0):
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % 4
    return rng.normal(size=(n, 6)) + 4 * np.eye(6)[codes], codes


@pytest.mark.parametrize("name", SCIKIT)
def test_separate_classes_are_told_apart_on_rows_that_were_not_fitted(name):
    model = PLUGINS.create_head(name).build((6,), 4).fit(*blobs())
    x, codes = blobs(400, seed=1)
    probas = model.predict_proba(x)
    np.testing.assert_allclose(probas.sum(axis=1), 1, atol=1e-6)
    assert (probas.argmax(axis=1) == codes).mean() >= 0.9


@pytest.mark.parametrize("name", SCIKIT)
def test_the_order_of_the_rows_changes_little_and_the_same_rows_nothing(name):
    x, codes = blobs()
    first, again = (PLUGINS.create_head(name).build((6,), 4).fit(x, codes).predict_proba(x) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_neighbours_vote_with_their_nearness():
    # Standardised, the three rows are at the angles 90, 210 and 330 degrees; the one asked is at 90 + 60.
    angles = np.deg2rad([90, 210, 330])
    x = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    model = PLUGINS.create_head("neighbours_head").build((2,), 3).fit(x, [0, 1, 2])
    asked = np.deg2rad(150)
    # Chords: 2 sin(30 degrees) = 1 to the first two, 2 to the opposite one: weights 1, 1 and 1/2.
    np.testing.assert_allclose(model.predict_proba([[np.cos(asked), np.sin(asked)]]), [[0.4, 0.4, 0.2]], atol=1e-12)


def test_logistic_regression_of_two_mirrored_rows():
    # z = -1 and 1: by symmetry b = 0, and w of class 1 minus w of class 0 is found where the penalty meets the loss.
    model = PLUGINS.create_head("logistic_head", C=1.0).build((1,), 2).fit([[0.0], [2.0]], [0, 1])
    w = model[-1].coef_[0, 0]
    # least 2 log(1 + exp(-w)) + w^2 / 2: w = 2 / (1 + exp(w))
    assert w == pytest.approx(2 / (1 + np.exp(w)), abs=1e-3)


def test_a_machine_is_calibrated_in_as_many_folds_as_the_smallest_class_has_rows():
    x, codes = blobs(11)  # 3 rows of the classes 0 to 2, 2 of the last
    head = PLUGINS.create_head("svm_head")
    model = head.build((6,), 4).fit(x, codes)
    assert model.predict_proba(x).shape == (11, 4)
    assert model[-1].cv == head.cv == 5


def test_a_class_of_one_row_cannot_be_calibrated():
    x, codes = blobs(9)
    codes[codes == 3] = 2
    codes[0] = 3
    with pytest.raises(DataError, match=r"each class needs 2 at least; class .*3.* has 1"):
        PLUGINS.create_head("svm_head").build((6,), 4).fit(x, codes)


@pytest.mark.parametrize("name", SCIKIT)
@pytest.mark.parametrize(("shape", "n_classes"), [((3, 3), 4), ((6,), 1)])
def test_maps_and_single_classes_are_refused(name, shape, n_classes):
    with pytest.raises(InvalidOptionError, match=f"{name} maps features .d,. to at least 2 classes; received"):
        PLUGINS.create_head(name).build(shape, n_classes)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("svm_head", {"C": 0}, "C must be a finite number > 0; received 0"),
        ("svm_head", {"gamma": -1.0}, "gamma must be a finite number > 0"),
        ("svm_head", {"cv": 1}, "cv must be a whole number >= 2"),
        ("logistic_head", {"C": float("nan")}, "C must be a finite number > 0"),
        ("neighbours_head", {"n_neighbors": 0}, "n_neighbors must be a whole number >= 1"),
        ("trees_head", {"n_estimators": 0}, "n_estimators must be a whole number >= 1"),
        ("trees_head", {"seed": -1}, "seed must be a whole number >= 0"),
        ("discriminant_head", {"shrinkage": 2}, "shrinkage must be a finite number >= 0 and <= 1"),
    ],
)
def test_bad_options_are_refused(name, options, said):
    with pytest.raises(InvalidOptionError, match=said):
        PLUGINS.create_head(name, **options)


# The Keras head.


@pytest.mark.keras
def test_the_penalty_of_the_keras_head_is_the_sum_of_squares_of_both_layers(keras):
    plain = PLUGINS.create_head("classifier_head", dense_units=5).build((6,), 4)
    assert plain.losses == []
    head = PLUGINS.create_head("classifier_head", dense_units=5, l2=0.5).build((6,), 4)
    kernels = [layer.kernel for layer in head.layers if isinstance(layer, keras.layers.Dense)]
    assert [tuple(kernel.shape) for kernel in kernels] == [(6, 5), (5, 4)]
    expected = 0.5 * sum(float(np.square(np.array(kernel)).sum()) for kernel in kernels)
    assert sum(float(keras.ops.convert_to_numpy(loss)) for loss in head.losses) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(InvalidOptionError, match="l2 must be a finite number >= 0; received -1"):
        PLUGINS.create_head("classifier_head", l2=-1)
