"""Threads: under which message the next one goes, and first messages that show how their incidents stand.

Only channels whose messages can be answers have threads, and only for what they hear as it happens: a daily
or weekly summary answers nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import groupby

from hindsight import faults
from hindsight.domain.records import Incident, Thread
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import When
from hindsight.errors import HindsightError
from hindsight.message import About, Document, about, from_json, merged, perhaps_repeated, restated
from hindsight.notifiers import BaseNotifier, CannotChange
from hindsight.pipeline.attempt import in_time, looked_up
from hindsight.pipeline.plan import zone
from hindsight.pipeline.runtime import Runtime
from hindsight.policy.silence import said, silencing
from hindsight.store.sending import Batch
from hindsight.store.standing import NOTED, standing

LOGGER = logging.getLogger(__name__)


def has_threads(notifier: BaseNotifier) -> bool:
    """Whether messages to this channel are answers to others."""
    return notifier.threads and notifier.when is When.EACH


def answered(document: Document, known: Mapping[str, Thread]) -> str | None:
    """The message that this one answers: the thread of the gravest incident it names; None if it begins one,
    for it names an incident that has none yet.
    """
    named = [each.incident for each in document.about]
    if not named or any(incident not in known for incident in named):
        return None
    return known[named[0]].provider_id


def begun(batch: Batch, document: Document, known: Mapping[str, Thread], provider_id: str) -> list[Thread]:
    """The threads that a message begins: those of all incidents it names that have none yet."""
    return [
        Thread(
            monitor=batch.leader.monitor,
            notifier=batch.leader.notifier,
            incident=each.incident,
            provider_id=provider_id,
            message=batch.number,
            shown=shown(each),
        )
        for each in document.about
        if each.incident not in known
    ]


def shown(each: About | Incident, note: str = "") -> str:
    """What the first message of a thread shows of an incident, in short."""
    stands = standing(
        each.state,
        each.severity,
        each.resolved_on,
        each.resolution,
        each.acknowledged_until,
        each.acknowledged_by,
    )
    return f"{stands}{NOTED}{note}" if note else stands


def refresh(spec: MonitorSpec, runtime: Runtime, notifiers: Mapping[str, BaseNotifier]) -> int:
    """Have first messages show how their incidents stand now, where that is otherwise; returns how many.

    Showing the same twice is showing it once, so that whoever dies on the way does no harm.  What fails is
    logged, and tried again next time, for it still shows what it showed.
    """
    with runtime.store.transaction() as connection:
        unsettled = runtime.store.unsettled(connection, spec.monitor)
        if not unsettled:
            return 0
        incidents = {each.id: each for each in runtime.store.incidents(connection, spec.monitor)}
        silences = runtime.store.silences(connection, spec.monitor)
    today = runtime.clock().astimezone(zone(spec)).date()
    notes = {
        each.id: said(silence)
        for each in incidents.values()
        if each.is_open and (silence := silencing(silences, each, today)) is not None
    }
    stale = [
        thread
        for thread in unsettled
        if thread.incident in incidents
        and thread.shown != shown(incidents[thread.incident], notes.get(thread.incident, ""))
    ]
    done = 0
    away: set[str] = set()
    for (channel, number), group in groupby(stale, key=lambda thread: (thread.notifier, thread.message)):
        notifier = notifiers.get(channel)
        if channel in away:
            continue  # what it refused once it would refuse again
        named = list(group)
        if notifier is None or not has_threads(notifier):
            _settle(named, incidents, notes, runtime)  # nobody names it any more
        elif _update(notifier, number, named, incidents, notes, runtime):
            done += 1
        else:
            away.add(channel)
    return done


def _update(
    notifier: BaseNotifier,
    number: int,
    stale: list[Thread],
    incidents: Mapping[str, Incident],
    notes: Mapping[str, str],
    runtime: Runtime,
) -> bool:
    """Have one message show how things are; False if it could not be done now, but perhaps later."""
    try:
        document = as_sent(number, runtime)
        now = {each.incident: each for each in document.about}
        now |= {id_: about(incidents[id_]) for id_ in now if id_ in incidents}
        faults.reach("notify.updating")
        wanted = restated(document, now, notes)
        connect = looked_up(notifier, runtime.connection)
        in_time(notifier, lambda: notifier.update(stale[0].provider_id, wanted, connect))
        faults.reach("notify.updated")
    except CannotChange as error:
        LOGGER.warning("The first message of a thread stays as it is: %s", error)
    except (HindsightError, ValueError) as error:
        LOGGER.warning("The first message of a thread could not be brought up to date: %s", error)
        return False
    except Exception:
        LOGGER.exception("Bringing the first message of a thread up to date failed in a way of its own")
        return False
    _settle(stale, incidents, notes, runtime)
    return True


def _settle(
    stale: Iterable[Thread], incidents: Mapping[str, Incident], notes: Mapping[str, str], runtime: Runtime
) -> None:
    """Write down that these threads show how their incidents stand, or never will."""
    with runtime.store.transaction() as connection:
        for thread in stale:
            note = notes.get(thread.incident, "")
            kept = replace(thread, shown=shown(incidents[thread.incident], note))
            runtime.store.keep_thread(connection, kept)
        faults.reach("notify.showing")
    faults.reach("notify.shown")


def as_sent(number: int, runtime: Runtime) -> Document:
    """The document of the message of this number, merged as it was when it was sent."""
    with runtime.store.transaction() as connection:
        rows = [row for _, row in runtime.store.message(connection, number)]
    document = merged([from_json(row.document) for row in rows])
    return perhaps_repeated(document) if any(row.ambiguous_since for row in rows) else document
