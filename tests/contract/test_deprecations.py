"""What is deprecated says what to use instead and in which version it goes, and is gone in that version."""

import ast
import functools
import inspect

import pytest
from packaging.version import Version

import ensemblekit
from ensemblekit.deprecation import warn_deprecated
from tests.strangers import REPO

DEFAULT = inspect.signature(warn_deprecated).parameters["removed_in"].default
FOLDERS = (REPO / "ensemblekit", REPO / "plugins" / "ensemblekit_plugins")


@functools.cache
def warning_calls(source):
    """Calls of a module whose function is called ``warn`` or ``warn_deprecated``."""
    if "warn" not in source:
        return []
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    names = {"warn", "warn_deprecated"}
    return [node for node in calls if getattr(node.func, "attr", getattr(node.func, "id", "")) in names]


def removals(source):
    """Versions in which each deprecated way of a module goes."""
    for node in warning_calls(source):
        if getattr(node.func, "id", "") == "warn_deprecated":
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            yield ast.literal_eval(given["removed_in"]) if "removed_in" in given else DEFAULT


def overdue(sources, version):
    return [one for source in sources for one in removals(source) if Version(one) <= Version(version)]


def by_hand(source):
    """Lines that warn of something deprecated and do not go through the one function."""
    return [
        node.lineno
        for node in warning_calls(source)
        if getattr(node.func, "attr", getattr(node.func, "id", "")) == "warn"
        and any(getattr(argument, "id", "") == "DeprecationWarning" for argument in ast.walk(node))
    ]


SOURCES = [file.read_text() for folder in FOLDERS for file in sorted(folder.rglob("*.py"))]


def test_nothing_deprecated_outlives_its_version():
    assert overdue(SOURCES, ensemblekit.__version__) == []


def test_one_function_warns_of_all():
    assert [source for source in SOURCES if by_hand(source) and "def warn_deprecated" not in source] == []


def test_what_is_overdue_is_noticed():
    sources = ["warn_deprecated('a', 'b')", "def f():\n    warn_deprecated('a', 'b', removed_in='0.9')"]
    assert overdue(sources, "0.3.0") == [DEFAULT]
    assert overdue(sources, "1.0") == [DEFAULT, "0.9"]
    assert by_hand("import warnings\nwarnings.warn('x', category=DeprecationWarning)") == [2]


def test_the_warning_says_what_to_write_and_where():
    def old_way():
        warn_deprecated("old_way()", "new_way()", removed_in="0.9")

    with pytest.warns(
        DeprecationWarning, match=r"^old_way\(\) is deprecated and goes in ensemblekit 0\.9; use new_way\(\)\.$"
    ) as caught:
        old_way()
    assert caught[0].filename == __file__
