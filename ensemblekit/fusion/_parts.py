"""What is to be fused: each member's Keras model, the names of its outputs, and what must be done to them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..errors import AlignmentError, CompatibilityError, InvalidOptionError, NotFittedError
from ..predictions.names import as_classes
from ._graph import is_graph

__all__ = ["Part", "ensemble_parts", "member_parts", "name_outputs"]

RULE = "members must be (name, Keras model) pairs, {name: Keras model} or a fitted EnsembleClassifier"


@dataclass(frozen=True)
class Part:
    """One member.

    Attributes
    ----------
    name : str
        Of the member.
    model : keras.Model
        Functional or sequential, one output.
    classes : tuple of str or int, or None
        Names of its outputs, where known.
    logits : bool
        Whether its outputs are to go through a softmax, or a sigmoid for one output.
    """

    name: str
    model: Any
    classes: tuple[Hashable, ...] | None
    logits: bool = False


def member_parts(keras: Any, members: Any, classes: Any) -> list[Part]:
    """Read members that were given by name.

    Parameters
    ----------
    keras : module
        Keras.
    members : mapping, or sequence of (str, model)
        Keras models, fitted `KerasClassifier` or members made of a Keras model.
    classes : sequence, mapping of member name to sequence, or None
        Names of the outputs.

    Returns
    -------
    list of Part
        In the order given.
    """
    pairs = list(members.items()) if isinstance(members, Mapping) else members
    if not isinstance(pairs, (list, tuple)) or not pairs:
        raise InvalidOptionError(f"{RULE}, at least one; received {members!r}.")
    for pair in pairs:
        if not (isinstance(pair, (list, tuple)) and len(pair) == 2 and isinstance(pair[0], str) and pair[0]):
            raise InvalidOptionError(f"{RULE}; received the item {pair!r}.")
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidOptionError(f"names of members must be different; received {twice} more than once.")
    if isinstance(classes, Mapping):
        lacks, unknown = [n for n in names if n not in classes], [n for n in classes if n not in names]
        if lacks or unknown:
            raise InvalidOptionError(
                f"classes by member name must name each member once; missing {lacks}, unknown {unknown}."
            )
    return [_part(keras, name, model, _classes_of(name, classes)) for name, model in pairs]


def ensemble_parts(keras: Any, ensemble: Any) -> list[Part]:
    """Read the members of a fitted ensemble, by the names that its combiner knows."""
    if not hasattr(ensemble, "combiner_"):
        raise NotFittedError(f"an {type(ensemble).__name__} must be fitted before it is fused. Call its fit first.")
    if ensemble.response_method == "predict" and ensemble.task == "multiclass":
        raise CompatibilityError(
            "response_method='predict' lets members vote before they are combined, which no graph does here. Fit the "
            "ensemble with combiner='voting' instead."
        )
    if ensemble.shows_features:
        raise CompatibilityError(
            "with passthrough=True the combiner looks at X itself, and cannot stand in one model. Fit it without."
        )
    parts = [_part(keras, name, model, None) for name, model in ensemble.named_estimators_.items()]
    names = ensemble.class_names
    return [
        Part(p.name, p.model, None if names is None or p.classes is None else _named(p, names), p.logits) for p in parts
    ]


def name_outputs(
    parts: list[Part], task: str, outputs: tuple[Hashable, ...] | None = None, *, absent_as_zero: bool = False
) -> tuple[list[Part], tuple[Hashable, ...]]:
    """Settle the names of the outputs of all members, or refuse members that do not go together.

    Parameters
    ----------
    parts : list of Part
        The members.
    task : {"multiclass", "multilabel", "regression"}
        What they do.
    outputs : tuple of str or int, optional
        Names of the outputs of the whole; by default those of the first member.
    absent_as_zero : bool
        Whether a class that a member never saw has the probability 0.

    Returns
    -------
    tuple of (list of Part, tuple of str or int)
        The members, all named, and the names of the outputs of the whole.
    """
    if outputs is None and task == "regression" and all(p.classes is None for p in parts):
        outputs = ("value",)
    unnamed = [part.name for part in parts if part.classes is None]
    if outputs is None and unnamed:
        raise InvalidOptionError(
            f"the outputs of each member must have names; those of {unnamed} have none. Give them in the order that "
            "the members were trained with: fuse(..., classes=[...]) or classes={member: [...]}, on the command line "
            "--class NAME for each."
        )
    outputs = outputs or parts[0].classes or ()
    named = [replace(part, classes=part.classes or outputs) for part in parts]
    for part in named:
        own = part.classes or ()
        missing, unknown = [c for c in outputs if c not in own], [c for c in own if c not in outputs]
        if unknown or (missing and not absent_as_zero):
            raise AlignmentError(
                f"members must have the same classes; member {part.name!r} lacks {missing} and has besides {unknown}."
            )
        width = part.model.outputs[0].shape[-1]
        if width != len(own) and not (width == 1 and len(own) == 2 and task == "multiclass"):
            raise CompatibilityError(
                f"a member must have one output a class; member {part.name!r} has {width} for the {len(own)} classes "
                f"{own!r}."
            )
    return named, outputs


def _named(part: Part, names: Mapping[Any, Hashable]) -> tuple[Hashable, ...]:
    return tuple(names[label] for label in part.classes or ())


def _part(keras: Any, name: str, given: Any, classes: tuple[Hashable, ...] | None) -> Part:
    model, known, logits = given, None, False
    while hasattr(model, "fit_ids") and hasattr(model, "model"):  # a member around a model
        known, model = known or tuple(model.classes), model.model
    if hasattr(model, "model") and hasattr(model, "predict") and not isinstance(model, keras.Model):
        if not hasattr(model, "model_"):
            raise NotFittedError(f"member {name!r} must be fitted before it is fused. Call its fit first.")
        labels = getattr(model, "classes_", None)
        known = known or (None if labels is None else tuple(labels.tolist()))
        model = model.model_
        logits = bool(getattr(model.loss, "from_logits", False))
    if not isinstance(model, keras.Model):
        raise CompatibilityError(
            f"only Keras models can be fused to one Keras model; member {name!r} is a {type(model).__name__}. Leave it "
            "out, or save the ensemble with ensemblekit.store.save."
        )
    if not is_graph(keras, model):
        raise CompatibilityError(
            f"member {name!r} must be a functional or sequential Keras model that is built; {type(model).__name__} has "
            "Python code of its own. Lay its layers on a keras.Input."
        )
    if len(model.outputs) != 1:
        raise CompatibilityError(
            f"member {name!r} must have one output; it has {len(model.outputs)}. Take the one with the probabilities: "
            "keras.Model(model.inputs, model.outputs[0])."
        )
    if known is not None and classes is not None and set(known) != set(classes):
        raise InvalidOptionError(f"member {name!r} knows its classes, {known!r}; received {classes!r}.")
    return Part(name, model, known or classes, logits)


def _classes_of(name: str, classes: Any) -> tuple[Hashable, ...] | None:
    if classes is None:
        return None
    return as_classes(classes[name] if isinstance(classes, Mapping) else classes)
