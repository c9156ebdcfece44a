"""What a comparison sees: the statistics of both arms, pooled from the first day of the experiment on.

Nothing of it is a snapshot: windows that grow by a day each day would be a column per experiment.  Days are
added in order and left out one at a time, so a day's judgement is the same whenever it is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import sqlalchemy as sa

from hindsight.detectors.arms import Arms
from hindsight.detectors.base import Point
from hindsight.detectors.compare import Compare, Experiment
from hindsight.detectors.contrast import Contrast
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import ALL, Horizon, Maturity, Status
from hindsight.metrics import Metric, find
from hindsight.metrics.base import Part
from hindsight.metrics.estimate import measured
from hindsight.pipeline.plan import zone
from hindsight.pipeline.present import own_pairs
from hindsight.pipeline.runtime import Runtime
from hindsight.pipeline.series import Group, absent, age_of
from hindsight.pipeline.snapshots import History, finite, history
from hindsight.pipeline.truth import maturity_of, not_due
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array
from hindsight.windows import DayRange, Pair, as_of, distance, exists, written

Pooled = Mapping[tuple[Part, Horizon], Statistics | None]
"""An arm's days by what is read from them, and at which age; None if it has no row on any."""


class ArmsIndex:
    """The two arms of one comparison at one horizon, for the days on which it is judged."""

    def __init__(
        self,
        spec: MonitorSpec,
        detector: Compare,
        horizon: Horizon,
        ends: Sequence[date],
        connection: sa.Connection,
        runtime: Runtime,
    ) -> None:
        self._spec, self._detector, self._horizon = spec, detector, horizon
        self._ends = {end for end in ends if detector.judges(end)}
        self._known: dict[Horizon, History] = {}
        self._arms: tuple[Pooled, Pooled] = ({}, {})
        if not self._ends:
            return
        days = DayRange(detector.start, min(max(self._ends), detector.end))
        names = (detector.metric, *detector.others(spec))
        self._metrics = {name: find(name) for name in dict.fromkeys(names)}
        segments = sorted({segment for _, segment in detector.arms})
        for age in sorted({horizon, *(age_of(metric, horizon) for metric in self._metrics.values())}):
            self._known[age] = history(spec, days, age, connection, runtime, segments)
        present = own_pairs(connection, runtime.store, spec)
        self._missing = {
            age: [day for day in days if Pair(age, day) not in present and exists(day, zone(spec))]
            for age in self._known
        }
        control, treatment = (self._pooled(group) for group in detector.arms)
        self._arms = control, treatment
        self._looks = dict(zip(days, self._every_look(days), strict=True))

    def groups(self, end: date) -> list[Group]:
        """The treatment, on the days of the experiment."""
        return [self._detector.arms[1]] if end in self._ends else []

    def series(self, group: Group, end: date) -> Experiment:
        """The arms from the first day to this one, or the last; `latest` is the treatment so far."""
        day = min(end, self._detector.end)
        arms = self._looks[day]
        contrast = arms.contrasts.get(self._detector.metric)
        point = absent(DayRange(end, end))
        if contrast is not None:
            point = replace(contrast.treatment, start=end, end=end)
        earlier = tuple(look for when, look in self._looks.items() if when < day)
        return Experiment(find(self._detector.metric), point, (), arms=arms, earlier=earlier, over=end > day)

    def _every_look(self, days: DayRange) -> Iterator[Arms]:
        """What was known of the arms at the end of each day, oldest first."""
        rows = [self._predictions(arm) for arm in self._arms]
        both, one = (rows[0] > 0) & (rows[1] > 0), (rows[0] > 0) ^ (rows[1] > 0)
        terms = {
            name: [None if part is None else metric.terms(part) for part in self._parts(metric)]
            for name, metric in self._metrics.items()
        }
        wholes: dict[tuple[Part, Horizon], list[Statistics | None]] = {
            key: [None, None] for key in self._arms[0]
        }
        for i, end in enumerate(days):
            until = slice(0, i + 1)
            shared = np.flatnonzero(both[until])
            if both[i]:
                for key, sums in wholes.items():
                    for side, arm in enumerate(self._arms):
                        sums[side] = added(sums[side], arm[key], i)
            contrasts = {}
            for name, metric in self._metrics.items():
                age = age_of(metric, self._horizon)
                if len(shared) and not any(day <= end for day in self._missing[age]):
                    of_days = [None if each is None else each[shared] for each in terms[name]]
                    contrasts[name] = self._contrast(metric, age, end, wholes[metric.part, age], of_days)
            control, treatment = (found[shared] for found in rows)
            daily = tuple((int(one), int(other)) for one, other in zip(control, treatment, strict=True))
            yield Arms(
                start=days.start,
                end=end,
                rows=(int(rows[0][until].sum()), int(rows[1][until].sum())),
                today=(int(rows[0][i]), int(rows[1][i])),
                shared=len(shared),
                alone=int(one[until].sum()),
                each=harmonic(control.sum(), treatment.sum()),
                first=harmonic(control[:1].sum(), treatment[:1].sum()),
                contrasts=contrasts,
                refused=self._refused(end, [found[until] for found in rows], len(shared) > 0),
                daily=daily,
            )

    def _refused(self, end: date, rows: Sequence[Array], meet: bool) -> str | None:
        """Why there is nothing to compare, if so."""
        spec, detector = self._spec, self._detector
        missing = [day for day in self._missing[self._horizon] if day <= end]
        first, last = written(detector.start, zone(spec)), written(end, zone(spec))
        if missing:
            many = f"{len(missing)} of {distance(detector.start, end) + 1} days were not computed"
            return f"{many} at {self._horizon}, the first is {written(missing[0], zone(spec))}"
        for name, (version, segment), found in zip(
            (detector.control, detector.treatment), detector.arms, rows, strict=True
        ):
            if not found.any():
                where = "" if segment == ALL else f" in {segment}"
                whose = "" if version == ALL else f" of version {version!r}"
                there = self._there(segment) if version != ALL else ""
                return f"the arm {name!r} has no prediction{whose}{where} from {first} to {last}{there}"
        if not meet:
            return f"the arms have predictions on no day in common from {first} to {last}"
        return None

    def _there(self, asked: str) -> str:
        """Which versions there are instead of one that is not there."""
        known = self._known[self._horizon].groups
        versions = sorted({version for version, segment in known if segment == asked})
        return f"; there are the versions {', '.join(versions)}" if versions else ""

    def _pooled(self, group: Group) -> Pooled:
        """An arm's statistics day by day, of its version or of all of them added."""
        found: dict[tuple[Part, Horizon], Statistics | None] = {}
        for age, known in self._known.items():
            groups: Mapping[Group, Statistics]
            for part, groups in ((Part.OUTCOMES, known.groups), (Part.INPUTS, known.inputs)):
                total: Statistics | None = None
                for key in sorted(groups):
                    if key[1] == group[1] and group[0] in (key[0], ALL):
                        total = groups[key] if total is None else total + groups[key]
                found[part, age] = total
        return found

    def _predictions(self, arm: Pooled) -> Array:
        """The arm's predictions on each day."""
        statistics = arm[Part.OUTCOMES, self._horizon]
        if statistics is None:
            return np.zeros(len(self._known[self._horizon].days))
        return statistics.predictions

    def _parts(self, metric: Metric) -> list[Statistics | None]:
        """What a metric is read from, of both arms."""
        return [arm[metric.part, age_of(metric, self._horizon)] for arm in self._arms]

    def _contrast(
        self,
        metric: Metric,
        age: Horizon,
        end: date,
        wholes: Sequence[Statistics | None],
        terms: Sequence[Array | None],
    ) -> Contrast:
        """One metric of both arms over the days they share, from those days' sums and the terms of each."""
        control, treatment = wholes
        if control is None or treatment is None or terms[0] is None or terms[1] is None:
            nothing = absent(DayRange(end, end))
            return Contrast(metric.direction, nothing, nothing, 0, None)
        return Contrast(
            direction=metric.direction,
            control=self._point(metric, age, end, control),
            treatment=self._point(metric, age, end, treatment),
            days=len(terms[0]),
            spread=spread_of(metric, terms[0], terms[1]),
        )

    def _point(self, metric: Metric, age: Horizon, end: date, whole: Statistics) -> Point:
        """The metric over all these days, with its error as if they were one: that of independent rows."""
        spec = self._spec
        found = measured(metric, whole, 1)
        value = finite(found.value)[0]
        share: float | None = None
        silent: str | None = None
        if metric.labelled:
            share = finite(measured(find("coverage"), whole, 1).value)[0]
            silent = not_due(spec, age, as_of(end, age, zone(spec)), share)
        maturity = maturity_of(spec, share, silent) if metric.labelled else Maturity.MATURE
        reason = silent
        if value is None:
            reason = metric.why(found.total)[0]
        elif maturity is Maturity.PROVISIONAL:
            asked = spec.maturity.min_coverage
            reason = f"{share or 0.0:.0%} of the predictions have a label, {asked:.0%} are asked for,"
        return Point(
            start=end,
            end=end,
            value=None if silent is not None and metric.labelled else value,
            standard_error=finite(found.standard_error)[0],
            n=round(float(found.rows[0])),
            coverage=share,
            maturity=maturity,
            status=Status.OK if value is not None else Status.UNDEFINED,
            reason=reason,
        )


