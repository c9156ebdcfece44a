from __future__ import annotations

import pandas as pd
import pytest

from hindsight.demo.flights import local_day
from hindsight.demo.labels import REGIONALS, publish
from hindsight.demo.models import scored_flights
from hindsight.demo.world import World

NEW_YORK = "America/New_York"
OUTAGE = (pd.Timestamp(2013, 10, 1), pd.Timestamp(2013, 10, 16))


@pytest.fixture(scope="module")
def published(flights: pd.DataFrame, world: World) -> pd.DataFrame:
    """Each label with its flight, and how many days after the arrival it came."""
    known = world.labels.drop(columns="arr_delay").merge(flights, on="request_id", validate="one_to_one")
    arrived, day = local_day(known["arrived_at"]), local_day(known["label_at"])
    return known.assign(arrived_on=arrived, published_on=day, waited=(day - arrived).dt.days)


def test_every_flight_that_arrived_gets_one_label_and_no_other_gets_any(
    flights: pd.DataFrame, world: World
) -> None:
    service = scored_flights(flights)
    assert world.labels["request_id"].is_unique
    assert set(world.labels["request_id"]) == set(service.loc[service["arr_delay"].notna(), "request_id"])


def test_the_truth_is_the_real_delay(published: pd.DataFrame) -> None:
    assert (published["actual"] == (published["arr_delay"] > 15)).all()
    assert set(published["actual"]) == {0, 1}


def test_labels_are_published_at_six_in_new_york_after_the_arrival(published: pd.DataFrame) -> None:
    clock = published["label_at"].dt.tz_convert(NEW_YORK).dt.strftime("%H:%M:%S")
    assert set(clock) == {"06:00:00"}
    assert (published["label_at"] > published["arrived_at"]).all()


def test_majors_take_a_day_regionals_three_and_one_in_twelve_a_week_or_two(published: pd.DataFrame) -> None:
    # Arrivals whose label cannot fall into the outage, not even as a straggler.
    usual = published[(published["arrived_on"] < "2013-09-17") | (published["arrived_on"] > "2013-10-17")]
    straggling = usual["waited"] > 3
    regional = usual["carrier"].isin(REGIONALS)
    assert set(usual.loc[~straggling & ~regional, "waited"]) == {1}
    assert set(usual.loc[~straggling & regional, "waited"]) == {3}
    assert set(usual.loc[straggling, "waited"]) == set(range(7, 15))
    assert straggling.mean() == pytest.approx(0.08, abs=0.003)


def test_nothing_is_published_in_the_outage_and_the_backlog_comes_on_the_day_after(
    published: pd.DataFrame,
) -> None:
    per_day = published["published_on"].value_counts()
    assert not per_day.index.to_series().between(*OUTAGE).any()
    assert per_day[pd.Timestamp(2013, 10, 17)] > 10 * per_day.median()
    assert published.loc[published["published_on"] != pd.Timestamp(2013, 10, 17), "waited"].max() == 14


def test_the_file_of_a_label_is_named_for_its_day(published: pd.DataFrame) -> None:
    assert (
        published["source_file"] == "arrivals_" + published["published_on"].dt.strftime("%Y-%m-%d") + ".csv"
    ).all()


@pytest.mark.parametrize("age, low, high", [(1, 0.50, 0.57), (3, 0.82, 0.86), (30, 0.96, 0.98)])
def test_coverage_grows_with_age(judged: pd.DataFrame, age: int, low: float, high: float) -> None:
    flights = judged[judged["model_version"] == "v1"]
    known = (local_day(flights["label_at"]) - flights["day"]).dt.days <= age
    assert low < known.mean() < high


def test_no_label_comes_after_thirty_days(judged: pd.DataFrame) -> None:
    assert (local_day(judged["label_at"]) - judged["day"]).dt.days.max() == 30


def test_a_flight_keeps_its_day_of_publication_whatever_rows_stand_beside_it(
    flights: pd.DataFrame, world: World
) -> None:
    some = scored_flights(flights).sample(1_000, random_state=5)
    again = publish(some).set_index("request_id")
    kept = world.labels.set_index("request_id").loc[again.index]
    pd.testing.assert_frame_equal(again, kept)
