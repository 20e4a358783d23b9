"""What members cost and are worth: planted costs are found, frontiers are those of brute force."""

import json
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from ensemblekit import (
    AlignmentError,
    InvalidOptionError,
    NotFittedError,
    Predictions,
    align,
    combine,
    fuse,
    profile_model,
)
from ensemblekit.cli import app
from ensemblekit.evaluation import accuracy, log_loss
from ensemblekit.plots import plot_frontier
from ensemblekit.profiling import _profile
from ensemblekit.profiling._graph import FusedGraph
from ensemblekit.profiling._profile import _estimator
from ensemblekit.profiling._worth import Worth, subsets_of

keras = pytest.importorskip("keras")
layers = keras.layers
pytestmark = pytest.mark.keras
CLASSES = ("cat", "dog", "owl")


def net(seed, width, of=None):
    keras.utils.set_random_seed(seed)
    pixels = keras.Input((16, 16, 3))
    x = layers.Conv2D(width, 3, activation="relu")(layers.Rescaling(1 / 255)(pixels)) if of is None else of(pixels)
    return keras.Model(pixels, layers.Dense(3, "softmax")(layers.GlobalMaxPooling2D()(x)))


@pytest.fixture(scope="module")
def fused():
    pixels = keras.Input((16, 16, 3))
    shared = keras.Model(pixels, layers.Conv2D(32, 5, activation="relu")(layers.Rescaling(1 / 255)(pixels)))
    members = [("a", net(1, 0, shared)), ("b", net(2, 0, shared)), ("c", net(3, 8))]
    return fuse(members, "mean", classes=CLASSES)


def said(prefix="v", members=("a", "b", "c"), n=200):
    rng = np.random.default_rng(len(prefix))
    labels = np.asarray(CLASSES)[np.arange(n) % 3]
    out = []
    for k, member in enumerate(members):
        probas = rng.dirichlet(np.ones(3), n)
        probas[np.arange(n), np.arange(n) % 3] += 0.3 * (k + 1)
        probas /= probas.sum(axis=1, keepdims=True)
        ids = [f"{prefix}{i}" for i in range(n)]
        out.append(Predictions(probas, ids=ids, classes=CLASSES, member=member, labels=labels))
    return out


def test_parameters_are_counted_once_where_they_are_shared(fused):
    graph = FusedGraph(fused)
    backbone, head, small = 5 * 5 * 3 * 32 + 32, 32 * 3 + 3, 3 * 3 * 3 * 8 + 8 + 8 * 3 + 3
    assert graph.groups[frozenset("ab")] == backbone
    assert graph.parameters("a") == graph.parameters("b") == backbone + head
    assert graph.parameters("c") == small
    assert graph.parameters("abc") == fused.count_params() == backbone + 2 * head + small


def test_what_members_cost_and_are_worth(fused):
    rows = said()
    found = profile_model(fused, predictions=rows, seconds=0.2, batch_sizes=(2, 4))
    assert found.latency["batch"].tolist() == [2, 4]
    assert (found.latency["low"] <= found.latency["ms"]).all()
    assert (found.latency["ms"] <= found.latency["high"]).all()
    table = found.members.set_index("member")
    # a without b costs the backbone all the same: dropping it saves its head alone.
    assert table.loc["a", "saves_parameters"] == 32 * 3 + 3
    assert table.loc["a", "alone_parameters"] == 5 * 5 * 3 * 32 + 32 + 32 * 3 + 3
    for member in "abc":
        rest = align([p for p in rows if p.member != member])
        assert table.loc[member, "accuracy"] == accuracy(combine(rest, "mean"))
        expected = log_loss(combine(rest, "mean")) - log_loss(combine(rows, "mean"))
        assert table.loc[member, "log_loss_change"] == pytest.approx(expected)
        low, high = table.loc[member, ["log_loss_change_low", "log_loss_change_high"]]
        assert low < expected < high
    assert found.n_parameters == fused.count_params()
    assert found.n_bytes is None
    assert found.peak_memory is None


def test_the_frontier_is_that_of_brute_force(fused):
    found = profile_model(fused, predictions=said(), seconds=0.1)
    table = found.frontier
    assert {frozenset(m) for m in table["members"]} == {
        frozenset(some) for n in (1, 2, 3) for some in combinations("abc", n)
    }
    assert table["measured"].all()  # of three members every subset is one of those that are measured
    for row in table.itertuples():
        as_fast = (table.ms <= row.ms) & (table.accuracy > row.accuracy)
        better = table[as_fast | ((table.ms < row.ms) & (table.accuracy >= row.accuracy))]
        assert row.on_frontier == better.empty, row
        assert row.accuracy == accuracy(combine(align([p for p in said() if p.member in row.members]), "mean"))


