"""Ordinary tables on the command line: submission files in, a submission file out, checked against pandas."""

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from ensemblekit import Predictions
from ensemblekit.cli import app
from ensemblekit.errors import DataError, InvalidOptionError, InvalidPredictionsError, NotFittedError

N = 40
IDS = [f"img_{k:03}" for k in range(N)]
NAMES = [f"fold{k}.csv" for k in range(5)]
RNG = np.random.default_rng(0)


def run(*arguments):
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(columns, draw, row="image_id", ids=IDS, **csv):
    """Write five submissions whose rows are in five orders, and return their frames by id."""
    frames = []
    for name in NAMES:
        order = RNG.permutation(N) if frames else np.arange(N)
        frame = pd.DataFrame(draw(), columns=columns, index=pd.Index(ids, name=row)).iloc[order]
        frame.to_csv(name, **csv)
        frames.append(pd.read_csv(name, index_col=0, **csv))
    return frames


def average(frames):
    return sum(frame.loc[frames[0].index] for frame in frames) / len(frames)


TASKS = {
    "multiclass": (["adeno", "large", "normal"], lambda: RNG.dirichlet(np.ones(3), N), []),
    "multilabel": (["toxic", "obscene", "threat"], lambda: RNG.random((N, 3)), ["--task", "multilabel"]),
    "regression": (["SalePrice"], lambda: RNG.lognormal(12, 1, (N, 1)), ["--task", "regression"]),
    "binary": (["target"], lambda: RNG.random((N, 1)), ["--positive", "1"]),
}


@pytest.mark.parametrize("task", TASKS)
def test_five_submissions_become_a_sixth_like_them(task):
    columns, draw, options = TASKS[task]
    frames = write(columns, draw)
    assert "5 members, 40 rows" in run("combine", *NAMES, "-o", "sixth.csv", *options).output
    sixth = pd.read_csv("sixth.csv", index_col=0)
    assert sixth.index.name == "image_id"
    pd.testing.assert_frame_equal(sixth, average(frames), rtol=1e-12)


def test_hard_votes_become_votes():
    votes = [pd.Series(RNG.choice(["cat", "dog"], N), index=pd.Index(IDS, name="Id"), name="label") for _ in NAMES]
    for name, vote in zip(NAMES, votes, strict=True):
        vote.sample(frac=1, random_state=1).to_csv(name)
    run("combine", *NAMES, "-o", "sixth.csv", "-c", "voting")
    sixth = pd.read_csv("sixth.csv", index_col="Id")["label"].loc[IDS]
    assert sixth.tolist() == pd.concat(votes, axis=1).mode(axis=1)[0].tolist()


def test_spreadsheets_of_other_countries_come_in_and_go_out():
    frames = write(["SalePrice"], TASKS["regression"][1], sep=";", decimal=",", encoding="utf-8-sig")
    run("combine", *NAMES, "-o", "sixth.csv", "--task", "regression", "--separator", ";", "--decimal", ",")
    sixth = pd.read_csv("sixth.csv", sep=";", decimal=",", index_col="image_id")
    pd.testing.assert_frame_equal(sixth, average(frames), rtol=1e-12)
    run("combine", *NAMES, "-o", "again.csv", "--task", "regression")
    again = Predictions.load("again.csv", task="regression")
    np.testing.assert_allclose(again.probas[:, 0], sixth.loc[again.ids, "SalePrice"], rtol=1e-12)


def test_gzip_parts_and_tabs_come_in():
    frames = write(["cat", "dog"], lambda: RNG.dirichlet([1, 1], N))
    Path("a.csv.gz").write_bytes(gzip.compress(Path(NAMES[0]).read_bytes()))
    Path("parts").mkdir()
    for part in range(4):
        frames[1].iloc[part::4].reset_index().to_parquet(f"parts/{part}.parquet")
    frames[2].to_csv("c.tsv", sep="\t")
    run("combine", "a.csv.gz", "parts", "c.tsv", "-o", "out.csv")
    pd.testing.assert_frame_equal(pd.read_csv("out.csv", index_col=0), average(frames[:3]), rtol=1e-12)


def test_the_form_of_the_output_can_be_told():
    write(["cat", "dog"], lambda: RNG.dirichlet([1, 1], N))
    run("combine", *NAMES, "-o", "ours.csv", "--form", "predictions")
    ours = Predictions.load("ours.csv")
    assert ours.member == "mean"
    run("combine", *NAMES, "-o", "votes.csv", "--form", "votes")
    votes = pd.read_csv("votes.csv", index_col="image_id")
    assert votes["label"].loc[ours.ids].tolist() == ours.predicted.tolist()
    with pytest.raises(InvalidOptionError, match="--form must be one of predictions, table, votes; received 'x'"):
        run("combine", *NAMES, "-o", "x.csv", "--form", "x")
    assert not Path("x.csv").exists()
    ours.save("ours2.csv")
    run("combine", NAMES[0], "other=ours2.csv", "-o", "mixed.csv")
    assert Predictions.load("mixed.csv").member == "mean"


