"""The wheel alone, in a clean environment and away from the checkout, with the plugins of strangers beside it."""

import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.strangers import COMBINER, REPO, environment

pytestmark = pytest.mark.packaging

COMBINE = """
from ensemblekit import Predictions, combine
a, b = (Predictions(p, ids=["r"], classes=["cat", "dog"], member=m) for m, p in {
    "a": [[0.75, 0.25]], "b": [[0.25, 0.75]]}.items())
print(combine([a, b], %r).probas.tolist())
"""

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "impostor"
version = "6.6"

[project.entry-points.ensemblekit]
average = "impostor"
"""


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    """The source distribution, and the wheel that is built from it."""
    out = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--outdir", out, REPO], capture_output=True, text=True, env=environment()
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return SimpleNamespace(wheel=next(out.glob("*.whl")), source=next(out.glob("*.tar.gz")))


@pytest.fixture(scope="module")
def clean(distributions, tmp_path_factory):
    """A clean environment, away from the checkout, with the wheel and what it depends on."""
    folder = tmp_path_factory.mktemp("clean")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    away = folder / "away"
    away.mkdir()

    def run(program, *arguments, path=()):
        command = [folder / "venv" / "bin" / program, *arguments]
        return subprocess.run(command, cwd=away, env=environment(*path), capture_output=True, text=True)

    def pip(*arguments):
        done = run("python", "-m", "pip", "--quiet", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr

    pip("install", distributions.wheel)
    return SimpleNamespace(run=run, pip=pip, combine=lambda name: run("python", "-c", COMBINE % name))


@pytest.fixture
def custom_combiner(clean):
    """The example's plugin, installed as its README says."""
    clean.pip("install", REPO / "examples" / "custom_combiner")
    yield
    clean.pip("uninstall", "--yes", "ensemblekit-confident-mean")


@pytest.fixture
def custom_task(clean):
    """The plugin of the example of a task, installed as its README says."""
    clean.pip("install", REPO / "examples" / "custom_task")
    yield
    clean.pip("uninstall", "--yes", "ensemblekit-survival")


@pytest.fixture
def impostor(clean, tmp_path):
    """An installed stranger that registers the name of a built-in, and one of its own."""
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "impostor.py").write_text(COMBINER.format(name="mean") + "    register('first', First)")
    clean.pip("install", "--no-deps", tmp_path)
    yield
    clean.pip("uninstall", "--yes", "impostor")


def test_the_wheel_holds_both_typed_packages_and_nothing_else(distributions):
    names = set(zipfile.ZipFile(distributions.wheel).namelist())
    assert {"ensemblekit/py.typed", "ensemblekit_plugins/py.typed"} <= names
    tops = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"ensemblekit", "ensemblekit_plugins"}
    assert not [name for name in names if "/tests/" in f"/{name}" or "/test_" in name]
    assert [name for name in names if name.endswith(".dist-info/licenses/LICENSE")]


