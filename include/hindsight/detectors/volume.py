"""How many predictions there were, against the same weekdays of the weeks before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from itertools import count
from math import erfc, exp, inf, log, sqrt
from statistics import median
from typing import Any, ClassVar, Final

import numpy as np

from hindsight.detectors.base import BaseDetector, Finding, Point, Series, insufficient
from hindsight.detectors.methods.robust import OF_MEDIAN, named, phase, spread
from hindsight.domain.values import NO_LABELS, Horizon, IncidentClass, Severity, Span, Verdict

EIGHT_WEEKS: Final = Span(56)
LEAST: Final = 3
"""Weekdays of one kind, or hours, that must be known before one is judged."""

IN_A_ROW: Final = 3
"""So many days, or hours, of half a breach make one."""

HALF: Final = 0.5
"""Added to counts, so that those of nothing have a logarithm."""


FARTHEST: Final = 50.0
LARGEST: Final = 1e18
"""No bound is farther off, in logarithms, and no count larger."""

SATURDAY: Final = 5
"""The first day of the weekend, by number."""

A_WEEK: Final = 7 * 24
"""In hours."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How many predictions a window had, and where in the week it ends."""

    end: date
    value: float
    phase: int


@dataclass(frozen=True, slots=True)
class Usual:
    """What a day is compared with: the median of its weekday, and the spread of days in logarithms."""

    level: float
    spread: float
    known: int

    def away(self, value: float) -> float:
        """By how much the logarithm is off."""
        return away(value, self.level)


