"""What the benchmark of the rules holds them against: promises, other libraries, a plain greedy selection."""

import time

import numpy as np
import pytest

from benchmarks.peers.rules import PEERS, votes_of
from benchmarks.speed import promises
from benchmarks.speed.cubes import Shape, draw
from benchmarks.speed.promises import PROMISES, broken, broken_selections
from benchmarks.speed.rules import Measurement, timed
from benchmarks.speed.selection import Selected, Task, measure_selection
from benchmarks.speed.timing import Budget, Copy, Timing
from ensemblekit import Combiner, load_plugins

TINY = Shape("tiny", (3, 40, 4))
ONCE = Budget(repeats=1, seconds=0.0, slowest=10.0)


@pytest.fixture(scope="module")
def copy():
    return Copy(2**20)


def row(rule, floors=1.0, *, extra=0, name=None, best=None):
    best = 0.01 * floors if best is None else best
    return Measurement(name or rule, rule, Timing(best, best, 0.01, 0.01, 3, 10, 10), extra)


# The promises.


def test_kept_promises_are_silent():
    peer = row("voting", name="scikit-learn hard vote", best=12.1 * 0.2)
    rows = [row("mean", 1.49), row("voting", 20.0), row("median", 7.9, extra=64 * 10**6), row("mine", 1e6)]
    assert broken(rows, [peer]) == []


@pytest.mark.parametrize(
    ("rows", "peers", "said"),
    [
        ([row("mean", 1.6)], [], "mean: must take at most 1.5 floors; it took 1.6"),
        ([row("borda", 26)], [], "borda: must take at most 25 floors; it took 26"),
        (
            [row("median", 2, extra=65 * 10**6)],
            [],
            "median: must need at most 64 MB beyond its output; it needed 65 MB",
        ),
        ([Measurement("product", "product", reason="ValueError: no")], [], "product: must be measured; ValueError: no"),
        (
            [row("voting", 10)],
            [row("voting", name="scikit-learn hard vote", best=1.1)],
            "voting: must be 12 times faster than scikit-learn hard vote; it was 11 times",
        ),
        (
            [row("voting", 10)],
            [],
            "voting: must be 12 times faster than scikit-learn hard vote, which was not measured",
        ),
    ],
)
def test_a_broken_promise_is_said(rows, peers, said):
    assert broken(rows, peers) == [said]


def test_what_greedy_selection_promises():
    task = Task(100, 20_000, 10, 50)
    good = Selected("log_loss", task, ours=1.0, plain=51.0, plain_rounds=50, same=True)
    assert broken_selections([good]) == []
    others = [
        Selected("log_loss", task, ours=1.0, plain=49.0, plain_rounds=50, same=True),
        Selected("roc_auc_ovr", task, ours=1.0, plain=2.9, plain_rounds=50, same=False),
        Selected("f1_macro", task, reason="ValueError: no"),
    ]
    assert broken_selections(others) == [
        "greedy_selection by log_loss: must be 50 times faster than the plain one; it was 49 times",
        "greedy_selection by roc_auc_ovr: must choose the members and weights of the plain one",
        "greedy_selection by roc_auc_ovr: must be 3 times faster than the plain one; it was 2.9 times",
        "greedy_selection by f1_macro: must be measured; ValueError: no",
    ]


def test_each_promise_beside_a_peer_names_one_that_is_measured():
    assert {p.peer for p in PROMISES.values() if p.peer} <= {peer.name for peer in PEERS}
    assert promises.EXTRA_MEMORY == 64 * 10**6


# The peers.


def peer(name):
    return next(p for p in PEERS if p.name == name)


def test_the_lines_of_scikit_learn_are_those_of_its_voter():
    from sklearn.ensemble import VotingClassifier
    from sklearn.preprocessing import LabelEncoder

    cube, _ = draw(Shape("votes", (5, 200, 4)))
    weights = np.arange(1, 6)

    class Said:
        def __init__(self, member):
            self.predict_proba = lambda x: member
            self.predict = lambda x: member.argmax(axis=-1)

    def voter(voting, weights=None):
        made = VotingClassifier([(f"m{k}", "drop") for k in range(5)], voting=voting, weights=weights)
        made.estimators = [(f"m{k}", Said(member)) for k, member in enumerate(cube)]
        made.estimators_ = [said for _, said in made.estimators]
        made.le_ = LabelEncoder().fit(np.arange(4))
        return made

    rows = np.empty((200, 1))
    hard = peer("scikit-learn hard vote").make()(cube)
    np.testing.assert_array_equal(hard, voter("hard").predict(rows))
    soft = peer("scikit-learn weighted mean").make()(cube)
    np.testing.assert_allclose(soft, voter("soft", weights).predict_proba(rows), rtol=1e-6)


@pytest.mark.parametrize("name", ["mlxtend hard vote", "DESlib vote"])
def test_other_votes_agree_with_scikit_learn(name):
    pytest.importorskip(name.split()[0].lower())
    cube, _ = draw(Shape("votes", (5, 200, 4)))
    np.testing.assert_array_equal(peer(name).make()(cube), peer("scikit-learn hard vote").make()(cube))


def test_every_installed_peer_combines(copy):
    cube, _ = draw(TINY)
    assert votes_of(cube).shape == (40, 3)
    for one in PEERS:
        got = timed(
            one.name, one.rule, lambda one=one: (one.make(), None), cube, TINY, copy=copy, budget=ONCE, memory=False
        )
        assert got.reason is None or got.reason.startswith("ModuleNotFoundError"), (one.name, got.reason)


# Greedy selection.


def test_both_ways_are_timed_and_compared():
    class Ours(Combiner):
        traits = frozenset({"learns"})

        def __init__(self, metric, n_rounds):
            self.metric, self.n_rounds = metric, n_rounds

        def fit(self, predictions, *, sample_weight=None):
            self.weights_ = np.eye(len(predictions))[0]
            return self

        def combine(self, member_probas, *, xp=np):
            return member_probas[0]

    class Registered:
        def create_combiner(self, name, **options):
            return Ours(**options)

    def plain(right):
        def choose(predictions, metric, rounds):
            time.sleep(0.01 * rounds)
            return np.eye(len(predictions))[0 if right else 1]

        return choose

    task = Task(4, 30, 3, 20)
    got = measure_selection(Registered(), "log_loss", task, slowest=0.1, plain=plain(True))
    assert got.same
    assert got.scaled
    assert got.plain > 0.19
    assert not measure_selection(Registered(), "log_loss", task, slowest=9, plain=plain(False)).same


def test_greedy_selection_that_cannot_be_measured_says_why():
    got = measure_selection(load_plugins(), "no_such_metric", Task(4, 30, 3, 2), slowest=1)
    assert got.reason
