"""The wheel alone, in a clean environment and away from the checkout, with the plugins of strangers beside it."""

import email
import json
import os
import re
import shutil
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
    packages, files = {"ensemblekit", "plugins", "docs", "examples"}, {"pyproject.toml", "PKG-INFO", ".gitignore"}
    texts = {path.name for path in REPO.glob("*.md")} | {"LICENSE", "CITATION.cff"}
    assert tops == packages | files | texts


def binary_files(names):
    """List files that are neither text nor pictures of the pages."""
    text = {"", ".cff", ".css", ".html", ".md", ".py", ".rst", ".svg", ".toml", ".txt", ".typed"}
    ours = ("/ensemblekit/report/templates/page.js", "/docs/playground/")
    pages = [name for name in names if not (name.endswith(".png") and "/docs/" in name)]
    return [n for n in pages if Path(n).suffix not in text and not any(part in n for part in ours)]


def test_nothing_of_others_is_bundled(distributions):
    with tarfile.open(distributions.source) as archive:
        names = [member.name for member in archive.getmembers() if member.isfile()]
    bundled = binary_files(name for name in names if not name.endswith((".gitignore", "PKG-INFO", "LICENSE")))
    assert bundled == [], "name it and its licence in THIRD_PARTY.md, and let this test know of it"
    assert binary_files(["a.woff2", "b.py", "c.png", "x/docs/d.png", "e.js"]) == ["a.woff2", "c.png", "e.js"]


def without_targets(description):
    """List the links and pictures of a text that lead nowhere outside a checkout."""
    return re.findall(r"\]\((?!https?://)[^)]*\)|<img[^>]*>", description)


def test_the_description_is_that_of_the_readme_and_renders_on_pypi(distributions):
    metadata = email.message_from_bytes(
        next(
            zipfile.ZipFile(distributions.wheel).read(name)
            for name in zipfile.ZipFile(distributions.wheel).namelist()
            if name.endswith(".dist-info/METADATA")
        )
    )
    description = metadata.get_payload()
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata["Requires-Python"] == "<3.14,>=3.11"
    assert without_targets(description) == []
    assert without_targets("[a](docs/a.md) ![b](b.svg) [c](https://x.org)") == ["](docs/a.md)", "](b.svg)"]
    assert "## In 60 seconds" in description
    pytest.importorskip("twine")
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", distributions.wheel, distributions.source],
        capture_output=True, text=True, env=environment(NO_COLOR="1"),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("PASSED") == 2


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
    lines = clean.run("ensemblekit", "plugins", "--plain").stdout.splitlines()
    line = next(" ".join(line.split()) for line in lines if "confident_mean" in line)
    assert line == (
        "combiner confident_mean ensemblekit-confident-mean 1.0.0 "
        "Mean of the members, each weighted by its own largest probability, sample by sample."
    )
    done = clean.combine("confident_mean")
    assert (done.stdout.strip(), done.stderr) == ("[[0.5, 0.5]]", "")


def test_the_task_of_the_example_is_listed_with_its_metrics(clean, custom_task):
    lines = [" ".join(line.split()) for line in clean.run("ensemblekit", "plugins", "--plain").stdout.splitlines()]
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


def python(version):
    """Return a Python of this version that runs, from PATH or pyenv, or None."""
    pyenv = sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(f"versions/{version}.*/bin/python"))
    for found in filter(None, [shutil.which(f"python{version}"), *map(str, pyenv)]):
        code = "import sys; print('%d.%d' % sys.version_info[:2])"
        done = subprocess.run([found, "-c", code], capture_output=True, text=True)
        if done.stdout.strip() == version:
            return found
    return None


@pytest.mark.skipif(not os.environ.get("RELEASE_CHECK"), reason="takes minutes: make release-check")
@pytest.mark.parametrize("kind", ["wheel", "source"])
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_a_clean_install_on_each_python_works(version, kind, distributions, tmp_path):
    found = python(version) or pytest.skip(f"there is no Python {version} here")
    subprocess.run([found, "-m", "venv", tmp_path / "venv"], check=True)
    inside = tmp_path / "venv" / "bin"
    install = [inside / "python", "-m", "pip", "--quiet", "install", getattr(distributions, kind)]
    subprocess.run(install, check=True, cwd=tmp_path, env=environment())
    for command in (
        [inside / "python", "-W", "error", "-c", COMBINE % "mean"],
        [inside / "ensemblekit", "plugins"],
        [inside / "ensemblekit", "guide"],
        [inside / "python", "-m", "pip", "check"],
    ):
        done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
