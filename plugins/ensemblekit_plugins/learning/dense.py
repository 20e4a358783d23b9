"""The meta-learner of the study: one Dense softmax layer, trained by Keras, with the methods of scikit-learn."""

from __future__ import annotations

from typing import Self

import numpy as np

from ensemblekit.assembly import import_keras

__all__ = ["DenseSoftmax"]


class DenseSoftmax:
    """One Dense softmax layer, trained with Adam on the sparse categorical cross-entropy.

    Parameters
    ----------
    epochs : int, default=100
        Maximum number of passes over the rows.
    patience : int, default=20
        Training ends after this number of epochs without a better accuracy on the validation rows; the best weights are
        restored.
    batch_size : int, default=32
        Number of rows per step.
    seed : int, optional
        Seed of the initial weights and of the order of the rows.

    Attributes
    ----------
    classes_ : ndarray
        Sorted labels.
    model_ : keras.Model
        Maps ``(n_samples, n_features)`` to ``(n_samples, n_classes)``.
    history_ : dict
        Maps each metric to its values, one per epoch.
    """

    def __init__(self, *, epochs: int = 100, patience: int = 20, batch_size: int = 32, seed: int | None = None) -> None:
        self.epochs = epochs
        self.patience = patience
        self.batch_size = batch_size
        self.seed = seed

    def fit(
        self,
        x: np.ndarray,
        y: np.ndarray,
        sample_weight: np.ndarray | None = None,
        validation: tuple[np.ndarray, np.ndarray] | None = None,
        n_classes: int | None = None,
    ) -> Self:
        """Train the layer.

        Parameters
        ----------
        x : ndarray of shape (n_samples, n_features)
            Features.
        y : ndarray of int of shape (n_samples,)
            Class codes from 0.
        sample_weight : ndarray of shape (n_samples,), optional
            Weight of each row.
        validation : tuple of (x, y), optional
            Rows for early stopping; without them training runs for all epochs.
        n_classes : int, optional
            Number of outputs; by default the largest code plus 1.

        Returns
        -------
        DenseSoftmax
            The fitted classifier itself.
        """
        keras = import_keras("The Dense meta-learner")
        n_classes = n_classes or int(y.max()) + 1
        if self.seed is not None:
            keras.utils.set_random_seed(self.seed)
        self.classes_ = np.arange(n_classes)
        self.model_ = keras.Sequential(
            [keras.Input((x.shape[1],), name="member_probas"), keras.layers.Dense(n_classes, "softmax", name="probas")]
        )
        self.model_.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        monitor = "val_accuracy" if validation is not None else "accuracy"
        stop = keras.callbacks.EarlyStopping(monitor, patience=self.patience, restore_best_weights=True, mode="max")
        history = self.model_.fit(
            x,
            y,
            sample_weight=sample_weight,
            validation_data=validation,
            epochs=self.epochs,
            batch_size=self.batch_size,
            callbacks=[stop] if validation is not None else [],
            verbose=0,  # pyright: ignore[reportArgumentType] - Keras annotates a str
        )
        self.history_ = {name: [float(v) for v in values] for name, values in history.history.items()}
        return self

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        """Predict probabilities of shape ``(n_samples, n_classes)``."""
        keras = import_keras("The Dense meta-learner")
        return np.asarray(keras.ops.convert_to_numpy(self.model_(x, training=False)))
