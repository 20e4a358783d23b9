"""Version, changelog, tag and the files for maintainers agree; `make release-check` runs this before a release."""

import datetime as dt
import functools
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.version import Version

import ensemblekit
from tests.strangers import REPO

CHANGELOG = (REPO / "CHANGELOG.md").read_text()
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
"""The headings of Keep a Changelog."""
TAG = os.environ.get("RELEASE_TAG", "")
WORKFLOWS = {path.name: yaml.safe_load(path.read_text()) for path in (REPO / ".github" / "workflows").glob("*.yml")}
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]


def mistakes(changelog):
    """Name what is not in the form of Keep a Changelog: headings, kinds, order of versions."""
    found, released = [], []
    headings = re.findall(r"^## (.*)$", changelog, re.MULTILINE)
    if headings[:1] != ["Unreleased"]:
        found.append(f"begins with {headings[:1]}")
    for heading in headings[1:]:
        named = re.fullmatch(r"(\d+\.\d+\.\d+) - (\d{4}-\d{2}-\d{2})", heading)
        if not named:
            found.append(f"heading {heading!r}")
            continue
        released.append((Version(named[1]), dt.date.fromisoformat(named[2])))
    if released != sorted(released, reverse=True):
        found.append("versions out of order")
    for section in re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]:
        kinds = re.findall(r"^### (.*)$", section, re.MULTILINE)
        found += [f"kind {kind!r}" for kind in kinds if kind not in KINDS]
        found += [f"kind {kind!r} twice" for kind in {*kinds} if kinds.count(kind) > 1]
    return found


def newest(changelog):
    return Version(re.findall(r"^## (\d\S*)", changelog, re.MULTILINE)[0])


def fits(written, changelog):
    """Tell whether a version is the newest release, or on the way to the next."""
    one = Version(written)
    return one == newest(changelog) or (one.is_devrelease and one > newest(changelog))


def test_the_changelog_has_the_form_of_keep_a_changelog():
    assert mistakes(CHANGELOG) == []


def test_another_form_is_noticed():
    wrong = "## 0.1.0\n### Mended\n## 0.1.0 - 2026-01-01\n### Added\n### Added\n## 0.2.0 - 2026-02-02\n"
    assert mistakes(wrong) == [
        "begins with ['0.1.0']",
        "versions out of order",
        "kind 'Mended'",
        "kind 'Added' twice",
    ]


def test_the_version_is_written_once_and_fits_the_changelog():
    assert "version" in PROJECT["dynamic"]
    assert version("ensemblekit") == ensemblekit.__version__, "the environment is stale: make install"
    assert fits(ensemblekit.__version__, CHANGELOG)


@pytest.mark.parametrize(
    ("written", "right"), [("0.1.0", True), ("0.2.0.dev0", True), ("0.2.0", False), ("0.1.0.dev1", False)]
)
def test_a_version_of_another_release_is_noticed(written, right):
    assert fits(written, "## Unreleased\n## 0.1.0 - 2026-01-01\n") is right


@pytest.mark.skipif(not TAG, reason="only before a release: make release-check TAG=vX.Y.Z")
def test_the_tag_the_version_and_the_changelog_name_one_release():
    assert f"v{ensemblekit.__version__}" == TAG
    assert Version(ensemblekit.__version__) == newest(CHANGELOG)
    unreleased = re.search(r"^## Unreleased\n(.*?)^## ", CHANGELOG, re.MULTILINE | re.DOTALL)
    assert unreleased[1].strip() == "", "move what is under Unreleased to the release"


# The files of the forge call what is there.


def targets(text):
    """Targets of make that commands name."""
    lines = re.findall(r"\bmake ([^|;&\n]+)", text)
    words = (word for line in lines for word in re.sub(r"\S+=(\"[^\"]*\"|\${{.*?}}|\S*)", "", line).split())
    return {word for word in words if not word.startswith("-")}


def test_the_workflows_call_targets_that_are_there():
    there = set(re.findall(r"^([a-z-]+):", (REPO / "Makefile").read_text(), re.MULTILINE))
    steps = [step for flow in WORKFLOWS.values() for job in flow["jobs"].values() for step in job["steps"]]
    called = targets("\n".join(step["run"] for step in steps if "run" in step))
    assert called <= there
    # Each job of the forge makes the environment that it needs.
    ours = targets((REPO / ".ci" / "run").read_text()) - {"environments"}
    assert ours - called == set(), "CI of the forge leaves something out"


def test_a_target_is_found_in_a_command():
    assert targets("make --jobs=2 --output-sync lint docs") == {"lint", "docs"}
    assert targets('make lint types\nif make test COVERAGE="--cov --x"; then :; fi') == {"lint", "types", "test"}


def test_the_workflow_tests_each_python_that_is_declared():
    declared = {c.rpartition(" ")[2] for c in PROJECT["classifiers"] if re.search(r"Python :: 3\.\d+$", c)}
    assert set(WORKFLOWS["ci.yml"]["jobs"]["test"]["strategy"]["matrix"]["python"]) == declared


def test_the_hooks_of_pre_commit_are_valid_and_call_tools_that_are_declared():
    pre_commit = pytest.importorskip("pre_commit.clientlib")
    config = pre_commit.load_config(str(REPO / ".pre-commit-config.yaml"))
    tools = {hook["entry"].split()[0].rpartition("/")[2] for repo in config["repos"] for hook in repo["hooks"]}
    declared = "\n".join(PROJECT["optional-dependencies"]["dev"])
    assert {"ruff", "lint-imports", "pyright"} == tools
    assert all(name in declared for name in ("ruff", "import-linter", "pyright"))


@pytest.mark.slow
def test_the_hooks_refuse_a_commit(tmp_path):
    pytest.importorskip("pre_commit")
    for name in (".pre-commit-config.yaml", "pyproject.toml"):
        shutil.copy(REPO / name, tmp_path)
    bin_folder = tmp_path / ".venv" / "bin"
    bin_folder.mkdir(parents=True)
    for tool in ("ruff", "lint-imports", "pyright"):
        (bin_folder / tool).symlink_to(Path(sys.executable).parent / tool)
    (tmp_path / "bad.py").write_text('"""A module."""\n\nimport os\nx = undefined\n')
    run = functools.partial(subprocess.run, cwd=tmp_path, capture_output=True, text=True)
    assert run(["git", "init", "--quiet"]).returncode == 0
    run(["git", "add", "bad.py"])
    done = run([sys.executable, "-m", "pre_commit", "run", "ruff-check"])
    assert done.returncode == 1, done.stdout + done.stderr
    assert "F821 Undefined name `undefined`" in done.stdout
