"""Which segments carry a change: each column's segments, their part in it, and whether any stands out.

A metric that is a ratio of sums, N / D, is the mean of its segments' values m weighted by their shares w of
D (for recall the shares of what turned out true).  Its change is then split without a rest, segment by
segment (Kitagawa, 1955; Oaxaca, 1973; with both sides' means as weights):

    within   mean share * change of the segment's own value
    mix      change of its share * (mean value of the segment - mean value of the whole)

A segment that is new, or gone, has no value on one side, so all of its part is mix.  A count, such as the
volume, is compared per day and has one part only.  Any other metric (AUC, F-beta, MCC) is no mean of its
segments: there a segment's part is what of the change goes away when it is left out of both sides, and such
parts do not add up.

**Standing out.**  Where a model fails everywhere, every segment has its part, as large as its share.  A
segment is named only if its part is larger than that: by a tenth of the whole change, and beyond chance, by
Benjamini and Hochberg's procedure (1995) over all segments of all columns.  What days do to all segments
alike cancels out in that comparison.

**Errors** are delete-one-day jackknives (Efron and Stein, 1981) of the two sides, never below what the rows
alone explain, wider where days go with the days before (`worth`), with Student's t for as many days as the
segment has rows on.  A side of fewer than seven days is taken to differ from day to day as the other does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from hindsight.explanation.forms import Form, Side, form_of
from hindsight.metrics.base import Metric
from hindsight.metrics.estimate import MIN_DAYS
from hindsight.statistics.base import Array

RATE: Final = 0.05
"""Share of the named segments that may be named by chance."""

NOTABLE: Final = 0.1
"""Part of the whole change by which a segment's part must exceed its share."""

LEAST: Final = 30
"""Rows on one of the two sides from which on a segment is judged."""


LASTING: Final = 0.9
"""The highest correlation of neighbouring days that so few can show."""


@dataclass(frozen=True, slots=True)
class Part:
    """One segment's part in a change, in the metric's unit; `mix` and `within` are None where it has but one.

    `error` is that of `total`; errors are None where nothing tells them.  `share_before` and `share_after`
    are its shares of what the metric counts, `before` and `after` its own values, None where it has none.
    `excess` is how much of the part goes beyond its share of the whole change, and `p_value` how likely
    chance alone would do as much.
    """

    segment: str
    total: float
    error: float | None
    mix: float | None
    mix_error: float | None
    within: float | None
    within_error: float | None
    share_before: float
    share_after: float
    before: float | None
    after: float | None
    excess: float
    p_value: float | None
    stands_out: bool = False


@dataclass(frozen=True, slots=True)
class Split:
    """The parts of one segment column, largest in the direction of the change first.

    `adds_up`: all parts, those of the `rest` included, add up to `change`.  The rest are the segments that
    were not looked at one by one.
    """

    column: str
    change: float
    adds_up: bool
    parts: tuple[Part, ...]
    rest: Part | None = None
    mix_error: float | None = None

    @property
    def mix(self) -> float | None:
        """How much of the change the shares of the segments explain."""
        return self._summed("mix")

    @property
    def within(self) -> float | None:
        """How much of the change lies within the segments."""
        return self._summed("within")

    def _summed(self, name: str) -> float | None:
        every = [*self.parts, *([self.rest] if self.rest else [])]
        found = [getattr(part, name) for part in every]
        return None if not found or None in found else math.fsum(found)


def split(
    metric: Metric, column: str, names: Sequence[str], before: Array, after: Array, whole: tuple[Array, Array]
) -> Split | None:
    """How the segments of a column share the change from one span of days to another.

    `before` and `after` are the metric's terms by day and segment, [days, segments, terms], `whole` those of
    all rows, [days, terms]; what the segments leave of it is the rest.  None where the metric is undefined on
    a side.
    """
    days = [
        np.concatenate([part, _rest(part, every)], axis=1)
        for part, every in zip((before, after), whole, strict=True)
    ]
    old, new = (Side(side.sum(axis=0), len(side)) for side in days)
    if not all(np.isfinite(metric.value(side.whole))[0] for side in (old, new)):
        return None
    form = form_of(metric, old, new)
    with np.errstate(invalid="ignore"):
        found = form.measure(old, new)
        jackknife, freedom = jackknifed(form, *days)
        floor = form.floor(old, new)
        # What the shares' noise makes of all of the mix together is at most as if they were independent.
        together = np.sqrt((floor**2).sum(axis=1, keepdims=True))
        errors = np.fmax(jackknife, np.concatenate([floor, together], axis=1))
    judged = np.maximum(metric.rows(old.terms), metric.rows(new.terms)) >= LEAST
    values, shares = ([of(side) for side in (old, new)] for of in (form.values, form.shares))
    parts = []
    for i, name in enumerate([*names, ""]):
        total, mix, within, excess = map(float, found[:, i])
        error, mix_error, within_error, excess_error = map(known, errors[:, i])
        p_value = two_sided(excess / excess_error, freedom[i]) if judged[i] and excess_error else None
        parts.append(
            Part(
                segment=name,
                total=total,
                error=error,
                mix=mix if form.is_split else None,
                mix_error=mix_error if form.is_split else None,
                within=within if form.is_split else None,
                within_error=within_error if form.is_split else None,
                share_before=float(shares[0][i]),
                share_after=float(shares[1][i]),
                before=finite(values[0][i]),
                after=finite(values[1][i]),
                excess=excess,
                p_value=p_value if name else None,
            )
        )
    *named, rest = parts
    change = form.change(old, new)
    sign = math.copysign(1.0, change)
    ordered = tuple(sorted(named, key=lambda part: (-sign * part.total, part.segment)))
    there = form.adds_up and max(rest.share_before, rest.share_after) > 0.0
    mix_error = known(errors[1, -1]) if form.is_split else None
    return Split(column, change, form.adds_up, ordered, rest if there else None, mix_error)


