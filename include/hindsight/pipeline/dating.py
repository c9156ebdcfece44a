"""When a breach began: the metric's units up to the window's end, as what dates a change wants them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Final

import numpy as np

from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Grain
from hindsight.explanation.since import Days, Since, since
from hindsight.metrics import Metric, find
from hindsight.metrics.base import Part
from hindsight.metrics.estimate import measured
from hindsight.metrics.expectation import curve, under
from hindsight.pipeline.plan import reference_days, zone
from hindsight.statistics import BinaryStatistics, Statistics
from hindsight.statistics.base import Array
from hindsight.windows import DayRange, shift, start_of

BACK: Final[Mapping[Grain, int]] = {Grain.DAY: 120, Grain.HOUR: 14 * 24}
"""Units up to the window's end in which the change is looked for."""

Read = Callable[[DayRange], Statistics]
"""The statistics of the breach's version and segment, unit by unit."""

Computed = Callable[[DayRange], set[datetime]]
"""Where the units begin that were computed."""


def dated(
    spec: MonitorSpec,
    metric: Metric,
    window: DayRange,
    read: Read,
    computed: Computed,
    *,
    adjusts: bool,
    side: int = 0,
) -> tuple[Since | None, date]:
    """Since when the metric is at its level, and the first unit that was looked at.

    What is usual are the reference's units, one by one as those that are dated are: of many metrics the mean
    of the days is not the value of all of them together.  A fixed value is usual where one is given.  `side`
    is where the breach lies (see `since`).
    """
    first = shift(window.end, 1 - BACK[spec.grain])
    reference = reference_days(spec)
    if reference is not None:
        # What a distance from the reference is within it says nothing.
        begins = reference.start if metric.part is Part.OUTCOMES else shift(reference.end, 1)
        first = max(first, min(begins, window.start))
    rates: Array | None = None
    usual: float | None = None
    if reference is not None and window.start > reference.end and metric.part is Part.OUTCOMES:
        known = read(reference)
        if adjusts and isinstance(known, BinaryStatistics):
            rates = curve(known.pooled())
        usual = level(daily(spec, metric, reference, known, computed, rates))
    elif metric.name in spec.reference.values and not adjusts:
        usual = spec.reference.values[metric.name]
    days = DayRange(first, window.end)
    if len(days) < 2:
        return None, first
    made = daily(spec, metric, days, read(days), computed, rates, usual)
    there = np.flatnonzero(np.isfinite(made.values) & (made.rows > 0))
    if len(there):
        first = max(first, made.units[there[0]])
    found = since(made, side)
    if found is not None and not found.steps and reference is not None and first <= reference.end:
        return None, first  # the reference itself cannot have been so
    return found, first


def daily(
    spec: MonitorSpec,
    metric: Metric,
    days: DayRange,
    statistics: Statistics,
    computed: Computed,
    rates: Array | None,
    usual: float | None = None,
) -> Days:
    """The metric unit by unit, less what these rates make us expect of its scores."""
    found = measured(metric, statistics, 1)
    values, rows = found.value.copy(), found.rows
    if metric.labelled and metric.name != "coverage":
        share = measured(find("coverage"), statistics, 1).value
        values[~(share >= spec.maturity.min_coverage)] = np.nan
    if metric.extensive:  # a unit that was never computed is not one without predictions
        own = computed(days)
        values[[start_of(unit, zone(spec)) not in own for unit in days]] = np.nan
        rows = np.ones(len(days))
    if rates is not None and isinstance(statistics, BinaryStatistics):
        values -= metric.value(metric.terms(under(rates[None], statistics)))
    return Days(list(days), values, found.standard_error, rows, usual)


def level(days: Days) -> float | None:
    """The mean of these units by their rows; None without any."""
    there = np.isfinite(days.values) & (days.rows > 0)
    weight = days.rows[there]
    return float((weight * days.values[there]).sum() / weight.sum()) if there.any() else None
