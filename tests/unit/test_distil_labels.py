"""Students of several labels, and of one sigmoid: one step by hand, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from ensemblekit import AlignmentError, Predictions
from ensemblekit.compressing import distil
from ensemblekit.errors import CompatibilityError, InvalidPredictionsError

keras = pytest.importorskip("keras")

pytestmark = pytest.mark.keras

LABELS = ["cough", "fever", "rash"]
X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
SIGNS = (X[:, :3] > 0).astype(int)
FAST = {"optimizer": "sgd", "epochs": 1, "batch_size": 60}


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


TAUGHT = 0.05 + 0.9 * sigmoid(2.0 * X[:, [1, 2, 3]].astype(np.float64))


def student(n_outputs=3, activation="sigmoid"):
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(n_outputs, activation)])


def teacher(**fields):
    return Predictions(TAUGHT, ids=range(60), classes=LABELS, task="multilabel", **fields)


def step(taught, signs, temperature, label_weight):
    """Compute one step of gradient descent by hand, with the rate 0.01 of Keras's ``sgd``."""
    kernel, bias = (w.astype(np.float64) for w in student(taught.shape[1]).get_weights())
    logits = X @ kernel + bias
    soft = temperature * (sigmoid(logits / temperature) - sigmoid(np.log(taught / (1 - taught)) / temperature))
    gradient = ((1 - label_weight) * soft + label_weight * (sigmoid(logits) - signs)) / taught.shape[1]
    return kernel - 0.01 * X.T @ gradient / len(X)


@pytest.mark.parametrize(("temperature", "label_weight"), [pytest.param(1.0, 0.0, marks=pytest.mark.slow), (2.0, 0.4)])
def test_one_step_of_several_labels_worked_by_hand(temperature, label_weight):
    options = {"temperature": temperature, "label_weight": label_weight, **FAST}
    trained = distil(teacher(), student(), (range(60), X, SIGNS), **options)
    expected = step(TAUGHT, SIGNS, temperature, label_weight)
    assert trained.get_weights()[0] == pytest.approx(expected, abs=1e-6)
    logits = student(activation=None)
    read = distil(teacher(), logits, (range(60), X, SIGNS), from_logits=True, **options)
    assert read.get_weights()[0] == pytest.approx(expected, abs=1e-6)
    # Columns are found by name.
    turned = Predictions(TAUGHT[:, ::-1], ids=range(60), classes=LABELS[::-1], task="multilabel")
    again = distil(turned, student(), (range(60), X, SIGNS), classes=LABELS, **options)
    assert again.get_weights()[0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("label_weight", [0.0, 0.4])
def test_one_sigmoid_learns_the_second_of_two_classes(label_weight):
    p = TAUGHT[:, :1]
    saved = Predictions(np.hstack([1 - p, p]), ids=range(60), classes=["well", "ill"])
    source = range(60), X, np.array(["well", "ill"])[SIGNS[:, 0]]
    trained = distil(saved, student(1), source, temperature=2.0, label_weight=label_weight, **FAST)
    assert trained.get_weights()[0] == pytest.approx(step(p, SIGNS[:, :1], 2.0, label_weight), abs=1e-6)
    other = distil(saved, student(1), source, classes=["ill", "well"], temperature=2.0, label_weight=0.0, **FAST)
    assert other.get_weights()[0] == pytest.approx(step(1 - p, 1 - SIGNS[:, :1], 2.0, 0.0), abs=1e-6)


@pytest.mark.slow
def test_models_of_several_labels_teach_too():
    models = {"a": student(), "b": student()}
    for model in models.values():
        model.set_weights([w + 0.5 for w in model.get_weights()])
    options = {"classes": LABELS, "task": "multilabel", **FAST}
    one = distil(models, student(), (range(60), X), **options)
    alone = distil(models["a"], student(), (range(60), X), **options)
    probas = sigmoid(X @ (models["a"].get_weights()[0]) + 0.5)
    saved = Predictions(probas, ids=range(60), classes=LABELS, task="multilabel")
    by_file = distil(saved, student(), (range(60), X), **FAST)
    for trained in (one, alone):
        assert trained.get_weights()[0] == pytest.approx(by_file.get_weights()[0], abs=1e-6)


@pytest.mark.parametrize(
    ("made", "given", "options", "error", "says"),
    [
        (
            student(activation="softmax"),
            teacher(),
            {},
            CompatibilityError,
            "must end in a sigmoid or in logits",
        ),
        (student(2), teacher(), {}, CompatibilityError, "an output for each of the 3 labels; it has 2"),
        (student(1), teacher(), {}, CompatibilityError, "an output for each of the 3 labels; it has 1"),
        (student(1, None), teacher(), {}, CompatibilityError, "Put a sigmoid behind it, or give from_logits=True"),
        (student(3, None), teacher(), {}, CompatibilityError, r"Put a softmax \(of labels a sigmoid\) behind it"),
        (student(), teacher(), {"label_weight": 0.5}, InvalidPredictionsError, "label_weight needs labels"),
    ],
    ids=["softmax", "few outputs", "one output", "one logit", "logits", "labels"],
)
def test_students_that_cannot_learn_labels_are_refused(made, given, options, error, says):
    with pytest.raises(error, match=says):
        distil(given, made, (range(60), X), **options)


def test_labels_are_columns_of_the_outputs():
    with pytest.raises(InvalidPredictionsError, match=r"a column of 0 and 1 for each of .*of shape \(60, 2\)"):
        distil(teacher(), student(), (range(60), X, SIGNS[:, :2]), label_weight=0.5)
    with pytest.raises(InvalidPredictionsError, match="a column of 0 and 1"):
        distil(teacher(), student(), (range(60), X, 2 * SIGNS), label_weight=0.5)

    class Films:
        classes, split = ("cough", "fever", "pain"), None

        def batches(self, size):
            yield np.array([str(k) for k in range(60)]), X, SIGNS

        def __len__(self):
            return 60

    named = Predictions(TAUGHT, ids=[str(k) for k in range(60)], classes=LABELS, task="multilabel")
    with pytest.raises(AlignmentError, match="labels must be those of the student"):
        distil(named, student(), Films(), label_weight=0.5)
    Films.classes = ("rash", "cough", "fever")
    options = {"label_weight": 0.4, **FAST}
    turned = distil(named, student(), Films(), **options)
    columns = pd.DataFrame(SIGNS, columns=["rash", "cough", "fever"])[LABELS].to_numpy()
    by_hand = distil(named, student(), (named.ids, X, columns), **options)
    assert turned.get_weights()[0] == pytest.approx(by_hand.get_weights()[0], abs=1e-7)
