"""Trials as a table a set, and what they say together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from .sets import SETS
from .trial import RULES, Trial

__all__ = ["to_json", "to_markdown"]


def to_markdown(trials: Sequence[Trial]) -> str:
    """Write the table of the docs, and the sentences under it."""
    lines = [
        "| data set | rows to choose on | chosen | " + " | ".join(rule.replace("_", " ") for rule in RULES)
        + " | promised gain | gain that came |",
        "|---|---|---|" + "---|" * (len(RULES) + 2),
    ]  # fmt: skip
    for name in dict.fromkeys(trial.set_name for trial in trials):
        of_set = [trial for trial in trials if trial.set_name == name]
        losses = [f"{np.mean([trial.losses[rule] for trial in of_set]):.3f}" for rule in RULES]
        chosen = ", ".join(dict.fromkeys(trial.name for trial in of_set))
        gain, low, high = (np.mean([trial.promised[k] / trial.scale for trial in of_set]) for k in range(3))
        came = np.mean([trial.came / trial.scale for trial in of_set])
        promised = "none" if np.isnan(gain) else f"{gain:.3f} ({low:.3f} to {high:.3f})"
        rows = of_set[0].n_rows
        lines.append(f"| {name} | {rows} | {chosen} | {' | '.join(losses)} | {promised} | {came:.3f} |")
    ranks = mean_ranks(trials)
    mean = [f"{np.mean([trial.losses[rule] for trial in trials]):.3f}" for rule in RULES]
    lines.append(f"| **mean** |  |  | {' | '.join(mean)} |  |  |")
    lines.append(f"| **mean rank** |  |  | {' | '.join(f'{ranks[rule]:.2f}' for rule in RULES)} |  |  |")
    return "\n".join(lines) + "\n\n" + "\n".join(f"- {sentence}" for sentence in sentences(trials)) + "\n"


def mean_ranks(trials: Sequence[Trial]) -> dict[str, float]:
    """Rank the rules in each trial, equal ones alike, and average the ranks."""
    from scipy.stats import rankdata

    ranks = np.mean([rankdata([round(trial.losses[rule], 12) for rule in RULES]) for trial in trials], axis=0)
    return dict(zip(RULES, ranks.tolist(), strict=True))


def sentences(trials: Sequence[Trial]) -> list[str]:
    """Say how often the promised interval covers what came, and how much worse than the best member it was."""
    names = [*dict.fromkeys(trial.set_name for trial in trials)]
    judged = [trial for trial in trials if not np.isnan(trial.promised[0])]
    kept = [_covers(trial.promised, trial.came) for trial in judged]
    inside = [_covers(trial.expected, trial.came) for trial in judged]
    of_rules = [covers for trial, covers in zip(judged, kept, strict=True) if any(trial.promised)]
    also = [covers for trial, covers in zip(judged, inside, strict=True) if any(trial.promised)]
    mean = {name: np.mean([t.came / t.scale for t in trials if t.set_name == name]) for name in names}
    worst = min(mean, key=lambda name: mean[name])
    return [
        f"The promise for as many new rows is kept on the untouched rows in {sum(kept)} of {len(kept)} trials; where "
        f"the best member is returned it is 0 and cannot fail, and of the {len(of_rules)} others it is kept in "
        f"{sum(of_rules)}. The narrower interval of the expected gain, which does not allow for the noise of the new "
        f"rows, contains that gain in {sum(inside)} of {len(inside)}, of the others in {sum(also)} of {len(also)}.",
        f"Over all sets the choice gains {np.mean([*mean.values()]):.3f} of the loss of the constant answer over the "
        f"best member; at worst, on {worst}, {mean[worst]:.3f}.",
    ]


def _covers(interval: tuple[float, float, float], came: float) -> bool:
    _, low, high = interval
    return bool(low - 1e-9 <= came <= high + 1e-9)


def to_json(trials: Sequence[Trial]) -> str:
    """Write every figure."""
    sources = {name: SETS[name][1] for name in dict.fromkeys(trial.set_name for trial in trials)}
    return json.dumps({"sources": sources, "trials": [asdict(trial) for trial in trials]}, indent=1) + "\n"
