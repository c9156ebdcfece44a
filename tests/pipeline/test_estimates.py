"""Estimates and delays as they are read from a store: which windows, from what, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hindsight.domain.records import WindowState
from hindsight.domain.spec import MaturityRule, MonitorSpec, PredictionColumns
from hindsight.domain.values import Convention, Grain, Horizon, Span, Task
from hindsight.errors import HindsightError
from hindsight.pipeline.maturity import delay_report, maturity_curve
from hindsight.pipeline.nowcast import (
    ASSUMPTION,
    LEAST,
    LOOK_BACK,
    TRACK,
    Nowcast,
    kept_span,
    nowcasts,
    young,
)
from worlds import Bench, Logs, at, label, monitor, odd_logs, prediction, written

FIRST = date(2024, 1, 1)
DAYS = 40
LAST = FIRST + timedelta(days=DAYS - 1)


@pytest.fixture
def ran(bench: Bench, tmp_path: Path) -> MonitorSpec:
    """A monitor of an odd world, run for forty days."""
    spec = at(
        monitor(windows=(Span(7),), segments=()), written(odd_logs(3, FIRST, DAYS), "parquet", tmp_path)
    )
    bench.run(spec, FIRST, LAST)
    return spec


def ask(bench: Bench, spec: MonitorSpec, **more: Any) -> list[Nowcast]:
    return nowcasts(spec, bench.runtime(), **more)


def test_the_newest_window_at_each_young_age_is_estimated(bench: Bench, ran: MonitorSpec) -> None:
    found = ask(bench, ran, version="v1")
    assert [str(row.horizon) for row in found] == ["0d", "1d", "3d"]
    assert {row.metric for row in found} == {"recall"}
    assert {str(row.window) for row in found} == {"7d"}
    assert len({row.as_of for row in found}) == 1, "all are of the newest knowledge"
    assert all(row.estimate is not None and row.lower <= row.estimate <= row.upper for row in found)  # type: ignore[operator]
    assert all(row.final is None for row in found)
    assert {row.assumption for row in found} == {ASSUMPTION}


def test_each_version_is_estimated_by_itself(bench: Bench, ran: MonitorSpec) -> None:
    found = ask(bench, ran, at=Horizon(1), window=Span(1))
    assert [row.version for row in found] == ["v1", "v2"]


def test_a_past_window_is_shown_beside_its_final_value(bench: Bench, ran: MonitorSpec) -> None:
    day = FIRST + timedelta(days=25)
    (row,) = ask(
        bench, ran, window=Span(1), at=Horizon(1), start=day, end=day, version="v1", metric="accuracy"
    )
    with bench.store.transaction() as connection:
        kept = bench.store.snapshots(
            connection, ran.monitor, metric="accuracy", window=Span(1), version="v1", segment="ALL"
        )
    values = {(str(each.horizon), each.window_start): each for each in kept}
    assert row.final == pytest.approx(values["7d", row.window_start].value)
    assert row.so_far == pytest.approx(values["1d", row.window_start].value)
    assert row.coverage == pytest.approx(values["1d", row.window_start].coverage)
    assert row.as_of == values["1d", row.window_start].as_of
    assert row.past > 0
    assert row.past_miss is not None
    assert row.past_error is not None
    assert abs(row.past_error) <= row.past_miss


def test_the_same_windows_have_the_same_estimates_whatever_else_is_asked_for(
    bench: Bench, ran: MonitorSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Looks so short that what lies before them is not read.
    for table, count in ((LOOK_BACK, 5), (TRACK, 4), (LEAST, 2)):
        monkeypatch.setitem(table, ran.grain, count)  # type: ignore[arg-type]
    whole = ask(bench, ran, window=Span(1), start=FIRST, end=LAST)
    day = FIRST + timedelta(days=38)
    alone = ask(bench, ran, window=Span(1), start=day, end=day)
    assert alone
    kept = [row for row in whole if row.window_start in {each.window_start for each in alone}]
    for one, other in zip(alone, kept, strict=True):
        assert (one.version, one.horizon, one.past, one.remark) == (
            other.version,
            other.horizon,
            other.past,
            other.remark,
        )
        for field in ("estimate", "lower", "upper", "past_error", "past_miss", "inside", "so_far"):
            assert getattr(one, field) == pytest.approx(getattr(other, field), rel=1e-9)


def test_an_estimate_made_then_is_the_estimate_of_then_made_now(bench: Bench, tmp_path: Path) -> None:
    place = written(odd_logs(3, FIRST, DAYS), "parquet", tmp_path)
    spec = at(monitor(windows=(Span(7),), segments=()), place)
    then = FIRST + timedelta(days=29)
    bench.run(spec, FIRST, then)
    made = ask(bench, spec, metric="brier", version="v1")
    assert len(made) == 3
    bench.run(spec, then + timedelta(days=1), LAST)
    for row in made:
        end = then - timedelta(days=row.horizon.count)
        again = ask(bench, spec, metric="brier", at=row.horizon, start=end, end=end, version=row.version)
        (now,) = again
        assert row.estimate is not None
        assert now.estimate == pytest.approx(row.estimate, rel=1e-9)
        assert now.upper == pytest.approx(row.upper, rel=1e-9)
        assert (now.past, now.as_of) == (row.past, row.as_of)


def test_too_young_a_monitor_says_what_it_lacks(bench: Bench, tmp_path: Path) -> None:
    spec = at(monitor(segments=(), windows=()), written(odd_logs(3, FIRST, 12), "parquet", tmp_path))
    bench.run(spec, FIRST, FIRST + timedelta(days=11))
    (row,) = ask(bench, spec, at=Horizon(0), version="v1")
    assert row.estimate is row.lower is row.inside is None
    assert row.remark == "5 mature units with labels before it were computed when as young, 7 are needed"
    assert row.so_far is not None
    assert row.coverage is not None


def test_a_monitor_that_went_live_without_history_takes_no_early_labels_for_an_estimate(
    bench: Bench, tmp_path: Path
) -> None:
    spec = at(monitor(windows=(Span(7),), segments=()), written(odd_logs(3, FIRST, 60), "parquet", tmp_path))
    spec = replace(spec, maturity=replace(spec.maturity, horizons=(Horizon(1), Horizon(14))))
    # The first run judges day 16 at 14d, at which nobody had looked when it was young.
    bench.run(spec, FIRST + timedelta(days=30), FIRST + timedelta(days=38))
    for row in ask(bench, spec, metric="accuracy", window=Span(1), version="v1"):
        assert row.estimate is row.lower is row.upper is None
        assert row.remark == "0 mature units with labels before it were computed when as young, 7 are needed"
    (row,) = ask(bench, spec, metric="accuracy", window=Span(1), version="v1", at=Horizon(1))
    assert row.so_far is not None
    assert row.coverage is not None


def test_a_day_that_the_zone_skipped_is_computed_and_empty(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LEAST, Grain.DAY, 3)  # type: ignore[arg-type]
    rows, labels = [], []
    for day in range(40):
        moment = datetime(2011, 12, 1, 20, tzinfo=UTC) + timedelta(days=day)
        for i in range(30):
            row = prediction(f"a{day}-{i}", FIRST, (i + 1) / 32)
            rows.append(row | {"predicted_at": moment, "logged_at": moment})
            learnt = moment + timedelta(hours=6 + 40 * (i % 2))
            labels.append({"request_id": f"a{day}-{i}", "actual": float(i % 3 > 0), "label_at": learnt})
    place = written(Logs(rows, labels), "parquet", tmp_path)
    spec = at(monitor(timezone="Pacific/Apia", windows=(Span(7),), segments=()), place)
    bench.run(spec, date(2011, 12, 1), date(2012, 1, 8))  # there was no 30th of December
    found = ask(
        bench,
        spec,
        metric="accuracy",
        window=Span(7),
        at=Horizon(1),
        start=date(2011, 12, 28),
        end=date(2012, 1, 7),
    )
    starts = [row.window_start.astimezone(ZoneInfo("Pacific/Apia")).date() for row in found]
    december = [date(2011, 12, day) for day in (22, 23, 25, 26, 27, 28, 29, 31)]
    assert starts == [*december, date(2012, 1, 1)]
    assert all(row.estimate is not None for row in found)
    with bench.store.transaction() as connection:
        kept = bench.store.snapshots(connection, spec.monitor, metric="accuracy", window=Span(7))
    assert {row.window_start for row in found} <= {row.window_start for row in kept}


def test_a_value_that_sampling_explains_no_error_of_has_no_interval_and_says_why(
    bench: Bench, tmp_path: Path
) -> None:
    logs = odd_logs(3, FIRST, DAYS)
    same = replace(logs, predictions=[row | {"score": 0.5} for row in logs.predictions])
    spec = at(monitor(windows=(Span(7),), segments=()), written(same, "parquet", tmp_path))
    bench.run(spec, FIRST, LAST)
    (row,) = ask(bench, spec, metric="roc_auc", at=Horizon(1), version="v1")
    assert row.estimate == 0.5
    assert row.past > 0
    assert row.lower is row.upper is None
    assert row.remark == "no interval: sampling explains no error of it, so there is none to scale"
    (other,) = ask(bench, spec, metric="accuracy", at=Horizon(1), version="v1")
    assert other.lower is not None


def test_a_length_is_asked_for_in_days_though_hours_are_kept(bench: Bench) -> None:
    ages = (Horizon(1, "h"), Horizon(24, "h"), Horizon(168, "h"))
    spec = replace(
        monitor(segments=(), windows=(Span(168, "h"), Span.parse("week"))),
        grain=Grain.HOUR,
        maturity=MaturityRule(horizons=ages, min_coverage=0.2),
    )
    assert kept_span(spec, Span(7)) == Span(168, "h")
    assert kept_span(spec, Span.parse("week")).calendar == "week"
    assert young(spec, Horizon(1)) == [Horizon(24, "h")]
    with pytest.raises(HindsightError, match="final at 168h"):
        young(spec, Horizon(7))


def test_without_horizons_no_window_is_young() -> None:
    spec = monitor()
    with pytest.raises(HindsightError, match="0d is its only horizon, so no window is ever young"):
        young(replace(spec, maturity=replace(spec.maturity, horizons=())), None)


def test_silence_under_default_negative_is_no_value_so_far(bench: Bench, tmp_path: Path) -> None:
    days = [FIRST + timedelta(days=i) for i in range(DAYS)]
    rows = [prediction(f"{i}-{j}", day, 0.1 + 0.02 * j) for i, day in enumerate(days) for j in range(40)]
    labels = [
        label(f"{i}-{j}", day + timedelta(days=1 + j % 5))
        for i, day in enumerate(days)
        for j in range(40)
        if (7 * i + 11 * j) % 50 < j
    ]
    spec = at(monitor(segments=(), windows=(Span(7),)), written(Logs(rows, labels), "parquet", tmp_path))
    spec = replace(spec, ground_truth=replace(spec.ground_truth, convention=Convention.DEFAULT_NEGATIVE))
    bench.run(spec, FIRST, LAST)
    end = FIRST + timedelta(days=28)
    (row,) = ask(bench, spec, metric="positive_rate", at=Horizon(1), start=end, end=end)
    assert row.so_far is None
    assert row.estimate == pytest.approx(row.final, abs=0.05)


def test_a_regression_is_estimated_too(bench: Bench, tmp_path: Path) -> None:
    logs = odd_logs(5, FIRST, DAYS, Task.REGRESSION)
    spec = at(monitor(Task.REGRESSION, segments=(), windows=(Span(7),)), written(logs, "parquet", tmp_path))
    bench.run(spec, FIRST, LAST)
    for row in ask(bench, spec, version="v1", metric="mae"):
        assert row.estimate is not None
        assert row.estimate > 0
        assert "predictions miss by as much" in row.assumption


def test_hours_are_estimated_as_days_are(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LEAST, Grain.HOUR, 5)  # type: ignore[arg-type]
    start = datetime(2024, 1, 1, 5, tzinfo=UTC)
    hours = [start + timedelta(hours=i) for i in range(48)]
    rows = [
        prediction(f"{i}-{j}", FIRST, 0.1 + 0.02 * j, i + 0.5) for i in range(len(hours)) for j in range(40)
    ]
    labels = [
        label(f"{i}-{j}", FIRST, float((7 * i + 11 * j) % 50 < j), i + 1.2 + j % 4)
        for i in range(len(hours))
        for j in range(40)
    ]
    ages = (Horizon(1, "h"), Horizon(6, "h"))
    spec = at(monitor(segments=(), windows=(Span(6, "h"),)), written(Logs(rows, labels), "parquet", tmp_path))
    spec = replace(spec, grain=Grain.HOUR, maturity=MaturityRule(horizons=ages, min_coverage=0.2))
    bench.run(spec, hours[0], hours[-1])
    end = hours[36]
    (row,) = ask(bench, spec, metric="positive_rate", at=ages[0], start=end, end=end)
    assert (str(row.window), str(row.horizon)) == ("6h", "1h")
    assert row.window_end == end + timedelta(hours=1)
    assert row.estimate == pytest.approx(row.final, abs=0.03)
    report = delay_report(spec, bench.runtime())
    assert report.labels_known == 4
    assert "90% of the labels that come are known at 4h" in report.lines()[-1]


@pytest.mark.parametrize(
    "asked, sentence",
    [
        ({"metric": "recal"}, "There is no metric 'recal'."),
        ({"metric": "mean_score"}, "'mean_score' needs no labels: its value at horizon 0 is final"),
        ({"metric": "mae"}, "'mae' is not one of binary_classification"),
        ({"metric": "contradiction_share"}, "says how the logs are, which is not estimated"),
        ({"window": Span(14)}, "Windows of 14d are not kept of 'odd': it keeps 1d, 7d."),
        ({"at": Horizon(7)}, "its windows are young at 0d, 1d, 3d, and final at 7d."),
        ({"at": Horizon(2)}, "There is no nowcast of 'odd' at 2d"),
        (
            {"metric": "accuracy", "segment": "orgin=EWR", "version": "v1"},
            "'odd' has no segment 'orgin=EWR' there: it has ALL.",
        ),
        ({"version": "v9"}, "'odd' has no predictions of version 'v9' there; it has v1, v2."),
        ({"start": date(2030, 1, 1)}, "No window of 7d of 'odd' has been computed there: run it first."),
    ],
)
def test_what_cannot_be_estimated_is_refused(
    bench: Bench, ran: MonitorSpec, asked: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(HindsightError) as refused:
        ask(bench, ran, **asked)
    assert sentence in str(refused.value)


def test_a_score_that_is_not_logged_is_missed(bench: Bench, ran: MonitorSpec) -> None:
    columns = PredictionColumns(id="request_id", time="predicted_at", prediction="score")
    blind = replace(ran, predictions=replace(ran.predictions, columns=columns))
    with pytest.raises(HindsightError, match="'brier' needs scores, and 'odd' has none"):
        ask(bench, blind, metric="brier")


@pytest.mark.parametrize("task", [Task.MULTICLASS, Task.RANKING])
def test_statistics_that_say_too_little_are_refused(bench: Bench, task: Task) -> None:
    with pytest.raises(HindsightError, match=f"not for {task}"):
        ask(bench, monitor(task))


def state(
    day: int, horizon: int, delays: dict[str, int], predictions: int, made_by: str = "one"
) -> WindowState:
    spec = monitor(timezone="UTC")
    from hindsight.pipeline.plan import zone
    from hindsight.windows import as_of, end_of, start_of

    unit, age = FIRST + timedelta(days=day), Horizon(horizon)
    return WindowState(
        monitor="odd",
        window_start=start_of(unit, zone(spec)),
        window_end=end_of(unit, zone(spec)),
        horizon=age,
        as_of=as_of(unit, age, zone(spec)),
        predictions=predictions,
        labelled=sum(delays.values()),
        quality={},
        spec_hash=made_by,
        digest="",
        delays=delays,
    )


def keep(bench: Bench, states: list[WindowState]) -> MonitorSpec:
    spec = monitor(timezone="UTC")
    with bench.store.transaction(spec.monitor) as connection:
        bench.store.replace_windows(connection, spec.monitor, states, [])
    return spec


def test_delays_of_windows_watched_for_different_times(bench: Bench) -> None:
    spec = keep(
        bench,
        [
            state(0, 1, {"0": 10, "1": 30}, 100),  # an older look at the same day does not count
            state(0, 7, {"0": 10, "1": 30, "5": 40}, 100),
            state(1, 3, {"0": 20, "1": 20}, 100),
            state(2, 7, {"0": 10, "6": 90}, 100, made_by="another"),
            state(3, 7, {}, 0),
        ],
    )
    report = delay_report(spec, bench.runtime())
    assert (report.windows, report.mature, report.labels) == (2, 1, 120)
    shares = {each.age: each.share for each in report.ages}
    assert shares[5] == shares[7] == 1.0
    assert shares[1] == pytest.approx(0.5)  # half of the labels of the only day watched so long came at 5
    assert shares[0] == pytest.approx(0.5 * 30 / 80)
    assert report.never == pytest.approx(0.2)
    assert report.never_error is None
    assert report.labels_known == 5
    assert report.predictions_known is None
    assert [each.age for each in report.quantiles] == [1, 5, 5]
    assert "that share of all predictions never is by 7d" in report.lines()[-1]
    assert delay_report(spec, bench.runtime(), known=0.3).predictions_known == 1


def test_delays_before_any_window_is_mature_are_refused(bench: Bench) -> None:
    spec = keep(bench, [state(0, 3, {"0": 10}, 100)])
    with pytest.raises(HindsightError, match="No window of 'odd' has reached its last horizon, 7d, there"):
        delay_report(spec, bench.runtime())


def test_delays_of_nothing_are_refused(bench: Bench) -> None:
    spec = keep(bench, [state(0, 7, {}, 100)])
    with pytest.raises(HindsightError, match="No label of 'odd' is known there"):
        delay_report(spec, bench.runtime())
    with pytest.raises(HindsightError, match="No window of 'odd' with predictions has been computed there"):
        delay_report(spec, bench.runtime(), start=date(2030, 1, 1))
    with pytest.raises(HindsightError, match=r"1\.5 is not a share of the truth"):
        delay_report(spec, bench.runtime(), known=1.5)


def test_delays_of_real_runs_agree_with_coverage(bench: Bench, ran: MonitorSpec) -> None:
    report = delay_report(ran, bench.runtime(), end=LAST - timedelta(days=7))
    assert report.windows == report.mature
    with bench.store.transaction() as connection:
        states = bench.store.window_states(connection, ran.monitor)
    for horizon in (1, 3, 7):
        mine = [each for each in states if each.horizon.count == horizon and each.predictions]
        first = [each for each in mine if FIRST <= each.window_start.date() <= LAST - timedelta(days=7)]
        coverage = sum(sum(each.delays.values()) for each in first) / sum(each.predictions for each in first)
        at_age = next(each for each in report.ages if each.age == horizon)
        # Predictions logged late are counted from a later horizon on.
        assert at_age.coverage == pytest.approx(coverage, abs=0.02)


def test_a_metric_by_age_is_that_of_the_same_windows(bench: Bench, ran: MonitorSpec) -> None:
    rows = [row for row in maturity_curve(ran, bench.runtime(), metric="accuracy") if row.version == "v1"]
    assert [row.horizon.count for row in rows] == [1, 3, 7]
    assert {row.windows for row in rows} == {DAYS - 7}
    assert rows[0].coverage < rows[1].coverage < rows[2].coverage
    for row in rows:
        assert row.value - rows[-1].value == pytest.approx(row.early_minus_final)
    assert rows[0].standard_error is not None
    assert rows[0].standard_error > 0


def test_by_default_every_metric_that_needs_labels_is_followed(bench: Bench, ran: MonitorSpec) -> None:
    names = {row.metric for row in maturity_curve(ran, bench.runtime())}
    assert "recall" in names
    assert not names & {"mean_score", "coverage", "volume"}


def test_a_narrower_maturity_makes_fewer_ages(bench: Bench, ran: MonitorSpec) -> None:
    short = replace(ran, maturity=MaturityRule(horizons=(Horizon(1), Horizon(3)), min_coverage=0.5))
    assert {row.horizon.count for row in maturity_curve(short, bench.runtime(), metric="recall")} == {1, 3}


@pytest.mark.parametrize(
    "metric, sentence",
    [
        ("recal", "There is no metric 'recal'."),
        ("mean_score", "needs no labels: it does not change with their age"),
        ("mcc", "The metric 'mcc' is not kept of 'odd'"),
        ("coverage", "The metric 'coverage' stands beside every other metric by label age"),
        ("contradiction_share", "'contradiction_share' says how the logs are, not how the model did"),
        ("label_delay(0.5)", "'label_delay(0.5)' says how the logs are, not how the model did"),
    ],
)
def test_a_metric_that_has_no_ages_is_refused(bench: Bench, metric: str, sentence: str) -> None:
    with pytest.raises(HindsightError) as refused:
        maturity_curve(monitor(), bench.runtime(), metric=metric)
    assert sentence in str(refused.value)
