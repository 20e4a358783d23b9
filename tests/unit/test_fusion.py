"""Several Keras models and a combiner become one: the same to rounding, whatever they are made of, or refused."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from ensemblekit import (
    AlignmentError,
    EnsembleClassifier,
    EnsembleRegressor,
    InvalidOptionError,
    KerasClassifier,
    Predictions,
    as_member,
    combine,
    export_fused,
    fit_combiner,
    fuse,
    load_plugins,
)
from ensemblekit.errors import CompatibilityError, InvalidPredictionsError, NotFittedError, OutputExistsError
from ensemblekit.fusion import class_names, member_names, with_members
from ensemblekit.fusion.layer_names import _unescape, escape
from tests.backends import BACKEND, needs_tensorflow

keras = pytest.importorskip("keras")
layers = keras.layers
pytestmark = pytest.mark.keras

REGISTRY = load_plugins()
CLASSES = ("cat", "large dog", "owl")
GRAPHABLE = sorted(
    r.name for r in REGISTRY.registrations
    if r.kind == "combiner" and "graphable" in REGISTRY.create_combiner(r.name).traits
    and "multiclass" in REGISTRY.create_combiner(r.name).tasks
)  # fmt: skip
X = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
IMAGES = np.random.default_rng(1).uniform(0, 255, (6, 16, 16, 3)).astype(np.float32)


def net(seed, n=3, activation="softmax", width=6, dtype=None):
    keras.utils.set_random_seed(seed)
    stack = [
        keras.Input((width,)),
        layers.Dense(8, "relu", dtype=dtype),
        layers.Dropout(0.5),
        layers.Dense(n, activation),
    ]
    return keras.Sequential(stack, name="net")


def backbone(seed=0):
    keras.utils.set_random_seed(seed)
    pixels = keras.Input((16, 16, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(pixels)
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, activation="relu")(x))
    made = keras.Model(pixels, layers.GlobalMaxPooling2D()(keras.ops.relu(x + 0.5)), name="backbone")
    made.trainable = False
    return made


def image_net(seed, of):
    keras.utils.set_random_seed(seed)
    pixels = keras.Input((16, 16, 3))
    x = layers.RandomRotation(0.2)(layers.RandomFlip(seed=seed)(pixels))
    x = layers.Dropout(0.3)(layers.Dense(5, "relu")(of(x)))
    return keras.Model(pixels, layers.Dense(3, "softmax")(x), name="net")


def said_by(members, x, classes=CLASSES, **fields):
    ids = np.arange(len(x))
    return [
        Predictions(m.predict(x, verbose=0), ids=ids, classes=classes, member=n, **fields) for n, m in members
    ]  # fmt: skip


@pytest.fixture(scope="module")
def members():
    return [("b", net(1)), ("a/ü", net(2)), ("c", net(3))]


@pytest.fixture(scope="module")
def said(members):
    return said_by(members, X, labels=np.random.default_rng(0).choice(CLASSES, len(X)))


def fitted(name, said, **options):
    combiner = REGISTRY.create_combiner(name, **options)
    return fit_combiner(said, combiner) if "learns" in combiner.traits else combiner


@pytest.mark.parametrize(
    # The graphs of rules that learn nothing are those of test_backends.py.
    "name",
    [n if n == "stacking" else pytest.param(n, marks=pytest.mark.slow) for n in GRAPHABLE],
)
def test_every_graph_says_what_combine_says_and_comes_back_the_same(name, members, said, tmp_path):
    combiner = fitted(name, said)
    fused = fuse(members, combiner, classes=CLASSES)
    answer = fused.predict(X, verbose=0)
    np.testing.assert_allclose(answer, combine(said, combiner).probas, atol=1e-6)
    fused.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras", safe_mode=True)
    assert again.predict(X, verbose=0).tobytes() == answer.tobytes()
    assert class_names(again) == CLASSES
    assert member_names(again) == ("b", "a/ü", "c")


WITHOUT_US = """
import sys, json, numpy as np
{load}
x = np.load("x.npy")
np.save("out.npy", np.asarray({run}))
assert not [m for m in sys.modules if m.startswith("ensemblekit")]
"""


@pytest.mark.parametrize(
    ("file", "load", "run"),
    [
        pytest.param(
            "m.keras", "import keras; m = keras.models.load_model('m.keras')", "m.predict(x, verbose=0)",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "m", "import tensorflow as tf; m = tf.saved_model.load('m')", "m.serve(x)", marks=pytest.mark.slow
        ),
        pytest.param(
            "m.tflite", "from tensorflow.lite.python.interpreter import Interpreter as I; m = I('m.tflite')",
            "m.get_signature_runner()(inputs=x)['output_0']", marks=pytest.mark.slow,
        ),
        ("m.onnx", "import onnxruntime as o; m = o.InferenceSession('m.onnx')", "m.run(['probas'], {'inputs': x})[0]"),
    ],
)  # fmt: skip
def test_what_is_exported_runs_where_we_are_not_installed(file, load, run, members, said, tmp_path):
    if BACKEND != "tensorflow" and not file.endswith("keras"):
        pytest.skip("SavedModel, ONNX and LiteRT are written by TensorFlow")
    if file.endswith("onnx"):
        pytest.importorskip("onnxruntime")
        pytest.importorskip("tf2onnx")
    if file.endswith("tflite") and Version(keras.__version__) < Version("3.13"):
        pytest.skip("Keras 3.12 writes no LiteRT files")
    combiner = fitted("stacking", said)
    (kept,) = export_fused(members, combiner, to=tmp_path / file, inputs=X, classes=CLASSES)
    assert kept.max_difference < 1e-6
    assert kept.n_bytes > 1000
    np.save(tmp_path / "x.npy", X)
    code = WITHOUT_US.format(load=load, run=run)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), combine(said, combiner).probas, atol=1e-6)
    if file == "m":
        names = json.loads((tmp_path / "m" / "assets.extra" / "ensemblekit.json").read_text())
        assert (names["classes"], names["members"]) == (list(CLASSES), ["b", "a/ü", "c"])


def test_a_file_that_says_something_else_is_not_kept(members, said, tmp_path):
    (tmp_path / "m.keras").write_text("what was there")
    with pytest.raises(
        CompatibilityError, match=r"\w+\.keras \(keras\) must give the probabilities .* Nothing was kept"
    ):
        export_fused(
            members, fitted("dempster_shafer", said), to=[tmp_path / "sub.keras", tmp_path / "m.keras"], inputs=X,
            classes=CLASSES, tolerance=1e-12, overwrite=True,
        )  # fmt: skip
    assert [p.name for p in tmp_path.iterdir()] == ["m.keras"]
    assert (tmp_path / "m.keras").read_text() == "what was there"


@needs_tensorflow
def test_nothing_is_replaced_unasked(members, tmp_path):
    (tmp_path / "m.keras").write_text("mine")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputExistsError, match="is there already"):
        export_fused(members, "mean", to=tmp_path / "m.keras", inputs=X, classes=CLASSES)
    with pytest.raises(OutputExistsError, match=r"replaces a SavedModel of ensemblekit only; '.*folder' is none"):
        export_fused(members, "mean", to=tmp_path / "folder", inputs=X, classes=CLASSES, overwrite=True)
    with pytest.raises(InvalidOptionError, match=r"ends in \.keras, \.onnx or \.tflite.*received 'm\.h5'"):
        export_fused(members, "mean", to=tmp_path / "m.h5", inputs=X, classes=CLASSES)
    with pytest.raises(InvalidOptionError, match="at least one sample"):
        export_fused(members, "mean", to=tmp_path / "n.keras", inputs=X[:0], classes=CLASSES)


def test_a_backbone_that_members_share_is_there_once():
    one = backbone()
    twin = keras.models.clone_model(one)
    twin.set_weights(one.get_weights())
    pair = [("a", image_net(1, one)), ("b", image_net(2, twin))]
    fused = fuse(pair, "mean", classes=CLASSES)
    assert sum(isinstance(layer, layers.Conv2D) for layer in fused.layers) == 1
    assert sum(isinstance(layer, layers.Dense) for layer in fused.layers) == 4
    np.testing.assert_allclose(
        fused.predict(IMAGES, verbose=0), combine(said_by(pair, IMAGES), "mean").probas, atol=1e-6
    )
    assert fused.count_params() < sum(m.count_params() for _, m in pair)


def test_a_backbone_of_other_weights_or_options_is_another():
    one, other = backbone(), backbone()
    kernel = other.layers[2].get_weights()
    kernel[1][0] = np.nextafter(kernel[1][0], np.float32(1))
    other.layers[2].set_weights(kernel)
    pair = [("a", image_net(1, one)), ("b", image_net(2, other))]
    fused = fuse(pair, "mean", classes=CLASSES)
    assert sum(isinstance(layer, layers.Conv2D) for layer in fused.layers) == 2

    def scaled(scale):
        x = keras.Input((6,))
        return keras.Model(x, net(1)(layers.Rescaling(scale)(x)))

    fused = fuse([("a", scaled(1.0)), ("b", scaled(2.0))], "mean", classes=CLASSES)
    assert sum(isinstance(layer, layers.Rescaling) for layer in fused.layers) == 2


def test_members_are_left_as_they_are(members):
    before = [(m.get_config(), m.get_weights(), [layer.name for layer in m.layers]) for _, m in members]
    fused = fuse(members, "mean", classes=CLASSES)
    fused.set_weights([w * 0 for w in fused.get_weights()])
    for (config, weights, names), (_, m) in zip(before, members, strict=True):
        assert m.get_config() == config
        assert [layer.name for layer in m.layers] == names
        assert all(np.array_equal(a, b) for a, b in zip(weights, m.get_weights(), strict=True))


@pytest.mark.slow
def test_classes_go_by_name_and_members_of_a_fitted_combiner_too(members):
    orders = {"b": ("cat", "large dog", "owl"), "a/ü": ("owl", "cat", "large dog"), "c": ("cat", "owl", "large dog")}
    ids = np.arange(len(X))
    labels = np.random.default_rng(0).choice(CLASSES, len(X))
    said = [
        Predictions(m.predict(X, verbose=0), ids=ids, classes=orders[n], member=n, labels=labels) for n, m in members
    ]
    for combiner in ("mean", fit_combiner(said, "stacking"), REGISTRY.create_combiner("voting")):
        fused = fuse(members[::-1], combiner, classes=orders)
        together = combine(said, combiner)
        assert class_names(fused) == orders["c"]
        columns = [together.classes.index(c) for c in class_names(fused)]
        np.testing.assert_allclose(fused.predict(X, verbose=0), together.probas[:, columns], atol=1e-6)
        shown = with_members(fused)(X)
        assert list(shown) == ["combined", "c", "a/ü", "b"]
        for one in said:
            own = [one.classes.index(c) for c in class_names(fused)]
            np.testing.assert_allclose(shown[one.member], one.probas[:, own], atol=1e-6)


@given(st.text(max_size=20) | st.integers())
def test_every_name_can_be_read_again(name):
    assert _unescape(escape(name)) == name
    assert not set(escape(name)) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")


@pytest.mark.slow
def test_outputs_of_many_kinds():
    one = [("sigmoid", net(1, 1, "sigmoid")), ("half", net(2, 2, dtype="mixed_float16")), ("whole", net(3, 2))]
    fused = fuse(one, "mean", classes=["no", "yes"])
    first = one[0][1].predict(X, verbose=0)
    rest = [m.predict(X, verbose=0).astype(np.float32) for _, m in one[1:]]
    np.testing.assert_allclose(
        fused.predict(X, verbose=0), np.mean([np.hstack([1 - first, first]), *rest], axis=0), atol=1e-3
    )
    assert fused.output.dtype == "float32"

    labels = [("a", net(1, 3, "sigmoid")), ("b", net(2, 3, "sigmoid"))]
    fused = fuse(labels, "geometric_mean", classes=CLASSES, task="multilabel")
    said = said_by(labels, X, task="multilabel")
    np.testing.assert_allclose(fused.predict(X, verbose=0), combine(said, "geometric_mean").probas, atol=1e-6)

    values = [("a", net(1, 1, None)), ("b", net(2, 1, None))]
    fused = fuse(values, "median", task="regression")
    assert class_names(fused) == ("value",)
    expected = np.mean([m.predict(X, verbose=0) for _, m in values], axis=0)
    np.testing.assert_allclose(fused.predict(X, verbose=0), expected, atol=1e-6)


@pytest.mark.slow
def test_segmentation():
    def unet(seed):
        keras.utils.set_random_seed(seed)
        return keras.Sequential(
            [keras.Input((None, None, 3)), layers.Conv2D(3, 3, padding="same", activation="softmax")]
        )

    pair = [("a", unet(1)), ("b", unet(2))]
    for combiner in ("mean", "voting", "geometric_mean"):
        fused = fuse(pair, combiner, classes=CLASSES)
        expected = combine(said_by(pair, IMAGES), combiner).probas
        np.testing.assert_allclose(fused.predict(IMAGES, verbose=0), expected, atol=1e-6)


@pytest.mark.slow
def test_names_of_operations_do_not_clash():
    def shuffled(seed):
        keras.utils.clear_session()  # names begin anew, as in a process that loads one model
        x = keras.Input((6,))
        return keras.Model(x, keras.ops.take(keras.ops.softmax(layers.Dense(3)(x)), [2, 0, 1], axis=-1))

    pair = [("a", shuffled(1)), ("b", shuffled(2))]
    orders = {"a": CLASSES, "b": CLASSES[::-1]}
    keras.utils.clear_session()
    fused = fuse(pair, "voting", classes=orders)
    said = [Predictions(m.predict(X, verbose=0), ids=range(40), classes=orders[n], member=n) for n, m in pair]
    np.testing.assert_allclose(fused.predict(X, verbose=0), combine(said, "voting").probas, atol=1e-6)


def test_several_inputs_are_shared_by_name(tmp_path):
    def two(seed, *names):
        keras.utils.set_random_seed(seed)
        inputs = [keras.Input((4,), name=name) for name in names]
        x = layers.Concatenate()(inputs) if len(inputs) > 1 else inputs[0]
        return keras.Model(inputs, layers.Dense(3, "softmax")(x))

    trio = [("a", two(1, "age", "dose")), ("b", two(2, "dose", "age")), ("c", two(3, "dose"))]
    rows = {name: np.random.default_rng(0).normal(size=(9, 4)).astype("float32") for name in ("age", "dose")}
    formats = [tmp_path / "m.keras", tmp_path / "m"][: 2 if BACKEND == "tensorflow" else 1]
    kept = export_fused(trio, "mean", to=formats, inputs=rows, classes=CLASSES)
    assert max(k.max_difference for k in kept) < 1e-6
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert {t.name for t in loaded.inputs} == {"age", "dose"}


def test_images_of_several_sizes_are_resized_inside():
    def small(side, seed):
        keras.utils.set_random_seed(seed)
        pixels = keras.Input((side, side, 3))
        flat = layers.Flatten()(layers.Rescaling(1 / 255)(pixels))
        return keras.Model(pixels, layers.Dense(3, "softmax")(flat))

    pair = [("a", small(8, 1)), ("b", small(16, 2))]
    with pytest.raises(CompatibilityError, match=r"member 'a' takes \(8, 8, 3\), member 'b' \(16, 16, 3\)"):
        fuse(pair, "mean", classes=CLASSES)
    fused = fuse(pair, "mean", classes=CLASSES, input_shape=(16, 16, 3))
    resized = np.asarray(keras.ops.image.resize(IMAGES, (8, 8)))
    expected = (pair[0][1].predict(resized, verbose=0) + pair[1][1].predict(IMAGES, verbose=0)) / 2
    np.testing.assert_allclose(fused.predict(IMAGES, verbose=0), expected, atol=1e-6)


@pytest.mark.slow
def test_a_chained_model_and_a_fused_one_are_members_like_others():
    one = backbone()
    first = image_net(1, one)
    chained = REGISTRY.create_chainer("chained").chain(first, REGISTRY.create_head("classifier_head"))
    inner = [("first", first), ("other", image_net(2, one))]
    outer = [("inner", fuse(inner, "mean", classes=CLASSES)), ("chained", chained), ("first", first)]
    fused = fuse(outer, "geometric_mean", classes=CLASSES)
    assert sum(isinstance(layer, layers.Conv2D) for layer in fused.layers) == 1
    assert member_names(fused) == ("inner", "chained", "first")
    expected = combine(said_by(outer, IMAGES), "geometric_mean").probas
    np.testing.assert_allclose(fused.predict(IMAGES, verbose=0), expected, atol=1e-6)


IRIS, CODES = load_iris(return_X_y=True)
IRIS = IRIS.astype(np.float32)
SPECIES = load_iris().target_names[CODES]


def compiled(seed, loss="sparse_categorical_crossentropy", activation="softmax"):
    made = net(seed, 3, activation, width=4)
    made.compile("adam", loss)
    return made


@pytest.mark.slow
def test_a_fitted_ensemble(tmp_path):
    logits = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    members = [
        ("soft", KerasClassifier(compiled(1), epochs=3, seed=0)),
        ("raw", KerasClassifier(compiled(2, logits, None), epochs=3, seed=0)),
    ]
    ensemble = EnsembleClassifier(members, combiner="stacking", cv=2).fit(IRIS, SPECIES)
    fused = fuse(ensemble)
    np.testing.assert_allclose(fused.predict(IRIS, verbose=0), ensemble.predict_proba(IRIS), atol=1e-6)
    assert class_names(fused) == tuple(ensemble.classes_)
    (kept,) = export_fused(ensemble, to=tmp_path / "m.keras", inputs=IRIS)
    assert kept.max_difference < 1e-6

    soft = ensemble.named_estimators_["soft"].model_
    other = as_member(soft, name="soft", classes=["virginica", "setosa", "versicolor"])
    again = EnsembleClassifier([("soft", other), ("more", other)], cv="prefit").fit(IRIS, SPECIES)
    np.testing.assert_allclose(fuse(again).predict(IRIS, verbose=0), again.predict_proba(IRIS), atol=1e-6)

    mixed = EnsembleClassifier([members[0], ("line", LogisticRegression())], cv=2).fit(IRIS, SPECIES)
    with pytest.raises(CompatibilityError, match="member 'line' is a LogisticRegression"):
        fuse(mixed)
    with pytest.raises(NotFittedError, match="must be fitted before it is fused"):
        fuse(EnsembleClassifier(members))
    with pytest.raises(InvalidOptionError, match="brings its own combiner"):
        fuse(ensemble, "mean")


@pytest.mark.slow
def test_a_fitted_regressor():
    made = [net(seed, 1, None, width=3) for seed in (1, 2)]
    for model in made:
        model.compile("adam", "mse")
    pairs = [(str(k), model) for k, model in enumerate(made)]
    ensemble = EnsembleRegressor(pairs, combiner="stacking", cv=2).fit(IRIS[:, :3], IRIS[:, 3])
    fused = fuse(ensemble)
    np.testing.assert_allclose(fused.predict(IRIS[:, :3], verbose=0)[:, 0], ensemble.predict(IRIS[:, :3]), atol=1e-5)


class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3, "softmax")

    def call(self, x):
        return self.dense(x)


def two_outputs():
    x = keras.Input((6,))
    return keras.Model(x, [layers.Dense(3)(x), layers.Dense(3)(x)])


def with_lambda():
    return keras.Sequential(
        [keras.Input((6,)), layers.Lambda(lambda x: x * 2, name="twice"), layers.Dense(3, "softmax")]
    )


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: [("own", Own())], CompatibilityError, "'own' must be a functional or sequential .* Own has"),
        (lambda: [("two", two_outputs())], CompatibilityError, "member 'two' must have one output; it has 2"),
        (lambda: [("l", with_lambda())], CompatibilityError, r"a Lambda layer holds Python code.*'twice' is one"),
        (lambda: [("raw", net(1, 3, None))], InvalidPredictionsError, "member 'raw' gave .* Put a softmax behind it"),
        (lambda: [("four", net(1, 4))], CompatibilityError, "member 'four' has 4 for the 3 classes"),
        (lambda: [("line", LogisticRegression())], CompatibilityError, "member 'line' is a LogisticRegression"),
        (lambda: [("a", net(1)), ("a", net(2))], InvalidOptionError, r"different; received \['a'\] more than once"),
        (lambda: [net(1)], InvalidOptionError, r"members must be \(name, Keras model\) pairs.*received the item"),
        (list, InvalidOptionError, "at least one"),
        (lambda: [("a", net(1)), ("b", net(1, width=5))], CompatibilityError, r"'a' takes \(6,\), member 'b' \(5"),
    ],
)  # fmt: skip
def test_members_that_cannot_be_fused_are_named(make, error, text):
    with pytest.raises(error, match=text):
        fuse(make(), "mean", classes=CLASSES)


@pytest.mark.slow
def test_options_of_the_combiner_may_be_a_mapping(members, tmp_path):
    wanted = fuse(members, "geometric_mean", classes=CLASSES, temperature=2.0).predict(X, verbose=0)
    fused = fuse(members, "geometric_mean", classes=CLASSES, options={"temperature": 2.0}, name="two")
    np.testing.assert_array_equal(fused.predict(X, verbose=0), wanted)
    assert fused.name == "two"
    assert np.abs(fuse(members, "geometric_mean", classes=CLASSES).predict(X, verbose=0) - wanted).max() > 1e-3
    to, options = tmp_path / "m.keras", {"temperature": 2.0}
    (kept,) = export_fused(members, "geometric_mean", to=to, inputs=X, classes=CLASSES, options=options, name="two")
    assert kept.max_difference < 1e-5
    with pytest.raises(InvalidOptionError, match=r"received \['temperature'\] in options= and beside it"):
        fuse(members, "geometric_mean", classes=CLASSES, options=options, temperature=2.0)


def test_combiners_and_classes_that_do_not_fit_are_refused(members, said):
    with pytest.raises(InvalidOptionError, match=r"those of \['b', 'a/ü', 'c'\] have none.*classes=\[\.\.\.\]"):
        fuse(members, "mean")
    with pytest.raises(InvalidOptionError, match="fuse needs a combiner"):
        fuse(members, classes=CLASSES)
    with pytest.raises(NotFittedError, match="'stacking' learns, and must be fitted before it is fused"):
        fuse(members, "stacking", classes=CLASSES)
    with pytest.raises(CompatibilityError, match=r"combiner 'RankAverage' takes no xp=|promises no graph"):
        fuse(members, fitted("rank_average", said), classes=CLASSES)
    with pytest.raises(AlignmentError, match="was fitted on the members"):
        fuse(members[:2], fitted("stacking", said), classes=CLASSES)
    with pytest.raises(AlignmentError, match=r"member 'c' lacks \['owl'\] and has besides \['fox'\]"):
        fuse(members, "mean", classes={"b": CLASSES, "a/ü": CLASSES, "c": ("cat", "large dog", "fox")})
    with pytest.raises(InvalidOptionError, match=r"missing \['c'\], unknown \['d'\]"):
        fuse(members, "mean", classes={"b": CLASSES, "a/ü": CLASSES, "d": CLASSES})
    with pytest.raises(InvalidOptionError, match="makes no sense for the task 'multilabel'"):
        fuse(members, "voting", classes=CLASSES, task="multilabel")
    forest = RandomForestClassifier(5)
    with pytest.raises(CompatibilityError, match=r"final_estimator must be linear .*RandomForestClassifier is not"):
        fuse(members, fitted("stacking", said, final_estimator=forest), classes=CLASSES)


@keras.saving.register_keras_serializable("tests")
class Shifted(layers.Layer):
    """Keeps what it adds where no option tells of it."""

    shift = 0.0

    def call(self, x):
        return x + self.shift


def test_a_layer_that_is_not_what_it_says_is_found_out():
    shifted = Shifted()
    shifted.shift = 3.0
    crooked = keras.Sequential([keras.Input((6,)), layers.Dense(3), layers.Softmax(), shifted])
    with pytest.raises(CompatibilityError, match=r"member 'crooked' must give the same outputs .* differ by 3"):
        fuse([("crooked", crooked)], "mean", classes=CLASSES)
