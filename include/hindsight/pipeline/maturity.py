"""On read: how late labels come, and what waiting for them changes; nothing is written."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from hindsight.domain.records import Snapshot, WindowState
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ALL, NO_LABELS, Horizon, Status
from hindsight.errors import HindsightError
from hindsight.metrics import find
from hindsight.metrics.base import Part
from hindsight.pipeline.present import own_pairs, unit_at
from hindsight.pipeline.runtime import Runtime
from hindsight.statistics.base import Array
from hindsight.statistics.delay import Delays
from hindsight.windows import Pair

QUANTILES: Final = (0.5, 0.9, 0.99)
COVERAGE: Final = "coverage"


@dataclass(frozen=True, slots=True)
class LabelAge:
    """How much of the truth is known at an age, in the grain's units after the end of the window.

    `share` is that of the labels that come by the last horizon, with its standard error; `coverage` that of
    the predictions.
    """

    age: int
    share: float
    standard_error: float
    coverage: float


@dataclass(frozen=True, slots=True)
class LabelQuantile:
    """The age by which a share of the labels is known, with its 95 % interval; None is after the last
    horizon.
    """

    share: float
    age: int
    lower: int
    upper: int | None


@dataclass(frozen=True, slots=True)
class DelayReport:
    """How late labels come, from all windows, each watched as long as it was.

    `never` is the share of the predictions of mature windows that got no label by the last horizon, with its
    standard error from how windows differ.  `labels_known` and `predictions_known` are the ages at which
    the share `known` of the labels that come, and of the predictions, is known; None where that is never.
    """

    monitor: str
    last: Horizon
    windows: int
    mature: int
    labels: int
    ages: tuple[LabelAge, ...]
    quantiles: tuple[LabelQuantile, ...]
    never: float
    never_error: float | None
    known: float
    labels_known: int
    predictions_known: int | None

    def lines(self) -> list[str]:
        """What the report says, in sentences."""
        of = f"{self.labels} labels of {self.windows} windows, {self.mature} of them mature (at {self.last})"
        said = [f"How late the labels of {self.monitor} come, from {of}:"]
        for each in self.quantiles:
            upper = f"after {self.last}" if each.upper is None else self._written(each.upper)
            bounds = f"between {self._written(each.lower)} and {upper}"
            said.append(
                f"  {each.share:.0%} of those that come are known at {self._written(each.age)} ({bounds})"
            )
        error = "" if self.never_error is None else f" ± {self.never_error:.1%}"
        said.append(f"  {self.never:.1%}{error} of the predictions of mature windows have no label by then")
        if self.predictions_known is None:
            rest = f"that share of all predictions never is by {self.last}"
        else:
            rest = f"that share of all predictions at {self._written(self.predictions_known)}"
        said.append(
            f"Time to know: {self.known:.0%} of the labels that come are known at "
            f"{self._written(self.labels_known)}, {rest}."
        )
        return said

    def telling(self) -> list[LabelAge]:
        """The ages worth a line: the first, the last, and each at which 2 % more labels are known."""
        chosen: list[LabelAge] = []
        for each in self.ages:
            if not chosen or each.share >= chosen[-1].share + 0.02 or each is self.ages[-1]:
                chosen.append(each)
        return chosen

    def _written(self, age: int) -> str:
        return f"{age}{self.last.unit}"


@dataclass(frozen=True, slots=True)
class MetricAge:
    """A metric at a label age: its mean over the windows that have a value at every horizon.

    So the same windows stand behind every age.  `early_minus_final` is the mean difference from the last
    horizon, its standard error from how windows differ; both are 0 at the last horizon.
    """

    monitor: str
    version: str
    metric: str
    horizon: Horizon
    windows: int
    coverage: float
    value: float
    early_minus_final: float
    standard_error: float | None


def delay_report(
    spec: MonitorSpec,
    runtime: Runtime,
    *,
    known: float = 0.9,
    start: date | None = None,
    end: date | None = None,
) -> DelayReport:
    """How late the labels of windows in these days come; of all windows where none are named."""
    if not 0.0 < known <= 1.0:
        raise HindsightError(f"{known:g} is not a share of the truth: give one above 0 and at most 1.")
    newest = _newest(spec, runtime, start, end)
    last = spec.last_horizon
    mature = [state for state in newest if state.horizon == last]
    if not mature:
        raise HindsightError(
            f"No window of {spec.monitor!r} has reached its last horizon, {last}, there: how late labels "
            "come, and how many never do, is not known before."
        )
    counts = np.zeros((len(newest), last.count + 1))
    for i, state in enumerate(newest):
        for age, count in state.delays.items():
            counts[i, int(age)] += count
    delays = Delays.of(counts, np.array([state.horizon.count for state in newest]))
    if delays is None:
        raise HindsightError(
            f"No label of {spec.monitor!r} is known there: run it for days that have labels."
        )
    told = np.array([float(sum(state.delays.values())) for state in mature])
    predictions = np.array([float(state.predictions) for state in mature])
    ever = float(told.sum() / predictions.sum())
    coverage = delays.share * ever
    reached = np.flatnonzero(coverage >= known - 1e-12)
    return DelayReport(
        monitor=spec.monitor,
        last=last,
        windows=len(newest),
        mature=len(mature),
        labels=round(delays.labels),
        ages=tuple(
            LabelAge(age, float(delays.share[age]), float(delays.error[age]), float(coverage[age]))
            for age in range(last.count + 1)
        ),
        quantiles=tuple(LabelQuantile(share, *delays.quantile(share)) for share in QUANTILES),
        never=1.0 - ever,
        never_error=_ratio_error(told, predictions, ever),
        known=known,
        labels_known=delays.quantile(known)[0],
        predictions_known=int(reached[0]) if len(reached) else None,
    )


def maturity_curve(
    spec: MonitorSpec,
    runtime: Runtime,
    *,
    metric: str | None = None,
    start: date | None = None,
    end: date | None = None,
) -> list[MetricAge]:
    """Each metric by label age, over single days (or hours) that have it at every horizon; by default all
    metrics that need labels.
    """
    if metric is not None:
        _refuse_unfit(spec, metric)
    with runtime.store.transaction() as connection:
        pairs = own_pairs(connection, runtime.store, spec)
        found = runtime.store.snapshots(
            connection,
            spec.monitor,
            metric=metric,
            horizon=[horizon for horizon in spec.horizons if horizon > NO_LABELS],
            window=spec.unit_span,
            segment=ALL,
        )
    by_metric: dict[tuple[str, str], dict[date, dict[Horizon, Snapshot]]] = {}
    for row in found:
        unit = unit_at(spec, row.window_start)
        if (
            row.status is Status.OK
            and Pair(row.horizon, unit) in pairs
            and within(unit, start, end)
            and _unfit(row.metric) is None
        ):
            by_metric.setdefault((row.metric, row.version), {}).setdefault(unit, {})[row.horizon] = row
    return [
        row
        for (name, version), windows in sorted(by_metric.items())
        for row in _by_age(spec, name, version, [windows[unit] for unit in sorted(windows)])
    ]


def _newest(spec: MonitorSpec, runtime: Runtime, start: date | None, end: date | None) -> list[WindowState]:
    """The state of each window that has predictions at the greatest horizon computed for it."""
    with runtime.store.transaction() as connection:
        states = runtime.store.window_states(connection, spec.monitor)
    newest: dict[date, WindowState] = {}
    for state in states:
        unit = unit_at(spec, state.window_start)
        ours = state.spec_hash == spec.made_by and within(unit, start, end)
        if state.predictions and ours and (unit not in newest or newest[unit].horizon < state.horizon):
            newest[unit] = state
    if not newest:
        raise HindsightError(
            f"No window of {spec.monitor!r} with predictions has been computed there: run it first."
        )
    return [newest[unit] for unit in sorted(newest)]


def within(unit: date, start: date | None, end: date | None) -> bool:
    """Whether a unit lies between two, both included; None leaves a side open."""
    return (start is None or unit >= start) and (end is None or unit <= end)


def _refuse_unfit(spec: MonitorSpec, name: str) -> None:
    """Raise unless this is a metric that changes with the labels, and is kept."""
    try:
        metric = find(name)
    except ValueError as error:
        raise HindsightError(f"{str(error)[0].upper()}{str(error)[1:]}.") from error
    fault = _unfit(name)
    if fault is not None:
        raise HindsightError(f"The metric {name!r} {fault}.")
    kept = {each.partition("(")[0] if metric.name.startswith(f"{each}(") else each for each in spec.metrics}
    if name not in kept and name.partition("(")[0] not in kept:
        raise HindsightError(
            f"The metric {name!r} is not kept of {spec.monitor!r}: it keeps {', '.join(spec.metrics)}."
        )


def _unfit(name: str) -> str | None:
    """Why a metric is not followed by label age, as the end of a sentence; None where it is."""
    metric = find(name)
    if not metric.labelled:
        return "needs no labels: it does not change with their age"
    if name == COVERAGE:
        return "stands beside every other metric by label age: leave --metric out, or name another"
    if metric.part is not Part.OUTCOMES:
        return "says how the logs are, not how the model did: it is not followed by label age"
    return None


def _by_age(
    spec: MonitorSpec, name: str, version: str, windows: Collection[dict[Horizon, Snapshot]]
) -> list[MetricAge]:
    """One metric of one version at each horizon; nothing where no window has them all."""
    horizons = [horizon for horizon in spec.horizons if horizon > NO_LABELS]
    whole = [rows for rows in windows if all(horizon in rows for horizon in horizons)]
    if not whole:
        return []
    values = np.array([[_number(rows[horizon].value) for horizon in horizons] for rows in whole])
    coverage = np.array([[_number(rows[horizon].coverage) for horizon in horizons] for rows in whole])
    early = values - values[:, -1:]
    return [
        MetricAge(
            monitor=spec.monitor,
            version=version,
            metric=name,
            horizon=horizon,
            windows=len(whole),
            coverage=float(coverage[:, i].mean()),
            value=float(values[:, i].mean()),
            early_minus_final=float(early[:, i].mean()),
            standard_error=_mean_error(early[:, i]),
        )
        for i, horizon in enumerate(horizons)
    ]


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _mean_error(values: Sequence[float] | Array) -> float | None:
    """The standard error of a mean over windows; None of a single one."""
    return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None


def _ratio_error(part: Array, whole: Array, ratio: float) -> float | None:
    """The standard error of a ratio of sums over windows (Cochran, 1977, 6.4); None of a single one."""
    count = len(part)
    if count < 2:
        return None
    away = part - ratio * whole
    return float(np.sqrt(count / (count - 1) * (away**2).sum()) / whole.sum())
