"""Readers of forecasts: tables of hubs, and frames with a column a model."""

import pandas as pd
import pytest

from ensemblekit import align, combine
from ensemblekit.errors import InvalidOptionError, InvalidPredictionsError
from ensemblekit.quantiles import read_forecasts, read_hub

KEYS = ["location", "target_date", "horizon"]


def hub(models=("a", "b"), places=("01", "02"), levels=(0.1, 0.5, 0.9)):
    return pd.DataFrame(
        [
            {"model_id": m, "location": p, "target_date": "2024-01-06", "horizon": 1, "output_type": "quantile",
             "output_type_id": f"{level:.3f}", "value": 10.0 * place + 5 * level + number}
            for number, m in enumerate(models) for place, p in enumerate(places) for level in levels
        ]
    )  # fmt: skip


def outcomes():
    return pd.DataFrame({"location": ["02", "01"], "target_date": ["2024-01-06"] * 2, "observation": [12.0, 3.0]})


def test_a_table_of_a_hub_becomes_predictions_with_keys_and_outcomes():
    other = pd.DataFrame({**hub().iloc[0], "output_type": "mean", "output_type_id": "", "value": 1.0}, index=[0])
    read = read_hub(pd.concat([hub().sample(frac=1, random_state=0), other]), labels=outcomes())
    assert [*read] == ["a", "b"]
    one = read["a"]
    assert one.classes == ("0.1", "0.5", "0.9")
    assert one.id_columns == tuple(KEYS)
    assert sorted(one.ids.tolist()) == ["01/2024-01-06/1", "02/2024-01-06/1"]
    assert one.take(["01/2024-01-06/1"]).labels.tolist() == [[3.0] * 3]
    assert one.take(["02/2024-01-06/1"]).probas.tolist() == [[10.5, 12.5, 14.5]]
    assert combine(read, "mean").take(["01/2024-01-06/1"]).probas.tolist() == [[1, 3, 5]]


def test_files_of_models_are_read_by_folder_and_name(tmp_path):
    for suffix, model in (("csv", "team-a"), ("parquet", "team-b")):
        folder = tmp_path / model
        folder.mkdir()
        table = hub(models=(model,)).drop(columns="model_id")
        path = folder / f"2024-01-06-{model}.{suffix}"
        table.to_csv(path, index=False) if suffix == "csv" else table.to_parquet(path)
    read = read_hub(tmp_path, labels=outcomes())
    assert [*read] == ["team-a", "team-b"]
    assert align(read).member_probas.shape == (2, 2, 3)  # codes of places are text in both
    alone = read_hub({"mine": tmp_path / "team-a" / "2024-01-06-team-a.csv"}, levels=[0.9])
    assert alone["mine"].classes == ("0.9",)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda t: t.drop(columns="output_type"), "it lacks 'output_type'"),
        (lambda t: t.drop(columns="model_id"), "must say of which model a row is"),
        (lambda t: t.iloc[1:], "lacks some for 1 of 2 keys, first the level 0.1"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "has 2 at the level 0.1"),
        (lambda t: t.assign(value="n/a"), "value of 'a' must be finite numbers; 6 of 6"),
        (lambda t: t.assign(value=-t["value"]), "quantiles must not decrease"),
        (lambda t: t.assign(output_type_id="low"), "output_type_id of 'a' must be quantile levels"),
        (lambda t: t.assign(output_type="mean"), "model 'a' has rows of other output types alone"),
    ],
)
def test_a_table_that_is_none_of_a_hub_is_refused(change, why):
    with pytest.raises(InvalidPredictionsError, match=why):
        read_hub(change(hub(models=("a",))))


def test_outcomes_that_are_absent_or_twice_are_refused_or_left_out():
    few = outcomes().iloc[:1]
    with pytest.raises(InvalidPredictionsError, match=r"1 of 2 of 'a' have none.*unobserved='drop'"):
        read_hub(hub(), labels=few)
    assert len(read_hub(hub(), labels=few, unobserved="drop")["a"]) == 1
    with pytest.raises(InvalidPredictionsError, match="1 have two"):
        read_hub(hub(), labels=pd.concat([outcomes(), few.assign(observation=9.0)]))
    with pytest.raises(InvalidPredictionsError, match="must have a column of outcomes"):
        read_hub(hub(), labels=outcomes().drop(columns="observation"))
    with pytest.raises(InvalidOptionError, match="unobserved must be one of 'error', 'drop'"):
        read_hub(hub(), unobserved="ignore")


def frame():
    days = pd.to_datetime(["2024-01-06", "2024-01-13"])
    return pd.DataFrame({
        "unique_id": ["s", "s"], "ds": days, "cutoff": pd.to_datetime(["2024-01-01"] * 2), "y": [5.0, 6.0],
        "ETS": [5.5, 5.5], "ETS-lo-80": [4.0, 3.0], "ETS-hi-80": [7.0, 8.0], "ETS-lo-95.0": [1.0, 1.0],
        "ETS-hi-95.0": [9.0, 9.0], "NHITS": [9.0, 9.0], "NHITS-median": [5.0, 5.0], "NHITS-lo-80": [4.0, 4.0],
        "NHITS-hi-80": [6.0, 6.0],
    })  # fmt: skip


def test_a_frame_with_intervals_becomes_predictions():
    read = read_forecasts(frame())
    assert read["ETS"].classes == ("0.025", "0.1", "0.5", "0.9", "0.975")
    assert read["ETS"].probas[1].tolist() == [1, 3, 5.5, 8, 9]
    assert read["ETS"].labels[:, 0].tolist() == [5, 6]
    assert read["ETS"].key("cutoff").dtype.kind == "M"
    assert read["NHITS"].probas[0].tolist() == [4, 5, 6]  # the column of the median, not that of the mean
    assert read_forecasts(frame(), point="ignore")["ETS"].classes == ("0.025", "0.1", "0.9", "0.975")
    indexed = frame().set_index("unique_id")
    assert read_forecasts(indexed)["ETS"].ids.tolist() == read["ETS"].ids.tolist()
    filtered = frame().set_index(pd.Index([7, 3]))
    assert [*read_forecasts(filtered)] == [*read]  # numbers of rows that were kept are no model


def test_outcomes_may_come_beside_or_not_yet():
    later = frame().assign(y=[5.0, None])
    with pytest.raises(InvalidPredictionsError, match="unobserved='drop'"):
        read_forecasts(later)
    assert len(read_forecasts(later, unobserved="drop")["ETS"]) == 1
    known = frame()[["unique_id", "ds", "y"]]
    assert read_forecasts(frame().drop(columns="y"), labels=known)["ETS"].labels[:, 0].tolist() == [5, 6]
    assert read_forecasts(frame().drop(columns="y"))["ETS"].labels is None


def test_frames_that_are_none_are_refused():
    with pytest.raises(InvalidPredictionsError, match="must have the columns 'unique_id', 'ds'"):
        read_forecasts(pd.DataFrame({"a": [1.0]}))
    with pytest.raises(InvalidPredictionsError, match="columns of models"):
        read_forecasts(frame()[["unique_id", "ds", "y"]])
    with pytest.raises(InvalidPredictionsError, match="above 0 and below 100 percent"):
        read_forecasts(frame().rename(columns={"ETS-lo-80": "ETS-lo-100"}))
    with pytest.raises(InvalidOptionError, match="point must be"):
        read_forecasts(frame(), point="mean")
