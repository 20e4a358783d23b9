"""Logits are never taken for probabilities, though they lie in [0, 1]: at each door, the loss or the layers say it."""

import functools

import numpy as np
import pytest

from ensemblekit import KerasClassifier, as_member, collect, export_fused, fuse
from ensemblekit.assembly import load_keras_file
from ensemblekit.errors import CompatibilityError, InvalidOptionError, InvalidPredictionsError
from ensemblekit.predicting import open_model

keras = pytest.importorskip("keras")
layers, losses, ops = keras.layers, keras.losses, keras.ops
pytestmark = pytest.mark.keras

LOGIT = 0.3
CHANCE = 1 / (1 + np.exp(-LOGIT))  # 0.574, by hand
X = np.random.default_rng(0).uniform(size=(4, 3)).astype("float32")
IDS = list("abcd")
OF_LOGITS = {
    "object": losses.BinaryCrossentropy(from_logits=True),
    "focal": losses.BinaryFocalCrossentropy(from_logits=True),
    "listed": [losses.BinaryCrossentropy(from_logits=True)],
    "partial": functools.partial(losses.binary_crossentropy, from_logits=True),
}


class Squashed(layers.Layer):
    """A layer of the user's own, which ends in a sigmoid."""

    def call(self, x):
        return ops.sigmoid(x)


