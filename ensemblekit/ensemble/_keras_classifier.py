"""A Keras model as a scikit-learn classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d

from ..errors import InvalidOptionError
from ._keras import KerasEstimator
from ._keras_model import as_codes, count_outputs, is_model, label_outputs, wants_one_hot

__all__ = ["KerasClassifier"]


class KerasClassifier(ClassifierMixin, KerasEstimator):
    """A Keras model as a scikit-learn classifier.

    Parameters
    ----------
    model : keras.Model, or callable
        A compiled model: each `fit` trains a copy with new weights and a new optimizer; the model is not changed. Or a
        function that makes a compiled model; it gets ``n_outputs`` and ``input_shape`` if it has parameters of these
        names. The outputs are one probability for each class, or one for the second of two classes.
    epochs : int, default=10
        Number of passes over the rows.
    batch_size : int, default=32
        Number of rows in a training step, and in a batch of `predict_proba`.
    validation_split : float, default=0.0
        Fraction of the rows, drawn at random, that Keras uses for validation and not for training.
    callbacks : list of keras.callbacks.Callback, optional
        Copied for each `fit`.
    classes : sequence of str or int, optional
        Labels of the outputs, in their order. By default they are the sorted labels of ``y``. If these are fewer than
        the outputs, and are whole numbers below the number of outputs, the labels are the numbers of the outputs.
        `EnsembleClassifier` sets the labels of all its rows.
    input_shape : tuple of int, optional
        Shape to which each row of X is first reshaped, such as ``(height, width, channels)`` for flattened images.
    seed : int, optional
        Seed of the initial weights, dropout and the order of the rows.
    verbose : int, default=0
        As in Keras.

    Attributes
    ----------
    model_ : keras.Model
        The trained model. ``model_.save("name.keras")`` saves it without a pickle.
    classes_ : ndarray of shape (n_classes,)
        Label of each column.
    history_ : dict
        Metric -> value of each epoch.
    n_features_in_ : int
        Number of columns of X, if it has two axes.

    See Also
    --------
    EnsembleClassifier : Accepts it, or the bare model, as a member.

    Notes
    -----
    The model is trained on the positions of the labels in ``classes_``, which are one-hot encoded if its loss needs
    that. If the loss has ``from_logits=True``, `predict_proba` applies a softmax to several outputs, or a sigmoid to
    one output.

    Examples
    --------
    >>> import keras, numpy as np
    >>> from ensemblekit import KerasClassifier
    >>> net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, "softmax")])
    >>> net.compile("adam", "sparse_categorical_crossentropy")
    >>> X, y = np.eye(4).repeat(5, axis=0), np.array(["cat", "cat", "dog", "dog"]).repeat(5)
    >>> KerasClassifier(net, epochs=1, seed=0).fit(X, y).predict_proba(X).shape
    (20, 2)
    """

    classes_: np.ndarray

    def __init__(
        self,
        model: Any,
        *,
        epochs: int = 10,
        batch_size: int = 32,
        validation_split: float = 0.0,
        callbacks: Sequence[Any] | None = None,
        classes: Sequence[Any] | None = None,
        input_shape: tuple[int, ...] | None = None,
        seed: int | None = None,
        verbose: int | bool = 0,
    ) -> None:
        self.model = model
        self.epochs = epochs
        self.batch_size = batch_size
        self.validation_split = validation_split
        self.callbacks = callbacks
        self.classes = classes
        self.input_shape = input_shape
        self.seed = seed
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a new copy of the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs.
        y : array-like of shape (n_samples,)
            Labels.
        sample_weight : array-like of shape (n_samples,), optional
            Weight of each row in the loss.

        Returns
        -------
        KerasClassifier
            Itself.

        Raises
        ------
        InvalidOptionError
            If options or labels do not fit the model.
        CompatibilityError
            If the model is not compiled or cannot be copied, or has another number of outputs.
        """
        x = self._inputs(X, reset=True)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        check_consistent_length(x, y)
        labels = np.unique(y) if self.classes is None else np.asarray(self.classes)
        if len(labels) < 2 and self.classes is None and callable(self.model) and not is_model(self.model):
            raise InvalidOptionError(f"{type(self).__name__} needs at least two classes; received one class.")

        def targets(model: Any, y: np.ndarray) -> np.ndarray:
            n_outputs = count_outputs(model)
            self.classes_ = label_outputs(labels, 2 if n_outputs == 1 else n_outputs, self.classes is not None)
            codes = as_codes(y, self.classes_)
            return np.eye(len(self.classes_), dtype=np.float32)[codes] if wants_one_hot(model) else codes

        self._train(x, y, len(labels), sample_weight, targets)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        raw = self._raw(X)
        logits = bool(getattr(self.model_.loss, "from_logits", False))
        if raw.shape[1] == 1:
            second = 1 / (1 + np.exp(-raw)) if logits else raw
            return np.concatenate([1 - second, second], axis=1)
        if logits:
            raw = np.exp(raw - raw.max(axis=1, keepdims=True))
            raw /= raw.sum(axis=1, keepdims=True)
        return raw

    def predict(self, X: Any) -> np.ndarray:
        """Predict the most probable label; of equally probable labels, the first.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels out of ``classes_``.
        """
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def name_outputs(self, labels: list[Any] | None) -> None:
        """Set the labels of the outputs if no ``classes`` are given; called by `EnsembleClassifier`.

        Parameters
        ----------
        labels : list, or None
            Labels of all rows of the ensemble; the rows of a fold may lack some of them.
        """
        if self.classes is None:
            self.classes = labels
