"""The linear pool beside that of hubEnsembles (R): its algorithm again, its values, and the limit of both.

The values were printed by R 4.2.2 from the sources of hubEnsembles 1.0.0.9000 and distfromq 1.0.4.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from ensemblekit import Predictions, combine
from ensemblekit_plugins.kernels.quantile_pool import mixture_quantiles

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


def interpolated(quantiles: np.ndarray, levels: np.ndarray, n_grid: int) -> tuple[np.ndarray, np.ndarray]:
    """Find points of the distribution function, which is linear between them: ``distfromq::grid_augment_ps_qs``."""
    if not n_grid:
        return quantiles, levels
    z, width, rise = norm.ppf(levels), np.diff(quantiles), np.diff(levels)
    slope = rise / width
    density = [norm.pdf(z[at]) * (z[k + 1] - z[k]) / width[k] for at, k in ((0, 0), (-1, -1 + len(width)))]
    m = np.r_[density[0], (slope[1:] + slope[:-1]) / 2, density[1]]
    for k, d in enumerate(slope):  # what keeps a cubic Hermite spline monotone, one piece after the other
        if (size := np.hypot(m[k] / d, m[k + 1] / d)) > 3:
            m[k], m[k + 1] = 3 / size * m[k], 3 / size * m[k + 1]
    points, reached = [quantiles], [levels]
    for t in np.arange(1, n_grid + 1) / (n_grid + 1):
        start, end = m[:-1] * width, m[1:] * width
        points.append(quantiles[:-1] + t * width)
        reached.append(levels[:-1] + start * t + (3 * rise - 2 * start - end) * t**2 + (start + end - 2 * rise) * t**3)
    return np.sort(np.concatenate(points)), np.sort(np.concatenate(reached))


def drawn(quantiles: np.ndarray, levels: np.ndarray, n_samples: int, n_grid: int) -> np.ndarray:
    """Take quasi-random numbers from a member: ``distfromq::make_q_fn``, normal beyond the outermost levels."""
    # As written in R, `seq(0, 1, length.out = n + 2)[2:n + 1]` leaves out the lowest level.
    at = np.linspace(0, 1, n_samples + 2)[2:-1]
    points, reached = interpolated(quantiles, levels, n_grid)
    found = np.interp(at, reached, points)
    z = norm.ppf(levels)
    for outside, one, two in ((at < levels[0], 0, 1), (at > levels[-1], -2, -1)):
        sd = (quantiles[two] - quantiles[one]) / (z[two] - z[one])
        found[outside] = quantiles[one] + sd * (norm.ppf(at[outside]) - z[one])
    return found


def hub_pool(
    members: np.ndarray, levels: np.ndarray, weights: np.ndarray, n_samples: int = 10_000, n_grid: int = 20
) -> np.ndarray:
    """Pool as ``hubEnsembles::linear_pool``: the smallest number up to which there is enough weight."""
    numbers = np.concatenate([drawn(quantiles, levels, n_samples, n_grid) for quantiles in members])
    order = np.argsort(numbers, kind="stable")
    mass = np.repeat(weights, len(numbers) // len(members))[order]
    reached = np.cumsum(mass / mass.sum(), dtype=np.longdouble)  # as R adds; whether 0.25 is reached depends on it
    return numbers[order][np.searchsorted(reached, levels)]


def ours(members: np.ndarray, levels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return mixture_quantiles(members[:, np.newaxis], levels, weights, normal=True)[0]


def test_its_algorithm_gives_its_values() -> None:
    printed = np.array([float(number) for number in PRINTED.split(",")])
    np.testing.assert_allclose(hub_pool(NORMALS, LEVELS, WEIGHTS), printed, atol=1e-6)
    np.testing.assert_allclose(hub_pool(DEATHS, DEATHS_LEVELS, np.ones(4)), DEATHS_PRINTED, atol=1e-6)
    for n_samples, values in DEATHS_LINEAR.items():
        again = hub_pool(DEATHS, DEATHS_LEVELS, np.ones(4), n_samples, n_grid=0)
        np.testing.assert_allclose(again, values, atol=1e-6)
    assert np.abs(printed - MIXTURE).sum() / np.abs(MIXTURE).sum() < 1e-2  # what its page says of the example


@pytest.mark.parametrize(
    ("members", "levels", "weights"), [(NORMALS, LEVELS, WEIGHTS), (DEATHS, DEATHS_LEVELS, np.ones(4))]
)
def test_the_exact_pool_is_the_limit_of_ever_more_draws(
    members: np.ndarray, levels: np.ndarray, weights: np.ndarray
) -> None:
    """With distribution functions that are linear between the levels, its option ``n_grid = 0``."""
    exact = ours(members, levels, weights)
    scale = np.abs(exact).max()
    errors = [
        np.abs(hub_pool(members, levels, weights, n, n_grid=0) - exact).max() / scale for n in (10**3, 10**4, 10**5)
    ]
    assert errors[0] > 4 * errors[1] > 16 * errors[2]
    assert errors[2] < 1e-4


def test_the_pool_is_as_near_to_the_mixture_as_the_example_asks() -> None:
    fields = {"ids": ["deaths"], "task": "quantile", "classes": [f"{level:.12f}" for level in LEVELS]}
    given = [Predictions(row[np.newaxis], member=name, **fields) for name, row in zip("abc", NORMALS, strict=True)]
    found = combine(given, "linear_pool", weights=dict(zip("abc", WEIGHTS, strict=True))).probas[0]
    error = np.abs(found - MIXTURE).sum() / np.abs(MIXTURE).sum()
    assert error < 5e-4 < 1e-2
    assert np.abs(hub_pool(NORMALS, LEVELS, WEIGHTS) - MIXTURE).max() < np.abs(found - MIXTURE).max() < 0.01
