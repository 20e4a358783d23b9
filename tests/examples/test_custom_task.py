"""A stranger's task: survival curves with censored labels, through every door that the built-in tasks use."""

import json
import re
import subprocess
import sys
from importlib import import_module

import numpy as np
import pandas as pd
import pytest

from ensemblekit import Predictions, align, combine, fit_combiner, kinds
from ensemblekit.errors import CheckFailedError, InvalidOptionError, InvalidPredictionsError
from ensemblekit.testing import check_task
from tests.strangers import REPO, environment, write_distribution

FOLDER = REPO / "examples" / "custom_task"
TIMES = (30, 90)
CURVES = np.array([[0.2, 0.1], [0.8, 0.4], [0.9, 0.6], [0.9, 0.8]])
TRUTH = pd.DataFrame({"time": [20, 40, 50, 100], "event": [1, 1, 0, 1]}, index=[*"abcd"])
SIGNED = [20.0, 40.0, -50.0, 100.0]


@pytest.fixture
def survival(monkeypatch):
    """The plugin of the example, as a module that is not installed; its task is registered."""
    monkeypatch.syspath_prepend(str(FOLDER))
    module = import_module("ensemblekit_survival")
    before = kinds._find
    found = kinds.FoundTask(module.Survival(), "ensemblekit-survival")
    kinds.find_tasks_with(lambda name: found if name == "survival" else before(name))
    yield module
    kinds.find_tasks_with(before)


def member(name="cox", curves=CURVES, **fields):
    fields = {"ids": [*"abcd"], "classes": TIMES, "task": "survival", "labels": TRUTH} | fields
    return Predictions(curves, member=name, **fields)


def test_the_values_are_those_worked_by_hand(survival):
    p = member()
    assert p.labels.tolist() == [[time, time] for time in SIGNED]
    task = survival.Survival()
    assert task.baseline(p.labels, 2, classes=TIMES).tolist() == [0.75, 0.5]  # 3/4, then 3/4 * 2/3
    # G(30) = 1, and G(90) = 1/2, as the third is lost among the last two.
    first, second = (0.2**2 + 0.2**2 + 2 * 0.1**2) / 4, (0.1**2 + 0.4**2 + 0.2**2 / 0.5) / 4
    brier = survival.IntegratedBrier().for_classes(TIMES, "survival")
    assert brier.score(p.labels, CURVES) == pytest.approx((first + second) / 2)
    assert survival.Concordance().score(p.labels, CURVES) == 1
    # Known pairs: the first row with three others, the second with two; the first two are now out of order.
    assert survival.Concordance().score(p.labels, CURVES[[1, 0, 2, 3]]) == pytest.approx(4 / 5)
    assert np.isnan(survival.Concordance().score(-np.abs(p.labels), CURVES))


@pytest.mark.parametrize(
    "labels",
    [
        TRUTH, TRUTH.iloc[::-1], TRUTH[["event", "time"]], TRUTH.to_numpy(), SIGNED, np.array(SIGNED),
        np.array([*zip([True, True, False, True], [20, 40, 50, 100], strict=True)], [("event", "?"), ("time", "f8")]),
    ],
)  # fmt: skip
def test_labels_of_every_form_are_taken(survival, labels):
    assert member(labels=labels).labels[:, 0].tolist() == SIGNED
    assert member(labels=None).with_labels(labels).labels[:, 1].tolist() == SIGNED


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"curves": CURVES[:, ::-1]}, r"task 'survival': survival must not rise with time; received \[0\.1 0\.2\]"),
        ({"curves": 2 * CURVES}, r"survival must lie in \[0, 1\]; received 0\.2 to 1\.8"),
        ({"classes": ["soon", "late"]}, r"columns must be named by times"),
        ({"classes": (90, 30)}, r"columns must be times > 0 that increase"),
        ({"labels": TRUTH.assign(event=2)}, r"event 1 \(it happened\) or 0 \(censored\)"),
        ({"labels": TRUTH.rename(columns={"time": "t"})}, r"labels must have the columns 'time' and 'event'; received"),
        ({"labels": [0.0, 1.0, 2.0, 3.0]}, r"labels must be \(time, event\) of each row, with times > 0"),
    ],
)
def test_what_is_no_survival_is_refused(survival, changed, message):
    with pytest.raises(InvalidPredictionsError, match=message):
        member(**changed)


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".npz"])
def test_curves_and_labels_go_through_files_and_combiners(survival, tmp_path, suffix):
    other = member("forest", CURVES[::-1] * 0.9, ids=[*"dcba"])
    both = combine([member(), other], "mean")
    np.testing.assert_allclose(both.probas, 0.95 * CURVES)
    both.save(tmp_path / f"p{suffix}")
    again = Predictions.load(tmp_path / f"p{suffix}")
    assert (again.task, again.labels.tolist()) == ("survival", both.labels.tolist())
    assert align(member(), other).labels[:, 0].tolist() == SIGNED


