"""`calibrated`: maps found by hand, scikit-learn's calibration, cross-fitting, and the same lines in Keras."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from ensemblekit import Combiner, Predictions, align, combine, fit_combiner
from ensemblekit.errors import InvalidOptionError, NotFittedError
from ensemblekit_plugins.combiners.calibrated import Calibrated
from ensemblekit_plugins.combiners.voting import Voting

METHODS = ["temperature", "vector", "sigmoid", "isotonic"]
ORDERS = ["before", "after"]
every_method = pytest.mark.parametrize("method", METHODS)
either_order = pytest.mark.parametrize("order", ORDERS)
seeds = st.integers(0, 2**32 - 1)


def members(probas, labels=None, task="multiclass", **fields):
    classes = [f"c{c}" for c in range(np.shape(probas)[-1])]
    fields = {"ids": range(np.shape(probas)[1]), "classes": classes, "labels": labels, "task": task, **fields}
    return align(*(Predictions(p, member=f"m{k}", **fields) for k, p in enumerate(probas)))


def draw(seed=0, n=200, n_members=2, n_classes=3, *, axes=(), dtype=np.float64, sharp=3.0):
    """Overconfident members: right more often than not, and surer than they are right."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, n_classes, (n, *axes))
    scores = rng.normal(size=(n_members, n, *axes, n_classes)) + np.eye(n_classes)[codes]
    return members(softmax(sharp * scores, axis=-1).astype(dtype), codes)


def labels_of_several(seed=0, n=200, dtype=np.float64):
    rng = np.random.default_rng(seed)
    labels = rng.random((n, 3)) < 0.4
    return members(expit(3 * (rng.normal(size=(2, n, 3)) + labels - 0.5)).astype(dtype), labels, "multilabel")


def loss(labels, probas):
    return log_loss(labels, probas, labels=np.arange(probas.shape[-1]))


