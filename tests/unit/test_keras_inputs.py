"""Inputs of Keras estimators: several by name, texts, rows with names; and what a given model keeps."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from ensemblekit import EnsembleClassifier, InvalidOptionError, KerasClassifier, KerasRegressor
from ensemblekit.errors import CompatibilityError, InvalidPredictionsError
from ensemblekit.store import load, save
from tests.backends import needs_tensorflow

keras = pytest.importorskip("keras")
layers = keras.layers
pytestmark = pytest.mark.keras

RNG = np.random.default_rng(0)
CODES = np.arange(80) % 2
LEFT = (CODES[:, np.newaxis] * 2 + RNG.normal(size=(80, 3))).astype("float32")
RIGHT = RNG.normal(size=(80, 2)).astype("float32")
Y = np.array(["no", "yes"])[CODES]


def two_inputs(structure=list):
    left, right = keras.Input((3,), name="left"), keras.Input((2,), name="right")
    joined = layers.Concatenate()([layers.Dense(4, "relu")(left), right])
    given = {"left": left, "right": right} if structure is dict else structure([left, right])
    return compiled(keras.Model(given, layers.Dense(2, "softmax")(joined)))


def compiled(model, loss="sparse_categorical_crossentropy"):
    model.compile(keras.optimizers.Adam(0.05), loss, run_eagerly=True)
    return model


@pytest.mark.parametrize("structure", [list, dict])
@pytest.mark.slow
def test_several_inputs_go_by_name(structure):
    net = KerasClassifier(two_inputs(structure), epochs=6, seed=0, validation_split=0.2)
    fitted = net.fit({"right": RIGHT, "left": LEFT, "of others": LEFT}, Y)
    probas = fitted.predict_proba({"left": LEFT, "right": RIGHT})
    assert fitted.score({"right": RIGHT, "left": LEFT}, Y) > 0.8
    np.testing.assert_array_equal(probas, fitted.predict_proba({"right": RIGHT, "left": LEFT}))
    if structure is list:
        np.testing.assert_array_equal(probas, clone(net).fit([LEFT, RIGHT], Y).predict_proba((LEFT, RIGHT)))
    else:
        with pytest.raises(CompatibilityError, match=r"a model with named inputs must be given \{name: array\}"):
            fitted.predict([LEFT, RIGHT])


def test_inputs_of_one_number_are_columns_of_a_table():
    left, right = keras.Input((1,), name="left"), keras.Input((1,), name="right")
    model = compiled(keras.Model([right, left], layers.Dense(2, "softmax")(layers.Concatenate()([left, right]))))
    table = pd.DataFrame({"left": LEFT[:, 0], "note": 0.0, "right": RIGHT[:, 0]})
    fitted = KerasClassifier(model, epochs=3, seed=0).fit(table, Y)
    by_name = fitted.predict_proba({"left": LEFT[:, 0], "right": RIGHT[:, 0]})
    np.testing.assert_array_equal(fitted.predict_proba(table[["right", "left"]]), by_name)


@pytest.mark.slow
def test_a_function_makes_a_model_of_several_inputs():
    seen = {}

    def make(n_outputs, input_shape):
        seen.update(input_shape)
        return two_inputs()

    fitted = KerasClassifier(make, epochs=8, seed=0).fit({"right": RIGHT, "left": LEFT}, Y)
    assert seen == {"left": (3,), "right": (2,)}
    assert fitted.score({"right": RIGHT, "left": LEFT}, Y) > 0.8


@pytest.mark.parametrize(
    ("x", "error", "told"),
    [
        ({"left": LEFT}, CompatibilityError, r"has 1 \('left'\) and lacks 1 \('right'\)"),
        ([LEFT], CompatibilityError, r"one array for each input .* has 2 \('left', 'right'\), and X is a list of 1"),
        (LEFT, CompatibilityError, r"a model of several inputs must be given \{name: array\}"),
        ({"left": LEFT, "right": RIGHT[:5]}, InvalidPredictionsError, r"one row a sample each; received \{'left': 80"),
        ({"left": RIGHT, "right": LEFT}, CompatibilityError, r"X\['left'\] must have the shape .* takes \(3,\)"),
        ({}, CompatibilityError, "lacks 2"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(x, error, told):
    with pytest.raises(error, match=told):
        KerasClassifier(two_inputs()).fit(x, Y)


def test_names_of_rows_count():
    index = [f"r{row}" for row in range(80)]
    left, y = pd.DataFrame(LEFT, index=index), pd.Series(Y, index=index)
    x = {"left": left, "right": pd.DataFrame(RIGHT, index=index)}
    KerasClassifier(two_inputs(), epochs=1).fit(x, y, sample_weight=pd.Series(np.ones(80), index=index))
    with pytest.raises(InvalidOptionError, match="X and y must name their rows alike"):
        KerasClassifier(two_inputs()).fit(x, y.iloc[::-1])
    with pytest.raises(InvalidOptionError, match="X and sample_weight must name their rows alike"):
        KerasClassifier(two_inputs()).fit(x, Y, sample_weight=pd.Series(np.ones(80), index=index[::-1]))
    with pytest.raises(InvalidPredictionsError, match=r"X\['left'\] and X\['right'\] must name their rows alike"):
        KerasClassifier(two_inputs()).fit({"left": left, "right": x["right"].iloc[::-1]}, y)
    one = compiled(keras.Sequential([keras.Input((3,)), layers.Dense(1)]), "mse")
    with pytest.raises(InvalidOptionError, match="X and y must name their rows alike"):
        KerasRegressor(one).fit(left, pd.Series(LEFT[:, 0], index=index[::-1]))


@pytest.mark.slow
def test_a_regressor_takes_several_inputs():
    left, right = keras.Input((3,), name="left"), keras.Input((2,), name="right")
    model = compiled(keras.Model([left, right], layers.Dense(1)(layers.Concatenate()([left, right]))), "mse")
    x, y = {"left": LEFT, "right": RIGHT}, LEFT.sum(axis=1)
    fitted = KerasRegressor(model, epochs=60, seed=0).fit(x, y)
    assert fitted.score(x, y) > 0.9


def words():
    layer = layers.TextVectorization(output_sequence_length=2)
    layer.adapt(["good film", "bad film"])
    parts = [keras.Input((1,), dtype="string"), layer, layers.Embedding(9, 4), layers.Flatten()]
    return compiled(keras.Sequential([*parts, layers.Dense(2, "softmax")]))


@pytest.mark.parametrize("form", [list, np.array, pd.Series, lambda x: np.array(x, object).reshape(-1, 1)])
@pytest.mark.slow
def test_texts_go_to_a_model_with_the_vocabulary_that_it_learned(form):
    texts = np.where(CODES == 1, "good film", "bad film").tolist()
    fitted = KerasClassifier(words(), epochs=10, seed=0).fit(form(texts), Y)
    assert fitted.model_.layers[0].get_vocabulary() == ["", "[UNK]", "film", "good", "bad"]
    assert fitted.predict(["good film", "bad film"]).tolist() == ["yes", "no"]


@pytest.mark.slow
def test_texts_beside_numbers_in_an_ensemble():
    text, number = keras.Input((1,), dtype="string", name="text"), keras.Input((3,), name="left")
    layer = layers.StringLookup(output_mode="one_hot")
    layer.adapt(np.array(["a", "b"]))
    model = compiled(
        keras.Model([text, number], layers.Dense(2, "softmax")(layers.Concatenate()([layer(text), number])))
    )
    x = {"text": np.array(["a", "b"])[CODES], "left": LEFT}
    numbers = compiled(keras.Sequential([keras.Input((3,), name="left"), layers.Dense(2, "softmax")]))
    members = [
        ("both", KerasClassifier(model, epochs=8, seed=0)),
        ("numbers", KerasClassifier(numbers, epochs=8, seed=0)),
    ]
    ensemble = EnsembleClassifier(members, combiner="weighted", cv=2).fit(x, Y)
    assert ensemble.score(x, Y) > 0.9


@needs_tensorflow
def test_texts_and_numbers_are_not_mixed_up():
    with pytest.raises(CompatibilityError, match=r"X must be texts for .*; received float32"):
        KerasClassifier(words()).fit(LEFT, Y)
    numbers = compiled(keras.Sequential([keras.Input((1,)), layers.Dense(2, "softmax")]))
    with pytest.raises(CompatibilityError, match=r"X must be numbers for .*; received texts"):
        KerasClassifier(numbers).fit(Y.tolist(), Y)
    with pytest.raises(CompatibilityError, match=r"takes \(1,\), and the rows have \(3,\)"):
        KerasClassifier(numbers).fit(LEFT, Y)


def adapted():
    scale = layers.Normalization()
    scale.adapt(LEFT * 9 + 100)
    backbone = keras.Sequential([keras.Input((3,)), layers.Dense(6, "relu")], name="backbone")
    backbone.trainable = False
    parts = [keras.Input((3,)), scale, backbone, layers.BatchNormalization(), layers.Dense(2, "softmax")]
    return compiled(keras.Sequential(parts))


@pytest.mark.slow
def test_a_given_model_keeps_what_is_not_trained():
    model = adapted()
    x = LEFT * 9 + 100
    fitted = KerasClassifier(model, epochs=5, seed=0).fit(x, Y)
    for old, new in zip(model.layers[:2], fitted.model_.layers[:2], strict=True):
        for a, b in zip(old.get_weights(), new.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(fitted.model_.layers[0](x), model.layers[0](x))
    assert not np.array_equal(fitted.model_.layers[3].get_weights()[0], model.layers[3].get_weights()[0])
    assert [layer.trainable for layer in fitted.model_.layers] == [True, False, True, True]


@pytest.mark.slow
def test_moving_means_of_a_layer_that_is_trained_start_anew():
    model = adapted()
    model.fit(LEFT * 9 + 100, CODES, verbose=0)
    learned = model.layers[2].moving_mean.numpy()
    assert np.any(learned)
    assert not np.any(KerasClassifier(model, epochs=0).fit(LEFT, Y).model_.layers[2].moving_mean.numpy())
    model.layers[2].trainable = False
    kept = KerasClassifier(model, epochs=0).fit(LEFT, Y).model_.layers[2].moving_mean.numpy()
    np.testing.assert_array_equal(kept, learned)


def test_a_given_model_may_be_trained_on():
    model = two_inputs()
    fitted = KerasClassifier(model, epochs=0, initial_weights="given").fit({"left": LEFT, "right": RIGHT}, Y)
    for a, b in zip(model.get_weights(), fitted.model_.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(InvalidOptionError, match="initial_weights must be one of 'new', 'given'; received 'old'"):
        KerasClassifier(model, initial_weights="old").fit({"left": LEFT, "right": RIGHT}, Y)


def test_a_model_with_two_outputs_is_refused_by_their_names():
    given = keras.Input((3,))
    ends = [layers.Dense(2, "softmax", name=name)(given) for name in ("first", "second")]
    model = compiled(keras.Model(given, ends), ["mse", "mse"])
    with pytest.raises(CompatibilityError, match=r"one output; .* has 2, 2 \('first', 'second'\).*keras\.Model"):
        KerasClassifier(model).fit(LEFT, Y)


@pytest.mark.slow
def test_a_model_that_was_never_built_is_built_for_the_rows():
    model = compiled(keras.Sequential([layers.Dense(2, "softmax")]))
    assert KerasClassifier(model, epochs=20, seed=0).fit(LEFT, Y).score(LEFT, Y) > 0.8
    assert not model.built


@pytest.mark.slow
def test_how_probabilities_are_made_is_saved(tmp_path):
    model = compiled(
        keras.Sequential([keras.Input((3,)), layers.Dense(2)]), keras.losses.BinaryCrossentropy(from_logits=True)
    )
    net = KerasClassifier(model, epochs=2, seed=0)
    ensemble = EnsembleClassifier([("net", net)]).fit(LEFT, Y)
    save(ensemble, tmp_path / "kept")
    np.testing.assert_allclose(load(tmp_path / "kept").predict_proba(LEFT), ensemble.predict_proba(LEFT), atol=1e-6)
    before = ensemble.named_estimators_["net"]
    for name in ("outputs_are_", "targets", "from_logits", "initial_weights"):
        del vars(before)[name]  # as estimators are that were saved before these were there
    assert before.get_params()["initial_weights"] == "new"
    assert before.predict_proba(LEFT).shape == (80, 2)


def test_inputs_go_by_the_keys_of_a_dict_or_by_their_order_where_they_have_no_names():
    rng = np.random.default_rng(0)
    left, right, y = rng.normal(size=(6, 2)), rng.normal(size=(6, 3)), np.array(["no", "yes"] * 3)
    a, b = keras.Input((2,)), keras.Input((3,))
    outputs = keras.layers.Dense(2, "softmax")(keras.layers.Concatenate()([a, b]))
    for given, x in (({"left": a, "right": b}, {"right": right, "left": left}), ([a, b], [left, right])):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras warns of keys that are not the names of the tensors
            model = keras.Model(given, outputs)
        model.compile("adam", "sparse_categorical_crossentropy")
        fitted = KerasClassifier(model, epochs=0, initial_weights="given")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted.fit(x, y)
        fed = {"left": left, "right": right} if isinstance(given, dict) else [left, right]
        np.testing.assert_allclose(fitted.predict_proba(x), np.asarray(model(fed)), atol=1e-6)
