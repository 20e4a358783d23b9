"""A Keras model as a scikit-learn classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self, cast

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d

from ..errors import InvalidOptionError
from ..predictions.names import as_classes
from ._keras import KerasEstimator, ScoredByName
from ._keras_losses import Outputs, Targets, read_outputs, read_targets, to_probabilities, try_loss
from ._keras_model import as_codes, count_outputs, is_model, label_outputs
from ._rows import check_row_names, n_rows

__all__ = ["KerasClassifier"]


class KerasClassifier(ScoredByName, ClassifierMixin, KerasEstimator):
    """A Keras model as a scikit-learn classifier.

    Parameters
    ----------
    model : keras.Model, or callable
        A compiled model: each `fit` trains a copy with a new optimizer; the model is not changed. Its trainable weights
        start anew; frozen weights and what ``adapt`` has learned stay (see Notes). Or a function that makes a compiled
        model; it gets ``n_outputs`` and ``input_shape`` if it has parameters of these names. The outputs are one
        probability for each class, or one for the second of two classes.
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
    initial_weights : {"new", "given"}, default="new"
        ``given`` trains a given model on from all its weights, as in fine-tuning; what it has learned from a row that a
        fold holds out stays in it.
    targets : {"integers", "indicators"}, optional
        What a loss of your own is given: the numbers of the classes, shape ``(n_samples,)``, or rows of 0 and 1, shape
        ``(n_samples, n_classes)``. Losses of Keras are known.
    from_logits : bool, optional
        Whether the outputs are logits. By default as the loss says.
    seed : int, optional
        Seed of the new weights, dropout and the order of the rows.
    verbose : int, default=0
        As in Keras.

    Attributes
    ----------
    model_ : keras.Model
        The trained model. ``model_.save("name.keras")`` saves it without a pickle.
    classes_ : ndarray of shape (n_classes,)
        Label of each column.
    outputs_are_ : str
        How `predict_proba` makes probabilities of outputs: they are ``probabilities``; ``softmax`` or ``sigmoid`` is
        applied to logits; ``divided`` (also ``sigmoid divided``): by the sum of the row.
    history_ : dict
        Metric -> value of each epoch.
    n_features_in_ : int
        Number of columns of X, if it has two axes.

    See Also
    --------
    EnsembleClassifier : Accepts it, or the bare model, as a member.

    Notes
    -----
    **What starts anew.** Trainable weights start with their initializers. So do weights that a pass in training mode
    changes, such as the moving means of a ``BatchNormalization`` that is not frozen. Everything else is kept: frozen
    layers and weights, an adapted ``Normalization`` or ``Discretization``, vocabularies. A layer is frozen if its
    ``trainable`` is False.

    **Targets.** The losses ``sparse_*`` get the positions of the labels in ``classes_``, shape ``(n_samples,)``. Every
    other loss gets indicators, shape ``(n_samples, n_classes)``; if the model has one output, 0 and 1 for the two
    classes, shape ``(n_samples, 1)``. A loss of your own whose name does not begin with ``sparse`` or ``categorical``
    is told by ``targets``. It is tried on a few rows before training.

    **Probabilities.** If the loss has ``from_logits=True``, `predict_proba` applies a softmax to several outputs, or a
    sigmoid to one output. Outputs that are trained each by itself (sigmoid, or logits of a binary loss) are divided by
    their sum, as in scikit-learn's ``OneVsRestClassifier``. A model whose last activation gives no probabilities is
    refused before it is trained.

    **Inputs.** A model with several inputs takes ``{name: array}``, with the names of its inputs; arrays for other
    models may be among them. A list of arrays goes to a model that takes a list, and a list of text to a model of text.

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
    outputs_are_: str
    targets: Any = None  # estimators that were saved before have no such options
    from_logits: bool | None = None

    def __init__(
        self,
        model: Any,
        *,
        epochs: int = 10,
        batch_size: int = 32,
        validation_split: float = 0.0,
        callbacks: Sequence[Any] | None = None,
        classes: Sequence[Any] | Mapping[Any, Any] | None = None,
        input_shape: tuple[int, ...] | None = None,
        initial_weights: str = "new",
        targets: str | None = None,
        from_logits: bool | None = None,
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
        self.initial_weights = initial_weights
        self.targets = targets
        self.from_logits = from_logits
        self.seed = seed
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a new copy of the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...), list of str, or mapping of str to array-like
            Inputs; a mapping names those of a model with several.
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
            If options or labels do not fit the model, X and ``y`` name their rows differently, or a loss of your own is
            not told what it is given.
        CompatibilityError
            If the model is not compiled or cannot be copied, or its inputs, outputs or loss do not fit.
        """
        x = self._inputs(X, reset=True)
        check_row_names(X, y=y, sample_weight=sample_weight)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        check_consistent_length(range(n_rows(x)), y)
        labels = self._own_labels(np.unique(y))
        if len(labels) < 2 and self.classes is None and callable(self.model) and not is_model(self.model):
            raise InvalidOptionError(f"{type(self).__name__} needs at least two classes; received one class.")

        def targets(model: Any, found: tuple[Targets, Outputs]) -> np.ndarray:
            n_outputs = count_outputs(model)
            self.classes_ = label_outputs(labels, 2 if n_outputs == 1 else n_outputs, self.classes is not None)
            takes, self.outputs_are_ = found
            return _as_targets(as_codes(y, self.classes_), n_outputs, takes)

        self._train(x, len(labels), sample_weight, targets)
        return self

    def _own_labels(self, others: Any) -> np.ndarray:
        classes = as_classes(self.classes) if isinstance(self.classes, Mapping) else self.classes
        return np.asarray(others if classes is None else classes)

    def _check_labels(self, model: Any, labels: list[Any] | None) -> None:
        if labels is not None:
            label_outputs(self._own_labels(labels), max(count_outputs(model), 2), True)

    def _check_outputs(self, keras: Any, model: Any) -> tuple[Targets, Outputs]:
        n_outputs = count_outputs(model)
        takes = read_targets(keras, model.loss, n_outputs, cast("Targets | None", self.targets))
        outputs_are = read_outputs(keras, model, self.from_logits)
        try_loss(keras, model.loss, _as_targets(np.arange(max(n_outputs, 2)), n_outputs, takes), n_outputs)
        return takes, outputs_are

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
        how = getattr(self, "outputs_are_", None)
        if how is None:  # saved before this was kept
            logits = bool(getattr(self.model_.loss, "from_logits", False))
            how = "probabilities" if not logits else "sigmoid" if raw.shape[1] == 1 else "softmax"
        return to_probabilities(raw, cast("Outputs", how))

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


def _as_targets(codes: np.ndarray, n_outputs: int, takes: Targets) -> np.ndarray:
    if n_outputs == 1:
        return codes.astype(np.float32).reshape(-1, 1)
    return codes if takes == "integers" else np.eye(n_outputs, dtype=np.float32)[codes]
