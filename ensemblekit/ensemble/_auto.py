"""``combiner="auto"``: the rule is chosen from the members' out-of-fold predictions."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..choosing import Choice, choose
from ..choosing.costs import check_costs
from ..combining import AskedCombiner, ask
from ..combining.asked import merged_options
from ..errors import InvalidOptionError
from ..evaluation import find_metric
from ..interfaces import Combiner
from ..predictions import PredictionSet, Task
from ..predictions.names import shown
from ..registry import default_registry

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["AUTO", "Auto", "KeepsChoice", "ask_for"]

AUTO = "auto"
"""Name that stands for a combiner that is chosen."""
OPTIONS = ("rules", "metric", "cv", "simplest", "smallest", "costs", "max_cost", "confidence", "seed", "n_jobs")
"""Options of `choose` that an ensemble passes on; it gives the others itself."""


class Auto(Combiner):
    """Stands for the combiner that is to be chosen.

    Parameters
    ----------
    options : mapping, optional
        Options of `choose`.
    """

    traits = frozenset({"learns"})
    fit_takes = frozenset({"sample_weight"})
    takes = frozenset({"xp"})
    needs_labels = True

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        self.options = dict(options or {})
        unknown = [name for name in self.options if name not in OPTIONS]
        if unknown:
            raise InvalidOptionError(
                f"combiner_options of combiner='auto' must be out of {', '.join(OPTIONS)}, those of choose; received "
                f"{shown(unknown)}."
            )

    def check_fit(
        self,
        members: tuple[str, ...],
        classes: tuple[Hashable, ...],
        *,
        task: Task,
        given: frozenset[str] = frozenset(),
    ) -> None:
        if len(members) < 2:
            raise InvalidOptionError(
                f"combiner='auto' chooses between members and rules, and needs two members or more; received "
                f"{shown(members)}. Add one, or leave out combiner='auto'."
            )
        check_costs(self.options.get("costs"), self.options.get("max_cost"), members)
        if (metric := self.options.get("metric")) is not None:
            find_metric(metric, task=task)
        rules: Any = self.options.get("rules")
        for rule in rules if isinstance(rules, (list, tuple)) else ():
            if isinstance(rule, str):
                default_registry().combiners[rule]  # refuses an unknown name, with the near matches
            else:
                ask(rule)

    def without(self, dropped: Collection[str]) -> Auto:
        """Leave out the costs of members that are dropped."""
        costs = self.options.get("costs")
        if not isinstance(costs, Mapping):
            return self
        return Auto({**self.options, "costs": {name: costs[name] for name in costs if name not in dropped}})

    def choose(
        self, predictions: PredictionSet, *, groups: np.ndarray | None, sample_weight: np.ndarray | None = None
    ) -> Choice:
        """Choose a combiner.

        Parameters
        ----------
        predictions : PredictionSet
            Labelled out-of-fold predictions.
        groups : ndarray of shape (n_samples,), optional
            Group of each row.
        sample_weight : ndarray of shape (n_samples,), optional
            Weight of each row.

        Returns
        -------
        Choice
        """
        by_id = None if groups is None else dict(zip(predictions.ids.tolist(), groups.tolist(), strict=True))
        return choose(predictions, groups=by_id, sample_weight=sample_weight, **self.options)


class KeepsChoice:
    """An ensemble that keeps what was chosen, and of it what can be saved."""

    not_stored = frozenset({"choice_"})
    choice_: Choice
    choice_sentence_: str

    def _keep_choice(self, choice: Choice | None) -> None:
        for name in ("choice_", "choice_sentence_", "_choice_columns"):
            vars(self).pop(name, None)
        if choice is not None:
            self.choice_, self.choice_sentence_ = choice, choice.sentence
            self._choice_columns = {str(name): column.to_numpy().tolist() for name, column in choice.table.items()}

    @property
    def choice_table_(self) -> pd.DataFrame:
        """The candidates of ``combiner="auto"``, as in `Choice.table`; it is saved with the ensemble."""
        import pandas as pd

        if "_choice_columns" not in vars(self):
            raise AttributeError(
                f"{type(self).__name__} has a choice_table_ only if it was fitted with combiner='auto'."
            )
        return pd.DataFrame(self._choice_columns)


def ask_for(combiner: Any, options: Mapping[str, Any] | None) -> AskedCombiner:
    """Resolve the parameter ``combiner`` of an ensemble.

    Parameters
    ----------
    combiner : str, Combiner, or list of these
        A registered name, ``"auto"``, or an object. A list is that of the rules to choose from.
    options : mapping, optional
        Options of a combiner that is given by name, or of `choose`.

    Returns
    -------
    AskedCombiner
    """
    if isinstance(combiner, (list, tuple)):
        options = merged_options(options)
        if not combiner or "rules" in options:
            raise InvalidOptionError(
                "combiner as a list must name the rules to choose from, once, at least one; received "
                f"{shown(combiner)}" + (" and rules in combiner_options." if combiner else ".")
            )
        return AskedCombiner(AUTO, Auto({**options, "rules": list(combiner)}))
    if isinstance(combiner, str) and combiner == AUTO:
        return AskedCombiner(AUTO, Auto(options))
    return ask(combiner, options)
