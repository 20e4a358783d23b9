"""The simulation of sure models: what it counts, and that intervals hold."""

import numpy as np
import pytest

from benchmarks import sure_models


def test_the_truth_is_the_mean_of_right_and_wrong_rows():
    losses = -np.log([0.97, 0.03])
    assert sure_models.truths(0.97) == pytest.approx([losses @ [0.97, 0.03], 2 * (0.97 * 0.03**2 + 0.03 * 0.97**2), 0])


def test_intervals_of_a_calibrated_sure_model_hold_its_figures():
    assert (sure_models.missed(0.99, 10, 40, 99) <= 0.1).all()


def test_a_wrong_truth_is_missed(monkeypatch):
    monkeypatch.setattr(sure_models, "truths", lambda _: np.full(3, 2.5))
    assert (sure_models.missed(0.9, 30, 10, 99)[1:] == 1).all()
