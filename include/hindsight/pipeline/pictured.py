"""What the chart beside a message shows: the last weeks of what is worst, from snapshots and detections."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import sqlalchemy as sa

from hindsight.domain.records import Detection, Snapshot
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ALL, NO_LABELS, UNVERSIONED, Z95, Grain, Maturity
from hindsight.incidents import Case
from hindsight.message import Chart, ChartPoint
from hindsight.message.evidence import age, limits_of
from hindsight.pipeline.plan import zone
from hindsight.pipeline.runtime import Runtime
from hindsight.policy import Decision, Kind
from hindsight.windows import end_of, run_day, shift, start_of
from hindsight.wording import (
    calendar,
    clean,
    counted,
    figure,
    is_share,
    name,
    share,
    shorten,
    watched,
)

LOGGER = logging.getLogger(__name__)

BACK: Final[Mapping[Grain, int]] = {Grain.DAY: 60, Grain.HOUR: 7}
"""Days up to the message's that a chart shows."""

PATIENCE: Final = 10.0
"""Seconds that one of its statements may take while a message waits."""

MOST_POINTS: Final = 200
_ALT, _TITLE = 1_000, 150
Shares = Mapping[date, Mapping[str, float]]
"""Predictions by day and version."""


def charts(
    spec: MonitorSpec, decision: Decision, runtime: Runtime, connection: sa.Connection
) -> tuple[Chart, ...]:
    """A chart of the gravest incident's worst member, or none.

    It costs three bounded queries.  Whatever goes wrong is logged and never holds the message back.
    """
    if decision.kind is Kind.REVISED or not decision.cases:
        return ()
    try:
        with runtime.store.apart(connection, PATIENCE):  # an error of the database ends no more than this
            drawn = _Past.read(spec, decision.cases[0], decision.day, runtime, connection).chart()
    except Exception:
        LOGGER.exception("No chart could be made for the message of %s on %s", spec.monitor, decision.day)
        return ()
    return () if drawn is None else (drawn,)


@dataclass(frozen=True)
class _Past:
    """What the store holds of the worst member's last weeks, as of the message's day."""

    spec: MonitorSpec
    case: Case
    day: date
    snapshots: Mapping[datetime, Snapshot]
    detections: Mapping[datetime, Detection]
    volumes: Sequence[Snapshot]

    @classmethod
    def read(
        cls, spec: MonitorSpec, case: Case, day: date, runtime: Runtime, connection: sa.Connection
    ) -> _Past:
        worst, until = case.evidence[0], end_of(day, zone(spec))
        length = worst.window_end - worst.window_start
        start = start_of(shift(day, -BACK[spec.grain]), zone(spec)) - length
        found = runtime.store.snapshots(
            connection,
            spec.monitor,
            metric=worst.metric,
            horizon=worst.horizon,
            window=worst.window,
            version=worst.version,
            segment=worst.segment,
            start=start,
            end=until,
        )
        judged = runtime.store.detections(
            connection,
            spec.monitor,
            detector=worst.detector,
            horizon=worst.horizon,
            version=worst.version,
            segment=worst.segment,
            start=start,
            end=until,
        )
        volumes = runtime.store.snapshots(
            connection,
            spec.monitor,
            metric="volume",
            horizon=NO_LABELS,
            window=spec.unit_span,
            segment=ALL,
            start=start,
            end=until,
        )
        return cls(
            spec,
            case,
            day,
            {each.window_end: each for each in found if each.as_of <= until},
            {each.window_end: each for each in judged if each.as_of <= until and each.window == worst.window},
            [each for each in volumes if each.as_of <= until],
        )

    @property
    def worst(self) -> Detection:
        return self.case.evidence[0]

    def chart(self) -> Chart | None:
        """The chart; None if there is nothing to be seen."""
        ends = sorted({*self.snapshots, *self.detections})[-MOST_POINTS:]
        points = [self._point(end) for end in ends]
        if not any(point.value is not None for point in points):
            return None
        versions = tuple(
            (day, name(version)) for day, version in takeovers(self._shares()) if day >= points[0].day
        )
        shaded = self._shaded(ends)
        worst, monitor = self.worst, name(self.spec.monitor)
        return Chart(
            incident=self.case.incident.id,
            title=shorten(f"{monitor}: {watched(worst)}, {_lengths(worst)}", _TITLE),
            metric=name(worst.metric),
            alt=shorten(clean(self._alt(points, versions)), _ALT),
            points=tuple(points),
            versions=versions,
            shaded=shaded,
        )

    def _place(self, end: datetime) -> date:
        """The last day of the window that ends so, or its last hour by the monitor's clock."""
        if self.worst.window.unit == "h":
            return shift(end, -1).astimezone(zone(self.spec)).replace(tzinfo=None)
        return run_day(end, zone(self.spec))

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
                day = run_day(each.window_end, zone(self.spec))
                counts = found.setdefault(day, {})
                counts[each.version] = counts.get(each.version, 0.0) + (each.value or 0.0)
        return found

    def _shaded(self, ends: Collection[datetime]) -> tuple[date, date] | None:
        """From the incident's first day to that of the last window it may count for."""
        incident = self.case.incident
        last = incident.last_breach_on if incident.resolved_on is not None else self.day
        lag = self.worst.as_of - self.worst.window_end
        within = [self._place(end) for end in ends if run_day(end + lag, zone(self.spec)) <= last]
        if not within:
            return None
        newest = max(within)
        first: date = incident.since
        if isinstance(newest, datetime):
            first = datetime(first.year, first.month, first.day)  # noqa: DTZ001 - the monitor's clock
        return min(first, newest), newest

    def _alt(self, points: Sequence[ChartPoint], versions: Sequence[tuple[date, str]]) -> str:
        """What the picture says, in words and figures."""
        worst = self.worst
        known = [point for point in points if point.value is not None]
        newest, first = known[-1], known[0]
        least = min(known, key=lambda point: point.value or 0.0)
        most = max(known, key=lambda point: point.value or 0.0)
        said = [
            f"Chart: {watched(worst)}, {_lengths(worst)}",
            f"{calendar(points[0].day)} to {calendar(points[-1].day)}",
            f"newest {self._figure(newest)} on {calendar(newest.day)}{_bounds(newest, worst)}",
            f"first {self._figure(first)}",
            f"lowest {self._figure(least)} on {calendar(least.day)}",
            f"highest {self._figure(most)} on {calendar(most.day)}",
            f"incident since {calendar(self.case.incident.since)}",
        ]
        said += [f"{version} took over on {calendar(day)}" for day, version in versions]
        return "; ".join(said) + "."

    def _figure(self, point: ChartPoint) -> str:
        value = point.value or 0.0
        if is_share(self.worst):
            return share(value)
        error = None if point.high is None or point.low is None else (point.high - point.low) / 2 / Z95
        return figure(value, error)


def takeovers(shares: Shares) -> list[tuple[date, str]]:
    """The days on which a version became the one with most predictions for the first time, but for the first.

    >>> days = [date(2013, 4, day) for day in (1, 2, 3)]
    >>> takeovers({days[0]: {"v1": 9.0}, days[1]: {"v1": 6.0, "v2": 3.0}, days[2]: {"v1": 1.0, "v2": 8.0}})
    [(datetime.date(2013, 4, 3), 'v2')]
    """
    led: dict[str, date] = {}
    for day in sorted(shares):
        counts = shares[day]
        leader = max(sorted(counts), key=lambda version: counts[version])
        led.setdefault(leader, day)
    return sorted((day, version) for version, day in led.items())[1:]


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
