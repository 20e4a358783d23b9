"""A Keras model as a scikit-learn classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self, cast

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from ...errors import CompatibilityError, InvalidOptionError
from ...members.meaning import Meaning
from ...predictions.names import as_classes, shown
from .._datasets import check_targets
from .._rows import check_indicators
from ._class_weights import weights_of_outputs, weights_of_rows
from ._estimator import Given, KerasEstimator, ScoredByName
from ._losses import Targets, is_of_labels, read_outputs, read_targets, to_probabilities, try_loss
from ._model import as_codes, count_outputs, is_model, label_outputs

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
    model_options : mapping of str to object, optional
        Options of the function that makes the model. A search sets each as ``model__NAME``.
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
    class_weight : mapping of label to float, or "balanced", optional
        Weight of the rows of each label in the loss, as in scikit-learn; labels that a mapping does not name have 1.
    multilabel : bool, optional
        Whether several labels of a row may hold together, each with an output of its own. By default they may if ``y``
        has several columns. A dataset, and an ensemble that is given a function, must be told.
    own_process : bool, default=False
        Train in a new process, which gives its memory back at the end; Keras keeps some of each model in the process.
        Each `fit` then starts Keras anew, which takes seconds. The result is the same.
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
    multilabel_ : bool
        Whether several labels may hold together.
    output_names_ : list
        Names of these labels; only if several may hold together.
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
    class_weight: Any = None
    multilabel: bool | None = None
    multilabel_: bool
    output_names_: list[Any]
    _columns: list[Any] | None = None

    def __init__(
        self,
        model: Any,
        *,
        model_options: Mapping[str, Any] | None = None,
        epochs: int = 10,
        batch_size: int = 32,
        validation_split: float = 0.0,
        callbacks: Sequence[Any] | None = None,
        classes: Sequence[Any] | Mapping[Any, Any] | None = None,
        input_shape: tuple[int, ...] | None = None,
        initial_weights: str = "new",
        targets: str | None = None,
        from_logits: bool | None = None,
        class_weight: Mapping[Any, float] | str | None = None,
        multilabel: bool | None = None,
        own_process: bool = False,
        seed: int | None = None,
        verbose: int | bool = 0,
    ) -> None:
        self.model = model
        self.model_options = model_options
        self.epochs = epochs
        self.batch_size = batch_size
        self.validation_split = validation_split
        self.callbacks = callbacks
        self.classes = classes
        self.input_shape = input_shape
        self.initial_weights = initial_weights
        self.targets = targets
        self.from_logits = from_logits
        self.class_weight = class_weight
        self.multilabel = multilabel
        self.own_process = own_process
        self.seed = seed
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, *, validation_data: Any = None) -> Self:
        """Train a new copy of the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...), list of str, mapping of str to array-like, or dataset
            Inputs; a mapping names those of a model with several. A ``tf.data.Dataset``, ``keras.utils.PyDataset``,
            ``DataLoader`` or generator gives batches of (inputs, targets) or (inputs, targets, weights), with the
            targets that the loss compares.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels; or, if several may hold together, 0 or 1 for each. None for a dataset.
        sample_weight : array-like of shape (n_samples,), optional
            Weight of each row in the loss.
        validation_data : tuple (X, y) or (X, y, sample_weight), or dataset, optional
            Rows that Keras validates on after each epoch.

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
        return self._fit(X, y, sample_weight, validation_data)

    def _read_targets(self, y: Any) -> np.ndarray:
        table = y.toarray() if hasattr(y, "toarray") else y
        values = np.asarray(table)
        if values.ndim < 2 or values.shape[1] < 2:
            if self.multilabel:
                raise InvalidOptionError(
                    f"with multilabel=True y must have a column of 0 and 1 for each label; received shape "
                    f"{values.shape}."
                )
            y = column_or_1d(y, warn=True)
            check_classification_targets(y)
            return y
        if self.multilabel is False:
            raise InvalidOptionError(
                f"with multilabel=False y must have one label a row; received shape {values.shape}. Leave it out if "
                "several labels may hold together."
            )
        values = check_indicators(values)
        columns = [*getattr(table, "columns", ())]
        if self.classes is None:
            self._columns = columns or None
            return values
        names = list(self._own_labels(()))
        if len(names) != values.shape[1] or (columns and {*columns} != {*names}):
            raise InvalidOptionError(
                f"y must have a column for each label of classes, {shown(names)}; received "
                f"{shown(columns) if columns else f'{values.shape[1]} columns'}."
            )
        return values[:, [columns.index(name) for name in names]] if columns else values

    def _count_targets(self, y: np.ndarray) -> int:
        if y.ndim == 2:
            return y.shape[1]
        labels = self._own_labels(np.unique(y))
        if len(labels) < 2 and self.classes is None and callable(self.model) and not is_model(self.model):
            raise InvalidOptionError(f"{type(self).__name__} needs at least two classes; received one class.")
        return len(labels)

    def _count_targets_of(self, targets: np.ndarray) -> int:
        if self.classes is not None:
            return len(self.classes)
        if targets.shape[1] == 1 and not is_model(self.model):
            raise InvalidOptionError(
                "a dataset does not tell how many classes there are; received a function that makes the model. Name "
                "them in the order of their numbers: classes=[...]."
            )
        return targets.shape[1]

    def _own_labels(self, others: Any) -> np.ndarray:
        classes = as_classes(self.classes) if isinstance(self.classes, Mapping) else self.classes
        return np.asarray(others if classes is None else classes)

    def _check_labels(self, model: Any, labels: list[Any] | None) -> None:
        if labels is not None:
            label_outputs(self._own_labels(labels), max(count_outputs(model), 2), True)

    def _check_outputs(self, keras: Any, model: Any, *, multilabel: bool | None = None) -> tuple[Targets, Meaning]:
        n_outputs = count_outputs(model)
        multilabel = self.multilabel is True if multilabel is None else multilabel
        given = cast("Targets | None", self.targets)
        takes = read_targets(keras, model.loss, n_outputs, given, multilabel=multilabel)
        outputs_are = read_outputs(keras, model, self.from_logits, multilabel=multilabel)
        some = np.eye(n_outputs, dtype=np.int64) if multilabel else np.arange(max(n_outputs, 2))
        try_loss(keras, model.loss, _as_targets(some, n_outputs, takes), n_outputs)
        return takes, outputs_are

    def _learn_outputs(self, keras: Any, model: Any, given: Given) -> None:
        n_outputs = count_outputs(model)
        self.multilabel_ = bool(self.multilabel) if given.y is None else given.y.ndim == 2
        self._takes, self.outputs_are_ = self._check_outputs(keras, model, multilabel=self.multilabel_)
        if given.first_targets is not None:
            check_targets(given.first_targets, n_outputs, self._takes, multilabel=self.multilabel_)
        if self.multilabel_:
            names = self._own_labels(np.arange(n_outputs) if self._columns is None else self._columns)
            if len(names) != n_outputs:
                raise CompatibilityError(
                    f"a model must have one output a label; it has {n_outputs} for the {len(names)} labels "
                    f"{shown(list(names))}."
                )
            self.classes_, self.output_names_ = names, names.tolist()
            return
        labels = np.arange(max(n_outputs, 2)) if given.y is None else np.unique(given.y)
        self.classes_ = label_outputs(
            self._own_labels(labels), 2 if n_outputs == 1 else n_outputs, self.classes is not None
        )

    def _as_targets(self, model: Any, y: np.ndarray) -> np.ndarray:
        codes = y if self.multilabel_ else as_codes(y, self.classes_)
        return _as_targets(codes, count_outputs(model), cast("Targets", self._takes))

    def _weighted(self, y: np.ndarray, sample_weight: np.ndarray | None) -> np.ndarray | None:
        return weights_of_rows(self.class_weight, y, self._own_labels(()), sample_weight)

    def _weights_of_outputs(self) -> dict[int, float] | None:
        return weights_of_outputs(self.class_weight, self.classes_.tolist())

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        multilabel = self.multilabel
        if multilabel is None and is_model(self.model):
            multilabel = is_of_labels(self.model)
        tags.classifier_tags.multi_label = bool(multilabel)
        return tags

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``; if several labels may hold together, the probability of each.
        """
        raw = self._raw(X)
        how = getattr(self, "outputs_are_", None)
        if how is None:  # saved before this was kept
            logits = bool(getattr(self.model_.loss, "from_logits", False))
            how = "probabilities" if not logits else "sigmoid" if raw.shape[1] == 1 else "softmax"
        return to_probabilities(raw, cast("Meaning", how))

    def predict(self, X: Any) -> np.ndarray:
        """Predict the most probable label; of equally probable labels, the first.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
            Labels out of ``classes_``; or 0 and 1 for each of several labels, 1 for a probability of at least 0.5.
        """
        probas = self.predict_proba(X)
        if getattr(self, "multilabel_", False):
            return (probas >= 0.5).astype(np.int64)
        return self.classes_[probas.argmax(axis=1)]

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
    if codes.ndim == 2:
        return codes.astype(np.float32)
    if n_outputs == 1:
        return codes.astype(np.float32).reshape(-1, 1)
    return codes if takes == "integers" else np.eye(n_outputs, dtype=np.float32)[codes]
