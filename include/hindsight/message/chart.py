"""The chart beside a message, of what is known: points with their bounds, versions, and the same in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from hindsight.domain.records import Detection, Snapshot
from hindsight.domain.values import ALL, UNVERSIONED, Z95, Maturity, Verdict
from hindsight.incidents import Case
from hindsight.message.document import Chart, ChartPoint
from hindsight.message.evidence import age, limits_of
from hindsight.windows import run_day, shift
from hindsight.wording import calendar, clean, counted, figure, is_share, name, share, shorten, watched

MOST_POINTS: Final = 200
CLEARLY: Final = 1.2
"""How many times the predictions of the version that leads another one has that takes over."""

_ALT, _TITLE, _MOST_VERSIONS = 1_000, 150, 5
Shares = Mapping[date, Mapping[str, float]]
"""Predictions by day and version."""


@dataclass(frozen=True)
class Past:
    """What is known of an incident's worst member, as of the message's day: judgements and snapshots by the
    end of their window, and how much each version predicted.
    """

    monitor: str
    zone: ZoneInfo
    case: Case
    day: date
    snapshots: Mapping[datetime, Snapshot]
    detections: Mapping[datetime, Detection]
    volumes: Sequence[Snapshot]

    @property
    def worst(self) -> Detection:
        return self.case.evidence[0]

    def chart(self) -> Chart | None:
        """The chart; None if there is nothing to be seen."""
        ends = sorted({*self.snapshots, *self.detections})[-MOST_POINTS:]
        points = [self._point(end) for end in ends]
        if not any(point.value is not None for point in points):
            return None
        first = self._day(ends[0])
        changes = takeovers(self._shares())
        versions = tuple((day, name(version)) for day, version in changes if day >= first)
        shaded = self._shaded(ends)
        worst, monitor = self.worst, name(self.monitor)
        return Chart(
            incident=self.case.incident.id,
            title=shorten(f"{monitor}: {watched(worst)}, {_lengths(worst)}", _TITLE),
            metric=name(worst.metric),
            alt=shorten(clean(self._alt(points, versions, shaded)), _ALT),
            points=tuple(points),
            versions=versions,
            shaded=shaded,
            as_share=is_share(worst),
        )

    def _day(self, end: datetime) -> date:
        """The last day of the window that ends so."""
        return run_day(end, self.zone)

    def _place(self, end: datetime) -> date:
        """The last day of the window that ends so, or its last hour by the monitor's clock."""
        if self.worst.window.unit == "h":
            return shift(end, -1).astimezone(self.zone).replace(tzinfo=None)
        return self._day(end)

    def _point(self, end: datetime) -> ChartPoint:
        snapshot, detection = self.snapshots.get(end), self.detections.get(end)
        observed = detection.observed if detection is not None else None
        value = snapshot.value if snapshot is not None else None if self.snapshots else observed
        bounded = detection is not None and _is_same(value, observed)
        low, high = _reach(self.worst, snapshot)
        return ChartPoint(
            day=self._place(end),
            value=value,
            low=low,
            high=high,
            lower=detection.lower if detection is not None and bounded else None,
            upper=detection.upper if detection is not None and bounded else None,
            expected=detection.expected if detection is not None and bounded else None,
            open=snapshot is not None and snapshot.maturity is not Maturity.MATURE,
        )

    def _shares(self) -> Shares:
        found: dict[date, dict[str, float]] = {}
        for each in self.volumes:
            if each.version not in (UNVERSIONED, ALL):
                day = run_day(each.window_end, self.zone)
                counts = found.setdefault(day, {})
                counts[each.version] = counts.get(each.version, 0.0) + (each.value or 0.0)
        return found

    def _shaded(self, ends: Sequence[datetime]) -> tuple[date, date] | None:
        """From the incident's first window to the last one it may count for."""
        incident = self.case.incident
        last = incident.last_breach_on if incident.resolved_on is not None else self.day
        lag = self.worst.as_of - self.worst.window_end
        within = [self._place(end) for end in ends if run_day(end + lag, self.zone) <= last]
        if not within:
            return None
        newest = max(within)
        first: date = incident.since
        if isinstance(newest, datetime):
            first = self._first_hour(ends)
        return min(first, newest), newest

    def _first_hour(self, ends: Sequence[datetime]) -> datetime:
        """The hour that breached first on the incident's first day; where nobody knows, that day's first."""
        since = self.case.incident.since
        midnight = datetime(since.year, since.month, since.day)  # noqa: DTZ001 - the monitor's clock
        broke = [
            place
            for end in ends
            if end in self.detections and self.detections[end].verdict is Verdict.BREACH
            if isinstance(place := self._place(end), datetime) and place.date() == since
        ]
        return min(broke, default=midnight)

    def _alt(
        self,
        points: Sequence[ChartPoint],
        versions: Sequence[tuple[date, str]],
        shaded: tuple[date, date] | None,
    ) -> str:
        """What the picture says, in words and figures."""
        worst = self.worst
        known = [point for point in points if point.value is not None]
        newest, first = known[-1], known[0]
        least = min(known, key=lambda point: point.value or 0.0)
        most = max(known, key=lambda point: point.value or 0.0)
        said = [
            f"Chart: {watched(worst)}, {_lengths(worst)}",
            f"{moment(points[0].day)} to {moment(points[-1].day)}",
            f"newest {self._figure(newest)} on {moment(newest.day)}{_bounds(newest, worst)}",
            f"first {self._figure(first)}",
            f"lowest {self._figure(least)} on {moment(least.day)}",
            f"highest {self._figure(most)} on {moment(most.day)}",
            f"incident since {moment(shaded[0]) if shaded else calendar(self.case.incident.since)}",
        ]
        said += [f"{version} took over on {calendar(day)}" for day, version in versions[-_MOST_VERSIONS:]]
        return "; ".join(said) + "."

    def _figure(self, point: ChartPoint) -> str:
        value = point.value or 0.0
        if is_share(self.worst):
            return share(value)
        error = None if point.high is None or point.low is None else (point.high - point.low) / 2 / Z95
        return figure(value, error)


