"""Senders killed at every point, receivers that behave in every way: what arrives, counted to the message."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator

import pytest

from delivery.matrix import EXACT, POINTS, THREADED, UPDATING, Case, Seen, cases, seen_on, warming
from delivery.receiving import PagerDutyLike
from delivery.world import world_on
from forge import forge
from hindsight import faults
from hindsight.domain.records import Delivery
from hindsight.embedded import EmbeddedPostgres

# Five hundred processes: a minute of two idle cores, and more where the machine is busy.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def seen(postgres: EmbeddedPostgres) -> Iterator[Seen]:
    """The whole matrix, once."""
    name = "delivery_killed"
    with world_on(postgres.ensure_database(name)) as world, forge(warming(world)) as smithy:
        yield seen_on(world, smithy)
    postgres.drop_database(name)


def test_the_matrix_has_every_point_of_a_delivery() -> None:
    points = set(POINTS) | set(faults.DELIVERY)
    delivering = faults.POINTS[faults.POINTS.index("notify.claiming") :]
    assert {point for point in delivering if point.startswith("notify.")} <= points
    assert {case.point for case in cases()} == points
    assert Counter(bool(case.doubt) for case in cases()) == {False: 340, True: 172}


def test_every_sender_died_where_it_was_to_die(seen: Seen) -> None:
    for case, code in seen.codes.items():
        assert code == (-signal.SIGKILL if case.point else 0), case


def test_nothing_is_lost_and_nothing_left(seen: Seen) -> None:
    for case in seen.codes:
        states = {each.state for each in seen.world.rows(case.cell)}
        assert states <= {Delivery.SENT, Delivery.MERGED}, case
        if case.cell.kind != "pagerduty":
            seen.duplicates(case)
    with seen.world.store.transaction() as connection:
        assert seen.world.store.unsent(connection) == {}


def test_slack_with_history_tells_everything_once(seen: Seen) -> None:
    for case in seen.codes:
        if case.cell.kind == "slack":
            assert seen.duplicates(case) == 0, case


def test_pagerduty_opens_each_incident_once_and_ends_it(seen: Seen) -> None:
    for case in seen.codes:
        if case.cell.kind != "pagerduty":
            continue
        receiver = seen.world.receiver(case.cell)
        assert isinstance(receiver, PagerDutyLike)
        assert sum(receiver.opened.values()) <= 1, case
        assert set(receiver.state.values()) <= {"resolved"}, case
        assert seen.accepted[case] <= len(receiver.opened), case


def test_the_rest_is_told_again_exactly_where_nobody_can_tell(seen: Seen) -> None:
    counted: Counter[str] = Counter()
    for case in seen.codes:
        if case.cell.kind not in EXACT:
            assert seen.duplicates(case) == times_nobody_can_tell(case), case
            counted[case.cell.kind] += seen.duplicates(case)
    assert counted == {"slack without history": 68, "webhook": 68, "email": 53}


def times_nobody_can_tell(case: Case) -> int:
    """How often a receiver took a message and did not say so, or said so to a sender that died of it."""
    unsaid = case.behaviour in ("500 after accepting", "accept, then drop", "accept slowly")
    died_of_it = case.behaviour == "ok" and case.point in ("notify.sent", "notify.recording")
    return (case.doubt == "arrived") + (case.point not in UPDATING and (unsaid or died_of_it))


def refused_as_one(case: Case) -> bool:
    """Whether what is refused tells both days, so that each is then told by itself."""
    if case.behaviour != "reject" or case.point in UPDATING:
        return False
    if case.doubt:
        return (case.cell.kind, case.doubt) != ("slack", "arrived")
    return case.point in ("notify.claiming", "notify.claimed", "notify.sending")


def test_there_is_not_one_message_too_many(seen: Seen) -> None:
    """One that tells both days; two where the first was taken by itself, or nobody can tell; and what was
    given up was asked for besides.
    """
    total: Counter[str] = Counter()
    for case in seen.codes:
        found = len(seen.world.accepted(case.cell))
        total[case.cell.kind] += found
        if case.cell.kind != "pagerduty":
            again = 0 if case.cell.kind in EXACT else times_nobody_can_tell(case)
            dead = case.behaviour == "reject" and seen.states[case] is Delivery.DEAD
            assert found == 1 + max(again, bool(seen.accepted[case] or dead)) + refused_as_one(case), case
    assert total == {
        "slack": 209,
        "slack without history": 230,
        "pagerduty": 168,
        "webhook": 168,
        "email": 142,
    }


def test_a_thread_shows_in_the_end_how_its_incident_stands(seen: Seen) -> None:
    """Also if whoever was to show it died or was refused; once it does, nothing is shown again."""
    updated = 0
    for case in seen.codes:
        if case.point not in UPDATING:
            continue
        receiver = seen.world.receiver(case.cell)
        first, reply = receiver.messages
        assert (first.get("thread_ts"), reply["thread_ts"]) == (None, first["ts"]), case
        refused = (case.point, case.behaviour) == ("notify.updating", "reject")
        assert ("Resolved" in str(first["blocks"])) is not refused, case
        assert len(receiver.calls("chat.update")) == updates(case), case
        updated += 1
    assert updated == (len(UPDATING) * 8 - 1) * len(THREADED)
    with seen.world.store.transaction() as connection:
        assert seen.world.store.restless(connection) == []


def updates(case: Case) -> int:
    """How often Slack was asked: in vain; with what stood before, if the sender came so far; at the end."""
    taken = case.behaviour != "reject"
    return len(case.answers) + taken + (case.point != "notify.updating")
