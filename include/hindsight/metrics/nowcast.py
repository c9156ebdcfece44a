"""What a young window will be once all its labels are in: an estimate, with an interval and its past error.

At a label age some predictions of a window have a label and the others do not; who has one is no matter of
chance.  The labelled ones are known and count as they are.  For the others the *mature* units, those that
had reached the last horizon when the estimate is made, tell what became of their predictions that were
unlabelled at the same age: how many still got a label, and what it said.  (`hindsight.metrics.rest` says how,
for each kind of statistics.)  A window of several units takes each at the newest age it has reached.

This is post-stratification (Holt and Smith, 1979): the unlabelled of each score bin are given the rate of
their bin, so labels that are missing by score do no harm, and since the rate is that of *late* labels,
neither do labels that are missing by outcome, as where a "no" is known sooner.  What is estimated without
labels is estimated as CBPE does it (NannyML's confidence-based performance estimation): expected counts from
calibrated scores, and the metric of those.

**The assumption** is that labels come as late, and scores come true as often, as in those mature units.  A
change of the concept breaks it, and no estimate can see that from scores alone.  Hence the estimate is always
shown beside its own past error: for each earlier window whose truth is in by now, the estimate made at the
same age from what was known then, against the final value.

**The interval** is estimate ± t · k · sampling error.  The sampling error is the metric's row error times the
root of the share of rows that are yet to come (a finite population correction: Cochran, 1977, 2.6).  k is how
much larger past errors were than theirs, k² = (m + n · mean of (error / sampling error)²) / (m + n), with n
past windows and the prior that sampling is all worth m = 2 of them: a scaled inverse chi-square (Gelman and
others, 2013, 3.2), so t is Student's for m + n degrees of freedom.  All past windows count in the mean, also
those that overlap, but n is how many lie side by side.  Without any the interval rests on sampling alone, at
4.3 errors for what is not known.  An estimate whose sampling error is 0 (all labels are in, or the metric is
at its limit) has no interval: an error of 0 cannot be scaled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hindsight.domain.values import Direction
from hindsight.metrics.base import Mean, Metric, Share
from hindsight.metrics.estimate import per_weight
from hindsight.metrics.rest import Known, Rest
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array, Ints

Bools = npt.NDArray[np.bool_]

PRIOR: Final = 2.0
"""How many past windows the sampling error is worth."""

MOST_UNHEARD: Final = 0.05
"""The largest share of predictions of which mature units may tell nothing; they are taken to get no label."""

INSIDE: Final = 0.95
"""How often the interval is to hold the final value."""


@dataclass(frozen=True, slots=True)
class Window:
    """A window by the positions of its first and last unit."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Nowcasts:
    """Estimates of one metric at one label age, one entry per window, in the order of their last units.

    `estimate`, `so_far` (of the labels known then), `final` and `sampling` (a standard error) are in the
    metric's unit, NaN where there is none; `coverage` is labelled / predictions as known then.  `told` is how
    many mature units told of the late labels, of the unit that had the fewest to learn from; `unheard` is the
    share of predictions without a label of which they told nothing: all of theirs had one at that age.
    """

    windows: tuple[Window, ...]
    estimate: Array
    so_far: Array
    coverage: Array
    sampling: Array
    final: Array
    told: Array
    unheard: Array


@dataclass(frozen=True, slots=True)
class Tracked:
    """How well earlier estimates did, as known when each was made; NaN where there were none, or not asked.

    `half` is half the interval.  Of `past` windows whose truth was in, `error` is the mean of estimate less
    final value, `absolute` the mean of its size, and `inside` the share whose final value lay in the interval
    given then.  `apart` is how many of them lie side by side, `ratio` is k: past errors over sampling errors.
    """

    half: Array
    error: Array
    absolute: Array
    past: Ints
    apart: Array
    inside: Array
    ratio: Array


def nowcast(metric: Metric, known: Known, rest: Rest, windows: Sequence[Window], age: int) -> Nowcasts:
    """The estimates of a metric for these windows, each made when its last unit had this age, in units."""
    order = tuple(sorted(windows, key=lambda window: window.last))
    made = [np.full(len(order), np.nan) for _ in range(7)]
    for length in sorted({len(window) for window in order}):
        which = np.flatnonzero([len(window) == length for window in order])
        ends = np.array([order[i].last for i in which])
        for whole, part in zip(made, _of_length(metric, known, rest, ends, length, age), strict=True):
            whole[which] = part
    return Nowcasts(order, *made)


