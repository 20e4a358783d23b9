"""Copy Keras models: everything they hold, or everything but what training changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._clone import compile_like, new_layers
from ._copy_state import copy_weights, pair_layers
from ._keras import import_keras

if TYPE_CHECKING:
    import keras

__all__ = ["copy_model", "copy_untrained", "with_bare_output"]


def copy_model(model: keras.Model) -> keras.Model:
    """Copy a Keras model with everything that it holds.

    Parameters
    ----------
    model : keras.Model
        Functional or sequential. It is not changed.

    Returns
    -------
    keras.Model
        It shares no layer with ``model``. If ``model`` is compiled, the copy is compiled in the same way, with a new
        optimizer.

    Raises
    ------
    CompatibilityError
        If the model is neither functional nor sequential, or a layer cannot be copied.
    MissingDependencyError
        If Keras is not installed.

    Notes
    -----
    Copied are the weights, which of them are frozen, what ``adapt`` has learned (means, bounds, vocabularies), and the
    states of random layers: the copy draws what the model would draw next. Layers that occur several times in the
    model occur several times in the copy. `keras.models.clone_model` with `set_weights` loses vocabularies, and a
    copied ``Normalization`` goes on without its means.

    Examples
    --------
    >>> import keras, numpy as np
    >>> from ensemblekit.assembly import copy_model
    >>> scale = keras.layers.Normalization()
    >>> scale.adapt(np.array([[0.0], [10.0]]))
    >>> model = keras.Sequential([keras.Input((1,)), scale, keras.layers.Dense(2, "softmax")])
    >>> x = np.array([[1.0], [7.0]])
    >>> np.array_equal(copy_model(model)(x), model(x))
    True
    """
    keras = import_keras("copy_model")
    copied, pairs = new_layers(keras, model)
    copy_weights(model, copied)
    _copy_flags(pairs)
    for old, new in pairs:
        for one, other in zip(_random_states(old), _random_states(new), strict=True):
            other.assign(np.array(one))
    compile_like(keras, model, copied)
    return copied


def copy_untrained(model: keras.Model, inputs: Any) -> keras.Model:
    """Copy a Keras model with everything that it holds except what training changes, which starts anew.

    Parameters
    ----------
    model : keras.Model
        Functional or sequential. It is not changed.
    inputs : array or nested arrays
        A few rows of what it will be trained on.

    Returns
    -------
    keras.Model
        Compiled as ``model`` is, with a new optimizer.

    Raises
    ------
    CompatibilityError
        If the model is neither functional nor sequential, or a layer cannot be copied.
    MissingDependencyError
        If Keras is not installed.

    Notes
    -----
    Trainable weights start with the values of their initializers. So do weights that a pass in training mode changes,
    such as the moving means of a ``BatchNormalization`` that is not frozen: they describe the weights before them. One
    pass over ``inputs`` shows which these are. Frozen weights and what ``adapt`` has learned stay as they are. Random
    layers start with their seeds.

    Examples
    --------
    >>> import keras, numpy as np
    >>> from ensemblekit.assembly import copy_untrained
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(2, "softmax")])
    >>> model.layers[0].trainable = False
    >>> copied = copy_untrained(model, np.ones((2, 4)))
    >>> [np.array_equal(a, b) for a, b in zip(model.get_weights(), copied.get_weights()) if a.ndim == 2]
    [True, False]
    """
    keras = import_keras("copy_untrained")
    copied, pairs = new_layers(keras, model)
    if not copied.built:
        copied.build(keras.tree.map_structure(lambda x: (None, *x.shape[1:]), inputs))
        pairs = pair_layers(model, copied)
    variables = {id(v): v for _, layer in pairs for v in layer.weights}
    initial = {key: np.array(v) for key, v in variables.items()}
    random = {id(v): (v, np.array(v)) for _, layer in pairs for v in _random_states(layer)}
    copy_weights(model, copied)
    _copy_flags(pairs)
    anew = {id(v) for v in copied.trainable_weights}
    others = {key: np.array(v) for key, v in variables.items() if key not in anew}
    if any(not _equal(value, initial[key]) for key, value in others.items()):
        copied(keras.tree.map_structure(keras.ops.convert_to_tensor, inputs), training=True)
        anew |= {key for key, value in others.items() if not _equal(value, np.array(variables[key]))}
        for state, value in random.values():
            state.assign(value)
    for key in anew:
        variables[key].assign(initial[key])
    compile_like(keras, model, copied)
    return copied


def with_bare_output(model: Any) -> Any:
    """Make a model whose one output stands in no dict or list.

    Parameters
    ----------
    model : keras.Model
        Any model. It is not changed.

    Returns
    -------
    keras.Model
        Compiled as ``model`` is, of the same layers; the model itself, if its output stands by itself, or has others
        beside it.
    """
    outputs = getattr(model, "outputs", None) or ()
    keras = import_keras("with_bare_output")
    if len(outputs) != 1 or not isinstance(getattr(model, "output", None), (dict, list, tuple)):
        return model
    if type(model).compile is not keras.Model.compile:
        return model
    bare = keras.Model(model.input, outputs[0], name=model.name)
    compile_like(keras, model, bare, bare=True)
    return bare


def _copy_flags(pairs: list[tuple[Any, Any]]) -> None:
    # A layer passes its own flag to those within it, which therefore come later; a weight may differ from its layer.
    for old, new in pairs:
        new.trainable = old.trainable
    for old, new in pairs:
        if len(old.weights) == len(new.weights):
            for one, other in zip(old.weights, new.weights, strict=True):
                other.trainable = one.trainable


def _random_states(layer: Any) -> list[Any]:
    return [generator.state for generator in layer._seed_generators]


def _equal(value: np.ndarray, other: np.ndarray) -> bool:
    return np.array_equal(value, other, equal_nan=value.dtype.kind == "f")
