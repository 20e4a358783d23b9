"""`write_report`: the answer agrees with the tables, and says what was fitted on these rows."""

import re

import numpy as np
import pandas as pd
import pytest

from ensemblekit import InvalidOptionError, Predictions, align, fit_combiner
from ensemblekit.choosing import choose
from ensemblekit.errors import InvalidPredictionsError
from ensemblekit.evaluation import compare_with_reference, score_table
from ensemblekit.report import Intervals, Section, Table, verdict_table, write_page, write_report
from ensemblekit.report._forest import forest

N = 200


def numbers(spreads, *, n=N, shared=0.0, seed=0, **more):
    """Make members whose errors have these spreads, and a part in common."""
    rng = np.random.default_rng(seed)
    truth, common = rng.normal(size=n), rng.normal(size=n)
    fields = {"ids": range(n), "classes": ["x"], "labels": truth, "task": "regression"}
    return [
        Predictions(truth + shared * common + spread * rng.normal(size=n), member=f"m{k}", **fields, **more)
        for k, spread in enumerate(spreads)
    ]


def written(tmp_path, members, **options):
    write_report(tmp_path / "page.html", members, n_resamples=200, **options)
    return re.sub(r"\s+", " ", (tmp_path / "page.html").read_text())


def answer(page):
    return re.search(r'<p class="answer">(.*?)</p>', page)[1]


def test_a_rule_that_is_better_is_advised_with_the_figures_of_the_table(tmp_path):
    members = numbers([1.0, 1.0, 1.0])
    said = answer(written(tmp_path, members, unit="houses"))
    assert said.startswith("Combine the 3 members by mean: it is better than the best of them. Its RMSE is ")
    best = min(members, key=lambda p: np.mean((p.probas - p.label_codes) ** 2))
    mean = Predictions(
        np.mean([p.probas for p in members], axis=0), ids=range(N), classes=["x"], labels=members[0].labels,
        task="regression",
    )  # fmt: skip
    table = compare_with_reference({"mean": mean, best.member: best}, best.member, metrics=["rmse"], n_resamples=200)
    value, difference = table["value"][0], table["difference"][0]
    assert f"{value:.3f} on these 200 houses, {abs(difference):.3f} lower than that of {best.member}" in said


def test_a_rule_that_is_worse_is_not(tmp_path):
    said = answer(written(tmp_path, numbers([0.1, 3.0, 3.0, 3.0])))
    assert said.startswith("Keep m0, the best member: every rule that was tried is worse.")
    assert "higher than that of m0" in said


def test_what_cannot_be_told_is_said(tmp_path):
    assert "are not enough to tell" in answer(written(tmp_path, numbers([0.1, 0.1], shared=1.0)))
    assert "are too few to tell anything" in answer(written(tmp_path, numbers([1.0, 1.0], n=3)))
    said = answer(written(tmp_path, numbers([1.0, 1.1], shared=3), smallest=0.9))
    assert "is as good and no better" in said


def test_members_that_were_fitted_on_these_rows_are_named_first(tmp_path):
    members = [*numbers([1.0, 1.0]), *numbers([1.0], seed=0, fit_ids=range(7))]
    members[2] = members[2].rename("cheat")
    page = written(tmp_path, members)
    notice = re.search(r'<p class="notice" role="note">(.*?)</p>', page)[1]
    assert "cheat (7 of 200)" in notice
    assert page.index("notice") < page.index("<nav")
    assert 'class="notice" role' not in written(tmp_path, members[:2])


def test_one_model_and_no_rule_are_judged_too(tmp_path):
    page = written(tmp_path, numbers([1.0]))
    assert answer(page).startswith("The RMSE of m0 is ")
    assert "best member" not in page.split("<main>")[1].split("<script>")[0]
    said = answer(written(tmp_path, numbers([1.0, 2.0]), rules=[]))
    assert said.endswith("It is the best of 2 members, and no rule was asked for.")


def test_the_first_metric_decides_and_rules_may_be_fitted_elsewhere(tmp_path):
    members, others = numbers([0.2, 2.0]), numbers([0.2, 2.0], seed=5)
    fitted = fit_combiner([p.rename(split="valid") for p in others], "weighted")
    page = written(tmp_path, members, rules={"learned": fitted}, metrics=["mae", "r2"])
    assert "The MAE of learned" in answer(page) or "Its MAE is" in answer(page)
    assert "learned" in page


