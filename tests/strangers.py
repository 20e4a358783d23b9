"""Distributions of strangers, made on disk as pip would leave them: a module and its metadata."""

import os
import sys
import textwrap
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
"""The root of the checkout."""

COMBINER = """
import numpy as np
from ensemblekit import Combiner, hookimpl

class First(Combiner):
    '''The first member's word.'''
    def combine(self, member_probas, *, xp=np):
        return member_probas[0]

@hookimpl
def ensemblekit_register_combiners(register):
    register({name!r}, First)
"""
"""A plugin with one combiner, to be formatted with its name."""


def write_distribution(folder, distribution, entry_points, version="1.0", **modules):
    """Leave in ``folder`` what an installed distribution with these modules and entry points leaves there."""
    info = Path(folder) / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    points = "".join(f"{name} = {module}\n" for name, module in entry_points.items())
    (info / "entry_points.txt").write_text(f"[ensemblekit]\n{points}")
    for module, code in modules.items():
        (Path(folder) / f"{module}.py").write_text(textwrap.dedent(code))


def environment(*path, **variables):
    """Return the environment of a subprocess that finds modules in ``path`` first."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), "TF_CPP_MIN_LOG_LEVEL": "3", **variables}


def uninstalled(folder):
    """Return the arguments and environment of a Python that sees the checkout and its needs, but nothing installed."""
    packages = next(p for p in map(Path, sys.path) if (p / "numpy").is_dir())
    for entry in packages.iterdir():
        if "ensemblekit" not in entry.name:
            (folder / entry.name).symlink_to(entry)
    return [sys.executable, "-S"], environment(REPO, REPO / "plugins", folder)
