"""The comparison as tables and promises."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ensemblekit.evaluation import accuracy_interval

from .runs import Ours, Plain


@dataclass(frozen=True)
class Promise:
    """The least ratio that is promised, and the one that is aimed at."""

    what: str
    least: float
    aim: float | None = None


PROMISES = {
    "frozen": Promise("frozen models, plain / ours", 10, 15),
    "epoch": Promise("custom CNN an epoch, plain / ours", 1.5, 2.5),
    "whole": Promise("whole table, plain / ours", 4, 8),
    "warm": Promise("frozen models, cold bank / warm bank", 3),
}


def ratios(plain: Plain, cold: Ours, warm: Ours) -> dict[str, float]:
    """Return the ratio of each promise."""
    return {
        "frozen": plain.frozen / cold.frozen,
        "epoch": plain.epoch["second_model"] / _an_epoch(cold),
        "whole": plain.whole / cold.whole,
        "warm": cold.frozen / warm.frozen,
    }


def broken(found: dict[str, float]) -> list[str]:
    """Return a sentence for each promise that is not kept."""
    return [
        f"{promise.what}: must be at least {promise.least:g}; it is {found[key]:.1f}"
        for key, promise in PROMISES.items()
        if not found[key] >= promise.least
    ]


def seconds_table(plain: Plain, cold: Ours, warm: Ours) -> pd.DataFrame:
    """Make a table of the seconds of each step, and the ratios."""
    steps: list[tuple[str, float | None, float, float]] = [
        ("features, all splits and views", None, cold.seconds.get("features", 0.0), warm.seconds.get("features", 0.0)),
        *(
            (f"train {name}, {_epochs(plain, cold, name)}", plain.seconds(name), cold.seconds[name], warm.seconds[name])
            for name in plain.epoch
        ),
        ("frozen models: first and chained", plain.frozen, cold.frozen, warm.frozen),
        ("custom CNN, an epoch", plain.epoch["second_model"], _an_epoch(cold), _an_epoch(warm)),
        ("whole table", plain.whole, cold.whole, warm.whole),
    ]
    return pd.DataFrame(
        {
            "Seconds": step,
            "Plain": "–" if before is None else f"{before:.1f}",
            "Cold bank": f"{first:.1f}",
            "Plain/cold": _ratio(before, first),
            "Warm bank": f"{second:.1f}",
            "Cold/warm": _ratio(first, second),
        }
        for step, before, first, second in steps
    )


def accuracy_table(plain: Plain, cold: Ours) -> pd.DataFrame:
    """Make a table of the validation accuracy of each network in both ways, with its 95 % interval."""
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


def _ratio(above: float | None, below: float) -> str:
    return "–" if above is None or below <= 0 else f"{above / below:.1f}"
