"""What a comparison says: a verdict in a word, and a sentence that agrees with the table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ...interfaces import Metric
from ..words import counted, decimals_of, figure, metric_title
from ._unit_intervals import fewest_units

__all__ = ["sentence", "verdict"]


def verdict(
    record: Mapping[str, Any], metric: Metric, confidence: float, *, smallest: float = 0.0, n_in_sample: int = 0
) -> str:
    """Say in a word what a row of a comparison tells.

    Parameters
    ----------
    record : mapping
        A row of a table of `compare_with_reference`, with ``difference``, ``low``, ``high``, ``p_holm``, ``enough``,
        and by group ``group_low`` and ``group_high``.
    metric : Metric
        Its metric.
    confidence : float
        In (0, 1).
    smallest : float, default=0
        Smallest difference of interest.
    n_in_sample : int, default=0
        Number of rows that a model was fitted on.

    Returns
    -------
    str
        ``better``, ``worse``, ``as good`` (at most ``smallest`` apart), ``too small`` (a difference that is printed as
        0), ``cannot tell``, ``too few`` or ``in sample``.
    """
    low, high = _ends(record)
    if n_in_sample:
        return "in sample"
    if not record["enough"]:
        return "too few"
    if (low > smallest or high < -smallest) and record["p_holm"] <= 1 - confidence:
        if float(_figure(record["difference"], record, metric)) == 0:
            return "too small"
        return "better" if (low > 0) == metric.higher_is_better else "worse"
    if smallest and -smallest <= low and high <= smallest:
        return "as good"
    return "cannot tell"


def sentence(
    record: Mapping[str, Any],
    metric: Metric,
    member: str,
    confidence: float,
    unit: str,
    *,
    smallest: float = 0.0,
    n_in_sample: int = 0,
) -> str:
    """Say what a row of a comparison tells; arguments as in `verdict`, and ``unit``, the plural word for the rows."""
    by_group = "group_low" in record
    low, high = (_figure(end, record, metric) for end in _ends(record))
    size = _figure(abs(record["difference"]), record, metric)
    change = "rises" if record["difference"] > 0 else "falls"
    name = metric_title(metric.name, within=True)
    moved = f"{name} is the same" if float(size) == 0 else f"{name} {change} by {size}"
    if math.isnan(record["difference"]):
        moved = f"{name} is not defined"
    found = (
        f"From {member} to {record['model']}, {moved} on {counted(record['n'], unit, these=True)} "
        f"({100 * confidence:g} % interval {'by group ' if by_group else ''}{low} to {high}; {record['test']} p "
        f"{_p(record['p_value'])}, Holm {_p(record['p_holm'])})"
    )
    said, least = verdict(record, metric, confidence, smallest=smallest, n_in_sample=n_in_sample), f"{smallest:g}"
    if said == "in sample":
        return f"{found}: nothing can be said of new {unit}, as {n_in_sample} of these were fitted on."
    if said == "too few":
        units = counted(record["n_groups"], "groups") if by_group else counted(record["n"], unit)
        return f"{found}: with {units} one cannot tell; {fewest_units(confidence)} are needed, and of each class some."
    if said in ("better", "worse"):
        by = f" by more than {least}" if smallest else ""
        return f"{found}: {record['model']} is {said}{by} on {unit} like these, of these two fitted models."
    if said == "as good":
        return f"{found}: the two differ by at most {least} on {unit} like these."
    if said == "too small":
        return f"{found}: the difference is too small to call one model better."
    more = f" of more than {least}" if smallest else ""
    return f"{found}: no difference{more} can be told with this many {unit}."


def _ends(record: Mapping[str, Any]) -> tuple[float, float]:
    prefix = "group_" if "group_low" in record else ""
    return record[f"{prefix}low"], record[f"{prefix}high"]


def _figure(value: float, record: Mapping[str, Any], metric: Metric) -> str:
    low, high = metric.range
    return figure(value, decimals_of(record["value"], record["member_value"], width=high - low))


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"
