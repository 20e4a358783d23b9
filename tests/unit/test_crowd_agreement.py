"""Agreement of raters: the published example, the peers' values, and intervals that say when one cannot tell."""

import numpy as np
import pandas as pd
import pytest

from ensemblekit import Votes
from ensemblekit.crowd import cohen_kappa, fleiss_kappa, krippendorff_alpha
from ensemblekit.errors import InvalidOptionError, InvalidPredictionsError, UnknownMemberError
from tests.unit.crowd_samples import crowd, frame

PUBLISHED = {  # Krippendorff, "Computing Krippendorff's alpha-reliability", 2011: four observers, twelve units
    "A": "1 2 3 3 2 1 4 1 2 . . .",
    "B": "1 2 3 3 2 2 4 1 2 5 . 3",
    "C": ". 3 3 3 2 3 4 2 2 5 1 .",
    "D": "1 2 3 3 2 4 4 1 2 5 1 .",
}
THREE_CODERS = {  # Krippendorff's example of three coders and fifteen units, 0.691 and 0.811
    "A": ". . . . . 3 4 1 2 1 1 3 3 . 3",
    "B": "1 . 2 1 3 3 4 3 . . . . . . .",
    "C": ". . 2 1 3 4 4 . 2 1 1 3 3 . 4",
}


def votes_of(rows, **options):
    said = [(f"u{k:02d}", name, label) for name, row in rows.items() for k, label in enumerate(row.split())]
    said = [s for s in said if s[2] != "."]
    columns = zip(*said, strict=True)
    return Votes(dict(zip(("item", "rater", "label"), map(list, columns), strict=True)), **options)


def complete(n_items=40, n_raters=4, k=3, seed=0):
    return crowd(n_items=n_items, n_raters=n_raters, per_item=n_raters, k=k, seed=seed)[0]


