"""Ask the members of an ensemble, and combine what they answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..combining.values import combine_arrays, combine_values
from ..predictions import Predictions, PredictionSet, align
from ..predictions.arrays import set_of_arrays
from ._checked import CheckedEnsemble
from ._columns import AnsweredSet, columns_in
from ._members import MemberPredictor, ids_for
from ._passing import PassesParameters
from ._quick import quick_arrays
from ._rows import flatten_rows, n_rows, side_by_side

__all__ = ["CombinesAnswers"]


class CombinesAnswers(PassesParameters, CheckedEnsemble):
    """An ensemble that asks its members, and lets its combiner combine their answers."""

    combiner_: Any
    named_estimators_: Any

    def _predict_with(self, members: Mapping[str, Any], X: Any, ids: Any) -> PredictionSet:
        predictor = self._predictor()
        columns: dict[str, np.ndarray] = {}
        predictions = [predictor.predict(name, member, X, ids, columns) for name, member in members.items()]
        return AnsweredSet.of(self._align(predictions), columns)

    def _align(self, predictions: list[Predictions]) -> PredictionSet:
        return align(predictions, missing=self.missing).reorder(classes=self.output_names_)

    def _predict_members(self, X: Any, members: Mapping[str, Any] | None = None) -> PredictionSet:
        asked: Mapping[str, Any] = self.named_estimators_ if members is None else members
        predictor = self._predictor()
        ids = ids_for(asked, X)
        columns: dict[str, np.ndarray] = {}
        answers = {name: predictor.answer(name, member, X, ids, columns) for name, member in asked.items()}
        return self._line_up(asked, answers, predictor, ids, columns)

    def _line_up(
        self,
        asked: Mapping[str, Any],
        answers: Mapping[str, tuple[Any, list[Any]]],
        predictor: MemberPredictor,
        ids: Any,
        columns: Mapping[str, np.ndarray],
    ) -> PredictionSet:
        outputs = list(self.output_names_)
        if isinstance(ids, np.ndarray) and all(classes == outputs for _, classes in answers.values()):
            arrays = {name: values for name, (values, _) in answers.items()}
            aligned = set_of_arrays(arrays, ids=ids, classes=tuple(outputs), task=self.task)
        else:
            named = [predictor.named(name, asked[name], answer, ids) for name, answer in answers.items()]
            aligned = self._align(named)
        return AnsweredSet.of(aligned, columns)

    def _combined(self, X: Any, members: Mapping[str, Any]) -> np.ndarray:
        """Combine what members answer for X; arrays that are valid as they are need no names."""
        if (used := self._used_members()) is not None:
            members = {name: member for name, member in members.items() if name in used}
        names = self._names_
        plain = not self._shows_features_ and not self._columns_ and self._outputs_ is None
        arrays = quick_arrays(members, X, names, vars(self).get("response_methods_", {})) if plain else None
        if arrays is None:
            return self._combine(self._predict_members(X, members), X)
        outputs, task = (("value",), "regression") if names is None else (tuple(names.values()), "multiclass")
        combined = combine_arrays(arrays, self.combiner_, n_rows=n_rows(X), classes=outputs, task=task)
        if combined is not None:
            return combined
        answers = {name: (values, [*outputs]) for name, values in arrays.items()}
        return self._combine(self._line_up(members, answers, self._predictor(), ids_for(members, X), {}), X)

    def _used_members(self) -> tuple[str, ...] | None:
        """Name the members that a rule within ``max_cost`` was fitted on, if they are not all; others are not asked."""
        if "choice_sentence_" not in vars(self) or len(self.combiner_.members_) == len(self.named_estimators_):
            return None
        return self.combiner_.members_

    def _combine(self, predictions: PredictionSet, X: Any) -> np.ndarray:
        if (used := self._used_members()) is not None:
            predictions = predictions.select(used)
        kwargs: dict[str, Any] = {}
        columns = columns_in(predictions)
        if self._shows_features_ or columns:
            kwargs["features"] = (predictions.ids, self._features(columns, X))
        return combine_values(predictions, self.combiner_, **kwargs)

    def _features(self, columns: Mapping[str, np.ndarray], X: Any, rows: np.ndarray | None = None) -> Any:
        """Put the columns of members side by side, and X after them if the combiner gets it."""
        parts = list(columns.values())
        if self._shows_features_:
            parts.append(flatten_rows(X) if rows is None else flatten_rows(X)[rows])
        return parts[0] if len(parts) == 1 else side_by_side(parts)
