"""`CrowdResult`: what a rule makes of votes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..predictions import Predictions

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CrowdResult"]


@dataclass(frozen=True, repr=False)
class CrowdResult:
    """The labels that a rule makes of votes, and what it says of the raters.

    Attributes
    ----------
    predictions : Predictions
        A row an item, with the posterior of the classes; NaN for items without a prediction. Known labels that were
        used are certain, and their items are the ``fit_ids``.
    skills : DataFrame
        A row a rater: how often it answered, abstained and failed, and its ``skill``, as the rule estimates it; of a
        rule that estimates none, the share of its answers that agree with the predictions.
    rule : str
        Name of the rule.
    fitted : object
        The rule itself, with what it has learned.
    n_iter : int
        Number of its steps; 0 if it takes none.
    converged : bool
        Whether its steps ended by themselves.
    """

    predictions: Predictions
    skills: pd.DataFrame
    rule: str
    fitted: Any
    n_iter: int
    converged: bool

    def __repr__(self) -> str:
        steps = f", n_iter={self.n_iter}, converged={self.converged}" if self.n_iter else ""
        return f"CrowdResult(rule={self.rule!r}, n_items={len(self.predictions)}, n_raters={len(self.skills)}{steps})"
