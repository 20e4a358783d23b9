"""The task ``quantile``: levels matched by value, quantiles in order, one true number a row."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemblekit import Predictions, align, choose, combine
from ensemblekit.errors import AlignmentError, InvalidOptionError, InvalidPredictionsError
from ensemblekit.evaluation import compare_with_reference, score_table
from ensemblekit.quantiles import from_samples, level_name, levels_of, sort_quantiles
from ensemblekit.report import write_report

IDS = ["a", "b"]
VALUES = [[1.0, 2.0, 4.0], [0.0, 0.0, 5.0]]


def quantiles(values=VALUES, classes=(0.1, 0.5, 0.9), **options):
    return Predictions(values, **{"ids": IDS, "classes": [*classes], "task": "quantile", **options})


@pytest.mark.parametrize("spelling", [0.1, "0.1", "0.10", ".1", "1e-1", 1 - 0.9, np.float32(0.1)])
def test_all_spellings_of_a_level_are_one_class(spelling):
    assert quantiles(classes=(spelling, 0.5, "0.90")).classes == ("0.1", "0.5", "0.9")


def test_levels_are_matched_by_value_in_any_order():
    one = quantiles(classes=("0.10", "0.50", "0.9"), member="one")
    other = Predictions(
        pd.DataFrame([[4.0, 2.0, 1.0], [5.0, 0.0, 0.0]], index=IDS, columns=[0.9, 0.5, 0.1]),
        task="quantile",
        member="other",
    )
    assert (align(one, other).member_probas[0] == align(one, other).member_probas[1]).all()


def test_other_levels_are_refused():
    with pytest.raises(AlignmentError, match=r"member 'one' lacks 1 \('0.95'\)"):
        align(quantiles(member="one"), quantiles(classes=(0.1, 0.5, 0.95), member="other"))


@pytest.mark.parametrize(
    ("level", "why"),
    [("q10", "Name the columns by their levels alone"), (0, "above 0 and below 1"), (1.0, "above 0"), (90, "percent"),
     (float("nan"), "received nan"), (True, "received True"), (1e-30, "above 0 and below 1")],
)  # fmt: skip
def test_what_is_no_level_is_refused(level, why):
    with pytest.raises(ValueError, match=why):
        level_name(level)
    with pytest.raises(InvalidPredictionsError, match="classes must be valid for the task 'quantile'"):
        quantiles(classes=(level, 0.5, 0.9))


def test_levels_keep_their_digits_but_those_that_rounding_made():
    assert [level_name(one) for one in (1 - 0.9, np.float32(0.1), float(np.float32(0.975)))] == ["0.1", "0.1", "0.975"]
    assert [level_name(one) for one in ("0.005688191234", 1 / 3, 0.0078125)] == [
        "0.005688191234",
        "0.333333333333",
        "0.007812",
    ]


def test_a_level_given_twice_is_refused():
    with pytest.raises(InvalidPredictionsError, match="unique"):
        quantiles(classes=("0.1", "0.10", 0.9))


@given(st.lists(st.integers(1, 9999).map(lambda k: k / 10000), min_size=1, max_size=20, unique=True))
def test_names_are_in_the_order_of_their_levels(levels):
    names = [level_name(level) for level in levels]
    assert levels_of(sorted(names)).tolist() == sorted(levels)


def test_crossing_quantiles_are_refused_and_the_error_says_how_to_sort_them():
    crossing = [[2.0, 1.0, 4.0], [0.0, 0.0, 5.0]]
    with pytest.raises(
        InvalidPredictionsError, match=r"in 1 of 2 rows, the first 0.*sort_quantiles\(values, classes\)"
    ):
        quantiles(crossing)
    assert quantiles(sort_quantiles(crossing, [0.1, 0.5, 0.9])).probas[0].tolist() == [1.0, 2.0, 4.0]
    assert sort_quantiles([[1.0, 2.0]], [0.9, 0.1]).tolist() == [[2.0, 1.0]]
    with pytest.raises(InvalidPredictionsError, match="in 1 of 2 rows"):
        quantiles([[4.0, 2.0, 1.0], [5.0, 0.0, 1.0]], classes=(0.9, 0.5, 0.1))
    with pytest.raises(InvalidOptionError, match="n_levels"):
        sort_quantiles([[1.0, 2.0]], [0.5])


@pytest.mark.parametrize(
    "labels", [[3.0, 1.0], [[3.0], [1.0]], {"b": 1.0, "a": 3.0}, pd.Series([1, 3], index=["b", "a"]),
               pd.DataFrame({"y": [3.0, 1.0]}, index=IDS), [[3.0] * 3, [1.0] * 3]]
)  # fmt: skip
def test_labels_are_one_number_a_row(labels):
    assert quantiles(labels=labels).labels.tolist() == [[3.0] * 3, [1.0] * 3]


def test_labels_are_kept_once_and_apart_from_the_callers():
    own = np.array([3.0, 1.0])
    p = quantiles(labels=own)
    own[0] = 99
    assert p.labels[0, 0] == 3
    assert p.labels.strides[-1] == 0


def test_labels_that_differ_between_levels_are_refused():
    with pytest.raises(InvalidPredictionsError, match="one number a row; they differ between the levels in 1 of 2"):
        quantiles(labels=[[3.0, 3.0, 4.0], [1.0] * 3])


def test_files_keep_it(tmp_path):
    p = quantiles(labels=[3.0, 1.0], member="m")
    for suffix in ("csv", "npz", "parquet"):
        p.save(tmp_path / f"p.{suffix}")
        read = Predictions.load(tmp_path / f"p.{suffix}")
        assert (read.classes, read.task, read.labels.tolist()) == (p.classes, "quantile", p.labels.tolist())


def test_a_combination_that_would_cross_is_refused():
    one, other = quantiles(labels=[3.0, 1.0], member="one"), quantiles(labels=[3.0, 1.0], member="two")

    class Swap:
        traits = frozenset()
        tasks = frozenset({"regression"})

        def combine(self, member_probas):
            return member_probas[0][:, ::-1]

    with pytest.raises(InvalidPredictionsError, match="combiner 'Swap' returned predictions that are not valid"):
        combine([one, other], Swap())


def members(n=60, seed=0):
    rng = np.random.default_rng(seed)
    true = rng.normal(size=n)
    z = np.array([-1.2816, 0.0, 1.2816])
    fields = {"ids": [f"r{k}" for k in range(n)], "classes": [0.1, 0.5, 0.9], "task": "quantile", "labels": true}
    return {
        name: Predictions((true + rng.normal(0, sd, n))[:, None] + z * sd, member=name, **fields)
        for name, sd in (("near", 0.5), ("far", 2.0))
    }


@pytest.mark.slow
def test_tables_tests_choices_and_reports_take_it(tmp_path):
    given_members = members()
    table = score_table(given_members)
    assert {*table["metric"]} == {"wis", "crps", "pinball", "coverage_error", "sharpness"}
    verdict = compare_with_reference(given_members, "far", metrics=["wis"])
    assert verdict["difference"].item() < 0
    chosen = choose(given_members, rules=["median", "linear_pool", "pinball_weights"])
    assert chosen.metric == "wis"
    assert chosen.best_member == "near"
    write_report(tmp_path / "report", given_members, n_resamples=100)


def test_defaults_that_cannot_score_the_levels_are_left_out():
    alone = {name: Predictions(p.probas[:, :1], ids=p.ids, classes=[0.1], labels=p.labels[:, 0], task="quantile",
                               member=name) for name, p in members().items()}  # fmt: skip
    assert {*score_table(alone)["metric"]} == {"crps", "pinball"}
    with pytest.raises(InvalidOptionError, match=r"received without the other 0.1. Leave these levels out"):
        score_table(alone, metrics=["wis"])
    with pytest.raises(InvalidOptionError, match=r"needs the levels 0.1 and 0.9 for the interval 0.8"):
        score_table(alone, metrics=["coverage:interval=0.8"])


def test_the_constant_of_a_table_is_the_quantiles_of_the_labels():
    table = score_table(members(), metrics=["crps"], baselines=True)
    found = table.set_index("model")["value"]
    assert found["near"] < found["constant"]
    assert found["oracle"] <= found[["near", "far"]].min()


def test_draws_become_quantiles_and_those_of_models_are_pooled():
    draws = {"one": [[1.0, 2.0], [5.0, 5.0]], "other": [[3.0, 4.0, 5.0], [5.0, 5.0, 5.0]]}
    pooled = from_samples(draws, levels=[0.25, 0.5], ids=IDS, labels=[1.0, 2.0], member="pool")
    assert pooled.probas.tolist() == [[2.0, 3.0], [5.0, 5.0]]
    assert pooled.labels[0, 0] == 1
    low = from_samples([[1.0, 2.0, 3.0]], levels=[0.5], method="inverted_cdf", ids=["a"])
    assert low.probas.tolist() == [[2.0]]
    with pytest.raises(InvalidOptionError, match="method must be one of 'linear'"):
        from_samples([[1.0]], method="spline", ids=["a"])
    with pytest.raises(InvalidPredictionsError, match="with the same rows for every model"):
        from_samples({"a": [[1.0]], "b": [[1.0], [2.0]]}, ids=["a"])
    with pytest.raises(InvalidPredictionsError, match="finite"):
        from_samples([[np.nan, 1.0]], ids=["a"])
    table = pd.DataFrame({"x": [2.0, 1.0], "y": [2.0, 3.0]}, index=["b", "a"])
    assert from_samples(table, levels=[0.5]).ids.tolist() == ["b", "a"]
    with pytest.raises(InvalidPredictionsError, match="name its rows"):
        from_samples(table, ids=IDS)
    with pytest.raises(InvalidPredictionsError, match="must name their rows alike"):
        from_samples({"a": table, "b": table.iloc[::-1]})
    with pytest.raises(InvalidOptionError, match="received a table"):
        sort_quantiles(table, [0.1, 0.9])
    with pytest.raises(InvalidOptionError, match="makes task itself"):
        from_samples([[1.0]], ids=["a"], task="regression")
