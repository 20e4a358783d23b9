"""What an ensemble checks before anything is fitted: its options, members, weights and combiner."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from sklearn.base import clone

from ..arguments import check_parameters
from ..combining import AskedCombiner
from ..combining.values import combine_values
from ..errors import AlignmentError, EnsembleKitError, InvalidOptionError, UnweightedCombinerWarning
from ..predictions import Missing, Predictions, Task, align
from ..predictions.arrays import set_of_arrays
from ..predictions.named import by_member
from ..predictions.names import as_classes, shown
from ._auto import Auto, ask_for
from ._columns import Asking, plan_members
from ._composition import Composition, routing, weight_name
from ._members import MemberPredictor, all_pairs, check_estimators, last_step
from ._outputs import OutputsPredictor, read_outputs
from ._rows import check_weights, weights_of

__all__ = ["CheckedEnsemble", "without_dropped"]


class CheckedEnsemble(Composition, ABC):
    """Members and a combiner that are checked before anything is fitted."""

    _kind: str
    _names_: Mapping[Any, Hashable] | None
    _weighted_ = False
    _unweighted_: str | None = None
    """Why the combiner makes no use of the weights that the members are fitted with."""
    _outputs_: tuple[Hashable, ...] | None = None
    """Names of several outputs, in the order of the columns of ``y``; None if there is one."""

    missing: Missing
    response_method: Any
    response_methods_: dict[str, str]
    _shows_features_: bool
    _columns_: Mapping[str, str] = MappingProxyType({})
    """Members whose answers are columns, and of what kind these are."""
    _column_names_: Mapping[str, list[str]] = MappingProxyType({})
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
    def task(self) -> Task:
        """Task of the predictions: ``multiclass``, ``multilabel`` once fitted on several columns, or ``regression``."""
        if self._kind == "regressor":
            return "regression"
        return "multiclass" if self._outputs_ is None else "multilabel"

    @property
    def output_names_(self) -> tuple[Hashable, ...]:
        """Names of the outputs for ``combiner_``: those of the classes, in order, or of the columns of ``y``."""
        if self._outputs_ is not None:
            return self._outputs_
        return ("value",) if self._names_ is None else tuple(self._names_.values())

    @property
    def combiner_weighted_(self) -> bool:
        """Whether the combiner, too, was fitted with the weights that `fit` was given."""
        return self._weighted_ and self._unweighted_ is None

    def _ask(self) -> AskedCombiner:
        """Resolve the combiner; ``passthrough`` of the ensemble sets the option of that name, if it is not given."""
        asked = ask_for(self.combiner, self.combiner_options)
        options = dict(self.combiner_options or {})
        unset = getattr(asked.combiner, "passthrough", None) is False and "passthrough" not in options
        if self.passthrough and unset and isinstance(self.combiner, str):
            return ask_for(self.combiner, options | {"passthrough": True})
        return asked

    def _takes_several(self) -> bool:
        """Whether the combiner takes several outputs, for scikit-learn's tags, which must not raise."""
        try:
            asked = ask_for(self.combiner, self.combiner_options)
        except EnsembleKitError:
            return False
        return ("multilabel" if self._kind == "classifier" else "regression") in asked.tasks

    def _read_y(self, y: Any, x: Any) -> np.ndarray:
        """Read ``y`` of the rows x; its named columns are put in the order of the fit."""
        return self._check_y(read_outputs(y, x, self._outputs_)[0])

    def _check_cv(self) -> bool:
        if isinstance(self.cv, str) and self.cv != "prefit":
            raise InvalidOptionError(
                f"cv must be a whole number, a splitter, folds of row numbers or 'prefit'; received {self.cv!r}."
            )
        return isinstance(self.cv, str)

    def _check_parts(
        self, y: np.ndarray, outputs: tuple[Hashable, ...] | None = None, *, weighted: bool
    ) -> tuple[dict[str, Any], AskedCombiner]:
        """Refuse before anything is fitted what would be refused after it; learn the names of the outputs."""
        self._outputs_ = None if y.ndim < 2 else tuple(range(y.shape[1])) if outputs is None else outputs
        prefit = self._check_cv()
        self._check_options()
        check_parameters(self, but=("combiner",))
        if self.n_jobs is not None and not -(2**31) < self.n_jobs < 2**31:
            raise InvalidOptionError(f"n_jobs must be a number of processes, or -1 for all; received {self.n_jobs}.")
        reserved = [*self.get_params(deep=False), "ensemble"]
        members = check_estimators(self.estimators, reserved, kind=self._kind, prefit=prefit, task=self.task)
        asked = self._ask()
        asked.check_task(self.task)
        asked = without_dropped(asked, [name for name, _ in all_pairs(self.estimators)], list(members))
        if self.passthrough and "features" not in asked.takes:
            raise InvalidOptionError(f"combiner {asked.name!r} makes no use of X. Leave out passthrough=True.")
        self._shows_features_ = self._wants_features(asked.combiner)
        asking, asked = plan_members(members, self.response_method, asked, kind=self._kind)
        self.response_methods_, self._columns_ = dict(asking.methods), dict(asking.columns)
        self._names_ = self._learn_names(members, y, prefit)
        self._check_combination(members, asked, prefit=prefit, weighted=weighted)
        predictor = self._predictor()
        for name, member in members.items():
            if prefit:
                predictor.check(name, member)
                continue
            predictor.check_unfitted(name, member)
            if weighted and not routing() and asking.columns.get(name) != "features":
                weight_name(name, member)
            nested = last_step(member)
            if isinstance(nested, CheckedEnsemble):
                copied: Any = clone(nested)
                copied._check_parts(y, weighted=weighted and not routing())
        return members, asked

    def _weigh(self, sample_weight: Any, x: Any, y: np.ndarray) -> np.ndarray | None:
        weight = None
        if sample_weight is not None:
            weight = check_weights(weights_of(sample_weight, x), len(y))
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

    def _warn_unweighted(self) -> None:
        if self._unweighted_ is not None:
            warnings.warn(
                f"the members are fitted with the weights of the rows, the combiner with each row of weight > 0 alike: "
                f"{self._unweighted_}",
                UnweightedCombinerWarning,
                stacklevel=4,
            )

    def _refuse_unused(self, asked: AskedCombiner, weight: Any, groups: Any, params: Mapping[str, Any]) -> None:
        unused = [f"{p}=..." for p in params] + (["groups"] if groups is not None else [])
        unused += ["sample_weight or class_weight"] if weight is not None and not asked.learns else []
        if unused:
            raise InvalidOptionError(
                f"with cv='prefit' no member is fitted and no fold made, and combiner {asked.name!r} "
                f"{'learns' if asked.learns else 'learns nothing'}: {', '.join(unused)} would do nothing. Leave it out."
            )

    def _predictor(self) -> MemberPredictor:
        asking = Asking(getattr(self, "response_methods_", {}), self._columns_)
        # An ensemble of an earlier version has no `response_methods_`.
        method = "predict" if self.response_method == "predict" else "predict_proba"
        if self._outputs_ is not None:
            return OutputsPredictor(self._outputs_, self.task, method, asking=asking)
        return MemberPredictor(self._names_, method, complete=not isinstance(self.cv, str), asking=asking)

    def _check_combination(
        self, members: Mapping[str, Any], asked: AskedCombiner, *, prefit: bool, weighted: bool
    ) -> None:
        # Wrong weights or classes must be refused before anything is fitted. So one row is combined: this makes the
        # same checks as a prediction of the ensemble.
        outputs, predictor = self.output_names_, self._predictor()
        by_name = prefit or isinstance(predictor, OutputsPredictor)  # members to be fitted will know the same classes
        as_classes(outputs)
        predictions: list[Predictions] = []
        rows: dict[str, np.ndarray] = {}
        for name, member in members.items():
            classes = predictor.columns_of(name, member) if isinstance(predictor, OutputsPredictor) else list(outputs)
            if prefit and self._names_ is not None and self._columns_.get(name) not in ("numbers", "features"):
                known = predictor.labels_of(name, member)
                if len(known) == 1 and self.missing == "error":
                    raise AlignmentError(
                        f"classes must be the same for every member; member {name!r} knows {shown(known[0])} alone, of "
                        f"{len(outputs)} classes. Fit it on rows of every class, or give missing='zero'."
                    )
                classes = [self._names_[label] for label in known] if len(known) > 1 else list(outputs)
            row = np.arange(len(classes), 0.0, -1.0)[np.newaxis]  # without a tie, which would take a rule longer
            rows[name] = row / row.sum()
            if by_name:
                predictions.append(Predictions(rows[name], ids=[0], classes=classes, task=self.task, member=name))
        if by_name:
            aligned = align(predictions, missing=self.missing)
        else:
            aligned = set_of_arrays(rows, ids=np.arange(1), classes=outputs, task=self.task)
        self._unweighted_ = None
        if asked.learns:
            given = {"features"} & asked.fit_takes if self._shows_features_ or self._columns_ else set[str]()
            self._unweighted_ = self._check_fit(asked, list(members), given, weighted=weighted, must=prefit)
        elif not self._shows_features_:
            combine_values(aligned, asked.combiner)

    def _check_fit(
        self, asked: AskedCombiner, members: list[str], given: set[str], *, weighted: bool, must: bool
    ) -> str | None:
        """Refuse what the combiner would refuse; say why it makes no use of weights if that is all it refuses."""
        reason = None
        if weighted:
            try:
                return asked.check_fit(members, self.output_names_, task=self.task, given=given | {"sample_weight"})
            except InvalidOptionError as error:
                if must:  # no member is fitted, and the weights would do nothing
                    raise
                reason = str(error)
        asked.check_fit(members, self.output_names_, task=self.task, given=given)
        return reason

    def _wants_features(self, combiner: Any) -> bool:
        return bool(self.passthrough) or bool(getattr(combiner, "passthrough", False))


def without_dropped(asked: AskedCombiner, names: list[str], kept: list[str]) -> AskedCombiner:
    """Leave out weights and costs of members that are dropped, given in the order of all members or by name."""
    if isinstance(asked.combiner, Auto):
        return replace(asked, combiner=asked.combiner.without({*names} - {*kept}))
    weights = by_member(getattr(asked.combiner, "weights", None))
    unknown = isinstance(weights, Mapping) and not {*weights} <= {*names}  # refused later, by name
    return asked if len(kept) == len(names) or unknown else asked.keep_members(tuple(names), kept)