def test_what_cannot_be_read_is_told_with_an_option_of_the_command():
    write(["target"], TASKS["binary"][1])
    with pytest.raises(InvalidPredictionsError, match=r"--positive yes.*--label target.*--task regression"):
        run("combine", *NAMES, "-o", "x.csv")
    write(["cat", "dog"], lambda: RNG.dirichlet([1, 1], N), row="key")
    with pytest.raises(InvalidPredictionsError, match="--id key"):
        run("combine", *NAMES, "-o", "x.csv")
    run("combine", *NAMES, "-o", "x.csv", "--id", "key")
    assert list(pd.read_csv("x.csv")) == ["key", "cat", "dog"]
    with pytest.raises(InvalidOptionError, match="--columns must be"):
        run("combine", *NAMES, "-o", "y.csv", "--id", "key", "--columns", "cat,")
    run("combine", *NAMES, "-o", "y.csv", "--id", "key", "--columns", "cat=c,dog=d")
    assert list(pd.read_csv("y.csv")) == ["key", "cat", "dog"]


def test_labels_are_found_under_their_own_names():
    frames = write(["cat", "dog"], lambda: RNG.dirichlet([1, 1], N))
    truth = frames[0].idxmax(axis=1)
    truth.rename("diagnosis").sample(frac=1, random_state=0).to_csv("truth.csv", sep=";")
    with pytest.raises(DataError, match=r"beside the ids it has \['diagnosis'\]\. Say which it is: --label diagnosis"):
        run("evaluate", NAMES[0], "--labels", "truth.csv")


@pytest.mark.parametrize(
    ("told", "task", "metric"),
    [(["--positive", "0,1"], "binary", "accuracy"), (["--task", "regression"], "regression", "rmse")],
)
@pytest.mark.parametrize("columns", [[], ["--columns", "target"]])
def test_a_submission_and_its_solution_may_have_columns_of_one_name(told, task, metric, columns):
    values = np.array([0.9, 0.2, 0.6, 0.3])
    Path("submission.csv").write_text("Id,target\n" + "".join(f"{k},{v}\n" for k, v in enumerate(values)))
    Path("solution.csv").write_text("Id,target\n3,1\n1,0\n2,1\n0,1\n")
    given = ("submission.csv", *told, *columns, "--labels", "solution.csv", "--label", "target", "--metric", metric)
    (line,) = json.loads(run("evaluate", *given, "--json").stdout)["rows"]
    expected = 0.75 if metric == "accuracy" else np.sqrt(np.mean((values - [1, 0, 1, 1]) ** 2))
    assert line["value"] == pytest.approx(expected)


def test_numbers_beside_predictions_may_have_decimal_commas_of_their_own():
    Path("a.csv").write_text("id,price\nx,1.5\ny,2.5\n")
    Path("b.csv").write_text("id;price\ny;2,5\nx;0,5\n")
    Path("w.csv").write_text("id;weight\ny;1,5\nx;0,5\n")
    given = ("a.csv", "--task", "regression", "--labels", "b.csv", "--sample-weight", "w.csv", "--metric", "mae")
    (line,) = json.loads(run("evaluate", *given, "--json").stdout)["rows"]
    assert line["value"] == pytest.approx(0.25)
    for cell in ("85 %", "NA", "1_0"):
        Path("w.csv").write_text(f"id;weight\ny;1\nx;{cell}\n")
        with pytest.raises(DataError, match=f"numbers as weights; received '{cell}' in row 1. Write a number there"):
            run("evaluate", *given)


@pytest.mark.parametrize("task", ["multilabel", "regression"])
def test_a_column_of_labels_per_output(task):
    from ensemblekit.cli._inputs import read_members, with_labels
    from ensemblekit.predictions.tables import ReadOptions

    columns, draw, _ = TASKS[task]
    write(columns, draw)
    truth = pd.DataFrame(draw().round(), columns=columns, index=pd.Index(IDS, name="Id")).sample(frac=1, random_state=0)
    truth.to_csv("truth.csv")
    read = ReadOptions(task=task, style="command")
    labelled = with_labels(read_members(NAMES, read), Path("truth.csv"), read)
    for p in labelled.values():
        np.testing.assert_array_equal(p.labels, truth.loc[p.ids].to_numpy())
    truth.rename(columns={columns[0]: "other"}).to_csv("truth.csv")
    with pytest.raises(DataError, match="must have a column of labels for each output"):
        with_labels(read_members(NAMES, read), Path("truth.csv"), read)


def test_stdout_has_the_form_of_the_inputs_too():
    write(["cat", "dog"], lambda: RNG.dirichlet([1, 1], N))
    out = run("combine", *NAMES, "-o", "-").stdout
    assert out.splitlines()[0] == "image_id,cat,dog"
    record = json.loads(run("combine", *NAMES, "-o", "o.csv", "--json").stdout)
    assert record["members"] == [name.removesuffix(".csv") for name in NAMES]


@pytest.mark.parametrize("rule", ["rank_average", "weighted"])
def test_a_rule_that_must_be_fitted_says_by_which_options(rule):
    Path("a.csv").write_text("id,cat,dog\nx,0.2,0.8\n")
    with pytest.raises(NotFittedError, match=f"combiner '{rule}' learns.*--fit-on FILE for each member.*--load FOLDER"):
        run("combine", "a.csv", "-c", rule, "-o", "out.csv")
    run("combine", "a.csv", "-c", "weighted", "--option", "weights={'a': 1}", "-o", "out.csv")
