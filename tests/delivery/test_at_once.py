"""Two delivering processes at once, while messages are written: each tells once, and in order."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from delivery.cells import Cell, Sending, row, token
from delivery.receiving import PagerDutyLike
from delivery.world import World
from forge import Forge, forge
from hindsight.domain.records import Delivery
from receivers import Answer

MESSAGES = 8
KINDS = ("slack", "slack without history", "pagerduty", "webhook", "email")


@dataclass(frozen=True)
class Racing:
    """Round after round of the same cells, for so many seconds."""

    sending: Sending
    seconds: float

    def do(self) -> None:
        until = time.monotonic() + self.seconds
        while time.monotonic() < until:
            self.sending.do()


@pytest.fixture(scope="module")
def smithy(world: World) -> Iterator[Forge]:
    warm = Cell("warm", "webhook")
    world.receiver(warm)
    with forge(Sending(world.servers, (warm,))) as smithy:
        yield smithy


def test_two_senders_at_once_tell_everything_once_and_in_order(world: World, smithy: Forge) -> None:
    """With leases of their usual length, for both are alive; receivers take their time."""
    cells = tuple(Cell(f"race{number}", kind) for number, kind in enumerate(KINDS))
    for cell in cells:
        world.receiver(cell).script.extend([Answer(accepts=True, delay=0.15)] * MESSAGES)
    racing = Racing(Sending(world.servers, cells, lease=Sending.USUAL), 6)
    senders = [smithy.started(racing), smithy.started(racing)]
    for number in range(MESSAGES):
        world.enqueue(*(row(cell, number) for cell in cells))
        time.sleep(0.5)
    assert [sender.ended() for sender in senders] == [0, 0]
    world.deliver(*cells)
    for cell in cells:
        assert {each.state for each in world.rows(cell)} <= {Delivery.SENT, Delivery.MERGED}, cell
        if cell.kind == "pagerduty":
            receiver = world.receiver(cell)
            assert isinstance(receiver, PagerDutyLike)
            assert list(receiver.opened.values()) == [1]
            continue
        told = [
            number for text in world.accepted(cell) for number in range(MESSAGES) if token(number) in text
        ]
        assert told == list(range(MESSAGES)), cell
        assert len(world.accepted(cell)) == [each.state for each in world.rows(cell)].count(Delivery.SENT)
        assert len(world.accepted(cell)) == world.came(cell)


def test_a_sender_that_is_slow_is_left_alone_while_its_lease_lasts(world: World, smithy: Forge) -> None:
    cell = Cell("slow", "webhook")
    world.receiver(cell).script.append(Answer(accepts=True, delay=0.6))
    world.enqueue(row(cell, 0))
    slow = smithy.started(Sending(world.servers, (cell,), lease=Sending.USUAL))
    while not world.came(cell):
        time.sleep(0.01)
    world.enqueue(row(cell, 1))
    assert world.deliver(cell) == "", "that another sends is no failure"
    assert world.came(cell) == 1
    assert slow.ended() == 0
    assert [token(0) in text for text in world.accepted(cell)] == [True, False]
