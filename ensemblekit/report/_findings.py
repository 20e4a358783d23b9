"""What a report says of predictions: figures, comparisons with the best member, and the answer in two sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..combining import combine
from ..errors import InvalidOptionError, InvalidPredictionsError
from ..evaluation import compare_with_reference, find_metrics, leave_one_member_out, score_table
from ..evaluation.words import counted, decimals_of, figure, metric_title
from ..predictions import Predictions, PredictionSet

if TYPE_CHECKING:
    import pandas as pd

    from ..interfaces import Metric

__all__ = ["Findings", "find"]

RULES = {"multiclass": ("mean", "voting"), "multilabel": ("mean", "median"), "regression": ("mean", "median")}
"""Kind of values -> rules that learn nothing, by which any predictions can be combined."""


@dataclass(frozen=True)
class Findings:
    """What a report shows: tables in full, and sentences."""

    members: PredictionSet
    rules: Mapping[str, Predictions]
    best_member: str
    metric: Metric
    scores: pd.DataFrame
    comparisons: pd.DataFrame | None
    without: pd.DataFrame | None
    answer: str
    warnings: Sequence[str]

    @property
    def bounds(self) -> tuple[str, str]:
        """Columns of the interval that is shown."""
        return ("group_low", "group_high") if "group_low" in self.scores else ("low", "high")


def find(
    members: PredictionSet,
    rules: Sequence[str] | Mapping[str, Any] | None,
    metrics: Any,
    *,
    smallest: Any,
    unit: str,
    **options: Any,
) -> Findings:
    """Score and compare; ``options`` are those of the evaluation functions."""
    if members.label_codes is None:
        raise InvalidPredictionsError(
            "a report needs labels; the predictions have none. Give labelled predictions, or on the command line "
            "--labels FILE."
        )
    metric = find_metrics(metrics, members[members.members[0]])[0]
    combined = _combined(members, rules)
    models = {**combined, **{name: members[name] for name in members.members}}
    scores = score_table(models, metrics=metrics, **options)
    best = _best(scores, metric, members.members)
    comparisons = None
    if combined:
        compared = {**combined, best: members[best]}
        comparisons = compare_with_reference(compared, best, metrics=metrics, smallest=smallest, unit=unit, **options)
    return Findings(
        members=members,
        rules=combined,
        best_member=best,
        metric=metric,
        scores=scores,
        comparisons=comparisons,
        without=_without(members, combined, metric),
        answer=_answer(scores, comparisons, metric, best, [*combined], members, unit, options["confidence"]),
        warnings=_warnings(scores, unit),
    )


def _combined(members: PredictionSet, rules: Sequence[str] | Mapping[str, Any] | None) -> dict[str, Predictions]:
    if rules is None:
        rules = () if len(members) < 2 else RULES[members.kind]
    named = dict(rules) if isinstance(rules, Mapping) else {rule: rule for rule in rules}
    taken = [name for name in named if name in members.members]
    if taken:
        raise InvalidOptionError(
            f"a rule and a member must not share a name; received {taken} for both. Give rules={{name: rule}}."
        )
    return {name: combine(members, rule).rename(name) for name, rule in named.items()}


def _best(scores: pd.DataFrame, metric: Metric, names: Sequence[str]) -> str:
    """Name the best of these models; of equals the first by name, and any before one without a value."""
    of_metric = scores[(scores["metric"] == metric.name) & scores["model"].isin(list(names))]
    sign = -1 if metric.higher_is_better else 1
    pairs = zip(of_metric["model"].tolist(), of_metric["value"].tolist(), strict=True)
    return min((value != value, sign * value, name) for name, value in pairs)[2]


def _without(members: PredictionSet, combined: Mapping[str, Predictions], metric: Metric) -> pd.DataFrame | None:
    if len(members) < 3 or "mean" not in combined:
        return None
    return leave_one_member_out(members, "mean", metric=metric)


def _answer(
    scores: pd.DataFrame,
    comparisons: pd.DataFrame | None,
    metric: Metric,
    best: str,
    rules: Sequence[str],
    members: PredictionSet,
    unit: str,
    confidence: float,
) -> str:
    title = metric_title(metric.name, within=True)
    rows, n = counted(len(members.ids), unit, these=True), len(members)
    low, high = metric.range
    if comparisons is None:
        values: Any = scores[scores["metric"] == metric.name].set_index("model")["value"]
        printed = figure(values[best], decimals_of(values[best], width=high - low))
        first = f"The {title} of {best} is {printed} on {rows}."
        return first if n == 1 else f"{first} It is the best of {n} members, and no rule was asked for."
    rule = _best(scores, metric, rules)
    records: Any = comparisons.to_dict("records")
    record = next(record for record in records if (record["model"], record["metric"]) == (rule, metric.name))
    prefix = "group_" if "group_low" in record else ""
    decimals = decimals_of(record["value"], record["member_value"], width=high - low)
    change = figure(abs(record["difference"]), decimals)
    moved = f"{change} {'higher' if record['difference'] > 0 else 'lower'} than"
    figures = (
        f"{figure(record['value'], decimals)} on {rows}, {'the same as' if float(change) == 0 else moved} that of "
        f"{best}, the best of {n} members ({100 * confidence:g} % interval of the difference"
        f"{' by group' if prefix else ''} "
        f"{figure(record[f'{prefix}low'], decimals)} to {figure(record[f'{prefix}high'], decimals)})"
    )
    verdict = record["verdict"]
    if verdict == "better":
        return f"Combine the {n} members by {rule}: it is better than the best of them. Its {title} is {figures}."
    if verdict == "worse":
        return (
            f"Keep {best}, the best member: every rule that was tried is worse. The {title} of {rule}, the best rule, "
            f"is {figures}."
        )
    if verdict in ("as good", "too small"):
        return (
            f"Keep {best}, the best member: {rule}, the best rule that was tried, is as good and no better. Its "
            f"{title} is {figures}."
        )
    few = "too few to tell anything" if verdict == "too few" else "not enough to tell"
    these = f"{rows} {'is' if len(members.ids) == 1 else 'are'}"
    first = f"Whether a combination is better than {best}, the best member, is not known: {these} {few}."
    if verdict == "in sample":
        first = f"Nothing can be said of new {unit}: some of {rows} were fitted on."
    return f"{first} The {title} of {rule}, the best rule that was tried, is {figures}."


def _warnings(scores: pd.DataFrame, unit: str) -> list[str]:
    columns = (scores[name].fillna(0).tolist() for name in ("model", "in_sample", "n"))
    counts = {name: (in_sample, n) for name, in_sample, n in zip(*columns, strict=True) if in_sample}
    if not counts:
        return []
    names = ", ".join(f"{name} ({in_sample} of {n})" for name, (in_sample, n) in counts.items())
    return [
        f"Some of these {unit} were in the training data of {names}: figures of these models are too good, and nothing "
        f"can be said of new {unit}."
    ]
