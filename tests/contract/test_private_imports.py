"""What begins with an underscore is imported in its own folder alone, and no files import each other in a circle."""

import ast
import functools
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.strangers import REPO

ROOTS = {"ensemblekit": REPO, "ensemblekit_plugins": REPO / "plugins", "benchmarks": REPO}
"""Package -> the folder that it lies in."""


def read_modules():
    """Read the source of every module, by its dotted name."""
    modules = {}
    for package, folder in ROOTS.items():
        for file in sorted((folder / package).rglob("*.py")):
            modules[".".join(file.relative_to(folder).with_suffix("").parts)] = file.read_text()
    return modules


@functools.cache
def import_statements(source):
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)]


def imports(modules, importer):
    """List what a module imports of these modules, anywhere in it, as (dotted name, module that has it)."""
    known = {name.removesuffix(".__init__"): name for name in modules}
    package = importer.split(".")[:-1]
    for node in import_statements(modules[importer]):
        if isinstance(node, ast.Import):
            targets = [one.name for one in node.names]
        else:
            base = package[: len(package) - node.level + 1] if node.level else []
            targets = [".".join([*base, *filter(None, [node.module]), one.name]) for one in node.names]
        for target in targets:
            module = known.get(target) or known.get(target.rpartition(".")[0])
            if module:
                yield target, module


def private_imports(modules):
    """List which module imports what is private to a folder in which it does not lie."""
    found = []
    for importer in modules:
        for target, _ in imports(modules, importer):
            parts = target.split(".")
            depth = next((i for i, part in enumerate(parts) if part[0] == "_" and part[-2:] != "__"), None)
            if depth is not None and importer.split(".")[:depth] != parts[:depth]:
                found.append((importer, target))
    return found


def circle(modules):
    """Find modules that import each other in a circle, in functions too; the first is named again at the end."""
    graph = {name: {module for _, module in imports(modules, name)} - {name} for name in modules}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


MODULES = read_modules()


def test_nothing_private_is_imported_from_elsewhere():
    assert private_imports(MODULES) == []


def test_no_files_import_each_other_in_a_circle():
    assert circle(MODULES) == []


HOUSE = {"a.__init__": "", "a.b.__init__": "from ._c import d, _e", "a.b._c": "d = _e = 1", "a.f": ""}


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("from .b._c import d", "a.b._c.d"),
        ("def f():\n    from .b._c import d", "a.b._c.d"),
        ("from .b import _c", "a.b._c"),
        ("import a.b._c", "a.b._c"),
    ],
)
def test_a_private_import_is_noticed(source, target):
    assert private_imports(HOUSE | {"a.f": "from .b import d"}) == []
    assert private_imports(HOUSE | {"a.f": source}) == [("a.f", target)]
    assert private_imports(HOUSE | {"a.f": "from a import __version__"}) == []


def test_a_private_name_of_a_public_module_is_noticed():
    assert private_imports(HOUSE | {"a.g": "_h = 1", "a.f": "from .g import _h"}) == [("a.f", "a.g._h")]


def test_a_circle_is_noticed():
    assert circle(HOUSE) == []
    back = "def d():\n    from ..f import g"
    found = circle(HOUSE | {"a.f": "from .b import d", "a.b._c": back})
    assert set(found) == {"a.f", "a.b.__init__", "a.b._c"}
