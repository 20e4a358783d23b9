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
    LeakageError,
    Predictions,
    align,
    combine,
    fit_combiner,
    fuse,
    open_model,
    profile_model,
)
from ensemblekit.cli import app
from ensemblekit.errors import InvalidPredictionsError, NotFittedError, ProfileWarning
from ensemblekit.evaluation import accuracy, log_loss
from ensemblekit.plots import plot_frontier
from ensemblekit.profiling import _members, _memory, _profile
from ensemblekit.profiling._graph import FusedGraph, compile_call
from ensemblekit.profiling._members import _estimator
from ensemblekit.profiling._subset_scores import SubsetScores, subsets_of
from ensemblekit.profiling._timing import difference_of, time_calls
from ensemblekit.registry import default_registry

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
    assert graph.groups[frozenset("ab")] == (backbone, 4 * backbone)
    assert graph.cost("a").n_parameters == graph.cost("b").n_parameters == backbone + head
    assert graph.cost("c") == (small, 4 * small)
    assert graph.cost("abc").n_parameters == fused.count_params() == backbone + 2 * head + small


def test_weights_of_half_precision_weigh_half():
    keras.utils.set_random_seed(0)
    pixels = keras.Input((16, 16, 3))
    x = layers.GlobalMaxPooling2D()(layers.Conv2D(4, 3, dtype="float16")(pixels))
    half = keras.Model(pixels, layers.Dense(3, "softmax", dtype="float16")(x))
    graph = FusedGraph(fuse({"half": half, "whole": net(1, 4)}, "mean", classes=CLASSES))
    assert graph.cost(["half"]).n_bytes * 2 == graph.cost(["whole"]).n_bytes


def test_a_member_alone_runs_no_layer_of_another():
    """The wide convolution of one member is in the graph that is timed for it, and in none without it."""
    small, wide = net(1, 4), net(2, 64)
    graph = FusedGraph(fuse({"small": small, "wide": wide}, "mean", classes=CLASSES))
    x = np.ones((2, 16, 16, 3), np.float32)
    for some in (["small"], ["wide"], ["wide", "small"]):
        said = graph.call_of(some, x)()
        assert len(said) == len(some)
        for member, probas in zip(some, said, strict=True):
            np.testing.assert_allclose(probas, {"small": small, "wide": wide}[member].predict_on_batch(x), atol=1e-6)
        part = keras.Model(graph.model.input, [graph._outputs[name] for name in some])
        assert any(getattr(layer, "filters", 0) == 64 for layer in part.layers) == ("wide" in some)
    assert graph.cost(["small", "wide"]).n_bytes - graph.cost(["small"]).n_bytes == 4 * wide.count_params()


PLANTED = {frozenset("ab"): 5.0, frozenset("a"): 0.5, frozenset("b"): 0.25, frozenset("c"): 2.0}


def planted_times(calls, seconds):
    """Give what planted layers cost, in ms, in rounds of which one is disturbed alike for all."""
    assert seconds == 0.1
    cost = {some: sum(ms for owners, ms in PLANTED.items() if owners & frozenset(some)) for some in calls}
    return {some: np.array([1, 1, 30, 1, 1, 1, 1]) * 1e-3 * ms for some, ms in cost.items()}


def test_planted_costs_are_found(fused, monkeypatch):
    monkeypatch.setattr(_members, "time_calls", planted_times)
    table = profile_model(fused, seconds=0.1, batch_sizes=[1], memory=False).members.set_index("member")
    # a and b share 5 ms: alone each pays them, and dropping one of the two saves its own part only.
    assert table["alone_ms"].to_dict() == pytest.approx({"a": 5.5, "b": 5.25, "c": 2.0})
    assert table["saves_ms"].to_dict() == pytest.approx({"a": 0.5, "b": 0.25, "c": 2.0})
    assert (table["saves_ms_low"] <= table["saves_ms"]).all()
    assert (table["saves_ms"] <= table["saves_ms_high"]).all()