class Trained(layers.Layer):
    """The same with weights."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 1), initializer="ones")

    def call(self, x):
        return ops.sigmoid(x @ self.kernel)


class Own(keras.Model):
    """A model with Python code of its own, which does not say what it gives."""

    def __init__(self):
        super().__init__()
        self.dense = dense(1)

    def call(self, x):
        return self.dense(x)


def dense(n_outputs, activation=None, value=LOGIT, **options):
    constant = keras.initializers.Constant(value)
    return layers.Dense(n_outputs, activation, kernel_initializer="zeros", bias_initializer=constant, **options)


def net(*parts, loss=None, n_inputs=3):
    model = keras.Sequential([keras.Input((n_inputs,)), *parts])
    if loss is not None:
        model.compile("adam", loss)
    return model


def doors(model, tmp_path, classes=("no", "yes")):
    """What each door says of the first sample."""
    fused = fuse({"m": model}, "mean", classes=classes)
    to = tmp_path / "m.keras"
    export_fused({"m": model}, "mean", to=to, inputs=X, classes=classes)
    return {
        "collect": collect({"m": model}, (IDS, X), classes=classes).member_probas[0][0],
        "member": as_member(model, name="m", classes=classes).predict(np.array(IDS), X)[0],
        "fuse": np.asarray(fused(X))[0],
        "export": np.asarray(load_keras_file(to)(X))[0],
    }


@pytest.mark.parametrize("loss", OF_LOGITS)
def test_each_form_of_a_loss_is_read(loss):
    member = as_member(net(dense(1), loss=OF_LOGITS[loss]), name="m", classes=["no", "yes"])
    np.testing.assert_allclose(member.predict(np.array(IDS), X)[0], [1 - CHANCE, CHANCE], atol=1e-6)


def test_one_logit_becomes_a_probability_at_each_door(tmp_path):
    model = net(dense(1), loss=OF_LOGITS["object"])
    for door, said in doors(model, tmp_path).items():
        np.testing.assert_allclose(said, [1 - CHANCE, CHANCE], atol=1e-6, err_msg=door)
    said = KerasClassifier(model, epochs=0, initial_weights="given").fit(X, ["no", "yes"] * 2).predict_proba(X)[0]
    np.testing.assert_allclose(said, [1 - CHANCE, CHANCE], atol=1e-6)


def test_the_loss_is_read_in_a_file_that_is_not_compiled(tmp_path):
    net(dense(1), loss=OF_LOGITS["object"]).save(tmp_path / "m.keras")
    loaded = load_keras_file(tmp_path / "m.keras")
    assert not loaded.compiled
    said = collect({"m": loaded}, (IDS, X), classes=["no", "yes"]).member_probas[0]
    np.testing.assert_allclose(said[:, 1], CHANCE, atol=1e-6)


@pytest.mark.parametrize(
    "parts",
    [
        [dense(1)],
        [dense(1, "relu")],
        [dense(1), layers.Activation("linear")],
        [dense(1), layers.Rescaling(1.0)],
        [net(dense(1))],
        [layers.Reshape((3, 1)), layers.TimeDistributed(dense(1)), layers.GlobalAveragePooling1D()],
    ],
    ids=["dense", "relu", "linear", "layer", "nested", "over time"],
)
def test_one_output_that_may_be_a_logit_is_refused_at_each_door(parts, tmp_path):
    model = net(*parts)
    rule = r"one output must be a probability, from 0 to 1; member 'm' ends in .*\. Put a sigmoid behind it"
    for door in (
        lambda: fuse({"m": model}, "mean", classes=["no", "yes"]),
        lambda: collect({"m": model}, (IDS, X), classes=["no", "yes"]),
        lambda: as_member(model, name="m", classes=["no", "yes"]),
        lambda: export_fused({"m": model}, "mean", to=tmp_path / "m.keras", inputs=X, classes=["no", "yes"]),
    ):
        with pytest.raises(CompatibilityError, match=rule):
            door()


@pytest.mark.parametrize(
    "parts",
    [
        [dense(1, "sigmoid")],
        [dense(1), layers.Activation("sigmoid")],
        [dense(1), layers.Activation("sigmoid"), layers.Activation("linear"), layers.Dropout(0.5)],
        [dense(1), Squashed()],
        [net(dense(1), Squashed()), layers.Reshape((1,))],
        [layers.Reshape((3, 1)), layers.TimeDistributed(dense(1, "sigmoid")), layers.GlobalAveragePooling1D()],
    ],
    ids=["dense", "activation", "passed on", "own", "nested", "over time"],
)
def test_one_output_of_a_sigmoid_is_a_probability(parts, tmp_path):
    model = net(*parts)
    for said in (
        collect({"m": model}, (IDS, X), classes=["no", "yes"]).member_probas[0][0],
        np.asarray(fuse({"m": model}, "mean", classes=["no", "yes"])(X))[0],
    ):
        np.testing.assert_allclose(said, [1 - CHANCE, CHANCE], atol=1e-6)


def graph(function):
    given = keras.Input((3,))
    return keras.Model(given, function(given))


@pytest.mark.parametrize(
    ("function", "is_bound"),
    [
        (lambda x: ops.sigmoid(dense(1)(x)), True),
        (lambda x: 1 / (1 + ops.exp(-dense(1)(x))), True),
        (lambda x: layers.Average()([dense(1, "sigmoid")(x), Squashed()(dense(1)(x))]), True),
        (lambda x: dense(3, "softmax")(x)[:, 1:2], True),
        (lambda x: ops.sum(dense(3, "softmax")(x)[:, 1:], axis=-1, keepdims=True), True),
        (lambda x: (dense(1, "tanh")(x) + 1) / 2, True),
        (Trained(), True),
        (layers.Lambda(lambda x: ops.sigmoid(x[:, :1])), True),
        (lambda x: ops.add(dense(1, "sigmoid")(x), dense(1, "sigmoid")(x)), False),
        (lambda x: ops.multiply(dense(1)(x), 0.5), False),
        (lambda x: dense(1, "tanh")(x) * 1.0, False),
        (layers.Lambda(lambda x: x[:, :1]), False),
    ],
)  # fmt: skip
def test_layers_that_cannot_leave_the_unit_interval_are_found(function, is_bound):
    model = graph(function)
    if is_bound:
        assert as_member(model, name="m", classes=["no", "yes"]).predict(np.array(IDS), X).shape == (4, 2)
    else:
        with pytest.raises(CompatibilityError, match="no activation that is known"):
            as_member(model, name="m", classes=["no", "yes"])


def test_a_model_with_code_of_its_own_is_read_by_its_loss_and_else_by_what_the_user_says():
    model = Own()
    with pytest.raises(CompatibilityError, match="one output must be a probability"):
        collect({"m": model}, (IDS, X), classes=["no", "yes"])
    told = as_member(model, name="m", classes=["no", "yes"], activation="sigmoid")
    model.compile("adam", losses.BinaryCrossentropy(from_logits=True))
    for member in (told, as_member(model, name="m", classes=["no", "yes"])):
        np.testing.assert_allclose(member.predict(np.array(IDS), X)[0], [1 - CHANCE, CHANCE], atol=1e-6)


@pytest.mark.parametrize("value", [1 / 3, pytest.param(0.9, marks=pytest.mark.slow)])
def test_several_logits_go_through_a_softmax_though_their_sum_is_one(value, tmp_path):
    # By hand: outputs that are equal are one third each; so the first is raised by log 2.
    logits = keras.initializers.Constant(value)
    last = layers.Dense(3, kernel_initializer="zeros", bias_initializer=logits)
    model = net(last, loss=losses.SparseCategoricalCrossentropy(from_logits=True))
    last.bias.assign(last.bias + np.array([np.log(2), 0, 0]))
    for door, said in doors(model, tmp_path, classes=("a", "b", "c")).items():
        np.testing.assert_allclose(said, [0.5, 0.25, 0.25], atol=1e-6, err_msg=door)


@pytest.mark.parametrize("value", [-0.19, 0.3])
def test_logits_of_labels_are_refused_or_go_through_a_sigmoid(value):
    labels = ["cough", "fever", "rash"]
    plain, compiled = net(dense(3, value=value)), net(dense(3, value=value), loss=OF_LOGITS["object"])
    for door in (
        lambda: fuse({"m": plain}, "mean", classes=labels, task="multilabel"),
        lambda: as_member(plain, name="m", classes=labels, task="multilabel"),
    ):
        with pytest.raises(CompatibilityError, match=r"outputs of labels must be .*'linear', so that logits"):
            door()
    said = fuse({"m": compiled}, "mean", classes=labels, task="multilabel")(X)
    np.testing.assert_allclose(np.asarray(said), 1 / (1 + np.exp(-value)), atol=1e-6)


def test_labels_that_leave_the_unit_interval_are_refused_whatever_the_user_says():
    member = as_member(
        net(dense(3, value=-0.19)), name="m", classes=list("abc"), task="multilabel", activation="linear"
    )
    with pytest.raises(
        InvalidPredictionsError, match=r"a probability a label, .* 'm' gave .*-0\.19.* a sigmoid behind"
    ):
        fuse({"m": member}, "mean", task="multilabel")


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (net(dense(1, "softmax")), {}, "softmax over one output is 1 for every row"),
        (net(dense(1)), {"activation": "softmax"}, "softmax over one output is 1 for every row"),
        (net(dense(2), loss=OF_LOGITS["object"]), {}, "2 outputs, and a binary loss of each by itself"),
    ],
)
def test_outputs_that_cannot_be_classes_are_refused(model, options, message):
    with pytest.raises(CompatibilityError, match=message):
        as_member(model, name="m", classes=["no", "yes"], **options)


def test_what_the_user_says_comes_before_what_is_found():
    model = net(dense(1), loss=OF_LOGITS["object"])
    linear = as_member(model, name="m", classes=["no", "yes"], activation="linear")
    np.testing.assert_allclose(linear.predict(np.array(IDS), X)[0], [1 - LOGIT, LOGIT], atol=1e-6)
    np.testing.assert_allclose(np.asarray(fuse({"m": linear}, "mean")(X))[0], [1 - LOGIT, LOGIT], atol=1e-6)
    logits = as_member(lambda x: np.full((len(x), 1), LOGIT), name="m", classes=["no", "yes"], activation="sigmoid")
    np.testing.assert_allclose(logits.predict(np.array(IDS), X)[0], [1 - CHANCE, CHANCE], atol=1e-6)
    with pytest.raises(InvalidOptionError, match="activation is for models that give logits; member 'n'"):
        as_member(logits, name="n", activation="sigmoid")


def test_the_loss_of_the_chosen_output_is_read():
    given = keras.Input((3,))
    for made in ([dense(1, name="left"), dense(1, "sigmoid", name="right")], {"l": dense(1), "r": dense(1, "sigmoid")}):
        model = keras.Model(given, keras.tree.map_structure(lambda layer: layer(given), made))
        first, second = ("l", "r") if isinstance(made, dict) else ("left", "right")
        model.compile("adam", {first: OF_LOGITS["object"], second: "binary_crossentropy"})
        said = [
            as_member(model, name="m", classes=["no", "yes"], output_name=one).predict(np.array(IDS), X)[0, 1]
            for one in (first, second)
        ]
        np.testing.assert_allclose(said, [CHANCE, CHANCE], atol=1e-6)


IMAGE = np.zeros((2, 2, 2, 3), dtype="float32")


def image_net(*parts, loss=None):
    model = keras.Sequential([keras.Input((2, 2, 3)), layers.Flatten(), *parts])
    if loss is not None:
        model.compile("adam", loss)
    return model


def test_an_opened_model_says_the_same(tmp_path):
    compiled = image_net(dense(1), loss=OF_LOGITS["object"])
    compiled.save(tmp_path / "m.keras")
    fuse({"m": compiled}, "mean", classes=["no", "yes"]).save(tmp_path / "fused.keras")
    for opened in (
        open_model(compiled, classes=["no", "yes"]),
        open_model(tmp_path / "m.keras", classes=["no", "yes"]),
        open_model(image_net(dense(1)), classes=["no", "yes"], activation="sigmoid"),
        open_model(image_net(dense(1, "sigmoid")), classes=["no", "yes"]),
        open_model(tmp_path / "fused.keras"),
    ):
        np.testing.assert_allclose(opened.predict(IMAGE)[0], [1 - CHANCE, CHANCE], atol=1e-6)
    with pytest.raises(CompatibilityError, match="one output must be a probability"):
        open_model(image_net(dense(1)), classes=["no", "yes"])


def test_an_opened_model_knows_its_task(tmp_path):
    labels = ["cough", "fever", "rash"]
    net = image_net(dense(3, "sigmoid"))
    fuse({"m": net}, "mean", classes=labels, task="multilabel").save(tmp_path / "fused.keras")
    for opened in (open_model(tmp_path / "fused.keras"), open_model(net, classes=labels, task="multilabel")):
        assert opened.task == "multilabel"
        np.testing.assert_allclose(opened.predict(IMAGE)[0], CHANCE, atol=1e-6)
    with pytest.raises(InvalidOptionError, match="'fused' knows its task, 'multilabel'; received 'multiclass'"):
        open_model(tmp_path / "fused.keras", task="multiclass")
    with pytest.raises(InvalidOptionError, match="activation is for models that were made elsewhere; 'fused'"):
        open_model(tmp_path / "fused.keras", activation="sigmoid")
    with pytest.raises(InvalidOptionError, match="task must be given when a model is opened"):
        open_model(open_model(tmp_path / "fused.keras"), task="multilabel")
