"""An ONNX file of others is looked through before ONNX Runtime loads it, and whatever fails is one line."""

import json
import os

import numpy as np
import pytest

from ensemblekit import EnsembleKitError, InvalidOptionError, open_model
from ensemblekit.errors import CompatibilityError, NotAFileError

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

helper, T = onnx.helper, onnx.TensorProto
X = np.linspace(0, 255, 5 * 8 * 8 * 3, dtype="float32").reshape(5, 8, 8, 3)


def value(name, kind=T.FLOAT, shape=("n", 8, 8, 3)):
    return helper.make_tensor_value_info(name, kind, shape)


def weights(kind=T.FLOAT, name="w"):
    numbers = np.linspace(-0.01, 0.01, 192 * 2).reshape(192, 2)
    return helper.make_tensor(name, kind, [192, 2], numbers.ravel().tolist())


def make(nodes=None, given=None, result=None, kind=T.FLOAT, more=(), opset=13, meta=None):
    nodes = nodes or [
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["p"]),
    ]
    given = [value("x", kind)] if given is None else given
    result = [value("p", kind, ("n", 2))] if result is None else result
    graph = helper.make_graph(nodes, "g", given, result, [weights(kind), *more])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 8
    if meta is not None:
        helper.set_model_props(model, {"ensemblekit.classes": meta})
    return model


@pytest.fixture
def opened(tmp_path):
    def opened(model, **options):
        path = tmp_path / "m.onnx"
        path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
        return open_model(path, **options)

    return opened


@pytest.mark.parametrize("kind", [T.FLOAT, T.DOUBLE, T.FLOAT16])
def test_a_model_of_any_floating_point_numbers_predicts(opened, kind):
    probas = opened(make(kind=kind), classes=["a", "b"]).predict(X)
    assert probas.shape == (5, 2)
    np.testing.assert_allclose(probas, opened(make(), classes=["a", "b"]).predict(X), atol=2e-3)


@pytest.mark.parametrize("size", [1, 2, 5, 7])
def test_a_model_of_so_many_images_at_a_time_predicts_any_number(opened, size):
    model = make(given=[value("x", shape=(size, 8, 8, 3))], result=[value("p", shape=(size, 2))])
    expected = opened(make(), classes=["a", "b"]).predict(X)
    np.testing.assert_allclose(opened(model, classes=["a", "b"]).predict(X), expected, rtol=1e-6)


