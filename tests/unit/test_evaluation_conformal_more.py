"""Conformal prediction by class, group, fold and quantile: by hand, by simulation, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from ensemblekit import AlignmentError, InvalidOptionError, LeakageError, Predictions, align
from ensemblekit.errors import FewRowsWarning, InvalidPredictionsError
from ensemblekit.evaluation import fit_conformal
from ensemblekit.evaluation.conformal._scores import set_scores, uniform_by_id

LETTERS = ["a", "b", "c", "d"]


def rows(probas, codes=None, start=0, **fields):
    classes = LETTERS[: np.shape(probas)[1]]
    fields = {"ids": np.arange(start, start + len(probas)), "classes": classes} | fields
    return Predictions(probas, labels=None if codes is None else np.array(classes)[codes], **fields)


def numbers(values, true=None, start=0, **fields):
    values = np.reshape(values, (-1, 1)).astype(float)
    fields = {"ids": np.arange(start, start + len(values)), "classes": ["v"], "task": "regression"} | fields
    return Predictions(values, labels=None if true is None else np.reshape(true, (-1, 1)).astype(float), **fields)


def by_id(predictions, values):
    return dict(zip(predictions.ids.tolist(), values, strict=True))


def drawn(n, seed, start=0):
    """Draw rows of a model that knows one group better than the other, and some classes better than others."""
    rng = np.random.default_rng(seed)
    group, codes = rng.integers(2, size=n), rng.integers(4, size=n)
    sharp = 0.4 + 0.9 * group + 0.5 * codes
    drawn = rng.gamma(0.3 + sharp[:, np.newaxis] * np.eye(4)[codes]) + 1e-12
    return rows(drawn / drawn.sum(axis=1, keepdims=True), codes, start), group


# Randomised sets.


def test_random_scores_worked_by_hand():
    probas = np.array([[0.5, 0.3, 0.2], [0.4, 0.4, 0.2]])
    half = np.array([0.5, 0.5])
    # Above each class, and half of its own; equal ones together: 0 + 0.8 / 2.
    np.testing.assert_allclose(set_scores(probas, "aps", uniform=half), [[0.25, 0.65, 0.9], [0.4, 0.4, 0.9]])
    np.testing.assert_allclose(set_scores(probas, "aps"), [[0.5, 0.8, 1], [0.8, 0.8, 1]])
    # Ranks 1, 2, 3 and 2, 2, 3; one class is free.
    found = set_scores(probas, "raps", uniform=half, penalty=0.1, n_free=1)
    np.testing.assert_allclose(found, [[0.25, 0.75, 1.1], [0.5, 0.5, 1.1]])


def test_random_sets_are_smaller():
    p, new = drawn(400, 0)[0], drawn(400, 1, 1000)[0]
    sizes = [fit_conformal(p, method="aps", randomised=r).mean_size(new) for r in (True, False)]
    assert sizes[0] < sizes[1] - 0.05


@pytest.mark.parametrize("kind", ["numbers", "text", "long text"])
def test_the_random_number_of_a_row_depends_on_its_id_and_the_seed_alone(kind):
    prefix = {"numbers": None, "text": "x", "long text": "y" * 100}[kind]
    names = [7 * k if prefix is None else f"{prefix}/{k}" for k in range(3000)]
    ids = np.array(names, dtype=object if kind == "long text" else None)
    whole = uniform_by_id(ids, 0)
    np.testing.assert_array_equal(uniform_by_id(ids[::-1], 0), whole[::-1])
    np.testing.assert_array_equal(uniform_by_id(ids[17:18], 0), whole[17:18])
    if kind == "text":
        np.testing.assert_array_equal(uniform_by_id(ids.astype("U200"), 0), whole)
    assert abs(np.corrcoef(whole, uniform_by_id(ids, 1))[0, 1]) < 0.1
    assert abs(np.corrcoef(whole[1:], whole[:-1])[0, 1]) < 0.1
    assert np.abs(np.sort(whole) - np.linspace(0, 1, 3000)).max() < 1.95 / np.sqrt(3000)


def test_a_row_has_the_same_set_whatever_stands_beside_it():
    conformal = fit_conformal(drawn(100, 0)[0], method="aps")
    new = drawn(50, 1, 1000)[0]
    table = conformal.predict_sets(new)
    alone = pd.concat([conformal.predict_sets(new.take([i])) for i in new.ids[::-1]])
    assert alone.loc[table.index].equals(table)
    assert not conformal.predict_sets(new).equals(
        fit_conformal(drawn(100, 0)[0], method="aps", seed=5).predict_sets(new)
    )


def test_raps_chooses_its_penalty_on_rows_that_it_does_not_calibrate_on():
    conformal = fit_conformal(drawn(400, 0)[0], method="raps")
    assert conformal.cells.n_rows.tolist() == [[320]]
    assert len(conformal.calibration_ids) == 400
    assert conformal.penalty in (0.001, 0.01, 0.1, 0.2, 0.5)
    with pytest.raises(InvalidOptionError, match=r"at least 9 for alpha=0.1; received 4 of 20. Give penalty="):
        fit_conformal(drawn(20, 0)[0], method="raps")


# By class and by group.


def test_thresholds_by_class_and_group_worked_by_hand():
    p = rows([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6]], [0, 0, 1, 1])
    # ceil(3 * 0.6) = 2: the larger of two scores.
    conformal = fit_conformal(p, alpha=0.4, by="class")
    assert conformal.thresholds.to_dict("list") == {
        "class": ["a", "b"],
        "n": [2, 2],
        "threshold": pytest.approx([0.2, 0.4]),
    }
    assert conformal.predict_sets(rows([[0.75, 0.25], [0.35, 0.65]], start=9)).to_numpy().tolist() == [
        [False, False],
        [False, True],
    ]
    turned = rows([[0.65, 0.35]], start=9, classes=["b", "a"])
    assert conformal.predict_sets(turned).to_dict("list") == {"b": [True], "a": [False]}
    grouped = fit_conformal(p, alpha=0.4, groups=by_id(p, ["y", "x", "y", "x"]))
    assert grouped.thresholds.to_dict("list") == {
        "group": ["x", "y"],
        "n": [2, 2],
        "threshold": pytest.approx([0.4, 0.3]),
    }
    new = rows([[0.65, 0.35], [0.65, 0.35]], start=9)
    assert grouped.predict_sets(new, groups={9: "y", 10: "x"})["a"].tolist() == [False, True]
    assert "for each group" in grouped.promise
    with pytest.warns(FewRowsWarning, match=r"4 of 4 thresholds are infinite.*at least 2 .*; received 1"):
        both = fit_conformal(p, alpha=0.4, by="class", groups=by_id(p, ["y", "x", "y", "x"]))
    assert both.thresholds["n"].tolist() == [1, 1, 1, 1]
    assert "4 of 4 thresholds are infinite" in both.promise


def test_each_class_and_group_is_covered_as_promised():
    shares = {"class": [], "group": [], "all": []}
    for seed in range(100):
        (p, g), (new, h) = drawn(200, seed), drawn(200, 5000 + seed, 1000)
        shares["class"].append(fit_conformal(p, by="class").coverage_table(new)["coverage"])
        grouped = fit_conformal(p, groups=by_id(p, g.tolist()))
        shares["group"].append(grouped.coverage_table(new, groups=by_id(new, h.tolist()))["coverage"])
        shares["all"].append(fit_conformal(p).coverage_table(new)["coverage"])
    means = {name: pd.DataFrame(values).mean() for name, values in shares.items()}
    # Within a class of about 50 rows: from 0.9 to 0.9 + 1 / 51; the mean of 100 is off by about 0.006.
    assert means["class"].between(0.9 - 0.02, 0.92 + 0.02).all()
    assert means["group"].between(0.9 - 0.02, 0.91 + 0.02).all()
    # One threshold for all classes would not do: the check above can fail.
    assert means["all"].min() < 0.87


# The promised coverage, with little and with much to calibrate on.


def regression(n, seed, start=0):
    rng = np.random.default_rng(seed)
    x, rare = rng.random(n), rng.random(n) < 0.2
    spread = 0.2 + x
    true = x + rng.normal(size=n) * spread * np.where(rare, 3, 1)
    return numbers(x, true, start), spread


def covered(method, n, seed):
    """Calibrate on n rows, and say for each of 20 new ones whether it is covered."""
    if method in ("lac", "aps", "raps"):
        options = {"penalty": 0.05, "n_free": 1} if method == "raps" else {}
        return fit_conformal(drawn(n, seed)[0], method=method, seed=seed, **options).coverage(
            drawn(20, 10**6 + seed, 10**6)[0]
        )
    (p, s), (new, t) = regression(n, seed), regression(20, 10**6 + seed, 10**6)
    if method == "quantile":
        pairs = [
            {
                "low": numbers(q.probas - r[:, None], q.labels, start),
                "high": numbers(q.probas + r[:, None], q.labels, start),
            }
            for q, r, start in ((p, s, 0), (new, t, 10**6))
        ]
        return fit_conformal(pairs[0]).coverage(pairs[1])["v"]
    spreads = [{"spread": by_id(q, r)} if method == "normalised" else {} for q, r in ((p, s), (new, t))]
    return fit_conformal(p, method=method, **spreads[0]).coverage(new, **spreads[1])["v"]


def check_coverage(method, n, n_repeats):
    shares = [covered(method, n, seed) for seed in range(n_repeats)]
    error = 3.5 * np.std(shares) / np.sqrt(n_repeats)
    place = np.ceil((n + 1) * 0.9)
    assert abs(np.mean(shares) - place / (n + 1)) < error, (np.mean(shares), place / (n + 1), error)


@pytest.mark.parametrize("method", ["lac", "aps", "raps", "residual", "normalised", "quantile"])
def test_coverage_is_exactly_what_is_promised(method):
    check_coverage(method, 20, 150)


@pytest.mark.slow
@pytest.mark.parametrize("n", [20, 50, 200])
@pytest.mark.parametrize("method", ["lac", "aps", "raps", "residual", "normalised", "quantile"])
def test_coverage_is_exactly_what_is_promised_with_any_number_of_rows(method, n):
    check_coverage(method, n, 600)


@pytest.mark.parametrize("method", ["lac", "aps", "raps", "residual", "normalised", "quantile"])
def test_a_quantile_that_is_off_by_one_is_noticed(method, monkeypatch):
    from ensemblekit.evaluation.conformal import _scores

    as_it_is = _scores.place_of
    monkeypatch.setattr(_scores, "place_of", lambda n, alpha: as_it_is(n, alpha) - 1)
    with pytest.raises(AssertionError):
        check_coverage(method, 20, 150)


# Folds.


def test_sets_by_fold_worked_by_hand():
    first, second = rows([[0.9, 0.1], [0.7, 0.3]], [0, 0]), rows([[0.2, 0.8]], [1], 2)
    conformal = fit_conformal({"f": first, "g": second}, alpha=0.5)
    # Scores 0.1 and 0.3 of f, 0.2 of g; in the set if fewer than ceil(4 * 0.5) = 2 are below the own one.
    new = {"f": rows([[0.75, 0.25], [0.65, 0.35]], start=5), "g": rows([[0.85, 0.15], [0.75, 0.25]], start=5)}
    # Row 5, class a: 0.25 by f, above 0.1; 0.15 by g: one is below. Row 6: 0.35 and 0.25 are above all three.
    assert conformal.predict_sets(new).to_numpy().tolist() == [[True, False], [False, False]]
    # A score that is equal to one of the calibration is not above it: 0.3 by f has one below, and 0.15 by g none.
    equal = {"f": rows([[0.7, 0.3]], start=5), "g": new["g"].take([5])}
    assert conformal.predict_sets(equal).to_numpy().tolist() == [[True, False]]
    shuffled = {"g": new["g"].take([6, 5]), "f": new["f"]}
    assert conformal.predict_sets(shuffled).equals(conformal.predict_sets(new))
    assert "what is proven for models of folds is about 0 %" in conformal.promise


def test_one_fold_is_the_split_that_it_is():
    p, new = drawn(80, 0)[0], drawn(50, 1, 1000)[0]
    halves = {"f": p.take(p.ids[:40]), "g": p.take(p.ids[40:])}
    for options in ({}, {"method": "aps"}, {"by": "class", "alpha": 0.3}):
        one = fit_conformal(p, **options).predict_sets(new)
        assert fit_conformal(halves, **options).predict_sets({"f": new, "g": new}).equals(one)
    folds = by_id(p, ["f"] * 40 + ["g"] * 40)
    assert fit_conformal(p, folds=folds).predict_sets({"f": new, "g": new}).equals(fit_conformal(p).predict_sets(new))
    q, fresh = regression(60, 0)[0], regression(30, 1, 1000)[0]
    one = fit_conformal(q).predict_intervals(fresh)
    many = fit_conformal(q, folds=by_id(q, ["f", "g"] * 30)).predict_intervals({"f": fresh, "g": fresh})
    np.testing.assert_allclose(many[["low", "high"]], one[["low", "high"]], rtol=0, atol=1e-12)


def test_intervals_by_fold_worked_by_hand():
    held_out = {"f": numbers([1, 2], [2, 2]), "g": numbers([3], [0], 2)}
    conformal = fit_conformal(held_out, alpha=0.5)
    # Residuals 1 and 0 of f, 3 of g; new predictions 10 and 20. Lows 9, 10, 17, the second largest is 10; highs 10, 11,
    # 23, the second smallest is 11.
    new = {"f": numbers([10], [10.5], 5), "g": numbers([20], [10.5], 5)}
    assert conformal.predict_intervals(new)[["low", "high"]].to_numpy().tolist() == [[10, 11]]
    assert conformal.coverage(new) == {"v": 1.0}


@pytest.mark.slow
def test_intervals_of_models_of_folds_cover_what_is_proven():
    shares = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(90, 8))
        y = x @ np.ones(8) + rng.standard_t(3, size=90)
        new, held_out, fresh = slice(40, 90), {}, {}
        for fold in range(5):
            own = np.arange(40) % 5 == fold
            weights = np.linalg.lstsq(x[:40][~own], y[:40][~own])[0]
            held_out[fold] = numbers(x[:40][own] @ weights, y[:40][own], ids=np.flatnonzero(own))
            fresh[fold] = numbers(x[new] @ weights, y[new], 1000)
        shares.append(fit_conformal(held_out).coverage(fresh)["v"])
    assert np.mean(shares) >= 0.8  # proven
    assert 0.88 <= np.mean(shares) <= 0.97  # usual


def test_new_rows_need_the_model_of_each_fold():
    p = drawn(40, 0)[0]
    conformal = fit_conformal(p, folds=by_id(p, ["f", "g"] * 20))
    new = drawn(5, 1, 1000)[0]
    with pytest.raises(
        InvalidPredictionsError, match=r"of the model of each fold, 2 \('f', 'g'\).*of one model. Give {fold"
    ):
        conformal.predict_sets(new)
    with pytest.raises(AlignmentError, match="must predict the same rows"):
        conformal.predict_sets({"f": new, "g": drawn(5, 1, 2000)[0]})
    with pytest.raises(InvalidPredictionsError, match="must be of one model"):
        fit_conformal(p).predict_sets({"f": new, "g": new})


def test_a_fold_is_not_calibrated_on_rows_that_its_model_was_fitted_on():
    f, g = rows([[0.9, 0.1]], [0], 0, fit_ids=[1]), rows([[0.9, 0.1]], [0], 1, fit_ids=[0, 1])
    with pytest.raises(LeakageError, match="the model of fold 'g' was fitted on; 1 of 1"):
        fit_conformal({"f": f, "g": g}, alpha=0.5)
    members = align([drawn(40, 0)[0].rename(m) for m in ("x", "y")])
    with pytest.raises(InvalidPredictionsError, match=r"held out by one model.*combine the predictions first"):
        fit_conformal(members)


# Intervals with a spread, and of quantiles.


def test_normalised_and_quantile_intervals_worked_by_hand():
    p = numbers([0, 0, 0], [1, 3, -8])
    conformal = fit_conformal(p, alpha=0.5, method="normalised", spread={2: 4.0, 0: 1.0, 1: 2.0})
    assert conformal.half_widths.tolist() == [1.5]  # of 1, 1.5 and 2
    new = numbers([10, 10], start=5)
    table = conformal.predict_intervals(new, spread=pd.Series({6: 2.0, 5: 4.0}))
    assert table[["low", "high"]].to_numpy().tolist() == [[4, 16], [7, 13]]
    pair = {"low": numbers([0, 0, 0], [1, 3, -8]), "high": numbers([2, 2, 2], start=0)}
    narrowed = fit_conformal(pair, alpha=0.6)
    assert narrowed.half_widths.tolist() == [1]  # scores -1, 1 and 8; ceil(4 * 0.4) = 2
    found = narrowed.predict_intervals({"low": numbers([10], start=5), "high": numbers([11], start=5)})
    assert found[["low", "high"]].to_numpy().tolist() == [[9, 12]]


def test_the_spread_of_members_is_their_standard_deviation():
    p = numbers([2, 3], [5, 3])
    pair = align([numbers([1, 2], member="x"), numbers([3, 4], member="y")])
    conformal = fit_conformal(p, alpha=0.5, method="normalised", spread=pair)
    assert conformal.half_widths.tolist() == [3]
    given = fit_conformal(p, alpha=0.5, method="normalised", spread=numbers([1, 1]))
    assert given.half_widths.tolist() == [3]
    seen = align([numbers([1, 2], member="x", fit_ids=[0]), numbers([3, 4], member="y")])
    with pytest.raises(LeakageError, match="a model of spread was fitted on"):
        fit_conformal(p, alpha=0.5, method="normalised", spread=seen)


# What is refused.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "row"}, "by must be 'class' or None; received 'row'"),
        ({"groups": ["x"] * 40}, "groups must name its rows: {id: value}"),
        ({"groups": {0: "x"}}, "must have a value for every id"),
        ({"folds": dict.fromkeys(range(40), "f")}, "at least two folds"),
        ({"spread": {0: 1.0}}, "spread is for the method 'normalised'"),
        ({"penalty": 0.1, "n_free": 1}, "penalty and n_free are for the method 'raps'"),
        ({"method": "raps", "penalty": 0.1}, "both or none; received 0.1 and None"),
        ({"method": "raps", "penalty": -1.0, "n_free": 1}, "must be >= 0; received -1.0"),
        ({"risk": "regret"}, "risk must be 'false_negative_rate' or 'false_discovery_rate'"),
        ({"risk": "false_discovery_rate"}, "only the method 'ltt'"),
        ({"confidence": 1.0}, "confidence must be a number > 0 and < 1"),
        ({"seed": -1}, "seed must be a whole number >= 0"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(InvalidOptionError, match=message):
        fit_conformal(drawn(40, 0)[0], **options)


def test_a_calibration_row_is_not_predicted():
    p = drawn(40, 0)[0]
    for own, predict in ((p, "predict_sets"), (regression(40, 0)[0], "predict_intervals")):
        conformal = fit_conformal(own)
        with pytest.raises(LeakageError, match="rows that it was calibrated on; 40 of 40"):
            getattr(conformal, predict)(own)
        assert len(getattr(conformal, predict)(own, allow_leakage=True)) == 40


def test_coverage_is_not_measured_on_rows_that_the_model_was_fitted_on():
    seen = rows([[0.9, 0.1]], [0], 100, fit_ids=[100], classes=["a", "b"])
    conformal = fit_conformal(rows([[0.9, 0.1], [0.2, 0.8]], [0, 1]), alpha=0.5)
    with pytest.raises(LeakageError, match="the model was fitted on"):
        conformal.coverage(seen)


def test_groups_of_new_rows_are_those_of_the_calibration():
    p = drawn(40, 0)[0]
    grouped, new = fit_conformal(p, alpha=0.3, groups=by_id(p, ["x", "y"] * 20)), drawn(2, 1, 1000)[0]
    with pytest.raises(InvalidOptionError, match=r"calibrated by group, 2 \('x', 'y'\); give groups"):
        grouped.predict_sets(new)
    with pytest.raises(InvalidOptionError, match=r"received others: 1 \('z'\). Nothing can be promised"):
        grouped.predict_sets(new, groups=by_id(new, ["x", "z"]))
    with pytest.raises(InvalidOptionError, match="this was not"):
        fit_conformal(p).predict_sets(new, groups=by_id(new, ["x", "x"]))


@pytest.mark.parametrize(
    "spread", [{0: 0.0, 1: 1.0}, {0: np.nan, 1: 1.0}, {0: "x", 1: "y"}], ids=["zero", "NaN", "text"]
)
def test_a_spread_is_a_positive_number(spread):
    with pytest.raises(InvalidOptionError, match="spread must be"):
        fit_conformal(numbers([1, 2], [1, 2]), method="normalised", spread=spread)
