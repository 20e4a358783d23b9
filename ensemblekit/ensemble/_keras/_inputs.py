"""The inputs of a Keras model: one array, texts, or one array for each input by its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array

from ...errors import CompatibilityError, InvalidPredictionsError
from ...members.networks import has_no_name, input_names
from ...predictions.named import check_same_rows
from ...predictions.names import few
from ._model import is_model

__all__ = [
    "as_fed",
    "check_shapes",
    "inputs_of",
    "is_of_several",
    "of_model",
    "read_array",
    "text_of",
]


def inputs_of(model: Any) -> list[Any] | None:
    """List the symbolic inputs of a model; None if it is not known yet."""
    return list(getattr(model, "inputs", None) or ()) or None if is_model(model) else None


def is_of_several(X: Any, model: Any) -> bool:
    """Tell whether X holds one array for each input of a model, and not one row after the other.

    Parameters
    ----------
    X : object
        As given by the user.
    model : object
        The structure of its inputs decides, if it is a model and its inputs are known.

    Returns
    -------
    bool
        Always for a mapping. If the model takes several inputs, for a list or tuple too, and for a table with a column
        for each.
    """
    if isinstance(X, Mapping):
        return not hasattr(X, "shape")  # some sparse matrices are mappings
    inputs = inputs_of(model) or []
    if len(inputs) < 2:
        return False
    return isinstance(X, (list, tuple)) or {*_names(model)} <= {*map(str, getattr(X, "columns", ()))}


def _names(model: Any) -> list[str]:
    """Name the inputs; those that Keras has named, by another name in each copy, by their order."""
    names = (input_names(model) or ()) if inputs_of(model) else ()
    return [f"input_{k}" if has_no_name(name) else name for k, name in enumerate(names, 1)]


def of_model(X: Any, model: Any) -> dict[str, Any]:
    """Read one array for each input of a model, by the names of its inputs.

    Parameters
    ----------
    X : mapping of str to array-like, table, or list of array-like
        A list is in the order of the model's inputs, and only for a model that takes a list.
    model : object
        A keras.Model, or a function that makes one, which takes all of X.

    Returns
    -------
    dict
        Name of the input -> array.

    Raises
    ------
    CompatibilityError
        If an input is not in X.
    InvalidPredictionsError
        If the inputs differ in their numbers of rows, or in the names of their rows.
    """
    inputs = inputs_of(model)
    names = [*X] if inputs is None else _names(model)
    if isinstance(X, Mapping):
        # The keys of a dict of inputs go before the names of its tensors.
        keys = {name: name for name in names}
        for given_names in () if inputs is None else (input_names(model) or (), [t.name for t in inputs]):
            keys |= {n: other for n, other in zip(names, given_names, strict=True) if keys[n] not in X and other in X}
        absent = [name for name, key in keys.items() if key not in X]
        if absent:
            raise CompatibilityError(
                f"X must name each input of the model; it has {few([*X])} and lacks {few(absent)} of {model.name!r}. "
                "Name the arrays as the inputs: {name: array}, keras.Input(shape, name=name)."
            )
        given = {name: X[key] for name, key in keys.items()}
    elif not isinstance(X, (list, tuple)):
        given = {name: X[name] for name in names}
    else:
        if isinstance(getattr(model, "input", None), dict):
            raise CompatibilityError(
                f"a model with named inputs must be given {{name: array}}; {model.name!r} has {few(names)}, and X is a "
                f"{type(X).__name__}."
            )
        if len(X) != len(names):
            raise CompatibilityError(
                f"X must have one array for each input of the model; {model.name!r} has {few(names)}, and X is a "
                f"{type(X).__name__} of {len(X)}. Give {{name: array}}."
            )
        given = dict(zip(names, X, strict=True))
    if not given:
        raise InvalidPredictionsError("X must hold at least one array; received an empty mapping.")
    arrays = {str(name): read_array(f"X[{name!r}]", values) for name, values in given.items()}
    rows = {name: len(values) for name, values in arrays.items()}
    if len(set(rows.values())) > 1:
        raise InvalidPredictionsError(f"the inputs of X must have one row a sample each; received {rows} rows.")
    first = next(iter(given))
    for name, values in given.items():
        check_same_rows(f"X[{first!r}]", given[first], f"X[{name!r}]", values, error=InvalidPredictionsError)
    return arrays


def read_array(what: str, values: Any) -> np.ndarray:
    """Read one input: numbers, finite, as float32 if they are float64; or texts."""
    texts = text_of(values)
    if texts is not None:
        return texts
    array: Any = check_array(values, ensure_2d=False, allow_nd=True, input_name=what, ensure_min_features=0)
    array = array.reshape(-1, 1) if array.ndim == 1 else array
    return array.astype(np.float32) if array.dtype == np.float64 else array


def text_of(values: Any) -> np.ndarray | None:
    """Read texts as an array of objects, which Keras takes; None if the values are not text.

    Parameters
    ----------
    values : object
        A list, a column or an array of str.

    Returns
    -------
    ndarray of shape (n_samples,), or None
        One column of texts loses its second axis, as Keras takes objects with one axis alone.
    """
    if getattr(getattr(values, "dtype", None), "kind", "O") not in "OUST" or isinstance(values, Mapping):
        return None
    if isinstance(values, (list, tuple)) and not (values and isinstance(values[0], (str, bytes))):
        return None
    array = np.asarray(values, dtype=object)
    if not array.size or not all(isinstance(text, (str, bytes)) for text in array.flat):
        return None
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise InvalidPredictionsError(
            f"texts must be one a row; received shape {array.shape}. Give each column of texts an input of its own: "
            "{name: texts}."
        )
    texts = [text.decode() if isinstance(text, bytes) else str(text) for text in array]
    return np.array(texts, dtype=object)


def check_shapes(x: Any, model: Any) -> None:
    """Refuse arrays whose rows have another shape than an input of a model.

    Parameters
    ----------
    x : ndarray or dict of str to ndarray
        As read.
    model : keras.Model
        Built, with known inputs.

    Raises
    ------
    CompatibilityError
        If a shape differs, or the model has several inputs and X is one array.
    """
    inputs = inputs_of(model) or []
    if not isinstance(x, dict) and len(inputs) > 1:
        raise CompatibilityError(
            f"a model of several inputs must be given {{name: array}}; {model.name!r} has "
            f"{few(_names(model))}, and X is one array."
        )
    for name, tensor in zip(_names(model), inputs, strict=True):
        array = x[name] if isinstance(x, dict) else x
        what = f"X[{name!r}]" if isinstance(x, dict) else "X"
        is_text, wants_text = array.dtype == object, str(tensor.dtype) == "string"
        if is_text is not wants_text:
            raise CompatibilityError(
                f"{what} must be {'texts' if wants_text else 'numbers'} for {model.name!r}; received "
                f"{'texts' if is_text else array.dtype}. "
                + ("Give str." if wants_text else "Texts need keras.Input((1,), dtype='string') and TextVectorization.")
            )
        wanted, shape = tuple(tensor.shape[1:]), array.shape[1:]
        # Keras adds an axis of length 1, or leaves it out.
        if not any(_fits(one, wanted) for one in (shape, (*shape, 1), shape[:-1] if shape[-1:] == (1,) else shape)):
            raise CompatibilityError(
                f"rows of {what} must have the shape of the model's input; {model.name!r} takes {wanted}, and the rows "
                f"have {shape}. Reshape them, or give KerasClassifier or KerasRegressor input_shape=."
            )


def _fits(shape: Sequence[int], wanted: Sequence[int | None]) -> bool:
    return len(shape) == len(wanted) and all(b is None or a == b for a, b in zip(shape, wanted, strict=True))


def as_fed(x: Any, model: Any) -> Any:
    """Put inputs that were read into the structure that a built model takes."""
    if not isinstance(x, dict):
        return x
    names = _names(model)
    structure = getattr(model, "input", None)  # a Sequential that was never called has none
    if isinstance(structure, dict):
        return {key: x[key] for key in structure}
    return x[names[0]] if len(names) == 1 else [x[name] for name in names]
