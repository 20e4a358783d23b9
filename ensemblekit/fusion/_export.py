"""`export_fused`: one model in files, each proven to say what the members and the combiner say apart."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..arguments import typed
from ..assembly import import_keras
from ..combining import merged_options
from ..errors import CompatibilityError, InvalidOptionError
from ..files import size_on_disk
from ..interfaces import CombinerLike
from ..predictions import Task
from ._formats import BATCH, flat_inputs, format_of
from ._fuse import fuse
from ._unfused import predict_unfused

__all__ = ["Exported", "export_fused"]


class Exported(NamedTuple):
    """One file, or folder, that was kept.

    Attributes
    ----------
    path : pathlib.Path
        Where it is.
    format : {"keras", "onnx", "saved_model"}
        What it is.
    n_bytes : int
        How large it is.
    max_difference : float
        Largest difference of a probability from what the members and the combiner say apart.
    """

    path: Path
    format: str
    n_bytes: int
    max_difference: float


@typed(but=("combiner",))
def export_fused(
    members: Any,
    combiner: str | CombinerLike | None = None,
    *,
    to: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    inputs: Any,
    classes: Any = None,
    task: Task | None = None,
    tolerance: float = 1e-5,
    overwrite: bool = False,
    options: Mapping[str, Any] | None = None,
    **more_options: Any,
) -> list[Exported]:
    """Fuse, write the model to files, run each file, and keep it only where it says what the members say apart.

    Parameters
    ----------
    members, combiner
        As in `fuse`. Or a fused model alone, with which the files are then compared.
    to : path-like, or sequence of path-like
        Names that end in ``.keras`` or ``.onnx``, or a folder for a SavedModel.
    inputs : array-like of shape (n_samples, ...), or mapping of input name to such
        Real inputs, best some that the members were not trained on.
    classes, task
        As in `fuse`.
    tolerance : float, default=1e-5
        Largest difference of a probability that is admitted, > 0.
    overwrite : bool, default=False
        Replace what is there.
    options, **more_options
        As in `fuse`.

    Returns
    -------
    list of Exported
        One for each name in ``to``. All are kept, or none.

    Raises
    ------
    CompatibilityError
        If a file says something else, or what `fuse` refuses.
    OutputExistsError
        If there is something already.
    MissingDependencyError
        If ONNX is asked for and not installed.

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
    inputs = {k: np.asarray(v) for k, v in inputs.items()} if isinstance(inputs, dict) else np.asarray(inputs)
    if not len(flat_inputs(inputs)[0]):
        raise InvalidOptionError("inputs must hold at least one sample to compare on; received none.")
    keras = import_keras("export_fused")
    if isinstance(members, keras.Model):
        model, expected = members, np.asarray(members.predict(inputs, batch_size=BATCH, verbose=0))
    else:
        model = fuse(members, combiner, classes=classes, task=task, options=options, **more_options)
        own = {name: value for name, value in more_options.items() if name not in ("name", "input_shape")}
        options = merged_options(options, own)
        expected = predict_unfused(members, combiner, inputs, classes=classes, task=task, options=options)
    kept: list[Exported] = []
    with ExitStack() as waiting:
        for path, form in zip(paths, formats, strict=True):
            temporary = waiting.enter_context(form.new(path, overwrite))
            form.write(model, temporary)
            difference = _difference(form.run(temporary, inputs), expected)
            if not difference <= tolerance:
                raise CompatibilityError(
                    f"{path.name} ({form.name}) must give the probabilities of the members and the combiner apart, to "
                    f"{tolerance:g}; on {len(expected)} inputs it differs by {difference:.2g}. Nothing was kept. A "
                    "larger tolerance= admits it."
                )
            kept.append(Exported(path, form.name, size_on_disk(temporary), difference))
    return kept


def _difference(received: np.ndarray, expected: np.ndarray) -> float:
    if received.shape != expected.shape:
        return float("inf")
    return float(np.abs(received.astype(np.float64) - expected).max())
