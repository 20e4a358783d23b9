"""`Predictor`: an opened model, which predicts batches of images."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from textwrap import shorten
from typing import TYPE_CHECKING

import numpy as np

from ..errors import CompatibilityError, InvalidOptionError
from ..members.meaning import as_probabilities
from ..predictions import Task
from ..predictions.names import shown

if TYPE_CHECKING:
    import keras

    from ..interfaces import CombinerLike

__all__ = ["Predictor", "finished"]


class Predictor:
    """A model that predicts images, opened by `open_model`.

    Attributes
    ----------
    name : str
        Name of the file, folder or model.
    classes : tuple of str or int
        Names of the outputs, in their order.
    task : {"multiclass", "multilabel", "regression"}
        Task of the model.
    input_shape : tuple of int
        ``(height, width, channels)`` of an image in pixels.
    members : tuple of str
        Names of the members, if the model knows them.
    fingerprint : str
        Digest of the file or of the weights.
    model : keras.Model or None
        The Keras model; None if it is not a Keras model.
    combiner : Combiner or None
        The fitted combiner, if an ensemble was opened; files of fused models do not store it.
    """

    def __init__(
        self,
        name: str,
        classes: tuple[Hashable, ...],
        input_shape: tuple[int, int, int],
        fingerprint: str,
        run: Callable[[np.ndarray], np.ndarray],
        *,
        members: tuple[str, ...] = (),
        run_members: Callable[[np.ndarray], dict[str, np.ndarray]] | None = None,
        model: keras.Model | None = None,
        combiner: CombinerLike | None = None,
        task: Task = "multiclass",
    ) -> None:
        self.name, self.classes, self.members = name, classes, members
        self.task: Task = task
        self.input_shape, self.fingerprint = input_shape, fingerprint
        self.model, self.combiner = model, combiner
        self._run, self._run_members = run, run_members

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Predict one batch.

        Parameters
        ----------
        x : ndarray of float32 of shape (n_samples, height, width, channels)
            RGB, 0 to 255.

        Returns
        -------
        ndarray of shape (n_samples, ..., n_classes)
            Probabilities.
        """
        return _run_checked(self.name, self._run, x)

    def predict_members(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Predict one batch with each member and with the whole model.

        Parameters
        ----------
        x : ndarray of float32 of shape (n_samples, height, width, channels)
            RGB, 0 to 255.

        Returns
        -------
        dict of str to ndarray
            ``combined`` first, then each member by name; classes are in the same order.

        Raises
        ------
        InvalidOptionError
            If the model does not know its members.
        """
        run = self._run_members
        if run is None:
            raise InvalidOptionError(
                f"{self.name!r} does not know its members; a fused .keras file or a saved ensemble does."
            )
        probas: dict[str, np.ndarray] = {}

        def run_combined(x: np.ndarray) -> np.ndarray:
            probas.update(run(x))
            return probas["combined"]

        _run_checked(self.name, run_combined, x)
        return probas

    def __repr__(self) -> str:
        return f"<model {self.name!r} of {self.input_shape} images, classes {shown(self.classes)}>"


def _run_checked(name: str, run: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    try:
        probas = run(x)
    except Exception as error:  # Keras and ONNX Runtime raise many types of errors
        raise CompatibilityError(
            f"a model of images must predict what it says it takes; {name!r} fails on images of shape {x.shape}: "
            f"{shorten(str(error), 400) or type(error).__name__}"
        ) from error
    if probas.dtype.kind != "f" or probas.ndim < 2 or len(probas) != len(x):
        raise CompatibilityError(
            f"a model of images must give floating-point numbers for each image; {name!r} gives {probas.dtype} of "
            f"shape {probas.shape} for {len(x)} images."
        )
    return probas


def finished(outputs: np.ndarray, how: str, *, n_classes: int, is_multiclass: bool) -> np.ndarray:
    """Make probabilities of outputs; one output of two classes is the probability of the second.

    Parameters
    ----------
    outputs : ndarray of shape (n_samples, ..., n_outputs)
        What a model gives.
    how : str
        See `Meaning`.
    n_classes : int
        Number of classes.
    is_multiclass : bool
        Whether exactly one of the classes applies.

    Returns
    -------
    ndarray of shape (n_samples, ..., n_classes)
        Probabilities.
    """
    if how != "probabilities":
        outputs = as_probabilities(outputs if outputs.dtype.itemsize >= 4 else outputs.astype(np.float32), how)
    if is_multiclass and n_classes == 2 and outputs.ndim > 1 and outputs.shape[-1] == 1:
        return np.concatenate([1 - outputs, outputs], axis=-1)
    return outputs
