"""The outbox: each message once, in order, each by one sender, and none lost when a sender dies."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa

from hindsight.domain.records import Delivery, Notification, Thread
from hindsight.domain.values import IncidentState, Resolution, Severity
from hindsight.errors import StoreError
from hindsight.store import Store
from hindsight.store.sending import Batch, Waiting
from hindsight.store.standing import standing
from store.examples import INCIDENT, MONITOR, NOTIFICATION

OVER = timedelta(0)
HOUR = timedelta(hours=1)


def later(number: int, **changes: Any) -> Notification:
    """The message of a later day to the same channel."""
    return replace(NOTIFICATION, day=NOTIFICATION.day + timedelta(days=number), **changes)


def enqueue(store: Store, *messages: Notification) -> None:
    with store.transaction() as conn:
        assert store.enqueue(conn, messages) == len(messages)


def claimed(store: Store, lease: timedelta = HOUR, monitor: str = MONITOR) -> Batch:
    with store.transaction() as conn:
        batch = store.claim(conn, monitor, lease=lease)
    assert batch is not None
    return batch


def nothing_due(store: Store) -> bool:
    with store.transaction() as conn:
        assert store.due(conn) == []
        return store.claim(conn, MONITOR) is None


def record(store: Store, batch: Batch, state: Delivery, **said: Any) -> None:
    with store.transaction() as conn:
        store.record(conn, batch, state, **said)


def rows(store: Store) -> list[Notification]:
    with store.transaction() as conn:
        return store.notifications(conn, MONITOR)


def states(store: Store) -> list[str]:
    return [row.state.value for row in rows(store)]


def days(batch: Batch) -> list[int]:
    return [row.day.day for row in batch.notes]


def test_a_message_enters_the_outbox_once(store: Store) -> None:
    mail = replace(NOTIFICATION, notifier="email:9f")
    with store.transaction(MONITOR) as conn:
        assert store.enqueue(conn, [NOTIFICATION, NOTIFICATION, mail]) == 2
        assert store.enqueue(conn, [NOTIFICATION, mail]) == 0
        assert store.notifications(conn, MONITOR) == [NOTIFICATION, mail]


def test_what_was_told_is_read_in_order_and_without_what_was_held_back(store: Store) -> None:
    second = later(1, judgements="[2]")
    held = replace(second, notifier="email:9f", state=Delivery.SUPPRESSED, judgements="[3]")
    other = replace(second, monitor="arrival_delay", judgements="[4]")
    with store.transaction(MONITOR) as conn:
        store.enqueue(conn, [second, held, other, replace(NOTIFICATION, judgements="[1]")])
        assert store.judgements(conn, MONITOR) == ["[1]", "[2]"]


def test_another_text_under_a_key_is_left_out_and_said(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), store.transaction(MONITOR) as conn:
        store.enqueue(conn, [NOTIFICATION])
        assert store.enqueue(conn, [NOTIFICATION]) == 0
        assert not caplog.records
        assert store.enqueue(conn, [replace(NOTIFICATION, document='{"headline": "other"}')]) == 0
        assert store.notifications(conn) == [NOTIFICATION]
    assert (
        "flight_delay of 2013-04-10: the daily message to slack:1a2b3c stays as it was first written"
        in caplog.text
    )


def test_a_message_that_was_held_back_gives_way_to_one_that_may_be_sent(store: Store) -> None:
    silent = replace(NOTIFICATION, state=Delivery.SUPPRESSED, reason="notify: none", document="{}")
    with store.transaction() as conn:
        assert store.enqueue(conn, [silent]) == 1
        assert store.enqueue(conn, [silent]) == 0
        assert store.enqueue(conn, [NOTIFICATION]) == 1
        assert store.notifications(conn) == [NOTIFICATION]
        assert store.enqueue(conn, [silent]) == 0
        assert store.notifications(conn) == [NOTIFICATION]


def test_a_claimed_message_is_nobody_elses(store: Store) -> None:
    enqueue(store, NOTIFICATION)
    batch = claimed(store)
    assert batch.leader == replace(NOTIFICATION, state=Delivery.SENDING, attempts=1, batch=batch.number)
    assert batch.ambiguous_since is None
    assert nothing_due(store)
    record(store, batch, Delivery.SENT, provider_id="1365.0001")
    assert nothing_due(store)
    assert rows(store) == [replace(batch.leader, state=Delivery.SENT, provider_id="1365.0001")]


def test_all_that_waits_on_a_channel_is_claimed_as_one_led_by_the_newest(store: Store) -> None:
    enqueue(store, NOTIFICATION, later(2), later(1), replace(NOTIFICATION, notifier="email:9f"))
    batch = claimed(store)
    assert days(batch) == [10, 12, 11], "the order is that of their writing"
    assert batch.leader.day.day == 11
    assert {row.batch for row in batch.notes} == {batch.number}
    assert claimed(store).leader.notifier == "email:9f"
    record(store, batch, Delivery.SENT, provider_id="1365.0001")
    with store.transaction() as conn:
        found = store.message(conn, batch.number)
    assert [number for number, _ in found] == [number for number, _ in batch.rows]
    assert [row.state for _, row in found] == [Delivery.MERGED, Delivery.MERGED, Delivery.SENT]
    assert [row.provider_id for _, row in found] == [None, None, "1365.0001"]


def test_none_overtakes_and_no_two_senders_serve_one_channel(store: Store) -> None:
    enqueue(store, replace(NOTIFICATION, severity=Severity.WARNING))
    first = claimed(store)
    enqueue(store, later(1, severity=Severity.WARNING))
    assert nothing_due(store), "the first is still under way"
    record(store, first, Delivery.PENDING, error="429", pause=HOUR)
    assert nothing_due(store), "the first has to wait, and the second with it"
    record_again(store)
    assert days(claimed(store)) == [10, 11]


def test_something_critical_ends_a_wait_once_but_not_for_another_sender(store: Store) -> None:
    enqueue(store, replace(NOTIFICATION, severity=Severity.WARNING))
    first = claimed(store)
    enqueue(store, later(1, severity=Severity.CRITICAL))
    assert nothing_due(store), "the first is still under way"
    record(store, first, Delivery.PENDING, error="503", pause=HOUR)
    with store.transaction() as conn:
        assert store.claim(conn, "flight_delay", besides={NOTIFICATION.notifier}) is None
    both = claimed(store)
    assert days(both) == [10, 11]
    record(store, both, Delivery.PENDING, error="503", pause=HOUR)
    assert nothing_due(store), "it was tried, and waits like all others"


def test_what_is_parted_stands_by_itself_also_if_its_sender_dies(store: Store) -> None:
    enqueue(store, NOTIFICATION, later(1), later(2))
    with store.transaction() as conn:
        batch = store.claim(conn, "flight_delay", lease=timedelta(0))
        assert batch is not None
        assert store.part(conn, batch, lease=timedelta(0))
    again = claimed(store)
    assert days(again) == [10], "it alone is asked for"
    with store.transaction() as conn:
        assert not store.part(conn, batch), "it is another sender's now"


def record_again(store: Store) -> None:
    """As if the hour had passed."""
    with store.transaction() as conn:
        conn.execute(sa.text("update hindsight.notification set next_attempt_at = now()"))


def test_what_is_locked_by_somebody_is_left_alone_and_not_waited_for(store: Store) -> None:
    enqueue(store, NOTIFICATION, replace(NOTIFICATION, notifier="email:9f"))
    with store.transaction() as first, store.transaction() as second:
        mine, yours = store.claim(first, MONITOR), store.claim(second, MONITOR)
        assert store.claim(second, MONITOR) is None
    assert mine is not None
    assert yours is not None
    assert (mine.leader.notifier, yours.leader.notifier) == (NOTIFICATION.notifier, "email:9f")


def test_a_channel_of_which_somebody_holds_a_row_is_left_alone(store: Store) -> None:
    enqueue(store, NOTIFICATION, later(1))
    with store.transaction() as other, store.transaction() as conn:
        other.execute(sa.text("select 1 from hindsight.notification order by id limit 1 for update"))
        assert store.claim(conn, MONITOR) is None, "the second must not overtake"
    assert days(claimed(store)) == [10, 11]


def test_senders_at_once_claim_each_message_once_and_in_order(store: Store) -> None:
    """While they are claiming, more is written; a channel's messages come in order, one batch at a time."""
    enqueue(store, *(later(i, notifier=f"slack:{i % 7}") for i in range(28)))
    start, told = Barrier(5), []

    def send(_: int) -> int:
        start.wait()
        batches = idle = 0
        while idle < 20:
            with store.transaction() as conn:
                batch = store.claim(conn, MONITOR, lease=HOUR)
            if batch is None:
                idle += 1
                continue
            batches += 1
            told.append(("begins", batch.leader.notifier, [number for number, _ in batch.rows]))
            time.sleep(0.002)
            told.append(("ends", batch.leader.notifier, []))
            record(store, batch, Delivery.SENT)
        return batches

    def write(_: int) -> int:
        start.wait()
        for i in range(28, 70):
            enqueue(store, later(i, notifier=f"slack:{i % 7}"))
        return 0

    with ThreadPoolExecutor(5) as pool:
        done = [pool.submit(send, i) for i in range(4)] + [pool.submit(write, 0)]
        sent = sum(each.result() for each in done)
    assert set(states(store)) <= {"sent", "merged"}
    assert len(rows(store)) == 70
    for channel in range(7):
        of_channel = [each for each in told if each[1] == f"slack:{channel}"]
        assert [what for what, _, _ in of_channel] == ["begins", "ends"] * (len(of_channel) // 2)
        numbers = [number for _, _, batch in of_channel for number in batch]
        assert numbers == sorted(set(numbers))
        assert len(numbers) == 10
    assert sent == states(store).count("sent")


def test_a_lease_that_ran_out_is_claimed_again_as_it_was_and_marked(store: Store) -> None:
    enqueue(store, NOTIFICATION, later(1))
    first = claimed(store, OVER)
    enqueue(store, later(2))
    again = claimed(store)
    assert (again.number, days(again)) == (first.number, [10, 11]), "the newer one waits"
    assert again.attempts == 2
    assert "may have been accepted" in (again.leader.error or "")
    assert again.ambiguous_since is not None
    assert nothing_due(store)


@pytest.mark.parametrize("arrived", [False, None])
def test_once_a_doubtful_batch_is_settled_newer_ones_join(store: Store, arrived: bool | None) -> None:
    enqueue(store, NOTIFICATION)
    claimed(store, OVER)
    enqueue(store, later(1))
    doubtful = claimed(store)
    with store.transaction() as conn:
        joined = store.join(conn, doubtful, arrived=arrived)
    assert joined is not None
    assert days(joined) == [10, 11]
    assert [row.attempts for row in joined.notes] == [2, 1]
    assert (joined.ambiguous_since is None) is (arrived is False)
    assert joined.ambiguous_since == (None if arrived is False else doubtful.ambiguous_since)
    assert nothing_due(store)


def test_what_is_asked_for_too_long_is_anothers(store: Store) -> None:
    enqueue(store, NOTIFICATION)
    claimed(store, OVER)
    slow = claimed(store, OVER)
    claimed(store)
    with store.transaction() as conn:
        assert store.join(conn, slow, arrived=None) is None


def test_what_may_have_been_accepted_stays_so_until_it_is_settled(store: Store) -> None:
    enqueue(store, NOTIFICATION)
    batch = claimed(store)
    record(store, batch, Delivery.PENDING, error="500", ambiguous=True)
    (row,) = rows(store)
    assert row.ambiguous_since is not None
    again = claimed(store)
    assert again.ambiguous_since == row.ambiguous_since
    record(store, again, Delivery.PENDING, error="refused")
    assert rows(store)[0].ambiguous_since == row.ambiguous_since
    record(store, claimed(store), Delivery.PENDING, error="500", ambiguous=True)
    assert rows(store)[0].ambiguous_since == row.ambiguous_since, "the first such try counts"
    record(store, claimed(store), Delivery.SENT, ambiguous=False)
    assert rows(store)[0].ambiguous_since is None


def test_a_late_sender_changes_nothing_but_by_good_news(store: Store) -> None:
    enqueue(store, NOTIFICATION)
    slow = claimed(store, OVER)
    other = claimed(store)
    record(store, slow, Delivery.PENDING, error="a late sender timed out")
    assert states(store) == ["sending"]
    record(store, slow, Delivery.SENT, provider_id="1365.0001")
    record(store, other, Delivery.PENDING, error="too late")
    (found,) = rows(store)
    assert (found.state, found.provider_id, found.error) == (Delivery.SENT, "1365.0001", None)


def test_the_lease_is_ten_minutes_of_the_databases_clock(store: Store) -> None:
    enqueue(store, NOTIFICATION)
    with store.transaction() as conn:
        store.claim(conn, MONITOR)
        left = conn.execute(
            sa.text("select lease_until - updated_at from hindsight.notification")
        ).scalar_one()
    assert timedelta(minutes=10) - timedelta(seconds=1) < left <= timedelta(minutes=10, seconds=1)


def test_a_message_waits_for_its_next_attempt(store: Store) -> None:
    enqueue(store, NOTIFICATION)
    record(store, claimed(store), Delivery.PENDING, error="429", pause=HOUR)
    assert nothing_due(store)
    with store.transaction() as conn:
        assert store.waiting(conn, MONITOR) == [Waiting(NOTIFICATION.notifier, 1, False, "429")]
        left = conn.execute(sa.text("select next_attempt_at - updated_at from hindsight.notification"))
        assert timedelta(minutes=59) < left.scalar_one() <= timedelta(minutes=61)
    record_again(store)
    again = claimed(store)
    assert (again.attempts, again.leader.error) == (2, "429")


def test_what_was_tried_most_often_is_given_up_and_what_joined_it_goes_on(store: Store) -> None:
    enqueue(store, NOTIFICATION)
    record(store, claimed(store), Delivery.PENDING, error="away", most=2)
    enqueue(store, later(1))
    record(store, claimed(store), Delivery.PENDING, error="away", most=2)
    assert states(store) == ["dead", "pending"]
    with store.transaction() as conn:
        assert store.died(conn, HOUR) == {MONITOR: ["slack: away"]}
        assert store.died(conn, OVER) == {}


def test_what_is_put_back_for_quiet_hours_counts_no_attempt_and_holds_nothing_back(store: Store) -> None:
    enqueue(store, NOTIFICATION)
    with store.transaction() as conn:
        batch = store.claim(conn, MONITOR)
        assert batch is not None
        store.postpone(conn, batch, HOUR)
        assert store.waiting(conn, MONITOR) == [Waiting(NOTIFICATION.notifier, 1, False, None)]
    assert nothing_due(store)
    enqueue(store, later(1))
    together = claimed(store)
    assert days(together) == [10, 11], "what comes now takes it along"
    assert [row.attempts for row in together.notes] == [1, 1]


@pytest.mark.parametrize("state", [Delivery.LOGGED, Delivery.SUPPRESSED, Delivery.DEAD, Delivery.MERGED])
def test_what_is_settled_is_not_claimed(store: Store, state: Delivery) -> None:
    enqueue(store, replace(NOTIFICATION, state=state))
    assert nothing_due(store)
    with store.transaction() as conn:
        assert store.waiting(conn, MONITOR) == []
        assert store.unsent(conn) == {}


def test_what_is_due_is_asked_of_all_monitors_at_once(store: Store) -> None:
    other = replace(NOTIFICATION, monitor="arrival_delay")
    enqueue(store, NOTIFICATION, other, replace(other, monitor="quiet", next_attempt_at=None))
    with store.transaction() as conn:
        quiet = store.claim(conn, "quiet")
        assert quiet is not None
        store.postpone(conn, quiet, HOUR)
        assert store.due(conn) == ["arrival_delay", MONITOR]
        assert store.unsent(conn) == {"arrival_delay": 1, MONITOR: 1, "quiet": 1}
    assert claimed(store, monitor="arrival_delay").leader.monitor == "arrival_delay"


@pytest.mark.parametrize("state", [Delivery.SENT, Delivery.LOGGED, Delivery.SUPPRESSED, Delivery.DEAD])
def test_a_message_is_sent_again_on_request(store: Store, state: Delivery) -> None:
    enqueue(store, NOTIFICATION)
    batch = claimed(store, OVER)
    batch = claimed(store)
    record(store, batch, state, error="so it was", ambiguous=state is not Delivery.DEAD)
    with store.transaction() as conn:
        ((number, row),) = store.resend(conn, batch.number)
    assert (number, row.state, row.attempts) == (batch.number, Delivery.PENDING, 0)
    assert (row.error, row.ambiguous_since, row.batch) == (None, None, None)
    assert claimed(store).leader.attempts == 1


def test_what_was_given_up_in_doubt_is_sent_again_as_it_was_and_still_in_doubt(store: Store) -> None:
    enqueue(store, NOTIFICATION, later(1), later(2, notifier="email:9f"))
    batch = claimed(store)
    record(store, batch, Delivery.DEAD, error="it timed out", ambiguous=True)
    record(store, claimed(store), Delivery.DEAD, error="it is another's", ambiguous=True)
    (first, _), (second, _) = batch.rows
    with store.transaction() as conn:
        assert [number for number, _ in store.resend(conn, first)] == [first, second]
    again = claimed(store)
    assert (again.number, days(again), again.attempts) == (second, [10, 11], 1)
    assert again.ambiguous_since is not None


def test_a_message_takes_along_what_was_merged_into_it_and_that_goes_alone(store: Store) -> None:
    enqueue(store, NOTIFICATION, later(1))
    batch = claimed(store)
    record(store, batch, Delivery.SENT)
    (first, _), (second, _) = batch.rows
    with store.transaction() as conn:
        assert [number for number, _ in store.resend(conn, second)] == [first, second]
    record(store, claimed(store), Delivery.SENT)
    with store.transaction() as conn:
        assert [number for number, _ in store.resend(conn, first)] == [first]
    assert states(store) == ["pending", "sent"]


def test_what_is_not_there_or_waits_anyhow_is_not_sent_again(store: Store) -> None:
    with pytest.raises(StoreError, match="holds no message number 42"), store.transaction() as conn:
        store.resend(conn, 42)
    enqueue(store, NOTIFICATION)
    batch = claimed(store, OVER)
    said = f"Message number {batch.number} is sending: it waits to be sent anyhow, and cannot be sent again."
    with pytest.raises(StoreError, match=said), store.transaction() as conn:
        store.resend(conn, batch.number)


def test_messages_are_listed_newest_first(store: Store) -> None:
    other = replace(NOTIFICATION, monitor="arrival_delay", state=Delivery.SUPPRESSED)
    enqueue(store, NOTIFICATION, later(1), other)
    with store.transaction() as conn:
        assert [row for _, row in store.newest_messages(conn)] == [other, later(1), NOTIFICATION]
        assert [row for _, row in store.newest_messages(conn, MONITOR, 1)] == [later(1)]
        held = store.newest_messages(conn, states=[Delivery.SUPPRESSED])
        assert [row for _, row in held] == [other]
        numbers = [number for number, _ in store.newest_messages(conn)]
    assert numbers == sorted(numbers, reverse=True)


def test_times_are_stamped(store: Store) -> None:
    enqueue(store, NOTIFICATION)
    record(store, claimed(store), Delivery.SENT)
    times = (
        "select created_at <= sent_at, updated_at - sent_at < interval '1 s', lease_until "
        "from hindsight.notification"
    )
    with store.transaction() as conn:
        assert conn.execute(sa.text(times)).one() == (True, True, None)


def thread(**changes: Any) -> Thread:
    of = Thread(MONITOR, NOTIFICATION.notifier, INCIDENT.id, "C1:1.0", 1, "")
    return replace(of, **changes)


def test_a_thread_is_restless_while_its_incident_stands_otherwise(store: Store) -> None:
    over = replace(INCIDENT, resolved_on=INCIDENT.opened_on + timedelta(days=3))
    over = replace(over, state=IncidentState.RESOLVED, resolution=Resolution.RECOVERED)
    held = replace(INCIDENT, state=IncidentState.ACKNOWLEDGED, acknowledged_until=INCIDENT.opened_on)
    annie, ann = (replace(held, acknowledged_by=name) for name in ("Annie", "Ann"))
    with store.transaction() as conn:
        store.keep_thread(conn, thread())
        for now in (INCIDENT, held, annie, ann, over):
            store.replace_incidents(conn, MONITOR, [now])
            assert store.restless(conn) == [MONITOR]
            assert store.unsettled(conn, MONITOR)
            taken = (now.acknowledged_until, now.acknowledged_by)
            shown = standing(now.state, now.severity, now.resolved_on, now.resolution, *taken)
            store.keep_thread(conn, thread(shown=f"{shown}\nand more"))
            assert store.restless(conn) == []
            store.keep_thread(conn, thread(shown=shown))
            assert store.restless(conn) == []
            open_ones = [] if now is over else [shown]
            assert [each.shown for each in store.unsettled(conn, MONITOR)] == open_ones