def standing_out(splits: Iterable[Split]) -> tuple[Split, ...]:
    """The same with the segments marked that stand out, beyond chance over all columns together."""
    every = tuple(splits)
    family = [part.p_value for each in every for part in each.parts if part.p_value is not None]
    bound = _discoveries(family)
    return tuple(
        replace(
            each,
            parts=tuple(
                replace(
                    part,
                    stands_out=part.p_value is not None
                    and part.p_value <= bound
                    and part.excess * math.copysign(1.0, each.change) >= NOTABLE * abs(each.change) > 0.0,
                )
                for part in each.parts
            ),
        )
        for each in every
    )


def _discoveries(family: Sequence[float]) -> float:
    """The largest p-value that Benjamini and Hochberg's procedure keeps; below 0 if none."""
    ordered = sorted(family)
    kept = [p for i, p in enumerate(ordered, start=1) if p <= RATE * i / len(ordered)]
    return kept[-1] if kept else -1.0


def jackknifed(form: Form, before: Array, after: Array) -> tuple[Array, Array]:
    """The delete-one-day errors of all that is measured, and of all segments together in the last column,
    [4, segments + 1], and the degrees of freedom of the excess, [segments + 1].

    Days that go with the day before tell less than as many that do not: errors and freedom know how much
    they do (`worth`).  Errors are NaN where neither side has days enough to tell.
    """
    sides = before, after
    whole = [Side(side.sum(axis=0), len(side)) for side in sides]
    days = [side[side.any(axis=(1, 2))] for side in sides]
    variances: list[Array | None] = []
    few: list[Array | float] = [1.0, 1.0]
    for which, lived in enumerate(days):
        if len(lived) < MIN_DAYS:
            variances.append(None)
            continue
        values = []
        for day in lived:
            without = Side(whole[which].terms - day, whole[which].days - 1)
            found = form.measure(*((without, whole[1]) if which == 0 else (whole[0], without)))
            values.append(np.concatenate([found, found.sum(axis=1, keepdims=True)], axis=1))
        away = np.stack(values)
        away = away - away.mean(axis=0)
        factor = worth(away)
        few[which] = factor[3]
        variances.append((len(lived) - 1) / len(lived) * (away**2).sum(axis=0) * factor)
    old, new = variances
    # A segment that is there on few days tells as little as they do.
    own, later = (
        np.maximum(np.append((side != 0).any(axis=2).sum(axis=0), len(side)) / factor - 1.0, 1.0)
        for side, factor in zip(days, few, strict=True)
    )
    if old is None and new is not None and len(days[0]):
        old, own = new * len(days[1]) / len(days[0]), later
    elif new is None and old is not None and len(days[1]):
        new, later = old * len(days[0]) / len(days[1]), own
    if old is None or new is None:
        segments = before.shape[1] + 1
        return np.full((4, segments), np.nan), np.full(segments, np.inf)
    total, parts = old[3] + new[3], old[3] ** 2 / own + new[3] ** 2 / later
    freedom = np.divide(total**2, parts, out=np.full_like(total, np.inf), where=parts > 0)
    return np.sqrt(old + new), freedom


def worth(away: Array) -> Array:
    """How many of these days in a row tell as much as one that stands alone; 1 at least.

    (1 + r) / (1 - r) with the correlation r of neighbouring days (Bartlett, 1935), which is low in short
    series by (1 + 4r) / n (Kendall, 1954).

    >>> float(worth(np.tile([1.0, -1.0], 14))), float(worth(np.repeat([1.0, -1.0], 14))).__round__(1)
    (1.0, 19.0)
    """
    power = (away**2).sum(axis=0)
    r = np.divide((away[1:] * away[:-1]).sum(axis=0), power, out=np.zeros_like(power), where=power > 0)
    # A correlation within its own error of 0 is taken for none.
    r = np.where(r > 1.0 / np.sqrt(len(away)), r + (1.0 + 4.0 * r) / len(away), 0.0)
    r = np.clip(r, 0.0, LASTING)
    made: Array = (1.0 + r) / (1.0 - r)
    return made


def two_sided(z: float, freedom: float) -> float:
    """The chance of a Student's t at least as far from 0."""
    from scipy.special import ndtr, stdtr  # DAG files are parsed without it

    tail = stdtr(freedom, -abs(z)) if math.isfinite(freedom) else ndtr(-abs(z))
    return float(2.0 * tail)


def finite(value: float) -> float | None:
    """The value, None if it is none."""
    return float(value) if math.isfinite(value) else None


def known(error: float) -> float | None:
    """An error that tells something: 0 is what a jackknife gives of what never varied."""
    return float(error) if math.isfinite(error) and error > 0.0 else None


def _rest(part: Array, whole: Array) -> Array:
    """What the segments leave of all rows, [days, 1, terms]; rounding leaves nothing below 0."""
    left = whole - part.sum(axis=1)
    scale = np.abs(whole).max(initial=0.0) * 1e-9
    return np.where(np.abs(left) <= scale, 0.0, left)[:, None]
