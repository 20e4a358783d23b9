"""The guide for programs: its code runs, the command prints it, and it stays short."""

import re
import subprocess
import sys
import warnings
from importlib import resources

import numpy as np
import pytest
import yaml

from ensemblekit import Predictions, __version__, combine, errors, fit_combiner
from tests.strangers import REPO

GUIDE = resources.files("ensemblekit").joinpath("llms.txt").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def test_its_code_runs_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number, block in enumerate(BLOCKS):
            exec(compile(block, f"guide, block {number}", "exec"), names)  # noqa: S102
    assert names["mean"].predicted.tolist() == ["cat", "dog"] * 6
    assert "beats the best member" in names["choice"].sentence


def test_it_is_short_and_the_command_prints_it():
    assert len(GUIDE.splitlines()) <= 140
    code = "import sys; from ensemblekit.cli import main; sys.argv = ['ensemblekit', 'guide']; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == GUIDE


def pair(member, ids=("a", "b"), classes=("cat", "dog"), **fields):
    return Predictions([[0.6, 0.4], [0.3, 0.7]], ids=ids, classes=classes, member=member, **fields)


REFUSED = {
    "Predictions(array, ids=..., classes=...)": (errors.AlignmentError, lambda: combine([np.eye(2)] * 2, "mean")),
    'missing="renormalize"': (errors.AlignmentError, lambda: combine([pair("x"), pair("y", ids=("a", "c"))], "mean")),
    'aliases={"cat_T2": "cat"}': (
        errors.AlignmentError,
        lambda: combine([pair("x"), pair("y", classes=("cat_T2", "dog"))], "mean"),
    ),
    "`allow_leakage=True`": (
        errors.LeakageError,
        lambda: fit_combiner([pair("x", labels=["cat", "dog"], fit_ids=["a"])], "stacking"),
    ),
    "`fit_combiner`": (errors.NotFittedError, lambda: combine([pair("x"), pair("y")], "stacking")),
    "divide by 100": (errors.InvalidPredictionsError, lambda: Predictions([[60, 40]], ids=["a"], classes=["c", "d"])),
    '`task="binary"`': (errors.InvalidPredictionsError, lambda: Predictions([[0.6]], ids=["a"], classes=["c", "d"])),
}
"""Remedy that the guide gives -> what is refused, and the call."""


@pytest.mark.parametrize("remedy", REFUSED)
def test_what_it_says_is_refused_is_refused(remedy):
    error, call = REFUSED[remedy]
    assert remedy in GUIDE.partition("## What is refused")[2]
    with pytest.raises(error):
        call()


@pytest.mark.parametrize("page", ["AGENTS.md", "CODE_OF_CONDUCT.md", "README.md", "SECURITY.md", "THIRD_PARTY.md"])
def test_links_of_the_pages_beside_the_readme_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (REPO / page).read_text())
    assert [link for link in links if not (REPO / link).exists()] == []


def test_the_citation_has_the_version_that_comes():
    citation = yaml.safe_load((REPO / "CITATION.cff").read_text())
    assert __version__.startswith(citation["version"])
    assert citation["license"] == "MIT"
