"""Wrap Keras models, scikit-learn estimators, callables and saved predictions as members."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, Literal

import numpy as np

from ..arguments import typed
from ..errors import AlignmentError, DataError, InvalidOptionError, InvalidPredictionsError
from ..interfaces import Member
from ..kinds import kind_of
from ..predictions import Predictions, Task
from ..predictions.choices import check_task
from ..predictions.groups import known_groups
from ..predictions.names import as_classes, as_ids, few, positions, shown
from ._answers import choose_output, read_answer
from ._recognise import are_of_several_outputs, recognise
from .adapters import AdaptedModel, Channels, adapt
from .inputs import Inputs, read_inputs
from .meaning import Activation, as_probabilities, read_meaning
from .networks import check_stateless, keras_inputs, output_names, unknown_output

__all__ = ["WrappedMember", "as_member", "wrap"]


class WrappedMember:
    """A model as a member; see `as_member`.

    Attributes
    ----------
    model : object
        The wrapped model.
    output_name : str or None
        Name of the output that is taken, of a model with several.
    activation : str or None
        What the user says is to be applied to the outputs.
    """

    def __init__(
        self,
        model: Any,
        call_by: str,
        *,
        name: str,
        classes: tuple[Hashable, ...] | None,
        fit_ids: np.ndarray | None,
        task: Task,
        output_name: str | None = None,
        activation: Activation | None = None,
        fit_groups: np.ndarray | None = None,
    ) -> None:
        self.model = model
        self.name, self.fit_ids, self.fit_groups, self.output_name = name, fit_ids, fit_groups, output_name
        self.activation: Activation | None = activation
        # None until the first answer says them, which only `collect` waits for.
        self.classes: tuple[Hashable, ...] = classes  # type: ignore[assignment]
        self.task: Task = task
        self._call_by = call_by
        self._meaning = self._read_meaning(None)

    def predict(self, ids: np.ndarray, x: Any) -> np.ndarray:
        """Predict one batch; see `Member`."""
        if self._call_by in ("rows", "member"):
            # The inner member has read the names in its answer.
            return self._checked(ids, np.asarray(self._call(ids, x.x if isinstance(x, Inputs) else x)))
        inputs = x if isinstance(x, Inputs) else read_inputs(x, len(ids))
        if self._call_by == "predict_on_batch":
            answer = self.model.predict_on_batch(keras_inputs(self.model, inputs, self.name))
        else:
            answer = self._called_on_inputs(ids, inputs)
        output = self._output_of(answer, len(ids))
        if isinstance(self.model, AdaptedModel):
            output = self.model.finish(output)
        probas, classes = read_answer(
            output, name=self.name, ids=ids, index=inputs.index, classes=self.classes, task=kind_of(self.task)
        )
        if classes is None:
            raise _unnamed(self.name, self.model)
        self.classes = self.classes or as_classes(classes)
        self._meaning = self._meaning or self._read_meaning(probas.shape[-1])
        return self._checked(ids, as_probabilities(probas, self._meaning or "probabilities"))

    def _read_meaning(self, width: int | None) -> str | None:
        kind = kind_of(self.task)
        if self._call_by != "predict_on_batch":
            return "probabilities" if self.activation in (None, "linear") or kind == "regression" else self.activation
        return read_meaning(
            self.model, name=self.name, kind=kind, told=self.activation, output=self.output_name, width=width
        )

    def _called_on_inputs(self, ids: np.ndarray, inputs: Inputs) -> Any:
        try:
            return self._call(ids, inputs.x)
        except (ValueError, TypeError) as error:
            if not any(map(_is_ragged_list, inputs.parts.values())):
                raise
            raise DataError(
                f"samples must be of one size, unless the model takes several; member {self.name!r} fails on a list of "
                f"{len(ids)} samples of different sizes: {error} Pad or crop them to one size."
            ) from error

    def _output_of(self, answer: Any, n_samples: int) -> Any:
        by_label = self._call_by == "predict_proba" and kind_of(self.task) == "multilabel"
        stacked = _positive_columns(answer) if by_label else None
        if stacked is not None:
            return stacked
        is_network = self._call_by == "predict_on_batch"
        return choose_output(
            answer,
            self.output_name,
            name=self.name,
            n_samples=n_samples,
            classes=self.classes,
            output_names=output_names(self.model) if is_network else None,
            always_outputs=is_network,
        )

    def _checked(self, ids: np.ndarray, probas: np.ndarray) -> np.ndarray:
        if probas.ndim == 1 and kind_of(self.task) == "regression":
            probas = probas[:, np.newaxis]
        if kind_of(self.task) == "multiclass" and len(self.classes) == 2 and probas.shape[1:] == (1,):
            # One sigmoid output is the probability of the second class, as in scikit-learn and Keras.
            probas = np.concatenate([1 - probas, probas], axis=-1)
        if probas.ndim < 2 or len(probas) != len(ids):
            raise InvalidPredictionsError(
                f"member {self.name!r} must return one row an input, shape (n_samples, ..., n_classes); for "
                f"{len(ids)} inputs it returned shape {probas.shape}."
            )
        if probas.shape[-1] != len(self.classes):
            raise InvalidPredictionsError(
                f"member {self.name!r} must return one column a class; it returned shape {probas.shape} for the "
                f"{len(self.classes)} classes {shown(self.classes)}."
            )
        return probas

    def _call(self, ids: np.ndarray, x: Any) -> Any:
        if self._call_by == "rows":
            return _look_up(self.model, self.name, ids)
        if self._call_by == "member":
            return self.model.predict(ids, x)
        return self.model(x) if self._call_by == "call" else getattr(self.model, self._call_by)(x)

    def __repr__(self) -> str:
        return f"<member {self.name!r}, classes {shown(self.classes)}>"


@typed(but=("classes", "fit_ids", "fit_groups", "task", "device"))
def as_member(
    model: Any,
    *,
    name: str,
    classes: Iterable[Any] | None = None,
    fit_ids: Iterable[Any] | None = None,
    task: Task | None = None,
    output_name: str | None = None,
    activation: Activation | None = None,
    channels: Literal["first", "last"] | None = None,
    device: Any = None,
    fit_groups: Iterable[Any] | None = None,
) -> Member:
    """Wrap anything that predicts as a member; the methods of the model decide how it is called.

    Parameters
    ----------
    model : Keras model, scikit-learn estimator, PyTorch module, ONNX model, callable, Predictions or Member
        A callable takes ``x`` of shape ``(n_samples, ...)`` and returns predictions. `Predictions` are looked up by id.
        A Member keeps its values of the arguments that are not given. An ONNX model is the path of a file, or an
        ``onnxruntime.InferenceSession``.
    name : str
        Name of the member.
    classes : sequence of str or int, optional
        Names of the outputs of the model in their order; required unless the model has ``classes_``.
    fit_ids : sequence of str or int, optional
        Ids of the rows that it was fitted on; by default those of the model.
    task : str, optional
        By default that of the model, otherwise ``multiclass``.
    output_name : str, optional
        Name of the output to take, of a model with several: the name of an output layer of a Keras model, or a key of
        the dict that a model returns.
    activation : {"sigmoid", "softmax", "linear"}, optional
        What is to be applied to the outputs, if they are logits; ``linear``: nothing, they are probabilities. By
        default what the last activation and the loss of a Keras model say (see Notes); of other models, nothing. It
        must be told of a PyTorch module or an ONNX model that does not say itself that it gives probabilities.
    channels : {"first", "last"}, optional
        Where a PyTorch module or an ONNX model takes the channels of images, and gives the classes of each pixel. With
        ``first``, arrays ``(n_samples, ..., channels)`` are turned to ``(n_samples, channels, ...)``; torch tensors are
        taken as they are. By default nothing is turned.
    device : str or torch.device, optional
        Where a PyTorch module runs. It is moved there when it first predicts; by default it runs where its parameters
        are.
    fit_groups : sequence of str or int, optional
        Groups of the rows that it was fitted on, such as patients, so that other rows of them count as seen; by
        default those of the model.

    Returns
    -------
    Member
        A member of that name; the model is not changed.

    Raises
    ------
    InvalidOptionError
        If the model cannot predict or is not fitted, its class names are unknown or differ from ``classes``, or it has
        several outputs and ``output_name`` is none of them.
    CompatibilityError
        If logits of a Keras model might be taken for probabilities: it has one output, or labels as outputs, and
        neither its last activation nor its loss says which they are. Or a layer of it is stateful, so that an answer
        would depend on the batches before it.

    Notes
    -----
    The outputs of a Keras model are probabilities if they end in a softmax or sigmoid. Otherwise they are logits if the
    loss that it is compiled with, or that its file describes, has ``from_logits=True``: a sigmoid (one output, or a
    binary loss) or a softmax is then applied. One sigmoid output for two classes is the probability of the second.

    A Keras model with several inputs takes a mapping of input name to array, which may hold inputs of other members, or
    a tuple of arrays in the order of its inputs. A list of text or numbers is a list of samples. An answer with named
    columns, such as a DataFrame, is read by name.

    A PyTorch module predicts in evaluation mode and without gradients; afterwards each of its parts has the mode that
    it had. Floating-point numbers and bytes are cast to the dtype of its parameters. A ``torch.nn.Sequential`` that
    ends in a ``Softmax`` or ``Sigmoid``, and a file written by `export_fused`, say themselves that they give
    probabilities. Outputs within [0, 1] say nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit import as_member
    >>> coin = as_member(lambda x: np.full((len(x), 2), 0.5), name="coin", classes=["heads", "tails"])
    >>> coin.predict(np.array(["a", "b"]), np.zeros((2, 3))).shape
    (2, 2)
    """
    member = wrap(
        model,
        name=name,
        classes=classes,
        fit_ids=fit_ids,
        fit_groups=fit_groups,
        task=task,
        output_name=output_name,
        activation=activation,
        channels=channels,
        device=device,
    )
    if member.classes is None:
        raise _unnamed(name, model)
    return member


def wrap(
    model: Any,
    *,
    name: str,
    classes: Any = None,
    fit_ids: Any = None,
    fit_groups: Any = None,
    task: Any = None,
    output_name: str | None = None,
    activation: Activation | None = None,
    channels: Channels | None = None,
    device: Any = None,
) -> WrappedMember:
    """Wrap a model as in `as_member`; if its classes are not known, its first answer may still say them."""
    if task is not None:
        check_task(task)
    model = adapt(
        model,
        name=name,
        is_regression=task is not None and kind_of(task) == "regression",
        activation=activation,
        channels=channels,
        device=device,
    )
    if isinstance(model, AdaptedModel) and classes is None:
        classes = model.classes
    call_by, own_classes, own_task = recognise(model, name, task and kind_of(task), named=classes is not None)
    task = task or own_task or "multiclass"
    if classes is None and own_classes is None and kind_of(task) == "regression":
        own_classes = ("value",)
    if own_classes is not None and are_of_several_outputs(own_classes):
        if kind_of(task) != "multilabel":
            raise InvalidOptionError(
                f"member {name!r} must have one output; it was fitted on {len(own_classes)} targets. If each "
                "says whether one label applies, give task='multilabel' and the names of the labels, classes=[...]."
            )
        own_classes = None
    given = own_classes if own_classes is not None else classes
    names = None if given is None else as_classes(given)
    if names is None and call_by == "predict_on_batch":
        raise _unnamed(name, model)
    if own_classes is not None and classes is not None and set(as_classes(classes)) != set(names or ()):
        raise InvalidOptionError(
            f"member {name!r} knows its classes, {shown(names)}; received {shown(as_classes(classes))}. Leave "
            "classes out, or give aliases where they are other names of the same."
        )
    if call_by == "predict_on_batch":
        check_stateless(model, name)
    _check_output_name(model, call_by, name, output_name)
    if activation is not None and call_by in ("rows", "member"):
        raise InvalidOptionError(
            f"activation is for models that give logits; member {name!r} is of the type {type(model).__name__}. Give "
            "it where the model is first made a member."
        )
    ids = getattr(model, "fit_ids", None) if fit_ids is None else fit_ids
    ids = None if ids is None else as_ids(ids, what=f"fit_ids of member {name!r}")
    groups = getattr(model, "fit_groups", None) if fit_groups is None else fit_groups
    return WrappedMember(
        model,
        call_by,
        name=name,
        classes=names,
        fit_ids=ids,
        task=task,
        output_name=output_name,
        activation=activation,
        fit_groups=None if groups is None else known_groups(groups),
    )


def _unnamed(name: str, model: Any) -> InvalidOptionError:
    return InvalidOptionError(
        f"member {name!r} ({type(model).__name__}) does not know the names of its outputs. Give them in the "
        "order it was trained with: as_member(model, name=..., classes=[...]) or collect(..., classes=[...])."
    )


def _check_output_name(model: Any, call_by: str, name: str, wanted: str | None) -> None:
    if call_by == "rows" or (call_by == "member" and wanted is not None):
        if wanted is not None:
            raise InvalidOptionError(
                f"output_name is for models with several outputs; member {name!r} is of the type "
                f"{type(model).__name__}. Give it where the model is first made a member."
            )
        return
    names = output_names(model) if call_by == "predict_on_batch" else None
    if names is not None and (len(names) > 1 or wanted is not None) and names.count(str(wanted)) != 1:
        raise unknown_output(name, wanted, names)


def _positive_columns(answer: Any) -> np.ndarray | None:
    """Join what scikit-learn's forests and neighbours return for several labels: a list of ``(n_samples, 2)``."""
    if isinstance(answer, list) and answer and all(np.ndim(one) == 2 and one.shape[1] == 2 for one in answer):
        return np.stack([one[:, 1] for one in answer], axis=-1)
    return None


def _is_ragged_list(part: Any) -> bool:
    if not isinstance(part, (list, tuple)) and getattr(getattr(part, "dtype", None), "kind", None) != "O":
        return False
    try:
        return len({np.shape(sample) for sample in part}) > 1
    except ValueError:
        return True


def _look_up(saved: Predictions, name: str, ids: np.ndarray) -> np.ndarray:
    rows = positions(saved.ids, ids)
    if (rows < 0).any():
        raise AlignmentError(
            f"member {name!r} must have saved predictions for every id; it lacks "
            f"{few(ids[rows < 0].tolist())} of a batch of {len(ids)}."
        )
    return saved.probas[rows]
