"""Who passes a decision on, and who is thereby told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from hindsight.domain.records import Delivery, Incident
from hindsight.domain.values import Hours, IncidentClass, Severity, When
from hindsight.policy.decision import Act, Decision


class Notifier(Protocol):
    """What a decision asks of a notifier: which messages it wants."""

    @property
    def min_severity(self) -> Severity: ...
    @property
    def classes(self) -> tuple[IncidentClass, ...]: ...
    @property
    def segments(self) -> tuple[str, ...]: ...
    @property
    def owners(self) -> tuple[str, ...]: ...
    @property
    def quiet(self) -> Hours | None: ...
    @property
    def when(self) -> When: ...


@dataclass(frozen=True, slots=True)
class Route:
    """What becomes of a decision at one notifier: PENDING or SUPPRESSED, and why."""

    notifier: Notifier
    state: Delivery
    reason: str


def route(decision: Decision, notifiers: Sequence[Notifier], fallback: Notifier) -> tuple[Route, ...]:
    """Each notifier's part in a decision; `fallback` serves a monitor that names none."""
    if decision.act is Act.NOTHING:
        return ()
    return tuple(_route(decision, notifier) for notifier in notifiers or (fallback,))


def lowest_audible(notifiers: Iterable[Notifier]) -> Severity:
    """The lowest severity that any of these notifiers passes on."""
    return min(
        (notifier.min_severity for notifier in notifiers), key=lambda s: s.rank, default=Severity.WARNING
    )


def heard(routes: Iterable[Route]) -> bool:
    """Whether any notifier is to pass it on."""
    return any(each.state is Delivery.PENDING for each in routes)


def told(incidents: Iterable[Incident], decision: Decision) -> tuple[Incident, ...]:
    """The incidents, marked as told where a decision that was passed on names them."""
    return tuple(
        replace(incident, told_on=decision.day)
        if incident.told_on is None and incident.id in decision.incidents
        else incident
        for incident in incidents
    )


def _route(decision: Decision, notifier: Notifier) -> Route:
    if decision.act is Act.SUPPRESS:
        return Route(notifier, Delivery.SUPPRESSED, decision.reason)
    if decision.severity.rank < notifier.min_severity.rank:
        reason = f"{decision.severity} is below the notifier's min_severity {notifier.min_severity}"
        return Route(notifier, Delivery.SUPPRESSED, f"{reason} ({decision.reason})")
    return Route(notifier, Delivery.PENDING, decision.reason)
