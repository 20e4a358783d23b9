"""The benchmark of the rules: its arithmetic, its promises, and its command line, on shapes of a few rows."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest

from benchmarks import combiners as command
from benchmarks.speed import timing
from benchmarks.speed.cubes import LARGE, SHAPES, Shape, draw, labelled, parse_shape
from benchmarks.speed.rules import Measurement, measure_rule, timed
from benchmarks.speed.selection import Selected, Task
from benchmarks.speed.tables import Measured, Results, duration, to_json, to_markdown
from benchmarks.speed.timing import Budget, Copy, Timing, extra_memory, floor_seconds, measure
from ensemblekit import Combiner, InvalidOptionError, hookimpl, load_plugins
from tests.strangers import REPO

TINY = Shape("tiny", (3, 40, 4))
ONCE = Budget(repeats=1, seconds=0.0, slowest=10.0)


class Broken(Combiner):
    """Always fails."""

    def combine(self, member_probas, *, xp=np):
        raise RuntimeError("nothing\nto give")


class Numbers(Combiner):
    """For numbers alone."""

    tasks = frozenset({"regression"})

    def combine(self, member_probas, *, xp=np):
        return member_probas[0]


class Stranger:
    @hookimpl
    def ensemblekit_register_combiners(self, register):
        register("broken", Broken)
        register("numbers", Numbers)


@pytest.fixture(scope="module")
def copy():
    return Copy(2**20)


@pytest.fixture(scope="module")
def registry():
    return load_plugins(plugins=[Stranger()])


def measured(registry, copy, name, shape=TINY):
    return measure_rule(registry, name, draw(shape)[0], lambda: labelled(shape, rows=60), shape, copy=copy, budget=ONCE)


def row(rule, floors=1.0, *, extra=0, name=None, best=None):
    best = 0.01 * floors if best is None else best
    return Measurement(name or rule, rule, Timing(best, best, 0.01, 0.01, 3, 10, 10), extra)


# The floor.


def test_the_floor_is_bytes_over_the_bytes_a_second_of_a_copy():
    # A copy of 100 bytes in 2 s reads 100 and writes 100: 100 bytes a second. 50 bytes take half a second.
    assert floor_seconds(50, copied=100, seconds=2.0) == 0.5


def test_a_cube_goes_in_once_and_comes_out_once():
    # 8 members x 500,000 x 10 floats in, 500,000 x 10 out: 45 million numbers of 4 bytes.
    assert LARGE.bytes_in_and_out(np.dtype("float32")) == 180_000_000
    assert Shape("dense", (2, 3, 5, 7, 2)).bytes_in_and_out(np.dtype("float64")) == 8 * (2 + 1) * 3 * 5 * 7 * 2


def test_a_mean_that_takes_as_long_as_its_floor_is_one_floor():
    timing = Timing(best=0.02, median=0.06, floor_best=0.01, floor_median=0.02, repeats=5, rows=10, all_rows=10)
    assert timing.floors == pytest.approx(2)
    assert timing.floors_median == pytest.approx(3)
    assert not timing.scaled


# The clock.


def test_a_call_and_its_floor_are_timed_in_turn(copy, monkeypatch):
    events = []
    monkeypatch.setattr(timing, "_seconds", lambda call, cube, number: events.append("call") or 1.0)
    monkeypatch.setattr(copy, "floor", lambda n_bytes: events.append("floor") or 0.5)
    got, extra = measure(len, draw(TINY)[0], copy=copy, n_bytes=10, budget=Budget(3, 60, 100), memory=False)
    assert events == ["call", "floor", "call", "floor", "call", "floor", "call", "floor"]
    assert (got.best, got.floors, got.repeats, extra) == (1.0, 2.0, 3, None)


@pytest.mark.slow
def test_what_is_slow_is_timed_on_part_of_the_rows_and_scaled(copy):
    def sleepy(cube):
        time.sleep(cube.shape[1] * 1e-4)
        return cube[0]

    cube = draw(Shape("long", (2, 2_000, 2)))[0]
    got, _ = measure(sleepy, cube, copy=copy, n_bytes=10, budget=Budget(1, 0, slowest=0.05))
    assert got.scaled
    assert 1 <= got.rows < 600
    assert got.best > 0.15


@pytest.mark.slow
def test_memory_is_what_is_needed_beyond_the_result():
    cube = np.zeros((2, 1_000, 10))
    assert extra_memory(lambda c: c[0] + c[1], cube) < 10_000
    assert extra_memory(lambda c: (c * 2.0).sum(axis=0), cube) >= cube.nbytes


def test_the_garbage_collector_rests_meanwhile_and_comes_back():
    import gc

    seen = []
    timing._seconds(lambda cube: seen.append(gc.isenabled()), np.zeros((1, 1, 2)), 2)
    assert seen == [False, False]
    assert gc.isenabled()


# What is drawn.


@pytest.mark.parametrize("shape", [TINY, Shape("dense", (2, 3, 4, 5, 2)), SHAPES["row"]])
def test_drawn_predictions_are_valid_and_the_fit_set_has_the_same_members(shape):
    cube, codes = draw(shape)
    assert cube.shape == shape.axes
    assert cube.dtype == np.float32
    assert codes.shape == shape.axes[1:-1]
    np.testing.assert_allclose(cube.sum(axis=-1), 1, atol=1e-5)
    predictions = labelled(shape, rows=60)
    assert predictions.members == shape.members
    assert predictions.member_probas.shape == (shape.axes[0], max(8, 60 // shape.positions), *shape.axes[2:])
    assert predictions.classes == tuple(sorted(predictions.classes))


def test_a_shape_has_a_name_or_is_given_in_numbers():
    assert parse_shape("large") is LARGE
    assert parse_shape("8,500_000,10").axes == LARGE.axes
    assert parse_shape("5,2,64,64,2").words == "5 members × 2 samples × 64 × 64 positions × 2 classes"
    assert parse_shape("1,1,2").words == "1 member × 1 sample × 2 classes"
    for text in ("8", "8,10", "8,x,10", "8,0,10", "8,10,1", "", "8,-1,10"):
        with pytest.raises(InvalidOptionError, match=r"^--shape must be one of large, .*; received "):
            parse_shape(text)


# The rows.


@pytest.mark.slow
@pytest.mark.long
def test_every_registered_rule_becomes_a_row(registry, copy):
    for name in registry.combiners:
        if name == "broken" or "multiclass" not in registry.create_combiner(name).tasks:
            continue
        got = measured(registry, copy, name)
        assert got.reason is None, (name, got.reason)
        assert got.timing.best > 0
        learns = "learns" in registry.create_combiner(name).traits and name != "weighted"
        assert (got.fit is not None) == learns, name


def test_a_rule_that_fails_is_a_row_with_the_reason(registry, copy):
    assert measured(registry, copy, "broken").reason == "RuntimeError: nothing to give"
    assert measured(registry, copy, "numbers").reason == (
        "InvalidOptionError: combiner 'Numbers' makes no sense for the task 'multiclass'; it is for regression. "
        "Give a rule that is for it, such as 'mean' or 'median'."
    )


def test_warnings_are_told_once(copy):
    def warns(cube):
        np.log(cube * 0)
        return cube[0]

    got = timed("logs", "logs", lambda: (warns, None), draw(TINY)[0], TINY, copy=copy, budget=ONCE)
    assert got.warned == ("divide by zero encountered in log",)


# What is printed.


def results(selections=(), broken=None):
    part = Timing(0.5, 0.5, 0.01, 0.01, 3, 10, 100)
    large = Measured(
        LARGE,
        [
            row("mean", 1.25),
            Measurement("stacking", "stacking", part, 10**6, 0.25),
            Measurement("borda", "borda", reason="E: no"),
        ],
        [row("mean", 2.5, name="NumPy mean"), Measurement("combo vote", "voting", reason="ModuleNotFoundError: combo")],
    )
    return Results(np.dtype("float32"), [large, Measured(TINY, [row("mean")])], list(selections), broken)


def test_the_tables():
    task = Task(100, 20_000, 10, 50)
    selections = [Selected("log_loss", task, ours=0.5, plain=51.0, plain_rounds=5, same=True)]
    assert to_markdown(results(selections, [])) == EXPECTED


EXPECTED = """\
## Rules

