"""Weights that follow time and never look ahead; fits by group; calibration of levels."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemblekit import Predictions, align, combine, fit_combiner
from ensemblekit.errors import AlignmentError, InvalidOptionError, InvalidPredictionsError, LeakageError
from ensemblekit.quantiles import fit_by, fit_recalibration, online_weights, pit_values, quantile_coverage

METHODS = ["boa", "ml_poly", "ewa"]
LEVELS = np.array([0.25, 0.5, 0.75])


def members(n=30, seed=0, true=None):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    values = [truth[:, None] + rng.normal(0, sd, (n, 1)) + [-0.7, 0.0, 0.7] for sd in (0.3, 1.0, 3.0)]
    names = {"ids": [f"r{k:03d}" for k in range(n)], "classes": [*LEVELS], "task": "quantile"}
    return [Predictions(v, labels=truth if true is None else true, member=f"m{k}", **names)
            for k, v in enumerate(values)]  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
@given(st.integers(0, 10**6))
def test_no_weight_depends_on_an_outcome_that_was_not_known(method, seed):
    rng = np.random.default_rng(seed)
    cutoff = rng.integers(0, 8, 30)
    known = cutoff + rng.integers(1, 5, 30)
    given_members = members(seed=seed)
    first = online_weights(given_members, cutoff=cutoff, known=known, method=method)
    moment = int(rng.integers(0, 9))
    other = np.where(known > moment, 50 * rng.normal(size=30), given_members[0].labels[:, 0])
    second = online_weights(members(seed=seed, true=other), cutoff=cutoff, known=known, method=method)
    before = first.cutoffs <= moment
    assert first.weights[before].tobytes() == second.weights[before].tobytes()
    assert first.predictions.probas[cutoff <= moment].tobytes() == second.predictions.probas[cutoff <= moment].tobytes()
    np.testing.assert_allclose(first.weights.sum(axis=1), 1)
    order = rng.permutation(30)
    turned = [p.take(p.ids[order]) for p in given_members[::-1]]
    again = online_weights(turned, cutoff=cutoff[order], known=known[order], method=method)
    np.testing.assert_allclose(again.weights, first.weights, atol=1e-9)


@pytest.mark.parametrize("known", [lambda t: t, lambda t: t - 1])
def test_a_forecast_made_when_its_outcome_was_known_is_refused(known):
    cutoff = np.arange(30)
    seen = cutoff + 1
    seen[7] = known(cutoff[7])
    with pytest.raises(LeakageError, match=r"a forecast is made before its outcome is known; 1 of 30 .*first 'r007'"):
        online_weights(members(), cutoff=cutoff, known=seen)


def test_a_member_that_copies_the_future_gains_nothing_before_it_is_known():
    # It equals each outcome, which becomes known three moments later: until then it has the weight of the others.
    own = members()
    spy = Predictions(np.repeat(own[0].labels[:, :1], 3, axis=1), ids=own[0].ids, classes=own[0].classes,
                      labels=own[0].labels[:, 0], task="quantile", member="spy")  # fmt: skip
    online = online_weights([*own, spy], cutoff=np.arange(30), known=np.arange(30) + 3)
    assert online.weights[:3].tolist() == [[0.25] * 4] * 3
    assert online.final[online.members.index("spy")] > 0.5


def test_rounds_of_ml_poly_by_hand():
    names = {"ids": ["a", "b", "c"], "classes": [0.5], "task": "quantile", "labels": [0.0, 0.0, 0.0]}
    near = Predictions([[1.0], [1.0], [1.0]], member="near", **names)
    far = Predictions([[3.0], [2.0], [2.0]], member="far", **names)
    online = online_weights([near, far], cutoff=[0, 1, 2], known=[1, 2, 3], method="ml_poly")
    # Round 1: p = 2, slope 0.5, regrets near 0.5, far -0.5. So near has all the weight, and then no regret.
    assert online.weights.tolist() == [[0.5, 0.5], [0, 1], [0, 1]]
    assert online.members == ("far", "near")
    ewa = online_weights([near, far], cutoff=[0, 1, 2], known=[1, 2, 3], method="ewa", learning_rate=2.0)
    expected = np.exp(-2 * np.array([1.5, 0.5]))  # losses of half the distance
    np.testing.assert_allclose(ewa.weights[1], expected / expected.sum())
    # BOA: regrets of +-0.5, rates min(1 / (2 * 0.5), sqrt(ln 2 / 0.25)) = 1, R = +-0.5 - 0.25
    boa = online_weights([near, far], cutoff=[0, 1, 2], known=[1, 2, 3], method="boa")
    expected = np.exp([-0.75, 0.25])
    np.testing.assert_allclose(boa.weights[1], expected / expected.sum())


def test_absent_members_have_no_part_and_no_regret():
    own = members()
    late = own[0].take(own[0].ids[10:])
    aligned = align([own[1], own[2], late], missing="renormalize")
    for method in METHODS:
        online = online_weights(aligned, cutoff=np.arange(30), known=np.arange(30) + 1, method=method)
        two = online_weights(own[1:], cutoff=np.arange(30), known=np.arange(30) + 1, method=method)
        if method == "ml_poly":
            np.testing.assert_allclose(online.predictions.probas[:10], two.predictions.probas[:10])
        assert np.isfinite(online.predictions.probas).all()


def test_numbers_have_squared_errors_and_levels_their_own_weights():
    names = {"ids": ["a", "b"], "classes": ["y"], "task": "regression", "labels": [[0.0], [0.0]]}
    pair = [Predictions([[1.0], [1.0]], member="near", **names), Predictions([[3.0], [3.0]], member="far", **names)]
    assert online_weights(pair, cutoff=[0, 1], known=[1, 2], method="ml_poly").weights[1].tolist() == [0, 1]
    dates = pd.to_datetime(["2024-01-01", "2024-01-08"])
    each = online_weights(members(2), cutoff=dates, known=dates + pd.Timedelta(days=7), per_class=False)
    assert each.table().index.tolist() == [*dates]


def test_what_is_no_time_is_refused():
    with pytest.raises(InvalidOptionError, match="both dates, or both numbers"):
        online_weights(members(2), cutoff=[0, 1], known=pd.to_datetime(["2024-01-01", "2024-01-08"]))
    with pytest.raises(InvalidOptionError, match="cutoff must be dates or numbers"):
        online_weights(members(2), cutoff=["soon", "later"], known=[1, 2])
    with pytest.raises(InvalidOptionError, match="method must be one of 'ewa', 'boa', 'ml_poly'"):
        online_weights(members(2), cutoff=[0, 1], known=[1, 2], method="hedge")
    with pytest.raises(InvalidOptionError, match="goes with method='ewa'"):
        online_weights(members(2), cutoff=[0, 1], known=[1, 2], learning_rate=1.0)
    bare = [Predictions([[1.0]], ids=["a"], classes=[0.5], task="quantile", member=m) for m in "ab"]
    with pytest.raises(InvalidPredictionsError, match="no labels"):
        online_weights(bare, cutoff=[0], known=[1])


def test_each_group_has_the_weights_of_a_fit_on_it_alone():
    own = members()
    horizon = np.arange(30) % 2 + 1
    fitted = fit_by(own, "pinball_weights", by=horizon)
    ids = own[0].ids[horizon == 2]
    alone = fit_combiner([p.take(ids) for p in own], "pinball_weights")
    assert fitted.weights().loc[2].tolist() == alone.weights_.tolist()
    assert fitted.combine(own, by=horizon).ids.tolist() == own[0].ids.tolist()
    assert (fitted.combine(own, by=horizon).take(ids).probas == combine([p.take(ids) for p in own], alone).probas).all()
    turned = pd.Series(horizon, index=own[0].ids)[::-1]
    assert fit_by(own, "pinball_weights", by=turned).weights().equals(fitted.weights())
    assert [*fit_by(own, "inverse_pinball", by=np.arange(30) % 3 * 5 + 5).combiners] == [5, 10, 15]
    made = pd.Series(np.arange(30), index=own[0].ids)
    one = online_weights(own, cutoff=made, known=made + 1)
    other = online_weights(own, cutoff=made[::-1], known=(made + 1).sample(frac=1, random_state=0))
    assert one.weights.tobytes() == other.weights.tobytes()
    with pytest.raises(InvalidOptionError, match=r"received also 1 \(3\)"):
        fitted.combine(own, by=horizon + 1)
    with pytest.raises(InvalidOptionError, match="by must say of which group"):
        fitted.combine(own)


def test_groups_and_times_may_be_key_columns():
    keys = pd.DataFrame({"series": ["s", "t"] * 15, "cutoff": np.repeat(pd.date_range("2024-01-01", periods=15), 2)})
    keys["ds"] = keys["cutoff"] + pd.Timedelta(days=2)
    own = [Predictions(p.probas, ids=keys, classes=p.classes, labels=p.labels[:, 0], task="quantile", member=p.member)
           for p in members()]  # fmt: skip
    online = online_weights(own, cutoff="cutoff", known="ds")
    assert len(online.cutoffs) == 15
    assert online.predictions.id_columns == ("series", "cutoff", "ds")
    fitted = fit_by(own, "inverse_pinball", by="series")
    assert [*fitted.combiners] == ["s", "t"]
    assert len(fitted.combine(own)) == 30
    assert fit_by(own, "inverse_pinball", by=("series", "series")).weights().index.nlevels == 2


def test_recalibrated_levels_are_reached_as_often_as_they_say():
    rng = np.random.default_rng(0)
    true = rng.normal(size=4000)
    narrow = Predictions(np.tile([-0.2, 0.1, 0.3], (4000, 1)), ids=range(4000), classes=[*LEVELS], labels=true,
                         task="quantile", member="narrow")  # fmt: skip
    fit, new = narrow.take(range(2000)), narrow.take(range(2000, 4000))
    better = fit_recalibration(fit).apply(new)
    observed = quantile_coverage(better).set_index("kind")["difference"].abs()
    assert observed.max() < 0.04 < quantile_coverage(new)["difference"].abs().max()
    with pytest.raises(LeakageError, match="fitted on 2000 of 2000"):
        fit_recalibration(fit).apply(fit)
    with pytest.raises(AlignmentError, match="levels must be those of the fit"):
        fit_recalibration(fit).apply(members(2)[0].rename(aliases={"0.25": "0.2"}))


def test_pit_values_by_hand():
    names = {"ids": [*range(6)], "classes": [0.2, 0.6, 0.8], "task": "quantile"}
    p = Predictions([[1.0, 2.0, 2.0]] * 6, labels=[0.0, 1.0, 1.5, 2.0, 3.0, 1.25], **names)
    np.testing.assert_allclose(pit_values(p), [0.1, 0.2, 0.4, 0.7, 0.9, 0.3])
    with pytest.raises(InvalidPredictionsError, match="without labels"):
        pit_values(Predictions([[1.0]], ids=["a"], classes=[0.5], task="quantile"))
