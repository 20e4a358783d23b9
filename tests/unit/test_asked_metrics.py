"""A metric in every form in which it can be asked for, and models from whatever holds them."""

import numpy as np
import pytest
from sklearn.metrics import (
    adjusted_rand_score,
    fbeta_score,
    log_loss,
    make_scorer,
    mean_absolute_error,
    roc_auc_score,
)

from ensemblekit import Metric, Predictions, align
from ensemblekit.errors import AlignmentError, InvalidOptionError, InvalidPredictionsError
from ensemblekit.evaluation import (
    compare_with_reference,
    find_metric,
    find_metrics,
    named_models,
    paired_bootstrap,
    permutation_test,
    score_table,
    statistic,
)
from ensemblekit.evaluation._scorers import SAME, Scorer

FIELDS = {"ids": ["a", "b", "c"], "classes": ["cat", "dog"], "labels": ["cat", "dog", "dog"]}
PROBAS = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]])
P = Predictions(PROBAS, **FIELDS, member="cnn")
WEIGHTS = np.array([[1.0, 2.0, 0.0], [1.0, 0.0, 1.0], [1.0, 1.0, 2.0]])


class Confident(Metric):
    def row_values(self, labels, predicted):
        return predicted.max(axis=1)


def test_a_mean_of_row_values_is_resampled_by_a_product():
    rows = PROBAS.max(axis=1)
    np.testing.assert_allclose(statistic(P, Confident())(WEIGHTS), rows @ WEIGHTS / WEIGHTS.sum(axis=0))
    assert np.isnan(statistic(P, Confident())(np.zeros((3, 1)))).all()


SCORER = make_scorer(log_loss, response_method="predict_proba", greater_is_better=False)


@pytest.mark.parametrize("metric", ["neg_log_loss", SCORER], ids=["name", "scorer"])
def test_a_scorer_scores_as_scikit_learn(metric):
    codes = np.array([0, 1, 1])
    found = statistic(P, metric)(WEIGHTS)
    np.testing.assert_allclose(found, [-log_loss(codes, PROBAS, sample_weight=w) for w in WEIGHTS.T], rtol=1e-12)


def test_a_scorer_of_numbers_gets_numbers():
    p = Predictions([[1.0], [3.0]], ids=[1, 2], classes=["y"], labels=[[2.0], [5.0]], task="regression")
    assert statistic(p, "neg_mean_absolute_error")(np.ones((2, 1))) == -mean_absolute_error([2, 5], [1, 3])


@pytest.mark.parametrize("name", SAME)
def test_a_scorer_that_is_registered_under_another_name_is_that_metric(name):
    kind, _, _ = SAME[name]
    rng = np.random.default_rng(0)
    weights = rng.uniform(0.5, 2, (30, 4))
    if kind == "regression":
        predicted, labels, classes = rng.normal(size=(30, 2)), rng.normal(size=(30, 2)), ["u", "v"]
    else:
        predicted, codes, classes = rng.dirichlet(np.ones(3), 30), rng.integers(0, 3, 30), ["a", "b", "c"]
        labels = np.array(classes)[codes]
    p = Predictions(predicted, ids=range(30), classes=classes, labels=labels, task=kind)
    plain = Scorer(name)
    plain.kind = kind
    truth = labels if kind == "regression" else codes
    expected = [plain.score(truth, predicted, sample_weight=w) for w in weights.T]
    np.testing.assert_allclose(statistic(p, name)(weights), expected, rtol=1e-12)
    assert not find_metric(name).for_classes(p.classes, kind).loops
    assert find_metric(name).for_classes(p.classes, kind).score(truth, predicted, sample_weight=weights[:, 0]) \
        == pytest.approx(expected[0], rel=1e-12)  # fmt: skip