def added(total: Statistics | None, days: Statistics | None, i: int) -> Statistics | None:
    """A sum with one more day, oldest first: the same whenever it is made."""
    if days is None:
        return None
    return days[i : i + 1] if total is None else total + days[i : i + 1]


def harmonic(control: float, treatment: float) -> float:
    """How many rows on both sides say as much of a difference as so many on each.

    >>> harmonic(800.0, 200.0), harmonic(0.0, 200.0)
    (320.0, 0.0)
    """
    return float(2.0 * control * treatment / max(control + treatment, 1.0))


def spread_of(metric: Metric, control: Array, treatment: Array) -> tuple[float, float, float] | None:
    """The delete-one-day variances of a metric in both arms, and their covariance, from the terms of days.

    A day is left out of both arms at once, so that what it did to both of them is not held against their
    difference.  None with a single day, or if the metric is undefined without one of them.

    >>> found = spread_of(find("accuracy"), np.array([[8.0, 10], [6, 10]]), np.array([[9.0, 10], [7, 10]]))
    >>> [round(variance, 6) for variance in found or ()]
    [0.01, 0.01, 0.01]
    """
    days = len(control)
    if days < 2:
        return None
    with np.errstate(invalid="ignore"):
        left = [metric.value(terms.sum(axis=0) - terms) for terms in (control, treatment)]
    if not all(np.isfinite(values).all() for values in left):
        return None
    first, second = (values - values.mean() for values in left)
    of_control, of_treatment, together = (
        float((days - 1.0) / days * (a * b).sum())
        for a, b in ((first, first), (second, second), (first, second))
    )
    return of_control, of_treatment, together