@dataclass(frozen=True, kw_only=True)
class Volume(BaseDetector):
    """Breaches when there are far fewer, or far more, predictions than on the same weekdays before.

    The latest day is compared with the median of its weekday over `past`, at an hourly grain with that of
    its hour of the week, by local clocks.  The spread of days is their median absolute deviation from these
    medians, of all weekdays or, if that is more, of weekends or working days alone; low days in a row up to
    the latest are no part of it.  It is never below what counting alone gives (Poisson).  A
    day breaches that lies below `drop` times the median, or above `rise` times it, and that many `spreads`
    away; so do three days in a row that pass half of the way in logarithms (0.71 and 1.41 times by default),
    each as surely.  One low day is a holiday as often
    as a fault, so what does not pass `drop` is something to watch, and so is one day (hour) that passes it
    but is no lower than the quietest weekday (this hour on it): a second one breaches, and so does the
    second day of a holiday of several.  Of the flights of 2013 Thanksgiving and the day after had 0.64 and
    0.67 times the usual, which opens nothing.  A window without any prediction is left to `missing`.  Where
    days differ by 10 %, 60 % of a feed that stay away open on the first day or, if that looks like a
    Sunday, on the second; half by the third, 40 % within a week in two of three cases, and a third rather
    not: for that use `threshold`.

    All versions are judged together: one that replaces another is no drop.  A level that lasts is the usual
    one after half of `past`.  Days that were not computed are left out: `missing` tells of these.

    False breaches: 0.0 % of windows with nothing wrong, of 1,000 predictions a day with quiet weekends and
    days that differ by 10 % besides; where they differ by 30 %, 0.05 %.

    >>> Volume().sentence
    'volume over 1d at 0d between 0.5 and 2 times that of the same weekdays in the 56d before (4 spreads)'
    """

    kind: ClassVar[str] = "volume"
    judges_days: ClassVar[bool] = True
    judges_whole: ClassVar[bool] = True

    metric: str = "volume"
    at: Horizon = NO_LABELS
    past: Span = EIGHT_WEEKS
    drop: float = 0.5
    rise: float = 2.0
    spreads: float = 4.0

    @property
    def reach(self) -> Span:
        return self.past

    @property
    def incident_class(self) -> IncidentClass:
        return IncidentClass.INPUTS

    def problems(self) -> Iterable[str]:
        yield from super().problems()
        if self.metric != "volume":
            yield f"a detector of volume judges volume, not {self.metric!r}: leave `metric` out"
        if self.window.calendar or A_WEEK % self.window.hours:
            yield (
                f"the same weekdays are compared, so `window` must go into a week without a rest, as 1d and "
                f"7d do, not {self.window}"
            )
        if self.past.calendar or self.past.hours < (LEAST + 1) * A_WEEK:
            yield f"`past` must hold at least {LEAST + 1} weeks, not {self.past}"
        if not 0 < self.drop < 1:
            yield f"`drop` is the share of the usual that there must be, between 0 and 1, not {self.drop}"
        if not 1 < self.rise < inf:
            yield f"`rise` is how many times the usual there may be, more than 1, not {self.rise}"
        if not 0 < self.spreads < inf:
            yield f"`spreads` is how many spreads of days a count may be off, more than 0, not {self.spreads}"

    @property
    def word(self) -> str:
        """What one window is called."""
        return {"1d": "day", "1h": "hour"}.get(str(self.window), f"window of {self.window}")

    @property
    def sentence(self) -> str:
        same = "hours of the week" if self.window.unit == "h" else "weekdays"
        return (
            f"volume over {self.window} at {self.at} between {self.drop:g} and {self.rise:g} times that of "
            f"the same {same} in the {self.past} before ({self.spreads:g} spreads)"
        )

    def examine(self, series: Series) -> Finding:
        refused = self.not_judged(series)
        if refused is not None:
            return refused
        latest, zone = series.latest, series.zone
        assert latest.value is not None
        if not 0 <= latest.value < LARGEST:
            return insufficient("the volume is not a number of predictions.")
        days = windows_before(series.days, latest.end, self.window, zone)
        here = Counted(latest.end, latest.value, phase(latest.end, zone))
        usual = usual_at(days, here, frozenset(each.end for each in self._streak(here, days)))
        name = named(latest.end, zone)
        if usual is None:
            like = sum(day.phase == here.phase for day in days)
            return insufficient(
                f"{like} {name} are known in the {self.past} before; volume needs {LEAST}.", latest.value
            )
        off = usual.away(latest.value)
        sure = abs(off) / usual.spread
        of_usual = f"the usual {usual.level:,.0f} of {usual.known} {name} ({sure:.1f} spreads)"
        place = f"volume {latest.value:,.0f} is {latest.value / max(usual.level, HALF):.2f} times {of_usual}"
        if usual.level <= 0:
            none = f"of {usual.known} {name} half or more had none"
            place = f"volume {latest.value:,.0f}, where {none} ({sure:.1f} spreads)"
        lowest, highest = self._bounds(usual, log(self.drop), log(self.rise))
        numbers: dict[str, Any] = {
            "observed": latest.value,
            "expected": usual.level,
            "lower": lowest,
            "upper": highest,
            "p_value": 0.5 * erfc(sure / sqrt(2.0)),
        }
        if not latest.value:
            silent = Severity.WATCH if off < log(self.drop) / 2.0 else None
            return Finding(Verdict.CLEAR, f"{place}: `missing` is about that.", severity=silent, **numbers)
        beyond = log(self.drop) if off < 0 else log(self.rise)
        lesser = self._lesser(here, days, usual)
        if sure >= self.spreads and abs(off) > abs(beyond):
            if len(lesser) < 2 and off < 0 and latest.value >= sqrt(self.drop) * quietest(days, here):
                only = f"one {self.word} like the quietest of the week may be a holiday"
                return Finding(Verdict.CLEAR, f"{place}; {only}.", severity=Severity.WATCH, **numbers)
            grave = abs(off) > 2.0 * abs(beyond) and sure >= 2.0 * self.spreads
            severity = Severity.CRITICAL if grave and off < 0 else Severity.WARNING
            return Finding(Verdict.BREACH, f"{place}.", severity=severity, **numbers)
        lasting = len(lesser)
        if lasting >= IN_A_ROW:
            lowest, highest = self._bounds(usual, log(self.drop) / 2.0, log(self.rise) / 2.0)
            numbers |= {"lower": lowest, "upper": highest}
            since = lesser[-1].end
            return Finding(
                Verdict.BREACH,
                f"{place}, the {ordinal(lasting)} {self.word} in a row like that.",
                severity=Severity.WARNING,
                details={"since": since.isoformat()},
                **numbers,
            )
        if lasting:
            only = f"a {self.word} or two may be a holiday"
            return Finding(Verdict.CLEAR, f"{place}; {only}.", severity=Severity.WATCH, **numbers)
        return Finding(Verdict.CLEAR, f"{place}.", **numbers)

    def _streak(self, latest: Counted, days: Sequence[Counted]) -> list[Counted]:
        """The windows in a row before the latest that pass half of the way to its side, newest first.

        They are what is judged, so they do not say how much days usually differ.
        """
        levels = levels_of(days)
        if latest.phase not in levels:
            return []
        half = (log(self.drop) if latest.value < levels[latest.phase] else log(self.rise)) / 2.0
        found: list[Counted] = []
        for day in reversed(days):
            if day.phase not in levels:
                break
            off = away(day.value, levels[day.phase])
            if off * half <= 0 or abs(off) <= abs(half):
                break
            found.append(day)
        return found

    def _lesser(self, latest: Counted, days: Sequence[Counted], usual: Usual) -> list[Counted]:
        """The windows in a row up to the latest that pass half of the way to the same side, newest first."""
        half = (log(self.drop) if usual.away(latest.value) < 0 else log(self.rise)) / 2.0
        found: list[Counted] = []
        for day in (latest, *reversed(days)):
            known = usual if day is latest else usual_at(days, day, known_spread=usual.spread)
            off = 0.0 if known is None else known.away(day.value)
            if off * half <= 0 or abs(off) <= abs(half) or abs(off) < self.spreads * usual.spread:
                break
            found.append(day)
        return found

    def _bounds(self, usual: Usual, low: float, high: float) -> tuple[float, float]:
        """The smallest and largest count that is no breach, given the material movements in logarithms."""
        sure = self.spreads * usual.spread
        ways = min(low, -sure), max(high, min(sure, FARTHEST))
        lower, upper = ((usual.level + HALF) * exp(way) - HALF for way in ways)
        return max(lower, 0.0), min(upper, LARGEST)


