"""`keep_snapshots`: a callback that keeps the weights of several epochs, as members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ..arguments import typed
from ..assembly import copy_model, import_keras
from ..errors import InvalidOptionError, NotFittedError

if TYPE_CHECKING:
    import keras
    import numpy as np

__all__ = ["Snapshots", "keep_snapshots"]


class Snapshots(Protocol):
    """A callback of Keras that keeps weights; from `keep_snapshots`.

    Attributes
    ----------
    weights : dict of int to list of ndarray
        Epoch, from 1 -> the weights after it.
    """

    weights: dict[int, list[np.ndarray]]

    def members(self) -> dict[str, keras.Model]:
        """Make a network of each snapshot.

        Returns
        -------
        dict of str to keras.Model
            ``epoch_8``, ``epoch_9``, ...: copies of the trained model, for `collect`, `fuse` and `soup`.

        Raises
        ------
        NotFittedError
            If nothing was trained with it.
        """
        ...


@typed()
def keep_snapshots(*, last: int = 5, every: int = 1) -> Snapshots:
    """Make a callback for Keras's ``fit`` that keeps the weights of several epochs.

    Parameters
    ----------
    last : int, default=5
        How many snapshots are kept, the latest, >= 1.
    every : int, default=1
        Epochs from one snapshot to the next, >= 1: the length of a cycle of the learning rate.

    Returns
    -------
    Snapshots
        A `keras.callbacks.Callback`.

    Raises
    ------
    InvalidOptionError
        If an option is out of range.
    MissingDependencyError
        If Keras is not installed.

    Notes
    -----
    Snapshots at the ends of cycles of the learning rate, as of `keras.optimizers.schedules.CosineDecayRestarts`, are a
    snapshot ensemble [1]_; the average of the last ones is `ensemblekit.compressing.soup`. Weights are kept in memory;
    `keras.callbacks.ModelCheckpoint` writes them to files. An exponential moving average is Keras's own:
    ``keras.optimizers.Adam(use_ema=True)`` with `keras.callbacks.SwapEMAWeights`.

    References
    ----------
    .. [1] G. Huang, Y. Li, G. Pleiss, Z. Liu, J. E. Hopcroft, K. Q. Weinberger, "Snapshot ensembles: train 1, get M for
       free", ICLR, 2017.

    Examples
    --------
    >>> import keras, numpy as np
    >>> from ensemblekit.implicit import keep_snapshots
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, "softmax")])
    >>> model.compile("sgd", "sparse_categorical_crossentropy")
    >>> snapshots = keep_snapshots(last=2)
    >>> _ = model.fit(np.ones((8, 4)), np.zeros(8), epochs=4, callbacks=[snapshots], verbose=0)
    >>> list(snapshots.members())
    ['epoch_3', 'epoch_4']
    """
    keras = import_keras("keep_snapshots")
    for name, value in (("last", last), ("every", every)):
        if value < 1:
            raise InvalidOptionError(f"{name} must be a whole number >= 1; received {value}.")

    class KeptSnapshots(keras.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.weights: dict[int, list[np.ndarray]] = {}

        def on_train_begin(self, logs: Any = None) -> None:
            self.weights = {}

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if (epoch + 1) % every == 0:
                self.weights[epoch + 1] = self.model.get_weights()
                for oldest in list(self.weights)[:-last]:
                    del self.weights[oldest]

        def members(self) -> dict[str, keras.Model]:
            if not self.weights:
                raise NotFittedError(
                    "snapshots are taken in training; there are none. Give callbacks=[snapshots] to fit first, with at "
                    f"least {every} epochs."
                )
            made: dict[str, Any] = {}
            for epoch, weights in self.weights.items():
                copied = made[f"epoch_{epoch}"] = copy_model(self.model)
                copied.set_weights(weights)
            return made

    return KeptSnapshots()
