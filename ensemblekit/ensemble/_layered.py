"""The base class of `LayeredClassifier` and `LayeredRegressor`."""

from __future__ import annotations

import copy
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from ..arguments import check_parameters
from ..combining import ask, combine, fit_combiner
from ..errors import EnsembleKitError, InvalidOptionError, InvalidPredictionsError
from ..evaluation import find_metric, find_metrics
from ..predictions import Predictions, PredictionSet, Task, align
from ..printed import printable
from ._auto import AUTO
from ._columns import has_method
from ._composition import routing
from ._groups import plan_groups
from ._layered_parameters import LayeredParameters
from ._layering import Layering, OutOfTimeError, disjoint_folds, inputs_above, refuse_no_weight, refuse_text
from ._members import check_estimators
from ._rows import as_rows, check_row_names, check_targets_given, has_columns, n_rows, one_name_a_row, weights_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Layered"]


class _OneMember:
    """A member as an ensemble of one, which checks it, matches its classes by name and takes groups to its parts."""

    def __init__(self, ensemble: Any, labels: list[Any] | None) -> None:
        self.ensemble, self.labels = ensemble, labels

    def fresh(self) -> Any:
        """Copy the ensemble, and tell it the labels of all rows."""
        copied: Any = clone(self.ensemble)
        if self.labels is not None:
            copied.name_outputs(self.labels)
        return copied

    def certain(self, y: np.ndarray) -> np.ndarray | None:
        """Return the probabilities of the classes if the labels are all the same."""
        if self.labels is None or (y != y[0]).any():
            return None
        return (np.array(self.labels) == y[0]).astype(np.float64)


