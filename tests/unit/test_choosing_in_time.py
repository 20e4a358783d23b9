"""`choose` of rows with ``time``: rules and the choice are judged by what was known at the cutoffs of each fold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from ensemblekit import Combiner, InvalidOptionError, Predictions, align, choose, combine, fit_combiner
from ensemblekit.choosing._candidates import Candidate
from ensemblekit.choosing._folds import Folds, folds_in_time
from ensemblekit.choosing._judging import judge
from ensemblekit.errors import InvalidPredictionsError, LeakageError
from ensemblekit_plugins.combiners.calibrated import Calibrated

TIME = ("cutoff", "target")
RULES = ["weighted", Calibrated("stacking", order="after")]


def forecasts(
    n_weeks: int = 24, *, lead: int = 1, sites: str = "abc", labels: Any = None, time: Any = TIME, shift: int = 0
) -> list[Predictions]:
    """Draw two classes, forecast by members whose logits are those of the truth with noise."""
    days = pd.date_range("2024-01-01", periods=n_weeks, freq="7D")
    rows = [(day, day + pd.Timedelta(7 * lead, "D"), site) for day in days for site in sites]
    index = pd.MultiIndex.from_tuples(rows, names=[*TIME, "site"])
    rng = np.random.default_rng(3)
    truth = np.arange(len(rows)) % 2
    labels = truth if labels is None else labels
    found: list[Predictions] = []
    for name, noise in {"a": 1.5, "b": 2.0, "c": 2.5}.items():
        p = 1 / (1 + np.exp(-2 * (2 * truth - 1) - noise * rng.normal(size=len(rows))))
        frame = pd.DataFrame({"dry": 1 - p, "wet": p}, index=index)
        known = pd.Series(np.array(["dry", "wet"])[labels], index=index)
        one = Predictions(frame, labels=known, member=name, time=time)
        found.append(one.take(np.roll(one.ids, shift)))
    return found


def test_the_verdict_says_that_folds_are_in_time() -> None:
    choice = choose(forecasts(), rules=["mean", "weighted"])
    assert choice.sentence.endswith(
        " Folds are in time: 48 rows of 72, with cutoffs from 2024-02-26 on, are judged, each by what was fitted and "
        "chosen on earlier ones."
    )
    assert choice.judgement.n_units == 48
    for predicted in choice.out_of_fold.values():
        assert predicted.key("cutoff").min() == np.datetime64("2024-02-26")
        assert len(predicted) == 48
        assert np.isfinite(predicted.probas).all()
    assert choice.table["value"].notna().all()
    assert choice.combiner.fit_times_ == {"cutoff": "2024-06-10", "target": "2024-06-17"}


def test_the_cutoff_alone_is_enough_and_rows_without_time_are_divided_as_before() -> None:
    assert "with cutoffs from 2024-02-26 on" in choose(forecasts(time="cutoff"), rules=["mean"]).sentence
    assert "in time" not in choose(forecasts(time=None), rules=["mean"]).sentence


@pytest.mark.parametrize("lead", [1, 6])
def test_no_outcome_that_was_not_known_yet_changes_a_prediction(lead: int) -> None:
    """Labels that were not known at the first cutoff of a fold are turned round: that fold stays as it is."""
    given = align(forecasts(lead=lead))
    before = choose(given, rules=RULES)
    judged = before.out_of_fold["choice"].key("cutoff")
    for first in (judged.min(), np.sort(judged)[len(judged) // 2]):
        late = given.key("target") > first
        labels = np.where(late, 1 - given.label_codes, given.label_codes)
        after = choose(forecasts(lead=lead, labels=labels), rules=RULES)
        same = after.out_of_fold["choice"].key("cutoff") <= first
        for name, predicted in before.out_of_fold.items():
            assert np.array_equal(predicted.probas[same], after.out_of_fold[name].probas[same]), (name, first)


class Clairvoyant(Combiner):
    """Answers the label of any row of its fit that has the same values."""

    traits = frozenset({"learns"})

    def fit(self, predictions: Any, *, sample_weight: Any = None) -> Any:
        rows = np.moveaxis(predictions.member_probas, 0, 1)
        self.known_ = {row.tobytes(): code for row, code in zip(rows, predictions.label_codes, strict=True)}
        return self

    def combine(self, member_probas: Any, *, xp: Any = np) -> Any:
        codes = [self.known_.get(row.tobytes(), -1) for row in np.moveaxis(member_probas, 0, 1)]
        return np.array([[0.5, 0.5] if code < 0 else np.eye(2)[code] for code in codes])


def test_a_planted_look_ahead_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fits on all rows, as wrong folds would make them, are refused; with leave they answer the truth."""
    given = align(forecasts())
    folds = folds_in_time(given, 5, None)
    options: dict[str, Any] = {"sample_weight": None, "n_jobs": 1}
    candidate = Candidate("all-knowing", Clairvoyant(), 0)
    (honest,), _ = judge([candidate], given, folds, allow_leakage=False, **options)
    assert (honest.held_out[folds.held_out] == 0.5).all()
    assert np.isnan(honest.held_out[~folds.held_out]).all()
    monkeypatch.setattr(Folds, "fitted", lambda self, left_out: np.arange(len(self.place)))
    judged, reasons = judge([candidate], given, folds, allow_leakage=False, **options)
    assert not judged
    assert reasons["all-knowing"].startswith("LeakageError: combiner 'Clairvoyant' must be used on cutoffs at which")
    (leaking,), _ = judge([candidate], given, folds, allow_leakage=True, **options)
    assert np.array_equal(leaking.held_out[folds.held_out].argmax(axis=1), given.label_codes[folds.held_out])


