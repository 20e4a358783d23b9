"""One-hot labels."""

from __future__ import annotations

import numpy as np

from ..errors import DataError

__all__ = ["of_one_hot"]


def of_one_hot(labels: np.ndarray) -> np.ndarray:
    """Return the position of the 1 of each row; refuse rows that are not one-hot."""
    is_one = labels == 1
    if not (is_one | (labels == 0)).all() or not (is_one.sum(axis=-1) == 1).all():
        raise DataError(
            f"labels of one column a class must be one-hot, a 1 for the class of the row and else 0; received a row "
            f"{labels.reshape(-1, labels.shape[-1])[0].tolist()}. Several classes a row are the task multilabel."
        )
    return is_one.argmax(axis=-1)
