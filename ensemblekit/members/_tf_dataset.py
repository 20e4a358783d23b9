"""``tf.data`` datasets as sources: datasets with ids, and Keras image datasets if their order can be verified."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from ._sources import REMEDY, Batch, Source, StreamSource

__all__ = ["dataset_source"]


ENDLESS = -1
"""What ``cardinality()`` says of a dataset without an end."""


def dataset_source(dataset: Any) -> Source:
    """Accept a ``tf.data.Dataset`` if its order is known; otherwise refuse it, with the reason and the remedy."""
    spec = dataset.element_spec
    if isinstance(spec, tuple) and len(spec) in (2, 3) and _is_ids(spec[0]):
        if spec[0].shape.rank == 0:
            raise DataError("a dataset of (ids, x[, y]) must be batched; received single samples. Add .batch(32).")
        if int(dataset.cardinality()) == ENDLESS:
            raise DataError(
                "a dataset must end, and yield each id once; received one without an end, as after .repeat(). Leave "
                ".repeat() out."
            )
        return StreamSource(dataset.as_numpy_iterator())
    paths = getattr(dataset, "file_paths", None)
    if paths is None:
        raise DataError(
            "a tf.data.Dataset must carry ids; received one of (x, y) without, so that nothing says which row is which "
            f"sample (.map and the like lose the file_paths of an image dataset). {REMEDY}"
        )
    reason = _why_order_is_not_proven(dataset, list(paths))
    if reason:
        raise DataError(
            f"the order of an image dataset must be that of its file_paths; here it is not proven: {reason} {REMEDY}"
        )
    # Path.resolve() would replace a link with its target; image_folder keeps the name of the link.
    return _KerasImageSource(dataset, [Path(os.path.abspath(p)) for p in paths])  # noqa: PTH100


def _is_ids(spec: Any) -> bool:
    dtype, rank = getattr(spec, "dtype", None), getattr(getattr(spec, "shape", None), "rank", None)
    if dtype is None or rank is None or rank > 1:
        return False
    return dtype.name == "string" or dtype.is_integer


def _why_order_is_not_proven(dataset: Any, paths: list[str]) -> str | None:
    """Follow the pipeline that Keras builds (prefetch > batch > map > zip > slices) down to the slices of the paths."""
    if dataset.options().deterministic is False:
        return "it may yield samples in any order (options.deterministic is False)."
    node, seen = dataset, []
    while True:
        kind = type(node).__name__.lstrip("_").removesuffix("Dataset")
        seen.append(kind)
        if kind == "TensorSlice":
            break
        if kind == "Shuffle":
            return "it was made with shuffle=True, and comes in a new order at each pass."
        inputs = node._inputs() if hasattr(node, "_inputs") else []
        if kind not in ("Prefetch", "Batch", "ParallelMap", "Map", "Zip") or not inputs:
            return f"it holds a step that ensemblekit does not know, {kind}."
        node = inputs[0]
    if seen.count("Map") + seen.count("ParallelMap") != 1:
        return f"it was changed after it was made ({' > '.join(seen)})."
    if [p.decode() for p in node.as_numpy_iterator()] != paths:
        return "its file_paths are not the paths that it reads."
    return None


def _root(paths: list[Path], classes: tuple[Hashable, ...]) -> Path | None:
    # The deepest folder whose subfolders are the class folders of all paths.
    return next(
        (
            root
            for root in paths[0].parents
            if all(root in p.parents and p.relative_to(root).parts[0] in classes for p in paths)
        ),
        None,
    )


class _KerasImageSource:
    """A Keras image dataset whose batches follow its ``file_paths``."""

    def __init__(self, dataset: Any, paths: list[Path]) -> None:
        names = getattr(dataset, "class_names", None)
        self.classes: tuple[Hashable, ...] | None = tuple(names) if names else None
        root = _root(paths, self.classes) if self.classes else None
        self.split: str | None = root.name if root else None
        # split/class/file, as in image_folder.
        self._ids = np.array([p.relative_to(root.parent).as_posix() if root else "/".join(p.parts[-3:]) for p in paths])
        self._dataset = dataset

    def batches(self, batch_size: int) -> Iterator[Batch]:
        spec = self._dataset.element_spec
        images = spec[0] if isinstance(spec, tuple) else spec
        batched = self._dataset if images.shape.rank == 4 else self._dataset.batch(batch_size)
        start = 0
        for batch in batched.as_numpy_iterator():
            x, y = batch if isinstance(batch, tuple) else (batch, None)
            if y is not None and y.ndim == 2:
                # label_mode "categorical" is one-hot, "binary" one column of 0 and 1.
                y = y.argmax(axis=-1) if y.shape[1] > 1 else y[:, 0].astype(np.int64)
            yield self._ids[start : start + len(x)], x, y
            start += len(x)
        if start != len(self._ids):
            raise DataError(
                f"the dataset must yield one image a file path; it yielded {start} for {len(self._ids)} paths. {REMEDY}"
            )

    def __len__(self) -> int:
        return len(self._ids)
