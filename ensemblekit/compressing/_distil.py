"""`distil`: train one network to predict as several do."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arguments import typed
from ..assembly import copy_model, import_keras
from ..combining import combine
from ..errors import AlignmentError, CompatibilityError, InvalidOptionError, InvalidPredictionsError
from ..interfaces import CombinerLike, Member
from ..members import as_member, collect
from ..members.losses import from_logits as told_logits
from ..members.losses import loss_of
from ..members.meaning import PROBABILITIES, last_activation
from ..predictions import Predictions, PredictionSet, align
from ..predictions.choices import check_not_test
from ..predictions.joining import positions
from ..predictions.names import as_classes, few, shown
from ._rows import read_rows
from ._targets import entropy_of_classes, entropy_of_labels, indicators, one_hot, softened, teaching_loss

if TYPE_CHECKING:
    import keras

__all__ = ["distil"]


@typed(but=("teacher", "student", "classes", "combiner", "task"))
def distil(
    teacher: Any,
    student: keras.Model,
    source: Any,
    *,
    classes: Iterable[Any] | None = None,
    task: str | None = None,
    combiner: str | CombinerLike = "mean",
    temperature: float = 2.0,
    label_weight: float = 0.0,
    from_logits: bool | None = None,
    optimizer: Any = "adam",
    epochs: int = 10,
    batch_size: int = 32,
    allow_leakage: bool = False,
    **fit_options: Any,
) -> keras.Model:
    """Train one network, the student, to predict as an ensemble or its saved predictions do.

    Parameters
    ----------
    teacher : ensemble, mapping of str to model, Predictions, PredictionSet, path, or mapping of str to such
        Predictions and files are matched to the rows of ``source`` by id and class name, and may have more rows. Models
        predict the rows first, as in `collect`.
    student : keras.Model
        Functional or sequential, with an output for each class or label; or with one output, the probability of the
        second of two classes. It is not changed; a copy is trained from where it is.
    source : source
        Training data as in `collect`. It is read into memory. Labels are needed with ``label_weight``; of several a
        row, a column of 0 and 1 for each of ``classes``.
    classes : sequence of str or int, optional
        Names of the outputs of the student, in their order; by default those of the teacher in theirs. For one output
        the two classes.
    task : str, optional
        Task of teachers that are models, such as ``"multilabel"``; predictions know theirs.
    combiner : str or Combiner, default="mean"
        Combines the teachers, if there are several.
    temperature : float, default=2
        Softens both predictions: each is raised to ``1 / temperature`` and divided by its sum, > 0. Of several labels
        that is done for each label and its opposite.
    label_weight : float, default=0
        Weight of the cross-entropy with the true labels, in [0, 1); that with the teacher gets the rest.
    from_logits : bool, optional
        Whether the student ends in logits and not in probabilities. By default as its last activation and its loss say.
    optimizer : str or keras.optimizers.Optimizer, default="adam"
        Trains the copy.
    epochs, batch_size : int
        As in Keras's ``fit``.
    allow_leakage : bool, default=False
        Accept a source of the test split.
    **fit_options : Any
        Others of ``fit``, such as ``callbacks``, ``validation_split`` and ``verbose``, by default 0.

    Returns
    -------
    keras.Model
        The trained copy, compiled as ``student`` is.

    Raises
    ------
    AlignmentError
        If the teacher lacks a row of ``source``, or the classes differ.
    CompatibilityError
        If the student cannot be copied, has more or fewer outputs than classes, or its outputs are no probabilities or
        logits of the task.
    InvalidPredictionsError
        If the teacher predicts numbers, or labels are needed and absent.
    InvalidOptionError
        If an option is out of range.
    LeakageError
        If ``source`` is the test split.

    Notes
    -----
    The loss is ``(1 - w) T^2 CE(p^(1/T), q^(1/T)) + w CE(y, q)`` with the teacher's ``p``, the student's ``q``, labels
    ``y`` and the cross-entropy ``CE``; both powers are divided by their sums. The factor ``T^2`` keeps the gradients of
    both parts alike [1]_. Of several labels it is the mean over labels, each with its opposite as two classes; one
    output is one such label.

    Teachers are surer of rows that they were fitted on. Out-of-fold predictions, or rows that they have not seen, with
    labels or without, teach more.

    References
    ----------
    .. [1] G. Hinton, O. Vinyals, J. Dean, "Distilling the knowledge in a neural network", 2015.

    Examples
    --------
    >>> import keras, numpy as np
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.compressing import distil
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(200, 2)).astype("float32")
    >>> p = 1 / (1 + np.exp(-3 * x[:, 0]))
    >>> teacher = Predictions(np.column_stack([1 - p, p]), ids=range(200), classes=["cat", "dog"])
    >>> student = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, "softmax")])
    >>> trained = distil(teacher, student, (range(200), x), optimizer=keras.optimizers.Adam(0.1), epochs=20)
    >>> bool(np.abs(np.asarray(trained(x))[:, 1] - p).mean() < 0.05)
    True
    """
    keras = import_keras("distil")
    _check_options(temperature, label_weight, epochs, batch_size)
    trained = copy_model(student)
    if len(trained.outputs or ()) != 1 or len(trained.outputs[0].shape) != 2:
        raise CompatibilityError(
            f"a student must have one output of shape (n_classes,); {student.name!r} has "
            f"{[tuple(tensor.shape[1:]) for tensor in trained.outputs or ()]}."
        )
    if from_logits is None:
        from_logits = _ends_in_logits(student, trained.outputs[0].shape[-1])
    ids, x, labels = read_rows(trained, source, batch_size, name="student")
    if not allow_leakage:
        check_not_test("a student is never trained", getattr(source, "split", None), ids)
    taught = _predictions(teacher, ids, x, combiner, classes, task, batch_size)
    names = taught.classes if classes is None else as_classes(classes)
    n_outputs = trained.outputs[0].shape[-1]
    _check_teacher(taught, names, n_outputs)
    by_output = taught.kind == "multilabel" or n_outputs == 1
    _check_activation(student, by_output, n_outputs)
    rows = positions(taught.ids, ids)
    if (rows < 0).any():
        raise AlignmentError(
            f"the teacher must predict each row of source; it lacks {int((rows < 0).sum())} of {len(ids)}, such as "
            f"{few(ids[rows < 0].tolist())}."
        )
    # One output is the probability of the second class.
    columns = [taught.classes.index(name) for name in names][-n_outputs:]
    targets = softened(taught.probas[rows][:, columns].astype(np.float64), temperature, by_output)
    if label_weight:
        several = taught.kind == "multilabel"
        true = indicators(labels, names, source) if several else one_hot(labels, names, source)[:, -n_outputs:]
        targets = np.concatenate([targets, true], axis=1)
    teaching = keras.Model(trained.inputs, trained.outputs[0])
    entropy = entropy_of_labels if by_output else entropy_of_classes
    loss = teaching_loss(keras, entropy, temperature, label_weight, from_logits)
    teaching.compile(optimizer=optimizer, loss=loss)
    options = {"verbose": 0, **fit_options}
    teaching.fit(x, targets.astype(np.float32), epochs=epochs, batch_size=batch_size, **options)
    return trained


def _check_options(temperature: float, label_weight: float, epochs: int, batch_size: int) -> None:
    if not 0 < temperature < np.inf:
        raise InvalidOptionError(f"temperature must be a finite number > 0; received {temperature!r}.")
    if not 0 <= label_weight < 1:
        raise InvalidOptionError(f"label_weight must be a number >= 0 and < 1; received {label_weight!r}.")
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if value < 1:
            raise InvalidOptionError(f"{name} must be a whole number >= 1; received {value}.")


def _ends_in_logits(student: Any, n_outputs: int) -> bool:
    """Tell whether a student gives logits; refuse one of which nobody can know it."""
    activation, logits = last_activation(student.outputs[0]), told_logits(loss_of(student))
    remedy = "softmax (of labels a sigmoid)" if n_outputs > 1 else "sigmoid"
    if activation == "linear" and logits is None:
        raise CompatibilityError(
            f"a student must say whether it gives logits or probabilities; {student.name!r} ends in no activation, and "
            f"no loss says it. Put a {remedy} behind it, or give from_logits=True."
        )
    return bool(logits) and activation not in PROBABILITIES


def _check_activation(student: Any, by_output: bool, n_outputs: int) -> None:
    """Refuse a softmax where each output is a probability by itself."""
    activation = last_activation(student.outputs[0])
    if by_output and activation in ("softmax", "sparsemax"):
        what = "one output" if n_outputs == 1 else "labels, several of which may apply,"
        raise CompatibilityError(
            f"a student of {what} must end in a sigmoid or in logits; {student.name!r} ends in {activation!r}."
        )


def _predictions(
    teacher: Any, ids: np.ndarray, x: Any, combiner: Any, classes: Any, task: Any, batch_size: int
) -> Predictions:
    """Read the predictions of the teacher, or let it predict."""
    if isinstance(teacher, (str, os.PathLike)):
        return Predictions.load(teacher)
    if isinstance(teacher, Predictions):
        return teacher
    if isinstance(teacher, PredictionSet):
        return combine(teacher, combiner)
    several = isinstance(teacher, (Mapping, list, tuple))
    values = list(teacher.values() if isinstance(teacher, Mapping) else teacher) if several else []
    if values and all(isinstance(one, (Predictions, str, os.PathLike)) for one in values):
        return combine(align(teacher), combiner)
    if several:
        given = teacher if task is None else _of_task(teacher, classes, task)
        return combine(collect(given, (ids, x), classes=classes, batch_size=batch_size), combiner)
    knows = isinstance(teacher, Member) or getattr(teacher, "classes_", None) is not None
    named = {"teacher": teacher}
    given = named if task is None else _of_task(named, classes, task)
    return collect(given, (ids, x), classes=None if knows else classes, batch_size=batch_size)["teacher"]


def _of_task(teachers: Any, classes: Any, task: Any) -> list[Any]:
    """Make members of a task of models by name; members know theirs."""
    pairs = list(teachers.items()) if isinstance(teachers, Mapping) else list(teachers)
    return [
        one if isinstance(one, Member) or isinstance(one[1], Member)
        else as_member(one[1], name=one[0], classes=classes, task=task)
        for one in pairs
    ]  # fmt: skip


def _check_teacher(taught: Predictions, names: tuple[Any, ...], n_outputs: int) -> None:
    if taught.kind == "regression" or taught.probas.ndim != 2 or taught.present is not None:
        raise InvalidPredictionsError(
            "a teacher must predict probabilities of classes or labels, shape (n_samples, n_classes), of every row; "
            f"received the task {taught.task!r} and the shape {taught.probas.shape}."
        )
    if set(taught.classes) != set(names):
        raise AlignmentError(
            f"teacher and student must have the same classes; the teacher has {shown(taught.classes)}, the student "
            f"{shown(names)}."
        )
    if n_outputs != len(names) and not (n_outputs == 1 and len(names) == 2 and taught.kind == "multiclass"):
        what = "labels" if taught.kind == "multilabel" else "classes"
        raise CompatibilityError(
            f"a student must have an output for each of the {len(names)} {what}; it has {n_outputs}."
        )
