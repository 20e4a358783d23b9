"""One network of several: averages of weights by hand, renewed statistics, students of models and files."""

import numpy as np
import pytest

from ensemblekit import AlignmentError, InvalidOptionError, LeakageError, Predictions, collect
from ensemblekit.compressing import distil, soup
from ensemblekit.errors import CompatibilityError, InvalidPredictionsError

keras = pytest.importorskip("keras")
layers = keras.layers
pytestmark = pytest.mark.keras

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)).astype("float32")
CLASSES = ["cat", "dog"]


def linear(weight, **options):
    """Make a network of two classes whose logits are 0 and ``weight`` times the first number."""
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, "softmax", **options)])
    kernel = np.zeros((3, 2), dtype="float32")
    kernel[0, 1] = weight
    model.set_weights([kernel, np.zeros(2, dtype="float32")])
    return model


def normalised(seed, units=4):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((3,)), layers.Dense(units), layers.BatchNormalization(), layers.Dense(2)])
    model.layers[1].moving_mean.assign(np.full(units, seed, dtype="float32"))
    return model


def test_the_average_worked_by_hand():
    models = {"one": linear(1.0), "two": linear(2.0), "six": linear(6.0)}
    average = soup(models)
    assert average.members == ("one", "two", "six")
    assert average.table is None
    assert average.model.get_weights()[0][0].tolist() == [0, 3]
    assert models["one"].get_weights()[0][0].tolist() == [0, 1]


def test_the_greedy_average_keeps_what_does_not_harm():
    truth = np.where(X[:, 0] + 0.8 * X[:, 1] > 0, "dog", "cat")
    good, other, bad = linear(1.0), linear(1.0), linear(-9.0)
    kernel = np.zeros((3, 2), dtype="float32")
    kernel[:2, 1] = [0.5, 1.5]
    other.set_weights([kernel, np.zeros(2, dtype="float32")])
    source = (range(60), X, truth)
    found = soup({"bad": bad, "good": good, "other": other}, greedy_on=source, classes=CLASSES)
    assert set(found.members) == {"good", "other"}
    assert found.model.get_weights()[0][:2, 1] == pytest.approx([0.75, 0.75])
    assert found.table["taken"].tolist() == [True, True, False]
    assert found.table["member"].tolist()[2] == "bad"
    # Each value is that of the average itself.
    scored = collect({"soup": found.model}, source, classes=CLASSES)["soup"]
    truths = np.where(scored.label_codes == 1, scored.probas[:, 1], scored.probas[:, 0])
    assert found.table["value"][1] == pytest.approx(-np.log(truths).mean(), rel=1e-5)
    assert found.table["value"][1] < found.table["value"][0]
    by_accuracy = soup({"bad": bad, "good": good}, greedy_on=source, classes=CLASSES, metric="accuracy")
    assert by_accuracy.members == ("good",)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"split": "test"}, "networks are never chosen on the test split"),
        ({"fit_ids": [7]}, r"network '(one|two)' was fitted on 2 of 60, first 6"),
    ],
)
def test_networks_are_not_chosen_on_rows_that_they_know(fields, says):
    truth = np.where(X[:, 0] > 0, "dog", "cat")
    groups = [str(k // 2) for k in range(60)]
    probas = np.tile([0.6, 0.4], (60, 1))
    given = {
        name: Predictions(probas, ids=range(60), classes=CLASSES, labels=truth, groups=groups, **fields)
        for name in ("one", "two")
    }
    models = {"one": linear(1.0), "two": linear(2.0)}
    with pytest.raises(LeakageError, match=says):
        soup(models, greedy_on=given)
    assert soup(models, greedy_on=given, allow_leakage=True).members


def test_predictions_judge_in_place_of_the_average():
    truth = np.where(X[:, 0] > 0, "dog", "cat")
    models = {"bad": linear(-9.0), "good": linear(1.0), "better": linear(3.0)}
    predictions = collect(models, (range(60), X, truth), classes=CLASSES)
    found = soup(models, greedy_on=predictions)
    assert found.members == ("better",)
    assert found.model.get_weights()[0][0, 1] == 3
    assert soup(models, greedy_on={name: predictions[name] for name in models}).members == ("better",)
    with pytest.raises(AlignmentError, match="greedy_on must be of the models"):
        soup({"good": models["good"], "bad": models["bad"]}, greedy_on=predictions)
    with pytest.raises(InvalidPredictionsError, match="judged by labels"):
        soup(models, greedy_on=collect(models, (range(60), X), classes=CLASSES))


def test_statistics_are_those_of_one_pass_with_the_averaged_weights():
    one, two = normalised(1), normalised(2)
    plain, renewed = (
        soup({"one": one, "two": two}),
        soup({"one": one, "two": two}, renew_on=(range(60), X), batch_size=20),
    )
    assert np.asarray(plain.model.layers[1].moving_mean).tolist() == [1.5] * 4
    hidden = np.asarray(renewed.model.layers[0](X)).reshape(3, 20, 4)
    assert np.asarray(renewed.model.layers[1].moving_mean) == pytest.approx(hidden.mean(axis=(0, 1)), abs=1e-5)
    assert np.asarray(renewed.model.layers[1].moving_variance) == pytest.approx(
        hidden.var(axis=1).mean(axis=0), abs=1e-5
    )
    assert renewed.model.layers[1].momentum == one.layers[1].momentum
    for model in (one, two):
        model.layers[1].trainable = False
    frozen = soup({"one": one, "two": two}, renew_on=(range(60), X))
    assert np.asarray(frozen.model.layers[1].moving_mean).tolist() == [1.5] * 4


def scaled(shift):
    scale = layers.Normalization()
    scale.adapt(X + shift)
    return keras.Sequential([keras.Input((3,)), scale, layers.Dense(2)])


def wired(swap):
    given = keras.Input((3,))
    a, b = layers.Dense(3)(given), layers.Dense(3)(given)
    a = layers.Activation("relu")(a)
    return keras.Model(given, layers.Subtract()([b, a] if swap else [a, b]))


@pytest.mark.parametrize(
    ("one", "other", "says"),
    [
        (lambda: linear(1.0), lambda: normalised(0), r"have the shapes \(3, 2\) and \(3, 4\) of .*kernel"),
        (lambda: normalised(0), lambda: normalised(0, 5), r"have the shapes \(3, 4\) and \(3, 5\)"),
        (lambda: linear(1.0), lambda: linear(1.0, kernel_regularizer="l2"), "differ in kernel_regularizer"),
        (lambda: wired(False), lambda: wired(True), "differ in"),
        (lambda: scaled(0), lambda: scaled(1), "must be equal to be averaged; .*mean"),
    ],
    ids=["layers", "shapes", "options", "wires", "adapted"],
)
def test_other_architectures_are_refused(one, other, says):
    with pytest.raises(CompatibilityError, match=says):
        soup({"a": one(), "b": other()})


def test_equal_architectures_of_other_names_are_averaged():
    assert soup({"a": wired(False), "b": wired(False)}).model.count_params() == wired(False).count_params()
    assert soup([("a", scaled(0)), ("b", scaled(0))]).members == ("a", "b")


@pytest.mark.parametrize(
    ("models", "options", "error", "says"),
    [
        ({"a": linear(1.0)}, {}, InvalidOptionError, r"two or more; received \['a'\]"),
        ([linear(1.0)], {}, InvalidOptionError, "received the item"),
        (3, {}, InvalidOptionError, "received int"),
        ({"a": linear(1.0), "b": 3}, {}, CompatibilityError, "'b' is a int"),
        ({"a": linear(1.0), "b": linear(2.0)}, {"metric": "accuracy"}, InvalidOptionError, "Give greedy_on="),
        ({"a": linear(1.0), "b": linear(2.0)}, {"greedy_on": (range(60), X)}, InvalidOptionError, "Give classes="),
    ],
    ids=["one", "nameless", "number", "no model", "metric", "classes"],
)
def test_what_is_no_soup_is_refused(models, options, error, says):
    with pytest.raises(error, match=says):
        soup(models, **options)


def student():
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((3,)), layers.Dense(2, "softmax")])


