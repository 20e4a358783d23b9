"""Data that come in batches: what an ensemble says of them, and targets in dicts or lists."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from ensemblekit import EnsembleClassifier, EnsembleRegressor, InvalidOptionError
from ensemblekit.ensemble import LayeredClassifier
from ensemblekit.errors import InvalidPredictionsError

X = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
Y = np.arange(40) % 2
MEMBERS = [("a", LogisticRegression()), ("b", LogisticRegression(C=2))]


def batches():
    for start in range(0, 40, 10):
        yield X[start : start + 10], Y[start : start + 10]


def ensembles():
    return [EnsembleClassifier(MEMBERS), EnsembleRegressor(MEMBERS), LayeredClassifier([MEMBERS, MEMBERS])]


@pytest.mark.parametrize("ensemble", ensembles(), ids=lambda one: type(one).__name__)
def test_batches_are_refused_in_one_line(ensemble):
    says = "takes the rows themselves, .* received generator, which gives batches"
    with pytest.raises(InvalidPredictionsError, match=says):
        ensemble.fit(batches())
    with pytest.raises(InvalidPredictionsError, match=says):
        ensemble.fit(batches(), Y)
    with pytest.raises(InvalidOptionError, match="requires y to be passed, but the target y is None"):
        ensemble.fit(X)


def test_batches_are_not_predicted_either():
    fitted = EnsembleClassifier(MEMBERS).fit(X, Y)
    for method in (fitted.predict, fitted.predict_proba):
        with pytest.raises(InvalidPredictionsError, match="received generator, which gives batches"):
            method(batches())


@pytest.mark.keras
@pytest.mark.slow
def test_a_dataset_of_tensorflow_is_refused_and_its_targets_may_be_in_a_dict():
    tf = pytest.importorskip("tensorflow")
    keras = pytest.importorskip("keras")
    from ensemblekit.ensemble import KerasClassifier

    plain = tf.data.Dataset.from_tensor_slices((X, Y)).batch(10)
    with pytest.raises(InvalidPredictionsError, match="received _BatchDataset, which gives batches"):
        EnsembleClassifier(MEMBERS).fit(plain)

    def net():
        keras.utils.set_random_seed(0)
        given = keras.Input((4,))
        model = keras.Model(given, {"out": keras.layers.Dense(2, "softmax", name="out")(given)})
        model.compile("sgd", {"out": "sparse_categorical_crossentropy"})
        return model

    class Batches(keras.utils.PyDataset):
        def __init__(self, wrap):
            super().__init__()
            self.wrap = wrap

        def __len__(self):
            return 4

        def __getitem__(self, number):
            rows = slice(10 * number, 10 * number + 10)
            return X[rows], self.wrap(Y[rows]), np.ones(10)

    def fitted(data):
        made = KerasClassifier(net(), classes=[0, 1], seed=0, epochs=1, initial_weights="given").fit(data)
        return made.model_.get_weights()[0]

    expected = fitted(plain)
    for named in ({"out": Y}, (Y,)):
        assert fitted(tf.data.Dataset.from_tensor_slices((X, named)).batch(10)) == pytest.approx(expected, abs=1e-6)
    assert fitted((x, {"out": y}) for x, y in batches()) == pytest.approx(expected, abs=1e-6)
    assert fitted(Batches(lambda y: [y])) == pytest.approx(fitted(Batches(lambda y: y)), abs=1e-6)
    model = KerasClassifier(net(), classes=[0, 1], seed=0, epochs=1)
    assert "val_loss" in model.fit(X, Y, validation_data=Batches(lambda y: {"out": y})).history_
    several = tf.data.Dataset.from_tensor_slices((X, {"out": Y, "more": Y})).batch(10)
    with pytest.raises(InvalidOptionError, match=r"targets for one output; received targets of 2 "):
        model.fit(several)
