"""The votes of a sparse table as columns: an entry a vote, in the order of items and raters."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

import numpy as np

from ...errors import InvalidPredictionsError
from ...predictions.names import readonly, shown

__all__ = ["Entries"]


class Entries(NamedTuple):
    """Columns of votes.

    Attributes
    ----------
    item, rater, choice : ndarray of int32, shape (n_votes,)
        As of `Votes`.
    weight : ndarray of float64, shape (n_votes,), or None
        As of `Votes`.
    """

    item: np.ndarray
    rater: np.ndarray
    choice: np.ndarray
    weight: np.ndarray | None

    def take(self, places: np.ndarray) -> Entries:
        """Take entries by place, or by a mask."""
        weight = None if self.weight is None else self.weight[places]
        return Entries(self.item[places], self.rater[places], self.choice[places], weight)

    def in_order(self, items: np.ndarray, raters: tuple[Hashable, ...], repeated: str) -> Entries:
        """Sort by item and rater, and see to it that no rater votes twice on an item.

        Parameters
        ----------
        items : ndarray
            Names of the items, for errors.
        raters : tuple of str or int
            Names of the raters.
        repeated : {"error", "first", "last"}
            Which vote counts if a rater voted twice.

        Returns
        -------
        Entries
            Read-only; these arrays themselves if they are in order.
        """
        key = self.item.astype(np.int64) * max(1, len(raters)) + self.rater
        if (key[1:] > key[:-1]).all():
            return self.readonly()
        order = np.argsort(key, kind="stable")
        key = key[order]
        again = key[1:] == key[:-1]
        if again.any() and repeated == "error":
            twice = order[1:][again]
            pairs = [(items[self.item[v]].item(), raters[self.rater[v]]) for v in twice[:3]]
            raise InvalidPredictionsError(
                f"each rater must vote once on an item; received {len(twice)} votes more, first (item, rater) "
                f"{shown(pairs)}. Drop them, or say which counts: repeated='first' or 'last'."
            )
        if again.any():
            order = order[np.append(True, ~again) if repeated == "first" else np.append(~again, True)]
        return self.take(order).readonly()

    def of_raters(self, stays: np.ndarray) -> Entries:
        """Keep the votes of the raters that stay, who are numbered anew."""
        kept = self.take(stays[self.rater])
        place = (np.cumsum(stays) - 1).astype(np.int32)
        return kept._replace(rater=place[kept.rater]).readonly()

    def readonly(self) -> Entries:
        """Make the columns read-only, in place, and return them."""
        for column in self:
            if column is not None:
                readonly(column)
        return self
