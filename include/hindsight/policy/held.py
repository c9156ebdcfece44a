"""Records of what was not sent on purpose: somebody wanted silence, or the listener does not want it."""

from __future__ import annotations

from collections.abc import Iterable

from hindsight.incidents import Case, class_words
from hindsight.incidents.history import EXPLAINING
from hindsight.policy.decision import Act, Decision, Kind, gravest_first
from hindsight.policy.listener import WITHHELD, Memory
from hindsight.policy.reasons import by_change
from hindsight.policy.share import Day, Share
from hindsight.policy.silence import said
from hindsight.windows import DayRange
from hindsight.wording import counted


def withheld(today: Day, share: Share, memory: Memory) -> Decision | None:
    """The record of what silences withheld on a day; None where it was nothing that is not recorded yet."""
    marks = [
        (incident, mark)
        for incident, (_, news, silence) in share.withheld.items()
        for mark in (silence.id, *(t.name for t in news))
    ]
    new = [(i, mark) for i, mark in marks if not memory.has(i, f"{WITHHELD} {mark}")]
    if not new:
        return None
    fresh = [share.withheld[incident] for incident in dict.fromkeys(incident for incident, _ in new)]
    wanted = "; ".join(dict.fromkeys(said(silence) for _, _, silence in fresh))
    transitions = tuple(t for _, news, _ in fresh for t in news)
    told = [f"{counted(len(changed), 'incident')} {done}" for done, changed in by_change(transitions)]
    return Decision(
        act=Act.SUPPRESS,
        kind=Kind.SILENCED,
        days=DayRange(today.day, today.day),
        reason=f"{wanted} ({'; '.join(told) or counted(len(fresh), 'incident') + ' still open'})"
        f"{also_waiting(case for case, _, _ in fresh)}",
        cases=gravest_first(case for case, _, _ in fresh),
        transitions=transitions,
        tellings=tuple(f"{incident} {WITHHELD} {mark}" for incident, mark in new),
    )


def also_waiting(cases: Iterable[Case]) -> str:
    """What else is not heard while these incidents are open, as a clause: what they explain waits."""
    kinds = {case.incident.incident_class for case in cases if case.incident.is_open}
    words = [class_words(kind) for kind in EXPLAINING if kind in kinds]
    return f"; while {' and '.join(words)} is open, new performance warnings wait for it" if words else ""


def refusal(today: Day, share: Share) -> Decision:
    """The record that a listener did not want to hear of anything that happened."""
    happened = tuple(t for _, news, _ in share.refused.values() for t in news)
    told = "; ".join(f"{counted(len(changed), 'incident')} {done}" for done, changed in by_change(happened))
    why = "; ".join(dict.fromkeys(reason for _, _, reason in share.refused.values()))
    return Decision(
        act=Act.SUPPRESS,
        kind=Kind.DAILY,
        days=DayRange(today.day, today.day),
        reason=f"{why} ({told}){also_waiting(case for case, _, _ in share.refused.values())}",
        cases=gravest_first(case for case, _, _ in share.refused.values()),
        transitions=happened,
    )
