"""What `fit` of `KerasClassifier` and `KerasRegressor` takes: options of a builder, datasets, labels, weights."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from ensemblekit import EnsembleClassifier, KerasClassifier, KerasRegressor
from ensemblekit.errors import CompatibilityError, InvalidOptionError

keras = pytest.importorskip("keras")
pytestmark = pytest.mark.keras

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)).astype(np.float32)
Y = np.array(["ape", "bee"])[(X[:, 0] > 0).astype(int)]
LABELS = np.stack([X[:, 0] > 0, X[:, 1] > 0, X[:, 0] + X[:, 1] > 0], axis=1).astype(int)


def network(n_outputs, input_shape=(3,), units=4, activation="softmax", loss="sparse_categorical_crossentropy"):
    layers = [keras.Input(input_shape), keras.layers.Dense(units, "relu"), keras.layers.Dense(n_outputs, activation)]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.Adam(0.05), loss, run_eagerly=True)
    return model


def strict(n_outputs, *, units):
    return network(n_outputs, units=units)


def of_labels(n_outputs, activation="sigmoid"):
    loss = keras.losses.BinaryCrossentropy(from_logits=activation is None)
    return network(n_outputs, activation=activation, loss=loss)


# Options of the function that makes the model.


@pytest.mark.slow
def test_a_search_sets_the_options_of_a_builder():
    search = GridSearchCV(KerasClassifier(network, epochs=1, seed=0), {"model__units": [2, 5]}, cv=2).fit(X, Y)
    assert search.best_estimator_.model_.layers[0].units == search.best_params_["model__units"]
    assert {p["model__units"] for p in search.cv_results_["params"]} == {2, 5}


def test_options_are_parameters():
    net = KerasClassifier(network, model_options={"units": 7})
    assert net.get_params()["model__units"] == 7
    assert net.get_params()["model__activation"] == "softmax"  # the default
    assert "model__n_outputs" not in net.get_params()
    assert "model__units" not in net.get_params(deep=False)
    twin = clone(net).set_params(model__units=3, epochs=2)
    assert (twin.model_options, twin.epochs, net.model_options) == ({"units": 3}, 2, {"units": 7})
    ensemble = EnsembleClassifier([("net", net), ("line", LogisticRegression())]).set_params(net__model__units=2)
    assert ensemble.get_params()["net__model__units"] == 2
    assert KerasRegressor(network, model_options={"units": 1}).get_params()["model__units"] == 1


@pytest.mark.parametrize(
    ("model", "options", "told"),
    [
        (network, {"unit": 3}, r"received \['unit'\], and it has \['units', 'activation', 'loss'\]"),
        (network, {"n_outputs": 3}, r"\['n_outputs'\] cannot be an option"),
        (strict, None, r"needs a value of \['units'\]\. Give model_options=.*set model__units"),
        (network, 3, "model_options must be Mapping"),
    ],
)
def test_options_that_the_builder_does_not_have_are_refused_before_it_is_called(model, options, told):
    with pytest.raises(InvalidOptionError, match=told):
        KerasClassifier(model, model_options=options).fit(X, Y)


def test_a_model_has_no_options():
    net = KerasClassifier(network(2))
    assert not [name for name in net.get_params() if name.startswith("model__")]
    with pytest.raises(InvalidOptionError, match="must be those of a function that makes the model"):
        net.set_params(model__units=3)


# Validation.


def test_validation_data_are_read_as_the_rows_are():
    net = KerasClassifier(network, epochs=2, seed=0)
    net.fit(X, Y, validation_data=(X[:6], Y[:6]))
    by_hand = net.model_.evaluate(X[:6], (Y[:6] == "bee").astype(int), verbose=0)
    assert net.history_["val_loss"][-1] == pytest.approx(by_hand, rel=1e-5)
    net.fit(X, Y, validation_data=(X[:6], Y[:6], np.r_[np.ones(1), np.zeros(5)]))
    first = -np.log(net.predict_proba(X[:1])[0, int(Y[0] == "bee")]) / 6  # Keras divides by the number of rows
    assert net.history_["val_loss"][-1] == pytest.approx(first, rel=1e-4)


def test_wrong_validation_data_are_refused_before_training():
    net = KerasClassifier(network, epochs=10**6)
    with pytest.raises(InvalidOptionError, match="validation_split for a part of the rows, not both"):
        clone(net).set_params(validation_split=0.2).fit(X, Y, validation_data=(X, Y))
    with pytest.raises(InvalidOptionError, match=r"must be \(X, y\).*received ndarray"):
        net.fit(X, Y, validation_data=X)
    with pytest.raises(InvalidOptionError, match=r"received also 1 \('cow'\)"):
        net.fit(X, Y, validation_data=(X[:1], ["cow"]))
    named = pd.DataFrame(X, index=[f"r{k}" for k in range(len(X))])
    with pytest.raises(InvalidOptionError, match="y"):
        net.fit(X, Y, validation_data=(named, pd.Series(Y, index=named.index[::-1])))


# Weights of the labels.


@pytest.mark.slow
def test_class_weight_is_scikit_learns():
    y = np.array(["ape"] * 30 + ["bee"] * 10)
    weight = {"ape": 1.0, "bee": 3.0}
    expected = KerasClassifier(network, epochs=2, seed=0).fit(X, y, np.where(y == "bee", 3.0, 1.0))
    given = KerasClassifier(network, epochs=2, seed=0, class_weight=weight).fit(X, y)
    np.testing.assert_array_equal(given.predict_proba(X), expected.predict_proba(X))
    twice = KerasClassifier(network, epochs=2, seed=0, class_weight=weight).fit(X, y, np.full(40, 2.0))
    assert np.abs(twice.predict_proba(X) - expected.predict_proba(X)).max() > 0
    balanced = KerasClassifier(network, epochs=2, seed=0, class_weight="balanced").fit(X, y)
    by_hand = KerasClassifier(network, epochs=2, seed=0).fit(X, y, np.where(y == "bee", 2.0, 2 / 3))
    np.testing.assert_allclose(balanced.predict_proba(X), by_hand.predict_proba(X), rtol=1e-6)
    with pytest.raises(InvalidOptionError, match=r"must name labels, \['ape', 'bee'\]; received \['cow'\]"):
        KerasClassifier(network, class_weight={"cow": 2.0}).fit(X, y)


# Several labels a row.


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_labels_that_may_hold_together(activation):
    net = KerasClassifier(of_labels, model_options={"activation": activation}, epochs=5, seed=0).fit(X, LABELS)
    probas = net.predict_proba(X)
    raw = net.model_.predict(X, verbose=0)
    np.testing.assert_allclose(probas, raw if activation else 1 / (1 + np.exp(-raw)), rtol=1e-5)
    assert probas.sum(axis=1).max() > 1.2  # nothing is divided
    assert net.predict(X).tolist() == (probas >= 0.5).astype(int).tolist()
    assert net.classes_.tolist() == [0, 1, 2]
    assert net.score(X, LABELS) == np.mean((net.predict(X) == LABELS).all(axis=1))


def test_named_labels_are_matched_by_name():
    table = pd.DataFrame(LABELS, columns=["red", "round", "big"])
    net = KerasClassifier(of_labels, epochs=3, seed=0, classes=["big", "red", "round"])
    given = net.fit(X, table[["round", "big", "red"]])
    expected = KerasClassifier(of_labels, epochs=3, seed=0).fit(X, LABELS[:, [2, 0, 1]])
    np.testing.assert_array_equal(given.predict_proba(X), expected.predict_proba(X))
    assert given.classes_.tolist() == ["big", "red", "round"]
    with pytest.raises(InvalidOptionError, match="a column for each label of classes"):
        net.fit(X, table.rename(columns={"red": "rot"}))


@pytest.mark.slow
def test_one_model_of_all_labels_is_a_member():
    table = pd.DataFrame(LABELS, columns=["red", "round", "big"])
    net = KerasClassifier(of_labels(3), epochs=3, seed=0, classes=["big", "red", "round"])
    told = KerasClassifier(of_labels, epochs=3, seed=0, multilabel=True)
    ensemble = EnsembleClassifier([("net", net), ("told", told), ("line", LogisticRegression())]).fit(X, table)
    fitted = ensemble.named_estimators_
    assert [type(fitted[name]) for name in ("net", "told")] == [KerasClassifier] * 2
    mean = ensemble.predict_proba(X)
    parts = [fitted["net"].predict_proba(X)[:, [1, 2, 0]], fitted["told"].predict_proba(X)]
    parts.append(np.stack([part[:, 1] for part in fitted["line"].predict_proba(X)], axis=1))
    np.testing.assert_allclose(mean, np.mean(parts, axis=0), rtol=1e-6)


@pytest.mark.parametrize(
    ("net", "told"),
    [
        (KerasClassifier(network), "need a loss of each label by itself"),
        (KerasClassifier(network, model_options={"loss": "mse"}), "ends in softmax, whose outputs sum to 1"),
        (KerasClassifier(of_labels, multilabel=False), "with multilabel=False"),
        (KerasClassifier(of_labels, class_weight="balanced"), "class_weight is for one label a row"),
    ],
)
def test_what_cannot_judge_several_labels_is_refused(net, told):
    with pytest.raises((InvalidOptionError, CompatibilityError), match=told):
        net.fit(X, LABELS)


# Datasets.


class Batches(keras.utils.PyDataset):
    def __init__(self, *arrays):
        super().__init__()
        self.arrays = arrays

    def __len__(self):
        return 4

    def __getitem__(self, k):
        return tuple(a[10 * k : 10 * k + 10] for a in self.arrays)


CODES = (Y == "bee").astype(int)


def test_a_dataset_is_what_its_arrays_are():
    expected = KerasClassifier(network(2), epochs=1, batch_size=40, seed=0).fit(X, Y)
    whole = Batches(X, CODES)
    whole.__class__ = type("Whole", (Batches,), {"__len__": lambda s: 1, "__getitem__": lambda s, k: s.arrays})
    given = KerasClassifier(network(2), epochs=1, seed=0, classes=["ape", "bee"]).fit(whole)
    np.testing.assert_allclose(given.predict_proba(X), expected.predict_proba(X), rtol=1e-6)
    assert given.predict(X[:2]).tolist() == expected.predict(X[:2]).tolist()


@pytest.mark.slow
def test_generators_and_weights_and_labels_in_datasets():
    def batches():
        data = Batches(X, CODES, np.ones(40))
        yield from (data[k] for k in range(len(data)))

    net = KerasClassifier(network(2), epochs=1, seed=0).fit(batches(), validation_data=(X, CODES))
    assert "val_loss" in net.history_
    assert net.classes_.tolist() == [0, 1]
    with pytest.raises(InvalidOptionError, match="a generator can be read once; received generator and epochs=10"):
        KerasClassifier(network(2)).fit(batches())
    with pytest.raises(InvalidOptionError, match="class_weight is not for generators"):
        KerasClassifier(network(2), epochs=1, class_weight={1: 2.0}).fit(batches())
    weighted = KerasClassifier(network(2), epochs=1, seed=0, class_weight={1: 2.0}).fit(Batches(X, CODES))
    assert not np.array_equal(weighted.predict_proba(X), net.predict_proba(X))
    several = KerasClassifier(of_labels(3), epochs=1, multilabel=True, seed=0).fit(Batches(X, LABELS))
    assert several.predict(X).shape == (40, 3)
    numbers = KerasRegressor(network, model_options={"activation": None, "loss": "mse"}, epochs=1).fit(
        Batches(X, X[:, :2])
    )
    assert numbers.predict(X).shape == (40, 2)


@pytest.mark.parametrize(
    ("net", "data", "told"),
    [
        (KerasClassifier(network), (X, CODES), "does not tell how many classes there are"),
        (KerasClassifier(network(2)), (X,), r"must give batches of \(inputs, targets\).*received 1 parts"),
        (KerasClassifier(network(2)), (X, Y), "must be numbers, as the loss compares them"),
        (KerasClassifier(network(2)), (X, CODES + 1), "compares 1 number a row, from 0 to 1; .* have 1, from 1 to 2"),
        (KerasClassifier(of_labels(3)), (X, LABELS), "give multilabel=True"),
        (KerasClassifier(network(2), class_weight="balanced"), (X, CODES), "Give {label: weight}"),
        (KerasClassifier(network(2), validation_split=0.2), (X, CODES), "are for arrays; received a dataset"),
    ],
)
def test_datasets_that_do_not_fit_are_refused_before_training(net, data, told):
    with pytest.raises(InvalidOptionError, match=told):
        net.fit(Batches(*data))


@pytest.mark.parametrize(("row", "told"), [((X[0], 1), r"targets of \(\)"), ((X[0], [0, 1]), r"targets of \(2,\)")])
def test_a_dataset_of_single_rows_is_refused(row, told):
    with pytest.raises(InvalidOptionError, match=told + r". If these are single rows, give dataset.batch\(32\)"):
        KerasClassifier(network(2), epochs=1).fit(iter([row]))


def test_the_rows_of_a_dataset_are_not_answered_by_position():
    net = KerasClassifier(network(2), epochs=1).fit(X, Y)
    with pytest.raises(CompatibilityError, match=r"names no rows to match the answers with.*ensemblekit\.collect"):
        net.predict(Batches(X, CODES))
    with pytest.raises(InvalidOptionError, match="y must not be given beside it"):
        net.fit(Batches(X, CODES), Y)


# A process of its own.


@pytest.mark.slow
def test_a_process_of_its_own_gives_the_same_model():
    def local(n_outputs):  # a function of this test, which another process cannot import
        return network(n_outputs)

    here = KerasClassifier(local, epochs=2, seed=0).fit(X, Y)
    there = KerasClassifier(local, epochs=2, seed=0, own_process=True).fit(X, Y, validation_data=(X, Y))
    np.testing.assert_allclose(there.predict_proba(X), here.predict_proba(X), rtol=1e-5)
    assert there.classes_.tolist() == ["ape", "bee"]
    assert [*there.history_] == ["loss", "val_loss"]
    with pytest.raises(CompatibilityError, match="sent to another process"):
        there.set_params(epochs=1, classes=["ape", "bee"]).fit(batch for batch in Batches(X, CODES))
