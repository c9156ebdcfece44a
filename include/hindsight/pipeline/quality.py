"""What was odd about the logs: read from the states of days, and held to the monitor's policy."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from hindsight.domain.records import WindowState
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Horizon
from hindsight.errors import SourceError
from hindsight.pipeline.plan import zone
from hindsight.pipeline.present import unit_at
from hindsight.pipeline.runtime import Runtime
from hindsight.pipeline.truth import lasting
from hindsight.statistics.quality import ODD_LABELS, Met, QualityStatistics, refused
from hindsight.statistics.reasons import SILENT
from hindsight.windows import DayRange, end_of, start_of, written


def quality_of(
    spec: MonitorSpec, days: DayRange, horizon: Horizon, connection: sa.Connection, runtime: Runtime
) -> QualityStatistics:
    """What was counted of the logs on each of these days, as known at one horizon; zero where it was not.

    What another specification counted is not added to.
    """
    start, end = start_of(days.start, zone(spec)), end_of(days.end, zone(spec))
    states = runtime.store.window_states(connection, spec.monitor, start, end, horizons=[horizon])
    own = [state for state in states if state.spec_hash == spec.made_by]
    return counted(spec, days, own, horizon)


def counted(
    spec: MonitorSpec, days: DayRange, states: Iterable[WindowState], oldest: Horizon
) -> QualityStatistics:
    """What these states, at this age at most, say of each day; zero where none does."""
    found = {unit_at(spec, state.window_start): met(state) for state in states}
    return QualityStatistics.of([found.get(day) for day in days], oldest.count + 1)


def met(state: WindowState) -> Met:
    """What a day's state says of its logs."""
    return Met(state.predictions, state.labelled, state.quality, state.delays, state.ledger)


def refuse(spec: MonitorSpec, states: Iterable[WindowState]) -> None:
    """Raise SourceError for the earliest day with an oddity that the monitor does not merely count."""
    met = sorted(
        (unit_at(spec, state.window_start), state.horizon, reason, count)
        for state in states
        for reason, count in refused(state.quality, spec.quality)
    )
    if not met:
        return
    day, horizon, reason, count = met[0]
    days = len({each[0] for each in met})
    such = "are such" if reason == SILENT else "have such rows"
    more = f", and {days - 1} more of these {spec.grain}s {such}" if days > 1 else ""
    first = written(day, zone(spec))
    if reason == SILENT:
        raise SourceError(
            f"{spec.ground_truth} had no label in the {lasting(spec.ground_truth.silent_for)} before {first} "
            f"was judged at {horizon}{more}, and the monitor's `quality` says `{SILENT}: fail`: nothing was "
            "written.  See to the feed of labels and run again when they have landed, raise `silent_for` if "
            f"such gaps are usual, or say `{SILENT}: count`."
        )
    of_labels = reason in ODD_LABELS
    place = spec.ground_truth if of_labels else spec.predictions
    when = "learnt on" if of_labels else "of"
    raise SourceError(
        f"{place} has {count:,} {'row' if count == 1 else 'rows'} {when} {first} counted as {reason!r} "
        f"(as known {horizon} later){more}, and the monitor's `quality` says `{reason}: fail`: nothing was "
        f"written.  Correct the log and run again, or say `{reason}: count`."
    )
