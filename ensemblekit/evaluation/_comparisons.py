"""Each combination against its best member, and what can be concluded from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..arguments import typed
from ..errors import InvalidOptionError, LeakageError, UnknownMemberError
from ..predictions import Predictions
from ..predictions.names import among
from ..printed import printable
from ._intervals import n_in_sample
from ._metrics import accuracy, log_loss
from ._paired import DIFFERENCES, holm, mcnemar, paired_bootstrap
from ._resampling import Groups, count_groups, group_places
from ._statistics import HIGHER_IS_BETTER, check_metrics

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["compare_with_best_member", "compare_with_reference"]

CHOICES = ("accuracy", "log_loss")


@typed(but=("groups",))
def compare_with_best_member(
    rows: Mapping[str, Predictions],
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

    Which member is the best is chosen on other rows, those of ``chosen_on``: usually the validation rows. The best
    member on the very rows that are compared would be the luckiest one too.

    Parameters
    ----------
    rows : mapping of str to Predictions
        Combinations and members -> their labelled predictions of the rows to compare on, usually the test rows.
    members : mapping of str to sequence of str
        Combination -> its members, all of them names in ``rows``.
    chosen_on : mapping of str to Predictions
        Member -> its labelled predictions of the rows on which the best is chosen.
    choose_by : {"accuracy", "log_loss"}, default="accuracy"
        What the best member is best in; equals are told apart by the other one, then by name.
    metrics, groups, confidence, n_resamples, seed
        As in `paired_bootstrap`.
    unit : str, default="rows"
        What a row is called in the sentences, in the plural.

    Returns
    -------
    pandas.DataFrame
        A row a combination and metric: ``row``, ``best_member``, ``metric``, ``value`` and ``member_value``;
        ``difference``, which is ``value - member_value``, with ``low`` and ``high``, and with ``groups`` also
        ``group_low`` and ``group_high``; ``p_value`` and ``p_holm``; ``row_only`` and ``member_only``, the rows that
        one of the two alone has right; ``n``; and ``sentence``.

    Raises
    ------
    LeakageError
        If rows of ``chosen_on`` are compared too, or are of the split ``test``.
    UnknownMemberError
        If ``rows`` or ``chosen_on`` lacks a combination or a member.
    AlignmentError
        If ids, classes, labels or splits of a combination and its member differ.
    InvalidPredictionsError, InvalidOptionError
        As in `paired_bootstrap`.

    Notes
    -----
    The p value of the accuracy is that of `mcnemar`; that of another metric is that of `paired_bootstrap`, by group
    where there are groups. Holm's correction is over the combinations, for each metric by itself.

    A sentence calls a combination better or worse only where the interval (by group where there are groups) excludes 0
    and the corrected p value is at most ``1 - confidence``. That no difference can be told is not that there is none.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import compare_with_best_member
    >>> def predict(proba, prefix):
    ...     ids = [f"{prefix}/{k}" for k in range(20)]
    ...     return Predictions([[proba, 1 - proba]] * 20, ids=ids, classes=["cat", "dog"], labels=["cat"] * 20)
    >>> rows = {name: predict(p, "new") for name, p in {"mean": 0.7, "cnn": 0.6, "svm": 0.8}.items()}
    >>> held_out = {"cnn": predict(0.6, "held out"), "svm": predict(0.4, "held out")}
    >>> table = compare_with_best_member(rows, {"mean": ["cnn", "svm"]}, chosen_on=held_out, metrics=["accuracy"])
    >>> table["best_member"].item(), table["p_value"].item()
    ('cnn', 1.0)
    >>> import textwrap
    >>> print(textwrap.fill(table["sentence"].item(), 100))
    mean is as good in accuracy as cnn on these 20 rows (95 % interval 0.000 to 0.000; McNemar p 1.00,
    Holm 1.00): no difference can be told with this many rows.
    """
    metrics = check_metrics(metrics)
    if choose_by not in CHOICES:
        raise InvalidOptionError(f"choose_by must be 'accuracy' or 'log_loss'; received {choose_by!r}.")
    _check_known(rows, members, chosen_on)
    best = {row: _best(names, chosen_on, choose_by) for row, names in members.items()}
    for row, names in members.items():
        _check_held_out(row, rows[row], {name: chosen_on[name] for name in names})
    return _compare(
        {row: (rows[row], member, rows[member]) for row, member in best.items()},
        "best_member", metrics, groups, confidence, n_resamples, seed, unit,
    )  # fmt: skip


