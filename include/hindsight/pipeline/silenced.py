"""Silences that people want, and end: nobody is told meanwhile, and everything takes its course."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from hindsight.domain.records import Silence
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import IncidentClass
from hindsight.errors import ActionRefused
from hindsight.pipeline.deeds import digest, next_day
from hindsight.pipeline.known import Known
from hindsight.pipeline.refusals import author_of, end_of_silence, known_name, names_of, reason_of, silence_of
from hindsight.pipeline.runtime import Runtime
from hindsight.policy.silence import lasts
from hindsight.wording import calendar, name


def silence(
    spec: MonitorSpec,
    runtime: Runtime,
    *,
    until: date,
    author: str,
    reason: str,
    start: date | None = None,
    incident_class: IncidentClass | None = None,
    detector: str | None = None,
    version: str | None = None,
    segment: str | None = None,
) -> Silence:
    """Have nobody told, from the run day `start` to `until`, of incidents of which all that breaches matches.

    What is not named matches everything.  Incidents take their course; one that is open at the end is told.
    """
    who, why = author_of(author), reason_of(reason, wanted="A silence")
    with runtime.store.transaction(spec.monitor) as connection:
        known = Known.read(spec, runtime, connection)
        day, names = next_day(known, runtime), names_of(known)
        wanted = Silence(
            id="",
            monitor=spec.monitor,
            start=start or day,
            until=until,
            author=who,
            reason=why,
            at=runtime.clock(),
            incident_class=incident_class,
            detector=known_name("detector", detector, names["detector"], spec),
            version=known_name("version", version, names["version"], spec),
            segment=known_name("segment", segment, names["segment"], spec),
        )
        end_of_silence(wanted, day)
        alike = [each for each in known.silences if content(each) == content(wanted)]
        for each in alike:
            if each.ended_on is None:
                return each
        kept = replace(wanted, id=digest("sil", *content(wanted), len(alike)))
        runtime.store.keep_silence(connection, kept)
        return kept


def end_silence(spec: MonitorSpec, runtime: Runtime, silence_id: str, *, author: str) -> Silence:
    """End a silence early: the next run tells again, also what was withheld and is still so."""
    who = author_of(author)
    with runtime.store.transaction(spec.monitor) as connection:
        known = Known.read(spec, runtime, connection)
        day = next_day(known, runtime)
        found = silence_of(silence_id, known.silences, day)
        if found.ended_on is not None:
            if found.ended_by == who:
                return found
            raise ActionRefused(
                f"{name(found.ended_by or '')} ended the silence {found.id} already, from "
                f"{calendar(found.ended_on)} on."
            )
        if not lasts(found, max(day, found.start)):
            raise ActionRefused(f"The silence {found.id} ended by itself on {calendar(found.until)}.")
        runtime.store.end_silence(connection, spec.monitor, found.id, day, who)
        return replace(found, ended_on=day, ended_by=who)


def content(wanted: Silence) -> tuple[str | None, ...]:
    """What makes two silences the same: all but their names, and when they were asked for or ended."""
    return (
        wanted.monitor,
        wanted.start.isoformat(),
        wanted.until.isoformat(),
        wanted.author,
        wanted.reason,
        wanted.incident_class,
        wanted.detector,
        wanted.version,
        wanted.segment,
    )
