"""A detection in words and figures: its value with an interval, against what, and how sure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

from hindsight.domain.records import Detection, Incident, Snapshot
from hindsight.domain.values import ALL, UNVERSIONED, IncidentClass, Maturity
from hindsight.explanation import Explanation, facts, when
from hindsight.incidents import Case
from hindsight.message.document import Fact
from hindsight.metrics import find
from hindsight.metrics.base import Share
from hindsight.wording import (
    calendar,
    chance,
    clean,
    counted,
    figure,
    interval,
    is_share,
    judged_window,
    judgement,
    name,
    share,
    shorten,
    side,
)

_FIRST = "Likely action"
_ORDER = ("Likely where", "What changed", _FIRST)
_REASON = 280
_EXPLAINED = 400


class Evidence:
    """Finds the snapshot behind a detection, for its standard error and maturity, and words both."""

    def __init__(
        self,
        snapshots: Iterable[Snapshot],
        zone: ZoneInfo,
        explanations: Mapping[str, Explanation | None] = MappingProxyType({}),
        begun: Mapping[str, datetime] = MappingProxyType({}),
    ) -> None:
        """`begun` are the first hours of incidents by the monitor's clock, where they have such."""
        self._zone = zone
        self._begun = begun
        self._explanations = explanations
        self._snapshots = {
            (s.version, s.segment, s.window_start, s.window_end, s.horizon, s.metric): s for s in snapshots
        }

    def short(self, detection: Detection) -> str:
        """What is wrong, in half a sentence."""
        return judgement(detection, self._error(detection))

    def lead(self, detection: Detection) -> str:
        """What is wrong, with its interval where one is known and what was expected."""
        error, observed = self._error(detection), detection.observed
        said = judgement(detection, error)
        if side(detection) is None and observed is not None:  # the sentence is of a slope, say
            said += f"; the value is {figure(observed, error)}"
        ends = limits_of(detection.metric)
        if error and observed is not None and ends is not None:
            said += f" ({interval(observed, error, as_share=is_share(detection), ends=ends)})"
        return said + self._expected(detection, error)

    def member(self, detection: Detection) -> str:
        """One line of a list of members."""
        return f"{self.short(detection)} [{name(detection.detector)}]"

    def facts(self, case: Case, happened: str) -> tuple[Fact, ...]:
        """What to know of an open incident's worst member, in the order in which people ask."""
        incident, worst = case.incident, case.evidence[0]
        place = [] if worst.version in (UNVERSIONED, ALL) else [f"version {name(worst.version)}"]
        place += [] if worst.segment == ALL else [name(worst.segment)]
        still = f"{len(incident.breaching):,} of {len(incident.members):,} still breach"
        explained = self._explained(case)
        found = [
            Fact("News", happened),
            *(fact for fact in explained if fact.label == _FIRST),
            Fact("Since", self._since(case)),
            Fact("How sure", f"{self.window(worst)}: {self.sure(worst)}"),
            Fact("Where", "; ".join(place)),
            *(fact for fact in explained if fact.label != _FIRST),
            Fact("Acknowledged", self._acknowledged(incident)),
            Fact("Members", still if len(incident.members) > 1 else ""),
            Fact(
                "Rule", f"{name(worst.detector)} ({worst.severity}): {shorten(clean(worst.reason), _REASON)}"
            ),
        ]  # ten: as many as Slack shows beside each other
        return tuple(fact for fact in found if fact.value)

    def _since(self, case: Case) -> str:
        """Since when the incident lasts, and when what it is about began."""
        incident, worst = case.incident, case.evidence[0]
        explained = self._explanations.get(incident.id)
        known = f"opened on {calendar(incident.opened_on)}"
        if incident.since != incident.opened_on and worst.horizon.count:
            known += f", when its labels were {age(worst).removeprefix('labels ')}"
        is_known = incident.since == incident.opened_on and incident.id not in self._begun
        found = [known if is_known else f"{self.since(incident)}; {known}"]
        if incident.reopened:
            times = counted(incident.reopened, "time") if incident.reopened > 1 else "once"
            found.append(f"it came back {times}")
        if explained is not None and explained.since is not None:
            found.append(when(explained))
        return "; ".join(found)

    def since(self, incident: Incident) -> str:
        """The day of the first window that breached, and its hour where that is known."""
        hour = self._begun.get(incident.id)
        return calendar(incident.since) if hour is None else f"{calendar(hour)} {hour:%H:%M}"

    def _explained(self, case: Case) -> tuple[Fact, ...]:
        """What to look at first; that it could not be told is told, too."""
        if case.incident.id not in self._explanations:
            return ()
        explained = self._explanations[case.incident.id]
        if explained is None:
            return (Fact("Likely action", "could not be explained; the run's log says why"),)
        found = dict(facts(explained))
        order = [
            *(label for label in _ORDER if label in found),
            *(label for label in found if label not in _ORDER),
        ]
        return tuple(Fact(label, shorten(clean(found[label]), _EXPLAINED)) for label in order)

    def _acknowledged(self, incident: Incident) -> str:
        """Who has taken it on, and until when."""
        if incident.acknowledged_by is None:
            return ""
        until = incident.acknowledged_until
        return f"by {name(incident.acknowledged_by)}" + (f" until {calendar(until)}" if until else "")

    def of_the_past(self, case: Case) -> tuple[Fact, ...]:
        """What to remember of a resolved incident."""
        incident, worst = case.incident, case.evidence[0]
        return (
            Fact("Was", f"{self.short(worst)} ({self.window(worst)})"),
            Fact("Since", f"{self.since(incident)}; opened on {calendar(incident.opened_on)}"),
            Fact("Last breach", calendar(incident.last_breach_on)),
            *([Fact("Members", f"{len(incident.members):,}")] if len(incident.members) > 1 else []),
        )

    def amount(self, detection: Detection) -> str:
        """How much truth the judgement rests on, for a lock screen."""
        said = [f"n = {detection.n:,}"]
        if detection.coverage is not None and detection.incident_class is not IncidentClass.LABEL_HEALTH:
            said.append(f"{share(detection.coverage)} labelled")
        if (snapshot := self._snapshot(detection)) and snapshot.maturity is not Maturity.MATURE:
            said.append(str(snapshot.maturity))
        return ", ".join(said)

    def sure(self, detection: Detection) -> str:
        """How much truth the judgement rests on, how old it is, and how likely chance alone would do this."""
        said = [f"n = {detection.n:,}"]
        if detection.coverage is not None and detection.incident_class is not IncidentClass.LABEL_HEALTH:
            said.append(f"{share(detection.coverage)} labelled")
        said.append(age(detection))
        if (snapshot := self._snapshot(detection)) and snapshot.maturity is not Maturity.MATURE:
            said.append(f"{snapshot.maturity}: less truth than the monitor asks for")
        if detection.p_value is not None:
            said.append(chance(detection.p_value))
        return ", ".join(said)

    def window(self, detection: Detection) -> str:
        return judged_window(detection, self._zone)

    def value(self, detection: Detection) -> str:
        """The observed value in brackets, or nothing."""
        if detection.observed is None:
            return ""
        return f" ({figure(detection.observed, self._error(detection))})"

    def _expected(self, detection: Detection, error: float | None) -> str:
        observed, expected = detection.observed, detection.expected
        if observed is None or expected is None:
            return ""
        shown = share(expected) if is_share(detection) else figure(expected, error)
        if expected == 0 or observed == expected:
            return f"; expected {shown}"
        off = share(abs(observed - expected) / abs(expected))
        return f"; expected {shown}, so {off} {'lower' if observed < expected else 'higher'}"

    def _snapshot(self, detection: Detection) -> Snapshot | None:
        d = detection
        return self._snapshots.get((d.version, d.segment, d.window_start, d.window_end, d.horizon, d.metric))

    def _error(self, detection: Detection) -> float | None:
        """The standard error of the observed value; None where that is not the snapshot's value."""
        snapshot = self._snapshot(detection)
        if snapshot is None or snapshot.value is None or detection.observed is None:
            return None
        is_same = math.isclose(snapshot.value, detection.observed, rel_tol=1e-9, abs_tol=1e-12)
        return snapshot.standard_error if is_same else None


def age(judged: Detection | Snapshot) -> str:
    """How old the labels were."""
    units = judged.horizon.count
    unit = "hour" if judged.horizon.unit == "h" else "day"
    return f"labels {counted(units, unit)} old" if units else "no labels needed"


def limits_of(name: str) -> tuple[float, float] | None:
    """Between what the interval of a metric can lie; None of a count, which is what it is."""
    try:
        metric = find(name)
    except ValueError:  # a rule on several metrics has a name of its own
        return -math.inf, math.inf
    if metric.extensive:
        return None
    return (0.0, 1.0) if isinstance(metric, Share) else (-math.inf, math.inf)
