"""What a loss of Keras compares: which targets it takes, and what the outputs of the model mean."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ...assembly import with_bare_output
from ...errors import CompatibilityError, InvalidOptionError
from ...members.losses import from_logits as takes_logits
from ...members.losses import loss_name, only_loss
from ...members.meaning import PROBABILITIES, Meaning, as_probabilities, last_activation
from ...predictions.choices import check_choice

__all__ = [
    "Targets",
    "check_regression_loss",
    "is_of_labels",
    "read_outputs",
    "read_targets",
    "to_probabilities",
    "try_loss",
]

Targets = Literal["integers", "indicators"]
ONE_LABEL = ("sparse", "categorical", "kldivergence")
WITHOUT_CLASSES = ("ctc", "circle")
APART = ("sigmoid", "hard_sigmoid")


def read_targets(keras: Any, loss: Any, n_outputs: int, given: Targets | None, *, multilabel: bool = False) -> Targets:
    """Find out whether a loss takes integers or indicators.

    Parameters
    ----------
    keras : module
        Keras.
    loss : str, callable or keras.losses.Loss
        As given to ``compile``.
    n_outputs : int
        Number of outputs of the model.
    given : {"integers", "indicators"} or None
        As told by the user.
    multilabel : bool, default=False
        Whether each output is a label of its own.

    Returns
    -------
    {"integers", "indicators"}
        For one output these are the same, the numbers 0 and 1.

    Raises
    ------
    InvalidOptionError
        If the loss is the user's own, and ``given`` is None.
    CompatibilityError
        If the loss is not one of classes, or needs one output a class.
    """
    if given is not None:
        check_choice("targets", given, ("integers", "indicators"))
    name, is_own = loss_name(loss)
    if name in WITHOUT_CLASSES and given is None:
        raise CompatibilityError(
            f"KerasClassifier needs a loss of class probabilities; {_shown(loss)} compares other outputs. Compile the "
            "model with a crossentropy, or tell what it is given: targets='integers' or 'indicators'."
        )
    if multilabel:
        if given == "integers" or (not is_own and name.startswith(ONE_LABEL)):
            raise CompatibilityError(
                f"labels that may hold together need a loss of each label by itself; received {_shown(loss)}"
                f"{' and targets=integers' if given == 'integers' else ''}. Compile the model with "
                "'binary_crossentropy', and end it with a sigmoid."
            )
        return "indicators"
    if n_outputs == 1:
        if not is_own and name.startswith(ONE_LABEL):
            raise CompatibilityError(
                f"a model with one output must have a loss of one probability; {_shown(loss)} compares one output a "
                "class. Compile it with 'binary_crossentropy', or give it an output for each class."
            )
        return "indicators"
    if given is not None:
        return given
    if name.startswith("sparse") or name == "categoricalgeneralizedcrossentropy":
        return "integers"
    if is_own and not name.startswith("categorical"):
        raise InvalidOptionError(
            f"a loss of your own must be told what it is given; received {_shown(loss)} and no targets. Give "
            "KerasClassifier(..., targets='integers') for the numbers of the classes, shape (n_samples,), as sparse_* "
            "losses take them, or targets='indicators' for rows of 0 and 1, shape (n_samples, n_classes)."
        )
    return "indicators"


def is_of_labels(model: Any) -> bool:
    """Tell whether a model is compiled to judge several labels, each by itself."""
    if not getattr(model, "loss", None) or len(getattr(model, "outputs", None) or ()) != 1:
        return False
    model = with_bare_output(model)
    return model.output_shape[-1] > 1 and loss_name(model.loss)[0].startswith("binary")


def try_loss(keras: Any, loss: Any, targets: np.ndarray, n_outputs: int) -> None:
    """Refuse a loss that does not compare these targets and outputs row by row.

    Parameters
    ----------
    keras : module
        Keras.
    loss : str, callable or keras.losses.Loss
        As given to ``compile``.
    targets : ndarray of shape (n_samples, ...)
        Targets of all rows.
    n_outputs : int
        Number of outputs of the model.
    """
    # As many rows as outputs, or one row, would let arrays of different axes match by chance.
    n_rows = n_outputs + 2
    some = np.resize(targets, (n_rows, *targets.shape[1:]))
    outputs = np.full((n_rows, n_outputs), 1 / max(n_outputs, 2), dtype=np.float32)
    rule = f"the loss must compare targets of shape {some.shape} with outputs of shape {outputs.shape}"
    remedy = "Tell it with targets='integers' or 'indicators', or compile the model with another loss."
    try:
        found = keras.losses.get(only_loss(loss))(
            keras.ops.convert_to_tensor(some), keras.ops.convert_to_tensor(outputs)
        )
        shape = tuple(found.shape)
    except Exception as error:
        first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        raise CompatibilityError(f"{rule}; {_shown(loss)} raised {type(error).__name__}: {first} {remedy}") from error
    if shape not in ((), (n_rows,), (n_rows, 1), outputs.shape):
        raise CompatibilityError(f"{rule}, row by row; {_shown(loss)} gave the shape {shape}. {remedy}")


def read_outputs(keras: Any, model: Any, from_logits: bool | None, *, multilabel: bool = False) -> Meaning:
    """Find out how outputs become probabilities; refuse those that cannot.

    Parameters
    ----------
    keras : module
        Keras.
    model : keras.Model
        Functional or sequential, compiled, with one output.
    from_logits : bool or None
        Whether the outputs are logits, if the user has told it.
    multilabel : bool, default=False
        Whether each output is a label of its own.

    Returns
    -------
    str
        See `Meaning`.

    Raises
    ------
    CompatibilityError
        If the last layer has an activation that gives no probabilities.
    """
    activation = last_activation(model.outputs[0])
    one = model.output_shape[-1] == 1
    logits = takes_logits(model.loss) if from_logits is None else from_logits
    if multilabel and activation in ("softmax", "sparsemax"):
        raise CompatibilityError(
            f"labels that may hold together need an output each by itself; {model.name!r} ends in {activation}, whose "
            "outputs sum to 1. End it with a sigmoid, and compile it with 'binary_crossentropy'."
        )
    if multilabel and (activation in PROBABILITIES or activation is None or logits):
        return "sigmoid" if logits and activation not in PROBABILITIES else "probabilities"
    if logits and activation not in PROBABILITIES:
        apart = loss_name(model.loss)[0].startswith("binary")
        return "sigmoid" if one else "sigmoid divided" if apart else "softmax"
    if activation is not None and activation not in PROBABILITIES:
        raise CompatibilityError(
            f"a classifier must end in probabilities; {model.name!r} ends in the activation {activation!r}. End it "
            f"with {'sigmoid' if one or multilabel else 'softmax'}, or, if its outputs are logits, compile it with a "
            "loss that has from_logits=True (for a loss of your own: KerasClassifier(..., from_logits=True))."
        )
    if one and activation in ("softmax", "sparsemax"):
        raise CompatibilityError(
            f"{activation} over one output is 1 for every row; {model.name!r} has one output. End it with a sigmoid, "
            "or give it an output for each class."
        )
    return "divided" if activation in APART and not one else "probabilities"


def check_regression_loss(keras: Any, loss: Any) -> None:
    """Refuse losses that compare classes."""
    name, is_own = loss_name(loss)
    if not is_own and ("categorical" in name or name in WITHOUT_CLASSES):
        raise CompatibilityError(
            f"KerasRegressor needs a loss of numbers; {_shown(loss)} compares classes. Compile the model with 'mse', "
            "or give it to KerasClassifier."
        )


def to_probabilities(raw: np.ndarray, how: Meaning) -> np.ndarray:
    """Turn the outputs of a model into probabilities.

    Parameters
    ----------
    raw : ndarray of shape (n_samples, n_outputs)
        Outputs.
    how : str
        See `Meaning`.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        Two columns for one output, which is the probability of the second class.
    """
    probas = as_probabilities(raw, how)
    return np.concatenate([1 - probas, probas], axis=1) if probas.shape[1] == 1 else probas


def _shown(loss: Any) -> str:
    loss = only_loss(loss)
    return repr(loss) if isinstance(loss, str) else getattr(loss, "__name__", None) or type(loss).__name__
