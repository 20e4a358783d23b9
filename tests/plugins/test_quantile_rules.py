"""Rules for quantiles: the linear pool, and weights by pinball loss."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from ensemblekit import Predictions, align, combine, fit_combiner
from ensemblekit.errors import InvalidOptionError
from ensemblekit_plugins.kernels.quantile_pool import mixture_quantiles
from ensemblekit_plugins.learning import pinball as learning

LEVELS = np.array([0.05, 0.25, 0.5, 0.75, 0.95])


def predictions(values, levels=LEVELS, **options):
    names = {"ids": [f"r{k}" for k in range(len(values))], "classes": [*levels], "task": "quantile"}
    return Predictions(values, **{**names, **options})


def distribution(x, quantiles, levels, normal):
    """Evaluate one distribution function, in plain words."""
    if len(levels) > 1 and normal:
        z = norm.ppf(levels)
        for near, far, outside in ((0, 1, x < quantiles[0]), (-1, -2, x >= quantiles[-1])):
            sd = (quantiles[far] - quantiles[near]) / (z[far] - z[near])
            if outside and sd > 0:
                return norm.cdf((x - quantiles[near]) / sd + z[near])
    if x < quantiles[0]:
        return 0.0
    if x >= quantiles[-1]:
        return 1.0
    k = np.searchsorted(quantiles, x, side="right") - 1
    share = (x - quantiles[k]) / (quantiles[k + 1] - quantiles[k])
    return levels[k] + share * (levels[k + 1] - levels[k])


def pooled_by_bisection(members, weights, levels, normal):
    def mixture(x):
        return sum(w * distribution(x, q, levels, normal) for w, q in zip(weights, members, strict=True)) / sum(weights)

    found = []
    for k, level in enumerate(levels):
        low, high = members[:, k].min() - 1e-9, members[:, k].max()
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (low, middle) if mixture(middle) >= level - 1e-12 else (middle, high)
        found.append(high)
    return np.array(found)


@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 6), st.booleans(), st.booleans())
def test_the_pool_inverts_the_mixture(seed, n_members, n_levels, normal, coarse):
    rng = np.random.default_rng(seed)
    levels = np.sort(rng.choice(np.arange(1, 100), n_levels, replace=False)) / 100
    draw = rng.integers(-3, 4, (n_members, 1, n_levels)) if coarse else rng.normal(0, 3, (n_members, 1, n_levels))
    members = np.sort(draw.astype(float), axis=2)
    weights = rng.integers(1, 4, n_members).astype(float)
    found = mixture_quantiles(members, levels, weights, normal=normal)[0]
    expected = pooled_by_bisection(members[:, 0], weights, levels, normal)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert (np.diff(found) >= 0).all()


@given(
    st.integers(0, 10**6),
    st.sampled_from([{}, {"tails": "constant"}, {"between": "spline"}, {"between": "spline", "tails": "constant"}]),
    st.sampled_from([np.float32, np.float64]),
    st.booleans(),
)
def test_the_pool_keeps_what_it_promises(seed, options, dtype, coarse):
    rng = np.random.default_rng(seed)
    draw = rng.integers(-3, 4, (3, 4, 5)) if coarse else rng.normal(0, 3, (3, 4, 5))
    values = np.sort(draw, axis=2).astype(dtype)
    one, two, three = (predictions(v, member=name) for v, name in zip(values, "abc", strict=True))
    pool = combine([one, two, three], "linear_pool", **options).probas
    assert pool.dtype == dtype
    assert (pool >= values.min(axis=0)).all()
    assert (pool <= values.max(axis=0)).all()
    assert combine([three, one, two], "linear_pool", **options).probas.tobytes() == pool.tobytes()
    same = combine([one, one.rename("d")], "linear_pool", **options).probas
    np.testing.assert_allclose(same, values[0], rtol=1e-5 if dtype is np.float32 else 1e-9, atol=1e-6)
    without = combine([one, two], "linear_pool", **options).probas
    zero = combine([one, two, three], "linear_pool", **options, weights={"a": 2, "b": 2, "c": 0}).probas
    np.testing.assert_allclose(zero, without, rtol=1e-6, atol=1e-9)
    alone = combine([p.take(["r2"]) for p in (one, two, three)], "linear_pool", **options).probas
    assert alone.tobytes() == pool[2:3].tobytes()
    turned = [
        Predictions(p.probas[:, ::-1], ids=p.ids, classes=p.classes[::-1], task="quantile", member=p.member)
        for p in (one, two, three)
    ]
    assert combine(turned, "linear_pool", **options).probas[:, ::-1].tobytes() == pool.tobytes()


def test_the_quantiles_of_hubensembles_are_averaged():
    # tests/testthat/helper-test_data.R, location 222: four models, levels 0.1, 0.5 and 0.9.
    values = {"a": [10.0, 40, 60], "b": [30.0, 40, 70], "c": [15.0, 45, 75], "d": [20.0, 50, 80]}
    members = [predictions([v], [0.1, 0.5, 0.9], member=name) for name, v in values.items()]
    np.testing.assert_allclose(combine(members, "mean").probas, [[18.75, 43.75, 71.25]], atol=1e-6)
    np.testing.assert_allclose(combine(members, "median").probas, [[17.5, 42.5, 72.5]], atol=1e-6)


def test_point_forecasts_pool_to_their_empirical_distribution():
    members = [predictions([[float(k)] * 3], [0.25, 0.5, 0.75], member=str(k)) for k in range(4)]
    assert combine(members, "linear_pool").probas.tolist() == [[0, 1, 2]]


def test_absent_rows_are_pooled_without_their_member():
    one = predictions([[0.0] * 5, [1.0] * 5], member="one")
    other = predictions([[5.0] * 5], ids=["r0"], member="other")
    pool = combine([one, other], "linear_pool", missing="renormalize").probas
    assert pool.tolist() == [[0, 0, 0, 5, 5], [1] * 5]


def test_it_is_refused_where_it_makes_no_sense():
    y = [Predictions([[1.0]], ids=["a"], classes=["y"], task="regression", member=m) for m in "ab"]
    with pytest.raises(InvalidOptionError, match="'linear_pool' makes no sense for the task 'regression'; it is for q"):
        combine(y, "linear_pool")
    with pytest.raises(InvalidOptionError, match="'pinball_weights' makes no sense for the task 'regression'"):
        fit_combiner(y, "pinball_weights")
    with pytest.raises(InvalidOptionError, match="tails must be one of 'normal', 'constant'"):
        combine(y, "linear_pool", tails="thick")
    with pytest.raises(InvalidOptionError, match="between must be one of 'line', 'spline'; received 'cubic'"):
        combine(y, "linear_pool", between="cubic")
    with pytest.raises(InvalidOptionError, match="draws must be a whole number >= 2; received 1"):
        combine(y, "linear_pool", draws=1)


def labelled(n=80, seed=0, n_members=3):
    rng = np.random.default_rng(seed)
    true = rng.normal(size=n)
    z = norm.ppf(LEVELS)
    values = [
        np.sort((true + rng.normal(0.3 * k, 0.5 + k, n))[:, None] + (0.3 + k) * z, axis=1) for k in range(n_members)
    ]
    return [predictions(v, labels=true, member=f"m{k}") for k, v in enumerate(values)]


def loss(weights, members):
    values = np.einsum("m,mik->ik", weights, np.stack([p.probas for p in members]))
    return learning.pinball(members[0].labels - values, LEVELS).mean()


@given(st.integers(0, 10**4), st.integers(1, 4))
def test_no_weights_have_a_smaller_loss(seed, n_members):
    members = labelled(30, seed, n_members)
    fitted = fit_combiner(members, "pinball_weights")
    assert fitted.loss_ == pytest.approx(loss(fitted.weights_, members), abs=1e-12)
    rng = np.random.default_rng(seed)
    for other in [*np.eye(n_members), *rng.dirichlet(np.ones(n_members), 30)]:
        assert fitted.loss_ <= loss(other, members) + 1e-9
        near = 0.999 * fitted.weights_ + 0.001 * other
        assert fitted.loss_ <= loss(near, members) + 1e-9


def test_whole_weights_count_as_repeated_rows():
    members = labelled(25)
    weight = np.arange(25) % 3 + 0.0
    weighted = fit_combiner(
        members, "pinball_weights", sample_weight=dict(zip(members[0].ids.tolist(), weight, strict=True))
    )
    repeated = np.repeat(np.arange(25), weight.astype(int))
    again = [
        predictions(p.probas[repeated], ids=[*range(len(repeated))], labels=p.labels[repeated, 0], member=p.member)
        for p in members
    ]
    assert weighted.loss_ == pytest.approx(fit_combiner(again, "pinball_weights").loss_, abs=1e-10)


def test_many_rows_have_the_weights_of_the_whole_program(monkeypatch):
    members = labelled(900)
    whole = fit_combiner(members, "pinball_weights")
    monkeypatch.setattr(learning, "FEW", 400)
    parts = fit_combiner(members, "pinball_weights")
    assert parts.loss_ == pytest.approx(whole.loss_, abs=1e-12)
    np.testing.assert_allclose(parts.weights_, whole.weights_, atol=1e-6)


def test_scale_changes_no_weight():
    members = labelled(40)
    fitted = fit_combiner(members, "pinball_weights")
    for scale in (1e-9, 1e12):
        scaled = [predictions(p.probas * scale, labels=p.labels[:, 0] * scale, member=p.member) for p in members]
        np.testing.assert_allclose(fit_combiner(scaled, "pinball_weights").weights_, fitted.weights_, atol=1e-6)


def test_each_level_can_have_its_weights():
    members = labelled(200)
    fitted = fit_combiner(members, "pinball_weights", per_class=True)
    assert fitted.weights_.shape == (3, 5)
    np.testing.assert_allclose(fitted.weights_.sum(axis=0), 1)
    assert fitted.loss_ <= fit_combiner(members, "pinball_weights").loss_ + 1e-12


def test_inverse_losses_by_hand():
    one = predictions([[2.0]], [0.5], labels=[1.0], member="one")
    three = predictions([[4.0]], [0.5], labels=[1.0], member="three")
    fitted = fit_combiner([one, three], "inverse_pinball", power=2)
    assert fitted.losses_.tolist() == [0.5, 1.5]
    assert fitted.weights_ == pytest.approx([0.9, 0.1])
    exact = predictions([[1.0]], [0.5], labels=[1.0], member="zero")
    assert fit_combiner([one, exact], "inverse_pinball").weights_.tolist() == [0, 1]
    late = predictions([[2.0], [1.5]], [0.5], labels=[1.0, 2.0], member="both")
    fitted = fit_combiner(align(late, one, missing="renormalize"), "inverse_pinball")
    assert fitted.losses_ == pytest.approx([0.375, 0.5])
