"""Every kind of detector against series as odd as they come: always a verdict with a reason, and numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from math import inf, isfinite, nan
from typing import Final

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.kinds import WORLDS
from hindsight.detectors import DETECTORS, BaseDetector, Finding, Point, Series, Threshold, Trend
from hindsight.domain.values import Maturity, Severity, Span, Status, Verdict
from hindsight.metrics.expectation import Expected

Change = Callable[[int, Point], Point]

VARIANTS: Final[tuple[BaseDetector, ...]] = (
    Threshold(metric="accuracy", min=0.4, max=0.6),
    Threshold(metric="accuracy", relative=-0.05, evidence="none"),
    Threshold(metric="accuracy", relative=0.05, both=True),
    Threshold(metric="accuracy", cost=10.0),
    Threshold(metric="accuracy", adjust="score_mix"),
    Trend(metric="accuracy", method="simple", window=Span(7)),
    Trend(metric="accuracy", slope=0.0),
    Trend(metric="accuracy", adjust="score_mix"),
)


def world(kind: str) -> tuple[BaseDetector, Series]:
    return WORLDS[kind](np.random.default_rng(11))


def judges() -> Iterator[tuple[BaseDetector, Series]]:
    """Every kind with its world's options, and variants of some on the same series."""
    for kind in DETECTORS:
        if kind in WORLDS:
            yield world(kind)
    of_scores = Expected(0.89, 1e-5, 1e-5, 1e-5, 1e-6, 0.01)
    for variant in VARIANTS:
        series = world(variant.kind)[1]
        adjusted = changed(series, lambda _, point: replace(point, expected=of_scores))
        yield variant, adjusted if variant.adjusts else series


def changed(series: Series, change: Change) -> Series:
    """The series with every point in it changed."""
    numbers = count()

    def of(points: tuple[Point, ...]) -> tuple[Point, ...]:
        return tuple(change(next(numbers), point) for point in points)

    return replace(
        series,
        days=of(series.days),
        latest=change(next(numbers), series.latest),
        reference=None if series.reference is None else change(next(numbers), series.reference),
        reference_days=of(series.reference_days),
        others={name: changed(other, change) for name, other in series.others.items()},
        versions={name: changed(other, change) for name, other in series.versions.items()},
    )


JUDGES: Final = list(judges())
NAMES: Final = [f"{detector.kind}-{number}" for number, (detector, _) in enumerate(JUDGES)]


def trimmed(series: Series, days: slice, reference_days: slice) -> Series:
    """The series with some of its days only."""
    return replace(
        series,
        days=series.days[days],
        reference_days=series.reference_days[reference_days],
        others={name: trimmed(other, days, reference_days) for name, other in series.others.items()},
        versions={name: trimmed(other, days, reference_days) for name, other in series.versions.items()},
    )


def without_reference(series: Series, reason: str | None) -> Series:
    others = {name: without_reference(other, reason) for name, other in series.others.items()}
    return replace(series, reference=None, reference_days=(), no_reference=reason, others=others)


def undefined(point: Point) -> Point:
    return replace(
        point,
        value=None,
        standard_error=None,
        status=Status.UNDEFINED,
        reason="there is nothing to divide by",
    )


def absent(point: Point) -> Point:
    return replace(undefined(point), n=0, coverage=None, status=Status.EMPTY, reason="there is no prediction")


def valued(value: float, error: float | None = 0.01) -> Callable[[Series], Series]:
    return lambda series: changed(series, lambda _, p: replace(p, value=value, standard_error=error))


def alternating(value: float, other: float) -> Callable[[Series], Series]:
    return lambda series: changed(series, lambda i, p: replace(p, value=value if i % 2 else other))


def some(change: Callable[[Point], Point], every: int) -> Callable[[Series], Series]:
    return lambda series: changed(series, lambda i, p: p if i % every else change(p))


def latest(**changes: object) -> Callable[[Series], Series]:
    return lambda series: replace(series, latest=replace(series.latest, **changes))


