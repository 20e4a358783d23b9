"""LiteRT files: they say what the members say, know their names, and are refused in one line where they cannot."""

import json

import numpy as np
import pytest
from packaging.version import Version

from ensemblekit import export_fused
from ensemblekit.errors import CompatibilityError
from tests.backends import needs_tensorflow

keras = pytest.importorskip("keras")
layers = keras.layers
pytestmark = [
    pytest.mark.keras,
    pytest.mark.slow,
    needs_tensorflow,
    pytest.mark.skipif(Version(keras.__version__) < Version("3.13"), reason="Keras 3.12 writes no LiteRT files"),
]

X = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")


def net(*inner, shape=(4,)):
    return keras.Sequential([keras.Input(shape), *inner, layers.Dense(2, "softmax")])


def test_the_file_has_the_names_and_takes_inputs_by_name(tmp_path):
    def both(swapped):
        a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
        hidden = layers.Concatenate()([b, a] if swapped else [a, b])
        return keras.Model([a, b], layers.Dense(2, "softmax")(hidden))

    path = tmp_path / "m.tflite"
    given = {"b": 3 * X, "a": X}
    members = {"one": both(False), "other": both(True)}
    (kept,) = export_fused(members, "mean", to=path, inputs=given, classes=["no", "yes"])
    assert kept.format == "litert"
    assert kept.max_difference < 1e-6
    assert kept.n_bytes == path.stat().st_size
    assert [file.name for file in tmp_path.iterdir()] == ["m.tflite"]

    from tensorflow.lite.tools import flatbuffer_utils

    made = flatbuffer_utils.read_model(str(path))
    (stored,) = [one for one in made.metadata if one.name == b"ensemblekit"]
    names = json.loads(bytes(made.buffers[stored.buffer].data))
    assert names == {"classes": ["no", "yes"], "members": ["one", "other"]}


def test_what_litert_does_not_compute_in_is_named(tmp_path):
    half = net(layers.Dense(3, dtype="mixed_float16", name="narrow"))
    with pytest.raises(CompatibilityError, match=r"float32; the layer 'narrow' computes in float16\. Export"):
        export_fused({"half": half}, "mean", to=tmp_path / "m.tflite", inputs=X, classes=["no", "yes"], tolerance=0.1)
    words = layers.TextVectorization(vocabulary=["a", "b"], output_sequence_length=2, name="words")
    texts = keras.Sequential([keras.Input((1,), dtype="string"), words, layers.Embedding(9, 2), layers.Flatten(),
                              layers.Dense(2, "softmax")])  # fmt: skip
    with pytest.raises(CompatibilityError, match=r"'words' \(TextVectorization\) looks up words"):
        export_fused({"texts": texts}, "mean", to=tmp_path / "m.tflite", inputs=np.array([["a"]], dtype=object),
                     classes=["no", "yes"])  # fmt: skip
    assert not list(tmp_path.iterdir())


def test_what_the_converter_refuses_is_one_line(tmp_path):
    given = keras.Input((4,))
    real = keras.ops.fft((given, given))[0]
    model = keras.Model(given, layers.Dense(2, "softmax")(keras.ops.erfinv(keras.ops.tanh(real))))
    said = r"made of what LiteRT can hold; the .* says: .* Export it as \.keras"
    with pytest.raises(CompatibilityError, match=said) as caught:
        export_fused({"one": model}, "mean", to=tmp_path / "m.tflite", inputs=X, classes=["no", "yes"])
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
