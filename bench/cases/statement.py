"""Hindsight: the statement, reading its lines, and the metrics of each day and group; inputs if wanted."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa
from measure import Measurement, options, server_cpu

from hindsight import config
from hindsight.domain.values import ALL
from hindsight.metrics import find
from hindsight.metrics.estimate import estimate
from hindsight.pipeline.extract import opened, verify_ids, verify_labels
from hindsight.pipeline.inputs import from_reference, profiled
from hindsight.pipeline.plan import calendar
from hindsight.pipeline.runtime import Runtime
from hindsight.sources import feed
from hindsight.statistics import layout_of
from hindsight.statistics.lines import Key, payloads, read
from hindsight.windows import DayRange

given = options()
spec = config.load(Path(given["monitor"]))
days = DayRange(date.fromisoformat(given["first"]), date.fromisoformat(given["last"]))
nobody = cast(Any, None)  # nothing is stored and nobody told
runtime = Runtime(
    store=nobody,
    database_url=lambda _: sa.make_url(given["database"]),
    connection=nobody,
    root=Path(),
)


measurement = Measurement(server_cpu(given["server"]) if "server" in given else None)
with ExitStack() as stack:
    with measurement.stage("open"):
        layout, asked = layout_of(spec), calendar(spec, days)
        source, statement = stack.enter_context(opened(spec, runtime))
    with measurement.stage("verify"):
        verify_ids(spec, source, statement, asked)
        said = sum(dict(source.fetch(feed.volume(statement, asked))).values())
    with measurement.stage("statement"):
        columns = source.columns(statement.statistics(asked))
    with measurement.stage("read"):
        lines = read(columns, layout, Key.of(spec, layout, asked), spec.segments)
        found = payloads(lines, layout, len(asked.horizons), spec.ground_truth.on_conflict)
    with measurement.stage("verify"):
        verify_labels(spec, source, statement, asked, multiplied=lines.predictions(layout) != said)
    if spec.predictions.features:
        with measurement.stage("cuts"):
            cuts = {name: ("", cut) for name, cut in from_reference(spec, source, statement).items()}
        with measurement.stage("inputs"):
            profiled(spec, list(days), source, lambda _: statement, cuts)
with measurement.stage("metrics"):
    statistics = layout.parse(found[-1])
    for name in spec.metrics:
        metric = find(name)
        estimate(metric, metric.terms(statistics), 1, statistics.rows)
whole = [number for number, group in enumerate(lines.groups) if group.segment == ALL]
measurement.report(
    lines=len(lines.count),
    groups=len(lines.groups),
    cells=sum(len(payload.get("cell", ())) for payload in found[-1]),
    predictions=int(statistics.predictions[whole].sum()),
    labelled=int(statistics.labelled[whole].sum()),
)