def _of_length(
    metric: Metric, known: Known, rest: Rest, ends: Ints, length: int, age: int
) -> tuple[Array, ...]:
    """What `Nowcasts` has of windows of one length, in its order."""
    runs, last = ends + age, len(known.ages) - 1
    labelled: Statistics | None = None
    late: Statistics | None = None
    final: Statistics | None = None
    there, over = np.full(len(ends), True), np.full(len(ends), True)
    told, unheard = np.full(len(ends), np.inf), np.zeros(len(ends))
    for back in reversed(range(length)):
        units = ends - back
        at = known.newest(age + back)
        there &= known.computed[at, units]
        over &= known.computed[last, units]
        found = known.statistics[at][units]
        labelled = _added(labelled, found)
        final = _added(final, known.statistics[last][units])
        if at < last:
            late = _added(late, rest.late(at, units, runs))
            told = np.minimum(told, rest.told(at, runs))
            unheard += rest.unheard(at, units, runs)
    assert labelled is not None
    assert final is not None
    there &= labelled.predictions > 0
    unheard = _part(unheard, labelled.predictions)
    sure = there & (told >= known.least) & (unheard <= MOST_UNHEARD)
    whole = labelled if late is None else labelled + late
    terms = metric.terms(whole)
    with np.errstate(invalid="ignore"):
        error = metric.row_error(terms * per_weight(whole.rows)[:, None])
        if late is None:
            to_come = np.zeros(len(ends))
        else:
            to_come = np.clip(_part(metric.rows(metric.terms(late)), metric.rows(terms)), 0.0, 1.0)
        estimate, so_far = metric.value(terms), metric.value(metric.terms(labelled))
        last_word = metric.value(metric.terms(final))
    return (
        np.where(sure, estimate, np.nan),
        np.where(there, so_far, np.nan),
        np.where(there, _part(labelled.labelled, labelled.predictions), np.nan),
        np.where(sure, error * np.sqrt(to_come), np.nan),
        np.where(over, last_word, np.nan),
        told,
        unheard,
    )


def tracked(
    found: Nowcasts, age: int, due: int, look_back: int, wanted: Sequence[bool] | Bools | None = None
) -> Tracked:
    """Past errors of these estimates, made at `age`, and the intervals that follow, oldest window first.

    A window's truth is in at the age `due`; of those whose truth is in, the ones whose last unit is among the
    newest `look_back` count.  All three are in units.  Only what is `wanted` is said, by default all.
    """
    count = len(found.windows)
    first = np.array([window.first for window in found.windows], dtype=np.int64)
    last = np.array([window.last for window in found.windows], dtype=np.int64)
    past_of = _past_of(last, age, due, look_back)
    asked = np.full(count, True) if wanted is None else np.asarray(wanted, dtype=np.bool_)
    needed = asked.copy()
    for i in np.flatnonzero(asked):
        needed[past_of[i]] = True
    errors = found.estimate - found.final
    scaled = _part(errors, found.sampling) ** 2
    ratio, error, absolute, inside = (np.full(count, np.nan) for _ in range(4))
    past, apart = np.zeros(count, dtype=np.int64), np.zeros(count)
    for i in np.flatnonzero(needed):
        mature = past_of[i]
        told = np.isfinite(errors[mature])
        past[i] = told.sum()
        if past[i]:
            known = errors[mature][told]
            error[i], absolute[i] = known.mean(), np.abs(known).mean()
        compared = np.isfinite(scaled[mature])
        apart[i] = _side_by_side(first[mature][compared], last[mature][compared])
        seen = apart[i] * scaled[mature][compared].mean() if apart[i] else 0.0
        ratio[i] = np.sqrt((PRIOR + seen) / (PRIOR + apart[i]))
    half = _student(PRIOR + apart) * ratio * np.where(found.sampling > 0, found.sampling, np.nan)
    held = np.where(np.isfinite(errors) & np.isfinite(half), np.abs(errors) <= half, np.nan)
    for i in np.flatnonzero(asked):
        judged = held[past_of[i]]
        judged = judged[np.isfinite(judged)]
        if len(judged):
            inside[i] = judged.mean()
    return Tracked(half, error, absolute, past, apart, inside, ratio)


def _past_of(last: Ints, age: int, due: int, look_back: int) -> list[slice]:
    """For each window where those lie whose truth was in when its estimate was made, and is not forgotten."""
    now = last + age - due
    begin = np.searchsorted(last, now - look_back, side="right")
    end = np.searchsorted(last, now, side="right")
    return [slice(a, b) for a, b in zip(begin.tolist(), end.tolist(), strict=True)]


def _student(degrees: Array) -> Array:
    """How many errors reach to either end of the interval, for these degrees of freedom."""
    # Only who reads a nowcast waits for this import.
    from scipy.stats import t

    found: Array = t.ppf((1.0 + INSIDE) / 2.0, degrees)
    return found


def bounds(metric: Metric, estimate: Array, half: Array) -> tuple[Array, Array]:
    """The interval's two ends; a share stays between 0 and 1, and a mean loss above 0."""
    lower, upper = estimate - half, estimate + half
    if isinstance(metric, Share):
        return np.maximum(lower, 0.0), np.minimum(upper, 1.0)
    if isinstance(metric, Mean) and metric.direction is Direction.LOWER:
        return np.maximum(lower, 0.0), upper
    return lower, upper


def _side_by_side(first: Ints, last: Ints) -> float:
    """How many windows without overlap hold the same units."""
    if not len(first):
        return 0.0
    order = np.argsort(first, kind="stable")
    first, last = first[order], last[order]
    before = np.concatenate([first[:1] - 1, np.maximum.accumulate(last)[:-1]])
    units = np.maximum(last - np.maximum(first - 1, before), 0).sum()
    return float(units) / float((last - first + 1).mean())


def _added(total: Any, more: Any) -> Any:
    """A sum that begins with nothing."""
    return more if total is None else total + more


def _part(part: Array, whole: Array) -> Array:
    """A quotient that is NaN, without a warning, where there is nothing to divide by."""
    found: Array = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return found
