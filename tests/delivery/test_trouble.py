"""Trouble that is one message's, one event's, one connection's or one thread's own, and stays that."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from delivery.cells import Cell, document, row, token
from delivery.receiving import PagerDutyLike
from delivery.world import World
from hindsight.domain.records import Delivery
from hindsight.domain.values import Hours, Severity
from hindsight.errors import ConnectionMissing, HindsightError
from hindsight.message import to_json
from hindsight.message.gathered import REPEATED
from hindsight.notifiers import ConnectionInfo, Log, channel_key, webhook
from hindsight.pipeline import attempt
from hindsight.pipeline.deliver import deliver
from hindsight.store.sending import LEASE
from receivers import FAILS, Answer, refuses

CRITICAL = Severity.CRITICAL
NUMBERS = count()
BAD_EVENT = Answer(400, '{"message": "Event object is invalid"}')


def fresh(world: World, kind: str = "slack") -> Cell:
    """A cell that no other test knows."""
    cell = Cell(f"t{next(NUMBERS)}", kind)
    world.receiver(cell)
    return cell


def states(world: World, cell: Cell) -> list[Delivery]:
    return [each.state for each in world.rows(cell)]


def told(world: World, cell: Cell) -> list[list[int]]:
    """Which days each accepted message tells of."""
    return [[day for day in range(9) if token(day) in text] for text in world.accepted(cell)]


def pause(world: World, cell: Cell) -> timedelta:
    """How long the oldest of what waits still has to."""
    with world.store.transaction() as connection:
        found: timedelta = connection.exec_driver_sql(
            "select next_attempt_at - clock_timestamp() from hindsight.notification "
            "where monitor = %s and state = 'pending' order by id limit 1",
            (cell.monitor,),
        ).scalar_one()
    return found


@pytest.mark.parametrize("bad", ["{}", "[]", "no JSON"])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_an_unreadable_message_dies_alone_among_those_it_waits_with(world: World, bad: str, at: int) -> None:
    cell = fresh(world)
    rows = [row(cell, 0), row(cell, 1), row(cell, 2, severity=CRITICAL)]
    rows[at] = replace(rows[at], document=bad)
    world.enqueue(*rows)
    assert "(1 given up, 0 to be tried again)" in world.deliver(cell)
    assert told(world, cell) == [[day for day in range(3) if day != at]]
    assert states(world, cell)[at] is Delivery.DEAD
    assert world.deliver(cell) == ""


@pytest.mark.parametrize("kind", ["slack", "webhook"])
def test_an_unreadable_message_that_joins_a_doubtful_one_dies_alone(world: World, kind: str) -> None:
    cell = fresh(world, kind)
    world.script(cell, FAILS)
    world.enqueue(row(cell, 0))
    world.deliver(cell)
    world.time_passes()
    world.enqueue(row(cell, 1, document="{}"))
    assert "(1 given up, 0 to be tried again)" in world.deliver(cell)
    assert told(world, cell) == [[0]]
    assert states(world, cell) == [Delivery.SENT, Delivery.DEAD]


@pytest.mark.parametrize("kind", ["pagerduty", "slack", "webhook"])
def test_a_page_does_not_wait_behind_a_doubtful_warning(world: World, kind: str) -> None:
    cell = fresh(world, kind)
    world.enqueue(row(cell, 0))
    for _ in range(12):
        world.script(cell, FAILS)
        world.deliver(cell)
        world.time_passes()
    world.script(cell, FAILS)
    world.deliver(cell)
    longest = timedelta(hours=6) if kind == "webhook" else timedelta(minutes=10)
    assert longest - timedelta(minutes=1) < pause(world, cell) <= longest, "long where a repeat does harm"
    world.script(cell, FAILS)
    world.enqueue(row(cell, 1, severity=CRITICAL))
    assert "2 to be tried again" in world.deliver(cell), "it was tried at once"
    assert timedelta(minutes=9) < pause(world, cell) <= timedelta(minutes=10), "and is again soon"
    came = world.came(cell)
    world.deliver(cell)
    assert world.came(cell) == came, "but not before"
    world.time_passes()
    assert world.deliver(cell) == ""
    if kind != "pagerduty":
        assert told(world, cell) == [[0, 1]]


def test_a_page_behind_a_question_that_is_not_answered_is_tried_once_in_a_round(world: World) -> None:
    cell = fresh(world)
    world.script(cell, FAILS)
    world.enqueue(row(cell, 0))
    world.deliver(cell)
    world.enqueue(row(cell, 1, severity=CRITICAL))
    world.receiver(cell).scripts["conversations.history"] = deque([FAILS])
    assert "2 to be" in world.deliver(cell) or "1 to be" in world.deliver(cell)
    assert len(world.receiver(cell).calls("conversations.history")) <= 2
    world.time_passes()
    world.deliver(cell)
    assert told(world, cell) == [[0, 1]]


def test_short_pauses_give_up_no_sooner(world: World) -> None:
    cell = fresh(world, "pagerduty")
    elsewhere = replace(world, servers=replace(world.servers, http="http://127.0.0.1:9"))
    world.enqueue(row(cell, 0, severity=CRITICAL))
    for _ in range(attempt.MOST_ATTEMPTS + 5):
        elsewhere.deliver(cell)
        world.time_passes()
    assert world.deliver(cell) == ""
    assert len(world.accepted(cell)) == 1


@pytest.mark.parametrize("kind", ["slack", "webhook", "email"])
def test_what_is_asked_for_again_is_not_taken_for_the_original(world: World, kind: str) -> None:
    cell = fresh(world, kind)
    world.enqueue(row(cell, 0))
    world.deliver(cell)
    for again in range(2):
        with world.store.transaction() as connection:
            ((number, _),) = world.store.newest_messages(connection, cell.monitor)
            world.store.resend(connection, number)
        world.script(cell, "loses" if kind == "email" else FAILS)
        world.deliver(cell)
        assert len(world.accepted(cell)) == 1 + again, "the try was lost"
        world.time_passes()
        assert world.deliver(cell) == ""
        assert len(world.accepted(cell)) == 2 + again, "nobody took the original for it"
        assert states(world, cell) == [Delivery.SENT]
    if kind == "webhook":
        assert len({body["key"] for body in world.receiver(cell).accepted}) == 3


@pytest.mark.parametrize("code", ["token_expired", "missing_scope", "is_archived", "ratelimited"])
def test_a_thread_whose_update_was_refused_turns_green_once_that_is_mended(world: World, code: str) -> None:
    cell = fresh(world)
    receiver = world.receiver(cell)
    world.stands(cell)
    world.enqueue(row(cell, 0))
    world.deliver(cell)
    world.ends(cell, 1)
    receiver.scripts["chat.update"] = deque([refuses(code)] * 2)
    for tried in (1, 2, 3, 3):
        assert world.deliver(cell) == ""
        assert len(receiver.calls("chat.update")) == tried
    assert "Resolved" in str(receiver.messages[0]["blocks"])


@pytest.mark.parametrize("code", ["message_not_found", "cant_update_message", "edit_window_closed"])
def test_a_message_that_can_never_be_changed_is_left_alone(world: World, code: str) -> None:
    cell = fresh(world)
    world.stands(cell)
    world.enqueue(row(cell, 0))
    world.deliver(cell)
    world.ends(cell, 1)
    world.receiver(cell).scripts["chat.update"] = deque([refuses(code)])
    for _ in range(3):
        world.deliver(cell)
    assert len(world.receiver(cell).calls("chat.update")) == 1
    assert world.due(cell) == ()


def test_a_thread_of_a_channel_that_nobody_names_any_more_gives_no_work(world: World) -> None:
    cell = fresh(world)
    world.stands(cell)
    world.enqueue(row(cell, 0))
    world.deliver(cell)
    world.ends(cell, 1)
    assert world.due(cell) == (cell,)
    deliver(replace(cell.spec, notify=(Log(),)), world.servers.runtime(world.store, cell))
    assert world.due(cell) == ()


def test_one_event_that_pagerduty_refuses_keeps_no_other_from_it(world: World) -> None:
    cell = fresh(world, "pagerduty")
    made = document(cell, 0)
    both = replace(made, about=(made.about[0], replace(made.about[0], incident="inc_2")))
    world.script(cell, BAD_EVENT)
    world.enqueue(row(cell, 0, document=to_json(both), incidents=("inc_1", "inc_2")))
    assert "Event object is invalid" in world.deliver(cell)
    receiver = world.receiver(cell)
    assert isinstance(receiver, PagerDutyLike)
    assert len(receiver.opened) == 1, "the other incident is known there"
    assert states(world, cell) == [Delivery.DEAD], "and that one is not is said"


def test_a_pagerduty_that_has_had_enough_is_left_alone(world: World) -> None:
    cell = fresh(world, "pagerduty")
    made = document(cell, 0)
    both = replace(made, about=(made.about[0], replace(made.about[0], incident="inc_2")))
    world.script(cell, Answer(429, ""))
    world.enqueue(row(cell, 0, document=to_json(both), incidents=("inc_1", "inc_2")))
    assert "1 to be tried again" in world.deliver(cell)
    assert world.came(cell) == 1
    world.time_passes()
    assert world.deliver(cell) == ""
    assert len(world.accepted(cell)) == 2


@pytest.mark.parametrize("kind", ["webhook", "teams", "slack"])
def test_where_several_are_refused_as_one_each_is_tried_by_itself(world: World, kind: str) -> None:
    cell = fresh(world, kind)
    refused = refuses("some_refusal") if kind == "slack" else Answer(413, "too large")
    world.script(cell, refused, Answer(accepts=True), refused)  # as one; the first; the second; then it takes
    world.enqueue(*(row(cell, day) for day in range(3)))
    assert "(1 given up, 0 to be tried again)" in world.deliver(cell)
    assert told(world, cell) == [[0], [2]]
    assert states(world, cell) == [Delivery.SENT, Delivery.DEAD, Delivery.SENT]
    assert REPEATED not in str(world.accepted(cell)), "none was taken before"


def test_of_several_that_are_sent_apart_only_what_is_in_doubt_may_be_a_repeat(world: World) -> None:
    cell = fresh(world, "webhook")
    world.script(cell, FAILS)
    world.enqueue(row(cell, 0))
    world.deliver(cell)
    world.time_passes()
    world.enqueue(row(cell, 1))
    world.script(cell, Answer(413, "too large"))
    assert world.deliver(cell) == ""
    assert told(world, cell) == [[0], [1]]
    assert [REPEATED in text for text in world.accepted(cell)] == [True, False]


def test_a_channel_that_refuses_everything_is_not_tried_with_each(world: World) -> None:
    cell = fresh(world)
    world.script(cell, *[refuses("is_archived")] * 20)
    world.enqueue(*(row(cell, day) for day in range(9)))
    assert "(9 given up, 0 to be tried again)" in world.deliver(cell)
    assert world.came(cell) == 4
    assert set(states(world, cell)) == {Delivery.DEAD}


def test_a_message_that_no_renderer_can_take_holds_back_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = fresh(world, "webhook")
    real = webhook.content

    def content(made: object, key: str) -> object:
        if token(0) in str(made):
            raise KeyError("odd")
        return real(made, key)  # type: ignore[arg-type]

    monkeypatch.setattr(webhook, "content", content)
    world.enqueue(row(cell, 0))
    assert "KeyError while sending" in world.deliver(cell)
    world.enqueue(row(cell, 1), row(cell, 2, severity=CRITICAL))
    said = world.deliver(cell)
    assert "(1 given up, 0 to be tried again)" in said
    assert "KeyError while sending" in said
    assert told(world, cell) == [[1], [2]]
    assert states(world, cell) == [Delivery.DEAD, Delivery.SENT, Delivery.SENT]


def test_a_notifier_that_always_fails_in_a_way_of_its_own_gives_up_after_a_few_times(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = fresh(world, "webhook")
    monkeypatch.setattr(webhook, "content", lambda *_: 1 / 0)
    world.enqueue(row(cell, 0))
    for _ in range(attempt.STRANGE_ATTEMPTS - 1):
        assert "1 to be tried again" in world.deliver(cell)
        world.time_passes()
    assert "(1 given up, 0 to be tried again): webhook: ZeroDivisionError while sending" in world.deliver(
        cell
    )


def missing(asked: str) -> ConnectionInfo:
    raise ConnectionMissing(f"The connection {asked!r} is not defined.")


def test_what_has_no_connection_is_logged_once_and_sent_when_somebody_defines_it(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    cell = fresh(world)
    runtime = replace(world.servers.runtime(world.store, cell), connection=missing)
    for day in range(3):
        world.enqueue(row(cell, day))
        with caplog.at_level(logging.INFO):
            counts = deliver(cell.spec, runtime)
        assert (counts["logged"], counts["failed"], counts["waiting"]) == (1, 0, day + 1)
        assert caplog.text.count(token(day)) >= 1
        assert token(day - 1) not in caplog.text or not day, "what was logged is not logged again"
        caplog.clear()
    world.time_passes()
    with caplog.at_level(logging.INFO):
        assert deliver(cell.spec, runtime)["logged"] == 0
    assert caplog.text == "", "to wait is no news"
    world.time_passes()
    assert world.deliver(cell) == ""
    assert told(world, cell) == [[0, 1, 2]]


def test_what_has_no_connection_for_days_was_logged(world: World) -> None:
    cell = fresh(world)
    runtime = replace(world.servers.runtime(world.store, cell), connection=missing)
    world.enqueue(row(cell, 0))
    for _ in range(attempt.MOST_ATTEMPTS):
        deliver(cell.spec, runtime)
        world.time_passes()
    (logged,) = world.rows(cell)
    assert (logged.state, logged.error) == (
        Delivery.LOGGED,
        f"The connection {cell.monitor!r} is not defined.",
    )


def test_that_nobody_can_be_paged_fails_the_task(world: World) -> None:
    cell = fresh(world, "pagerduty")
    runtime = replace(world.servers.runtime(world.store, cell), connection=missing)
    world.enqueue(row(cell, 0, severity=CRITICAL))
    with pytest.raises(HindsightError, match=r"0 given up, 1 to be tried again.*is not defined"):
        deliver(cell.spec, runtime)
    world.time_passes()
    assert world.deliver(cell) == ""
    assert len(world.accepted(cell)) == 1


def test_a_thread_whose_first_message_was_deleted_begins_anew(world: World) -> None:
    cell = fresh(world)
    receiver = world.receiver(cell)
    world.stands(cell)
    world.enqueue(row(cell, 0))
    world.deliver(cell)
    world.script(cell, refuses("thread_not_found"))
    for day in (1, 2):
        world.enqueue(row(cell, day))
        assert world.deliver(cell) == ""
    first, second, third = receiver.messages
    assert [each.get("thread_ts") for each in (first, second, third)] == [None, None, second["ts"]]
    world.ends(cell, 2)
    world.deliver(cell)
    assert "Resolved" in str(second["blocks"])
    assert "Resolved" not in str(first["blocks"])


@pytest.mark.parametrize("minutes", [-60, -15, 15, 60])
def test_a_clock_that_is_not_slacks_hides_no_message(world: World, minutes: int) -> None:
    cell = fresh(world)
    world.receiver(cell).now = lambda: time.time() + minutes * 60
    world.script(cell, Answer(500, "oops", accepts=True))
    world.enqueue(row(cell, 0))
    world.deliver(cell)
    world.time_passes()
    assert world.deliver(cell) == ""
    assert len(world.accepted(cell)) == 1


@contextmanager
def dripping() -> Iterator[int]:
    """The port of a receiver that sends a piece of its answer twice in a second, for half a minute."""
    stop = threading.Event()

    def drip(line: socket.socket) -> None:
        with line:
            try:
                line.recv(65536)
                line.sendall(b"HTTP/1.1 200 OK\r\n")
                for number in range(60):
                    if stop.wait(0.5):
                        return
                    line.sendall(b"X-%d: y\r\n" % number)
            except OSError:
                return

    def listen() -> None:
        while not stop.is_set():
            try:
                line, _ = server.accept()
            except OSError:
                continue
            threading.Thread(target=drip, args=(line,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        try:
            yield server.getsockname()[1]
        finally:
            stop.set()
            listener.join()


@pytest.mark.parametrize("kind", ["webhook", "slack"])
def test_nobody_is_waited_for_longer_than_a_lease_allows(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    assert attempt.LONGEST_CALL <= LEASE / 2
    monkeypatch.setattr(attempt, "LONGEST_CALL", timedelta(seconds=2))
    cell = fresh(world, kind)
    world.enqueue(row(cell, 0))
    with dripping() as port:
        elsewhere = replace(world, servers=replace(world.servers, http=f"http://127.0.0.1:{port}"))
        began = time.monotonic()
        assert "took longer than 0:00:02" in elsewhere.deliver(cell)
        assert time.monotonic() - began < 6
    (tried,) = world.rows(cell)
    assert tried.ambiguous_since is not None
    world.time_passes()
    assert world.deliver(cell) == ""
    assert len(world.accepted(cell)) == 1


def test_quiet_hours_of_the_log_are_heeded(world: World) -> None:
    cell = fresh(world)
    log = Log(quiet=Hours.parse("22:00-07:00"))
    night = datetime(2013, 4, 12, 7, tzinfo=UTC)  # three in the morning in New York
    runtime = replace(world.servers.runtime(world.store, cell), clock=lambda: night)
    world.enqueue(row(cell, 0, notifier=channel_key(log)))
    counts = deliver(replace(cell.spec, notify=(log,)), runtime)
    assert (counts["logged"], counts["waiting"]) == (0, 1)
