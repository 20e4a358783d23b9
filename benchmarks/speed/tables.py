"""The measurements as Markdown and as JSON. Nothing is measured here."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from typing import Any

import numpy as np

from .cubes import FIT_ROWS, LARGE, Shape
from .promises import PROMISES
from .rules import Row
from .selection import Selected

__all__ = ["Measured", "Results", "duration", "to_json", "to_markdown"]

NOTHING = "–"
SCALED = " ¹"
FIRST_ROUNDS = " ²"
MARKS = (SCALED, FIRST_ROUNDS)


@dataclass
class Measured:
    """One shape, its rules and their peers."""

    shape: Shape
    rules: list[Row] = field(default_factory=list)
    peers: list[Row] = field(default_factory=list)


@dataclass
class Results:
    """All that a run has measured."""

    dtype: np.dtype
    shapes: list[Measured] = field(default_factory=list)
    selections: list[Selected] = field(default_factory=list)
    broken: list[str] | None = None


def to_markdown(results: Results) -> str:
    """Write the tables: the first shape in full, the others side by side, then greedy selection."""
    parts = []
    if results.shapes:
        first, *others = results.shapes
        parts += _main(first, results.dtype)
        parts += _peers(first)
        if others:
            parts += _side_by_side(others)
    parts += _selections(results.selections)
    parts += _notes(results)
    return "\n\n".join(parts) + "\n"


def _main(measured: Measured, dtype: np.dtype) -> list[str]:
    judged = measured.shape == LARGE and dtype == np.float32
    rows = [
        [
            row.name,
            _time(row),
            _floors(row),
            *([_limit(row)] if judged else []),
            NOTHING if row.extra is None else f"{row.extra / 1e6:.1f} MB",
            NOTHING if row.fit is None else duration(row.fit),
        ]
        for row in measured.rules
    ]
    header = ["Rule", "Time", "× floor", *(["Limit"] if judged else []), "Extra memory", "Fit"]
    return [
        f"## Rules\n\n{measured.shape.words}, {dtype}.{_floor_sentence(measured, dtype)}",
        _table(header, rows),
    ]


def _floor_sentence(measured: Measured, dtype: np.dtype) -> str:
    timings = [row.timing for row in (*measured.rules, *measured.peers) if row.timing]
    if not timings:
        return ""
    n_bytes = measured.shape.bytes_in_and_out(dtype)
    floor = statistics.median(timing.floor_best for timing in timings)
    return f" Floor: {duration(floor)}, {_size(n_bytes)} in and out at {n_bytes / floor / 1e9:.1f} GB/s."


def _peers(measured: Measured) -> list[str]:
    ours = {row.rule: row.timing for row in measured.rules if row.timing}
    rows = []
    for peer in measured.peers:
        own = ours.get(peer.rule)
        if peer.timing:
            times = NOTHING if own is None else f"{_figure(peer.timing.best / own.best)}×"
            rows.append([peer.name, _time(peer), _floors(peer), peer.rule, times])
    return (
        ["## Peers", _table(["Peer", "Time", "× floor", "Our rule", "Ours faster"], rows, left=(0, 3))] if rows else []
    )


def _side_by_side(shapes: Sequence[Measured]) -> list[str]:
    names = [row.name for row in shapes[0].rules]
    by_shape = [{row.name: _time(row) for row in measured.rules} for measured in shapes]
    legend = "  \n".join(f"{m.shape.name}: {m.shape.words}" for m in shapes)
    rows = [[name, *(cells.get(name, NOTHING) for cells in by_shape)] for name in names]
    return [f"## Other shapes\n\n{legend}", _table(["Rule", *(m.shape.name for m in shapes)], rows)]


def _selections(selections: Sequence[Selected]) -> list[str]:
    if not selections:
        return []
    rows = [
        [
            row.metric,
            *(
                (NOTHING,) * 4
                if row.reason
                else (
                    duration(row.ours),
                    duration(row.plain) + (FIRST_ROUNDS if row.scaled else ""),
                    f"{_figure(row.faster)}×",
                    "yes" if row.same else "NO",
                )
            ),
        ]
        for row in selections
    ]
    task = selections[0].task
    words = f"{task.members} members, {task.samples:,} samples, {task.classes} classes, {task.rounds} rounds."
    return [
        f"## Greedy selection\n\n{words}",
        _table(["Metric", "Ours", "Plain", "Ours faster", "Same choice"], rows),
    ]


def _notes(results: Results) -> list[str]:
    rows = [row for measured in results.shapes for row in (*measured.rules, *measured.peers)]
    lines = []
    if any(row.fit is not None for row in rows):
        lines.append(f"Fit: on {FIT_ROWS:,} labelled rows, once; it is no part of the time.")
    if any(row.timing and row.timing.scaled for row in rows):
        lines.append("¹ Timed on part of the rows, and scaled.")
    if any(row.scaled for row in results.selections):
        lines.append("² The plain selection made its first rounds only; its time is scaled to all.")
    lines += _reasons(results)
    said: dict[str, list[str]] = {}
    for row in rows:
        for warning in row.warned:
            names = said.setdefault(warning, [])
            if row.name not in names:
                names.append(row.name)
    lines += [f"{', '.join(names)} warned: {_short(warning)}" for warning, names in said.items()]
    parts = ["\n".join(f"- {line}" for line in lines)] if lines else []
    if results.broken is not None:
        parts.append(
            "## Broken promises\n\n" + "\n".join(f"- {sentence}" for sentence in results.broken)
            if results.broken
            else "Every promise is kept."
        )
    return parts


def _reasons(results: Results) -> list[str]:
    # One reason for one rule is often that of every shape.
    where: dict[tuple[str, str], list[str]] = {}
    for measured in results.shapes:
        for row in (*measured.rules, *measured.peers):
            if row.reason:
                where.setdefault((row.name, row.reason), []).append(measured.shape.name)
    lines = [
        f"{name} ({', '.join(shapes)}) was not measured: {_short(reason)}" for (name, reason), shapes in where.items()
    ]
    return lines + [
        f"greedy selection by {row.metric} was not measured: {_short(row.reason)}"
        for row in results.selections
        if row.reason
    ]


def _short(sentence: str) -> str:
    return sentence if len(sentence) <= 200 else sentence[:197] + "..."


def _time(row: Row) -> str:
    if row.timing is None:
        return NOTHING
    return duration(row.timing.best) + (SCALED if row.timing.scaled else "")


def _floors(row: Row) -> str:
    return NOTHING if row.timing is None else _figure(row.timing.floors)


def _limit(row: Row) -> str:
    promise = PROMISES.get(row.rule)
    return NOTHING if promise is None else f"≤ {promise.floors:g}"


def _figure(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def _size(n_bytes: float) -> str:
    return f"{n_bytes / 1e6:,.0f} MB" if n_bytes >= 1e7 else f"{n_bytes / 1e3:,.1f} kB"


def duration(seconds: float) -> str:
    """Write seconds with three figures: ``512 µs``, ``14.2 ms``, ``3.21 s``."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size * 0.9995 or unit == "µs":
            value = seconds / size
            digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
            return f"{value:,.{digits}f} {unit}"
    raise AssertionError


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], *, left: Sequence[int] = (0,)) -> str:
    # `ensemblekit.report` writes every figure with four digits; here each cell has a unit of its own.
    columns = []
    for place, (title, *cells) in enumerate(zip(header, *rows, strict=True)):
        if any(cell.endswith(MARKS) for cell in cells):  # a mark hangs to the right of the figures
            cells = [cell if cell.endswith(MARKS) else f"{cell}  " for cell in cells]
        width = max(3, *map(len, (title, *cells)))
        if place in left:
            columns.append([title.ljust(width), ":".ljust(width, "-"), *(cell.ljust(width) for cell in cells)])
        else:
            columns.append([title.rjust(width), ":".rjust(width, "-"), *(cell.rjust(width) for cell in cells)])
    return "\n".join(f"| {' | '.join(line)} |" for line in zip(*columns, strict=True))


