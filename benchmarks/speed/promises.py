"""What is promised of the speed, and whether it is kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .rules import Row
from .selection import Selected

__all__ = ["EXTRA_MEMORY", "PROMISES", "SELECTION", "Promise", "broken", "broken_selections"]

EXTRA_MEMORY = 64_000_000
"""Bytes that a rule may need beyond its output."""


@dataclass(frozen=True)
class Promise:
    """At most so many floors, and perhaps so many times faster than a peer."""

    floors: float
    peer: str | None = None
    faster: float = 1.0


CLOSED_FORM = Promise(25)
PROMISES = {
    "mean": Promise(1.5),
    "weighted": Promise(1.5),
    "geometric_mean": Promise(12),
    "voting": Promise(20, peer="scikit-learn hard vote", faster=12),
    "median": Promise(8),
    "trimmed_mean": Promise(8),
    "winsorised_mean": CLOSED_FORM,
    "maximum": CLOSED_FORM,
    "minimum": CLOSED_FORM,
    "product": CLOSED_FORM,
    "rank_average": Promise(40),  # no formula: each value is looked up in a kept sample
    "borda": CLOSED_FORM,
    "bayesian_model_averaging": CLOSED_FORM,
    "dempster_shafer": CLOSED_FORM,
    "dawid_skene": CLOSED_FORM,
    "super_learner": CLOSED_FORM,
    "greedy_selection": CLOSED_FORM,
}
"""Rule -> promise, at the shape `cubes.LARGE` in float32 on two cores. The others search, or call an estimator."""

SELECTION = {"log_loss": 50.0}
"""Metric -> how many times faster than the plain greedy selection; each other metric: `SELECTION_OTHERS`."""
SELECTION_OTHERS = 3.0


def broken(rows: Iterable[Row], peers: Sequence[Row]) -> list[str]:
    """List the promises that these measurements break, a sentence each.

    The best of the repeats is judged, against the best of the copies beside it: other programs only ever add time.

    Parameters
    ----------
    rows : iterable of Row
        Rules, measured at `cubes.LARGE`. Those without a promise are left alone.
    peers : sequence of Row
        Peers at the same shape.

    Returns
    -------
    list of str
        Empty where all is kept.
    """
    return [f"{row.rule}: {sentence}" for row in rows if row.rule in PROMISES for sentence in _sentences(row, peers)]


def _sentences(row: Row, peers: Sequence[Row]) -> list[str]:
    promise = PROMISES[row.rule]
    if row.timing is None:
        return [f"must be measured; {row.reason}"]
    said = []
    if row.timing.floors > promise.floors:
        said.append(f"must take at most {promise.floors:g} floors; it took {row.timing.floors:.3g}")
    if row.extra is not None and row.extra > EXTRA_MEMORY:
        said.append(
            f"must need at most {EXTRA_MEMORY / 1e6:g} MB beyond its output; it needed {row.extra / 1e6:.3g} MB"
        )
    if promise.peer:
        peer = next((p for p in peers if p.name == promise.peer), None)
        rule = f"must be {promise.faster:g} times faster than {promise.peer}"
        if peer is None or peer.timing is None:
            said.append(f"{rule}, which was not measured{f': {peer.reason}' if peer else ''}")
        elif peer.timing.best < promise.faster * row.timing.best:
            said.append(f"{rule}; it was {peer.timing.best / row.timing.best:.3g} times")
    return said


def broken_selections(rows: Iterable[Selected]) -> list[str]:
    """List what greedy selection promises and these measurements break, a sentence each."""
    said = []
    for row in rows:
        least = SELECTION.get(row.metric, SELECTION_OTHERS)
        if row.reason is not None:
            said.append(f"greedy_selection by {row.metric}: must be measured; {row.reason}")
            continue
        if not row.same:
            said.append(f"greedy_selection by {row.metric}: must choose the members and weights of the plain one")
        if row.faster < least:
            said.append(
                f"greedy_selection by {row.metric}: must be {least:g} times faster than the plain one; it was "
                f"{row.faster:.3g} times"
            )
    return said
