"""`collect`: let every member predict each batch, so that predictions keep their ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ..arguments import typed
from ..errors import DataError, InvalidOptionError
from ..interfaces import Member
from ..predictions import Aliases, MissingPolicy, Predictions, PredictionSet, align
from ..predictions.choices import missing_policy
from ..predictions.named import is_default
from ..predictions.names import few, joined_names, readonly
from ._batches import Batches
from ._recognise import knows_classes
from ._sources import REMEDY, ArraySource, Source, StreamSource, groups_of
from ._tf_dataset import dataset_source
from ._wrap import as_member, wrap
from .columns import is_loader, is_table_of_columns, loader_source

__all__ = ["as_source", "collect"]


@typed(but=("members", "classes", "batch_size", "missing"))
def collect(
    members: Mapping[str, Any] | PredictionSet | list[Any] | tuple[Any, ...],
    source: Any,
    *,
    classes: Iterable[Any] | None = None,
    aliases: Aliases | None = None,
    split: str | None = None,
    batch_size: int = 32,
    missing: MissingPolicy = "error",
    progress: Callable[[int, int], None] | None = None,
    output_names: Mapping[str, str] | None = None,
) -> PredictionSet:
    """Let every member predict every sample, in one pass over the data.

    Ids and labels are taken from the same batch as the inputs, so that the source may be shuffled. Each image is
    decoded once for all members.

    Parameters
    ----------
    members : mapping of name to model, or sequence of Member or (name, model)
        Keras models, scikit-learn estimators, callables, `Predictions`; see `as_member`.
    source : image_folder, image_table, tf.data.Dataset, DataLoader, arrays, or iterable of batches
        Yields ids, inputs and maybe labels: ``image_folder(folder)``; ``image_table(frame)``, whose groups go on to the
        predictions; ``(ids, x)`` or ``(ids, x, y)`` arrays; a ``tf.data.Dataset``, a ``torch.utils.data.DataLoader`` or
        any iterable of such batches; a Keras image dataset made with ``shuffle=False``; columns of a dataset, by name:
        `ensemblekit.members.column_source`.
    classes : sequence of str or int, optional
        Names of the outputs, in their order, for members without class names. The labels of a ``DataLoader`` are
        positions in these names, as for the losses of PyTorch, or one-hot, or names.
    aliases : mapping, optional
        ``{name: common name}`` of classes, for members and labels.
    split : str, optional
        Name of this part of the data; by default that of the source.
    batch_size : int, default=32
        Samples per batch, unless the source fixes it.
    missing : {"error", "zero", "renormalize"} or mapping, default="error"
        As in `align`.
    progress : callable, optional
        Called after each batch with the number of finished samples and of all (0 if unknown).
    output_names : mapping of str to str, optional
        ``{member: output}``: the output to take of a model with several, as in `as_member`.

    Returns
    -------
    PredictionSet
        Aligned predictions of all members, with the labels of the source.

    Raises
    ------
    DataError
        If the source has no ids, or its order cannot be verified.
    InvalidPredictionsError
        If a member returns too few rows or invalid predictions.
    AlignmentError
        If class names of members and labels do not agree.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit import collect
    >>> def coin(x):
    ...     return np.full((len(x), 2), 0.5)
    >>> both = collect({"a": coin, "b": coin}, (["s1", "s2"], np.zeros((2, 3))), classes=["heads", "tails"])
    >>> both.member_probas.shape
    (2, 2, 2)
    """
    wrapped = _wrapped_members(members, classes, output_names or {})
    samples = as_source(source, classes)
    if not isinstance(batch_size, int) or batch_size < 1:
        raise InvalidOptionError(f"batch_size must be a whole number >= 1; received {batch_size!r}.")
    _, absent_rows = missing_policy(missing)
    batches = Batches(samples, wrapped, aliases or {})

    def aligned() -> PredictionSet:
        all_ids = joined_names(batches.ids)
        groups = groups_of(samples, all_ids)
        predictions = align(
            [
                Predictions(
                    readonly(np.concatenate(output)),
                    ids=all_ids,
                    classes=member.classes,
                    task=member.task,
                    split=split or samples.split,
                    member=member.name,
                    fit_ids=member.fit_ids,
                    fit_groups=getattr(member, "fit_groups", None),
                    missing=absent_rows,
                    groups=groups,
                ).rename(aliases=aliases)
                for member, output in zip(wrapped, batches.outputs, strict=True)
            ],
            missing=missing,
        )
        return predictions.with_labels(batches.named_labels()) if batches.labels else predictions

    for batch in samples.batches(batch_size):
        batches.add(*batch)
        if len(batches.ids) == 1 and len(samples) != batches.n_done:
            aligned()  # what no member will mend is refused now, and not after the last batch
        if progress:
            progress(batches.n_done, max(batches.n_done, len(samples)) if len(samples) else 0)
    if not batches.ids:
        raise DataError("the source must yield at least one sample; it yielded none.")
    return aligned()


def _wrapped_members(members: Any, classes: Any, output_names: Mapping[str, str]) -> list[Member]:
    if isinstance(members, PredictionSet):
        pairs: Iterable[Any] = [(p.member, p) for p in members]
    elif isinstance(members, Mapping):
        pairs = members.items()
    elif isinstance(members, (list, tuple)):
        pairs = members
    else:
        raise InvalidOptionError(
            f"members must be {{name: model}} or a sequence of (name, model); received {type(members).__name__}."
        )
    wrapped: list[Member] = []
    for pair in pairs:
        if isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str):
            name, model = pair
            own = None if knows_classes(model) else classes
            member: Member = wrap(model, name=name, classes=own, output_name=output_names.get(name))
        elif isinstance(pair, Member):
            member = pair
        elif isinstance(pair, Predictions) and pair.member:
            member = as_member(pair, name=pair.member)
        else:
            raise InvalidOptionError(
                f"each member must be (name, model), a Member or named Predictions; received {pair!r}."
            )
        wrapped.append(member)
    if not wrapped:
        raise InvalidOptionError("at least one member is needed; received none.")
    unknown = [name for name in output_names if name not in {member.name for member in wrapped}]
    if unknown:
        raise InvalidOptionError(
            f"output_names must be by the names of members, {few(m.name for m in wrapped)}; received {few(unknown)}."
        )
    return wrapped


def as_source(source: Any, classes: Any = None) -> Source:
    """Wrap an argument as a source of samples, or refuse it and state the reason.

    Parameters
    ----------
    source : object
        As in `collect`.
    classes : sequence of str or int, optional
        Names of the classes, for a source whose labels are their numbers.

    Returns
    -------
    Source
        The same object, if it is one.

    Raises
    ------
    DataError
        If it is none.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit.members import as_source
    >>> [ids.tolist() for ids, x, y in as_source((["a", "b", "c"], np.eye(3))).batches(2)]
    [['a', 'b'], ['c']]
    """
    if isinstance(source, Source):
        return source
    if hasattr(source, "element_spec"):
        return dataset_source(source)
    if is_loader(source) or is_table_of_columns(source):
        return loader_source(source, classes)
    if isinstance(source, dict):
        unknown = set(source) - {"ids", "x", "y"}
        ids = source.get("ids")
        ids = _own_ids(source.get("x")) if ids is None else ids
        if unknown or "x" not in source or ids is None:
            raise DataError(
                f"a source of arrays must have the keys ids, x and maybe y; received {sorted(map(str, source))}."
            )
        return ArraySource(ids, source["x"], source.get("y"))
    if isinstance(source, tuple) and len(source) in (2, 3):
        ids = _own_ids(source[0]) if len(source) == 2 else None
        return ArraySource(*source) if ids is None else ArraySource(ids, *source)
    ids = _own_ids(source)
    if ids is not None:
        return ArraySource(ids, source)
    if isinstance(source, np.ndarray) or hasattr(source, "iloc"):
        raise DataError(
            f"inputs must come with their ids; received a {type(source).__name__} of shape {np.shape(source)} alone. "
            "Give (ids, x) or (ids, x, y)."
        )
    if isinstance(source, Iterable) and not isinstance(source, (str, bytes)):
        return StreamSource(source)
    raise DataError(f"a source must yield ids, inputs and labels; received {type(source).__name__}. {REMEDY}")


def _own_ids(x: Any) -> Any:
    """Return the index of a table, if it names the rows; None for anything else."""
    index = x.index if hasattr(x, "iloc") and getattr(x, "ndim", 0) == 2 else None
    return None if index is None or is_default(index) else index
