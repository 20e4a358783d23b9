"""Comparisons of models with a reference or with their best member, and the conclusions as sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...arguments import typed
from ...deprecation import takes_old_arguments
from ...errors import InvalidOptionError, LeakageError, UnknownMemberError
from ...interfaces import Metric
from ...predictions import Predictions
from ...predictions.names import among
from ...printed import printable
from .._asked_metrics import AskedMetric, find_metric, find_metrics, statistic
from .._models import Models, named_models
from .._weighted import value_of
from ._accuracy_tests import holm, mcnemar
from ._conclusions import sentence, verdict
from ._intervals import n_in_sample
from ._known_groups import find_groups
from ._paired import default_differences, paired_bootstrap
from ._resampling import MOST_UNITS, Groups, count_groups, group_places
from ._two_models import smallest_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["compare_with_best_member", "compare_with_reference"]

TIES = {"accuracy": "log_loss", "log_loss": "accuracy"}
"""Metric by which a best member is chosen -> the one that breaks ties."""


@takes_old_arguments(rows="models")
@typed(but=("models", "chosen_on", "choose_by", "metrics", "groups", "sample_weight"))
def compare_with_best_member(
    models: Models,
    members: Mapping[str, Sequence[str]],
    *,
    chosen_on: Models,
    choose_by: AskedMetric | None = None,
    metrics: AskedMetric | Sequence[AskedMetric] | None = None,
    groups: Groups | None = None,
    sample_weight: Any = None,
    smallest: float | Mapping[str, float] | None = None,
    confidence: float = 0.95,
    n_resamples: int = 5000,
    seed: int = 0,
    unit: str = "rows",
) -> pd.DataFrame:
    """Compare each combination with the best of its members, on the same rows.

    The best member is chosen on other rows, those of ``chosen_on``: usually the validation rows. Choosing it on the
    compared rows would bias the comparison, as the best member there is partly the luckiest one.

    Parameters
    ----------
    models : PredictionSet, sequence or mapping of str to Predictions
        Combinations and members -> their labelled predictions of the rows to compare on, usually the test rows.
    members : mapping of str to sequence of str
        Combination -> names of its members, which must all be in ``models``.
    chosen_on : PredictionSet, sequence or mapping of str to Predictions
        Member -> its labelled predictions of the rows on which the best is chosen.
    choose_by : metric, optional
        Metric by which the best member is chosen, in the forms that `find_metric` accepts; by default the accuracy, or
        the first metric of the task if it has no single classes. Ties of accuracy and log loss are broken by the other,
        then by name.
    metrics, groups, sample_weight, smallest, confidence, n_resamples, seed
        As in `paired_bootstrap`.
    unit : str, default="rows"
        Plural word for the samples in the sentences.

    Returns
    -------
    pandas.DataFrame
        One row per combination and metric: ``model``, ``best_member``, ``metric``, ``value`` and ``member_value``;
        ``difference``, which is ``value - member_value``, with ``low`` and ``high``, and with ``groups`` also
        ``group_low`` and ``group_high``; ``p_value`` and ``p_holm``, and ``enough`` and ``test``, which name the test
        and say whether there are enough rows or groups for it; ``model_only`` and ``member_only``, the number of
        samples that only one of the two predicts right, missing unless the rows have single classes; ``n``, and with
        ``groups`` ``n_groups``; ``verdict`` and ``sentence``.

    Raises
    ------
    LeakageError
        If ``chosen_on`` contains compared rows, or rows of the split ``test``.
    UnknownMemberError
        If ``models`` or ``chosen_on`` lacks a combination or a member.
    AlignmentError
        If ids, classes, labels or splits of a combination and its member differ.
    InvalidPredictionsError, InvalidOptionError
        As in `paired_bootstrap`.

    Notes
    -----
    The p value of the accuracy by row comes from `mcnemar`; all others come from `paired_bootstrap`, by group with
    ``groups``. Holm's correction is over the combinations, separately for each metric.

    The verdict is ``better`` or ``worse`` only if the interval (by group with ``groups``) excludes 0, and with
    ``smallest`` all differences up to that, and the corrected p value is at most ``1 - confidence``. It is ``as good``
    if the interval lies within ``smallest`` of 0; ``too small`` if a difference is sure, but is printed as 0; ``too
    few`` if there are too few rows or groups for any test; ``in sample`` if a model was fitted on some of the rows.
    Otherwise it is ``cannot tell``: a difference may exist that these rows cannot show.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import compare_with_best_member
    >>> def predict(proba, prefix):
    ...     ids = [f"{prefix}/{k}" for k in range(20)]
    ...     return Predictions([[proba, 1 - proba]] * 20, ids=ids, classes=["cat", "dog"], labels=["cat"] * 20)
    >>> models = {name: predict(p, "new") for name, p in {"mean": 0.7, "cnn": 0.6, "svm": 0.8}.items()}
    >>> held_out = {"cnn": predict(0.6, "held out"), "svm": predict(0.4, "held out")}
    >>> table = compare_with_best_member(models, {"mean": ["cnn", "svm"]}, chosen_on=held_out, metrics=["accuracy"])
    >>> table["best_member"].item(), table["p_value"].item()
    ('cnn', 1.0)
    >>> import textwrap
    >>> print(textwrap.fill(table["sentence"].item(), 100))
    From cnn to mean, accuracy is the same on these 20 rows (95 % interval -0.138 to 0.138; McNemar p
    1.00, Holm 1.00): no difference can be told with this many rows.
    """
    named, choosing = named_models(models), named_models(chosen_on, argument="chosen_on")
    _check_known(named, members, choosing)
    best = {model: _best(names, choosing, choose_by) for model, names in members.items()}
    for model, names in members.items():
        _check_held_out(model, named[model], {name: choosing[name] for name in names})
    return _compare(
        {model: (named[model], member, named[member]) for model, member in best.items()},
        "best_member", metrics, groups, sample_weight, smallest, confidence, n_resamples, seed, unit,
    )  # fmt: skip


@takes_old_arguments(rows="models")
@typed(but=("models", "metrics", "groups", "sample_weight"))
def compare_with_reference(
    models: Models,
    reference: str,
    *,
    metrics: AskedMetric | Sequence[AskedMetric] | None = None,
    groups: Groups | None = None,
    sample_weight: Any = None,
    smallest: float | Mapping[str, float] | None = None,
    confidence: float = 0.95,
    n_resamples: int = 5000,
    seed: int = 0,
    unit: str = "rows",
) -> pd.DataFrame:
    """Compare models with a reference model, on the same rows.

    Parameters
    ----------
    models : mapping of str to Predictions
        Model -> its labelled predictions of the rows to compare on.
    reference : str
        Model that the others are compared with. Choose it before you look at these rows.
    metrics, groups, sample_weight, smallest, confidence, n_resamples, seed
        As in `paired_bootstrap`.
    unit : str, default="rows"
        Plural word for the samples in the sentences.

    Returns
    -------
    pandas.DataFrame
        As from `compare_with_best_member`, with ``reference`` instead of ``best_member``.

    Raises
    ------
    UnknownMemberError
        If ``models`` lacks the reference.
    AlignmentError
        If ids, classes, labels or splits differ.
    InvalidPredictionsError, InvalidOptionError
        As in `paired_bootstrap`.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import compare_with_reference
    >>> fields = {"ids": range(20), "classes": ["cat", "dog"], "labels": ["cat"] * 20}
    >>> models = {name: Predictions([[p, 1 - p]] * 20, **fields) for name, p in {"old": 0.6, "new": 0.7}.items()}
    >>> compare_with_reference(models, "old", metrics=["log_loss"])["difference"].round(3).item()
    -0.154
    """
    named = named_models(models)
    if reference not in named:
        raise UnknownMemberError(
            f"reference must be one of the models, {', '.join(map(repr, named))}; received {reference!r}."
        )
    pairs = {name: (p, reference, named[reference]) for name, p in named.items() if name != reference}
    if not pairs:
        raise InvalidOptionError(f"there must be a model to compare with {reference!r}; received no other.")
    return _compare(pairs, "reference", metrics, groups, sample_weight, smallest, confidence, n_resamples, seed, unit)


def _compare(
    pairs: Mapping[str, tuple[Predictions, str, Predictions]],
    other_column: str,
    metrics: AskedMetric | Sequence[AskedMetric] | None,
    groups: Groups | None,
    sample_weight: Any,
    smallest: float | Mapping[str, float] | None,
    confidence: float,
    n_resamples: int,
    seed: int,
    unit: str,
) -> pd.DataFrame:
    import pandas as pd

    if not pairs:
        return pd.DataFrame()
    first = next(iter(pairs.values()))[0]
    groups = find_groups([p for one, _, other in pairs.values() for p in (one, other)], groups)
    found = find_metrics(default_differences(first) if metrics is None else metrics, first)
    by_name = {metric.name: metric for metric in found}
    limits = dict(zip(by_name, smallest_of(smallest, list(by_name)), strict=True))
    table: list[dict[str, Any]] = []
    for model, (one, name, other) in pairs.items():
        differences = paired_bootstrap(
            one.rename(model), other.rename(name), metrics=found, groups=groups, sample_weight=sample_weight,
            smallest=smallest, confidence=confidence, n_resamples=n_resamples, seed=seed,
        )  # fmt: skip
        n_units = {} if groups is None else {"n_groups": count_groups(group_places(one.ids, groups))}
        test = mcnemar(one, other) if _has_single_classes(one) else None
        counts = {
            "model_only": pd.NA if test is None else test.first_only,
            "member_only": pd.NA if test is None else test.second_only,
            "n": len(one),
        }
        resampled = max(n_units.values(), default=len(one)) > MOST_UNITS
        for record in differences.rename(columns={"first": "value", "second": "member_value"}).to_dict("records"):
            for column in ("p_value", "enough"):
                record[column] = record.pop(f"group_{column}", record[column])
            record["test"] = "bootstrap" if resampled else "permutation"
            by_row = groups is None and sample_weight is None and not limits[record["metric"]]
            if test is not None and record["metric"] == "accuracy" and by_row:
                record |= {"p_value": test.p_value, "test": "McNemar"}
            table.append({"model": model, other_column: name, **record, **counts, **n_units})
    frame = pd.DataFrame(table).astype({"model_only": "Int64", "member_only": "Int64"})
    frame.insert(list(frame.columns).index("p_value") + 1, "p_holm", frame.groupby("metric")["p_value"].transform(holm))
    in_sample = {name: max(n_in_sample(one) or 0, n_in_sample(other) or 0) for name, (one, _, other) in pairs.items()}
    records: list[dict[str, Any]] = frame.to_dict("records")  # pyright: ignore[reportAssignmentType]
    said: list[dict[str, Any]] = [
        {"smallest": limits[record["metric"]], "n_in_sample": in_sample[record["model"]]} for record in records
    ]
    frame["verdict"] = [
        verdict(record, by_name[record["metric"]], confidence, **more)
        for record, more in zip(records, said, strict=True)
    ]
    frame["sentence"] = [
        printable(sentence(record, by_name[record["metric"]], record[other_column], confidence, unit, **more))
        for record, more in zip(records, said, strict=True)
    ]
    return frame


def _has_single_classes(predictions: Predictions) -> bool:
    return predictions.kind == "multiclass" and predictions.probas.ndim == 2


def _best(names: Sequence[str], chosen_on: Mapping[str, Predictions], choose_by: AskedMetric | None) -> str:
    first = chosen_on[names[0]]
    if choose_by is None:
        choose_by = "accuracy" if _has_single_classes(first) else find_metrics(None, first)[0]
    by = [find_metric(choose_by, task=first.task)]
    if by[0].name in TIES and _has_single_classes(first):
        by.append(find_metric(TIES[by[0].name]))

    def key(name: str) -> tuple[Any, ...]:
        return *(_loss(chosen_on[name], metric) for metric in by), name

    return min(names, key=key)


def _loss(predictions: Predictions, metric: Metric) -> float:
    value = value_of(statistic(predictions, metric), len(predictions))
    return np.inf if np.isnan(value) else -value if metric.higher_is_better else value


def _check_known(
    models: Mapping[str, Predictions], members: Mapping[str, Sequence[str]], chosen_on: Mapping[str, Predictions]
) -> None:
    for model, names in members.items():
        if isinstance(names, str) or not names:
            raise InvalidOptionError(f"members must map {model!r} to one member at least; received {names!r}.")
        for argument, given, wanted in (("models", models, (model, *names)), ("chosen_on", chosen_on, names)):
            lacks = [name for name in wanted if name not in given]
            if lacks:
                raise UnknownMemberError(
                    f"{argument} must have predictions of every member of {model!r}; it lacks {lacks}, and has "
                    f"{', '.join(map(repr, given)) or 'none'}."
                )


def _check_held_out(model: str, compared: Predictions, chosen_on: Mapping[str, Predictions]) -> None:
    for member, choosing in chosen_on.items():
        both, of_groups = among(compared.ids, choosing.ids), ""
        if compared.groups is not None and choosing.groups is not None:
            both |= among(compared.groups, np.unique(choosing.groups))
            of_groups = ", or of their groups,"
        shared = compared.ids[both]
        if len(shared) or choosing.split == "test":
            raise LeakageError(
                f"the best member of {model!r} is chosen on rows that are not compared, and not on the split 'test'; "
                f"chosen_on has for {member!r} {len(choosing)} rows of the split {choosing.split!r}, {len(shared)} of "
                f"them{of_groups} compared too. Give validation or out-of-fold predictions."
            )