def test_a_callable_without_weights_gets_repeated_rows():
    def first(y_true, y_pred):
        return np.mean(y_pred[:, 0] + y_true)

    def weighted(y_true, y_pred, sample_weight=None):
        return np.average(y_pred[:, 0] + y_true, weights=sample_weight)

    np.testing.assert_allclose(statistic(P, first)(WEIGHTS), statistic(P, weighted)(WEIGHTS))
    with pytest.raises(InvalidOptionError, match="a metric must accept sample_weight; received <function"):
        statistic(P, first)(WEIGHTS / 3)


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("subset_acuracy", "received 'subset_acuracy'. Did you mean 'subset_accuracy'?"),
        ("subset_accuracy:3", "name:option=value,option=value; received 'subset_accuracy:3'"),
        ("subset_accuracy:k=3", "takes the options"),
        (3, "or a callable .* received 3"),
        ("subset_accuracy", "is for multilabel; received predictions of the task 'multiclass'"),
        ([], "one or more with different names"),
        (["neg_log_loss", "neg_log_loss"], "one or more with different names"),
        ("f1:of=cat,of=dog", "each once, .* received 'f1:of=cat,of=dog'"),
        (Confident, "Confident'>. Give an object of the class"),
    ],
)
def test_what_is_no_metric_is_refused(metric, message):
    with pytest.raises(InvalidOptionError, match=message):
        find_metrics(metric, P)


def test_a_class_that_is_not_there_is_refused():
    metric = Confident()
    metric.of = "owl"
    with pytest.raises(InvalidOptionError, match="of must be one of the classes 'cat', 'dog'; received 'owl'"):
        find_metric(metric).for_classes(P.classes, "multiclass")


def test_models_come_from_whatever_holds_them():
    other = Predictions(PROBAS, **FIELDS, member="svm")
    assert list(named_models(align(P, other))) == ["cnn", "svm"]
    assert named_models(P) == {"cnn": P}
    assert list(named_models([Predictions(PROBAS, **FIELDS), other])) == ["model 1", "svm"]
    assert list(named_models({"x": P})) == ["x"]
    with pytest.raises(InvalidPredictionsError, match=r"two are called 'cnn'. Give a mapping"):
        named_models([P, P])
    for wrong in ("file.csv", [1], {}, {1: P}, None):
        with pytest.raises(InvalidPredictionsError, match="models must"):
            named_models(wrong)


@pytest.mark.parametrize(
    ("metric", "greater"), [(log_loss, False), (mean_absolute_error, False), (roc_auc_score, True)]
)
def test_a_loss_of_scikit_learn_is_a_loss(metric, greater):
    assert find_metric(metric).higher_is_better == greater


def test_a_loss_as_a_function_has_the_verdict_of_the_loss_by_name():
    rng = np.random.default_rng(0)
    codes = rng.integers(2, size=30)
    fields = {"ids": range(30), "classes": ["cat", "dog"], "labels": np.array(["cat", "dog"])[codes]}
    sure, unsure = (Predictions(np.where(np.eye(2)[codes] > 0, p, 1 - p), **fields) for p in (0.9, 0.6))
    models = {"sure": sure, "unsure": unsure}
    said = [
        compare_with_reference(models, "sure", metrics=m, n_resamples=100)["verdict"].item()
        for m in ("log_loss", log_loss)
    ]
    assert said == ["worse", "worse"]


def test_a_scorer_without_weights_gets_repeated_rows():
    codes = np.array([0, 1, 1])
    rows = np.array([0, 1, 2, 2])
    found = statistic(P, "adjusted_rand_score")(np.array([[1.0], [1.0], [2.0]]))
    assert found == adjusted_rand_score(codes[rows], PROBAS.argmax(axis=1)[rows])
    with pytest.raises(InvalidOptionError, match="must accept sample_weight; received 'adjusted_rand_score'"):
        statistic(P, "adjusted_rand_score")(np.full((3, 1), 0.5))


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (fbeta_score, r"of the shapes \(3,\) and \(3, 2\); 'fbeta_score' raised TypeError: .* its scorer"),
        (lambda y_true, y_pred: None, "must return a number; .* returned None"),
    ],
    ids=["function of scikit-learn", "nothing"],
)
def test_a_function_that_is_no_metric_is_refused(metric, message):
    with pytest.raises(InvalidOptionError, match=message):
        statistic(P, metric)(np.ones((3, 1)))


