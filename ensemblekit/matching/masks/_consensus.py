"""`Consensus`: one image of labels a case, of those of all readers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InvalidOptionError
from ...predictions.names import shown
from ._patterns import Patterns

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Consensus"]


@dataclass(frozen=True, repr=False)
class Consensus:
    """What several readers have drawn, as one image a case. Made by `vote_labels` and `staple`.

    Attributes
    ----------
    rule : str
        ``vote`` or ``staple``.
    labels : tuple of int
        All labels, sorted.
    readers : tuple of str or int
        Names of the readers, sorted.
    tied : dict
        Case -> number of voxels with more than one label at the top.
    confusions : ndarray of shape (n_readers, n_labels, n_labels), or None
        Of ``staple``: ``confusions[r, c, k]`` is the probability that reader ``r`` draws ``k`` where ``c`` is true.
    prior : ndarray of shape (n_labels,), or None
        Of ``staple``: the share of each label.
    n_iter : int
        Number of steps; 0 without any.
    converged : bool
        Whether they ended by themselves.
    """

    rule: str
    labels: tuple[int, ...]
    readers: tuple[Any, ...]
    tied: dict[Any, int]
    confusions: np.ndarray | None
    prior: np.ndarray | None
    n_iter: int
    converged: bool
    _patterns: Patterns
    _shares: np.ndarray
    _decided: np.ndarray

    def __repr__(self) -> str:
        steps = f", n_iter={self.n_iter}, converged={self.converged}" if self.n_iter else ""
        return f"Consensus(rule={self.rule!r}, n_cases={len(self.tied)}, labels={shown(self.labels)}{steps})"

    def image(self, case: Any) -> np.ndarray:
        """Lay out the labels of a case.

        Parameters
        ----------
        case : str or int
            Its name.

        Returns
        -------
        ndarray of int
            Of the shape of the case, in the smallest type that holds all labels.
        """
        return self._patterns.lay_out(case, self._decided)

    def probability(self, case: Any, label: int) -> np.ndarray:
        """Lay out the probability of one label: of ``vote`` its share of the votes.

        Parameters
        ----------
        case : str or int
            Its name.
        label : int
            One of the labels.

        Returns
        -------
        ndarray of float32
            Of the shape of the case, in [0, 1].

        Raises
        ------
        InvalidOptionError
            If there is no such label.
        """
        if label not in self.labels:
            raise InvalidOptionError(f"label must be one of {shown(self.labels)}; received {shown(label)}.")
        return self._patterns.lay_out(case, self._shares[:, self.labels.index(label)].astype(np.float32))

    def reader_table(self) -> pd.DataFrame:
        """Tell how far each reader is right, as ``staple`` estimates it.

        Returns
        -------
        pandas.DataFrame
            A row a reader and label: ``reader``, ``label``; ``sensitivity``, the probability of drawing it where it is
            true; ``specificity``, that of not drawing it elsewhere.

        Raises
        ------
        InvalidOptionError
            If the rule is ``vote``, which estimates nothing.
        """
        import pandas as pd

        if self.confusions is None or self.prior is None:
            raise InvalidOptionError("a vote estimates nothing of its readers. Use staple(images), or judge_readers.")
        rows: list[dict[str, Any]] = []
        for who, matrix in zip(self.readers, self.confusions, strict=True):
            for k, label in enumerate(self.labels):
                others = np.delete(np.arange(len(self.labels)), k)
                elsewhere = self.prior[others] / max(self.prior[others].sum(), np.finfo(float).tiny)
                rows.append({
                    "reader": who, "label": label, "sensitivity": matrix[k, k],
                    "specificity": float(elsewhere @ (1 - matrix[others, k])),
                })  # fmt: skip
        return pd.DataFrame(rows)
