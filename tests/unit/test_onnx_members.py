"""ONNX files and sessions of ONNX Runtime as members."""

import json

import numpy as np
import pytest

from ensemblekit import as_member, collect
from ensemblekit.errors import CompatibilityError, DataError, InvalidOptionError

runtime = pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")
helper, FLOAT = onnx.helper, onnx.TensorProto.FLOAT

IMAGES = np.random.default_rng(0).uniform(0, 1, (5, 4, 3, 2)).astype("float32")
IDS = [f"i{k}" for k in range(5)]
CLASSES = ["cat", "dog"]


def write(path, nodes, inputs, outputs, **about):
    graph = helper.make_graph(
        [helper.make_node(kind, given, made, **options) for kind, given, made, options in nodes],
        "g",
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in outputs.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9)
    helper.set_model_props(model, about)
    onnx.save(model, path)
    return path


@pytest.fixture
def means(tmp_path):
    """The means of two channels, which come first."""
    nodes = [("ReduceMean", ["x"], ["logits"], {"axes": [2, 3], "keepdims": 0})]
    return write(tmp_path / "m.onnx", nodes, {"x": ["n", 2, 4, 3]}, {"logits": ["n", 2]})


def by_hand(x=IMAGES):
    odds = np.exp(np.diff(x.mean((1, 2)), axis=1))
    return np.concatenate([1 / (1 + odds), odds / (1 + odds)], axis=1)


def test_a_file_and_a_session_predict_with_channels_first(means):
    options = {"classes": CLASSES, "activation": "softmax", "channels": "first"}
    made = [as_member(one, name=name, **options) for name, one in (
        ("path", means), ("text", str(means)), ("session", runtime.InferenceSession(means)),
    )]  # fmt: skip
    for probas in collect(made, (IDS, IMAGES)).member_probas:
        np.testing.assert_allclose(probas, by_hand(), atol=1e-6)
    double = made[0].predict(np.array(IDS), IMAGES.astype("float64"))
    np.testing.assert_allclose(double, by_hand(), atol=1e-6)


def test_what_its_outputs_mean_is_told_unless_we_wrote_the_file(means, tmp_path):
    with pytest.raises(InvalidOptionError, match=r"'m' .InferenceSession. does not say whether it gives logits"):
        as_member(means, name="m", classes=CLASSES, channels="first")
    nodes = [("Softmax", ["x"], ["probas"], {"axis": 1})]
    names = {"ensemblekit.classes": json.dumps(CLASSES)}
    ours = as_member(write(tmp_path / "o.onnx", nodes, {"x": ["n", 2]}, {"probas": ["n", 2]}, **names), name="ours")
    assert ours.classes == tuple(CLASSES)
    np.testing.assert_allclose(ours.predict(np.array(["a"]), np.zeros((1, 2))), [[0.5, 0.5]])
    odd = write(tmp_path / "d.onnx", nodes, {"x": ["n", 2]}, {"probas": ["n", 2]}, **{"ensemblekit.classes": "{"})
    with pytest.raises(InvalidOptionError, match="does not say whether"):
        as_member(odd, name="odd", classes=CLASSES)


@pytest.mark.parametrize("n", [1, 2, 4, 5])
def test_a_batch_of_one_size_is_filled_up_and_cut(n, tmp_path):
    nodes = [("ReduceMean", ["x"], ["y"], {"axes": [2, 3], "keepdims": 0})]
    fixed = write(tmp_path / "f.onnx", nodes, {"x": [n, 2, 4, 3]}, {"y": [n, 2]})
    made = as_member(fixed, name="f", classes=CLASSES, activation="softmax", channels="first")
    np.testing.assert_allclose(made.predict(np.array(IDS), IMAGES), by_hand(), atol=1e-6)


def test_inputs_and_outputs_go_by_name(tmp_path):
    nodes = [("Sub", ["a", "b"], ["left"], {}), ("Sub", ["b", "a"], ["right"], {})]
    shape = ["n", 2]
    both = write(tmp_path / "t.onnx", nodes, {"a": shape, "b": shape}, {"left": shape, "right": shape})
    options = {"classes": CLASSES, "task": "regression"}
    x = {"b": np.ones((5, 2)), "a": np.arange(10.0).reshape(5, 2)}
    right = as_member(both, name="t", output_name="right", **options)
    np.testing.assert_allclose(right.predict(np.array(IDS), x), x["b"] - x["a"])
    np.testing.assert_allclose(right.predict(np.array(IDS), (x["a"], x["b"])), x["b"] - x["a"])
    with pytest.raises(InvalidOptionError, match="must have one output; it has 2, 'left', 'right'"):
        as_member(both, name="t", **options).predict(np.array(IDS), x)
    with pytest.raises(DataError, match=r"takes the inputs \['a', 'b'\]; received \['a'\]"):
        right.predict(np.array(IDS), {"a": x["a"]})
    with pytest.raises(DataError, match=r"takes the inputs \['a', 'b'\]; received 1 without names"):
        right.predict(np.array(IDS), x["a"])


def test_a_damaged_file_and_an_option_of_another_model_are_refused(means, tmp_path):
    (tmp_path / "no.onnx").write_bytes(b"nothing")
    with pytest.raises(InvalidOptionError, match=r"no\.onnx' cannot be opened by ONNX Runtime"):
        as_member(tmp_path / "no.onnx", name="no", classes=CLASSES, activation="softmax")
    with pytest.raises(InvalidOptionError, match="device is for PyTorch modules; member 'm' is of the type Inference"):
        as_member(means, name="m", classes=CLASSES, activation="softmax", device="cpu")


def test_probabilities_get_no_second_softmax_and_failures_name_the_member(means, tmp_path):
    nodes = [("Softmax", ["x"], ["probas"], {"axis": 1})]
    path = write(tmp_path / "p.onnx", nodes, {"x": ["n", 2]}, {"probas": ["n", 2]})
    twice = as_member(path, name="twice", classes=CLASSES, activation="softmax")
    with pytest.raises(InvalidOptionError, match="'twice' gives probabilities already; received activation='softmax'"):
        twice.predict(np.array(["a", "b"]), np.array([[0.0, 1.0], [0.0, 2.0]]))
    names = {"ensemblekit.classes": json.dumps(CLASSES)}
    ours = write(tmp_path / "o.onnx", nodes, {"x": ["n", 2]}, {"probas": ["n", 2]}, **names)
    with pytest.raises(InvalidOptionError, match="'ours' gives probabilities already"):
        as_member(ours, name="ours", activation="softmax")
    last = as_member(means, name="last", classes=CLASSES, activation="softmax")
    with pytest.raises(CompatibilityError, match=r"'last' cannot run on inputs of shape \[\(5, 4, 3, 2\)\]: Invalid"):
        last.predict(np.array(IDS), IMAGES)


def test_fractions_are_not_cut_off_for_a_model_of_whole_numbers(tmp_path):
    nodes = [("Cast", ["x"], ["logits"], {"to": FLOAT})]
    path = write(tmp_path / "w.onnx", nodes, {"x": ["n", 2]}, {"logits": ["n", 2]})
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.UINT8
    onnx.save(model, path)
    member = as_member(path, name="w", classes=CLASSES, activation="softmax")
    expected = as_member(path, name="w", classes=CLASSES, activation="softmax").predict(np.array(["a"]), [[3.0, 2.0]])
    np.testing.assert_array_equal(member.predict(np.array(["a"]), [[2.7, 2.2]]), expected)
    with pytest.raises(DataError, match="takes whole numbers, uint8; received fractions from 0 to 1"):
        member.predict(np.array(["a"]), [[0.7, 0.2]])
