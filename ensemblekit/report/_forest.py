"""Places of values, intervals and ticks on the axis of a forest plot, in percent of its width."""

from __future__ import annotations

import math
from typing import Any

from ..errors import InvalidOptionError
from ..evaluation.words import decimals_of, figure
from ._parts import Intervals

__all__ = ["forest"]

COLUMNS = ("model", "value", "low", "high")
MARGIN = 2.0
"""Percent left free at both ends, so that no mark is cut off."""


def forest(plot: Intervals) -> dict[str, Any]:
    """Describe a forest plot for its template."""
    frame = plot.frame
    lacking = [name for name in COLUMNS if name not in frame.columns]
    if lacking or not len(frame):
        raise InvalidOptionError(
            f"intervals must have a row at least, and the columns {', '.join(COLUMNS)}; received {len(frame)} rows "
            f"with the columns {list(map(str, frame.columns))}."
        )
    records = frame.to_dict("records")
    finite: list[float] = []
    for record in records:
        value, *bounds = (float(record[name]) for name in COLUMNS[1:])
        finite += [value] * math.isfinite(value) + bounds * all(map(math.isfinite, bounds))
    decimals = decimals_of(*finite)
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5

    def place(number: float) -> str:
        return f"{MARGIN + (100 - 2 * MARGIN) * (number - low) / (high - low):.2f}"

    rows: list[dict[str, Any]] = []
    for record in records:
        value, start, end = (float(record[name]) for name in COLUMNS[1:])
        known = math.isfinite(start) and math.isfinite(end)
        rows.append(
            {
                "name": record["model"],
                "marked": record["model"] == plot.marked,
                "round": record.get("kind") != "rule",
                "at": place(value) if math.isfinite(value) else "",
                "start": place(start) if known else "",
                "end": place(end) if known else "",
                "value": figure(value, decimals) if math.isfinite(value) else "–",
                "bounds": f"{figure(start, decimals)} to {figure(end, decimals)}" if known else "",
            }
        )
    line = next((row["at"] for row in rows if row["marked"]), "")
    digits, ticks = _ticks(low, high)
    return {
        "caption": plot.caption,
        "mark": plot.mark,
        "rows": rows,
        "line": line,
        "ticks": [{"at": place(tick), "text": f"{tick:.{digits}f}"} for tick in ticks],
    }


def _ticks(low: float, high: float) -> tuple[int, list[float]]:
    """Choose three to five round numbers within the range; return the digits they need, too."""
    power = 10.0 ** math.floor(math.log10(high - low))
    steps = sorted(factor * power * scale for scale in (0.1, 1) for factor in (1, 2, 5))
    step = next((step for step in steps if math.floor(high / step) - math.ceil(low / step) <= 4), steps[-1])
    start = math.ceil(low / step - 1e-9)
    ticks = [place * step for place in range(start, math.floor(high / step + 1e-9) + 1)]
    return max(0, -math.floor(math.log10(step) + 1e-9)), ticks
