"""A resolved combiner: its name, whether it learns, what it accepts, and the order of names that it needs.

All packages use this module, so that they get the same answers.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import AlignmentError, InvalidOptionError, NotFittedError
from ..interfaces import Combiner, taken_by
from ..kinds import kind_of
from ..predictions.alike import normalisation_note
from ..predictions.named import by_member
from ..predictions.names import shown
from ..registry import default_registry

__all__ = ["GIVEN_BY_FIT", "AskedCombiner", "ask", "ask_at_once", "check_same_names", "merged_options", "sorted_names"]

GIVEN_BY_FIT = ("members_", "classes_", "fit_ids_", "fit_groups_", "fit_times_", "feature_names_", "leaked_")
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
        Options of the combiner, if it is given by name: those of an argument ``options``, and keyword arguments.

    Returns
    -------
    AskedCombiner
        The combiner, with the answers to what callers ask about it.

    Raises
    ------
    InvalidOptionError
        If it is not a combiner, an object is given with options, or an option is given twice.
    UnknownPluginError
        If no plugin registered that name.
    """
    given = {} if options is None and not more_options else merged_options(options, more_options)
    if isinstance(combiner, str):
        return AskedCombiner(combiner, default_registry().create_combiner(combiner, **given))
    if isinstance(combiner, AskedCombiner):
        asked = combiner
    else:
        asked = AskedCombiner(default_registry().name_of("combiner", combiner), combiner)
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
    """Join the argument ``options`` of a function and its other keyword arguments; see `ask`."""
    options, more_options = ({} if given is None else given for given in (options, more_options))
    for given in (options, more_options):
        if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
            raise InvalidOptionError(
                f"options must be a mapping of names of options to values; received {given!r:.200}."
            )
    if twice := sorted(options.keys() & more_options.keys()):
        raise InvalidOptionError(f"each option must be given once; received {twice} in options= and beside it.")
    return {**options, **more_options}


