"""The scripts of the gallery are complete; `make docs` runs them."""

import ast
import importlib
import json
import re
import sys

import pytest

from tests.strangers import REPO

GALLERY = REPO / "docs" / "gallery"
SCRIPTS = {path.relative_to(GALLERY).as_posix(): path.read_text() for path in sorted(GALLERY.rglob("*.py"))}
NETWORK = {"http", "kagglehub", "requests", "socket", "urllib", "urllib3"}
"""Modules that a script of the gallery does not import."""
MOST_WITH_TENSORFLOW = 2


def imported(script):
    """List the modules and names that a script imports, as ``(module, name)``; of ``import x`` the name is None."""
    found = []
    for node in ast.walk(ast.parse(script)):
        if isinstance(node, ast.Import):
            found += [(alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [(node.module, alias.name) for alias in node.names]
    return found


def faults(script):
    """List what a script of the gallery lacks, or must not do."""
    said = []
    if not re.match(r'"""\n(.+)\n(=+)\n\n[A-Z"]', script) or len(set(map(len, script.split("\n")[1:3]))) != 1:
        said.append("it must begin with a title, underlined in full, and what goes wrong")
    if script.count("figure.savefig(") != 1:
        said.append("it must save one picture, called figure")
    said += [
        f"it must have a heading with the word {heading}"
        for heading in ("wrong", "right")
        if not re.search(rf"^# .*\b{heading}\b.*\n# -+$", script, re.MULTILINE | re.IGNORECASE)
    ]
    network = [(m, n) for m, n in imported(script) if m.split(".")[0] in NETWORK or (n or "").startswith("fetch_")]
    return said + [f"it must not read the network, and imports {name or module}" for module, name in network]


def unknown_names(script):
    """List the names that a script imports from ensemblekit and that are not there."""
    names = [(module, name) for module, name in imported(script) if module.split(".")[0] == "ensemblekit" and name]
    return [f"{module}.{name}" for module, name in names if not hasattr(importlib.import_module(module), name)]


# Studies have no wrong way and right way: they ask what a table says.
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_complete(name):
    said = [fault for fault in faults(SCRIPTS[name]) if not (name.startswith("studies/") and "heading" in fault)]
    assert said == []
    assert unknown_names(SCRIPTS[name]) == []


def test_a_script_that_lacks_something_is_noticed():
    headings = "# The wrong way\n# ---\n# The right way\n# ---\n"
    whole = f'"""\nA title\n=======\n\nWords.\n"""\n{headings}figure.savefig("a.png")\n'
    assert faults(whole) == []
    assert "title" in faults(whole.replace("=======", "====="))[0]
    assert "picture" in faults(whole.replace("savefig", "show"))[0]
    assert "right" in faults(whole.replace("The right way", "Then"))[0]
    assert "urllib.request" in faults(whole + "import urllib.request\n")[0]
    assert "fetch_openml" in faults(whole + "from sklearn.datasets import fetch_openml\n")[0]
    assert unknown_names("from ensemblekit.plots import plot_scores, plot_nothing\n") == [
        "ensemblekit.plots.plot_nothing"
    ]


def headers():
    """Return the scripts that the header of each group names."""
    return {
        path.parent.name: re.findall(r"^   (plot_\w+\.py)$", path.read_text(), re.MULTILINE)
        for path in sorted(GALLERY.glob("*/GALLERY_HEADER.rst"))
    }


def test_each_script_is_in_the_order_of_its_group():
    listed = [f"{group}/{script}" for group, scripts in headers().items() for script in scripts]
    assert sorted(listed) == sorted(SCRIPTS)
    assert len(SCRIPTS) >= 20


def test_a_pitfall_is_called_by_the_wrong_conclusion():
    titles = {name: script.split("\n")[1] for name, script in SCRIPTS.items()}
    assert {name for name, title in titles.items() if title.startswith('"')} == {n for n in SCRIPTS if "pitfalls" in n}
    assert len(set(titles.values())) == len(titles)


def test_few_scripts_wait_for_tensorflow():
    heavy = {
        name for name, script in SCRIPTS.items() if {"keras", "tensorflow", "torch"} & {m for m, _ in imported(script)}
    }
    assert 0 < len(heavy) <= MOST_WITH_TENSORFLOW


def test_the_figures_of_the_study_are_the_published_ones():
    tree = ast.parse(SCRIPTS["studies/plot_ct_study.py"])
    shown = next(
        ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "PUBLISHED"
    )
    published = json.loads((REPO / "benchmarks" / "published.json").read_text())[0]["results"]
    assert shown == {name: (row["Test Accuracy"], row["Test Loss"]) for name, row in published.items()}


def test_saved_pictures_are_moved_to_the_page(tmp_path, monkeypatch):
    pytest.importorskip("sphinx_gallery")
    monkeypatch.syspath_prepend(str(REPO / "docs"))
    settings = importlib.import_module("gallery_settings")
    monkeypatch.delitem(sys.modules, "gallery_settings")
    (tmp_path / "plot_a.py").touch()
    (tmp_path / "a.png").write_bytes(b"picture")
    variables = {
        "src_file": str(tmp_path / "plot_a.py"),
        "image_path_iterator": iter([str(tmp_path / "images_001.jpg")]),
    }
    assert "images_001.jpg" in settings.take_pictures(None, variables, {"src_dir": str(tmp_path)})
    assert (tmp_path / "images_001.jpg").read_bytes() == b"picture"
    assert not (tmp_path / "a.png").exists()
    assert settings.scripts_of(GALLERY / "pitfalls" / "GALLERY_HEADER.rst") == headers()["pitfalls"]
