"""`inverse_variance`, `least_squares` and `trimmed_members`: NumPy's and SciPy's solvers, and cases worked by hand."""

import numpy as np
import pytest
from scipy.optimize import minimize, nnls

from ensemblekit import Predictions, align, combine, fit_combiner
from ensemblekit.errors import InvalidOptionError, NotFittedError
from ensemblekit_plugins.combiners.inverse_variance import InverseVariance
from ensemblekit_plugins.combiners.least_squares import LeastSquares
from ensemblekit_plugins.combiners.trimmed_members import TrimmedMembers
from ensemblekit_plugins.learning import least_squares, member_errors


@pytest.fixture(autouse=True)
def many_blocks(monkeypatch):
    monkeypatch.setattr(least_squares, "BLOCK_VALUES", 64)
    monkeypatch.setattr(member_errors, "BLOCK_VALUES", 64)


def forecasts(n_members=4, n=90, n_outputs=2, seed=0):
    """Draw forecasts with errors in common, a bias each, and outputs on different scales."""
    rng = np.random.default_rng(seed)
    scale = 10.0 ** np.arange(n_outputs)
    truth = rng.normal(100, 10, (n, n_outputs)) * scale
    errors = rng.normal(size=(n_members, n, n_outputs)) * np.linspace(1, 4, n_members)[:, None, None]
    errors += rng.normal(size=(n, n_outputs)) + rng.normal(size=(n_members, 1, n_outputs))
    return truth + errors * scale, truth, rng.uniform(0.1, 2, n)


def members(values, truth):
    fields = {"ids": range(len(truth)), "classes": range(truth.shape[-1]), "task": "regression", "labels": truth}
    return align([Predictions(v, member=f"m{k}", **fields) for k, v in enumerate(values)])


def fit(values, truth, rule, **options):
    return fit_combiner(members(values, truth), rule, **options)


def weighted_columns(values, truth, weight, intercept):
    """Lay outputs below each other, with one column of ones for each output where there are intercepts."""
    root = np.sqrt(weight)[:, None]
    columns = (values * root).reshape(len(values), -1).T
    if intercept:
        ones = np.einsum("i,cd->icd", root[:, 0], np.eye(truth.shape[1])).reshape(-1, truth.shape[1])
        columns = np.hstack([columns, ones])
    return columns, (truth * root).ravel()


@pytest.mark.parametrize("intercept", [False, True])
def test_without_a_constraint_it_is_ordinary_least_squares(intercept):
    values, truth, weight = forecasts()
    expected = np.linalg.lstsq(*weighted_columns(values, truth, weight, intercept), rcond=None)[0]
    fitted = fit(values, truth, "least_squares", constraint="none", intercept=intercept, sample_weight=weight)
    np.testing.assert_allclose(fitted.weights_, expected[:4], rtol=1e-7)
    np.testing.assert_allclose(fitted.intercept_, expected[4:] if intercept else [0, 0], rtol=1e-7)
    combined = combine(members(values, truth), fitted).probas
    np.testing.assert_allclose(combined, np.tensordot(fitted.weights_, values, 1) + fitted.intercept_, rtol=1e-12)


@pytest.mark.parametrize("intercept", [False, True])
def test_non_negative_weights_are_those_of_scipy(intercept):
    values, truth, weight = forecasts()
    columns, target = weighted_columns(values, truth, weight, intercept)
    # The intercept may have either sign.
    expected = nnls(np.hstack([columns, -columns[:, 4:]]), target)[0]
    fitted = fit(values, truth, "least_squares", constraint="nonnegative", intercept=intercept, sample_weight=weight)
    np.testing.assert_allclose(fitted.weights_, expected[:4], atol=1e-7)


@pytest.mark.parametrize("constraint", ["convex", "sum_to_one"])
@pytest.mark.parametrize("intercept", [False, True])
def test_with_a_sum_of_one_it_is_as_good_as_scipy(constraint, intercept):
    values, truth, weight = forecasts(n_outputs=1)
    columns, target = weighted_columns(values, truth, weight, intercept)
    fitted = fit(values, truth, "least_squares", constraint=constraint, intercept=intercept, sample_weight=weight)
    found = np.concatenate([fitted.weights_, fitted.intercept_ if intercept else []])
    assert found[:4].sum() == pytest.approx(1, abs=1e-12)
    assert (found[:4] >= 0).all() or constraint == "sum_to_one"

    def loss(w):
        return np.square(columns @ w - target).mean()

    bounds = [((0 if constraint == "convex" else None), None)] * 4 + [(None, None)] * intercept
    best = minimize(
        loss, np.append(np.full(4, 0.25), np.zeros(int(intercept))), method="SLSQP", bounds=bounds,
        constraints={"type": "eq", "fun": lambda w: w[:4].sum() - 1}, options={"ftol": 1e-15, "maxiter": 1000},
    )  # fmt: skip
    assert loss(found) <= best.fun * (1 + 1e-8)
    assert best.fun <= loss(found) * (1 + 1e-6)


