"""`fuse`: members and combiner as one graph."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from ..arguments import typed
from ..assembly import import_keras
from ..combining import AskedCombiner, ask
from ..errors import CompatibilityError, EnsembleKitError, InvalidOptionError
from ..predictions import Task
from ._checking import check_same
from ._graph import Graph
from ._inputs import make_inputs
from ._names import classes_layer, escape, member_layer
from ._parts import Part, ensemble_parts, member_parts, name_outputs

__all__ = ["fuse"]


@typed()
def fuse(
    members: Any,
    combiner: Any = None,
    *,
    classes: Any = None,
    task: Task | None = None,
    input_shape: tuple[int, int, int] | None = None,
    name: str = "fused",
    **options: Any,
) -> Any:
    """Make one Keras model out of several and a combiner.

    The models are copied, with their preprocessing and weights, and not changed. Layers of the same kind, options and
    weights on the same input are there once, so that members that share a backbone share its run; layers that only
    training needs (dropout, augmentation) are left out. The combiner's own ``combine`` writes the rest of the graph.

    Parameters
    ----------
    members : sequence of (str, model), mapping of str to model, or fitted EnsembleClassifier or EnsembleRegressor
        Functional or sequential Keras models with one output, fitted `KerasClassifier`, or members made of a Keras
        model. Those with one input all take the same one; inputs of members with several are shared by name.
    combiner : str or Combiner
        A registered name, or an object with a method ``combine``, fitted where it learns. An ensemble brings its own.
    classes : sequence of str or int, or mapping of member name to such, optional
        Names of the members' outputs in their order. The model's outputs are in the order of the first member.
    task : {"multiclass", "multilabel", "regression"}, optional
        By default ``multiclass``, or what the ensemble does.
    input_shape : tuple of int, optional
        ``(height, width, channels)`` of the images that the fused model takes, where members take images of several
        sizes: each then starts with a `keras.layers.Resizing` (bilinear) to its own.
    name : str, default="fused"
        Of the model.
    **options
        Options of the combiner, where it is given by name.

    Returns
    -------
    keras.Model
        Not compiled; maps what the members take to ``(n_samples, ..., n_classes)``. `class_names` reads the names of
        its outputs, `with_members` shows the members' own.

    Raises
    ------
    CompatibilityError
        If a member is no such model, or the combiner cannot be written as a graph.
    NotFittedError
        If the combiner learns and was not fitted.
    AlignmentError
        If members have other classes, or are not those that the combiner was fitted on.
    InvalidOptionError
        If names or options are not valid.
    MissingDependencyError
        If Keras is not installed.

    Notes
    -----
    Augmentation, dropout and noise do nothing at prediction, so a copy without them predicts the same; a copy is run
    once on random numbers beside the members, and refused where it does not. Outputs of half precision become float32
    before they are combined.

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
    plan = _read(keras, members, combiner, classes, task, options)
    graph = Graph(keras)
    inputs = make_inputs(graph, plan.parts, input_shape)
    said: dict[str, Any] = {}
    for place, part in enumerate(plan.parts):
        (raw,) = graph.add_model(part.model, inputs[part.name], escape(part.name))
        answer = _answer(keras, plan, part, raw)
        (probas,) = [raw] if answer is None else graph.add_model(answer, [raw], escape(part.name))
        said[part.name] = graph.label(probas, member_layer(place, part.name))
    combined = graph.add_model(_combination(keras, plan, said), [said[member] for member in plan.order], "combiner")
    fused = keras.Model(inputs.all, graph.label(combined[0], classes_layer(plan.shown)), name=name)
    check_same(keras, fused, plan.parts, plan.outputs, plan.task, input_shape)
    return fused


@dataclass(frozen=True)
class _Plan:
    parts: list[Part]
    asked: AskedCombiner
    task: Task
    order: tuple[str, ...]
    """Members as the combiner takes them."""
    columns: tuple[Hashable, ...]
    """Classes as the combiner takes them."""
    outputs: tuple[Hashable, ...]
    """Classes as the model gives them."""
    shown: tuple[Hashable, ...]
    """What they are called."""


def _read(keras: Any, members: Any, combiner: Any, classes: Any, task: Task | None, options: dict[str, Any]) -> _Plan:
    shown: tuple[Hashable, ...] | None = None
    what: Task = task or "multiclass"
    if hasattr(members, "estimators"):
        if combiner is not None or classes is not None or options:
            raise InvalidOptionError(
                f"an {type(members).__name__} brings its own combiner and classes; received also others. Leave them "
                "out, or give its members alone."
            )
        parts = ensemble_parts(keras, members)
        combiner, what = members.combiner_, members._task
        if what == "multiclass" and all(isinstance(label, (str, int)) for label in members.classes_.tolist()):
            shown = tuple(members.classes_.tolist())
        parts, outputs = name_outputs(parts, what, tuple(members._outputs()), absent_as_zero=members.missing == "zero")
    else:
        known = getattr(combiner, "classes_", None) if what == "regression" else None
        parts, outputs = name_outputs(member_parts(keras, members, classes), what, known)
    names = tuple(part.name for part in parts)
    if combiner is None:
        raise InvalidOptionError("fuse needs a combiner, a registered name or an object with a method combine.")
    asked = ask(combiner, options)
    asked.check_task(what)
    asked.check_fitted("it is fused", "Call fit_combiner first.")
    asked.check_names(names, outputs)
    order, columns = asked.order_members(names), asked.order_classes(outputs)
    return _Plan(parts, asked.settle(order), what, order, columns, outputs, shown or outputs)


def _answer(keras: Any, plan: _Plan, part: Part, raw: Any) -> Any:
    """Make a model of its own of what is done to a member's output: probabilities, in the order of the whole.

    None where nothing is done: before 3.14 Keras makes no model whose output is its input.
    """
    ops = keras.ops
    given = probas = keras.Input(raw.shape[1:], dtype=raw.dtype)
    if raw.dtype in ("float16", "bfloat16"):
        probas = ops.cast(probas, "float32")
    one = plan.task == "multiclass" and raw.shape[-1] == 1 and len(part.classes or ()) == 2
    if part.logits:
        probas = ops.sigmoid(probas) if one else ops.softmax(probas, axis=-1)
    if one:
        probas = ops.concatenate([ops.subtract(1.0, probas), probas], axis=-1)
    probas = _in_order(keras, probas, part.classes or plan.outputs, plan.outputs)
    return None if probas is given else keras.Model(given, probas)


def _in_order(keras: Any, probas: Any, own: tuple[Hashable, ...], wanted: tuple[Hashable, ...]) -> Any:
    if own == wanted:
        return probas
    if any(c not in own for c in wanted):
        nothing = keras.ops.zeros_like(keras.ops.take(probas, [0], axis=-1))
        probas = keras.ops.concatenate([probas, nothing], axis=-1)
    return keras.ops.take(probas, [own.index(c) if c in own else len(own) for c in wanted], axis=-1)


def _combination(keras: Any, plan: _Plan, said: dict[str, Any]) -> Any:
    """Make a model of its own of the combiner: what the members say in, the combination out."""
    inputs = [keras.Input(said[member].shape[1:], dtype=said[member].dtype) for member in plan.order]
    stacked = _in_order(keras, keras.ops.stack(inputs, axis=0), plan.outputs, plan.columns)
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
    return keras.Model(inputs, _in_order(keras, combined, plan.columns, plan.outputs))