@pytest.mark.parametrize("name", ["a, b", "cat=dog", '"q"', "1", "(a", "a,b,c"])
def test_a_class_of_any_name_can_be_asked_for(name):
    p = Predictions(PROBAS, ids=["a", "b", "c"], classes=["x", name], labels=["x", name, name])
    asked = repr(name) if name.startswith('"') else name
    assert statistic(p, f"f1:of={asked}")(np.ones((3, 1))) == statistic(p, "f1")(np.ones((3, 1)))
    cost = {"x": {name: 3}, name: {"x": 1}}
    assert find_metric(f"cost:costs={cost!r}").costs == cost


def of_order(order, task="multiclass", **more):
    names = np.array(["no", "yes"])
    rng = np.random.default_rng(0)
    ill = rng.random(40)
    labels = names[(ill + rng.normal(size=40) / 3 > 0.6).astype(int)]
    values = np.column_stack([1 - ill, ill])[:, list(order)]
    return Predictions(values, ids=range(40), classes=names[list(order)].tolist(), labels=labels, task=task, **more)


@pytest.mark.parametrize("metric", ["f1", "average_precision", "roc_auc"])
@pytest.mark.parametrize("tasks", [("multiclass", "multiclass"), ("multiclass", "binary"), ("binary", "multiclass")])
def test_the_order_of_a_models_classes_decides_nothing(metric, tasks):
    models = {"one": of_order((0, 1), tasks[0]), "two": of_order((1, 0), tasks[1])}
    leading = models["two"] if tasks == ("multiclass", "binary") else models["one"]
    expected = score_table(leading, metrics=metric, n_resamples=5)["value"].item()
    assert score_table(models, metrics=metric, n_resamples=5)["value"].tolist() == [expected] * 2
    for reference in models:
        line = compare_with_reference(models, reference, metrics=metric, n_resamples=5).iloc[0]
        assert (line["value"], line["member_value"]) == (expected, expected)
    again = named_models(models)["two"]
    assert again.to_frame()[["no", "yes"]].equals(models["two"].to_frame()[["no", "yes"]])
    assert again.labels.tolist() == models["two"].labels.tolist()


def test_two_orders_of_a_task_in_which_they_mean_something_are_refused():
    models = [of_order(order, "binary", member=name) for order, name in (((0, 1), "one"), ((1, 0), "two"))]
    with pytest.raises(AlignmentError, match=r"'binary' must be in the same order .* \('no', 'yes'\) for 'one' and"):
        score_table(models)


@pytest.mark.parametrize("metric", ["f1:of=yes", "cost:costs={'no': {'yes': 1}, 'yes': {'no': 5}}"])
def test_a_class_that_is_named_is_that_class_in_either_order(metric):
    turned, binary = of_order((1, 0), member="turned"), of_order((0, 1), "binary", member="binary")
    expected = score_table(binary, metrics=metric, n_resamples=20)["value"].item()
    for pair in ((turned, binary), (binary, turned)):
        line = paired_bootstrap(*pair, metrics=metric, n_resamples=20).iloc[0]
        assert (line["first"], line["second"]) == (expected, expected)
    rng = np.random.default_rng(2)
    coin = Predictions(rng.random(40), ids=range(40), classes=["no", "yes"], labels=binary.labels, task="binary")
    first, second = (permutation_test(p, coin, metric, n_resamples=50) for p in (turned, binary))
    assert first == second


def test_a_metric_without_a_name_is_called_like_its_class():
    class Sure(Confident):
        name = "sure"

    found = Confident()
    assert [m.name for m in find_metrics([found, Sure()], P)] == ["Confident", "sure"]
    assert found.name == ""


def test_the_old_name_of_the_record_of_functions_still_works():
    from ensemblekit import evaluation

    with pytest.warns(
        DeprecationWarning, match=r"evaluation\.Metric is deprecated .* use .*MetricFunction, or ensemblekit\.Metric"
    ):
        assert evaluation.Metric is evaluation.MetricFunction
    assert isinstance(evaluation.METRICS["accuracy"], evaluation.MetricFunction)
    with pytest.raises(AttributeError, match="no attribute 'Metrics'"):
        evaluation.Metrics  # noqa: B018