@pytest.mark.parametrize(
    ("level", "value"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_alpha_is_that_of_the_published_example(level, value):
    found = krippendorff_alpha(votes_of(PUBLISHED), level=level)
    assert round(found.value, 3) == value
    assert (found.n_items, found.n_votes, found.n_raters) == (11, 40, 4)  # the last unit has one value


@pytest.mark.parametrize(("level", "value"), [("nominal", 0.691), ("interval", 0.811)])
def test_alpha_of_three_coders_with_missing_values(level, value):
    found = krippendorff_alpha(votes_of(THREE_CODERS), level=level)
    assert round(found.value, 3) == value
    assert (found.n_items, found.n_votes) == (12, 26)


def test_alpha_by_hand():
    # a: yes, yes. b: yes, no. c: no, no, which count 2, 2 of yes and no off the diagonal 1 each: n = 6, n[c] = 3.
    found = krippendorff_alpha(votes_of({"r": "yes yes no", "s": "yes no no"}))
    assert found.value == pytest.approx(1 - (2 / 6) / (2 * 3 * 3 / (6 * 5)))


@pytest.mark.slow  # crowd-kit takes seconds to import
@pytest.mark.filterwarnings("ignore")
def test_alpha_is_that_of_crowd_kit_with_missing_votes():
    from crowdkit.metrics.data import alpha_krippendorff

    votes, _ = crowd(n_items=30, n_raters=9, k=4, per_item=4)
    assert krippendorff_alpha(votes).value == pytest.approx(alpha_krippendorff(frame(votes)), abs=1e-12)


@pytest.mark.parametrize("seed", [0, 1])
def test_fleiss_is_that_of_statsmodels(seed):
    from statsmodels.stats.inter_rater import aggregate_raters
    from statsmodels.stats.inter_rater import fleiss_kappa as peer

    votes = complete(seed=seed)
    table, _ = aggregate_raters(votes.choice.reshape(40, 4))
    assert fleiss_kappa(votes).value == pytest.approx(peer(table), abs=1e-12)


@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
def test_cohen_is_that_of_scikit_learn(weights):
    from sklearn.metrics import cohen_kappa_score

    votes = complete(k=4)
    one, other = votes.choice.reshape(40, 4).T[:2]
    found = cohen_kappa(votes, "r0", "r1", weights=weights)
    assert found.value == pytest.approx(cohen_kappa_score(one, other, weights=weights), abs=1e-12)


def test_cohen_looks_at_items_of_both():
    rows = {"r": "1 1 2 2 1 .", "s": "1 2 2 2 . 1", "t": "2 2 1 1 1 1"}
    found = cohen_kappa(votes_of(rows), "r", "s")
    assert found.n_items == 4
    assert found.value == pytest.approx(1 - 0.25 / 0.5)


def test_order_of_words_matters_and_is_asked_for():
    words = {"1": "low", "2": "mid", "3": "high"}
    rows = {"r": "1 2 3 3 2 1 1 3", "s": "1 2 3 2 2 2 1 3"}
    spelled = votes_of({name: " ".join(words[x] for x in row.split()) for name, row in rows.items()})
    numbers, order = votes_of(rows), ["low", "mid", "high"]
    asked = krippendorff_alpha(spelled, level="ordinal", order=order)
    assert asked.value == pytest.approx(krippendorff_alpha(numbers, level="ordinal").value)
    assert asked.value != pytest.approx(krippendorff_alpha(spelled, level="ordinal", order=sorted(order)).value)
    assert cohen_kappa(spelled, "r", "s", weights="linear", order=order).value == pytest.approx(
        cohen_kappa(numbers, "r", "s", weights="linear").value
    )
    for refused in (
        lambda: krippendorff_alpha(spelled, level="ordinal"),
        lambda: cohen_kappa(spelled, "r", "s", weights="linear"),
    ):
        with pytest.raises(InvalidOptionError, match="needs the order of the classes"):
            refused()
    with pytest.raises(InvalidOptionError, match="needs classes that are numbers"):
        krippendorff_alpha(spelled, level="interval")


@pytest.mark.parametrize("measure", [krippendorff_alpha, fleiss_kappa])
def test_names_and_silent_raters_change_nothing(measure):
    rows = {"r": "1 2 3 3 2 1 1 3", "s": "1 2 3 2 2 2 1 3", "t": "2 2 3 . 1 1 1 3"}
    plain = measure(votes_of(rows))
    renamed = {name: row.replace("1", "9") for name, row in zip("xyz", rows.values(), strict=True)}
    assert measure(votes_of(renamed)).value == pytest.approx(plain.value)
    silent = measure(votes_of(rows | {"u": "? ? ? ? ? ? ? ?"}, abstained=["?"]))
    assert (silent.value, silent.low, silent.high, silent.n_raters) == (plain.value, plain.low, plain.high, 3)


@pytest.mark.parametrize("n", [1, 5, 6])
def test_few_items_tell_nothing(n):
    rows = {"r": " ".join("12"[k % 2] for k in range(n)), "s": " ".join("12"[k % 2] for k in range(n))}
    found = krippendorff_alpha(votes_of(rows))
    assert found.enough == (n >= 6)
    if n < 6:
        assert (found.low, found.high) == (-1, 1)
        assert ("not defined" if n == 1 else "one cannot tell; 6 are needed") in found.sentence
    else:
        assert found.value == 1
        assert found.low < 0.7  # six items of perfect agreement do not show that it is perfect
        assert "interval" in found.sentence


def test_one_class_and_no_pairs_are_not_defined():
    for rows, why in (
        ({"r": "1 " * 9, "s": "1 " * 9}, "all answers are of one class"),
        (
            {"r": "1 2 .", "s": ". . 1"},
            "no item has two",
        ),
    ):
        found = fleiss_kappa(votes_of(rows))
        assert np.isnan(found.value)
        assert not found.enough
        assert found.sentence.endswith(f"{why}.")


def test_intervals_shrink_with_items_and_say_more_than_chance():
    widths = [(f := fleiss_kappa(complete(n_items=n))).high - f.low for n in (10, 40, 160)]
    assert widths[0] > 1.5 * widths[1] > 2 * widths[2]
    assert "they agree more than by chance" in fleiss_kappa(complete(n_items=160)).sentence
    rng = np.random.default_rng(0)
    noise = votes_of({name: " ".join(map(str, rng.integers(2, size=30))) for name in "rs"})
    assert "one cannot tell whether they agree more than by chance" in fleiss_kappa(noise).sentence


def test_an_interval_is_that_of_clopper_and_pearson_for_a_share():
    from scipy.stats import beta

    from ensemblekit.crowd.agreement._patterns import interval

    times = np.array([13, 7])
    share = lambda w: w[:, 0] / w.sum(axis=1)  # noqa: E731
    low, high = interval(share, times, 1, 0, confidence=0.95, n_resamples=40_000, seed=0)
    assert (low, high) == pytest.approx((beta.ppf(0.025, 13, 8), beta.ppf(0.975, 14, 7)), abs=0.005)


@pytest.mark.slow
@pytest.mark.parametrize("measure", [krippendorff_alpha, fleiss_kappa, lambda v, **o: cohen_kappa(v, "r0", "r1", **o)],
                         ids=["alpha", "fleiss", "cohen"])  # fmt: skip
@pytest.mark.parametrize("n_items", [8, 30])
def test_intervals_hold_the_true_value_as_often_as_promised(measure, n_items):
    accuracy = [0.8, 0.8, 0.8]
    many = crowd(n_items=40_000, n_raters=3, per_item=3, k=2, accuracy=accuracy, seed=99)[0]
    true = measure(many, n_resamples=100).value
    found = [measure(crowd(n_items, 3, 2, 3, seed, accuracy)[0], n_resamples=400) for seed in range(100)]
    held = np.mean([f.low <= true <= f.high for f in found])
    assert held > 0.9  # 0.95 less two standard errors
    assert np.mean([f.high - f.low for f in found if f.enough]) < (1.7 if n_items == 8 else 0.9)


def test_wrong_arguments_are_refused():
    votes = complete(n_items=8)
    with pytest.raises(UnknownMemberError, match=r"second must be one of the 4 raters, .*; received 'nobody'"):
        cohen_kappa(votes, "r0", "nobody")
    with pytest.raises(InvalidOptionError, match=r"level must be one of 'nominal', .*; received 'binary'"):
        krippendorff_alpha(votes, level="binary")
    with pytest.raises(InvalidOptionError, match=r"confidence must be a finite number > 0 and <= 0\.9999; received 95"):
        fleiss_kappa(votes, confidence=95)
    with pytest.raises(InvalidOptionError, match=r"n_resamples must be a whole number >= 100; received 10"):
        fleiss_kappa(votes, n_resamples=10)


def test_an_interval_over_groups_does_not_count_copies_of_items():
    votes, _ = crowd(n_items=40, n_raters=4, per_item=3, seed=3)
    table = votes.to_frame()[["item", "rater", "label"]]
    copies = pd.concat([table.assign(item=table["item"] + f"-{k}") for k in range(4)])
    group_of = {item: item.partition("-")[0] for item in copies["item"]}
    one = krippendorff_alpha(votes)
    alone, grouped = krippendorff_alpha(Votes(copies)), krippendorff_alpha(Votes(copies), groups=group_of)
    assert grouped.value == alone.value
    assert grouped.n_groups == 40
    assert grouped.n_items == 160
    assert grouped.high - grouped.low == pytest.approx(one.high - one.low, rel=0.15)
    assert alone.high - alone.low < 0.65 * (grouped.high - grouped.low)
    assert "160 items of 40 groups" in grouped.sentence
    few = krippendorff_alpha(Votes(copies), groups=dict.fromkeys(group_of, "one scan"))
    assert not few.enough
    assert "with so few groups one cannot tell" in few.sentence
    kappa = fleiss_kappa(Votes(copies), groups=group_of)
    assert kappa.low < fleiss_kappa(Votes(copies)).low
    with pytest.raises(InvalidPredictionsError, match="groups"):
        krippendorff_alpha(votes, groups={"nobody": "x"})
