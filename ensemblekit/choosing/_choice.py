"""`Choice`: the chosen combiner, and what it is judged by."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..arguments import typed
from ..errors import InvalidOptionError
from ..evaluation import holm, paired_bootstrap, score_table
from ..interfaces import Combiner
from ..predictions import Predictions
from ._promise import Estimate, promise

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CHOICE", "Choice", "Judgement"]

CHOICE = "choice"
"""Name of the predictions of the choice itself."""


@dataclass(frozen=True)
class Judgement:
    """How the candidates of a `Choice` are judged.

    Attributes
    ----------
    metric : Metric
        Greater or smaller is better, as it says.
    groups : mapping of id to group, or None
        Rows that are resampled together.
    sample_weight : mapping of id to float, or None
        Weight of each row.
    confidence : float
        Of the intervals.
    n_resamples : int
        Of the intervals of the table.
    seed : int
        Of the resamples.
    levels : mapping of str to float
        Name of a candidate or member -> how simple it is.
    reasons : mapping of str to str
        Name of a candidate that is left out -> why.
    estimates : tuple of (float, float, float)
        The gains, with intervals, over which that of the choice reaches.
    n_units : int
        Number of rows, or of groups if there are any.
    smallest : float
        Smallest gain of interest.
    costs : mapping of str to float, or None
        Candidate or member -> the cost of the members that it is given.
    max_cost : float or None
        Highest cost.
    """

    metric: Any
    groups: Any
    sample_weight: Mapping[Any, float] | None
    confidence: float
    n_resamples: int
    seed: int
    levels: Mapping[str, float]
    reasons: Mapping[str, str]
    estimates: tuple[Estimate, ...]
    n_units: int
    smallest: float
    costs: Mapping[str, float] | None = None
    max_cost: float | None = None


@dataclass(frozen=True)
class Choice:
    """The result of `choose`.

    Attributes
    ----------
    combiner : Combiner
        The chosen combiner, fitted on all rows: give it to `combine`, or to `ensemblekit.store.save`.
    name : str
        The rule and its options; for the best member, the name of that member.
    members : tuple of str
        Members that the combiner makes use of.
    best_member : str
        The member with the best value on all rows.
    beats : bool
        Whether the choice is shown to be better than the best member: ``gain_low > 0``, or ``smallest`` if that was
        given.
    gain : float
        What the choice gains over the best member on new rows, in the metric; positive is better, 0 for the best member
        itself. Corrected for the search; see Notes of `choose`. NaN if nothing could be judged.
    gain_low, gain_high : float
        Confidence interval of the gain that is to be expected, which a very large number of new rows would show.
    promised_low, promised_high : float
        Prediction interval: between these the gain on as many new rows is to be expected, which have noise of their
        own; see `promise`.
    metric : str
        Name of the metric.
    sentence : str
        The answer, in words.
    notes : tuple of str
        What had to be mended, or is to be known, as sentences.
    out_of_fold : mapping of str to Predictions
        Candidate -> its labelled predictions of all rows, each by a fit that did not see the row. ``"choice"`` are
        those of the choice itself, which is made anew without each fold; ``"best member"`` likewise. The members are
        there by name. With ``time`` these are the rows of later cutoffs, on which the choice is judged.
    n_candidates : int
        Number of candidates that were judged.
    judgement : Judgement
        How they were judged.
    cost : float or None
        Cost of ``members``; None if no costs were given.
    """

    combiner: Combiner
    name: str
    members: tuple[str, ...]
    best_member: str
    beats: bool
    gain: float
    gain_low: float
    gain_high: float
    metric: str
    sentence: str
    notes: tuple[str, ...]
    out_of_fold: Mapping[str, Predictions] = field(repr=False)
    n_candidates: int
    judgement: Judgement = field(repr=False)
    cost: float | None = None

    @property
    def promised_low(self) -> float:
        """The low end of what is to be expected on as many new rows."""
        return self.promise()[0]

    @property
    def promised_high(self) -> float:
        """The high end of what is to be expected on as many new rows."""
        return self.promise()[1]

    @typed()
    def promise(self, n_new: int | None = None) -> tuple[float, float]:
        """Compute between what the gain on new rows is to be expected.

        Parameters
        ----------
        n_new : int, optional
            Number of new rows, or of new groups if groups were given; by default as many as there were.

        Returns
        -------
        tuple of (float, float)
            The low and the high end; both 0 for the best member itself, and NaN if nothing could be judged.

        Raises
        ------
        InvalidOptionError
            If ``n_new`` is less than 1.

        Notes
        -----
        A gain ``g`` on ``n`` rows with the confidence interval from ``l`` to ``u`` differs from that on ``m`` new rows
        by the errors of both, and the second has ``n / m`` times the variance of the first. Each side of the interval
        stands for one tail [1]_::

            low = g - sqrt((g - l)^2 + n / m * (u - g)^2)
            high = g + sqrt((u - g)^2 + n / m * (g - l)^2)

        If both sides are equal, these are Student's prediction interval of the mean of ``m`` new values, ``sqrt(1 + n /
        m)`` times as wide as the confidence interval. As the gain of a choice, the interval reaches over those of the
        two estimates that are described in Notes of `choose`. It holds for new rows like these.

        References
        ----------
        .. [1] G. Y. Zou, A. Donner, "Construction of confidence limits about effect measures: a general approach",
           Statistics in Medicine 27(10), 2008.
        """
        judged = self.judgement
        if n_new is not None and n_new < 1:
            raise InvalidOptionError(f"n_new must be a number of new rows, or groups, of at least 1; received {n_new}.")
        ratio = 1.0 if n_new is None else judged.n_units / n_new
        lowest, highest = judged.metric.range
        return promise(judged.estimates, ratio, highest - lowest)

    @functools.cached_property
    def table(self) -> pd.DataFrame:
        """The candidates, best first; computed when it is first asked for.

        One row per candidate: ``candidate``; ``kind``, which is ``member``, ``rule`` or ``choice``; ``value`` of the
        metric with its interval ``low`` and ``high``; ``difference`` to the best member, which is
        ``value - value of the best member``, with ``difference_low``, ``difference_high`` and ``p_holm``, corrected for
        the number of candidates; ``chosen``; and ``left_out``, the reason why it could not be judged. With costs also
        ``cost``, that of the members that a candidate is given, or keeps of them where ``max_cost`` is less.
        """
        import pandas as pd

        judged = self.judgement
        metric = judged.metric
        options: dict[str, Any] = {
            "metrics": [metric], "groups": judged.groups, "sample_weight": judged.sample_weight,
            "confidence": judged.confidence, "n_resamples": judged.n_resamples, "seed": judged.seed,
        }  # fmt: skip
        compared: dict[str, Any] = {**options, "smallest": judged.smallest}
        scores = score_table(dict(self.out_of_fold), **options)
        by = "" if judged.groups is None else "group_"
        reference = self.out_of_fold.get("best member", self.out_of_fold.get(self.best_member))
        assert reference is not None  # noqa: S101 - one of the two is always there
        table: list[dict[str, Any]] = []
        for name, record in zip(self.out_of_fold, scores.to_dict("records"), strict=True):
            pair = paired_bootstrap(self.out_of_fold[name], reference, **compared).iloc[0]
            table.append(
                {
                    "candidate": name,
                    "kind": "choice" if name == "choice" else "rule" if name in judged.levels else "member",
                    "value": record["value"],
                    "low": record[f"{by}low"],
                    "high": record[f"{by}high"],
                    "difference": pair["difference"],
                    "difference_low": pair[f"{by}low"],
                    "difference_high": pair[f"{by}high"],
                    "p_holm": pair[f"{by}p_value"],
                    "chosen": name == self.name,
                    "left_out": "",
                }
            )
        frame = pd.DataFrame(table)
        if judged.costs is not None:
            costs = [judged.costs.get(name, float("nan")) for name in frame["candidate"]]
            frame.insert(2, "cost", costs)
        rules = frame["kind"] == "rule"
        frame.loc[rules, "p_holm"] = holm(frame.loc[rules, "p_holm"].to_numpy())
        frame = frame.sort_values("value", ascending=not metric.higher_is_better, kind="stable")
        if not judged.reasons:
            return frame.reset_index(drop=True)
        left_out = pd.DataFrame(
            [
                {"candidate": name, "kind": "rule", "chosen": False, "left_out": why}
                for name, why in judged.reasons.items()
            ]
        )
        return pd.concat([frame, left_out], ignore_index=True)
