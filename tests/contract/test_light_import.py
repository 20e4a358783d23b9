"""Importing ensemblekit and loading its plugins imports nothing heavy; and this check can fail."""

import subprocess
import sys

import pytest

from tests.strangers import environment, write_distribution

HEAVY = {"PIL", "jax", "keras", "pandas", "pyarrow", "rich", "scipy", "sklearn", "tensorflow", "torch", "typer"}
"""What an import of ours must not bring along."""


def heavy_after(code, *path):
    """Run code in a Python of its own; return what it imported of the heavy packages."""
    code += "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules})"
    arguments = [sys.executable, "-c", code]
    done = subprocess.run(arguments, env=environment(*path), capture_output=True, text=True, check=True)
    return HEAVY & set(done.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import ensemblekit",
        "import ensemblekit; ensemblekit.load_plugins()",
        "from ensemblekit import AffineViews, Combiner, FeatureBank, extract_features",
        "from ensemblekit import Combiner, Predictions, align, collect, combine, hookimpl, image_folder",
        "from ensemblekit import Predictions, combine\n"
        "a, b = (Predictions([[0.5, 0.5]], ids=[1], classes=['x', 'y'], member=m) for m in 'ab')\n"
        "combine([a, b], 'mean')",
    ],
    ids=["import", "load_plugins", "features", "names", "combine"],
)
def test_nothing_heavy_is_imported(code):
    assert heavy_after(code) == set()


def test_a_heavy_import_would_be_noticed(tmp_path):
    assert "rich" in heavy_after("import rich")
    write_distribution(tmp_path, "heavy", {"heavy": "heavy_plugin"}, heavy_plugin="import rich")
    quiet = "import warnings; warnings.simplefilter('ignore')\n"
    assert "rich" in heavy_after(quiet + "import ensemblekit; ensemblekit.load_plugins()", tmp_path)
