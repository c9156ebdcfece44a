"""An incident in a message: in one breath for a lock screen, in a title's few words, and in full."""

from __future__ import annotations

from collections.abc import Sequence

from hindsight.domain.records import Incident
from hindsight.domain.values import ALL, UNVERSIONED, Resolution
from hindsight.incidents import Case, Change, Transition, class_words
from hindsight.message.document import Section, Tone
from hindsight.message.evidence import Evidence
from hindsight.message.standing import about, ended, lasted, tone_of
from hindsight.policy import Decision
from hindsight.policy.decide import grown
from hindsight.policy.decision import SUMMARIES
from hindsight.wording import calendar, clean, counted, is_missing_labels, name, shorten, side, watched

MOST_ITEMS = 5
"""How many members, ended incidents or notes are listed before the rest is only counted."""

_LINE = 400
_NOT_THE_MODEL = "This says nothing of the model: what it did on these days is not known yet."


def headed(head: str, body: str, tail: str, limit: int) -> str:
    """A line whose middle is cut where it is too long: who it is about and whose it is always stand.

    >>> headed("[WARNING] m: ", "recall of a version with a very long name is low.", " Owner: me.", 65)
    '[WARNING] m: recall of a version with a very long nam… Owner: me.'
    """
    return head + shorten(body, max(limit - len(head) - len(tail), 40)) + tail


def section(case: Case, decision: Decision, words: Evidence) -> Section:
    """One incident in full."""
    incident, worst = case.incident, case.evidence[0]
    today = _today(case, decision)
    kind = class_words(incident.incident_class).capitalize()
    if incident.resolved_on is not None:
        end = lasted(incident.opened_on, incident.resolved_on)
        said = [f"{_ending(each)}." for each in today if each.change is Change.RESOLVED]
        return Section(
            heading=f"{kind}: resolved on {calendar(incident.resolved_on)}, {end}",
            lead=said[-1] if said else f"{ended(incident.resolution).capitalize()}.",
            facts=words.of_the_past(case),
            tone=Tone.RESOLVED,
            incident=incident.id,
        )
    missing = is_missing_labels(worst)
    others = [words.member(detection) for detection in case.evidence[1:]]
    return Section(
        heading=f"{kind}: {incident.severity}, {since(case, decision, words)}",
        lead=f"{'Labels are missing: ' if missing else ''}{words.lead(worst)}."
        + (f" {_NOT_THE_MODEL}" if missing else ""),
        facts=words.facts(case, _happened(case, today, decision)),
        items=capped([f"also {line}" for line in others]),
        tone=tone(case),
        incident=incident.id,
    )


def news(case: Case, decision: Decision, words: Evidence) -> str:
    """The incident in one breath: what, how bad, since when, and on how much truth that rests."""
    incident, worst = case.incident, case.evidence[0]
    today = {each.change: each for each in _today(case, decision)}
    kind = class_words(incident.incident_class)
    if incident.resolved_on is not None:
        said = f"{kind} {_over(incident)}, {lasted(incident.opened_on, incident.resolved_on)}"
        if Change.RESOLVED in today and not _has_recovered(incident):
            said += f": {_said(today[Change.RESOLVED])}"
        return f"{said}; was: {words.short(worst)}."
    more = f" (and {len(case.evidence) - 1:,} more)" if len(case.evidence) > 1 else ""
    if set(today) == {Change.ACKNOWLEDGED}:
        return (
            f"{_said(today[Change.ACKNOWLEDGED])}. It is {grown(incident.severity)}: "
            f"{words.short(worst)}{more}, since {words.since(incident)}."
        )
    lead = ""
    if Change.REOPENED in today:
        lead = "back again, "
    elif Change.ESCALATED in today:
        lead = f"now {grown(incident.severity)}, "
    elif set(today) == {Change.REMINDED}:
        lead = f"{_said(today[Change.REMINDED]).partition(': ')[0]}: "
    begun = since(case, decision, words)
    if set(today) == {Change.REMINDED}:  # it has said for how long
        begun = f"since {words.since(incident)}"
    missing = "labels are missing, " if is_missing_labels(worst) else ""
    amount = f" {words.amount(worst)}." if words.amount(worst) else ""
    return f"{lead}{missing}{words.short(worst)}{more}, {begun}.{amount}" + (
        " Not a statement about the model." if missing else ""
    )


