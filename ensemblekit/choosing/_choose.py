"""`choose`: judge every rule by rows that it did not see, and take the simplest that is not beaten."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..arguments import typed
from ..combining import fit_combiner
from ..combining.row_weights import weights_of
from ..errors import InvalidOptionError, InvalidPredictionsError
from ..evaluation import find_metrics, group_places
from ..evaluation.significance import find_groups
from ..interfaces import CombinerLike
from ..predictions import Aliases, Alignable, PredictionSet, align
from ..predictions.joining import order_of
from ..predictions.names import shown
from ..predictions.tables import READ, spelled
from ._candidates import check_rules, find_candidates
from ._choice import Choice
from ._folds import FEWEST_FOLDS, folds_in_time, make_folds, strata_of
from ._scoring import Scoring
from ._search import Search
from .costs import check_costs

__all__ = ["choose"]


@typed(but=("predictions", "metric", "rules", "smallest"))
def choose(
    predictions: Alignable,
    *,
    rules: Sequence[str | CombinerLike] | None = None,
    metric: Any = None,
    cv: int = 5,
    groups: Any = None,
    sample_weight: Any = None,
    simplest: bool = True,
    smallest: float = 0.0,
    costs: Mapping[str, float] | None = None,
    max_cost: float | None = None,
    confidence: float = 0.95,
    allow_leakage: bool = False,
    aliases: Aliases | None = None,
    read: Mapping[str, Any] | None = None,
    seed: int = 0,
    n_jobs: int = 1,
) -> Choice:
    """Choose the rule that combines these members best, and say whether it beats the best of them.

    Every rule is judged by rows that neither its fit nor its calibration saw. The choice itself is judged in the same
    way: it is made anew without each fold, and compared with the best member, which is chosen anew too.

    Parameters
    ----------
    predictions : PredictionSet, or sequence or mapping of Predictions or paths
        Labelled predictions of two members or more, held-out or out-of-fold; see `align`.
    rules : sequence of str or Combiner, optional
        Registered names, and combiners that are not fitted. By default all registered rules that suit the predictions.
        The best member and the plain mean are always among the candidates.
    metric : str, scorer, callable or Metric, optional
        What counts; see `ensemblekit.evaluation.find_metric`. By default the first metric of the task: log loss, or
        the root of the mean squared error for regression.
    cv : int, default=5
        Number of folds, at least 3. There are fewer if groups are large. Rows with ``time`` are divided in time, see
        Notes.
    groups : mapping of id to group, or Series indexed by id, optional
        Rows of one group, such as those of one patient, are never both fitted on and held out, and are resampled
        together. An id without a group is a group of its own. By default the groups of the predictions.
    sample_weight : Series with an index of ids, mapping of id to float, or array-like of shape (n_samples,), optional
        Weight of each row, in fits and in the metric. Rules that cannot take it are left out.
    simplest : bool, default=True
        Choose the simplest candidate that is not beaten, see Notes; if false, the one with the best value.
    smallest : float, default=0
        Smallest gain of interest, in the metric. A combination that does not gain more is not chosen, and ``beats``
        means that it is shown to gain more.
    costs : mapping of str to float, optional
        Member -> its cost, in any unit. Means of cheaper members are then among the candidates, and of these the
        cheapest that is not beaten counts as the simplest.
    max_cost : float, optional
        Highest cost of the members of a rule together; needs ``costs``. Each rule is fitted on the best members that it
        affords, and the best member is the best of those that can be afforded alone.
    confidence : float, default=0.95
        Of the intervals, in (0, 1).
    allow_leakage : bool, default=False
        As in `fit_combiner`.
    aliases : mapping, optional
        As in `align`.
    read : mapping of str to Any, optional
        How files are read, as in `combine`: ``{"task": "regression", "id": "Id"}``.
    seed : int, default=0
        Of the folds and resamples, and of rules that draw; >= 0.
    n_jobs : int, default=1
        Number of threads; -1 for all processors.

    Returns
    -------
    Choice
        The fitted combiner, the table of the candidates, their out-of-fold predictions, and the answer as a sentence.

    Raises
    ------
    LeakageError
        If a member was fitted on some of the rows, or these are of the split ``test``.
    AlignmentError
        If the predictions cannot be aligned, or members have no names.
    InvalidPredictionsError
        If there are no labels, fewer than two members, or absent rows.
    InvalidOptionError
        If an option is not valid, or groups reach over the cutoffs at which rows with ``time`` are divided.

    Notes
    -----
    Candidates come from the registry, those of other distributions too, with the sets of options that a rule declares
    in its attribute ``grid``. From the simplest: the best member; the plain mean; other rules that learn nothing;
    learned weights (rules with the traits ``learns`` and ``idempotent``); other learned rules; rules that wrap another,
    such as ``calibrated``. A candidate that fails is listed in the table with its error.

    With folds ``1..K`` each rule is fitted without fold ``k``, to predict it, and without each two folds ``j`` and
    ``k``. The choice without fold ``k`` compares the candidates on the other folds ``j``, each predicted by a fit
    without ``j`` and ``k``, so that nothing of fold ``k`` takes part in it. The chosen rule, fitted without ``k``, then
    predicts fold ``k``. What these predictions gain over those of the best member, chosen likewise, errs on the low
    side, as the choices are made from fewer rows and differ. What the held-out predictions of the chosen rule gain errs
    on the high side, as the rule was chosen for them. The gain is halfway between the two, its interval reaches over
    the intervals of both, and a gain that is not positive returns the best member. `Choice.promise` says between what
    the gain on new rows is to be expected.

    The simplest combination is taken that no less simple one beats. One is beaten if the best of the others leads by
    more standard errors than it would by chance alone in half of all cases, among as many candidates [1]_, and by one
    at least. The best member is then returned unless the combination leads by more than half a standard error.

    With costs, members are taken one by one, each time the one with which the mean is best, while they can be afforded;
    the best of the sets along the way is used. They are found anew in every fit, so that no row is judged by members
    that were taken for it. The returned combiner needs these members alone.

    Rows with ``time`` are divided into ``cv + 1`` blocks of consecutive cutoffs. A block is predicted by fits on rows
    of earlier blocks whose outcomes were known at its first cutoff. The first block is only fitted on, and never
    judged. The second judges the rules for the first choice. The choice, and all in the table, is judged from the third
    on, by choices that were made on earlier blocks. No block divides a group. Rows of one cutoff often share errors:
    with ``groups`` of cutoffs, whole cutoffs are resampled.

    Other folds are drawn by class, by the rarest label of a row, or by tenths of the target. Rows are sorted by id and
    members by name first, so that their order has no effect.

    References
    ----------
    .. [1] H. White, "A reality check for data snooping", Econometrica 68(5), 2000.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit import Predictions, choose
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.integers(2, size=200)
    >>> def member(name, noise):
    ...     logit = 2 * (2 * truth - 1) + noise * rng.normal(size=200)
    ...     p = 1 / (1 + np.exp(-logit))
    ...     fields = {"ids": range(200), "classes": ["no", "yes"], "labels": np.array(["no", "yes"])[truth]}
    ...     return Predictions(np.column_stack([1 - p, p]), member=name, **fields)
    >>> choice = choose([member("forest", 2), member("line", 2), member("bayes", 4)], rules=["mean", "weighted"])
    >>> choice.name, choice.best_member, choice.gain > 0
    ('weighted(learn=alone)', 'line', True)
    """
    _check_options(cv, seed, n_jobs, confidence, smallest)
    check_rules(rules)
    asked = _aligned(predictions, aliases, read)
    _check_predictions(asked)
    # Refuses what no rule may be fitted on: leaks, members without names, weights that are no weights.
    prices = check_costs(costs, max_cost, asked.members)
    plain = fit_combiner(asked, "mean", sample_weight=sample_weight, allow_leakage=allow_leakage)
    order = order_of(asked.ids)
    aligned = asked.reorder(members=plain.members_, classes=plain.classes_, rows=order)
    weight = None if sample_weight is None else weights_of(sample_weight, asked.ids)[order]
    (measured,) = find_metrics(metric, aligned[aligned.members[0]])[: None if metric is not None else 1]
    kind, labels = aligned.kind, aligned.label_codes
    assert labels is not None  # noqa: S101 - checked above
    groups = find_groups([aligned], groups)
    places = group_places(aligned.ids, groups)
    named = [aligned.classes[code] for code in np.unique(labels)] if kind == "multiclass" and labels.ndim == 1 else None
    strata = strata_of(labels, kind, weight)
    if aligned.time:
        held = None if groups is None else places
        folds = folds_in_time(aligned, cv, held, weight=weight, classes=None if named is None else strata, names=named)
    else:
        folds = make_folds(strata, places, cv, seed, names=named)
    search = Search(
        given=asked,
        predictions=aligned,
        scoring=Scoring(measured, labels, places, weight, seed),
        folds=folds,
        candidates=find_candidates(
            rules,
            task=aligned.task,
            measured=measured,
            metric=metric,
            n_members=len(aligned),
            seed=seed,
            costs=prices,
            max_cost=max_cost,
        ),
        groups=groups,
        simplest=simplest,
        confidence=confidence,
        smallest=float(smallest),
        allow_leakage=allow_leakage,
        n_jobs=n_jobs,
        costs=prices,
        max_cost=max_cost,
    )
    return search.run()


def _aligned(predictions: Any, aliases: Any, read: Mapping[str, Any] | None) -> PredictionSet:
    """Align the predictions; absent rows are refused later, with what can be done."""
    if isinstance(predictions, PredictionSet) and not aliases and not read:
        return predictions
    if unknown := [name for name in read or () if name not in READ]:
        raise InvalidOptionError(f"read must have keys out of {', '.join(READ)}; received {shown(unknown)}.")
    with spelled("read"):
        return align(predictions, aliases=aliases, missing={"rows": "renormalize"}, **(read or {}))


def _check_options(cv: int, seed: int, n_jobs: int, confidence: float, smallest: Any) -> None:
    if cv < FEWEST_FOLDS:
        raise InvalidOptionError(f"cv must be a whole number >= {FEWEST_FOLDS}, as choosing is nested; received {cv}.")
    if seed < 0:
        raise InvalidOptionError(f"seed must be a whole number >= 0; received {seed}.")
    if n_jobs == 0 or not -(2**31) < n_jobs < 2**31:
        raise InvalidOptionError(f"n_jobs must be a number of threads, or -1 for all; received {n_jobs}.")
    if not 0 < confidence < 1:
        raise InvalidOptionError(f"confidence must be a number > 0 and < 1; received {confidence!r}.")
    is_number = isinstance(smallest, (int, float, np.integer, np.floating)) and not isinstance(smallest, bool)
    if not is_number or not 0 <= smallest < sys.float_info.max:
        raise InvalidOptionError(f"smallest must be a number >= 0, in the metric; received {smallest!r}.")


def _check_predictions(predictions: PredictionSet) -> None:
    if predictions.label_codes is None:
        raise InvalidPredictionsError(
            f"choosing needs labels; received predictions of {predictions.members} without. Give labels=... to their "
            "Predictions, or predictions.with_labels(...)."
        )
    if len(predictions.members) < 2:
        raise InvalidPredictionsError(f"choosing needs two members or more; received {predictions.members} alone.")
    if predictions.present is not None:
        some = (~predictions.present).any(axis=0)
        lacking, absent = int(some.sum()), predictions.ids[some][0].item()
        raise InvalidPredictionsError(
            f"choosing needs each row of each member; {lacking} of {len(predictions.ids)} rows are absent for some, "
            f"such as {shown(absent)}. Take the others: rows = align(..., missing='renormalize'), then "
            "rows.take(rows.ids[rows.present.all(axis=0)])."
        )
