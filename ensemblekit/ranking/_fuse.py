"""`fuse_runs`: one ranking of each query, by a rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..arguments import check_count, typed
from ..errors import InvalidOptionError, InvalidPredictionsError
from ..predictions.choices import check_choice
from ..predictions.names import all_fit_ids, shown
from ..predictions.weights import check_weights
from ._final import Fused, sorted_candidates
from ._joined import Joined, join_runs
from ._pool import Pool, as_scores
from .rules import RULES
from .runs import Rows, Run, as_runs, blocks_of, in_threads, n_threads

__all__ = ["fuse_ready", "fuse_runs", "resolve_rule"]


@typed(but=("runs", "rule", "weights"))
def fuse_runs(
    runs: Any,
    rule: Any = "rrf",
    *,
    weights: Any = None,
    top: int | None = None,
    n_jobs: int | None = None,
    **options: Any,
) -> Run:
    """Fuse the runs of several members into one.

    Parameters
    ----------
    runs : mapping of str to Run, table or path, or sequence of them
        The runs by member. What is no `Run` is read as one, a path as a TREC file.
    rule : str or object, default="rrf"
        A name in `RULES`, or an object with a method ``fuse(pool)`` that returns a score for each candidate, of shape
        ``(n_candidates,)``; see `Pool`.
    weights : mapping of str to float, Series indexed by member, or sequence of float, optional
        Weight of each member, >= 0; a sequence is in the order of the runs. A member of weight 0 is as good as absent,
        and the scale of the weights does not matter.
    top : int, optional
        Most items of a query that are kept, >= 1; by default all.
    n_jobs : int, optional
        Number of threads, >= 1; by default one a processor.
    **options
        Options of the rule, if it is given by name.

    Returns
    -------
    Run
        For each query the items that a member returned, and no others. Its member is the rule.

    Raises
    ------
    InvalidPredictionsError
        If a run cannot be read, two have one name, their names are of different kinds, or fused scores are not finite.
    InvalidOptionError
        If the rule, one of its options or a weight is unknown or out of range, or the rule takes no weights.

    Notes
    -----
    No order of members or rows changes a bit of the result: the values of an item are summed in an order that depends
    on these values alone. Weights are divided by their mean.

    Tie rule: that of `Run`, by the name of the item.

    Examples
    --------
    >>> from ensemblekit.ranking import fuse_runs
    >>> runs = {"bm25": {"q1": {"a": 7.0, "b": 3.5}}, "dense": {"q1": {"b": 0.9, "c": 0.8}}}
    >>> fuse_runs(runs, "rrf", k=60).to_frame().round(4)
      query item   score  rank
    0    q1    b  0.0325   1.0
    1    q1    a  0.0164   2.0
    2    q1    c  0.0161   3.0
    """
    if top is not None:
        check_count("top", top)
    threads = n_threads(n_jobs)
    name, ready = resolve_rule(rule, options)
    named = as_runs(runs, threads)
    checked = None if weights is None else check_weights(weights, tuple(named))
    return fuse_ready(named, name, ready, checked, top, threads)


def fuse_ready(
    runs: Mapping[str, Run], name: str, rule: Any, weights: np.ndarray | None, top: int | None, threads: int
) -> Run:
    """Fuse runs by a rule that is made; ``weights`` are in the order of the runs, or None."""
    if weights is not None and not getattr(rule, "takes_weights", True) and len(np.unique(weights[weights > 0])) > 1:
        raise InvalidOptionError(
            f"rule {name!r} takes no weights but 0, which leaves a member out; received "
            f"{shown(dict(zip(runs, weights.tolist(), strict=True)))}. Take 'comb_sum' or 'rrf'."
        )
    members = [member for k, member in enumerate(runs) if weights is None or weights[k] > 0]
    kept = [runs[member] for member in members]
    used = np.ones(len(kept)) if weights is None else weights[weights > 0]
    order = np.argsort(members)  # no rule sees the order that they came in
    kept, used = [kept[k] for k in order], used[order] / used.max()
    used = used / used.mean()
    fitted = all_fit_ids(run.fit_queries for run in kept)
    both = join_runs(kept)
    parts = in_threads(
        lambda block: _fused(kept, both, used, name, rule, top, block), blocks_of(both.rows_before), threads
    )
    lengths = [part.lengths for part in parts]
    starts = np.zeros(len(both.queries) + 1, dtype=np.int64)
    if not parts:
        return Run._made(both.queries, both.names, Rows(starts, starts[:0], np.empty(0), False), name, fitted)  # pyright: ignore[reportPrivateUsage]
    np.cumsum(np.concatenate(lengths), out=starts[1:])
    item, score = _written([part.item for part in parts], threads), _written([part.score for part in parts], threads)
    rows = Rows(starts, item, score, any(part.tied for part in parts))
    return Run._made(both.queries, both.names, rows, name, fitted)  # pyright: ignore[reportPrivateUsage]


def _written(parts: list[np.ndarray], threads: int) -> np.ndarray:
    """Concatenate arrays in threads, as much of the time goes into getting the memory."""
    ends = np.cumsum([len(part) for part in parts]).tolist()
    whole = np.empty(ends[-1], dtype=parts[0].dtype)

    def write(place: int) -> None:
        whole[ends[place] - len(parts[place]) : ends[place]] = parts[place]

    in_threads(write, range(len(parts)), threads)
    return whole


def _fused(
    runs: list[Run], both: Joined, weights: np.ndarray, name: str, rule: Any, top: int | None, block: tuple[int, int]
) -> Fused:
    pool = Pool(runs, both, weights, *block)
    with np.errstate(over="ignore", invalid="ignore"):
        found = rule.fuse(pool)
    n = len(pool.candidate_query)
    scores = as_scores(found, n)
    if scores is None:
        raise InvalidPredictionsError(
            f"rule {name!r} must return a finite score for each candidate, shape ({n},); it returned "
            f"{shown(found, 100)}. Large scores need a normalisation."
        )
    return sorted_candidates(pool, scores, top)


def resolve_rule(rule: Any, options: Mapping[str, Any]) -> tuple[str, Any]:
    """Make a rule of its name, or take the object; return both."""
    if not isinstance(rule, str):
        if not callable(getattr(rule, "fuse", None)) or isinstance(rule, type):
            raise InvalidOptionError(
                f"rule must be one of {', '.join(map(repr, RULES))}, or an object with a method fuse; received "
                f"{rule!r}."
            )
        if options:
            raise InvalidOptionError(
                f"options go with a rule that is given by name; received {', '.join(options)} beside an object. Give "
                "them to the object."
            )
        return next((name for name, kind in RULES.items() if type(rule) is kind), type(rule).__name__), rule
    check_choice("rule", rule, RULES)
    try:
        return rule, RULES[rule](**options)
    except TypeError as error:
        raise InvalidOptionError(f"rule {rule!r} does not accept these options: {error}.") from None
