"""Every example in a docstring and in the README runs and prints what it says."""

import doctest
import pkgutil
import re
from importlib import import_module
from types import ModuleType

import pytest

import ensemblekit
import ensemblekit_plugins
from tests.strangers import REPO

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
MODULES = [
    name
    for package in (ensemblekit, ensemblekit_plugins)
    for name in [package.__name__, *(m.name for m in pkgutil.walk_packages(package.__path__, f"{package.__name__}."))]
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_print_what_they_say(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = doctest.testmod(import_module(name), optionflags=FLAGS)
    assert results.failed == 0


def test_there_are_examples():
    assert {"ensemblekit", "ensemblekit.combining._combine", "ensemblekit_plugins.combiners.mean"} <= set(MODULES)
    assert doctest.testmod(import_module("ensemblekit.combining._combine"), optionflags=FLAGS).attempted > 0


def test_an_example_that_prints_something_else_is_noticed(capsys):
    module = ModuleType("wrong")
    module.__doc__ = ">>> 1 + 1\n3\n"
    assert doctest.testmod(module, optionflags=FLAGS).failed == 1
    assert "Expected:\n    3\nGot:\n    2" in capsys.readouterr().out


def python_blocks(page):
    return re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def test_the_python_of_the_readme_runs(tmp_path, monkeypatch):
    blocks = python_blocks((REPO / "README.md").read_text())
    assert blocks
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)  # noqa: S102


def test_the_blocks_of_a_page_are_its_python_alone():
    assert python_blocks("a\n```\nmake\n```\n```python\nx = 1\n```\n```python\ny\n```\n") == ["x = 1\n", "y\n"]
