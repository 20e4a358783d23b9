"""Agreement of two raters beyond chance: Cohen's kappa."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Literal

import numpy as np

from ...arguments import typed
from ...errors import UnknownMemberError
from ...predictions.names import few
from .._scale import order_of_classes
from ..votes import Votes
from ._agreement import Agreement, check_resampling, class_distances, extremes, judged, one_minus
from ._patterns import Patterns

__all__ = ["cohen_kappa"]


@typed()
def cohen_kappa(
    votes: Votes,
    first: Hashable,
    second: Hashable,
    *,
    weights: Literal["linear", "quadratic"] | None = None,
    order: Sequence[str] | None = None,
    confidence: float = 0.95,
    n_resamples: int = 2000,
    seed: int = 0,
) -> Agreement:
    """Compute Cohen's kappa: how far two raters agree on the items that both have answered.

    Parameters
    ----------
    votes : Votes
        Answers of raters about items. Weights of votes are not used.
    first, second : str or int
        Names of two raters.
    weights : {"linear", "quadratic"}, optional
        What a difference counts: the ranks apart, or their square. By default all count the same.
    order : sequence of str, optional
        Classes from the lowest to the highest, for ``weights``. By default `Votes.order`, or their order as numbers.
    confidence, n_resamples, seed
        As in `krippendorff_alpha`.

    Returns
    -------
    Agreement
        The figure, its interval, and whether it tells anything.

    Raises
    ------
    UnknownMemberError
        If a rater is unknown.
    InvalidOptionError
        If an option is out of range, or ``order`` lacks a class or is needed.

    Notes
    -----
    ``kappa = 1 - sum w[c, k] n[c, k] / sum w[c, k] e[c, k]`` [1]_, where ``n[c, k]`` counts the items that the first
    puts into ``c`` and the second into ``k``, and ``e`` is the product of its sums divided by their number. ``w`` is 1
    off the diagonal, or as given [2]_. It is the kappa of scikit-learn. The interval is that of `krippendorff_alpha`.

    References
    ----------
    .. [1] J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20,
       1960.
    .. [2] J. Cohen, "Weighted kappa", Psychological Bulletin 70(4), 1968.

    Examples
    --------
    >>> from ensemblekit.crowd import Votes, cohen_kappa
    >>> items, raters = [i for i in "abcdefgh" for _ in range(2)], ["ann", "bo"] * 8
    >>> labels = ["1", "1", "2", "2", "3", "3", "1", "2", "2", "2", "3", "3", "1", "1", "3", "1"]
    >>> found = cohen_kappa(Votes({"item": items, "rater": raters, "label": labels}), "ann", "bo")
    >>> round(found.value, 3), found.n_raters
    (0.628, 2)
    """
    check_resampling(confidence, n_resamples, seed)
    places = []
    for name, rater in (("first", first), ("second", second)):
        if rater not in votes.raters:
            raise UnknownMemberError(
                f"{name} must be one of the {len(votes.raters)} raters, {few(votes.raters)}; received {rater!r}."
            )
        places.append(votes.raters.index(rater))
    n_classes = len(votes.classes)
    if weights is None:
        distances = class_distances(votes.classes, "nominal")
    else:
        rank = order_of_classes(votes, order, f"weights={weights!r}").astype(np.float64)
        apart = np.abs(rank[:, np.newaxis] - rank)
        distances = apart if weights == "linear" else apart**2
    one, other = (_of_rater(votes, place) for place in places)
    both = (one >= 0) & (other >= 0)
    table = np.bincount(one[both] * n_classes + other[both], minlength=n_classes**2)
    # Each cell of the table is a pattern. Its two votes have an order, which the figure looks at.
    cells = Patterns(np.zeros((n_classes**2, n_classes)), table, 2)

    def figure(draws: np.ndarray) -> np.ndarray:
        tables = draws.reshape(-1, n_classes, n_classes)
        expected = (tables.sum(axis=2) @ distances * tables.sum(axis=1)).sum(axis=1) / draws.sum(axis=1)
        return one_minus((tables * distances).sum(axis=(1, 2)), expected)

    rows, columns = table.reshape(n_classes, n_classes).sum(axis=1), table.reshape(n_classes, n_classes).sum(axis=0)
    c, k, rarest = extremes(rows + columns, distances)
    return judged(
        f"Cohen's kappa{f' ({weights})' if weights else ''}", figure, cells, c * n_classes + k,
        rarest * (n_classes + 1), 2 * int(both.sum()), confidence, n_resamples, seed,
    )  # fmt: skip


def _of_rater(votes: Votes, place: int) -> np.ndarray:
    """Find the class that a rater names for each item, -1 for none."""
    chosen = np.full(len(votes.items), -1, dtype=np.intp)
    theirs = votes.rater == place
    chosen[votes.item[theirs]] = votes.choice[theirs]
    return chosen
