"""A type checker finds a user's mistakes, accepts what is right, and knows what comes back."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.strangers import REPO, environment

pytestmark = pytest.mark.slow

WRONG = """
import ensemblekit as ek
from ensemblekit import Predictions, combine, fit_combiner, load_plugins

a = Predictions([[0.5, 0.5]], ids=["a"], classes=["x", "y"])
combine([a], 3)  # wrong
combine("x", "mean")  # wrong
combine([a], "mean", missing="bogus")  # wrong
Predictions(3, ids=4, classes=5)  # wrong
fit_combiner(3, a)  # wrong
load_plugins().create_combiner(1)  # wrong
"""

NAMES = """
import ensemblekit as ek
from ensemblekit import combin  # wrong
from ensemblekit import StoreError  # wrong
ek.fuze  # wrong
ek.evaluation.acuracy  # wrong
"""

RIGHT = """
from pathlib import Path

import numpy as np
import pandas as pd

import ensemblekit as ek
from ensemblekit import Combiner, Predictions, PredictionSet, align, combine, fit_combiner, fuse, load_plugins, store

probas = np.array([[0.2, 0.8]])
a = Predictions(probas, ids=["a"], classes=["x", "y"], member="a")
b = Predictions([[0.5, 0.5]], ids=pd.Index([1]), classes=np.array([0, 1]), labels=[1], task="multiclass")
frame = pd.DataFrame({"x": [0.2], "y": [0.8]})
Predictions(frame, ids=["a"], classes=frame.columns, missing="renormalize")


class First(Combiner):
    def combine(self, member_probas, *, xp=np):
        return member_probas[0]


class Plain:
    def combine(self, member_probas):
        return member_probas.mean(axis=0)


predictions: PredictionSet = align([a, b], aliases={"cat_T2": "cat"})
for combiner in ("mean", First(), Plain()):
    combine([a, b], combiner).predicted.tolist()
combine({"one": a, "two": b}, "weighted", missing="renormalize", weights={"one": 2, "two": 1})
combine(["a.csv", "b.npz"], "mean", missing={"a": "zero"})
combine([Path("a.csv"), Path("b.npz")], First())
combine(predictions, fit_combiner(predictions, "stacking", sample_weight=[1.0]))
try:
    store.load("folder")
except ek.errors.StoreError as error:
    print(ek.evaluation.accuracy(a), error)

reveal_type(load_plugins())  # Registry
reveal_type(load_plugins().create_backbone("resnet50"))  # Backbone
reveal_type(load_plugins().create_head("svm_head"))  # Head
reveal_type(load_plugins().create_combiner("mean"))  # Combiner
reveal_type(load_plugins().create_chainer("chained"))  # Chainer
reveal_type(combine([a], "mean"))  # Predictions
reveal_type(fit_combiner([a], "stacking"))  # Combiner
reveal_type(fuse([], "mean"))  # Model
reveal_type(store.load("folder"))  # EnsembleClassifier | EnsembleRegressor | Combiner
"""


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """What pyright says of each script, beside an installed ensemblekit: line -> severity and text."""
    folder = tmp_path_factory.mktemp("user")
    site = folder / "venv" / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    site.mkdir(parents=True)
    (folder / "venv" / "pyvenv.cfg").write_text("")
    for installed in next(path for path in map(Path, sys.path) if (path / "numpy").is_dir()).iterdir():
        if "ensemblekit" not in installed.name:
            (site / installed.name).symlink_to(installed)
    (site / "ensemblekit").symlink_to(REPO / "ensemblekit")
    (folder / "pyrightconfig.json").write_text(json.dumps({"venvPath": ".", "venv": "venv", "include": ["*.py"]}))
    for name, script in {"wrong": WRONG, "names": NAMES, "right": RIGHT}.items():
        (folder / f"{name}.py").write_text(script)
    command = [sys.executable, "-m", "pyright", "--outputjson", "-p", folder]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    found = {}
    for one in json.loads(done.stdout)["generalDiagnostics"]:
        lines = found.setdefault(Path(one["file"]).stem, {})
        lines.setdefault(one["range"]["start"]["line"], []).append((one["severity"], one["message"]))
    return found


def lines_with(script, comment):
    return [number for number, line in enumerate(script.splitlines()) if line.endswith(comment)]


@pytest.mark.parametrize(("name", "script", "n_errors"), [("wrong", WRONG, 6), ("names", NAMES, 4)])
def test_each_mistake_is_an_error_in_its_line(reports, name, script, n_errors):
    errors = [line for line, said in reports[name].items() if any(severity == "error" for severity, _ in said)]
    assert sorted(errors) == lines_with(script, "# wrong")
    assert len(errors) == n_errors


def test_what_is_right_is_no_error(reports):
    assert [said for said in reports["right"].values() if any(severity == "error" for severity, _ in said)] == []


def test_what_comes_back_is_known(reports):
    wanted = {number: line.split("# ")[1] for number, line in enumerate(RIGHT.splitlines()) if "reveal_type" in line}
    known = {line: said[0][1] for line, said in reports["right"].items() if said[0][0] == "information"}
    revealed = {line: text.partition('" is "')[2].rstrip('"') for line, text in known.items()}
    assert revealed == wanted
