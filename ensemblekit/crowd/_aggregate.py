"""`aggregate_votes`: one label for each item, by a rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..arguments import check_unmasked, typed
from ..errors import InvalidOptionError
from ..predictions import Predictions
from ..predictions.choices import check_choice
from ..predictions.names import readonly
from ._result import CrowdResult
from ._sums import count_answers, count_by_rater, share_of
from ._ties import settle_ties
from ._unanimous import with_two_classes
from ._vanished import warn_if_vanished
from .rules import RULES
from .votes import ABSTAINED, FAILED, Votes

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["aggregate_votes"]


@typed()
def aggregate_votes(votes: Votes, rule: Any = "majority", *, use_gold: bool = True, **options: Any) -> CrowdResult:
    """Make one label for each item of the votes of raters.

    Parameters
    ----------
    votes : Votes
        The votes, with the labels of some items if they are known. No labels are needed.
    rule : str or object, default="majority"
        A name in `RULES`, or an object with a method ``aggregate(votes)`` that returns the posterior, of shape
        ``(n_items, n_classes)``.
    use_gold : bool, default=True
        Whether the rule knows the known labels. Without them, predictions can be compared with them.
    **options
        Options of the rule, if it is given by name.

    Returns
    -------
    CrowdResult
        Predictions by item and skills by rater.

    Raises
    ------
    InvalidOptionError
        If there is no such rule, or it has no such option.

    Warns
    -----
    UnvotedClassWarning
        If all answers name one class and no other is known. Predictions have a second one, ``other`` (of numbers -1).
    VanishedClassWarning
        If a rule that learns in steps predicts a class for no item, though it has the most votes on some.

    Notes
    -----
    Whether a rater abstained or failed, no rule takes that for an answer. An item without an answer and without a known
    label has no prediction: its row is NaN, as of predictions with ``missing="renormalize"``.

    Tie rule, the same for every rule: of the classes with an equal probability, the one is predicted for which more
    speaks by one step of a one-coin model, ``log n[c] + sum over the answers c of w log(s (n_classes - 1) / (1 - s))``.
    ``n[c]`` is one more than the number of items on which ``c`` alone leads, and ``s`` how often the rater agrees with
    the leading class of such items, with two answers lent that are right as often as those of all; known labels count
    as leading. If that is equal too, the first class is predicted. The probability of the predicted one gets some units
    in the last place more.

    Examples
    --------
    >>> from ensemblekit import Votes, aggregate_votes
    >>> votes = Votes({"q1": {"a": "yes", "b": "yes", "c": "no"}, "q2": {"a": "no", "c": "no"}})
    >>> result = aggregate_votes(votes, "majority")
    >>> result.predictions.to_frame().round(2)
          no   yes
    id
    q1  0.33  0.67
    q2  1.00  0.00
    >>> result.skills["skill"]
    rater
    a    1.0
    b    1.0
    c    0.5
    Name: skill, dtype: float64
    """
    name, ready = _resolve(rule, options)
    votes = with_two_classes(votes, stacklevel=3)
    votes = votes if use_gold else votes.without_gold()
    answer = ready.aggregate(votes)
    check_unmasked(f"the posterior of rule {name!r}", answer, error=InvalidOptionError)
    posterior = np.array(answer, dtype=np.float64)
    expected = (len(votes.items), len(votes.classes))
    if posterior.shape != expected:
        raise InvalidOptionError(
            f"rule {name!r} must return a posterior of shape {expected}, (n_items, n_classes); it returned "
            f"{posterior.shape}."
        )
    settle_ties(votes, posterior)
    counts = count_answers(votes)
    known = np.zeros(len(counts), dtype=bool) if votes.gold is None else votes.gold >= 0
    posterior[(counts.sum(axis=1) == 0) & ~known] = np.nan
    if hasattr(ready, "n_iter_"):  # it learns
        counts[known] = 0
        remedy = "Compare with 'majority', or let some labels be known: Votes(..., gold=...)."
        warn_if_vanished(counts, posterior, votes.classes, rule=name, remedy=remedy, stacklevel=3)
    predictions = Predictions(
        readonly(posterior),
        ids=votes.items,
        classes=votes.classes,
        member=name,
        fit_ids=None if votes.gold is None else votes.items[known],
        missing="renormalize",
    )
    skills = _skills(votes, predictions, getattr(ready, "skills_", None))
    if hasattr(ready, "n_iter_"):  # what it assumes of a rater before any answer is no skill
        skills.loc[skills["answered"] == 0, "skill"] = np.nan
    return CrowdResult(
        predictions, skills, name, ready, int(getattr(ready, "n_iter_", 0)), bool(getattr(ready, "converged_", True))
    )


def _resolve(rule: Any, options: dict[str, Any]) -> tuple[str, Any]:
    if not isinstance(rule, str):
        if not callable(getattr(rule, "aggregate", None)):
            raise InvalidOptionError(
                f"rule must be one of {', '.join(map(repr, RULES))}, or an object with a method aggregate; received "
                f"{rule!r}."
            )
        if options:
            raise InvalidOptionError(
                f"options go with a rule that is given by name; received {', '.join(options)} beside an object. Give "
                "them to the object."
            )
        return next((name for name, kind in RULES.items() if type(rule) is kind), type(rule).__name__), rule
    check_choice("rule", rule, RULES)
    try:
        return rule, RULES[rule](**options)
    except TypeError as error:
        raise InvalidOptionError(f"rule {rule!r} does not accept these options: {error}.") from None


def _skills(votes: Votes, predictions: Predictions, skills: np.ndarray | None) -> pd.DataFrame:
    """Make the table of the raters."""
    import pandas as pd

    answered = count_by_rater(votes, votes.choice >= 0)
    if skills is None:
        best = np.where(np.isnan(predictions.probas[:, 0]), -1, np.nan_to_num(predictions.probas).argmax(axis=1))
        judged = (votes.choice >= 0) & (best[votes.item] >= 0)
        right = judged & (votes.choice == best[votes.item])
        n_right, n_judged = (count_by_rater(votes, which, votes.weight) for which in (right, judged))
        skills = share_of(n_right, n_judged)
    table = {
        "answered": answered,
        "abstained": count_by_rater(votes, votes.choice == ABSTAINED),
        "failed": count_by_rater(votes, votes.choice == FAILED),
        "skill": skills,
    }
    return pd.DataFrame(table, index=pd.Index([*votes.raters], name="rater"))