def test_calls_are_timed_in_rounds_of_changing_order():
    made = []
    taken = time_calls({key: lambda key=key: made.append(key) for key in "abcd"}, 1e-9)
    assert {key: len(times) for key, times in taken.items()} == dict.fromkeys("abcd", 5)
    rounds = [tuple(made[k : k + 4]) for k in range(4, len(made), 4)]
    assert made[:4] == list("abcd")
    assert all(sorted(of_one) == list("abcd") for of_one in rounds)
    assert len(set(rounds)) > 1


def test_the_interval_of_a_difference_holds_its_median_as_often_as_it_says():
    assert difference_of(np.arange(5.0), np.zeros(5)) == (2, 0, 4)
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(1000):
        noise = rng.lognormal(size=31)  # what disturbs both of a round goes out
        _, low, high = difference_of(noise + 3 + rng.normal(size=31), noise)
        held += low <= 3 <= high
    assert 940 <= held <= 985


def test_a_compiled_call_answers_as_the_model(fused):
    x = np.random.default_rng(0).uniform(0, 255, (3, 16, 16, 3)).astype(np.float32)
    np.testing.assert_allclose(compile_call(fused, x)()[0], fused.predict_on_batch(x), atol=1e-6)


def test_what_members_cost_and_are_worth(fused):
    rows = said()
    found = profile_model(fused, predictions=rows, seconds=0.2, batch_sizes=(2, 4), memory=False)
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
    assert found.n_bytes > 4 * fused.count_params()
    assert found.peak_memory is None


@pytest.mark.slow
def test_the_frontier_is_that_of_brute_force(fused):
    found = profile_model(fused, predictions=said(), seconds=0.1, batch_sizes=[1], memory=False)
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


def test_of_many_members_some_subsets_are_looked_at():
    members = tuple(f"m{k:02d}" for k in range(12))
    worth = SubsetScores(align(said(members=members, n=60)), "mean", None, members)
    looked_at = list(subsets_of(members, worth))
    assert worth.greedy
    assert len(set(looked_at)) == len(looked_at)
    sizes = [len(some) for some in looked_at]
    assert [sizes.count(n) for n in (12, 11, 1)] == [1, 12, 12]
    way = {n: some for some, n in zip(looked_at, sizes, strict=True) if 1 < n < 11}
    assert sorted(way) == list(range(2, 11))
    for n in range(2, 10):
        fewer = [tuple(o for o in way[n + 1] if o != m) for m in way[n + 1]]
        assert way[n] == min(fewer, key=lambda some: worth.score(some)[1])
    assert not SubsetScores(align(said()), "mean", None, tuple("abc")).greedy


@pytest.mark.slow
def test_a_rule_that_learns_is_fitted_on_other_rows(fused):
    quick = {"seconds": 0.1, "batch_sizes": [1], "memory": False}
    with pytest.raises(NotFittedError, match="Give held-out predictions to fit it on"):
        profile_model(fused, predictions=said(), combiner="weighted", **quick)
    with pytest.raises(LeakageError, match="in fit_on"):
        profile_model(fused, predictions=said(), combiner="weighted", fit_on=said(), **quick)
    found = profile_model(fused, predictions=said(), combiner="weighted", fit_on=said("held"), **quick)
    assert len(found.frontier) == 7
    row = found.frontier.set_index("members").loc[[("a", "c")]].iloc[0]
    fitted = fit_combiner([p for p in said("held") if p.member != "b"], "weighted")
    assert row["log_loss"] == pytest.approx(log_loss(combine([p for p in said() if p.member != "b"], fitted)))


