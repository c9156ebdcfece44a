"""The matrix of deaths and misfortunes: where a sender dies, what its receiver does, and over which channel.

For each case a process of its own sets out to deliver one message and is killed.  Then a second message is
written, and other processes deliver.
"""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count, product

from delivery.cells import FIRST, Cell, Sending, row, token
from delivery.receiving import SLOWLY
from delivery.world import World
from forge import Forge
from hindsight import faults
from hindsight.domain.records import Delivery
from hindsight.domain.values import IncidentState
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

ASKING, JOINING, UPDATING = faults.DELIVERY[:2], faults.DELIVERY[2:4], faults.DELIVERY[4:]
"""Where it can die only if there was a try before of which nobody knows, or a thread that shows what was."""

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
"""What a receiver does with the first messages it is handed, or updates, by HTTP and by mail; then it takes
all.
"""

DOUBTS: dict[str, tuple[Answer, str]] = {
    "arrived": (Answer(500, "oops", accepts=True), "drops"),
    "lost": (FAILS, "loses"),
}
"""What became of a try of which nobody knows what became."""

REJECTS = {
    "slack": refuses("is_archived"),
    "slack without history": refuses("is_archived"),
    "pagerduty": Answer(400, '{"message": "Event object is invalid"}'),
    "webhook": Answer(403, "no"),
}
FOR_GOOD = refuses("cant_update_message")
"""How Slack refuses an update that will never be."""

EXACT = {"slack", "pagerduty"}
"""Where nothing may be told twice."""

THREADED = ("slack", "slack without history")
KINDS = (*REJECTS, "email")


@dataclass(frozen=True)
class Case:
    """A cell, and where and how it is disturbed; `doubt` is what became of the try before, if one was."""

    point: str
    behaviour: str
    cell: Cell
    doubt: str = ""

    @property
    def answers(self) -> list[Answer] | list[str]:
        """What its receiver does first, once it matters."""
        web, mail = BEHAVIOURS[self.behaviour]
        if self.cell.kind == "email":
            return mail
        if self.behaviour == "reject":
            return [FOR_GOOD if self.point in UPDATING else REJECTS[self.cell.kind]]
        return web


