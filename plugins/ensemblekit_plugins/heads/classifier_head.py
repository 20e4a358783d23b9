"""The classifier head of the study: batch normalisation, a dense layer, dropout, softmax."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ensemblekit import hookimpl
from ensemblekit.assembly import import_keras
from ensemblekit.errors import InvalidOptionError

from ..options import check_count, check_number
from .vector_head import check_vectors

if TYPE_CHECKING:
    import keras

__all__ = ["ClassifierHead"]


class ClassifierHead:
    r"""Batch normalisation, Dense ReLU, dropout and a Dense softmax; all but the last are optional.

    Parameters
    ----------
    dense_units : int, default=256
        Units of the ReLU layer; 0 leaves the layer out.
    dropout : float, default=0.25
        Dropout rate before the output, in [0, 1); 0 leaves the dropout out.
    batch_normalization : bool, default=True
        If true, the features are normalised first.
    l2 : float, default=0.0
        Weight of the penalty on the squared weights of both dense layers, at least 0: regularisation for few rows.

    Notes
    -----
    .. math::

        p = \operatorname{softmax}(W_2\, \operatorname{drop}(\max(W_1 z + b_1, 0)) + b_2)

    ``z`` are the features after batch normalisation. The penalty adds ``l2`` times the sum of the squares of all
    weights (not of the biases) to the loss of the training.

    The defaults are the head of the study's first model. The head of its second model is
    ``ClassifierHead(dense_units=128, batch_normalization=False)``. The second part of its chained model is
    ``ClassifierHead(dense_units=256, batch_normalization=False)``. Batch normalisation is from [1]_, dropout from [2]_.

    References
    ----------
    .. [1] S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate
       shift", ICML, 2015.
    .. [2] N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov, "Dropout: a simple way to prevent
       neural networks from overfitting", Journal of Machine Learning Research 15, 2014.

    Examples
    --------
    >>> from ensemblekit_plugins.heads.classifier_head import ClassifierHead
    >>> ClassifierHead().build((2048,), 4).count_params()
    533764
    """

    def __init__(
        self, *, dense_units: int = 256, dropout: float = 0.25, batch_normalization: bool = True, l2: float = 0.0
    ) -> None:
        check_count("dense_units", dense_units, 0)
        check_number("dropout", dropout, 0, 1)
        if dropout == 1:
            raise InvalidOptionError(f"dropout must lie in [0, 1); received {dropout!r}.")
        check_number("l2", l2, 0)
        self.dense_units = dense_units
        self.dropout = dropout
        self.batch_normalization = batch_normalization
        self.l2 = l2

    def build(self, feature_shape: tuple[int, ...], n_classes: int) -> keras.Model:
        """Build the head with new initial weights.

        Parameters
        ----------
        feature_shape : tuple of int
            Shape of the features of one sample, ``(d,)``.
        n_classes : int
            Number of classes, at least 2.

        Returns
        -------
        keras.Model
            Maps ``(n_samples, d)`` to probabilities ``(n_samples, n_classes)``.

        Raises
        ------
        InvalidOptionError
            If there are fewer than two classes, or the features are not vectors.
        """
        keras = import_keras("Head 'classifier_head'")
        check_vectors("classifier_head", feature_shape, n_classes)
        penalty = keras.regularizers.L2(self.l2) if self.l2 else None
        features = keras.Input(feature_shape, name="features")
        x = features
        if self.batch_normalization:
            x = keras.layers.BatchNormalization()(x)
        if self.dense_units:
            x = keras.layers.Dense(self.dense_units, "relu", kernel_regularizer=penalty)(x)
        if self.dropout:
            x = keras.layers.Dropout(self.dropout)(x)
        probas = keras.layers.Dense(n_classes, "softmax", kernel_regularizer=penalty)(x)
        return keras.Model(features, probas, name="classifier_head")


@hookimpl
def ensemblekit_register_heads(register: Any) -> None:
    """Register ``classifier_head``."""
    register("classifier_head", ClassifierHead)
