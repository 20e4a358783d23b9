"""``ensemblekit choose``: the answer on stdout, and a folder that is whole or not there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from ensemblekit import Predictions, combine
from ensemblekit.cli import app
from ensemblekit.errors import InvalidOptionError, OutputExistsError
from ensemblekit.store import load


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    rng = np.random.default_rng(0)
    truth = np.arange(60) % 2
    paths: list[str] = []
    for name, noise in (("good", 1.0), ("bad", 3.0)):
        p = 1 / (1 + np.exp(-2 * (2 * truth - 1) - noise * rng.normal(size=60)))
        fields = {"ids": [f"r{k}" for k in range(60)], "classes": ["no", "yes"], "member": name}
        path = tmp_path / f"{name}.csv"
        Predictions(np.column_stack([1 - p, p]), labels=np.array(["no", "yes"])[truth], **fields).save(path)
        paths.append(str(path))
    return paths


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["choose", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_the_folder_holds_the_rule_the_table_and_the_answer(files: list[str], tmp_path: Path) -> None:
    out = tmp_path / "choice"
    shown = run(*files, "--rule", "median", "-o", str(out))
    record = json.loads((out / "choice.json").read_text())
    assert record["sentence"].split()[0] in shown
    assert record["best_member"] == "good"
    table = pd.read_csv(out / "table.csv")
    assert {"best member", "mean", "median", "good", "bad", "choice"} == {*table["candidate"]}
    members = [Predictions.load(path) for path in files]
    assert combine(members, load(out / "combiner")).probas.shape == (60, 2)
    with pytest.raises(OutputExistsError):
        run(*files, "--rule", "median", "-o", str(out))
    answer = json.loads(run(*files, "--rule", "mean", "--metric", "accuracy", "-o", str(out), "--overwrite", "--json"))
    assert answer["metric"] == "accuracy"
    assert "median" not in (out / "table.csv").read_text()


def test_a_folder_with_other_files_is_not_replaced(files: list[str], tmp_path: Path) -> None:
    out = tmp_path / "choice"
    run(*files, "--rule", "mean", "-o", str(out))
    (out / "mine.txt").write_text("mine")
    with pytest.raises(OutputExistsError, match=r"mine\.txt"):
        run(*files, "--rule", "mean", "-o", str(out), "--overwrite")
    assert (out / "mine.txt").read_text() == "mine"


def test_costs_are_given_by_name(files: list[str]) -> None:
    costs = ("--cost", "good=3", "--cost", "bad=1")
    answer = json.loads(run(*files, "--rule", "mean", *costs, "--max-cost", "3", "--json"))
    assert (answer["best_member"], answer["cost"]) == ("good", 3)
    assert "It uses good at a cost of 3 of at most 3." in run(*files, "--rule", "mean", *costs, "--max-cost", "3")
    for wrong in ("good", "=3", "good=dear", "good=nan"):
        with pytest.raises(InvalidOptionError, match="--cost must be NAME=NUMBER, each member once"):
            run(*files, "--cost", wrong)
    with pytest.raises(InvalidOptionError, match="each member once; received 'good=4'"):
        run(*files, "--cost", "good=3", "--cost", "good=4")
