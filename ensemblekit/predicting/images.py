"""What rows of a table of images bring to their predictions, and whether images fit a model."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..data import ImageSource
from ..data.reading import AnyReader, channels_of
from ..errors import CompatibilityError, InvalidOptionError
from ..fusion.digests import digest_of
from ..predictions.names import as_ids, positions, shown

__all__ = ["Rows", "check_channels", "check_labels", "rows_of"]


class Rows(NamedTuple):
    """Labels of some rows, in a form that names its classes, and their groups."""

    labels: Any
    groups: np.ndarray | None
    digest: str


def rows_of(source: ImageSource, ids: Sequence[str] | np.ndarray, *, labels: bool) -> Rows:
    """Look up labels and groups by id."""
    rows = positions(source.ids, as_ids(ids))
    found = source.labels if labels else None
    if found is not None:
        found = found.iloc[rows] if hasattr(found, "iloc") else found[rows]
    groups = None if source.groups is None else source.groups[rows]
    digest = digest_of(np.asarray(found).tolist(), None if groups is None else groups.tolist())
    return Rows(found, groups, digest)


def check_labels(source: ImageSource, classes: tuple[Hashable, ...], kind: str) -> None:
    """Refuse labels of another kind or of other classes than the model has, before anything is predicted."""
    if source.classes is None:
        raise InvalidOptionError("labels=True needs a table with labels. Give image_table(..., label=).")
    if source.task != kind:
        raise InvalidOptionError(
            f"labels must be of the task of the model, {kind}; those of {source.name} are {source.task}. Say so in "
            "image_table(..., label=), or in predict_images(..., task=)."
        )
    unknown = [one for one in source.classes if one not in classes]
    if unknown or (source.task != "multiclass" and len(classes) != len(source.classes)):
        raise InvalidOptionError(
            f"labels must be of the classes of the model, {shown(classes)}; {source.name} has {shown(source.classes)}. "
            "Name them alike in image_table, or leave labels out."
        )


def check_channels(name: str, shape: tuple[int, int, int], reader: AnyReader | None) -> None:
    """Refuse a reader that gives another number of channels than the model takes."""
    n = channels_of(reader)
    if shape[2] != n:
        advice = "channels='grayscale'" if shape[2] == 1 else f"channels=(0, ..., {shape[2] - 1})"
        raise CompatibilityError(
            f"images must have the channels that the model takes; {name!r} takes {shape[2]}, and {n} are read. Give "
            f"reader=ImageReader({advice if shape[2] != 3 else ''})."
        )
