"""What a file holds before it is checked, votes of several files, and folders of parts."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...errors import InvalidPredictionsError
from .._fits import Fitted
from .._joined_fits import join_parts
from ..names import all_fit_ids, is_text, joined_names, readonly, shown, text_array
from ._metadata import PredictionFields

__all__ = ["Table", "joined", "parts_of", "with_all_votes"]


class Table(NamedTuple):
    """What a file holds.

    Attributes
    ----------
    fields : dict
        Arguments of `Predictions`.
    meta : dict or None
        Metadata of a file that `Predictions.save` wrote.
    votes : bool
        Whether the table has class names, and no probabilities.
    """

    fields: dict[str, Any]
    meta: dict[str, Any] | None = None
    votes: bool = False


def with_all_votes(tables: Sequence[Table]) -> list[Table]:
    """Give each table of votes the classes of all tables: what nobody voted for there has probability 0."""
    if not any(table.votes for table in tables):
        return list(tables)
    classes = [*dict.fromkeys(name for table in tables for name in table.fields["classes"])]
    if len(classes) == 1:
        raise InvalidPredictionsError(
            f"votes must name at least two classes; received {shown(classes[0])} alone. Align them with those of "
            "others in one call: align(paths)."
        )
    return [_with_classes(table, classes) if table.votes else table for table in tables]


def _with_classes(table: Table, classes: list[Hashable]) -> Table:
    probas: np.ndarray = table.fields["probas"]
    places = {name: place for place, name in enumerate(table.fields["classes"])}
    wide = np.zeros((len(probas), len(classes)))
    for place, name in enumerate(classes):
        if name in places:
            wide[:, place] = probas[:, places[name]]
    return table._replace(fields=table.fields | {"probas": readonly(wide), "classes": classes})


def parts_of(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """List the parts in a folder in the order of their names, part-2 before part-10.

    Parameters
    ----------
    folder : Path
        Folder that holds parts and nothing else; as in other programs, names that begin with _ or . are no parts.
    suffixes : sequence of str
        Suffixes of parts, in lower case.

    Returns
    -------
    list of Path
        At least one, all with the same suffix.
    """
    entries = [entry for entry in folder.iterdir() if not entry.name.startswith(("_", "."))]
    entries.sort(key=lambda entry: [int(t) if t.isdecimal() else t for t in re.split("([0-9]+)", entry.name)])
    ours = [entry for entry in entries if entry.name.lower().endswith(tuple(suffixes)) and entry.is_file()]
    if not ours or len(ours) != len(entries) or len({entry.suffix.lower() for entry in ours}) > 1:
        others = [entry.name for entry in entries if entry not in ours]
        raise InvalidPredictionsError(
            "a folder of predictions must hold parts of one table, files of one kind such as part-0.parquet, and "
            f"nothing else; received {shown(others or [entry.name for entry in ours])}. Load each file itself."
        )
    return ours


def joined(parts: Sequence[PredictionFields], paths: Sequence[Path]) -> dict[str, Any]:
    """Join the parts of a table: arguments of `Predictions`."""
    filled = [p for p in parts if len(p.ids)] or parts[:1]
    first = filled[0]
    for p, path in zip(parts, paths, strict=True):
        for what in ("task", "split", "member"):
            if getattr(p, what) != getattr(first, what):
                raise InvalidPredictionsError(
                    f"parts of one table must have one {what}; received {getattr(p, what)!r} in {path.name!r} beside "
                    f"{getattr(first, what)!r}."
                )
        if {*p.classes} != {*first.classes} or p.probas.shape[1:] != first.probas.shape[1:]:
            raise InvalidPredictionsError(
                f"parts of one table must have the same columns; received {shown([*p.classes])} in {path.name!r} "
                f"beside {shown([*first.classes])}."
            )
        for what, done in (("label_codes", "labelled"), ("groups", "grouped")):
            if (getattr(p, what) is None) != (getattr(first, what) is None) and len(p.ids):
                raise InvalidPredictionsError(
                    f"all parts of one table must be {done} or none; {path.name!r} differs from the first."
                )
    ids = [p.ids for p in filled]
    if len({is_text(names) for names in ids}) > 1:  # text that happens to look like numbers in some parts
        ids = [text_array([str(name) for name in names.tolist()]) for names in ids]
    orders = [_order(p.classes, first.classes) for p in filled]
    labels: Any = None
    if first.label_codes is not None:
        own = [_labels(p, order) for p, order in zip(filled, orders, strict=True)]
        labels = np.concatenate(own)
    return {
        "probas": readonly(np.concatenate([p.probas[..., order] for p, order in zip(filled, orders, strict=True)])),
        "ids": joined_names(ids),
        "classes": first.classes,
        "labels": labels,
        "task": first.task,
        "split": first.split,
        "member": first.member,
        "groups": None if first.groups is None else joined_names([p.groups for p in filled if p.groups is not None]),
        **_fitted(filled if any(p.fits is not None for p in filled) else parts),
        "missing": "error" if all(p.present is None for p in parts) else "renormalize",
    }


def _fitted(parts: Sequence[PredictionFields]) -> dict[str, Any]:
    """Join what the parts say about one member: what any of them knows holds for all, unless it is said by fold."""
    if all(p.fits is None for p in parts):
        return {
            "fit_ids": all_fit_ids([p.fit_ids for p in parts]),
            "fit_groups": all_fit_ids([p.fit_groups for p in parts]),
        }
    return join_parts([(Fitted(p.fit_ids, p.fit_groups, p.fits), len(p.ids), "") for p in parts]).arguments()


def _order(own: Sequence[Hashable], classes: Sequence[Hashable]) -> Any:
    if tuple(own) == tuple(classes):
        return slice(None)
    places = {name: place for place, name in enumerate(own)}
    return [places[name] for name in classes]


def _labels(p: PredictionFields, order: Any) -> np.ndarray:
    assert p.label_codes is not None  # noqa: S101 - for the type checker
    if p.kind != "multiclass":
        return p.label_codes[..., order]
    return np.array([*p.classes, None], dtype=object)[:-1][p.label_codes]
