"""The command `rank`: TREC runs in, a fused run and its figures out."""

import json

import pytest
from typer.testing import CliRunner

from ensemblekit.cli import app
from ensemblekit.ranking import Qrels, Run, fuse_runs

from .test_ranking_measures import drawn


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    members, qrels = drawn(12)
    for name, table in members.items():
        Run(table, member=name).save(f"{name}.run")
    qrels.save("q.qrels")
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, ["rank", *map(str, arguments)])


FILES = ("sharp.run", "dull.run", "blind.run")


def test_runs_are_fused_and_written(folder):
    done = run(*FILES, "--rule", "comb_sum", "--option", "normalisation=rank", "--top", 5, "-o", "fused.run")
    assert done.exit_code == 0, done.exception
    assert done.stdout == "3 runs fused by comb_sum: 12 queries, 60 rows, in fused.run.\n"
    runs = {name.removesuffix(".run"): name for name in FILES}
    expected = fuse_runs(runs, "comb_sum", normalisation="rank", top=5)
    assert Run.load("fused.run").to_frame().equals(expected.to_frame())
    assert run(*FILES, "-o", "fused.run").exit_code == 1
    again = run(
        *FILES, "-o", "fused.run", "--overwrite", "--weight", "sharp=2", "--weight", "dull=1", "--weight", "blind=0"
    )
    assert again.exit_code == 0
    assert (
        Run.load("fused.run").to_frame().equals(fuse_runs(runs, weights={"sharp": 2, "dull": 1, "blind": 0}).to_frame())
    )


def test_runs_are_judged(folder):
    done = run(*FILES, "--qrels", "q.qrels", "--metric", "ndcg:k=5", "--against", "blind")
    assert done.exit_code == 0, done.exception
    assert "From blind to fused, nDCG (k=5) rises by" in done.stdout
    record = json.loads(run(*FILES, "--qrels", "q.qrels", "--learn", "--cv", 3, "--metric", "mrr", "--json").stdout)
    assert {row["model"] for row in record["rows"]} == {"sharp", "dull", "blind", "fused"}
    assert set(record["weights"]) == {"sharp", "dull", "blind"}
    assert [row["reference"] for row in record["comparisons"]] == ["sharp"]
    Qrels.load("q.qrels")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (FILES, "rank must write or score something"),
        ((*FILES, "-o", "x", "--metric", "map"), "need judgements"),
        ((*FILES, "--qrels", "q.qrels", "--learn", "--weight", "a=1"), "Leave one out"),
        ((*FILES, "--qrels", "q.qrels", "--against", "who"), "--against must be one of 'sharp'"),
        (("sharp.run", "sharp.run", "-o", "x"), "runs must have different names"),
        ((*FILES, "-o", "x", "--weight", "sharp"), "--weight must be NAME=NUMBER"),
        ((*FILES, "-o", "x", "--ids", "words"), "--ids must be text or numbers"),
        ((*FILES, "-o", "x", "--rule", "rff"), "Did you mean 'rrf'"),
        (("q.qrels", "-o", "x"), "each line must have the 6 fields"),
    ],
)
def test_what_makes_no_sense_is_refused(folder, arguments, text):
    done = run(*arguments)
    assert done.exit_code == 1
    assert text in str(done.exception)
