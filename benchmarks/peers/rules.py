"""Peers of the rules: the same arithmetic as other libraries do it, on a cube of ours.

Each takes ``member_probas``. What a library wants in another form (votes, members on the second axis) is made inside,
and timed: its users pay for that too. Where the library offers only an estimator, the line of it that combines is
written here, and the tests compare it with the estimator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["PEERS", "Peer", "votes_of"]

Combine = Callable[[np.ndarray], Any]


@dataclass(frozen=True)
class Peer:
    """A rule of another library.

    ``make`` imports the library and returns what combines; ``rule`` is the name of ours.
    """

    name: str
    rule: str
    make: Callable[[], Combine]


def votes_of(cube: np.ndarray) -> np.ndarray:
    """Each member's most probable class, shape ``(n_samples, n_members)``."""
    return np.array([member.argmax(axis=-1) for member in cube]).T


def _weights(cube: np.ndarray) -> np.ndarray:
    return np.arange(1, len(cube) + 1)


def _numpy_mean() -> Combine:
    return lambda cube: cube.mean(axis=0)


def _numpy_median() -> Combine:
    return lambda cube: np.median(cube, axis=0)


def _sklearn_weighted() -> Combine:
    return lambda cube: np.average(cube, axis=0, weights=_weights(cube))


def _sklearn_hard() -> Combine:
    def vote(cube: np.ndarray) -> np.ndarray:
        return np.apply_along_axis(lambda x: np.argmax(np.bincount(x, weights=None)), axis=1, arr=votes_of(cube))

    return vote


class _Said:
    """A fitted classifier that predicts what it is given."""

    def __init__(self, member: np.ndarray) -> None:
        self._member = member

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self._member.argmax(axis=-1)


def _mlxtend_hard() -> Combine:
    from mlxtend.classifier import EnsembleVoteClassifier
    from sklearn.preprocessing import LabelEncoder

    def vote(cube: np.ndarray) -> np.ndarray:
        voter = EnsembleVoteClassifier([], voting="hard", fit_base_estimators=False)
        voter.clfs_ = [_Said(member) for member in cube]
        voter.le_ = LabelEncoder().fit(np.arange(cube.shape[-1]))
        return voter.predict(np.empty((cube.shape[1], 0)))

    return vote


def _deslib(name: str) -> Callable[[], Combine]:
    def make() -> Combine:
        from deslib.util import aggregation

        rule = getattr(aggregation, name)
        return lambda cube: rule(cube.transpose(1, 0, 2))

    return make


def _deslib_vote() -> Combine:
    from deslib.util.aggregation import majority_voting_rule

    return lambda cube: majority_voting_rule(votes_of(cube))


def _combo_vote() -> Combine:
    from combo.models.score_comb import majority_vote  # type: ignore[import-not-found]

    return lambda cube: majority_vote(votes_of(cube), n_classes=cube.shape[-1])


def _scipy_trimmed() -> Combine:
    from scipy.stats import trim_mean

    return lambda cube: trim_mean(cube, 0.2, axis=0)


def _scipy_winsorised() -> Combine:
    from scipy.stats.mstats import winsorize

    return lambda cube: np.asarray(winsorize(cube, limits=(0.2, 0.2), axis=0).mean(axis=0))


def _scipy_geometric() -> Combine:
    from scipy.stats import gmean

    def pool(cube: np.ndarray) -> np.ndarray:
        pooled = gmean(cube, axis=0)
        return pooled / pooled.sum(axis=-1, keepdims=True)

    return pool


PEERS = (
    Peer("NumPy mean", "mean", _numpy_mean),
    Peer("DESlib average", "mean", _deslib("average_rule")),
    Peer("scikit-learn weighted mean", "weighted", _sklearn_weighted),
    Peer("scikit-learn hard vote", "voting", _sklearn_hard),
    Peer("mlxtend hard vote", "voting", _mlxtend_hard),
    Peer("DESlib vote", "voting", _deslib_vote),
    Peer("combo vote", "voting", _combo_vote),
    Peer("NumPy median", "median", _numpy_median),
    Peer("DESlib median", "median", _deslib("median_rule")),
    Peer("SciPy trim_mean", "trimmed_mean", _scipy_trimmed),
    Peer("SciPy winsorize, mean", "winsorised_mean", _scipy_winsorised),
    Peer("SciPy gmean", "geometric_mean", _scipy_geometric),
    Peer("DESlib maximum", "maximum", _deslib("maximum_rule")),
    Peer("DESlib minimum", "minimum", _deslib("minimum_rule")),
    Peer("DESlib product", "product", _deslib("product_rule")),
)
"""Peers by rule. Those that are not installed become rows that say so."""
