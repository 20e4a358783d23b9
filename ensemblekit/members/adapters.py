"""Models of other frameworks as callables of NumPy arrays: PyTorch modules, and sessions of ONNX Runtime."""

from __future__ import annotations

import os
from typing import Any, Literal

import numpy as np

from ..errors import CompatibilityError, EnsembleKitError, InvalidOptionError
from ._onnx_model import OnnxCallable, is_session
from ._torch_module import TorchCallable, is_module
from .meaning import Activation
from .onnx_files import new_session

__all__ = ["AdaptedModel", "Channels", "adapt"]

Channels = Literal["first", "last"]
"""Where a model takes the channels of images."""


class AdaptedModel:
    """A model of another framework, with what is done before and after it.

    Attributes
    ----------
    model : object
        The model as it was given.
    classes : list or None
        Names of its outputs, if it knows them.
    """

    def __init__(self, run: Any, name: str, activation: Activation | None, channels: Channels | None) -> None:
        self._run, self._name, self._activation, self._channels = run, name, activation, channels
        self.model, self.classes = run.model, run.classes

    def __call__(self, x: Any) -> Any:
        """Predict a batch, an array, or a mapping or tuple of arrays; return what the model gives, maybe by name."""
        given = _mapped(x, self._for_model)
        try:
            return self._run(given, self._name)
        except EnsembleKitError:
            raise
        except Exception as error:  # the code of the model is the user's, and ONNX Runtime has errors of its own
            parts = given.values() if hasattr(given, "items") else given if isinstance(given, tuple) else [given]
            shapes = [tuple(part.shape) for part in parts]
            told = dict(zip(given, shapes, strict=True)) if hasattr(given, "items") else shapes
            reason = (str(error).splitlines() or [""])[0].rstrip(" .")
            raise CompatibilityError(
                f"member {self._name!r} cannot run on inputs of shape {told}: {type(error).__name__}: {reason}. If "
                "channels, names of inputs or the device are wrong, give as_member(..., channels='first'), "
                "{name: array} or device=."
            ) from error

    def _for_model(self, part: Any) -> Any:
        if hasattr(part, "detach"):  # a torch tensor, which has its channels where PyTorch has them
            return part
        part = np.asarray(part)
        return np.ascontiguousarray(np.moveaxis(part, -1, 1)) if self._channels == "first" and part.ndim > 2 else part

    def finish(self, output: np.ndarray) -> np.ndarray:
        """Turn the output that is taken to ``(n_samples, ..., n_classes)``, ready for the activation."""
        if output.ndim > 2 and self._channels is None:
            raise InvalidOptionError(
                f"member {self._name!r} gives outputs of shape {output.shape}, of which nobody can know where the "
                "classes stand. Say where it takes and gives channels: as_member(..., channels='first') or 'last'."
            )
        output = np.moveaxis(output, 1, -1) if output.ndim > 2 and self._channels == "first" else output
        if self._activation == "softmax" and output.shape[-1:] == (1,):
            raise InvalidOptionError(
                f"softmax over one output is 1 for every row; member {self._name!r} has one output. One output is "
                "taken with activation='sigmoid'."
            )
        if self._activation == "softmax" and _are_probabilities(output):
            raise _already(self._name, "softmax")
        return output.astype(np.float32) if output.dtype.itemsize < 4 else output


def adapt(
    model: Any,
    *,
    name: str,
    is_regression: bool = False,
    channels: Channels | None = None,
    activation: Activation | None = None,
    device: Any = None,
) -> Any:
    """Adapt a PyTorch module, an ONNX file or a session; leave any other model as it is.

    Parameters
    ----------
    model : object
        Any model.
    name : str
        Name of the member, for errors.
    is_regression : bool, default=False
        Whether its outputs are values, so that it needs no activation.
    channels : {"first", "last"}, optional
        Where the model takes channels.
    activation : {"sigmoid", "softmax", "linear"}, optional
        What is applied to its outputs.
    device : object, optional
        Device of PyTorch.

    Returns
    -------
    object
        An `AdaptedModel`, or the model itself.

    Raises
    ------
    InvalidOptionError
        If the activation is not told, or an option is not for this model.
    """
    if isinstance(model, (str, os.PathLike)) and os.fspath(model).lower().endswith(".onnx"):
        model, _ = new_session(model)
    if is_module(model):
        run: Any = TorchCallable(model, device)
    elif is_session(model):
        run = OnnxCallable(model)
    else:
        run = None
    if run is None and channels is None and device is None:
        return model
    if run is None or (device is not None and not isinstance(run, TorchCallable)):
        option, kinds = (
            ("channels", "PyTorch modules and ONNX models") if device is None else ("device", "PyTorch modules")
        )
        raise InvalidOptionError(
            f"{option} is for {kinds}; member {name!r} is of the type {type(model).__name__}. Leave it out."
        )
    if activation is None and not is_regression and not run.gives_probabilities:
        raise InvalidOptionError(
            f"member {name!r} ({type(model).__name__}) does not say whether it gives logits or probabilities. Say what "
            f"makes probabilities of its outputs: as_member(model, name={name!r}, activation='softmax'), or 'sigmoid'; "
            "'linear' says that they are probabilities."
        )
    if activation in ("softmax", "sigmoid") and run.gives_probabilities:
        raise _already(name, activation)
    return AdaptedModel(run, name, activation, channels)


def _are_probabilities(output: np.ndarray) -> bool:
    """Tell whether different rows have the sum 1, and nothing below 0, as those of logits have not."""
    rows = output.astype(np.float64).reshape(-1, output.shape[-1])
    differ = len(rows) and (rows != rows[0]).any()
    return bool(differ and rows.min() >= 0 and np.abs(rows.sum(axis=-1) - 1).max() < 1e-5)


def _already(name: str, activation: str) -> InvalidOptionError:
    return InvalidOptionError(
        f"member {name!r} gives probabilities already; received activation={activation!r}, which would flatten them. "
        "Give activation='linear'."
    )


def _mapped(value: Any, function: Any) -> Any:
    if hasattr(value, "items") and not hasattr(value, "dtype") and not hasattr(value, "iloc"):
        return {key: function(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return tuple(function(part) for part in value)
    return function(value)