ODD: Final[dict[str, Callable[[Series], Series]]] = {
    "all tied": valued(0.5),
    "all zero": valued(0.0),
    "constant with an error of zero": valued(0.5, 0.0),
    "constant without an error": valued(0.5, None),
    "errors of zero": lambda s: changed(s, lambda _, p: replace(p, standard_error=0.0)),
    "no error known": lambda s: changed(s, lambda _, p: replace(p, standard_error=None)),
    "errors without end": lambda s: changed(s, lambda _, p: replace(p, standard_error=inf)),
    "errors that are no numbers": lambda s: changed(s, lambda _, p: replace(p, standard_error=nan)),
    "one error next to nothing": some(lambda p: replace(p, standard_error=1e-300), 9),
    "huge errors": lambda s: changed(s, lambda _, p: replace(p, standard_error=1e300)),
    "no days": lambda s: trimmed(s, slice(0), slice(None)),
    "two days": lambda s: trimmed(s, slice(-2, None), slice(2)),
    "one day": lambda s: trimmed(s, slice(-1, None), slice(1)),
    "one day of reference": lambda s: trimmed(s, slice(None), slice(1)),
    "no days of reference": lambda s: trimmed(s, slice(None), slice(0)),
    "every third day": lambda s: trimmed(s, slice(None, None, 3), slice(None, None, 3)),
    "undefined days": some(undefined, 3),
    "undefined throughout": some(undefined, 1),
    "days without a prediction": some(absent, 2),
    "never a prediction": some(absent, 1),
    "nothing mature": some(lambda p: replace(p, maturity=Maturity.PROVISIONAL), 1),
    "nothing known": some(lambda p: replace(p, maturity=Maturity.PENDING, coverage=None), 1),
    "no reference": lambda s: without_reference(s, None),
    "no reference, and why": lambda s: without_reference(s, "the window begins too early"),
    "a reference without an error": lambda s: replace(
        s, reference=None if s.reference is None else replace(s.reference, standard_error=None)
    ),
    "an undefined reference": lambda s: replace(
        s, reference=None if s.reference is None else undefined(s.reference)
    ),
    "an infinite reference": lambda s: replace(
        s, reference=None if s.reference is None else replace(s.reference, value=inf)
    ),
    "a reference of zero": lambda s: replace(s, fixed=0.0),
    "a reference below zero": lambda s: replace(s, fixed=-0.3),
    "no other metric": lambda s: replace(s, others={}),
    "infinite throughout": valued(inf),
    "no number throughout": valued(nan),
    "infinite now and then": some(lambda p: replace(p, value=inf), 4),
    "infinite either way": alternating(inf, -inf),
    "no number now and then": some(lambda p: replace(p, value=nan), 4),
    "an infinite window": latest(value=-inf),
    "a window that is no number": latest(value=nan, standard_error=nan),
    "an undefined window": lambda s: replace(s, latest=undefined(s.latest)),
    "an empty window": lambda s: replace(s, latest=absent(s.latest)),
    "huge": valued(1e300, 1e298),
    "huge either way": alternating(1.7e308, -1.7e308),
    "tiny": valued(1e-300, 1e-302),
    "denormal": valued(5e-324, 5e-324),
    "without rows": lambda s: changed(s, lambda _, p: replace(p, n=0)),
    "without coverage": lambda s: changed(s, lambda _, p: replace(p, coverage=None)),
    "a jump beyond belief": latest(value=1e12),
    "a fall beyond belief": latest(value=-1e12),
}


def finite(thing: object) -> bool:
    return thing is None or (isinstance(thing, float | int) and isfinite(thing))


def sound(detector: BaseDetector, series: Series) -> Finding:
    """The finding, which must be one that can be stored and read."""
    found = detector.examine(series)
    assert isinstance(found.verdict, Verdict)
    assert found.reason.endswith(".")
    assert len(found.reason) > 10
    assert not any(word in found.reason.replace("(", " ").split() for word in ("nan", "inf", "None", "nan%"))
    numbers = (found.observed, found.expected, found.lower, found.upper, found.p_value)
    assert all(map(finite, numbers)), found
    assert found.p_value is None or 0 <= found.p_value <= 1
    json.dumps(found.details, allow_nan=False)
    if found.verdict is Verdict.BREACH and found.observed is not None:
        bounded = [each for each in (found.lower, found.upper) if each is not None]
        passed = (found.lower is not None and found.observed < found.lower) or (
            found.upper is not None and found.observed > found.upper
        )
        assert passed or not bounded, found
    if found.verdict is not Verdict.BREACH:
        assert found.severity in (None, Severity.OK, Severity.WATCH)
    assert detector.examine(series) == found
    turned = dict(reversed(series.others.items()))
    assert detector.examine(replace(series, others=turned)) == found
    return found


def test_every_kind_has_a_world_in_which_nothing_is_wrong() -> None:
    assert sorted(WORLDS) == sorted(DETECTORS)
    for kind in WORLDS:
        detector, series = world(kind)
        assert (detector.kind, series.metric.name) == (kind, series.metric.name)
        assert list(detector.problems()) == []


@pytest.mark.parametrize("detector, series", JUDGES, ids=NAMES)
def test_a_world_is_judged_without_ado(detector: BaseDetector, series: Series) -> None:
    assert sound(detector, series).verdict is not Verdict.BREACH or detector in VARIANTS


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("detector, series", JUDGES, ids=NAMES)
def test_an_odd_series_gets_a_verdict_with_a_reason(detector: BaseDetector, series: Series, odd: str) -> None:
    sound(detector, ODD[odd](series))


NUMBERS: Final = st.one_of(
    st.none(),
    st.sampled_from([0.0, -0.0, 0.5, 1.0, inf, -inf, nan, 1e308, -1e308, 5e-324, 1e-9]),
    st.floats(width=64),
    st.floats(0, 1),
)
POINTS: Final = st.lists(
    st.tuples(
        NUMBERS,
        st.one_of(NUMBERS.map(lambda x: x if x is None else abs(x)), st.floats(1e-4, 0.1)),
        st.sampled_from([0, 1, 2, 29, 1000, 10**9]),
        st.sampled_from([*Maturity, Maturity.MATURE, Maturity.MATURE]),
    ),
    min_size=1,
    max_size=12,
)


@pytest.mark.parametrize("detector, series", JUDGES, ids=NAMES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(points=POINTS, days=st.integers(0, 40), reference_days=st.integers(0, 40), fixed=NUMBERS)
def test_whatever_the_numbers_are_there_is_a_verdict(
    detector: BaseDetector,
    series: Series,
    points: list[tuple[float | None, float | None, int, Maturity]],
    days: int,
    reference_days: int,
    fixed: float | None,
) -> None:
    def drawn(number: int, point: Point) -> Point:
        value, error, n, maturity = points[number % len(points)]
        if value is None:
            return replace(undefined(point), n=n, maturity=maturity)
        return replace(point, value=value, standard_error=error, n=n, maturity=maturity)

    odd = changed(trimmed(series, slice(days), slice(reference_days)), drawn)
    sound(detector, odd)
    sound(detector, replace(odd, fixed=fixed))
