"""What is odd about the logs, as snapshots that can be judged, and as a reason to fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from hindsight.detectors.threshold import Threshold
from hindsight.domain.records import Snapshot
from hindsight.domain.spec import MonitorSpec, Reference
from hindsight.domain.values import (
    Convention,
    Horizon,
    IncidentClass,
    Maturity,
    OnConflict,
    Severity,
    Span,
    Status,
    Verdict,
)
from hindsight.errors import SourceError
from hindsight.metrics import METRICS, find
from hindsight.metrics.base import Part
from hindsight.metrics.estimate import estimate
from hindsight.metrics.log.oddities import OddShare
from hindsight.pipeline.quality import quality_of
from hindsight.statistics.quality import COUNTED, ODDITIES, QualityStatistics
from hindsight.windows import DayRange
from worlds import Bench, Logs, Row, at, label, local, monitor, odd_logs, prediction, written

DAY = date(2013, 3, 12)
NEXT = DAY + timedelta(days=1)
SHARES = tuple(sorted(name for name, metric in METRICS.items() if isinstance(metric, OddShare)))
NAN = float("nan")


def ran(
    bench: Bench, rows: list[Row], labels: list[Row], spec: MonitorSpec | None = None, last: date = NEXT
) -> MonitorSpec:
    """A monitor that keeps every share of its logs, run over these days."""
    made = at(
        spec or monitor(segments=(), metrics=("recall", *SHARES, "set_aside_share(invalid_score)")),
        written(Logs(rows, labels), "parquet", bench.folder),
    )
    bench.run(made, DAY, last)
    return made


def kept(bench: Bench, day: date = DAY, days: int = 1, horizon: int | None = None) -> dict[str, Snapshot]:
    """The snapshots of the logs as a whole, by metric, of the window that begins on a day."""
    with bench.store.transaction() as connection:
        found = bench.store.snapshots(
            connection, "odd", window=Span(days), start=local(day, 0), end=local(day, 1)
        )
    chosen = [s for s in found if find(s.metric).part is Part.QUALITY]
    assert {(s.version, s.segment) for s in chosen} <= {("(none)", "ALL")}
    return {s.metric: s for s in chosen if horizon is None or s.horizon == Horizon(horizon)}


def test_each_oddity_is_a_share_of_its_own_rows(bench: Bench) -> None:
    rows = [prediction(f"r{i}", DAY) for i in range(6)]
    rows += [prediction("r0", DAY, 0.1, 13), prediction(None, DAY), prediction("bad", DAY, NAN)]
    rows += [prediction("late", DAY, logged_at=local(NEXT, 3))]
    labels = [label("r0", DAY, 1.0, 9), label("r1", DAY, 1.0, 20), label("r1", DAY, 0.0, 21)]
    labels += [label("r2", DAY, NAN, 20), label(None, DAY), label("nobody", DAY), label("late", DAY, 1.0, 23)]
    ran(bench, rows, labels)
    at_once = {name: (s.value, s.n) for name, s in kept(bench, horizon=0).items()}
    assert at_once == {
        "duplicate_share": (1 / 9, 9),
        "null_id_share": (1 / 9, 9),
        "invalid_share": (1 / 9, 9),
        "set_aside_share": (3 / 9, 9),
        "set_aside_share(invalid_score)": (1 / 9, 9),
        # the prediction of the last label was not in the log yet when the day ended
        "orphan_share": (2 / 7, 7),
        "invalid_label_share": (2 / 7, 7),
    }
    later = {name: (s.value, s.n) for name, s in kept(bench, horizon=1).items()}
    assert later == {
        "contradiction_share": (1 / 4, 4),
        "early_label_share": (1 / 4, 4),
        "late_logged_share": (1 / 7, 7),
    }
    assert {s.maturity for s in kept(bench).values()} == {Maturity.MATURE}
    assert {s.status for s in kept(bench).values()} == {Status.OK}
    assert all(s.standard_error for s in kept(bench).values())


def test_only_what_a_monitor_names_is_kept(bench: Bench) -> None:
    spec = monitor(segments=(), metrics=("recall", "duplicate_share"))
    ran(bench, [prediction("a", DAY)], [], spec)
    assert set(kept(bench)) == {"duplicate_share"}


def test_a_day_without_rows_has_no_share_and_says_why(bench: Bench) -> None:
    ran(bench, [prediction("long ago", DAY - timedelta(days=40))], [])
    found = kept(bench)
    assert {s.status for s in found.values()} == {Status.EMPTY}
    assert {s.value for s in found.values()} == {None}
    assert found["duplicate_share"].reason == "the prediction log has no row in the window"
    assert found["orphan_share"].reason == "no label was learnt in the window"
    assert found["contradiction_share"].reason == "no prediction has a label"


def test_labels_may_be_learnt_on_a_day_without_predictions(bench: Bench) -> None:
    ran(bench, [prediction("a", DAY)], [label("a", NEXT), label("b", NEXT)], last=NEXT)
    shares = kept(bench, NEXT, horizon=0)
    assert (shares["orphan_share"].value, shares["orphan_share"].n) == (0.5, 2)
    assert shares["duplicate_share"].status is Status.EMPTY


def test_a_window_with_days_that_were_not_computed_is_pending(bench: Bench) -> None:
    ran(bench, [prediction("a", DAY)], [])
    shares = kept(bench, DAY - timedelta(days=6), days=7, horizon=0)
    assert {s.maturity for s in shares.values()} == {Maturity.PENDING}
    assert "days were not computed at 0d" in str(shares["orphan_share"].reason)


@pytest.mark.parametrize("policy", list(OnConflict))
def test_windows_are_sums_of_days_and_any_order_of_runs_gives_the_same(
    bench: Bench, policy: OnConflict
) -> None:
    logs = odd_logs(5, DAY, 12)
    spec = monitor(segments=(), metrics=("recall", *SHARES))
    spec = replace(spec, ground_truth=replace(spec.ground_truth, on_conflict=policy))
    spec = at(spec, written(logs, "parquet", bench.folder))
    last = DAY + timedelta(days=11)
    bench.run(spec, DAY, last)
    whole = bench.dump()
    with bench.store.transaction() as connection:
        states = bench.store.window_states(connection, "odd", local(DAY, 0), local(last, 1))
        of_weeks = bench.store.snapshots(
            connection, "odd", window=Span(7), start=local(DAY, 0), end=local(DAY, 1), metric=SHARES
        )
    for snapshot in of_weeks:
        mine = [s for s in states if s.horizon == snapshot.horizon][:7]
        days = QualityStatistics.of([(s.predictions, s.labelled, s.quality) for s in mine])
        metric = find(snapshot.metric)
        assert snapshot.value == metric.value(metric.terms(days.pooled()))[0] > 0
        jackknifed = estimate(metric, metric.terms(days), 7)
        assert snapshot.standard_error == jackknifed.standard_error[0] > 0
    assert len(of_weeks) == 6 + 2 * 3, "the week has reached two of three horizons"
    bench.clear()
    for day in [last, DAY + timedelta(days=3), *(DAY + timedelta(days=i) for i in range(12))]:
        bench.run(spec, day)
    assert bench.dump() == whole


def test_a_rising_share_of_duplicates_is_an_incident_of_data_quality(bench: Bench) -> None:
    rows = [prediction(f"{day}-{i}", day) for day in days(10) for i in range(60)]
    rows += [prediction(f"{days(10)[-1]}-{i}", days(10)[-1], 0.3, 15) for i in range(20)]
    rule = Threshold(
        metric="duplicate_share", max=0.05, window=Span(1), at=Horizon(0), severity=Severity.CRITICAL
    )
    other = Threshold(
        metric="orphan_share",
        relative=0.5,
        window=Span(3),
        at=Horizon(0),
        severity=Severity.WARNING,
        name="orphans",
    )
    metrics = ("recall", "duplicate_share", "orphan_share")
    spec = monitor(segments=(), metrics=metrics, detectors=(rule, other))
    spec = replace(spec, reference=Reference(start=DAY, end=DAY + timedelta(days=4)))
    labels = [label(f"{day}-{i}", day, 1.0, 20) for day in days(10) for i in range(30)]
    labels += [label(f"nobody-{day}-{i}", day, 1.0, 20) for day in days(10) for i in range(4)]
    labels += [label(f"lost-{i}", days(10)[-1], 1.0, 20) for i in range(60)]
    ran(bench, rows, labels, spec, days(10)[-1])
    with bench.store.transaction() as connection:
        found = bench.store.detections(connection, "odd")
        incidents = bench.store.incidents(connection, "odd")
    verdicts = [d.verdict for d in found if d.detector == rule.name]
    assert verdicts == [Verdict.CLEAR] * 9 + [Verdict.BREACH]
    assert {d.incident_class for d in found} == {IncidentClass.DATA_QUALITY}
    compared = [d for d in found if d.detector == "orphans"]
    assert compared[-1].expected == pytest.approx(4 / 34)
    assert compared[-1].verdict is Verdict.BREACH
    assert compared[4].verdict is Verdict.INSUFFICIENT, "it lies within the reference"
    (incident,) = incidents
    assert incident.incident_class is IncidentClass.DATA_QUALITY
    assert incident.severity is Severity.CRITICAL
    assert "duplicate_share is 25 %, above 5.0 %" in incident.headline


def days(count: int) -> list[date]:
    return [DAY + timedelta(days=i) for i in range(count)]


ONCE = "has 1 row of 2013-03-12 counted as"
TWICE = [prediction("a", DAY), prediction("a", DAY, 0.1)]
FAILING = {
    "duplicate": (
        [prediction("a", DAY), prediction("a", DAY, 0.1)],
        [],
        f"predictions.parquet {ONCE} 'duplicate'",
    ),
    "null_id": (
        [prediction(None, day) for day in (DAY, DAY, NEXT)],
        [],
        "has 2 rows of 2013-03-12 counted as 'null_id' (as known 0d later), and 1 more of these days",
    ),
    "orphan_label": (
        [prediction("a", DAY)],
        [label("b", NEXT)],
        "labels.parquet has 1 row learnt on 2013-03-13 counted as 'orphan_label'",
    ),
    "contradicting_label": (
        [prediction("a", DAY)],
        [label("a", NEXT, 1.0, 2), label("a", NEXT, 0.0, 3)],
        f"predictions.parquet {ONCE} 'contradicting_label' (as known 1d later)",
    ),
}


@pytest.mark.parametrize("reason", FAILING)
def test_a_run_fails_for_what_the_monitor_does_not_merely_count(bench: Bench, reason: str) -> None:
    rows, labels, sentence = FAILING[reason]
    policy: Mapping[str, Any] = {reason: "fail"}
    with pytest.raises(SourceError) as caught:
        ran(bench, rows, labels, monitor(segments=(), quality=policy))
    assert sentence in str(caught.value)
    assert f"the monitor's `quality` says `{reason}: fail`: nothing was written." in str(caught.value)
    assert str(caught.value).endswith(f"run again, or say `{reason}: count`.")
    assert bench.dump().count("\n") == 5, "nothing is written"
    others = {other: "fail" for other in ODDITIES if other != reason} | {reason: "count"}
    ran(bench, rows, labels, monitor(segments=(), quality=others))
    with bench.store.transaction() as connection:
        states = bench.store.window_states(connection, "odd")
    assert any(state.quality.get(reason) for state in states)


def test_shares_add_as_every_statistic_does() -> None:
    rng = np.random.default_rng(3)
    drawn = [
        (int(p), int(p * rng.random()), {reason: int(rng.integers(0, 5)) for reason in COUNTED})
        for p in rng.integers(0, 40, 20)
    ]
    history = QualityStatistics.of(drawn)
    nothing = QualityStatistics.of([None] * 20)
    np.testing.assert_array_equal((history + nothing).counts, history.counts)
    for name in SHARES:
        metric = find(name)
        pooled = metric.value(metric.terms(history.pooled()))
        np.testing.assert_allclose(estimate(metric, metric.terms(history), 20).value, pooled, rtol=1e-12)
        assert np.isnan(metric.value(metric.terms(nothing))).all()
        assert not metric.rows(metric.terms(nothing)).any()
        assert np.nanmax(metric.value(metric.terms(history))) <= 1
        assert metric.undefined


def test_an_unknown_reason_is_told() -> None:
    with pytest.raises(ValueError, match=r"set_aside_share takes a reason .*, not 'duplicates'"):
        find("set_aside_share(duplicates)")


def test_a_feed_that_fell_silent_is_named_and_not_the_prediction_log(bench: Bench) -> None:
    rows = [prediction(f"{day}-{i}", day) for day in days(4) for i in range(3)]
    spec = monitor(segments=(), metrics=("recall",), quality={"silent_feed": "fail"})
    truth = replace(spec.ground_truth, convention=Convention.DEFAULT_NEGATIVE)
    spec = at(replace(spec, ground_truth=truth), written(Logs(rows, []), "parquet", bench.folder))
    with pytest.raises(SourceError) as raised:
        bench.run(spec, DAY, DAY + timedelta(days=8))
    said = str(raised.value)
    assert said.startswith(
        f"{spec.ground_truth} had no label in the 3d before {DAY} was judged at 7d, and 1 "
    )
    assert "raise `silent_for`" in said
    assert "predictions.parquet" not in said


def test_what_an_older_file_counted_is_not_added(bench: Bench) -> None:
    last = DAY + timedelta(days=2)
    rows = [prediction(f"{day}-{i}", day) for day in days(3) for i in range(4)]
    rows += [prediction(None, DAY)]
    spec = at(
        monitor(segments=(), metrics=("recall", "null_id_share")),
        written(Logs(rows, []), "parquet", bench.folder),
    )
    bench.run(spec, DAY, last)
    edited = replace(spec, hash="two")
    with bench.store.transaction() as connection:
        mine = quality_of(spec, DayRange(DAY, last), Horizon(0), connection, bench.runtime())
        others = quality_of(edited, DayRange(DAY, last), Horizon(0), connection, bench.runtime())
    assert (mine.logged.sum(), others.logged.sum()) == (13, 0)
