"""The measurements as Markdown and as JSON. Nothing is measured here."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from typing import Any

import numpy as np
import pandas as pd

from ensemblekit import report

from .cubes import FIT_ROWS, LARGE, Shape
from .promises import PROMISES
from .rules import Measurement
from .selection import Selected

NOTHING = "–"
SCALED = " ¹"
FIRST_ROUNDS = " ²"


@dataclass
class Measured:
    """One shape, its rules and their peers."""

    shape: Shape
    rules: list[Measurement] = field(default_factory=list)
    peers: list[Measurement] = field(default_factory=list)

    @property
    def all(self) -> list[Measurement]:
        """Rules, then peers."""
        return [*self.rules, *self.peers]


@dataclass
class Results:
    """All measurements of a run."""

    dtype: np.dtype
    shapes: list[Measured] = field(default_factory=list)
    selections: list[Selected] = field(default_factory=list)
    broken: list[str] | None = None


def to_markdown(results: Results) -> str:
    """Write the tables: the first shape in full with its peers, the others side by side, then greedy selection."""
    parts: list[str] = []
    if results.shapes:
        first, *others = results.shapes
        parts += [_title(first, results.dtype), _table(_rules(first, results.dtype))]
        if peers := _peers(first):
            parts += ["## Peers", _table(peers, left={"Peer", "Our rule"})]
        if others:
            legend = "  \n".join(f"{m.shape.name}: {m.shape.words}" for m in others)
            parts += [f"## Other shapes\n\n{legend}", _table(_side_by_side(others))]
    if results.selections:
        task = results.selections[0].task
        words = f"{task.members} members, {task.samples:,} samples, {task.classes} classes, {task.rounds} rounds."
        parts += [f"## Greedy selection\n\n{words}", _table([_selection(one) for one in results.selections])]
    if notes := _notes(results):
        parts.append("\n".join(f"- {line}" for line in notes))
    if results.broken:
        parts.append("## Broken promises\n\n" + "\n".join(f"- {sentence}" for sentence in results.broken))
    elif results.broken is not None:
        parts.append("Every promise is kept.")
    return "\n\n".join(parts) + "\n"


def _table(cells: Sequence[Mapping[str, str]], *, left: Collection[str] = ("Rule", "Metric")) -> str:
    """Write texts as a table; columns but those on the left are aligned at the right, with room for a mark."""
    table = pd.DataFrame(cells)
    for name in table.columns.difference(list(left)):
        marked = table[name].str.endswith((SCALED, FIRST_ROUNDS))
        if marked.any():
            table[name] = table[name].where(marked, table[name] + "  ")
        width = max(len(name), table[name].str.len().max())
        table[name] = table[name].str.rjust(width)
        table = table.rename(columns={name: name.rjust(width)})
    return report.to_markdown(table).strip()


def _title(measured: Measured, dtype: np.dtype) -> str:
    title = f"## Rules\n\n{measured.shape.words}, {dtype}."
    timings = [one.timing for one in measured.all if one.timing]
    if not timings:
        return title
    n_bytes = measured.shape.bytes_in_and_out(dtype)
    floor = statistics.median(timing.floor_best for timing in timings)
    size = f"{n_bytes / 1e6:,.0f} MB" if n_bytes >= 1e7 else f"{n_bytes / 1e3:,.1f} kB"
    return f"{title} Floor: {duration(floor)}, {size} in and out at {n_bytes / floor / 1e9:.1f} GB/s."


def _rules(measured: Measured, dtype: np.dtype) -> list[dict[str, str]]:
    judged = measured.shape == LARGE and dtype == np.float32
    limits = {one.name: PROMISES.get(one.rule) for one in measured.rules}
    return [
        {
            "Rule": one.name,
            "Time": _time(one),
            "× floor": _floors(one),
            **({"Limit": f"≤ {limit.floors:g}" if (limit := limits[one.name]) else NOTHING} if judged else {}),
            "Extra memory": NOTHING if one.extra_memory is None else f"{one.extra_memory / 1e6:.1f} MB",
            "Fit": NOTHING if one.fit is None else duration(one.fit),
        }
        for one in measured.rules
    ]


def _peers(measured: Measured) -> list[dict[str, str]]:
    ours = {one.rule: one.timing for one in measured.rules if one.timing}
    return [
        {
            "Peer": peer.name,
            "Time": _time(peer),
            "× floor": _floors(peer),
            "Our rule": peer.rule,
            "Ours faster": f"{_figure(peer.timing.best / own.best)}×" if (own := ours.get(peer.rule)) else NOTHING,
        }
        for peer in measured.peers
        if peer.timing
    ]


def _side_by_side(shapes: Sequence[Measured]) -> list[dict[str, str]]:
    times = {m.shape.name: {one.name: _time(one) for one in m.rules} for m in shapes}
    names = [one.name for one in shapes[0].rules]
    return [{"Rule": name, **{shape: cells.get(name, NOTHING) for shape, cells in times.items()}} for name in names]


def _selection(one: Selected) -> dict[str, str]:
    if one.reason:
        return {"Metric": one.metric, **dict.fromkeys(("Ours", "Plain", "Ours faster", "Same choice"), NOTHING)}
    return {
        "Metric": one.metric,
        "Ours": duration(one.ours),
        "Plain": duration(one.plain) + (FIRST_ROUNDS if one.scaled else ""),
        "Ours faster": f"{_figure(one.faster)}×",
        "Same choice": "yes" if one.same else "NO",
    }


def _notes(results: Results) -> list[str]:
    everything = [(measured.shape.name, one) for measured in results.shapes for one in measured.all]
    lines = []
    if any(one.fit is not None for _, one in everything):
        lines.append(f"Fit: on {FIT_ROWS:,} labelled rows, once; it is no part of the time.")
    if any(one.timing and one.timing.scaled for _, one in everything):
        lines.append("¹ Timed on part of the rows, and scaled.")
    if any(one.scaled for one in results.selections):
        lines.append("² The plain selection made its first rounds only; its time is scaled to all.")
    # A rule often fails for the same reason at every shape, and several rules warn alike.
    failed = _grouped(((one.name, one.reason), shape) for shape, one in everything if one.reason)
    lines += [f"{name} ({', '.join(at)}) was not measured: {_short(why)}" for (name, why), at in failed.items()]
    lines += [
        f"greedy selection by {one.metric} was not measured: {_short(one.reason)}"
        for one in results.selections
        if one.reason
    ]
    warned = _grouped((warning, one.name) for _, one in everything for warning in one.warned)
    return [*lines, *(f"{', '.join(names)} warned: {_short(warning)}" for warning, names in warned.items())]


def _grouped(pairs: Iterable[tuple[Any, str]]) -> dict[Any, list[str]]:
    """Collect the different values of each key, in order."""
    values: dict[Any, dict[str, None]] = {}
    for key, value in pairs:
        values.setdefault(key, {})[value] = None
    return {key: list(of_key) for key, of_key in values.items()}


def _short(sentence: str) -> str:
    return sentence if len(sentence) <= 200 else sentence[:197] + "..."


def _time(one: Measurement) -> str:
    return NOTHING if one.timing is None else duration(one.timing.best) + (SCALED if one.timing.scaled else "")


def _floors(one: Measurement) -> str:
    return NOTHING if one.timing is None else _figure(one.timing.floors)


def _figure(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def duration(seconds: float) -> str:
    """Write seconds with three figures: ``512 µs``, ``14.2 ms``, ``3.21 s``."""
    unit, size = next((u for u in (("s", 1.0), ("ms", 1e-3)) if seconds >= u[1] * 0.9995), ("µs", 1e-6))
    value = seconds / size
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:,.{digits}f} {unit}"


def to_json(results: Results) -> dict[str, Any]:
    """Return every figure in full, seconds and bytes, and the machine that they were measured on."""
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
                "rules": [_record(one) for one in measured.rules],
                "peers": [_record(one) for one in measured.peers],
            }
            for measured in results.shapes
        ],
        "greedy_selection": [asdict(one) | {"faster": one.faster} for one in results.selections],
        "broken": results.broken,
    }


def _record(one: Measurement) -> dict[str, Any]:
    record, timing = asdict(one), one.timing
    if timing:
        record["timing"] |= {"floors": timing.floors, "floors_median": timing.floors_median}
    return record
