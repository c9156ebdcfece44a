"""What the store already holds of a monitor, by local day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from hindsight.domain.records import WindowState
from hindsight.domain.spec import MonitorSpec
from hindsight.errors import HindsightError
from hindsight.pipeline.plan import zone
from hindsight.store import Store
from hindsight.windows import Pair, midnight

EVER = (datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))


def local_day(spec: MonitorSpec, start: datetime) -> date:
    """The local day that begins at this instant."""
    return start.astimezone(zone(spec)).date()


def present_pairs(connection: sa.Connection, store: Store, spec: MonitorSpec) -> dict[Pair, str]:
    """Every pair in the store, with the hash of the specification that made it."""
    states = store.window_states(connection, spec.monitor, *EVER)
    for state in states:
        day = local_day(spec, state.window_start)
        if midnight(day, zone(spec)) != state.window_start:
            raise HindsightError(
                f"The store holds windows of {spec.monitor!r} that begin at "
                f"{state.window_start.isoformat()}, which is no midnight of {spec.timezone}: days of another "
                "zone do not add to these.  Give the monitor a new name, or put its `timezone` back."
            )
    return {Pair(state.horizon, local_day(spec, state.window_start)): state.spec_hash for state in states}


def own_pairs(connection: sa.Connection, store: Store, spec: MonitorSpec) -> dict[Pair, str]:
    """The pairs in the store that this specification made: others do not add to them."""
    found = present_pairs(connection, store, spec)
    return {pair: made_by for pair, made_by in found.items() if made_by == spec.made_by}


def states_of(
    connection: sa.Connection, store: Store, spec: MonitorSpec, pairs: Iterable[Pair]
) -> list[tuple[date, WindowState]]:
    """The stored states of these pairs' days, each with its local day."""
    days = [pair.day for pair in pairs]
    first, after = midnight(min(days), zone(spec)), midnight(max(days) + timedelta(days=1), zone(spec))
    states = store.window_states(connection, spec.monitor, first, after)
    return [(local_day(spec, state.window_start), state) for state in states]