FAST = {"optimizer": "sgd", "epochs": 1, "batch_size": 60}


def step(temperature, label_weight, teacher, labels):
    """Compute one step of gradient descent by hand, with the rate 0.01 of Keras's ``sgd``."""
    kernel, bias = (w.astype(np.float64) for w in student().get_weights())
    logits = X @ kernel + bias

    def softmax(values):
        powers = np.exp(values - values.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    target = softmax(np.log(teacher) / temperature)
    gradient = (1 - label_weight) * temperature * (softmax(logits / temperature) - target)
    gradient += label_weight * (softmax(logits) - np.eye(2)[labels])
    return kernel - 0.01 * X.T @ gradient / len(X)


@pytest.mark.parametrize(("temperature", "label_weight"), [(1.0, 0.0), (3.0, 0.0), (2.0, 0.4)])
def test_one_step_worked_by_hand(temperature, label_weight):
    p = 0.05 + 0.9 / (1 + np.exp(-X[:, 0].astype(np.float64)))
    teacher, labels = np.column_stack([1 - p, p]), (X[:, 1] > 0).astype(int)
    source = range(60), X, np.array(CLASSES)[labels]
    saved = Predictions(teacher, ids=range(60), classes=CLASSES)
    trained = distil(saved, student(), source, temperature=temperature, label_weight=label_weight, **FAST)
    assert trained.get_weights()[0] == pytest.approx(step(temperature, label_weight, teacher, labels), abs=1e-6)


def test_logits_learn_the_same():
    p = 1 / (1 + np.exp(-X[:, 0]))
    saved = Predictions(np.column_stack([1 - p, p]), ids=range(60), classes=CLASSES)
    logits = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    logits.set_weights(student().get_weights())
    one = distil(saved, student(), (range(60), X), **FAST)
    other = distil(saved, logits, (range(60), X), from_logits=True, **FAST)
    assert one.get_weights()[0] == pytest.approx(other.get_weights()[0], abs=1e-6)


@pytest.mark.slow
def test_a_student_that_is_trained_on_logits_says_so():
    teacher = Predictions(np.tile([0.3, 0.7], (60, 1)), ids=range(60), classes=CLASSES)
    bare = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    options = {"epochs": 1, "batch_size": 60}
    with pytest.raises(CompatibilityError, match="must say whether it gives logits"):
        distil(teacher, bare, (range(60), X), **options)
    told = distil(teacher, bare, (range(60), X), from_logits=True, **options)
    bare.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    read = distil(teacher, bare, (range(60), X), **options)
    np.testing.assert_array_equal(read.get_weights()[0], told.get_weights()[0])


def test_no_student_is_trained_on_the_test_split():
    teacher = Predictions([[0.3, 0.7]], ids=["test/a"], classes=CLASSES)
    with pytest.raises(LeakageError, match="a student is never trained on the test split"):
        distil(teacher, linear(1.0), (["test/a"], X[:1]), epochs=1)
    assert distil(teacher, linear(1.0), (["test/a"], X[:1]), epochs=1, allow_leakage=True) is not None


def test_rows_and_columns_of_the_teacher_are_found_by_name(tmp_path):
    p = 1 / (1 + np.exp(-X[:, 0]))
    ids = [f"r{k}" for k in range(60)]
    saved = Predictions(np.column_stack([1 - p, p]), ids=ids, classes=CLASSES, member="a")
    plain = distil(saved, student(), (ids, X), **FAST).get_weights()[0]
    order = np.random.default_rng(1).permutation(60)
    turned = Predictions(np.column_stack([p, 1 - p])[order], ids=np.array(ids)[order], classes=CLASSES[::-1])
    assert distil(turned, student(), (ids, X), classes=CLASSES, **FAST).get_weights()[0] == pytest.approx(plain)
    turned.save(tmp_path / "teacher.csv")
    path = tmp_path / "teacher.csv"
    assert distil(path, student(), (ids, X), classes=CLASSES, **FAST).get_weights()[0] == pytest.approx(plain, abs=1e-6)
    some = order[:40]
    less = distil(saved, student(), (np.array(ids)[some], X[some]), **FAST)
    assert not np.array_equal(less.get_weights()[0], plain)
    with pytest.raises(AlignmentError, match="it lacks 20 of 60, such as"):
        distil(saved.take(np.array(ids)[some]), student(), (ids, X), **FAST)


@pytest.mark.slow
def test_models_teach_as_their_files_do():
    models = {"a": linear(1.0), "b": linear(4.0)}
    files = collect(models, (range(60), X), classes=CLASSES)
    taught = distil(models, student(), (range(60), X), classes=CLASSES, **FAST).get_weights()[0]
    for teacher in (files, {name: files[name] for name in models}, list(models.items())):
        again = distil(teacher, student(), (range(60), X), classes=CLASSES, **FAST)
        assert again.get_weights()[0] == pytest.approx(taught, abs=1e-6)
    alone = distil(models["a"], student(), (range(60), X), classes=CLASSES, **FAST).get_weights()[0]
    assert np.abs(alone - taught).max() > 1e-4


def test_the_student_itself_is_not_changed():
    given = student()
    given.compile("adam", "categorical_crossentropy")
    before = given.get_weights()
    trained = distil(linear(2.0), given, (range(60), X), classes=CLASSES, **FAST)
    assert np.array_equal(given.get_weights()[0], before[0])
    assert trained.compiled
    assert trained.loss == "categorical_crossentropy"


THREE = Predictions(np.full((60, 3), 1 / 3), ids=range(60), classes=["cat", "dog", "owl"])
TWO = Predictions(np.full((60, 2), 1 / 2), ids=range(60), classes=CLASSES)
NUMBERS = Predictions(np.zeros((60, 1)), ids=range(60), classes=["value"], task="regression")


@pytest.mark.parametrize(
    ("teacher", "options", "error", "says"),
    [
        (THREE, {}, CompatibilityError, "an output for each of the 3 classes; it has 2"),
        (THREE, {"classes": CLASSES}, AlignmentError, "must have the same classes"),
        (NUMBERS, {}, InvalidPredictionsError, "must predict probabilities of classes or labels"),
        (TWO, {"label_weight": 0.5}, InvalidPredictionsError, "label_weight needs labels"),
        (TWO, {"label_weight": 1}, InvalidOptionError, "label_weight must be a number >= 0 and < 1"),
        (TWO, {"temperature": 0}, InvalidOptionError, "temperature must be a finite number > 0"),
        (TWO, {"epochs": 0}, InvalidOptionError, "epochs must be a whole number >= 1"),
    ],
    ids=["outputs", "classes", "regression", "labels", "weight", "temperature", "epochs"],
)
def test_what_cannot_teach_is_refused(teacher, options, error, says):
    with pytest.raises(error, match=says):
        distil(teacher, student(), (range(60), X), **options)


def test_labels_of_other_classes_are_refused():
    with pytest.raises(AlignmentError, match=r"received also 1 \('cow'\)"):
        distil(TWO, student(), (range(60), X, ["cow"] * 60), label_weight=0.5)