@dataclass(frozen=True, slots=True)
class AskedCombiner:
    """A combiner and the answers to what callers ask about it.

    Attributes
    ----------
    name : str
        Its name in errors and in its predictions: the registered name, or the class of an object without one.
    combiner : Combiner
        The object itself.
    """

    name: str
    combiner: Any

    @property
    def traits(self) -> frozenset[str]:
        """The traits that it declares; empty for a class without ``traits``."""
        return frozenset(getattr(self.combiner, "traits", ()))

    @property
    def tasks(self) -> frozenset[str]:
        """The tasks that it is for; all tasks for a class without ``tasks``."""
        declared = getattr(self.combiner, "tasks", None)
        return Combiner.tasks if declared is None else frozenset(declared)

    @property
    def fitted_members(self) -> tuple[str, ...] | None:
        """The members that `fit_combiner` fitted it on, in the order that it needs; None without `fit_combiner`."""
        return getattr(self.combiner, "members_", None)

    @property
    def fitted_classes(self) -> tuple[Hashable, ...] | None:
        """The classes that `fit_combiner` fitted it on, in the order that it needs; None without `fit_combiner`."""
        return getattr(self.combiner, "classes_", None)

    @property
    def fitted(self) -> bool:
        """Whether `fit_combiner` fitted it."""
        return self.fitted_members is not None

    @property
    def learns(self) -> bool:
        """Whether it learns: it has the trait ``learns``, or its class has a ``fit`` and no ``traits``."""
        if hasattr(self.combiner, "traits"):
            return "learns" in self.traits
        return callable(getattr(self.combiner, "fit", None))

    @property
    def unfitted(self) -> bool:
        """Whether it must be fitted first: it has the trait ``learns`` and was not fitted.

        A class without ``traits`` never counts as unfitted, as its ``fit`` may do nothing.
        """
        return not self.fitted and "learns" in self.traits

    @property
    def takes(self) -> frozenset[str]:
        """Which of ``present``, ``task``, ``classes``, ``features`` and ``xp`` its ``combine`` takes by name."""
        declared = getattr(self.combiner, "takes", None)
        return taken_by(self.combiner.combine) if declared is None else declared

    @property
    def fit_takes(self) -> frozenset[str]:
        """Which of ``sample_weight``, ``validation`` and ``features`` its ``fit`` takes by name."""
        declared = getattr(self.combiner, "fit_takes", None)
        return taken_by(getattr(self.combiner, "fit", None)) if declared is None else declared

    @property
    def takes_sparse(self) -> bool:
        """Whether its ``features`` may be a sparse matrix; see `Combiner`."""
        return bool(getattr(self.combiner, "takes_sparse", False))

    @property
    def needs_labels(self) -> bool:
        """Whether its ``fit`` needs labels; for a class that does not say, whether it has a ``fit``."""
        declared = getattr(self.combiner, "needs_labels", None)
        return callable(getattr(self.combiner, "fit", None)) if declared is None else bool(declared)

    def check_takes(self, option: str, *, fit: bool = False) -> None:
        """Refuse an argument that ``combine``, or ``fit``, does not take; see `Combiner`."""
        if option not in (self.fit_takes if fit else self.takes):
            raise InvalidOptionError(f"combiner {self.name!r} makes no use of {option}. Leave it out.")

    def is_for(self, task: str) -> bool:
        """Tell whether a task, or the kind of its values, is among the combiner's ``tasks``; see `Combiner`."""
        return (task in self.tasks or kind_of(task) in self.tasks) and task not in self.not_for

    @property
    def not_for(self) -> frozenset[str]:
        """The tasks that it is not for, though it is for their kind; see `Combiner`."""
        return frozenset(getattr(self.combiner, "not_for", ()))

    def check_task(self, task: str) -> None:
        """Refuse a task that is not among the combiner's ``tasks``; see `Combiner`."""
        if not self.is_for(task):
            raise InvalidOptionError(
                f"combiner {self.name!r} makes no sense for the task {task!r}; it is for "
                f"{', '.join(sorted(self.tasks))}{f', but not {task}' if task in self.not_for else ''}. Give a rule "
                "that is for it, such as 'mean' or 'median'."
            )

    def check_fit(
        self, members: Sequence[str], classes: Sequence[Hashable], *, task: str, given: Collection[str] = ()
    ) -> None:
        """Refuse what its ``fit`` would refuse, before anything is fitted.

        Parameters
        ----------
        members : sequence of str
            Names of the members, in any order.
        classes : sequence of str or int
            Names of the classes or outputs, in any order.
        task : str
            Task of the predictions, or its kind.
        given : collection of str
            Which of ``sample_weight``, ``validation`` and ``features`` its ``fit`` will get.

        Raises
        ------
        InvalidOptionError
            If it does not take the task, what is given, or its weights do not fit the members; or its own
            ``check_fit`` refuses; see `Combiner`.
        """
        self.check_task(task)
        for option in sorted(given):
            self.check_takes(option, fit=True)
        ordered = tuple(sorted(members))
        if getattr(self.combiner, "weights", None) is not None or not self.learns:
            self.settle(ordered)
        check = getattr(self.combiner, "check_fit", None)
        if callable(check):
            check(ordered, sorted_names(tuple(classes)), task=kind_of(task), given=frozenset(given))

    def check_fitted(self, before: str, remedy: str) -> None:
        """Refuse a combiner that must be fitted first.

        Parameters
        ----------
        before : str
            What the caller wants to do with it, such as ``"it combines"``.
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
        """Refuse members or classes other than those it was fitted on, in any order; see `fit_combiner`."""
        if self.fitted_members is not None:
            check_same_names(self.name, "members", self.fitted_members, members)
            check_same_names(self.name, "classes", self.fitted_classes or (), classes)

    def order_members(self, members: tuple[str, ...]) -> tuple[str, ...]:
        """Put members in the order that ``combine`` needs.

        Parameters
        ----------
        members : tuple of str
            Names in the given order.

        Returns
        -------
        tuple of str
            The order in which it was fitted; else the sorted order of the names, if the order has no effect on the
            rule.
        """
        if self.fitted_members:
            return tuple(self.fitted_members)
        # Sums of floats depend on their order. If the order has no effect on the rule, sorting by name makes the result
        # the same to the bit for any order of the members.
        if "symmetric" in self.traits:
            return tuple(sorted(members))
        by_name = isinstance(by_member(getattr(self.combiner, "weights", None)), Mapping)
        return tuple(sorted(members)) if by_name else members

    def order_classes(self, classes: tuple[Hashable, ...]) -> tuple[Hashable, ...]:
        """Put classes in the order that ``combine`` needs.

        Parameters
        ----------
        classes : tuple of str or int
            Names in the given order.

        Returns
        -------
        tuple of str or int
            The order in which it was fitted; else the given order for a ``class_equivariant`` rule; else the sorted
            order of the names, so that the first class by name wins a tie, in whatever column it was.
        """
        if self.fitted_classes:
            return tuple(self.fitted_classes)
        return classes if "class_equivariant" in self.traits else sorted_names(classes)

    def settle(self, members: tuple[str, ...]) -> AskedCombiner:
        """Turn weights by member name into an array in the order of these members; see `Combiner.for_members`."""
        for_members = getattr(self.combiner, "for_members", None)
        settled = for_members(members) if for_members else self.combiner
        return self if settled is self.combiner else replace(self, combiner=settled)

    def keep_members(self, members: tuple[str, ...], kept: Sequence[str]) -> AskedCombiner:
        """Drop members, and their weights with them.

        Parameters
        ----------
        members : tuple of str
            Names of all members; weights that are a sequence are in this order.
        kept : sequence of str
            Names of the members that are kept.

        Returns
        -------
        AskedCombiner
            The same object if there are no weights of members; else one with a copy of the combiner.
        """
        weights = by_member(getattr(self.combiner, "weights", None))
        if weights is None or isinstance(weights, str) or len(weights) != len(members):
            return self
        changed = copy.copy(self.combiner)
        if isinstance(weights, Mapping):
            changed.weights = {member: weight for member, weight in weights.items() if member in kept}
        else:
            changed.weights = [weight for member, weight in zip(members, weights, strict=True) if member in kept]
        return replace(self, combiner=changed)


def ask_at_once(
    combiner: Any, members: tuple[str, ...], classes: tuple[Hashable, ...], task: str
) -> tuple[Any, tuple[str, ...], bool] | None:
    """Ask all that one prediction needs to know, in less time than by the methods of `AskedCombiner`.

    Parameters
    ----------
    combiner : Combiner
        An object.
    members, classes : tuple
        Names in the given order.
    task : str
        Task of the predictions.

    Returns
    -------
    settled : Combiner
        As `AskedCombiner.settle` makes it.
    order : tuple of str
        The order of members that it needs.
    takes_task : bool
        Whether its ``combine`` takes ``task``.

        None in place of all if there is something to refuse, or the classes need another order.
    """
    if not isinstance(combiner, Combiner) or task not in combiner.tasks:
        return None
    traits, fitted = combiner.traits, getattr(combiner, "members_", None)
    if fitted:
        if tuple(combiner.classes_) != classes or (fitted != members and {*fitted} != {*members}):
            return None
        order = tuple(fitted)
    elif "learns" in traits:
        return None
    else:
        if "class_equivariant" not in traits and sorted_names(classes) != classes:
            return None
        if "symmetric" in traits:
            order = members if len(members) < 2 else tuple(sorted(members))
        else:
            order = AskedCombiner("", combiner).order_members(members)
    settled = combiner.for_members(order)
    if "classes" in settled.takes:
        return None
    return settled, order, "task" in settled.takes


def check_same_names(name: str, what: str, fitted: tuple[Any, ...], received: tuple[Any, ...]) -> None:
    """Refuse names of members or classes other than those that a combiner was fitted on; the order may differ."""
    known, given = set(fitted), set(received)
    if known != given:
        raise AlignmentError(
            f"combiner {name!r} was fitted on the {what} {shown(tuple(fitted))}; received {shown(received)}: missing "
            f"{shown([n for n in fitted if n not in given])}, unknown {shown([n for n in received if n not in known])}."
            + normalisation_note(received, fitted)
        )


def sorted_names(classes: tuple[Hashable, ...]) -> tuple[Hashable, ...]:
    """Sort class names, which are all text or all numbers."""
    names: list[Any] = list(classes)
    return tuple(sorted(names))
