"""Ninety days backfilled in any order, by two at once or with interruptions: one result, to the last byte."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest

from hindsight import faults
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Horizon, Span
from killing import partitions
from worlds import (
    Bench,
    Logs,
    Row,
    at,
    in_a_row,
    in_two_threads,
    label,
    monitor,
    prediction,
    watched_by_all,
    written,
)

FIRST, DAYS = date(2013, 1, 20), 90
"""With the day of 23 hours, the 10th of March, among them."""

RUN_DAYS = [FIRST + timedelta(days=i) for i in range(DAYS)]


def few_rows_a_day() -> Logs:
    """Some rows a day, whose labels come within nine days or never; the model gets worse half-way."""
    draw = random.Random(90)
    rows: list[Row] = []
    labels: list[Row] = []
    for number, day in enumerate(RUN_DAYS):
        for i in range(draw.randint(0, 6)):
            request_id, score, hour = f"r{number}-{i}", draw.random(), 23.9 * draw.random()
            rows.append(prediction(request_id, day, score, hour, carrier=draw.choice(["UA", "B6"])))
            right = draw.random() < (0.9 if number < DAYS / 2 else 0.5)
            actual = float((score >= 0.5) == right)
            learnt = day + timedelta(days=draw.choice([0, 0, 1, 1, 1, 5, 9]))
            if draw.random() < 0.9:
                labels.append(label(request_id, learnt, actual, 23.95))
            if draw.random() < 0.1:
                labels.append(label(request_id, learnt + timedelta(days=3), 1.0 - actual))
    return Logs(rows, labels)


@pytest.fixture(scope="module")
def spec(session_bench: Bench) -> MonitorSpec:
    made = monitor(segments=("carrier",), metrics=("recall",), windows=(Span(7),))
    made = replace(made, maturity=replace(made.maturity, horizons=(Horizon(1), Horizon(7))))
    place = written(few_rows_a_day(), "table", session_bench.folder, session_bench.url)
    made = watched_by_all(at(made, place), FIRST, 14)
    return replace(made, detectors=tuple(d for d in made.detectors if d.at in made.horizons))


@pytest.fixture(scope="module")
def whole(session_bench: Bench, spec: MonitorSpec) -> str:
    """What one window run over all days leaves behind."""
    session_bench.run(spec, RUN_DAYS[0], RUN_DAYS[-1])
    dump = session_bench.dump()
    session_bench.clear()
    assert len({key[1] for key in partitions(dump) if key[0] == "window_state"}) == DAYS + 7
    assert '"performance"' in dump.partition("# incident")[2]
    return dump


class Interrupted(Exception):
    """As if the process had ended there."""


def interrupted(bench: Bench, spec: MonitorSpec, days: list[date]) -> None:
    """Stretches of eleven days, each broken off at another point and later begun again."""
    draw = random.Random(91)
    stretches = [days[i : i + 11] for i in range(0, len(days), 11)]
    points = [p for p in faults.POINTS if not p.startswith(("run_stale", "notify.", "store."))]
    for stretch in draw.sample(stretches, len(stretches)):
        point = draw.choice(points)

        def stop(reached: str, at: str = point) -> None:
            if reached == at:
                raise Interrupted

        faults.hook = stop
        try:
            with pytest.raises(Interrupted):
                bench.run(spec, stretch[0], stretch[-1])
        finally:
            faults.hook = None
    for stretch in reversed(stretches):
        bench.run(spec, stretch[0], stretch[-1])


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(lambda b, s: in_a_row(b, s, RUN_DAYS), id="forward"),
        pytest.param(lambda b, s: in_a_row(b, s, RUN_DAYS[::-1]), id="backward"),
        pytest.param(lambda b, s: in_a_row(b, s, random.Random(9).sample(RUN_DAYS, DAYS)), id="shuffled"),
        pytest.param(
            lambda b, s: in_two_threads(b, s, random.Random(8).sample(RUN_DAYS, DAYS)), id="two at once"
        ),
        pytest.param(lambda b, s: interrupted(b, s, RUN_DAYS), id="interrupted"),
    ],
)
def test_every_way_to_backfill_ninety_days_leaves_the_same_bytes(
    bench: Bench, spec: MonitorSpec, whole: str, way: Callable[[Bench, MonitorSpec], None]
) -> None:
    way(bench, spec)
    assert bench.dump() == whole
