"""Each loss of Keras gets the targets that it compares, and outputs become probabilities, or are refused before."""

import functools

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from ensemblekit import EnsembleClassifier, InvalidOptionError, KerasClassifier, KerasRegressor
from ensemblekit.errors import CompatibilityError

keras = pytest.importorskip("keras")
layers, losses = keras.layers, keras.losses
pytestmark = pytest.mark.keras

RNG = np.random.default_rng(0)
CODES = np.arange(90) % 3
X = (np.eye(3)[CODES] * 3 + RNG.normal(size=(90, 3)) * 0.3).astype("float32")
Y = np.array(["ape", "bee", "cow"])[CODES]


def net(loss, n_outputs=3, activation="softmax"):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(n_outputs, activation)])
    model.compile(keras.optimizers.Adam(0.1), loss, run_eagerly=True)
    return model


def own_integers(y, p):
    return losses.sparse_categorical_crossentropy(y, p)


def own_indicators(y, p):
    return keras.ops.mean(keras.ops.square(y - p), axis=-1)


def own_elements(y, p):
    return keras.ops.square(y - p)


def sparse_of_mine(y, p):
    return losses.sparse_categorical_crossentropy(y, p)


class OwnLoss(losses.Loss):
    def call(self, y, p):
        return own_indicators(y, p)


class OwnOfIndicators(losses.CategoricalCrossentropy):
    pass


class OwnOfIntegers(losses.SparseCategoricalCrossentropy):
    pass


INTEGERS = [
    "sparse_categorical_crossentropy", losses.sparse_categorical_crossentropy, losses.SparseCategoricalCrossentropy(),
    ["sparse_categorical_crossentropy"], functools.partial(losses.sparse_categorical_crossentropy, ignore_class=None),
    sparse_of_mine, OwnOfIntegers(), losses.CategoricalGeneralizedCrossEntropy(),
]  # fmt: skip
INDICATORS = [
    "categorical_crossentropy", "mse", "mean_absolute_error", "binary_crossentropy", "kl_divergence", "hinge",
    "squared_hinge", "categorical_hinge", "poisson", "log_cosh", "huber", "cosine_similarity", losses.Dice(),
    losses.Tversky(), losses.CategoricalFocalCrossentropy(), losses.MeanSquaredError(), losses.mean_squared_error,
    losses.BinaryFocalCrossentropy(), OwnOfIndicators(),
]  # fmt: skip


def name_of(loss):
    loss = loss[0] if isinstance(loss, list) else loss
    return loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)


@pytest.mark.parametrize("loss", [*INTEGERS, *INDICATORS], ids=name_of)
def test_a_loss_gets_what_it_compares(loss, monkeypatch):
    seen = []
    monkeypatch.setattr(keras.Model, "fit", lambda self, x, y, **options: seen.append(y))
    with pytest.raises(AttributeError):  # nothing was trained
        KerasClassifier(net(loss), batch_size=3).fit(X, Y)
    np.testing.assert_array_equal(seen[0], CODES if any(loss is one for one in INTEGERS) else np.eye(3)[CODES])


@pytest.mark.parametrize(("loss", "batch_size"), [("mse", 3), ("mse", 1), ("huber", 3)])
@pytest.mark.slow
def test_as_many_rows_as_classes_in_a_batch_do_not_matter(loss, batch_size):
    assert KerasClassifier(net(loss), epochs=8, seed=0, batch_size=batch_size).fit(X, Y).score(X, Y) > 0.9


@pytest.mark.parametrize("loss", [own_integers, own_indicators, OwnLoss(), lambda y, p: own_indicators(y, p)])
@pytest.mark.slow
def test_a_loss_of_your_own_is_told(loss):
    with pytest.raises(InvalidOptionError, match=r"of your own must be told.* received .*targets='integers'.*'indicat"):
        KerasClassifier(net(loss)).fit(X, Y)
    right, wrong = ("integers", "indicators") if loss is own_integers else ("indicators", "integers")
    assert KerasClassifier(net(loss), epochs=8, seed=0, batch_size=3, targets=right).fit(X, Y).score(X, Y) > 0.9
    with pytest.raises(CompatibilityError, match=r"the loss must compare targets of shape .* with outputs of shape"):
        KerasClassifier(net(loss), batch_size=3, targets=wrong).fit(X, Y)
    with pytest.raises(InvalidOptionError, match="targets must be one of 'integers', 'indicators'; received 'codes'"):
        KerasClassifier(net(loss), targets="codes").fit(X, Y)


def test_an_own_loss_of_each_element_is_one():
    assert KerasClassifier(net(own_elements), epochs=8, seed=0, targets="indicators").fit(X, Y).score(X, Y) > 0.9


@pytest.mark.slow
def test_one_output_is_zero_or_one_for_any_loss():
    two = CODES < 2
    for loss in ("mse", own_indicators):
        fitted = KerasClassifier(net(loss, 1, "sigmoid"), epochs=8, seed=0, batch_size=2).fit(X[two], Y[two])
        assert fitted.score(X[two], Y[two]) > 0.9


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (
            lambda: net("sparse_categorical_crossentropy", 1, "sigmoid"),
            "one output must have a loss of one probability",
        ),
        (lambda: net("categorical_crossentropy", 1, "sigmoid"), "Compile it with 'binary_crossentropy'"),
        (lambda: net("binary_crossentropy", 1, "softmax"), "softmax over one output is 1 for every row"),
        (
            lambda: net("mse", 3, None),
            r"must end in probabilities; .* in the activation 'linear'\. End it with softmax",
        ),
        (lambda: net("hinge", 1, "tanh"), r"in the activation 'tanh'\. End it with sigmoid.*from_logits=True"),
        (lambda: net(losses.CTC()), "needs a loss of class probabilities; CTC compares other outputs"),
    ],
)
def test_what_would_train_to_chance_is_refused_before(model, told, monkeypatch):
    monkeypatch.setattr(keras.Model, "fit", None)
    with pytest.raises(CompatibilityError, match=told):
        KerasClassifier(model()).fit(X, Y)
    with pytest.raises(CompatibilityError, match=told):
        EnsembleClassifier([("late", GaussianNB()), ("net", KerasClassifier(model()))]).fit(X, Y)


