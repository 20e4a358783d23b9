"""`import ensemblekit as ek` gives what people type, every room, and nothing else; old places warn."""

import ast
import inspect
import subprocess
import sys
import warnings

import pytest

import ensemblekit as ek
from tests.strangers import REPO, environment

MOVED = sorted(ek._MOVED_TO)


def static_names(source):
    """Names, and rooms, that a type checker sees: what is imported in `if TYPE_CHECKING`."""
    block = next(node for node in ast.parse(source).body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    names = {one.asname: node.module for node in imports if node.module for one in node.names}
    rooms = {one.name for node in imports if not node.module for one in node.names}
    return names, {*names.values(), *rooms}


def test_a_type_checker_sees_the_same_names_and_rooms():
    names, rooms = static_names((REPO / "ensemblekit" / "__init__.py").read_text())
    assert names == ek._ROOM_OF
    assert rooms == set(ek._ROOMS)


def test_a_name_without_its_alias_is_noticed():
    assert static_names("if TYPE_CHECKING:\n    from .a import b\n") == ({None: "a"}, {"a"})


def test_there_are_about_40_names_and_none_of_python():
    assert len(ek.__all__) <= 42
    assert list(ek.__all__) == sorted(set(ek.__all__))
    assert set(dir(ek)) == {*ek.__all__, *ek._ROOMS, "__version__"} - {"testing"}


def test_a_star_gives_these_names():
    names = {}
    exec("from ensemblekit import *", names)  # noqa: S102 - a function has no star
    assert set(names) - {"__builtins__"} == set(ek.__all__)


@pytest.mark.parametrize("room", ek._ROOMS)
def test_every_room_is_found(room):
    assert ek.__getattr__(room) is getattr(ek, room) is sys.modules[f"ensemblekit.{room}"]


def test_a_room_is_there_without_an_import_of_its_own():
    code = "import ensemblekit as ek; print(ek.evaluation.accuracy.__name__, ek.store.load.__name__)"
    done = subprocess.run([sys.executable, "-c", code], env=environment(REPO), capture_output=True, text=True)
    assert done.stdout == "accuracy load\n"


@pytest.mark.slow
def test_what_needs_an_extra_is_not_in_the_way_of_help():
    code = "import sys; sys.modules['hypothesis'] = None; import inspect, ensemblekit; inspect.getmembers(ensemblekit)"
    subprocess.run([sys.executable, "-c", code], env=environment(REPO), capture_output=True, check=True)
    asked = subprocess.run(
        [sys.executable, "-c", f"{code}; ensemblekit.testing"], env=environment(REPO), capture_output=True, text=True
    )
    assert "MissingDependencyError: ensemblekit.testing needs hypothesis" in asked.stderr


@pytest.mark.parametrize("name", MOVED)
def test_what_has_moved_is_found_at_its_old_place_with_a_warning(name):
    place = f"ensemblekit.{ek._MOVED_TO[name]}"
    with pytest.warns(DeprecationWarning, match=f"^ensemblekit.{name} is deprecated .* use {place}.{name}.$") as caught:
        value = getattr(ek, name)
    assert value is getattr(sys.modules[place], name)
    assert caught[0].filename == __file__
    assert name not in dir(ek)


def test_the_warning_of_an_import_points_at_its_line():
    with pytest.warns(DeprecationWarning, match="use ensemblekit.errors.StoreError") as caught:
        from ensemblekit import StoreError  # noqa: F401
    line = inspect.getsource(test_the_warning_of_an_import_points_at_its_line).splitlines()
    offset = next(i for i, text in enumerate(line) if "import StoreError" in text)
    first = test_the_warning_of_an_import_points_at_its_line.__code__.co_firstlineno
    assert {(one.filename, one.lineno) for one in caught} == {(__file__, first + offset)}


def test_a_name_that_stays_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ek.__all__:
            getattr(ek, name)


def test_a_name_that_never_was_is_refused():
    with pytest.raises(AttributeError, match="module 'ensemblekit' has no attribute 'combin'"):
        ek.combin  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'combin'"):
        from ensemblekit import combin  # noqa: F401
