"""The search: judge the candidates, choose, and judge the choice by folds in which it is made anew."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..combining import combine, fit_combiner
from ..evaluation import paired_bootstrap
from ..evaluation.words import counted
from ..predictions import Predictions, PredictionSet
from ..predictions.joining import positions
from ..predictions.names import shown
from ..predictions.results import predictions_for
from ..registry import default_registry
from ._best import BestMembers
from ._candidates import BEST, MEAN, Candidate, reason_of
from ._choice import CHOICE, Choice, Judgement
from ._costs import WithinCost
from ._folds import Folds
from ._judging import Judged, judge
from ._promise import Estimate
from ._scoring import Scoring, simplest_not_beaten
from ._words import sentence_of, size_of

__all__ = ["Search"]

FEWEST_GROUPS = 12
"""With fewer rows or groups, folds leave too little to fit on and to judge by."""
NONE, UNKNOWN = (0.0, 0.0, 0.0), (np.nan, np.nan, np.nan)
"""Gain of the best member over itself, and one that could not be judged."""


@dataclass(frozen=True)
class Search:
    """What `choose` has checked and sorted; `run` chooses."""

    given: PredictionSet
    predictions: PredictionSet
    scoring: Scoring
    folds: Folds
    candidates: list[Candidate]
    groups: Any
    simplest: bool
    confidence: float
    smallest: float
    allow_leakage: bool
    n_jobs: int
    costs: Mapping[str, float] | None = None
    max_cost: float | None = None

    def run(self) -> Choice:
        """Choose a rule, and judge the choice."""
        if not self.folds.n_folds or self._scoring.n_groups < FEWEST_GROUPS:
            return self._without_judgement(self._size())
        if (same := self._all_alike()) is not None:
            return self._without_judgement(f"{self._size()}, all of which have the label {shown(same)},")
        judged, reasons = self._judge()
        held_out = self.folds.held_out
        scoring = self.scoring.of_rows(held_out)
        while True:
            known = {n: one.held_out[held_out] for n, one in judged.items()}
            name = simplest_not_beaten(scoring, _candidates(judged), known, simplest=self.simplest)
            try:
                combiner = self._fit(judged[name].candidate)
                break
            except Exception as error:  # a stranger's rule may raise anything
                if name in (BEST, MEAN):
                    raise
                reasons[name] = reason_of(error)
                del judged[name]
        chosen = self._predictions(self._choose_without_each_fold(judged), CHOICE)
        best = self._predictions(judged[BEST].held_out, BEST)
        estimates = [self._gain(chosen, best)]
        single = self._fit(judged[BEST].candidate)
        (best_member,) = _used(single)
        if name != BEST:
            estimates.append(self._gain(self._predictions(judged[name].held_out, name), best))
        if name == BEST or not sum(gain for gain, _, _ in estimates) / 2 > self.smallest:
            combiner, name, estimates = single, best_member, [NONE]
        gain = sum(gain for gain, _, _ in estimates) / len(estimates)
        low, high = min(low for _, low, _ in estimates), max(high for _, _, high in estimates)
        rules = {n: self._predictions(one.held_out, n) for n, one in judged.items()}
        members = self._members({CHOICE, *rules})
        value = self._scoring.value(self.predictions[best_member].probas[self._judged]) * self.scoring.sign
        choice = Choice(
            combiner=combiner,
            name=name,
            members=_used(combiner),
            best_member=best_member,
            beats=low > self.smallest,
            gain=gain,
            gain_low=low,
            gain_high=high,
            metric=self.scoring.metric.name,
            sentence="",
            notes=self.folds.notes,
            out_of_fold={CHOICE: chosen} | rules | members,
            n_candidates=len(judged),
            judgement=self._judgement(_candidates(judged), reasons, estimates),
            cost=self._cost(_used(combiner)),
        )
        return replace(choice, sentence=sentence_of(choice, value, n_rows=int(self._judged.sum()), order=self._order()))

    @functools.cached_property
    def _judged(self) -> np.ndarray:
        """The rows on which the choice, and all else, is judged."""
        return np.isin(self.folds.place, [*self.folds.judged])

    @functools.cached_property
    def _scoring(self) -> Scoring:
        return self.scoring.of_rows(self._judged)

    @functools.cached_property
    def _shown(self) -> PredictionSet:
        """The members on these rows, in the order of the caller."""
        if self._judged.all():
            return self.given
        return self.given.take(self.given.ids[self._judged[positions(self.predictions.ids, self.given.ids)]])

    def _order(self) -> str:
        """Say that folds are in time, and where the rows begin that are judged."""
        if (forward := self.folds.forward) is None:
            return ""
        first = forward.cutoffs[min(self.folds.judged) - 1]
        return (
            f" Folds are in time: {counted(int(self._judged.sum()), 'rows')} of {len(self._judged)}, with cutoffs from "
            f"{first} on, are judged, each by what was fitted and chosen on earlier ones."
        )

    def _judge(self) -> tuple[dict[str, Judged], dict[str, str]]:
        reasons = {c.name: c.reason for c in self.candidates if c.reason}
        candidates = [c for c in self.candidates if not c.reason]
        if not self.folds.can_learn:
            left_out = {c.name for c in candidates if c.learns and c.name not in (BEST, MEAN)}
            reasons |= dict.fromkeys(left_out, "folds leave too few rows of a class to fit on")
            candidates = [c for c in candidates if c.name not in left_out]
        judged, failed = judge(
            candidates,
            self.predictions,
            self.folds,
            sample_weight=self.scoring.sample_weight,
            allow_leakage=self.allow_leakage,
            n_jobs=self.n_jobs,
        )
        return {one.candidate.name: one for one in judged}, reasons | failed

    def _choose_without_each_fold(self, judged: Mapping[str, Judged]) -> np.ndarray:
        """Predict each fold by the rule that is chosen, and fitted, without it."""
        place = self.folds.place
        predicted = np.full_like(judged[BEST].held_out, np.nan)
        for fold, known in self.folds.judged.items():
            name = simplest_not_beaten(
                self.scoring.of_rows(known),
                _candidates(judged),
                {n: one.without_fold(fold, self.folds) for n, one in judged.items()},
                simplest=self.simplest,
            )
            predicted[place == fold] = judged[name].held_out[place == fold]
        return predicted

    def _gain(self, chosen: Predictions, best: Predictions) -> tuple[float, float, float]:
        pair = paired_bootstrap(
            chosen,
            best,
            metrics=[self.scoring.metric],
            groups=self.groups,
            sample_weight=self._weights(),
            confidence=self.confidence,
            n_resamples=self._n_resamples(5000),
            seed=self.scoring.seed,
        ).iloc[0]
        by, sign = "" if self.groups is None else "group_", self.scoring.sign
        low, high = sorted((sign * float(pair[f"{by}low"]), sign * float(pair[f"{by}high"])))
        return sign * float(pair["difference"]) + 0.0, low + 0.0, high + 0.0

    def _n_resamples(self, number: int) -> int:
        return number // 10 if self.scoring.metric.loops else number

    def _weights(self) -> dict[Any, float] | None:
        """Name the weights by the ids of their rows."""
        weight = self.scoring.sample_weight
        if weight is None:
            return None
        shown = self._judged if self.folds.n_folds else np.ones(len(weight), dtype=bool)
        return dict(zip(self.predictions.ids[shown].tolist(), weight[shown].tolist(), strict=True))

    def _fit(self, candidate: Candidate) -> Any:
        """Fit on all rows; the best members become a weighted mean by name, which can be saved and read."""
        given: dict[str, Any] = (
            {} if self.scoring.sample_weight is None else {"sample_weight": self.scoring.sample_weight}
        )
        fitted = fit_combiner(self.predictions, candidate.combiner, allow_leakage=self.allow_leakage, **given)
        members = self.predictions
        if isinstance(fitted, WithinCost):
            members = members.select(fitted.kept_)
            fitted = fit_combiner(members, fitted.inner, allow_leakage=self.allow_leakage, **given)
        if isinstance(fitted, BestMembers):
            weights = dict(zip(fitted.members_, fitted.weights_.tolist(), strict=True))
            if self.costs is not None:  # members without weight need not be paid for
                weights = {name: weight for name, weight in weights.items() if weight}
                members = members.select([*weights])
            rule = default_registry().create_combiner("weighted", weights=weights)
            fitted = fit_combiner(members, rule, allow_leakage=self.allow_leakage)
        combine(members, fitted, allow_leakage=True)  # so that what cannot combine is not chosen
        return fitted

    def _predictions(self, probas: np.ndarray, name: str) -> Predictions:
        """Name the predictions of a candidate for the rows that are judged, in the order of the caller."""
        given, ours = self._shown, self.predictions
        columns = [ours.classes.index(label) for label in given.classes]
        values = probas[positions(ours.ids, given.ids)][..., columns]
        return predictions_for(given, values, member=name)

    def _size(self) -> str:
        return size_of(len(self.predictions.ids), self.scoring.n_groups)

    def _all_alike(self) -> Any:
        """Return the label of all rows that count, None if they differ: what is the same everywhere is soon learned."""
        weight, labels = self._scoring.sample_weight, self.predictions.labels
        codes = self._scoring.labels if weight is None else self._scoring.labels[weight > 0]
        exclusive = self.predictions.kind == "multiclass"
        if labels is None or not len(codes) or not (codes == (codes.flat[0] if exclusive else codes[0])).all():
            return None
        return self.predictions.classes[codes.flat[0]] if exclusive else codes[0].tolist()

    def _without_judgement(self, rows: str) -> Choice:
        """Return the mean, as these rows can tell nothing."""
        (mean,) = (c for c in self.candidates if c.name == MEAN)
        members, whose = self.given, "all members"
        if isinstance(mean.combiner, WithinCost):  # labels that tell nothing do not tell which members to take either
            members, whose = members.select(mean.combiner.budget.cheapest()), "the cheapest members"
            combiner = fit_combiner(members, MEAN, allow_leakage=self.allow_leakage)
        else:
            combiner = self._fit(mean)
        (best,) = (c for c in self.candidates if c.name == BEST)
        (best_member,) = _used(self._fit(best))
        judgement = self._judgement({MEAN: mean}, {}, [UNKNOWN])
        cost = self._cost(_used(combiner))
        if judgement.costs is not None and cost is not None:
            judgement = replace(judgement, costs={**judgement.costs, MEAN: cost})
        return Choice(
            combiner=combiner,
            name=MEAN,
            members=_used(combiner),
            best_member=best_member,
            beats=False,
            gain=np.nan,
            gain_low=np.nan,
            gain_high=np.nan,
            metric=self.scoring.metric.name,
            sentence=f"{rows} cannot tell which rule is best, nor which member: the mean of {whose} is returned.",
            notes=self.folds.notes,
            out_of_fold={MEAN: combine(members, combiner)} | self._members({MEAN}),
            n_candidates=1,
            judgement=judgement,
            cost=cost,
        )

    def _members(self, taken: set[str]) -> dict[str, Predictions]:
        """Name the members so that none has the name of a candidate."""
        shown = self._shown if self.folds.n_folds else self.given
        return {(f"member {m}" if m in taken else m): shown[m] for m in sorted(shown.members)}

    def _judgement(
        self, candidates: Mapping[str, Candidate], reasons: Mapping[str, str], estimates: Sequence[Estimate]
    ) -> Judgement:
        levels = {name: candidate.level for name, candidate in candidates.items()}
        return Judgement(
            metric=self.scoring.metric,
            groups=self.groups,
            sample_weight=self._weights(),
            confidence=self.confidence,
            n_resamples=self._n_resamples(1000),
            seed=self.scoring.seed,
            levels=levels,
            reasons=dict(sorted(reasons.items())),
            estimates=tuple(estimates),
            n_units=(self._scoring if self.folds.n_folds else self.scoring).n_groups,
            smallest=self.smallest,
            costs=self._costs(candidates),
            max_cost=self.max_cost,
        )

    def _cost(self, members: Sequence[str]) -> float | None:
        return None if self.costs is None else sum(self.costs[name] for name in members)

    def _costs(self, candidates: Mapping[str, Candidate]) -> dict[str, float] | None:
        """Add up the costs of the members that each candidate is given."""
        if self.costs is None:
            return None
        found = {name if name not in candidates else f"member {name}": cost for name, cost in self.costs.items()}
        weight = self.scoring.sample_weight
        for name, candidate in candidates.items():
            used: Sequence[str] = self.predictions.members
            if isinstance(candidate.combiner, WithinCost):
                used = candidate.combiner.budget.best(self.predictions, weight)
            elif isinstance(candidate.combiner, BestMembers):
                used = _used(self._fit(candidate))
            found[name] = sum(self.costs[member] for member in used)
        return found


def _candidates(judged: Mapping[str, Judged]) -> dict[str, Candidate]:
    return {name: one.candidate for name, one in judged.items()}


def _used(combiner: Any) -> tuple[str, ...]:
    """List the members that a fitted combiner makes use of: those with a positive weight, or all of them."""
    inner = getattr(combiner, "inner_", combiner)
    weights = getattr(inner, "weights_", getattr(inner, "weights", None))
    members = combiner.members_
    if isinstance(weights, Mapping):
        return tuple(m for m in members if weights.get(m, 0) > 0)
    if weights is None or isinstance(weights, str) or len(weights) != len(members):
        return members
    used = np.flatnonzero(np.asarray(weights, dtype=np.float64).reshape(len(members), -1).any(axis=1))
    return tuple(members[place] for place in used)
