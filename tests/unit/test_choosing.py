"""Choose a rule: what wins, what is promised, what is left out, and that no row is judged by a fit that saw it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ensemblekit as ek
from ensemblekit import Combiner, InvalidOptionError, LeakageError, Predictions, align, choose, combine
from ensemblekit.choosing import Choice
from ensemblekit.choosing._candidates import find_candidates
from ensemblekit.errors import InvalidPredictionsError
from ensemblekit.evaluation import find_metric
from ensemblekit.store import load, save

N = 120


def members(n: int = N, *, noise: dict[str, float] | None = None, seed: int = 0, **more: Any) -> list[Predictions]:
    """Draw members of a problem of two classes whose logits are those of the truth with noise."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % 2
    made: list[Predictions] = []
    for name, size in (noise or {"a": 2.0, "b": 2.0, "c": 2.0}).items():
        p = 1 / (1 + np.exp(-(2 * (2 * truth - 1) + size * rng.normal(size=n))))
        fields = {"ids": [f"r{k:04d}" for k in range(n)], "classes": ["no", "yes"], "member": name}
        made.append(Predictions(np.column_stack([1 - p, p]), labels=np.array(["no", "yes"])[truth], **fields, **more))
    return made


def numbers(n: int = N, seed: int = 0) -> list[Predictions]:
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(n, 1))
    fields: dict[str, Any] = {"ids": range(n), "classes": ["y"], "labels": truth, "task": "regression"}
    return [Predictions(truth + rng.normal(size=(n, 1)), member=name, **fields) for name in "abcd"]


def test_the_mean_of_members_with_independent_errors_beats_each_of_them() -> None:
    given = members(150)
    choice = choose(given, rules=["mean"])
    assert isinstance(choice, Choice)
    assert choice.name == "mean"
    assert choice.beats
    assert choice.gain_low > 0
    assert choice.members == ("a", "b", "c")
    assert choice.sentence.startswith(f"mean beats the best member, {choice.best_member}: log loss falls by ")
    assert np.array_equal(combine(given, choice.combiner).probas, combine(given, "mean").probas)


def test_the_best_member_is_returned_where_the_others_only_add_noise() -> None:
    choice = choose(members(noise={"good": 0.3, "bad": 6.0, "worse": 8.0}), rules=["mean", "median"])
    assert choice.name == choice.best_member == "good"
    assert choice.members == ("good",)
    assert (choice.gain, choice.gain_low, choice.gain_high) == (0, 0, 0)
    assert not choice.beats
    assert choice.sentence.startswith("Nothing of 3 candidates is shown to beat the best member, good (log loss ")
    given = members(noise={"good": 0.3, "bad": 6.0, "worse": 8.0})
    assert np.array_equal(combine(given, choice.combiner).probas, given[0].probas)


def test_the_chosen_combiner_is_saved_and_read(tmp_path: Any) -> None:
    for noise in ({"good": 0.3, "bad": 6.0}, {"a": 2.0, "b": 2.0}):
        given = members(noise=noise)
        choice = choose(given, rules=["weighted"])
        save(choice.combiner, tmp_path / "kept", overwrite=True)
        assert np.array_equal(combine(given, load(tmp_path / "kept")).probas, combine(given, choice.combiner).probas)


class Memory(Combiner):
    """Knows the labels of the rows that it was fitted on by the members' values, and answers the truth for them."""

    traits = frozenset({"learns"})
    known: Any = None

    def fit(self, predictions: Any, *, sample_weight: Any = None) -> Any:
        rows = _rows(predictions.member_probas)
        self.known_ = {row.tobytes(): code for row, code in zip(rows, predictions.label_codes, strict=True)}
        return self

    def combine(self, member_probas: Any, *, xp: Any = np) -> Any:
        codes = [self.known_.get(row.tobytes(), -1) for row in _rows(member_probas)]
        return np.array([[0.5, 0.5] if code < 0 else np.eye(2)[code] for code in codes])


def _rows(member_probas: Any) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(member_probas, 0, 1).reshape(member_probas.shape[1], -1))


