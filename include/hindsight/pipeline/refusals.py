"""What a person asks for, checked: every refusal is an `ActionRefused` that says what would do."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, timedelta
from typing import Final

from hindsight.config.findings import did_you_mean
from hindsight.domain.records import Incident, Silence
from hindsight.domain.spec import MonitorSpec
from hindsight.errors import ActionRefused
from hindsight.incidents import class_words
from hindsight.pipeline.known import Known
from hindsight.policy.silence import is_everything, lasts
from hindsight.wording import calendar, clean, counted, name, shorten

LONGEST: Final = timedelta(days=365)
"""How far ahead the end of anything may lie."""

LONGEST_OF_ALL: Final = timedelta(days=90)
"""How far ahead the end of a silence may lie that covers everything."""

NAMED: Final = 5
_AUTHOR, _REASON = 200, 1_000


def author_of(author: str) -> str:
    """Who does it."""
    who = clean(author)
    if not who:
        raise ActionRefused("Say who does it: the author is empty.")
    if len(who) > _AUTHOR:
        raise ActionRefused(
            f"The author {shorten(who, 40)!r} has {len(who):,} characters: {_AUTHOR} are the most."
        )
    return who


def reason_of(reason: str, *, wanted: str = "") -> str:
    """Why it is done; `wanted` says what needs a reason, if it does."""
    why = clean(reason)
    if wanted and not why:
        raise ActionRefused(f"{wanted} needs a reason that others understand later: the reason is empty.")
    if len(why) > _REASON:
        raise ActionRefused(f"The reason has {len(why):,} characters: {_REASON:,} are the most.")
    return why


def until_of(until: date, day: date, what: str, longest: timedelta = LONGEST) -> date:
    """The last day for which it holds, given the next one to be judged."""
    if until < day:
        raise ActionRefused(
            f"{what} until {calendar(until)} is in the past: the next day to be judged is {calendar(day)}."
        )
    if until - day > longest:
        raise ActionRefused(
            f"{what} until {calendar(until)} is too long: {longest.days} days are the most, so "
            f"{calendar(day + longest)} at the latest."
        )
    return until


def open_incident(incident_id: str, incidents: Iterable[Incident]) -> Incident:
    """The open incident of this id."""
    there = list(incidents)
    found = next((each for each in there if each.id == incident_id), None)
    if found is None:
        near = did_you_mean(incident_id, [each.id for each in there])
        raise ActionRefused(f"There is no incident {name(incident_id)!r}{near}: {now_open(there)}")
    if found.resolved_on is not None:
        raise ActionRefused(
            f"The {class_words(found.incident_class)} incident {found.id} was resolved on "
            f"{calendar(found.resolved_on)} ({words(found.resolution)}), so nothing can be done to it: "
            f"{now_open(there)}"
        )
    if not found.is_open:
        raise ActionRefused(
            f"The {class_words(found.incident_class)} incident {found.id} is pending, and nobody was told of "
            f"it: {now_open(there)}"
        )
    return found


def now_open(incidents: Iterable[Incident]) -> str:
    """Which incidents are open, as the end of a sentence."""
    ids = [f"{i.id} ({class_words(i.incident_class)})" for i in incidents if i.is_open]
    return f"open {'is' if len(ids) == 1 else 'are'} {', '.join(ids)}." if ids else "none is open."


def silence_of(silence_id: str, silences: Collection[Silence], day: date) -> Silence:
    """The silence of this id."""
    found = next((each for each in silences if each.id == silence_id), None)
    if found is None:
        lasting = [each.id for each in silences if lasts(each, max(day, each.start))]
        near = did_you_mean(silence_id, [each.id for each in silences])
        there = f"there are {', '.join(lasting[:NAMED])}" if lasting else "none lasts"
        raise ActionRefused(f"There is no silence {name(silence_id)!r}{near}: {there}.")
    return found


def known_name(kind: str, asked: str | None, known: Collection[str], spec: MonitorSpec) -> str | None:
    """A name that the monitor knows; None is none."""
    if asked is None or asked in known:
        return asked
    shown = ", ".join(name(each) for each in sorted(known)[:NAMED])
    more = f" and {counted(len(known) - NAMED, 'more')}".removesuffix("s") if len(known) > NAMED else ""
    there = f"there {'is' if len(known) == 1 else 'are'} {shown}{more}" if known else "it knows none yet"
    near = did_you_mean(asked, known)
    raise ActionRefused(f"{spec.monitor} knows no {kind} {name(asked)!r}{near}: {there}.")


def end_of_silence(silence: Silence, day: date) -> None:
    """Refuse a silence that lasts too long for what it covers, or ends before it begins."""
    if silence.start < day:
        raise ActionRefused(
            f"A silence cannot begin on {calendar(silence.start)}, for that day was judged and told already: "
            f"{calendar(day)} is the earliest."
        )
    if silence.until < silence.start:
        raise ActionRefused(
            f"A silence until {calendar(silence.until)} ends before it begins, on {calendar(silence.start)}."
        )
    if is_everything(silence):
        until_of(silence.until, day, "A silence that covers everything", LONGEST_OF_ALL)
    until_of(silence.until, day, "A silence")


def names_of(known: Known) -> dict[str, set[str]]:
    """What the monitor's judgements and incidents name, and so what a silence can be about."""
    members = [m for each in known.stored for m in each.members]
    return {
        "detector": {each.name for each in known.spec.detectors} | {m.detector for m in members},
        "version": {d.version for d in known.detections} | {m.version for m in members},
        "segment": {d.segment for d in known.detections} | {m.segment for m in members},
    }


def words(value: object) -> str:
    """A word of a vocabulary, as people write it."""
    return str(value).replace("_", " ")
