"""KerasClassifier and KerasRegressor on models whose one output stands in a dict or a list."""

import numpy as np
import pytest

from ensemblekit import KerasClassifier, KerasRegressor
from ensemblekit.errors import CompatibilityError

keras = pytest.importorskip("keras")
layers = keras.layers
pytestmark = pytest.mark.keras

X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
Y = np.array(["cat", "dog", "owl"] * 4)
LOSS = "sparse_categorical_crossentropy"


def net(pack, loss=LOSS, metrics=None, unit=("softmax", 3)):
    keras.utils.set_random_seed(0)
    given = keras.Input((4,))
    model = keras.Model(given, pack(layers.Dense(unit[1], unit[0], name="last")(given)))
    model.compile("sgd", loss, metrics=metrics, run_eagerly=True)
    return model


@pytest.mark.parametrize("as_function", [False, True])
@pytest.mark.parametrize(
    ("pack", "loss", "metrics"),
    [
        (lambda tensor: {"probas": tensor}, LOSS, None),
        (lambda tensor: {"probas": tensor}, {"probas": LOSS}, {"probas": ["accuracy"]}),
        (lambda tensor: [tensor], [LOSS], ["accuracy"]),
    ],
)
def test_it_trains_as_the_output_by_itself(pack, loss, metrics, as_function):
    def fitted(model):
        return KerasClassifier((lambda: model) if as_function else model, epochs=1, seed=0).fit(X, Y)

    plain, packed = net(lambda tensor: tensor), net(pack, loss, metrics)
    found = fitted(packed)
    np.testing.assert_allclose(found.predict_proba(X), fitted(plain).predict_proba(X), rtol=1e-6)
    assert set(found.history_) == {"loss", "accuracy"} - ({"accuracy"} if metrics is None else set())
    assert found.__sklearn_tags__().classifier_tags.multi_label is False
    assert isinstance(packed.output, type(pack(0)))  # the model that was given is as it was


def test_a_regressor_and_several_outputs():
    packed = net(lambda tensor: {"age": tensor}, {"age": "mse"}, unit=("linear", 1))
    assert KerasRegressor(packed, epochs=1, seed=0).fit(X, X[:, 0]).predict(X).shape == (12,)
    two = net(lambda tensor: {"a": tensor, "b": 1 - tensor}, {"a": LOSS, "b": LOSS})
    with pytest.raises(CompatibilityError, match="must have one output"):
        KerasClassifier(two).fit(X, Y)
