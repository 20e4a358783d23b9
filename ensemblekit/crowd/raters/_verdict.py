"""Is a jury better than its best juror: against known labels, or against votes that are held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...arguments import check_count, typed
from ...errors import InvalidOptionError, InvalidPredictionsError
from ...evaluation import compare_with_reference
from ...predictions import Predictions
from .._aggregate import aggregate_votes
from .._unanimous import with_two_classes
from ..votes import Votes
from ._sentences import jury_sentence
from ._without import Jury, jury_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["JuryVerdict", "judge_jury"]

MOST_ROWS = 40_000
"""More items or votes than these say little more, and take a minute."""


@dataclass(frozen=True, repr=False)
class JuryVerdict:
    """Whether a jury is better than its best juror.

    Attributes
    ----------
    verdict : str
        ``better``, ``worse``, ``as good``, ``too small``, ``cannot tell`` or ``too few``, as in
        `compare_with_best_member`.
    sentence : str
        The same with figures.
    by : str
        ``"gold"`` if judged by known labels, ``"leave one out"`` if by votes that were held out.
    jury, juror : float
        Accuracy of the two, or their agreement with the votes that were held out.
    low, high : float
        Interval of ``jury - juror``.
    p_value : float
        In (0, 1].
    best : DataFrame
        Index ``rater``: on how many ``items`` each was the best juror, those with most first.
    table : DataFrame
        The comparison, as from `compare_with_reference`.
    """

    verdict: str
    sentence: str
    by: str
    jury: float
    juror: float
    low: float
    high: float
    p_value: float
    best: pd.DataFrame
    table: pd.DataFrame

    def __repr__(self) -> str:
        return f"JuryVerdict({self.verdict!r}: {self.sentence})"


@typed(but=("rule",))
def judge_jury(
    votes: Votes,
    rule: Any = "majority",
    *,
    n_folds: int = 5,
    smallest: float | None = None,
    confidence: float = 0.95,
    n_resamples: int = 5000,
    seed: int = 0,
    **options: Any,
) -> JuryVerdict:
    """Judge whether a jury is better than its best juror.

    Parameters
    ----------
    votes : Votes
        Answers of raters about items. Where labels are known, those items are judged by them. If none is known, the
        votes of each rater but the best are held out in turn, and the others are judged by them.
    rule : str or object, default="majority"
        As in `aggregate_votes`: how the jury decides. It does not learn from the known labels.
    n_folds : int, default=5
        Parts of the items, >= 2: the best juror of each is chosen on the others.
    smallest : float, optional
        Smallest difference of interest, as in `paired_bootstrap`.
    confidence, n_resamples, seed
        As in `paired_bootstrap`; the seed also divides the items.
    **options
        Options of the rule.

    Returns
    -------
    JuryVerdict
        The verdict, a sentence, and the figures.

    Raises
    ------
    InvalidPredictionsError
        If there is no item to judge by: none with a known label and a vote, or, if no label is known, none with three
        votes.
    InvalidOptionError
        If the rule or an option is unknown or out of range.

    Notes
    -----
    The best juror of an item is the one among its raters with the best record on the items of other parts; the record
    is the share of right votes, with two votes of average quality added, so that a rater with one lucky vote is not the
    best. So if all raters answer all items it is the best of all; and it was chosen before looking at the item, as the
    one that is best on the compared items is partly the luckiest.

    Held out: the vote of each rater ``t`` but the best juror is predicted by the jury without ``t``, and by the best
    juror. The record is then the agreement with the jury of the others. Where the jury is tied, it says what the juror
    says if that is among the tied classes. A jury that lacks one juror is a little worse than the whole. If raters err
    independently, the one that agrees more with votes held out is the better one, although both agree less than with
    the truth. If some raters share their errors, as models of one family do, it flatters the jury: only known labels
    can tell. What the rule has learned of the raters is not learned again without the vote. The interval is then by
    item.

    At most 40,000 items, or votes held out, are compared; of more, items are drawn at random.

    Examples
    --------
    >>> from ensemblekit.crowd import Votes, judge_jury
    >>> items = [f"{k:02d}" for k in range(40) for _ in range(3)]
    >>> labels = ["no" if k % every == r else "yes" for k in range(40) for r, every in enumerate((5, 3, 3))]
    >>> table = {"item": items, "rater": ["ann", "bo", "cy"] * 40, "label": labels}
    >>> found = judge_jury(Votes(table, gold=dict.fromkeys(items, "yes")))
    >>> found.verdict, round(found.jury, 2), round(found.juror, 2), found.by
    ('cannot tell', 0.88, 0.8, 'gold')
    """
    check_count("n_folds", n_folds, 2)
    check_count("seed", seed, 0)
    votes = with_two_classes(votes, stacklevel=3)
    result = aggregate_votes(votes, rule, use_gold=False, **options)
    jury = jury_of(result.fitted, votes)
    if jury.tally.n_raters < 2:
        raise InvalidOptionError(f"a jury has two raters at least; received {jury.tally.n_raters}.")
    rng = np.random.default_rng(seed)
    gold = jury.tally.gold
    by_gold = gold is not None
    rows = _held_out(jury, n_folds, rng) if gold is None else _by_gold(jury, gold, n_folds, rng)
    rows = _fewer(rows, rng)
    table = _compare(rows, votes, smallest, confidence, n_resamples, seed, by_gold=by_gold)
    record: dict[str, Any] = table.iloc[0].to_dict()
    by = "gold" if by_gold else "leave one out"
    prefix = "" if by_gold else "group_"
    best = _best(votes, np.bincount(rows.picked, minlength=len(votes.raters)))
    return JuryVerdict(
        record["verdict"], jury_sentence(record, by, rows.n_items, best.index[:3].tolist()),
        by, record["value"], record["member_value"], record[f"{prefix}low"], record[f"{prefix}high"], record["p_value"],
        best, table,
    )  # fmt: skip


@dataclass(frozen=True)
class _Rows:
    """What is compared: for each row its item, the two answers, the truth, and the juror who was the best."""

    item: np.ndarray
    jury: np.ndarray
    juror: np.ndarray
    truth: np.ndarray
    picked: np.ndarray

    @property
    def n_items(self) -> int:
        return len(np.unique(self.item))


def _by_gold(jury: Jury, gold: np.ndarray, n_folds: int, rng: np.random.Generator) -> _Rows:
    tally = jury.tally
    truth = gold[tally.item]
    places = np.flatnonzero(truth >= 0)
    if not len(places):
        raise InvalidPredictionsError("judging a jury needs items with a known label and a vote; received none.")
    record = _records(jury, places, tally.choice[places] == truth[places], n_folds, rng)
    order = places[np.lexsort((tally.rater[places], -record, tally.item[places]))]
    first = order[np.append(True, np.diff(tally.item[order]) > 0)]
    item = tally.item[first]
    return _Rows(item, jury.answer[item], tally.choice[first], gold[item], tally.rater[first])


def _held_out(jury: Jury, n_folds: int, rng: np.random.Generator) -> _Rows:
    tally = jury.tally
    n_votes = np.bincount(tally.item, minlength=tally.n_items)
    places = np.flatnonzero(n_votes[tally.item] >= 3)
    if not len(places):
        raise InvalidPredictionsError(
            "without known labels, judging a jury needs items with three votes, one of which is held out; received "
            "none."
        )
    record = _records(jury, places, jury.without[places] == tally.choice[places], n_folds, rng)
    order = places[np.lexsort((tally.rater[places], -record, tally.item[places]))]
    first = order[np.append(True, np.diff(tally.item[order]) > 0)]
    best = np.zeros(tally.n_items, dtype=np.intp)
    best[tally.item[first]] = first
    # Without the best juror, jury and juror would both be others than those that are compared.
    places = places[best[tally.item[places]] != places]
    pick = best[tally.item[places]]
    juror = tally.choice[pick]
    says = np.where(jury.leads[places, juror], juror, jury.without[places])
    return _Rows(tally.item[places], says, juror, tally.choice[places], tally.rater[pick])


def _records(jury: Jury, places: np.ndarray, right: np.ndarray, n_folds: int, rng: np.random.Generator) -> np.ndarray:
    """Compute for each vote the record of its rater on the items of the other parts."""
    tally = jury.tally
    items, within = np.unique(tally.item[places], return_inverse=True)
    fold = (rng.permutation(len(items)) % n_folds)[within]
    cell, size = tally.rater[places] * n_folds + fold, tally.n_raters * n_folds
    n_right = np.bincount(cell, right, size).reshape(-1, n_folds)
    n = np.bincount(cell, minlength=size).reshape(-1, n_folds)
    elsewhere = n_right.sum(axis=1, keepdims=True) - n_right, n.sum(axis=1, keepdims=True) - n
    usual = elsewhere[0].sum(axis=0) / np.maximum(elsewhere[1].sum(axis=0), 1)
    return ((elsewhere[0] + 2 * usual) / (elsewhere[1] + 2)).reshape(-1)[cell]


def _fewer(rows: _Rows, rng: np.random.Generator) -> _Rows:
    """Keep so many items, drawn at random, that there are at most `MOST_ROWS` rows."""
    if len(rows.item) <= MOST_ROWS:
        return rows
    items, within, n = np.unique(rows.item, return_inverse=True, return_counts=True)
    order = rng.permutation(len(items))
    kept = np.zeros(len(items), dtype=bool)
    kept[order[n[order].cumsum() <= MOST_ROWS]] = True
    at = kept[within]
    return _Rows(rows.item[at], rows.jury[at], rows.juror[at], rows.truth[at], rows.picked[at])


def _compare(
    rows: _Rows, votes: Votes, smallest: float | None, confidence: float, n_resamples: int, seed: int, *, by_gold: bool
) -> pd.DataFrame:
    import pandas as pd

    ids = votes.items[rows.item] if by_gold else np.arange(1, len(rows.item) + 1)  # 0, 1, ... are no names
    shown, classes = np.eye(len(votes.classes)), votes.classes
    # With one class no accuracy differs, but predictions of one class are no choice.
    labels = [classes[c] for c in rows.truth]
    models = {
        name: Predictions(shown[answer], ids=ids, classes=classes, labels=labels)
        for name, answer in (("jury", rows.jury), ("best juror", rows.juror))
    }
    groups = None if by_gold else pd.Series(rows.item, index=ids)
    return compare_with_reference(
        models, "best juror", metrics=["accuracy"], groups=groups, smallest=smallest, confidence=confidence,
        n_resamples=n_resamples, seed=seed, unit="items" if by_gold else "votes",
    )  # fmt: skip


def _best(votes: Votes, picked: np.ndarray) -> pd.DataFrame:
    import pandas as pd

    order = np.argsort(-picked, kind="stable")
    order = order[picked[order] > 0]
    return pd.DataFrame({"items": picked[order]}, index=pd.Index([votes.raters[r] for r in order], name="rater"))
