"""The speed that is promised, and whether it is kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .rules import Measurement
from .selection import Selected

EXTRA_MEMORY = 64_000_000
"""Bytes that a rule may need beyond its output."""


@dataclass(frozen=True)
class Promise:
    """At most so many floors, and perhaps so many times faster than a peer."""

    floors: float
    peer: str | None = None
    faster: float = 1.0


CLOSED_FORM = (
    "winsorised_mean", "maximum", "minimum", "product", "borda", "bayesian_model_averaging", "dempster_shafer",
    "dawid_skene", "super_learner", "greedy_selection",
)  # fmt: skip
PROMISES = {
    "mean": Promise(1.5),
    "weighted": Promise(1.5),
    "geometric_mean": Promise(12),
    "voting": Promise(20, peer="scikit-learn hard vote", faster=12),
    "median": Promise(8),
    "trimmed_mean": Promise(8),
    "rank_average": Promise(40),  # no formula: each value is looked up in a kept sample
    **dict.fromkeys(CLOSED_FORM, Promise(25)),
}
"""Rule -> promise, at the shape `cubes.LARGE` in float32 on two cores. The others search, or call an estimator."""

SELECTION = {"log_loss": 50.0}
"""Metric -> how many times faster than the plain greedy selection; each other metric: `SELECTION_OTHERS`."""
SELECTION_OTHERS = 3.0


def broken(rules: Iterable[Measurement], peers: Sequence[Measurement]) -> list[str]:
    """Return a sentence for each promise that these measurements at `cubes.LARGE` break.

    The best of the repeats is compared with the best of the copies beside it: other programs only ever add time.
    """
    return [f"{of.rule}: {sentence}" for of in rules if of.rule in PROMISES for sentence in _sentences(of, peers)]


def _sentences(measured: Measurement, peers: Sequence[Measurement]) -> list[str]:
    promise, timing, extra = PROMISES[measured.rule], measured.timing, measured.extra_memory
    if timing is None:
        return [f"must be measured; {measured.reason}"]
    sentences = []
    if timing.floors > promise.floors:
        sentences.append(f"must take at most {promise.floors:g} floors; it took {timing.floors:.3g}")
    if extra is not None and extra > EXTRA_MEMORY:
        sentences.append(
            f"must need at most {EXTRA_MEMORY / 1e6:g} MB beyond its output; it needed {extra / 1e6:.3g} MB"
        )
    if promise.peer:
        peer = next((p for p in peers if p.name == promise.peer), None)
        rule = f"must be {promise.faster:g} times faster than {promise.peer}"
        if peer is None or peer.timing is None:
            sentences.append(f"{rule}, which was not measured{f': {peer.reason}' if peer else ''}")
        elif peer.timing.best < promise.faster * timing.best:
            sentences.append(f"{rule}; it was {peer.timing.best / timing.best:.3g} times")
    return sentences


def broken_selections(selections: Iterable[Selected]) -> list[str]:
    """Return a sentence for each promise of greedy selection that these measurements break."""
    sentences = []
    for one in selections:
        title = f"greedy_selection by {one.metric}: must"
        least = SELECTION.get(one.metric, SELECTION_OTHERS)
        if one.reason is not None:
            sentences.append(f"{title} be measured; {one.reason}")
            continue
        if not one.same:
            sentences.append(f"{title} choose the members and weights of the plain one")
        if one.faster < least:
            sentences.append(f"{title} be {least:g} times faster than the plain one; it was {one.faster:.3g} times")
    return sentences
