"""Members with several inputs and outputs in one model: inputs go by name, outputs are chosen by name."""

import numpy as np
import pytest

from ensemblekit import EnsembleClassifier, InvalidOptionError, as_member, collect, combine, export_fused, fuse
from ensemblekit.errors import CompatibilityError

pytestmark = pytest.mark.keras
keras = pytest.importorskip("keras")
layers = keras.layers

CLASSES = ("x", "y", "z")
RNG = np.random.default_rng(0)
X = {name: RNG.normal(size=(5, 4)).astype("float32") for name in "ab"}
CHOSEN = {"listed": "right", "named": "right"}


def softmax(name=None):
    return layers.Dense(3, "softmax", name=name)


@pytest.fixture(scope="module")
def members():
    """Two models of two inputs and two outputs: one lists them, the other calls them by keys of its own."""
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    both = layers.Concatenate()([a, b])
    listed = keras.Model([a, b], [softmax("left")(a), softmax("right")(both)])
    named = keras.Model({"b": b, "a": a}, {"left": softmax("other")(b), "right": softmax("one")(both)})
    return {"listed": listed, "named": named}


@pytest.fixture(scope="module")
def expected(members):
    collected = collect(members, (np.arange(5), X), classes=CLASSES, output_names=CHOSEN)
    said = combine(collected, "mean").probas
    right = members["listed"].predict_on_batch([X["a"], X["b"]])[1], members["named"].predict_on_batch(X)["right"]
    by_hand = (right[0] + right[1]) / 2
    np.testing.assert_allclose(said, by_hand, atol=1e-6)
    return said


def test_outputs_are_chosen_by_name(members, expected):
    wrapped = {n: as_member(m, name=n, classes=CLASSES, output_name=CHOSEN[n]) for n, m in members.items()}
    for fused in (fuse(members, "mean", classes=CLASSES, output_names=CHOSEN), fuse(wrapped, "mean")):
        assert {tensor.name for tensor in fused.inputs} == {"a", "b"}
        np.testing.assert_allclose(fused.predict_on_batch(X), expected, atol=1e-6)


def test_several_outputs_are_refused_by_name(members):
    with pytest.raises(CompatibilityError, match=r"'listed' must have one output; it has 2, 'left', 'right', and none"):
        fuse(members, "mean", classes=CLASSES)
    with pytest.raises(CompatibilityError, match=r"'middle' was asked for\. .* output_names={'listed': 'left'}"):
        fuse(members, "mean", classes=CLASSES, output_names={**CHOSEN, "listed": "middle"})
    with pytest.raises(
        InvalidOptionError, match=r"by the names of members, \['listed', 'named'\]; received \['other'\]"
    ):
        fuse(members, "mean", classes=CLASSES, output_names={**CHOSEN, "other": "left"})
    ensemble = EnsembleClassifier([("m", keras.Sequential([keras.Input((4,)), softmax()]))])
    with pytest.raises(InvalidOptionError, match="brings its own combiner and classes"):
        fuse(ensemble, output_names={"m": "left"})


@pytest.mark.parametrize("inputs", [X, {**X, "more": X["a"]}], ids=["these", "more"])
def test_a_file_is_compared_on_inputs_by_name(members, expected, inputs, tmp_path):
    (kept,) = export_fused(
        members, "mean", to=tmp_path / "m.keras", inputs=inputs, classes=CLASSES, output_names=CHOSEN
    )
    assert kept.max_difference < 1e-6
    loaded = keras.saving.load_model(kept.path)
    np.testing.assert_allclose(loaded.predict(X, verbose=0), expected, atol=1e-6)
    (again,) = export_fused(loaded, to=tmp_path / "again.keras", inputs=inputs)
    assert again.max_difference < 1e-6


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ((X["a"], X["b"]), r"those of the model, 'a', 'b'; received a tuple\. Give them by name: {'a': \.\.\., 'b': "),
        (X["a"], "received a ndarray"),
        ({"a": X["a"]}, r"received \['a'\], which lack \['b'\]"),
        ({"a": X["a"], "b": X["b"][:3]}, r"one row a sample, each; received {'a': 5, 'b': 3} rows"),
        ({"a": X["a"], "b": X["b"][:0]}, "at least one sample"),
        ({}, "at least one sample"),
    ],
)
def test_inputs_that_are_not_those_of_the_model_are_refused(members, inputs, message, tmp_path):
    with pytest.raises(InvalidOptionError, match=message):
        export_fused(members, "mean", to=tmp_path / "m.keras", inputs=inputs, classes=CLASSES, output_names=CHOSEN)
    assert not any(tmp_path.iterdir())


def test_one_input_may_be_a_list_of_samples_or_come_under_its_name(tmp_path):
    model = keras.Sequential([keras.Input((4,), name="a"), softmax()])
    for number, inputs in enumerate((X["a"].tolist(), list(X["a"]), {"a": X["a"]})):
        to = tmp_path / f"{number}.keras"
        (kept,) = export_fused([("m", model)], "mean", to=to, inputs=inputs, classes=CLASSES)
        assert kept.max_difference < 1e-6
    with pytest.raises(InvalidOptionError, match="inputs must be an array, each row as long as the others"):
        export_fused([("m", model)], "mean", to=tmp_path / "n.keras", inputs=[[1.0], [1.0, 2.0]], classes=CLASSES)
