"""An account of a monitor's incidents: as they stand, what people did, what is silenced, who was told what.

The command line, the HTTP interface and the page show the same one.  All of it is read in one view of the
store; to change something there is `hindsight.pipeline.acts`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeVar

from hindsight.domain.records import Action, Delivery, Incident, Notification, Silence, Thread
from hindsight.domain.values import IncidentState, Length
from hindsight.errors import HindsightError
from hindsight.notifiers import FALLBACK, BaseNotifier, channels
from hindsight.orchestration.places import last_day
from hindsight.wording import name

if TYPE_CHECKING:
    from hindsight.domain.spec import MonitorSpec
    from hindsight.store import Store

SHORT: Final = 10
"""Characters of an id that a table shows: `inc_` or `sil_` and six digits."""

MOST_MESSAGES: Final = 1000
"""How far back the account goes in messages; the store has all."""

IDENTITY: Final = re.compile(r"[a-z]{1,8}(_[0-9a-f]{0,64})?")
"""An id, or the beginning of one."""

Row = TypeVar("Row", Incident, Silence, Action)


class Unknown(HindsightError):
    """Nothing has this id, or several things begin with it."""


@dataclass(frozen=True)
class Account:
    """What is known of the incidents of a monitor; the newest incident and the latest message come first."""

    incidents: tuple[Incident, ...]
    actions: tuple[Action, ...]
    silences: tuple[Silence, ...]
    messages: tuple[tuple[int, Notification], ...]
    threads: tuple[Thread, ...]

    def actions_on(self, incident: Incident) -> tuple[Action, ...]:
        """What was done to an incident, oldest first."""
        return tuple(action for action in self.actions if action.incident == incident.id)

    def messages_on(self, incident: Incident) -> tuple[tuple[int, Notification], ...]:
        """The messages that name an incident."""
        return tuple(each for each in self.messages if incident.id in each[1].incidents)

    def silences_on(self, incident: Incident) -> tuple[Silence, ...]:
        """The silences that keep any part of an incident quiet, those that are over included."""
        return tuple(each for each in self.silences if concerns(each, incident))


def account(store: Store, monitor: str) -> Account:
    """Read all of it at once."""
    with store.reading() as connection:
        incidents = store.incidents(connection, monitor)
        return Account(
            incidents=newest_first(incidents),
            actions=tuple(store.actions(connection, monitor)),
            silences=tuple(store.silences(connection, monitor)),
            messages=tuple(store.newest_messages(connection, monitor, MOST_MESSAGES)),
            threads=tuple(store.threads(connection, monitor)),
        )


def newest_first(incidents: Iterable[Incident]) -> tuple[Incident, ...]:
    """Open ones before those that are over, each the newest first."""
    in_order = sorted(incidents, key=lambda each: (each.monitor, each.id))
    in_order.sort(key=lambda each: each.opened_on, reverse=True)
    return tuple(sorted(in_order, key=lambda each: each.resolved_on is not None))


def wanted(
    incidents: Iterable[Incident], *, over: bool = False, pending: bool = False
) -> tuple[Incident, ...]:
    """The incidents that are open; with `over` also what is resolved, with `pending` the unconfirmed."""
    return tuple(
        each
        for each in incidents
        if (pending if each.state is IncidentState.PENDING else over or each.is_open)
    )


def concerns(silence: Silence, incident: Incident) -> bool:
    """Whether a silence matches the class of an incident, and any of its members."""
    if silence.incident_class not in (None, incident.incident_class):
        return False
    return any(
        silence.detector in (None, each.detector)
        and silence.version in (None, each.version)
        and silence.segment in (None, each.segment)
        for each in incident.members
    )


def lasting(silences: Iterable[Silence], today: date) -> tuple[Silence, ...]:
    """The silences that hold on this day, or will."""
    return tuple(each for each in silences if each.ended_on is None and each.until >= today)


def present_day(now: datetime) -> date:
    """The day by which a silence is over or not: today, or where the logs end (`HINDSIGHT_LAST_DAY`)."""
    last, today = last_day(), now.date()
    return today if last is None else min(last, today)


def identified(rows: Iterable[Row], identity: str, what: str) -> Row:
    """The one whose id is this, or begins with it; Unknown, with the cure, if there is none or are several.

    >>> identified([], "inc_ab", "incident")
    Traceback (most recent call last):
    ...
    hindsight.orchestration.account.Unknown: There is no incident inc_ab.
    """
    every = tuple(rows)
    exact = [each for each in every if each.id == identity]
    if exact:
        return exact[0]
    told = name(identity) or "''"
    found = [each for each in every if each.id.startswith(identity)] if IDENTITY.fullmatch(identity) else []
    if len(found) == 1:
        return found[0]
    if not found:
        raise Unknown(f"There is no {what} {told}.")
    raise Unknown(
        f"{told} begins the ids of {len(found)} {what}s: {', '.join(sorted(each.id for each in found))}; "
        "write more of it."
    )


def short(identity: str) -> str:
    """An id as a table shows it.

    >>> short("inc_3f2a1b9c8d7e6f50")
    'inc_3f2a1b'
    """
    return identity[:SHORT]


def last_day_of(spell: str, first: date) -> date:
    """The last of so many run days, the first included.

    >>> last_day_of("7d", date(2013, 4, 12)).isoformat()
    '2013-04-18'
    """
    try:
        length = Length.parse(spell)
    except ValueError:
        length = Length(0)
    if length.unit != "d" or not length.count:
        raise HindsightError(f"{spell!r} is not a number of days such as '7d'.")
    return first + timedelta(days=length.count - 1)


def channel_names(spec: MonitorSpec) -> Mapping[str, str]:
    """Where each channel of a monitor leads, in a few words, by its key in the outbox."""
    return {key: channel_name(key, channel) for key, channel in channels((*spec.notify, FALLBACK)).items()}


def channel_name(key: str, channel: BaseNotifier | None = None) -> str:
    """The kind of a channel and where it leads; addresses are ids and names, and never a secret.

    >>> channel_name("log:44136fa3", FALLBACK), channel_name("email:00112233")
    ('log', 'email')
    """
    kind = key.partition(":")[0].replace("_", " ")
    if channel is None:
        return kind
    address = channel.address
    where = next((address[part] for part in ("channel", "recipient", "connection") if address.get(part)), "")
    return f"{kind} {name(str(where))}" if where else kind


WORDS: Final[Mapping[Delivery, str]] = {
    Delivery.PENDING: "waits to be sent",
    Delivery.SENDING: "is being sent",
    Delivery.SENT: "sent",
    Delivery.LOGGED: "logged",
    Delivery.SUPPRESSED: "held back",
    Delivery.MERGED: "sent with a later one",
    Delivery.DEAD: "given up",
}
"""What became of a message, as people read it."""


def plain(value: Any) -> Any:
    """A record as JSON has it: field by field, days and times in ISO 8601."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    return value


def record(incident: Incident) -> dict[str, Any]:
    """An incident as JSON."""
    made: dict[str, Any] = plain(incident)
    return made | {"is_open": incident.is_open}


def message_record(number: int, row: Notification, names: Mapping[str, str]) -> dict[str, Any]:
    """What of a message others may read: to whom it went and what became of it, without its text."""
    return {
        "number": number,
        "day": row.day.isoformat(),
        "kind": row.kind,
        "channel": names.get(row.notifier, channel_name(row.notifier)),
        "state": row.state.value,
        "reason": row.reason,
        "attempts": row.attempts,
        "error": row.error,
        "sent_with": row.batch,
        "incidents": list(row.incidents),
        "tellings": list(row.tellings),
        "next_attempt_at": plain(row.next_attempt_at),
    }
