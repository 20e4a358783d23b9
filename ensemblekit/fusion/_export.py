"""`export_fused`: write a fused model to files, and compare each with the members and the combiner."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..arguments import as_array, typed
from ..assembly import check_tensorflow, import_keras
from ..combining import combine
from ..errors import CompatibilityError, InvalidOptionError
from ..files import size_on_disk
from ..interfaces import CombinerLike
from ..kinds import kind_of
from ..members.meaning import as_probabilities
from ..members.networks import input_names, packed_inputs
from ..predictions import Predictions, Task
from ..predictions.names import is_text
from ._fuse import Members, fuse
from ._inputs import name_inputs, read_pixels
from .formats import FormatName, format_of, list_inputs, predicted
from .members import MemberModel, is_ensemble, name_outputs, read_members

if TYPE_CHECKING:
    import keras

__all__ = ["Exported", "export_fused"]

FUSE_ONLY = ("name", "input_shape", "output_names", "scale", "offset")
"""Keyword arguments of `fuse` that are no options of a combiner."""

_NEEDS_TENSORFLOW = {
    "saved_model": "A SavedModel",
    "onnx": "An ONNX file of a Keras model",
    "litert": "A LiteRT file of a Keras model",
}


class Exported(NamedTuple):
    """One file or folder that was written.

    Attributes
    ----------
    path : pathlib.Path
        Path of the file or folder.
    format : {"keras", "onnx", "saved_model", "litert"}
        Of the file.
    n_bytes : int
        Its size.
    max_difference : float
        Largest absolute difference between a probability of the file and the members' predictions, combined in NumPy.
    """

    path: Path
    format: FormatName
    n_bytes: int
    max_difference: float


@typed(but=("members", "combiner", "classes"))
def export_fused(
    members: Members | keras.Model,
    combiner: str | CombinerLike | None = None,
    *,
    to: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    inputs: Any,
    classes: Sequence[Hashable] | Mapping[str, Sequence[Hashable]] | None = None,
    task: Task | None = None,
    tolerance: float = 1e-5,
    overwrite: bool = False,
    options: Mapping[str, Any] | None = None,
    **more_options: Any,
) -> list[Exported]:
    """Fuse models and write files; keep the files only if each predicts the same as the members and the combiner.

    Parameters
    ----------
    members, combiner
        As in `fuse`. Or a fused model as ``members`` and no combiner: the files are then compared with this model.
    to : path-like, or sequence of path-like
        Files whose names end in ``.keras``, ``.onnx`` or ``.tflite`` (LiteRT), or a folder for a SavedModel.
    inputs : array-like of shape (n_samples, ...), or mapping of input name to such
        Real inputs, preferably some that the members were not trained on. Several inputs are given by name.
    classes, task
        As in `fuse`.
    tolerance : float, default=1e-5
        Largest absolute difference between two probabilities that is accepted, > 0.
    overwrite : bool, default=False
        Replace existing files, and a SavedModel that this function wrote.
    options, **more_options
        As in `fuse`. The other arguments of `fuse` are also accepted.

    Returns
    -------
    list of Exported
        One for each name in ``to``. Either all files are kept, or none.

    Raises
    ------
    CompatibilityError
        If a file predicts something else, or `fuse` refuses the members.
    OutputExistsError
        If a file or folder of that name already exists.
    MissingDependencyError
        If ONNX is needed but not installed.

    Examples
    --------
    >>> import keras, numpy as np, tempfile
    >>> from ensemblekit import export_fused
    >>> def net(): return keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, "softmax")])
    >>> file = tempfile.mkdtemp() + "/both.keras"
    >>> members = [("one", net()), ("other", net())]
    >>> (kept,) = export_fused(members, "mean", to=file, inputs=np.eye(4, dtype="float32"), classes=["cat", "dog"])
    >>> kept.max_difference < 1e-5
    True
    """
    if not (isinstance(tolerance, (int, float)) and tolerance > 0):
        raise InvalidOptionError(f"tolerance must be a number > 0; received {tolerance!r}.")
    paths = [Path(p) for p in ([to] if isinstance(to, (str, os.PathLike)) else to)]
    formats = [format_of(path) for path in paths]
    if len({path.resolve() for path in paths}) != len(paths) or not paths:
        raise InvalidOptionError(f"to must hold different names, at least one; received {[str(p) for p in paths]}.")
    for form in formats:
        if form.name != "keras":
            check_tensorflow(_NEEDS_TENSORFLOW[form.name])
    if _n_samples(inputs) == 0:
        raise InvalidOptionError("inputs must hold at least one sample to compare on; received none.")
    model: Any
    if isinstance(members, import_keras("export_fused").Model):
        model = members
        inputs = _inputs_of(model, inputs)
        expected = predicted(model, inputs)
    else:
        model = fuse(members, combiner, classes=classes, task=task, options=options, **more_options)
        inputs = _inputs_of(model, inputs)
        of_combiner = {**(options or {}), **{k: v for k, v in more_options.items() if k not in FUSE_ONLY}}
        named = _Named(classes, *(more_options.get(k) for k in ("output_names", "input_shape", "scale", "offset")))
        expected = _predict_unfused(members, combiner, inputs, named, kind_of(task or "multiclass"), of_combiner)
    kept: list[Exported] = []
    with ExitStack() as stack:
        for path, form in zip(paths, formats, strict=True):
            temporary = stack.enter_context(form.new(path, overwrite))
            form.write(model, temporary)
            difference = _difference(form.run(temporary, inputs), expected)
            if not difference <= tolerance:
                raise CompatibilityError(
                    f"{path.name} ({form.name}) must give the probabilities of the members and the combiner, to "
                    f"{tolerance:g}; on {len(expected)} inputs it differs by {difference:.2g}. Nothing was kept. "
                    "Give a larger tolerance= to accept it."
                )
            kept.append(Exported(path, form.name, size_on_disk(temporary), difference))
    return kept


class _Named(NamedTuple):
    """What names the outputs of members, and how they get the images."""

    classes: Any
    output_names: Mapping[str, str] | None
    input_shape: tuple[int, int, int] | None
    scale: Mapping[str, float] | None
    offset: Mapping[str, float] | None


def _n_samples(inputs: Any) -> int:
    several = list(inputs.values()) if isinstance(inputs, Mapping) else [inputs]
    return min((len(one) if hasattr(one, "__len__") else 1 for one in several), default=0)


def _inputs_of(model: Any, inputs: Any) -> Any:
    """Give the inputs of a model by name, if it takes several; an array, if it takes one."""
    names = list(input_names(model) or ())
    if (
        isinstance(inputs, tuple)
        and len(inputs) == len(names)
        and names == [f"input_{k + 1}" for k in range(len(names))]
    ):
        inputs = dict(zip(names, inputs, strict=True))  # the members' inputs have no names
    takes = f"inputs must be those of the model, {', '.join(map(repr, names))}"
    if not isinstance(inputs, Mapping):
        if len(names) > 1:
            raise InvalidOptionError(
                f"{takes}; received a {type(inputs).__name__}. Give them by name: "
                f"{{{', '.join(f'{name!r}: ...' for name in names)}}}."
            )
        return as_array("inputs", inputs)
    given = {name: as_array(f"inputs[{name!r}]", values) for name, values in inputs.items()}
    if len(names) == len(given) == 1:
        return next(iter(given.values()))
    missing = [name for name in names if name not in given]
    if missing:
        raise InvalidOptionError(f"{takes}; received {[*given]}, which lack {missing}.")
    taken = {name: given[name] for name in names}
    if len({*map(len, taken.values())}) != 1:
        raise InvalidOptionError(
            f"inputs must have one row a sample, each; received { ({name: len(v) for name, v in taken.items()}) } rows."
        )
    return taken if len(names) > 1 else taken[names[0]]


def _difference(received: np.ndarray, expected: np.ndarray) -> float:
    if received.shape != expected.shape:
        return float("inf")
    return float(np.abs(received.astype(np.float64) - expected).max())


def _predict_unfused(
    members: Any, combiner: Any, inputs: Any, named_by: _Named, task: Task, options: Mapping[str, Any]
) -> np.ndarray:
    """Predict with the ``predict`` of each member, and combine in NumPy."""
    if is_ensemble(members):
        probas = np.asarray((getattr(members, "predict_proba", None) or members.predict)(inputs))
        return probas if probas.ndim > 1 else probas[:, np.newaxis]
    named, outputs = name_outputs(
        read_members(members, named_by.classes, named_by.output_names, kind=task),
        task,
        getattr(combiner, "classes_", None) if task == "regression" else None,
    )
    ids = np.arange(len(list_inputs(inputs)[0]))
    fit_ids = getattr(combiner, "fit_ids_", None)
    if fit_ids is not None and is_text(np.asarray(fit_ids)):
        ids = np.array([f"input {k}" for k in ids])
    predictions: list[Predictions] = []
    pixels = read_pixels(named, named_by.input_shape, named_by.scale, named_by.offset)
    for member in named:
        own_inputs = _own_inputs(member, inputs, named)
        first = None if isinstance(inputs, Mapping) else pixels.model_of(import_keras("export_fused"), member)
        own_inputs = own_inputs if first is None else predicted(first, own_inputs)
        probas = _predict_member(member, own_inputs, task)
        predictions.append(Predictions(probas, ids=ids, classes=member.classes or (), task=task, member=member.name))
    combined = combine(predictions, combiner, options=options)
    places = {name: place for place, name in enumerate(combined.classes)}
    return combined.probas[..., [places[name] for name in outputs]]


def _own_inputs(member: MemberModel, inputs: Any, members: Sequence[MemberModel]) -> Any:
    if not isinstance(inputs, Mapping):
        return inputs
    return packed_inputs(member.model, [inputs[name] for name in name_inputs(members)[member.name]])


def _predict_member(member: MemberModel, inputs: Any, task: Task) -> np.ndarray:
    output = predicted(member.model, inputs)
    if output.dtype != np.float64:
        output = output.astype(np.float32)
    one_output = task == "multiclass" and output.shape[-1] == 1 and len(member.classes or ()) == 2
    output = as_probabilities(output, member.outputs_are)
    return np.concatenate([1 - output, output], axis=-1) if one_output else output
