"""The linear pool beside that of hubEnsembles (R): its values, and the exact pool as the limit of both.

The values were printed by R 4.2.2 from the sources of hubEnsembles 1.0.0.9000 and distfromq 1.0.4.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from ensemblekit import Predictions, combine

# ?linear_pool: N(-3, 1), N(0, 1) and N(3, 1) at levels where the quantiles of their mixture are -5, -4.75, ..., 5.
MIXTURE, WEIGHTS, MEANS = np.arange(-5, 5.01, 0.25), np.array([0.25, 0.5, 0.25]), np.array([-3.0, 0.0, 3.0])
LEVELS = (WEIGHTS * norm.cdf(MIXTURE[:, np.newaxis] - MEANS)).sum(axis=1)
NORMALS = norm.ppf(LEVELS) + MEANS[:, np.newaxis]
PRINTED = """
-4.997105390, -4.748459923, -4.498624870, -4.249217490, -3.999028410, -3.749157945, -3.499061914, -3.248799150,
-2.999120764, -2.748870949, -2.499232968, -2.249180623, -1.998947255, -1.749613293, -1.499392390, -1.249233337,
-0.999441354, -0.749489805, -0.499630004, -0.249575783, 0.000125605, 0.250093539, 0.500198518, 0.750154591,
1.000267242, 1.250311846, 1.500165615, 1.750235332, 2.000145702, 2.250177802, 2.500085739, 2.749647583,
2.999874395, 3.249575783, 3.499914261, 3.749489805, 3.999441354, 4.249764668, 4.499392390, 4.749613293, 4.998947255
"""
# tests/testthat/test-linear_pool.R, location 222, four models of equal weight.
DEATHS_LEVELS = np.array([0.025, 0.1, 0.25, 0.75, 0.9, 0.975])
DEATHS = np.array(
    [[4, 10, 20, 50, 60, 70], [12, 30, 40, 50, 70, 80], [6, 15, 25, 55, 75, 85], [8, 20, 30, 60, 80, 90.0]]
)
DEATHS_PRINTED = [5.890385115, 16.076915259, 28.341170441, 53.370805777, 70.965755272, 84.674550999]
DEATHS_LINEAR = {
    10_000: [5.616485163, 15.478785455, 28.103689631, 54.479552045, 71.428857114, 84.973669300],
    100_000: [5.592764072, 15.465262014, 28.095852375, 54.477621890, 71.436168972, 84.981416852],
}


# Levels, weights, `n_samples`, the members' quantiles, some of which are equal, and what R prints.
MASSES = [
    # at the low end; inside
    ([0.1, 0.25, 0.5, 0.75, 0.9], [1, 1], 1000, [[0, 0, 2, 4, 7], [1, 3, 3, 3, 8]],
     [0, 1.14124594314, 3, 3.67835243818, 7.38570588619]),
    # at the high end; of one member twice; none
    ([0.1, 0.25, 0.5, 0.75, 0.9], [3, 1, 2], 1000, [[0, 1, 4, 6, 6], [2, 2, 2, 5, 5], [1, 2, 3, 4, 5]],
     [0.456479522674, 1.9582320454, 3.12314442432, 5, 6]),
    # two numbers; one
    ([0.1, 0.25, 0.5, 0.75, 0.9], [1, 2], 997, [[0, 0, 3, 3, 3], [5, 5, 5, 5, 5]], [0, 3, 5, 5, 5]),
    # two levels are two numbers
    ([0.3, 0.6], [1, 1, 1], 1000, [[0, 1], [2, 2], [1, 4]], [1, 2]),
    # none, but slopes that are made smaller
    ([0.01, 0.3, 0.4, 0.6, 0.99], [2, 5], 1000, [[0, 0.01, 8, 8.01, 9], [-50, 1, 1.5, 2, 90]],
     [-37.8954381365, 0.661370672755, 1.57111226489, 8.00177635327, 71.8977503652]),
]  # fmt: skip


def pooled(members, levels, weights, **options) -> np.ndarray:
    names = [f"m{place}" for place in range(len(members))]
    fields = {"ids": ["row"], "task": "quantile", "classes": list(levels)}
    given = [Predictions([row], member=name, **fields) for name, row in zip(names, members, strict=True)]
    return combine(given, "linear_pool", weights=dict(zip(names, weights, strict=True)), **options).probas[0]


def test_the_documented_values_come_out() -> None:
    printed = np.array([float(number) for number in PRINTED.split(",")])
    found = pooled(NORMALS, LEVELS, WEIGHTS, draws=10_000, between="spline")
    np.testing.assert_allclose(found, printed, rtol=0, atol=1e-6)
    assert np.abs(found - MIXTURE).sum() / np.abs(MIXTURE).sum() < 1e-2  # what its page says of the example
    found = pooled(DEATHS, DEATHS_LEVELS, np.ones(4), draws=10_000, between="spline")
    np.testing.assert_allclose(found, DEATHS_PRINTED, rtol=0, atol=1e-6)
    for draws, values in DEATHS_LINEAR.items():
        found = pooled(DEATHS, DEATHS_LEVELS, np.ones(4), draws=draws)
        np.testing.assert_allclose(found, values, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("levels", "weights", "draws", "members", "printed"), MASSES)
def test_mass_on_one_number_is_that_of_r(levels, weights, draws, members, printed) -> None:
    members = np.array(members, dtype=float)
    found = pooled(members, levels, weights, draws=draws, between="spline")
    np.testing.assert_allclose(found, printed, rtol=0, atol=1e-6)
    exact = pooled(members, levels, weights, between="spline")
    nearly = pooled(members, levels, weights, draws=200_001, between="spline")
    np.testing.assert_allclose(exact, nearly, atol=2e-3 * np.ptp(members))


@pytest.mark.parametrize("between", ["line", "spline"])
@pytest.mark.parametrize(
    ("members", "levels", "weights"), [(NORMALS, LEVELS, WEIGHTS), (DEATHS, DEATHS_LEVELS, np.ones(4))]
)
def test_the_exact_pool_is_the_limit_of_ever_more_draws(members, levels, weights, between) -> None:
    exact = pooled(members, levels, weights, between=between)
    scale = np.abs(exact).max()
    errors = [
        np.abs(pooled(members, levels, weights, between=between, draws=n) - exact).max() / scale
        for n in (10**3, 10**4, 10**5)
    ]
    assert errors[0] > 4 * errors[1] > 16 * errors[2]
    assert errors[2] < 1e-4


def test_the_spline_is_nearer_to_the_mixture_of_the_example() -> None:
    line, spline, drawn = (
        np.abs(pooled(NORMALS, LEVELS, WEIGHTS, **options) - MIXTURE)
        for options in ({}, {"between": "spline"}, {"between": "spline", "draws": 10_000})
    )
    assert spline.max() < drawn.max() < line.max() < 0.01
    assert line.sum() / np.abs(MIXTURE).sum() < 5e-4 < 1e-2


@pytest.mark.parametrize("draws", [None, 30])
def test_draws_and_splines_of_many_rows_are_those_of_each_row(draws) -> None:
    rng = np.random.default_rng(0)
    values = np.sort(rng.integers(0, 9, (3, 600 if draws else 300, 5)), axis=2).astype(float)
    options = {"between": "spline", "draws": draws}
    fields = {"task": "quantile", "classes": [0.1, 0.3, 0.5, 0.7, 0.9]}
    ids = [f"{row:05}" for row in range(values.shape[1])]
    members = [Predictions(v, ids=ids, member=name, **fields) for name, v in zip("abc", values, strict=True)]
    pool = combine(members, "linear_pool", **options).probas
    assert (np.diff(pool, axis=1) >= 0).all()
    for row in (0, 137, len(ids) - 1):
        alone = combine([p.take(ids[row : row + 1]) for p in members], "linear_pool", **options).probas[0]
        assert alone.tobytes() == pool[row].tobytes()
    assert combine(members[::-1], "linear_pool", **options).probas.tobytes() == pool.tobytes()
    # A member without a row, or with weight 0, has no part.
    lacking = [*members[:2], members[2].take(ids[1:])]
    found = combine(lacking, "linear_pool", missing="renormalize", **options).probas
    assert found[1:].tobytes() == pool[1:].tobytes()
    two = combine(members[:2], "linear_pool", **options).probas
    np.testing.assert_allclose(found[0], two[0], atol=1e-9)
    weighed = combine(members, "linear_pool", weights={"a": 3, "b": 3, "c": 0}, **options).probas
    np.testing.assert_allclose(weighed, two, atol=1e-9)
