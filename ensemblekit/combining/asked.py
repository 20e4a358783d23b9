"""A combiner, resolved and asked: its name, whether it learns, what it takes, and in which order names must come.

Every room that combines asks here, so that all get the same answers.
"""

from __future__ import annotations

import copy
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import AlignmentError, InvalidOptionError, NotFittedError
from ..interfaces import Combiner, taken_by
from ..registry import default_registry

__all__ = ["GIVEN_BY_FIT", "AskedCombiner", "ask", "check_same_names", "merged_options", "sorted_names"]

GIVEN_BY_FIT = ("members_", "classes_", "fit_ids_", "leaked_")
"""Attributes that `fit_combiner` adds to whatever it fits."""


def ask(
    combiner: Any, options: Mapping[str, Any] | None = None, more_options: Mapping[str, Any] | None = None
) -> AskedCombiner:
    """Resolve a combiner given by name or as an object.

    Parameters
    ----------
    combiner : str, Combiner or AskedCombiner
        A registered name, an object with a method ``combine``, or the result of an earlier call.
    options, more_options : mapping of str to Any, optional
        Options of the combiner, where it is given by name: those of an argument ``options``, and keyword arguments.

    Returns
    -------
    AskedCombiner
        The combiner, with the answers to what callers ask about it.

    Raises
    ------
    InvalidOptionError
        If it is no combiner, options come with an object, or one option comes twice.
    UnknownPluginError
        If no plugin registered that name.
    """
    given = merged_options(options, more_options)
    if isinstance(combiner, str):
        return AskedCombiner(combiner, default_registry().create_combiner(combiner, **given))
    asked = combiner if isinstance(combiner, AskedCombiner) else AskedCombiner(type(combiner).__name__, combiner)
    if isinstance(combiner, type) or not callable(getattr(asked.combiner, "combine", None)):
        raise InvalidOptionError(
            f"combiner must be a registered name or an object with a method combine; received {combiner!r}."
        )
    if given:
        raise InvalidOptionError(
            f"options go with a combiner given by name; received {given!r} beside a {asked.name}. Give them to it."
        )
    return asked


