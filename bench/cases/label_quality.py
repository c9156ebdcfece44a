"""What is odd about the labels learnt on these days, as the join task asks besides the statistics."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, cast

from measure import Measurement, options

from hindsight import config
from hindsight.pipeline.extract import opened
from hindsight.pipeline.join import feed_of
from hindsight.pipeline.runtime import Runtime
from hindsight.sources import feed
from hindsight.windows import DayRange

given = options()
spec = config.load(Path(given["monitor"]))
days = DayRange(date.fromisoformat(given["first"]), date.fromisoformat(given["last"]))
nobody = cast(Any, None)  # files need no connection, and nothing is stored
measurement = Measurement()
logs = opened(spec, Runtime(nobody, nobody, nobody, Path()))
with logs as (source, statement), measurement.stage("label quality"):
    asked, reach = feed_of(spec, days)
    found = source.fetch(feed.label_quality(statement, asked, *reach))
measurement.report(remarks=len(found))
