"""Default rules on the flights of 2013: they tell the year as it was, and are silent where all is well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from hindsight import config
from hindsight.demo.logs import write_files
from hindsight.demo.world import World, null_world
from hindsight.detectors.defaults import default_rules
from hindsight.domain.records import Detection
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ALL, IncidentClass, Severity, Verdict
from hindsight.embedded import EmbeddedPostgres
from hindsight.incidents import History, replay
from hindsight.pipeline.plan import zone
from hindsight.pipeline.present import unit_before
from hindsight.windows import DayRange
from worlds import Bench, bench_on

MONITORS = Path(__file__).parents[2] / "include" / "monitors"
YEAR = DayRange(date(2013, 3, 1), date(2013, 12, 31))
SPRING = DayRange(date(2013, 3, 1), date(2013, 6, 30))
STORMS = [date(2013, m, d) for m, d in ((4, 22), (4, 25), (6, 13), (7, 1), (7, 23), (8, 9))]
THANKSGIVING = [date(2013, 11, 28), date(2013, 11, 29)]
SATURDAYS = [day for day in YEAR if day.weekday() == 5]


def monitor(folder: Path) -> MonitorSpec:
    """The shipped classifier's monitor on files, without segments, with the default rules."""
    spec = config.load(MONITORS / "flight_delay.yaml")
    place = {"connection": None, "table": None}
    spec = replace(
        spec,
        predictions=replace(spec.predictions, files=str(folder / "predictions" / "*.parquet"), **place),
        ground_truth=replace(spec.ground_truth, files=str(folder / "labels" / "*.parquet"), **place),
        segments=(),
        detectors=(),
    )
    return replace(spec, detectors=default_rules(spec))


class Year:
    """What the rules said of every window at their own label age, by detector, version and last day."""

    def __init__(self, spec: MonitorSpec, found: list[Detection]) -> None:
        own = {detector.name: detector.at for detector in spec.detectors}
        self.spec = spec
        self.judged = {
            (d.detector, d.version, unit_before(spec, d.window_end)): d
            for d in found
            if d.horizon == own[d.detector] and d.segment == ALL
        }
        self.history: History = replay(found, (), zone(spec), at=own)

    def breaches(self, kind: str, metric: str, version: str | None = None) -> dict[date, Detection]:
        """The breaches of a rule by the last day of the window."""
        return {
            day: d
            for (name, of, day), d in sorted(self.judged.items())
            if d.verdict is Verdict.BREACH
            and name.startswith(f"{kind}:")
            and d.metric == metric
            and version in (None, of)
        }


@pytest.fixture(scope="module")
def year(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory, world: World
) -> Iterator[Year]:
    """The whole year, computed once for all tests here."""
    folder = tmp_path_factory.mktemp("year")
    write_files(folder, world.predictions, world.labels, fingerprint=world.fingerprint)
    with bench_on(postgres.ensure_database("default_rules"), folder) as bench:
        spec = monitor(folder)
        bench.run(spec, YEAR.start, YEAR.end)
        with bench.store.transaction() as connection:
            yield Year(spec, bench.store.detections(connection, spec.monitor))
    postgres.drop_database("default_rules")


def test_the_first_model_misses_late_flights_from_the_first_full_window_on(year: Year) -> None:
    first = min(year.breaches("threshold", "recall", "v1"))
    assert first == date(2013, 4, 28), "28 days after the reference ends"
    assert min(year.breaches("threshold", "calibration_ratio", "v1")).month == 4


def test_in_summer_its_scores_are_worse_than_none(year: Year) -> None:
    worse = year.breaches("threshold", "brier_skill")
    assert {d.version for d in worse.values()} == {"v1"}
    assert {d.severity for d in worse.values()} == {Severity.CRITICAL}
    assert {day.month for day in worse} <= {6, 7, 8}
    assert {date(2013, 7, 15), date(2013, 8, 15)} <= set(worse)
    pages = [t for t in year.history.transitions if t.severity is Severity.CRITICAL]
    performance = [t for t in pages if t.incident_class is IncidentClass.PERFORMANCE]
    assert date(2013, 7, 1) <= performance[0].day <= date(2013, 7, 10), "labels a week old"


