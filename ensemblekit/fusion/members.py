"""The Keras models of members, with the names of their outputs."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

from ..assembly import import_keras
from ..errors import AlignmentError, CompatibilityError, InvalidOptionError, NotFittedError
from ..kinds import kind_of
from ..members.meaning import read_meaning
from ..members.networks import check_stateless, with_one_output
from ..predictions.names import as_classes, shown
from ._graph import is_graph

__all__ = ["MemberModel", "is_ensemble", "name_outputs", "read_members"]

RULE = "members must be (name, Keras model) pairs, {name: Keras model} or a fitted EnsembleClassifier"


@dataclass(frozen=True)
class MemberModel:
    """The Keras model of one member.

    Attributes
    ----------
    name : str
        Name of the member.
    model : keras.Model
        Functional or sequential, with one output: the chosen one of several.
    classes : tuple of str or int, or None
        Names of its outputs, if they are known.
    outputs_are : str
        How its outputs become probabilities, as in `KerasClassifier`: ``probabilities``, ``softmax``, ``sigmoid``,
        ``divided`` (by the sum of the row) or ``sigmoid divided``.
    """

    name: str
    model: Any
    classes: tuple[Hashable, ...] | None
    outputs_are: str = "probabilities"


def is_ensemble(members: Any) -> bool:
    """Tell whether ``members`` is a scikit-learn ensemble, which has its own combiner, or members by name."""
    return hasattr(members, "estimators")


def read_members(
    members: Any, classes: Any = None, output_names: Mapping[str, str] | None = None, *, kind: str = "multiclass"
) -> list[MemberModel]:
    """Find the Keras model of each member, and the names of its outputs.

    Parameters
    ----------
    members : EnsembleClassifier, EnsembleRegressor, mapping of str to model, or sequence of (str, model)
        As in `fuse`.
    classes : sequence of str or int, label map, or mapping of member name to such, optional
        Names of the outputs, if ``members`` is not an ensemble.
    output_names : mapping of str to str, optional
        ``{member: output}``: the output to take of a model with several.
    kind : {"multiclass", "multilabel", "regression"}, default="multiclass"
        Kind of the values.

    Returns
    -------
    list of MemberModel
        Members in the given order.

    Raises
    ------
    InvalidOptionError
        If names of members or classes are not valid.
    NotFittedError
        If an ensemble or a member is not fitted.
    CompatibilityError
        If a member is not a Keras model that can be copied layer by layer, or logits might be taken for probabilities.
    """
    keras = import_keras("fuse")
    if is_ensemble(members):
        return _read_ensemble(keras, members)
    pairs = list(members.items()) if isinstance(members, Mapping) else members
    if not isinstance(pairs, (list, tuple)) or not pairs:
        raise InvalidOptionError(f"{RULE}, at least one; received {members!r}.")
    for pair in pairs:
        if not (isinstance(pair, (list, tuple)) and len(pair) == 2 and isinstance(pair[0], str) and pair[0]):
            raise InvalidOptionError(f"{RULE}; received the item {pair!r}.")
    names = [name for name, _ in pairs]
    duplicates = sorted({name for name in names if names.count(name) > 1})
    if duplicates:
        raise InvalidOptionError(f"names of members must be different; received {duplicates} more than once.")
    if isinstance(classes, Mapping) and all(isinstance(value, (str, Integral)) for value in classes.values()):
        classes = as_classes(classes)  # a label map
    if isinstance(classes, Mapping):
        missing, unknown = [n for n in names if n not in classes], [n for n in classes if n not in names]
        if missing or unknown:
            raise InvalidOptionError(
                f"classes by member name must name each member once; missing {missing}, unknown {unknown}."
            )
    chosen = dict(output_names or {})
    unknown = [name for name in chosen if name not in names]
    if unknown:
        raise InvalidOptionError(f"output_names must be by the names of members, {names}; received {unknown}.")
    return [
        _read_member(keras, name, model, kind, _classes_of(name, classes), chosen.get(name)) for name, model in pairs
    ]


def name_outputs(
    members: Sequence[MemberModel],
    task: str,
    outputs: tuple[Hashable, ...] | None = None,
    *,
    absent_as_zero: bool = False,
) -> tuple[list[MemberModel], tuple[Hashable, ...]]:
    """Name the outputs of all members; refuse members if their outputs differ.

    Parameters
    ----------
    members : sequence of MemberModel
        Result of `read_members`.
    task : {"multiclass", "multilabel", "regression"}
        Task of the members.
    outputs : tuple of str or int, optional
        Names of the outputs of the fused model; by default those of the first member.
    absent_as_zero : bool, default=False
        Whether a class that a member never saw has the probability 0.

    Returns
    -------
    tuple of (list of MemberModel, tuple of str or int)
        The members, all named, and the names of the outputs of the fused model.

    Raises
    ------
    InvalidOptionError
        If outputs have no names.
    AlignmentError
        If members have different classes.
    CompatibilityError
        If a member has more or fewer outputs than classes.
    """
    if outputs is None and task == "regression" and all(m.classes is None for m in members):
        outputs = ("value",)
    unnamed = [member.name for member in members if member.classes is None]
    if outputs is None and unnamed:
        raise InvalidOptionError(
            f"the outputs of each member must have names; those of {unnamed} have none. Give them in the order that "
            "the members were trained with: fuse(..., classes=[...]) or classes={member: [...]}, on the command line "
            "--class NAME for each."
        )
    outputs = outputs or members[0].classes or ()
    named = [replace(member, classes=member.classes or outputs) for member in members]
    for member in named:
        own = member.classes or ()
        known, wanted = set(own), set(outputs)
        missing, unknown = [c for c in outputs if c not in known], [c for c in own if c not in wanted]
        if unknown or (missing and not absent_as_zero):
            raise AlignmentError(
                f"members must have the same classes; member {member.name!r} lacks {shown(missing)} and has besides "
                f"{shown(unknown)}."
            )
        width = member.model.outputs[0].shape[-1]
        if width != len(own) and not (width == 1 and len(own) == 2 and task == "multiclass"):
            raise CompatibilityError(
                f"a member must have one output a class; member {member.name!r} has {width} for the {len(own)} classes "
                f"{own!r}."
            )
    return named, outputs


def _read_ensemble(keras: Any, ensemble: Any) -> list[MemberModel]:
    if not hasattr(ensemble, "combiner_"):
        raise NotFittedError(f"an {type(ensemble).__name__} must be fitted before it is fused. Call its fit first.")
    methods = getattr(ensemble, "response_methods_", {"": ensemble.response_method})
    if "predict" in methods.values() and ensemble.task == "multiclass":
        raise CompatibilityError(
            "response_method='predict' lets members vote before they are combined, which no graph does here. Fit the "
            "ensemble with combiner='voting' instead."
        )
    if ensemble.passes_features_:
        raise CompatibilityError(
            "with passthrough=True the combiner looks at X itself, and cannot stand in one model. Fit it without."
        )
    kind = kind_of(ensemble.task)
    members = [_read_member(keras, name, model, kind) for name, model in ensemble.named_estimators_.items()]
    return [replace(m, classes=None if m.classes is None else ensemble.output_names_for(m.classes)) for m in members]


def _read_member(
    keras: Any,
    name: str,
    given: Any,
    kind: str,
    classes: tuple[Hashable, ...] | None = None,
    output_name: str | None = None,
) -> MemberModel:
    model, known, told, outputs_are = given, None, None, None
    while hasattr(model, "fit_ids") and hasattr(model, "model"):  # made by as_member
        output_name = output_name or getattr(model, "output_name", None)
        told = told or getattr(model, "activation", None)
        known, model = known or tuple(model.classes), model.model
    if hasattr(model, "model") and hasattr(model, "predict") and not isinstance(model, keras.Model):
        if not hasattr(model, "model_"):
            raise NotFittedError(f"member {name!r} must be fitted before it is fused. Call its fit first.")
        labels = getattr(model, "classes_", None)
        known = known or (None if labels is None else tuple(labels.tolist()))
        outputs_are = _outputs_of(model)
        model = model.model_
    if not isinstance(model, keras.Model):
        raise CompatibilityError(
            f"only Keras models can be fused to one Keras model; member {name!r} is a {type(model).__name__}. Leave it "
            "out, or save the ensemble with ensemblekit.store.save."
        )
    if not is_graph(keras, model):
        raise CompatibilityError(
            f"member {name!r} must be a functional or sequential Keras model that is built; {type(model).__name__} has "
            "Python code of its own. Build it from layers called on a keras.Input."
        )
    check_stateless(model, name)
    whole = model
    try:
        model = with_one_output(model, output_name, name=name)
    except InvalidOptionError as error:
        raise CompatibilityError(str(error)) from None
    if outputs_are is None:
        outputs_are = read_meaning(whole, name=name, kind=kind, told=told, output=output_name)
    if known is not None and classes is not None and set(known) != set(classes):
        raise InvalidOptionError(f"member {name!r} knows its classes, {shown(known)}; received {shown(classes)}.")
    return MemberModel(name, model, known or classes, outputs_are or "probabilities")


def _outputs_of(estimator: Any) -> str:
    found = getattr(estimator, "outputs_are_", None)
    if found is not None:
        return str(found)
    # A regressor, or a classifier that was saved before this was kept.
    model = estimator.model_
    if not hasattr(estimator, "classes_") or not getattr(model.loss, "from_logits", False):
        return "probabilities"
    return "sigmoid" if model.output_shape[-1] == 1 else "softmax"


def _classes_of(name: str, classes: Any) -> tuple[Hashable, ...] | None:
    if classes is None:
        return None
    return as_classes(classes[name] if isinstance(classes, Mapping) else classes)
