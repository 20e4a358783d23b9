"""The chained model of the study: the features of the first model, and a second head on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ensemblekit import hookimpl
from ensemblekit.assembly import copy_model, import_keras
from ensemblekit.errors import CompatibilityError

if TYPE_CHECKING:
    import keras

    from ensemblekit import Head

__all__ = ["Chained"]


class Chained:
    r"""The first model without its output layer, followed by a second head; one model, trained end to end.

    Notes
    -----
    .. math::

        x \mapsto \operatorname{head}_2(\operatorname{features}_1(x))

    All layers of the first model before the output layer are used, with their weights. If the softmax is a separate
    layer, it is left out as well. Layers that are frozen in the first model stay frozen, and what ``adapt`` has learned
    (means, vocabularies) stays learned. The second part is only a head, because the first part does the augmentation,
    rescaling, convolutions and flattening. The study chains its two networks in this way; [1]_ examines layers that are
    copied with their weights, and trained further below new ones.

    References
    ----------
    .. [1] J. Yosinski, J. Clune, Y. Bengio, H. Lipson, "How transferable are features in deep neural networks?",
       Advances in Neural Information Processing Systems 27, 2014.

    Examples
    --------
    >>> from ensemblekit import build_classifier, load_plugins
    >>> plugins = load_plugins()
    >>> head = plugins.create_head("classifier_head")
    >>> first = build_classifier(plugins.create_backbone("custom_cnn"), head, input_shape=(32, 32, 3), n_classes=4)
    >>> plugins.create_chainer("chained").chain(first, head).output_shape
    (None, 4)
    """

    def chain(self, first: keras.Model, second_head: Head) -> keras.Model:
        """Build a model from the features of ``first`` and a second head.

        Parameters
        ----------
        first : keras.Model
            A classifier with one input and one output, made with the functional API or `keras.Sequential`. It is
            copied.
        second_head : Head
            It is built on the features, for as many classes as ``first`` has, and must build a Keras model.

        Returns
        -------
        keras.Model
            The model is not compiled. Its last layer is the second head.

        Raises
        ------
        CompatibilityError
            If ``first`` is not such a model, or the head does not build a Keras model.
        """
        keras = import_keras("Chainer 'chained'")
        if len(getattr(first, "inputs", None) or ()) != 1 or len(getattr(first, "outputs", None) or ()) != 1:
            raise CompatibilityError(
                "chained takes a functional or sequential Keras model with one input and one output; received "
                f"{getattr(first, 'name', type(first).__name__)!r}."
            )
        _check_fed(first, _step_back(first.outputs[0])[1])  # Keras before 3.14 cannot copy a model without layers
        features = _features(keras, copy_model(first))
        built = second_head.build(tuple(features.output.shape[1:]), first.output_shape[-1])
        if not isinstance(built, keras.Model):
            raise CompatibilityError(
                f"chained needs a head that builds a Keras model; {type(second_head).__name__} built a "
                f"{type(built).__name__}."
            )
        taken = {layer.name for layer in features.layers}
        name = next(n for n in ("second_head", *(f"second_head_{k}" for k in range(2, 100))) if n not in taken)
        second = keras.Model(built.inputs[0], built.outputs[0], name=name)
        return keras.Model(features.inputs[0], second(features.output), name="chained")


def _features(keras: Any, model: Any) -> Any:
    """Return the model up to its features, without its output layer, which may be in a nested model."""
    inputs = model.inputs[0]
    operation, fed = _step_back(model.outputs[0])
    while isinstance(operation, (keras.layers.Activation, keras.layers.Softmax)):
        operation, fed = _step_back(fed)
    _check_fed(model, fed)
    if isinstance(operation, keras.Model):
        return keras.Model(inputs, _features(keras, operation)(fed), name=model.name)
    return keras.Model(inputs, fed, name=model.name)


def _check_fed(model: Any, fed: Any) -> None:
    if fed is None:
        raise CompatibilityError(f"{model.name!r} must have a layer before its output layer; it has none.")


def _step_back(tensor: Any) -> tuple[Any, Any]:
    """Find the operation that made a symbolic tensor, and the inputs of the operation."""
    history = tensor._keras_history
    fed = history.operation._inbound_nodes[history.node_index].input_tensors
    return history.operation, (fed[0] if fed else None)


@hookimpl
def ensemblekit_register_chainers(register: Any) -> None:
    """Register ``chained``."""
    register("chained", Chained)
