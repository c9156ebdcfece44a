"""Why something happened to an incident, as the sentence that people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from zoneinfo import ZoneInfo

from hindsight.domain.records import Action, Detection, Member
from hindsight.domain.values import IncidentClass, Resolution, Severity
from hindsight.incidents.history import class_words
from hindsight.incidents.judgements import family_of, worst_first
from hindsight.incidents.states import Acknowledgement
from hindsight.wording import calendar, clean, counted, headline, name, shorten

_REASON = 280
_SAID = {Resolution.NO_ACTION: "needing no action", Resolution.FALSE_POSITIVE: "a false positive"}


def in_kinds(breaches: Sequence[Detection]) -> str:
    """Why breaches of several kinds of metric are worse than as many of one, as a clause."""
    named = ", ".join(f"{d.metric} ({family_of(d)})" for d in breaches)
    return f"independent kinds of metric breach together for {breaches[0].version}: {named}"


def joining(joined: Mapping[Member, Detection], zone: ZoneInfo) -> str:
    """Who joined: the worst, and how many more."""
    others = f", and {counted(len(joined) - 1, 'more member')}" if len(joined) > 1 else ""
    return headline(worst_first(joined.values())[0], zone) + others


def rising(before: Severity, now: Severity, why: str) -> str:
    """That it is graver than it was."""
    return f"{before} became {now}: {why}"


def ending(enough: int, gone: str, left: str, last_breach: date) -> str:
    """Why the data say that it is over: the last ones are gone, or all were clear often enough but those that
    had left before.
    """
    times = "" if enough == 1 else f" {enough} times in a row"
    clear = f"every member that is still judged was clear{times}; {left}" if left else ""
    why = gone or clear or f"every member was clear{times}"
    return f"{why}; the last breach was on {calendar(last_breach)}"


def reminding(
    since: date, day: date, lapsed: tuple[str, date] | None, worst: Detection, zone: ZoneInfo
) -> str:
    """That it lasts and nobody sees to it, or nobody any more."""
    lasts = counted((day - since).days, "day")
    ended = f"the acknowledgement of {name(lapsed[0])} ended on {calendar(lapsed[1])}" if lapsed else ""
    return f"open for {lasts} and {ended or 'nobody has taken it on'}: {headline(worst, zone)}"


def unconfirmed(often: int, wanted: int) -> str:
    """That what breaches does not breach often enough yet."""
    return f"not confirmed yet: {often} of the {wanted} breaches among three judgements that it takes"


def explained(incident_class: IncidentClass, opened_on: date) -> str:
    """What else is wrong, so that a warning says nothing."""
    what = f"the {class_words(incident_class)} incident of {calendar(opened_on)}"
    return f"held back while {what} is open, which may explain it"


def taking_on(taken: Acknowledgement, reason: str) -> str:
    """Who sees to it, until when, and what they said."""
    return f"{name(taken.by)} has taken it on, until {calendar(taken.until)}{_said(reason)}"


def resolving(action: Action, resolution: Resolution) -> str:
    """Who says that it is over, as what, and what they said."""
    what = _SAID.get(resolution, resolution.value)
    return f"{name(action.author)} resolved it as {what}{_said(action.reason)}"


def _said(reason: str) -> str:
    """What a person said, behind a colon."""
    words = shorten(clean(reason), _REASON)
    return f": {words}" if words else ""
