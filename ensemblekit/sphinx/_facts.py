"""What a plugin says of itself in attributes: traits, kinds of values, and what it takes."""

from __future__ import annotations

import inspect
import math
from typing import Any

from ..interfaces import TRAITS
from ..registry import Registration

__all__ = ["facts_of", "made", "members_of"]

METHODS = {"backbone": "build", "head": "build", "chainer": "chain"}
PROMISES = {
    "symmetric": "the order of the members changes nothing",
    "idempotent": "equal members give that member",
    "bounded": "each value lies between those of the members",
    "class_equivariant": "permuted classes give the permuted result",
    "graphable": "it runs inside a Keras model",
}
NEEDS = {"probabilities": "probabilities", "decisions": "the predicted classes alone", "numbers": "numbers"}


def made(registration: Registration) -> Any:
    """Make a plugin without options; of one that cannot be made so, its class or function.

    Parameters
    ----------
    registration : Registration
        The plugin.

    Returns
    -------
    object
        Has the attributes that the kind promises.
    """
    if any(option.required for option in registration.options):
        return registration.factory
    try:
        return registration.factory()
    except Exception:  # it needs what is not here, such as a file or a package; what its class declares is shown
        return registration.factory


def members_of(plugin: Any, name: str, default: Any = ()) -> list[str]:
    """List the words of an attribute of a plugin.

    Parameters
    ----------
    plugin : object
        The plugin.
    name : str
        Such as ``traits``.
    default : sequence of str
        If it has no such attribute.

    Returns
    -------
    list of str
        In alphabetical order.
    """
    found = getattr(plugin, name, default)
    return sorted(map(str, found)) if isinstance(found, (set, frozenset, tuple, list)) else sorted(default)


def facts_of(registration: Registration) -> list[tuple[str, str]]:
    """Say what a plugin promises, as rows of a table.

    Parameters
    ----------
    registration : Registration
        The plugin.

    Returns
    -------
    list of (str, str)
        What, and the answer.
    """
    plugin = made(registration)
    describe = {"combiner": _combiner, "metric": _metric, "task": _task}.get(registration.kind)
    return describe(plugin) if describe else _built(registration, plugin)


def _yes(value: Any) -> str:
    return "yes" if value else "no"


def _listed(words: list[str]) -> str:
    return ", ".join(f"``{word}``" for word in words) or "none"


def _combiner(rule: Any) -> list[tuple[str, str]]:
    traits = members_of(rule, "traits")
    takes = members_of(rule, "takes", _parameters(rule.combine))
    fit_takes = members_of(rule, "fit_takes", _parameters(getattr(rule, "fit", None)))
    rows = [("Kinds of tasks", _listed(members_of(rule, "tasks", ("multiclass", "multilabel", "regression"))))]
    if members_of(rule, "not_for"):
        rows.append(("Not for", _listed(members_of(rule, "not_for"))))
    rows += [(f"``{trait}``: {promise}", _yes(trait in traits)) for trait, promise in PROMISES.items()]
    rows += [(f"``{trait}``", "yes") for trait in traits if trait not in TRAITS]
    rows.append(("``learns``: it must be fitted first", _yes("learns" in traits)))
    if "learns" in traits:
        rows.append(("Needs labels to be fitted", _yes(getattr(rule, "needs_labels", True))))
        rows.append(("Learns from weights of rows", _yes("sample_weight" in fit_takes)))
    rows.append(("Takes members that lack rows", _yes("present" in takes)))
    rows.append(("Takes features of the samples", _yes("features" in {*takes, *fit_takes})))
    grid = getattr(rule, "grid", ())
    if not callable(grid) and grid:
        tried = "; ".join(", ".join(f"``{key}={value!r}``" for key, value in each.items()) for each in grid)
        rows.append(("``choose`` also tries", tried))
    return rows


def _metric(metric: Any) -> list[tuple[str, str]]:
    return [
        ("Tasks, or kinds of tasks", _listed(members_of(metric, "tasks", ("multiclass",)))),
        ("Better is", "greater" if getattr(metric, "higher_is_better", True) else "smaller"),
        ("Range", " to ".join(map(_bound, getattr(metric, "range", (0.0, 1.0))))),
        ("Looks at", NEEDS.get(str(getattr(metric, "needs", "")), "probabilities")),
        ("Takes several places a row, such as masks", _yes(getattr(metric, "dense", False))),
        ("One class or output alone, ``of``", _yes(getattr(metric, "by_class", False))),
        ("The order of the classes means something", _yes(getattr(metric, "ordered", False))),
        ("A mean over rows", _yes(getattr(metric, "is_mean", False))),
        ("Resampled all at once", _yes(not getattr(metric, "loops", True))),
    ]


def _bound(value: float) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return "0" if abs(value) < 1e-6 else f"{value:.4g}"


def _task(task: Any) -> list[tuple[str, str]]:
    return [
        ("Kind of values", f"``{getattr(task, 'kind', 'multiclass')}``"),
        ("Default metrics; the first decides", ", ".join(f"``{name}``" for name in getattr(task, "metrics", ()))),
        (
            "Default metrics of several places a row",
            ", ".join(f"``{name}``" for name in getattr(task, "dense_metrics", ())) or "none",
        ),
        ("The order of the classes means something", _yes(getattr(task, "ordered", False))),
        ("A label is what its prediction should have been", _yes(getattr(task, "labels_are_values", True))),
    ]


def _built(registration: Registration, plugin: Any) -> list[tuple[str, str]]:
    name = METHODS[registration.kind]
    method = getattr(plugin, name, None)
    try:
        signature = inspect.signature(method) if method is not None else inspect.Signature()
    except (TypeError, ValueError):
        return []
    takes = [p for p in signature.parameters if p != "self"]
    returns = signature.return_annotation
    rows = [("Method", f"``{name}({', '.join(takes)})``")]
    if returns is not signature.empty and returns not in (Any, "Any"):
        rows.append(("It makes", f"``{returns if isinstance(returns, str) else inspect.formatannotation(returns)}``"))
    needs = {"keras.Model": "Keras", "Pipeline": "scikit-learn"}.get(str(returns).rpartition("| ")[2])
    return [*rows, ("Needs", needs)] if needs else rows


def _parameters(method: Any) -> tuple[str, ...]:
    return tuple(inspect.signature(method).parameters) if callable(method) else ()
