"""Training data that come in batches with their targets: a tf.data.Dataset, a PyDataset, a DataLoader, a generator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..assembly import import_keras
from ..errors import CompatibilityError, InvalidOptionError
from ..predictions.names import few

__all__ = ["check_once", "check_targets", "first_batch", "is_dataset", "refuse_dataset"]


def is_dataset(X: Any) -> bool:
    """Tell whether X gives batches and not rows."""
    if isinstance(X, (Mapping, list, tuple, str)) or hasattr(X, "shape") or hasattr(X, "dtypes"):
        return False
    kind = f"{type(X).__module__}."
    loader = hasattr(X, "batch_size") and hasattr(X, "dataset") and hasattr(X, "__iter__")
    sequence = hasattr(X, "num_batches") and hasattr(X, "__getitem__")  # a keras.utils.PyDataset
    return hasattr(X, "element_spec") or loader or sequence or kind.startswith("grain.") or isinstance(X, Iterator)


def check_once(X: Any, epochs: int, class_weight: Any) -> None:
    """Refuse a generator for several epochs, as it is used up by the first, or with weights of labels."""
    if isinstance(X, Iterator) and class_weight is not None:
        raise InvalidOptionError(
            f"class_weight is not for generators, whose batches Keras takes as they are; received {type(X).__name__}. "
            "Let it give (inputs, targets, weights)."
        )
    if isinstance(X, Iterator) and epochs > 1:
        raise InvalidOptionError(
            f"a generator can be read once; received {type(X).__name__} and epochs={epochs}. Give a "
            "keras.utils.PyDataset or a tf.data.Dataset, or epochs=1."
        )


def first_batch(X: Any) -> tuple[Any, np.ndarray, Any]:
    """Look at the first batch of a dataset, without losing it.

    Parameters
    ----------
    X : dataset
        See `is_dataset`.

    Returns
    -------
    inputs : ndarray, or dict, list or tuple of ndarray
    targets : ndarray
    dataset : object
        From which all batches can be read, the first one too, with targets that stand in no dict or list.

    Raises
    ------
    InvalidOptionError
        If there is no batch, or a batch is not (inputs, targets) or (inputs, targets, weights), or is one row, or
        has targets for several outputs.
    """
    try:
        batch = X[0] if hasattr(X, "num_batches") else next(iter(X))
    except (StopIteration, IndexError):
        raise InvalidOptionError("a dataset must have at least one batch; received an empty one.") from None
    whole = _again(batch, X) if isinstance(X, Iterator) else X
    if not isinstance(batch, (tuple, list)) or len(batch) not in (2, 3):
        raise InvalidOptionError(
            "a dataset to fit on must give batches of (inputs, targets) or (inputs, targets, weights); received "
            f"{_described(batch)}. Put the targets into it: tf.data.Dataset.zip((inputs, targets))."
        )
    key = _only_key(batch[1])
    if key is not None:
        whole = _with_bare_targets(whole, key)
    targets = _array(batch[1] if key is None else batch[1][key])
    if targets.dtype.kind not in "biuf":
        raise InvalidOptionError(
            f"the targets of a dataset must be numbers, as the loss compares them; received {targets.dtype}. Give the "
            "positions of the labels, and the labels themselves as classes=[...]."
        )
    inputs = _arrays(batch[0])
    parts = list(inputs.values()) if isinstance(inputs, dict) else inputs if isinstance(inputs, list) else [inputs]
    if not targets.ndim or any(not part.ndim or len(part) != len(targets) for part in parts):
        raise InvalidOptionError(
            f"a dataset must give batches with as many inputs as targets; received inputs of "
            f"{few([part.shape for part in parts])} with targets of {targets.shape}. If these are single rows, give "
            "dataset.batch(32)."
        )
    return inputs, targets, whole


def _only_key(targets: Any) -> Any:
    """Find the key or place of targets that stand alone in a dict, list or tuple; None if they stand by themselves."""
    listed = isinstance(targets, (list, tuple)) and any(len(getattr(part, "shape", ())) for part in targets)
    if isinstance(targets, Mapping) or listed:
        if len(targets) != 1:
            named = few(targets) if isinstance(targets, Mapping) else str(len(targets))
            raise InvalidOptionError(
                f"a dataset to fit on must give targets for one output; received targets of {named}. Leave the others "
                "out: dataset.map(lambda inputs, targets: (inputs, targets[NAME]))."
            )
        return next(iter(targets)) if isinstance(targets, Mapping) else 0
    return None


def _with_bare_targets(X: Any, key: Any) -> Any:
    """Take the targets of each batch out of their dict, list or tuple, as the one output of the model stands alone."""
    if hasattr(X, "element_spec"):
        return X.map(lambda inputs, targets, *weights: (inputs, targets[key], *weights))
    if isinstance(X, Iterator):
        return _bare(X, key)
    if not hasattr(X, "num_batches"):
        raise InvalidOptionError(
            f"a {type(X).__name__} must give targets by themselves; received {type(X).__name__} with targets "
            f"{{{key!r}: ...}}. Let its collate_fn give (inputs, targets[{key!r}])."
        )
    keras = import_keras("a dataset with targets by name")

    class Bare(keras.utils.PyDataset):
        def __len__(self) -> int:
            return len(X)

        def __getitem__(self, number: int) -> Any:
            inputs, targets, *weights = X[number]
            return (inputs, targets[key], *weights)

        def on_epoch_begin(self) -> None:
            X.on_epoch_begin()

        def on_epoch_end(self) -> None:
            X.on_epoch_end()

    return Bare(workers=X.workers, use_multiprocessing=X.use_multiprocessing, max_queue_size=X.max_queue_size)


def _bare(batches: Iterator[Any], key: Any) -> Iterator[Any]:
    for inputs, targets, *weights in batches:
        yield inputs, targets[key], *weights


def check_targets(targets: np.ndarray, n_outputs: int, takes: str, *, multilabel: bool) -> None:
    """Refuse a first batch whose targets are not what the loss compares.

    Parameters
    ----------
    targets : ndarray of shape (n_samples, n_columns)
        Targets of the batch.
    n_outputs : int
        Number of outputs of the model.
    takes : {"integers", "indicators"}
        What the loss compares.
    multilabel : bool
        Whether several may hold together.
    """
    wanted, highest = (1, n_outputs - 1) if takes == "integers" else (n_outputs, 1)
    if targets.shape[1] != wanted or targets.min() < 0 or targets.max() > highest:
        raise InvalidOptionError(
            f"the loss compares {wanted} {'numbers' if wanted > 1 else 'number'} a row, from 0 to {highest}; the "
            f"targets of the dataset have {targets.shape[1]}, from {targets.min():g} to {targets.max():g}. Give the "
            "positions of the labels to losses sparse_*, and rows of 0 and 1 to others."
        )
    sums = targets.sum(axis=1)
    apart = sums[~np.isclose(sums, 1)]
    if wanted > 1 and not multilabel and len(apart):
        raise InvalidOptionError(
            f"the targets of a row must sum to 1 if one label holds; the dataset has a row with the sum {apart[0]:g}. "
            "If several may hold together, give multilabel=True."
        )


def _again(first: Any, others: Iterator[Any]) -> Iterator[Any]:
    # Keras knows generators by their type.
    yield first
    yield from others


def _arrays(inputs: Any) -> Any:
    if isinstance(inputs, Mapping):
        return {str(name): _array(values) for name, values in inputs.items()}
    if isinstance(inputs, (tuple, list)):
        return [_array(values) for values in inputs]
    return _array(inputs)


def _array(values: Any) -> np.ndarray:
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    array = np.asarray(values)
    return array.astype(object) if array.dtype.kind in "SU" else array


def _described(batch: Any) -> str:
    return f"{len(batch)} parts" if isinstance(batch, (tuple, list)) else f"one {type(batch).__name__}"


def refuse_dataset(X: Any, method: str) -> None:
    """Refuse to answer the rows of a dataset, which have no names."""
    if is_dataset(X):
        raise CompatibilityError(
            f"{method} needs the rows themselves: a dataset may be shuffled, and names no rows to match the answers "
            f"with; received {type(X).__name__}. Give an array; or use ensemblekit.collect, which keeps ids, labels "
            "and predictions together."
        )
