"""Rounds of delivery: what is sent, what waits, what is told of it, and that nothing comes twice."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import pytest

from delivery.cells import FIRST, Cell, document, row, token
from delivery.receiving import PagerDutyLike
from delivery.world import World
from hindsight import charts
from hindsight.domain.records import Delivery, Silence
from hindsight.domain.values import Hours, IncidentState, Severity
from hindsight.errors import HindsightError
from hindsight.message import Chart, ChartPoint, to_json
from hindsight.message.gathered import REPEATED
from hindsight.notifiers import Email, channel_key
from hindsight.pipeline.attempt import quiet_for
from hindsight.pipeline.deliver import deliver
from receivers import FAILS, OK, Answer, refuses

KINDS = ("slack", "slack without history", "slack_webhook", "pagerduty", "teams", "webhook", "email")
NUMBERS = count()
NOON = datetime(2013, 4, 12, 12, tzinfo=UTC)


def fresh(world: World, kind: str = "slack") -> Cell:
    """A cell that no other test knows."""
    cell = Cell(f"r{next(NUMBERS)}", kind)
    world.receiver(cell)
    return cell


def tells(text: str) -> list[int]:
    return [number for number in range(40) if token(number) in text]


def told(world: World, cell: Cell) -> list[list[int]]:
    """Which days each accepted message tells of."""
    return [tells(text) for text in world.accepted(cell)]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_sent_is_sent_once_however_often_the_task_is_run(world: World, kind: str) -> None:
    cell = fresh(world, kind)
    world.enqueue(row(cell, 0))
    assert world.deliver(cell) == ""
    for _ in range(2):
        with world.store.transaction() as connection:
            assert world.store.enqueue(connection, [row(cell, 0)]) == 0
        assert world.deliver(cell) == ""
    assert world.came(cell) == len(world.accepted(cell)) == 1
    assert [each.state for each in world.rows(cell)] == [Delivery.SENT]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("away", ["nobody listens", "it cannot just now"])
def test_two_days_away_and_then_one_message_that_tells_both(world: World, kind: str, away: str) -> None:
    """Ten minutes apart the sweeper comes; the channel is away for two run days."""
    cell = fresh(world, kind)
    down = away == "nobody listens"
    there = replace(world.servers, http="http://127.0.0.1:9", smtp=9) if down else world.servers
    elsewhere = replace(world, servers=there)
    for day in range(2):
        if not down:
            world.script(cell, *(["RCPT 450"] * 3 if kind == "email" else [FAILS] * 3))
        world.enqueue(row(cell, day))
        for _ in range(3):
            said = elsewhere.deliver(cell)
            assert f"notifications of {cell.monitor} were not delivered (0 given up" in said
            came = world.came(cell)
            assert elsewhere.deliver(cell) == said, "it is not due, and still not delivered"
            assert world.came(cell) == came
            world.time_passes()
    assert world.accepted(cell) == []
    assert world.deliver(cell) == ""
    assert world.deliver(cell) == ""
    (text,) = world.accepted(cell)
    if kind != "pagerduty":
        assert tells(text) == [0, 1]
    may_repeat = not down and kind in ("slack without history", "slack_webhook", "teams", "webhook")
    assert (REPEATED in text) is may_repeat
    assert [each.state for each in world.rows(cell)] == [Delivery.MERGED, Delivery.SENT]


def test_after_two_days_of_hourly_attempts_nothing_is_given_up(world: World) -> None:
    cell = fresh(world)
    elsewhere = replace(world, servers=replace(world.servers, http="http://127.0.0.1:9"))
    world.enqueue(row(cell, 0))
    pauses = []
    for _ in range(60):
        elsewhere.deliver(cell)
        with world.store.transaction() as connection:
            pauses.append(
                connection.exec_driver_sql(
                    "select next_attempt_at - updated_at from hindsight.notification where monitor = %s",
                    (cell.monitor,),
                ).scalar_one()
            )
        world.time_passes()
    minutes = [round(pause / timedelta(minutes=1)) for pause in pauses]
    assert minutes[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert sum(minutes) > 2 * 24 * 60
    assert world.deliver(cell) == ""
    assert told(world, cell) == [[0]]


def test_one_channel_that_is_refused_for_good_holds_back_no_other(world: World) -> None:
    cells = fresh(world), fresh(world, "webhook")
    name = cells[0].monitor
    other = replace(cells[1], monitor=name)
    spec = replace(cells[0].spec, notify=(cells[0].notifier, other.notifier, Email(name, (other.mailbox,))))
    world.script(cells[0], refuses("is_archived"))
    mail = channel_key(spec.notify[2].channels()[0])
    world.enqueue(*(row(cells[0], 0, notifier=key) for key in (cells[0].channel, other.channel, mail)))

    infos = iter([cells[0].connection(world.servers), other.connection(world.servers)])
    mailbox = replace(other, kind="email").connection(world.servers)
    runtime = replace(world.servers.runtime(world.store, cells[0]), connection=lambda _: next(infos, mailbox))
    with pytest.raises(HindsightError) as red:
        deliver(spec, runtime)
    assert str(red.value).startswith(
        f"1 notifications of {name} were not delivered (1 given up, 0 to be tried again): slack: "
    )
    assert "is_archived" in str(red.value)
    states = {each.notifier.partition(":")[0]: each.state for each in world.rows(cells[0])}
    assert states == {"slack": Delivery.DEAD, "webhook": Delivery.SENT, "email": Delivery.SENT}
    assert deliver(spec, runtime)["sent"] == 0, "what was given up is told once"


def test_a_mail_that_one_recipient_is_refused_reaches_the_other_once(world: World) -> None:
    cell = fresh(world, "email")
    both = Email(cell.monitor, (cell.mailbox, f"other-{cell.mailbox}"))
    spec = replace(cell.spec, notify=(both,))
    world.script(cell, "RCPT 550")
    world.enqueue(*(row(cell, 0, notifier=channel_key(each)) for each in both.channels()))
    runtime = world.servers.runtime(world.store, cell)
    with pytest.raises(HindsightError, match=rf"email: the mail server .* refused .*{cell.mailbox}"):
        deliver(spec, runtime)
    assert sorted(each.state.value for each in world.rows(cell)) == ["dead", "sent"]
    assert deliver(spec, runtime)["sent"] == 0
    assert cell.mailbox not in world.mailboxes.mails
    assert len(world.mailboxes.mails[f"other-{cell.mailbox}"]) == 1


def test_blocks_that_slack_refuses_give_way_to_plain_text(world: World) -> None:
    cell = fresh(world)
    world.script(cell, refuses("invalid_blocks"), OK)
    world.enqueue(row(cell, 0))
    assert world.deliver(cell) == ""
    assert told(world, cell) == [[0]]
    assert not world.receiver(cell).accepted[0].get("blocks")


@pytest.mark.parametrize("days", [-1, 1])
def test_a_clock_that_jumps_by_a_day_sends_nothing_twice_and_nothing_early(world: World, days: int) -> None:
    cell = fresh(world)
    runtime = world.servers.runtime(world.store, cell)
    jumped = replace(runtime, clock=lambda: datetime.now(UTC) + timedelta(days=days))
    world.script(cell, Answer(429, "", {"Retry-After": "120"}))
    world.enqueue(row(cell, 0))
    for each in (runtime, jumped, runtime):
        with pytest.raises(HindsightError, match="0 given up, 1 to be tried again"):
            deliver(cell.spec, each)
    assert world.came(cell) == 1, "it was not due by the database's clock"
    world.time_passes()
    assert deliver(cell.spec, jumped)["sent"] == 1
    assert deliver(cell.spec, runtime)["sent"] == 0
    assert told(world, cell) == [[0]]


def test_in_quiet_hours_a_message_waits_and_that_is_no_failure(world: World) -> None:
    cell = fresh(world)
    quiet = replace(cell.spec, notify=(replace(cell.notifier, quiet=Hours(time(22), time(7))),))
    runtime = world.servers.runtime(world.store, cell)
    night = datetime(2013, 4, 12, 7, tzinfo=UTC)  # three in the morning in New York
    asleep, awake = replace(runtime, clock=lambda: night), replace(runtime, clock=lambda: NOON)
    world.enqueue(row(cell, 0))
    counts = deliver(quiet, asleep)
    assert (counts["sent"], counts["failed"], counts["waiting"]) == (0, 0, 1)
    assert world.rows(cell)[0].attempts == 0
    assert deliver(quiet, awake)["waiting"] == 1, "until the end of the night nothing is due"
    world.enqueue(row(cell, 1))
    assert deliver(quiet, asleep)["waiting"] == 2
    assert world.accepted(cell) == []
    world.enqueue(row(cell, 2, severity=Severity.CRITICAL))
    assert deliver(quiet, asleep)["sent"] == 1, "what is critical breaks them, and takes the rest along"
    assert told(world, cell) == [[0, 1, 2]]
    world.enqueue(row(cell, 3))
    assert deliver(quiet, asleep)["waiting"] == 1
    world.time_passes()
    assert deliver(quiet, awake)["sent"] == 1


@pytest.mark.parametrize(
    "at, hours, lasts",
    [
        ("2013-03-10T04:30", "22:00-07:00", 6.5),  # the night before has nine hours, this one eight
        ("2013-11-03T03:30", "22:00-07:00", 8.5),
        ("2013-03-10T06:30", "22:00-02:30", 0.5),  # half past two never comes: three does
        ("2013-11-03T05:15", "22:00-01:30", 0.25),  # the first of two
        ("2013-11-03T06:15", "22:00-01:30", 0.25),  # and the second
        ("2013-04-12T16:00", "22:00-07:00", None),
        ("2013-04-12T16:00", "08:00-08:00", None),
    ],
)
def test_quiet_hours_are_hours_of_the_local_clock(
    world: World, at: str, hours: str, lasts: float | None
) -> None:

    now = datetime.fromisoformat(at).replace(tzinfo=UTC)
    found = quiet_for(Hours.parse(hours), now, ZoneInfo("America/New_York"))
    assert found == (None if lasts is None else timedelta(hours=lasts))


def test_an_incident_is_one_thread_whose_first_message_shows_how_it_stands(world: World) -> None:
    cell = fresh(world)
    receiver = world.receiver(cell)
    world.stands(cell)
    world.enqueue(row(cell, 0))
    world.deliver(cell)
    world.enqueue(row(cell, 1, loud=True))
    world.deliver(cell)
    first, second = receiver.messages
    assert (first.get("thread_ts"), second["thread_ts"]) == (None, first["ts"])
    assert second["reply_broadcast"]
    assert receiver.calls("chat.update") == [], "nothing has changed since"

    until = FIRST + timedelta(days=7)
    held = {"state": IncidentState.ACKNOWLEDGED, "acknowledged_by": "Ann", "acknowledged_until": until}
    world.stands(cell, **held)
    world.deliver(cell)
    world.deliver(cell)
    (update,) = receiver.calls("chat.update")
    assert update["ts"] == first["ts"]
    assert "cknowledged by Ann" in str(update["blocks"])

    world.stands(cell, **(held | {"acknowledged_by": "An"}))
    assert world.due(cell) == (cell,), "somebody else has taken it over, until the same day"
    world.deliver(cell)
    assert world.due(cell) == ()
    assert "cknowledged by An until" in str(receiver.messages[0]["blocks"])
    assert len(receiver.calls("chat.update")) == 2

    world.ends(cell, 2)
    receiver.scripts["chat.update"] = deque([FAILS])
    assert world.deliver(cell) == "", "that it cannot be shown just now fails nothing"
    assert len(receiver.calls("chat.update")) == 3
    world.deliver(cell)
    assert len(receiver.calls("chat.update")) == 4, "it is tried again"
    assert "Resolved" in str(receiver.messages[0]["blocks"])
    world.deliver(cell)
    assert len(receiver.calls("chat.update")) == 4
    assert len(receiver.accepted) == 2


def test_a_silence_shows_in_the_thread_and_goes_again(world: World) -> None:
    cell = fresh(world)
    world.stands(cell)
    world.enqueue(row(cell, 0))
    world.deliver(cell)
    today = datetime.now(UTC).date()
    silence = Silence("s1", cell.monitor, date(2013, 1, 1), today + timedelta(days=9), "Bo", "known", NOON)
    with world.store.transaction() as connection:
        world.store.keep_silence(connection, silence)
    world.deliver(cell)
    world.deliver(cell)
    (update,) = world.receiver(cell).calls("chat.update")
    assert "Bo wanted silence until" in str(update["blocks"])
    with world.store.transaction() as connection:
        world.store.end_silence(connection, cell.monitor, "s1", date(2013, 1, 2), "Bo")
    world.deliver(cell)
    _, update = world.receiver(cell).calls("chat.update")
    assert "silence" not in str(update["blocks"])


def test_pagerduty_is_not_paged_for_what_is_over(world: World) -> None:
    cell = fresh(world, "pagerduty")
    receiver = world.receiver(cell)
    assert isinstance(receiver, PagerDutyLike)
    world.script(cell, Answer(400, "{}"))
    world.enqueue(row(cell, 0))
    assert "1 given up" in world.deliver(cell)
    world.ends(cell, 1)
    world.enqueue(row(cell, 1, over=True))
    world.deliver(cell)
    with world.store.transaction() as connection:
        ((dead, _),) = world.store.newest_messages(connection, cell.monitor, states=[Delivery.DEAD])
        world.store.resend(connection, dead)
    assert world.deliver(cell) == ""
    assert [body["event_action"] for body in receiver.accepted] == ["resolve", "resolve"]
    assert receiver.opened == {}


def test_a_message_is_sent_again_on_request_and_once(world: World) -> None:
    cell = fresh(world)
    world.enqueue(row(cell, 0))
    world.deliver(cell)
    with world.store.transaction() as connection:
        ((number, _),) = world.store.newest_messages(connection, cell.monitor)
        world.store.resend(connection, number)
    world.deliver(cell)
    world.deliver(cell)
    assert told(world, cell) == [[0], [0]]


CHART = Chart(
    "inc_1", "recall", "recall", "recall fell", (ChartPoint(FIRST, 0.4), ChartPoint(NOON.date(), 0.3))
)


@pytest.mark.parametrize("broken", [False, True])
def test_a_chart_that_cannot_be_drawn_holds_back_no_message(
    world: World, monkeypatch: pytest.MonkeyPatch, broken: bool
) -> None:
    cell = fresh(world)
    if broken:
        monkeypatch.setattr(charts, "png", lambda chart: 1 / 0)
    world.enqueue(row(cell, 0, document=to_json(document(cell, 0, charts=(CHART,)))))
    assert world.deliver(cell) == ""
    assert told(world, cell) == [[0]]
    assert ("slack_file" in str(world.receiver(cell).accepted)) is not broken
    assert len(world.receiver(cell).uploads) == (not broken)


def test_a_message_that_cannot_be_read_is_given_up_and_holds_nothing_back(world: World) -> None:
    cell = fresh(world)
    world.enqueue(row(cell, 0, document="{}"))
    assert "This is no message that this version can read" in world.deliver(cell)
    world.enqueue(row(cell, 1))
    assert world.deliver(cell) == ""
    assert told(world, cell) == [[1]]


@pytest.mark.parametrize("how", ["send", "find", "update"])
def test_a_notifier_that_fails_in_a_way_of_its_own_stops_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    cell = fresh(world)

    def fails(*_: object) -> None:
        raise RuntimeError("xoxb-secret")

    world.stands(cell)
    world.enqueue(row(cell, 0))
    if how == "find":
        world.script(cell, FAILS)
        world.deliver(cell)
        world.time_passes()
    elif how == "update":
        world.deliver(cell)
        world.ends(cell, 1)
    with monkeypatch.context() as broken, caplog.at_level(logging.ERROR):
        broken.setattr(type(cell.notifier), how, fails)
        said = world.deliver(cell)
    assert "in a way of its own" in caplog.text
    assert "xoxb" not in said + str(world.rows(cell))
    assert ("RuntimeError while sending" in said) is (how == "send")
    world.time_passes()
    assert world.deliver(cell) == ""
    assert told(world, cell) == [[0]]
