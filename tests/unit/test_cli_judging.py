"""`evaluate`, `compare` and `report` on files of every task, as the functions do it, in 80 columns."""

import io
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner

from ensemblekit import InvalidOptionError, Predictions
from ensemblekit.cli import _evaluate, _report, app
from ensemblekit.cli._completion import complete_metric
from ensemblekit.errors import DataError, EnsembleKitError, OutputExistsError
from ensemblekit.evaluation import compare_with_reference, score_table

N, CLASSES = 40, ["cat", "dog", "owl"]
IDS = [f"r{k}" for k in range(N)]


def of_task(task, skill):
    rng = np.random.default_rng(len(task))
    noise = np.random.default_rng(round(100 * skill))
    if task == "multiclass":
        codes = rng.integers(3, size=N)
        values = np.array([noise.dirichlet(0.5 + skill * np.eye(3)[c]) for c in codes])
        return values, {"classes": CLASSES, "labels": np.array(CLASSES)[codes]}
    if task == "binary":
        codes = rng.integers(2, size=N)
        values = np.array([noise.dirichlet(0.5 + skill * np.eye(2)[c]) for c in codes])
        return values, {"classes": ["well", "ill"], "labels": np.array(["well", "ill"])[codes], "task": "binary"}
    if task == "multilabel":
        labels = rng.integers(2, size=(N, 2))
        values = 0.2 * skill * labels + noise.uniform(0, 1 - 0.2 * skill, labels.shape)
        return values, {"classes": ["red", "big"], "labels": labels, "task": "multilabel"}
    if task == "regression":
        labels = rng.normal(size=N)
        return labels + noise.normal(size=N) / skill, {"classes": ["x"], "labels": labels, "task": "regression"}
    mask = rng.integers(2, size=(N, 3, 3))
    inside = 0.2 * skill * mask + noise.uniform(0, 1 - 0.2 * skill, mask.shape)
    return np.stack([1 - inside, inside], -1), {"classes": ["no", "yes"], "labels": np.array(["no", "yes"])[mask]}


TASKS = ("multiclass", "binary", "multilabel", "regression", "masks")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    for task in TASKS:
        for name, skill in (("good", 2.0), ("poor", 1.0)):
            values, fields = of_task(task, skill)
            suffix = "npz" if task == "masks" else "csv"
            Predictions(values, ids=IDS, member=name, **fields).save(folder / f"{task}-{name}.{suffix}")
    (folder / "weight.csv").write_text("id,weight\n" + "".join(f"{row},{k % 3}.5\n" for k, row in enumerate(IDS)))
    return folder


