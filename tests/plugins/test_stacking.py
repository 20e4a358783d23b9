"""`stacking`: scikit-learn on the same features, the study's Dense layer, and what is refused."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVR

from ensemblekit import Predictions, align, combine, fit_combiner
from ensemblekit.errors import InvalidOptionError, NotFittedError
from ensemblekit_plugins.combiners.stacking import Stacking

CLASSES = ["cat", "dog", "owl"]


def members(seed=0, n=60, names=("k", "m"), dtype=np.float64, start=0, **fields):
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % 3
    fields = {"ids": range(start, start + n), "classes": CLASSES, "labels": np.array(CLASSES)[codes], **fields}
    return [
        Predictions(np.array([rng.dirichlet(a) for a in 1 + 2 * np.eye(3)[codes]]).astype(dtype), member=name, **fields)
        for name in names
    ]


def features(given, how):
    cube = align(given).member_probas
    return cube.mean(axis=0) if how == "average" else np.concatenate(list(cube), axis=1)


@pytest.mark.parametrize("how", ["concatenation", "average"])
@pytest.mark.parametrize(
    "estimator",
    [None, LogisticRegression(C=0.1), RandomForestClassifier(10, random_state=0)],
    ids=["default", "C", "forest"],
)
def test_it_is_the_estimator_of_scikit_learn_on_the_same_features(how, estimator):
    fit, new = members(), members(1)
    fitted = fit_combiner(fit, "stacking", final_estimator=estimator, inputs=how)
    reference = LogisticRegression(max_iter=1000) if estimator is None else clone(estimator)
    expected = reference.fit(features(fit, how), fit[0].labels).predict_proba(features(new, how))
    np.testing.assert_allclose(combine(new, fitted).probas, expected, rtol=1e-12)


def test_the_estimator_given_is_cloned():
    given = LogisticRegression(C=0.1)
    fitted = Stacking(given).fit(align(members()))
    assert not hasattr(given, "classes_")
    assert fitted.final_estimator is given
    assert fitted.final_estimator_.C == 0.1


def test_it_learns_whom_to_trust():
    fields = {"ids": range(30), "classes": CLASSES, "labels": CLASSES * 10}
    right = Predictions(0.1 + 0.7 * np.tile(np.eye(3), (10, 1)), member="right", **fields)
    wrong = Predictions(0.1 + 0.7 * np.tile(np.roll(np.eye(3), 1, axis=1), (10, 1)), member="wrong", **fields)
    fitted = fit_combiner([wrong, right], "stacking")
    assert combine([right, wrong], fitted).predicted.tolist() == CLASSES * 10


def test_a_class_without_a_row_gets_nothing():
    given = members()
    seen = given[0].ids[given[0].labels != "dog"]
    fitted = fit_combiner([p.take(seen) for p in given], "stacking")
    probas = combine(given, fitted).probas
    assert (probas[:, 1] == 0).all()
    assert (probas[:, [0, 2]] > 0).all()
    np.testing.assert_allclose(probas.sum(axis=1), 1)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_dtype_is_kept(dtype):
    given = members(dtype=dtype)
    assert combine(given, fit_combiner(given, "stacking")).probas.dtype == dtype


@pytest.mark.parametrize("layout", ["C", "F"])
def test_no_input_is_changed_and_read_only_input_is_taken(layout):
    fitted = fit_combiner(members(), "stacking")
    plain = align(members(1)).member_probas
    member_probas = np.array(plain, order=layout)
    member_probas.flags.writeable = False
    np.testing.assert_allclose(fitted.combine(member_probas), fitted.combine(plain), rtol=1e-14)
    assert member_probas.tobytes() == plain.tobytes()


def test_no_rows_are_combined_to_no_rows():
    fitted = fit_combiner(members(), "stacking")
    assert fitted.combine(np.empty((2, 0, 3))).shape == (0, 3)


def test_sample_weight_reaches_the_estimator():
    given = members()
    weights = np.random.default_rng(0).random(60)
    fitted = fit_combiner(given, "stacking", sample_weight=weights)
    reference = LogisticRegression(max_iter=1000).fit(features(given, ""), given[0].labels, sample_weight=weights)
    np.testing.assert_allclose(fitted.final_estimator_.coef_, reference.coef_, rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inputs": "product"}, r"inputs must be one of 'concatenation', 'average'; received 'product'"),
        ({"passthrough": 1}, r"passthrough must be one of False, True; received 1"),
        ({"drop_first": None}, r"drop_first must be one of False, True, 'if_binary'; received None"),
        ({"epochs": 0}, r"epochs must be a whole number >= 1; received 0"),
        ({"patience": -1}, r"patience must be a whole number >= 0; received -1"),
        ({"final_estimator": "forest"}, r"final_estimator must be an estimator, 'dense' or None; received 'forest'"),
        ({"final_estimator": LinearSVR()}, r"a classifier, or have predict_proba; received LinearSVR\(\)"),
        ({"calibrate": True}, "calibrate must be one of None, 'sigmoid', 'isotonic', 'temperature'; received True"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(InvalidOptionError, match=message):
        fit_combiner(members(), "stacking", **options)


@pytest.mark.parametrize(
    ("estimator", "use", "message"),
    [
        (
            KNeighborsClassifier(),
            {"sample_weight": np.ones(60)},
            r"KNeighborsClassifier\(\) makes no use of sample_weight",
        ),
        (
            None,
            {"validation": members(1)},
            r"LogisticRegression\(max_iter=1000\) makes no use of validation predictions",
        ),
    ],
)
def test_what_the_estimator_makes_no_use_of_is_refused(estimator, use, message):
    with pytest.raises(InvalidOptionError, match=message):
        fit_combiner(members(), "stacking", final_estimator=estimator, **use)


def test_absent_rows_are_refused():
    first, second = members()
    some = [first, second.take(range(59))]
    with pytest.raises(
        InvalidOptionError, match=r"stacking learns from one row of every member.*received 1 of 60 with"
    ):
        fit_combiner(some, "stacking", missing="renormalize")
    with pytest.raises(InvalidOptionError, match="'stacking' cannot combine rows that some members lack"):
        combine(some, fit_combiner(members(), "stacking"), missing="renormalize")


def test_it_must_be_fitted():
    with pytest.raises(NotFittedError, match="stacking must be fitted before it combines"):
        Stacking().combine(np.ones((1, 1, 2)))


# The Dense layer of the study.


@pytest.mark.keras
@pytest.mark.parametrize(("how", "n_features"), [("average", 3), ("concatenation", 6)])
@pytest.mark.slow
def test_the_dense_layer_learns_from_either_features(keras, how, n_features):
    fit = members(n=90)
    fitted = fit_combiner(fit, Stacking("dense", inputs=how, epochs=5, seed=0))
    model, history = fitted.final_estimator_.model_, fitted.final_estimator_.history_
    assert model.input_shape == (None, n_features)
    assert model.count_params() == 3 * n_features + 3
    assert len(history["loss"]) == 5
    assert history["loss"][-1] < history["loss"][0]
    result = combine(fit, fitted)
    expected = keras.ops.convert_to_numpy(model(features(fit, how).astype(np.float32)))
    np.testing.assert_allclose(result.probas, expected, rtol=1e-5)


@pytest.mark.keras
def test_the_dense_layer_has_an_output_for_a_class_without_a_row(keras):
    given = members()
    seen = given[0].ids[given[0].labels != "owl"]
    fitted = fit_combiner([p.take(seen) for p in given], "stacking", final_estimator="dense", epochs=1, seed=0)
    assert combine(given, fitted).probas.shape == (60, 3)


@pytest.mark.keras
@pytest.mark.slow
def test_a_seed_makes_the_dense_layer_the_same_whatever_the_order(keras):
    first, second = members()
    runs = [
        fit_combiner(given, "stacking", final_estimator="dense", epochs=2, seed=7)
        for given in ([first, second], [second, first.take(first.ids[::-1])])
    ]
    results = [combine([second, first], fitted).probas.tobytes() for fitted in runs]
    assert results[0] == results[1]


@pytest.mark.keras
@pytest.mark.slow
def test_the_dense_layer_stops_by_the_validation_rows(keras):
    # A layer that starts with all of them right can only stop after `patience` epochs without a better accuracy.
    fields = {"ids": range(30), "classes": CLASSES, "labels": CLASSES * 10, "member": "k"}
    held = Predictions(np.tile(np.eye(3), (10, 1)), **fields)
    fitted = fit_combiner(
        members(names=["k"], start=100),
        "stacking",
        validation=held,
        final_estimator="dense",
        epochs=60,
        patience=2,
        seed=0,
    )
    history = fitted.final_estimator_.history_
    best = int(np.argmax(history["val_accuracy"]))
    assert len(history["val_accuracy"]) == best + 3 < 60
    restored = (combine(held, fitted).predicted == np.array(CLASSES * 10)).mean()
    assert restored == pytest.approx(history["val_accuracy"][best])
