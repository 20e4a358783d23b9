"""Linear final estimators as Dense layers say what scikit-learn says; what is not linear is refused."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import (
    ElasticNet,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    RidgeCV,
    SGDClassifier,
    TweedieRegressor,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures, StandardScaler

from ensemblekit import Predictions, combine, fit_combiner, load_plugins
from ensemblekit.errors import CompatibilityError
from tests.backends import BACKEND

keras = pytest.importorskip("keras")
pytestmark = pytest.mark.keras
DRAW = np.random.default_rng(0)


def cube(n_classes, task="multiclass"):
    probas = DRAW.dirichlet(np.ones(n_classes), (3, 60))
    classes = [f"c{k}" for k in range(n_classes)]
    labels = np.asarray(classes)[DRAW.integers(0, n_classes, 60)]
    if task == "multilabel":
        probas, labels = DRAW.uniform(size=(3, 60, n_classes)), DRAW.integers(0, 2, (60, n_classes))
    if task == "regression":
        probas = DRAW.uniform(size=(3, 60, n_classes))
        labels = np.abs(probas.sum(axis=0) + DRAW.normal(size=(60, n_classes)) / 10)
    return [
        Predictions(p, ids=range(60), classes=classes, task=task, member=f"m{k}", labels=labels)
        for k, p in enumerate(probas)
    ]


# The other backends of Keras compute in float32.
RTOL = 1e-7 if BACKEND == "tensorflow" else 1e-4


def check(predictions, estimator, **options):
    stacked = fit_combiner(predictions, "stacking", final_estimator=estimator, **options)
    assert "graphable" in stacked.traits
    expected = combine(predictions, stacked).probas
    given = np.stack([p.probas for p in predictions])
    received = stacked.combine(keras.ops.convert_to_tensor(given), task=predictions[0].task, xp=keras.ops)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(received), expected, rtol=RTOL, atol=RTOL / 100)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(), LinearDiscriminantAnalysis(),
        SGDClassifier(loss="log_loss", random_state=0), make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(MinMaxScaler(), StandardScaler(with_mean=False), LogisticRegression()), DummyClassifier(),
    ],
    ids=lambda e: type(e).__name__,
)  # fmt: skip
def test_classifiers(estimator, n_classes):
    check(cube(n_classes), estimator)


def test_inputs_averaged_or_without_the_first_class():
    check(cube(4), LogisticRegression(), inputs="average")
    check(cube(4), LogisticRegression(), drop_first=True)


def test_a_class_that_the_final_estimator_never_saw():
    predictions = cube(4)
    labels = np.where(predictions[0].labels == "c2", "c0", predictions[0].labels)
    check(
        [Predictions(p.probas, ids=p.ids, classes=p.classes, member=p.member, labels=labels) for p in predictions],
        LogisticRegression(),
    )


def test_labels_one_at_a_time():
    check(cube(3, "multilabel"), LogisticRegression())


@pytest.mark.parametrize(
    "estimator",
    [
        RidgeCV(), LinearRegression(), ElasticNet(0.01), PoissonRegressor(), TweedieRegressor(power=0),
        TweedieRegressor(power=1.5), make_pipeline(StandardScaler(), LinearRegression()),
    ],
    ids=lambda e: type(e).__name__,
)  # fmt: skip
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_regressors(estimator, n_outputs):
    check(cube(n_outputs, "regression"), estimator)


@pytest.mark.parametrize(
    "estimator",
    [RandomForestClassifier(3), GaussianNB(), make_pipeline(PolynomialFeatures(), LogisticRegression())],
    ids=lambda e: type(e).__name__,
)
def test_what_is_not_linear_promises_no_graph_and_is_refused(estimator):
    predictions = cube(3)
    stacked = fit_combiner(predictions, "stacking", final_estimator=estimator)
    assert "graphable" not in stacked.traits
    with pytest.raises(CompatibilityError, match="final_estimator must be linear to stand in a graph"):
        stacked.combine(keras.ops.zeros((3, 2, 3)), xp=keras.ops)


def test_features_are_not_in_the_graph():
    stacked = load_plugins().create_combiner("stacking", passthrough=True)
    assert "graphable" not in stacked.traits
