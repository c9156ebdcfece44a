"""What a chart shows, from the store: the worst member's last weeks, as known on the message's day."""

from __future__ import annotations

import logging
import random
from dataclasses import replace
from datetime import date, timedelta

import pytest

from hindsight.charts import png
from hindsight.detectors.threshold import Threshold
from hindsight.domain.records import Detection
from hindsight.domain.spec import MonitorSpec, Reference
from hindsight.domain.values import Z95, Horizon, Span
from hindsight.incidents import replay
from hindsight.message import Chart, from_json
from hindsight.notifiers.log import Log
from hindsight.pipeline import pictured
from hindsight.pipeline.pictured import charts
from hindsight.pipeline.plan import zone
from hindsight.policy import Act, Decision, Kind
from hindsight.windows import DayRange, midnight
from worlds import Bench, Logs, Row, at, label, monitor, prediction, written

FIRST, DAYS = date(2013, 3, 5), 49
AGE = Horizon(1)


def on(day: int) -> date:
    return FIRST + timedelta(days=day)


def logs(*, v2: int | None = None) -> Logs:
    """A good model that is wrong twice as often as right from day 30 on; v2 gets most rows from a day on."""
    draw = random.Random(5)
    predictions: list[Row] = []
    labels: list[Row] = []
    for count in range(DAYS):
        for i in range(40):
            right = draw.random() < (0.85 if count < 30 else 0.35)
            version = "v2" if v2 is not None and count >= v2 and i % 4 else "v1"
            predictions.append(prediction(f"r{count}-{i}", on(count), 0.9, version=version))
            labels.append(label(f"r{count}-{i}", on(count + 1), float(right)))
    return Logs(predictions, labels)


def asked(bench: Bench, rows: Logs) -> MonitorSpec:
    """A monitor of these logs: accuracy a fiftieth below three weeks' reference, over a fortnight."""
    rule = Threshold(metric="accuracy", relative=-0.02, window=Span(14), at=AGE, name="accuracy")
    spec = monitor(metrics=("accuracy",), windows=(Span(14),), detectors=(rule,), notify=(Log(),))
    reference = Reference(start=FIRST, end=on(20))
    spec = replace(spec, maturity=replace(spec.maturity, horizons=(AGE,)), reference=reference)
    return at(spec, written(rows, "parquet", bench.folder))


def decision_of(bench: Bench, spec: MonitorSpec, day: date) -> Decision:
    """What the run of a day would tell of all its incidents."""
    with bench.store.reading() as connection:
        detections: list[Detection] = bench.store.detections(connection, spec.monitor)
    cases = replay(detections, (), zone(spec)).as_of(day)
    return Decision(Act.SEND, Kind.DAILY, DayRange(day, day), "asked for", cases=cases)


def drawn(bench: Bench, spec: MonitorSpec, day: date) -> tuple[Chart, ...]:
    with bench.store.transaction() as connection:
        return charts(spec, decision_of(bench, spec, day), bench.runtime(), connection)


@pytest.fixture
def fallen(bench: Bench) -> MonitorSpec:
    """A monitor whose model broke on day 30."""
    spec = asked(bench, logs())
    bench.run(spec, on(0), on(DAYS))
    return spec


def test_a_chart_holds_what_the_store_knows_of_the_worst_member(bench: Bench, fallen: MonitorSpec) -> None:
    day = on(DAYS - 1)
    (chart,) = drawn(bench, fallen, day)
    decision = decision_of(bench, fallen, day)
    worst = decision.cases[0].evidence[0]
    assert chart.incident == decision.cases[0].incident.id
    assert chart.metric == "accuracy"
    assert chart.points[-1].day == day - timedelta(days=1), "the last window that was a day old then"
    assert [point.day for point in chart.points] == sorted({point.day for point in chart.points})
    with bench.store.reading() as connection:
        stored = bench.store.snapshots(
            connection,
            fallen.monitor,
            metric="accuracy",
            horizon=worst.horizon,
            window=worst.window,
            version=worst.version,
            segment=worst.segment,
            end=midnight(day, zone(fallen)),
        )
    known = [each for each in stored if each.as_of <= midnight(day + timedelta(days=1), zone(fallen))]
    assert [point.value for point in chart.points] == [each.value for each in known][-len(chart.points) :]
    newest, point = known[-1], chart.points[-1]
    assert newest.value is not None
    assert newest.standard_error is not None
    assert point.low == pytest.approx(newest.value - Z95 * newest.standard_error)
    assert point.lower == pytest.approx(worst.lower)
    assert point.expected == pytest.approx(worst.expected)
    assert chart.shaded is not None
    assert chart.shaded == (decision.cases[0].incident.since, point.day)
    assert f"{newest.value:.3f}"[:4] in chart.alt, "the figures, for who sees no picture"
    assert "accuracy of v1" in chart.title
    assert len(png(chart)) < 100_000


def test_a_chart_knows_nothing_that_was_learnt_after_the_message(bench: Bench, fallen: MonitorSpec) -> None:
    """Days computed since do not show in the chart of an earlier one."""
    early, late = drawn(bench, fallen, on(40)), drawn(bench, fallen, on(45))
    assert early[0].points[-1].day == on(39)
    shared = [point for point in late[0].points if point.day <= on(39)]
    assert list(early[0].points[-len(shared) :]) == shared


def test_a_version_that_took_over_is_marked(bench: Bench) -> None:
    spec = asked(bench, logs(v2=35))
    bench.run(spec, on(0), on(DAYS))
    (chart,) = drawn(bench, spec, on(DAYS - 1))
    assert chart.versions == ((on(35), "v2"),)
    assert "v2 took over on" in chart.alt


def test_a_chart_that_cannot_be_made_holds_nothing_back(
    bench: Bench, fallen: MonitorSpec, caplog: pytest.LogCaptureFixture
) -> None:
    """An error of the database ends neither the message nor its transaction."""
    decision = decision_of(bench, fallen, on(DAYS - 1))
    (case,) = decision.cases[:1]
    broken = replace(case, evidence=(replace(case.evidence[0], version="\x00"),))  # no text in PostgreSQL
    with caplog.at_level(logging.ERROR), bench.store.transaction() as connection:
        assert charts(fallen, replace(decision, cases=(broken,)), bench.runtime(), connection) == ()
        assert bench.store.detections(connection, fallen.monitor), "the transaction lives on"
    assert "No chart could be made" in caplog.text


def test_a_note_and_a_message_of_no_incident_have_no_chart(bench: Bench, fallen: MonitorSpec) -> None:
    decision = decision_of(bench, fallen, on(DAYS - 1))
    with bench.store.transaction() as connection:
        for each in (replace(decision, kind=Kind.REVISED), replace(decision, cases=())):
            assert charts(fallen, each, bench.runtime(), connection) == ()


def test_the_message_of_a_run_carries_its_chart(bench: Bench, fallen: MonitorSpec) -> None:
    with bench.store.reading() as connection:
        rows = bench.store.notifications(connection, fallen.monitor)
    held = [chart for row in rows for chart in from_json(row.document).charts]
    assert all(chart.points for chart in held)
    assert max((len(chart.points) for chart in held), default=0) <= pictured.MOST_POINTS
