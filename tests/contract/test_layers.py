"""A room imports only rooms below it, the core never the plugins, and no file grows past 400 lines."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.strangers import REPO, environment

PACKAGES = (REPO / "ensemblekit", REPO / "plugins" / "ensemblekit_plugins")
MOST_LINES = 400


def lint_imports(folder):
    command = [Path(sys.executable).parent / "lint-imports", "--no-cache"]
    path = environment(folder, folder / "plugins")
    return subprocess.run(command, cwd=folder, env=path, capture_output=True, text=True)


def test_the_layers_hold():
    done = lint_imports(REPO)
    assert done.returncode == 0, done.stdout
    assert "3 kept, 0 broken" in done.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        (
            "ensemblekit/errors.py",
            "from .registry import load_plugins",
            "A room imports only rooms on the floors below",
        ),
        ("ensemblekit/hookspecs.py", "import ensemblekit.cli", "A room imports only rooms on the floors below"),
        (
            "ensemblekit/cli/_app.py",
            "import ensemblekit_plugins.combiners.mean",
            "The core never imports the built-in plugins",
        ),
        (
            "plugins/ensemblekit_plugins/kernels/sums.py",
            "from ..learning.rows import Rows",
            "Plugins stand on what they learn with",
        ),
        (
            "plugins/ensemblekit_plugins/heads/vector_head.py",
            "from ..backbones.keras_backbone import KerasBackbone",
            "Plugins stand on what they learn with",
        ),
    ],
)
def test_an_import_that_breaks_a_layer_is_noticed(tmp_path, file, line, contract):
    shutil.copy(REPO / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        shutil.copytree(package, tmp_path / package.relative_to(REPO), ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / file).open("a") as source:
        source.write(f"\n{line}\n")
    done = lint_imports(tmp_path)
    assert done.returncode == 1
    assert "2 kept, 1 broken" in done.stdout
    assert f"{contract}" in done.stdout.partition("Broken contracts")[2]


def too_long(*folders):
    files = [file for folder in folders for file in folder.rglob("*.py")]
    assert files
    return [file for file in files if len(file.read_text().splitlines()) > MOST_LINES]


def test_no_file_is_too_long():
    assert too_long(*PACKAGES) == []


def test_a_file_that_is_too_long_is_noticed(tmp_path):
    for name, lines in (("short.py", MOST_LINES), ("long.py", MOST_LINES + 1)):
        (tmp_path / name).write_text("pass\n" * lines)
    assert too_long(tmp_path) == [tmp_path / "long.py"]