def test_no_order_changes_a_bit() -> None:
    first, second = (choose(forecasts(shift=shift), rules=RULES) for shift in (0, 29))
    assert first.sentence == second.sentence
    for name, predicted in first.out_of_fold.items():
        assert np.array_equal(predicted.probas, second.out_of_fold[name].take(predicted.ids).probas)


def test_groups_of_cutoffs_are_resampled_together_and_series_are_refused() -> None:
    choice = choose(forecasts(), rules=["mean"], groups="cutoff")
    assert choice.judgement.n_units == 16
    message = (
        r"groups must not reach over the cutoffs at which folds in time are divided.*leave no place to divide 24 "
        r"cutoffs\. Give groups that follow time, such as groups='cutoff', or none"
    )
    with pytest.raises(InvalidOptionError, match=message):
        choose(forecasts(), rules=["mean"], groups="site")
    of_known = [p.with_groups("site") for p in forecasts()]
    with pytest.raises(InvalidOptionError, match=message):
        choose(of_known, rules=["mean"])


def test_groups_are_whole_in_each_fold() -> None:
    given = forecasts(60)
    cutoff = given[0].key("cutoff")
    pair = (cutoff - cutoff.min()).astype(int) // 14
    choice = choose(given, rules=["mean"], groups=dict(zip(given[0].ids.tolist(), pair.tolist(), strict=True)))
    assert choice.judgement.n_units == 20
    first = choice.out_of_fold["choice"].key("cutoff").min()
    assert (first - cutoff.min()).astype(int) % 14 == 0


@pytest.mark.parametrize(
    ("weeks", "lead", "why"),
    [
        (3, 1, "the rows are of 3 cutoffs, and 4 are needed to choose and to judge the choice."),
        (24, 40, "of 24 cutoffs too few are after the first known outcomes to choose and to judge the choice."),
        (24, 14, "no outcome of the first fold is known at the last one, so that nothing can be chosen by it."),
    ],
)
def test_too_little_time_is_said(weeks: int, lead: int, why: str) -> None:
    choice = choose(forecasts(weeks, lead=lead), rules=["mean"])
    assert choice.notes == (why,)
    assert "cannot tell which rule is best, nor which member: the mean of all members is returned" in choice.sentence
    assert choice.name == "mean"


@pytest.mark.parametrize("early", [True, False])
def test_rows_without_weight_do_not_count(early: bool) -> None:
    """Whether the early or the late third has none: every fit and every fold has rows that count."""
    given = forecasts(36)
    late = given[0].key("cutoff") > np.datetime64("2024-03-20")
    counts = late if early else ~(given[0].key("cutoff") > np.datetime64("2024-06-10"))
    weight = dict(zip(given[0].ids.tolist(), counts.astype(float).tolist(), strict=True))
    choice = choose(given, rules=["weighted"], sample_weight=weight)
    alone = choose([p.take(p.ids[counts]) for p in given], rules=["weighted"])
    assert choice.name == alone.name
    rows = alone.out_of_fold["choice"].ids
    for name, predicted in alone.out_of_fold.items():
        np.testing.assert_allclose(choice.out_of_fold[name].take(rows).probas, predicted.probas, atol=1e-9)


def test_weights_and_costs_go_with_the_rows() -> None:
    given = forecasts()
    weight = {name: float(k % 3) for k, name in enumerate(given[0].ids.tolist())}
    choice = choose(given, rules=["weighted"], sample_weight=weight, costs={"a": 1, "b": 1, "c": 5}, max_cost=2)
    assert choice.cost in (1, 2)
    assert {*choice.members} <= {"a", "b"}
    assert choice.table["value"].notna().all()


class TestCalibrated:
    """A rule with ``cv`` divides rows in time too."""

    @pytest.mark.parametrize("order", ["before", "after"])
    def test_its_second_step_knows_nothing_of_the_future(self, order: str) -> None:
        seen: list[tuple[Any, Any]] = []

        class Spy(Combiner):
            traits = frozenset({"learns"})

            def fit(self, predictions: Any, *, sample_weight: Any = None) -> Any:
                self.last_ = predictions.key("target").max()
                self.rows_ = np.moveaxis(predictions.member_probas, 0, 1)
                return self

            def combine(self, member_probas: Any, *, xp: Any = np) -> Any:
                seen.append((self.last_, member_probas.shape[1]))
                return member_probas.mean(axis=0)

        fitted = fit_combiner(forecasts(), "calibrated", inner=Spy(), order=order)
        if order == "after":
            assert [rows for _, rows in seen] == [12] * 5  # of six blocks the first is not judged
            first = [np.datetime64("2024-01-01") + 28 * fold for fold in range(1, 6)]
            assert all(last <= cutoff for (last, _), cutoff in zip(seen, first, strict=True))
        else:
            assert len(fitted.inner_.rows_) == 60
        assert len(combine(forecasts(), fitted, allow_leakage=True)) == 72

    def test_one_cutoff_is_refused_where_folds_are_needed(self) -> None:
        message = r"at whose cutoff outcomes of earlier rows were known; received 3 rows with 1 different cutoffs, and"
        with pytest.raises(InvalidPredictionsError, match=message):
            fit_combiner(forecasts(1), "calibrated", inner="stacking")
        fit_combiner(forecasts(1), "calibrated")

    def test_a_rule_that_would_divide_at_random_is_refused(self) -> None:
        class Random(Clairvoyant):
            cv = 5

        with pytest.raises(LeakageError, match=r"'Random' with cv divides rows into folds at random.*folds_in_time ="):
            fit_combiner(forecasts(), Random())
        fit_combiner(forecasts(time=None), Random())
        fit_combiner(forecasts(), Random(), allow_leakage=True)
