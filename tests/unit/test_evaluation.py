"""Metrics and tables, against hand-worked figures, scikit-learn and the study's own tables."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics

from ensemblekit import Predictions
from ensemblekit.errors import InvalidPredictionsError
from ensemblekit.evaluation import (
    accuracy,
    accuracy_interval,
    balance_table,
    compare_published,
    log_loss,
    results_table,
)

PUBLISHED = json.loads((Path(__file__).parents[2] / "benchmarks" / "published.json").read_text())


def predictions(probas, labels, **fields):
    ids = [f"row{k}" for k in range(len(probas))]
    classes = [f"class{k}" for k in range(np.shape(probas)[-1])]
    return Predictions(probas, ids=ids, classes=classes, labels=labels, **fields)


def test_accuracy_and_log_loss_of_three_rows_worked_by_hand():
    p = predictions([[0.5, 0.5], [0.25, 0.75], [1.0, 0.0]], ["class0", "class0", "class0"])
    assert accuracy(p) == pytest.approx(2 / 3)
    assert log_loss(p) == pytest.approx((np.log(2) + np.log(4) - np.log(1 - 1e-7)) / 3)


def test_metrics_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    probas = rng.dirichlet(np.ones(5), size=200)
    codes = rng.integers(5, size=200)
    p = predictions(probas, codes)
    assert accuracy(p) == pytest.approx(sklearn.metrics.accuracy_score(codes, probas.argmax(axis=1)))
    assert log_loss(p) == pytest.approx(sklearn.metrics.log_loss(codes, probas))


def test_a_sure_mistake_costs_a_finite_loss():
    assert log_loss(predictions([[1.0, 0.0]], ["class1"])) == pytest.approx(-np.log(1e-7))


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: predictions([[0.5, 0.5]], None), "needs labelled multiclass.* predictions.* without labels"),
        (lambda: predictions(np.empty((0, 2)), []), "at least one row"),
        (lambda: predictions([[1.0, 2.0]], [[1.0, 2.0]], task="regression"), "multiclass"),
        (lambda: predictions([[np.nan] * 2, [0.5, 0.5]], [0, 1], missing="renormalize"), "1 rows are NaN"),
    ],
)
def test_metrics_refuse_what_they_cannot_score(made, message):
    for metric in (accuracy, log_loss):
        with pytest.raises(InvalidPredictionsError, match=message):
            metric(made())


def test_interval_is_wilsons():
    # The example of Newcombe (1998), table I: 81 of 263.
    assert accuracy_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert accuracy_interval(0, 20)[0] == 0
    assert accuracy_interval(20, 20)[1] == 1
    with pytest.raises(InvalidPredictionsError, match="received 5 of 4"):
        accuracy_interval(5, 4)


def test_results_table_has_the_studys_columns_and_no_blank_cell():
    p = predictions([[0.5, 0.5], [0.25, 0.75]], ["class0", "class1"])
    table = results_table({"cnn": {"train": p, "valid": p, "test": p}})
    assert list(table.columns) == [
        "Model", "Train Loss", "Train Accuracy", "Validation Loss", "Validation Accuracy", "Test Loss", "Test Accuracy",
    ]  # fmt: skip
    assert table["Model"].tolist() == ["cnn"]
    assert not table.isna().any(axis=None)


def test_balance_is_that_of_the_study():
    accuracies = {"Train Accuracy": [0.8], "Validation Accuracy": [0.6], "Test Accuracy": [0.55]}
    balance = balance_table(pd.DataFrame({"Model": ["cnn"], **accuracies})).iloc[0]
    assert balance["Balance"] == pytest.approx(0.75)
    assert balance["Average Accuracy"] == pytest.approx(0.65)
    assert balance["Composite"] == pytest.approx(0.7)


def test_published_figures_stand_beside_this_run_and_what_was_not_published_is_nan():
    p = predictions([[0.5, 0.5], [0.25, 0.75]], ["class0", "class1"])
    rows = {name: {"train": p, "valid": p, "test": p} for name in ("first_model", "ensemble_mean")}
    compared = compare_published(results_table(rows), PUBLISHED, name="synthetic")
    first = compared[compared["Model"] == "first_model"]
    assert first["Run"].tolist() == ["synthetic", "published 1", "published 2"]
    assert first["Test Accuracy"].tolist()[:2] == [1.0, 0.514286]
    assert np.isnan(first["Test Accuracy"].tolist()[2])
    assert "ensemble_mean" not in set(compared["Model"])


def test_published_figures_are_whole():
    columns = {f"{split} {figure}" for split in ("Train", "Validation", "Test") for figure in ("Loss", "Accuracy")}
    models = ["first_model", "second_model", "ensemble_model", "chained_model"]
    for run, names, given in zip(
        PUBLISHED,
        (models, models, ["ensemble_model"]),
        (columns, columns - {"Test Loss", "Test Accuracy"}, columns - {"Train Loss", "Validation Loss"}),
        strict=True,
    ):
        assert list(run["results"]) == names
        assert all(set(figures) == given for figures in run["results"].values())
