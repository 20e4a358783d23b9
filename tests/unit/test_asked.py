"""`ask`: one answer to what every room asks about a combiner; and the old order of `fit_combiner`."""

import inspect

import numpy as np
import pytest

from ensemblekit import (
    Combiner,
    InvalidOptionError,
    LeakageError,
    Predictions,
    align,
    combine,
    hookimpl,
)
from ensemblekit import fit_combiner as fit
from ensemblekit.combining import ask
from ensemblekit.combining import asked as asked_room
from ensemblekit.combining.subsets import SubsetCombiner
from ensemblekit.errors import EnsembleKitError, NotFittedError
from ensemblekit.evaluation import leave_one_member_out
from ensemblekit.interfaces import TAKES, taken_by
from ensemblekit.registry import load_plugins

FIELDS = {"ids": ["a", "b", "c"], "classes": ["cat", "dog"], "labels": ["cat", "dog", "dog"]}
GOOD = Predictions([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]], member="good", **FIELDS)
COIN = Predictions([[0.5, 0.5], [0.6, 0.4], [0.5, 0.5]], member="coin", **FIELDS)


class Short(Combiner):
    def combine(self, member_probas):
        return member_probas[0]


class Long(Combiner):
    traits = frozenset({"learns"})

    def fit(self, predictions, *, features=None, validation=None):
        return self

    def combine(self, member_probas, *, present=None, task="multiclass", xp=np):
        return member_probas[0]


class Plain:
    def combine(self, member_probas, *, features=None):
        return member_probas[0]


class PlainWithFit(Plain):
    def fit(self, predictions):
        self.n_ = len(predictions.ids)


class Anything(Combiner):
    takes = frozenset({"task"})

    def combine(self, member_probas, **given):
        self.given = given
        return member_probas[0]


# What it takes.


def test_a_subclass_declares_what_its_methods_take():
    assert Combiner.takes == {"xp"}
    assert Combiner.fit_takes == {"sample_weight"}
    assert Short.takes == set()
    assert Short.fit_takes == {"sample_weight"}  # of the base
    assert Long.takes == {"present", "task", "xp"}
    assert Long.fit_takes == {"features", "validation"}


def test_a_subclass_inherits_and_redefines_what_it_takes():
    class Same(Long):
        pass

    class Narrower(Long):
        def combine(self, member_probas):
            return member_probas[0]

    class Mixed(Plain, Combiner):
        pass

    assert Same.takes == Long.takes
    assert Narrower.takes == set()
    assert Narrower.fit_takes == Long.fit_takes
    assert Mixed.takes == {"features"}


def test_what_is_declared_goes_before_the_signature():
    anything = Anything()
    combine([GOOD, COIN], anything)
    assert anything.given == {"task": "multiclass"}
    with pytest.raises(InvalidOptionError, match="'Anything' makes no use of features"):
        combine([GOOD, COIN], anything, features={"a": [1], "b": [2], "c": [3]})


def test_a_class_that_declares_nothing_is_read_by_its_signature():
    assert ask(Plain()).takes == {"features"}
    assert ask(Plain()).fit_takes == set()
    assert ask(PlainWithFit()).fit_takes == set()
    assert taken_by(lambda probas, **given: probas) == TAKES
    assert taken_by(None) == set()
    assert taken_by(dict.get) == set()
    assert taken_by(max) == set()  # says nothing of its arguments


@pytest.mark.parametrize("name", sorted(load_plugins().combiners))
def test_built_ins_declare_what_their_signatures_take(name):
    combiner = load_plugins().create_combiner(name)
    assert combiner.takes == taken_by(combiner.combine)
    assert combiner.fit_takes == taken_by(combiner.fit)


# Whether it learns.


def test_whether_it_learns_has_one_answer():
    assert ask("weighted").learns
    assert ask("weighted").unfitted
    assert not ask("mean").learns
    assert ask(PlainWithFit()).learns
    assert not ask(PlainWithFit()).unfitted
    assert not ask(Plain()).learns
    fitted = ask(fit([GOOD, COIN], "weighted"))
    assert fitted.learns
    assert not fitted.unfitted
    assert fitted.fitted_members == ("coin", "good")


def test_a_plain_class_with_a_fit_is_fitted_anew_without_each_member():
    with pytest.raises(NotFittedError, match="must be fitted anew without each member"):
        leave_one_member_out(align(GOOD, COIN), PlainWithFit())
    held_out = align(*(p.take(["a"]) for p in (GOOD, COIN)))
    scored = align(*(p.take(["b", "c"]) for p in (GOOD, COIN)))
    assert leave_one_member_out(scored, PlainWithFit(), fit_on=held_out).shape == (2, 3)


# Names, orders and options.


def test_asking_twice_is_asking_once():
    asked = ask("voting", {"kind": "hard"})
    assert ask(asked) is asked
    assert asked.name == "voting"
    assert asked.combiner.kind == "hard"
    assert ask(asked.combiner).name == "voting"