def merged_options(options: Mapping[str, Any] | None, more_options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Join the argument ``options`` of a function with the options among its keyword arguments.

    Parameters
    ----------
    options, more_options : mapping of str to Any, or None
        Options of a combiner.

    Returns
    -------
    dict
        All of them.

    Raises
    ------
    InvalidOptionError
        If one comes twice.
    """
    options, more_options = options or {}, more_options or {}
    if twice := sorted(options.keys() & more_options.keys()):
        raise InvalidOptionError(f"each option must be given once; received {twice} in options= and beside it.")
    return {**options, **more_options}


@dataclass(frozen=True, slots=True)
class AskedCombiner:
    """A combiner and the answers to what callers ask about it.

    Attributes
    ----------
    name : str
        What it is called in errors and in its predictions: the registered name, or the class of an object.
    combiner : Combiner
        The object itself.
    """

    name: str
    combiner: Any

    @property
    def traits(self) -> frozenset[str]:
        """What it promises; nothing for a class without ``traits``."""
        return frozenset(getattr(self.combiner, "traits", ()))

    @property
    def tasks(self) -> frozenset[str]:
        """The tasks for which it makes sense; all for a class without ``tasks``."""
        declared = getattr(self.combiner, "tasks", None)
        return Combiner.tasks if declared is None else frozenset(declared)

    @property
    def fitted_members(self) -> tuple[str, ...] | None:
        """The members that `fit_combiner` fitted it on, in the order it needs; None if it was not fitted so."""
        return getattr(self.combiner, "members_", None)

    @property
    def fitted_classes(self) -> tuple[Hashable, ...] | None:
        """The classes that `fit_combiner` fitted it on, in the order it needs; None if it was not fitted so."""
        return getattr(self.combiner, "classes_", None)

    @property
    def fitted(self) -> bool:
        """Whether `fit_combiner` fitted it."""
        return self.fitted_members is not None

    @property
    def learns(self) -> bool:
        """Whether to fit it: it has the trait ``learns``; a class without ``traits`` learns if it has a ``fit``."""
        if hasattr(self.combiner, "traits"):
            return "learns" in self.combiner.traits
        return callable(getattr(self.combiner, "fit", None))

    @property
    def unfitted(self) -> bool:
        """Whether it cannot combine yet: it has the trait ``learns`` and was not fitted.

        The ``fit`` of a class without ``traits`` may do nothing, so that such a class is never unfitted.
        """
        return not self.fitted and "learns" in getattr(self.combiner, "traits", ())

    @property
    def takes(self) -> frozenset[str]:
        """What its ``combine`` takes by name, of ``present``, ``task``, ``features`` and ``xp``."""
        declared = getattr(self.combiner, "takes", None)
        return taken_by(self.combiner.combine) if declared is None else declared

    @property
    def fit_takes(self) -> frozenset[str]:
        """What its ``fit`` takes by name, of ``sample_weight``, ``validation`` and ``features``."""
        declared = getattr(self.combiner, "fit_takes", None)
        return taken_by(getattr(self.combiner, "fit", None)) if declared is None else declared

    def check_takes(self, option: str, *, fit: bool = False) -> None:
        """Refuse an argument that ``combine``, or ``fit``, makes no use of.

        Parameters
        ----------
        option : str
            Name of the argument.
        fit : bool, default=False
            Whether it is for ``fit``.

        Raises
        ------
        InvalidOptionError
            If the method does not take it.
        """
        if option not in (self.fit_takes if fit else self.takes):
            raise InvalidOptionError(f"combiner {self.name!r} makes no use of {option}. Leave it out.")

    def check_task(self, task: str) -> None:
        """Refuse a task for which the rule makes no sense.

        Parameters
        ----------
        task : {"multiclass", "multilabel", "regression"}
            The task of the predictions.

        Raises
        ------
        InvalidOptionError
            If it is not among the combiner's ``tasks``.
        """
        if task not in self.tasks:
            raise InvalidOptionError(
                f"combiner {self.name!r} makes no sense for the task {task!r}; it is for "
                f"{', '.join(sorted(self.tasks))}."
            )

    def check_fitted(self, before: str, remedy: str) -> None:
        """Refuse a combiner that must be fitted first.

        Parameters
        ----------
        before : str
            What is to be done with it, such as ``"it combines"``.
        remedy : str
            What to do, as a sentence.

        Raises
        ------
        NotFittedError
            If it learns and was not fitted.
        """
        if self.unfitted:
            raise NotFittedError(f"combiner {self.name!r} learns, and must be fitted before {before}. {remedy}")

    def check_names(self, members: tuple[str, ...], classes: tuple[Hashable, ...]) -> None:
        """Refuse members or classes other than those it was fitted on.

        Parameters
        ----------
        members, classes : tuple
            Names of the predictions, in any order.

        Raises
        ------
        AlignmentError
            If some are missing or unknown.
        """
        if self.fitted_members is not None:
            check_same_names(self.name, "members", self.fitted_members, members)
            check_same_names(self.name, "classes", self.combiner.classes_, classes)

    def order_members(self, members: tuple[str, ...]) -> tuple[str, ...]:
        """Put members in the order that ``combine`` needs.

        Parameters
        ----------
        members : tuple of str
            Names in the order in which they came.

        Returns
        -------
        tuple of str
            The order it was fitted in; else that of the names, where the order means nothing to the rule.
        """
        if self.fitted_members:
            return tuple(self.fitted_members)
        # Sums of floats depend on their order. Where position means nothing, the order of the names makes the result
        # the same to the bit, however the members came.
        by_name = isinstance(getattr(self.combiner, "weights", None), Mapping)
        return tuple(sorted(members)) if by_name or "symmetric" in getattr(self.combiner, "traits", ()) else members

    def order_classes(self, classes: tuple[Hashable, ...]) -> tuple[Hashable, ...]:
        """Put classes in the order that ``combine`` needs.

        Parameters
        ----------
        classes : tuple of str or int
            Names in the order in which they came.

        Returns
        -------
        tuple of str or int
            The order it was fitted in; else as they came for a ``class_equivariant`` rule; else that of the names, so
            that a tie goes to the first class by name, whatever column it came in.
        """
        if self.fitted_classes:
            return tuple(self.fitted_classes)
        return classes if "class_equivariant" in getattr(self.combiner, "traits", ()) else sorted_names(classes)

    def settle(self, members: tuple[str, ...]) -> AskedCombiner:
        """Turn weights by member name into an array for members in this order.

        Parameters
        ----------
        members : tuple of str
            As `order_members` gives them.

        Returns
        -------
        AskedCombiner
            Itself where there is nothing to settle.

        Raises
        ------
        InvalidOptionError
            If the weights are not for these members.
        """
        for_members = getattr(self.combiner, "for_members", None)
        settled = for_members(members) if for_members else self.combiner
        return self if settled is self.combiner else replace(self, combiner=settled)

    def keep_members(self, members: tuple[str, ...], kept: Sequence[str]) -> AskedCombiner:
        """Drop members, and their weights with them.

        Parameters
        ----------
        members : tuple of str
            All of them, in the order of weights that are a sequence.
        kept : sequence of str
            Those that stay.

        Returns
        -------
        AskedCombiner
            Itself where there are no weights by member; else with a copy of the combiner.
        """
        weights = getattr(self.combiner, "weights", None)
        if weights is None or isinstance(weights, str) or len(weights) != len(members):
            return self
        changed = copy.copy(self.combiner)
        if isinstance(weights, Mapping):
            changed.weights = {member: weight for member, weight in weights.items() if member in kept}
        else:
            changed.weights = [weight for member, weight in zip(members, weights, strict=True) if member in kept]
        return replace(self, combiner=changed)


def check_same_names(name: str, what: str, fitted: tuple[Any, ...], received: tuple[Any, ...]) -> None:
    """Refuse names other than those that a combiner was fitted on.

    Parameters
    ----------
    name : str
        What the combiner is called.
    what : {"members", "classes"}
        What the names are of.
    fitted, received : tuple
        Names in any order.

    Raises
    ------
    AlignmentError
        If some are missing or unknown.
    """
    if set(fitted) != set(received):
        raise AlignmentError(
            f"combiner {name!r} was fitted on the {what} {tuple(fitted)}; received {received}: missing "
            f"{[n for n in fitted if n not in received]}, unknown {[n for n in received if n not in fitted]}."
        )


def sorted_names(classes: tuple[Hashable, ...]) -> tuple[Hashable, ...]:
    """Sort class names, which are of one kind.

    Parameters
    ----------
    classes : tuple of str or int
        Names.

    Returns
    -------
    tuple of str or int
    """
    names: list[Any] = list(classes)
    return tuple(sorted(names))
