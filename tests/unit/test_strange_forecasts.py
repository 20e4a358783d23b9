"""Forecasts, rankings and boxes as people have them: what is ambiguous is refused, and says what to do."""

import numpy as np
import pandas as pd
import pytest

from ensemblekit import Predictions, combine, fit_combiner
from ensemblekit.errors import InvalidOptionError, InvalidPredictionsError
from ensemblekit.matching import Regions
from ensemblekit.quantiles import online_weights, read_forecasts, read_hub
from ensemblekit.ranking import Qrels, Run, judge_queries, score_runs

KEYS = ["location", "date", "horizon"]


def hub():
    rows = [
        (m, place, date, 1, "quantile", level, 10 * level)
        for m in "ab" for place in ("01", "02") for date in ("2024-01-06", "2024-01-13") for level in (0.1, 0.5, 0.9)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["model_id", *KEYS, "output_type", "output_type_id", "value"])


def outcomes():
    return hub().query("model_id == 'a' and output_type_id == 0.5")[[*KEYS, "value"]].reset_index(drop=True)


def two(**changes):
    fields = {"ids": ["m", "t"], "classes": [0.1, 0.5, 0.9], "task": "quantile", "labels": [5.0, 9.0], **changes}
    one = Predictions(np.array([[3.0, 5.0, 8.0], [4.0, 6.0, 9.0]])[: len(fields["ids"])], member="one", **fields)
    other = Predictions(np.array([[5.0, 7.0, 9.0], [6.0, 8.0, 12.0]])[: len(fields["ids"])], member="two", **fields)
    return [one, other]


@pytest.mark.parametrize("unobserved", ["error", "drop"])
def test_outcomes_that_match_no_row_are_refused(unobserved):
    with pytest.raises(InvalidPredictionsError, match=r"(?s)outcome for a row at least.*'location': '1'.*Write both"):
        read_hub(hub(), labels=outcomes().astype({"location": int}), unobserved=unobserved)


def test_outcomes_of_dates_that_the_rows_do_not_have_are_refused():
    labels = outcomes().iloc[::2].rename(columns={"date": "target_end_date"})
    with pytest.raises(InvalidPredictionsError, match=r"matched by all their dates; 'target_end_date' is no key"):
        read_hub(hub(), labels=labels)
    read_hub(hub(), labels=outcomes().assign(as_of="2024-03-01"))


def test_outcomes_are_matched_however_numbers_and_moments_are_stored():
    expected = read_hub(hub(), labels=outcomes())["a"].labels.tolist()
    for labels in (
        outcomes().astype({"horizon": float}),
        outcomes().assign(date=outcomes()["date"] + " 00:00:00"),
        outcomes().set_index(KEYS)["value"].iloc[::-1],
    ):
        assert read_hub(hub(), labels=labels)["a"].labels.tolist() == expected
    times = hub().assign(date=pd.to_datetime(hub()["date"]) + pd.Timedelta("6h"))
    text = outcomes().assign(date=outcomes()["date"] + " 06:00:00")
    assert read_hub(times, labels=text)["a"].labels.tolist() == expected
    names = {"horizon": "_value"}
    assert read_hub(hub().rename(columns=names), labels=outcomes().rename(columns=names))["a"].labels is not None


def test_a_hub_loses_no_row_and_no_model(tmp_path):
    table = hub()
    with pytest.raises(InvalidPredictionsError, match=r"12 of 24 have no 'model_id', the first row 12. Name it"):
        read_hub(table.assign(model_id=table["model_id"].where(table["model_id"] == "a")))
    assert read_hub({"x": table[table["model_id"] == "a"]})["x"].id_columns == tuple(KEYS)
    with pytest.raises(InvalidPredictionsError, match=r"the table of 'x' must be of one model; 'model_id' has 2"):
        read_hub({"x": table})
    assert read_hub(table.set_index(KEYS))["a"].id_columns == tuple(KEYS)
    (tmp_path / "team").mkdir()
    table[table["model_id"] == "a"].to_csv(tmp_path / "team" / "a.csv", index=False)
    outcomes().to_csv(tmp_path / "targets.csv", index=False)
    with pytest.raises(InvalidPredictionsError, match=r"'targets.csv' must have the columns"):
        read_hub(tmp_path)


