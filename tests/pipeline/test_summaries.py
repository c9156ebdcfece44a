"""What those get who want to hear once a day or a week, or of a backfill at once; and who is told what."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from episodes import CRITICAL, ZONE, run, snapshot_of, story
from hindsight.domain.records import Delivery, Telling
from hindsight.domain.spec import IncidentRule, MonitorSpec
from hindsight.domain.values import IncidentClass, Notify, Resolution, Span, When
from hindsight.message import from_json, plain
from hindsight.notifiers import Email, Log, PagerDuty, Parcel, channel_key
from hindsight.notifiers.pagerduty import actions
from hindsight.pipeline import composed
from hindsight.pipeline.notify import enqueue, notify
from hindsight.windows import DayRange, run_day
from stories import LOG, judged, land, live, rows_of, said, tellings, withheld
from worlds import Bench

WEEKLY, DAILY = judged(notify=(Log(when=When.WEEKLY),)), judged(notify=(Log(when=When.DAILY),))


def test_who_wants_a_summary_a_week_gets_one_with_each_live_run_of_a_sunday(bench: Bench) -> None:
    live(bench, WEEKLY, map(run, range(17)), story("CBBCC" + "C" * 12))
    assert said(bench, WEEKLY) == [
        (date(2013, 3, 3), "weekly", "a summary a week was asked for: 1 incident opened; 1 incident open"),
        (date(2013, 3, 10), "weekly", "a summary a week was asked for: 1 incident resolved"),
        (date(2013, 3, 17), "weekly", "a summary a week was asked for: all quiet"),
    ]
    assert withheld(bench, WEEKLY) == []
    assert tellings(bench, WEEKLY) == set()
    assert all(row.state is Delivery.LOGGED for row in rows_of(bench, WEEKLY))
    quiet = from_json(rows_of(bench, WEEKLY)[2].document)
    assert "quiet" in plain(quiet)


def test_a_summary_a_week_shows_the_metrics_as_they_are_known_by_its_last_day(bench: Bench) -> None:
    spec = replace(WEEKLY, metrics=("recall",), windows=(Span(7),))
    (sunday,) = story("C", start=2, window=7, horizon=1)
    snapshots = [
        replace(snapshot_of(sunday), value=0.6123),
        replace(snapshot_of(story("C", start=3, window=7, horizon=1)[0]), value=0.1),
    ]
    with bench.store.transaction(spec.monitor) as connection:
        keys = [(s.window, s.window_start, s.horizon) for s in snapshots]
        rows = [replace(s, monitor=spec.monitor) for s in snapshots]
        bench.store.replace_snapshots(connection, spec.monitor, keys, rows)
    live(bench, spec, map(run, range(3)), story("CCC"))
    (row,) = rows_of(bench, spec)
    text = plain(from_json(row.document))
    assert "recall" in text
    assert "0.612" in text
    assert "0.1 " not in text, "what Monday knows is not known on Sunday"


def test_a_silent_sunday_sends_no_summary(bench: Bench) -> None:
    for mode in (Notify.NONE, Notify.SUMMARY):
        live(bench, WEEKLY, map(run, range(3)), story("CBB"), mode)
        assert rows_of(bench, WEEKLY) == []


def test_who_wants_a_summary_a_day_gets_one_each_day_and_a_run_again_sends_none(bench: Bench) -> None:
    for _ in range(2):
        live(bench, DAILY, map(run, range(3)), story("CBB"))
        assert said(bench, DAILY) == [
            (run(0), "summary-daily", "a summary a day was asked for: all quiet"),
            (run(1), "summary-daily", "a summary a day was asked for: 1 incident opened; 1 incident open"),
            (run(2), "summary-daily", "a summary a day was asked for: 1 incident open"),
        ]


def test_a_summary_of_a_backfill_is_one_message_and_what_it_told_is_not_told_again(bench: Bench) -> None:
    spec = judged()
    rows = story("CBBB")
    land(bench, spec, rows)
    notify(spec, DayRange(run(0), run(2)), bench.runtime(), Notify.SUMMARY)
    live(bench, spec, [run(3)], rows)
    assert said(bench, spec) == [
        (run(2), "summary", "one summary was asked for: 3 days computed, 1 incident"),
    ]


PAGED = judged(notify=(Log(), PagerDuty(connection="pd")))
(PD,) = (channel_key(each) for each in PAGED.notify[1].channels())


def enqueued(bench: Bench, spec: MonitorSpec, first: int, last: int, mode: Notify = Notify.LIVE) -> None:
    """What a run of these days lays into the outbox."""
    with bench.store.transaction(spec.monitor) as connection:
        enqueue(spec, DayRange(run(first), run(last)), bench.runtime(), mode, (), connection)


def test_a_summary_of_a_backfill_is_kept_from_who_follows_each_incident_and_hears_of_it_live(
    bench: Bench,
) -> None:
    rows = story("CBBB")
    land(bench, PAGED, rows[:3])
    enqueued(bench, PAGED, 0, 2, Notify.SUMMARY)
    summaries = {row.notifier: row for row in rows_of(bench, PAGED)}
    assert {key: row.state for key, row in summaries.items()} == {
        LOG: Delivery.PENDING,
        PD: Delivery.SUPPRESSED,
    }
    assert "keeps incidents, and hears of them with the next live run" in summaries[PD].reason
    assert summaries[PD].tellings == ()
    assert {each.notifier for each in tellings(bench, PAGED)} == {LOG}
    land(bench, PAGED, rows)
    enqueued(bench, PAGED, 3, 3)
    (live_row,) = (row for row in rows_of(bench, PAGED) if row.day == run(3))
    assert (live_row.notifier, live_row.state) == (PD, Delivery.PENDING)
    (named,) = from_json(live_row.document).about
    assert named.news
    assert [each.incident for each in from_json(summaries[LOG].document).about] == [named.incident]


def test_an_incident_that_is_withdrawn_is_named_as_over_so_that_who_follows_it_lets_it_go(
    bench: Bench,
) -> None:
    land(bench, PAGED, story("CB"))
    enqueued(bench, PAGED, 1, 1)
    (opened,) = from_json(next(row for row in rows_of(bench, PAGED) if row.notifier == PD).document).about
    land(bench, PAGED, story("CCC"))
    enqueued(bench, PAGED, 2, 2)
    note = next(row for row in rows_of(bench, PAGED) if row.notifier == PD and row.day == run(2))
    (named,) = from_json(note.document).about
    assert (named.incident, named.resolved_on, named.resolution) == (opened.incident, run(2), Resolution.GONE)
    assert "is withdrawn: recomputed days no longer show it" in note.document
    parcel = Parcel(from_json(note.document), key="k")
    assert [(what, each.incident) for what, each in actions(parcel)] == [("resolve", opened.incident)]


GRAVE = Email(connection="smtp", to=("a@example.com",), min_severity=CRITICAL)
LABELS = replace(GRAVE, to=("b@example.com",), classes=(IncidentClass.LABEL_HEALTH,))


def test_each_channel_has_its_share_and_only_who_was_told_hears_of_the_end(bench: Bench) -> None:
    spec = judged(notify=(Log(), GRAVE, LABELS), incidents=IncidentRule(remind_critical=timedelta(7)))
    rows = [*story("BBBCC"), *story("..BCC", detector="skill", severity=CRITICAL)]
    for day in range(5):
        land(bench, spec, [row for row in rows if run_day(row.as_of, ZONE) == run(day)])
        with bench.store.transaction(spec.monitor) as connection:
            enqueue(spec, DayRange(run(day), run(day)), bench.runtime(), Notify.LIVE, (), connection)
    (grave,) = GRAVE.channels()
    keys = {LOG: "log", channel_key(grave): "grave"}
    found = [
        (keys.get(row.notifier, "labels"), row.day, str(row.state), row.loud) for row in rows_of(bench, spec)
    ]
    assert [each for each in found if each[2] == "pending"] == [
        ("log", run(0), "pending", False),
        ("log", run(2), "pending", True),
        ("grave", run(2), "pending", True),
        ("log", run(4), "pending", False),
        ("grave", run(4), "pending", False),
    ]
    assert {name for name, _, state, _ in found if state == "suppressed"} == {"grave", "labels"}
    told = tellings(bench, spec)
    assert {each.notifier for each in told} == set(keys)
    (row,) = (each for each in rows_of(bench, spec) if each.notifier == LOG and each.day == run(4))
    (name,) = row.incidents
    assert f"{name} resolved {run(4)}" in row.tellings
    assert Telling(spec.monitor, LOG, name, f"resolved {run(4)}") in told


def test_an_incident_found_in_silence_is_told_to_a_channel_that_is_added_later_and_to_no_other(
    bench: Bench,
) -> None:
    spec, rows = judged(), story("BBBB")
    live(bench, spec, map(run, range(2)), rows)
    more = replace(spec, notify=(Log(), LABELS, GRAVE, Email(connection="smtp", to=("d@example.com",))))
    land(bench, more, rows)
    with bench.store.transaction(spec.monitor) as connection:
        enqueue(more, DayRange(run(2), run(2)), bench.runtime(), Notify.LIVE, (), connection)
    new = [row for row in rows_of(bench, spec) if row.day == run(2) and row.state is Delivery.PENDING]
    (key,) = (channel_key(each) for each in more.notify[3].channels())
    assert [(row.notifier, row.reason) for row in new] == [
        (key, "1 incident still open and told here for the first time")
    ]


def test_what_several_channels_are_told_alike_is_composed_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed_, calls = composed.compose, []

    def counting(decision, *rest, **more):
        calls.append(decision)
        return composed_(decision, *rest, **more)

    monkeypatch.setattr(composed, "compose", counting)
    people = tuple(f"p{number}@example.com" for number in range(5))
    spec = judged(notify=(Log(), Email(connection="smtp", to=people)))
    rows = [row for number in range(50) for row in story("B", segment=f"origin={number}")]
    land(bench, spec, rows)
    with bench.store.transaction(spec.monitor) as connection:
        enqueue(spec, DayRange(run(0), run(0)), bench.runtime(), Notify.LIVE, (), connection)
    found = rows_of(bench, spec)
    assert len(found) == 6
    assert len({row.document for row in found}) == len(calls) == 1


def test_incidents_tellings_and_messages_are_written_together_or_not_at_all(bench: Bench) -> None:
    spec = judged()
    land(bench, spec, story("B"))

    def torn() -> None:
        with bench.store.transaction(spec.monitor) as connection:
            enqueue(spec, DayRange(run(0), run(0)), bench.runtime(), Notify.LIVE, (), connection)
            for table in ("incident", "notification", "telling"):
                assert connection.scalar(sa.text(f"select count(*) from hindsight.{table}"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        torn()
    assert rows_of(bench, spec) == []
    assert tellings(bench, spec) == set()