def test_an_ensemble_refuses_a_model_before_it_fits_any_member(monkeypatch):
    def fit(*_, **__):
        raise AssertionError("fitted first")

    monkeypatch.setattr(GaussianNB, "fit", fit)
    with pytest.raises(InvalidOptionError, match="of your own must be told"):
        EnsembleClassifier([("late", GaussianNB()), ("net", net(own_indicators))]).fit(X, Y)
    with pytest.raises(CompatibilityError, match=r"it has 4 for the 3 classes"):
        EnsembleClassifier([("late", GaussianNB()), ("net", net("mse", 4))]).fit(X, Y)


def softmax(raw):
    return np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)


def sigmoid(raw):
    return 1 / (1 + np.exp(-raw))


def divided(raw):
    return raw / raw.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("loss", "activation", "told", "how"),
    [
        (losses.SparseCategoricalCrossentropy(from_logits=True), None, {}, softmax),
        (
            functools.partial(losses.categorical_crossentropy, from_logits=True),
            None,
            {"targets": "indicators"},
            softmax,
        ),
        (own_indicators, None, {"targets": "indicators", "from_logits": True}, softmax),
        (losses.BinaryCrossentropy(from_logits=True), None, {}, lambda raw: divided(sigmoid(raw))),
        ("binary_crossentropy", "sigmoid", {}, divided),
        ("mse", "sigmoid", {}, divided),
        ("mse", "softmax", {}, lambda raw: raw),
        (losses.SparseCategoricalCrossentropy(from_logits=True), "softmax", {}, lambda raw: raw),
    ],
)
@pytest.mark.filterwarnings("ignore:.*received `from_logits=True`, but the `output`")
@pytest.mark.slow
def test_outputs_become_probabilities(loss, activation, told, how):
    fitted = KerasClassifier(net(loss, 3, activation), epochs=3, seed=0, **told).fit(X, Y)
    probas = fitted.predict_proba(X)
    np.testing.assert_allclose(probas, how(fitted.model_.predict(X, verbose=0)), atol=1e-6)
    np.testing.assert_allclose(probas.sum(axis=1), 1, atol=1e-6)


def test_rows_whose_outputs_are_all_zero_are_undecided():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(3, "sigmoid", bias_initializer="zeros")])
    model.compile("sgd", "binary_crossentropy")
    fitted = KerasClassifier(model, epochs=0, seed=0).fit(X, Y)
    fitted.model_.set_weights([np.zeros((3, 3)), np.full(3, -500.0)])
    np.testing.assert_allclose(fitted.predict_proba(X), 1 / 3, atol=1e-6)


@pytest.mark.parametrize(
    "end",
    [
        lambda x: layers.Softmax()(layers.Dense(3)(x)),
        lambda x: layers.Activation("softmax")(layers.Dense(3)(x)),
        lambda x: keras.ops.softmax(layers.Dense(3)(x)),
        lambda x: layers.Average()([layers.Dense(3, "softmax")(x), layers.Dense(3, "softmax")(x)]),
        lambda x: keras.Sequential([keras.Input((3,)), layers.Dense(3, "softmax")])(x),
        lambda x: layers.Dropout(0.0)(layers.Dense(3, "softmax")(x)),
        lambda x: layers.Dense(3, lambda raw: keras.ops.softmax(raw))(x),
    ],
)
def test_ends_of_other_kinds_are_taken(end):
    given = keras.Input((3,))
    model = keras.Model(given, end(given))
    model.compile(keras.optimizers.Adam(0.1), "mse", run_eagerly=True)

    def make():
        return model

    np.testing.assert_allclose(KerasClassifier(make, epochs=0).fit(X, Y).predict_proba(X), model.predict(X, verbose=0))


@pytest.mark.slow
def test_a_regressor_refuses_losses_of_classes_and_broadcasts():
    y = X[:, 0]
    with pytest.raises(CompatibilityError, match="needs a loss of numbers; 'sparse_categorical_crossentropy' compares"):
        KerasRegressor(net("sparse_categorical_crossentropy", 1, None)).fit(X, y)
    with pytest.raises(CompatibilityError, match=r"gave the shape \(3, 3\)"):
        KerasRegressor(net(lambda y, p: (keras.ops.squeeze(y, 1) - p) ** 2, 1, None)).fit(X, y)
    assert KerasRegressor(net(own_indicators, 1, None), epochs=20, seed=0).fit(X, y).score(X, y) > 0.9


def test_classes_may_be_a_label_map():
    fitted = KerasClassifier(net("mse"), epochs=8, seed=0, classes={"bee": 1, "cow": 2, "ape": 0}).fit(X, Y)
    assert fitted.classes_.tolist() == ["ape", "bee", "cow"]
    assert fitted.score(X, Y) > 0.9