def takeovers(shares: Shares) -> list[tuple[date, str]]:
    """The days on which another version came to make most predictions, back and forth.

    It must make clearly more than the one that led: two that share the predictions take nothing over.

    >>> days = [date(2013, 4, day) for day in (1, 2, 3, 4)]
    >>> found = takeovers(
    ...     {days[0]: {"v1": 9.0}, days[1]: {"v1": 6.0, "v2": 6.5}, days[2]: {"v1": 1.0, "v2": 8.0},
    ...      days[3]: {"v1": 9.0}})
    >>> [(day.day, version) for day, version in found]
    [(3, 'v2'), (4, 'v1')]
    """
    found: list[tuple[date, str]] = []
    for day in sorted(shares):
        counts = shares[day]
        leader = max(sorted(counts), key=lambda version: counts[version])
        led = found[-1][1] if found else None
        if led is None or (leader != led and counts[leader] > CLEARLY * counts.get(led, 0.0)):
            found.append((day, leader))
    return found[1:]


def moment(day: date) -> str:
    """A day, with its hour where it is one.

    >>> moment(date(2013, 4, 12)), moment(datetime(2013, 4, 12, 5))
    ('Fri 12 Apr 2013', 'Fri 12 Apr 2013 05:00')
    """
    return f"{calendar(day)} {day:%H:%M}" if isinstance(day, datetime) else calendar(day)


def _reach(detection: Detection, snapshot: Snapshot | None) -> tuple[float, float] | tuple[None, None]:
    """The 95 % interval of a snapshot's value; none of a count, which is what it is."""
    ends = limits_of(detection.metric)
    if snapshot is None or snapshot.value is None or not snapshot.standard_error or ends is None:
        return None, None
    reach = Z95 * snapshot.standard_error
    return max(snapshot.value - reach, ends[0]), min(snapshot.value + reach, ends[1])


def _is_same(value: float | None, observed: float | None) -> bool:
    """Whether a bound on what was observed is one on this value."""
    if value is None or observed is None:
        return False
    return math.isclose(value, observed, rel_tol=1e-9, abs_tol=1e-12)


def _lengths(detection: Detection) -> str:
    """How long the windows are, and how old their labels."""
    window, unit = detection.window, "hour" if detection.window.unit == "h" else "day"
    length = f"by {window}" if window.calendar else f"windows of {counted(window.count, unit)}"
    return f"{length}, {age(detection)}"


def _bounds(point: ChartPoint, detection: Detection) -> str:
    """What the rule allowed a point, as a clause."""
    said = []
    for word, bound in (("at least", point.lower), ("at most", point.upper)):
        if bound is not None:
            said.append(f"{word} {share(bound) if is_share(detection) else figure(bound)} is allowed")
    return f" ({' and '.join(said)})" if said else ""
