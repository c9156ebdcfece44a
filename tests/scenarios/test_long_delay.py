"""Labels that take ninety days: two hundred daily runs on the logs as they had landed by then.

Each run sees what had landed when it started and is made at a simulated time; its numbers mature on the day
that their age says, and no run stays open longer than `wait`.
"""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
import sqlalchemy as sa

from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import NO_LABELS, Horizon, Maturity, Span
from hindsight.orchestration.trigger import deadline, look
from hindsight.pipeline import compute_snapshots, extract_predictions, join_ground_truth
from hindsight.pipeline.present import unit_at
from hindsight.windows import DayRange, as_of, run_time, shift
from worlds import ZONE, Bench, Logs, local, monitor, prediction, written

FIRST, DAYS = date(2013, 1, 10), 200
"""With the day of 23 hours, the 10th of March, among them."""

HORIZONS = (Horizon(7), Horizon(30), Horizon(90))
ROWS = 10
KNOWN = {Horizon(7): 2, Horizon(30): 6, Horizon(90): 9}
"""Of the ten predictions of a day: how many have a label by that age, and one never has."""

ASKED = 0.6
LAG = timedelta(hours=6)
"""How long after it is learnt a label lands; on some days the feed is late by half a day."""

LATE = {40, 80, 120, 160}
TOGETHER = 20


def day_of(number: int) -> date:
    return FIRST + timedelta(days=number)


def logs() -> Logs:
    """A day's predictions get their labels at ages of 2 to 85 days, early in the morning."""
    draw = random.Random(200)
    ages = [2, 5, 12, 18, 24, 28, 45, 60, 85]
    rows, labels = [], []
    for number in range(-90, DAYS):
        day = day_of(number)
        for i in range(ROWS):
            request_id = f"r{number}-{i}"
            said = local(day, 1 + 20 * draw.random())
            rows.append(
                prediction(request_id, day, draw.random())
                | {"predicted_at": said, "logged_at": said, "landed_at": said}
            )
            if i < len(ages):
                learnt = local(shift(day, ages[i] + 1), 2)
                late = number + ages[i] in LATE
                lands = learnt + (timedelta(hours=14) if late else LAG)
                actual = float(draw.random() < 0.4)
                labels.append(
                    {"request_id": request_id, "actual": actual, "label_at": learnt, "landed_at": lands}
                )
    types = {"landed_at": "timestamptz"}
    made = Logs(rows, labels)
    return replace(made, prediction_types=made.prediction_types | types, label_types=made.label_types | types)


class Clock:
    """The simulated time: what lands later is not there yet."""

    def __init__(self, bench: Bench, schema: str) -> None:
        self.bench, self.schema, self.now = bench, schema, local(FIRST, 0)

    def __call__(self) -> datetime:
        return self.now

    def turn(self, moment: datetime) -> None:
        self.now = moment
        with self.bench.store.transaction() as connection:
            connection.execute(sa.text(f"update {self.schema}.clock set now = :now"), {"now": moment})


@pytest.fixture(scope="module")
def clock(session_bench: Bench) -> Clock:
    place = written(logs(), "table", session_bench.folder, session_bench.url)
    schema = place["predictions"]["table"].partition(".")[0]
    made = Clock(session_bench, schema)
    with session_bench.store.transaction() as connection:
        for statement in (
            f"create table {schema}.clock (now timestamptz)",
            f"insert into {schema}.clock values (now())",
            f"create index on {schema}.predictions (predicted_at)",
            f"create index on {schema}.labels (request_id)",
        ):
            connection.execute(sa.text(statement))
    return made


@pytest.fixture
def spec(clock: Clock) -> MonitorSpec:
    """A monitor of the logs as they have landed by the simulated time."""

    def landed(table: str) -> dict[str, str]:
        there = f"{clock.schema}.{table}"
        query = f"select * from {there} where landed_at <= (select now from {clock.schema}.clock)"
        return {"connection": "logs", "query": query}

    made = monitor(segments=(), metrics=("accuracy",), windows=(Span(7),))
    return replace(
        made,
        predictions=replace(made.predictions, **landed("predictions")),
        ground_truth=replace(made.ground_truth, **landed("labels")),
        maturity=replace(made.maturity, horizons=HORIZONS, min_coverage=ASKED, wait=timedelta(hours=6)),
    )