def windows_before(
    days: Sequence[Point], end: date, window: Span, zone: tzinfo | None = None
) -> list[Counted]:
    """The counts of the windows of this length before the one that ends on a day, oldest first.

    They follow on each other, by the clocks of the zone; one that lacks a day is left out.
    """
    unit = timedelta(hours=1) if isinstance(end, datetime) else timedelta(days=1)
    known = {
        day.end: day.value
        for day in days
        if day.value is not None and 0 <= day.value < LARGEST and day.end <= end - window.count * unit
    }
    found: list[Counted] = []
    first = min(known, default=end)
    for number in count(1):
        last = earlier(end, number * window.count * unit, zone)
        if last < first:
            break
        each = [known.get(last - i * unit) for i in range(window.count)]
        if None not in each:
            whole = sum(value for value in each if value is not None)
            found.append(Counted(last, whole, phase(last, zone)))
    return found[::-1]


def earlier(end: date, by: timedelta, zone: tzinfo | None) -> date:
    """So much before a day, or before an hour by the clocks of a zone: at eight o'clock a week ago."""
    if zone is None or not isinstance(end, datetime):
        return end - by
    clock = end.astimezone(zone).replace(tzinfo=None) - by
    return clock.replace(tzinfo=zone).astimezone(end.tzinfo)


def away(value: float, level: float) -> float:
    """By how much the logarithm of a count is off."""
    return log((max(value, 0.0) + HALF) / (level + HALF))


def levels_of(windows: Iterable[Counted]) -> dict[int, float]:
    """The medians of all weekdays, or hours, of which enough are known."""
    by_phase: dict[int, list[float]] = {}
    for each in windows:
        by_phase.setdefault(each.phase, []).append(each.value)
    return {at: median(values) for at, values in by_phase.items() if len(values) >= LEAST}


def quietest(windows: Iterable[Counted], when: Counted) -> float:
    """The level of the quietest weekday; at an hourly grain that of the same hour of the day."""
    cycle = 24 if isinstance(when.end, datetime) else 1
    like = [each for each in windows if (each.phase - when.phase) % cycle == 0]
    return min(levels_of(like).values(), default=0.0)


def at_weekend(when: Counted) -> bool:
    """Whether a window ends on a Saturday or a Sunday."""
    return when.phase // (24 if isinstance(when.end, datetime) else 1) >= SATURDAY


def usual_at(
    windows: Sequence[Counted],
    when: Counted,
    judged: Set[date] = frozenset(),
    *,
    known_spread: float = 0.0,
) -> Usual | None:
    """What is usual at a time, from all other windows; None where too few of its weekday are known.

    The spread is taken from residuals of all weekdays and so rests on many more windows than the median does,
    whose own error is added; weekends, or working days, that differ more have their own.  Windows that are
    themselves judged are no part of it, unless they are most.
    """
    others = [each for each in windows if each.end != when.end]
    mine = [each.value for each in others if each.phase == when.phase]
    if len(mine) < LEAST:
        return None
    level = median(mine)
    if known_spread:
        return Usual(level, known_spread, len(mine))
    calm = [each for each in others if each.end not in judged]
    levels = levels_of(calm if 2 * len(calm) > len(others) else ())
    if not levels:
        calm, levels = others, levels_of(others)
    of_days = max(
        spread(
            np.array([away(each.value, levels[each.phase]) for each in some]), len({x.phase for x in some})
        )
        for known in ([each for each in calm if each.phase in levels],)
        for some in (known, [each for each in known if at_weekend(each) == at_weekend(when)])
    )
    least = 1.0 / max(level, 1.0)
    return Usual(level, sqrt(max(of_days**2, least) * (1.0 + OF_MEDIAN / len(mine))), len(mine))


def ordinal(number: int) -> str:
    """A place in a row in words.

    >>> ordinal(3), ordinal(22), ordinal(11)
    ('3rd', '22nd', '11th')
    """
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
