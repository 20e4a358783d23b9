"""`collect`: let every member predict each batch, so that predictions keep their ids."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

import numpy as np

from ..arguments import typed
from ..errors import AlignmentError, DataError, InvalidOptionError
from ..interfaces import Member
from ..predictions import Aliases, MissingPolicy, Predictions, PredictionSet, align
from ..predictions.alike import propose_aliases, shown_aliases
from ..predictions.choices import missing_policy
from ..predictions.names import as_ids, few, joined_names, named_by, readonly, shown
from ._sources import REMEDY, ArraySource, Source, StreamSource
from ._tf_dataset import dataset_source
from ._wrap import as_member

__all__ = ["collect"]


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
) -> PredictionSet:
    """Let every member predict every sample, in one pass over the data.

    Ids and labels are taken from the same batch as the inputs, so that the source may be shuffled. Each image is
    decoded once for all members.

    Parameters
    ----------
    members : mapping of name to model, or sequence of Member or (name, model)
        Keras models, scikit-learn estimators, callables, `Predictions`; see `as_member`.
    source : image_folder, tf.data.Dataset, arrays, or iterable of batches
        Yields ids, inputs and maybe labels: ``image_folder(folder)``; ``(ids, x)`` or ``(ids, x, y)`` arrays; a
        ``tf.data.Dataset`` or any iterable of such batches; a Keras image dataset made with ``shuffle=False``.
    classes : sequence of str or int, optional
        Names of the outputs, in their order, for members without class names.
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
    wrapped = _wrapped_members(members, classes)
    samples = _as_source(source)
    if not isinstance(batch_size, int) or batch_size < 1:
        raise InvalidOptionError(f"batch_size must be a whole number >= 1; received {batch_size!r}.")
    _, absent_rows = missing_policy(missing)
    ids: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    outputs: list[list[np.ndarray]] = [[] for _ in wrapped]
    done = 0
    for batch_ids, x, y in samples.batches(batch_size):
        ids.append(batch_ids)
        if y is not None:
            labels.append(y)
        for member, output in zip(wrapped, outputs, strict=True):
            output.append(member.predict(batch_ids, x))
        done += len(batch_ids)
        if progress:
            progress(done, max(done, len(samples)) if len(samples) else 0)
    if not ids:
        raise DataError("the source must yield at least one sample; it yielded none.")
    all_ids = joined_names(ids)
    names = _label_names(labels, samples, wrapped, aliases or {})
    aligned = align(
        [
            Predictions(
                readonly(np.concatenate(output)),
                ids=all_ids,
                classes=member.classes,
                task=member.task,
                split=split or samples.split,
                member=member.name,
                fit_ids=member.fit_ids,
                missing=absent_rows,
            ).rename(aliases=aliases)
            for member, output in zip(wrapped, outputs, strict=True)
        ],
        missing=missing,
    )
    return aligned if names is None else aligned.with_labels(names)


def _wrapped_members(members: Any, classes: Any) -> list[Member]:
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
            own = hasattr(model, "classes_") or isinstance(model, (Predictions, Member))
            member = as_member(model, name=name, classes=None if own else classes)
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
    return wrapped


def _as_source(source: Any) -> Source:
    """Wrap an argument as a source of samples, or refuse it and state the reason."""
    if isinstance(source, Source):
        return source
    if hasattr(source, "element_spec"):
        return dataset_source(source)
    if isinstance(source, dict):
        unknown = set(source) - {"ids", "x", "y"}
        if unknown or not {"ids", "x"} <= set(source):
            raise DataError(f"a source of arrays must have the keys ids, x and maybe y; received {sorted(source)}.")
        return _array_source(source["ids"], source["x"], source.get("y"))
    if isinstance(source, tuple) and len(source) in (2, 3):
        return _array_source(*source)
    if isinstance(source, np.ndarray) or hasattr(source, "iloc"):
        raise DataError(
            f"inputs must come with their ids; received a {type(source).__name__} of shape {np.shape(source)} alone. "
            "Give (ids, x) or (ids, x, y)."
        )
    if isinstance(source, Iterable) and not isinstance(source, (str, bytes)):
        return StreamSource(source)
    raise DataError(f"a source must yield ids, inputs and labels; received {type(source).__name__}. {REMEDY}")


def _array_source(ids: Any, x: Any, y: Any = None) -> Source:
    if np.ndim(ids) != 1:
        raise DataError(
            f"the first of (ids, x[, y]) must be the ids, one a sample; received shape {np.shape(ids)}. "
            "Inputs must come with their ids."
        )
    names = as_ids(ids)
    for what, values in (("x", x), ("y", y)):
        if values is not None and len(values) != len(names):
            raise DataError(f"{what} must have one row an id; received {len(values)} rows and {len(names)} ids.")
    return ArraySource(names, x, y)


def _label_names(
    labels: list[np.ndarray], source: Source, members: list[Member], aliases: Mapping[Hashable, Hashable]
) -> np.ndarray | None:
    if not labels:
        return None
    values = np.concatenate(labels)
    if members[0].task != "multiclass":
        return values
    if source.classes is None:
        if values.dtype.kind in "iu" and isinstance(members[0].classes[0], str):
            raise DataError(
                "labels must be class names where the source does not say what integers stand for; received integers. "
                "Give names: np.asarray(class_names)[y]."
            )
        names = values
    else:
        n_classes = len(source.classes)
        if values.dtype.kind not in "iu" or (values.size and not 0 <= values.min() <= values.max() < n_classes):
            raise DataError(
                f"labels must be positions in the classes of the source, whole numbers from 0 to {n_classes - 1}; "
                f"received {few(np.unique(values).tolist())}."
            )
        names = named_by(values, tuple(source.classes))
    if names.dtype.kind == "S" or names.dtype.kind == "O":
        names = np.array([n.decode() if isinstance(n, bytes) else n for n in names.ravel().tolist()]).reshape(
            names.shape
        )
    if aliases:
        names = np.array([aliases.get(n, n) for n in names.ravel().tolist()]).reshape(names.shape)
    known = {aliases.get(c, c) for m in members for c in m.classes}
    unknown = sorted(set(names.ravel().tolist()) - known, key=str)
    if unknown:
        given = set(names.ravel().tolist())
        unused = [c for c in dict.fromkeys(c for m in members for c in m.classes) if c not in given]
        proposal = propose_aliases(unknown, unused)
        advice = f" If these are other names of the same classes, give {shown_aliases(proposal)}." if proposal else ""
        error = AlignmentError(
            f"labels must be classes that the members know, {shown(sorted(known, key=str))}; received also "
            f"{few(unknown)}.{advice}"
        )
        error.aliases = {str(old): str(new) for old, new in proposal.items()}
        raise error
    return names
