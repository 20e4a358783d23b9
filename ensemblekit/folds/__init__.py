"""Models of folds: each row is predicted by the model that has not seen it, and new rows by all of them."""

from ._bag import FoldBag
from ._files import load_folds
from ._fit import fit_folds

__all__ = ["FoldBag", "fit_folds", "load_folds"]
