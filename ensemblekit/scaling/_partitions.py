"""Process partitions of predictions or images independently: in this process, or on the workers of Dask."""

from __future__ import annotations

import functools
import os
from collections.abc import Generator, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..arguments import typed
from ..combining import ask, combine
from ..data.reading import AnyReader, check_reader, in_threads, read_image
from ..errors import InvalidOptionError
from ..interfaces import CombinerLike
from ..predicting import open_model
from ..predicting.images import check_channels
from ..predictions import Aliases, MissingPolicy, Predictions
from ..predictions.choices import missing_policy
from ..predictions.names import as_classes
from ._workers import map_partitions

__all__ = ["combine_batch", "combine_partitions", "predict_batch", "predict_partitions"]


@typed(but=("combiner", "missing"))
def combine_partitions(
    partitions: Sequence[Mapping[str, Any]],
    combiner: str | CombinerLike,
    *,
    client: Any = None,
    aliases: Aliases | None = None,
    missing: MissingPolicy = "error",
    options: Mapping[str, Any] | None = None,
    **more_options: Any,
) -> Generator[Predictions]:
    """Combine partition by partition.

    Parameters
    ----------
    partitions : sequence of mapping of member to Predictions or path
        Each has the same rows of every member, in any order. Workers must be able to read the paths.
    combiner : str or Combiner
        As in `combine`.
    client : dask.distributed.Client, optional
        Client whose workers do the work; by default this process does it. The work of a lost worker is repeated.
    aliases, missing, options, **more_options
        As in `combine`.

    Returns
    -------
    generator of Predictions
        The combination of each partition, in order.

    Raises
    ------
    EnsembleKitError
        As in `combine`; exceptions of a worker are raised here.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.scaling import combine_partitions
    >>> def part(ids):
    ...     fields = {"ids": ids, "classes": ["cat", "dog"]}
    ...     return {"a": Predictions([[0.9, 0.1]], **fields), "b": Predictions([[0.5, 0.5]], **fields)}
    >>> [p.probas.tolist() for p in combine_partitions([part([1]), part([2])], "mean")]
    [[[0.7, 0.3]], [[0.7, 0.3]]]
    """
    asked = ask(combiner, options, more_options)
    missing_policy(missing)  # to refuse it here, and not on a worker
    work = functools.partial(combine_batch, combiner=asked.combiner, name=asked.name, aliases=aliases, missing=missing)
    return map_partitions(work, partitions, client)


@typed(but=("combiner", "missing"))
def combine_batch(
    members: Mapping[str, Any],
    combiner: str | CombinerLike,
    *,
    name: str | None = None,
    aliases: Aliases | None = None,
    missing: MissingPolicy = "error",
) -> Predictions:
    """Combine one batch of predictions; a pure function that can run in other processes.

    Parameters
    ----------
    members : mapping of member to Predictions or path
        One batch.
    combiner : str or Combiner
        As in `combine`. A combiner given by name is created again for every batch.
    name : str, optional
        Name of the combination; by default as in `combine`.
    aliases, missing
        As in `combine`.

    Returns
    -------
    Predictions
        The combination.
    """
    combined = combine(members, combiner, aliases=aliases, missing=missing)
    return combined if name is None else combined.rename(name)


@typed(but=("model", "reader"))
def predict_partitions(
    model: str | os.PathLike[str],
    partitions: Sequence[Mapping[str, str | os.PathLike[str]]],
    *,
    client: Any = None,
    classes: Sequence[Hashable] | None = None,
    batch_size: int = 32,
    reader: AnyReader | None = None,
) -> Generator[Predictions]:
    """Predict images partition by partition.

    Parameters
    ----------
    model : path-like
        As in `open_model`. Workers must be able to read the path; each opens the model once.
    partitions : sequence of mapping of id to path
        Images. Workers must be able to read the paths.
    client : dask.distributed.Client, optional
        As in `combine_partitions`.
    classes, batch_size, reader
        As in `predict_images`.

    Returns
    -------
    generator of Predictions
        The predictions of each partition, in order.

    Raises
    ------
    UnreadableImageError
        If an image cannot be read.
    InvalidOptionError
        If an option is invalid.
    EnsembleKitError
        As in `open_model`.
    """
    if not isinstance(model, (str, os.PathLike)):
        raise InvalidOptionError(
            f"a model goes to the workers as a path, from which each opens it; received {type(model).__name__}."
        )
    _check_batch_size(batch_size)
    check_reader(reader)
    names = None if classes is None else as_classes(classes)
    work = functools.partial(predict_batch, model=os.fspath(model), classes=names, batch_size=batch_size, reader=reader)
    return map_partitions(work, partitions, client)


@typed(but=("reader",))
def predict_batch(
    images: Mapping[str, str | os.PathLike[str]],
    model: str | os.PathLike[str],
    *,
    classes: Sequence[Hashable] | None = None,
    batch_size: int = 32,
    reader: AnyReader | None = None,
) -> Predictions:
    """Predict one batch of images; a pure function of the files that can run in other processes.

    Parameters
    ----------
    images : mapping of id to path
        One batch.
    model : path-like
        As in `open_model`. A process opens the model once.
    classes, batch_size, reader
        As in `predict_images`.

    Returns
    -------
    Predictions
        The predictions of the batch.
    """
    if not images:
        raise InvalidOptionError("a batch of images must have at least one; received none.")
    _check_batch_size(batch_size)
    # `open_model` refuses a path that does not exist.
    changed = Path(model).stat().st_mtime_ns if Path(model).exists() else 0
    predictor = _open(os.fspath(model), None if classes is None else as_classes(classes), changed)
    check_reader(reader)
    check_channels(predictor.name, predictor.input_shape, reader)
    height, width, _ = predictor.input_shape
    batch_size = min(batch_size, len(images))
    probas: list[np.ndarray] = []
    batch = np.zeros((batch_size, *predictor.input_shape), dtype=np.float32)
    read = functools.partial(read_image, size=(height, width), reader=reader)
    pixels = in_threads(read, list(images.values()), 2 * batch_size)
    for start in range(0, len(images), batch_size):
        n = min(batch_size, len(images) - start)
        for place in range(n):
            batch[place] = next(pixels)
        probas.append(np.array(predictor.predict(batch)[:n]))
    return Predictions(
        np.concatenate(probas), ids=list(images), classes=predictor.classes, task=predictor.task, member=predictor.name
    )


def _check_batch_size(batch_size: int) -> None:
    if batch_size < 1:
        raise InvalidOptionError(f"batch_size must be a whole number >= 1; received {batch_size!r}.")


@functools.lru_cache(maxsize=2)
def _open(model: str, classes: tuple[Hashable, ...] | None, changed: int) -> Any:
    return open_model(model, classes=classes)
