"""What scikit-learn needs of layers of members: nested parameters and tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from sklearn.base import BaseEstimator
from sklearn.utils import get_tags

from ..errors import InvalidOptionError
from ..interfaces import CombinerLike
from ._members import all_pairs, pairs
from ._parameters import parameters_of, refuse_left_out

__all__ = ["LayeredParameters"]


class LayeredParameters(BaseEstimator):
    """The parameters of layers of named members."""

    def __init__(
        self,
        layers: Any,
        *,
        combiner: str | CombinerLike = "super_learner",
        combiner_options: Mapping[str, Any] | None = None,
        cv: Any = 5,
        passthrough: bool = True,
        metric: Any = None,
        patience: int | None = 1,
        time_limit: float | None = None,
        n_jobs: int | None = None,
        verbose: int | bool = 0,
    ) -> None:
        self.layers = layers
        self.combiner = combiner
        self.combiner_options = combiner_options
        self.cv = cv
        self.passthrough = passthrough
        self.metric = metric
        self.patience = patience
        self.time_limit = time_limit
        self.n_jobs = n_jobs
        self.verbose = verbose

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters; those of the members are called ``layer1__member__parameter``.

        Parameters
        ----------
        deep : bool, default=True
            Include the members and their parameters.

        Returns
        -------
        dict
            Name -> value.
        """
        params = super().get_params(deep=False)
        given = self.layers if deep and isinstance(self.layers, (list, tuple)) else ()
        for number, layer in enumerate(given, 1):
            params |= parameters_of([(f"layer{number}__{name}", estimator) for name, estimator in all_pairs(layer)])
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters: ``cv=3``; ``layer2__svm__C=3`` for a member; ``layer1__svm="drop"`` for a whole member.

        Parameters
        ----------
        **params : dict
            Name -> value; a member that is None or ``"drop"`` is left out.

        Returns
        -------
        LayeredParameters
            Itself.
        """
        if "layers" in params:
            self.layers = params.pop("layers")
        whole = {key: params.pop(key) for key in list(params) if key.startswith("layer") and key.count("__") == 1}
        known = self.get_params()
        set_anew = tuple(f"{key}__" for key in whole)
        if unknown := sorted(key for key in {*whole, *params} if key not in known and not key.startswith(set_anew)):
            raise InvalidOptionError(f"parameters must be those of get_params; received also {unknown}.")
        if whole:
            self.layers = [
                [(name, whole.get(f"layer{number}__{name}", estimator)) for name, estimator in all_pairs(layer)]
                for number, layer in enumerate(self.layers, 1)
            ]
            known = self.get_params()
        for key, value in params.items():
            if "__" not in key:
                setattr(self, key, value)
                continue
            layer, name, *path = key.split("__")
            refuse_left_out(f"{layer}__{name}", known[f"{layer}__{name}"], [key])
            known[f"{layer}__{name}"].set_params(**{"__".join(path): value})
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        first = pairs(self.layers[0]) if isinstance(self.layers, (list, tuple)) and self.layers else []
        known = [get_tags(e).input_tags for _, e in first if hasattr(e, "__sklearn_tags__") and not isinstance(e, type)]
        only = len(self.layers) == 1 if known else False
        tags.input_tags.allow_nan = bool(known) and all(m.allow_nan for m in known) and (only or not self.passthrough)
        tags.input_tags.sparse = bool(known) and all(m.sparse for m in known)
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "combiner_")