def elsewhere(where):
    """Say that values lie in another file, for each place of a model that can hold some."""
    tensor = weights(name=f"of {where}")
    tensor.ClearField("float_data")
    tensor.data_location = T.EXTERNAL
    for key, said in (("location", "../../../../etc/passwd"), ("length", "1536")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, said
    model = make()
    graph = helper.make_graph([helper.make_node("Constant", [], ["y"], value=tensor)], "inner", [], [value("y")])
    match where:
        case "initializer":
            model.graph.initializer.append(tensor)
        case "sparse":
            indices = helper.make_tensor("i", T.INT64, [1], [0])
            model.graph.sparse_initializer.append(helper.make_sparse_tensor(tensor, indices, [192, 2]))
        case "constant":
            model.graph.node.append(helper.make_node("Constant", [], ["y"], value=tensor))
        case "branch":
            model.graph.node.append(helper.make_node("If", ["c"], ["y"], then_branch=graph, else_branch=graph))
        case "function":
            node = helper.make_node("Constant", [], ["y"], value=tensor)
            model.functions.append(helper.make_function("own", "f", [], ["y"], [node], [helper.make_opsetid("", 13)]))
    return model


@pytest.mark.parametrize("where", ["initializer", "sparse", "constant", "branch", "function"])
def test_values_in_other_files_are_refused_wherever_they_stand(opened, where):
    with pytest.raises(InvalidOptionError, match=f"must be one file; .*m.onnx' refers to others for .* 'of {where}'"):
        opened(elsewhere(where), classes=["a", "b"])


ONE = [value("x")]
TWO = [value("p", shape=("n", 2))]
ODD = {
    "two inputs": make(given=[value("x"), value("z")]),
    "two outputs": make(result=[*TWO, value("logits", shape=("n", 2))]),
    "no inputs": make([helper.make_node("Identity", ["w"], ["p"])], given=[], result=[value("p", shape=(192, 2))]),
    "whole numbers": make([helper.make_node("Cast", ["x"], ["p"], to=T.FLOAT)], [value("x", T.UINT8)], [value("p")]),
    "text out": make([helper.make_node("Cast", ["x"], ["p"], to=T.STRING)], result=[value("p", T.STRING)]),
    "text in": make([helper.make_node("Cast", ["x"], ["p"], to=T.FLOAT)], [value("x", T.STRING)], [value("p")]),
    "a sequence": make(
        [helper.make_node("SequenceConstruct", ["x"], ["p"])],
        result=[helper.make_tensor_sequence_value_info("p", T.FLOAT, None)],
    ),
    "no rank": make(given=[helper.make_tensor_value_info("x", T.FLOAT, None)]),
    "a number": make([helper.make_node("ReduceSum", ["x"], ["p"], keepdims=0)], result=[value("p", shape=())]),
    "any size": make(given=[value("x", shape=("n", "h", "w", 3))]),
    "grey": make([helper.make_node("Flatten", ["x"], ["p"])], [value("x", shape=("n", 8, 8, 1))], TWO),
    "channels first": make(given=[value("x", shape=("n", 3, 8, 8))]),
    "images of 10^18 pixels": make(
        [helper.make_node("GlobalAveragePool", ["x"], ["p"])], [value("x", shape=("n", 10**9, 10**9, 3))], [value("p")]
    ),
    "an operation of nobody": make([helper.make_node("Own", ["x"], ["p"], domain="own")]),
    "an operation of no version": make(opset=999),
    "a node without its input": make([helper.make_node("Softmax", ["y"], ["p"])]),
    "values that are not there": make(
        [helper.make_node("Add", ["x", "v"], ["p"])],
        more=[onnx.TensorProto(name="v", data_type=T.FLOAT, dims=[10**6, 8, 8, 3])],
    ),
    "values of no type": make(more=[onnx.TensorProto(name="v", data_type=99, dims=[1])]),
    "values of less than no length": make(
        [helper.make_node("Add", ["x", "v"], ["p"])],
        more=[onnx.TensorProto(name="v", data_type=T.FLOAT, dims=[-(2**62), 2**62])],
    ),
    "no JSON": make(meta="{"),
    "deep JSON": make(meta="[" * 10**5),
    "no list": make(meta="1"),
    "numbers": make(meta="[1.5, 2]"),
    "lists": make(meta="[[1], [2]]"),
    "null": make(meta="null"),
    "equal names": make(meta='["a", "a"]'),
    "too many names": make(meta='["a", "b", "c"]'),
    "nothing": b"",
    "text": b"no model " * 100,
    "zeros": bytes(1000),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ODD)
def test_an_odd_model_is_one_line(opened, kind, capfd):
    model = ODD[kind]
    own = isinstance(model, bytes) or not model.metadata_props
    with pytest.raises(EnsembleKitError) as raised:
        opened(model, **({"classes": ["a", "b"]} if own else {})).predict(X)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 1000
    assert capfd.readouterr().err == ""


@pytest.mark.timeout(60)
def test_a_model_that_is_cut_anywhere_is_one_line(tmp_path):
    whole = make(meta=json.dumps(["a", "b"])).SerializeToString()
    path = tmp_path / "m.onnx"
    for end in range(0, len(whole), max(1, len(whole) // 200)):
        path.write_bytes(whole[:end])
        with pytest.raises(EnsembleKitError):
            open_model(path).predict(X)


@pytest.mark.timeout(20)
def test_what_is_no_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "m.onnx")
    with pytest.raises(NotAFileError, match="is a pipe"):
        open_model(tmp_path / "m.onnx")
    with (tmp_path / "hole.onnx").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(InvalidOptionError, match=f"must take at most .* it would take {2**40}"):
        open_model(tmp_path / "hole.onnx")


def test_a_model_that_fails_as_it_runs_is_one_line(opened):
    gather = [helper.make_node("Gather", ["x", "i"], ["g"], axis=1), helper.make_node("Flatten", ["g"], ["p"])]
    model = make(gather, more=[helper.make_tensor("i", T.INT64, [1], [99])])
    with pytest.raises((CompatibilityError, InvalidOptionError), match=r"fails on images|cannot be opened"):
        opened(model, classes=["a", "b"]).predict(X)
