"""Scores of quantiles: values by hand and of the literature, and what holds for any quantiles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemblekit.errors import InvalidOptionError
from ensemblekit.evaluation import find_metric

# The example of `wis` in the R package scoringutils 2 (man/wis.Rd): five levels, three rows.
LEVELS = ("0.1", "0.25", "0.5", "0.75", "0.9")
TRUE = np.array([1.0, -15.0, 22.0])
VALUES = np.array([[-1.0, 0, 1, 2, 3], [-2.0, 1, 2, 2, 4], [-2.0, 0, 3, 3, 4]])


def rows(name, true=TRUE, values=VALUES, levels=LEVELS):
    metric = find_metric(name).for_classes(levels, "quantile")
    return metric.row_values(np.repeat(np.asarray(true)[:, None], len(levels), axis=1), np.asarray(values))


def test_the_weighted_interval_score_is_that_of_scoringutils():
    # By hand, row 1: (0.5 * 0 + 0.1 * 4 + 0.25 * 2) / 2.5; row 2: (0.5 * 17 + 0.1 * 6 + 13 + 0.25 * 1 + 16) / 2.5;
    # row 3: (0.5 * 19 + 0.1 * 6 + 18 + 0.25 * 3 + 19) / 2.5.
    np.testing.assert_allclose(rows("wis"), [0.36, 15.34, 19.14], atol=1e-6)
    np.testing.assert_allclose(rows("wis:part=dispersion"), [0.36, 0.34, 0.54], atol=1e-6)
    np.testing.assert_allclose(rows("wis:part=overprediction"), [0, 15, 0], atol=1e-6)
    np.testing.assert_allclose(rows("wis:part=underprediction"), [0, 0, 18.6], atol=1e-6)


def test_one_interval_is_that_of_scoringutils():
    # tests/testthat/test-metrics-quantile.R, "1 interval only": (u - l) * 0.25 + (0, 16, 19)
    values = [[0.0, 2.0], [1.0, 2.0], [0.0, 3.0]]
    np.testing.assert_allclose(rows("wis", values=values, levels=("0.25", "0.75")), [0.5, 16.25, 19.75], atol=1e-6)


def test_coverage_and_width_by_hand():
    # interval_coverage of scoringutils for the same rows and the range 50: TRUE FALSE FALSE
    assert rows("coverage:interval=0.5").tolist() == [1, 0, 0]
    assert rows("coverage").tolist() == [1, 0, 0]
    assert rows("sharpness:interval=0.8").tolist() == [4, 6, 6]
    assert rows("sharpness").tolist() == [3, 3.5, 4.5]
    metric = find_metric("coverage_error").for_classes(LEVELS, "quantile")
    labels = np.repeat(TRUE[:, None], 5, axis=1)
    assert metric.score(labels, VALUES) == pytest.approx((abs(1 / 3 - 0.5) + abs(1 / 3 - 0.8)) / 2)


def test_pinball_takes_the_level_of_each_column():
    # quantile_score of scoringutils is twice this.
    np.testing.assert_allclose(rows("pinball"), np.array([0.36, 15.34, 19.14]) / 2, atol=1e-6)
    np.testing.assert_allclose(rows("pinball:of=0.9"), [0.2, 1.9, 16.2], atol=1e-12)
    np.testing.assert_allclose(rows("mae:of=0.5"), [0, 17, 19])
    one = find_metric("pinball").for_classes(("y",), "regression")
    assert one.score(np.array([[1.0]]), np.array([[3.0]])) == 1


def quadrature(true, values, levels):
    """Integrate the pinball loss of the interpolated quantile function over a million levels."""
    t = (np.arange(1_000_000) + 0.5) / 1_000_000
    short = true - np.interp(t, levels, values)
    return 2 * np.maximum(t * short, (t - 1) * short).mean()


@pytest.mark.parametrize("true", [-3.0, 0.0, 0.7, 1.0, 1.5, 2.0, 9.0])
@pytest.mark.parametrize("values", [[0.0, 1.0, 2.0], [1.0, 1.0, 1.0], [0.0, 2.0, 2.0]])
def test_the_crps_is_the_integral(true, values):
    levels = ("0.2", "0.5", "0.95")
    expected = quadrature(true, values, [0.2, 0.5, 0.95])
    assert rows("crps", [true], [values], levels)[0] == pytest.approx(expected, abs=1e-5)


def test_the_crps_of_an_ensemble_is_that_of_its_empirical_distribution():
    # properscoring.crps_ensemble(0.3, [0, 1]) = E|X - y| - E|X - X'| / 2 = 0.5 - 0.25
    draws = np.sort(np.random.default_rng(0).normal(size=400))
    levels = (np.arange(400) + 0.5) / 400
    true = 0.3
    expected = np.abs(draws - true).mean() - np.abs(draws[:, None] - draws).mean() / 2
    found = rows("crps", [true], draws[None], tuple(map(str, levels)))[0]
    assert found == pytest.approx(expected, abs=2e-3)


@given(st.integers(0, 10**6), st.integers(1, 8))
def test_scores_of_any_quantiles(seed, n_pairs):
    rng = np.random.default_rng(seed)
    half = np.sort(rng.choice(np.arange(1, 499), n_pairs, replace=False)) / 1000
    levels = tuple(map(str, np.concatenate([half, [0.5], 1 - half[::-1]]).round(3)))
    values = np.sort(rng.integers(-5, 6, (6, len(levels))).astype(float), axis=1)
    true = rng.integers(-8, 9, 6).astype(float)
    wis = rows("wis", true, values, levels)
    np.testing.assert_allclose(wis, 2 * rows("pinball", true, values, levels), atol=1e-9)
    parts = sum(rows(f"wis:part={part}", true, values, levels)
                for part in ("dispersion", "overprediction", "underprediction"))  # fmt: skip
    np.testing.assert_allclose(parts, wis, atol=1e-9)
    crps = rows("crps", true, values, levels)
    assert (crps >= 0).all()
    order = rng.permutation(len(levels))
    turned = tuple(levels[k] for k in order)
    for name in ("wis", "crps", "pinball", "coverage", "sharpness"):
        np.testing.assert_allclose(
            rows(name, true, values[:, order], turned), rows(name, true, values, levels), atol=1e-9
        )
    moved = rows("crps", true + 3, values + 3, levels)
    np.testing.assert_allclose(moved, crps, atol=1e-9)


def test_columns_that_are_no_levels_and_arrays_alone_are_refused():
    with pytest.raises(InvalidOptionError, match="needs columns that are quantile levels"):
        find_metric("crps").for_classes(("y",), "quantile")
    with pytest.raises(InvalidOptionError, match=r"Call metric.for_classes"):
        find_metric("crps").row_values(np.ones((1, 1)), np.ones((1, 1)))
    with pytest.raises(InvalidOptionError, match="interval"):
        find_metric("coverage:interval=2")
