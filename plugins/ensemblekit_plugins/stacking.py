"""Stacking: a final estimator learns from the members' predictions."""

from __future__ import annotations

import inspect
from typing import Any, Literal, Self

import numpy as np

from ensemblekit import Combiner, InvalidOptionError, NotFittedError, PredictionSet, hookimpl

from ._dense import DenseSoftmax

__all__ = ["Stacking"]


class Stacking(Combiner):
    """A final estimator fitted on the members' predictions; any scikit-learn classifier, or a Dense layer.

    Parameters
    ----------
    final_estimator : scikit-learn classifier, "dense", or None
        ``"dense"`` is one trainable Dense softmax layer (Adam, 100 epochs, early stopping on ``validation``), needing
        Keras. None is ``LogisticRegression(max_iter=1000)``. It is cloned, never fitted itself.
    features : {"concatenation", "average"}, default="concatenation"
        What it learns from: the members' probabilities side by side, or their mean.
    epochs, patience : int, default=100 and 20
        Of ``"dense"`` alone.
    seed : int, optional
        Of ``"dense"`` alone.

    Attributes
    ----------
    final_estimator_ : object
        The fitted final estimator. Its classes are positions in ``classes_``.

    Notes
    -----
    ``p[i] = g(p_1[i], ..., p_M[i])`` with ``g`` learned on rows that no member was fitted on [1]_; `fit_combiner`
    refuses others. The study's ensembles are ``final_estimator="dense"`` on the average (its rows A and C) and on the
    concatenation (D). A class without a row in what it is fitted on gets probability 0.

    References
    ----------
    .. [1] D. H. Wolpert, "Stacked generalization", Neural Networks 5(2), 1992.

    Examples
    --------
    >>> from ensemblekit import Predictions, combine, fit_combiner
    >>> fields = {"ids": [1, 2, 3, 4], "classes": ["cat", "dog"], "labels": ["cat", "dog", "cat", "dog"]}
    >>> right = Predictions([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.1, 0.9]], member="right", **fields)
    >>> wrong = Predictions([[0.1, 0.9], [0.7, 0.3], [0.2, 0.8], [0.9, 0.1]], member="wrong", **fields)
    >>> fitted = fit_combiner("stacking", [right, wrong])
    >>> combine([wrong, right], fitted).predicted
    array(['cat', 'dog', 'cat', 'dog'], dtype='<U3')
    """

    traits = frozenset({"learns"})
    tasks = frozenset({"multiclass"})

    def __init__(
        self,
        final_estimator: Any = None,
        *,
        features: Literal["concatenation", "average"] = "concatenation",
        epochs: int = 100,
        patience: int = 20,
        seed: int | None = None,
    ) -> None:
        if features not in ("concatenation", "average"):
            raise InvalidOptionError(f"features must be 'concatenation' or 'average'; received {features!r}.")
        if isinstance(final_estimator, str) and final_estimator != "dense":
            raise InvalidOptionError(
                f"final_estimator must be a classifier, 'dense' or None; received {final_estimator!r}."
            )
        self.final_estimator = final_estimator
        self.features = features
        self.epochs = epochs
        self.patience = patience
        self.seed = seed

    def fit(
        self,
        predictions: PredictionSet,
        *,
        sample_weight: np.ndarray | None = None,
        validation: PredictionSet | None = None,
    ) -> Self:
        """Fit the final estimator.

        Parameters
        ----------
        predictions : PredictionSet
            Labelled predictions of shape ``(n_members, n_samples, n_classes)``.
        sample_weight : ndarray of shape (n_samples,), optional
            Passed to the final estimator.
        validation : PredictionSet, optional
            Rows that tell ``"dense"`` when to stop.

        Returns
        -------
        Stacking
            Itself.

        Raises
        ------
        InvalidOptionError
            If the predictions are dense or have absent rows, the final estimator gives no probabilities, or
            ``sample_weight`` or ``validation`` is of no use to it.
        """
        if predictions.member_probas.ndim != 3 or predictions.present is not None:
            raise InvalidOptionError(
                "stacking learns from one row of every member a sample; received predictions of shape "
                f"{predictions.member_probas.shape}{'' if predictions.present is None else ' with absent rows'}."
            )
        estimator = self._new_estimator()
        if not hasattr(estimator, "predict_proba"):
            raise InvalidOptionError(
                f"final_estimator must be a classifier with predict_proba; {estimator!r} has none. Wrap it, for "
                "instance in scikit-learn's CalibratedClassifierCV."
            )
        kwargs: dict[str, Any] = {}
        if sample_weight is not None:
            if "sample_weight" not in inspect.signature(estimator.fit).parameters:
                raise InvalidOptionError(f"final_estimator {estimator!r} makes no use of sample_weight. Leave it out.")
            kwargs["sample_weight"] = sample_weight
        if isinstance(estimator, DenseSoftmax):
            kwargs["n_classes"] = len(predictions.classes)
            if validation is not None:
                kwargs["validation"] = (self._features(validation.member_probas), validation.label_codes)
        elif validation is not None:
            raise InvalidOptionError(
                f"final_estimator {estimator!r} makes no use of validation predictions. Leave them out."
            )
        codes = predictions.label_codes
        assert codes is not None  # noqa: S101 - fit_combiner requires labels
        self.final_estimator_ = estimator.fit(self._features(predictions.member_probas), codes, **kwargs)
        return self

    def combine(self, member_probas: Any, *, xp: Any = np) -> Any:
        """Predict with the final estimator.

        Parameters
        ----------
        member_probas : ndarray of shape (n_members, n_samples, n_classes)
            Aligned predictions, in the order it was fitted on.
        xp : array namespace, default=numpy
            Only ``numpy``: a scikit-learn estimator is no graph.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Its probabilities, in the dtype of ``member_probas``.

        Raises
        ------
        NotFittedError
            If it was not fitted.
        """
        estimator = getattr(self, "final_estimator_", None)
        if estimator is None:
            raise NotFittedError("stacking must be fitted before it combines. Call fit_combiner first.")
        out = np.zeros(member_probas.shape[1:], dtype=member_probas.dtype)
        if len(out):
            out[:, estimator.classes_] = estimator.predict_proba(self._features(member_probas))
        return out

    def _features(self, member_probas: np.ndarray) -> np.ndarray:
        if self.features == "average":
            return member_probas.mean(axis=0)
        return np.moveaxis(member_probas, 0, 1).reshape(member_probas.shape[1], -1)

    def _new_estimator(self) -> Any:
        if self.final_estimator == "dense":
            return DenseSoftmax(epochs=self.epochs, patience=self.patience, seed=self.seed)
        if self.final_estimator is None:
            from sklearn.linear_model import LogisticRegression

            return LogisticRegression(max_iter=1000)
        from sklearn.base import clone

        return clone(self.final_estimator)


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``stacking``."""
    register("stacking", Stacking)
