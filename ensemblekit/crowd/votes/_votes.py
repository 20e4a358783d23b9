"""`Votes`: who said what of which item. What nobody said takes no memory."""

from __future__ import annotations

import os
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from ...arguments import typed
from ...errors import InvalidOptionError
from ...predictions import Aliases, Alignable, MissingPolicy, align
from ...predictions.alike import normalisation_note
from ...predictions.names import as_classes, few, readonly, shown
from ._entries import Entries
from ._frames import frame_of
from ._labels import ABSTAINED, FAILED, Policies, choices_of, codes_of_gold
from ._members import member_choices
from ._tables import Coded, coded_table, column_names

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Votes"]


class Votes:
    """Votes of raters on items: a sparse table, in which most raters have not seen most items.

    Three things are kept apart. A rater who was not asked is absent: there is no entry. One who was asked and did not
    choose abstained. One whose answer cannot be read failed.

    Parameters
    ----------
    table : table, mapping or list of records
        A row a vote, with columns that name item, rater and label: a DataFrame, a polars or Arrow table, a mapping of
        columns, or a list of dicts. Or ``{item: {rater: label}}``, or a column of such mappings. With ``raters`` a row
        an item.
    item, rater, label : str, optional
        Columns of the table. By default, in any case, ``item`` or ``task``; ``rater``, ``worker``, ``annotator``,
        ``reader``, ``judge`` or ``juror``; ``label``, ``vote``, ``answer``, ``verdict`` or ``verdicts``.
    raters : sequence of str, optional
        Columns of a table with a column a rater, such as that of readers of images.
    classes : sequence of str or int, optional
        Names of the classes, in the order that they are to have. By default all labels, sorted; of an ordered
        categorical all categories, in their order, which is that of the rules for a scale too.
    gold : str, Series or mapping, optional
        Known labels of some items: a column of the table, or values by item.
    weight : str, optional
        Column of weights of the votes, finite and >= 0. By default each vote counts as 1.
    abstained, failed : collection of labels, optional
        Cells that are no class, but say that a rater abstained, or that an answer could not be read.
    empty : {"error", "absent", "abstained", "failed"}, optional
        What an empty cell of the labels means. By default an error, and ``absent`` in a table with a column a rater.
    unknown : {"error", "failed"}, default="error"
        What a label means that is none of ``classes``.
    repeated : {"error", "first", "last"}, default="error"
        Which vote counts if a rater voted twice on an item.

    Raises
    ------
    InvalidPredictionsError
        If the table has not these columns, a row names no item or rater, or a vote is empty, repeated or of an unknown
        class and nothing is said of that. If text and numbers are mixed, or two names differ only by their Unicode
        normalisation.
    InvalidOptionError
        If an option has another value.

    Warns
    -----
    UnvotedClassWarning
        If ``gold`` names a label that no vote names, and ``classes`` is not given.

    Examples
    --------
    >>> from ensemblekit import Votes
    >>> votes = Votes(
    ...     {
    ...         "item": ["q1", "q1", "q1", "q2", "q2"],
    ...         "judge": ["a", "b", "c", "a", "b"],
    ...         "verdict": ["yes", "no", "unsure", "no", "### 7"],
    ...     },
    ...     classes=["no", "yes"],
    ...     abstained=["unsure"],
    ...     unknown="failed",
    ... )
    >>> votes
    Votes(n_votes=5, n_items=2, n_raters=3, classes=('no', 'yes'), abstained=1, failed=1)
    >>> votes.choice
    array([ 1,  0, -1,  0, -2], dtype=int32)
    """

    __slots__ = ("_classes", "_entries", "_gold", "_items", "_order", "_raters")

    @typed()
    def __init__(
        self,
        table: Any,
        *,
        item: str | None = None,
        rater: str | None = None,
        label: str | None = None,
        raters: Sequence[Hashable] | None = None,
        classes: Sequence[Hashable] | None = None,
        gold: Any = None,
        weight: str | None = None,
        abstained: Collection[Hashable] = (),
        failed: Collection[Hashable] = (),
        empty: Literal["error", "absent", "abstained", "failed"] | None = None,
        unknown: Literal["error", "failed"] = "error",
        repeated: Literal["error", "first", "last"] = "error",
    ) -> None:
        names = column_names(item, rater, label, raters, weight, gold)
        policies = Policies(abstained, failed, empty or ("error" if raters is None else "absent"), unknown, repeated)
        self._fill(coded_table(table, names), classes, gold, policies)

    def _fill(self, coded: Coded, classes: Sequence[Hashable] | None, gold: Any, policies: Policies) -> None:
        given = coded.gold if coded.gold is not None else gold
        found = choices_of(coded.labels, coded.label, classes, given, policies, coded.order, written=coded.written)
        kept = slice(None) if found.kept is None else found.kept
        weight = None if coded.weight is None else coded.weight[kept]
        entries = Entries(coded.item[kept], coded.rater[kept], found.choice, weight)
        self._set(coded.items, coded.raters, found.classes, entries, policies.repeated)
        self._order = found.order
        self._gold = None if given is None else codes_of_gold(given, self._items, found.classes, written=coded.written)

    def _set(
        self, items: np.ndarray, raters: np.ndarray, classes: tuple[Hashable, ...], entries: Entries, repeated: str
    ) -> None:
        self._items = readonly(items)
        self._raters: tuple[Hashable, ...] = tuple(raters.tolist())
        self._classes = classes
        self._entries = entries.in_order(self._items, self._raters, repeated)
        self._gold: np.ndarray | None = None
        self._order: tuple[Hashable, ...] | None = None

    @property
    def items(self) -> np.ndarray:
        """Sorted names of the items, shape ``(n_items,)``: int64 or text."""
        return self._items

    @property
    def raters(self) -> tuple[Hashable, ...]:
        """Sorted names of the raters."""
        return self._raters

    @property
    def classes(self) -> tuple[Hashable, ...]:
        """Names of the classes, sorted or in the order given."""
        return self._classes

    @property
    def order(self) -> tuple[Hashable, ...] | None:
        """The classes from the lowest to the highest, if the labels were an ordered categorical; None if not."""
        return self._order

    @property
    def item(self) -> np.ndarray:
        """Position in `items` of each vote, int32, shape ``(n_votes,)``; sorted, and by rater within an item."""
        return self._entries.item

    @property
    def rater(self) -> np.ndarray:
        """Position in `raters` of each vote, int32, shape ``(n_votes,)``."""
        return self._entries.rater

    @property
    def choice(self) -> np.ndarray:
        """Position in `classes` of each vote, int32, shape ``(n_votes,)``; -1 if abstained, -2 if failed."""
        return self._entries.choice

    @property
    def weight(self) -> np.ndarray | None:
        """Weight of each vote, shape ``(n_votes,)``; None if all are 1."""
        return self._entries.weight

    @property
    def gold(self) -> np.ndarray | None:
        """Known label of each item as a position in `classes`, int32, -1 if unknown; None if none is known."""
        return self._gold

    def __len__(self) -> int:
        return len(self.item)

    def __reduce__(self) -> Any:
        # Copies and unpickled objects are read-only too.
        return _restore, (type(self), {slot: getattr(self, slot) for slot in Votes.__slots__})

    def __repr__(self) -> str:
        counts = [
            f"n_votes={len(self)}", f"n_items={len(self._items)}", f"n_raters={len(self._raters)}",
            f"classes={shown(self._classes)}",
        ]  # fmt: skip
        for word, code in (("abstained", ABSTAINED), ("failed", FAILED)):
            if n := int((self.choice == code).sum()):
                counts.append(f"{word}={n}")
        if self._gold is not None:
            counts.append(f"gold={int((self._gold >= 0).sum())}")
        return f"Votes({', '.join(counts)})"

    def to_frame(self) -> pd.DataFrame:
        """Convert to a long table.

        Returns
        -------
        pandas.DataFrame
            A row a vote, with the columns ``item``, ``rater``, ``label`` (None without an answer), ``status``
            (``answered``, ``abstained`` or ``failed``) and, if they are known, ``weight`` and ``gold``.
        """
        return frame_of(self)

    def without_gold(self) -> Self:
        """Forget the known labels, to see what the votes alone say.

        Returns
        -------
        Votes
            The same votes.
        """
        return self._with(_gold=None)

    @typed(but=("name",))
    def with_class(self, name: Hashable) -> Self:
        """Add a class that nobody named, after the others.

        Parameters
        ----------
        name : str or int
            Its name.

        Returns
        -------
        Votes
            The same votes; a scale of the classes is forgotten.
        """
        return self._with(_classes=as_classes([*self._classes, name]), _order=None)

    @typed()
    def without_raters(self, raters: Collection[Hashable]) -> Self:
        """Leave out raters and their votes; items without votes stay.

        Parameters
        ----------
        raters : collection of str or int
            Their names.

        Returns
        -------
        Votes
            With all items and classes, and the other raters.

        Raises
        ------
        InvalidOptionError
            If a name is unknown, or no rater would be left.
        """
        out = {*raters}
        if unknown := out - {*self._raters}:
            raise InvalidOptionError(
                f"raters to leave out must be there; received unknown: {few(sorted(unknown, key=str))}."
                f"{normalisation_note(unknown, self._raters)}"
            )
        stays = np.array([name not in out for name in self._raters], dtype=bool)
        if not stays.any():
            raise InvalidOptionError(f"raters to leave out must not be all; received {few(raters)}.")
        left = tuple(name for name in self._raters if name not in out)
        return self._with(_raters=left, _entries=self._entries.of_raters(stays))

    def _with(self, **changes: Any) -> Self:
        return _restore(type(self), {slot: changes.get(slot, getattr(self, slot)) for slot in Votes.__slots__})

    @classmethod
    @typed(but=("predictions", "missing"))
    def from_predictions(
        cls, predictions: Alignable, *, aliases: Aliases | None = None, missing: MissingPolicy = "renormalize"
    ) -> Self:
        """Let members be raters: each votes for its most probable class.

        Parameters
        ----------
        predictions : PredictionSet, or sequence or mapping of Predictions or paths
            They are aligned by id and class name; their labels become gold.
        aliases, missing
            As in `align`. By default a row that a member does not have is an absent vote.

        Returns
        -------
        Votes
            Items are the ids, raters the members; classes in the order of the predictions. Of classes that a member
            holds equally probable, it votes for the first.

        Raises
        ------
        InvalidPredictionsError
            If the predictions are not of classes that exclude each other, or have several outputs an id.
        """
        found = member_choices(align(predictions, aliases=aliases, missing=missing))
        new = object.__new__(cls)
        entries = Entries(found.item, found.rater, found.choice, None)
        new._set(found.items, found.raters, found.classes, entries, "error")
        new._gold = found.gold
        return new

    @classmethod
    @typed()
    def load(
        cls, path: str | os.PathLike[str], *, item: str | None = None, rater: str | None = None,
        label: str | None = None, raters: Sequence[str] | None = None, classes: Sequence[Hashable] | None = None,
        gold: Any = None, weight: str | None = None, abstained: Collection[Hashable] = (),
        failed: Collection[Hashable] = (), empty: Literal["error", "absent", "abstained", "failed"] | None = None,
        unknown: Literal["error", "failed"] = "error", repeated: Literal["error", "first", "last"] = "error",
        separator: str | None = None,
    ) -> Self:  # fmt: skip
        """Read votes from a file: verdicts of a jury of models, or a table of readers.

        Parameters
        ----------
        path : path-like
            ``.csv``, ``.tsv`` (both also ``.gz``), ``.parquet``, ``.jsonl`` or ``.ndjson`` with a record a line, or
            ``.json`` with a list of records or ``{item: {rater: label}}``.
        item, rater, label, raters, classes, gold, weight, abstained, failed, empty, unknown, repeated
            As of `Votes`. In a text file, names that are all written as whole numbers are numbers.
        separator : str, optional
            Character between the cells of a text file. By default it is recognised.

        Returns
        -------
        Votes

        Raises
        ------
        InvalidPredictionsError
            If the file cannot be read as votes.
        FileNotFoundError
            If the file does not exist.
        """
        from ._files import coded_file

        names = column_names(item, rater, label, raters, weight, gold)
        policies = Policies(abstained, failed, empty or ("error" if raters is None else "absent"), unknown, repeated)
        new = object.__new__(cls)
        new._fill(coded_file(path, names, separator), classes, gold, policies)
        return new


def _restore(kind: type[Any], slots: Mapping[str, Any]) -> Any:
    new = object.__new__(kind)
    new._order = None  # of votes that an earlier version pickled
    for slot, value in slots.items():
        setattr(new, slot, readonly(value) if isinstance(value, np.ndarray) else value)
    new._entries.readonly()
    return new