def test_convex_without_intercept_is_the_super_learner():
    values, truth, _ = forecasts()
    fitted = fit(values, truth, "least_squares", intercept=False)
    assert fitted.weights_.tobytes() == fit(values, truth, "super_learner").weights_.tobytes()
    assert fitted.traits >= {"bounded", "idempotent"}
    assert not LeastSquares().traits & {"bounded", "idempotent"}


@pytest.mark.parametrize("rule", ["least_squares", "inverse_variance", "super_learner"])
def test_each_output_can_have_its_own_weights(rule):
    values, truth, weight = forecasts()
    fitted = fit(values, truth, rule, per_class=True, sample_weight=weight)
    combined = combine(members(values, truth), fitted).probas
    for c in range(2):
        alone = fit(values[..., [c]], truth[:, [c]], rule, sample_weight=weight)
        np.testing.assert_allclose(fitted.weights_[:, c], alone.weights_, atol=1e-9)
        expected = combine(members(values[..., [c]], truth[:, [c]]), alone).probas
        np.testing.assert_allclose(combined[:, [c]], expected, rtol=1e-9)
    # Shared weights are others: the output with the larger scale decides.
    assert np.abs(fitted.weights_ - fit(values, truth, rule, sample_weight=weight).weights_[:, None]).max() > 0.01


def test_a_forecast_that_never_changes_is_an_intercept():
    values, truth, weight = forecasts(n_outputs=1)
    values[0] = 1e7 / 3
    for constraint in ("none", "nonnegative"):
        fitted = fit(values, truth, "least_squares", constraint=constraint, sample_weight=weight)
        assert fitted.weights_[0] == 0
    assert np.isfinite(fitted.intercept_).all()


def test_equal_forecasts_have_equal_weights():
    values, truth, _ = forecasts()
    values[1] = values[0]
    for rule, options in (
        ("least_squares", {"constraint": "none"}),
        ("least_squares", {"constraint": "sum_to_one"}),
        ("inverse_variance", {"covariance": True}),
        ("inverse_variance", {}),
    ):
        weights = fit(values, truth, rule, **options).weights_
        assert weights[0] == pytest.approx(weights[1], abs=1e-9)


@pytest.mark.parametrize("equal", [[0, 1], [0, 1, 2, 3], [1, 2, 3]])
@pytest.mark.parametrize("rule", ["least_squares", "inverse_variance"])
def test_of_equally_good_weights_those_nearest_to_equal_ones_are_taken(rule, equal):
    values, truth, _ = forecasts(n_outputs=1)
    values[equal] = values[equal[0]]
    options = {"constraint": "sum_to_one"} if rule == "least_squares" else {"covariance": True}
    fitted = fit(values, truth, rule, **options)
    distinct = [m for m in range(4) if m not in equal[1:]]
    few = fit(values[distinct], truth, rule, **options) if len(distinct) > 1 else None
    assert fitted.weights_.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(fitted.weights_[equal], fitted.weights_[equal].mean(), atol=1e-9)
    if few is None:
        np.testing.assert_allclose(fitted.weights_, 1 / 4, atol=1e-9)
    else:
        np.testing.assert_allclose(fitted.weights_[equal].sum(), few.weights_[distinct.index(equal[0])], atol=1e-7)
    # Constant forecasts leave nothing but an intercept to choose.
    constant = np.arange(4.0)[:, None, None] + np.zeros_like(values)
    np.testing.assert_allclose(fit(constant, truth, "least_squares", constraint="sum_to_one").weights_, 1 / 4)


def test_inverse_variance_by_hand():
    # Errors (1, -1), (2, 2), (0, 3): mean squares 1, 4 and 9/2; 1 + 1/4 + 2/9 = 53/36.
    truth = np.array([[5.0], [7.0]])
    values = truth + np.array([[1.0, -1], [2, 2], [0, 3]])[..., None]
    fitted = fit(values, truth, "inverse_variance")
    assert fitted.errors_.tolist() == [1, 4, 4.5]
    np.testing.assert_allclose(fitted.weights_, np.array([36, 9, 8]) / 53)
    np.testing.assert_allclose(fit(values, truth, "inverse_variance", power=0).weights_, [1 / 3] * 3)
    np.testing.assert_allclose(fit(values[:2], truth, "inverse_variance", power=2).weights_, [16 / 17, 1 / 17])
    # Weights of the rows 1 and 3: (1 + 3)/4, (4 + 12)/4, (0 + 27)/4.
    assert fit(values, truth, "inverse_variance", sample_weight=[1, 3]).errors_.tolist() == [1, 4, 6.75]


