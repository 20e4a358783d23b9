"""The contracts of backbones, heads, chainers, members and combiners."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

import numpy as np

from ..predictions.weights import check_weights

if TYPE_CHECKING:
    import keras

    from ..predictions import PredictionSet, Task

__all__ = [
    "TAKES",
    "TRAITS",
    "Backbone",
    "Chainer",
    "Combiner",
    "CombinerLike",
    "Factory",
    "Head",
    "Member",
    "taken_by",
]

Factory = Callable[..., Any]
"""What a plugin registers: a class or function that makes a backbone, head, combiner or chainer from its options."""

TRAITS = frozenset({"symmetric", "idempotent", "bounded", "learns", "graphable", "class_equivariant"})
"""What a combiner may promise about its mathematics."""

TAKES = frozenset({"present", "task", "features", "xp", "classes", "sample_weight", "validation"})
"""What a combiner may take by name: ``combine`` the first five, ``fit`` the last two and ``features``."""

_DECLARED = frozenset({"traits", "tasks", "not_for", "takes", "fit_takes", "needs_labels"})
"""Attributes of a combiner that are no options, though an object may declare them too."""


def taken_by(method: Any) -> frozenset[str]:
    """Read from a method's signature which of `TAKES` it takes.

    Parameters
    ----------
    method : callable or None
        ``combine`` or ``fit`` of a combiner.

    Returns
    -------
    frozenset of str
        All of them for a method with ``**kwargs``, none for None.
    """
    function = getattr(method, "__func__", method)
    # Reading a signature takes longer than averaging a small array.
    return _taken_by(function) if inspect.isfunction(function) else _taken_by.__wrapped__(function)


@functools.lru_cache(maxsize=256)
def _taken_by(function: Any) -> frozenset[str]:
    try:
        parameters = inspect.signature(function).parameters.values() if function is not None else ()
    except ValueError:  # a C function without a signature
        return frozenset()
    return TAKES if any(p.kind is p.VAR_KEYWORD for p in parameters) else TAKES & {p.name for p in parameters}


@runtime_checkable
class Backbone(Protocol):
    """Maps raw pixels to features, and contains its own preprocessing."""

    name: str

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digest of weights and preprocessing: equal fingerprints give equal features."""
        ...

    def build(self, input_shape: tuple[int, int, int]) -> keras.Model:
        """Build the feature extractor.

        Parameters
        ----------
        input_shape : tuple of int
            ``(height, width, channels)`` of an image in pixels, RGB, 0 to 255.

        Returns
        -------
        keras.Model
            Maps ``(n_samples, height, width, channels)`` to features ``(n_samples, d)``.
        """
        ...


@runtime_checkable
class Head(Protocol):
    """Maps features to probabilities."""

    def build(self, feature_shape: tuple[int, ...], n_classes: int) -> Any:
        """Build the head, newly initialised.

        Parameters
        ----------
        feature_shape : tuple of int
            Shape of one sample's features, usually ``(d,)``.
        n_classes : int
            Number of classes, at least 2.

        Returns
        -------
        keras.Model or scikit-learn classifier
            Maps ``(n_samples, *feature_shape)`` to probabilities ``(n_samples, n_classes)``.
        """
        ...


@runtime_checkable
class Chainer(Protocol):
    """Joins a classifier and a second head to one model."""

    def chain(self, first: keras.Model, second_head: Head) -> keras.Model:
        """Compose ``first``, up to its features, with a second head.

        Parameters
        ----------
        first : keras.Model
            A classifier. It is not changed: the parts that are used are copied.
        second_head : Head
            Built on the features of ``first``, newly initialised.

        Returns
        -------
        keras.Model
            One model, to be trained end to end.
        """
        ...


@runtime_checkable
class Member(Protocol):
    """A fitted model that predicts, with the names that alignment needs."""

    name: str
    classes: tuple[Hashable, ...]
    task: Task
    fit_ids: np.ndarray | None

    def predict(self, ids: np.ndarray, x: Any) -> np.ndarray:
        """Predict one batch.

        Parameters
        ----------
        ids : ndarray of shape (n_samples,)
            Ids of the rows of ``x``.
        x : array-like of shape (n_samples, ...)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, ..., n_classes)
            Probabilities; predicted values for regression.
        """
        ...


