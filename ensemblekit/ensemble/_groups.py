"""Take groups to every part of a member that makes folds of its own, or refuse them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from ..errors import InvalidOptionError
from ._members import pairs
from ._rows import take
from ._splits import Fold, split_rows

__all__ = ["GroupedMember", "inner_folds", "plan_groups"]

ALL_ROWS = {
    "Pipeline": "steps",
    "FeatureUnion": "transformer_list",
    "ColumnTransformer": "transformers",
    "VotingClassifier": "estimators",
    "VotingRegressor": "estimators",
    "TransformedTargetRegressor": "regressor",
    "OneVsRestClassifier": "estimator",
    "SelectFromModel": "estimator",
}
"""Classes of scikit-learn that fit their parts on all rows that they get, by the parameter that holds the parts."""

BY_ROW = ("RidgeCV", "RidgeClassifierCV")
"""Classes of scikit-learn that leave out one row at a time if ``cv`` is None."""


@dataclass(frozen=True)
class GroupedMember:
    """What a member needs so that no part of it divides a group.

    Attributes
    ----------
    fit_names : list of str
        Names under which ``fit`` takes the groups: ``groups``, or ``step__groups`` for a step of a pipeline.
    folds : dict
        Name of each parameter ``cv`` that is to be replaced by folds -> whether they are of a classifier.
    """

    fit_names: list[str] = field(default_factory=list)
    folds: dict[str, bool] = field(default_factory=dict)


def plan_groups(name: str, member: Any, *, routed: bool) -> GroupedMember:
    """Find the parts of a member that need groups.

    Parameters
    ----------
    name : str
        Name of the member, for errors.
    member : estimator
        Not fitted.
    routed : bool
        Whether scikit-learn's metadata routing passes the groups to what requests them.

    Returns
    -------
    GroupedMember
        Empty if no part makes folds.

    Raises
    ------
    InvalidOptionError
        If a part needs groups, and nothing can pass them to it.
    """
    plan = GroupedMember()
    _visit(name, member, "", plan, passes=True, routed=routed)
    return plan


def _visit(name: str, part: Any, prefix: str, plan: GroupedMember, *, passes: bool, routed: bool) -> None:
    if _is_ensemble(part):
        if isinstance(part.cv, str):
            return
        if not routed and _needs_groups(part, routed):
            if not passes:
                raise InvalidOptionError(_unreachable(name, part))
            plan.fit_names.append(f"{prefix}groups")
        for inner_name, inner in pairs(part.estimators):
            plan_groups(f"{name}, {inner_name}", inner, routed=routed)
        return
    if not hasattr(part, "get_params") or isinstance(part, type):
        return
    if not routed and _takes_groups(part):
        if not passes:
            raise InvalidOptionError(_unreachable(name, part))
        plan.fit_names.append(f"{prefix}groups")
    if _makes_folds(part) and not (routed and _consumes_groups(part.cv)):
        if part.cv is None and type(part).__name__ in BY_ROW:
            raise InvalidOptionError(
                f"groups must not be divided by the folds of a member; {type(part).__name__} in member {name!r} leaves "
                "out one row at a time. Give it cv=5, which keeps groups together."
            )
        plan.folds[f"{prefix}cv"] = is_classifier(part)
    of_all = ALL_ROWS.get(type(part).__name__) if _is_sklearn(part) else None
    for parameter, step, inner in _parts(part):
        if parameter == of_all:
            inner_prefix = f"{prefix}{step or parameter}__"
            is_step = parameter == "steps" and not routed
            _visit(name, inner, inner_prefix, plan, passes=passes and is_step, routed=routed)
        elif (found := _first_needing(inner, routed)) is not None:
            raise InvalidOptionError(_unreachable(name, found, part))


def _unreachable(name: str, part: Any, around: Any = None) -> str:
    inside = "" if around is None else f" inside of {type(around).__name__}"
    return (
        f"groups must reach every part of a member that makes folds, or they are divided there; {type(part).__name__}"
        f"{inside} in member {name!r} cannot be given them. Make it a member of its own or the last step of a "
        "Pipeline, let it request them with sklearn.set_config(enable_metadata_routing=True), or leave out groups."
    )


def _parts(part: Any) -> Iterator[tuple[str, str, Any]]:
    """List the estimators among the parameters: parameter, own name or "", estimator."""
    for parameter, value in part.get_params(deep=False).items():
        if isinstance(value, (list, tuple)):
            for item in value:
                if isinstance(item, (list, tuple)) and len(item) > 1 and isinstance(item[0], str):
                    yield parameter, item[0], item[1]
                else:
                    yield parameter, "", item
        else:
            yield parameter, "", value


def _first_needing(part: Any, routed: bool) -> Any:
    """Find the first part that needs groups; None if there is none."""
    if not hasattr(part, "get_params") or isinstance(part, type):
        return None
    if _needs_groups(part, routed):
        return part
    return next((f for _, _, inner in _parts(part) if (f := _first_needing(inner, routed)) is not None), None)


def _needs_groups(part: Any, routed: bool) -> bool:
    if _is_ensemble(part):
        inner = [estimator for _, estimator in pairs(part.estimators)]
        return not routed and (part._makes_folds() or any(_first_needing(one, routed) is not None for one in inner))
    if _makes_folds(part):
        return not (routed and _consumes_groups(part.cv))
    return not routed and _takes_groups(part)


def _makes_folds(part: Any) -> bool:
    cv = getattr(part, "cv", False) if "cv" in part.get_params(deep=False) else False
    if cv is None:
        return _is_sklearn(part)
    is_number = isinstance(cv, (int, np.integer)) and not isinstance(cv, bool)
    return is_number or hasattr(cv, "split")


def _consumes_groups(cv: Any) -> bool:
    if not hasattr(cv, "get_metadata_routing"):
        return False
    return bool(cv.get_metadata_routing().consumes("split", ["groups"]))


def _takes_groups(part: Any) -> bool:
    try:
        return "groups" in inspect.signature(part.fit).parameters
    except (AttributeError, TypeError, ValueError):
        return False


def _is_ensemble(part: Any) -> bool:
    return hasattr(part, "_makes_folds") and not isinstance(part, type)


def _is_sklearn(part: Any) -> bool:
    return type(part).__module__.partition(".")[0] == "sklearn"


def inner_folds(
    members: Mapping[str, Any],
    plans: Mapping[str, GroupedMember],
    folds: list[Fold],
    X: Any,
    y: np.ndarray,
    groups: Any,
) -> dict[tuple[str, int], dict[str, Any]]:
    """Make the folds of the members' own parts, for all rows and for the rows that each fold fits on.

    Parameters
    ----------
    members : dict
        Name -> estimator, not fitted.
    plans : dict
        Name -> result of `plan_groups`; empty without groups.
    folds : list of Fold
        Folds of the ensemble.
    X, y, groups : array-like of n_samples rows
        All rows.

    Returns
    -------
    dict
        (name, number of the fold, 0 for all rows) -> name of each parameter ``cv`` -> pairs of row numbers.
    """
    made: dict[tuple[str, int], dict[str, Any]] = {}
    every = [(number, fold.train) for number, fold in enumerate(folds, 1)]
    for name, plan in plans.items():
        params = members[name].get_params() if plan.folds else {}
        for number, rows in [(0, np.arange(len(y))), *every] if plan.folds else ():
            if number and len(np.unique(y[rows])) == 1:
                continue  # no member is fitted on one class
            of_part = made.setdefault((name, number), {})
            for parameter, classifier in plan.folds.items():
                cv = 5 if params[parameter] is None else params[parameter]
                split = split_rows(
                    cv,
                    take(X, rows),
                    y[rows],
                    groups=np.asarray(groups)[rows],
                    params={},
                    classifier=classifier,
                    of=f" of {parameter} of member {name!r}",
                )
                of_part[parameter] = [(fold.train, fold.test) for fold in split]
    return made
