"""Why something is told, or nothing is: a clause for each thing that happened."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from hindsight.incidents import Change, Revision, Transition
from hindsight.policy.decision import grown
from hindsight.policy.share import Day, Share
from hindsight.wording import counted

_DONE = {
    Change.OPENED: "opened",
    Change.REOPENED: "came back",
    Change.JOINED: "grew",
    Change.ESCALATED: "became {}",
    Change.RESOLVED: "resolved",
    Change.REMINDED: "still open and not acknowledged",
    Change.ACKNOWLEDGED: "acknowledged",
}


def reasons_of(share: Share) -> list[str]:
    """Why a message is sent, a clause for each thing that happened."""
    reasons = [f"{counted(len(changed), 'incident')} {done}" for done, changed in by_change(share.news)]
    if first := len(share.found - share.again):
        reasons.append(f"{counted(first, 'incident')} still open and told here for the first time")
    if again := len(share.found & share.again):
        reasons.append(f"{counted(again, 'incident')} open after all, which had been withdrawn")
    return reasons


def why_nothing(today: Day, share: Share, revisions: Collection[Revision]) -> str:
    """Why there is nothing to tell."""
    if share.withheld:
        return "what happened is withheld, as somebody wanted"
    happened = [t for past in today.past.values() for t in past if t.day == today.day]
    ends = {t.incident_id for t in happened}
    if happened and all(t.change is Change.RESOLVED for t in happened):
        return f"{counted(len(ends), 'incident')} resolved of which nobody had been told"
    if happened:
        return "what happened on this day was told already"
    if revisions:
        revised = counted(len(revisions), "verdict")
        return f"nothing happened to an incident; {revised} revised, which alone sends no message"
    return "nothing happened to an incident"


def by_change(transitions: Iterable[Transition]) -> Iterable[tuple[str, set[str]]]:
    """What happened, in words, and to which incidents."""
    order = list(Change)
    found: dict[str, set[str]] = {}
    for t in sorted(transitions, key=lambda t: (order.index(t.change), -t.severity.rank)):
        found.setdefault(_DONE[t.change].format(grown(t.severity)), set()).add(t.incident_id)
    return found.items()
