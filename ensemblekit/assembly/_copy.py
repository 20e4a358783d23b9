"""Copy Keras models: everything they hold, or everything but what training changes."""

from __future__ import annotations

import inspect
import tempfile
import types
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CompatibilityError
from ._keras import import_keras

if TYPE_CHECKING:
    import keras

__all__ = ["copy_assets", "copy_model", "copy_untrained", "copy_weights"]


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
    copied, pairs = _new_layers(keras, model)
    copy_weights(model, copied)
    _copy_flags(pairs)
    for old, new in pairs:
        for one, other in zip(_random_states(old), _random_states(new), strict=True):
            other.assign(one)
    _compile(keras, model, copied)
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
    copied, pairs = _new_layers(keras, model)
    if not copied.built:
        copied.build(keras.tree.map_structure(lambda x: (None, *x.shape[1:]), inputs))
        pairs = _pair(model, copied)
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
    _compile(keras, model, copied)
    return copied


def copy_assets(layer: keras.Layer, copied: keras.Layer) -> None:
    """Give a new layer what another has looked up rather than weighed: vocabularies, and the files it is saved with.

    Parameters
    ----------
    layer : keras.Layer
        It is not changed.
    copied : keras.Layer
        Made with the options of ``layer``. It must not have been called, as its output can depend on what it gets.

    Raises
    ------
    CompatibilityError
        If the new layer does not take it.
    """
    for old, new in _pair(layer, copied, built=False):
        with _named(old):
            if callable(getattr(old, "set_vocabulary", None)) and callable(getattr(old, "get_vocabulary", None)):
                _copy_vocabulary(old, new)
            elif hasattr(old, "save_assets"):
                with tempfile.TemporaryDirectory() as folder:
                    old.save_assets(folder)
                    new.load_assets(folder)


def copy_weights(layer: keras.Layer, copied: keras.Layer) -> None:
    """Give a new layer the weights of another, and what else this saves with them.

    Parameters
    ----------
    layer : keras.Layer
        It is not changed.
    copied : keras.Layer
        Made with the options of ``layer``, and built if that is.

    Raises
    ------
    CompatibilityError
        If the two have different weights.
    """
    for old, new in _pair(layer, copied):
        with _named(old):
            _copy_own_weights(old, new)


def _copy_vocabulary(layer: Any, copied: Any) -> None:
    # Keras's own way, a text file, loses tokens with line breaks, and all tokens of a layer with weights of documents.
    lookup = getattr(layer, "_lookup_layer", layer)
    words = lookup.get_vocabulary()
    if len(words) <= lookup._token_start_index():
        return
    idf = getattr(lookup, "idf_weights_const", None)
    weights = {} if idf is None else {"idf_weights": np.array(idf)[: len(words)]}
    if list(copied.get_vocabulary()) != list(words) or weights:
        copied.set_vocabulary(words, **weights)


def _copy_own_weights(layer: Any, copied: Any) -> None:
    store: dict[str, Any] = {}
    layer.save_own_variables(store)
    if store:
        copied.load_own_variables({key: np.array(value) for key, value in store.items()})
    # What is saved may be less than there is: layers of a low rank save the product of their weights.
    own = [[*part._trainable_variables, *part._non_trainable_variables] for part in (layer, copied)]
    for one, other in zip(*own, strict=len(own[0]) > 0):
        other.assign(one)


@contextmanager
def _named(layer: Any) -> Generator[None]:
    try:
        yield
    except Exception as error:
        raise CompatibilityError(
            f"a copy of a layer must take what the layer holds; that of {layer.name!r} ({type(layer).__name__}) does "
            f"not: {_first_line(error)} Give a function that makes the model."
        ) from error


def _new_layers(keras: Any, model: Any) -> tuple[Any, list[tuple[Any, Any]]]:
    """Make the same model of new layers, and list each old layer beside its new one, outer ones first."""
    try:
        copied = _Cloner(keras).clone(model)
    except (AttributeError, NotImplementedError, TypeError, ValueError) as error:
        raise CompatibilityError(
            f"a model must be Functional or Sequential to be copied, and each layer must be made by its get_config; "
            f"{type(model).__name__} {model.name!r} cannot be copied: {_first_line(error)} Give a function that makes "
            "it, or build it from layers called on a keras.Input."
        ) from error
    return copied, _pair(model, copied)