def cases() -> list[Case]:
    """Every combination that there is.

    Mail has no answer after accepting that is not an acceptance.  A sender can be killed in flight only
    where it has to wait.  Nothing joins a message that is found.  Slack alone can be asked, so that to the
    others a message in doubt has arrived or not all the same.  Slack alone has threads, and an update
    that is refused for good is never made.
    """
    found = [(*each, "") for each in product(POINTS, BEHAVIOURS, KINDS)]
    found += [(*each, "arrived") for each in product((*ASKING, *JOINING), BEHAVIOURS, KINDS)]
    found += [(*each, "lost") for each in product((*ASKING, *JOINING), BEHAVIOURS, ("slack",))]
    found += [(*each, "") for each in product(UPDATING, BEHAVIOURS, THREADED)]
    number = count()
    return [
        Case(point, behaviour, Cell(f"m{next(number)}", kind), doubt)
        for point, behaviour, kind, doubt in found
        if (behaviour, kind) != ("500 after accepting", "email")
        if point != "in flight" or behaviour == "accept slowly"
        if not (point in JOINING and (kind, doubt) == ("slack", "arrived"))
        if (point, behaviour) != ("notify.updated", "reject")
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


def seen_on(world: World, smithy: Forge) -> Seen:
    """All of it, once."""
    every = cases()
    for case in every:
        world.receiver(case.cell)
    world.enqueue(*(row(case.cell, 0) for case in every))
    begin_in_doubt(smithy, world, [case for case in every if case.doubt])
    for case in every:
        if case.point in UPDATING:
            taken = {"acknowledged_by": "Ann", "acknowledged_until": FIRST + timedelta(days=7)}
            world.stands(case.cell, state=IncidentState.ACKNOWLEDGED, **taken)
            world.receiver(case.cell).scripts["chat.update"] = deque(each for each in case.answers if each)
        else:
            world.script(case.cell, *case.answers)
    with ThreadPoolExecutor(6) as pool:
        codes = dict(zip(every, pool.map(lambda case: killed(smithy, world, case), every), strict=True))
    slow = {case.cell: case.doubt == "lost" for case in every if case.behaviour == "accept slowly"}
    time.sleep(SLOWLY)  # for an update that a slow receiver has yet to make
    settle(world, slow)
    accepted = {case: len(world.accepted(case.cell)) for case in every}
    with world.store.transaction() as connection:
        rows = world.store.newest_messages(connection, limit=10_000)
    state = {each.monitor: each.state for _, each in rows}
    states = {case: state[case.cell.monitor] for case in every}
    for case in every:
        if case.cell.kind in EXACT or case.point in UPDATING:
            world.ends(case.cell, 1)
    cells = [case.cell for case in every]
    world.enqueue(*(row(cell, 1, over=True) for cell in cells))
    send_all(smithy, world, cells, slow)
    resend_dead(world)
    send_all(smithy, world, cells, slow)
    return Seen(world, codes, accepted, states)


def warming(world: World) -> Sending:
    """One message to each kind of channel."""
    cells = tuple(Cell(f"warm{number}", kind) for number, kind in enumerate(KINDS))
    for cell in cells:
        world.receiver(cell)
    world.enqueue(*(row(cell, 0) for cell in cells))
    return Sending(world.servers, cells)


def begin_in_doubt(smithy: Forge, world: World, doubtful: list[Case]) -> None:
    """A try of each, of which nobody learns what became.

    What PagerDuty answers is never in doubt, for an event may come twice: there the sender dies of it.
    """
    answered = [case for case in doubtful if case.cell.kind != "pagerduty"]
    for case in answered:
        world.script(case.cell, DOUBTS[case.doubt][case.cell.kind == "email"])
    send_in_parts(smithy, world, [case.cell for case in answered])
    senders = [
        smithy.started(Sending(world.servers, (case.cell,)), "notify.sent")
        for case in doubtful
        if case.cell.kind == "pagerduty"
    ]
    assert {sender.ended() for sender in senders} == {-signal.SIGKILL}
    for case in doubtful:
        (tried,) = world.rows(case.cell)
        assert tried.ambiguous_since or tried.state is Delivery.SENDING, case
        assert len(world.accepted(case.cell)) == (case.doubt == "arrived"), case
    world.time_passes()


def killed(smithy: Forge, world: World, case: Case) -> int:
    """With what the first sender ended."""
    # Who may fail to update a thread tries it with each round.
    sending = Sending(world.servers, (case.cell,), rounds=3 if case.point in UPDATING else 1)
    child = smithy.started(sending, "" if case.point == "in flight" else case.point)
    if case.point == "in flight":
        until = time.monotonic() + 30
        while not world.came(case.cell) and time.monotonic() < until:
            time.sleep(0.02)
        child.kill()
    return child.ended()


def settle(world: World, slow: Mapping[Cell, bool]) -> None:
    """Wait until slow receivers have taken what they were handed, but for what was lost before."""
    until = time.monotonic() + 30
    while any(len(world.accepted(cell)) + lost < world.came(cell) for cell, lost in slow.items()):
        assert time.monotonic() < until, "a slow receiver never took what it was handed"
        time.sleep(0.05)


def send_all(smithy: Forge, world: World, cells: list[Cell], slow: Mapping[Cell, bool]) -> None:
    """Other processes deliver until nothing is left; between their rounds every pause passes."""
    for _ in range(6):
        due = world.due(*cells)
        if not due:
            return
        send_in_parts(smithy, world, due)
        settle(world, slow)
        world.time_passes()
    raise AssertionError(f"{due} are never done")


def send_in_parts(smithy: Forge, world: World, cells: Sequence[Cell], parts: int = 6) -> None:
    """Some processes at once, for much of the time they wait for slow receivers."""
    works = [Sending(world.servers, tuple(cells[part::parts])) for part in range(parts)]
    senders = [smithy.started(work) for work in works]
    assert {sender.ended() for sender in senders} == {0}


def resend_dead(world: World) -> None:
    """What was given up is sent again on request, as a person would who has mended the channel."""
    with world.store.transaction() as connection:
        dead = world.store.newest_messages(connection, limit=10_000, states=[Delivery.DEAD])
        again: set[int] = set()
        for number, each in dead:
            assert each.error, "nobody knows why it was given up"
            if number not in again:  # what was in the same message goes along
                again |= {found for found, _ in world.store.resend(connection, number)}
