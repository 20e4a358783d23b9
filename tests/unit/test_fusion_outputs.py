"""What makes probabilities of a fitted classifier's outputs goes into the one model with it."""

import numpy as np
import pytest

from ensemblekit import KerasClassifier, export_fused, fuse

keras = pytest.importorskip("keras")
layers, losses = keras.layers, keras.losses
pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore:.*received `from_logits=True`, but the `output`")]

X = np.random.default_rng(0).normal(size=(30, 4)).astype("float32")
CODES = np.arange(30) % 3


def own(y, p):
    return losses.categorical_crossentropy(y, p, from_logits=True)


def fitted(loss, activation, n_outputs=3, **told):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(n_outputs, activation)])
    model.compile("adam", loss)
    y = np.array(["ape", "bee", "cow"])[CODES % max(n_outputs, 2)]
    return KerasClassifier(model, epochs=0, seed=0, **told).fit(X, y)


@pytest.mark.parametrize(
    ("loss", "activation", "n_outputs", "told"),
    [
        ("binary_crossentropy", "sigmoid", 3, {}),
        (losses.BinaryCrossentropy(from_logits=True), None, 3, {}),
        (losses.BinaryCrossentropy(from_logits=True), None, 1, {}),
        (losses.SparseCategoricalCrossentropy(from_logits=True), "softmax", 3, {}),
        (losses.SparseCategoricalCrossentropy(from_logits=True), None, 3, {}),
        (own, None, 3, {"targets": "indicators", "from_logits": True}),
    ],
)
@pytest.mark.slow
def test_the_one_model_says_what_the_classifiers_say(loss, activation, n_outputs, told, tmp_path):
    members = [
        ("one", fitted(loss, activation, n_outputs, **told)),
        ("other", fitted(loss, activation, n_outputs, **told)),
    ]
    members[1][1].model_.set_weights([w + 0.5 * k for k, w in enumerate(members[1][1].model_.get_weights(), 1)])
    fused = fuse(members, "mean")
    expected = np.mean([member.predict_proba(X) for _, member in members], axis=0)
    np.testing.assert_allclose(fused.predict(X, verbose=0), expected, atol=1e-6)
    (kept,) = export_fused(members, "mean", to=tmp_path / "m.keras", inputs=X)
    assert kept.max_difference < 1e-6


def test_a_row_whose_outputs_are_all_zero_is_undecided():
    member = fitted("binary_crossentropy", "sigmoid")
    member.model_.set_weights([np.zeros((4, 3)), np.full(3, -500.0)])
    fused = fuse([("one", member), ("other", member)], "mean")
    np.testing.assert_allclose(fused.predict(X, verbose=0), 1 / 3, atol=1e-6)
    np.testing.assert_allclose(member.predict_proba(X), 1 / 3, atol=1e-6)


def test_an_estimator_that_was_saved_before_is_read_by_its_loss():
    member = fitted(losses.SparseCategoricalCrossentropy(from_logits=True), None)
    expected = member.predict_proba(X)
    del member.outputs_are_
    fused = fuse([("one", member), ("other", member)], "mean")
    np.testing.assert_allclose(fused.predict(X, verbose=0), expected, atol=1e-6)