8 members × 500,000 samples × 10 classes, float32. Floor: 10.0 ms, 180 MB in and out at 18.0 GB/s.

| Rule     |      Time | × floor | Limit | Extra memory |    Fit |
| :------- | :-------- | :------ | :---- | :----------- | :----- |
| mean     | 12.5 ms   |    1.25 | ≤ 1.5 |       0.0 MB |      – |
| stacking |  500 ms ¹ |    50.0 |     – |       1.0 MB | 250 ms |
| borda    |       –   |       – |  ≤ 25 |            – |      – |

## Peers

| Peer       |    Time | × floor | Our rule | Ours faster |
| :--------- | :------ | :------ | :------- | :---------- |
| NumPy mean | 25.0 ms |    2.50 | mean     |       2.00× |

## Other shapes

tiny: 3 members × 40 samples × 4 classes

| Rule |    tiny |
| :--- | :------ |
| mean | 10.0 ms |

## Greedy selection

100 members, 20,000 samples, 10 classes, 50 rounds.

| Metric   |   Ours |    Plain | Ours faster | Same choice |
| :------- | :----- | :------- | :---------- | :---------- |
| log_loss | 500 ms | 51.0 s ² |        102× |         yes |

- Fit: on 2,000 labelled rows, once; it is no part of the time.
- ¹ Timed on part of the rows, and scaled.
- ² The plain selection made its first rounds only; its time is scaled to all.
- borda (large) was not measured: E: no
- combo vote (large) was not measured: ModuleNotFoundError: combo

