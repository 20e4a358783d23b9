"""`extract_features`: compute the features of each image once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arguments import typed
from ..data import ImageSource
from ..errors import DataError, InvalidOptionError
from ._bank import FeatureBank
from ._keys import check_images, image_keys
from ._model import BackboneModel, backbone_name, check_bankable, precision
from ._pipeline import ExtractionPipeline
from ._session import BankSession

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ..interfaces import Backbone
    from ._views import Augmentation

__all__ = ["extract_features"]


@typed(but=("backbone", "images", "augmentation", "bank", "keys"))
def extract_features(
    backbone: Backbone,
    images: ImageSource | ArrayLike,
    *,
    augmentation: Augmentation | None = None,
    n_views: int | None = None,
    bank: FeatureBank | None = None,
    batch_size: int = 32,
    keys: ArrayLike | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Return the features of images; compute only those that are not in the bank.

    Parameters
    ----------
    backbone : Backbone
        It runs in inference mode. If a bank is given, it must be frozen and have a fingerprint.
    images : ImageFolder, ImageTable or array-like of shape (n, height, width, channels)
        RGB, 0 to 255. A folder or table is decoded once, in batches; images that it cannot decode are left out if its
        ``skip_unreadable`` is set.
    augmentation : Augmentation, optional
        Draws views of the images; for example, `AffineViews`.
    n_views : int, optional
        Number of views of each image, starting with view 0. Required with ``augmentation``.
    bank : FeatureBank, optional
        Bank in which features are looked up and stored. Without a bank, all are computed.
    batch_size : int, default=32
        Number of images in a batch of the backbone.
    keys : array-like of str, shape (n,), optional
        The result of `image_keys` for the images, if it is already known.
    progress : callable, optional
        Called with the number of rows (images times views) that were computed, and the number of those to compute.

    Returns
    -------
    ndarray of float32, shape (n, d) or (n_views, n, d)
        The second shape is used if there is an augmentation. Read-only; a memory map if these rows are contiguous in
        the bank.

    Raises
    ------
    CompatibilityError
        If features of the backbone cannot be stored, or are not vectors.
    DataError
        If the images or keys are not valid, or the augmentation changes the shape of the images.
    InvalidOptionError
        If an option is not one of those above.

    Warns
    -----
    FeatureBankWarning
        If features cannot be stored, or stored features are damaged. They are still computed and returned.

    Notes
    -----
    The features of equal images are computed once. A killed process loses the features of at most its last ten seconds.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit import extract_features, load_plugins
    >>> backbone = load_plugins().create_backbone("mobilenet_v2", weights="none")
    >>> images = np.zeros((3, 32, 32, 3), dtype=np.uint8)
    >>> extract_features(backbone, images).shape
    (3, 1280)
    """
    if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size < 1:
        raise InvalidOptionError(f"batch_size must be a whole number >= 1; received {batch_size!r}.")
    if bank is not None and not isinstance(bank, FeatureBank):
        raise InvalidOptionError(f"bank must be a FeatureBank or None; received {type(bank).__name__}.")
    views = _check_views(augmentation, n_views)
    if isinstance(images, ImageSource):
        if keys is not None:
            raise InvalidOptionError("keys are those of an array; a folder or table is hashed as it is decoded.")
        n, shape, blocks = len(images), (*images.size, images.n_channels), _decoded(images, batch_size)
    else:
        images = check_images(images)
        n, shape, blocks = len(images), images.shape[1:], iter([(images, _check_keys(keys, images))])
    shape = tuple(map(int, shape))
    with BankSession(bank, {} if bank is None else _about(backbone, shape, augmentation)) as session:
        build = functools.partial(BackboneModel, backbone, shape, frozen=bank is not None)
        features = ExtractionPipeline(build, session, (views, n), augmentation, batch_size).run(blocks, progress)
    features = features if augmentation is not None else features[0]
    features.flags.writeable = False
    return features


def _about(backbone: Any, shape: tuple[int, ...], augmentation: Any) -> dict[str, Any]:
    """Describe a collection: everything that features depend on, except the pixels of the image."""
    return {
        "backbone": backbone_name(backbone),
        "fingerprint": check_bankable(backbone),
        "input_shape": list(shape),
        "precision": precision(),
        "augmentation": None if augmentation is None else repr(augmentation),
        "augmentation_fingerprint": None if augmentation is None else augmentation.fingerprint,
    }


def _check_views(augmentation: Any, n_views: Any) -> int:
    if augmentation is None and n_views is None:
        return 1
    if augmentation is None or not isinstance(n_views, int) or isinstance(n_views, bool) or n_views < 1:
        raise InvalidOptionError(
            "augmentation and n_views, a whole number >= 1, must be given together, or neither; received "
            f"augmentation={augmentation!r} and n_views={n_views!r}."
        )
    if not callable(getattr(augmentation, "draw", None)) or not isinstance(
        getattr(augmentation, "fingerprint", None), str
    ):
        raise InvalidOptionError(
            "augmentation must have draw(images, keys, view) and a fingerprint, a str; received "
            f"{type(augmentation).__name__}."
        )
    return n_views


def _check_keys(keys: Any, images: np.ndarray) -> np.ndarray:
    if keys is None:
        return image_keys(images)
    keys = np.asarray(keys)
    if keys.shape != (len(images),) or keys.dtype.kind != "U":
        raise DataError(
            f"keys must be one str an image, as image_keys gives them; received {keys.dtype} of shape {keys.shape} for "
            f"{len(images)} images."
        )
    return keys


def _decoded(folder: ImageSource, batch_size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for _, images, _ in folder.batches(batch_size):
        yield images, image_keys(images)
