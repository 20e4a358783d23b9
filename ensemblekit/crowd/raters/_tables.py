"""Raters as tables: how good each is, and what the jury is without each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...arguments import check_number, typed
from ...evaluation import holm
from ...evaluation.significance import fewest_units
from .._aggregate import aggregate_votes
from .._sums import Tally, share_of
from .._unanimous import with_two_classes
from ..votes import Votes
from ._without import Jury, jury_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["leave_one_rater_out", "rater_table"]


@typed(but=("rule",))
def rater_table(votes: Votes, rule: Any = "majority", *, confidence: float = 0.95, **options: Any) -> pd.DataFrame:
    """Tell how good each rater is: against known labels, against the jury of the others, and as the rule estimates.

    Parameters
    ----------
    votes : Votes
        Answers of raters about items, with known labels or without.
    rule : str or object, default="majority"
        As in `aggregate_votes`.
    confidence : float, default=0.95
        Of each interval, in (0, 1).
    **options
        Options of the rule.

    Returns
    -------
    pandas.DataFrame
        Index ``rater``; ``answered``, ``abstained`` and ``failed``, the numbers of votes; ``skill``, as the rule
        estimates it. ``agreement`` is the share of votes that name what the jury of the others names, with ``low`` and
        ``high``, and ``compared``, the number of items on which one class leads among the others; ``chance`` is the
        agreement of the same answers given at random. ``accuracy`` is the share that names the known label, with
        ``accuracy_low`` and ``accuracy_high``, and ``known``, their number.

    Raises
    ------
    InvalidOptionError
        If the rule or an option is unknown or out of range.

    Notes
    -----
    The intervals are those of Clopper and Pearson [1]_, exact for independent items. The agreement is with other raters
    who err too: it lies below the accuracy of a good rater, and above that of one who shares the errors of the others.
    The rater's own vote is taken out of the jury, so that nobody agrees with themselves; what the rule has learned of
    the other raters stays, and known labels are not used. ``chance = sum_c p[c] q[c]`` of the shares of ``c`` among the
    answers of the rater and of the jury on the same items.

    References
    ----------
    .. [1] C. J. Clopper, E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
       binomial", Biometrika 26(4), 1934.

    Examples
    --------
    >>> from ensemblekit.crowd import Votes, rater_table
    >>> items, raters = [i for i in "abcdef" for _ in range(3)], ["ann", "bo", "cy"] * 6
    >>> labels = ["cat", "cat", "dog", "dog", "dog", "dog"] * 3
    >>> table = rater_table(Votes({"item": items, "rater": raters, "label": labels}))
    >>> table[["answered", "compared", "agreement", "low", "high", "chance"]].round(2)
           answered  compared  agreement   low  high  chance
    rater
    ann           6         3        1.0  0.29  1.00     1.0
    bo            6         3        1.0  0.29  1.00     1.0
    cy            6         6        0.5  0.12  0.88     0.5
    """
    check_number("confidence", confidence, 0, 0.9999, open_low=True)
    votes = with_two_classes(votes, stacklevel=3)
    result = aggregate_votes(votes, rule, use_gold=False, **options)
    jury = jury_of(result.fitted, votes)
    table = result.skills.copy()
    agree, compared, chance = _agreement(jury)
    table["compared"], table["agreement"] = compared.astype(int), share_of(agree, compared)
    table["low"], table["high"] = _share_interval(agree, compared, confidence)
    table["chance"] = chance
    right, known = _right(jury.tally, votes.gold)
    table["known"], table["accuracy"] = known.astype(int), share_of(right, known)
    table["accuracy_low"], table["accuracy_high"] = _share_interval(right, known, confidence)
    return table


@typed(but=("rule",))
def leave_one_rater_out(
    votes: Votes, rule: Any = "majority", *, confidence: float = 0.95, **options: Any
) -> pd.DataFrame:
    """Tell what the jury is without each rater: whom to leave out, whom to keep, and of whom one cannot tell.

    Parameters
    ----------
    votes : Votes
        Answers of raters about items. With known labels the jury is judged by them; without, each rater by the jury
        of the others.
    rule : str or object, default="majority"
        As in `aggregate_votes`.
    confidence : float, default=0.95
        Of each interval, in (0, 1).
    **options
        Options of the rule.

    Returns
    -------
    pandas.DataFrame
        Index ``rater``; ``changed``, the number of items with another answer without the rater. With known labels:
        ``with_all``, ``without`` and ``difference``, which is ``without - with_all`` in accuracy, with ``low`` and
        ``high``, and ``n``, the number of items with a known label and a vote of somebody else. Without:
        ``agreement``, ``low``, ``high``, ``chance`` and ``n`` as in `rater_table`. Then ``p_value``, ``p_holm`` and
        ``verdict``: ``leave out``, ``keep``, ``cannot tell`` or ``too few``. ``attrs`` holds ``by``: ``"gold"`` or
        ``"agreement"``.

    Raises
    ------
    InvalidOptionError
        If the rule or an option is unknown or out of range.

    Notes
    -----
    What the rule has learned of the other raters stays; only the votes of the one are taken away. Known labels are not
    used to learn. With them, the p value is McNemar's, of the items that only one of the two juries has right, and the
    interval that of Bonett and Price [1]_ for a difference of paired shares. Without them, the exact binomial test asks
    whether the rater agrees with the others more or less often than by chance: ``leave out`` then is a rater who
    agrees less, and nobody can tell from votes alone whether a rater against all others is not the only one who knows.
    Holm's correction is over the raters. A verdict needs a corrected p value of at most ``1 - confidence``; fewer than
    6 items (at 0.95) are ``too few`` for any.

    References
    ----------
    .. [1] D. G. Bonett, R. M. Price, "Adjusted Wald confidence interval for a difference of binomial proportions based
       on paired data", Journal of Educational and Behavioral Statistics 37(4), 2012.

    Examples
    --------
    >>> from ensemblekit.crowd import Votes, leave_one_rater_out
    >>> items = [f"{k:02d}" for k in range(20) for _ in range(4)]
    >>> labels = [x for k in range(20) for x in (("no", "no", "yes", "yes") if k % 2 else ("yes", "yes", "no", "no"))]
    >>> gold = {f"{k:02d}": "no" if k % 2 else "yes" for k in range(20)}
    >>> votes = Votes({"item": items, "rater": ["ann", "bo", "cy", "di"] * 20, "label": labels}, gold=gold)
    >>> leave_one_rater_out(votes)[["with_all", "without", "p_holm", "verdict"]].round(3)
           with_all  without  p_holm    verdict
    rater
    ann         0.5      0.0   0.008       keep
    bo          0.5      0.0   0.008       keep
    cy          0.5      1.0   0.008  leave out
    di          0.5      1.0   0.008  leave out
    """
    import pandas as pd
    from scipy.stats import binom

    check_number("confidence", confidence, 0, 0.9999, open_low=True)
    votes = with_two_classes(votes, stacklevel=3)
    fitted = aggregate_votes(votes, rule, use_gold=False, **options).fitted
    jury = jury_of(fitted, votes)
    tally, answer = jury.tally, jury.answer[jury.tally.item]
    left = jury.without >= 0
    changed = tally.by_rater((left & (jury.without != answer)).astype(float)).astype(int)
    columns: dict[str, Any] = {"changed": changed}
    gold = tally.gold
    if gold is not None:
        truth = gold[tally.item]
        known = left & (truth >= 0)
        gains = tally.by_rater((known & (jury.without == truth) & (answer != truth)).astype(float))
        losses = tally.by_rater((known & (jury.without != truth) & (answer == truth)).astype(float))
        judged = np.flatnonzero((gold >= 0) & (jury.answer >= 0))
        alone = tally.by_rater((~left & (truth >= 0)).astype(float))
        right_alone = tally.by_rater((~left & (truth >= 0) & (answer == truth)).astype(float))
        n = len(judged) - alone
        right = (jury.answer[judged] == gold[judged]).sum() - right_alone
        with_all, without = share_of(right, n), share_of(right + gains - losses, n)
        low, high = _paired_interval(gains, losses, n, confidence)
        columns |= {
            "with_all": with_all,
            "without": without,
            "difference": without - with_all,
            "low": low,
            "high": high,
        }
        p_value = np.minimum(1, 2 * binom.cdf(np.minimum(gains, losses), gains + losses, 0.5))
        worse, better = gains > losses, losses > gains
    else:
        agree, n, chance = _agreement(jury)
        low, high = _share_interval(agree, n, confidence)
        columns |= {"agreement": share_of(agree, n), "low": low, "high": high, "chance": chance}
        tails = np.minimum(binom.cdf(agree, n, chance), binom.sf(agree - 1, n, chance))
        p_value = np.where(n > 0, np.minimum(1, 2 * np.nan_to_num(tails, nan=0.5)), 1.0)
        worse, better = agree < n * np.nan_to_num(chance), agree > n * np.nan_to_num(chance)
    columns |= {"n": n.astype(int), "p_value": p_value, "p_holm": holm(p_value)}
    sure = columns["p_holm"] <= 1 - confidence
    columns["verdict"] = np.select(
        [n < fewest_units(confidence), sure & worse, sure & better], ["too few", "leave out", "keep"], "cannot tell"
    )
    table = pd.DataFrame(columns, index=pd.Index([*votes.raters], name="rater"))
    table.attrs["by"] = "agreement" if gold is None else "gold"
    return table


def _agreement(jury: Jury) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count the agreements of each rater with the others, the items compared, and the agreement expected by chance."""
    tally, left = jury.tally, (jury.without >= 0) & (jury.leads.sum(axis=1) == 1)
    agree = tally.by_rater((left & (jury.without == tally.choice)).astype(float))
    compared = tally.by_rater(left.astype(float))
    others = np.bincount(
        tally.rater[left] * tally.n_classes + jury.without[left], minlength=tally.n_raters * tally.n_classes
    ).reshape(tally.n_raters, tally.n_classes)
    own = tally.by_rater_class(left.astype(float))
    return agree, compared, share_of((own * others).sum(axis=1), compared**2)


def _right(tally: Tally, gold: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    if gold is None:
        return np.zeros(tally.n_raters), np.zeros(tally.n_raters)
    truth = gold[tally.item]
    return tally.by_rater((truth == tally.choice).astype(float)), tally.by_rater((truth >= 0).astype(float))


def _share_interval(part: np.ndarray, whole: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Compute the intervals of Clopper and Pearson; 0 to 1 where nothing is counted."""
    from scipy.stats import beta

    tail = (1 - confidence) / 2
    low = np.where(part > 0, beta.ppf(tail, np.maximum(part, 1), whole - part + 1), 0.0)
    high = np.where(part < whole, beta.isf(tail, part + 1, np.maximum(whole - part, 1)), 1.0)
    return low, high


def _paired_interval(
    gains: np.ndarray, losses: np.ndarray, n: np.ndarray, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    from scipy.stats import norm

    up, down = (gains + 1) / (n + 2), (losses + 1) / (n + 2)
    half = norm.ppf(0.5 + confidence / 2) * np.sqrt((up + down - (up - down) ** 2) / (n + 2))
    return np.maximum(up - down - half, -1), np.minimum(up - down + half, 1)
