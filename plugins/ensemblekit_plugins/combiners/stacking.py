"""Stacking: a final estimator learns from the members' predictions."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Hashable, Sequence
from typing import Any, Literal, Self

import numpy as np

from ensemblekit import Combiner, PredictionSet, hookimpl
from ensemblekit.errors import CompatibilityError, InvalidOptionError, NotFittedError
from ensemblekit.predictions import Task

from ..kernels.blocks import row_slices
from ..learning.dense import DenseSoftmax
from ..learning.final_estimators import (
    check_estimator,
    class_probas,
    fit_classes,
    fit_outputs,
    predict_in_graph,
    predict_outputs,
    takes_groups,
    takes_sparse,
)
from ..learning.folds import give_folds, take_back_folds
from ..learning.linear import is_linear
from ..learning.rows import (
    check_all_present,
    flatten_features,
    flatten_members,
    flatten_weights,
    side_by_side,
    with_features,
)
from ..options import check_choice, check_count, check_names

__all__ = ["Stacking"]


class Stacking(Combiner):
    r"""A final estimator fitted on the members' predictions: a scikit-learn estimator, or a Dense layer.

    Parameters
    ----------
    final_estimator : scikit-learn classifier or regressor, "dense", or None
        A classifier, or a regressor for regression. The decision of a classifier without ``predict_proba`` has
        probability 1, see ``calibrate``. ``"dense"`` is one trainable Dense softmax layer for multiclass (Adam, 100
        epochs, early stopping on ``validation``); it needs Keras. None is ``LogisticRegression(max_iter=1000)``, or
        ``RidgeCV()`` for regression. The estimator is cloned and never fitted itself.
    inputs : {"concatenation", "average"}, default="concatenation"
        Inputs of the final estimator: the predictions of the members side by side, or their mean.
    passthrough : bool, default=False
        If true, the final estimator also learns from the features of the samples, and `fit_combiner` and `combine` need
        ``features``. They come after the predictions.
    drop_first : bool or "if_binary", default=False
        If true, the first class of each member is left out of ``inputs``; for multiclass it is 1 minus the others.
        ``"if_binary"`` leaves it out if there are two classes, as scikit-learn does.
    calibrate : {"sigmoid", "isotonic", "temperature"}, optional
        Fit the final estimator within scikit-learn's ``CalibratedClassifierCV`` with this method, so that its decisions
        become probabilities.
    without : sequence of str, default=()
        Members whose predictions are not inputs, as their answers are among the features; see `with_columns`.
    epochs : int, default=100
        Highest number of epochs; only for ``"dense"``.
    patience : int, default=20
        The training ends after so many epochs without a better accuracy; only for ``"dense"``.
    seed : int, optional
        Seed of the first weights and of the order of the rows; only for ``"dense"``.

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
    .. math::

        p_i = g(p_{1i}, \ldots, p_{Mi}) \qquad \text{or, with passthrough,} \qquad p_i = g(p_{1i}, \ldots, p_{Mi}, x_i)

    The final estimator ``g`` is learned on rows that no member was fitted on [1]_; `fit_combiner` refuses other rows.
    The ensembles of the study are ``final_estimator="dense"`` on the average (its rows A and C) and on the
    concatenation (D). If rows have groups or ``time``, an estimator with a number as its ``cv``, or none, as
    ``CalibratedClassifierCV`` and ``RidgeCV`` have, gets folds that keep groups together and follow time instead. A
    class without rows in the fit gets probability 0. Each position of a dense output is a row with
    the weight of its sample, and one ``g`` predicts all positions. Several labels or outputs are passed to one
    estimator if it supports this, according to scikit-learn's tags. Otherwise each label or output has its own clone.

    Tie rule: that of the final estimator; equal probabilities stay equal, and the first of them is predicted.

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

    grid = ({"inputs": "average"},)
    # Learned by squared error, each level would become the same expected value.
    not_for = frozenset({"quantile"})
    # Those that an earlier version saved have no such attributes.
    calibrate = None
    without = ()

    def __init__(
        self,
        final_estimator: Any = None,
        *,
        inputs: Literal["concatenation", "average"] = "concatenation",
        passthrough: bool = False,
        drop_first: bool | Literal["if_binary"] = False,
        calibrate: Literal["sigmoid", "isotonic", "temperature"] | None = None,
        without: Sequence[str] = (),
        epochs: int = 100,
        patience: int = 20,
        seed: int | None = None,
    ) -> None:
        check_choice("inputs", inputs, ("concatenation", "average"))
        check_choice("passthrough", passthrough, (False, True))
        check_choice("drop_first", drop_first, (False, True, "if_binary"))
        check_choice("calibrate", calibrate, (None, "sigmoid", "isotonic", "temperature"))
        check_names("without", without)
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
        self.calibrate = calibrate
        self.without = without
        self.epochs = epochs
        self.patience = patience
        self.seed = seed
        if isinstance(final_estimator, str) and calibrate is not None:
            raise InvalidOptionError("a dense final estimator gives probabilities; calibrate would do nothing.")
        if isinstance(final_estimator, str) or drop_first is True:
            self.tasks = frozenset({"multiclass"})
        elif calibrate is not None:
            self.tasks = frozenset({"multiclass", "multilabel"})
        linear = final_estimator is None or isinstance(final_estimator, str) or is_linear(final_estimator)
        linear &= calibrate is None and not without
        self.traits = frozenset({"learns", "graphable"} if linear and not passthrough else {"learns"})

    def with_columns(self, members: Sequence[str]) -> Self:
        """Make a copy that learns from the columns of members that answer with no probabilities.

        Parameters
        ----------
        members : sequence of str
            Members whose columns are among the ``features`` that `fit` and `combine` will get.

        Returns
        -------
        Stacking
            Not fitted.
        """
        copied = copy.copy(self)
        copied.passthrough, copied.without = True, tuple(members)
        copied.traits = frozenset({"learns"})
        return copied

    def input_names(self) -> list[tuple[str, Hashable]]:
        """Name the inputs of the final estimator that come from predictions; features come after them.

        Returns
        -------
        list of (str, str or int)
            Member, or ``average``, and class. Empty if every member answers with columns.
        """
        members = [member for member in self.members_ if member not in self.without]
        if self.inputs == "average" and members:
            members = ["average"]
        classes = self.classes_[1:] if self._drops(len(self.classes_)) else self.classes_
        return [(member, label) for member in members for label in classes]

    def check_fit(
        self,
        members: tuple[str, ...],
        classes: tuple[Hashable, ...],
        *,
        task: Task,
        given: frozenset[str] = frozenset(),
    ) -> None:
        estimator = self._new_estimator(task)
        check_estimator(estimator, task)
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
        self.check_fit(predictions.members, predictions.classes, task=predictions.kind, given=given)
        estimator = self._new_estimator(predictions.kind)
        codes = predictions.label_codes
        assert codes is not None  # noqa: S101 - fit_combiner requires labels
        axes = predictions.member_probas.shape[1:-1]
        kwargs: dict[str, Any] = {}
        if sample_weight is not None:
            kwargs["sample_weight"] = flatten_weights(sample_weight, axes)
        if predictions.groups is not None and takes_groups(estimator):
            kwargs["groups"] = np.repeat(predictions.groups, math.prod(axes[1:]))
        if isinstance(estimator, DenseSoftmax):
            kwargs["n_classes"] = len(predictions.classes)
            if validation is not None:
                held, names = flatten_members(validation.member_probas), validation.label_codes
                assert names is not None  # noqa: S101 - fit_combiner requires labels
                kwargs["validation"] = (self._inputs(held, None), names.ravel())
        self.kept_ = [place for place, member in enumerate(predictions.members) if member not in self.without]
        self.n_features_ = None
        flat = self._flat_features(features, axes)
        self.n_features_ = None if flat is None else flat.shape[1]
        x = self._inputs(flatten_members(predictions.member_probas), flat)
        before = give_folds(estimator, predictions)
        if isinstance(estimator, DenseSoftmax):
            self.final_estimator_ = estimator.fit(x, codes.ravel(), **kwargs)
        elif predictions.kind == "multiclass":
            self.final_estimator_ = fit_classes(estimator, x, codes.ravel(), kwargs)
        else:
            self.final_estimator_ = fit_outputs(estimator, x, codes.reshape(x.shape[0], -1), kwargs)
        take_back_folds(self.final_estimator_, before)
        return self

    def inputs_of(self, member_probas: np.ndarray, features: Any = None) -> Any:
        """Lay out what the final estimator gets.

        Parameters
        ----------
        member_probas : ndarray of shape (n_members, n_samples, ..., n_classes)
            Members and classes in the order of the fit.
        features : array of shape (n_samples, n_features), optional
            With ``passthrough``.

        Returns
        -------
        ndarray or sparse matrix of shape (n_rows, n_inputs)
            A row for each sample, or for each position of a dense output.
        """
        given = self._flat_features(features, member_probas.shape[1:-1])
        return self._inputs(flatten_members(member_probas), given)

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
        shape, dtype = rows.shape[1:], member_probas.dtype
        width = rows.shape[0] * rows.shape[2] + (0 if given is None else _values_a_row(given))
        out = None
        for block in row_slices(shape[0], width, 2**21):
            x = self._inputs(rows[:, block], None if given is None else given[block])
            if task == "multiclass":
                values, known = class_probas(estimator, x), np.asarray(estimator.classes_).tolist()
            else:
                values, known = predict_outputs(estimator, x, rows.shape[2], task), []
            every = task != "multiclass" or known == list(range(shape[1]))
            if every and len(values) == shape[0]:
                return values.astype(dtype, copy=False).reshape(member_probas.shape[1:])
            out = np.zeros(shape, dtype) if out is None else out
            if every:
                out[block] = values
            else:
                out[block, known] = values
        out = np.zeros(shape, dtype) if out is None else out
        return out.reshape(member_probas.shape[1:])

    def decisions(self, member_probas: np.ndarray, *, features: np.ndarray | None = None) -> np.ndarray:
        """Ask the final estimator for its decisions.

        Parameters
        ----------
        member_probas : ndarray of shape (n_members, n_samples, n_classes)
            In the order of ``members_`` and ``classes_``.
        features : ndarray, optional
            As for `combine`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            As ``decision_function`` of the final estimator returns them.
        """
        given = self._flat_features(features, member_probas.shape[1:-1])
        head: Any = self.final_estimator_
        return head.decision_function(self._inputs(flatten_members(member_probas), given))

    def _combine_in_graph(self, estimator: Any, member_probas: Any, task: str, xp: Any) -> Any:
        if self.passthrough:
            raise CompatibilityError("stacking with passthrough looks at features, which are not in its graph.")
        n_classes = member_probas.shape[-1]
        rows = xp.reshape(member_probas, (member_probas.shape[0], -1, n_classes))
        if self._drops(n_classes):
            rows = xp.take(rows, list(range(1, n_classes)), axis=-1)
        if self.inputs == "average":
            x = xp.mean(rows, axis=0)
        else:
            x = xp.reshape(xp.transpose(rows, (1, 0, 2)), (-1, rows.shape[0] * rows.shape[2]))
        out = predict_in_graph(estimator, x, n_classes, task, xp)
        return xp.reshape(out, (-1, *member_probas.shape[2:]))

    def _inputs(self, rows: np.ndarray, features: np.ndarray | None) -> np.ndarray:
        if self.without:
            rows = rows[self.kept_]
        if self._drops(rows.shape[-1]):
            rows = rows[..., 1:]
        inputs = rows.mean(axis=0) if self.inputs == "average" and len(rows) else side_by_side(rows)
        return with_features(inputs, features)

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

    @property
    def takes_sparse(self) -> bool:
        """Whether the final estimator says that it takes sparse inputs."""
        return self.final_estimator is None or takes_sparse(self.final_estimator)

    def _new_estimator(self, task: str) -> Any:
        if isinstance(self.final_estimator, str):
            return DenseSoftmax(epochs=self.epochs, patience=self.patience, seed=self.seed)
        from sklearn.base import clone
        from sklearn.linear_model import LogisticRegression, RidgeCV

        default = RidgeCV() if task == "regression" else LogisticRegression(max_iter=1000)
        estimator: Any = default if self.final_estimator is None else clone(self.final_estimator)
        if self.calibrate is None:
            return estimator
        from sklearn.calibration import CalibratedClassifierCV

        return CalibratedClassifierCV(estimator, method=self.calibrate)

    def _drops(self, n_classes: int) -> bool:
        return n_classes == 2 if self.drop_first == "if_binary" else bool(self.drop_first)


def _values_a_row(features: Any) -> int:
    return (features.nnz // len(features.indptr) + 1) if hasattr(features, "nnz") else features.shape[1]


def _takes_weights(estimator: Any) -> bool:
    return "sample_weight" in inspect.signature(estimator.fit).parameters


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``stacking``."""
    register("stacking", Stacking)
