"""`choose` for every kind of predictions and of files: binary, masks, tables with other columns, absent rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from ensemblekit import AlignmentError, InvalidOptionError, Predictions, align, choose, combine
from ensemblekit.cli import app
from ensemblekit.errors import InvalidPredictionsError
from ensemblekit.evaluation import find_metric
from ensemblekit.store import load

N = 60
SKILLS = {"forest": 0.7, "boosted": 0.8, "line": 0.75}


def binary(n: int = N) -> list[Predictions]:
    draw = np.random.default_rng(0)
    truth = draw.integers(2, size=n)
    classes = np.array(["healthy", "ill"])
    fields: dict[str, Any] = {"ids": range(n), "classes": classes, "labels": classes[truth], "task": "binary"}
    return [
        Predictions([draw.dirichlet(0.5 + 2 * skill * np.eye(2)[k]) for k in truth], member=name, **fields)
        for name, skill in SKILLS.items()
    ]


def masks(task: str, n: int = 24) -> list[Predictions]:
    draw = np.random.default_rng(0)
    truth = draw.integers(2, size=(n, 5, 5))
    classes = np.array(["other", "lesion"])
    labels = classes[truth] if task == "multiclass" else np.stack([1 - truth, truth], axis=-1)
    made: list[Predictions] = []
    for name, skill in SKILLS.items():
        inside = 0.4 * skill * truth + draw.uniform(0, 1 - 0.4 * skill, truth.shape)
        values = np.stack([1 - inside, inside], axis=-1)
        made.append(Predictions(values, ids=range(n), classes=classes, labels=labels, member=name, task=task))  # type: ignore[arg-type]
    return made


@pytest.mark.parametrize("metric", [None, "average_precision", "f1:of=ill"])
def test_binary_predictions_are_chosen_for_and_stay_binary(metric: str | None) -> None:
    given = binary()
    choice = choose(given, rules=["mean", "product"], metric=metric)
    assert choice.metric == (metric or "log_loss")
    assert all(p.task == "binary" for p in choice.out_of_fold.values())
    combined = combine(given, choice.combiner)
    assert combined.task == "binary"
    assert combined.classes == ("healthy", "ill")
    measured = find_metric(metric or "log_loss", task="binary").for_classes(("healthy", "ill"), "binary")
    values = dict(zip(choice.table["candidate"], choice.table["value"], strict=True))
    mean: Any = combine(given, "mean")
    assert values["mean"] == pytest.approx(measured.score(mean.label_codes, mean.probas), abs=1e-12)


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_masks_are_chosen_for_by_dice_and_a_row_is_a_mask(task: str) -> None:
    given = masks(task)
    choice = choose(given, rules=["mean", "weighted", "stacking"])
    assert choice.metric == "dice"
    assert {"weighted", "stacking"} <= choice.out_of_fold.keys()  # nothing is left out
    assert choice.judgement.n_units == 24
    assert combine(given, choice.combiner).probas.shape == (24, 5, 5, 2)
    assert all(p.probas.shape == (24, 5, 5, 2) for p in choice.out_of_fold.values())
    values = dict(zip(choice.table["candidate"], choice.table["value"], strict=True))
    mean: Any = combine(given, "mean")
    assert values["mean"] == pytest.approx(find_metric("dice").score(mean.label_codes, mean.probas), abs=1e-12)
    by_group = choose(given, rules=["mean"], groups={k: k // 2 for k in range(24)}, metric="iou:of=lesion")
    assert by_group.judgement.n_units == 12


def test_masks_and_binary_files_on_the_command_line(tmp_path: Any) -> None:
    for kind, made in (("binary", binary()), ("masks", masks("multiclass"))):
        files = [str(tmp_path / f"{kind}-{p.member}.npz") for p in made]
        for p, file in zip(made, files, strict=True):
            p.save(file)
        output = str(tmp_path / kind)
        result = CliRunner().invoke(app, ["choose", *files, "--rule", "mean", "--rule", "weighted", "-o", output])
        assert result.exit_code == 0, result.output
        kept: Any = load(tmp_path / kind / "combiner")
        assert np.isfinite(combine(made, kept).probas).all()


def test_files_are_read_as_the_options_say(tmp_path: Any) -> None:
    draw = np.random.default_rng(0)
    truth = draw.normal(size=N)
    for name in "ab":
        rows = [f"{k};{y + draw.normal():.4f};{y:.4f}" for k, y in enumerate(truth)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["Key;price;true", *rows]))
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    read = {"task": "regression", "id": "Key", "label": "true", "columns": "price"}
    choice = choose(paths, rules=["mean"], read=read)
    assert choice.metric == "rmse"
    assert choice.name == "mean"
    assert choice.judgement.n_units == N
    with pytest.raises(InvalidOptionError, match="read must have keys out of task, id"):
        choose(paths, read={"colour": "red"})
    line = ["--task", "regression", "--id", "Key", "--label", "true", "--columns", "price"]
    result = CliRunner().invoke(app, ["choose", *map(str, paths), "--rule", "mean", *line])
    assert result.exit_code == 0, result.output
    assert result.output.startswith("mean ")


def test_rows_that_a_member_lacks_are_refused_with_what_can_be_done() -> None:
    given = binary()
    given[1] = given[1].take(range(1, N))
    with pytest.raises(InvalidPredictionsError, match=r"1 of 60 rows are absent for some, such as 0\. Take"):
        choose(given, rules=["mean"])
    rows = align(given, missing="renormalize")
    with pytest.raises(InvalidPredictionsError, match="1 of 60 rows are absent"):
        choose(rows, rules=["mean"])
    assert rows.present is not None
    assert choose(rows.take(rows.ids[rows.present.all(axis=0)]), rules=["mean"]).judgement.n_units == N - 1
    with pytest.raises(AlignmentError, match="classes"):
        choose([*given[:1], Predictions([[1.0, 0.0]], ids=[0], classes=["x", "y"], labels=["x"], member="z")])


@pytest.mark.parametrize("rules", ["mean", {"mean": {}}, 3])
def test_rules_that_are_no_list_are_refused(rules: Any) -> None:
    with pytest.raises(InvalidOptionError, match="rules must be a list of registered names and combiners"):
        choose(binary(20), rules=rules)
