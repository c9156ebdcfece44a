"""A breach, and what of the store stands beside it: where, since when, and what else moved.

Bounded whatever the monitor: so many stored rows of segments are read and no more, the largest segments
first; the others are one rest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Final

import numpy as np
import sqlalchemy as sa

from hindsight.domain.records import Detection
from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import (
    ALL,
    NO_LABELS,
    UNVERSIONED,
    Convention,
    Horizon,
    IncidentClass,
    Task,
    Verdict,
)
from hindsight.explanation.company import VersionChange, VolumeChange, versions, volume
from hindsight.explanation.drifts import Drift, quoted, surely
from hindsight.explanation.levels import (
    Change,
    ErrorSpread,
    LabelledPrediction,
    LabelledScore,
    MeanActual,
    changed,
)
from hindsight.explanation.parts import Split, split, standing_out
from hindsight.explanation.since import Since
from hindsight.metrics import Metric, find
from hindsight.metrics.base import Part
from hindsight.metrics.estimate import measured, per_weight
from hindsight.pipeline.dating import dated
from hindsight.pipeline.plan import reference_days, zone
from hindsight.pipeline.present import unit_at, unit_before
from hindsight.pipeline.quality import quality_of
from hindsight.pipeline.runtime import Runtime
from hindsight.pipeline.shelf import Shelf
from hindsight.statistics import Statistics, layout_of
from hindsight.statistics.base import Array
from hindsight.windows import DayRange, days_of, end_of, shift, start_of, written
from hindsight.wording import share, side

MOST_ROWS: Final = 6_000
"""Stored rows of segments that one explanation reads, about."""

BEFORE: Final = 28
"""Units before the window that it is compared with where there is no reference, at least."""

GOOD_PART: Final = 0.25
"""Part of the window's units that must have breached in data quality, or of its rows that must lack a
feature, for the logs to come first.
"""

GAPS: Final = 0.05
"""By how much the share of nulls, or of invalid values, must surely have risen to be told; from a good
part of the rows on the logs come first.
"""

ALONGSIDE: Final[Mapping[Task, tuple[Metric, ...]]] = {
    Task.BINARY: (
        *map(find, ("roc_auc", "balanced_accuracy", "brier", "brier_skill", "calibration_ratio")),
        *map(find, ("positive_rate", "recall", "precision", "coverage")),
        LabelledScore(),
    ),
    Task.REGRESSION: (
        *map(find, ("bias", "mae", "r2", "coverage")),
        *(ErrorSpread(), MeanActual(), LabelledPrediction()),
    ),
    Task.MULTICLASS: (*map(find, ("accuracy", "macro_recall", "coverage")),),
    Task.RANKING: (*map(find, ("ndcg", "ctr", "coverage")),),
}
"""What advice looks at, kept as a metric of the monitor or not."""

SAID: Final[Mapping[Task, tuple[str, ...]]] = {
    Task.BINARY: ("mean_score", "predicted_positive_rate"),
    Task.REGRESSION: ("mean_prediction",),
    Task.MULTICLASS: (),
    Task.RANKING: (),
}
"""What the model said, whatever came true."""


def of_version(volumes: Mapping[str, Mapping[date, float]], version: str) -> dict[date, float]:
    """The predictions of a version by unit; those of all together where a breach is of no single one."""
    found: dict[date, float] = defaultdict(float)
    for name, counts in volumes.items():
        if name == version or version in (ALL, UNVERSIONED):
            for unit, count in counts.items():
                found[unit] += count
    return found


@dataclass(frozen=True)
class Breach:
    """A breach, and all that can be read of it in the store."""

    spec: MonitorSpec
    detection: Detection
    connection: sa.Connection
    runtime: Runtime

    @cached_property
    def shelf(self) -> Shelf:
        """What the store holds of its version."""
        return Shelf(self.spec, self.detection.version, self.connection, self.runtime)

    @cached_property
    def metric(self) -> Metric:
        """The metric that breached; of a rule that has no whole name for it, what always is there."""
        try:
            return find(self.detection.metric)
        except ValueError:
            return find("volume")

    @cached_property
    def is_of_metric(self) -> bool:
        """Whether the breach is of the metric itself; a rule on many of them carries the name of one."""
        of_many = self.detection.incident_class in (IncidentClass.DATA_QUALITY, IncidentClass.PIPELINE)
        return not of_many and self.metric.name == self.detection.metric

    @cached_property
    def horizon(self) -> Horizon:
        """The age at which it is kept."""
        return self.detection.horizon if self.metric.labelled else NO_LABELS

    @cached_property
    def window(self) -> DayRange:
        """The units of the window that was judged."""
        first = unit_at(self.spec, self.detection.window_start)
        return DayRange(first, unit_before(self.spec, self.detection.window_end))

    @cached_property
    def before(self) -> DayRange | None:
        """The units it is compared with, None if the version has no prediction in them."""
        reference = reference_days(self.spec)
        if reference is not None and self.window.start > reference.end and self._lived(reference):
            return reference
        span = DayRange(shift(self.begun, -max(len(self.window), BEFORE)), shift(self.begun, -1))
        return span if self._lived(span) else None

    @cached_property
    def begun(self) -> date:
        """From when on it may be as it is now: the day that is dated, or the first breach's window."""
        found = self.dated[0]
        if found is not None and found.steps:
            return min(self.window.start, found.day)
        first = self.window.start
        for row in reversed(
            self.runtime.store.detections(
                self.connection,
                self.spec.monitor,
                detector=self.detection.detector,
                version=self.detection.version,
                segment=self.detection.segment,
                end=self.detection.window_start,
            )
        ):
            if row.horizon != self.detection.horizon:
                continue
            if row.verdict is Verdict.CLEAR:
                break
            if row.verdict is Verdict.BREACH:
                first = min(first, unit_at(self.spec, row.window_start))
        return first

    @cached_property
    def against(self) -> str:
        """What it is compared with, in words; empty if with nothing."""
        if self.before is None:
            return ""
        first, last = (written(unit, zone(self.spec)) for unit in (self.before.start, self.before.end))
        if self.before == reference_days(self.spec):
            return f"the reference, {first} to {last}"
        when = "before" if shift(self.before.end, 1) == self.window.start else "before it began"
        return f"the {len(self.before)} {self.spec.grain}s {when}, {first} to {last}"

    @cached_property
    def change(self) -> Change | None:
        """How far the metric itself moved; None without a before, or of what is a distance."""
        if self.before is None or not self.is_of_metric or self.metric.extensive:
            return None
        if self.metric.part is not Part.OUTCOMES:
            return None
        sides = [self._outcomes(days, self.horizon) for days in (self.before, self.window)]
        return changed(self.metric, *sides)

    @cached_property
    def from_fixed(self) -> Change | None:
        """How far the metric is from the fixed value it is compared with, where that is its reference."""
        fixed = self.spec.reference.values.get(self.detection.metric)
        if fixed is None or not self.is_of_metric or self.metric.part is not Part.OUTCOMES:
            return None
        found = measured(self.metric, self._outcomes(self.window, self.horizon), len(self.window))
        value, error = float(found.value[0]), float(found.standard_error[0])
        if not np.isfinite(value):
            return None
        return Change(self.metric.name, fixed, value, 0.0, error if np.isfinite(error) else None)

    def alongside(self) -> dict[str, Change]:
        """The changes of the metrics that advice looks at, and of what the model said."""
        if self.before is None:
            return {}
        found: dict[str, Change] = {}
        scored = self.spec.predictions.columns.score is not None
        asked = [(metric, self.detection.horizon) for metric in ALONGSIDE[self.spec.task]]
        asked += [(find(name), NO_LABELS) for name in SAID[self.spec.task]]
        if self.spec.task is Task.BINARY and scored:
            asked.append((find("score_spread"), NO_LABELS))
        for metric, horizon in asked:
            if metric.labelled and horizon == NO_LABELS:
                continue  # nothing is known of the labels yet
            if metric.name == "mean_score" and not scored:
                continue
            sides = [self._outcomes(days, horizon) for days in (self.before, self.window)]
            change = changed(metric, *sides)
            if change is not None:
                found[metric.name] = change
        return found

    def is_mature(self, coverage: Change | None) -> bool:
        """Whether the window has the labels that the monitor asks for."""
        if self.detection.horizon == NO_LABELS:
            return False
        silent = self.spec.ground_truth.convention is not Convention.EXPLICIT
        if silent and self.detection.horizon < self.spec.last_horizon:
            return False
        return coverage is None or coverage.after >= self.spec.maturity.min_coverage

    @cached_property
    def dated(self) -> tuple[Since | None, date | None]:
        """Since when the metric is at its level, and the first unit that was looked at."""
        if not self.is_of_metric or self.detection.verdict is not Verdict.BREACH:
            return None, None
        detector = next((d for d in self.spec.detectors if d.name == self.detection.detector), None)
        return dated(
            self.spec,
            self.metric,
            self.window,
            self._statistics,
            lambda days: self.shelf.computed(days, self.horizon),
            adjusts=bool(getattr(detector, "adjusts", False)) and self.metric.adjustable,
            side={"below": -1, "above": 1}.get((side(self.detection) or ("",))[0], 0),
        )

    def splits(self, change: Change | None) -> tuple[tuple[Split, ...], str]:
        """The change shared out among the segments of each column, or why it is not."""
        of_all = self.detection.segment == ALL and self.metric.part is Part.OUTCOMES
        if not self.spec.segments or not self.is_of_metric or not of_all:
            return (), ""
        if self.before is None:
            return (), "there is nothing to compare its segments with"
        if change is not None and not change.moved():
            return (
                (),
                f"the change against {self.against.partition(',')[0]} is within its error: not shared out",
            )
        names = self._largest()
        whole = self._terms([ALL])
        found = []
        for column in self.spec.segments:
            mine = [segment for segment in names if segment.partition("=")[0] == column]
            if mine:
                before, after = self._terms(mine)
                every = whole[0][:, 0], whole[1][:, 0]
                made = split(self.metric, column, mine, before, after, every)
                found += [made] if made is not None else []
        if not found:
            return (), "nothing is kept of its segments"
        return standing_out(found), ""

    def _largest(self) -> list[str]:
        """The segments that are looked at one by one: the largest of each column, by turns."""
        assert self.before is not None
        sizes: dict[str, float] = defaultdict(float)
        for last in (self.window.end, self.before.end):
            start = start_of(days_of(last, self.detection.window).start, zone(self.spec))
            for row in self.runtime.store.snapshots(
                self.connection,
                self.spec.monitor,
                metric="volume",
                horizon=NO_LABELS,
                window=self.detection.window,
                version=self.detection.version,
                start=start,
                end=start + timedelta(microseconds=1),
            ):
                if row.segment != ALL and row.value:
                    sizes[row.segment] = max(sizes[row.segment], row.value)
        ranked = sorted(sizes, key=lambda segment: (-sizes[segment], segment))
        room = max(MOST_ROWS // (len(self.window) + len(self.before)), len(self.spec.segments))
        each = room // len(self.spec.segments)
        taken: dict[str, int] = defaultdict(int)
        chosen = []
        for segment in ranked:
            column = segment.partition("=")[0]
            if taken[column] < each:
                taken[column] += 1
                chosen.append(segment)
        return chosen

    def _terms(self, segments: Sequence[str]) -> tuple[Array, Array]:
        """The metric's terms before and in the window, [units, segments, terms].

        Where labels have weights, as those of as many unweighted ones as tell as much.
        """
        assert self.before is not None
        layout = layout_of(self.spec)
        sides = []
        for days in (self.before, self.window):
            stored = self.shelf.payloads(days, self.horizon, segments)
            terms = [self.metric.terms(layout.parse(stored[segment])) for segment in segments]
            made = np.stack(terms, axis=1)
            if self.metric.labelled and self.metric.weighted:
                made = made * per_weight(self._outcomes(days, self.horizon).rows.sum(axis=0)[None])[0]
            sides.append(made)
        return sides[0], sides[1]

    def inputs(self) -> tuple[tuple[Drift, ...], tuple[str, ...], tuple[str, ...]]:
        """The features that surely drifted, and those of which surely more is missing than was: in a good
        part of the rows, and in less.
        """
        features = self.spec.predictions.features
        reference = reference_days(self.spec)
        if not features or reference is None or self.window.start <= reference.end:
            return (), (), ()
        sides = [self.shelf.inputs(days) for days in (reference, self.window)]
        found: list[tuple[str, float | None, float | None]] = []
        gaps: list[str] = []
        small: list[str] = []
        for feature in features:
            distance_of = measured(find(f"psi({feature})"), sides[1], len(sides[1]))
            value, error = float(distance_of.value[0]), float(distance_of.standard_error[0])
            finite = np.isfinite(value) and np.isfinite(error)
            found.append((feature, value if finite else None, error if finite else None))
            for name, what in (("null_share", "null"), ("feature_invalid_share", "invalid")):
                change = changed(find(f"{name}({feature})"), *sides)
                if change is not None and change.moved(GAPS) > 0:
                    said = f"{quoted(feature)} is {what} in {share(change.after)} of the rows"
                    said += f", {share(change.before)} before"
                    (gaps if change.by >= GOOD_PART else small).append(said)
        return surely(found), tuple(gaps), tuple(small)

    def quality(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Breaches of data quality in the window, as clauses: of a good part of it, and of less."""
        if self.detection.incident_class is IncidentClass.DATA_QUALITY:
            return (), ()
        start, end = start_of(self.window.start, zone(self.spec)), end_of(self.window.end, zone(self.spec))
        own = self.detection.version
        days: dict[tuple[str, str], set[date]] = defaultdict(set)
        for row in self.runtime.store.detections(
            self.connection, self.spec.monitor, verdict=Verdict.BREACH, start=start, end=end
        ):
            is_here = row.segment in (ALL, self.detection.segment) and (
                own in (ALL, UNVERSIONED) or row.version in (own, ALL, UNVERSIONED)
            )
            if is_here and row.incident_class is IncidentClass.DATA_QUALITY and row.window_end <= end:
                lasted = days_of(unit_before(self.spec, row.window_end), row.window)
                days[row.metric, row.detector] |= {unit for unit in lasted if unit in self.window}
        faults: list[str] = []
        notes: list[str] = []
        for (metric, detector), breached in sorted(days.items()):
            said = f"{quoted(metric)} breached on {len(breached)} of {len(self.window)} {self.spec.grain}s"
            said += f" [{quoted(detector)}]"
            (faults if len(breached) >= GOOD_PART * len(self.window) else notes).append(said)
        return tuple(faults), tuple(notes)

    def company(self, dated: Since | None) -> tuple[tuple[VersionChange, ...], VolumeChange | None]:
        """Versions that came or went, and the volume beside what such days usually bring.

        Days before a version's first one are none of its own; of one that came in these days nothing is
        usual.
        """
        reference = reference_days(self.spec)
        first = shift(self.window.start, -BEFORE - 7)
        last = max(self.window.end, self._newest)
        rows = self.shelf.volumes(DayRange(first, last))
        own = self.detection.version
        known = sorted({unit for counts in rows.values() for unit in counts})
        lived = {
            version: [unit for unit, count in counts.items() if count > 0]
            for version, counts in rows.items()
            if version != UNVERSIONED
        }
        came = versions(lived, known, self.window, None if dated is None else dated.day)
        mine = of_version(rows, own)
        born = min((unit for unit in known if mine.get(unit, 0.0) > 0), default=self.window.start)
        usual = {unit: mine.get(unit, 0.0) for unit in known if born <= unit < self.window.start}
        usual = {unit: usual[unit] for unit in sorted(usual)[-BEFORE:]}
        if reference is not None and self.before == reference:
            usual = of_version(self.shelf.volumes(reference), own)
        elif any(each.version == own and each.appeared for each in came):
            usual = {}
        now = {unit: mine.get(unit, 0.0) for unit in known if unit in self.window}
        return came, volume(now, usual)

    @cached_property
    def _newest(self) -> date:
        """The last unit that may be looked at: no later than what was known when the window was judged."""
        return unit_before(self.spec, self.detection.as_of)

    def _statistics(self, days: DayRange) -> Statistics:
        """The statistics that the metric is read from, unit by unit."""
        if self.metric.part is Part.QUALITY:
            return quality_of(self.spec, days, self.horizon, self.connection, self.runtime)
        if self.metric.part is Part.INPUTS:
            return self.shelf.inputs(days, self.detection.segment)
        return self._outcomes(days, self.horizon)

    def _outcomes(self, days: DayRange, horizon: Horizon) -> Statistics:
        """The version's statistics of these units in the segment that breached."""
        return self.shelf.outcomes(days, horizon, self.detection.segment)

    def _lived(self, days: DayRange) -> bool:
        """Whether the version has predictions, and for a labelled metric labels, on any of these units."""
        found = self._outcomes(days, self.horizon)
        return bool((found.labelled if self.metric.labelled else found.predictions).any())
