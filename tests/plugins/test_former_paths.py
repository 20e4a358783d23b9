"""Imports of version 0.1 go on working for one version, with a warning that names the new module."""

import pickle
import subprocess
import sys
from importlib import import_module

import pytest

import ensemblekit_plugins
from ensemblekit import load_plugins
from ensemblekit_plugins import ensemblekit_former_paths
from ensemblekit_plugins.combiners.mean import Mean
from tests.strangers import REPO, environment

OLD = sorted(ensemblekit_former_paths)


@pytest.fixture
def forgotten(monkeypatch):
    """The former modules as if no one had imported them yet."""
    for name in OLD:
        monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.delattr(ensemblekit_plugins, name.partition(".")[2], raising=False)


def test_every_plugin_has_the_path_of_before():
    # Version 0.1 did not have these.
    new = ("task", "metric", "inverse_variance", "least_squares", "trimmed_members")
    new += ("inverse_pinball", "linear_pool", "pinball_weights")
    built_in = [
        r for r in load_plugins().registrations if r.distribution == "ensemblekit" and not {r.kind, r.name} & {*new}
    ]
    modules = {r.factory.__module__ for r in built_in}
    assert modules <= set(ensemblekit_former_paths.values())
    assert all(f"ensemblekit_plugins.{module.rpartition('.')[2]}" in OLD for module in modules)


@pytest.mark.parametrize("old", OLD)
def test_a_former_path_gives_the_module_of_now_and_a_warning(old, forgotten):
    if old.endswith("_dense"):
        pytest.importorskip("keras")
    new = ensemblekit_former_paths[old]
    with pytest.warns(DeprecationWarning, match=f"^{old} is deprecated .* use {new}\\.$") as caught:
        module = import_module(old)
    assert module is import_module(new)
    assert module.__spec__.name == module.__name__ == new
    assert len(caught) == 1


def test_the_warning_shows_the_line_that_imports(forgotten):
    with pytest.warns(DeprecationWarning, match="use ensemblekit_plugins.combiners.mean") as caught:
        from ensemblekit_plugins.mean import Mean as Former
    assert Former is Mean
    assert caught[0].filename == __file__


def test_a_pickle_that_names_a_former_path_is_read(forgotten):
    text = pickle.dumps(Mean(), protocol=0).replace(b"ensemblekit_plugins.combiners.mean", b"ensemblekit_plugins.mean")
    with pytest.warns(DeprecationWarning, match="ensemblekit_plugins.mean is deprecated"):
        assert type(pickle.loads(text)) is Mean  # noqa: S301 - our own


def test_loading_the_plugins_needs_no_former_path():
    code = f"import sys, ensemblekit; ensemblekit.load_plugins(); print([n for n in {OLD} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_what_never_was_is_not_found():
    with pytest.raises(ModuleNotFoundError, match=r"ensemblekit_plugins\.moan"):
        import_module("ensemblekit_plugins.moan")


THREADS = """
import threading, warnings
import ensemblekit_plugins.combiners
warnings.simplefilter("ignore")
failed = []
def work():
    try:
        from ensemblekit_plugins.mean import Mean
    except ImportError as error:
        failed.append(error)
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(failed)
"""


def test_threads_import_a_former_module_at_once():
    path = environment(REPO, REPO / "plugins")
    done = subprocess.run([sys.executable, "-c", THREADS], env=path, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stdout + done.stderr
