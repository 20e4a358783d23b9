"""Comparisons of models with a reference or with their best member, and the conclusions as sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..arguments import typed
from ..deprecation import takes_old_arguments
from ..errors import InvalidOptionError, LeakageError, UnknownMemberError
from ..predictions import Predictions
from ..predictions.names import among
from ..printed import printable
from ._intervals import n_in_sample
from ._metrics import METRICS, accuracy, check_metrics, log_loss
from ._paired import DIFFERENCES, holm, mcnemar, paired_bootstrap
from ._resampling import Groups, count_groups, group_places

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["compare_with_best_member", "compare_with_reference"]

CHOICES = ("accuracy", "log_loss")


@takes_old_arguments(rows="models")
@typed(but=("groups",))
def compare_with_best_member(
    models: Mapping[str, Predictions],
    members: Mapping[str, Sequence[str]],
    *,
    chosen_on: Mapping[str, Predictions],
    choose_by: str = "accuracy",
    metrics: Sequence[str] = DIFFERENCES,
    groups: Groups | None = None,
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
    models : mapping of str to Predictions
        Combinations and members -> their labelled predictions of the rows to compare on, usually the test rows.
    members : mapping of str to sequence of str
        Combination -> names of its members, which must all be in ``models``.
    chosen_on : mapping of str to Predictions
        Member -> its labelled predictions of the rows on which the best is chosen.
    choose_by : {"accuracy", "log_loss"}, default="accuracy"
        Metric by which the best member is chosen; ties are broken by the other metric, then by name.
    metrics, groups, confidence, n_resamples, seed
        As in `paired_bootstrap`.
    unit : str, default="rows"
        Plural word for the samples in the sentences.

    Returns
    -------
    pandas.DataFrame
        One row per combination and metric: ``model``, ``best_member``, ``metric``, ``value`` and ``member_value``;
        ``difference``, which is ``value - member_value``, with ``low`` and ``high``, and with ``groups`` also
        ``group_low`` and ``group_high``; ``p_value`` and ``p_holm``; ``model_only`` and ``member_only``, the number of
        samples that only one of the two predicts right; ``n``; and ``sentence``.

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
    The p value of the accuracy comes from `mcnemar`; those of the other metrics come from `paired_bootstrap`, by group
    with ``groups``. Holm's correction is over the combinations, separately for each metric.

    A sentence calls a combination better or worse only if the interval (by group with ``groups``) excludes 0 and the
    corrected p value is at most ``1 - confidence``. Otherwise a difference may exist that these rows cannot show.

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
    mean is as good in accuracy as cnn on these 20 rows (95 % interval -0.138 to 0.138; McNemar p 1.00,
    Holm 1.00): no difference can be told with this many rows.
    """
    metrics = check_metrics(metrics)
    if choose_by not in CHOICES:
        raise InvalidOptionError(f"choose_by must be 'accuracy' or 'log_loss'; received {choose_by!r}.")
    _check_known(models, members, chosen_on)
    best = {model: _best(names, chosen_on, choose_by) for model, names in members.items()}
    for model, names in members.items():
        _check_held_out(model, models[model], {name: chosen_on[name] for name in names})
    return _compare(
        {model: (models[model], member, models[member]) for model, member in best.items()},
        "best_member", metrics, groups, confidence, n_resamples, seed, unit,
    )  # fmt: skip


