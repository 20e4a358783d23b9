"""Keys of several columns on the command line: --id as often as there are columns, --groups by one of them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from ensemblekit import Predictions, combine
from ensemblekit.cli import _combine, app

IDS = ["--id", "fips", "--id", "when", "--id", "h"]
KEY = ("fips", "when", "h")


@pytest.fixture(autouse=True)
def tables(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    key = [(fips, f"2024-01-{day:02}", h) for fips in ("01", "10") for day in range(1, 14) for h in (1, 2)]
    frame = pd.DataFrame(key, columns=list(KEY))
    frame["label"] = np.where(rng.random(len(frame)) < 0.5, "dry", "wet")
    frame.sample(frac=1, random_state=0).to_csv("truth.csv", index=False)
    frame.assign(when=pd.to_datetime(frame["when"])).to_parquet("truth.parquet", index=False)
    for member in "ab":
        p = np.clip(np.where(frame["label"] == "dry", 0.7, 0.3) + rng.normal(0, 0.2, len(frame)), 0, 1)
        frame.drop(columns="label").assign(dry=p, wet=1 - p).to_csv(f"{member}.csv", index=False)


def run(*arguments):
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_tables_with_a_key_are_combined_to_one():
    run("combine", "a.csv", "b.csv", *IDS, "-o", "out.csv")
    out = Predictions.load("out.csv", id=list(KEY))
    members = [Predictions.load(f"{member}.csv", id=list(KEY)) for member in "ab"]
    assert out.ids.tolist() == members[0].ids.tolist()
    assert np.allclose(out.probas, combine(dict(zip("ab", members, strict=True)), "mean").probas)
    assert Path("out.csv").read_text().startswith("fips,when,h,dry,wet")
    run("combine", "a.csv", "b.csv", *IDS, "-o", "own.parquet", "--form", "predictions")
    assert Predictions.load("own.parquet").id_columns == KEY


@pytest.mark.parametrize("truth", ["truth.csv", "truth.parquet"])
def test_labels_and_groups_are_read_by_the_key(truth):
    fit = ["-c", "stacking", "--fit-on", "a.csv", "--fit-on", "b.csv", "--labels", truth]
    run("combine", "a.csv", "b.csv", *IDS, *fit, "-o", "out.csv")
    rows = json.loads(run("evaluate", "a.csv", *IDS, "--labels", truth, "--groups", "when", "--json"))
    assert "group_low" in json.dumps(rows)
    shares = run("combine", "a.csv", "b.csv", *IDS, "--groups", "when", "--aggregate", "mean", "-o", "-")
    assert len(shares.splitlines()) == 14


def test_large_files_with_a_key_are_combined_in_memory(monkeypatch):
    monkeypatch.setattr(_combine, "LARGE", 0)
    for member in "ab":
        Predictions.load(f"{member}.csv", id=list(KEY)).save(f"{member}.parquet")
    run("combine", "a.parquet", "b.parquet", "-o", "out.parquet")
    assert Predictions.load("out.parquet").id_columns == KEY


def test_an_unknown_column_is_named():
    result = CliRunner().invoke(app, ["combine", "a.csv", "--id", "fips", "--id", "whn", "-o", "out.csv"])
    assert result.exit_code != 0
    assert "'whn'" in str(result.exception)
    assert "Did you mean 'when'?" in str(result.exception)
