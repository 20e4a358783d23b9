"""Every dependency is declared, with a lowest version that is run, and versions known to be bad are outside."""

import ast
import functools
import sys
import tomllib
from importlib.metadata import packages_distributions, version
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.strangers import REPO

FOLDERS = (REPO / "ensemblekit", REPO / "plugins" / "ensemblekit_plugins")


def declared():
    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    found = [Requirement(line) for group in groups for line in group]
    return [one for one in found if one.name != "ensemblekit" and (one.marker is None or one.marker.evaluate())]


DECLARED = declared()
APART = {"datasets", "jax", "torch"}
"""Installed only in the environment of make test-backends, where the lowest version of torch is the installed one."""


def floor(requirement):
    return next((Version(one.version) for one in requirement.specifier if one.operator == ">="), None)


LATE = {"import_module", "__import__", "importorskip"}


def imported(source):
    """Names of the packages that a module imports, by statement or by `import_module("name")`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in LATE:
            yield from (
                one.value for one in node.args[:1] if isinstance(one, ast.Constant) and not one.value.startswith(".")
            )


owners_of_packages = functools.cache(packages_distributions)


def undeclared(sources):
    names = {name.partition(".")[0] for source in sources for name in imported(source)}
    names -= {*sys.stdlib_module_names, "ensemblekit", "ensemblekit_plugins", "__main__"}
    known = {canonicalize_name(one.name) for one in DECLARED}
    owners = owners_of_packages()
    return {name for name in names if known.isdisjoint(map(canonicalize_name, owners.get(name, [name])))}


@pytest.mark.parametrize("requirement", DECLARED, ids=str)
def test_a_dependency_has_a_lowest_version_and_the_installed_one_is_in_the_range(requirement):
    assert floor(requirement), f"{requirement} states no lowest version"
    if requirement.name in APART and find_spec(requirement.name) is None:
        pytest.skip("installed by make test-backends")
    assert requirement.specifier.contains(version(requirement.name), prereleases=True)


def test_what_is_imported_is_declared():
    assert undeclared(file.read_text() for folder in FOLDERS for file in folder.rglob("*.py")) == set()


@pytest.mark.parametrize(
    "source", ["import nobody", "from nobody.x import y", "def f():\n    import_module('nobody.x')"]
)
def test_an_import_that_is_not_declared_is_noticed(source):
    assert undeclared([source]) == {"nobody"}


# Why: CONTRIBUTING.md, "Lowest versions".
BAD = {
    "keras": ["3.6.0", "3.8.0", "3.11.3", "3.12.0", "3.12.1", "3.13.0", "3.13.1", "3.13.2", "3.14.0"],
    "skops": ["0.11.0", "0.12.0", "0.14.0"],
    "typer": ["0.12.5", "0.15.4"],
    "duckdb": ["1.1.3", "1.4.5"],
    "numpy": ["1.26.4", "2.1.3"],
    "pandas": ["2.2.1"],
    "pyarrow": ["14.0.0", "16.0.0"],
    "pydicom": ["2.4.5", "3.0.1"],
    "pillow": ["11.3.0", "12.2.0"],
    "onnx": ["1.17.0", "1.20.1"],
    "distributed": ["2025.12.0"],
    "matplotlib": ["3.9.4", "3.10.7"],
}
GOOD = {"keras": ["3.12.2", "3.12.4", "3.14.1", "3.15.1"]}


@pytest.mark.parametrize(
    ("name", "one", "wanted"),
    [(n, v, False) for n, bad in BAD.items() for v in bad] + [(n, v, True) for n, good in GOOD.items() for v in good],
)
def test_a_version_is_in_the_range_or_known_to_be_bad(name, one, wanted):
    ranges = [requirement.specifier for requirement in DECLARED if requirement.name == name]
    assert ranges
    assert all(specifier.contains(one) for specifier in ranges) is wanted


@pytest.mark.skipif(Path(sys.prefix).name != ".venv-lowest", reason="only in the environment of make test-lowest")
def test_the_lowest_versions_are_what_is_run():
    least = {}
    for one in (one for one in DECLARED if one.name not in APART):
        least[one.name] = max(floor(one), least.get(one.name, Version("0")))
    assert {name: Version(version(name)) for name in least} == least
