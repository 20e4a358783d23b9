"""A model of images with several outputs is opened by the one that is named; several inputs are refused by name."""

import numpy as np
import pytest

from ensemblekit import InvalidOptionError, Predictions, open_model, predict_images
from ensemblekit.errors import CompatibilityError, DataError
from ensemblekit.predicting import Predictor
from tests.pets import draw_pets

keras = pytest.importorskip("keras")
layers = keras.layers
pytestmark = pytest.mark.keras

CLASSES = ("x", "y", "z")
IMAGES = np.random.default_rng(0).uniform(0, 255, (2, 8, 8, 3)).astype("float32")


def softmax(name):
    return layers.Dense(3, "softmax", name=name)


@pytest.fixture(scope="module")
def two():
    pixels = keras.Input((8, 8, 3), name="pixels")
    features = layers.Rescaling(1 / 255)(layers.GlobalAveragePooling2D()(pixels))
    return keras.Model(pixels, [softmax("left")(features), softmax("right")(features)], name="two")


def test_an_output_is_chosen_by_name(two, tmp_path):
    file = tmp_path / "two.keras"
    two.save(file)
    fingerprints = set()
    for place, output in enumerate(("left", "right")):
        for model in (two, file):
            predictor = open_model(model, classes=CLASSES, output_name=output)
            np.testing.assert_allclose(predictor.predict(IMAGES), np.asarray(two(IMAGES)[place]), rtol=1e-5)
            fingerprints.add(predictor.fingerprint)
    assert len(fingerprints) == 4
    for options, text in (({}, "none was chosen"), ({"output_name": "middle"}, "'middle' was asked for")):
        with pytest.raises(
            CompatibilityError, match=rf"'two' must have one output; it has 2, 'left', 'right', and {text}"
        ):
            open_model(file, classes=CLASSES, **options)
    predictor = open_model(two, classes=CLASSES, output_name="left")
    with pytest.raises(InvalidOptionError, match="must be given when a model is opened; 'two' is open"):
        open_model(predictor, output_name="left")


def test_a_run_is_of_one_output(two, tmp_path, monkeypatch):
    images = draw_pets(tmp_path / "pets")
    out = tmp_path / "p.parquet"
    done = predict_images(two, images / "test", out, classes=CLASSES, output_name="right")
    saved = Predictions.load(done.outputs["combined"])
    assert saved.classes == CLASSES

    # A run of one output is not gone on with for another.
    def cut_off(self, x):
        raise KeyboardInterrupt

    monkeypatch.setattr(Predictor, "predict", cut_off)
    other = tmp_path / "q.parquet"
    with pytest.raises(KeyboardInterrupt):
        predict_images(two, images / "test", other, classes=CLASSES, output_name="left")
    with pytest.raises(DataError, match=r"model changed since 'q\.parquet' was begun"):
        predict_images(two, images / "test", other, classes=CLASSES, output_name="right", resume=True)


def test_several_inputs_are_refused_by_name():
    a, b = keras.Input((8, 8, 3), name="a"), keras.Input((8, 8, 3), name="b")
    joined = layers.GlobalAveragePooling2D()(layers.Concatenate()([a, b]))
    model = keras.Model([a, b], softmax("p")(joined), name="both")
    with pytest.raises(
        CompatibilityError, match=r"one input and one output; 'both' has 2 inputs, 'a', 'b'\. .* collect"
    ):
        open_model(model, classes=CLASSES)


def test_a_model_that_says_nothing_of_its_inputs_is_refused():
    with pytest.raises(CompatibilityError, match="is not built, or has Python code of its own"):
        open_model(keras.Sequential([layers.Flatten(), softmax("p")]), classes=CLASSES)


def test_an_output_of_an_onnx_file_is_chosen_by_name(two, tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("GlobalAveragePool", ["t"], ["g"]), helper.make_node("Flatten", ["g"], ["f"]),
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]),
        helper.make_node("Softmax", ["f"], ["left"]), helper.make_node("Neg", ["f"], ["n"]),
        helper.make_node("Softmax", ["n"], ["right"]),
    ]  # fmt: skip
    nodes = [nodes[2], *nodes[:2], *nodes[3:]]
    results = [helper.make_tensor_value_info(name, kind, ("n", 3)) for name in ("left", "right")]
    given = [helper.make_tensor_value_info("x", kind, ("n", 8, 8, 3))]
    model = helper.make_model(
        helper.make_graph(nodes, "g", given, results), opset_imports=[helper.make_opsetid("", 13)]
    )
    model.ir_version = 8
    file = tmp_path / "m.onnx"
    file.write_bytes(model.SerializeToString())
    left, right = (open_model(file, classes=CLASSES, output_name=name) for name in ("left", "right"))
    assert (left.predict(IMAGES).argmax(axis=1) == right.predict(IMAGES).argmin(axis=1)).all()
    assert left.fingerprint != right.fingerprint
    with pytest.raises(
        CompatibilityError, match=r"'m\.onnx' must have one output; it has 2, 'left', 'right', and none"
    ):
        open_model(file, classes=CLASSES)