def _pair(model: Any, copied: Any, *, built: bool = True) -> list[tuple[Any, Any]]:
    """List each layer beside its copy; before these are built, without the layers that building makes."""
    pairs: list[tuple[Any, Any]] = []
    seen: set[int] = set()

    def add(old: Any, new: Any) -> None:
        if id(old) in seen:
            return
        seen.add(id(old))
        pairs.append((old, new))
        inner = [[part for part in layer._layers if not _is_input(part)] for layer in (old, new)]
        if not built and not inner[1]:
            return
        if len(inner[0]) != len(inner[1]) or any(type(a) is not type(b) for a, b in zip(*inner, strict=True)):
            raise CompatibilityError(
                f"a layer must make the same layers again from its get_config; {old.name!r} ({type(old).__name__}) "
                f"holds {[part.name for part in inner[0]]}, and its copy {[part.name for part in inner[1]]}."
            )
        for pair in zip(*inner, strict=True):
            add(*pair)

    add(model, copied)
    return pairs


def _is_input(layer: Any) -> bool:
    # A Sequential that was never built has none; its copy has.
    return type(layer).__name__ == "InputLayer"


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


def _first_line(error: Exception) -> str:
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return first if first.endswith(".") else f"{first}."


class _Cloner:
    """Make the layers of a model anew, each once."""

    def __init__(self, keras: Any) -> None:
        from keras.src.models import Functional  # pyright: ignore[reportPrivateImportUsage]

        self.keras, self.functional = keras, Functional
        self._copies: dict[int, Any] = {}

    def clone(self, model: Any) -> Any:
        # `clone_model` would compile the copy from a description, in which losses of the user's own are names alone.
        twin = object.__new__(type(model))
        vars(twin).update(vars(model))
        vars(twin)["compiled"] = False
        return self.keras.models.clone_model(twin, clone_function=self._layer)

    def _layer(self, layer: Any) -> Any:
        if id(layer) not in self._copies:
            if isinstance(layer, (self.functional, self.keras.Sequential)):
                copied = self.clone(layer)
            elif type(layer) is self.keras.layers.Lambda:
                copied = _new_lambda(layer)
            else:
                with self.keras.saving.custom_object_scope(_own_objects(layer)):
                    copied = type(layer).from_config(layer.get_config())
            if not hasattr(copied, "operations") and hasattr(copied, "_layers"):
                copy_assets(layer, copied)
            self._copies[id(layer)] = copied
        return self._copies[id(layer)]


def _new_lambda(layer: Any) -> Any:
    # Its description holds code that Keras does not read again, as it may come from a file; this one does not.
    shape = layer._output_shape
    return type(layer)(
        layer.function, output_shape=shape, mask=layer.mask, arguments=layer.arguments, name=layer.name,
        trainable=layer.trainable, dtype=layer.dtype_policy,
    )  # fmt: skip


def _own_objects(*roots: Any) -> dict[str, Any]:
    """Find classes and functions that are not Keras's, and are needed to make these objects again from their options."""
    found: dict[str, Any] = {}
    for value in _reachable(roots):
        named = value if isinstance(value, types.FunctionType) else type(value)
        if not named.__module__.startswith(("keras.", "builtins", "numpy")):
            found[named.__name__] = named
    return found


def _reachable(roots: tuple[Any, ...]) -> Iterator[Any]:
    seen: dict[int, Any] = {}
    left = list(roots)
    while left:
        value = left.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value
        if isinstance(value, dict):
            left += value.values()
        elif isinstance(value, (list, tuple)):
            left += value
        elif isinstance(value, types.FunctionType):
            yield value
        elif callable(getattr(value, "get_config", None)) and not isinstance(value, type):
            yield value
            left += [v for key, v in vars(value).items() if not key.startswith(("_metrics", "_inbound", "_outbound"))]


def _compile(keras: Any, model: Any, copied: Any) -> None:
    if not model.compiled:
        return
    if type(model).compile is not keras.Model.compile:
        copied.compile_from_config(model.get_compile_config())
        return
    options = dict(model._compile_config.config)
    with keras.saving.custom_object_scope(_own_objects(options)):
        options["optimizer"] = _anew(options["optimizer"])
        for kind in ("metrics", "weighted_metrics"):
            options[kind] = keras.tree.map_structure(_anew, options[kind])
    options["loss"] = model.loss
    copied.compile(**options)
    if copied.optimizer is not None and copied.built:
        copied.optimizer.build(copied.trainable_variables)


def _anew(value: Any) -> Any:
    """Make an optimizer or a metric again, which have states; text and functions have none."""
    if inspect.isclass(value) or not hasattr(value, "from_config"):
        return value
    return type(value).from_config(value.get_config())
