"""`open_model`: open files of several formats, saved ensembles and Keras models as one class."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..arguments import typed
from ..assembly import load_keras_file
from ..errors import CompatibilityError, EnsembleKitError, FolderNotFoundError, InvalidOptionError
from ..fusion import class_names, fuse, member_names, task_name, with_members
from ..fusion.digests import digest_of
from ..kinds import kind_of
from ..limits import check_size
from ..members.meaning import Activation, read_meaning
from ..members.networks import input_names, with_one_output
from ..predictions import Task
from ..predictions.choices import check_task
from ..predictions.names import as_classes, shown
from ..regular import open_regular
from ..store import MANIFEST, load_with_digest
from ._onnx import open_onnx
from ._predictor import Predictor, finished

if TYPE_CHECKING:
    import keras

    from ..ensemble import EnsembleClassifier

__all__ = ["Predictor", "open_model"]

MOST_CHANNELS = 16
"""A longer last axis is a side of a picture whose channels stand first."""
RULE = "a model must be a .keras or .onnx file, a folder that ensemblekit.store.save wrote, or a Keras model"


@typed(but=("model",))
def open_model(
    model: str | os.PathLike[str] | keras.Model | EnsembleClassifier | Predictor,
    *,
    classes: Sequence[Hashable] | None = None,
    output_name: str | None = None,
    task: Task | None = None,
    activation: Activation | None = None,
) -> Predictor:
    """Open a model that predicts images.

    Parameters
    ----------
    model : path-like, keras.Model, EnsembleClassifier or Predictor
        A ``.keras`` or ``.onnx`` file, a folder that `ensemblekit.store.save` wrote, or the model itself. It takes RGB
        images, 0 to 255, and contains its preprocessing.
    classes : sequence of str or int, optional
        Names of the outputs in their order, if the model has none.
    output_name : str, optional
        The output to take of a model with several: the name of its layer or its key, or of an output of an ONNX file.
    task : str, optional
        By default that of a fused model or an ensemble, otherwise ``multiclass``.
    activation : {"sigmoid", "softmax", "linear"}, optional
        What is to be applied to the outputs of a model that was not fused, as in `as_member`.

    Returns
    -------
    Predictor
        The opened model.

    Raises
    ------
    FolderNotFoundError
        If nothing exists at the path.
    InvalidOptionError
        If it is not such a model, its class names are not known, or ``classes`` or ``task`` differ from its own.
    CompatibilityError
        If logits might be taken for probabilities (see `as_member`), its input is not an image of a fixed size, or it
        has several outputs and ``output_name`` is none of them.
    StoreError
        If a saved ensemble was changed.
    """
    if isinstance(model, Predictor):
        for option, value in (("output_name", output_name), ("task", task), ("activation", activation)):
            if value is not None:
                raise InvalidOptionError(
                    f"{option} must be given when a model is opened; {model.name!r} is open. Give it to open_model."
                )
        return model
    if task is not None:
        check_task(task)
    asked = _Asked(None if classes is None else as_classes(classes), output_name, task, activation)
    if not isinstance(model, (str, os.PathLike)):
        given: Any = model
        if hasattr(given, "combiner_"):
            return _open_ensemble("ensemble", given, asked, None)
        if callable(getattr(given, "predict_on_batch", None)):
            return _open_keras(given.name, given, asked, None)
        raise InvalidOptionError(f"{RULE}; received {type(given).__name__}.")
    path = Path(model)
    if not path.exists():
        raise FolderNotFoundError(f"{RULE}; nothing is at {os.fspath(path)!r}.")
    if path.is_dir():
        return _open_folder(path, asked)
    if path.suffix == ".keras":
        return _open_keras(path.stem, load_keras_file(path), asked, _digest_of_file(path))
    if path.suffix == ".onnx":
        return _open_onnx(path, asked)
    raise InvalidOptionError(f"{RULE}; received {os.fspath(path)!r}.")


class _Asked(NamedTuple):
    """What the user says of a model."""

    names: tuple[Hashable, ...] | None
    output_name: str | None
    task: Task | None
    activation: Activation | None

    def task_of(self, name: str, own: str | None) -> Task:
        """Choose the task; refuse another than the model has."""
        if own is not None and self.task is not None and kind_of(self.task) != own:
            raise InvalidOptionError(f"{name!r} knows its task, {own!r}; received {self.task!r}. Leave it out.")
        return self.task or own or "multiclass"

    def check_whole(self, name: str) -> None:
        """Refuse, for a model that ensemblekit made, what it knows itself."""
        for option, value in (("output_name", self.output_name), ("activation", self.activation)):
            if value is not None:
                raise InvalidOptionError(
                    f"{option} is for models that were made elsewhere; {name!r} is an ensemble, which knows its "
                    "outputs. Leave it out."
                )


def _open_folder(path: Path, asked: _Asked) -> Predictor:
    if not (path / MANIFEST).is_file():
        raise InvalidOptionError(f"{RULE}; the folder {os.fspath(path)!r} has no {MANIFEST}.")
    ensemble, digest = load_with_digest(path)
    return _open_ensemble(path.name, ensemble, asked, digest)


def _open_ensemble(name: str, ensemble: Any, asked: _Asked, fingerprint: str | None) -> Predictor:
    asked.check_whole(name)
    if not hasattr(ensemble, "combiner_") or not hasattr(ensemble, "predict_proba"):
        raise InvalidOptionError(
            f"a saved object must be a fitted EnsembleClassifier; it is a {type(ensemble).__name__}."
        )
    try:
        return _open_keras(name, fuse(ensemble), asked, fingerprint, combiner=ensemble.combiner_)
    except EnsembleKitError as error:
        raise CompatibilityError(
            "an ensemble must be of Keras members that take images, and a combiner that can stand in a graph; "
            f"{name!r} is not: {error}"
        ) from error


def _open_keras(name: str, model: Any, asked: _Asked, fingerprint: str | None, *, combiner: Any = None) -> Predictor:
    inputs = input_names(model)
    if inputs is None or not model.outputs:
        raise CompatibilityError(
            f"a model of images must say what it takes and gives; {name!r} ({type(model).__name__}) is not built, or "
            "has Python code of its own. Build it from layers called on a keras.Input."
        )
    if len(inputs) != 1:
        raise CompatibilityError(
            f"a model of images must have one input and one output; {name!r} has {len(inputs)} inputs, "
            f"{', '.join(map(repr, inputs))}. A model with several inputs goes to collect: "
            f"collect({{{name!r}: model}}, (ids, {{{inputs[0]!r}: ..., ...}}))."
        )
    own, whole = class_names(model), model
    if own is not None:
        asked.check_whole(name)
    try:
        model = with_one_output(model, asked.output_name, name=name)
    except InvalidOptionError as error:
        raise CompatibilityError(str(error)) from None
    task = asked.task_of(name, task_name(model))
    kind = kind_of(task)
    how = "probabilities"
    if own is None:
        told, output = asked.activation, asked.output_name
        how = read_meaning(whole, name=name, kind=kind, told=told, output=output) or "probabilities"
    # Options that change what is predicted are part of the fingerprint, by which an interrupted run goes on.
    changes = [value for value in (asked.output_name, asked.activation, asked.task) if value is not None]
    if changes:
        fingerprint = digest_of(fingerprint or digest_of(model.get_config(), *model.get_weights()), *changes)
    classes = _output_names(name, own, asked.names, model.outputs[0].shape[-1], kind)
    shape = tuple(model.inputs[0].shape[1:])
    members = member_names(model)
    with_outputs: Any = with_members(model)

    def run(x: np.ndarray) -> np.ndarray:
        outputs = np.asarray(model.predict_on_batch(x))
        return finished(outputs, how, n_classes=len(classes), is_multiclass=kind == "multiclass")

    def run_members(x: np.ndarray) -> dict[str, np.ndarray]:
        return {key: np.asarray(value) for key, value in with_outputs.predict_on_batch(x).items()}

    return Predictor(
        name,
        classes,
        _image_shape(name, shape),
        fingerprint or digest_of(model.get_config(), *model.get_weights()),
        run,
        members=members,
        run_members=run_members if members else None,
        model=model,
        combiner=combiner,
        task=task,
    )


def _open_onnx(path: Path, asked: _Asked) -> Predictor:
    model = open_onnx(path, asked.output_name)
    name = path.stem
    own = None if model.classes is None else _stored_classes(name, model.classes)
    if own is not None and asked.activation is not None:
        asked.check_whole(name)
    task = asked.task_of(name, None if own is None else model.task or "multiclass")
    kind = kind_of(task)
    classes = _output_names(name, own, asked.names, model.width, kind)
    how = "probabilities"
    if own is None:
        one = kind == "multilabel" or (kind == "multiclass" and model.width == 1)
        if one and asked.activation is None and not model.ends_in_sigmoid():
            raise CompatibilityError(
                f"{'one output' if kind == 'multiclass' else 'outputs of labels'} must be a probability, from 0 to 1; "
                f"{name!r} does not end in a sigmoid, so that logits might be taken for probabilities. Say what is to "
                "be applied: activation='sigmoid', or 'linear' if they are probabilities; on the command line "
                "--activation."
            )
        how = asked.activation if asked.activation not in (None, "linear") else how
    fingerprint = hashlib.sha256(model.content).hexdigest()
    changes = [value for value in (asked.output_name, asked.activation, asked.task) if value is not None]
    fingerprint = digest_of(fingerprint, *changes) if changes else fingerprint
    shape = _image_shape(name, model.shape)
    model = model._replace(content=b"")  # the session has a copy

    def run(x: np.ndarray) -> np.ndarray:
        return finished(model.run(x), how, n_classes=len(classes), is_multiclass=kind == "multiclass")

    return Predictor(name, classes, shape, fingerprint, run, task=task)


def _stored_classes(name: str, stored: Any) -> tuple[Hashable, ...]:
    if not isinstance(stored, list) or not all(isinstance(one, (str, int)) for one in stored):
        raise InvalidOptionError(
            f"a model must hold the names of its classes as a list of str or int; {name!r} holds {str(stored)[:200]!r}."
        )
    return as_classes(stored)


def _output_names(
    name: str, own: tuple[Hashable, ...] | None, given: tuple[Hashable, ...] | None, width: int | None, kind: str
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
    if width not in (None, len(classes)) and not (width == 1 and len(classes) == 2 and kind == "multiclass"):
        raise InvalidOptionError(f"{name!r} has {width} outputs; received {len(classes)} classes, {shown(classes)}.")
    return classes


def _image_shape(name: str, shape: Sequence[int | None]) -> tuple[int, int, int]:
    if len(shape) != 3 or None in shape or int(shape[2] or 0) > MOST_CHANNELS:
        raise CompatibilityError(
            f"a model of images must take one size, (height, width, channels); {name!r} takes {tuple(shape)}. Give it "
            "one: fuse(..., input_shape=...), or a keras.Input of that shape."
        )
    height, width, channels = (int(side or 0) for side in shape)
    check_size(
        max(12, 4 * channels) * height * width,
        f"an image of {height} x {width} pixels, as {name!r} takes it",
        CompatibilityError,
    )
    return height, width, channels


def _digest_of_file(path: Path) -> str:
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
