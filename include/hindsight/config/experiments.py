"""What must be there for two arms to be compared: the column that tells them apart, and days to do it on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hindsight.config.findings import did_you_mean
from hindsight.config.tree import HOLE, Path, quoted
from hindsight.detectors.compare import Compare, known
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Grain

Fault = tuple[Path, str]


def faults(spec: MonitorSpec, detector: Any, path: Path) -> Iterator[Fault]:
    """What is wrong with a comparison in this monitor; nothing of detectors of another kind."""
    if not isinstance(detector, Compare):
        return
    segments: list[Any] = list(spec.segments)
    for key, column in (("column", detector.column), ("within", (detector.within or "").partition("=")[0])):
        if column and column not in segments and HOLE not in segments:
            meant = did_you_mean(column, segments)
            there = meant or f", which are {', '.join(segments) or 'none'}: add it there"
            yield (*path, key), f"{quoted(column)} is not one of the monitor's segments{there}"
    of_versions = detector.column is None or detector.version is not None
    if of_versions and spec.predictions.columns.version is None:
        key = "control" if detector.column is None else "version"
        must = "map predictions.columns.version, or name the `column` that tells the arms apart"
        yield (*path, key), f"{quoted(getattr(detector, key))} is a version, and the log has none: {must}"
    for key in ("guardrails", "also"):
        for name in getattr(detector, key):
            metric = known(name)
            if metric is not None and metric.labelled and detector.at.count == 0:
                must = "which at 0d no row has: compare at a later age"
                yield (*path, key), f"{quoted(name)} rests on labels, {must}"
    if spec.grain is Grain.HOUR:
        yield path, "an experiment is judged by the day: compare its arms in a monitor of `grain: day`"
