"""Diversity of pairs and the worth of each member, against hand-worked figures, DESlib and scikit-learn."""

import warnings

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, matthews_corrcoef

from ensemblekit import AlignmentError, InvalidOptionError, LeakageError, Predictions, align, combine, fit_combiner
from ensemblekit.errors import InvalidPredictionsError, NotFittedError
from ensemblekit.evaluation import _diversity as module
from ensemblekit.evaluation import accuracy, diversity, diversity_matrix, leave_one_member_out, log_loss

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
    assert table.iloc[0, 3:].tolist() == pytest.approx(
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
    assert diversity(members()).equals(whole)


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
    with pytest.raises(InvalidPredictionsError, match=r"of right and wrong, and needs labelled .*labelled=False"):
        diversity(members(labels=None))
    with pytest.raises(InvalidOptionError, match=r"measure must be one of 'disagreement', .*; received 'q'"):
        diversity_matrix(p, "q")


# Leave one member out.


def test_a_member_is_worth_what_the_score_loses_without_it():
    p = members()
    table = leave_one_member_out(p, "mean")
    assert table.index.tolist() == ["m0", "m1", "m2"]
    assert table["with_all"].tolist() == [log_loss(combine(p, "mean"))] * 3
    assert table.loc["m1", "without"] == log_loss(combine(p.select(["m0", "m2"]), "mean"))
    assert (table["difference"] == table["without"] - table["with_all"]).all()
    assert leave_one_member_out(p, "mean", metric="accuracy").loc["m0", "with_all"] == accuracy(combine(p, "mean"))
    assert leave_one_member_out(p, "mean", metric=lambda q: len(q)).to_numpy().tolist() == [[80, 80, 0]] * 3


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
    with pytest.raises(InvalidOptionError, match=r"metric must be one of 'accuracy', .*_error' or take Pred"):
        leave_one_member_out(p, "mean", metric="loss")
    with pytest.raises(InvalidOptionError, match="options go with a combiner given by name"):
        leave_one_member_out(p, fit_combiner(held, "mean"), kind="hard")
    with pytest.raises(InvalidOptionError, match="positive sum"):
        leave_one_member_out(p, "weighted", weights=[0, 0, 1])
