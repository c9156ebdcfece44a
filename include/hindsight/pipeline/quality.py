"""What was odd about the logs: read from the states of days, and held to the monitor's policy."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import sqlalchemy as sa

from hindsight.domain.records import WindowState
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Horizon
from hindsight.errors import SourceError
from hindsight.pipeline.plan import zone
from hindsight.pipeline.present import local_day
from hindsight.pipeline.runtime import Runtime
from hindsight.statistics.quality import ODD_LABELS, QualityStatistics, refused
from hindsight.windows import DayRange, midnight


def quality_of(
    spec: MonitorSpec, days: DayRange, horizon: Horizon, connection: sa.Connection, runtime: Runtime
) -> QualityStatistics:
    """What was counted of the logs on each of these days, as known at one horizon; zero where it was not."""
    start, end = midnight(days.start, zone(spec)), midnight(days.end + timedelta(days=1), zone(spec))
    states = runtime.store.window_states(connection, spec.monitor, start, end, horizons=[horizon])
    found = {local_day(spec, s.window_start): (s.predictions, s.labelled, s.quality) for s in states}
    return QualityStatistics.of([found.get(day) for day in days])


def refuse(spec: MonitorSpec, states: Iterable[WindowState]) -> None:
    """Raise SourceError for the earliest day with an oddity that the monitor does not merely count."""
    met = sorted(
        (local_day(spec, state.window_start), state.horizon, reason, count)
        for state in states
        for reason, count in refused(state.quality, spec.quality)
    )
    if not met:
        return
    day, horizon, reason, count = met[0]
    days = len({each[0] for each in met})
    more = f", and {days - 1} more of these days have such rows" if days > 1 else ""
    of_labels = reason in ODD_LABELS
    place = spec.ground_truth if of_labels else spec.predictions
    when = "learnt on" if of_labels else "of"
    raise SourceError(
        f"{place} has {count:,} {'row' if count == 1 else 'rows'} {when} {day} counted as {reason!r} "
        f"(as known {horizon} later){more}, and the monitor's `quality` says `{reason}: fail`: nothing was "
        f"written.  Correct the log and run again, or say `{reason}: count`."
    )
