"""The candidates: every rule that is suitable, each with a few sets of options."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..combining import ask
from ..errors import InvalidOptionError
from ..interfaces import CombinerLike
from ..kinds import kind_of
from ..predictions.names import shown
from ..printed import printable
from ..registry import default_registry
from ._best import BestMembers
from ._costs import Budget, WithinCost, budgets_of

__all__ = ["BEST", "MEAN", "SINGLE", "Candidate", "check_rules", "find_candidates", "reason_of"]

BEST, MEAN = "best member", "mean"
"""Names of the candidates that are always there."""
FOR = "it is for"
MOST_BEST = 3
"""Of the best members, at most so many are averaged."""
SINGLE, PLAIN, LIKE_MEAN, WEIGHTS, OTHER, WRAPPED = range(6)
"""Levels of simplicity: the best member, the plain mean, rules like it, learned weights, others, rules of rules."""


@dataclass(frozen=True)
class Candidate:
    """A rule with options.

    Attributes
    ----------
    name : str
        The rule and its options, such as ``trimmed_mean(proportion=0.4)``.
    combiner : Combiner or None
        Not fitted; None if it cannot be made.
    level : float
        How simple it is; the simplest are 0.
    reason : str
        Why it is left out; empty if it is not.
    """

    name: str
    combiner: Any
    level: float
    reason: str = ""

    @property
    def learns(self) -> bool:
        """Whether it must be fitted."""
        return ask(self.combiner).learns


def check_rules(rules: Any) -> None:
    """Refuse rules that are not a list; what is in it is checked one by one."""
    if rules is not None and (isinstance(rules, (str, bytes, Mapping)) or not isinstance(rules, Sequence)):
        raise InvalidOptionError(
            f"rules must be a list of registered names and combiners, such as rules=['mean', 'stacking']; received "
            f"{shown(rules)}."
        )


def find_candidates(
    rules: Sequence[str | CombinerLike] | None,
    *,
    task: str,
    measured: Any,
    metric: Any,
    n_members: int,
    seed: int,
    costs: Mapping[str, float] | None = None,
    max_cost: float | None = None,
) -> list[Candidate]:
    """List the candidates, the simplest first: the best member, the mean, and then the others by level and name.

    Parameters
    ----------
    rules : sequence of str or Combiner, or None
        Registered names and combiners; by default all that are registered.
    task : str
        Task of the predictions. Rules that are neither for it nor for its kind are left out.
    measured : Metric
        By which the best members are found.
    metric : str, callable or None
        As the caller gave it, for rules that take a metric; they are tried with their default too.
    n_members : int
        Number of members.
    seed : int
        Given to rules that take a seed.
    costs, max_cost
        As in `choose`, checked.

    Returns
    -------
    list of Candidate
        At least the best member and the mean. Those with a ``reason`` are left out.
    """
    registry = default_registry()
    named = [*registry.combiners] if rules is None else [rule for rule in rules if isinstance(rule, str)]
    given = [] if rules is None else [rule for rule in rules if not isinstance(rule, str)]
    found = {BEST: Candidate(BEST, BestMembers(1, measured), SINGLE), MEAN: _make(MEAN, {}, task, seed)}
    for n in range(2, min(MOST_BEST + 1, n_members)) if rules is None else ():
        found[f"best {n} members"] = Candidate(f"best {n} members", BestMembers(n, measured), WEIGHTS)
    for rule in sorted({*named}):
        for options in _option_sets(registry.combiners[rule], kind_of(task), metric):
            candidate = _make(rule, options, task, seed)
            if rules is None and candidate.reason.startswith(FOR):
                continue  # it does not suit this task
            found.setdefault(candidate.name, candidate)
    for combiner in given:
        candidate = _of_object(combiner, task)
        if candidate.name in found:
            raise InvalidOptionError(
                f"rules must have different names; {candidate.name!r} is there twice. Give each combiner once."
            )
        found[candidate.name] = candidate
    if costs is not None:
        found = _within(found, costs, max_cost, measured)
    return sorted(found.values(), key=lambda candidate: candidate.level)


def _within(
    found: Mapping[str, Candidate], costs: Mapping[str, float], max_cost: float | None, measured: Any
) -> dict[str, Candidate]:
    """Fit rules on the members that can be afforded, and add the means of cheaper ones, the simpler the cheaper."""
    within = dict(found)
    if max_cost is not None and sum(costs.values()) > max_cost:
        budget = Budget(costs, max_cost, measured)
        single = BestMembers(1, measured, [name for name in costs if budget.affords([name])])
        within = {BEST: replace(found[BEST], combiner=single)}
        for name, one in found.items():
            if not isinstance(one.combiner, BestMembers):
                within[name] = one if one.reason else replace(one, combiner=WithinCost(one.combiner, budget))
    limits = budgets_of(costs, max_cost)
    for place, limit in enumerate(limits, 1):
        name, level = f"mean within {limit:g}", SINGLE + place / (len(limits) + 1)
        within[name] = Candidate(name, WithinCost(found[MEAN].combiner, Budget(costs, limit, measured)), level)
    return within


def _option_sets(factory: Any, kind: str, metric: Any) -> list[dict[str, Any]]:
    declared: Any = getattr(factory, "grid", ())
    options: Any = declared(kind) if callable(declared) else declared
    sets: list[dict[str, Any]] = [{}, *({**one} for one in options)]
    if metric is not None and "metric" in _parameters(factory):
        sets = [with_it for options in sets for with_it in (options, {"metric": metric, **options})]
    return sets


def _parameters(factory: Any) -> Mapping[str, Any]:
    try:
        return inspect.signature(factory).parameters
    except (TypeError, ValueError):  # a class of C, or something that is no function
        return {}


def _make(rule: str, options: Mapping[str, Any], task: str, seed: int) -> Candidate:
    registry = default_registry()
    shown = ", ".join(f"{option}={_shown(value)}" for option, value in options.items())
    name = f"{rule}({shown})" if shown else rule
    parameters = _parameters(registry.combiners[rule])
    drawn = {"seed": seed} if "seed" in parameters and "seed" not in options else {}
    try:
        combiner = registry.create_combiner(rule, **options, **drawn)
        refused = _refused(combiner, task)
        level = _level(rule, combiner, wraps="inner" in parameters)
    except Exception as error:  # a stranger's rule may raise anything
        return Candidate(name, None, OTHER, reason_of(error))
    return Candidate(name, combiner, level, refused)


def _of_object(combiner: Any, task: str) -> Candidate:
    asked = ask(combiner)
    name = printable(repr(combiner)) if hasattr(type(combiner), "traits") else asked.name
    return Candidate(name, combiner, _level("", combiner, wraps=hasattr(combiner, "inner")), _refused(combiner, task))


def _refused(combiner: Any, task: str) -> str:
    asked = ask(combiner)
    other = f", but not {task}" if task in asked.not_for else ""
    return "" if asked.is_for(task) else f"{FOR} {', '.join(sorted(asked.tasks))}{other}"


def _level(rule: str, combiner: Any, *, wraps: bool) -> int:
    asked = ask(combiner)
    if rule == MEAN:
        return PLAIN
    if wraps:
        return WRAPPED
    if asked.learns:
        return WEIGHTS if {"idempotent", "bounded", "class_equivariant"} <= asked.traits else OTHER
    return LIKE_MEAN if {"idempotent", "bounded", "symmetric"} <= asked.traits else OTHER


def _shown(value: Any) -> str:
    name = getattr(value, "name", None) or getattr(value, "__name__", None)
    return str(name) if isinstance(name, str) else str(value) if isinstance(value, str) else repr(value)


def reason_of(error: Exception) -> str:
    """Write an error in one line."""
    return printable(f"{type(error).__name__}: {error}".partition("\n")[0])
