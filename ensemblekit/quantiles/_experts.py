"""Weights of experts that are learned online: exponential weights, BOA and ML-Poly."""

from __future__ import annotations

from typing import Protocol

import numpy as np

__all__ = ["METHODS", "Aggregator", "aggregator"]

HUGE = 1e300


class Aggregator(Protocol):
    """Weights that change with each round."""

    def weights(self) -> np.ndarray:
        """Return the weights of the next round, shape ``(n_members, n_columns)``; they sum to 1 over the members."""
        ...

    def learn(self, losses: np.ndarray, regrets: np.ndarray) -> None:
        """Learn from a round, see the class for the meaning; both of shape ``(n_members, n_columns)``."""
        ...


class ExponentialWeights:
    """Exponentially weighted average: ``w_m = exp(-eta L_m) / sum_k exp(-eta L_k)``, ``L`` the sum of the losses."""

    def __init__(self, shape: tuple[int, int], rate: float | None) -> None:
        self._losses, self._rate = np.zeros(shape), rate
        self._rounds, self._largest = 0, np.zeros(shape[1])

    def weights(self) -> np.ndarray:
        rate = self._rate
        if rate is None:  # the rate for losses up to the largest range so far, over the rounds so far
            n_members = len(self._losses)
            with np.errstate(divide="ignore"):
                rate = np.sqrt(8 * np.log(n_members) / max(self._rounds, 1)) / self._largest
            rate = np.where(self._largest > 0, rate, 0.0)
        return _softmax(-rate * (self._losses - self._losses.min(axis=0)))

    def learn(self, losses: np.ndarray, regrets: np.ndarray) -> None:
        self._losses += losses
        self._rounds += 1
        self._largest = np.maximum(self._largest, losses.max(axis=0) - losses.min(axis=0))


class BernsteinOnlineAggregation:
    """BOA: exponential weights of regrets less their squares, with a learning rate for each member."""

    def __init__(self, shape: tuple[int, int], rate: float | None) -> None:
        self._regret, self._squares, self._largest = np.zeros(shape), np.zeros(shape), np.zeros(shape)

    def _rates(self) -> np.ndarray:
        n_members = len(self._regret)
        with np.errstate(divide="ignore", invalid="ignore"):  # a single member has no rate
            return np.minimum(np.minimum(1 / (2 * self._largest), np.sqrt(np.log(n_members) / self._squares)), HUGE)

    def weights(self) -> np.ndarray:
        score = np.where(self._largest > 0, self._rates() * self._regret, 0.0)
        return _softmax(score)

    def learn(self, losses: np.ndarray, regrets: np.ndarray) -> None:
        self._largest = np.maximum(self._largest, np.abs(regrets))
        self._squares += regrets**2
        rates = np.where(self._largest > 0, self._rates(), 0.0)
        self._regret += regrets - rates * regrets**2


class PolynomialPotential:
    """ML-Poly: weights in proportion to the positive part of the regret, times a learning rate for each member."""

    def __init__(self, shape: tuple[int, int], rate: float | None) -> None:
        self._regret, self._squares, self._largest = np.zeros(shape), np.zeros(shape), np.zeros(shape[1])

    def weights(self) -> np.ndarray:
        below = self._squares + self._largest
        score = np.divide(np.maximum(self._regret, 0), below, out=np.zeros_like(below), where=below > 0)
        total = score.sum(axis=0)
        return np.where(total > 0, score / np.where(total > 0, total, 1), 1 / len(score))

    def learn(self, losses: np.ndarray, regrets: np.ndarray) -> None:
        self._regret += regrets
        self._squares += regrets**2
        self._largest = np.maximum(self._largest, (regrets**2).max(axis=0))


METHODS = {"ewa": ExponentialWeights, "boa": BernsteinOnlineAggregation, "ml_poly": PolynomialPotential}


def aggregator(method: str, shape: tuple[int, int], rate: float | None) -> Aggregator:
    """Make the aggregator of a name."""
    return METHODS[method](shape, rate)


def _softmax(score: np.ndarray) -> np.ndarray:
    weights = np.exp(score - score.max(axis=0))
    return weights / weights.sum(axis=0)