def test_no_row_is_judged_by_a_fit_that_saw_it() -> None:
    choice = choose(members(), rules=[Memory()])
    assert np.array_equal(choice.out_of_fold["Memory()"].probas, np.full((N, 2), 0.5))
    assert choice.name != "Memory()"
    choice = choose(members(), rules=[Memory()], simplest=False)
    assert choice.name != "Memory()"


def test_no_row_is_judged_by_a_fit_that_saw_another_row_of_its_group() -> None:
    """Each row is there three times: whoever remembers one copy knows the others."""
    copies = [
        Predictions(
            np.repeat(p.probas, 3, axis=0), ids=[f"r{k:04d}" for k in range(120)], classes=p.classes,
            labels=np.repeat(p.labels, 3), member=p.member,
        )
        for p in members(40)
    ]  # fmt: skip
    of_row = {f"r{k:04d}": k // 3 for k in range(120)}
    choice = choose(copies, rules=[Memory()], groups=of_row)
    assert np.array_equal(choice.out_of_fold["Memory()"].probas, np.full((120, 2), 0.5))
    assert choice.judgement.n_units == 40
    without = choose(copies, rules=[Memory()])
    assert without.name == "Memory()"
    assert without.beats


def test_no_fold_takes_part_in_the_choice_that_predicts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels of one fold are turned round: the predictions of that fold by the choice stay as they are."""
    given = align(members(noise={"a": 1.0, "b": 1.5, "c": 2.5}))
    rules = ["weighted", "calibrated"]
    before = choose(given, rules=rules)
    from ensemblekit.choosing import _choose

    place = _place(given, monkeypatch)
    labels = np.where(place == 0, 1 - np.asarray(given.label_codes), np.asarray(given.label_codes))
    # The same folds, whatever the labels are.
    monkeypatch.setattr(_choose, "make_folds", lambda *_, **__: _folds(place))
    after = choose(given.with_labels(np.array(["no", "yes"])[labels]), rules=rules)
    for name in ("choice", "best member", *rules):
        one, other = before.out_of_fold[name].probas, after.out_of_fold[name].probas
        assert np.array_equal(one[place == 0], other[place == 0]), name
        assert not np.array_equal(one[place != 0], other[place != 0]) or name in ("best member", "choice"), name


def _place(given: Any, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    from ensemblekit.choosing import _choose

    kept: list[Any] = []
    real = _choose.make_folds
    with monkeypatch.context() as patched:
        patched.setattr(_choose, "make_folds", lambda *a, **k: kept.append(real(*a, **k)) or kept[-1])
        choose(given, rules=["mean"])
    return kept[0].place


def _folds(place: np.ndarray) -> Any:
    from ensemblekit.choosing._folds import Folds

    return Folds(place, int(place.max()) + 1)


@pytest.mark.slow
def test_no_order_of_rows_members_or_classes_changes_a_bit() -> None:
    given = members(60, noise={"a": 1.0, "b": 2.0, "c": 2.5})
    rules = ["weighted", "stacking", "calibrated", "greedy_selection"]
    one = choose(given, rules=rules)
    order = np.random.default_rng(1).permutation(60)
    turned = [
        Predictions(
            p.probas[order][:, ::-1], ids=p.ids[order], classes=["yes", "no"], labels=p.labels[order], member=p.member
        )
        for p in reversed(given)
    ]
    other = choose(turned, rules=rules, n_jobs=2)
    assert (one.name, one.gain, one.gain_low, one.sentence) == (other.name, other.gain, other.gain_low, other.sentence)
    for name, p in one.out_of_fold.items():
        again = other.out_of_fold[name]
        assert again.classes == ("yes", "no")
        assert np.array_equal(again.take(p.ids).probas[:, ::-1], p.probas), name
    assert one.table.equals(other.table)


def test_another_seed_draws_other_folds() -> None:
    one, other = (choose(members(60), rules=["stacking"], seed=seed).out_of_fold["stacking"] for seed in (0, 1))
    assert not np.array_equal(one.probas, other.probas)


class Broken(Combiner):
    def combine(self, member_probas: Any, *, xp: Any = np) -> Any:
        raise RuntimeError("no rule today")


def test_a_rule_that_fails_is_listed_with_its_reason_and_stops_nothing() -> None:
    choice = choose(members(), rules=[Broken(), "mean"])
    left_out = choice.table.set_index("candidate")["left_out"]
    assert left_out["Broken()"] == "RuntimeError: no rule today"
    assert left_out["mean"] == ""
    assert choice.n_candidates == 2


def test_a_rule_for_another_task_is_left_out_and_said_if_it_is_named() -> None:
    choice = choose(numbers(), rules=["voting", "weighted"])
    assert "voting" not in choice.out_of_fold
    assert (
        dict(zip(choice.table["candidate"], choice.table["left_out"], strict=True))["voting"] == "it is for multiclass"
    )


def test_every_suitable_registered_rule_is_a_candidate() -> None:
    registry = ek.load_plugins()
    for kind in ("multiclass", "multilabel", "regression"):
        found = find_candidates(None, task=kind, measured=find_metric("brier_score"), metric=None, n_members=3, seed=0)
        names = {candidate.name.partition("(")[0] for candidate in found if not candidate.reason}
        suits = {rule for rule in registry.combiners if kind in registry.create_combiner(rule).tasks}
        assert names - {"best member", "best 2 members"} == suits
        assert [candidate.name for candidate in found[:2]] == ["best member", "mean"]


def test_few_rows_tell_nothing_and_the_mean_is_returned_with_the_reason() -> None:
    choice = choose(members(8))
    assert choice.name == "mean"
    assert not choice.beats
    assert np.isnan([choice.gain, choice.gain_low, choice.gain_high]).all()
    assert choice.sentence == (
        "8 rows cannot tell which rule is best, nor which member: the mean of all members is returned."
    )
    assert choice.table["value"].notna().all()
    by_group = choose(members(60), groups={f"r{k:04d}": k % 4 for k in range(60)})
    assert by_group.sentence.startswith("60 rows of 4 groups cannot tell")


def test_rows_that_a_member_was_fitted_on_are_refused_unless_allowed() -> None:
    given = members(40, fit_ids=["r0003"])
    with pytest.raises(LeakageError, match="member 'a' was fitted on 1 of these 40 rows"):
        choose(given)
    assert choose(given, rules=["weighted"], allow_leakage=True).combiner.leaked_["a"] == 1
    with pytest.raises(LeakageError, match="test"):
        choose(members(40, split="test"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cv": 2}, "cv must be a whole number >= 3"),
        ({"seed": -1}, "seed must be a whole number >= 0"),
        ({"confidence": 1.5}, "confidence must be a number > 0 and < 1"),
        ({"n_jobs": 0}, "n_jobs must be a number of threads"),
        ({"metric": "no_such"}, "metric must be one of"),
        ({"rules": [Broken(), Broken()]}, "rules must have different names"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        choose(members(20), **options)


def test_predictions_that_cannot_be_judged_are_refused() -> None:
    with pytest.raises(InvalidPredictionsError, match="choosing needs two members or more"):
        choose(members(20)[:1])
    bare = [Predictions(p.probas, ids=p.ids, classes=p.classes, member=p.member) for p in members(20)]
    with pytest.raises(InvalidPredictionsError, match="choosing needs labels"):
        choose(bare)


def test_weights_of_rows_are_fitted_and_judged() -> None:
    """Half of the rows are noise and have weight 0: the choice is that of the other half."""
    given = align(members(200, noise={"good": 0.5, "bad": 3.0}))
    turned = np.asarray(given.label_codes).copy()
    turned[100:] = 1 - turned[100:]
    noisy = given.with_labels(np.array(["no", "yes"])[turned])
    weight = dict(zip(given.ids.tolist(), np.r_[np.ones(100), np.zeros(100)].tolist(), strict=True))
    weighted = choose(noisy, rules=["mean"], sample_weight=weight)
    assert weighted.best_member == "good"
    values = weighted.table.set_index("candidate")["value"]
    assert values["good"] == pytest.approx(ek.evaluation.log_loss(given["good"].take(given.ids[:100])), abs=1e-12)


@pytest.mark.parametrize("metric", ["accuracy", "callable", "neg_log_loss"])
def test_any_metric_chooses_and_greater_is_better_where_it_says_so(metric: str) -> None:
    def right(truth: Any, predicted: Any) -> float:
        return float(np.mean(predicted.argmax(axis=1) == truth))

    choice = choose(members(150), rules=["mean"], metric=right if metric == "callable" else metric)
    assert choice.metric == ("right" if metric == "callable" else metric)
    assert choice.name == "mean"
    assert choice.gain_low < choice.gain < choice.gain_high
    assert choice.gain > 0
    assert " rises by " in choice.sentence
    assert choice.table["value"].is_monotonic_decreasing


def test_labels_and_numbers_are_chosen_for_too() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=(N, 3))
    several = [
        Predictions(
            np.clip(truth * 0.6 + 0.2 + 0.4 * rng.normal(size=truth.shape), 0.01, 0.99),
            ids=range(N), classes=["x", "y", "z"], labels=truth, task="multilabel", member=name,
        )
        for name in "abc"
    ]  # fmt: skip
    for given, metric in ((several, "log_loss"), (numbers(), "rmse")):
        choice = choose(given, rules=["mean"])
        assert choice.metric == metric
        assert choice.name == "mean"
        assert choice.gain > 0
        value = choice.table.set_index("candidate")["value"]["mean"]
        mean = combine(given, "mean")
        assert value == pytest.approx(find_metric(metric).score(mean.label_codes, mean.probas), abs=1e-12)


def test_members_with_names_of_candidates_are_kept_apart() -> None:
    choice = choose(members(noise={"mean": 2.0, "choice": 2.0}), rules=["median"])
    assert {"mean", "member mean", "choice", "member choice"} <= choice.out_of_fold.keys()


@pytest.mark.parametrize("kind", ["multiclass", "regression", "multilabel"])
def test_labels_that_are_all_alike_can_tell_nothing(kind: str) -> None:
    labels: Any = {"multiclass": ["no"] * 30, "regression": np.full((30, 1), 2.5), "multilabel": [[1, 0]] * 30}[kind]
    rng = np.random.default_rng(0)
    fields: dict[str, Any] = {
        "ids": range(30),
        "classes": ["y"] if kind == "regression" else ["no", "yes"],
        "task": kind,
    }
    given = [Predictions(rng.dirichlet([1, 1], 30)[:, : len(fields["classes"])], labels=labels, member=m, **fields)
             for m in "ab"]  # fmt: skip
    choice = choose(given)
    assert choice.name == "mean"
    assert np.isnan(choice.gain)
    shown = {"multiclass": "'no'", "regression": "[2.5]", "multilabel": "[True, False]"}[kind]
    assert choice.sentence.startswith(f"30 rows, all of which have the label {shown}, cannot tell ")
    weight = {row: float(row > 0) for row in range(30)}
    labels = np.array(labels)
    labels[0] = {"multiclass": "ye", "regression": 9.0, "multilabel": 0}[kind]
    if kind == "multilabel":  # a row without weight does not count
        other = [Predictions(p.probas, labels=labels, member=p.member, **fields) for p in given]
        assert np.isnan(choose(other, rules=["mean"], sample_weight=weight).gain)
        assert not np.isnan(choose(other, rules=["mean"]).gain)


def test_numbers_whose_squares_are_infinite_are_judged() -> None:
    large = [Predictions(p.probas * 1e160, ids=p.ids, classes=p.classes, labels=np.asarray(p.labels) * 1e160,
                         task="regression", member=p.member) for p in numbers(60)]  # fmt: skip
    for metric in ("rmse", "mae"):
        one, other = (choose(given, rules=["mean"], metric=metric) for given in (numbers(60), large))
        assert one.name == other.name
        assert (other.gain, other.gain_low) == pytest.approx((one.gain * 1e160, one.gain_low * 1e160), rel=1e-9)
    assert "e+159" in other.sentence
