"""Has the truth of a day landed?  What the waiting task asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import NO_LABELS
from hindsight.pipeline.extract import opened
from hindsight.pipeline.plan import calendar, zone
from hindsight.pipeline.runtime import Runtime
from hindsight.sources import feed
from hindsight.windows import as_of


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a run may go on, and what was seen of the feed."""

    ready: bool
    reason: str
    watermark: datetime | None = None
    coverage: float | None = None


def readiness(spec: MonitorSpec, day: date, runtime: Runtime) -> Readiness:
    """Whether the labels older than the run's as-of have landed.

    They have when the feed's newest label is as new as the as-of, for a feed publishes in order; or when
    the youngest window with a label horizon already has the coverage that the monitor asks for.
    """
    moment = as_of(day, NO_LABELS, zone(spec))
    youngest = spec.horizons[1] if len(spec.horizons) > 1 else NO_LABELS
    first_due = calendar(spec, [day - timedelta(days=youngest.count)])
    with opened(spec, runtime) as (source, statement):
        newest = source.fetch(feed.watermark(statement, runtime.clock()))[0][0]
        watermark = None if newest is None else newest.astimezone(UTC)
        if watermark is not None and watermark >= moment:
            return Readiness(True, f"the newest label is of {watermark.isoformat()}", watermark)
        predictions, labelled = source.fetch(feed.landed(statement, first_due, moment))[0]
    coverage = labelled / predictions if predictions else None
    if coverage is not None and coverage >= spec.maturity.min_coverage:
        return Readiness(True, f"{coverage:.0%} of the first due window have a label", watermark, coverage)
    newest_label = (
        "there is no label yet" if watermark is None else f"the newest label is of {watermark.isoformat()}"
    )
    return Readiness(False, f"{newest_label}, before {moment.isoformat()}", watermark, coverage)
