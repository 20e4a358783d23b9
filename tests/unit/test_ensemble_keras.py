"""Keras models as scikit-learn estimators, and as members beside others, images included."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from ensemblekit import (
    EnsembleClassifier,
    EnsembleRegressor,
    InvalidOptionError,
    KerasClassifier,
    KerasRegressor,
    as_member,
)
from ensemblekit.errors import CompatibilityError

pytestmark = pytest.mark.keras

FLAT, CODES = load_digits(n_class=3, return_X_y=True)
FLAT, CODES = FLAT[:200] / 16, CODES[:200]
IMAGES = FLAT.reshape(-1, 8, 8, 1)
Y = np.array(["ape", "bee", "cow"])[CODES]


def build(keras, n_outputs=3, activation="softmax", loss="sparse_categorical_crossentropy", input_shape=(8, 8, 1)):
    layers = keras.layers
    parts = [keras.Input(input_shape), layers.Flatten(), layers.Dense(16, "relu"), layers.Dense(n_outputs, activation)]
    model = keras.Sequential(parts)
    model.compile(keras.optimizers.Adam(0.01), loss)
    return model


@pytest.fixture(scope="module")
def net(keras):
    keras.utils.set_random_seed(0)
    return build(keras)


def flatten(images):
    return images.reshape(len(images), -1)


def same(weights, others):
    return all(np.array_equal(a, b) for a, b in zip(weights, others, strict=True))


# The adapter.


@pytest.mark.slow
def test_a_model_is_copied_with_new_weights_and_stays_as_it_is(net):
    before = net.get_weights()
    first = KerasClassifier(net, epochs=4, seed=1).fit(IMAGES, Y)
    assert first.score(IMAGES, Y) > 0.9
    assert first.classes_.tolist() == ["ape", "bee", "cow"]
    assert same(before, net.get_weights())
    assert not net.optimizer.built
    assert first.model_.optimizer is not net.optimizer
    assert first.model_.optimizer.get_config()["learning_rate"] == pytest.approx(0.01)
    untrained = [KerasClassifier(net, epochs=0, seed=seed).fit(IMAGES, Y).model_.get_weights() for seed in (1, 2, 1)]
    assert same(untrained[0], untrained[2])
    assert not same(untrained[0], untrained[1])
    assert not same(untrained[0], before)


@pytest.mark.slow
def test_a_seed_gives_the_same_again_and_leaves_numpy_alone(net):
    np.random.seed(5)  # noqa: NPY002
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    first = KerasClassifier(net, epochs=2, seed=3).fit(IMAGES, Y)
    assert np.random.random() == expected  # noqa: NPY002
    again = clone(first).fit(FLAT.reshape(-1, 8, 8, 1), Y)
    np.testing.assert_array_equal(first.predict_proba(IMAGES), again.predict_proba(IMAGES))


def test_clones_keep_every_option(net):
    given = KerasClassifier(net, epochs=2, batch_size=8, input_shape=(8, 8, 1), seed=3, classes=["a", "b", "c"])
    assert clone(given).get_params() == given.get_params()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_outputs", "activation", "loss"),
    [
        (1, "sigmoid", "binary_crossentropy"),
        (2, "softmax", "categorical_crossentropy"),
        (2, None, "logits"),
        (1, None, "binary logits"),
    ],
)
def test_every_usual_loss_gives_probabilities(keras, n_outputs, activation, loss):
    loss = {
        "logits": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "binary logits": keras.losses.BinaryCrossentropy(from_logits=True),
    }.get(loss, loss)
    rows = CODES < 2
    model = build(keras, n_outputs, activation, loss)
    fitted = KerasClassifier(model, epochs=8, seed=0).fit(IMAGES[rows], Y[rows])
    probas = fitted.predict_proba(IMAGES[rows])
    assert probas.shape == (rows.sum(), 2)
    np.testing.assert_allclose(probas.sum(axis=1), 1, rtol=1e-5)
    assert fitted.score(IMAGES[rows], Y[rows]) > 0.9


def test_a_function_may_make_the_model(keras):
    def make(n_outputs, input_shape):
        return build(keras, n_outputs, input_shape=input_shape)

    fitted = KerasClassifier(make, epochs=4, seed=0, input_shape=(8, 8, 1)).fit(FLAT, Y)
    assert fitted.model_.input_shape == (None, 8, 8, 1)
    assert fitted.score(FLAT, Y) > 0.9
    with pytest.raises(InvalidOptionError, match=r"the function given as model must make a keras\.Model; it made None"):
        KerasClassifier(lambda: None).fit(FLAT, Y)


def test_callbacks_and_validation_rows_are_passed_on(keras, net):
    stop = keras.callbacks.EarlyStopping("val_loss", patience=1, min_delta=100)
    sorted_rows = np.argsort(CODES, kind="stable")  # the last rows are all of one class
    fitted = KerasClassifier(net, epochs=9, seed=0, validation_split=0.2, callbacks=[stop])
    fitted.fit(IMAGES[sorted_rows], Y[sorted_rows])
    assert len(fitted.history_["val_loss"]) == 2
    assert stop.model is None


def test_weights_of_rows_count(net):
    only_bees = (Y == "bee").astype(float)
    fitted = KerasClassifier(net, epochs=5, seed=0).fit(IMAGES, Y, sample_weight=only_bees)
    assert (fitted.predict(IMAGES) == "bee").mean() > 0.9


@pytest.mark.slow
def test_it_is_kept_without_pickle(net, keras, tmp_path):
    fitted = KerasClassifier(net, epochs=2, seed=0).fit(IMAGES, Y)
    fitted.model_.save(tmp_path / "net.keras")
    back = KerasClassifier(net)
    back.model_, back.classes_ = keras.models.load_model(tmp_path / "net.keras"), fitted.classes_
    np.testing.assert_allclose(back.predict_proba(IMAGES), fitted.predict_proba(IMAGES), rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        ({"input_shape": (8, 9)}, InvalidOptionError, r"as many numbers as a row of X; received \(8, 9\)"),
        ({"validation_split": 1}, InvalidOptionError, "validation_split must be >= 0 and < 1; received 1"),
        ({"model": "net"}, InvalidOptionError, "model must be a compiled keras.Model, or a function.*received 'net'"),
        ({"classes": ["ape", "bee"]}, CompatibilityError, r"it has 3 for the 2 classes \['ape', 'bee'\]"),
        ({"classes": ["ape", "bee", "dog"]}, InvalidOptionError, r"labels must be out of .* received also .*'cow'"),
    ],
)
def test_what_does_not_fit_is_refused(net, change, error, told):
    with pytest.raises(error, match=told):
        KerasClassifier(net).set_params(**change).fit(IMAGES, Y)


def test_a_model_that_is_not_compiled_or_cannot_be_copied_is_refused(keras):
    plain = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(CompatibilityError, match=r"a model must be compiled with an optimizer and a loss.*is not"):
        KerasClassifier(plain).fit(np.eye(4), [0, 1, 0, 1])

    class Own(keras.Model):
        def __init__(self, size):
            super().__init__()
            self.dense = keras.layers.Dense(size)

        def call(self, x):
            return self.dense(x)

    own = Own(2)
    own.compile("adam", "mse")
    with pytest.raises(CompatibilityError, match=r"Functional or Sequential to be copied; Own cannot.*a function"):
        KerasClassifier(own).fit(np.eye(4), [0, 1, 0, 1])
    two = keras.Input((4,))
    two = keras.Model(two, keras.layers.Reshape((2, 2))(two))
    two.compile("adam", "mse")
    with pytest.raises(CompatibilityError, match=r"one output of shape \(n_samples, n_outputs\); received Functional"):
        KerasClassifier(two).fit(np.eye(4), [0, 1, 0, 1])


def test_keras_own_wrapper_does_not_serve(keras, net):
    theirs = keras.wrappers.SKLearnClassifier(net, fit_kwargs={"epochs": 2})
    assert not hasattr(theirs, "predict_proba")
    assert clone(theirs).fit_kwargs is None
    with pytest.raises(ValueError, match="Found array with dim 4"):
        theirs.fit(IMAGES, Y)


# Members.


@pytest.mark.slow
def test_images_go_to_bare_models_and_to_scikit_learn_members_alike(net):
    line = make_pipeline(FunctionTransformer(flatten), LogisticRegression())
    ensemble = EnsembleClassifier([("net", net), ("line", line)]).fit(IMAGES, Y)
    assert isinstance(ensemble.named_estimators_["net"], KerasClassifier)
    assert ensemble.score(IMAGES, Y) > 0.9
    assert ensemble.get_feature_names_out()[0] == "net_ape"
    assert clone(ensemble).estimators[0][1] is net
    assert "net" in ensemble._repr_html_()


@pytest.mark.slow
def test_a_fold_without_a_class_keeps_the_outputs_of_a_model_in_place(net):
    order = np.argsort(CODES, kind="stable")
    images, labels = IMAGES[order], Y[order]
    without_first = np.flatnonzero(labels != "ape")
    cv = [(without_first, np.flatnonzero(labels == "ape")), (np.arange(0, 200, 2), np.arange(101, 200, 2))]
    ensemble = EnsembleClassifier([("net", KerasClassifier(net, epochs=2))], combiner="weighted", cv=cv)
    with pytest.warns(UserWarning, match="no row of the classes 1 "):
        assert ensemble.fit(images, labels).named_estimators_["net"].classes_.tolist() == ["ape", "bee", "cow"]


@pytest.mark.slow
def test_stacking_over_images_and_flat_rows(net):
    flat_net = KerasClassifier(net, epochs=4, seed=0, input_shape=(8, 8, 1))
    ensemble = EnsembleClassifier([("net", flat_net), ("line", LogisticRegression())], combiner="stacking", cv=2)
    ensemble.fit(FLAT, Y)
    assert ensemble.score(FLAT, Y) > 0.9
    assert ensemble.leaderboard(FLAT, Y).shape == (3, 4)


def test_a_prefit_model_is_named_first(net):
    model = KerasClassifier(net, epochs=3, seed=0).fit(IMAGES, Y).model_
    with pytest.raises(InvalidOptionError, match=r"member 'net' .* does not know the names of its outputs"):
        EnsembleClassifier([("net", model)], cv="prefit").fit(IMAGES, Y)
    member = as_member(model, name="net", classes=["ape", "bee", "cow"])
    ensemble = EnsembleClassifier([("net", member)], cv="prefit").fit(IMAGES, Y)
    np.testing.assert_allclose(ensemble.predict_proba(IMAGES), model.predict(IMAGES, verbose=0), rtol=1e-5)


@pytest.mark.slow
def test_regression(keras):
    x, y = load_diabetes(return_X_y=True)
    x, y = x[:100], (y[:100] - 150) / 80
    model = keras.Sequential([keras.Input((10,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    ensemble = EnsembleRegressor([("net", KerasRegressor(model, seed=0)), ("bare", model), ("ridge", Ridge())])
    assert ensemble.fit(x, y).predict(x).shape == (100,)
    assert ensemble.score(x, y) > 0.3
    with pytest.raises(CompatibilityError, match="one output a column of y; it has 1 for 2"):
        KerasRegressor(model).fit(x, np.stack([y, y], axis=1))


# Bagging and boosting, by scikit-learn.


@pytest.mark.slow
def test_models_are_bagged_and_boosted(net):
    one = KerasClassifier(net, epochs=3, input_shape=(8, 8, 1))
    bagged = BaggingClassifier(one, n_estimators=2, random_state=0)
    boosted = AdaBoostClassifier(one, n_estimators=2, random_state=0)
    ensemble = EnsembleClassifier([("bagged", bagged), ("boosted", boosted), ("line", LogisticRegression())])
    assert ensemble.fit(FLAT, Y).score(FLAT, Y) > 0.9
    by_name = ensemble.named_estimators_
    assert len(by_name["bagged"].estimators_) == 2
    assert len(by_name["boosted"].estimators_) == 2
    on_images = AdaBoostClassifier(KerasClassifier(net, epochs=3), n_estimators=2).fit(IMAGES, Y)
    assert on_images.score(IMAGES, Y) > 0.9


def test_a_bag_that_lacks_a_class_keeps_the_columns(net):
    # Bagging gives its members the codes 0, 1, 2, of which a small bag may lack some.
    rows = CODES > 0
    fitted = KerasClassifier(net, epochs=2).fit(IMAGES[rows], CODES[rows])
    assert fitted.classes_.tolist() == [0, 1, 2]
    with pytest.raises(CompatibilityError, match=r"it has 3 for the 2 classes \['bee', 'cow'\]. Name its outputs"):
        KerasClassifier(net).fit(IMAGES[rows], Y[rows])
