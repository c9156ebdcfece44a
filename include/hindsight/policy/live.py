"""What one listener is told of one day as if it had just ended."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from hindsight.domain.records import Incident, Silence
from hindsight.incidents import Correction, Revision, Transition
from hindsight.policy.amended import amendments
from hindsight.policy.decision import Act, Decision, Kind, gravest_first
from hindsight.policy.held import refusal, withheld
from hindsight.policy.listener import Listener, split, told_of
from hindsight.policy.reasons import reasons_of, why_nothing
from hindsight.policy.share import Day, shared
from hindsight.policy.silence import silencing
from hindsight.windows import DayRange
from hindsight.wording import counted


def live_day(
    today: Day,
    now: Mapping[str, Incident],
    listener: Listener,
    *,
    corrections: Collection[Correction] = (),
    notes: Collection[Revision] = (),
    revisions: Collection[Revision] = (),
    heard: Collection[Transition] = (),
    silences: Collection[Silence] = (),
    is_last: bool = True,
) -> tuple[Decision, ...]:
    """The decision about a day and, where silence was wanted, a second one to record what was withheld.

    `now` are the incidents as they stand after the last day that is known; what they show otherwise than
    people believe is told on the last day of a run (`is_last`).
    """
    day, memory = today.day, listener.memory
    came_back = {
        i
        for i, case in today.cases.items()
        if is_last and not case.incident.is_open and i in now and now[i].is_open
    }
    share = shared(today, listener, heard, silences, came_back)
    hushed = {
        i
        for i, incident in now.items()
        if silencing(silences, incident, max(day, incident.resolved_on or day)) is not None
    }
    amended: list[tuple[Correction, tuple[str, ...]]] = []
    if is_last:
        told = {c.incident_id: c for c in corrections}
        unspoken = {t.incident_id for t in share.news} | hushed
        amended = [
            each for each in amendments(today, now, memory, told) if each[0].incident_id not in unspoken
        ]
    noted = [
        r
        for r in (notes if is_last else ())
        if r.incident is None or memory.knows(r.incident) or r.incident in share.named
        if r.incident not in hushed
    ]
    record = withheld(today, share, memory)
    reasons = reasons_of(share)
    if amended:
        reasons.append(f"{counted(len(amended), 'earlier message')} corrected")
    kind = Kind.DAILY if share.named or not (amended or noted) else Kind.REVISED
    named = share.named | {
        c.incident_id: today.cases[c.incident_id] for c, _ in amended if c.incident_id in today.cases
    }
    later = {r.later for r in noted}
    if kind is Kind.REVISED:
        named |= {i: case for i, case in today.cases.items() if i in {r.incident for r in noted}}
        revised: tuple[Revision, ...] = tuple(noted)
        if noted:
            reasons.append(f"later labels change {counted(len(noted), 'verdict')} that people were told")
    else:
        revised = (*noted, *(r for r in revisions if r.later not in later))
    tellings = [
        each
        for incident, case in share.named.items()
        for each in told_of(case.incident, today.happened(incident), day, memory)
    ]
    tellings += [each for _, said in amended for each in said]
    decision = Decision(
        act=Act.SEND if reasons else Act.NOTHING,
        kind=kind,
        days=DayRange(day, day),
        reason="; ".join(reasons) or why_nothing(today, share, revised),
        cases=gravest_first(named.values()),
        transitions=tuple(share.news),
        also_open=gravest_first(
            case
            for incident, case in today.cases.items()
            if case.incident.is_open and incident not in named and memory.believes_open(incident)
        ),
        revisions=revised,
        corrections=tuple(correction for correction, _ in amended),
        tellings=tuple(each for each in tellings if not memory.has(*split(each))) if reasons else (),
    )
    if not reasons and share.refused:
        decision = refusal(today, share)
    return (decision, record) if record is not None else (decision,)
