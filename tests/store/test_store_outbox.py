"""The outbox: each message once, each by one sender, and none lost when a sender dies."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
import sqlalchemy as sa

from hindsight.domain.records import Delivery
from hindsight.errors import StoreError
from hindsight.store import Store
from store.examples import MONITOR, NOTIFICATION

OVER = timedelta(0)


def test_a_message_enters_the_outbox_once(store: Store) -> None:
    mail = replace(NOTIFICATION, notifier="email:9f")
    with store.transaction(MONITOR) as conn:
        assert store.enqueue(conn, [NOTIFICATION, NOTIFICATION, mail]) == 2
        assert store.enqueue(conn, [NOTIFICATION, mail]) == 0
        assert store.notifications(conn, MONITOR) == [NOTIFICATION, mail]


def test_what_was_told_is_read_in_order_and_without_what_was_held_back(store: Store) -> None:
    later = replace(NOTIFICATION, day=NOTIFICATION.day + timedelta(days=1), judgements="[2]")
    held = replace(later, notifier="email:9f", state=Delivery.SUPPRESSED, judgements="[3]")
    other = replace(later, monitor="arrival_delay", judgements="[4]")
    with store.transaction(MONITOR) as conn:
        store.enqueue(conn, [later, held, other, replace(NOTIFICATION, judgements="[1]")])
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
    with store.transaction() as conn:
        store.enqueue(conn, [NOTIFICATION])
    with store.transaction() as conn:
        ((number, claimed),) = store.claim(conn, MONITOR)
    assert claimed == replace(NOTIFICATION, state=Delivery.SENDING, attempts=1)
    with store.transaction() as conn:
        assert store.pending(conn, MONITOR) == []
        assert store.claim(conn, MONITOR) == []
        store.record(conn, number, Delivery.SENT, provider_id="1365.0001")
        assert store.claim(conn, MONITOR) == []
        assert store.notifications(conn) == [replace(claimed, state=Delivery.SENT, provider_id="1365.0001")]


def test_senders_at_once_claim_each_message_once(store: Store) -> None:
    messages = [replace(NOTIFICATION, notifier=f"slack:{i}") for i in range(60)]
    with store.transaction() as conn:
        store.enqueue(conn, messages)
    start = Barrier(4)

    def send(_: int) -> list[int]:
        start.wait()
        numbers: list[int] = []
        while True:
            with store.transaction() as conn:
                batch = store.claim(conn, MONITOR, limit=7)
            if not batch:
                return numbers
            numbers += [number for number, _ in batch]

    with ThreadPoolExecutor(4) as pool:
        claimed = [number for found in pool.map(send, range(4)) for number in found]
    assert len(claimed) == len(set(claimed)) == 60


def test_a_claim_held_open_does_not_block_the_next_sender(store: Store) -> None:
    messages = [replace(NOTIFICATION, notifier=f"slack:{i}") for i in range(4)]
    with store.transaction() as conn:
        store.enqueue(conn, messages)
    with store.transaction() as first, store.transaction() as second:
        mine = {number for number, _ in store.claim(first, MONITOR, limit=2)}
        yours = {number for number, _ in store.claim(second, MONITOR)}
    assert len(mine) == len(yours) == 2
    assert mine.isdisjoint(yours)


def test_a_lease_that_ran_out_is_claimed_again_and_marked(store: Store) -> None:
    with store.transaction() as conn:
        store.enqueue(conn, [NOTIFICATION])
        store.claim(conn, MONITOR, lease=OVER)
        ((_, again),) = store.claim(conn, MONITOR)
        assert (again.state, again.attempts) == (Delivery.SENDING, 2)
        assert again.error is not None
        assert "may have been accepted" in again.error
        assert store.claim(conn, MONITOR) == []


def test_the_lease_is_ten_minutes_of_the_databases_clock(store: Store) -> None:
    with store.transaction() as conn:
        store.enqueue(conn, [NOTIFICATION])
        store.claim(conn, MONITOR)
        left = conn.execute(
            sa.text("select lease_until - updated_at from hindsight.notification")
        ).scalar_one()
    assert timedelta(minutes=10) - timedelta(seconds=1) < left <= timedelta(minutes=10, seconds=1)


def test_a_message_waits_for_its_next_attempt(store: Store) -> None:
    now = datetime.now(UTC)
    with store.transaction() as conn:
        store.enqueue(conn, [NOTIFICATION])
        ((number, _),) = store.claim(conn, MONITOR)
        store.record(conn, number, Delivery.PENDING, error="429", next_attempt_at=now + timedelta(hours=1))
        assert store.claim(conn, MONITOR) == []
        ((_, waiting),) = [(0, row) for row in store.notifications(conn)]
        assert (waiting.state, waiting.error) == (Delivery.PENDING, "429")
        store.record(conn, number, Delivery.PENDING, error="429", next_attempt_at=now - timedelta(hours=1))
        assert [each for each, _ in store.pending(conn)] == [number]
        ((_, again),) = store.claim(conn)
        assert (again.attempts, again.error) == (2, "429")


@pytest.mark.parametrize("state", [Delivery.LOGGED, Delivery.SUPPRESSED, Delivery.DEAD])
def test_what_is_settled_is_not_claimed(store: Store, state: Delivery) -> None:
    with store.transaction() as conn:
        store.enqueue(conn, [replace(NOTIFICATION, state=state)])
        assert store.claim(conn, MONITOR) == []


def test_what_was_sent_stays_sent(store: Store) -> None:
    with store.transaction() as conn:
        store.enqueue(conn, [NOTIFICATION])
        ((number, _),) = store.claim(conn, MONITOR)
        store.record(conn, number, Delivery.SENT, provider_id="1365.0001")
        store.record(conn, number, Delivery.PENDING, error="a late sender timed out")
        (found,) = store.notifications(conn)
    assert (found.state, found.provider_id, found.error) == (Delivery.SENT, "1365.0001", None)


def test_the_oldest_day_is_claimed_first(store: Store) -> None:
    days = [replace(NOTIFICATION, day=NOTIFICATION.day + timedelta(days=i)) for i in (2, 0, 1)]
    with store.transaction() as conn:
        store.enqueue(conn, days)
        store.enqueue(conn, [replace(NOTIFICATION, monitor="arrival_delay")])
        assert [row.day.day for _, row in store.pending(conn, MONITOR)] == [10, 11, 12]
        assert [row.day.day for _, row in store.claim(conn, MONITOR, limit=2)] == [10, 11]
        assert [row.monitor for _, row in store.claim(conn)] == ["arrival_delay", MONITOR]


def test_recording_a_message_that_is_not_there_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="holds no message number 42"), store.transaction() as conn:
        store.record(conn, 42, Delivery.SENT)


def test_times_are_stamped(store: Store) -> None:
    with store.transaction() as conn:
        store.enqueue(conn, [NOTIFICATION])
        ((number, _),) = store.claim(conn)
        store.record(conn, number, Delivery.SENT)
        times = (
            "select created_at <= sent_at, updated_at - sent_at < interval '1 s', lease_until "
            "from hindsight.notification"
        )
        assert conn.execute(sa.text(times)).one() == (True, True, None)
