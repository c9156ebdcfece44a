"""The statistics of all days and ages, computed and written to the store."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa
from measure import Measurement, options, server_cpu

from hindsight import config
from hindsight.pipeline.extract import opened
from hindsight.pipeline.join import compute
from hindsight.pipeline.runtime import Runtime
from hindsight.store import Store
from hindsight.windows import DayRange, Pair

given = options()
spec = config.load(Path(given["monitor"]))
days = DayRange(date.fromisoformat(given["first"]), date.fromisoformat(given["last"]))
store = Store(given["store"])
store.upgrade()
runtime = Runtime(store, lambda _: sa.make_url(given["store"]), cast(Any, None), Path())
pairs = sorted(Pair(horizon, day) for horizon in spec.horizons for day in days)
measurement = Measurement(server_cpu(given["server"]))
with measurement.stage("compute"), opened(spec, runtime) as (source, statement):
    made = compute(spec, pairs, source, statement)
with measurement.stage("write"), store.transaction(spec.monitor) as connection:
    rows = [row for pair in pairs for row in made[pair].rows]
    store.replace_windows(connection, spec.monitor, [made[pair].state for pair in pairs], rows)
store.dispose()
measurement.report(statistics=len(rows), bytes=sum(len(row.payload) for row in rows))
