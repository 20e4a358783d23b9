"""The comparison as tables and promises."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ensemblekit.evaluation import accuracy_interval

from .timing import Ours, Plain

__all__ = ["PROMISES", "Promise", "accuracy_table", "broken", "ratios", "seconds_table"]


@dataclass(frozen=True)
class Promise:
    """A ratio that is to be reached."""

    what: str
    least: float
    aim: float | None = None


PROMISES = {
    "frozen": Promise("frozen rows, plain / ours", 10, 15),
    "epoch": Promise("custom CNN an epoch, plain / ours", 1.5, 2.5),
    "whole": Promise("whole table, plain / ours", 4, 8),
    "warm": Promise("frozen rows, cold bank / warm bank", 3),
}


def ratios(plain: Plain, cold: Ours, warm: Ours) -> dict[str, float]:
    """Give the ratio of each promise."""
    return {
        "frozen": plain.frozen / cold.frozen,
        "epoch": plain.epoch["second_model"] / _an_epoch(cold),
        "whole": plain.whole / cold.whole,
        "warm": cold.frozen / warm.frozen,
    }


def broken(found: dict[str, float]) -> list[str]:
    """Say which promises are not kept."""
    return [
        f"{promise.what}: must be at least {promise.least:g}; it is {found[key]:.1f}"
        for key, promise in PROMISES.items()
        if not found[key] >= promise.least
    ]


def seconds_table(plain: Plain, cold: Ours, warm: Ours) -> pd.DataFrame:
    """Lay out the seconds of each piece, and the ratios."""
    rows: list[tuple[str, float | None, float, float]] = [
        ("features, all splits and views", None, cold.seconds.get("features", 0.0), warm.seconds.get("features", 0.0))
    ]
    rows += [
        (f"train {name}, {_epochs(plain, cold, name)}", plain.seconds(name), cold.seconds[name], warm.seconds[name])
        for name in plain.epoch
    ]
    rows += [
        ("frozen rows: first and chained", plain.frozen, cold.frozen, warm.frozen),
        ("custom CNN, an epoch", plain.epoch["second_model"], _an_epoch(cold), _an_epoch(warm)),
        ("whole table", plain.whole, cold.whole, warm.whole),
    ]
    columns = {
        "Seconds": [what for what, *_ in rows],
        "Plain": [_number(before) for _, before, _, _ in rows],
        "Cold bank": [_number(first) for *_, first, _ in rows],
        "Plain/cold": [_ratio(before, first) for _, before, first, _ in rows],
        "Warm bank": [_number(second) for *_, second in rows],
        "Cold/warm": [_ratio(first, second) for *_, first, second in rows],
    }
    # Text, so that seconds and ratios have digits of their own; set to the right by hand.
    width = {name: max(map(len, cells)) for name, cells in columns.items()}
    return pd.DataFrame(
        {name: cells if name == "Seconds" else [c.rjust(width[name]) for c in cells] for name, cells in columns.items()}
    )


def accuracy_table(plain: Plain, cold: Ours) -> pd.DataFrame:
    """Lay out the validation accuracy of each network in both ways, with its 95 % interval."""
    n = cold.n_validation

    def cell(accuracy: float) -> str:
        low, high = accuracy_interval(round(accuracy * n), n)
        return f"{accuracy:.3f} [{low:.3f}, {high:.3f}]"

    names = list(plain.validation)
    return pd.DataFrame(
        {
            "Model": names,
            "Plain": [cell(plain.validation[name]) for name in names],
            "Ours": [cell(cold.validation[name]) for name in names],
        }
    )


def _epochs(plain: Plain, ours: Ours, name: str) -> str:
    both = plain.epochs[name], ours.epochs[name]
    return f"{both[0]} epochs" if both[0] == both[1] else f"{both[0]} and {both[1]} epochs"


def _an_epoch(ours: Ours) -> float:
    return ours.seconds["second_model"] / ours.epochs["second_model"]


def _number(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.1f}"


def _ratio(above: float | None, below: float) -> str:
    return "–" if above is None or below <= 0 else f"{above / below:.1f}"
