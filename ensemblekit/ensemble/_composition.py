"""What scikit-learn needs of an ensemble: nested parameters, clones, tags, metadata routing and the diagram."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Bunch, get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import has_fit_parameter

from ..errors import InvalidOptionError
from ..interfaces import CombinerLike
from ._auto import ask_for
from ._groups import GroupedMember, plan_groups
from ._keras import is_model
from ._members import all_pairs, pairs
from ._parameters import parameters_of, refuse_left_out

__all__ = ["Composition", "routing", "weight_name"]


class Composition(TransformerMixin, BaseEstimator):
    """An estimator that consists of named estimators: those of the parameter ``estimators``."""

    estimators: Any
    combiner: str | CombinerLike
    combiner_options: Any
    cv: Any
    _columns_: Mapping[str, str]

    @property
    def named_estimators(self) -> Bunch:
        """The estimators as given, by name."""
        return Bunch(**dict(all_pairs(self.estimators)))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters; those of the members are called ``member__parameter``.

        Parameters
        ----------
        deep : bool, default=True
            Include the members and their parameters.

        Returns
        -------
        dict
            Name -> value.
        """
        params = super().get_params(deep=deep)
        return params | parameters_of(all_pairs(self.estimators)) if deep else params

    def set_params(self, **params: Any) -> Self:
        """Set parameters: ``cv=3``; ``svm__C=3`` for a member; ``svm=SVC()`` or ``svm="drop"`` for a whole member.

        Parameters
        ----------
        **params : dict
            Name -> value; a member that is None or ``"drop"`` is left out.

        Returns
        -------
        Ensemble
            Itself.
        """
        if "estimators" in params:
            self.estimators = params.pop("estimators")
        names = [name for name, _ in all_pairs(self.estimators)]
        whole = {name: params.pop(name) for name in list(params) if name in names}
        if whole:
            self.estimators = [(name, whole.get(name, estimator)) for name, estimator in all_pairs(self.estimators)]
        for name, estimator in all_pairs(self.estimators):
            refuse_left_out(name, estimator, [key for key in params if key.startswith(f"{name}__")])
        return super().set_params(**params)

    def get_metadata_routing(self) -> MetadataRouter:
        """Tell scikit-learn's metadata routing which parameters go where.

        Returns
        -------
        MetadataRouter
            The ensemble itself takes ``sample_weight`` and ``groups``; members and splitter get what they request.
        """
        router = MetadataRouter(owner=self).add_self_request(self)
        fit = MethodMapping().add(caller="fit", callee="fit")
        for name, estimator in pairs(self.estimators):
            if hasattr(estimator, "get_metadata_routing"):
                router.add(**{name: estimator}, method_mapping=fit)
        if hasattr(self.cv, "get_metadata_routing"):
            router.add(cv=self.cv, method_mapping=MethodMapping().add(caller="fit", callee="split"))
        return router

    def __sklearn_clone__(self) -> Self:
        # Bare Keras models are shared too; see KerasEstimator.
        given = all_pairs(self.estimators)
        if not any(is_model(estimator) for _, estimator in given):
            return BaseEstimator.__sklearn_clone__(self)  # pyright: ignore[reportReturnType]
        bare = copy.copy(self)
        bare.estimators = [(name, None if is_model(estimator) else estimator) for name, estimator in given]
        cloned: Any = BaseEstimator.__sklearn_clone__(bare)
        cloned.estimators = [
            (name, old if is_model(old) else new)
            for (name, old), (_, new) in zip(given, cloned.estimators, strict=True)
        ]
        return cloned

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        known = [e for _, e in pairs(self.estimators) if hasattr(e, "__sklearn_tags__") and not isinstance(e, type)]
        members = [get_tags(estimator).input_tags for estimator in known]
        tags.input_tags.allow_nan = bool(members) and all(m.allow_nan for m in members)
        tags.input_tags.sparse = bool(members) and all(m.sparse for m in members)
        tags.input_tags.three_d_array = any(m.three_d_array for m in members)
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "combiner_")

    def _sk_visual_block_(self) -> Any:
        # All meta-estimators of scikit-learn use this private class for their diagram; it has moved once.
        try:
            from sklearn.utils._repr_html.estimator import _VisualBlock  # pyright: ignore[reportPrivateUsage]
        except ImportError:
            from sklearn.utils._estimator_html_repr import _VisualBlock  # pyright: ignore[reportMissingImports]

        names, estimators = zip(*all_pairs(self.estimators), strict=True)
        members = _VisualBlock("parallel", estimators, names=names, dash_wrapped=False)
        combiner = _VisualBlock(
            "single", None, names=f"combiner: {_short(self.combiner)}", name_details=self._details()
        )
        return _VisualBlock("serial", (members, combiner), dash_wrapped=False)

    def _details(self) -> str:
        return repr(self.combiner) + (f"\n{self.combiner_options!r}" if self.combiner_options else "")

    def _makes_folds(self) -> bool:
        return not isinstance(self.cv, str) and ask_for(self.combiner, self.combiner_options).learns

    def _route(
        self, members: Mapping[str, Any], weight: np.ndarray | None, groups: Any, params: Mapping[str, Any]
    ) -> tuple[Bunch, dict[str, GroupedMember]]:
        given = {} if weight is None else {"sample_weight": weight}
        of_split = {} if groups is None else {"groups": groups}
        plans: dict[str, GroupedMember] = {}
        if groups is not None:
            plans = {name: plan_groups(name, member, routed=routing()) for name, member in members.items()}
        if not routing():
            if params:
                raise InvalidOptionError(
                    f"fit takes X, y, sample_weight, groups and ids; received also {sorted(params)}. To pass them on "
                    "to members, sklearn.set_config(enable_metadata_routing=True)."
                )
            routed = Bunch()
            for name, member in members.items():
                # Weights of classes would tell a member that learns without labels of them.
                fit = (
                    {}
                    if weight is None or self._columns_.get(name) == "features"
                    else {weight_name(name, member): weight}
                )
                fit |= dict.fromkeys(plans[name].fit_names, groups) if name in plans else {}
                routed[name] = Bunch(fit=fit)
        else:
            sent = {**given, **of_split, **params}
            of_all: Any = process_routing(self, "fit", **sent) if sent else {}  # it returns no mapping for nothing
            routed = Bunch(**of_all)
        for name in members:  # a raw Keras model requests nothing, and scikit-learn passes nothing to it
            routed.setdefault(name, Bunch(fit=given))
        # `groups` are the ensemble's own parameter, whether the splitter requests them or not.
        split = dict(routed["cv"].split) if "cv" in routed else {}
        routed["cv"] = Bunch(split=of_split | split)
        return routed, plans


def routing() -> bool:
    """Whether scikit-learn's metadata routing is on."""
    return bool(get_config()["enable_metadata_routing"])


def weight_name(name: str, member: Any) -> str:
    """Name the argument of ``fit`` for weights of rows; refuse a member without one.

    A pipeline takes the weights of its last step under the name of that step.
    """
    steps = getattr(member, "steps", None)
    if steps and not has_fit_parameter(member, "sample_weight"):
        step, last = steps[-1]
        return f"{step}__{weight_name(name, last)}"
    if hasattr(member, "fit") and not is_model(member) and not _takes_weights(member.fit):
        raise InvalidOptionError(
            f"member {name!r} ({type(member).__name__}) makes no use of sample_weight or class_weight. Leave them out, "
            "or take a member that does."
        )
    return "sample_weight"


def _takes_weights(fit: Any) -> bool:
    parameters = inspect.signature(fit).parameters
    return "sample_weight" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def _short(combiner: Any) -> str:
    return combiner if isinstance(combiner, str) else type(combiner).__name__
