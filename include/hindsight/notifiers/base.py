"""What every notifier is handed, what it gives back, and which messages it wants."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, ClassVar, Self

from hindsight.domain.values import Hours, IncidentClass, IncidentState, Severity, When
from hindsight.errors import DeliveryError, HindsightError
from hindsight.message import Document
from hindsight.message.document import About
from hindsight.message.standing import NEWS
from hindsight.notifiers.connection import Connect


class CannotTell(HindsightError):
    """Nobody can say whether a message arrived: the channel has no history, or we may not read it."""


class CannotChange(DeliveryError):
    """A message will never show anything else: somebody deleted it, or it is not ours, or too old."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retry=False)


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart as an image; `alt` says in words what it shows."""

    name: str
    png: bytes = field(repr=False)
    alt: str


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message on its way to one channel.

    `key` is the same whenever the same message is sent again.  `thread` is what the receiver called the
    message that this one answers; None begins a thread, if the channel has such.  `loud` wants an answer to
    be seen outside of its thread, too.  `since` is when the first try began that may have been accepted; None
    where none can have been.
    """

    document: Document
    key: str
    thread: str | None = None
    loud: bool = False
    since: datetime | None = None
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """That the receiver has taken a message: what it calls it, and what was left out on the way, in
    sentences.  `anew` says that it was to answer a message that is no more, and answers none.
    """

    provider_id: str | None = None
    remarks: tuple[str, ...] = ()
    anew: bool = False


def news(parcel: Parcel) -> list[About]:
    """The open incidents of which a message has news: they have begun, come back or become graver.

    One that it names without such a change had begun unheard, unless the message answers an earlier one.
    """
    return [
        each
        for each in parcel.document.about
        if each.news
        and each.resolved_on is None
        and each.state is not IncidentState.PENDING
        and (parcel.thread is None or NEWS.intersection(each.changes))
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseNotifier:
    """A way to reach people, and which messages go there; its fields are the keys of its YAML entry.

    It hears of incidents from `min_severity` on, of these `classes`, whose worst breach lies in these
    `segments` (`origin=EWR`, or a column), of monitors of these `owners`; an empty list wants all.  During
    `quiet` hours, by the monitor's clock, only what is critical goes out; the rest waits for their end.
    `when` asks for one summary a day or a week instead.
    """

    threads: ClassVar[bool] = False
    """Whether messages can be answers to others: then incidents have threads, which `update` keeps up to
    date.
    """
    finds: ClassVar[bool] = False
    """Whether `find` can tell if a message arrived."""
    follows: ClassVar[bool] = False
    """Whether it wants to hear when somebody acknowledges an incident."""

    min_severity: Severity = Severity.WARNING
    classes: tuple[IncidentClass, ...] = ()
    segments: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    quiet: Hours | None = None
    when: When = When.EACH

    def channels(self) -> tuple[Self, ...]:
        """What is delivered to independently of each other: itself, or one part for each recipient."""
        return (self,)

    @property
    def address(self) -> dict[str, Any]:
        """The options that say where it leads: all but those that choose messages."""
        choosing = {each.name for each in fields(BaseNotifier)}
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name not in choosing}

    def send(self, parcel: Parcel, connect: Connect) -> Sent:
        """Send it once; DeliveryError says whether trying again can help, and whether it may have arrived."""
        raise NotImplementedError

    def find(self, parcel: Parcel, connect: Connect) -> Sent | None:
        """The message, if it arrived after `parcel.since`; None if it surely did not; else CannotTell."""
        raise CannotTell("This channel keeps no history that could be asked.")

    def update(self, provider_id: str, document: Document, connect: Connect) -> None:
        """Have a message show this document instead; doing so twice is doing so once.  CannotChange if that
        will never be.
        """
        raise NotImplementedError
