"""Statistics of a history that fits no memory: all days and ages, as the join task computes them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, cast

from measure import Measurement, options

from hindsight import config
from hindsight.pipeline.extract import opened
from hindsight.pipeline.join import compute
from hindsight.pipeline.runtime import Runtime
from hindsight.windows import DayRange, Pair

given = options()
spec = config.load(Path(given["monitor"]))
days = DayRange(date.fromisoformat(given["first"]), date.fromisoformat(given["last"]))
nobody = cast(Any, None)  # files need no connection, and nothing is stored
runtime = Runtime(nobody, nobody, nobody, Path())
pairs = sorted(Pair(horizon, day) for horizon in spec.horizons for day in days)
measurement = Measurement()
with measurement.stage("compute"), opened(spec, runtime) as (source, statement):
    made = compute(spec, pairs, source, statement)
measurement.report(
    predictions=sum(each.state.predictions for pair, each in made.items() if pair.horizon.count == 0),
    statistics=sum(len(each.rows) for each in made.values()),
)
