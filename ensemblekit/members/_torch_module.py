"""PyTorch modules. PyTorch is not imported: a module has brought it along."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

__all__ = ["TorchCallable", "as_numpy", "is_module"]

ROWS = 256
"""Rows that a module gets at a time."""


def is_module(model: Any) -> bool:
    """Tell whether a model is a PyTorch module, and no Keras model, which is one too where Keras runs on torch."""
    nn = getattr(sys.modules.get("torch"), "nn", None)
    return nn is not None and isinstance(model, nn.Module) and not hasattr(model, "predict_on_batch")


class TorchCallable:
    """Call a module in evaluation mode, without gradients, on arrays.

    Parameters
    ----------
    module : torch.nn.Module
        The module.
    device : str or torch.device, optional
        Where it runs. It is moved there when it first predicts; by default it runs where its parameters are.
    """

    def __init__(self, module: Any, device: Any = None) -> None:
        self.model = module
        self.classes = None
        self._device = device

    @property
    def gives_probabilities(self) -> bool:
        """Whether the module itself says that it ends in a softmax or a sigmoid: it is a Sequential that does."""
        nn, last = sys.modules["torch"].nn, self.model
        while isinstance(last, nn.Sequential) and len(last):
            last = last[-1]
        return isinstance(last, nn.Sigmoid) or (isinstance(last, nn.Softmax) and last.dim in (1, -1))

    def __call__(self, x: Any, name: str) -> Any:
        """Predict a batch; ``x`` is an array or tensor, or a mapping or tuple of such."""
        torch: Any = sys.modules["torch"]
        if self._device is not None:
            self.model.to(self._device)
        weight = next(iter(self.model.parameters()), None)
        device = self._device if weight is None else weight.device
        dtype = torch.get_default_dtype() if weight is None or not weight.is_floating_point() else weight.dtype

        def tensor(part: Any) -> Any:
            part = torch.as_tensor(part, device=device)
            as_numbers = part.is_floating_point() or part.dtype in (torch.uint8, torch.uint16, torch.bool)
            return part.to(dtype) if as_numbers else part

        answers: list[Any] = []
        parts = list(x.values()) if isinstance(x, Mapping) else x if isinstance(x, tuple) else [x]
        with _evaluating(self.model), torch.no_grad():
            for start in range(0, len(parts[0]), ROWS):
                rows = [tensor(part[start : start + ROWS]) for part in parts]
                answers.append(
                    self.model(**dict(zip(x, rows, strict=True))) if isinstance(x, Mapping) else self.model(*rows)
                )
        return _joined(answers)


@contextmanager
def _evaluating(module: Any) -> Generator[None]:
    """Set evaluation mode, and afterwards the mode that each part had: parts of a module may be in different ones."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def as_numpy(value: Any) -> Any:
    """Turn a torch tensor into an array; leave anything else as it is.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    object
        An array of float32 where NumPy lacks the dtype.
    """
    if not callable(getattr(value, "detach", None)):
        return value
    value = value.detach().cpu()
    return (value.float() if value.is_floating_point() and value.dtype.itemsize < 4 else value).numpy()


def _joined(answers: list[Any]) -> Any:
    first = answers[0]
    if isinstance(first, Mapping):
        return {key: _joined([one[key] for one in answers]) for key in first if first[key] is not None}
    if isinstance(first, (list, tuple)):
        return {f"output_{k}": _joined([one[k] for one in answers]) for k in range(len(first))}
    return np.concatenate([as_numpy(one) for one in answers])