def test_the_answer_of_a_choice_stands_first(tmp_path):
    members = numbers([1.0, 1.0])
    choice = choose(align(members), rules=["mean", "median"], cv=3)
    page = written(tmp_path, members, choice=choice)
    assert answer(page) == choice.sentence
    lead = page.split('<div class="lead">')[1].split("</nav>")[0]
    assert all(name in lead for name in ("best member", choice.name, "m0"))
    assert page.index("The candidates") < page.index("Try other members")
    with pytest.raises(InvalidOptionError, match="choice must be the result of choose"):
        written(tmp_path, members, choice="mean")


def test_what_cannot_be_reported_is_refused(tmp_path):
    bare = [
        Predictions(p.probas, ids=p.ids, classes=["x"], task="regression", member=p.member) for p in numbers([1, 2])
    ]
    with pytest.raises(InvalidPredictionsError, match="a report needs labels"):
        written(tmp_path, bare)
    with pytest.raises(InvalidOptionError, match="must not share a name; received \\['m0'\\]"):
        written(tmp_path, numbers([1, 2]), rules={"m0": "mean"})
    assert list(tmp_path.iterdir()) == []


def test_groups_and_weights_reach_the_figures(tmp_path):
    members = numbers([1.0, 1.5])
    weight = {k: 1 + k % 4 for k in range(N)}
    groups = {k: k // 4 for k in range(N)}
    page = written(tmp_path, members, groups=groups, sample_weight=weight, metrics=["mae"])
    assert "intervals by group" in page
    value = score_table(align(members), metrics=["mae"], sample_weight=weight, n_resamples=50)["value"][0]
    assert f'data-value="{float(value)!r}"' in page


def test_the_verdicts_are_those_of_the_comparison():
    members = numbers([1.0, 1.6])
    compared = compare_with_reference(align(members), "m0", n_resamples=200)
    table = verdict_table(compared)
    assert table["Verdict"].tolist() == compared["verdict"].tolist()
    assert table["Metric"].tolist() == ["RMSE", "MAE", "R²"]
    by_group = compare_with_reference(align(members), "m0", groups={k: k // 2 for k in range(N)}, n_resamples=200)
    assert verdict_table(by_group)["Low"].tolist() == by_group["group_low"].tolist()
    with pytest.raises(InvalidOptionError, match="must have the columns of compare_with_reference"):
        verdict_table(compared.drop(columns="verdict"))


def test_a_forest_plot_puts_values_where_they_belong():
    frame = pd.DataFrame({"model": ["a", "b"], "value": [0.0, 1.0], "low": [-1.0, float("nan")], "high": [1.0, 2.0]})
    drawn = forest(Intervals(frame, "x", marked="b"))
    first, second = drawn["rows"]
    assert (first["start"], first["at"], first["end"]) == ("2.00", "50.00", "98.00")
    assert (second["start"], second["bounds"], second["marked"]) == ("", "", True)
    assert drawn["line"] == second["at"]
    assert [tick["text"] for tick in drawn["ticks"]] == ["-1.0", "-0.5", "0.0", "0.5", "1.0"]
    for value in (0.5, -3.0, 0.0):  # all equal
        frame = pd.DataFrame({"model": ["a"], "value": [value], "low": [value], "high": [value]})
        assert forest(Intervals(frame, "x"))["rows"][0]["at"] == "50.00"
    with pytest.raises(InvalidOptionError, match="intervals must have a row at least"):
        forest(Intervals(frame.drop(columns="low"), "x"))


def test_a_cell_keeps_every_digit_for_the_copy(tmp_path):
    frame = pd.DataFrame({"Model": ["a"], "Loss": [0.1234567890123], "Text": ["0.5"]})
    write_page(tmp_path / "page.html", "x", [Section("x", [Table(frame, "x")])])
    text = (tmp_path / "page.html").read_text()
    assert '<td class="number" data-value="0.1234567890123">0.1235</td><td>0.5</td>' in text


def test_small_figures_are_printed_with_their_digits(tmp_path):
    members = [
        Predictions(
            1e-4 * p.probas, ids=p.ids, classes=["x"], labels=1e-4 * p.labels, task="regression", member=p.member
        )
        for p in numbers([1.0, 1.0, 1.0])
    ]
    page = written(tmp_path, members)
    assert "better than the best of them" in answer(page)
    assert re.search(r"RMSE is 0\.0000\d{3} on .*, 0\.0000\d{3} lower than", answer(page))
    assert re.search(r"0\.0000\d+ to 0\.000\d+", page.partition('class="answer"')[2])