def waited(spec: MonitorSpec, day: date, clock: Clock, bench: Bench) -> tuple[timedelta, str]:
    """How long the run for a day stays open before it goes on, looking every hour, and why it does."""
    opened = run_time(day, spec.schedule, ZONE)
    clock.turn(opened)
    while (seen := look(spec, day, bench.runtime(clock=clock), patient=True)) is None:
        clock.turn(min(clock.now + timedelta(hours=1), deadline(spec, day)))
    return clock.now - opened, seen["because"]


def test_numbers_mature_on_the_right_days_and_no_run_waits_longer_than_it_may(
    bench: Bench, clock: Clock, spec: MonitorSpec
) -> None:
    reasons: dict[str, int] = {}
    for first in range(0, DAYS, TOGETHER):
        last = first + TOGETHER - 1
        for number in (first, last):
            open_for, because = waited(spec, day_of(number), clock, bench)
            assert open_for <= spec.maturity.wait
            assert (because == "deadline") == (number in LATE), number
            assert open_for == (spec.maturity.wait if number in LATE else timedelta(hours=2))
            reasons[because] = reasons.get(because, 0) + 1
        # Twenty days at once: each still uses only what was learnt before its own as-ofs.
        days, runtime = DayRange(day_of(first), day_of(last)), bench.runtime(clock=clock)
        for task in (extract_predictions, join_ground_truth, compute_snapshots):
            task(spec, days, runtime)
        assert_matured(bench, spec, day_of(last))
    assert reasons == {"landed": 2 * DAYS // TOGETHER - len(LATE), "deadline": len(LATE)}


def assert_matured(bench: Bench, spec: MonitorSpec, today: date) -> None:
    """After the run of a day there are the snapshots due by its end, of the right maturity, and no others."""
    with bench.store.transaction() as connection:
        rows = bench.store.snapshots(connection, "odd", window=Span(1), metric=["accuracy", "volume"])
    found = {(row.horizon, unit_at(spec, row.window_start)): row for row in rows}
    ages = (NO_LABELS, *HORIZONS)
    runs = DayRange(FIRST, today)
    assert set(found) == {(age, shift(day, -age.count)) for age in ages for day in runs}
    for (age, day), row in found.items():
        assert row.as_of == as_of(day, age, ZONE) <= local(shift(today, 1), 0)
        if age == NO_LABELS:
            assert (row.value, row.maturity) == (ROWS, Maturity.MATURE)
            continue
        assert row.coverage == pytest.approx(KNOWN[age] / ROWS)
        mature = KNOWN[age] / ROWS >= ASKED
        assert row.maturity is (Maturity.MATURE if mature else Maturity.PROVISIONAL)
        assert row.n == KNOWN[age]
    # What is known of one day on each of two hundred: nothing of its labels, then more with each horizon.
    one = [row for (age, day), row in found.items() if day == FIRST and age > NO_LABELS]
    reached = [age for age in HORIZONS if shift(FIRST, age.count) <= today]
    assert sorted(row.horizon for row in one) == reached


def test_day_by_day_is_what_many_days_at_once_were(bench: Bench, clock: Clock, spec: MonitorSpec) -> None:
    """The simulation above takes twenty days at once: each by itself and in its own time is the same."""
    some = [day_of(number) for number in range(88, 94)]
    for day in some:
        waited(spec, day, clock, bench)
        bench.run(spec, day)
        with bench.store.transaction() as connection:
            rows = bench.store.snapshots(connection, "odd", window=Span(1), metric="accuracy")
        there = {(row.horizon, unit_at(spec, row.window_start)) for row in rows}
        assert there == {(age, shift(d, -age.count)) for age in HORIZONS for d in DayRange(some[0], day)}
    live = bench.dump()
    bench.clear()
    bench.run(spec, some[0], some[-1])
    assert bench.dump() == live