def test_numbers_of_rows_are_no_model():
    frame = pd.DataFrame({"unique_id": ["x", "y"], "ds": ["2024-01-02"] * 2, "y": [1.0, 2.0], "ETS": [1.0, 2.0]})
    assert [*read_forecasts(frame.reset_index())] == ["ETS"]
    assert [*read_forecasts(frame.rename_axis("Unnamed: 0").reset_index())] == ["ETS"]
    with pytest.raises(InvalidPredictionsError, match=r"column 'y' has '1,5' in row 1"):
        read_forecasts(frame.assign(y=["1", "1,5"]), unobserved="drop")


def test_moments_are_dates_in_one_way_only():
    zoned = pd.to_datetime(["2024-01-01", "2024-01-08"]).tz_localize("Europe/Berlin")
    with pytest.raises(InvalidOptionError, match=r"cutoff must be dates without a time zone.*tz_convert"):
        online_weights(two(), cutoff=zoned, known=["2024-01-02", "2024-01-09"])
    for text in (["20240101", "20240108"], ["1", "2"], ["01.02.2024", "08.01.2024"]):
        with pytest.raises(InvalidOptionError, match=r"cutoff must be dates or numbers.*like 2024-01-06"):
            online_weights(two(), cutoff=text, known=["2024-01-02", "2024-01-09"])
    later = [*zoned.tz_localize(None) + pd.Timedelta("1D")]
    assert online_weights(two(), cutoff=["2024-01-01", "2024-01-08"], known=later).weights.shape == (2, 2)
    assert online_weights(two(ids=[], labels=[]), cutoff=[], known=[]).weights.shape == (0, 2)


def test_rules_that_would_turn_quantiles_into_one_number_are_refused():
    for rule in ("stacking", "least_squares"):
        with pytest.raises(InvalidOptionError, match=r"makes no sense for the task 'quantile'.*but not quantile"):
            fit_combiner(two(), rule)
    convex = fit_combiner(two(), "least_squares", intercept=False)
    assert combine(two(), convex, allow_leakage=True).classes == ("0.1", "0.5", "0.9")


def test_columns_of_other_types_are_no_part_of_a_key():
    probas = [[0.5, 0.5]] * 2
    for column in (pd.period_range("2024-01", periods=2, freq="M"), pd.interval_range(0, 2), [[1], [2]]):
        with pytest.raises(InvalidPredictionsError, match=r"numbers or dates; column 'd' has .*astype\(str"):
            Predictions(probas, ids={"d": column, "k": [1, 2]}, classes=["x", "y"])
    days = [np.datetime64("2024-01-06"), np.datetime64("2024-01-13")]
    keyed = Predictions(probas, ids={"d": days, "k": [1, 2]}, classes=["x", "y"])
    assert keyed.take([(days[1], np.int64(2))]).ids.tolist() == ["2024-01-13/2"]


def test_time_names_the_origin_first():
    ids = {"cutoff": pd.to_datetime(["2024-01-01", "2024-01-08"]), "target": pd.to_datetime(["2024-01-08"] * 2)}
    ids["target"] += pd.Timedelta("7D")
    with pytest.raises(InvalidPredictionsError, match=r"origin first.* round: time=\('cutoff', 'target'\)"):
        Predictions([[0.5, 0.5]] * 2, ids=ids, classes=["x", "y"], time=("target", "cutoff"))


def test_a_run_of_other_queries_is_not_judged_as_0():
    run, qrels = Run({"01": {"a": 1.0}}, member="m"), Qrels({"1": {"a": 1}, "2": {"a": 0}})
    for judge in (lambda: judge_queries(run, qrels, "map"), lambda: score_runs([run], qrels, metrics="map")):
        with pytest.raises(InvalidPredictionsError, match=r"must have a query that is judged; 'm' has 1 \('01'\)"):
            judge()


def test_sizes_are_no_corners():
    marks = pd.DataFrame({"image": ["a"], "reader": ["r"], "x": [1], "y": [2], "w": [30], "h": [40]})
    with pytest.raises(InvalidPredictionsError, match=r"two corners.*\['w', 'h'\] are sizes.*assign"):
        Regions(marks, box=["x", "y", "w", "h"])
