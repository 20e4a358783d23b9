"""`check_compatible`: check whether Keras models can be combined; each answer is a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .assembly import import_keras
from .errors import InvalidOptionError
from .printed import printable

__all__ = ["Answer", "check_compatible"]


@dataclass(frozen=True)
class Answer:
    """One answer of `check_compatible`.

    Attributes
    ----------
    check : str
        What was checked: ``input``, ``classes``, ``output``, ``augmentation``, ``rescaling``, ``frozen`` or ``top``.
    member : str or None
        The member; None for an answer about all of them.
    ok : bool or None
        None if it cannot be determined, or does not apply.
    sentence : str
        The finding and, if it is not ok, what to do.
    """

    check: str
    member: str | None
    ok: bool | None
    sentence: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "sentence", printable(self.sentence))


def check_compatible(members: Mapping[str, Any]) -> tuple[Answer, ...]:
    """Check the study's compatibility precautions on models.

    Equal input size and channels; equal numbers of classes and output layers; augmentation before rescaling; input
    scaled as for the training of the backbone; pretrained layers frozen, and without their own top.

    Parameters
    ----------
    members : mapping of str to keras.Model
        Name -> model. Models that are neither functional nor sequential are reported as not checked.

    Returns
    -------
    tuple of Answer
        All answers, also those that are ok.

    Raises
    ------
    InvalidOptionError
        If ``members`` is not a mapping, or is empty.
    MissingDependencyError
        If Keras is not installed.

    Notes
    -----
    Backbones of ``keras.applications`` are recognised by the names of their layers. The scale of their input is
    measured: black and single-colour images are passed through the layers before them.

    Examples
    --------
    >>> import keras
    >>> from ensemblekit import check_compatible
    >>> small = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(4, "softmax")])
    >>> large = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.Flatten(), keras.layers.Dense(4, "softmax")])
    >>> print(check_compatible({"small": small, "large": large})[0].sentence)
    Inputs differ: 'small' takes (32, 32, 3), 'large' takes (64, 64, 3); give both one size and number of channels.
    """
    if not isinstance(members, Mapping) or not members:
        raise InvalidOptionError(f"members must be {{name: model}}, at least one; received {members!r}.")
    keras = import_keras("check_compatible")
    models = {
        str(name): model
        for name, model in members.items()
        if isinstance(model, keras.Model) and len(model.inputs or ()) == len(model.outputs or ()) == 1
    }
    answers = [
        Answer(
            "input", str(name), None, f"{str(name)!r} is no Keras model with one known input and output: not looked at."
        )
        for name in members
        if str(name) not in models
    ]
    if models:
        answers += [_inputs(models), _classes(models), _outputs(models)]
    for name, model in models.items():
        operations = list(_flat(keras, model))
        answers.append(_augmentation(keras, name, operations))
        answers += _pretrained(keras, name, model, operations)
    return tuple(answers)


def _inputs(models: Mapping[str, Any]) -> Answer:
    shapes = {name: tuple(model.inputs[0].shape[1:]) for name, model in models.items()}
    if len(set(shapes.values())) == 1:
        return Answer("input", None, True, f"Every model takes inputs of shape {next(iter(shapes.values()))}.")
    return Answer(
        "input",
        None,
        False,
        f"Inputs differ: {_each(shapes, 'takes')}; give both one size and number of channels.",
    )


def _classes(models: Mapping[str, Any]) -> Answer:
    counts = {name: int(model.outputs[0].shape[-1]) for name, model in models.items()}
    if len(set(counts.values())) == 1:
        return Answer("classes", None, True, f"Every model has {next(iter(counts.values()))} classes.")
    return Answer("classes", None, False, f"Numbers of classes differ: {_each(counts, 'has')}; train them on the same.")


def _outputs(models: Mapping[str, Any]) -> Answer:
    layers = {name: _output_layer(model) for name, model in models.items()}
    if len(set(layers.values())) == 1:
        layer = next(iter(layers.values()))
        ok = "softmax" in layer or "sigmoid" in layer
        end = "." if ok else ", which gives no probabilities; end with a softmax."
        return Answer("output", None, ok, f"Every model ends in {layer}{end}")
    return Answer("output", None, False, f"Output layers differ: {_each(layers, 'ends in')}; give both the same.")


def _output_layer(model: Any) -> str:
    operation = model.outputs[0]._keras_history.operation
    if getattr(operation, "outputs", None):
        return _output_layer(operation)
    activation = getattr(operation, "activation", None)
    words = [type(operation).__name__]
    words += [str(operation.units)] if hasattr(operation, "units") else []
    words += [str(getattr(activation, "__name__", activation))] if activation is not None else []
    return " ".join(words)


def _augmentation(keras: Any, name: str, operations: list[Any]) -> Answer:
    random = [k for k, op in enumerate(operations) if type(op).__name__.startswith("Random")]
    scaling = [
        k for k, op in enumerate(operations) if isinstance(op, (keras.layers.Rescaling, keras.layers.Normalization))
    ]
    if not random:
        return Answer("augmentation", name, None, f"{name!r} holds no augmentation.")
    if scaling and max(random) > min(scaling):
        late = operations[max(random)].name
        return Answer(
            "augmentation",
            name,
            False,
            f"{name!r} rescales ({operations[min(scaling)].name}) before it augments ({late}); augmentation is made "
            "for pixels of 0 to 255: put it first.",
        )
    return Answer("augmentation", name, True, f"{name!r} augments raw pixels, before any rescaling.")


_SIGNED = ((1 / 127.5, 1 / 127.5, 1 / 127.5), (-1.0, -1.0, -1.0), False, "pixels / 127.5 - 1")
_BGR = ((1.0, 1.0, 1.0), (-103.939, -116.779, -123.68), True, "blue, green, red minus the means of ImageNet")
_STANDARD = (
    (1 / (255 * 0.229), 1 / (255 * 0.224), 1 / (255 * 0.225)),
    (-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225),
    False,
    "pixels / 255, minus the means and divided by the deviations of ImageNet",
)


@dataclass(frozen=True)
class _Family:
    """A family of networks: the names of its layers, and the input that its ImageNet weights were trained on."""

    title: str
    first: str
    witness: str
    layers: str
    scale: tuple[float, float, float]
    offset: tuple[float, float, float]
    flipped: bool
    expects: str


_FAMILIES = (
    _Family("ResNet V2", "conv1_conv", "conv2_block1_preact_bn", r"conv\d_|pool\d_|post_", *_SIGNED),
    _Family("ResNet", "conv1_conv", "conv2_block1_out", r"conv\d_|pool\d_", *_BGR),
    _Family("DenseNet", "conv1_conv", "conv2_block1_concat", r"conv\d_|pool\d_", *_STANDARD),
    _Family("VGG", "block1_conv1", "block5_conv1", r"block\d_", *_BGR),
    _Family("Xception", "block1_conv1", "block14_sepconv2", r"block\d+_", *_SIGNED),
    _Family("MobileNetV2", "Conv1", "expanded_conv_depthwise", r"(bn_)?Conv(1|_1)|expanded_conv_|block_\d", *_SIGNED),
    _Family("MobileNet", "conv1", "conv_dw_1", r"conv(1|_dw|_pw)", *_SIGNED),
)


def _pretrained(keras: Any, name: str, model: Any, operations: list[Any]) -> list[Answer]:
    by_name = {op.name: op for op in operations}
    family = next((f for f in _FAMILIES if f.first in by_name and f.witness in by_name), None)
    if family is None:
        unknown = f"{name!r} holds no pretrained backbone that is known here."
        return [Answer(check, name, None, unknown) for check in ("rescaling", "frozen", "top")]
    return [
        _rescaling(keras, name, model, family, by_name[family.first]),
        _frozen(name, family, operations),
        _top(name, family, by_name),
    ]


def _rescaling(keras: Any, name: str, model: Any, family: _Family, first: Any) -> Answer:
    scale, offset, order = _measure(keras, model, first)
    wanted = np.array(family.scale), np.array(family.offset), [2, 1, 0] if family.flipped else [0, 1, 2]
    fits = order == wanted[2] and np.allclose(scale, wanted[0], rtol=1e-2) and np.allclose(offset, wanted[1], atol=0.5)
    if fits:
        return Answer("rescaling", name, True, f"The {family.title} of {name!r} receives {family.expects}, as trained.")
    low, high = offset.min(), (offset + 255 * scale).max()
    return Answer(
        "rescaling",
        name,
        False,
        f"The {family.title} of {name!r} receives values from {low:.4g} to {high:.4g}, channels in the order "
        f"{''.join('RGB'[channel] for channel in order)}; its ImageNet weights were trained on {family.expects}.",
    )


def _measure(keras: Any, model: Any, first: Any) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Measure the input of each channel of the backbone: its scale, its offset, and its channel of the image."""
    shape = [side or 64 for side in model.inputs[0].shape[1:]]
    images = np.zeros((4, *shape), dtype=np.float32)
    for channel in range(3):
        images[channel + 1, ..., channel] = 255
    for part in _up_to(keras, model, first):
        images = part(images, training=False)
    values = np.asarray(images)
    # The middle of the image is used, as padding has no effect there.
    black, *colours = values[:, values.shape[1] // 2, values.shape[2] // 2]
    gain = (np.stack(colours) - black) / 255
    order = [int(channel) for channel in np.abs(gain).argmax(axis=0)]
    return gain[order, range(3)], black, order


def _up_to(keras: Any, model: Any, target: Any) -> list[Any]:
    """Make the models that lead, one after the other, from the input to the input of ``target``."""
    for operation in _operations(model):
        nested = isinstance(operation, keras.Model)
        if operation is target or (nested and any(op is target for op in _flat(keras, operation))):
            # A layer that is shared with other models has one node in each.
            levels = getattr(model, "_functional", model)._nodes_by_depth.values()
            node = next(node for level in levels for node in level if node.operation is operation)
            start, end = model.inputs[0], node.input_tensors[0]
            # Keras before 3.14 cannot build a model whose output is its input.
            before = [] if end is start else [keras.Model(start, end)]
            return [*before, *(_up_to(keras, operation, target) if nested else [])]
    raise AssertionError(f"{target} is an operation of {model}")


def _frozen(name: str, family: _Family, operations: list[Any]) -> Answer:
    trained = [
        op.name for op in operations if re.match(family.layers, op.name) and getattr(op, "trainable_weights", ())
    ]
    if not trained:
        return Answer("frozen", name, True, f"Every layer of the {family.title} of {name!r} is frozen.")
    return Answer(
        "frozen",
        name,
        False,
        f"{len(trained)} layers of the {family.title} of {name!r} would be trained, first {trained[0]!r}; set "
        "trainable = False to keep what it has learned.",
    )


def _top(name: str, family: _Family, by_name: Mapping[str, Any]) -> Answer:
    if "predictions" in by_name:
        return Answer(
            "top",
            name,
            False,
            f"The {family.title} of {name!r} still has its own top, {by_name['predictions'].units} ImageNet classes; "
            "build it with include_top=False.",
        )
    return Answer("top", name, True, f"The {family.title} of {name!r} comes without its own top.")


def _operations(model: Any) -> list[Any]:
    return list(getattr(model, "operations", None) or model.layers)


def _flat(keras: Any, model: Any) -> Iterator[Any]:
    """Yield every operation from the input to the output, with those of nested models in their place."""
    for operation in _operations(model):
        if isinstance(operation, keras.Model):
            yield from _flat(keras, operation)
        else:
            yield operation


def _each(values: Mapping[str, Any], verb: str) -> str:
    return ", ".join(f"{name!r} {verb} {value}" for name, value in values.items())
