"""Calibration before or after a combiner."""

from __future__ import annotations

import copy
from collections.abc import Hashable
from typing import Any, Literal, Self

import numpy as np

from ensemblekit import Combiner, Predictions, PredictionSet, align, fit_combiner, hookimpl
from ensemblekit.combining import ask
from ensemblekit.errors import InvalidOptionError, NotFittedError
from ensemblekit.predictions import Task
from ensemblekit.registry import default_registry

from ..kernels.blocks import row_slices
from ..learning.calibration_maps import METHODS, apply_map, apply_maps, fit_map
from ..learning.folds import Fold, divide, held_out
from ..learning.rows import check_all_present, flatten_weights
from ..options import check_choice, check_count

__all__ = ["Calibrated"]


class Calibrated(Combiner):
    r"""Calibrate the members and then combine them, or combine them and then calibrate the result.

    Parameters
    ----------
    inner : str or Combiner, default="mean"
        The combiner: a registered name, or a combiner object. The object is copied and never fitted itself.
    method : {"temperature", "vector", "sigmoid", "isotonic"}, default="temperature"
        The method of calibration; see Notes.
    order : {"before", "after"}, default="before"
        ``before``: each member is calibrated separately, then they are combined. ``after``: the combined predictions
        are calibrated.
    cv : int, default=5
        Number of folds if ``inner`` learns; if there are fewer rows or groups, one fold for each. See Notes.

    Attributes
    ----------
    maps_ : list of dict
        The learned maps: one for each member in the order of ``members_``, or one for the result. A map has ``scale``
        and ``shift``, arrays with one value or one value for each class; for ``isotonic`` it has ``knots`` and
        ``values``, lists with one array for each class.
    inner_ : Combiner
        The inner combiner; it is fitted if it learns.

    Notes
    -----
    .. math::

        \text{temperature: } q_c \propto \exp(\log p_c / T)

        \text{vector: } q_c \propto \exp(a_c \log p_c + b_c)

        \text{sigmoid: } q_c \propto \frac{1}{1 + \exp(-a_c \operatorname{logit} p_c - b_c)}

        \text{isotonic: } q_c \propto f_c(p_c)

    Each row ``p`` is calibrated to ``q``, which sums to 1. Probabilities below 1e-15 (6.1e-5 in float16) count as that
    in ``log``. ``logit p = log p - log(1 - p)``.

    - ``temperature`` [1]_: ``q = softmax(log p / T)``, with one ``T`` from 0.001 to 1000 (``scale_ = 1 / T``).
    - ``vector`` [1]_: ``q = softmax(a * log p + b)``; ``a`` and ``b`` have one value for each class.
    - ``sigmoid`` [2]_: ``s_c = 1 / (1 + exp(-a_c logit p_c - b_c))`` for each class against the rest,
      ``q = s / sum s``. It is fitted to Platt's targets. A row with the class has the target ``(n + 1) / (n + 2)``, and
      ``n`` is the number of such rows. A row without it has ``1 / (n + 2)``, and ``n`` is the number of those rows.
    - ``isotonic`` [3]_: ``s_c = f_c(p_c)`` for each class against the rest, ``q = s / sum s``. ``f_c`` is
      scikit-learn's ``IsotonicRegression``. If all ``s`` are 0, the classes get equal shares.

    For ``multilabel`` each class is calibrated separately: ``q_c = 1 / (1 + exp(-a_c logit p_c - b_c))``, or
    ``q_c = f_c(p_c)`` for ``isotonic``. With ``temperature`` there is one ``a`` for all classes and no ``b``. All
    methods but ``isotonic`` minimise the mean log loss by L-BFGS; the absolute values of ``a`` and ``b`` are at most
    1000. ``temperature`` keeps the order of the classes and their ties.

    If ``inner`` learns, the second step is fitted out of fold. The rows are divided into ``cv`` folds, always the same.
    Rows of one group of the predictions are in one fold. Each fold is calibrated (``before``) or combined (``after``)
    by a first step that was fitted on the other folds. The first step is then fitted on all rows. If there is only one
    row, it is used for both steps. Rows with weight 0 are left out.

    Rows with ``time`` are divided into ``cv + 1`` blocks of consecutive cutoffs. Each but the first is calibrated or
    combined by a first step that was fitted on rows of earlier blocks whose outcomes were known at its first cutoff.
    The second step is fitted on these blocks. Rows of one group of the predictions are in one block.

    Tie rule: ``temperature`` keeps ties. With the other methods each class has its own map; equal results stay equal,
    and the first of them is predicted.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017.
    .. [2] J. Platt, "Probabilistic outputs for support vector machines and comparisons to regularized likelihood
       methods", Advances in Large Margin Classifiers, MIT Press, 1999.
    .. [3] B. Zadrozny, C. Elkan, "Transforming classifier scores into accurate multiclass probability estimates",
       KDD 2002.

    Examples
    --------
    >>> from ensemblekit import Predictions, combine, fit_combiner
    >>> fields = {"ids": [1, 2, 3, 4], "classes": ["cat", "dog"], "labels": ["cat", "cat", "dog", "cat"]}
    >>> bold = Predictions([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.9, 0.1]], member="bold", **fields)
    >>> fitted = fit_combiner([bold], "calibrated")
    >>> combine([bold], fitted).probas[0].round(4)
    array([0.75, 0.25])
    """

    folds_in_time = True
    grid = ({"order": "after"}, {"inner": "super_learner"}, {"method": "vector", "order": "after"})

    def __init__(
        self,
        inner: Any = "mean",
        method: Literal["temperature", "vector", "sigmoid", "isotonic"] = "temperature",
        *,
        order: Literal["before", "after"] = "before",
        cv: int = 5,
    ) -> None:
        check_choice("method", method, METHODS)
        check_choice("order", order, ("before", "after"))
        check_count("cv", cv, 2)
        self.inner = inner
        self.method = method
        self.order = order
        self.cv = cv
        asked = ask(self._new_inner())
        self.tasks = asked.tasks & {"multiclass", "multilabel"}
        if not self.tasks:
            raise InvalidOptionError(
                f"only probabilities can be calibrated; the combiner {inner!r} is for {', '.join(asked.tasks)}."
            )
        self.traits = frozenset({"learns"})
        if method != "isotonic":
            self.traits |= asked.traits & {"graphable"}
        if order == "after":
            self.traits |= asked.traits & {"symmetric"}

    def check_fit(
        self,
        members: tuple[str, ...],
        classes: tuple[Hashable, ...],
        *,
        task: Task,
        given: frozenset[str] = frozenset(),
    ) -> None:
        asked = ask(self._new_inner())
        if asked.learns:
            asked.check_fit(members, classes, task=task, given=given)
            return
        asked.settle(members)
        if "features" in given:
            asked.check_takes("features")

    def fit(
        self,
        predictions: PredictionSet,
        *,
        sample_weight: np.ndarray | None = None,
        features: np.ndarray | None = None,
    ) -> Self:
        check_all_present("calibrated", predictions)
        if sample_weight is not None and not sample_weight.all():
            rows = np.flatnonzero(sample_weight)
            predictions, sample_weight = predictions.reorder(rows=rows), sample_weight[rows]
            features = None if features is None else features[rows]
        learns = ask(self._new_inner()).learns
        if self.order == "before":
            self.maps_ = self._fit_maps(predictions.member_probas, predictions, sample_weight)
            if learns:
                folds = self._folds(predictions)
                predictions = self._calibrated_out_of_fold(predictions, sample_weight, folds)
                rows = held_out(folds)
                sample_weight, features = _of(sample_weight, rows), _of(features, rows)
            self.inner_ = self._fit_inner(predictions, sample_weight, features)
            return self
        self.inner_ = self._fit_inner(predictions, sample_weight, features)
        if learns:
            combined = np.empty(predictions.member_probas.shape[1:], dtype=predictions.member_probas.dtype)
            folds = self._folds(predictions)
            for others, fold in folds:
                some = predictions.reorder(rows=others)
                fitted = self._fit_inner(some, _of(sample_weight, others), _of(features, others))
                probas = predictions.member_probas[:, fold]
                combined[fold] = _combine(fitted, probas, _of(features, fold), predictions.kind, np)
            rows = held_out(folds)
            combined, predictions = combined[rows], predictions.reorder(rows=rows)
            sample_weight = _of(sample_weight, rows)
        else:
            combined = _combine(self.inner_, predictions.member_probas, features, predictions.kind, np)
        self.maps_ = self._fit_maps(combined[np.newaxis], predictions, sample_weight)
        return self

    def combine(
        self,
        member_probas: Any,
        *,
        features: np.ndarray | None = None,
        task: str = "multiclass",
        xp: Any = np,
    ) -> Any:
        if getattr(self, "maps_", None) is None:
            raise NotFittedError("calibrated must be fitted before it combines. Call fit_combiner first.")
        reference = xp is not np and self.method != "isotonic"
        if self.order == "after":
            combined = _combine(self.inner_, member_probas, features, task, xp)
            if reference:
                return apply_maps(self.maps_, self.method, combined, task=task, members=False, xp=xp)
            return apply_map(self.maps_[0], self.method, combined, task=task)
        if reference:
            calibrated = apply_maps(self.maps_, self.method, member_probas, task=task, members=True, xp=xp)
            return _combine(self.inner_, calibrated, features, task, xp)
        out = np.empty(member_probas.shape[1:], dtype=member_probas.dtype)
        values_a_row = member_probas[:, :1].size
        for block in row_slices(len(out), values_a_row, 2**22):
            calibrated = self._calibrate(self.maps_, member_probas[:, block], task)
            out[block] = _combine(self.inner_, calibrated, _of(features, block), task, xp)
        return out

    def _calibrate(self, maps: list[dict[str, Any]], member_probas: np.ndarray, task: str) -> np.ndarray:
        calibrated = np.empty(member_probas.shape, dtype=member_probas.dtype)
        for place, (learned, probas) in enumerate(zip(maps, member_probas, strict=True)):
            calibrated[place] = apply_map(learned, self.method, probas, task=task)
        return calibrated

    def _fit_maps(
        self, member_probas: np.ndarray, predictions: PredictionSet, sample_weight: np.ndarray | None
    ) -> list[dict[str, Any]]:
        codes, n_classes = predictions.label_codes, member_probas.shape[-1]
        assert codes is not None  # noqa: S101 - fit_combiner requires labels
        multiclass = predictions.kind == "multiclass"
        targets = codes[..., np.newaxis] == np.arange(n_classes) if multiclass else codes
        targets = targets.reshape(-1, n_classes)
        weights = flatten_weights(sample_weight, member_probas.shape[1:-1])
        return [
            fit_map(self.method, probas.reshape(-1, n_classes), targets, weights, task=predictions.kind)
            for probas in member_probas
        ]

    def _calibrated_out_of_fold(
        self, predictions: PredictionSet, sample_weight: np.ndarray | None, folds: list[Fold]
    ) -> PredictionSet:
        calibrated = np.empty(predictions.member_probas.shape, dtype=predictions.member_probas.dtype)
        for others, fold in folds:
            some = predictions.reorder(rows=others)
            maps = self._fit_maps(some.member_probas, some, _of(sample_weight, others))
            calibrated[:, fold] = self._calibrate(maps, predictions.member_probas[:, fold], predictions.kind)
        rows = held_out(folds)
        predictions, calibrated = predictions.reorder(rows=rows), calibrated[:, rows]
        names = ("ids", "classes", "labels", "task", "groups")
        fields: dict[str, Any] = {name: getattr(predictions, name) for name in names}
        return align(
            *(
                Predictions(probas, member=member, **fields)
                for member, probas in zip(predictions.members, calibrated, strict=True)
            )
        )

    def _folds(self, predictions: PredictionSet) -> list[Fold]:
        """List the rows that the first step is fitted on, and those that the second step is then fitted on."""
        n_samples = len(predictions.ids)
        if predictions.time or (predictions.groups is not None and n_samples > 1):
            instead = "an inner rule that learns nothing, such as inner='mean'"
            return divide(predictions, self.cv, who="calibrated fits its second step", instead=instead)
        if n_samples == 1:
            return [(np.array([0]), np.array([0]))]
        from sklearn.model_selection import KFold

        folds = KFold(min(self.cv, n_samples), shuffle=True, random_state=0)
        return list(folds.split(np.empty((n_samples, 1))))

    def _fit_inner(
        self, predictions: PredictionSet, sample_weight: np.ndarray | None, features: np.ndarray | None
    ) -> Any:
        asked = ask(self._new_inner())
        if asked.learns:
            named = None if features is None else (predictions.ids, features)
            # The outer `fit_combiner` has already checked for leaks.
            return fit_combiner(
                predictions, asked.combiner, sample_weight=sample_weight, features=named, allow_leakage=True
            )
        return asked.settle(predictions.members).combiner

    @property
    def takes_sparse(self) -> bool:
        """Whether the inner combiner takes sparse features."""
        return ask(self._new_inner()).takes_sparse

    def _new_inner(self) -> Any:
        if isinstance(self.inner, str):
            return default_registry().create_combiner(self.inner)
        if isinstance(self.inner, type) or not callable(getattr(self.inner, "combine", None)):
            raise InvalidOptionError(
                f"inner must be a registered name or an object with a method combine; received {self.inner!r}."
            )
        return copy.deepcopy(self.inner)


def _of(values: np.ndarray | None, rows: Any) -> np.ndarray | None:
    return None if values is None else values[rows]


def _combine(inner: Any, member_probas: Any, features: np.ndarray | None, task: str, xp: Any) -> Any:
    asked = ask(inner)
    kwargs: dict[str, Any] = {"task": task} if "task" in asked.takes else {}
    if features is not None:
        asked.check_takes("features")
        kwargs["features"] = features
    return inner.combine(member_probas, **kwargs) if xp is np else inner.combine(member_probas, xp=xp, **kwargs)


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``calibrated``."""
    register("calibrated", Calibrated)
