"""What the heads made of scikit-learn classifiers share."""

from __future__ import annotations

from ensemblekit import InvalidOptionError

__all__ = ["check_vectors"]


def check_vectors(name: str, feature_shape: tuple[int, ...], n_classes: int) -> None:
    """Refuse features that are no vectors, and fewer than two classes."""
    if n_classes < 2 or len(feature_shape) != 1:
        raise InvalidOptionError(
            f"{name} maps features (d,) to at least 2 classes; received features {tuple(feature_shape)} and "
            f"{n_classes} classes."
        )
