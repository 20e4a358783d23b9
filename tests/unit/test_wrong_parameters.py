"""Estimators and methods refuse arguments of another kind with an error of ours, before any member is fitted."""

import inspect
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from ensemblekit import (
    EnsembleClassifier,
    EnsembleKitError,
    EnsembleRegressor,
    InvalidOptionError,
    KerasClassifier,
    KerasRegressor,
    Predictions,
    align,
    load_plugins,
)
from ensemblekit.evaluation import fit_conformal

X, Y = np.arange(24.0).reshape(12, 2), np.tile([0, 1], 6)
WRONG: list[Any] = [
    b"x", object(), [], [None], {}, {1: 2}, {"zz"}, np.zeros((2, 2, 2)), np.array("a"), "\ud800", float("inf"), 1.5,
    lambda *_: 1, slice(0, 1), int,
]  # fmt: skip


def escaped(call):
    """Give what escapes, if it is no error of ours; to be taken is fine."""
    try:
        call()
    except EnsembleKitError:
        return None
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize(
    ("kind", "member"), [(EnsembleClassifier, LogisticRegression()), (EnsembleRegressor, LinearRegression())]
)
def test_an_ensemble_refuses_parameters_of_another_kind(kind, member):
    raw = []
    for name in inspect.signature(kind).parameters:
        for value in WRONG:
            given: dict[str, Any] = {"estimators": [("a", member)], name: value}
            error = escaped(lambda given=given: kind(**given).fit(X, Y))
            if error is not None:
                raw.append(f"{name}={value!r:.40}: {error!r:.200}")
    assert raw == []
    with pytest.raises(InvalidOptionError, match="n_jobs must be a number of processes"):
        kind([("a", member)], n_jobs=2**40).fit(X, Y)


@pytest.mark.parametrize("kind", [KerasClassifier, KerasRegressor])
def test_a_keras_estimator_refuses_them_before_keras_is_asked(kind):
    wrong_ones: dict[str, list[Any]] = {
        "epochs": ["5", 2.5, None, -1, True], "batch_size": [0, "x", None], "validation_split": ["x", None, 2.0],
        "callbacks": [5, "x"], "input_shape": ["x", 5, (1.5,)], "seed": ["x", 1.5], "verbose": ["x", None],
    }  # fmt: skip
    for name, wrong in wrong_ones.items():
        for value in wrong:
            given: dict[str, Any] = {"model": lambda: None, name: value}
            with pytest.raises(InvalidOptionError, match=name):
                kind(**given).fit(X, Y)


def test_what_scikit_learn_users_write_is_taken():
    ensemble = EnsembleClassifier([("a", LogisticRegression())], verbose=False, n_jobs=np.int64(1), passthrough=False)
    assert ensemble.fit(X, Y).predict(X).shape == (12,)


ONE = Predictions([[0.5, 0.5], [0.1, 0.9]], ids=["a", "b"], classes=["x", "y"], labels=["x", "y"], member="m")
SETS: Any = fit_conformal(ONE, alpha=0.5)
METHODS: dict[str, Any] = {
    "predict_sets": SETS.predict_sets, "coverage": SETS.coverage, "mean_size": SETS.mean_size,
    "select": align([ONE]).select, "rename": ONE.rename,
    **{f"create_{k}": getattr(load_plugins(), f"create_{k}") for k in ("backbone", "head", "combiner", "chainer")},
}  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_a_method_refuses_an_argument_of_another_kind(name):
    assert [
        f"{value!r:.40}: {error!r}" for value in WRONG if (error := escaped(lambda v=value: METHODS[name](v)))
    ] == []


def test_a_member_may_be_called_as_a_file_whose_name_is_no_utf8():
    assert ONE.rename("\udcff").member == "\udcff"
