"""Senders killed at every point, receivers that behave in every way: what arrives, counted to the message.

For each cell of (point, behaviour, channel) a process of its own sets out to deliver one message and is
killed.  Then a second message is written, and another process delivers.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from delivery.cells import SLOWLY, Cell, PagerDutyLike, Sending, World, row, token, world_on
from delivery.forge import Forge, forge
from hindsight.domain.records import Delivery
from hindsight.embedded import EmbeddedPostgres
from hindsight.message.gathered import REPEATED
from receivers import DROPS_AFTER_ACCEPTING, FAILS, Answer, refuses

POINTS = (
    "",
    "notify.claiming",
    "notify.claimed",
    "notify.sending",
    "in flight",
    "notify.sent",
    "notify.recording",
    "notify.recorded",
)
"""Where the first sender dies: nowhere, at a point of `hindsight.faults`, or waiting for the answer."""

TOMORROW = format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True)
BEHAVIOURS: dict[str, tuple[list[Answer], list[str]]] = {
    "ok": ([], []),
    "429 in seconds, twice": ([Answer(429, "", {"Retry-After": "30"})] * 2, ["DATA 451"] * 2),
    "429 until a date": ([Answer(429, "", {"Retry-After": TOMORROW})], ["RCPT 450"]),
    "500 before accepting": ([FAILS], ["DATA 421"]),
    "500 after accepting": ([Answer(500, "oops", accepts=True)], []),
    "accept, then drop": ([DROPS_AFTER_ACCEPTING], ["drops"]),
    "accept slowly": ([Answer(accepts=True, delay=SLOWLY)], ["slowly"]),
    "reject": ([], ["RCPT 550"]),
}
"""What a receiver does with the first messages it is handed, by HTTP and by mail; then it takes all."""

REJECTS = {
    "slack": refuses("is_archived"),
    "slack without history": refuses("is_archived"),
    "pagerduty": Answer(400, '{"message": "Event object is invalid"}'),
    "webhook": Answer(403, "no"),
}
EXACT = {"slack", "pagerduty"}
"""Where nothing may be told twice."""

KINDS = (*REJECTS, "email")


@dataclass(frozen=True)
class Case:
    """A cell, and where and how it is disturbed."""

    point: str
    behaviour: str
    cell: Cell


def cases() -> list[Case]:
    """Every combination that there is: mail has no answer after accepting that is not an acceptance, and a
    sender can be killed in flight only where it has to wait.
    """
    return [
        Case(point, behaviour, Cell(f"m{number}", kind))
        for number, (point, behaviour, kind) in enumerate(
            (point, behaviour, kind)
            for point in POINTS
            for behaviour in BEHAVIOURS
            for kind in KINDS
            if (behaviour, kind) != ("500 after accepting", "email")
            if point != "in flight" or behaviour == "accept slowly"
        )
    ]


@dataclass
class Seen:
    """What was there after the first sender, and what in the end."""

    world: World
    codes: dict[Case, int]
    accepted: dict[Case, int]
    states: dict[Case, Delivery]

    def duplicates(self, case: Case) -> int:
        """How many messages tell what was told before; each must say that it may, and each must tell."""
        told: set[str] = set()
        again = 0
        for message in self.world.accepted(case.cell):
            tells = {each for each in (token(0), token(1)) if each in message}
            assert tells, f"{case} got a message that tells nothing"
            if tells & told:
                again += 1
                assert REPEATED in message, f"{case} was told twice and not warned"
            told |= tells
        assert told == {token(0), token(1)}, f"{case} was not told everything"
        return again


@pytest.fixture(scope="module")
def seen(postgres: EmbeddedPostgres) -> Iterator[Seen]:
    """The whole matrix, once."""
    name = "delivery_killed"
    with world_on(postgres.ensure_database(name)) as world, forge(warming(world)) as smithy:
        every = cases()
        for case in every:
            web, mail = BEHAVIOURS[case.behaviour]
            answers = [REJECTS[case.cell.kind]] if case.behaviour == "reject" and not_mail(case) else web
            world.receiver(case.cell)
            world.script(case.cell, *(answers if not_mail(case) else mail))
        world.enqueue(*(row(case.cell, 0) for case in every))
        with ThreadPoolExecutor(6) as pool:
            codes = dict(zip(every, pool.map(lambda case: killed(smithy, world, case), every), strict=True))
        slow = [case.cell for case in every if case.behaviour == "accept slowly"]
        settle(world, slow)
        accepted = {case: len(world.accepted(case.cell)) for case in every}
        with world.store.transaction() as connection:
            rows = world.store.newest_messages(connection, limit=10_000)
        state = {each.monitor: each.state for _, each in rows}
        states = {case: state[case.cell.monitor] for case in every}
        for case in every:
            if case.cell.kind in EXACT:
                world.ends(case.cell, 1)
        cells = [case.cell for case in every]
        world.enqueue(*(row(cell, 1, over=True) for cell in cells))
        send_all(smithy, world, cells, slow)
        resend_dead(world)
        send_all(smithy, world, cells, slow)
        yield Seen(world, codes, accepted, states)
    postgres.drop_database(name)


def warming(world: World) -> Sending:
    """One message to each kind of channel."""
    cells = tuple(Cell(f"warm{number}", kind) for number, kind in enumerate(KINDS))
    for cell in cells:
        world.receiver(cell)
    world.enqueue(*(row(cell, 0) for cell in cells))
    return Sending(world.servers, cells)


def not_mail(case: Case) -> bool:
    return case.cell.kind != "email"


def killed(smithy: Forge, world: World, case: Case) -> int:
    """With what the first sender ended."""
    sending = Sending(world.servers, (case.cell,))
    child = smithy.started(sending, "" if case.point == "in flight" else case.point)
    if case.point == "in flight":
        until = time.monotonic() + 30
        while not world.came(case.cell) and time.monotonic() < until:
            time.sleep(0.02)
        child.kill()
    return child.ended()


def settle(world: World, slow: list[Cell]) -> None:
    """Wait until slow receivers have taken what they were handed."""
    until = time.monotonic() + 30
    while any(len(world.accepted(cell)) < world.came(cell) for cell in slow):
        assert time.monotonic() < until, "a slow receiver never took what it was handed"
        time.sleep(0.05)


def send_all(smithy: Forge, world: World, cells: list[Cell], slow: list[Cell]) -> None:
    """Other processes deliver until nothing is left; between their rounds every pause passes."""
    for _ in range(6):
        due = world.due(*cells)
        if not due:
            return
        halves = [smithy.started(Sending(world.servers, due[half::2])) for half in (0, 1)]
        assert [child.ended() for child in halves] == [0, 0]
        settle(world, [cell for cell in due if cell in slow])
        world.time_passes()
    raise AssertionError(f"{due} are never done")


def resend_dead(world: World) -> None:
    """What was given up is sent again on request, as a person would who has mended the channel."""
    with world.store.transaction() as connection:
        for number, each in world.store.newest_messages(connection, limit=10_000, states=[Delivery.DEAD]):
            assert each.error, "nobody knows why it was given up"
            world.store.resend(connection, number)


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
    """Where a receiver took a message and did not say so, or said so to a sender that died of it."""
    counted: Counter[str] = Counter()
    for case in seen.codes:
        if case.cell.kind not in EXACT:
            assert seen.duplicates(case) == nobody_can_tell(case), case
            counted[case.cell.kind] += seen.duplicates(case)
    assert counted == {"slack without history": 24, "webhook": 24, "email": 17}


def nobody_can_tell(case: Case) -> bool:
    unsaid = case.behaviour in ("500 after accepting", "accept, then drop", "accept slowly")
    return unsaid or (case.behaviour == "ok" and case.point in ("notify.sent", "notify.recording"))


def test_there_is_not_one_message_too_many(seen: Seen) -> None:
    """One that tells both days; two where the first was taken by itself, or nobody can tell; and what was
    given up was asked for besides.
    """
    total: Counter[str] = Counter()
    for case in seen.codes:
        found = len(seen.world.accepted(case.cell))
        total[case.cell.kind] += found
        if case.cell.kind != "pagerduty":
            again = case.cell.kind not in EXACT and nobody_can_tell(case)
            dead = case.behaviour == "reject" and seen.states[case] is Delivery.DEAD
            assert found == 1 + bool(seen.accepted[case] or again or dead), case
    assert total == {"slack": 76, "slack without history": 85, "pagerduty": 85, "webhook": 85, "email": 71}
