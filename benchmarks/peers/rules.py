"""Peers of the rules: the same arithmetic as other libraries do it, on a cube of ours.

Each takes ``member_probas``. If a library needs another form (votes, members on the second axis), the conversion is
part of the call and timed: its users pay for it too. Where a library offers only an estimator, the line of it that
combines is written here, and the tests compare it with the estimator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Peer:
    """A rule of another library: ``combine`` is called with the function at ``source`` and a cube; ``rule`` is ours."""

    name: str
    rule: str
    source: str
    combine: Callable[[Any, np.ndarray], Any]

    def make(self) -> Callable[[np.ndarray], Any]:
        """Import the library, and return what combines."""
        module, _, name = self.source.partition(":")
        function = getattr(import_module(module), name)
        return lambda cube: self.combine(function, cube)


def votes_of(cube: np.ndarray) -> np.ndarray:
    """Return each member's most probable class, shape ``(n_samples, n_members)``."""
    return np.array([member.argmax(axis=-1) for member in cube]).T


def _average_voters(average: Any, cube: np.ndarray) -> np.ndarray:
    return average(cube, axis=0, weights=np.arange(1, len(cube) + 1))


def _count_votes(bincount: Any, cube: np.ndarray) -> np.ndarray:
    return np.apply_along_axis(lambda x: np.argmax(bincount(x, weights=None)), axis=1, arr=votes_of(cube))


class _GivenMember:
    """A fitted classifier that returns given predictions."""

    def __init__(self, member: np.ndarray) -> None:
        self._member = member

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self._member.argmax(axis=-1)


def _mlxtend_vote(classifier: Any, cube: np.ndarray) -> np.ndarray:
    from sklearn.preprocessing import LabelEncoder

    voter = classifier([], voting="hard", fit_base_estimators=False)
    voter.clfs_ = [_GivenMember(member) for member in cube]
    voter.le_ = LabelEncoder().fit(np.arange(cube.shape[-1]))
    return voter.predict(np.empty((cube.shape[1], 0)))


def _pool(gmean: Any, cube: np.ndarray) -> np.ndarray:
    pooled = gmean(cube, axis=0)
    return pooled / pooled.sum(axis=-1, keepdims=True)


def _winsorised_mean(winsorize: Any, cube: np.ndarray) -> np.ndarray:
    return np.asarray(winsorize(cube, limits=(0.2, 0.2), axis=0).mean(axis=0))


def _by_member(rule: Any, cube: np.ndarray) -> Any:
    return rule(cube.transpose(1, 0, 2))


def _along_members(function: Any, cube: np.ndarray) -> Any:
    return function(cube, axis=0)


DESLIB = "deslib.util.aggregation"
PEERS = (
    Peer("NumPy mean", "mean", "numpy:mean", _along_members),
    Peer("DESlib average", "mean", f"{DESLIB}:average_rule", _by_member),
    Peer("scikit-learn weighted mean", "weighted", "numpy:average", _average_voters),
    Peer("scikit-learn hard vote", "voting", "numpy:bincount", _count_votes),
    Peer("mlxtend hard vote", "voting", "mlxtend.classifier:EnsembleVoteClassifier", _mlxtend_vote),
    Peer("DESlib vote", "voting", f"{DESLIB}:majority_voting_rule", lambda vote, cube: vote(votes_of(cube))),
    Peer(
        "combo vote",
        "voting",
        "combo.models.score_comb:majority_vote",
        lambda vote, cube: vote(votes_of(cube), n_classes=cube.shape[-1]),
    ),
    Peer("NumPy median", "median", "numpy:median", _along_members),
    Peer("DESlib median", "median", f"{DESLIB}:median_rule", _by_member),
    Peer("SciPy trim_mean", "trimmed_mean", "scipy.stats:trim_mean", lambda trim, cube: trim(cube, 0.2, axis=0)),
    Peer("SciPy winsorize, mean", "winsorised_mean", "scipy.stats.mstats:winsorize", _winsorised_mean),
    Peer("SciPy gmean", "geometric_mean", "scipy.stats:gmean", _pool),
    Peer("DESlib maximum", "maximum", f"{DESLIB}:maximum_rule", _by_member),
    Peer("DESlib minimum", "minimum", f"{DESLIB}:minimum_rule", _by_member),
    Peer("DESlib product", "product", f"{DESLIB}:product_rule", _by_member),
)
"""Those that are not installed are reported as not measured."""
