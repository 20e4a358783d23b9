"""Several runs, named by their members."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from ...arguments import check_count
from ...errors import InvalidOptionError, InvalidPredictionsError
from ...predictions.names import UNNAMED, same_kind, shown
from ...predictions.spellings import check_spellings
from ._run import Run

__all__ = ["as_runs", "check_same_kinds", "in_threads", "n_threads"]

T = TypeVar("T")
R = TypeVar("R")


def n_threads(n_jobs: int | None) -> int:
    """Count the threads that are used: as asked, >= 1, or one a processor that this process may use."""
    if n_jobs is not None:
        check_count("n_jobs", n_jobs)
        return n_jobs
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_threads(function: Callable[[T], R], tasks: Sequence[T], n_jobs: int) -> list[R]:
    """Call a function for each task, in threads; NumPy releases the lock of the interpreter."""
    if n_jobs == 1 or len(tasks) < 2:
        return [function(task) for task in tasks]
    with ThreadPoolExecutor(n_jobs) as pool:
        return list(pool.map(function, tasks))


def as_runs(runs: Any, n_jobs: int = 1) -> dict[str, Run]:
    """Name several runs, and make those that are tables or files.

    Parameters
    ----------
    runs : mapping of str to Run, table or path, or sequence of them
        In a sequence a run has the name of its member, or ``#1``, ``#2`` and so on.
    n_jobs : int, default=1
        Number of threads.

    Returns
    -------
    dict of str to Run

    Raises
    ------
    InvalidPredictionsError
        If there is no run, two have one name, or their queries or items are of different kinds.
    """
    if isinstance(runs, Run) or (not isinstance(runs, Mapping) and (isinstance(runs, str) or not _is_list(runs))):
        raise InvalidOptionError(
            f"runs must be a mapping of member to run, or a list of runs; received {shown(runs, 100)} of the type "
            f"{type(runs).__name__}."
        )
    given = list(runs.items()) if isinstance(runs, Mapping) else [(None, run) for run in runs]
    made = in_threads(_made, given, n_jobs)
    names = [run.member or f"{UNNAMED}{place}" for place, run in enumerate(made, 1)]
    if not names or len({*names}) < len(names):
        raise InvalidPredictionsError(
            f"runs must be one or more with different names; received {shown(names)}. Name them: {{'bm25': run, ...}}."
        )
    check_spellings(names, "names of runs")
    named = dict(zip(names, made, strict=True))
    check_same_kinds(named)
    return named


def _is_list(runs: Any) -> bool:
    return isinstance(runs, Sequence) or (hasattr(runs, "__iter__") and not hasattr(runs, "columns"))


def _made(given: tuple[Any, Any]) -> Run:
    name, run = given
    if name is not None and not isinstance(name, str):
        raise InvalidOptionError(f"the name of a member must be text; received {name!r}.")
    if isinstance(run, Run):
        return run if name in (None, run.member) else run.rename(name)
    if isinstance(run, str | os.PathLike):
        return Run.load(run, member=name)
    return Run(run, member=name)


def check_same_kinds(runs: Mapping[str, Any]) -> None:
    """Refuse runs of which some name queries or items by text and some by numbers."""
    filled = [(name, run) for name, run in runs.items() if len(run)]
    for what, kind in (("queries", _query_kind), ("items", _item_kind)):
        kinds = {name: kind(run) for name, run in filled}
        if len({*kinds.values()}) > 1:
            first = next(iter(kinds))
            other = next(name for name in kinds if kinds[name] != kinds[first])
            raise InvalidPredictionsError(
                f"{what} must be of one kind, all text or all whole numbers; received {kinds[first]} from "
                f"{shown(first)} and {kinds[other]} from {shown(other)}. Name them in one way, or read files with "
                "ids='numbers'."
            )


def _query_kind(run: Any) -> Hashable:
    return "whole numbers" if same_kind(run.queries, np.empty(0, dtype=np.int64)) else "text"


def _item_kind(run: Any) -> Hashable:
    return "whole numbers" if run.item_names is None else "text"