@pytest.mark.slow
def test_a_model_that_combines_otherwise_is_not_taken_for_a_mean():
    members = {"a": net(1, 4), "b": net(2, 4)}
    model = fuse(members, "geometric_mean", classes=CLASSES)
    rows = said(members=("a", "b"))
    quick = {"seconds": 0.1, "batch_sizes": [1], "memory": False}
    with pytest.raises(InvalidOptionError, match=r"does not combine by the mean: it is off by .* Name the rule"):
        profile_model(model, predictions=rows, **quick)
    found = profile_model(model, predictions=rows, combiner="geometric_mean", **quick)
    whole = found.frontier.set_index("members").loc[[("a", "b")]].iloc[0]
    assert whole["log_loss"] == pytest.approx(log_loss(combine(rows, "geometric_mean")))


@pytest.mark.slow
def test_an_ensemble_brings_its_rule_and_weights_go_with_its_members():
    # Weights as a sequence are those of the members of the model; the files come in another order.
    rule = default_registry().create_combiner("weighted", weights=[0.7, 0.2, 0.1])
    members = {name: net(place, 4) for place, name in enumerate("abc")}
    predictor = open_model(fuse(members, rule, classes=CLASSES))
    predictor.combiner = rule
    found = profile_model(predictor, predictions=said()[::-1], seconds=0.1, batch_sizes=[1], memory=False)
    expected = combine(align(said()), "weighted", weights={"a": 0.7, "b": 0.2, "c": 0.1})
    whole = found.frontier.set_index("members").loc[[("a", "b", "c")]].iloc[0]
    assert whole["log_loss"] == pytest.approx(log_loss(expected))


def test_what_cannot_be_is_refused_before_anything_is_measured(fused, monkeypatch):
    def measured(*_):
        raise AssertionError("measured")

    monkeypatch.setattr(_profile, "time_calls", measured)
    with pytest.raises(AssertionError, match="measured"):
        profile_model(fused)
    with pytest.raises(InvalidOptionError, match="batch_sizes must be whole numbers >= 1"):
        profile_model(fused, batch_sizes=())
    for seconds in (0, float("nan"), float("inf")):
        with pytest.raises(InvalidOptionError, match="seconds must be a number > 0"):
            profile_model(fused, seconds=seconds)
    with pytest.raises(InvalidOptionError, match=r"say how predictions are combined\. Give predictions, too"):
        profile_model(fused, fit_on=said())
    with pytest.raises(AlignmentError, match=r"must be of the members of the model, \('a', 'b', 'c'\)"):
        profile_model(fused, predictions=said(members=("a", "b")))
    others = [Predictions(p.probas, ids=p.ids, classes=("x", "y", "z"), member=p.member) for p in said()]
    with pytest.raises(AlignmentError, match=r"of the classes of the model, \('cat', 'dog', 'owl'\); received"):
        profile_model(fused, predictions=others)
    bare = [Predictions(p.probas, ids=p.ids, classes=CLASSES, member=p.member) for p in said()]
    with pytest.raises(InvalidPredictionsError, match="members are scored on predictions with labels; received none"):
        profile_model(fused, predictions=bare)
    with pytest.raises(InvalidOptionError, match="does not know its members, by which predictions"):
        profile_model(net(1, 4), classes=CLASSES, predictions=said())
    with pytest.raises(InvalidOptionError, match="a frontier must have one subset"):
        plot_frontier(pd.DataFrame({"members": [], "ms": [], "accuracy": [], "on_frontier": []}))


@pytest.mark.slow
def test_a_collection_is_fused_first_and_a_model_without_members_is_timed():
    quick = {"classes": CLASSES, "seconds": 0.1, "batch_sizes": [1], "memory": False}
    models = {"a": net(1, 4), "b": net(2, 4)}
    for rule in (None, "geometric_mean", "weighted"):  # weighted learns, and is no graph before
        found = profile_model(models, combiner=rule, **quick)
        assert found.members["member"].tolist() == ["a", "b"]
        assert found.frontier is None
    found = profile_model(net(1, 4), **quick)
    assert found.members is None


