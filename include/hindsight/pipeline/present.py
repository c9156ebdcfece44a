"""What the store already holds of a monitor, by local day or hour."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime

import sqlalchemy as sa

from hindsight.domain.records import WindowState
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Grain
from hindsight.errors import HindsightError
from hindsight.pipeline.plan import zone
from hindsight.store import Store
from hindsight.store.partitions import Place
from hindsight.windows import HOUR, MOMENT, Pair, end_of, hour_at, start_of


def unit_at(spec: MonitorSpec, moment: datetime) -> date:
    """The local day, or the hour, that holds this instant: the one that begins then."""
    return hour_at(moment) if spec.grain is Grain.HOUR else moment.astimezone(zone(spec)).date()


def unit_before(spec: MonitorSpec, end: datetime) -> date:
    """The local day, or the hour, that ends at this instant."""
    return unit_at(spec, end.astimezone(UTC) - MOMENT)


def present_pairs(connection: sa.Connection, store: Store, spec: MonitorSpec) -> dict[Pair, str]:
    """Every pair in the store, with the hash of the specification that made it."""
    places = store.state_places(connection, spec.monitor)
    days = {start: unit_at(spec, start) for start in {place.window_start for place in places}}
    for place in places:
        refuse_other_grain(spec, place)
    for start, day in days.items():
        if start_of(day, zone(spec)) != start:
            raise HindsightError(
                f"The store holds windows of {spec.monitor!r} that begin at {start.isoformat()}, which is no "
                f"midnight of {spec.timezone}: days of another zone do not add to these.  Give the monitor a "
                "new name, or put its `timezone` back."
            )
    return {Pair(place.horizon, days[place.window_start]): place.spec_hash for place in places}


def refuse_other_grain(spec: MonitorSpec, place: Place) -> None:
    """Raise when this is the place of an hour and the monitor goes by the day, or the other way round.

    An hour that begins at midnight has the key of the day, and would be written over it.
    """
    stored = Grain.HOUR if place.window_end - place.window_start == HOUR else Grain.DAY
    if stored is not spec.grain:
        raise HindsightError(
            f"The store holds {stored}s of {spec.monitor!r}, and its file says `grain: {spec.grain}`: one "
            f"cannot stand for the other.  Give the monitor a new name, or put `grain: {stored}` back."
        )


def own_pairs(connection: sa.Connection, store: Store, spec: MonitorSpec) -> dict[Pair, str]:
    """The pairs in the store that this specification made: others do not add to them."""
    found = present_pairs(connection, store, spec)
    return {pair: made_by for pair, made_by in found.items() if made_by == spec.made_by}


def states_of(
    connection: sa.Connection, store: Store, spec: MonitorSpec, pairs: Iterable[Pair]
) -> dict[Pair, WindowState]:
    """The stored states of these pairs' days, at every age."""
    days = [pair.day for pair in pairs]
    first, after = start_of(min(days), zone(spec)), end_of(max(days), zone(spec))
    states = store.window_states(connection, spec.monitor, first, after)
    return {Pair(state.horizon, unit_at(spec, state.window_start)): state for state in states}