def test_costs_of_subsets_that_were_not_measured_are_sums_of_what_they_need():
    costs = {frozenset("ab"): 5.0, frozenset("c"): 2.0, frozenset("d"): 1.0, frozenset("a"): 0.5, frozenset("b"): 0.25}
    members = "abcd"

    def true(some):
        return 0.1 + sum(cost for owners, cost in costs.items() if owners & frozenset(some))

    measured = [members, *members, *(members.replace(m, "") for m in members)]
    estimate = _estimator(list(costs), {frozenset(some): true(some) for some in measured})
    for n in (1, 2, 3, 4):
        for some in combinations(members, n):
            assert estimate(frozenset(some)) == pytest.approx(true(some), abs=1e-6)


def test_of_many_members_a_greedy_way_down_is_looked_at():
    members = tuple(f"m{k:02d}" for k in range(12))
    worth = Worth(align(said(members=members, n=60)), "mean", None, members)
    way = list(subsets_of(members, worth))
    assert [len(some) for some in way] == list(range(12, 0, -1))
    dropped = set(members) - set(way[1])
    losses = {m: worth.score(tuple(o for o in members if o != m))[1] for m in members}
    assert dropped == {min(losses, key=losses.get)}


def test_a_rule_that_learns_is_fitted_on_other_rows(fused):
    with pytest.raises(NotFittedError, match="Give held-out predictions to fit it on"):
        profile_model(fused, predictions=said(), combiner="weighted", seconds=0.1)
    found = profile_model(fused, predictions=said(), combiner="weighted", fit_on=said("held"), seconds=0.1)
    assert len(found.frontier) == 7


def test_what_cannot_be_is_refused(fused):
    with pytest.raises(InvalidOptionError, match="batch_sizes must be whole numbers >= 1"):
        profile_model(fused, batch_sizes=())
    with pytest.raises(InvalidOptionError, match="seconds must be a number > 0"):
        profile_model(fused, seconds=0)
    with pytest.raises(AlignmentError, match=r"must be of the members of the model, \('a', 'b', 'c'\)"):
        profile_model(fused, predictions=said(members=("a", "b")), seconds=0.1)
    with pytest.raises(InvalidOptionError, match="does not know its members, of which predictions"):
        profile_model(net(1, 4), classes=CLASSES, predictions=said(), seconds=0.1)
    with pytest.raises(InvalidOptionError, match="a frontier must have one subset"):
        plot_frontier(pd.DataFrame({"members": [], "ms": [], "accuracy": [], "on_frontier": []}))


def test_a_collection_is_fused_first_and_a_model_without_members_is_timed():
    found = profile_model({"a": net(1, 4), "b": net(2, 4)}, classes=CLASSES, seconds=0.1, batch_sizes=[1])
    assert found.members["member"].tolist() == ["a", "b"]
    assert found.frontier is None
    found = profile_model(net(1, 4), classes=CLASSES, seconds=0.1, batch_sizes=[1])
    assert found.members is None


def test_the_command(fused, tmp_path, monkeypatch):
    monkeypatch.setattr(_profile, "_peak", lambda *at: 123_000_000)  # a process of its own takes seconds; see below
    fused.save(tmp_path / "m.keras")
    files = []
    for p in said():
        p.save(tmp_path / f"{p.member}.csv")
        files += ["--predictions", str(tmp_path / f"{p.member}.csv")]
    arguments = ["profile", str(tmp_path / "m.keras"), *files, "--seconds", "0.1", "--batch", "2"]
    done = CliRunner().invoke(app, [*arguments, "--plot", str(tmp_path / "f.png")])
    assert done.exit_code == 0, done.output
    for text in ("Latency of m", "123.0 MB of memory at batch 2", "What dropping it loses", "Subsets that pay"):
        assert text in done.output
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
    record = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert [row["member"] for row in record["members"]] == ["a", "b", "c"]
    assert record["n_bytes"] == (tmp_path / "m.keras").stat().st_size
    assert {"members", "ms", "measured", "accuracy", "log_loss", "on_frontier"} == set(record["frontier"][0])
    refused = CliRunner().invoke(app, ["profile", str(tmp_path / "m.keras"), "--plot", "f.png"])
    assert isinstance(refused.exception, InvalidOptionError)


@pytest.mark.slow
def test_memory_is_that_of_a_process_of_its_own(fused, tmp_path):
    fused.save(tmp_path / "m.keras")
    assert 5_000_000 < profile_model(tmp_path / "m.keras", seconds=0.1, batch_sizes=[1]).peak_memory < 2_000_000_000