class Layered(LayeredParameters, ABC):
    """Layers of named members, and a combiner on top, as one scikit-learn estimator."""

    not_stored = frozenset({"oof_predictions_", "oof_combined_", "_labels"})
    task: Task
    _kind: str
    _of_one: Any
    _names: tuple[Hashable, ...]
    _labels: np.ndarray

    @abstractmethod
    def _check_y(self, y: Any) -> np.ndarray: ...

    @abstractmethod
    def _learn_labels(self, y: np.ndarray) -> list[Any] | None:
        """Set ``_names`` of the outputs and ``_labels`` of the rows; return the labels of a classifier."""

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, *, groups: Any = None) -> Self:
        """Fit layer after layer, while the out-of-fold score gets better and there is time.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...), list of text or dicts, or mapping of input name to array-like
            Inputs, as for `EnsembleClassifier`.
        y : array-like of shape (n_samples,)
            Labels or values. Here, in ``sample_weight`` and in ``groups``, a mapping is looked up by the index of X.
        sample_weight : array-like of shape (n_samples,), optional
            Finite, >= 0. Passed to every member and the combiner, and used in the scores.
        groups : array-like of shape (n_samples,), optional
            Rows of one group are never both fitted on and predicted out of fold, in any layer, nor by members that make
            folds of their own.

        Returns
        -------
        Layered
            Itself.

        Raises
        ------
        InvalidOptionError
            If an option is not valid, or ``cv`` does not hold out each row once.
        LeakageError
            If a fold predicts rows or groups that it was fitted on.
        InvalidPredictionsError
            If a member's predictions are not valid.
        """
        started = time.perf_counter()
        x = as_rows(X)
        check_targets_given(self, y)
        check_row_names(X, y=y, sample_weight=sample_weight, groups=groups)
        y, groups = one_name_a_row("y", y, x), one_name_a_row("groups", groups, x)
        validate_data(self, x, y, skip_check_array=True, ensure_2d=has_columns(x))
        if not n_rows(x):
            raise InvalidPredictionsError(f"{type(self).__name__} needs at least one row; received none.")
        y = self._check_y(y)
        check_consistent_length(range(n_rows(x)), y, groups)
        params = {} if sample_weight is None else {"sample_weight": self._check_weights(sample_weight, x, len(y))}
        params |= {} if groups is None else {"groups": np.asarray(groups)}
        self._check_options()
        asked = ask(self.combiner, self.combiner_options)
        asked.check_task(self.task)
        labels = self._learn_labels(y)
        layers = self._check_layers(labels, y, params)
        if self.passthrough and len(layers) > 1:
            refuse_text(x)
        if asked.learns:
            for members in layers:
                asked.check_fit(list(members), self._names, task=self.task, given={"sample_weight"} & set(params))
        # A combiner that learns is scored without a fold as if it were a layer more.
        learns = int(asked.learns)
        folds = disjoint_folds(
            self.cv, x, y, groups=groups, classifier=labels is not None, most=len(layers) + learns, layers=len(layers)
        )
        if sample_weight is not None:
            refuse_no_weight(folds, params["sample_weight"], len(layers) + learns)
        work = Layering(
            layers, x, y, folds=folds, params=params, passthrough=self.passthrough, time_limit=self.time_limit,
            n_jobs=self.n_jobs, report=self._report,
        )  # fmt: skip
        self.oof_predictions_: list[PredictionSet] = []
        self.oof_combined_: list[Predictions] = []
        self.stopped_ = "all layers"
        self._rows: list[dict[str, Any]] = []
        combiners: list[Any] = []
        best = 0
        for layer, given in enumerate(layers):
            before, fits = time.perf_counter(), work.n_fits
            try:
                work.add(layer, 1 + learns)
            except OutOfTimeError:
                self.stopped_ = "time limit"
                break
            combiners.append(self._judge(work, layer, asked, params.get("sample_weight")))
            now = time.perf_counter()
            cost = {"fits": work.n_fits - fits, "seconds": now - before, "total_seconds": now - started}
            self._rows.append({"members": len(work.layers[layer])} | cost | self._scores(params.get("sample_weight")))
            if layer and self._gain(best) > 0:
                best = layer
            if len(work.layers[layer]) < len(given):
                self.stopped_ = "time limit"
                break
            if self.patience is not None and layer - best >= self.patience and layer + 1 < len(layers):
                self.stopped_ = "no gain"
                break
        self.n_layers_ = best + 1
        self.combiner_ = combiners[best]
        self._fitted = [dict(one) for one in work.fitted[: self.n_layers_]]
        for below, above in zip(self._fitted, work.layers, strict=False):
            for name in set(below) - set(above):
                del below[name]
        self.fold_ = np.empty(len(y), dtype=np.int64)
        for number, fold in enumerate(folds):
            self.fold_[fold] = number
        self.fit_seconds_ = time.perf_counter() - started
        return self

    def _judge(self, work: Layering, layer: int, asked: Any, weight: np.ndarray | None) -> Any:
        """Combine a layer out of fold, and return the combiner that is fitted on all rows."""
        members, every = [*work.layers[layer]], range(len(work.folds))

        def predictions(folds: Any, without: tuple[int, ...]) -> PredictionSet:
            rows = np.concatenate([work.folds[fold] for fold in folds])
            given = {
                name: np.concatenate([work.out_of_fold(layer, name, fold, without) for fold in folds])
                for name in members
            }
            return self._align(given, rows).with_labels(self._labels[rows])

        whole = predictions(every, ())
        self.oof_predictions_.append(whole.reorder(rows=np.argsort(whole.ids)))
        if not asked.learns:
            combined = combine(self.oof_predictions_[-1], asked.combiner)
            self.oof_combined_.append(combined)
            return copy.deepcopy(asked.combiner)
        probas = np.empty((len(self._labels), len(self._names)))
        for fold in every:
            others = predictions([other for other in every if other != fold], (fold,))
            fitted = fit_combiner(others, asked.combiner, **_weights_of_rows(weight, others.ids))
            held = combine(predictions([fold], ()), fitted)
            probas[held.ids] = held.probas
        first = self.oof_predictions_[-1]
        self.oof_combined_.append(
            Predictions(probas, ids=first.ids, classes=self._names, task=self.task, labels=self._labels)
        )
        return fit_combiner(first, asked.combiner, **_weights_of_rows(weight, first.ids))

    def _scores(self, weight: np.ndarray | None) -> dict[str, Any]:
        predictions, combined = self.oof_predictions_[-1], self.oof_combined_[-1]
        self._metric = find_metrics(self.metric, combined)[0]
        sign = 1 if self._metric.higher_is_better else -1
        codes = predictions.label_codes
        assert codes is not None  # noqa: S101 - they have labels
        of_members = {
            name: self._metric.score(codes, probas.astype(np.float64), sample_weight=weight)
            for name, probas in zip(predictions.members, predictions.member_probas, strict=True)
        }
        best = max(of_members, key=lambda name: sign * of_members[name])
        score = self._metric.score(codes, combined.probas.astype(np.float64), sample_weight=weight)
        return {"best_member": best, "best_member_score": of_members[best], "score": score}

    def _gain(self, best: int) -> float:
        gain = self._rows[-1]["score"] - self._rows[best]["score"]
        return gain if self._metric.higher_is_better else -gain

    def _align(self, given: Mapping[str, np.ndarray], ids: np.ndarray) -> PredictionSet:
        return align(
            [Predictions(p, ids=ids, classes=self._names, task=self.task, member=name) for name, p in given.items()]
        ).reorder(classes=self._names)

    def _combined(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "combiner_")
        x = as_rows(X)
        check_row_names(X)
        x = validate_data(self, x, skip_check_array=True, ensure_2d=has_columns(x), reset=False)
        inputs, columns = x, {}
        for number, layer in enumerate(self._fitted):
            if number:
                inputs = inputs_above([*columns.values()], x if self.passthrough else None)
            columns = {name: one.transform(inputs) for name, one in layer.items()}
        aligned = self._align(columns, np.arange(n_rows(x)))
        return combine(aligned, self.combiner_).probas

    def _check_layers(self, labels: list[Any] | None, y: np.ndarray, params: Mapping[str, Any]) -> list[Any]:
        """Refuse before anything is fitted what would be refused after it."""
        if not isinstance(self.layers, (list, tuple)) or not self.layers:
            raise InvalidOptionError(
                "layers must be a list with one list of (name, estimator) for each layer, at least one; received "
                f"{self.layers!r}."
            )
        checked: list[Any] = []
        for number, given in enumerate(self.layers, 1):
            reserved = [*self._of_one([]).get_params(deep=False), "ensemble"]
            try:
                members = check_estimators(given, reserved, kind=self._kind, prefit=False, task=self.task)
            except InvalidOptionError as error:
                raise InvalidOptionError(f"layer {number}: {error}") from None
            methods = {name: self._method_of(name) for name in members}
            made = {name: self._one(name, member, methods[name]) for name, member in members.items()}
            ones = {name: _OneMember(ensemble, labels) for name, ensemble in made.items()}
            for name, one in ones.items():
                if self._kind == "classifier":
                    _check_answers(number, name, members[name], methods[name], self._of_one.__name__)
                try:
                    one.fresh()._check_parts(y, weighted="sample_weight" in params)
                except EnsembleKitError as error:
                    error.add_note(
                        f"This came from layer {number}, member {name}. Options of an ensemble go with an ensemble of "
                        f"this member in its place: {self._of_one.__name__}([member], ...)."
                    )
                    raise
                if "groups" in params:
                    plan_groups(name, members[name], routed=routing())
            checked.append(ones)
        return checked

    def _one(self, name: str, member: Any, method: str) -> Any:
        return self._of_one([(name, member)])

    def _method_of(self, name: str) -> str:
        return "auto"

    def _check_options(self) -> None:
        check_parameters(self, but=("combiner", "layers", "metric", "cv"))
        if isinstance(self.combiner, (list, tuple)) or self.combiner == AUTO:
            raise InvalidOptionError(
                f"combiner of {type(self).__name__} must be one rule; received {self.combiner!r}. Fit with one, "
                "and compare rules by choose(model.oof_predictions_[model.n_layers_ - 1])."
            )
        if self.metric is not None:
            find_metric(self.metric, task=self.task)
        if self.patience is not None and self.patience < 1:
            raise InvalidOptionError(
                f"patience must be a number of layers >= 1, or None to fit them all; received {self.patience!r}."
            )
        if self.time_limit is not None and not 0 < self.time_limit < float("inf"):
            raise InvalidOptionError(
                f"time_limit must be a number of seconds > 0, or None; received {self.time_limit!r}."
            )

    def _check_weights(self, sample_weight: Any, x: Any, n: int) -> np.ndarray:
        weight = weights_of(sample_weight, x)
        if weight.shape != (n,) or not np.isfinite(weight).all() or (weight < 0).any():
            raise InvalidOptionError(
                f"sample_weight must be finite and >= 0, one a row, shape {(n,)}; received shape {weight.shape}."
            )
        if not weight.any():
            raise InvalidOptionError("Sample weights must contain at least one non-zero number; all are 0.")
        return weight

    def _report(self, line: str) -> None:
        if self.verbose:
            sys.stderr.write(printable(f"[{type(self).__name__}] {line}") + "\n")
            sys.stderr.flush()

    @property
    def layers_(self) -> list[dict[str, Any]]:
        """The members of each layer that is used, fitted on all rows, by name."""
        check_is_fitted(self, "combiner_")
        return [{name: one.named_estimators_[name] for name, one in layer.items()} for layer in self._fitted]

    @property
    def layer_table_(self) -> pd.DataFrame:
        """What each layer cost and how good it is, as a table."""
        import pandas as pd

        check_is_fitted(self, "combiner_")
        table = pd.DataFrame(self._rows, index=pd.RangeIndex(1, len(self._rows) + 1, name="layer"))
        table["used"] = table.index <= self.n_layers_
        return table


def _weights_of_rows(weight: np.ndarray | None, rows: np.ndarray) -> dict[str, Any]:
    return {} if weight is None else {"sample_weight": weight[rows]}


def _check_answers(number: int, name: str, member: Any, method: str, of_one: str) -> None:
    """Refuse a member without probabilities, which are what a layer passes on; an ensemble in its place has some."""
    who = f"layer {number}: member {name!r} ({type(member).__name__})"
    if not is_classifier(member):
        raise InvalidOptionError(
            f"{who} is no classifier, and layers pass on probabilities. Give an ensemble that makes some of its "
            f"answers in its place: ({name!r}, {of_one}([member], combiner='stacking'))."
        )
    if method == "auto" and not has_method(member, "predict_proba"):
        raise InvalidOptionError(
            f"{who} has no predict_proba, and layers pass on probabilities. Give in its place a "
            f"CalibratedClassifierCV(member), or give response_method={{{name!r}: 'predict'}}, by which the class that "
            "it predicts has probability 1."
        )