@takes_old_arguments(rows="models")
@typed(but=("groups",))
def compare_with_reference(
    models: Mapping[str, Predictions],
    reference: str,
    *,
    metrics: Sequence[str] = DIFFERENCES,
    groups: Groups | None = None,
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
    metrics, groups, confidence, n_resamples, seed
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
    metrics = check_metrics(metrics)
    if reference not in models:
        raise UnknownMemberError(
            f"reference must be one of the models, {', '.join(map(repr, models))}; received {reference!r}."
        )
    pairs = {name: (p, reference, models[reference]) for name, p in models.items() if name != reference}
    if not pairs:
        raise InvalidOptionError(f"there must be a model to compare with {reference!r}; received no other.")
    return _compare(pairs, "reference", metrics, groups, confidence, n_resamples, seed, unit)


def _compare(
    pairs: Mapping[str, tuple[Predictions, str, Predictions]],
    other_column: str,
    metrics: Sequence[str],
    groups: Groups | None,
    confidence: float,
    n_resamples: int,
    seed: int,
    unit: str,
) -> pd.DataFrame:
    import pandas as pd

    table: list[dict[str, Any]] = []
    for model, (one, name, other) in pairs.items():
        differences = paired_bootstrap(
            one, other, metrics=metrics, groups=groups, confidence=confidence, n_resamples=n_resamples, seed=seed
        )
        test = mcnemar(one, other)
        n_groups = {} if groups is None else {"n_groups": count_groups(group_places(one.ids, groups))}
        for record in differences.rename(columns={"first": "value", "second": "member_value"}).to_dict("records"):
            record["p_value"] = record.pop("group_p_value", record["p_value"])
            if record["metric"] == "accuracy":
                record["p_value"] = test.p_value
            counts = {"model_only": test.first_only, "member_only": test.second_only, "n": len(one)} | n_groups
            table.append({"model": model, other_column: name, **record, **counts})
    frame = pd.DataFrame(table)
    if frame.empty:
        return frame
    frame.insert(list(frame.columns).index("p_value") + 1, "p_holm", frame.groupby("metric")["p_value"].transform(holm))
    in_sample = {name: max(n_in_sample(one) or 0, n_in_sample(other) or 0) for name, (one, _, other) in pairs.items()}
    frame["sentence"] = [
        printable(_sentence(record, str(record[other_column]), confidence, unit, in_sample[str(record["model"])]))
        for record in frame.to_dict("records")
    ]
    return frame


def _best(names: Sequence[str], chosen_on: Mapping[str, Predictions], choose_by: str) -> str:
    def key(name: str) -> tuple[float, float, str]:
        right, loss = -accuracy(chosen_on[name]), log_loss(chosen_on[name])
        return (right, loss, name) if choose_by == "accuracy" else (loss, right, name)

    return min(names, key=key)


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
        shared = compared.ids[among(compared.ids, choosing.ids)]
        if len(shared) or choosing.split == "test":
            raise LeakageError(
                f"the best member of {model!r} is chosen on rows that are not compared, and not on the split 'test'; "
                f"chosen_on has for {member!r} {len(choosing)} rows of the split {choosing.split!r}, {len(shared)} of "
                "them compared too. Give validation or out-of-fold predictions."
            )


def _sentence(record: Mapping[str, Any], member: str, confidence: float, unit: str, n_in_sample: int) -> str:
    metric = str(record["metric"])
    by_group = "group_low" in record
    sign = 1 if METRICS[metric].higher_is_better else -1
    gain = sign * record["difference"]
    low, high = sorted(sign * record[f"{'group_' if by_group else ''}{end}"] for end in ("low", "high"))
    name = metric.replace("_", " ").replace("brier", "Brier").replace("auroc", "AUROC")
    what = f"{record['model']} is " + (
        f"as good in {name} as {member}"
        if gain == 0
        else f"{abs(gain):.3f} {'better' if gain > 0 else 'worse'} in {name} than {member}"
    )
    test = "McNemar p" if metric == "accuracy" else "bootstrap p"
    finding = (
        f"{what} on these {record['n']} {unit} ({100 * confidence:g} % interval {'by group ' if by_group else ''}"
        f"{low:.3f} to {high:.3f}; {test} {_p(record['p_value'])}, Holm {_p(record['p_holm'])})"
    )
    if n_in_sample:
        return f"{finding}: nothing can be said of new {unit}, as {n_in_sample} of these were fitted on."
    if (low > 0 or high < 0) and record["p_holm"] <= 1 - confidence:
        return f"{finding}: it is {'better' if low > 0 else 'worse'} on {unit} like these, of these two fitted models."
    return f"{finding}: no difference can be told with this many {unit}."


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"
