"""The command takes the name of every registered task, lists tasks and metrics, and checks them."""

import json

import pytest
from typer.testing import CliRunner

from ensemblekit import Predictions
from ensemblekit.cli import app

RUN = CliRunner()


def run(*arguments):
    return RUN.invoke(app, list(map(str, arguments)))


def test_tables_are_read_as_a_named_task(tmp_path):
    for name, p in (("m", 0.75), ("k", 0.25)):
        (tmp_path / f"{name}.csv").write_text(f"id,no,yes\na,{1 - p},{p}\nb,0.5,0.5\n")
    files = [tmp_path / "m.csv", tmp_path / "k.csv"]
    out = tmp_path / "out.parquet"
    done = run("combine", *files, "--task", "binary", "-o", out, "--form", "predictions")
    assert done.exit_code == 0, done.output
    assert (Predictions.load(out).task, Predictions.load(out).probas[0].tolist()) == ("binary", [0.5, 0.5])
    done = run("combine", *files, "--task", "binray", "-o", tmp_path / "other.parquet")
    assert done.exit_code
    assert "Did you mean 'binary'?" in " ".join(str(done.exception or done.output).split())


def test_tasks_and_metrics_are_listed_with_their_owner():
    listed = json.loads(run("plugins", "--json").output)["plugins"]
    kinds = {kind: [one["name"] for one in listed if one["kind"] == kind] for kind in ("task", "metric")}
    assert {"binary", "multiclass", "multilabel", "regression"} <= {*kinds["task"]}
    assert {"accuracy", "log_loss", "rmse"} <= {*kinds["metric"]}
    assert all(one["summary"] for one in listed)


@pytest.mark.parametrize(("name", "options"), [("binary", []), ("accuracy", []), ("kappa", ["--kind", "metric"])])
def test_a_task_or_metric_is_checked(name, options):
    done = run("check", name, *options)
    assert done.exit_code == 0, done.output
    assert ", 0 failed," in done.output


def test_options_of_a_metric_are_given_to_it():
    done = run("check", "kappa", "--option", "weights=quadratic")
    assert "metric kappa(weights='quadratic')" in done.output
    assert "the order of its classes means" in " ".join(done.output.split())
