"""Every example in a docstring runs and prints what it says."""

import doctest
import pkgutil
from importlib import import_module
from types import ModuleType

import pytest

import ensemblekit
import ensemblekit_plugins

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
MODULES = [
    name
    for package in (ensemblekit, ensemblekit_plugins)
    for name in [package.__name__, *(m.name for m in pkgutil.walk_packages(package.__path__, f"{package.__name__}."))]
]


DEAR = {
    "ensemblekit.features._extract",
    "ensemblekit.testing._foreign._door",
    "ensemblekit_plugins.backbones.mobilenet_v2",
    "ensemblekit_plugins.backbones.resnet50",
}
"""Networks of a hundred layers, and all promises on as many examples as by default."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in DEAR else []) for name in MODULES]
)
def test_the_examples_of_a_module_print_what_they_say(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = doctest.testmod(import_module(name), optionflags=FLAGS)
    assert results.failed == 0


def test_there_are_examples():
    assert {"ensemblekit", "ensemblekit.combining._combine", "ensemblekit_plugins.combiners.mean"} <= set(MODULES)
    assert set(MODULES) >= DEAR
    assert doctest.testmod(import_module("ensemblekit.combining._combine"), optionflags=FLAGS).attempted > 0


def test_an_example_that_prints_something_else_is_noticed(capsys):
    module = ModuleType("wrong")
    module.__doc__ = ">>> 1 + 1\n3\n"
    assert doctest.testmod(module, optionflags=FLAGS).failed == 1
    assert "Expected:\n    3\nGot:\n    2" in capsys.readouterr().out