@typed(but=("groups",))
def compare_with_reference(
    rows: Mapping[str, Predictions],
    reference: str,
    *,
    metrics: Sequence[str] = DIFFERENCES,
    groups: Groups | None = None,
    confidence: float = 0.95,
    n_resamples: int = 5000,
    seed: int = 0,
    unit: str = "rows",
) -> pd.DataFrame:
    """Compare models with one that was named before, on the same rows.

    Parameters
    ----------
    rows : mapping of str to Predictions
        Model -> its labelled predictions of the rows to compare on.
    reference : str
        With which the others are compared: chosen before these rows were looked at.
    metrics, groups, confidence, n_resamples, seed
        As in `paired_bootstrap`.
    unit : str, default="rows"
        What a row is called in the sentences, in the plural.

    Returns
    -------
    pandas.DataFrame
        As of `compare_with_best_member`, with ``reference`` for ``best_member``.

    Raises
    ------
    UnknownMemberError
        If ``rows`` lacks the reference.
    AlignmentError
        If ids, classes, labels or splits differ.
    InvalidPredictionsError, InvalidOptionError
        As in `paired_bootstrap`.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import compare_with_reference
    >>> fields = {"ids": range(20), "classes": ["cat", "dog"], "labels": ["cat"] * 20}
    >>> rows = {name: Predictions([[p, 1 - p]] * 20, **fields) for name, p in {"old": 0.6, "new": 0.7}.items()}
    >>> compare_with_reference(rows, "old", metrics=["log_loss"])["difference"].round(3).item()
    -0.154
    """
    metrics = check_metrics(metrics)
    if reference not in rows:
        raise UnknownMemberError(
            f"reference must be one of the rows, {', '.join(map(repr, rows))}; received {reference!r}."
        )
    pairs = {row: (p, reference, rows[reference]) for row, p in rows.items() if row != reference}
    if not pairs:
        raise InvalidOptionError(f"there must be something to compare with {reference!r}; received it alone.")
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
    for row, (one, name, other) in pairs.items():
        differences = paired_bootstrap(
            one, other, metrics=metrics, groups=groups, confidence=confidence, n_resamples=n_resamples, seed=seed
        )
        test = mcnemar(one, other)
        n_groups = {} if groups is None else {"n_groups": count_groups(group_places(one.ids, groups))}
        for found in differences.rename(columns={"first": "value", "second": "member_value"}).to_dict("records"):
            found["p_value"] = found.pop("group_p_value", found["p_value"])
            if found["metric"] == "accuracy":
                found["p_value"] = test.p_value
            counts = {"row_only": test.first_only, "member_only": test.second_only, "n": len(one)} | n_groups
            table.append({"row": row, other_column: name, **found, **counts})
    frame = pd.DataFrame(table)
    if frame.empty:
        return frame
    frame.insert(list(frame.columns).index("p_value") + 1, "p_holm", frame.groupby("metric")["p_value"].transform(holm))
    seen = {row: max(n_in_sample(one) or 0, n_in_sample(other) or 0) for row, (one, _, other) in pairs.items()}
    frame["sentence"] = [
        printable(_sentence(line, str(line[other_column]), confidence, unit, seen[str(line["row"])]))
        for line in frame.to_dict("records")
    ]
    return frame


def _best(names: Sequence[str], chosen_on: Mapping[str, Predictions], choose_by: str) -> str:
    def key(name: str) -> tuple[float, float, str]:
        right, loss = -accuracy(chosen_on[name]), log_loss(chosen_on[name])
        return (right, loss, name) if choose_by == "accuracy" else (loss, right, name)

    return min(names, key=key)


def _check_known(
    rows: Mapping[str, Predictions], members: Mapping[str, Sequence[str]], chosen_on: Mapping[str, Predictions]
) -> None:
    for row, names in members.items():
        if isinstance(names, str) or not names:
            raise InvalidOptionError(f"members must map {row!r} to one member at least; received {names!r}.")
        for what, there, wanted in (("rows", rows, (row, *names)), ("chosen_on", chosen_on, names)):
            lacks = [name for name in wanted if name not in there]
            if lacks:
                raise UnknownMemberError(
                    f"{what} must have predictions of every member of {row!r}; it lacks {lacks}, and has "
                    f"{', '.join(map(repr, there)) or 'none'}."
                )


def _check_held_out(row: str, compared: Predictions, chosen_on: Mapping[str, Predictions]) -> None:
    for member, choosing in chosen_on.items():
        shared = compared.ids[among(compared.ids, choosing.ids)]
        if len(shared) or choosing.split == "test":
            raise LeakageError(
                f"the best member of {row!r} is chosen on rows that are not compared, and not on the split 'test'; "
                f"chosen_on has for {member!r} {len(choosing)} rows of the split {choosing.split!r}, {len(shared)} of "
                "them compared too. Give validation or out-of-fold predictions."
            )


def _sentence(line: Mapping[str, Any], member: str, confidence: float, unit: str, n_seen: int) -> str:
    metric = str(line["metric"])
    by_group = "group_low" in line
    sign = 1 if HIGHER_IS_BETTER[metric] else -1
    gain = sign * line["difference"]
    low, high = sorted(sign * line[f"{'group_' if by_group else ''}{end}"] for end in ("low", "high"))
    name = metric.replace("_", " ").replace("brier", "Brier").replace("auroc", "AUROC")
    what = f"{line['row']} is " + (
        f"as good in {name} as {member}"
        if gain == 0
        else f"{abs(gain):.3f} {'better' if gain > 0 else 'worse'} in {name} than {member}"
    )
    test = "McNemar p" if metric == "accuracy" else "bootstrap p"
    found = (
        f"{what} on these {line['n']} {unit} ({100 * confidence:g} % interval {'by group ' if by_group else ''}"
        f"{low:.3f} to {high:.3f}; {test} {_p(line['p_value'])}, Holm {_p(line['p_holm'])})"
    )
    if n_seen:
        return f"{found}: nothing can be said of new {unit}, as {n_seen} of these were fitted on."
    if (low > 0 or high < 0) and line["p_holm"] <= 1 - confidence:
        return f"{found}: it is {'better' if low > 0 else 'worse'} on {unit} like these, of these two fitted models."
    return f"{found}: no difference can be told with this many {unit}."


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"
