"""McNemar, the paired bootstrap, Holm, the comparison with the best member, and repeats."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from ensemblekit import AlignmentError, InvalidOptionError, LeakageError, Predictions, combine
from ensemblekit.errors import UnknownMemberError
from ensemblekit.evaluation import (
    accuracy,
    compare_with_best_member,
    compare_with_reference,
    holm,
    mcnemar,
    paired_bootstrap,
    repeats_table,
)


def rightness(right, prefix="new", sure=0.8, **fields):
    """Predictions of two classes that are right where said so."""
    right = np.asarray(right, dtype=bool)
    probas = np.where(right[:, np.newaxis], [sure, 1 - sure], [1 - sure, sure])
    ids = [f"{prefix}/{k:03}" for k in range(len(right))]
    return Predictions(probas, ids=ids, classes=["cat", "dog"], labels=["cat"] * len(right), **fields)


def shuffled(p, seed=0):
    return p.take(np.random.default_rng(seed).permutation(p.ids))


# McNemar.


@pytest.mark.parametrize(
    ("first_only", "second_only", "p_value"),
    [(0, 0, 1.0), (5, 5, 1.0), (1, 0, 1.0), (0, 6, 2 / 64), (1, 9, 2 * (1 + 10) / 1024), (10, 2, 2 * 79 / 4096)],
)
def test_mcnemar_of_counts_worked_by_hand(first_only, second_only, p_value):
    first = rightness([1] * first_only + [0] * second_only + [1, 0])
    second = rightness([0] * first_only + [1] * second_only + [1, 0])
    found = mcnemar(first, shuffled(second))
    assert (found.first_only, found.second_only) == (first_only, second_only)
    assert found.p_value == pytest.approx(p_value)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_mcnemar_is_symmetric_and_exact(pairs):
    first, second = (rightness(side) for side in zip(*pairs, strict=True))
    one, other = mcnemar(first, second), mcnemar(second, first)
    assert one.p_value == other.p_value
    assert (one.first_only, one.second_only) == (other.second_only, other.first_only)
    n = one.first_only + one.second_only
    tail = scipy.stats.binom.cdf(min(one.first_only, one.second_only), n, 0.5)
    assert one.p_value == pytest.approx(min(1.0, 2 * tail))


def test_other_rows_are_not_compared():
    with pytest.raises(AlignmentError):
        mcnemar(rightness([1, 0]), rightness([1, 0], prefix="other"))


# The paired bootstrap.


def test_rows_are_paired_by_id_and_copies_by_group():
    rng = np.random.default_rng(0)
    first, second = rightness(rng.random(60) < 0.8), rightness(rng.random(60) < 0.6, sure=0.7)
    groups = {name: k // 3 for k, name in enumerate(first.ids.tolist())}
    table = paired_bootstrap(first, second, groups=groups, n_resamples=500)
    assert table["metric"].tolist() == ["accuracy", "log_loss", "brier_score"]
    assert table.equals(paired_bootstrap(shuffled(first), shuffled(second, 1), groups=groups, n_resamples=500))
    assert table["difference"].to_numpy() == pytest.approx(table["first"] - table["second"])
    assert table["difference"][0] == pytest.approx(accuracy(first) - accuracy(second))
    right = (first.predicted == "cat").astype(float) - (second.predicted == "cat")
    rng = np.random.default_rng(1)
    theirs = scipy.stats.bootstrap((right,), np.mean, n_resamples=5000, method="percentile", rng=rng)
    assert (table["low"][0], table["high"][0]) == pytest.approx(tuple(theirs.confidence_interval), abs=0.02)


def test_pairing_makes_the_interval_narrow():
    rng = np.random.default_rng(0)
    right = rng.random(200) < 0.7
    also = right.copy()
    also[:4] = ~also[:4]
    found = paired_bootstrap(rightness(right), rightness(also), metrics=["accuracy"]).iloc[0]
    apart = paired_bootstrap(rightness(right), rightness(rng.permutation(right)), metrics=["accuracy"]).iloc[0]
    assert found["high"] - found["low"] < 0.3 * (apart["high"] - apart["low"])


def test_a_model_against_itself_differs_in_nothing():
    p = rightness([1, 0, 1])
    found = paired_bootstrap(p, p, n_resamples=50)
    assert (found[["difference", "low", "high"]] == 0).all(axis=None)
    assert (found["p_value"] == 1).all()


def test_the_better_and_the_worse_change_sides():
    first, second = rightness([1, 1, 1, 0, 1, 1]), rightness([0, 1, 0, 1, 0, 0])
    one, other = paired_bootstrap(first, second), paired_bootstrap(second, first)
    assert one["low"].to_numpy() == pytest.approx(-other["high"])
    assert one["p_value"].to_numpy() == pytest.approx(other["p_value"])


# Few rows.


def constant(n, p, **fields):
    probas = np.tile([p, 1 - p], (n, 1))
    return Predictions(probas, ids=range(n), classes=["cat", "dog"], labels=["cat"] * n, **fields)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("by_group", [False, True])
def test_few_rows_or_groups_prove_nothing(n, by_group):
    times = 20 if by_group else 1
    groups = {row: row % n for row in range(n * times)} if by_group else None
    first, second = constant(n * times, 0.9), constant(n * times, 0.4)
    metrics = ["accuracy", "log_loss", "brier_score", "balanced_accuracy"]
    table = paired_bootstrap(first, second, metrics=metrics, groups=groups, n_resamples=50)
    prefix = "group_" if by_group else ""
    assert (table[f"{prefix}low"] < 0).all()
    assert (table[f"{prefix}high"] > 0).all()
    assert (table[f"{prefix}p_value"] > 0.05).all()
    models = {"new": first, "old": second}
    sentences = compare_with_reference(models, "old", groups=groups, n_resamples=50)["sentence"]
    units = ("group" if by_group else "row") + ("s" if n > 1 else "")
    assert sentences.str.contains(f": with {n} {units} one cannot tell; 6 are").all()


def test_six_equal_differences_are_the_fewest_that_prove_something():
    assert (paired_bootstrap(constant(6, 0.9), constant(6, 0.8), metrics=["log_loss"])["high"] < 0).all()
    assert (paired_bootstrap(constant(6, 0.9), constant(6, 0.8), metrics=["log_loss"])["p_value"] < 0.05).all()


def test_the_interval_is_that_of_bonett_and_price_if_the_others_are_narrower():
    first, second = rightness([1] * 9 + [0]), rightness([1] * 8 + [0] * 2)
    found = paired_bootstrap(first, second, metrics=["accuracy"], n_resamples=200).iloc[0]
    values = np.array([1.0] + [0.0] * 9 + [1.0, -1.0])
    half = scipy.stats.t.ppf(0.975, 9) * values.std(ddof=1) / np.sqrt(12)
    assert found["low"] == pytest.approx(values.mean() - half)
    assert values.mean() + half <= found["high"] < values.mean() + half + 0.01  # one unit more may reach further


def test_without_a_row_that_differs_a_difference_is_still_possible():
    first, second = rightness([1] * 10), rightness([1] * 10, sure=0.7)
    found = paired_bootstrap(first, second, metrics=["accuracy"], n_resamples=50).iloc[0]
    assert found["low"] < -0.1
    assert found["high"] > 0.1


@pytest.mark.parametrize(("metric", "n"), [("log_loss", 4), ("log_loss", 15), ("accuracy", 8), ("accuracy", 30)])
def test_intervals_of_small_samples_cover(metric, n):
    rng, covered = np.random.default_rng(0), 0
    for _ in range(100):
        if metric == "accuracy":
            first, second = rightness(rng.random(n) < 0.9), rightness(rng.random(n) < 0.7)
            truth = 0.2
        else:
            shift = rng.normal(0.1, 0.3, n)  # the difference in log loss of each row
            probas = np.exp(-1.5 + np.stack([np.zeros(n), np.clip(shift, -1, 1)], axis=1))
            first, second = (
                Predictions(np.stack([p, 1 - p], axis=1), ids=range(n), classes=["cat", "dog"], labels=["cat"] * n)
                for p in probas.T
            )
            truth = 0.1
        found = paired_bootstrap(first, second, metrics=[metric], n_resamples=200).iloc[0]
        covered += found["low"] <= truth <= found["high"]
    assert covered >= 90


# Holm.


def test_holm_worked_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.6]) == pytest.approx([1.0, 1.0])
    assert holm([]).shape == (0,)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_holm_is_monotone_above_the_raw_values_and_below_bonferroni(raw, random):
    values, corrected = np.array(raw), holm(raw)
    assert (corrected >= values).all()
    assert (corrected <= np.minimum(1, len(raw) * values)).all()
    order = np.argsort(values, kind="stable")
    assert (np.diff(corrected[order]) >= 0).all()
    mixed = random.sample(range(len(raw)), len(raw))
    assert np.array_equal(holm(values[mixed]), corrected[mixed])


@pytest.mark.parametrize("raw", [[1.5], [-0.1], [np.nan], [[0.1]], ["small"]])
def test_holm_refuses_what_are_no_p_values(raw):
    with pytest.raises(InvalidOptionError, match=r"p values must be numbers in \[0, 1\]"):
        holm(raw)


# Against the best member.


def study(n=200, **fields):
    rng = np.random.default_rng(3)
    right = {"cnn": rng.random(n) < 0.6, "svm": rng.random(n) < 0.65}
    right["better"] = right["svm"] | (rng.random(n) < 0.5)
    right["alike"] = np.where(np.arange(n) < 2, ~right["cnn"], right["cnn"])
    rows = {name: rightness(r, split="test", **fields) for name, r in right.items()}
    held_out = {"cnn": rightness([1, 1, 1, 0], "valid"), "svm": rightness([1, 1, 0, 0], "valid")}
    return rows, held_out


MEMBERS = {"better": ["cnn", "svm"], "alike": ["cnn", "svm"]}


def test_the_best_member_is_chosen_on_other_rows():
    rows, held_out = study()
    assert accuracy(rows["svm"]) > accuracy(rows["cnn"])
    table = compare_with_best_member(rows, MEMBERS, chosen_on=held_out, n_resamples=500, unit="images")
    assert table["best_member"].unique().tolist() == ["cnn"]
    right = table[table["metric"] == "accuracy"].set_index("model")
    raw = [mcnemar(rows[row], rows["cnn"]).p_value for row in MEMBERS]
    assert right["p_value"].tolist() == raw
    assert right["p_holm"].tolist() == holm(raw).tolist()
    assert right.loc["better", "sentence"] == (
        f"From cnn to better, accuracy rises by {right.loc['better', 'difference']:.3f} on these 200 images (95 % "
        f"interval {right.loc['better', 'low']:.3f} to {right.loc['better', 'high']:.3f}; McNemar p < 0.001, Holm "
        "< 0.001): better is better on images like these, of these two fitted models."
    )
    assert right.loc["alike", "sentence"].endswith(": no difference can be told with this many images.")


def test_of_a_loss_less_is_better_and_groups_decide():
    rows, held_out = study()
    groups = {name: k // 2 for k, name in enumerate(rows["cnn"].ids.tolist())}
    table = compare_with_best_member(rows, MEMBERS, chosen_on=held_out, groups=groups, n_resamples=500)
    loss = table[(table["metric"] == "log_loss") & (table["model"] == "better")].iloc[0]
    assert loss["difference"] < 0
    assert loss["n_groups"] == 100
    assert (
        f"log loss falls by {-loss['difference']:.3f} on these 200 rows (95 % interval by group "
        f"{loss['group_low']:.3f} to {loss['group_high']:.3f}; permutation p"
    ) in loss["sentence"]


def test_rows_that_were_fitted_on_say_nothing_of_new_ones():
    rows, held_out = study(fit_ids=["new/000", "new/001"])
    sentences = compare_with_best_member(rows, MEMBERS, chosen_on=held_out, n_resamples=50)["sentence"]
    assert sentences.str.endswith(": nothing can be said of new rows, as 2 of these were fitted on.").all()


def test_a_best_member_chosen_on_the_rows_that_are_compared_is_refused():
    rows, held_out = study()
    with pytest.raises(
        LeakageError, match=r"'better' is chosen on rows that are not compared.*200 of them compared too"
    ):
        compare_with_best_member(rows, MEMBERS, chosen_on=rows)
    of_test = {name: p.rename(split="test") for name, p in held_out.items()}
    with pytest.raises(LeakageError, match=r"of the split 'test', 0 of them compared too\. Give validation"):
        compare_with_best_member(rows, MEMBERS, chosen_on=of_test)


def test_members_that_are_not_there_are_named():
    rows, held_out = study()
    with pytest.raises(UnknownMemberError, match=r"chosen_on must have .* of 'better'; it lacks \['svm'\]"):
        compare_with_best_member(rows, MEMBERS, chosen_on={"cnn": held_out["cnn"]})
    with pytest.raises(UnknownMemberError, match=r"models must have .* of 'none'; it lacks \['none'\]"):
        compare_with_best_member(rows, {"none": ["cnn"]}, chosen_on=held_out)
    with pytest.raises(InvalidOptionError, match=r"members must be Mapping.*; received {'better': 'cnn'}"):
        compare_with_best_member(rows, {"better": "cnn"}, chosen_on=held_out)
    with pytest.raises(InvalidOptionError, match=r"metric must be one of .*received 'luck'"):
        compare_with_best_member(rows, MEMBERS, chosen_on=held_out, choose_by="luck")


def test_a_combination_and_its_members_go_straight_in():
    rng = np.random.default_rng(0)
    rows = {name: rightness(rng.random(30) < 0.7, member=name) for name in ("cnn", "svm")}
    rows["mean"] = combine(rows, "mean")
    held_out = {name: rightness(rng.random(30) < 0.7, "valid") for name in ("cnn", "svm")}
    assert len(compare_with_best_member(rows, {"mean": ["cnn", "svm"]}, chosen_on=held_out, n_resamples=50)) == 3
    assert compare_with_best_member(rows, {}, chosen_on=held_out).empty


# Repeats.


def test_repeats_have_a_mean_and_a_spread():
    first = pd.DataFrame({"Model": ["cnn", "svm"], "Loss": [1.0, 2.0], "Accuracy": [0.5, 0.25]})
    second = pd.DataFrame({"Model": ["svm", "cnn"], "Loss": [4.0, 3.0], "Accuracy": [0.75, 0.5]})
    table = repeats_table({0: first, 1: second})
    assert table[["Model", "figure"]].to_numpy().tolist() == [
        ["cnn", "Loss"], ["cnn", "Accuracy"], ["svm", "Loss"], ["svm", "Accuracy"],
    ]  # fmt: skip
    assert table["mean"].tolist() == [2.0, 0.5, 3.0, 0.5]
    assert table["spread"].to_numpy() == pytest.approx([np.sqrt(2), 0, np.sqrt(2), np.sqrt(0.125)])
    assert table["smallest"].tolist() == [1.0, 0.5, 2.0, 0.25]
    assert table["largest"].tolist() == [3.0, 0.5, 4.0, 0.75]
    assert repeats_table({0: first})["spread"].isna().all()


def test_repeats_of_other_rows_are_refused():
    table = pd.DataFrame({"Model": ["cnn"], "Loss": [1.0]})
    with pytest.raises(InvalidOptionError, match=r"seed 2 differs from seed 1.*'svm'"):
        repeats_table({1: table, 2: table.replace("cnn", "svm")})
    with pytest.raises(InvalidOptionError, match="one table at least"):
        repeats_table({})
    with pytest.raises(InvalidOptionError, match="a name of its own"):
        repeats_table({1: pd.concat([table, table])})


def test_a_refusal_calls_the_models_by_their_names():
    cnn, svm = (
        Predictions([[0.5, 0.5]], ids=["a"], classes=["x", "y"], labels=[label], member=member)
        for label, member in (("x", "cnn"), ("y", "svm"))
    )
    with pytest.raises(AlignmentError, match=r"member 'svm' and 'cnn'"):
        paired_bootstrap(cnn, svm)
