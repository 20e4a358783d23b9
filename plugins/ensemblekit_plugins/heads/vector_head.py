"""The base class of the scikit-learn heads, and the check that features are vectors."""

from __future__ import annotations

from typing import Any

from ensemblekit.errors import InvalidOptionError

__all__ = ["VectorHead", "check_vectors"]


def check_vectors(name: str, feature_shape: tuple[int, ...], n_classes: int) -> None:
    """Refuse features that are not vectors, and fewer than two classes."""
    if n_classes < 2 or len(feature_shape) != 1:
        raise InvalidOptionError(
            f"{name} maps features (d,) to at least 2 classes; received features {tuple(feature_shape)} and "
            f"{n_classes} classes."
        )


class VectorHead:
    """A head that is a scikit-learn classifier and takes vectors."""

    name = ""

    def build(self, feature_shape: tuple[int, ...], n_classes: int) -> Any:
        """Build the head; it is not fitted.

        Parameters
        ----------
        feature_shape : tuple of int
            Shape of the features of one sample, ``(d,)``.
        n_classes : int
            Number of classes, at least 2.

        Returns
        -------
        sklearn.pipeline.Pipeline
            Once it is fitted, it maps ``(n_samples, d)`` to probabilities ``(n_samples, n_classes)``.

        Raises
        ------
        InvalidOptionError
            If there are fewer than two classes, or the features are not vectors.
        """
        check_vectors(self.name, feature_shape, n_classes)
        from sklearn.pipeline import make_pipeline

        return make_pipeline(*self._steps())

    def _steps(self) -> tuple[Any, ...]:
        """Make the steps of the pipeline; the classifier is the last step."""
        raise NotImplementedError
