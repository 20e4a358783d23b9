"""Diversity of pairs and the worth of each member, against hand-worked figures, DESlib and scikit-learn."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score, matthews_corrcoef

from ensemblekit import AlignmentError, InvalidOptionError, LeakageError, Predictions, align, combine, fit_combiner
from ensemblekit.errors import InvalidPredictionsError, NotFittedError
from ensemblekit.evaluation import _diversity as module
from ensemblekit.evaluation import accuracy, diversity, diversity_matrix, find_metrics, leave_one_member_out, log_loss
from ensemblekit.evaluation._asked_metrics import scored

MEASURES = ["disagreement", "q_statistic", "correlation", "double_fault", "kappa"]


def members(n_samples=80, n_members=3, n_classes=4, seed=0, prefix="row", **fields):
    rng = np.random.default_rng(seed)
    labels = rng.integers(n_classes, size=n_samples)
    fields = {
        "ids": [f"{prefix}{k:03}" for k in range(n_samples)],
        "classes": [f"class{k}" for k in range(n_classes)],
        "labels": [f"class{k}" for k in labels],
    } | fields
    concentrations = 0.5 + 2 * np.eye(n_classes)[labels]
    return align(
        [Predictions([rng.dirichlet(c) for c in concentrations], member=f"m{k}", **fields) for k in range(n_members)]
    )


def models_of(task, seed=0):
    """Two labelled models of a task."""
    rng = np.random.default_rng(seed)
    shape, classes, kind = (12, 3), ["a", "b", "c"], task
    if task == "binary":
        shape, classes = (12, 2), ["no", "yes"]
    elif task == "dense":
        shape, kind = (12, 4, 3), "multiclass"
    codes = rng.integers(shape[-1], size=shape[:-1])
    if kind in ("multiclass", "binary"):
        probas, labels = [rng.dirichlet(np.ones(shape[-1]), shape[:-1]) for _ in range(2)], np.array(classes)[codes]
    elif kind == "multilabel":
        probas, labels = [rng.random(shape) for _ in range(2)], rng.random(shape) < 0.5
    else:
        labels = rng.normal(size=shape)
        probas = [labels + rng.normal(size=shape) for _ in range(2)]
    fields = {"ids": range(12), "classes": classes, "labels": labels, "task": kind}
    return [Predictions(p, member=name, **fields) for p, name in zip(probas, ("one", "two"), strict=True)]


def of_right_and_wrong(*rights, **fields):
    """Make members that are right where they are said to be."""
    fields = {"ids": list(range(len(rights[0]))), "classes": ["no", "yes"]} | fields
    return align(
        [
            Predictions(np.eye(2)[np.asarray(right, int)], member=f"m{k}", labels=["yes"] * len(right), **fields)
            for k, right in enumerate(rights)
        ]
    )


def test_a_pair_worked_by_hand():
    # a = 4 both right, b = 2 the first alone, c = 1 the second alone, d = 3 both wrong.
    table = diversity(of_right_and_wrong([1, 1, 1, 1, 1, 1, 0, 0, 0, 0], [1, 1, 1, 1, 0, 0, 1, 0, 0, 0]))
    assert table.iloc[0, :3].tolist() == ["m0", "m1", 10]
    assert table.iloc[0, 3:8].tolist() == pytest.approx(
        [3 / 10, (12 - 2) / (12 + 2), (12 - 2) / np.sqrt(6 * 4 * 5 * 5), 3 / 10, 2 * (12 - 2) / (6 * 5 + 5 * 4)]
    )


def test_pairs_agree_with_deslib_and_scikit_learn():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        deslib = pytest.importorskip("deslib.util.diversity")
    p = members()
    table = diversity(p).set_index(["first", "second"])
    assert table.index.tolist() == [("m0", "m1"), ("m0", "m2"), ("m1", "m2")]
    y, said = p.label_codes, dict(zip(p.members, p.member_probas.argmax(axis=-1), strict=True))
    for (first, second), row in table.iterrows():
        one, two = said[first], said[second]
        assert row["disagreement"] == pytest.approx(deslib.disagreement_measure(y, one, two))
        assert row["q_statistic"] == pytest.approx(deslib.Q_statistic(y, one, two))
        assert row["correlation"] == pytest.approx(deslib.correlation_coefficient(y, one, two))
        assert row["double_fault"] == pytest.approx(deslib.double_fault(y, one, two))
        assert row["correlation"] == pytest.approx(matthews_corrcoef(one == y, two == y))
        assert row["kappa"] == pytest.approx(cohen_kappa_score(one == y, two == y))


def test_what_is_not_defined_is_nan():
    always, also, half = [1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 0, 0]
    table = diversity(of_right_and_wrong(always, also, half))
    assert table[["q_statistic", "correlation", "kappa"]].isna().to_numpy().tolist() == [
        [True, True, True],
        [True, True, False],
        [True, True, False],
    ]
    assert table["disagreement"].tolist() == [0, 0.5, 0.5]
    assert table["double_fault"].tolist() == [0, 0, 0]
    assert table["kappa"].tolist()[1:] == [0, 0]


def test_blocks_change_nothing(monkeypatch):
    whole = diversity(members())
    monkeypatch.setattr(module, "BLOCK", 30)
    pd.testing.assert_frame_equal(diversity(members()), whole, rtol=1e-13)


def test_places_and_labels_count_as_rows_and_absent_rows_do_not():
    rng = np.random.default_rng(0)
    fields = {"ids": [1, 2], "classes": ["a", "b"]}
    dense = [Predictions(rng.dirichlet([1, 1], (2, 3)), labels=[["a", "b", "a"]] * 2, member=m, **fields) for m in "xy"]
    assert diversity(align(dense))["n_rows"].tolist() == [6]
    many = [
        Predictions([[0.5, 0.4], [0.1, 0.9]], labels=[[1, 0], [1, 1]], task="multilabel", member=m, **fields)
        for m in "xy"
    ]
    assert diversity(align(many))[["n_rows", "disagreement", "double_fault"]].to_numpy().tolist() == [[4, 0, 0.25]]
    absent = {"missing": "renormalize", "labels": ["a", "a"]}
    one = Predictions([[1, 0], [np.nan, np.nan]], member="x", **fields, **absent)
    two = Predictions([[0, 1], [1, 0]], member="y", **fields, **absent)
    table = diversity(align([one, two], missing="renormalize"))
    assert table[["n_rows", "disagreement", "double_fault"]].to_numpy().tolist() == [[1, 1, 0]]


@pytest.mark.parametrize("measure", MEASURES)
def test_the_square_holds_the_pairs_both_ways(measure):
    p = members()
    square = diversity_matrix(p, measure)
    assert square.equals(square.T)
    assert list(square.columns) == list(square.index) == ["m0", "m1", "m2"]
    for _, row in diversity(p).iterrows():
        assert square.loc[row["first"], row["second"]] == row[measure]
    errors = [1 - accuracy(member) for member in p]
    same = {"disagreement": [0, 0, 0], "double_fault": errors}.get(measure, [1, 1, 1])
    assert np.diag(square) == pytest.approx(same)


def test_diversity_refuses_what_it_cannot_compare():
    p = members()
    with pytest.raises(InvalidPredictionsError, match=r"of two members at least; received \('m0',\)"):
        diversity(p.select(["m0"]))
    with pytest.raises(InvalidPredictionsError, match=r"needs predictions of at least one row"):
        diversity(p.take([]))
    with pytest.raises(InvalidOptionError, match=r"measure must be one of 'disagreement', .*; received 'q'"):
        diversity_matrix(p, "q")
    with pytest.raises(
        InvalidOptionError, match=r"one of 'vote_disagreement', 'spread' for unlabelled multiclass pred"
    ):
        diversity_matrix(members(labels=None), "kappa")


# Without labels, and of numbers.


def test_two_different_wrong_answers_are_no_agreement():
    fields = {"ids": [1, 2, 3], "classes": ["a", "b", "c"], "labels": ["a", "a", "a"]}
    one = Predictions([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.5, 0.5]], member="one", **fields)
    two = Predictions([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.75, 0.25]], member="two", **fields)
    row = diversity([one, two]).iloc[0]
    assert row["disagreement"] == 1 / 3  # row 2 alone: one is right there, and the other wrong
    assert row["vote_disagreement"] == 2 / 3  # row 1 too: b is not c
    assert row["spread"] == pytest.approx((1 + 1 + 0.25) / 3)


@pytest.mark.parametrize("absent", [False, True])
def test_votes_and_spread_of_pairs_agree_with_a_loop(absent):
    p = members(labels=None, n_members=4)
    if absent:
        rng = np.random.default_rng(3)
        cut = [m.take(m.ids[rng.random(80) < 0.8]) for m in p]
        p = align(cut, missing="renormalize")
    table = diversity(p)
    assert table.columns.tolist() == ["first", "second", "n_rows", "vote_disagreement", "spread"]
    for row in table.to_dict("records"):
        one, two = (p.member_probas[p.members.index(row[which])] for which in ("first", "second"))
        both = ~np.isnan(one).any(axis=1) & ~np.isnan(two).any(axis=1)
        one, two = one[both], two[both]
        assert row["n_rows"] == both.sum()
        assert row["vote_disagreement"] == pytest.approx(np.mean(one.argmax(axis=1) != two.argmax(axis=1)))
        assert row["spread"] == pytest.approx(np.abs(one - two).sum(axis=1).mean() / 2)
    assert diversity_matrix(p).columns.name == "vote_disagreement"


def test_labels_of_multilabel_predictions_are_compared_one_by_one():
    fields = {"ids": [1, 2], "classes": ["x", "y"], "task": "multilabel"}
    one = Predictions([[0.5, 0.2], [0.9, 0.9]], member="one", **fields)
    two = Predictions([[0.4, 0.2], [0.7, 0.1]], member="two", **fields)
    row = diversity({"one": one, "two": two}).iloc[0]
    assert row.tolist() == ["one", "two", 4, 0.5, pytest.approx((0.1 + 0.2 + 0.8) / 4)]


@pytest.mark.parametrize("absent", [False, True])
def test_numbers_have_a_spread_and_correlated_errors(absent):
    rng = np.random.default_rng(0)
    labels = rng.normal(size=(50, 2)) + 1e6
    fields = {"ids": range(50), "classes": ["u", "v"], "labels": labels, "task": "regression"}
    values = [labels + rng.normal(size=(50, 2)) + 1e7, labels + rng.normal(size=(50, 2))]
    one, two = (Predictions(v, member=m, **fields) for m, v in zip("ab", values, strict=True))
    rows = np.arange(50)
    if absent:
        one, rows = one.take(range(5, 50)), np.arange(5, 50)
    p = align(one, two, missing="renormalize")
    row = diversity(p).iloc[0]
    errors = [(v - labels)[rows] for v in values]
    assert row["n_rows"] == len(rows)
    assert row["spread"] == pytest.approx(np.sqrt(np.mean((errors[0] - errors[1]) ** 2)))
    expected = [np.corrcoef(errors[0][:, k], errors[1][:, k])[0, 1] for k in range(2)]
    assert row["correlation"] == pytest.approx(np.mean(expected), abs=1e-8)
    square = diversity_matrix(p)
    assert (square.columns.name, square.loc["a", "a"]) == ("spread", 0)
    assert square.loc["a", "b"] == row["spread"]
    assert np.diag(diversity_matrix(p, "correlation")).tolist() == [1, 1]


@pytest.mark.parametrize("task", ["multiclass", "binary", "multilabel", "regression", "dense"])
def test_every_task_has_a_diversity_whatever_holds_it(task):
    one, two = models_of(task)
    table = diversity(align(one, two))
    assert table.equals(diversity([one, two]))
    assert table.equals(diversity({"one": one, "two": two}))
    assert np.isfinite(table["spread"]).all()
    assert diversity_matrix(one).shape == (1, 1)
    with pytest.raises(InvalidPredictionsError, match="of two members at least; received"):
        diversity(one)
    bare = [Predictions(m.probas, ids=m.ids, classes=m.classes, task=m.task, member=m.member) for m in (one, two)]
    assert "spread" in diversity(bare)


# Leave one member out.


def test_a_member_is_worth_what_the_score_loses_without_it():
    p = members()
    table = leave_one_member_out(p, "mean")
    assert table.index.tolist() == ["m0", "m1", "m2"]
    assert table["with_all"].tolist() == [log_loss(combine(p, "mean"))] * 3
    assert table.loc["m1", "without"] == log_loss(combine(p.select(["m0", "m2"]), "mean"))
    assert (table["difference"] == table["without"] - table["with_all"]).all()
    assert leave_one_member_out(p, "mean", metric="accuracy").loc["m0", "with_all"] == accuracy(combine(p, "mean"))
    with pytest.warns(DeprecationWarning, match="A metric that takes Predictions is deprecated"):
        assert leave_one_member_out(p, "mean", metric=lambda q: len(q)).to_numpy().tolist() == [[80, 80, 0]] * 3


@pytest.mark.parametrize(
    ("task", "metric"),
    [("multiclass", "log_loss"), ("binary", "log_loss"), ("multilabel", "log_loss"), ("regression", "rmse"),
     ("dense", "dice")],
)  # fmt: skip
def test_a_member_of_any_task_is_left_out_by_the_first_metric_of_the_task(task, metric):
    one, two = models_of(task)
    table = leave_one_member_out([one, two], "mean")
    assert table.attrs["metric"] == metric
    asked = find_metrics(metric, one)[0]
    assert table.attrs["higher_is_better"] is asked.higher_is_better
    assert table["without"].tolist() == [asked.score(*scored(m, asked)) for m in (two, one)]
    assert leave_one_member_out({"one": one, "two": two}, "mean", metric=asked).equals(table)


def test_a_callable_or_a_scorer_may_be_the_metric():
    p = members()
    table = leave_one_member_out(p, "mean", metric=lambda y, q: float(np.mean(q[np.arange(len(y)), y])))
    combined = combine(p, "mean")
    assert table["with_all"].iloc[0] == np.mean(combined.probas[np.arange(80), combined.label_codes])
    assert leave_one_member_out(p, "mean", metric="neg_log_loss")["with_all"].iloc[0] == pytest.approx(
        -log_loss(combined)
    )


@pytest.mark.parametrize("weights", [{"m2": 3, "m0": 1, "m1": 2}, [1, 2, 3]])
def test_weights_lose_that_of_the_member_that_is_left_out(weights):
    p = members()
    table = leave_one_member_out(p, "weighted", weights=weights)
    expected = combine(p.select(["m0", "m2"]), "weighted", weights={"m0": 1, "m2": 3})
    assert table.loc["m1", "without"] == pytest.approx(log_loss(expected), abs=1e-15)


def test_a_combiner_that_learns_is_fitted_anew_without_the_member():
    p, held = members(), members(seed=1, prefix="held")
    table = leave_one_member_out(p, "weighted", fit_on=held)
    without = fit_combiner(held.select(["m0", "m1"]), "weighted")
    assert table.loc["m2", "without"] == log_loss(combine(p.select(["m0", "m1"]), without))
    assert leave_one_member_out(p, fit_combiner(held, "weighted"), fit_on=held).equals(table)


def test_leaving_out_refuses_what_would_deceive():
    p, held = members(), members(seed=1, prefix="held")
    with pytest.raises(NotFittedError, match=r"fitted anew without each member. .* fit_on="):
        leave_one_member_out(p, fit_combiner(held, "weighted"))
    with pytest.raises(LeakageError, match=r"80 of 80 are in fit_on, first row000"):
        leave_one_member_out(p, "weighted", fit_on=p)
    seen = members(seed=1, prefix="held", fit_ids=["held001"])
    with pytest.raises(LeakageError, match="member 'm0' was fitted on 1 of these 80 rows"):
        leave_one_member_out(p, "weighted", fit_on=seen)
    assert len(leave_one_member_out(p, "weighted", fit_on=p, allow_leakage=True)) == 3
    with pytest.raises(AlignmentError, match=r"fit_on must have the members .* received those of \('m0', 'm1'\)"):
        leave_one_member_out(p, "weighted", fit_on=held.select(["m0", "m1"]))
    with pytest.raises(InvalidPredictionsError, match="needs two members at least"):
        leave_one_member_out(p.select(["m0"]), "mean")
    with pytest.raises(InvalidOptionError, match=r"metric must be one of .*'accuracy', .*received 'loss'"):
        leave_one_member_out(p, "mean", metric="loss")
    with pytest.raises(InvalidOptionError, match="options go with a combiner given by name"):
        leave_one_member_out(p, fit_combiner(held, "mean"), kind="hard")
    with pytest.raises(InvalidOptionError, match="positive sum"):
        leave_one_member_out(p, "weighted", weights=[0, 0, 1])
