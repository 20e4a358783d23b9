"""Keras models with several inputs and outputs as members: by name, whatever the size of the batch."""

import numpy as np
import pandas as pd
import pytest

from ensemblekit import InvalidOptionError, as_member, collect
from ensemblekit.errors import DataError, InvalidPredictionsError

pytestmark = pytest.mark.keras
keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")
layers = keras.layers

IDS = np.arange(6)
RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(6, 4)).astype("float32"), RNG.normal(size=(6, 4)).astype("float32")
CLASSES = ("x", "y", "z")


def softmax(name=None):
    return layers.Dense(3, "softmax", name=name)


@pytest.fixture(scope="module")
def models():
    """Models that take ``a`` and ``b``, in several orders and structures, and one that takes ``a`` alone."""
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    joined = softmax()(layers.Concatenate()([a, b]))
    return {
        "ab": keras.Model([a, b], joined),
        "ba": keras.Model([b, a], joined),
        "named": keras.Model({"b": b, "a": a}, joined),
        "a": keras.Model(a, softmax()(a)),
    }


@pytest.fixture(scope="module")
def two():
    """A model with the outputs ``left`` and ``right``."""
    a = keras.Input((4,), name="a")
    return keras.Model(a, [softmax("left")(a), softmax("right")(a)])


def test_inputs_go_to_every_model_by_name(models):
    expected = np.asarray(models["ab"]([A, B]))
    for x in ({"a": A, "b": B}, {"b": B, "more": A[:, :1], "a": A}, {"a": A.tolist(), "b": pd.DataFrame(B)}):
        for batch_size in (2, 4, 6):
            collected = collect(models, (IDS, x), classes=CLASSES, batch_size=batch_size)
            for name in ("ab", "ba", "named"):
                np.testing.assert_allclose(collected[name].probas, expected, rtol=1e-5)
            np.testing.assert_allclose(collected["a"].probas, np.asarray(models["a"](A)), rtol=1e-5)


def test_inputs_without_names_are_in_the_order_of_all_models(models):
    expected = np.asarray(models["ab"]([A, B]))
    for x in ((A, B), [A, B]):
        collected = collect({name: models[name] for name in ("ab", "named")}, (IDS, x), classes=CLASSES, batch_size=4)
        np.testing.assert_allclose(collected["ab"].probas, expected, rtol=1e-5)
        with pytest.raises(
            DataError, match=r"order that all members share; member 'ab' takes 2 \('a', 'b'\), member 'ba'"
        ):
            collect({name: models[name] for name in ("ab", "ba")}, (IDS, x), classes=CLASSES)


def test_a_dataset_brings_several_inputs():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    model = keras.Model([a, b], softmax()(layers.Concatenate()([a, b])))
    for x in ((A, B), {"b": B, "a": A}):
        dataset = tf.data.Dataset.from_tensor_slices((IDS, x)).shuffle(6, seed=0).batch(2)
        collected = collect({"m": model}, dataset, classes=CLASSES)
        np.testing.assert_allclose(collected["m"].probas, np.asarray(model([A, B]))[collected.ids], rtol=1e-5)


def test_a_dataset_without_an_end_or_with_ragged_rows_is_refused(models):
    endless = tf.data.Dataset.from_tensor_slices((IDS, A)).repeat().batch(4)
    with pytest.raises(DataError, match=r"a dataset must end, .* received one without an end, as after \.repeat\(\)"):
        collect({"m": models["a"]}, endless, classes=CLASSES)
    twice = tf.data.Dataset.from_tensor_slices((IDS, A)).repeat(2).batch(4)
    with pytest.raises(InvalidPredictionsError, match="ids must be unique"):
        collect({"m": models["a"]}, twice, classes=CLASSES)
    ragged = tf.data.Dataset.from_tensor_slices((IDS, tf.ragged.constant([[1.0]] * 5 + [[1.0, 2.0]]))).batch(6)
    with pytest.raises(DataError, match=r"member 'm' received a list of 6 of different sizes"):
        collect({"m": models["a"]}, ragged, classes=CLASSES)