def state(case: Case, decision: Decision) -> str:
    """What is the matter, in a title's few words."""
    incident, worst = case.incident, case.evidence[0]
    kind = class_words(incident.incident_class)
    if incident.resolved_on is not None:
        return f"{kind} {_over(incident)}"
    today = {each.change for each in _today(case, decision)}
    if today == {Change.ACKNOWLEDGED}:
        return f"{kind} acknowledged"
    again = "again " if Change.REOPENED in today else "still " if today == {Change.REMINDED} else ""
    if is_missing_labels(worst):
        return f"labels are {again}missing"
    passed = side(worst)
    return f"{watched(worst)} {again}{passed[0]} its bound" if passed else f"{watched(worst)} {again}breaches"


def since(case: Case, decision: Decision, words: Evidence) -> str:
    """Since when it has been so, and since when we have known: by the day, for it may be read late."""
    incident = case.incident
    back = [each.day for each in _today(case, decision) if each.change is Change.REOPENED]
    if back:
        known = f"back since {calendar(back[-1])}"
    elif incident.opened_on < decision.day:
        known = f"open since {calendar(incident.opened_on)}"
    else:
        known = f"opened on {calendar(incident.opened_on)}"
    return f"since {words.since(incident)}, {known}"


def tone(case: Case) -> Tone:
    """How an incident should look."""
    return tone_of(about(case.incident))


def tag(case: Case, decision: Decision) -> str:
    """What a first line begins with."""
    today = {each.change for each in _today(case, decision)}
    if today == {Change.ACKNOWLEDGED} and case.incident.resolved_on is None:
        return "ACKNOWLEDGED"
    return tone(case).upper()


def capped(lines: Sequence[str]) -> tuple[str, ...]:
    """The first lines, and how many more there are."""
    rest = len(lines) - MOST_ITEMS
    if rest <= 0:
        return tuple(lines)
    return (*lines[:MOST_ITEMS], f"and {rest:,} more")


def _today(case: Case, decision: Decision) -> list[Transition]:
    """What the message tells of an incident; a summary has no today."""
    if decision.kind in SUMMARIES:
        return []
    return [each for each in decision.transitions if each.incident_id == case.incident.id]


def _happened(case: Case, today: Sequence[Transition], decision: Decision) -> str:
    """What changed on this day, but for what the heading says already."""
    if decision.kind in SUMMARIES or {each.change for each in today} == {Change.REMINDED}:
        return ""
    if [each.change for each in today] == [Change.OPENED] and not today[0].because:
        return "" if case.incident.opened_on == decision.day else "opened"
    return ", ".join(_change(each) for each in today) or "still open; nobody had been told"


def _change(each: Transition) -> str:
    """One change, as a clause."""
    said = {
        Change.OPENED: "opened",
        Change.REOPENED: "reopened",
        Change.JOINED: f"{_who(each)} joined",
        Change.ESCALATED: f"became {grown(each.severity)}",
        Change.REMINDED: _said(each).partition(": ")[0],
        Change.ACKNOWLEDGED: _said(each),
        Change.RESOLVED: "resolved",
    }[each.change]
    return f"{said}, for {shorten(clean(each.because), _LINE)}" if each.because else said


def _has_recovered(incident: Incident) -> bool:
    return incident.resolution in (None, Resolution.RECOVERED)


def _over(incident: Incident) -> str:
    return "recovered" if _has_recovered(incident) else "incident is over"


def _ending(resolved: Transition) -> str:
    """Why it is over: what the data say, or what a person said."""
    how = "" if resolved.by is not None else f"{ended(resolved.resolution).capitalize()}: "
    return f"{how}{_said(resolved)}"


def _said(each: Transition) -> str:
    """The reason of a change."""
    return shorten(clean(each.reason), _LINE).removesuffix(".")


def _who(joined: Transition) -> str:
    """The members that joined: one by its detector and place, more by their number."""
    if len(joined.members) != 1:
        return counted(len(joined.members), "member")
    (member,) = joined.members
    found = [name(member.detector)]
    found += [] if member.version in (UNVERSIONED, ALL) else [f"of {name(member.version)}"]
    found += [] if member.segment == ALL else [f"in {name(member.segment)}"]
    return " ".join(found)
