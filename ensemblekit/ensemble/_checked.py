"""What an ensemble checks before anything is fitted: its options, members, weights and combiner."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from sklearn.base import clone

from ..arguments import check_parameters
from ..combining import AskedCombiner, ask, combine
from ..errors import AlignmentError, InvalidOptionError
from ..predictions import Missing, Predictions, Task, align
from ..predictions.names import shown
from ._composition import Composition, routing, weight_name
from ._members import MemberPredictor, check_estimators, last_step
from ._rows import weights_of

__all__ = ["CheckedEnsemble"]


class CheckedEnsemble(Composition, ABC):
    """Members and a combiner that are checked before anything is fitted."""

    _kind: str
    task: Task

    missing: Missing
    response_method: str
    class_weight: Any
    passthrough: bool
    n_jobs: int | None
    verbose: int

    @abstractmethod
    def _check_y(self, y: Any) -> np.ndarray: ...

    @abstractmethod
    def _learn_names(
        self, members: Mapping[str, Any], y: np.ndarray, prefit: bool
    ) -> Mapping[Any, Hashable] | None: ...

    @abstractmethod
    def _check_options(self) -> None: ...

    @property
    def output_names_(self) -> tuple[Hashable, ...]:
        """Names of the outputs for ``combiner_``: those of the classes, in order; ``value`` for regression."""
        return ("value",) if self._names_ is None else tuple(self._names_.values())

    def _check_cv(self) -> bool:
        if isinstance(self.cv, str) and self.cv != "prefit":
            raise InvalidOptionError(
                f"cv must be a whole number, a splitter, folds of row numbers or 'prefit'; received {self.cv!r}."
            )
        return isinstance(self.cv, str)

    def _check_parts(self, y: np.ndarray, *, weighted: bool) -> tuple[dict[str, Any], AskedCombiner]:
        """Refuse before anything is fitted what would be refused after it; learn the names of the outputs."""
        prefit = self._check_cv()
        self._check_options()
        check_parameters(self, but=("combiner",))
        if self.n_jobs is not None and not -(2**31) < self.n_jobs < 2**31:
            raise InvalidOptionError(f"n_jobs must be a number of processes, or -1 for all; received {self.n_jobs}.")
        reserved = [*self.get_params(deep=False), "ensemble"]
        members = check_estimators(self.estimators, reserved, kind=self._kind, prefit=prefit)
        asked = ask(self.combiner, self.combiner_options)
        asked.check_task(self.task)
        if self.passthrough and "features" not in asked.takes:
            raise InvalidOptionError(f"combiner {asked.name!r} makes no use of X. Leave out passthrough=True.")
        self._names_ = self._learn_names(members, y, prefit)
        self._check_combination(members, asked, prefit=prefit, weighted=weighted)
        predictor = self._predictor()
        for name, member in members.items():
            if prefit:
                predictor.check(name, member)
                continue
            predictor.check_unfitted(name, member)
            if weighted and not routing():
                weight_name(name, member)
            nested = last_step(member)
            if isinstance(nested, CheckedEnsemble):
                copied: Any = clone(nested)
                copied._check_parts(y, weighted=weighted and not routing())
        return members, asked

    def _weigh(self, sample_weight: Any, x: Any, y: np.ndarray) -> np.ndarray | None:
        weight = None
        if sample_weight is not None:
            weight = weights_of(sample_weight, x)
            if weight.shape != (len(y),) or not np.isfinite(weight).all() or (weight < 0).any():
                raise InvalidOptionError(
                    f"sample_weight must be finite and >= 0, one a row, shape {(len(y),)}; received shape "
                    f"{weight.shape}."
                )
            if not weight.any():
                raise InvalidOptionError("Sample weights must contain at least one non-zero number; all are 0.")
        if self.class_weight is not None:
            from sklearn.utils.class_weight import compute_sample_weight

            try:
                of_class = compute_sample_weight(self.class_weight, y)
            except (TypeError, ValueError) as error:
                raise InvalidOptionError(
                    f"class_weight must be 'balanced' or {{class: weight}} with every class; received "
                    f"{self.class_weight!r}: {error}."
                ) from None
            weight = of_class if weight is None else weight * of_class
        return weight

    def _refuse_unused(self, asked: AskedCombiner, weight: Any, groups: Any, params: Mapping[str, Any]) -> None:
        unused = [f"{p}=..." for p in params] + (["groups"] if groups is not None else [])
        unused += ["sample_weight or class_weight"] if weight is not None and not asked.learns else []
        if unused:
            raise InvalidOptionError(
                f"with cv='prefit' no member is fitted and no fold made, and combiner {asked.name!r} "
                f"{'learns' if asked.learns else 'learns nothing'}: {', '.join(unused)} would do nothing. Leave it out."
            )

    def _predictor(self) -> MemberPredictor:
        return MemberPredictor(self._names_, self.response_method, complete=not isinstance(self.cv, str))

    def _check_combination(
        self, members: Mapping[str, Any], asked: AskedCombiner, *, prefit: bool, weighted: bool
    ) -> None:
        # Wrong weights or classes must be refused before anything is fitted. So one row is combined: this makes the
        # same checks as a prediction of the ensemble.
        outputs = self.output_names_
        predictions: list[Predictions] = []
        for name, member in members.items():
            classes = list(outputs)
            if prefit and self._names_ is not None:
                known = self._predictor().labels_of(name, member)
                if len(known) == 1 and self.missing == "error":
                    raise AlignmentError(
                        f"classes must be the same for every member; member {name!r} knows {shown(known[0])} alone, of "
                        f"{len(outputs)} classes. Fit it on rows of every class, or give missing='zero'."
                    )
                classes = [self._names_[label] for label in known] if len(known) > 1 else list(outputs)
            row = np.full((1, len(classes)), 1 / len(classes))
            predictions.append(Predictions(row, ids=[0], classes=classes, task=self.task, member=name))
        aligned = align(predictions, missing=self.missing)
        if asked.learns:
            given = {"sample_weight"} if weighted else set[str]()
            given |= {"features"} & asked.fit_takes if self._wants_features(asked.combiner) else set()
            asked.check_fit(list(members), outputs, task=self.task, given=given)
        elif not self._wants_features(asked.combiner):
            combine(aligned, asked.combiner)

    def _wants_features(self, combiner: Any) -> bool:
        return bool(self.passthrough) or bool(getattr(combiner, "passthrough", False))