def test_memory_that_cannot_be_measured_is_told(tmp_path):
    if not _memory.Path("/proc/self/status").is_file():
        pytest.skip("memory is read from /proc")
    (tmp_path / "m.onnx").write_bytes(b"no model")
    with pytest.warns(ProfileWarning, match="in a process of its own, at batch 2, which failed: .*other figures stand"):
        assert _memory.peak_memory(tmp_path / "m.onnx", 2, None) is None


def test_points_that_are_estimated_are_hollow_and_many_names_are_not_cut():
    pytest.importorskip("matplotlib")
    names = [f"a_member_with_a_long_name_{k}" for k in range(6)]
    table = pd.DataFrame(
        {"members": [names[:1], names], "ms": [1.0, 9.0], "accuracy": [0.5, 0.9], "measured": [True, False],
         "on_frontier": [True, True]}
    )  # fmt: skip
    figure = plot_frontier(table)
    drawn = [line for line in figure.axes[0].lines if line.get_marker() == "o" and len(line.get_xdata())]
    assert [line.get_markerfacecolor() == line.get_color() for line in drawn] == [True, False]
    text = figure.get_supxlabel()
    assert all(text.count(name) >= 1 for name in names)
    assert "Hollow points" in text
    assert max(map(len, text.splitlines())) < 80
    assert "Hollow" not in plot_frontier(table.assign(measured=True)).get_supxlabel()


@pytest.mark.slow
def test_the_command(fused, tmp_path, monkeypatch):
    monkeypatch.setattr(
        _profile, "peak_memory", lambda *at: 123_000_000
    )  # a process of its own takes seconds; see below
    fused.save(tmp_path / "m.keras")
    files = []
    for p in said():
        p.save(tmp_path / f"{p.member}.csv")
        files += ["--predictions", str(tmp_path / f"{p.member}.csv")]
    arguments = ["profile", str(tmp_path / "m.keras"), *files, "--seconds", "0.1", "--batch", "2"]
    done = CliRunner().invoke(app, [*arguments, "--plot", str(tmp_path / "f.png")])
    assert done.exit_code == 0, done.output
    for text in ("Latency of m", "123.0 MB of memory at batch 2", "Accuracy without it", "Log loss without it",
                 "Subsets that pay", "All 3 members: "):  # fmt: skip
        assert text in done.output
    assert "estimated" not in done.output  # of three members all subsets are measured
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
    record = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert [row["member"] for row in record["members"]] == ["a", "b", "c"]
    assert record["n_bytes"] == (tmp_path / "m.keras").stat().st_size
    assert {"members", "ms", "measured", "accuracy", "log_loss", "on_frontier"} == set(record["frontier"][0])
    assert record["greedy"] is False
    for more, text in (
        (["--plot", str(tmp_path / "f.jpg"), *files], "must end in .png, .svg, .pdf"),
        (["--plot", str(tmp_path / "none" / "f.png"), *files], "the folder of an output must exist"),
        (["--plot", str(tmp_path / "f.png")], "needs --predictions of each member"),
        (["--labels", str(tmp_path / "l.csv")], "Give these, too"),
    ):
        refused = CliRunner().invoke(app, ["profile", str(tmp_path / "m.keras"), *more])
        assert text in str(refused.exception)


@pytest.mark.slow
@pytest.mark.long
def test_memory_is_that_of_a_process_of_its_own(fused):
    found = profile_model(fused, seconds=0.1, batch_sizes=[1])
    assert 5_000_000 < found.peak_memory < 2_000_000_000
    # A layer whose answer at batch 64 takes 200 MB and more.
    pixels = keras.Input((64, 64, 3))
    wide = keras.Model(pixels, layers.Dense(3, "softmax")(layers.GlobalMaxPooling2D()(layers.Conv2D(200, 3)(pixels))))
    large = profile_model(wide, classes=[1, 2, 3], seconds=0.1, batch_sizes=[64]).peak_memory
    assert large > found.peak_memory + 100_000_000
