"""`open_model`: open files of several formats, saved ensembles and Keras models as one class."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arguments import typed
from ..assembly import load_keras_file
from ..errors import CompatibilityError, EnsembleKitError, FolderNotFoundError, InvalidOptionError
from ..fusion import class_names, fuse, member_names, with_members
from ..fusion.digests import digest_of
from ..limits import check_size
from ..predictions import Task
from ..predictions.names import as_classes, shown
from ..regular import open_regular
from ..store import MANIFEST, load_with_digest
from ._onnx import open_onnx

if TYPE_CHECKING:
    import keras

    from ..ensemble import EnsembleClassifier
    from ..interfaces import CombinerLike

__all__ = ["Predictor", "open_model"]

RULE = "a model must be a .keras or .onnx file, a folder that ensemblekit.store.save wrote, or a Keras model"


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
    ) -> None:
        self.name, self.classes, self.members = name, classes, members
        self.task: Task = "multiclass"
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


@typed(but=("model",))
def open_model(
    model: str | os.PathLike[str] | keras.Model | EnsembleClassifier | Predictor,
    *,
    classes: Sequence[Hashable] | None = None,
) -> Predictor:
    """Open a model that predicts images.

    Parameters
    ----------
    model : path-like, keras.Model, EnsembleClassifier or Predictor
        A ``.keras`` or ``.onnx`` file, a folder that `ensemblekit.store.save` wrote, or the model itself. It takes RGB
        images, 0 to 255, and contains its preprocessing.
    classes : sequence of str or int, optional
        Names of the outputs in their order, if the model has none.

    Returns
    -------
    Predictor
        The opened model.

    Raises
    ------
    FolderNotFoundError
        If nothing exists at the path.
    InvalidOptionError
        If it is not such a model, its class names are not known, or ``classes`` differ from its own class names.
    CompatibilityError
        If its input is not an image of a fixed size.
    StoreError
        If a saved ensemble was changed.
    """
    if isinstance(model, Predictor):
        return model
    names = None if classes is None else as_classes(classes)
    if not isinstance(model, (str, os.PathLike)):
        given: Any = model
        if hasattr(given, "combiner_"):
            return _open_ensemble("ensemble", given, names, None)
        if callable(getattr(given, "predict_on_batch", None)):
            return _open_keras(given.name, given, names, None)
        raise InvalidOptionError(f"{RULE}; received {type(given).__name__}.")
    path = Path(model)
    if not path.exists():
        raise FolderNotFoundError(f"{RULE}; nothing is at {os.fspath(path)!r}.")
    if path.is_dir():
        return _open_folder(path, names)
    if path.suffix == ".keras":
        return _open_keras(path.stem, load_keras_file(path), names, _digest_of_file(path))
    if path.suffix == ".onnx":
        return _open_onnx(path, names)
    raise InvalidOptionError(f"{RULE}; received {os.fspath(path)!r}.")


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


def _open_folder(path: Path, names: tuple[Hashable, ...] | None) -> Predictor:
    if not (path / MANIFEST).is_file():
        raise InvalidOptionError(f"{RULE}; the folder {os.fspath(path)!r} has no {MANIFEST}.")
    ensemble, digest = load_with_digest(path)
    return _open_ensemble(path.name, ensemble, names, digest)


def _open_ensemble(name: str, ensemble: Any, names: Any, fingerprint: str | None) -> Predictor:
    if not hasattr(ensemble, "combiner_") or not hasattr(ensemble, "predict_proba"):
        raise InvalidOptionError(
            f"a saved object must be a fitted EnsembleClassifier; it is a {type(ensemble).__name__}."
        )
    try:
        return _open_keras(name, fuse(ensemble), names, fingerprint, combiner=ensemble.combiner_)
    except EnsembleKitError as error:
        raise CompatibilityError(
            "an ensemble must be of Keras members that take images, and a combiner that can stand in a graph; "
            f"{name!r} is not: {error}"
        ) from error


def _open_keras(
    name: str, model: Any, names: tuple[Hashable, ...] | None, fingerprint: str | None, *, combiner: Any = None
) -> Predictor:
    shapes = [tuple(tensor.shape[1:]) for tensor in model.inputs]
    if len(shapes) != 1 or len(model.outputs) != 1:
        raise CompatibilityError(
            f"a model of images must have one input and one output; {name!r} has {len(shapes)} and "
            f"{len(model.outputs)}."
        )
    members = member_names(model)
    with_outputs: Any = with_members(model)

    def run(x: np.ndarray) -> np.ndarray:
        return np.asarray(model.predict_on_batch(x))

    def run_members(x: np.ndarray) -> dict[str, np.ndarray]:
        return {key: np.asarray(value) for key, value in with_outputs.predict_on_batch(x).items()}

    return Predictor(
        name,
        _output_names(name, class_names(model), names, model.outputs[0].shape[-1]),
        _image_shape(name, shapes[0]),
        fingerprint or digest_of(model.get_config(), *model.get_weights()),
        run,
        members=members,
        run_members=run_members if members else None,
        model=model,
        combiner=combiner,
    )


def _open_onnx(path: Path, names: tuple[Hashable, ...] | None) -> Predictor:
    model = open_onnx(path)
    own = None if model.classes is None else _stored_classes(path.stem, model.classes)
    classes = _output_names(path.stem, own, names, model.width)
    fingerprint = hashlib.sha256(model.content).hexdigest()
    # The content is dropped, as the session has a copy.
    return Predictor(
        path.stem, classes, _image_shape(path.stem, model.shape), fingerprint, model._replace(content=b"").run
    )


def _stored_classes(name: str, stored: Any) -> tuple[Hashable, ...]:
    if not isinstance(stored, list) or not all(isinstance(one, (str, int)) for one in stored):
        raise InvalidOptionError(
            f"a model must hold the names of its classes as a list of str or int; {name!r} holds {str(stored)[:200]!r}."
        )
    return as_classes(stored)


def _output_names(
    name: str, own: tuple[Hashable, ...] | None, given: tuple[Hashable, ...] | None, width: int | None
) -> tuple[Hashable, ...]:
    if own is not None and given is not None and own != given:
        raise InvalidOptionError(
            f"{name!r} holds the names of its classes, {own!r}; received {given!r}. Leave them out."
        )
    classes = own or given
    if classes is None:
        raise InvalidOptionError(
            f"{name!r} does not hold the names of its {width} outputs. Give them in their order: classes=[...], on the "
            "command line --class NAME for each."
        )
    if width not in (None, len(classes)):
        raise InvalidOptionError(f"{name!r} has {width} outputs; received {len(classes)} classes, {shown(classes)}.")
    return classes


def _image_shape(name: str, shape: Sequence[int | None]) -> tuple[int, int, int]:
    if len(shape) != 3 or None in shape or shape[2] != 3:
        raise CompatibilityError(
            f"a model of images must take one size, (height, width, 3); {name!r} takes {tuple(shape)}. Give it one: "
            "fuse(..., input_shape=...), or a keras.Input of that shape."
        )
    height, width = int(shape[0] or 0), int(shape[1] or 0)
    check_size(12 * height * width, f"an image of {height} x {width} pixels, as {name!r} takes it", CompatibilityError)
    return height, width, 3


def _digest_of_file(path: Path) -> str:
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
