"""What the study says of its figures: tables on 80 columns and in Markdown, leak-free figures, comparisons, repeats."""

import io

import numpy as np
import pytest
from rich.console import Console

from benchmarks.study.evaluate import COMPARED, evaluate
from benchmarks.study.report import confusion_section, evaluation_sections, print_sections, to_text
from ensemblekit import LeakageError, Predictions
from ensemblekit.evaluation import accuracy, results_table, score_table

CLASSES = ["adenocarcinoma", "large.cell.carcinoma", "normal", "squamous.cell.carcinoma"]
N = {"train": 30, "valid": 20, "test": 40}
LEAKED = [f"test/{k}.png" for k in range(6)]
GROUPS = {f"test/{k}.png": k // 2 for k in range(20)}


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    codes = {split: rng.integers(4, size=n) for split, n in N.items()}
    return {
        row: {
            split: Predictions(
                [rng.dirichlet(0.6 + 2 * np.eye(4)[c]) for c in codes[split]],
                ids=[f"{split}/{k}.png" for k in range(n)],
                classes=CLASSES,
                labels=np.array(CLASSES)[codes[split]],
                split=split,
                fit_ids=[f"train/{k}.png" for k in range(N["train"])],
            )
            for split, n in N.items()
        }
        for row in ("first_model", "second_model", *COMPARED)
    }


@pytest.fixture(scope="module")
def worth(rows):
    results = results_table(rows)
    return evaluate(rows, groups=GROUPS, leaked=[*LEAKED, "valid/0.png"], repeats={0: results, 1: results})


def test_every_row_is_scored_compared_and_counted(rows, worth):
    assert worth.scores["model"].unique().tolist() == list(rows)
    assert worth.scores["n_groups"].unique().tolist() == [30]
    assert worth.scores["in_sample"].eq(0).all()
    assert worth.comparisons["model"].unique().tolist() == list(COMPARED)
    assert set(worth.comparisons["best_member"]) <= {"first_model", "second_model"}
    assert worth.confusion.groupby("model")["n"].sum().eq(N["test"]).all()
    assert worth.n_leaked == 6


def test_leaked_images_are_left_out_beside_the_plain_figures(rows, worth):
    line = worth.leak_free.set_index("Model").loc["first_model"]
    p = rows["first_model"]["test"]
    assert line["Test Accuracy"] == pytest.approx(accuracy(p))
    left = p.take([i for i in p.ids if i not in LEAKED])
    assert line["Leak-free Accuracy"] == pytest.approx(accuracy(left))
    assert line["Leak-free Accuracy Low"] < accuracy(left) < line["Leak-free Accuracy High"]
    scores = score_table({"first_model": left}, groups=GROUPS, metrics=["accuracy"]).iloc[0]
    assert (line["Leak-free Accuracy Low"], line["Leak-free Accuracy High"]) == (
        scores["group_low"], scores["group_high"],
    )  # fmt: skip


def test_without_leaked_images_classes_are_counted_and_models_compared(rows, worth):
    p = rows["first_model"]["test"]
    counts = worth.leak_free_classes.set_index("Class")
    for name in CLASSES:
        of_class = [i for i, label in zip(p.ids, p.labels, strict=True) if label == name]
        assert counts.loc[name, "Test"] == len(of_class)
        assert counts.loc[name, "Leak-free"] == len(set(of_class) - set(LEAKED))
    assert counts["Leaked"].sum() == 6
    compared = worth.leak_free_comparisons
    assert compared["model"].unique().tolist() == list(COMPARED)
    assert not compared["difference"].equals(worth.comparisons["difference"])
    text = to_text("Worth", evaluation_sections(worth, {}, {}))
    assert "Test images a class, and those that are left" in text
    assert "Against the best member, without the images that leak" in text


def test_the_tables_fit_80_columns_whole(worth):
    stream = io.StringIO()
    sections = evaluation_sections(worth, {"ensemble_average_dense": ["train"]}, {"train": "a note"}, brief=True)
    print_sections(sections, Console(file=stream, width=80))
    text = stream.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    for said in (
        "ensemble_average_dense ¹",
        "by group",
        "Balanced",
        "Macro AUROC",
        "Calibration ",
        "Verdict",
        "6 test images",
        "Over 2 seeds",
    ):
        assert said in text


def test_markdown_has_every_sentence_and_matrix(worth):
    text = to_text("Worth", [*evaluation_sections(worth, {}, {}), confusion_section(worth)])
    assert all(sentence in text for sentence in worth.comparisons["sentence"])
    assert text.count("| squamous.cell.carcinoma |") >= len(COMPARED) + 2


def test_what_was_not_asked_for_is_not_there(rows):
    plain = evaluate(rows)
    assert plain.leak_free is plain.leak_free_classes is plain.leak_free_comparisons is None
    assert plain.repeats is None
    assert "group_low" not in plain.scores
    assert "by group" not in to_text("Worth", evaluation_sections(plain, {}, {}))


def test_the_best_member_cannot_be_chosen_on_test(rows):
    cheating = {row: {**by_split, "valid": by_split["test"]} for row, by_split in rows.items()}
    with pytest.raises(LeakageError):
        evaluate(cheating)