@pytest.fixture
def files(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return {task: [p.name for p in sorted(folder.glob(f"{task}-*"))] for task in TASKS}


def run(*arguments):
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def models(names):
    return {p.member: p for p in map(Predictions.load, names)}


def same(found, expected):
    for line, record in zip(found, expected.to_dict("records"), strict=True):
        for key, value in record.items():
            assert line[key] == value or (line[key] is None and (value is pd.NA or math.isnan(value))), key


@pytest.mark.parametrize("task", TASKS)
def test_each_task_is_judged_as_the_functions_judge_it(files, task, monkeypatch):
    found = json.loads(run("evaluate", *files[task], "--json"))["rows"]
    same(found, score_table(models(files[task])))
    compared = json.loads(run("compare", *files[task], "--json", "--against", "poor"))["rows"]
    same(compared, compare_with_reference(models(files[task]), "poor"))
    stream = io.StringIO()
    monkeypatch.setattr(_evaluate, "make_console", lambda: Console(file=stream, width=80))
    run("evaluate", *files[task], "--by-class")
    run("compare", *files[task])
    shown = stream.getvalue()
    assert max(map(len, shown.splitlines())) <= 80
    assert "…" not in shown
    assert "Verdict" in shown
    assert ":of=" in shown or task in ("binary",)


def test_metrics_weights_and_smallest_differences_are_passed_on(files):
    names = files["multiclass"]
    weight = {row: k % 3 + 0.5 for k, row in enumerate(IDS)}
    asked = ("--metric", "f1_macro", "--metric", "top_k:k=2", "--metric", "f1:of=owl")
    options = {"metrics": list(asked[1::2]), "sample_weight": weight}
    found = json.loads(run("evaluate", *names, "--json", *asked, "--sample-weight", "weight.csv"))["rows"]
    same(found, score_table(models(names), **options))
    plain = json.loads(run("evaluate", *names, "--json", "--metric", "f1_macro"))["rows"]
    assert plain[0]["value"] != found[0]["value"]
    limits = {"log_loss": 0.5, "accuracy": 0.9}
    given = ("--metric", "log_loss", "--metric", "accuracy", "--sample-weight", "weight.csv")
    few = [word for name, limit in limits.items() for word in ("--smallest", f"{name}={limit}")]
    expected = {"metrics": [*limits], "sample_weight": weight}
    same(
        json.loads(run("compare", *names, "--json", *given, *few))["rows"],
        compare_with_reference(models(names), "good", smallest=limits, **expected),
    )
    one = json.loads(run("compare", *names, "--json", *given, "--smallest", "0.9"))["rows"]
    same(one, compare_with_reference(models(names), "good", smallest=0.9, **expected))
    assert {line["verdict"] for line in one} == {"as good"}


@pytest.mark.parametrize("given", ["x", "log_loss=", "0.1 0.2", "log_loss=1 0.2", "log_loss=1 log_loss=2"])
def test_smallest_differences_that_are_none_are_refused(files, given):
    words = [word for text in given.split(" ") for word in ("--smallest", text)]
    with pytest.raises(InvalidOptionError, match="--smallest must be"):
        run("compare", *files["multiclass"], *words)


def test_weights_that_are_no_numbers_are_refused(files, tmp_path):
    (tmp_path / "weight.csv").write_text("id,weight\nr0,much\n")
    with pytest.raises(DataError, match="must have numbers as weights"):
        run("evaluate", *files["multiclass"], "--sample-weight", tmp_path / "weight.csv")
    for text, message in (("r0,2", "lacks 39 of 40 ids, first 'r1'.*0 leaves a row out"), ("", "lacks 40")):
        (tmp_path / "weight.csv").write_text(f"id,weight\n{text}\n")
        with pytest.raises(DataError, match=message):
            run("evaluate", *files["multiclass"], "--sample-weight", tmp_path / "weight.csv")


def test_by_class_adds_each_class_and_each_output(files):
    def asked(task, *metric):
        lines = json.loads(run("evaluate", files[task][0], "--json", "--by-class", *metric))["rows"]
        return {line["metric"]: line["value"] for line in lines}

    found = asked("multiclass", "--metric", "average_precision", "--metric", "top_k")
    assert [*found] == ["average_precision", *(f"average_precision:of={c}" for c in CLASSES), "top_k"]
    assert found["average_precision"] == pytest.approx(np.mean([found[f"average_precision:of={c}"] for c in CLASSES]))
    assert [*asked("regression", "--metric", "mae")] == ["mae", "mae:of=x"]
    assert [*asked("masks", "--metric", "iou")] == ["iou", "iou:of=no", "iou:of=yes"]


@pytest.mark.parametrize("task", TASKS)
def test_a_report_of_each_task_is_written(files, task, tmp_path):
    assert run("report", *files[task], "-o", tmp_path / "page.html", "--unit", "things").endswith("page.html\n")
    text = (tmp_path / "page.html").read_text()
    assert f"{N} things" in text
    assert "Try other members" in text
    with pytest.raises(OutputExistsError):
        run("report", *files[task], "-o", tmp_path / "page.html")


def test_a_report_gets_every_option(files, tmp_path, monkeypatch):
    given = {}
    monkeypatch.setattr("ensemblekit.report.write_report", lambda *a, **k: given.update(k))
    (tmp_path / "group.csv").write_text("id,group\nr0,a\nr1,a\n")
    run(
        "report", *files["multiclass"], "-o", tmp_path / "page.html", "--metric", "mcc", "--rule", "median", "--groups",
        tmp_path / "group.csv", "--sample-weight", "weight.csv", "--title", "T", "--confidence", "0.9", "--seed", "3",
    )  # fmt: skip
    assert given.pop("sample_weight")["r1"] == 1.5
    assert given == {
        "groups": {"r0": "a", "r1": "a"}, "metrics": ["mcc"], "rules": ["median"], "title": "T", "confidence": 0.9,
        "seed": 3, "unit": "rows",
    }  # fmt: skip
    assert _report.report


def test_labels_of_masks_come_from_a_file_of_predictions(files, tmp_path):
    labelled = Predictions.load(files["masks"][0])
    order = np.random.default_rng(0).permutation(N)
    labelled.take(labelled.ids[order]).save(tmp_path / "truth.npz")
    bare = Predictions(labelled.probas, ids=labelled.ids, classes=labelled.classes, member="bare")
    bare.save(tmp_path / "bare.npz")
    asked = ("--json", "--metric", "dice")
    found = json.loads(run("evaluate", tmp_path / "bare.npz", "--labels", tmp_path / "truth.npz", *asked))["rows"][0]
    assert found["value"] == json.loads(run("evaluate", files["masks"][0], *asked))["rows"][0]["value"]
    with pytest.raises(DataError, match="must be a file of predictions with labels"):
        run("evaluate", tmp_path / "bare.npz", "--labels", "weight.csv", *asked)
    labelled.take(labelled.ids[:3]).save(tmp_path / "few.npz")
    with pytest.raises(DataError, match="must have labels for each id"):
        run("evaluate", tmp_path / "bare.npz", "--labels", tmp_path / "few.npz", *asked)


def test_metrics_and_scorers_are_completed():
    assert [name for name, _ in complete_metric("bal")] == ["balanced_accuracy"]
    found = dict(complete_metric("neg_root"))
    assert found["neg_root_mean_squared_error"] == "scorer of scikit-learn"
    assert Path(_evaluate.__file__).name == "_evaluate.py"


def write(path, columns):
    pd.DataFrame({"id": IDS[:6], **columns}).to_csv(path, index=False)
    return path


@pytest.fixture
def plain(tmp_path):
    half = {"ill": [0.9, 0.8, 0.3, 0.2, 0.6, 0.4]}
    for name in ("one", "two"):
        write(tmp_path / f"{name}.csv", half)
    write(tmp_path / "truth.csv", {"diagnosis": ["ill", "ill", "well", "well", "ill", "well"]})
    write(tmp_path / "one-labelled.csv", half | {"diagnosis": ["ill"] * 6})
    return tmp_path


POSITIVE = ("--task", "binary", "--positive", "well,ill", "--metric", "accuracy", "--json")


@pytest.mark.parametrize("file", ["one.csv", "one-labelled.csv"])
def test_the_column_of_labels_is_that_of_the_table_of_labels(plain, file):
    given = ("--labels", plain / "truth.csv", "--label", "diagnosis", *POSITIVE)
    assert json.loads(run("evaluate", plain / file, *given))["rows"][0]["value"] == 1
    with pytest.raises(EnsembleKitError, match="label must name a column of the table"):
        run("evaluate", plain / "one.csv", "--label", "diagnosis", *POSITIVE)


def test_the_name_of_the_other_class_is_proposed_as_it_is_given(plain):
    given = ("--labels", plain / "truth.csv", "--label", "diagnosis", "--task", "binary")
    with pytest.raises(DataError, match=r"received .'well'.*--positive well,ill") as refused:
        run("evaluate", plain / "one.csv", *given, "--positive", "ill")
    proposed = str(refused.value).rpartition("name both: ")[2].rstrip(".").split()
    assert "accuracy" in run("evaluate", plain / "one.csv", *given, *proposed)


def test_no_option_is_proposed_that_the_command_lacks(plain):
    write(plain / "gaps.csv", {"well": [0.5] * 5 + [None], "ill": [0.5] * 5 + [None]})
    write(plain / "votes.csv", {"label": ["ill"] * 5 + [None]})
    half = write(plain / "half.csv", {"well": [0.5] * 6, "ill": [0.5] * 6})
    (plain / "less.csv").write_text("".join(half.read_text().splitlines(keepends=True)[:4]))
    truth = ("--labels", plain / "truth.csv", "--label", "diagnosis")
    for words, message in (
        (("evaluate", plain / "gaps.csv", *truth), "id 'r5'.* Drop them.$"),
        (("evaluate", plain / "votes.csv", *truth), "id 'r5'.* Drop it.$"),
        (
            ("compare", half, plain / "less.csv", *truth),
            "'less' lacks 3 .* which member 'half' has.*that all members have. ",
        ),
    ):
        with pytest.raises(EnsembleKitError, match=message) as refused:
            run(*words)
        assert "renormalize" not in str(refused.value)
    with pytest.raises(EnsembleKitError, match="--missing renormalize"):
        run("combine", plain / "gaps.csv", half, "-o", plain / "mean.csv")


def test_a_small_difference_that_is_better_is_not_printed_as_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    truth = draw.normal(0, 1e-3, 100)
    for name, spread in (("a", 4e-4), ("b", 1e-4)):
        values = truth + draw.normal(0, spread, 100)
        fields = {"ids": range(100), "classes": ["v"], "labels": truth, "task": "regression", "member": name}
        Predictions(values, **fields).save(f"{name}.npz")
    line = next(line for line in run("compare", "a.npz", "b.npz", "--metric", "rmse").splitlines() if "better" in line)
    assert not {"0.000", "-0.000", "+0.000"} & {*line.split()}


@pytest.mark.parametrize("command", [("evaluate",), ("combine", "-o", "both.csv")])
def test_tables_of_two_orders_are_read_in_one_that_is_named(plain, command, monkeypatch):
    monkeypatch.chdir(plain)
    both = {"ill": [0.9, 0.8, 0.3, 0.2, 0.6, 0.4], "well": [0.1, 0.2, 0.7, 0.8, 0.4, 0.6]}
    write(plain / "a.csv", both)
    write(plain / "b.csv", dict(reversed(both.items())))
    labels = ("--labels", "truth.csv", "--label", "diagnosis", "--metric", "f1:of=ill") if len(command) == 1 else ()
    given = (command[0], "a.csv", "b.csv", "--task", "binary", *command[1:], *labels)
    with pytest.raises(EnsembleKitError, match=r"same order .* last: --columns NEGATIVE,POSITIVE\. Files: a\.csv"):
        run(*given)
    assert "1.0000" in run(*given, "--columns", "well,ill") or (plain / "both.csv").exists()
