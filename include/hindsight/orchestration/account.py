"""An account of a monitor's incidents: as they stand, what people did, what is silenced, who was told what.

The command line, the HTTP interface and the page show the same one.  To change something there is
`hindsight.pipeline.acts`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeVar
from zoneinfo import ZoneInfo

from hindsight.domain.records import Action, Delivery, Incident, Notification, Silence
from hindsight.domain.values import IncidentState, Length
from hindsight.errors import HindsightError
from hindsight.notifiers import FALLBACK, BaseNotifier, channels
from hindsight.policy.silence import covers, lasts
from hindsight.windows import run_day
from hindsight.wording import name

if TYPE_CHECKING:
    import sqlalchemy as sa

    from hindsight.domain.spec import MonitorSpec
    from hindsight.store import Store

SHORT: Final = 10
"""Characters of an id that a table shows: `inc_` or `sil_` and six digits."""

LEAST_DIGITS: Final = 4
"""Digits of an id without which nothing is done to what it names."""

MOST_MESSAGES: Final = 1000
"""How many messages of an incident are told of, the newest; the store has all."""

IDENTITY: Final = re.compile(r"[a-z]{1,8}(_[0-9a-f]{0,64})?")
"""An id, or the beginning of one."""

Row = TypeVar("Row", Incident, Silence, Action)


class Unknown(HindsightError):
    """Nothing has this id, or several things begin with it."""


@dataclass(frozen=True)
class Account:
    """What is known of the incidents of a monitor, the newest first; `next_day` is the next run day."""

    incidents: tuple[Incident, ...]
    actions: tuple[Action, ...]
    silences: tuple[Silence, ...]
    next_day: date

    def actions_on(self, incident: Incident) -> tuple[Action, ...]:
        """What was done to an incident, oldest first."""
        return tuple(action for action in self.actions if action.incident == incident.id)

    def silences_on(self, incident: Incident) -> tuple[Silence, ...]:
        """The silences that keep an incident quiet, or did at some time while it was open."""
        return tuple(
            each
            for each in self.silences
            if covers(each, incident)
            and (incident.resolved_on is None or each.start <= incident.resolved_on)
            and last_silent(each) >= max(each.start, incident.opened_on)
        )

    @property
    def lasting(self) -> tuple[Silence, ...]:
        """The silences that hold on the next run day, or will later."""
        return tuple(each for each in self.silences if lasting(each, self.next_day))

    @property
    def ended(self) -> tuple[Silence, ...]:
        """The silences that are over."""
        return tuple(each for each in self.silences if not lasting(each, self.next_day))


def account(store: Store, monitor: str, spec: MonitorSpec | None, now: datetime) -> Account:
    """Read all of it at once; `spec` is None where the monitor's file is wrong or gone."""
    with store.reading() as connection:
        return Account(
            incidents=newest_first(store.incidents(connection, monitor)),
            actions=tuple(store.actions(connection, monitor)),
            silences=tuple(store.silences(connection, monitor)),
            next_day=next_run_day(store, connection, monitor, spec, now),
        )


def next_run_day(
    store: Store, connection: sa.Connection, monitor: str, spec: MonitorSpec | None, now: datetime
) -> date:
    """The run day after the newest that was judged, as acts count days; where nothing was, the present one.

    Without its file nobody knows where a monitor's days begin: then it is the earliest that it can be, for to
    call a silence over that still holds would be worse than the reverse.
    """
    if spec is None:
        judged = store.newest_judged(connection, monitor)
        return (judged or now).astimezone(UTC).date() - timedelta(days=1)
    here = ZoneInfo(spec.timezone)
    judged = store.newest_judged(connection, monitor, [each.name for each in spec.detectors])
    return run_day(now, here) if judged is None else run_day(judged, here) + timedelta(days=1)


def messages_on(
    store: Store, incident: Incident, limit: int = MOST_MESSAGES, *, whole: bool = False
) -> tuple[tuple[tuple[int, Notification], ...], int]:
    """The newest messages that name an incident, and how many do; only `whole` ones have their document."""
    with store.reading() as connection:
        found = store.messages_about(connection, incident.monitor, incident.id, limit, whole=whole)
        full = len(found) == limit
        number = store.count_about(connection, incident.monitor, incident.id) if full else len(found)
    return tuple(found), number


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


def lasting(silence: Silence, next_day: date) -> bool:
    """Whether a silence holds on the next run day, or will later: the rule by which it can still be ended."""
    return lasts(silence, max(next_day, silence.start))


def last_silent(silence: Silence) -> date:
    """The last run day on which a silence held, or will."""
    if silence.ended_on is None:
        return silence.until
    return min(silence.until, silence.ended_on - timedelta(days=1))


def identified(rows: Iterable[Row], identity: str, what: str, *, digits: int = 0) -> Row:
    """The one whose id is this, or begins with it; Unknown, with the cure, if there is none or are several.

    Who wants to change something must give so many `digits` of it, that no other is meant.

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
        if len(identity.partition("_")[2]) < digits:
            raise Unknown(f"{told} is too little of an id to act on: write more of {found[0].id}.")
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
