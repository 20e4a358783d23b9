"""Which classes a manifest may name: what an installed plugin has loaded, or says that it loads late."""

import importlib
import json
import pickle
import subprocess
import sys

import pytest

from ensemblekit.store import load, save
from ensemblekit.store._manifest import FORMER_OF_CORE, seal
from tests.strangers import REPO, environment, write_distribution

pytest.importorskip("skops")

PLUGIN = """
import numpy as np
from ensemblekit import Combiner, hookimpl

ensemblekit_stored_modules = ("acme.late", "json.tool", 7)

class First(Combiner):
    def combine(self, member_probas, *, xp=np):
        return member_probas[0]

@hookimpl
def ensemblekit_register_combiners(register):
    register("acme_first", First)
"""
MOVED = """
ensemblekit_former_paths = {
    "acme.old": "acme.plugin", "acme.plugin:Primus": "acme.plugin:First", "acme.older": "acme.script",
    "json.tool": "acme.plugin", "acme.away": "json.decoder", 7: 8,
}
"""
HARM = "open('ran', 'a').close()\nclass Harm: pass\n"
TRIALS = """
import json, sys
from pathlib import Path
from ensemblekit import load_plugins
from ensemblekit.errors import StoreError
from ensemblekit.store import load, save
from ensemblekit.store._manifest import seal
save(load_plugins().create_combiner("acme_first"), "saved")
text = Path("saved/manifest.json").read_text()
for path in sys.argv[1:]:
    manifest = json.loads(text.replace("acme.plugin:First", path))
    del manifest["sha256"]
    Path("saved/manifest.json").write_text(seal(manifest))
    try:
        print(path, type(load("saved")).__name__)
    except StoreError as error:
        print(path, "refused", error)
"""


@pytest.mark.slow
def test_a_manifest_imports_no_module_but_those_that_the_plugin_lists(tmp_path):
    package = tmp_path / "acme"
    package.mkdir()
    write_distribution(tmp_path, "acme", {"acme": "acme.plugin"})
    late = "def __getattr__(name):\n    import acme.script\n    return acme.script.Harm\nclass Late: pass\n"
    modules = {"__init__": MOVED, "plugin": PLUGIN, "script": HARM, "__main__": HARM, "late": late}
    for name, code in modules.items():
        (package / f"{name}.py").write_text(code)
    paths = ["acme.plugin:First", "acme.late:Late", "acme.script:Harm", "acme.__main__:Harm", "acme.late:Harm",
             "acme:script", "acme.late.script:Harm", "json.tool:main", "ensemblekit.cli._main:app", "acme..script:Harm",
             "ensemblekit.ensemble._classifier:EnsembleClassifier", "ensemblekit_plugins._classifiers:UpToNeighbours",
             "ensemblekit.__main__:main", "sklearn.conftest:pytest", "sklearn.svm._classes:SVC", "acme.old:First",
             "acme.plugin:Primus", "acme.older:Harm", "acme.old:Gone", "acme.away:JSONDecoder"]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", TRIALS, *paths], cwd=tmp_path, capture_output=True, text=True,
        env=environment(tmp_path, REPO, REPO / "plugins"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert not (tmp_path / "ran").exists()
    assert {path: made for path, made in said.items() if not made.startswith("refused")} == {
        "acme.plugin:First": "First",
        "acme.late:Late": "Late",
        "ensemblekit.ensemble._classifier:EnsembleClassifier": "EnsembleClassifier",
        "ensemblekit_plugins._classifiers:UpToNeighbours": "UpToNeighbours",
        "sklearn.svm._classes:SVC": "SVC",
        "acme.old:First": "First",
        "acme.plugin:Primus": "First",
    }
    assert "must be of a module that loading the plugins imports; 'acme.script' is not" in said["acme.script:Harm"]
    assert "'acme.script' is not" in said["acme.older:Harm"]


def test_former_paths_of_the_core_name_what_there_is():
    for path in FORMER_OF_CORE.values():
        module, _, name = path.partition(":")
        assert not name or hasattr(importlib.import_module(module), name)


@pytest.mark.parametrize("name", ["KerasClassifier", "KerasRegressor"])
def test_keras_estimators_of_earlier_versions_load(name, tmp_path):
    import ensemblekit.ensemble as room

    made = getattr(room, name)(None, epochs=3)
    new, old = f"ensemblekit.ensemble._keras.{name.replace('Keras', '_').lower()}", "ensemblekit.ensemble._keras"
    old = f"{old}{name.replace('Keras', '_').lower()}"
    assert type(made).__module__ == new
    save(made, tmp_path / "saved")
    text = (tmp_path / "saved" / "manifest.json").read_text()
    manifest = json.loads(text.replace(new, old))
    del manifest["sha256"]
    (tmp_path / "saved" / "manifest.json").write_text(seal(manifest))
    pickled = pickle.dumps(made, protocol=0).replace(new.encode(), old.encode())
    for found in (load(tmp_path / "saved"), pickle.loads(pickled)):  # noqa: S301 - made above
        assert (type(found), found.epochs) == (type(made), 3)