@pytest.mark.parametrize("shrinkage", [0, 0.3, 1])
def test_weights_by_covariance_are_those_of_its_inverse(shrinkage):
    values, truth, weight = forecasts(n_outputs=1)
    errors = (values - truth)[..., 0]
    covariance = errors * weight @ errors.T / weight.sum()
    covariance = (1 - shrinkage) * covariance + shrinkage * np.diag(np.diag(covariance))
    expected = np.linalg.solve(covariance, np.ones(4))
    fitted = fit(values, truth, "inverse_variance", covariance=True, shrinkage=shrinkage, sample_weight=weight)
    np.testing.assert_allclose(fitted.weights_, expected / expected.sum(), rtol=1e-8)
    if shrinkage == 1:
        plain = fit(values, truth, "inverse_variance", sample_weight=weight).weights_
        np.testing.assert_allclose(fitted.weights_, plain, rtol=1e-8)


def test_forecasts_with_gaps_count_by_the_rows_that_they_have():
    values, truth, _ = forecasts()
    given = list(members(values, truth))
    some = [*given[:3], given[3].take(range(10, 40))]
    fitted = fit_combiner(some, "inverse_variance", missing="renormalize")
    whole = fit_combiner(given, "inverse_variance")
    assert fitted.errors_[:3].tolist() == whole.errors_[:3].tolist()
    expected = fit(values[:, 10:40], truth[10:40], "inverse_variance").errors_[3]
    assert fitted.errors_[3] == pytest.approx(expected)
    combined = combine(some, fitted, missing="renormalize").probas
    np.testing.assert_allclose(combined[0], np.average(values[:3, 0], axis=0, weights=fitted.weights_[:3]))
    with pytest.raises(InvalidOptionError, match=r"weights by covariance are learned .* lack 60"):
        fit_combiner(some, "inverse_variance", covariance=True, missing="renormalize")
    with pytest.raises(InvalidOptionError, match="each member must have rows with a positive weight; 'm3' has none"):
        fit_combiner(some, "inverse_variance", missing="renormalize", sample_weight=[1] * 10 + [0] * 80)


def test_members_without_any_error_share_the_weight():
    truth = np.array([[5.0], [7.0]])
    values = truth + np.array([[0.0, 0], [1, 1], [0, 0]])[..., None]
    assert fit(values, truth, "inverse_variance").weights_.tolist() == [0.5, 0, 0.5]
    assert fit(values, truth, "inverse_variance", power=0).weights_.tolist() == pytest.approx([1 / 3] * 3)


def test_the_worst_members_are_removed():
    truth = np.arange(6.0)[:, None]
    values = truth + np.array([3.0, 1, 2, 1, 5])[:, None, None]
    assert fit(values, truth, "trimmed_members").weights_.tolist() == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3, 0])
    assert fit(values, truth, "trimmed_members", proportion=0.8).weights_.tolist() == [0, 1, 0, 0, 0]  # the first
    assert fit(values, truth, "trimmed_members", proportion=0).weights_.tolist() == [0.2] * 5
    np.testing.assert_allclose(fit(values, truth, "trimmed_members").scores_, [-9, -1, -4, -1, -25])
    values[1, 0] += 10  # large errors of one row: worse by squares, and not by the median
    assert fit(values, truth, "trimmed_members", proportion=0.8).weights_.tolist() == [0, 0, 0, 1, 0]
    by_median = fit(values, truth, "trimmed_members", proportion=0.8, metric="neg_median_absolute_error")
    assert by_median.weights_.tolist() == [0, 1, 0, 0, 0]
    without = fit(values, truth, "trimmed_members", proportion=0.8, sample_weight=[0, 1, 1, 1, 1, 1])
    assert without.weights_.tolist() == [0, 1, 0, 0, 0]


def test_outputs_with_more_axes_are_rows():
    values, truth, weight = forecasts(n_outputs=6)
    shaped = members(values.reshape(4, 90, 3, 2), truth.reshape(90, 3, 2))
    long = members(values.reshape(4, 270, 2), truth.reshape(270, 2))
    for rule in ("inverse_variance", "least_squares", "trimmed_members"):
        fitted = fit_combiner(shaped, rule, sample_weight=weight)
        expected = fit_combiner(long, rule, sample_weight=np.repeat(weight, 3))
        np.testing.assert_allclose(fitted.weights_, expected.weights_, atol=1e-9)
        assert combine(shaped, fitted).probas.shape == (90, 3, 2)


