"""One reading of every kind of run: its days, its kind, and how loudly it may speak."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pendulum
import pytest
from airflow.sdk import DAG
from airflow.sdk.api.datamodels._generated import DagRun, DagRunState, DagRunType
from airflow.sdk.definitions.param import process_params
from airflow.sdk.exceptions import ParamValidationError

from hindsight.domain.values import Notify
from hindsight.orchestration.factory import parameters
from hindsight.orchestration.timetable import LocalDayTimetable
from hindsight.orchestration.window import BadRequest, RunKind, resolve_run, resolve_window
from hindsight.windows import DayRange

TIMETABLE = LocalDayTimetable("America/New_York", "06:00")
DAY = date(2013, 12, 18)
NOW = datetime(2013, 12, 31, 15, tzinfo=UTC)


def context(run_type: str, **asked: Any) -> dict[str, Any]:
    """What a task of such a run of a daily monitor sees."""
    return seen_by(TIMETABLE, run_type, **asked)


def seen_by(
    timetable: LocalDayTimetable,
    run_type: str,
    *,
    day: date | None = None,
    logical_date: datetime | None = None,
    interval: tuple[datetime, datetime] | None = None,
    run_after: datetime = NOW,
    **conf: Any,
) -> dict[str, Any]:
    """What a task of such a run sees, parameters validated and absent keys absent, as the Task SDK does."""
    dag = DAG("monitor__a", schedule=timetable, params=parameters())
    start, end = interval or (timetable.interval(day) if day else (None, None))
    logical_date = logical_date or start
    run = DagRun(
        dag_id=dag.dag_id,
        run_id="any",
        logical_date=logical_date,
        data_interval_start=start,
        data_interval_end=end,
        run_after=run_after,
        start_date=run_after,
        end_date=None,
        run_type=DagRunType(run_type),
        state=DagRunState.RUNNING,
        conf=conf,
        consumed_asset_events=[],
        partition_key=None,
    )
    params = process_params(dag, SimpleNamespace(params={}), conf, suppress_exception=False)  # type: ignore[arg-type]
    seen = {"dag": dag, "dag_run": run, "params": params}
    if logical_date:
        seen |= {"logical_date": logical_date, "data_interval_start": start, "data_interval_end": end}
    return seen


@pytest.mark.parametrize(
    "run_type, notify", [("scheduled", Notify.LIVE), ("backfill", Notify.NONE), ("manual", Notify.LIVE)]
)
def test_a_run_of_a_day_judges_it_and_only_a_backfill_is_silent(run_type: str, notify: Notify) -> None:
    run = resolve_run(context(run_type, day=DAY), NOW)
    assert (run.days, run.kind, run.notify) == (DayRange(DAY, DAY), RunKind(run_type), notify)


def test_a_window_run_judges_the_days_asked_for_in_silence() -> None:
    run = resolve_run(context("manual", start="2013-03-01", end="2013-12-15"), NOW)
    assert run.days == DayRange(date(2013, 3, 1), date(2013, 12, 15))
    assert (run.kind, run.notify, run.may_wait) == (RunKind.WINDOW, Notify.NONE, False)


def test_a_window_run_ignores_its_logical_date() -> None:
    asked = context(
        "manual", logical_date=datetime(2013, 12, 18, 7, tzinfo=UTC), start="2013-12-01", end="2013-12-01"
    )
    assert resolve_window(asked, NOW) == DayRange(date(2013, 12, 1), date(2013, 12, 1))


@pytest.mark.parametrize("mode", list(Notify))
@pytest.mark.parametrize("run_type", ["scheduled", "backfill", "manual"])
def test_the_notify_mode_that_was_asked_for_wins(run_type: str, mode: Notify) -> None:
    assert resolve_run(context(run_type, day=DAY, notify=mode.value), NOW).notify is mode


def test_only_runs_of_the_present_may_wait() -> None:
    may = {
        kind: resolve_run(context(kind, day=DAY), NOW).may_wait
        for kind in ("scheduled", "manual", "backfill")
    }
    assert may == {"scheduled": True, "manual": True, "backfill": False}


def test_a_manual_run_without_a_logical_date_means_the_last_whole_day() -> None:
    assert resolve_window(context("manual"), NOW) == DayRange(date(2013, 12, 30), date(2013, 12, 30))


def test_the_command_line_trigger_and_the_rest_api_mean_the_same_day() -> None:
    """`airflow dags trigger` infers the interval from now, the API from the logical date."""
    logical_date = datetime(2013, 12, 18, 15, 30, tzinfo=UTC)
    intervals = (
        TIMETABLE.infer_manual_data_interval(run_after=pendulum.instance(moment))
        for moment in (NOW, logical_date)
    )
    for interval in intervals:
        asked = context("manual", logical_date=logical_date, interval=interval)
        assert resolve_window(asked, NOW) == DayRange(date(2013, 12, 17), date(2013, 12, 17))


def test_a_data_interval_that_somebody_chose_may_hold_many_days() -> None:
    start, end = TIMETABLE.interval(date(2013, 3, 9)).start, TIMETABLE.interval(date(2013, 3, 12)).end
    asked = context("manual", logical_date=datetime(2013, 12, 18, 15, tzinfo=UTC), interval=(start, end))
    run = resolve_run(asked, NOW)
    assert (run.days, run.kind) == (DayRange(date(2013, 3, 9), date(2013, 3, 12)), RunKind.WINDOW)


def test_of_a_crooked_data_interval_the_whole_days_count() -> None:
    start, end = TIMETABLE.interval(date(2013, 3, 9)).start, TIMETABLE.interval(date(2013, 3, 12)).end
    crooked = (start + timedelta(hours=1), end + timedelta(hours=5))
    asked = context("manual", logical_date=datetime(2013, 12, 18, 15, tzinfo=UTC), interval=crooked)
    assert resolve_window(asked, NOW) == DayRange(date(2013, 3, 10), date(2013, 3, 12))


NOT_OVER = (
    "2013-12-31 is not over yet in America/New_York: the last whole day is 2013-12-30; "
    "choose a day no later than that."
)
NOT_IN_A_BACKFILL = (
    "A backfill run takes its day from its data interval, but start='2013-12-01' and end='2013-12-02' were "
    "given: leave both empty, or trigger one run by hand with them."
)
NO_WHOLE_DAY = (
    "The data interval from 2013-12-31 13:00:00+00:00 to 2013-12-31 14:00:00+00:00 holds no whole day of "
    "America/New_York: give the midnights that bound the days, or the parameters start and end."
)


@pytest.mark.parametrize(
    "asked, sentence",
    [
        (
            context("manual", start="2013-12-01"),
            "Only start='2013-12-01' was given: give end too (the same day for one day), or neither.",
        ),
        (
            context("manual", end="2013-12-01"),
            "Only end='2013-12-01' was given: give start too (the same day for one day), or neither.",
        ),
        (
            context("manual", start="2013-12-02", end="2013-12-01"),
            "end=2013-12-01 is before start=2013-12-02: give the earlier day as start.",
        ),
        (context("manual", start="2013-12-01", end="2013-12-31"), NOT_OVER),
        (context("manual", interval=TIMETABLE.interval(date(2013, 12, 31))), NOT_OVER),
        (context("backfill", day=DAY, start="2013-12-01", end="2013-12-02"), NOT_IN_A_BACKFILL),
        (context("manual", interval=(NOW - timedelta(hours=2), NOW - timedelta(hours=1))), NO_WHOLE_DAY),
    ],
)
def test_a_request_that_cannot_be_is_refused_with_its_cure(asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadRequest) as refused:
        resolve_run(asked, NOW)
    assert str(refused.value) == sentence


@pytest.mark.parametrize("conf", [{"start": "yesterday", "end": "today"}, {"notify": "loud"}])
def test_the_trigger_form_refuses_what_is_no_day_or_mode(conf: dict[str, str]) -> None:
    with pytest.raises(ParamValidationError):
        context("manual", **conf)


def test_the_last_day_ends_in_the_monitors_zone() -> None:
    midnight = TIMETABLE.interval(DAY).end
    asked = context("manual", start="2013-12-18", end="2013-12-18")
    assert resolve_window(asked, midnight) == DayRange(DAY, DAY)
    with pytest.raises(BadRequest):
        resolve_window(asked, midnight - timedelta(microseconds=1))
