"""The examples run as a reader runs them, and show what they say."""

import re
import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest

from ensemblekit import Predictions, combine, load_plugins
from tests.strangers import REPO, environment


def run(name):
    """Run an example; return what it prints."""
    command = [sys.executable, "-W", "error::UserWarning", REPO / "examples" / name]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def confident_mean(monkeypatch):
    """The plugin of the example, as a module that is not installed."""
    monkeypatch.syspath_prepend(str(REPO / "examples" / "custom_combiner"))
    return import_module("ensemblekit_confident_mean")


@pytest.mark.keras
@pytest.mark.slow
def test_rows_matched_by_hand_are_chance_and_by_name_are_right():
    printed = run("why_alignment.py")
    by_hand, aligned = (float(number) for number in re.findall(r"accuracy (\d\.\d+)", printed))
    assert 0.05 < by_hand < 0.2
    assert aligned > 0.9
    assert "DataError: a tf.data.Dataset must carry ids" in printed


@pytest.mark.keras
@pytest.mark.slow
def test_a_forest_and_a_network_are_combined_whatever_the_order_of_their_classes():
    printed = run("combine_sklearn_and_keras.py")
    accuracies = {name: float(number) for name, number in re.findall(r"(\w+): accuracy (\d\.\d+)", printed)}
    assert list(accuracies) == ["forest", "network", "mean", "stacking"]
    assert min(accuracies.values()) > 0.85
    assert max(accuracies["mean"], accuracies["stacking"]) >= max(accuracies["forest"], accuracies["network"]) - 0.01


@pytest.mark.keras
@pytest.mark.slow
@pytest.mark.long
def test_a_table_of_films_becomes_one_file_that_predicts_new_ones():
    pytest.importorskip("pydicom")
    printed = run("chest_films.py")
    scored = re.findall(r"^\d +(\w+) +(0\.\d+) +(0\.\d+) +(0\.\d+)$", printed, re.MULTILINE)
    assert [name for name, *_ in scored] == ["width4", "width8", "mean", "choice"]
    assert all(0.55 < float(low) < float(value) < float(high) for _, value, low, high in scored)
    assert "best member, width" in printed
    new = re.findall(r"^p00(\d)((?: +[01]\.\d\d){3})$", printed, re.MULTILINE)
    assert [name for name, _ in new] == list("01234")


def test_the_example_of_films_is_short():
    lines = (REPO / "examples" / "chest_films.py").read_text().splitlines()
    assert sum(bool(line.strip()) for line in lines) < 40


def test_the_custom_combiner_is_a_plugin(confident_mean):
    registry = load_plugins(plugins=[confident_mean])
    registration = next(r for r in registry.registrations if r.name == "confident_mean")
    assert registration.summary.startswith("Mean of the members, each weighted by its own largest probability")


def test_the_custom_combiner_weighs_members_by_how_sure_they_are(confident_mean):
    fields = {"ids": ["sure", "even"], "classes": ["cat", "dog"]}
    sure = Predictions([[1.0, 0.0], [0.6, 0.4]], member="sure", **fields)
    torn = Predictions([[0.5, 0.5], [0.4, 0.6]], member="torn", **fields)
    combined = combine([sure, torn], load_plugins(plugins=[confident_mean]).create_combiner("confident_mean"))
    np.testing.assert_allclose(combined.probas, [[(1 * 1 + 0.5 * 0.5) / 1.5, 0.25 / 1.5], [0.5, 0.5]])


@pytest.mark.keras
@pytest.mark.slow
def test_the_custom_combiner_passes_its_own_tests():
    folder = REPO / "examples" / "custom_combiner"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", folder, folder / "tests"]
    env = environment(folder)
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert re.search(r"1\d passed", done.stdout)


@pytest.mark.keras
def test_the_custom_combiner_is_a_graph_as_it_promises(confident_mean):
    import keras

    member_probas = np.random.default_rng(0).dirichlet(np.ones(4), size=(3, 5))
    combiner = confident_mean.ConfidentMean()
    in_graph = keras.ops.convert_to_numpy(combiner.combine(member_probas, xp=keras.ops))
    np.testing.assert_allclose(in_graph, combiner.combine(member_probas), rtol=1e-5)