def test_what_is_refused():
    with pytest.raises(InvalidOptionError, match=r"constraint must be one of 'convex', .* received 'ridge'"):
        LeastSquares("ridge")
    with pytest.raises(InvalidOptionError, match="shrinkage goes with covariance=True, and power with covariance=Fa"):
        InverseVariance(shrinkage=0.5)
    with pytest.raises(InvalidOptionError, match="shrinkage goes with covariance=True, and power with"):
        InverseVariance(covariance=True, power=2)
    with pytest.raises(InvalidOptionError, match="proportion must be < 1, or no member is left; received 1"):
        TrimmedMembers(1)
    with pytest.raises(NotFittedError, match="LeastSquares must be fitted before it combines"):
        LeastSquares().combine(np.ones((2, 2, 2)))
    values, truth, _ = forecasts()
    some = [*list(members(values, truth))[:3], list(members(values, truth))[3].take(range(10))]
    with pytest.raises(InvalidOptionError, match="cannot combine rows that some members lack"):
        combine(some, fit(values, truth, "least_squares"), missing="renormalize")
    labels = Predictions([[0.5, 0.5]], ids=[1], classes=["a", "b"], labels=["a"], member="m")
    for rule in ("least_squares", "inverse_variance", "trimmed_members"):
        with pytest.raises(InvalidOptionError, match="makes no sense for the task 'multiclass'"):
            fit_combiner([labels], rule)


@pytest.mark.keras
@pytest.mark.parametrize("per_class", [False, True])
def test_a_graph_agrees(keras, per_class):
    values, truth, _ = forecasts()
    fitted = fit(values, truth, "least_squares", per_class=per_class)
    cube = values.astype(np.float32)
    inputs = [keras.Input((2,)) for _ in cube]
    model = keras.Model(inputs, fitted.combine(keras.ops.stack(inputs, axis=0), xp=keras.ops))
    assert fitted.combine(cube).dtype == np.float32
    result = keras.ops.convert_to_numpy(model(list(cube)))
    np.testing.assert_allclose(result, fitted.combine(cube), rtol=1e-5)


@pytest.mark.parametrize("exponent", [530, 660, 1000, -530, -660, -1000])
@pytest.mark.parametrize(
    ("rule", "options"),
    [
        *(("least_squares", {"constraint": c}) for c in ("convex", "sum_to_one", "nonnegative", "none")),
        ("least_squares", {"constraint": "none", "per_class": True, "intercept": False}),
        ("inverse_variance", {}),
        ("inverse_variance", {"per_class": True}),
        ("inverse_variance", {"covariance": True, "shrinkage": 0.5}),
        ("super_learner", {}),
        ("bayesian_model_averaging", {}),
    ],
)
def test_a_power_of_two_changes_no_weight_however_large_or_small(rule, options, exponent):
    values, truth, weight = forecasts(n_outputs=1 if exponent > 900 else 2, n=30)
    values[:, :3] *= -1  # the largest number may be negative
    plain = fit(values, truth, rule, sample_weight=weight, **options)
    scaled = fit(np.ldexp(values, exponent), np.ldexp(truth, exponent), rule, sample_weight=weight, **options)
    np.testing.assert_allclose(scaled.weights_, plain.weights_, rtol=1e-9, atol=1e-12)
    if rule == "least_squares":
        np.testing.assert_allclose(np.ldexp(scaled.intercept_, -exponent), plain.intercept_, rtol=1e-9, atol=1e-12)
    new = members(np.ldexp(values, exponent), truth)
    expected = np.ldexp(combine(members(values, truth), plain).probas, exponent)
    np.testing.assert_allclose(combine(new, scaled).probas, expected, rtol=1e-9)


def test_outputs_of_which_one_is_extreme_keep_their_own_weights():
    values, truth, _ = forecasts()
    huge = np.array([0, 700])
    for rule in ("inverse_variance", "least_squares"):
        plain = fit(values, truth, rule, per_class=True)
        scaled = fit(np.ldexp(values, huge), np.ldexp(truth, huge), rule, per_class=True)
        np.testing.assert_allclose(scaled.weights_, plain.weights_, rtol=1e-9, atol=1e-12)
    assert np.isinf(
        fit(np.ldexp(values, huge), np.ldexp(truth, huge), "inverse_variance", per_class=True).errors_[:, 1]
    ).all()