def test_a_rule_that_learns_by_the_distance_of_labels_is_refused(survival):
    members = [member(), member("forest", CURVES * 0.9)]
    with pytest.raises(InvalidOptionError, match=r"'stacking' learns from labels as the values .* 'survival' are none"):
        fit_combiner(members, "stacking")
    assert fit_combiner(members, "median").members_ == ("cox", "forest")


def test_the_kit_rejects_a_task_that_admits_too_much(survival):
    class Rising(survival.Survival):
        """Admits what rises."""

        metrics = ("rmse",)

        def check(self, probas, classes):
            """Refuse nothing."""

    refused = [([[0.5, 0.6]], TIMES)]
    with pytest.raises(CheckFailedError, match="breaks the promise 'refuses'"):
        check_task(Rising, refused=refused, valid=lambda values: values, columns=TIMES, max_examples=5)

    class Certain(Rising):
        """No mean of two curves is one."""

        def check(self, probas, classes):
            """Refuse what is between 0 and 1."""
            if ((probas > 0) & (probas < 1)).any():
                raise ValueError("0 or 1")

    with pytest.raises(CheckFailedError, match="breaks the promise 'mean_admitted'"):
        check_task(Certain, valid=lambda values: (values > 0).astype(float), columns=TIMES, max_examples=20)


SCRIPT = """
import json, sys
import numpy as np, pandas as pd
from ensemblekit import Predictions, choose, combine
from ensemblekit.evaluation import compare_with_reference, score_table

rng = np.random.default_rng(0)
n, times = 150, (1, 2, 4)
rate = rng.gamma(2, 0.2, n)
event, lost = rng.exponential(1 / rate), rng.exponential(6, n)
truth = pd.DataFrame({"time": np.minimum(event, lost), "event": event <= lost}, index=[f"p{i}" for i in range(n)])

def member(name, noise):
    curve = np.exp(-np.outer(rate * np.exp(noise * rng.normal(size=n)), times))
    fields = {"ids": truth.index, "classes": times, "task": "survival", "labels": truth}
    return Predictions(curve, member=name, **fields)

members = [member("cox", 0.7), member("forest", 0.7), member("tree", 1.5)]
models = {p.member: p for p in members} | {"mean": combine(members, "mean")}
table = compare_with_reference(models, "tree", n_resamples=100)
scores = {name: score_table({name: p}, baselines=True) for name, p in models.items()}
choice = choose(members, rules=["mean", "median"])
print(json.dumps({
    "metrics": sorted({*table["metric"]}), "choice": choice.metric, "rule": choice.name,
    "rows": [*map(str, scores["mean"].index)], "table": scores["mean"].to_csv(),
}))
models["mean"].save("mean.parquet")
"""


@pytest.fixture
def installed(tmp_path):
    """The environment of a Python in which the plugin is installed."""
    write_distribution(tmp_path, "ensemblekit-survival", {"survival": "ensemblekit_survival"})
    return environment(tmp_path, FOLDER, *filter(None, sys.path))


@pytest.mark.slow
def test_installed_curves_are_judged_and_chosen_as_any_task(installed, tmp_path):
    options = {"env": installed, "cwd": tmp_path, "capture_output": True, "text": True}
    done = subprocess.run([sys.executable, "-c", SCRIPT], **options)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["metrics"] == ["concordance", "integrated_brier"]
    assert said["choice"] == "integrated_brier"
    assert "constant" in said["table"]
    assert "oracle" not in said["table"]
    command = [sys.executable, "-c", "from ensemblekit.cli import app; app()", "evaluate", "mean.parquet", "--json"]
    done = subprocess.run(command, **options)
    assert done.returncode == 0, done.stderr
    assert "integrated_brier" in done.stdout


@pytest.mark.slow
def test_the_task_passes_its_own_tests(installed):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", FOLDER, FOLDER / "tests"]
    done = subprocess.run(command, cwd=FOLDER, env=installed, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert re.search(r"3 passed", done.stdout)