@pytest.mark.parametrize(
    ("name", "x", "message"),
    [
        ("ab", {"a": A}, r"takes 2 inputs, 'a', 'b'; received 1 \('a'\), which lacks 1 \('b'\)\. .* {'a': \.\.\., 'b'"),
        ("ab", A, r"takes 2 inputs, 'a', 'b'; received one, a ndarray"),
        ("ab", (A, B, A), r"takes 2 inputs, 'a', 'b'; received 3"),
        ("a", {"c": A}, r"takes one input, 'a'; received 1 \('c'\)"),
        ("a", (A, B), r"takes one input, 'a'; received 2"),
        ("a", [[1.0], [1.0, 2.0]] * 3, "takes samples of one size; member 'a' received a list of 6 of different sizes"),
        ("a", [{"a": 1.0}] * 6, r"received a list of dict\. Give several inputs as {name: array}"),
    ],
)
def test_inputs_that_a_model_does_not_take_are_refused(models, name, x, message):
    with pytest.raises(DataError, match=message):
        collect({name: models[name]}, (IDS, x), classes=CLASSES)


def test_a_list_of_samples_is_one_input(models):
    for x in (A.tolist(), list(A)):
        collected = collect({"a": models["a"]}, (IDS, x), classes=CLASSES, batch_size=3)
        np.testing.assert_allclose(collected["a"].probas, np.asarray(models["a"](A)), rtol=1e-5)


@pytest.mark.parametrize("shape", [(), (1,)])
def test_a_list_of_texts_goes_to_a_model_of_text(shape):
    texts = ["good", "bad", "worse", "good bad", "", "bad bad"]
    words = layers.TextVectorization(vocabulary=["good", "bad"], output_mode="count")
    given = keras.Input(shape, dtype="string", name="text")
    model = keras.Model(given, softmax()(words(given)))
    expected = np.asarray(model(tf.constant(texts)))
    for x in (texts, np.array(texts), np.array(texts, dtype=object), {"text": texts}, pd.Series(texts, index=IDS)):
        collected = collect({"m": model}, (IDS, x), classes=CLASSES, batch_size=4)
        np.testing.assert_allclose(collected["m"].probas, expected, rtol=1e-5)


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_outputs_are_never_rows(two, n):
    source = (IDS[:n], A[:n])
    rule = r"member 'm' must predict with one output; it has 2, 'left', 'right', and none was chosen\. Choose one: "
    with pytest.raises(InvalidOptionError, match=rule):
        collect({"m": two}, source, classes=CLASSES)
    for place, output in enumerate(("left", "right")):
        collected = collect({"m": two}, source, classes=CLASSES, batch_size=2, output_names={"m": output})
        np.testing.assert_allclose(collected["m"].probas, np.asarray(two(A[:n])[place]), rtol=1e-5)
    with pytest.raises(InvalidOptionError, match="and 'middle' was asked for"):
        as_member(two, name="m", classes=CLASSES, output_name="middle")


def test_outputs_in_a_dict_are_called_by_its_keys():
    a = keras.Input((4,), name="a")
    model = keras.Model(a, {"right": softmax("one")(a), "left": softmax("other")(a)})
    member = as_member(model, name="m", classes=CLASSES, output_name="right")
    np.testing.assert_allclose(member.predict(IDS, A), np.asarray(model(A)["right"]), rtol=1e-5)
    for options in ({}, {"output_name": "one"}):
        with pytest.raises(InvalidOptionError, match=r"it has 2, '(left|right)', '(left|right)'"):
            as_member(model, name="m", classes=CLASSES, **options)


def test_outputs_of_one_name_cannot_be_chosen():
    a = keras.Input((4,), name="a")
    model = keras.Model(a, [softmax("same")(a)] * 2)
    with pytest.raises(InvalidOptionError, match="Name its layers differently"):
        as_member(model, name="m", classes=CLASSES, output_name="same")


def test_a_model_with_code_of_its_own_shows_its_outputs_when_it_predicts():
    class Own(keras.Model):
        def __init__(self, make):
            super().__init__()
            self.dense, self.make = softmax(), make

        def call(self, x):
            return self.make(self.dense(x["a"]), self.dense(x["b"]))

    x = {"a": A[:2], "b": B[:2]}
    for make in (lambda a, b: (a, b), lambda a, b: [a, b]):
        with pytest.raises(InvalidOptionError, match=r"must have one output; it returned 2 without names"):
            collect({"m": Own(make)}, (IDS[:2], x), classes=CLASSES)
    model = Own(lambda a, b: {"left": a, "right": b})
    with pytest.raises(InvalidOptionError, match="it has 2, 'left', 'right'"):
        collect({"m": model}, (IDS[:2], x), classes=CLASSES)
    collected = collect({"m": model}, (IDS[:2], x), classes=CLASSES, output_names={"m": "right"})
    np.testing.assert_allclose(collected["m"].probas, np.asarray(model(x)["right"]), rtol=1e-5)
