"""Where things lie in a chart: days and values as numbers, the ends of scales, ticks, and their words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Final

from hindsight.message import Chart, ChartPoint

LARGEST: Final = 1e100
"""Beyond this nothing is drawn to scale."""

Place = float
"""A day, or an hour of one, as a number of days."""


def limits(points: Iterable[ChartPoint]) -> tuple[float, float]:
    """From where to where the scale goes: all lines fit, and intervals as far as they do not drown them."""
    points = list(points)
    lines = [y for p in points for y in (p.value, p.lower, p.upper, p.expected) if y is not None]
    if not lines:
        return 0.0, 1.0
    low, high = min(lines), max(lines)
    room = max(high - low, max(abs(high), abs(low)) * 1e-6) or 1.0
    if high == low:
        room = abs(high) * 0.1 or 1.0
    reach = [y for p in points for y in (p.low, p.high) if y is not None]
    low = max(min([low, *reach]), low - 1.5 * room)
    high = min(max([high, *reach]), high + 1.5 * room)
    return low - 0.08 * room, high + 0.16 * room


def step_of(points: Iterable[ChartPoint]) -> Place:
    """How far windows lie apart: a day, or an hour."""
    return 1 / 24 if any(isinstance(point.day, datetime) for point in points) else 1.0


def reach(x: Sequence[Place], chart: Chart, step: Place = 1.0) -> tuple[Place, Place]:
    """From where to where the days go, those of the incident included."""
    shaded = [place_of(day) for day in chart.shaded or ()]
    if not x:
        first, last = (shaded[0], shaded[-1]) if shaded else (0.0, 1.0)
    else:
        first, last = x[0], max([x[-1], *shaded])
    margin = max((last - first) * 0.012, 0.6 * step)
    return first - margin, last + margin


def runs(points: Sequence[ChartPoint], has: Callable[[ChartPoint], bool]) -> Iterator[list[ChartPoint]]:
    """Stretches of neighbouring points that have something; a hole in the days ends one."""
    steps = sorted(b - a for a, b in zip(map(at, points), map(at, points[1:]), strict=False))
    usual = steps[len(steps) // 2] if steps else 1.0
    run: list[ChartPoint] = []
    for point in points:
        if run and (not has(point) or at(point) - at(run[-1]) > 1.5 * usual + 1e-6):
            yield run
            run = []
        if has(point):
            run.append(point)
    if run:
        yield run


def apart(heights: Sequence[float], least: float) -> list[float]:
    """The heights, moved as little as it takes for neighbours to be `least` apart and within 0 and 1."""
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    placed = list(heights)
    floor = 0.0
    for i in order:
        placed[i] = floor = max(min(max(heights[i], 0.0), 1.0), floor)
        floor += least
    ceiling = 1.0
    for i in reversed(order):
        placed[i] = ceiling = min(placed[i], ceiling)
        ceiling -= least
    return placed


def ticks(first: Place, last: Place) -> list[Place]:
    """Some seven whole days between."""
    days = math.floor(last) - math.ceil(first)
    step = max(math.ceil((days + 1) / 8), 1)
    return [float(day) for day in range(math.ceil(first), math.floor(last) + 1, step)]


def day_words(place: Place, *, is_first: bool) -> str:
    """A day as the axis names it; the first one has a year."""
    if not 1 <= place <= date.max.toordinal():
        return ""
    day = date.fromordinal(int(place))
    return f"{day.day} {day:%b %Y}" if is_first else f"{day.day} {day:%b}"


def level_words(levels: Sequence[float], *, as_share: bool = False) -> list[str]:
    """Evenly spaced numbers with as many digits as tell them apart; parts of a whole are in percent.

    >>> level_words([0.0, 0.05, 0.1]), level_words([0.0, 0.05, 0.1], as_share=True)
    (['0.00', '0.05', '0.10'], ['0 %', '5 %', '10 %'])
    """
    if as_share:
        return [f"{word} %" for word in level_words([100 * level for level in levels])]
    step = levels[1] - levels[0] if len(levels) > 1 else 1.0
    if step < 1e-6 or max(map(abs, levels), default=0.0) >= 1e8:
        return [f"{level:.3g}" for level in levels]
    decimals = max(-math.floor(math.log10(step) + 1e-9), 0)
    return [f"{0.0 if level == 0 else level:,.{decimals}f}" for level in levels]


def place_of(day: date) -> Place:
    """Where a day lies, or an hour."""
    hours = (day.hour + day.minute / 60) / 24 if isinstance(day, datetime) else 0.0
    return day.toordinal() + hours


def at(point: ChartPoint) -> Place:
    """Where a point lies."""
    return place_of(point.day)


def finite(point: ChartPoint) -> ChartPoint:
    """The point without what is no number, and with what is beyond all bounds at a bound."""
    return replace(
        point,
        value=_bounded(point.value),
        low=_bounded(point.low),
        high=_bounded(point.high),
        lower=_bounded(point.lower),
        upper=_bounded(point.upper),
        expected=_bounded(point.expected),
    )


def _bounded(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return min(max(value, -LARGEST), LARGEST)