@runtime_checkable
class CombinerLike(Protocol):
    """Anything with a method ``combine``, which the functions that combine accept as a combiner."""

    @property
    def combine(self) -> Callable[..., Any]:
        """Combine the members' predictions; see `Combiner.combine`."""
        ...


class Combiner:
    """The base class of every combiner, which combines the predictions of several members.

    A subclass defines `combine`, and `fit` if it learns. Constructor parameters are kept unchanged under their own
    names; the names of attributes that `fit` learns end in an underscore. A parameter with one value per member is
    called ``weights`` and may be a mapping by member name.

    Attributes
    ----------
    traits : frozenset of str
        What the combiner promises, out of ``symmetric`` (the order of the members changes nothing), ``idempotent``
        (equal members give that member), ``bounded`` (each value lies between the smallest and the largest of the
        members'), ``learns`` (`fit` must come first), ``graphable`` (`combine` runs with ``xp=keras.ops``) and
        ``class_equivariant`` (permuted classes give the permuted answer, to the bit).
    tasks : frozenset of str
        The tasks, or kinds of values, for which the rule makes sense; but those in ``not_for``.
    takes : frozenset of str
        What `combine` takes by name, out of ``xp``, ``present``, ``task``, ``classes`` and ``features``.
    fit_takes : frozenset of str
        What `fit` takes by name, out of ``sample_weight``, ``validation`` and ``features``.
    needs_labels : bool
        Whether `fit` needs labels. Without them `ensemblekit.fit_combiner` refuses the predictions.
    takes_sparse : bool
        Whether ``features`` may be a CSR matrix of SciPy. By default an array is made of it.
    grid : sequence of mappings, or callable
        Sets of options that `ensemblekit.choose` tries besides the defaults, such as ``({"proportion": 0.4},)``, or a
        function of the kind of the task that returns them.
    members_, classes_ : tuple
        Names that it was fitted on, in the order that `combine` needs. `fit_combiner` sets these and those below.
    fit_ids_ : ndarray of shape (n_samples,)
        Ids of the rows it was fitted on.
    feature_names_ : tuple
        Names of the columns of the features, in the order that `combine` needs; only if they have names.
    leaked_ : dict of str to int
        Member -> number of these rows that the member itself was fitted on, for members that were fitted on some.

    Notes
    -----
    A subclass need not declare ``takes`` and ``fit_takes``. If it defines `combine` or `fit` without them, they are
    read once from the signature, so that they agree with it. A method with ``**kwargs`` counts as one that takes
    everything, unless they are declared. For a class that is not a subclass, the signature is read at the first use.
    With `fit`, ``needs_labels`` is True unless declared; if it is False, ``predictions.label_codes`` may be None.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit import Combiner
    >>> class Midrange(Combiner):
    ...     traits = frozenset({"symmetric", "idempotent"})
    ...     tasks = frozenset({"multiclass"})
    ...
    ...     def combine(self, member_probas, *, xp=np):
    ...         midrange = xp.add(xp.max(member_probas, axis=0), xp.min(member_probas, axis=0))
    ...         return xp.divide(midrange, xp.sum(midrange, axis=-1, keepdims=True))
    >>> Midrange().combine(np.array([[[0.2, 0.8]], [[0.4, 0.6]], [[0.3, 0.7]]])).shape
    (1, 2)
    """

    traits: frozenset[str] = frozenset()
    tasks: frozenset[str] = frozenset({"multiclass", "multilabel", "regression"})
    not_for: frozenset[str] = frozenset()
    members_: tuple[str, ...]
    classes_: tuple[Hashable, ...]
    fit_ids_: np.ndarray
    feature_names_: tuple[Hashable, ...]
    leaked_: dict[str, int]
    takes: frozenset[str] = frozenset({"xp"})
    fit_takes: frozenset[str] = frozenset({"sample_weight"})
    needs_labels: bool = False
    takes_sparse: Any = False
    grid: Any = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for declared, method in (("takes", "combine"), ("fit_takes", "fit"), ("needs_labels", "fit")):
            first = next(owner for owner in cls.__mro__ if declared in vars(owner) or method in vars(owner))
            if declared not in vars(first):
                setattr(cls, declared, declared == "needs_labels" or taken_by(getattr(cls, method)))

    def fit(self, predictions: PredictionSet, *, sample_weight: np.ndarray | None = None) -> Self:
        """Learn from labelled predictions; the default learns nothing.

        Parameters
        ----------
        predictions : PredictionSet
            Aligned predictions in sorted-id order, with labels if ``needs_labels``. Call `ensemblekit.fit_combiner`,
            which checks them.
        sample_weight : ndarray of shape (n_samples,), optional
            Non-negative weight of each row.

        Returns
        -------
        Combiner
            Itself.

        Notes
        -----
        A subclass may also take by name what `ensemblekit.fit_combiner` is then given:

        - ``validation``, an aligned `PredictionSet` with labels to stop early on;
        - ``features``, an array of shape ``(n_samples, ...)``: the samples themselves, in the order of the rows.
        """
        return self

    def check_fit(
        self,
        members: tuple[str, ...],
        classes: tuple[Hashable, ...],
        *,
        task: Task,
        given: frozenset[str] = frozenset(),
    ) -> None:
        """Refuse what `fit` would refuse, before anything is fitted; the default refuses nothing.

        `ensemblekit.fit_combiner` calls it before `fit`, and the estimators before the members are fitted. Tasks,
        ``fit_takes`` and ``weights`` are checked without it.

        Parameters
        ----------
        members : tuple of str
            Sorted names of the members.
        classes : tuple of str or int
            Sorted names of the classes or outputs.
        task : {"multiclass", "multilabel", "regression"}
            Task of the predictions.
        given : frozenset of str
            Which of ``sample_weight``, ``validation`` and ``features`` `fit` will get.

        Raises
        ------
        InvalidOptionError
            If `fit` would refuse these, whatever the predictions are.
        """

    def combine(self, member_probas: Any, *, xp: Any = np) -> Any:
        """Combine the members' predictions with array operations only; the input is not checked.

        Parameters
        ----------
        member_probas : array of shape (n_members, n_samples, ..., n_classes)
            Aligned predictions.
        xp : array namespace, default=numpy
            ``numpy`` or ``keras.ops``.

        Returns
        -------
        array of shape (n_samples, ..., n_classes)
            Combined predictions, in the dtype of ``member_probas``.

        Notes
        -----
        A subclass may also take by name:

        - ``present``, an array of bool of shape ``(n_members, n_samples)``: False if a member lacks a row, whose values
          are then NaN. It is not passed if no member lacks a row.
        - ``task``, one of ``multiclass``, ``multilabel`` and ``regression``: whether classes exclude each other.
        - ``classes``, the tuple of the names of the classes or outputs, in the order of the last axis.
        - ``features``, an array of shape ``(n_samples, ...)``: the samples, as given to `ensemblekit.combine`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define combine(member_probas, *, xp=numpy).")

    def for_members(self, members: tuple[str, ...]) -> Self:
        """Turn ``weights`` by member name into an array in this order of the members.

        Parameters
        ----------
        members : tuple of str
            Names in the order of the first axis of ``member_probas``.

        Returns
        -------
        Combiner
            Itself, or a copy whose ``weights`` are an array of shape ``(n_members,)``.

        Raises
        ------
        InvalidOptionError
            If ``weights`` are not one finite value >= 0 per member, with a positive sum.
        """
        weights: Any = getattr(self, "weights", None)
        if weights is None:
            return self
        settled = copy.copy(self)
        settled.weights = check_weights(weights, members)  # type: ignore[attr-defined]
        return settled

    def __repr__(self) -> str:
        own = {k: v for k, v in vars(self).items() if k not in _DECLARED}
        options = {k: v for k, v in own.items() if not k.endswith("_") and not k.startswith("_")}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in options.items())})"
