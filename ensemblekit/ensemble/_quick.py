"""Ask members of whom nothing must be matched: estimators of scikit-learn that know every class, in order."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from ._answers import in_order, one_a_row, votes_for
from ._rows import n_rows

__all__ = ["quick_arrays"]


def quick_arrays(
    members: Mapping[str, Any], X: Any, names: Mapping[Any, Hashable] | None, methods: Mapping[str, str]
) -> dict[str, np.ndarray] | None:
    """Ask every member, as `MemberPredictor.answer` does, if none needs more than its own method.

    Parameters
    ----------
    members : mapping of str to estimator
        Fitted.
    X : object
        Rows.
    names : mapping of label to class name, or None
        None for regression.
    methods : mapping of str to str
        Member -> method by which it is asked.

    Returns
    -------
    dict of str to array, or None
        Member -> values with a column for each class; they are not checked. None, and no member was asked, if one is
        no estimator of scikit-learn, knows other classes, or answers with decisions.
    """
    labels = [] if names is None else [*names]
    for name, member in members.items():
        if not isinstance(member, BaseEstimator):
            return None
        if names is None:
            continue
        known = getattr(member, "classes_", None)
        if type(known) is not np.ndarray or known.tolist() != labels:
            return None
        if methods.get(name) not in ("predict_proba", "predict"):
            return None
    n, arrays = n_rows(X), dict[str, np.ndarray]()
    for name, member in members.items():
        if names is not None and methods[name] == "predict_proba":
            probas = member.predict_proba(X)
            plain = type(probas) is np.ndarray
            arrays[name] = probas if plain else in_order(probas, labels, X, f"predict_proba of member {name!r}")
            continue
        values = member.predict(X)
        if type(values) is not np.ndarray or values.shape != (n,):
            values = one_a_row(values, X, f"predict of member {name!r}")
        arrays[name] = values[:, np.newaxis] if names is None else votes_for(values, labels, name)
    return arrays