Every promise is kept.
"""


def test_broken_promises_are_listed_below():
    assert to_markdown(results(broken=["mean: slow"])).endswith("## Broken promises\n\n- mean: slow\n")


def test_seconds_have_three_figures():
    shown = [duration(s) for s in (5e-8, 1.234e-6, 99.96e-6, 999.6e-6, 0.0142, 0.99951, 3.214, 61.26, 1234.5)]
    assert shown == ["0.05 µs", "1.23 µs", "100 µs", "1.00 ms", "14.2 ms", "1.00 s", "3.21 s", "61.3 s", "1,234 s"]


def test_json_has_every_figure_in_full():
    record = json.loads(json.dumps(to_json(results(broken=[]))))
    assert set(record) == {"machine", "dtype", "fit_rows", "shapes", "greedy_selection", "broken"}
    large = record["shapes"][0]
    assert set(large) == {"name", "shape", "bytes_in_and_out", "rules", "peers"}
    mean, stacking, borda = large["rules"]
    assert set(mean) == {"name", "rule", "timing", "extra_memory", "fit", "reason", "warned"}
    assert set(mean["timing"]) == {
        "best", "median", "floor_best", "floor_median", "repeats", "rows", "all_rows", "floors", "floors_median",
    }  # fmt: skip
    assert (mean["timing"]["floors"], stacking["fit"], borda["reason"]) == (1.25, 0.25, "E: no")


# The command.


def combiners(*arguments):
    command = [sys.executable, str(REPO / "benchmarks" / "combiners.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.slow
def test_the_command_measures_and_writes_json(tmp_path):
    path = tmp_path / "speed.json"
    arguments = ("--rules", "mean,voting", "--shape", "3,50,4", "--shape", "row", "--quick", "--json", str(path))
    done = combiners(*arguments)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "3 members × 50 samples × 4 classes, float32. Floor: " in done.stdout
    assert "| NumPy mean" in done.stdout
    assert "row: 8 members × 1 sample × 10 classes" in done.stdout
    record = json.loads(path.read_text())
    assert [s["shape"] for s in record["shapes"]] == [[3, 50, 4], [8, 1, 10]]
    assert [r["rule"] for r in record["shapes"][0]["rules"]] == ["mean", "voting"]
    assert record["broken"] is None


@pytest.mark.slow
def test_json_alone_on_stdout():
    done = combiners("--rules", "mean", "--shape", "3,50,4", "--quick", "--no-peers", "--json", "-")
    assert json.loads(done.stdout)["shapes"][0]["peers"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--rules", "meen"], "No combiner is registered as 'meen'. Did you mean 'mean'"),
        (["--rules", ","], "--rules must name a rule at least; received ','."),
        (["--shape", "big"], "--shape must be one of large,"),
        (["--check", "--shape", "few"], "--check needs the shape large, for which the promises are made. Add it."),
        (["--check", "--quick"], "--check judges careful figures; received --quick beside it. Leave one out."),
    ],
)
def test_bad_input_is_one_clear_error(arguments, said, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["combiners", *arguments])
    with pytest.raises(SystemExit) as end:
        command.main()
    assert end.value.code == 1
    error = capsys.readouterr().err
    assert error.startswith(f"combiners: {said}")
    assert len(error.splitlines()) == 1


@pytest.mark.slow
def test_check_fails_where_a_promise_is_broken():
    # At its true size, and with a promise that nothing can keep.
    code = (
        "import sys; sys.argv = ['combiners', '--check', '--rules', 'mean', '--shape', 'large', '--no-peers']\n"
        "from benchmarks import combiners; from benchmarks.speed import promises\n"
        "promises.PROMISES['mean'] = promises.Promise(0.01)\n"
        "combiners.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stderr
    assert "- mean: must take at most 0.01 floors; it took " in done.stdout
