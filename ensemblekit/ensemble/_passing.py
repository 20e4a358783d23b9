"""Parameters of `predict` that scikit-learn's metadata routing passes to members."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing

from ..errors import InvalidOptionError
from ._composition import routing
from ._members import pairs
from ._nested import NestedParameters

__all__ = ["PassesParameters"]

CALLERS = ("predict", "predict_proba", "decision_function", "transform")


class PassesParameters(NestedParameters):
    """An ensemble that passes parameters of its predictions to the members that request them."""

    named_estimators_: Any

    def get_metadata_routing(self) -> MetadataRouter:
        """Tell scikit-learn's metadata routing which parameters go where.

        Returns
        -------
        MetadataRouter
            The ensemble itself takes ``sample_weight`` and ``groups``; members, splitter and the final estimator of the
            combiner, called ``combiner`` here, get what they request. Parameters of `predict` go to the method by which
            a member is asked.
        """
        router = super().get_metadata_routing()
        for name, estimator in pairs(self.estimators):
            if hasattr(estimator, "get_metadata_routing"):
                mapping = MethodMapping().add(caller="fit", callee="fit")
                for caller in CALLERS:
                    mapping.add(caller=caller, callee=self._method_of(name, estimator))
                router.add(**{name: estimator}, method_mapping=mapping)
        return router

    def _method_of(self, name: str, estimator: Any) -> str:
        known = vars(self).get("response_methods_", {}).get(name)
        return known or ("predict_proba" if hasattr(estimator, "predict_proba") else "predict")

    def _members_with(self, caller: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Take the fitted members, each with the parameters that it requests."""
        if not params:
            return self.named_estimators_
        if not routing():
            raise InvalidOptionError(
                f"{caller} takes X; received also {sorted(params)}. To pass them on to members, "
                "sklearn.set_config(enable_metadata_routing=True), and let the members request them."
            )
        routed: Any = process_routing(self, caller, **params)
        members = {}
        for name, member in self.named_estimators_.items():
            given = dict(getattr(routed.get(name), self._method_of(name, member), {}))
            members[name] = _WithParameters(member, self._method_of(name, member), given) if given else member
        return members


class _WithParameters:
    """A fitted member of which one method is called with further parameters."""

    def __init__(self, member: Any, method: str, params: Mapping[str, Any]) -> None:
        self._member = member
        setattr(self, method, functools.partial(getattr(member, method), **params))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._member, name)
