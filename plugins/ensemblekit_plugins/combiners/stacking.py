"""Stacking: a final estimator learns from the members' predictions."""

from __future__ import annotations

import inspect
from collections.abc import Hashable
from typing import Any, Literal, Self

import numpy as np

from ensemblekit import Combiner, PredictionSet, hookimpl
from ensemblekit.errors import CompatibilityError, InvalidOptionError, NotFittedError
from ensemblekit.predictions import Task

from ..kernels.blocks import row_slices
from ..learning.dense import DenseSoftmax
from ..learning.final_estimators import fit_classes, fit_outputs, predict_in_graph, predict_outputs
from ..learning.linear import is_linear
from ..learning.rows import (
    check_all_present,
    flatten_features,
    flatten_members,
    flatten_weights,
    side_by_side,
)
from ..options import check_choice, check_count

__all__ = ["Stacking"]


class Stacking(Combiner):
    """A final estimator fitted on the members' predictions: a scikit-learn estimator, or a Dense layer.

    Parameters
    ----------
    final_estimator : scikit-learn classifier or regressor, "dense", or None
        A classifier with ``predict_proba`` for probabilities, a regressor for regression. ``"dense"`` is one trainable
        Dense softmax layer for multiclass (Adam, 100 epochs, early stopping on ``validation``); it needs Keras. None is
        ``LogisticRegression(max_iter=1000)``, or ``RidgeCV()`` for regression. The estimator is cloned and never fitted
        itself.
    inputs : {"concatenation", "average"}, default="concatenation"
        Inputs of the final estimator: the predictions of the members side by side, or their mean.
    passthrough : bool, default=False
        If true, the final estimator also learns from the features of the samples, and `fit_combiner` and `combine` need
        ``features``. They come after the predictions.
    drop_first : bool, default=False
        If true, the first class of each member is left out of ``inputs``; for multiclass it is 1 minus the others.
    epochs, patience : int, default=100 and 20
        Only for ``"dense"``.
    seed : int, optional
        Only for ``"dense"``.

    Attributes
    ----------
    final_estimator_ : object or list of object
        The fitted final estimator. Its classes are positions in ``classes_``. It is a list with one estimator for each
        label or output if the estimator supports only one at a time. It is a ``DummyClassifier`` if all rows have one
        class.
    n_features_ : int or None
        Number of features of a row, with ``passthrough``.

    Notes
    -----
    ``p[i] = g(p_1[i], ..., p_M[i])``, or ``g(p_1[i], ..., p_M[i], x[i])`` with ``passthrough``. ``g`` is learned on
    rows that no member was fitted on [1]_; `fit_combiner` refuses other rows. The ensembles of the study are
    ``final_estimator="dense"`` on the average (its rows A and C) and on the concatenation (D). A class without rows in
    the fit gets probability 0. Each position of a dense output is a row with the weight of its sample, and one ``g``
    predicts all positions. Several labels or outputs are passed to one estimator if it supports this, according to
    scikit-learn's tags. Otherwise each label or output has its own clone.

    References
    ----------
    .. [1] D. H. Wolpert, "Stacked generalization", Neural Networks 5(2), 1992.

    Examples
    --------
    >>> from ensemblekit import Predictions, combine, fit_combiner
    >>> fields = {"ids": [1, 2, 3, 4], "classes": ["cat", "dog"], "labels": ["cat", "dog", "cat", "dog"]}
    >>> right = Predictions([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.1, 0.9]], member="right", **fields)
    >>> wrong = Predictions([[0.1, 0.9], [0.7, 0.3], [0.2, 0.8], [0.9, 0.1]], member="wrong", **fields)
    >>> fitted = fit_combiner([right, wrong], "stacking")
    >>> combine([wrong, right], fitted).predicted
    array(['cat', 'dog', 'cat', 'dog'], dtype='<U3')
    """

    def __init__(
        self,
        final_estimator: Any = None,
        *,
        inputs: Literal["concatenation", "average"] = "concatenation",
        passthrough: bool = False,
        drop_first: bool = False,
        epochs: int = 100,
        patience: int = 20,
        seed: int | None = None,
    ) -> None:
        check_choice("inputs", inputs, ("concatenation", "average"))
        check_choice("passthrough", passthrough, (False, True))
        check_choice("drop_first", drop_first, (False, True))
        check_count("epochs", epochs)
        check_count("patience", patience, 0)
        is_estimator = hasattr(final_estimator, "fit") and hasattr(final_estimator, "get_params")
        known = final_estimator is None or (isinstance(final_estimator, str) and final_estimator == "dense")
        if not known and (isinstance(final_estimator, type) or not is_estimator):
            raise InvalidOptionError(
                f"final_estimator must be an estimator, 'dense' or None; received {final_estimator!r}."
            )
        self.final_estimator = final_estimator
        self.inputs = inputs
        self.passthrough = passthrough
        self.drop_first = drop_first
        self.epochs = epochs
        self.patience = patience
        self.seed = seed
        if isinstance(final_estimator, str) or drop_first:
            self.tasks = frozenset({"multiclass"})
        linear = final_estimator is None or isinstance(final_estimator, str) or is_linear(final_estimator)
        self.traits = frozenset({"learns", "graphable"} if linear and not passthrough else {"learns"})

    def check_fit(
        self,
        members: tuple[str, ...],
        classes: tuple[Hashable, ...],
        *,
        task: Task,
        given: frozenset[str] = frozenset(),
    ) -> None:
        estimator = self._new_estimator(task)
        _check_estimator(estimator, task)
        if "sample_weight" in given and not _takes_weights(estimator):
            raise InvalidOptionError(f"final_estimator {estimator!r} makes no use of sample_weight. Leave it out.")
        if "validation" in given and not isinstance(estimator, DenseSoftmax):
            raise InvalidOptionError(
                f"final_estimator {estimator!r} makes no use of validation predictions. Leave them out."
            )
        if "validation" in given and self.passthrough:
            raise InvalidOptionError("validation rows have no features, which passthrough needs. Leave one out.")
        self._check_features("features" in given)

    def fit(
        self,
        predictions: PredictionSet,
        *,
        sample_weight: np.ndarray | None = None,
        validation: PredictionSet | None = None,
        features: np.ndarray | None = None,
    ) -> Self:
        check_all_present("stacking", predictions)
        named = (("sample_weight", sample_weight), ("validation", validation), ("features", features))
        given = frozenset(name for name, value in named if value is not None)
        self.check_fit(predictions.members, predictions.classes, task=predictions.task, given=given)
        estimator = self._new_estimator(predictions.task)
        codes = predictions.label_codes
        assert codes is not None  # noqa: S101 - fit_combiner requires labels
        axes = predictions.member_probas.shape[1:-1]
        kwargs: dict[str, Any] = {}
        if sample_weight is not None:
            kwargs["sample_weight"] = flatten_weights(sample_weight, axes)
        if isinstance(estimator, DenseSoftmax):
            kwargs["n_classes"] = len(predictions.classes)
            if validation is not None:
                held, names = flatten_members(validation.member_probas), validation.label_codes
                assert names is not None  # noqa: S101 - fit_combiner requires labels
                kwargs["validation"] = (self._inputs(held, None), names.ravel())
        self.n_features_ = None
        flat = self._flat_features(features, axes)
        self.n_features_ = None if flat is None else flat.shape[1]
        x = self._inputs(flatten_members(predictions.member_probas), flat)
        if isinstance(estimator, DenseSoftmax):
            self.final_estimator_ = estimator.fit(x, codes.ravel(), **kwargs)
        elif predictions.task == "multiclass":
            self.final_estimator_ = fit_classes(estimator, x, codes.ravel(), kwargs)
        else:
            self.final_estimator_ = fit_outputs(estimator, x, codes.reshape(len(x), -1), kwargs)
        return self

    def combine(
        self,
        member_probas: Any,
        *,
        features: np.ndarray | None = None,
        task: str = "multiclass",
        xp: Any = np,
    ) -> Any:
        estimator = getattr(self, "final_estimator_", None)
        if estimator is None:
            raise NotFittedError("stacking must be fitted before it combines. Call fit_combiner first.")
        if xp is not np:
            return self._combine_in_graph(estimator, member_probas, task, xp)
        given = self._flat_features(features, member_probas.shape[1:-1])
        rows = flatten_members(member_probas)
        out = np.zeros(rows.shape[1:], dtype=member_probas.dtype)
        width = rows.shape[0] * rows.shape[2] + (self.n_features_ or 0)
        for block in row_slices(len(out), width, 2**21):
            x = self._inputs(rows[:, block], None if given is None else given[block])
            if task == "multiclass":
                out[block, estimator.classes_] = estimator.predict_proba(x)
            else:
                out[block] = predict_outputs(estimator, x, rows.shape[2], task)
        return out.reshape(member_probas.shape[1:])

    def _combine_in_graph(self, estimator: Any, member_probas: Any, task: str, xp: Any) -> Any:
        if self.passthrough:
            raise CompatibilityError("stacking with passthrough looks at features, which are not in its graph.")
        n_classes = member_probas.shape[-1]
        rows = xp.reshape(member_probas, (member_probas.shape[0], -1, n_classes))
        if self.drop_first:
            rows = xp.take(rows, list(range(1, n_classes)), axis=-1)
        if self.inputs == "average":
            x = xp.mean(rows, axis=0)
        else:
            x = xp.reshape(xp.transpose(rows, (1, 0, 2)), (-1, rows.shape[0] * rows.shape[2]))
        out = predict_in_graph(estimator, x, n_classes, task, xp)
        return xp.reshape(out, (-1, *member_probas.shape[2:]))

    def _inputs(self, rows: np.ndarray, features: np.ndarray | None) -> np.ndarray:
        if self.drop_first:
            rows = rows[..., 1:]
        inputs = rows.mean(axis=0) if self.inputs == "average" else side_by_side(rows)
        return inputs if features is None else np.concatenate([inputs, features], axis=1)

    def _flat_features(self, features: np.ndarray | None, axes: tuple[int, ...]) -> np.ndarray | None:
        self._check_features(features is not None)
        return None if features is None else flatten_features("stacking", features, axes, self.n_features_)

    def _check_features(self, given: bool) -> None:
        if given != self.passthrough:
            raise InvalidOptionError(
                f"stacking with passthrough={self.passthrough} learns from {'' if self.passthrough else 'no '}features "
                f"of the samples; received {'some' if given else 'none'}. Give features to fit_combiner and combine, "
                "with passthrough=True."
            )

    def _new_estimator(self, task: str) -> Any:
        if isinstance(self.final_estimator, str):
            return DenseSoftmax(epochs=self.epochs, patience=self.patience, seed=self.seed)
        if self.final_estimator is None:
            from sklearn.linear_model import LogisticRegression, RidgeCV

            return RidgeCV() if task == "regression" else LogisticRegression(max_iter=1000)
        from sklearn.base import clone

        return clone(self.final_estimator)


def _takes_weights(estimator: Any) -> bool:
    return "sample_weight" in inspect.signature(estimator.fit).parameters


def _check_estimator(estimator: Any, task: str) -> None:
    from sklearn.base import is_classifier

    if task != "regression" and not hasattr(estimator, "predict_proba"):
        raise InvalidOptionError(
            f"final_estimator must be a classifier with predict_proba; {estimator!r} has none. Wrap it, for "
            "instance in scikit-learn's CalibratedClassifierCV."
        )
    if task == "regression" and is_classifier(estimator):
        raise InvalidOptionError(
            f"final_estimator must be a regressor for the task 'regression'; received {estimator!r}."
        )


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``stacking``."""
    register("stacking", Stacking)
