"""Further answers of a classifier: logarithms of probabilities, and decisions of a final estimator."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.metaestimators import available_if

from ._columns import columns_in

__all__ = ["Decides"]


def _head_decides(ensemble: Any) -> bool:
    """Tell whether the final estimator has decisions for every class; before `fit`, whether it will."""
    combiner = vars(ensemble).get("combiner_")
    if combiner is not None:
        head: Any = getattr(combiner, "final_estimator_", None)
        known = hasattr(head, "decision_function") and hasattr(combiner, "decisions")
        return known and ensemble.thresholds is None and len(head.classes_) == len(ensemble.classes_)
    head = ensemble._combiner_params().get("final_estimator")
    stacks = head is None and "combiner__final_estimator" in ensemble.get_params()
    return ensemble.thresholds is None and (stacks or hasattr(head, "decision_function"))


class Decides:
    """A classifier with `predict_log_proba`, and `decision_function` if its combiner has one."""

    classes_: Any

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Compute the logarithm of `predict_proba`; that of 0 is minus infinity.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        ensemble: Any = self
        with np.errstate(divide="ignore"):
            return np.log(ensemble.predict_proba(X))

    @available_if(_head_decides)
    def decision_function(self, X: Any) -> np.ndarray:
        """Decide by the final estimator of ``combiner="stacking"``, if it has a ``decision_function``.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            For two classes positive for the second; else columns in the order of ``classes_``. There are none with
            ``thresholds``, which decide by probabilities.
        """
        ensemble: Any = self
        x = ensemble._check_x(X)
        answered = ensemble._predict_members(x)
        combiner, columns = ensemble.combiner_, columns_in(answered)
        ordered = answered.reorder(members=combiner.members_, classes=combiner.classes_)
        given = {"features": ensemble._features(columns, x)} if ensemble._shows_features_ or columns else {}
        decisions = combiner.decisions(ordered.member_probas, **given)
        if decisions.ndim == 1 or decisions.shape[1] != len(combiner.classes_):
            return decisions
        return decisions[:, [combiner.classes_.index(name) for name in ensemble.output_names_]]
