"""What a jury says without the vote of a rater, for all votes at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import InvalidOptionError
from .._sums import Tally
from .._ties import TieBreak
from ..rules import MajorityVote

__all__ = ["Jury", "jury_of"]

DECIMALS = 10
"""Scores that agree to so many places are tied: what is left when a vote is taken away has rounding errors."""


@dataclass(frozen=True)
class Jury:
    """Answers of a jury, with all votes and without each.

    Attributes
    ----------
    tally : Tally
        The votes that name a class.
    answer : ndarray of shape (n_items,)
        Class of each item; -1 without votes.
    without : ndarray of shape (n_used,)
        For each vote the class that its item has without it; -1 if no other vote is left.
    leads : ndarray of bool of shape (n_used, n_classes)
        For each vote all classes that lead without it.
    """

    tally: Tally
    answer: np.ndarray
    without: np.ndarray
    leads: np.ndarray


def jury_of(rule: Any, votes: Any) -> Jury:
    """Find the answers of a jury with all votes, and without each vote.

    Parameters
    ----------
    rule : object
        A rule that has aggregated these votes.
    votes : Votes
        Answers of raters about items.

    Returns
    -------
    Jury
        The answers. What the rule has learned of the raters stays; only the vote is taken away.
    """
    tally = Tally(votes)
    prior, by_vote = _evidence(rule, votes, tally)
    total, left = _with_and_without(tally, by_vote)
    total, left = np.round(total + prior, DECIMALS), np.round(left + prior, DECIMALS)
    leads = left == left.max(axis=1, keepdims=True)
    top = total == total.max(axis=1, keepdims=True)
    n_votes = np.bincount(tally.item, minlength=tally.n_items)
    tie_break = TieBreak(tally, top & (n_votes > 0)[:, np.newaxis])
    both, of_vote = tie_break.scores()
    without = both[tally.item]
    without[np.arange(len(without)), tally.choice] -= of_vote
    first, second = TieBreak.best(top, both), TieBreak.best(leads, without)
    answer = np.where(n_votes > 0, first, -1)
    return Jury(tally, answer, np.where(n_votes[tally.item] > 1, second, -1), leads)


def _with_and_without(tally: Tally, by_vote: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum what votes add over each item, and the same without each vote."""
    if by_vote.ndim == 1:
        total = tally.by_item_class(by_vote)
        left = total[tally.item]
        left[np.arange(len(left)), tally.choice] -= by_vote
        return total, left
    # A loop over classes, of which there are few: bincount sums one column at a time.
    total = np.stack([tally.by_item(column) for column in by_vote.T], axis=1)
    return total, total[tally.item] - by_vote


def _evidence(rule: Any, votes: Any, tally: Tally) -> tuple[np.ndarray, np.ndarray]:
    if callable(getattr(rule, "evidence", None)):
        return rule.evidence(votes)
    if isinstance(rule, MajorityVote):
        if rule.threshold:
            raise InvalidOptionError(
                f"leaving votes out needs a majority with threshold=0; received threshold={rule.threshold:g}."
            )
        skills = getattr(rule, "skills_", None)
        return np.zeros(tally.n_classes), tally.weight * (1.0 if skills is None else skills[tally.rater])
    raise InvalidOptionError(
        f"leaving votes out needs a rule that tells what each vote adds, by a method evidence(votes); received "
        f"{type(rule).__name__}. All rules of ensemblekit have it."
    )