def test_members_and_classes_come_in_the_order_that_the_rule_needs():
    mean, first, fitted = ask("mean"), ask(Short()), ask(fit([GOOD, COIN], "stacking"))
    assert mean.order_members(("z", "a")) == ("a", "z")
    assert first.order_members(("z", "a")) == ("z", "a")
    assert fitted.order_members(("good", "coin")) == ("coin", "good")
    assert mean.order_classes(("dog", "cat")) == ("dog", "cat")
    assert first.order_classes(("dog", "cat")) == ("cat", "dog")
    assert fitted.order_classes(("dog", "cat")) == ("cat", "dog")


def test_a_member_that_is_dropped_takes_its_weight_along():
    members, kept = ("a", "b", "c"), ("c", "a")
    assert ask("weighted", {"weights": [1, 2, 3]}).keep_members(members, kept).combiner.weights == [1, 3]
    by_name = ask("weighted", {"weights": {"c": 3, "b": 2, "a": 1}})
    assert by_name.keep_members(members, kept).combiner.weights == {"c": 3, "a": 1}
    assert by_name.combiner.weights == {"c": 3, "b": 2, "a": 1}
    assert ask("mean").keep_members(members, kept).name == "mean"


class Clash(Combiner):
    def __init__(self, missing="error", features=0):
        self.missing, self.features = missing, features

    def combine(self, member_probas):
        return np.full(member_probas.shape[1:], self.features / 10) + np.array([0, 1 - self.features / 5])


class Plugin:
    @hookimpl
    def ensemblekit_register_combiners(self, register):
        register("clash", Clash)


def test_options_that_are_called_like_an_argument_go_into_options(monkeypatch):
    monkeypatch.setattr(asked_room, "default_registry", lambda: load_plugins(plugins=[Plugin()]))
    options = {"missing": "x", "features": 8}
    assert combine([GOOD, COIN], "clash", options=options).probas[0].tolist() == pytest.approx([0.8, 0.2])
    assert fit([GOOD, COIN], "clash", options=options).missing == "x"
    table = leave_one_member_out(align(GOOD, COIN), "clash", metric="accuracy", options=options)
    assert table.with_all.tolist() == pytest.approx([1 / 3, 1 / 3])


def test_options_come_once_and_beside_a_name():
    with pytest.raises(InvalidOptionError, match=r"each option must be given once; received \['kind'\]"):
        combine([GOOD, COIN], "voting", options={"kind": "hard"}, kind="soft")
    with pytest.raises(
        InvalidOptionError, match=r"options go with a combiner given by name; received \{'missing': 3\}"
    ):
        combine([GOOD, COIN], Clash(), options={"missing": 3})
    with pytest.raises(InvalidOptionError, match="options must be"):
        combine([GOOD, COIN], "voting", options=3)


# Subsets.


def test_subsets_are_combined_by_the_same_rule():
    predictions = align(GOOD, COIN)
    subsets = SubsetCombiner(predictions, "weighted", options={"weights": [1, 3]})
    assert not subsets.refits
    assert subsets.combine(("good",)).probas.tolist() == GOOD.probas.tolist()
    with pytest.raises(LeakageError, match="3 of 3 are in fit_on"):
        SubsetCombiner(predictions, "weighted", fit_on=predictions)
    with pytest.raises(NotFittedError, match="must be fitted anew without each member"):
        SubsetCombiner(predictions, fit(predictions, "mean"))  # combines the members it was fitted on, no others


# The order of `fit_combiner`.


@pytest.mark.parametrize(
    "old",
    [
        lambda: fit("weighted", [GOOD, COIN]),
        lambda: fit(load_plugins().create_combiner("weighted"), align(GOOD, COIN)),
        lambda: fit("weighted", predictions=[GOOD, COIN]),
    ],
)
def test_the_old_order_is_warned_about_and_works(old):
    match = r"fit_combiner\(combiner, predictions\) is deprecated .*; use fit_combiner\(predictions, combiner\)"
    with pytest.warns(DeprecationWarning, match=match) as caught:
        fitted = old()
    assert caught[0].filename == __file__
    assert fitted.weights_.tolist() == fit([GOOD, COIN], "weighted").weights_.tolist()


@pytest.mark.parametrize("combiner", ["weighted", load_plugins().create_combiner("weighted")], ids=str)
def test_the_old_order_is_known_where_the_predictions_are_one_path(combiner, tmp_path):
    path = str(tmp_path / "good.csv")
    GOOD.save(path)
    with pytest.warns(DeprecationWarning, match=r"use fit_combiner\(predictions, combiner\)"):
        assert fit(combiner, path).members_ == ("good",)
    assert fit(path, combiner).members_ == ("good",)


def test_two_combiners_are_no_old_order():
    with pytest.raises(EnsembleKitError, match="a file of predictions must end in"):
        fit("mean", "weighted")


def test_keywords_take_any_order_in_silence():
    assert fit(combiner="weighted", predictions=[GOOD, COIN]).members_ == ("coin", "good")
    assert fit([GOOD, COIN], combiner=Long()).leaked_ == {}


def test_what_a_combiner_may_take_is_described_in_the_base_class():
    described = {name for name in TAKES if f"``{name}``" in f"{Combiner.combine.__doc__}{Combiner.fit.__doc__}"}
    assert described | set(inspect.signature(Combiner.combine).parameters) | {"sample_weight"} >= TAKES
