"""`fuse`: join members and combiner in one graph."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import numpy as np

from ..arguments import typed
from ..assembly import import_keras
from ..combining import AskedCombiner, ask
from ..errors import CompatibilityError, EnsembleKitError, InvalidOptionError, InvalidPredictionsError
from ..interfaces import CombinerLike
from ..kinds import kind_of
from ..members.networks import input_names, packed_inputs
from ..predictions import Task
from ._graph import Graph
from ._inputs import Inputs, Pixels, make_inputs, read_pixels
from .layer_names import classes_layer, escape, member_layer, task_layer, with_members
from .members import MemberModel, is_ensemble, name_outputs, read_members

if TYPE_CHECKING:
    import keras

    from ..ensemble import EnsembleClassifier, EnsembleRegressor

__all__ = ["Members", "fuse"]

Members: TypeAlias = Union[Sequence[tuple[str, Any]], Mapping[str, Any], "EnsembleClassifier", "EnsembleRegressor"]
"""What can be fused: Keras models by name, or a fitted ensemble."""


@typed(but=("members", "combiner", "classes"))
def fuse(
    members: Members,
    combiner: str | CombinerLike | None = None,
    *,
    classes: Sequence[Hashable] | Mapping[Any, Any] | None = None,
    task: Task | None = None,
    input_shape: tuple[int, int, int] | None = None,
    name: str = "fused",
    output_names: Mapping[str, str] | None = None,
    scale: Mapping[str, float] | None = None,
    offset: Mapping[str, float] | None = None,
    options: Mapping[str, Any] | None = None,
    **more_options: Any,
) -> keras.Model:
    """Fuse several Keras models and a combiner into one Keras model.

    The models are copied with their preprocessing and weights; they are not changed. Layers of the same class, options
    and weights on the same input are merged, so that a backbone that members share runs once. Layers that only act in
    training (dropout, augmentation) are left out. The combiner's own ``combine`` adds the rest of the graph.

    Parameters
    ----------
    members : sequence of (str, model), mapping of str to model, or fitted EnsembleClassifier or EnsembleRegressor
        Functional or sequential Keras models, fitted `KerasClassifier`, or members made of a Keras model. Each has one
        output, or several of which ``output_names`` takes one. Members with one input all take the same one; members
        with several inputs share them by name.
    combiner : str or Combiner, optional
        A registered name, or an object with a method ``combine``, fitted if it learns. If ``members`` is an ensemble,
        its own combiner is used.
    classes : sequence of str or int, label map ``{0: name, ...}``, or mapping of member name to such, optional
        Names of the members' outputs in their order. The model's outputs are in the order of the first member.
    task : str, optional
        By default ``multiclass``, or what the ensemble does.
    input_shape : tuple of int, optional
        ``(height, width, channels)`` of the images that the fused model takes, if members take images of different
        sizes, or some of grey images. Each member then starts with a `keras.layers.Resizing` (bilinear) to its own
        size, and with the luminance of RGB images, or three copies of grey ones.
    name : str, default="fused"
        Name of the model.
    output_names : mapping of str to str, optional
        ``{member: output}``: the output to take of a model with several, by the name of its layer or its key.
    scale, offset : mapping of str to float, optional
        ``{member: number}``: the member gets ``pixels * scale + offset``, if it was trained on such numbers, as with
        ``scale={"cnn": 1 / 255}``.
    options, **more_options
        Options of the combiner, as in `combine`.

    Returns
    -------
    keras.Model
        Not compiled; maps the members' inputs to probabilities of shape ``(n_samples, ..., n_classes)``. `class_names`
        reads the names of its outputs; `with_members` adds the outputs of each member.

    Raises
    ------
    CompatibilityError
        If a member is not such a model, or the combiner cannot be part of a graph.
    NotFittedError
        If the combiner learns and was not fitted.
    AlignmentError
        If members have different classes, or are not the members that the combiner was fitted on.
    InvalidOptionError
        If names or options are not valid.
    MissingDependencyError
        If Keras is not installed.

    Notes
    -----
    The fused model and the members are run once on random inputs. The model is refused if the predictions of its
    members differ from those of the members themselves. Outputs of half precision are cast to float32 before they are
    combined.

    Examples
    --------
    >>> import keras
    >>> from ensemblekit.fusion import fuse
    >>> def net(): return keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, "softmax")])
    >>> fused = fuse([("one", net()), ("other", net())], "mean", classes=["cat", "dog"])
    >>> fused.output_shape
    (None, 2)
    """
    keras = import_keras("fuse")
    plan = _plan(members, combiner, classes, task, options, more_options, output_names)
    graph = Graph(keras)
    pixels = read_pixels(plan.members, input_shape, scale, offset)
    inputs = make_inputs(graph, plan.members, pixels)
    member_probas: dict[str, Any] = {}
    for position, member in enumerate(plan.members):
        prefix = escape(member.name)
        (output,) = graph.add_model(member.model, inputs.of_member[member.name], prefix)
        adapter = _adapter(keras, plan, member, output)
        (probas,) = [output] if adapter is None else graph.add_model(adapter, [output], prefix)
        member_probas[member.name] = graph.label(probas, member_layer(position, member.name))
    combination = _combination(keras, plan, member_probas)
    (combined,) = graph.add_model(combination, [member_probas[member] for member in plan.member_order], "combiner")
    if plan.task != "multiclass":
        combined = graph.label(combined, task_layer(plan.task))
    fused = keras.Model(inputs.of_model, graph.label(combined, classes_layer(plan.output_names)), name=name)
    _check_outputs(keras, fused, plan, inputs, pixels)
    return fused


@dataclass(frozen=True)
class _Plan:
    members: list[MemberModel]
    asked: AskedCombiner
    task: Task
    member_order: tuple[str, ...]
    """Members as the combiner takes them."""
    class_order: tuple[Hashable, ...]
    """Classes as the combiner takes them."""
    outputs: tuple[Hashable, ...]
    """Classes as the model outputs them."""
    output_names: tuple[Hashable, ...]
    """The same by their labels, where an ensemble knows classes by other names."""


def _plan(
    given: Any,
    combiner: Any,
    classes: Any,
    task: Task | None,
    options: Mapping[str, Any] | None,
    more_options: Mapping[str, Any],
    output_names: Mapping[str, str] | None,
) -> _Plan:
    labels: tuple[Hashable, ...] | None = None
    task = None if task is None else kind_of(task)
    if is_ensemble(given):
        if combiner is not None or classes is not None or options or more_options or output_names:
            raise InvalidOptionError(
                f"an {type(given).__name__} brings its own combiner and classes; received also others. Leave them "
                "out, or give its members alone."
            )
        members = read_members(given)
        combiner, task = given.combiner_, given.task
        if task == "multiclass" and all(isinstance(label, (str, int)) for label in given.classes_.tolist()):
            labels = tuple(given.classes_.tolist())
        members, outputs = name_outputs(
            members, given.task, given.output_names_, absent_as_zero=given.missing == "zero"
        )
    else:
        fitted_classes = getattr(combiner, "classes_", None) if task == "regression" else None
        members, outputs = name_outputs(
            read_members(given, classes, output_names, kind=task or "multiclass"), task or "multiclass", fitted_classes
        )
    names = tuple(member.name for member in members)
    if combiner is None:
        raise InvalidOptionError("fuse needs a combiner, a registered name or an object with a method combine.")
    asked = ask(combiner, options, more_options)
    asked.check_task(task or "multiclass")
    asked.check_fitted("it is fused", "Call fit_combiner first.")
    asked.check_names(names, outputs)
    order, columns = asked.order_members(names), asked.order_classes(outputs)
    return _Plan(members, asked.settle(order), task or "multiclass", order, columns, outputs, labels or outputs)


def _adapter(keras: Any, plan: _Plan, member: MemberModel, output: Any) -> Any:
    """Make a model that turns a member's output into probabilities, in the class order of the fused model.

    None if nothing needs to be done: before 3.14 Keras cannot make a model whose output is its input.
    """
    ops = keras.ops
    given = probas = keras.Input(output.shape[1:], dtype=output.dtype)
    if output.dtype in ("float16", "bfloat16"):
        probas = ops.cast(probas, "float32")
    one_output = plan.task == "multiclass" and output.shape[-1] == 1 and len(member.classes or ()) == 2
    if member.outputs_are.startswith("sigmoid"):
        probas = ops.sigmoid(probas)
    elif member.outputs_are == "softmax":
        probas = ops.softmax(probas, axis=-1)
    if member.outputs_are.endswith("divided"):
        probas = _divide(ops, probas)
    if one_output:
        probas = ops.concatenate([ops.subtract(1.0, probas), probas], axis=-1)
    probas = _reorder(keras, probas, member.classes or plan.outputs, plan.outputs)
    return None if probas is given else keras.Model(given, probas)


def _divide(ops: Any, outputs: Any) -> Any:
    """Divide the outputs of each row by their sum; a row of zeros is undecided."""
    total = ops.sum(outputs, axis=-1, keepdims=True)
    positive = ops.greater(total, 0)
    divided = ops.divide(outputs, ops.where(positive, total, ops.ones_like(total)))
    return ops.where(positive, divided, ops.full_like(outputs, 1 / outputs.shape[-1]))


def _reorder(keras: Any, probas: Any, own: tuple[Hashable, ...], wanted: tuple[Hashable, ...]) -> Any:
    if own == wanted:
        return probas
    if not {*wanted} <= {*own}:
        zeros = keras.ops.zeros_like(keras.ops.take(probas, [0], axis=-1))
        probas = keras.ops.concatenate([probas, zeros], axis=-1)
    places = {name: place for place, name in enumerate(own)}
    return keras.ops.take(probas, [places.get(name, len(own)) for name in wanted], axis=-1)


def _combination(keras: Any, plan: _Plan, member_probas: dict[str, Any]) -> Any:
    """Make a model of the combiner, which maps the probabilities of the members to those of the ensemble."""
    ordered = [member_probas[member] for member in plan.member_order]
    inputs = [keras.Input(probas.shape[1:], dtype=probas.dtype) for probas in ordered]
    stacked = _reorder(keras, keras.ops.stack(inputs, axis=0), plan.outputs, plan.class_order)
    asked = plan.asked
    if "xp" not in asked.takes:
        raise CompatibilityError(f"combiner {asked.name!r} takes no xp=, and cannot be written as a graph.")
    kwargs = {"task": plan.task} if "task" in asked.takes else {}
    try:
        combined = asked.combiner.combine(stacked, xp=keras.ops, **kwargs)
    except EnsembleKitError:
        raise
    except Exception as error:
        if "graphable" in asked.traits:
            raise
        raise CompatibilityError(
            f"combiner {asked.name!r} promises no graph (its traits lack 'graphable'), and cannot be fused. Save it "
            "with ensemblekit.store.save instead."
        ) from error
    return keras.Model(inputs, _reorder(keras, combined, plan.class_order, plan.outputs))


def _check_outputs(keras: Any, fused: Any, plan: _Plan, given: Inputs, pixels: Pixels) -> None:
    """Compare the members in a fused model with the members themselves, on random inputs.

    There is no comparison if a size is not known, or members resize images first.
    """
    if pixels.shape is not None or any(None in tensor.shape[1:] for tensor in fused.inputs):
        return
    rng = np.random.default_rng(0)
    drawn = [_random_input(keras, rng, tensor) for tensor in fused.inputs]
    inputs = dict(zip(input_names(fused) or (), drawn, strict=True))
    shared = next(iter(inputs.values())) if len(inputs) == 1 else None
    with_outputs: Any = with_members(fused)
    outputs = with_outputs(inputs if shared is None else shared, training=False)
    for member in plan.members:
        first = None if shared is None else pixels.model_of(keras, member)
        taken = [shared if first is None else first(shared)]
        if shared is None:
            taken = [inputs[name] for name in given.names[member.name]]
        output = member.model(packed_inputs(member.model, taken), training=False)
        own, copied = (np.asarray(keras.ops.convert_to_numpy(t), np.float64) for t in (output, outputs[member.name]))
        if member.outputs_are == "probabilities" and own.shape == copied.shape:
            places = {name: place for place, name in enumerate(member.classes or plan.outputs)}
            columns = [places[name] for name in plan.outputs if name in places]
            difference = float(np.abs(own[..., columns] - copied).max())
            if not difference <= (1e-4 if member.model.dtype == "float32" else 2e-2) * max(1.0, np.abs(own).max()):
                raise CompatibilityError(
                    f"member {member.name!r} must give the same outputs in one model; on random inputs they differ by "
                    f"{difference:.2g}. It has a layer that its options and weights do not describe."
                )
        if plan.task == "multiclass" and not (copied.min() >= -1e-3 and np.allclose(copied.sum(axis=-1), 1, atol=2e-2)):
            raise InvalidPredictionsError(
                f"members must give probabilities, >= 0 with the sum 1; on random inputs member {member.name!r} gave "
                f"{copied.reshape(-1, copied.shape[-1])[0].round(3).tolist()}. Put a softmax behind it."
            )
        if plan.task == "multilabel" and not -1e-3 <= copied.min() <= copied.max() <= 1 + 1e-3:
            raise InvalidPredictionsError(
                f"members must give a probability a label, from 0 to 1; on random inputs member {member.name!r} gave "
                f"{copied.reshape(-1, copied.shape[-1])[0].round(3).tolist()}. Put a sigmoid behind it."
            )


def _random_input(keras: Any, rng: np.random.Generator, tensor: Any) -> Any:
    shape = (2, *tensor.shape[1:])
    if tensor.dtype == "string":
        return keras.ops.convert_to_tensor(rng.choice(np.array(["a", "b"], dtype=object), shape), dtype="string")
    if tensor.dtype.startswith(("int", "uint")):
        return rng.integers(0, 2, shape).astype(tensor.dtype)
    values = rng.uniform(0, 255, shape) if len(shape) == 4 else rng.normal(size=shape)
    return values.astype("float32" if tensor.dtype == "bfloat16" else tensor.dtype)
