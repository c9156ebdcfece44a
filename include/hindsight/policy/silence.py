"""Silences: for which days somebody wanted not to be told of what."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from hindsight.domain.records import Incident, Member, Silence
from hindsight.wording import calendar, clean, name, shorten

_REASON = 200


def lasts(silence: Silence, day: date) -> bool:
    """Whether it holds on this run day: from its first to its last, unless somebody ended it before."""
    ended = silence.ended_on is not None and silence.ended_on <= day
    return silence.start <= day <= silence.until and not ended


def covers(silence: Silence, incident: Incident) -> bool:
    """Whether an incident is what it is about: all that breaches in it now, or at its end ever did.

    A silence of one segment does not hide that another one breaches as well.
    """
    if silence.incident_class not in (None, incident.incident_class):
        return False
    return all(is_about(silence, member) for member in incident.breaching or incident.members)


def is_about(silence: Silence, member: Member) -> bool:
    """Whether a silence means this member, but for its class."""
    return (
        silence.detector in (None, member.detector)
        and silence.version in (None, member.version)
        and silence.segment in (None, member.segment)
    )


def silencing(silences: Iterable[Silence], incident: Incident, day: date) -> Silence | None:
    """The silence for which nobody is told of an incident on this run day: of several the one that lasts
    longest.
    """
    found = [each for each in silences if lasts(each, day) and covers(each, incident)]
    return max(found, key=lambda each: (each.until, each.id), default=None)


def is_everything(silence: Silence) -> bool:
    """Whether it names nothing, and so silences all."""
    named = (silence.incident_class, silence.detector, silence.version, silence.segment)
    return all(each is None for each in named)


def said(silence: Silence) -> str:
    """Who wanted silence, until when and why, as a clause."""
    reason = shorten(clean(silence.reason), _REASON).removesuffix(".")
    return f"{name(silence.author)} wanted silence until {calendar(silence.until)}: {reason}"