class Probas(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose probabilities are what it is given."""

    def fit(self, x, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, x):
        raise NotImplementedError

    def predict_proba(self, x):
        return x


class Logits(Probas):
    """The same, but for what scikit-learn asks first."""

    def decision_function(self, x):
        return x


def peer(x, y, method, kind=Probas, sample_weight=None):
    frozen = pytest.importorskip("sklearn.frozen").FrozenEstimator(kind().fit(x, y))
    return CalibratedClassifierCV(frozen, method=method).fit(x, y, sample_weight=sample_weight)


# By hand.

BOLD = members([[[0.9, 0.1]] * 4], ["c0", "c0", "c1", "c0"])
"""Says 0.9 always, and is right three times of four."""


@pytest.mark.parametrize("method", ["temperature", "vector", "isotonic"])
@either_order
def test_what_is_said_becomes_what_is_so(method, order):
    # 0.9 ** a / (0.9 ** a + 0.1 ** a) = 0.75 where 9 ** a = 3: the temperature is 2.
    fitted = fit_combiner(BOLD, "calibrated", method=method, order=order)
    np.testing.assert_allclose(fitted.combine(BOLD.member_probas), [[0.75, 0.25]] * 4, atol=1e-7)
    if method == "temperature":
        np.testing.assert_allclose(fitted.maps_[0]["scale"], [0.5], atol=1e-7)


def test_the_sigmoid_has_the_targets_of_platt():
    # 3 rows with the class and 1 without: targets (3 + 1) / (3 + 2) and 1 / (1 + 2), on average 41/60.
    fitted = fit_combiner(BOLD, "calibrated", method="sigmoid")
    first, second = 41 / 60, (3 * 1 / 5 + 2 / 3) / 4
    expected = np.array([first, second]) / (first + second)
    np.testing.assert_allclose(fitted.combine(BOLD.member_probas)[0], expected, atol=1e-7)


def test_weights_count_as_rows():
    # Three times the one wrong row: as many right as wrong.
    fitted = fit_combiner(BOLD, "calibrated", sample_weight=[1, 1, 3, 1])
    np.testing.assert_allclose(fitted.combine(BOLD.member_probas)[0], [0.5, 0.5], atol=2e-3)


@every_method
@either_order
def test_a_row_of_weight_two_is_two_rows_and_of_weight_zero_none(method, order):
    given, asked = draw(n=60), draw(1).member_probas
    times = np.arange(60) % 3
    rows = np.repeat(np.arange(60), times)
    repeated = members(given.member_probas[:, rows], given.label_codes[rows])
    weighted = fit_combiner(given, "calibrated", method=method, order=order, sample_weight=times)
    expected = fit_combiner(repeated, "calibrated", method=method, order=order)
    np.testing.assert_allclose(weighted.combine(asked), expected.combine(asked), atol=1e-5)


def test_a_class_without_a_row_and_rows_that_separate_stay_finite():
    given = members([np.tile(np.eye(3)[:2], (20, 1))], ["c0", "c1"] * 20)
    for method in METHODS:
        result = combine(given, fit_combiner(given, "calibrated", method=method)).probas
        assert result.argmax(axis=-1).tolist() == [0, 1] * 20


# Peers and oracles.


def test_the_temperature_is_scikit_learns():
    pytest.importorskip("sklearn", minversion="1.8")
    given, new = draw(), draw(1)
    fitted = fit_combiner(given, "calibrated")
    for place in range(2):
        reference = peer(given.member_probas[place], given.label_codes, "temperature")
        beta = reference.calibrated_classifiers_[0].calibrators[0].beta_
        np.testing.assert_allclose(fitted.maps_[place]["scale"], beta, rtol=1e-5)
    after = fit_combiner(given, "calibrated", order="after")
    reference = peer(given.member_probas.mean(axis=0), given.label_codes, "temperature")
    expected = reference.predict_proba(new.member_probas.mean(axis=0))
    np.testing.assert_allclose(combine(new, after).probas, expected, atol=1e-6)


@pytest.mark.filterwarnings("ignore:Since FrozenEstimator does not appear:UserWarning")
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_isotonic_and_sigmoid_are_scikit_learns(n_classes, weighted):
    given, new = draw(n_classes=n_classes, n_members=1), draw(1, n_classes=n_classes, n_members=1)
    weights = np.random.default_rng(0).random(200) if weighted else None
    x, y, asked = given.member_probas[0], given.label_codes, new.member_probas[0]
    fitted = fit_combiner(given, "calibrated", method="isotonic", sample_weight=weights)
    expected = peer(x, y, "isotonic", sample_weight=weights).predict_proba(asked)
    np.testing.assert_allclose(fitted.combine(new.member_probas), expected, atol=1e-12)
    scores = (logit(x), logit(asked)) if n_classes > 2 else (logit(x)[:, 1], logit(asked)[:, 1])
    fitted = fit_combiner(given, "calibrated", method="sigmoid", sample_weight=weights)
    expected = peer(scores[0], y, "sigmoid", Logits, sample_weight=weights).predict_proba(scores[1])
    np.testing.assert_allclose(fitted.combine(new.member_probas), expected, atol=1e-4)


def test_vector_scaling_has_the_least_log_loss():
    given = draw(n_members=1)
    fitted = fit_combiner(given, "calibrated", method="vector")
    scale, shift = fitted.maps_[0]["scale"], fitted.maps_[0]["shift"]
    log = np.log(given.member_probas[0])
    least = loss(given.label_codes, softmax(scale * log + shift, axis=-1))
    rng = np.random.default_rng(0)
    for step in 0.01 * rng.normal(size=(50, 2, 3)):
        assert loss(given.label_codes, softmax((scale + step[0]) * log + shift + step[1], axis=-1)) > least - 1e-12
    np.testing.assert_allclose(fitted.combine(given.member_probas), softmax(scale * log + shift, axis=-1), rtol=1e-9)


def test_labels_are_calibrated_each_by_itself():
    given, new = labels_of_several(), labels_of_several(1).member_probas
    x, y = logit(given.member_probas[0]), given.label_codes
    fitted = {m: fit_combiner(given, "calibrated", method=m) for m in METHODS}
    results = {m: fitted[m]._calibrate(fitted[m].maps_, new, "multilabel")[0] for m in METHODS}
    best = minimize_scalar(lambda a: (np.logaddexp(0, a * x) - y * a * x).mean(), bounds=(0.01, 10), method="bounded")
    np.testing.assert_allclose(results["temperature"], expit(best.x * logit(new[0])), atol=1e-4)
    for c in range(3):
        line = LogisticRegression(C=np.inf, tol=1e-9).fit(x[:, [c]], y[:, c])
        np.testing.assert_allclose(
            results["vector"][:, c], line.predict_proba(logit(new[0, :, [c]]).T)[:, 1], atol=1e-4
        )
        steps = IsotonicRegression(out_of_bounds="clip").fit(given.member_probas[0, :, c], y[:, c])
        np.testing.assert_allclose(results["isotonic"][:, c], steps.predict(new[0, :, c]), atol=1e-12)
    for m in METHODS:
        combined = fitted[m].combine(new, task="multilabel")
        members_calibrated = fitted[m]._calibrate(fitted[m].maps_, new, "multilabel")
        np.testing.assert_allclose(combined, members_calibrated.mean(axis=0), rtol=1e-12)


@every_method
@either_order
def test_it_helps_overconfident_members_on_new_rows(method, order):
    given, new = draw(0, 500, 1, sharp=6), draw(1, 500, 1, sharp=6)
    fitted = fit_combiner(given, "calibrated", method=method, order=order)
    before, after = (loss(new.label_codes, combine(new, rule).probas) for rule in ("mean", fitted))
    assert after < before - 0.5


# Shapes, dtypes, order.


@every_method
@either_order
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_dtype_is_kept_and_the_reference_agrees(method, order, dtype):
    from types import SimpleNamespace

    given, new = draw(dtype=dtype), draw(1, 300, dtype=dtype).member_probas
    fitted = fit_combiner(given, "calibrated", method=method, order=order)
    result = fitted.combine(new)
    assert result.dtype == dtype
    reference = SimpleNamespace(**{name: getattr(np, name) for name in dir(np) if not name.startswith("_")})
    np.testing.assert_allclose(
        fitted.combine(new, xp=reference), result, rtol=50 * np.finfo(dtype).eps, atol=10 * np.finfo(dtype).eps
    )


@every_method
@either_order
def test_each_place_of_a_map_is_a_row(method, order):
    given, new = draw(n=30, axes=(2, 3)), draw(1, n=10, axes=(2, 3))
    weights = np.random.default_rng(0).random(30)
    options = {"method": method, "order": order}
    result = combine(new, fit_combiner(given, "calibrated", sample_weight=weights, **options)).probas
    flat = members(given.member_probas.reshape(2, 180, 3), given.label_codes.ravel())
    expected = fit_combiner(flat, "calibrated", sample_weight=np.repeat(weights, 6), **options)
    np.testing.assert_allclose(result.reshape(60, 3), expected.combine(new.member_probas.reshape(2, 60, 3)), rtol=1e-9)


@every_method
@either_order
@settings(max_examples=10)
@given(seeds, st.sampled_from([np.float16, np.float32, np.float64]))
def test_no_order_and_no_other_row_changes_a_bit(method, order, seed, dtype):
    rng = np.random.default_rng(seed)
    given, new = draw(seed, 40, dtype=dtype), draw(seed + 1, 33, dtype=dtype)
    fitted = fit_combiner(given, "calibrated", method=method, order=order)
    expected = combine(new, fitted)
    fortran = np.asfortranarray(new.member_probas)
    fortran.flags.writeable = False
    assert fitted.combine(fortran).tobytes() == expected.probas.tobytes()
    for row in rng.integers(0, 33, 3):
        assert fitted.combine(new.member_probas[:, [row]]).tobytes() == expected.probas[[row]].tobytes()

    def moved(predictions):
        names, classes = rng.permutation(predictions.members).tolist(), rng.permutation(predictions.classes).tolist()
        return predictions.reorder(members=names, rows=rng.permutation(len(predictions.ids)), classes=classes)

    again = fit_combiner(moved(given), "calibrated", method=method, order=order)
    result = combine(moved(new), again).take(new.ids)
    columns = [result.classes.index(c) for c in expected.classes]
    assert result.probas[:, columns].tobytes() == expected.probas.tobytes()


@given(seeds, st.floats(0.3, 5))
def test_temperature_keeps_the_order_of_the_classes(seed, sharp):
    given = draw(seed, 60, 1, sharp=sharp)
    result = combine(given, fit_combiner(given, "calibrated")).probas
    rows = np.arange(60)
    best = given.member_probas[0].argmax(axis=-1)
    np.testing.assert_allclose(result[rows, best], result.max(axis=-1), rtol=1e-12)


@every_method
@either_order
def test_no_rows_are_combined_to_no_rows(method, order):
    fitted = fit_combiner(draw(), "calibrated", method=method, order=order)
    assert fitted.combine(np.empty((2, 0, 3), dtype=np.float32)).shape == (0, 3)


@pytest.mark.keras
@pytest.mark.parametrize("method", ["temperature", "vector", "sigmoid"])
@either_order
@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_keras_agrees(keras, method, order, task):
    given = draw(dtype=np.float32) if task == "multiclass" else labels_of_several(dtype=np.float32)
    fitted = fit_combiner(given, "calibrated", method=method, order=order)
    expected = fitted.combine(given.member_probas, task=task)
    eager = fitted.combine(keras.ops.convert_to_tensor(given.member_probas), task=task, xp=keras.ops)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(eager), expected, rtol=2e-5, atol=1e-7)
    inputs = [keras.Input((3,)) for _ in range(2)]
    graph = keras.Model(inputs, fitted.combine(keras.ops.stack(inputs), task=task, xp=keras.ops))
    result = graph(list(given.member_probas), training=False)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(result), expected, rtol=2e-5, atol=1e-7)


# What is refused.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "magic"}, "method must be one of 'temperature', 'vector', 'sigmoid', 'isotonic'; received 'magic'"),
        ({"order": "during"}, "order must be one of 'before', 'after'; received 'during'"),
        ({"cv": 1}, "cv must be a whole number >= 2; received 1"),
        ({"inner": 3}, "inner must be a registered name or an object with a method combine; received 3"),
        (
            {"inner": Voting},
            "inner must be a registered name or an object with a method combine; received <class",
        ),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(InvalidOptionError, match=message):
        fit_combiner(BOLD, "calibrated", **options)


def test_numbers_are_not_calibrated():
    class OfNumbers(Combiner):
        tasks = frozenset({"regression"})

        def combine(self, member_probas, *, xp=np):
            return member_probas[0]

    with pytest.raises(
        InvalidOptionError, match=r"only probabilities can be calibrated; the combiner .* is for regression"
    ):
        Calibrated(OfNumbers())
    numbers = members(np.ones((2, 3, 1)), np.ones((3, 1)), "regression")
    with pytest.raises(InvalidOptionError, match="'calibrated' makes no sense for the task 'regression'"):
        fit_combiner(numbers, "calibrated")


def test_absent_rows_are_refused():
    given = draw(n=10)
    some = [given["m0"], given["m1"].take(given.ids[:9])]
    with pytest.raises(InvalidOptionError, match=r"calibrated learns from one row of every .*1 of 10 with absent"):
        fit_combiner(some, "calibrated", missing="renormalize")


def test_it_must_be_fitted():
    with pytest.raises(NotFittedError, match="calibrated must be fitted before it combines"):
        Calibrated().combine(np.ones((1, 1, 2)))
