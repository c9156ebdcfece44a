"""Has the truth of a day landed?  What the waiting task asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from hindsight.domain.spec import Marker, MonitorSpec
from hindsight.domain.values import NO_LABELS
from hindsight.errors import SourceAbsent
from hindsight.pipeline.extract import opened
from hindsight.pipeline.plan import calendar, zone
from hindsight.pipeline.runtime import Runtime
from hindsight.sources import Source, feed, kind_of
from hindsight.sources.marker import progress
from hindsight.sources.relation import open_relation
from hindsight.sources.statement import Statement
from hindsight.windows import as_of, shift


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a run may go on, and what was seen of the feed."""

    ready: bool
    reason: str
    watermark: datetime | None = None
    coverage: float | None = None


@dataclass(frozen=True, slots=True)
class Watermark:
    """How far the feed has come, as far as anybody can tell, and how that is said."""

    moment: datetime | None
    said: str


def readiness(spec: MonitorSpec, day: date, runtime: Runtime) -> Readiness:
    """Whether the labels older than the run's as-of have landed.

    They have when the feed's watermark is as new as the as-of: what its marker says, or else its newest
    label, for a feed publishes in order.  Or when the youngest window with a label horizon already has the
    coverage that the monitor asks for.
    """
    moment = as_of(day, NO_LABELS, zone(spec))
    youngest = spec.horizons[1] if len(spec.horizons) > 1 else NO_LABELS
    first_due = calendar(spec, [shift(day, -youngest.count)])
    marked = None if spec.maturity.marker is None else of_marker(spec.maturity.marker, runtime)
    with opened(spec, runtime) as (source, statement):
        mark = marked or of_labels(source, statement, runtime.clock())
        if mark.moment is not None and mark.moment >= moment:
            return Readiness(True, mark.said, mark.moment)
        predictions, labelled = source.fetch(feed.landed(statement, first_due, moment))[0]
    coverage = labelled / predictions if predictions else None
    if coverage is not None and coverage >= spec.maturity.min_coverage:
        return Readiness(True, f"{coverage:.0%} of the first due window have a label", mark.moment, coverage)
    before = "" if mark.moment is None else f", before {moment.isoformat()}"
    return Readiness(False, mark.said + before, mark.moment, coverage)


def of_labels(source: Source, statement: Statement, now: datetime) -> Watermark:
    """The time of the newest label."""
    newest = source.fetch(feed.watermark(statement, now))[0][0]
    if newest is None:
        return Watermark(None, "there is no label yet")
    newest = newest.astimezone(UTC)
    return Watermark(newest, f"the newest label is of {newest.isoformat()}")


def of_marker(marker: Marker, runtime: Runtime) -> Watermark:
    """What the marker says; one that nobody has written yet says nothing, and one from the future neither."""
    try:
        with kind_of(marker)(marker, runtime.database_url, runtime.root) as source:
            relation = open_relation(source, marker, "marker")
            passed, greatest = source.fetch(progress(relation, marker.time, runtime.clock()))[0]
    except SourceAbsent:
        return Watermark(None, f"the marker {marker} is not there yet")
    if passed is not None:
        passed = passed.astimezone(UTC)
        return Watermark(passed, f"the marker {marker} says {passed.isoformat()}")
    if greatest is not None:
        future = greatest.astimezone(UTC).isoformat()
        return Watermark(None, f"the marker {marker} says {future}, which lies in the future")
    return Watermark(None, f"the marker {marker} holds no time yet")