def to_json(results: Results) -> dict[str, Any]:
    """Return every figure in full, seconds and bytes, with what is needed to read them."""
    return {
        "machine": {
            "python": platform.python_version(),
            "platform": platform.platform(),
            "cores": os.cpu_count(),
            "versions": {name: metadata.version(name) for name in ("ensemblekit", "numpy", "scikit-learn")},
        },
        "dtype": str(results.dtype),
        "fit_rows": FIT_ROWS,
        "shapes": [
            {
                "name": measured.shape.name,
                "shape": list(measured.shape.axes),
                "bytes_in_and_out": measured.shape.bytes_in_and_out(results.dtype),
                "rules": [_record(row) for row in measured.rules],
                "peers": [_record(row) for row in measured.peers],
            }
            for measured in results.shapes
        ],
        "greedy_selection": [asdict(row) | {"faster": row.faster} for row in results.selections],
        "broken": results.broken,
    }


def _record(row: Row) -> Mapping[str, Any]:
    timing = row.timing
    figures = asdict(timing) | {"floors": timing.floors, "floors_median": timing.floors_median} if timing else None
    return {
        "name": row.name,
        "rule": row.rule,
        "timing": figures,
        "extra_memory": row.extra,
        "fit": row.fit,
        "reason": row.reason,
        "warned": list(row.warned),
    }