def test_the_wheel_holds_every_file_of_both_packages(distributions):
    names = set(zipfile.ZipFile(distributions.wheel).namelist())
    for root, package in ((REPO, "ensemblekit"), (REPO / "plugins", "ensemblekit_plugins")):
        paths = [path for path in (root / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        files = {path.relative_to(root).as_posix() for path in paths}
        assert files <= names
        assert package != "ensemblekit" or "ensemblekit/report/templates/page.html" in files


def test_a_page_is_written_from_the_templates_of_the_wheel(clean):
    write = "from ensemblekit.report import Section, write_page; write_page('page.html', '<x>', [Section('s', ['p'])])"
    assert clean.run("python", "-c", f"{write}; print(open('page.html').read())").stdout.count("&lt;x&gt;") == 2


def test_the_source_distribution_holds_no_data_and_no_environment(distributions):
    with tarfile.open(distributions.source) as archive:
        tops = {Path(name).parts[1] for name in archive.getnames()}
    assert tops <= {"ensemblekit", "plugins", "README.md", "LICENSE", "pyproject.toml", "PKG-INFO", ".gitignore"}


def test_the_command_lists_the_built_ins(clean):
    done = clean.run("ensemblekit", "plugins", "--json")
    found = json.loads(done.stdout)
    assert {"mean", "stacking", "voting", "weighted"} <= {p["name"] for p in found["plugins"]}
    assert {p["distribution"] for p in found["plugins"]} == {"ensemblekit"}
    assert (found["failures"], done.stderr) == ([], "")


def test_arrays_are_combined_without_tensorflow(clean):
    assert clean.combine("mean").stdout.strip() == "[[0.5, 0.5]]"
    assert "No module named 'tensorflow'" in clean.run("python", "-c", "import tensorflow").stderr
    assert "No module named 'keras'" in clean.run("python", "-c", "import keras").stderr


def test_what_needs_keras_says_how_to_install_it(clean):
    code = """
from ensemblekit import Predictions, fit_combiner
p = Predictions([[1.0, 0.0], [0.0, 1.0]], ids=[1, 2], classes=["a", "b"], labels=["a", "b"], member="m")
fit_combiner([p], "stacking", final_estimator="dense")
"""
    last = clean.run("python", "-c", code).stderr.strip().splitlines()[-1]
    assert last.startswith("ensemblekit.errors.MissingDependencyError: ")
    assert 'pip install "ensemblekit[tensorflow]"' in last


def test_the_plugin_of_the_example_is_listed_and_combines(clean, custom_combiner):
    lines = clean.run("ensemblekit", "plugins").stdout.splitlines()
    line = next(" ".join(line.split()) for line in lines if "confident_mean" in line)
    assert line == (
        "combiner confident_mean ensemblekit-confident-mean 1.0.0 "
        "Mean of the members, each weighted by its own largest probability, sample by sample."
    )
    done = clean.combine("confident_mean")
    assert (done.stdout.strip(), done.stderr) == ("[[0.5, 0.5]]", "")


def test_the_task_of_the_example_is_listed_with_its_metrics(clean, custom_task):
    lines = [" ".join(line.split()) for line in clean.run("ensemblekit", "plugins").stdout.splitlines()]
    for kind, name in (("task", "survival"), ("metric", "integrated_brier"), ("metric", "concordance")):
        assert any(line.startswith(f"{kind} {name} ensemblekit-survival 1.0.0") for line in lines), name


def test_a_plugin_that_is_not_installed_is_not_listed(clean):
    assert "confident_mean" not in clean.run("ensemblekit", "plugins").stdout
    assert "No combiner is registered as 'confident_mean'" in clean.combine("confident_mean").stderr


def test_a_stranger_that_claims_mean_is_refused_and_the_built_in_stands(clean, impostor):
    done = clean.combine("mean")
    assert done.stdout.strip() == "[[0.5, 0.5]]"
    assert (
        "PluginWarning: The plugin 'average' of impostor 6.6 is loaded without its combiner 'mean': the name is "
        "claimed by the built-in plugin 'mean' of ensemblekit"
    ) in done.stderr
    assert clean.combine("first").stdout.strip() == "[[0.75, 0.25]]"
    found = json.loads(clean.run("ensemblekit", "plugins", "--json").stdout)
    assert [p["distribution"] for p in found["plugins"] if p["name"] == "mean"] == ["ensemblekit"]
    assert [f["distribution"] for f in found["failures"]] == ["impostor"]


def test_an_uninstalled_checkout_says_how_to_install(clean, distributions):
    clean.pip("uninstall", "--yes", "ensemblekit")
    try:
        done = clean.run("python", "-c", COMBINE % "mean", path=[REPO, REPO / "plugins"])
    finally:
        clean.pip("install", "--no-deps", distributions.wheel)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ensemblekit.errors.PluginLoadError: The entry points of ensemblekit must be installed")
    assert 'pip install -e ".[all]"' in last
