"""Options of the function that makes a Keras model, as parameters ``model__NAME`` that a search can set."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Self

from sklearn.base import BaseEstimator

from ...errors import InvalidOptionError
from ...predictions.names import shown
from ._model import is_model

__all__ = ["WithModelOptions", "check_options"]

PREFIX = "model__"
OF_THE_DATA = ("n_outputs", "input_shape")
"""Parameters of the function that `fit` gives."""


class WithModelOptions(BaseEstimator):
    """An estimator whose ``model`` may be a function with options of its own."""

    model: Any
    model_options: Mapping[str, Any] | None = None  # estimators that were saved before have no such option

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters, those of the function that makes the model as ``model__NAME``.

        Parameters
        ----------
        deep : bool, default=True
            Whether those of the function are among them; one without a value and without a default is left out.

        Returns
        -------
        dict of str to object
        """
        params = super().get_params(deep)
        if deep:
            known, _ = _options_of(self.model)
            values = known | self._given_options()
            params |= {PREFIX + name: v for name, v in values.items() if v is not inspect.Parameter.empty}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters; ``model__NAME`` sets an option of the function that makes the model.

        Parameters
        ----------
        **params : object
            Values by name.

        Returns
        -------
        Self
            Itself.

        Raises
        ------
        InvalidOptionError
            If the function has no such option, or ``model`` is a model.
        """
        options = {name.removeprefix(PREFIX): v for name, v in params.items() if name.startswith(PREFIX)}
        super().set_params(**{name: value for name, value in params.items() if not name.startswith(PREFIX)})
        if options:
            merged = self._given_options() | options
            check_options(self.model, merged)
            self.model_options = merged
        return self

    def _given_options(self) -> dict[str, Any]:
        # scikit-learn sets and gets parameters of any type; `fit` refuses what is no mapping.
        return dict(self.model_options) if isinstance(self.model_options, Mapping) else {}


def check_options(model: Any, options: Mapping[str, Any] | None) -> None:
    """Refuse options that the function which makes a model does not have, and required ones that are not given."""
    if options is not None and not isinstance(options, Mapping):
        raise InvalidOptionError(f"model_options must be a mapping of name to value; received {options!r}.")
    options = options or {}
    if is_model(model) and options:
        raise InvalidOptionError(
            f"model_options must be those of a function that makes the model; received {shown([*options])} for "
            f"the model {model.name!r}. Give KerasClassifier or KerasRegressor a function with these parameters."
        )
    known, takes_any = _options_of(model)
    of_the_data = [name for name in options if name in OF_THE_DATA]
    if of_the_data:
        raise InvalidOptionError(
            f"{shown(of_the_data)} cannot be an option: fit gives the function the number of outputs and the shape of "
            "the rows. Leave it out."
        )
    unknown = [name for name in options if name not in known]
    if unknown and not takes_any:
        has = f"it has {shown([*known])}" if known else "it has no options"
        raise InvalidOptionError(
            f"model_options must be parameters of the function that makes the model; received {shown(unknown)}, and "
            f"{has}."
        )
    absent = [n for n, default in known.items() if default is inspect.Parameter.empty and n not in options]
    if absent:
        raise InvalidOptionError(
            f"the function that makes the model needs a value of {shown(absent)}. Give model_options={{name: value}}, "
            f"set {PREFIX}{absent[0]}, or give the parameter a default."
        )


def _options_of(model: Any) -> tuple[dict[str, Any], bool]:
    """Get name -> default of the options of a function, and whether it takes any other."""
    if is_model(model) or not callable(model):
        return {}, False
    try:
        parameters = inspect.signature(model).parameters.values()
    except (TypeError, ValueError):  # some callables in C have no signature
        return {}, True
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    known = {p.name: p.default for p in parameters if p.kind in named and p.name not in OF_THE_DATA}
    return known, any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