def test_the_second_model_promises_too_many_late_flights_in_a_calm_september(year: Year) -> None:
    over = {d: f for d, f in year.breaches("threshold", "calibration_ratio", "v2").items() if d.month >= 9}
    assert over
    assert all(found.observed > found.upper for found in over.values())
    assert min(over).month == 9


def test_december_is_a_harder_world_and_a_warning_at_most(year: Year) -> None:
    of_models = [
        d
        for (_, _, day), d in year.judged.items()
        if day.month == 12 and d.verdict is Verdict.BREACH and d.incident_class is IncidentClass.PERFORMANCE
    ]
    assert of_models
    assert {d.severity for d in of_models} == {Severity.WARNING}
    for day in (date(2013, 12, 10), date(2013, 12, 20), date(2013, 12, 31)):
        standing = [case.incident for case in year.history.as_of(day) if case.incident.is_open]
        models = [i for i in standing if i.incident_class is IncidentClass.PERFORMANCE]
        assert {i.severity for i in models} == {Severity.WARNING}, day


@pytest.mark.parametrize("day", [*STORMS, *THANKSGIVING], ids=str)
def test_no_single_day_turns_a_verdict(year: Year, day: date) -> None:
    before = day - timedelta(days=1)
    turned = [
        (name, version)
        for (name, version, last), found in year.judged.items()
        if last == day
        and found.verdict is Verdict.BREACH
        # What was out of bounds before, or not judged, was not turned by this day.
        and (earlier := year.judged.get((name, version, before))) is not None
        and earlier.verdict is Verdict.CLEAR
        and earlier.severity is Severity.OK
    ]
    assert turned == []


def test_neither_saturdays_nor_holidays_are_a_loss_of_flights(year: Year) -> None:
    assert len(SATURDAYS) > 40
    assert year.breaches("volume", "volume") == {}
    assert year.breaches("missing", "volume") == {}


def test_weather_that_is_missing_is_a_matter_of_data_quality(year: Year) -> None:
    odd = {
        unit_before(year.spec, d.window_end): d
        for d in year.judged.values()
        if d.verdict is Verdict.BREACH and d.incident_class is IncidentClass.DATA_QUALITY
    }
    assert {date(2013, 12, 30), date(2013, 12, 31)} <= set(odd)
    assert "temp" in odd[date(2013, 12, 31)].reason
    assert odd[date(2013, 12, 31)].severity is Severity.CRITICAL
    assert set(odd) <= {date(2013, 8, 22), date(2013, 12, 30), date(2013, 12, 31)}


def test_the_outage_of_labels_is_label_health_and_never_performance(year: Year) -> None:
    silent = [i for i in year.history.incidents if i.incident_class is IncidentClass.LABEL_HEALTH]
    (outage,) = silent
    assert date(2013, 10, 1) <= outage.since <= date(2013, 10, 4)
    assert outage.resolved_on is not None


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_where_nothing_is_wrong_nothing_is_said_of_performance(
    bench: Bench, world: World, tmp_path: Path, version: str
) -> None:
    write_files(tmp_path, *null_world(world, version), fingerprint=version)
    spec = monitor(tmp_path)
    bench.run(spec, SPRING.start, SPRING.end)
    with bench.store.transaction() as connection:
        found = bench.store.detections(connection, spec.monitor)
    performance = [d for d in found if d.incident_class is IncidentClass.PERFORMANCE]
    judged = [d for d in performance if d.verdict is not Verdict.INSUFFICIENT]
    assert {d.detector for d in judged} == {d.detector for d in performance}, "every rule was tried"
    assert len({d.detector for d in judged}) == 4
    assert [d.reason for d in judged if d.verdict is Verdict.BREACH] == []
