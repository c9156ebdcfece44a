"""Lengths in the unit of the monitor's grain: at an hourly one all of them are counted in hours.

It also knows what is usual at an hourly grain, where a key is left out, and what its lengths must be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import time, timedelta
from typing import Any, Final

from hindsight.config.tree import Path
from hindsight.detectors.base import BaseDetector
from hindsight.domain.spec import MaturityRule, MonitorSpec
from hindsight.domain.values import Grain, Horizon, Length, Span

LONGEST: Final[Mapping[Grain, Horizon]] = {Grain.DAY: Horizon(120), Grain.HOUR: Horizon(168, "h")}
"""The oldest labels that a monitor may judge at: a statement tells each unit up to there apart."""

HORIZONS: Final = (Horizon(1, "h"), Horizon(6, "h"), Horizon(24, "h"))
WINDOWS: Final = (Span(24, "h"), Span(168, "h"))
SCHEDULE: Final = time(0, 10)
WAIT: Final = timedelta(minutes=30)
"""What is usual at an hourly grain: a run that waits is over before the next one starts."""

HOUR: Final = timedelta(hours=1)

Fault = tuple[Path, str]


def oldest(spec: MonitorSpec) -> Horizon:
    """The oldest labels that a monitor may judge at."""
    return LONGEST[Grain(spec.grain.value)]


def in_grain(spec: MonitorSpec, document: Any) -> MonitorSpec:
    """The spec with every length in the unit of its grain; it may have holes."""
    if getattr(spec, "grain", None) is not Grain.HOUR or not isinstance(document, Mapping):
        return spec
    usual: dict[str, Any] = {}
    if "windows" not in document:
        usual["windows"] = WINDOWS
    if "schedule" not in document:
        usual["schedule"] = SCHEDULE
    told, rule = document.get("maturity", {}), getattr(spec, "maturity", None)
    if isinstance(rule, MaturityRule) and isinstance(told, Mapping):
        of_rule = {"horizons": HORIZONS, "wait": WAIT}
        usual["maturity"] = changed(rule, {key: of_rule[key] for key in of_rule.keys() - told.keys()})
    made: MonitorSpec = in_hours(changed(spec, usual))
    return made


def in_hours(value: Any) -> Any:
    """A value with every length within it in hours, but for those of the calendar."""
    if isinstance(value, Length):
        return value.in_hours()
    if isinstance(value, tuple):
        return tuple(map(in_hours, value))
    if not is_dataclass(value) or isinstance(value, type):
        return value
    there = {f.name: getattr(value, f.name) for f in fields(value) if f.init and hasattr(value, f.name)}
    new = {name: made for name, old in there.items() if (made := in_hours(old)) != old}
    if isinstance(value, BaseDetector) and {"metric", "name"} <= there.keys() and new:
        new |= {"name": ""} if value.name == value.usual_name else {}
    return changed(value, new)


def changed(value: Any, new: Mapping[str, Any]) -> Any:
    """A dataclass with other values.  One with holes is nobody else's, and cannot be made anew."""
    if not new:
        return value
    if all(hasattr(value, field.name) for field in fields(value)):
        return replace(value, **new)
    for name, item in new.items():
        object.__setattr__(value, name, item)
    return value


def faults(spec: MonitorSpec) -> Iterator[Fault]:
    """Lengths and times that do not go with the grain."""
    yield from _lengths(spec)
    if spec.grain is not Grain.HOUR:
        return
    if spec.schedule.hour:
        must = f'the minutes past the hour at which a run starts, such as "{SCHEDULE:%H:%M}"'
        yield ("schedule",), f"at `grain: hour` the schedule is {must}, not {spec.schedule:%H:%M}"
    most = max((spec.airflow.max_active_runs - 1) * HOUR, WAIT)
    if spec.maturity.wait > most:
        at_once = f"only airflow.max_active_runs ({spec.airflow.max_active_runs}) runs wait at once"
        longest = f"{most // HOUR}h" if most >= HOUR else f"{most // timedelta(minutes=1)}m"
        must = f"wait {longest} at most, or allow more runs"
        yield ("maturity", "wait"), f"hours would be left out, for {at_once}: {must}"


def _lengths(spec: MonitorSpec) -> Iterator[Fault]:
    """Each length that is written in another unit than the grain's."""
    lengths: list[tuple[Path, Any]] = []
    lengths += [(("maturity", "horizons", i), each) for i, each in enumerate(spec.maturity.horizons)]
    lengths += [(("windows", i), each) for i, each in enumerate(spec.windows)]
    lengths += [
        (("detectors", i, each.name), getattr(detector, each.name, None))
        for i, detector in enumerate(spec.detectors)
        if is_dataclass(detector)
        for each in fields(detector)
    ]
    for path, length in lengths:
        if not isinstance(length, Length):
            continue
        if spec.grain is Grain.HOUR and isinstance(length, Span) and length.calendar:
            yield path, f"a {length} is a window of days: at `grain: hour` name hours, such as 168h"
        elif spec.grain is Grain.DAY and length.unit == "h":
            days = f"{-(-length.count // 24)}d"
            yield path, f"{length} is in hours: say `grain: hour`, or name whole days, such as {days}"
