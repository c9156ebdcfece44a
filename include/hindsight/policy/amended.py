"""What people believe of incidents and what is not so: told once, as a quiet note."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from hindsight.domain.records import Incident
from hindsight.domain.values import IncidentState
from hindsight.incidents import Change, Correction, Transition, class_words
from hindsight.policy.listener import RESOLVED, WITHDRAWN, Memory, told_of
from hindsight.policy.share import Day
from hindsight.wording import calendar


def amendments(
    today: Day, now: Mapping[str, Incident], memory: Memory, told: Mapping[str, Correction]
) -> Iterator[tuple[Correction, tuple[str, ...]]]:
    """What people believe of incidents and what is not so, with what is remembered of having told them.

    `told` lends words for it, and the incident where there is none any more.  What is told as an end or a
    return anyway is not for here.
    """
    for incident_id in sorted(each for each in memory.told if memory.stands(each)):
        incident = now.get(incident_id)
        if incident is not None and incident.state is IncidentState.PENDING:
            incident = None
        if memory.believes_open(incident_id):
            if incident is None:
                gone = f"the incident {incident_id[4:10]} is withdrawn: recomputed days no longer show it"
                said = memory.said(incident_id, WITHDRAWN, today.day)
                yield told.get(incident_id, Correction(incident_id, gone)), (said,)
            elif incident.resolved_on is not None:
                ended = f"{the(incident)} ended on {calendar(incident.resolved_on)}"
                happened = today.past.get(incident_id, ())
                said_ended = end_told(incident, happened, today.day, memory)
                yield told.get(incident_id, Correction(incident_id, ended)), said_ended
        elif (
            incident is not None
            and incident.is_open
            and memory.stands(incident_id) == RESOLVED
            and not returned(today, incident_id, memory)
        ):
            open_ = f"{the(incident)} was told as resolved, but recomputed days show it still open"
            said_open = told_of(incident, (), today.day, memory)
            yield told.get(incident_id, Correction(incident_id, open_)), said_open


def end_told(
    incident: Incident, happened: Iterable[Transition], day: date, memory: Memory
) -> tuple[str, ...]:
    """What is remembered of the end of an incident that was told, perhaps by the message of a day before."""
    ends = [t for t in happened if (t.incident_id, t.change) == (incident.id, Change.RESOLVED)]
    return told_of(incident, ends[-1:], max(day, incident.resolved_on or day), memory)


def returned(today: Day, incident_id: str, memory: Memory) -> bool:
    """Whether it is told of an incident that it came back, by this run or that of a later day."""
    happened = today.past.get(incident_id, ())
    return any(t.change is Change.REOPENED and not memory.heard(t) for t in happened)


def the(incident: Incident) -> str:
    """An incident, as a sentence names it."""
    return f"the {class_words(incident.incident_class)} incident of {calendar(incident.opened_on)}"
