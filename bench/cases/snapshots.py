"""Every metric of every group in windows of 1, 7 and 28 days, read from stored statistics of one age."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa
from measure import Measurement, options, server_cpu

from hindsight import config
from hindsight.domain.records import Snapshot
from hindsight.pipeline.present import present_pairs
from hindsight.pipeline.runtime import Runtime
from hindsight.pipeline.snapshots import frame, history, windows_of
from hindsight.store import Store
from hindsight.windows import DayRange

given = options()
spec = config.load(Path(given["monitor"]))
days = DayRange(date.fromisoformat(given["first"]), date.fromisoformat(given["last"]))
store = Store(given["store"])
runtime = Runtime(store, lambda _: sa.make_url(given["store"]), cast(Any, None), Path())
horizon = spec.last_horizon
measurement = Measurement(server_cpu(given["server"]))
with store.transaction(spec.monitor) as connection:
    present = present_pairs(connection, store, spec)
    with measurement.stage("read"):
        known = history(spec, days, horizon, connection, runtime)
    if not known.groups:
        raise SystemExit("The store holds no statistics: keeping them must have failed.")
    rows: list[Snapshot] = []
    partitions = []
    with measurement.stage("metrics"):
        for span in spec.spans:
            ends = list(days)[span.count - 1 :]
            frames = [frame(spec, span, horizon, end, days, present) for end in ends]
            rows += windows_of(spec, span, horizon, frames, known)
            partitions += [(span, each.start, horizon) for each in frames]
    with measurement.stage("write"):
        store.replace_snapshots(connection, spec.monitor, partitions, rows)
store.dispose()
measurement.report(snapshots=len(rows), groups=sum(int(lived.sum()) for lived in known.lived.values()))
