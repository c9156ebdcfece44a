"""What a rule that looks every day costs in false alarms, and how a budget makes it keep to less."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import ClassVar, Self

import numpy as np
import pytest
from scipy.special import ndtr, owens_t

from detectors.points import day
from hindsight.detectors import BaseDetector, Finding, Series, Threshold, Trend
from hindsight.detectors.budget import expected, within
from hindsight.detectors.methods.crossings import looks, openings, surest, upcrossings
from hindsight.detectors.multiplicity import beyond_chance
from hindsight.domain.values import Budget, Span, Verdict
from hindsight.metrics import find
from hindsight.statistics.base import Array


@dataclass(frozen=True, kw_only=True)
class Rule(BaseDetector):
    """A rule that is wrong so often, or does not know; it can be made to be wrong as seldom as `floor`."""

    kind: ClassVar[str] = "rule"
    rate: float | None = None
    floor: float = 0.0

    def false_breaches(self) -> float | None:
        return self.rate

    def allowing(self, a_day: float) -> Self:
        return replace(self, rate=max(a_day, self.floor))

    @property
    def sentence(self) -> str:
        return "a rule"

    def examine(self, series: Series) -> Finding:
        raise AssertionError


def rules(*rates: float | None, floor: float = 0.0) -> tuple[Rule, ...]:
    return tuple(Rule(metric="recall", rate=rate, floor=floor, name=str(i)) for i, rate in enumerate(rates))


def opened(breaches: Iterable[bool]) -> int:
    """How often a breach follows on a look without one."""
    looked = np.array(list(breaches))
    return int((looked[1:] & ~looked[:-1]).sum())


@pytest.mark.parametrize("level", [0.0, 0.5, 1.645, 3.0, 5.0])
@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.9, 27 / 28])
def test_crossings_are_owens_function(level: float, correlation: float) -> None:
    slope = ((1 - correlation) / (1 + correlation)) ** 0.5
    assert upcrossings(level, correlation) == pytest.approx(2 * float(owens_t(level, slope)), rel=1e-12)


def test_independent_looks_cross_as_chance_has_it() -> None:
    assert upcrossings(1.6448536269514722, 0.0) == pytest.approx(0.05 * 0.95)
    assert upcrossings(1.0, 1.0) == 0.0


@pytest.mark.parametrize("window", [1, 7, 28])
@pytest.mark.parametrize("evidence", [0.3, 0.8, 0.95, 0.99])
def test_a_moving_average_crosses_no_more_often_than_is_said(window: int, evidence: float) -> None:
    """With the truth on the bound just so often, and with the truth a little on the good side less."""
    rng, looked = np.random.default_rng(window), 400_000
    noise = rng.normal(size=looked + window - 1)
    sums = np.concatenate([[0.0], np.cumsum(noise)])
    z = (sums[window:] - sums[:-window]) / window**0.5
    said = openings(evidence, looks(Span(window))[1])
    level = NormalDist().inv_cdf(evidence)
    rates = [opened(z - away > level) / looked for away in (0.0, 0.3, 1.0)]
    error = 3 * (said / looked * window) ** 0.5
    assert all(rate <= said + error for rate in rates)
    if evidence > 0.5:
        assert rates[0] == pytest.approx(said, abs=error)
        assert rates[2] < 0.7 * rates[0]


def test_segments_open_no_more_often_than_is_said() -> None:
    """Thirty segments, all with the truth on the bound, beside the whole."""
    rng, window, looked, many = np.random.default_rng(2), 7, 3000, 30
    sums = np.cumsum(rng.normal(size=(looked + window, many)), axis=0)
    p_values = ndtr(-(sums[window:] - sums[:-window]) / window**0.5)
    detector = Threshold(metric="recall", min=0.5, window=Span(window), segments=("origin",))
    alone = replace(detector, segments=())
    breaches = []
    for row in p_values:
        found = {
            ("v1", f"origin={i}"): Finding(
                Verdict.BREACH if p <= 0.05 else Verdict.CLEAR, "low.", p_value=float(p)
            )
            for i, p in enumerate(row)
        }
        made = beyond_chance(detector, found)
        breaches.append(any(finding.verdict is Verdict.BREACH for finding in made.values()))
    said = (detector.false_breaches() or 0.0) - (alone.false_breaches() or 0.0)
    rate = opened(breaches) / looked
    assert 0.25 * said < rate <= said


def of_threshold(window: int, values: Array, **options: float) -> list[bool]:
    """What a threshold says of every window of days with an error of 1 whose truth lies on its bound."""
    detector = Threshold(metric="r2", min=0.0, window=Span(window), **options)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    means = (sums[window:] - sums[:-window]) / window
    shown = (Series(find("r2"), day(0, float(mean), window**-0.5), ()) for mean in means)
    return [detector.examine(each).verdict is Verdict.BREACH for each in shown]


def of_trend(detector: Trend, values: Array) -> list[bool]:
    """What a trend says of every window of days with an error of 0.01."""
    days = [day(i, float(value)) for i, value in enumerate(values)]
    length = detector.window.count
    ends = range(length, len(days) + 1)
    windows = (tuple(days[end - length : end]) for end in ends)
    return [
        detector.examine(Series(find("accuracy"), days[-1], window)).verdict is Verdict.BREACH
        for window in windows
    ]


@pytest.mark.parametrize("window", [1, 28])
def test_a_threshold_with_a_budget_keeps_it(window: int) -> None:
    looked = 40_000
    plain = Threshold(metric="r2", min=0.0, window=Span(window))
    made = plain.allowing(1 / 365)
    assert made.false_breaches() == pytest.approx(1 / 365, rel=1e-6)
    assert made.sure > plain.sure
    values = np.random.default_rng(3).normal(size=looked + window - 1)
    found = opened(of_threshold(window, values, evidence=made.sure))
    assert found <= looked / 365 + 3 * (looked / 365) ** 0.5
    assert found >= 0.6 * looked / 365  # nor is it stricter than it has to be
    assert opened(of_threshold(window, values)) > 2 * found


@pytest.mark.parametrize("scatter", [1.0, 2.0], ids=["rows alone", "days that differ"])
@pytest.mark.parametrize("window", [14, 28])
def test_a_trend_with_a_budget_keeps_it(window: int, scatter: float) -> None:
    """The true slope lies on the bound throughout."""
    looked, a_day = 4000, 1 / 120
    detector = Trend(metric="accuracy", window=Span(window), evidence=0.9).allowing(a_day)
    assert detector.false_breaches() == pytest.approx(a_day, rel=1e-6)
    noise = 0.01 * scatter * np.random.default_rng(4).normal(size=looked + window - 1)
    found = opened(of_trend(detector, noise - 0.001 * np.arange(len(noise))))
    assert found <= looked * a_day + 3 * (looked * a_day) ** 0.5
    if window == 28 or scatter > 1:  # a fortnight leaves six degrees of freedom, and is far on the safe side
        assert found >= 0.3 * looked * a_day


def test_segments_of_several_columns_are_judged_together_and_count_once() -> None:
    one, two = (Threshold(metric="recall", segments=columns) for columns in (("a",), ("a", "b")))
    assert one.false_breaches() == two.false_breaches()
    assert (one.false_breaches() or 0.0) > (Threshold(metric="recall").false_breaches() or 0.0)


def test_a_budget_never_makes_a_rule_looser() -> None:
    for detector in (Threshold(metric="recall"), Trend(metric="recall")):
        assert detector.allowing(10.0) == detector
        assert (detector.allowing(1e-4).false_breaches() or 1.0) <= 1e-4
        assert detector.allowing(1e-4).name == detector.name


def test_plain_rules_say_nothing_of_their_false_alarms_and_stay_as_they_are() -> None:
    for detector in (
        Threshold(metric="recall", evidence="none"),
        Trend(metric="recall", method="simple", window=Span(7)),
    ):
        assert detector.false_breaches() is None
        assert detector.allowing(1e-4) == detector


@pytest.mark.parametrize(
    "window, a_day",
    [("1d", 1.0), ("28d", 1.0), ("week", 1 / 7), ("month", 12 / 365.25), ("1h", 24.0), ("24h", 24.0)],
)
def test_a_rule_looks_once_a_day_or_hour_or_whole_week(window: str, a_day: float) -> None:
    span = Span.parse(window)
    shared = 0.0 if span.calendar else 1 - 1 / span.count
    assert looks(span) == (pytest.approx(a_day), shared)
    rate = Threshold(metric="recall", window=span).false_breaches()
    assert rate == pytest.approx(a_day * openings(0.95, shared))


def test_two_bounds_are_wrong_twice_as_often() -> None:
    one, two = Threshold(metric="recall", min=0.1), Threshold(metric="recall", min=0.1, max=0.9)
    assert two.false_breaches() == pytest.approx(2 * (one.false_breaches() or 0.0))


def test_the_surest_evidence_is_found_by_halving() -> None:
    assert surest(lambda evidence: 1 - evidence, 0.5, 0.01) == pytest.approx(0.99)
    assert surest(lambda evidence: 1 - evidence, 0.995, 0.01) == 0.995
    assert surest(lambda evidence: 1.0, 0.5, 0.01) < 1


def test_a_budget_is_shared_equally_by_those_that_need_it() -> None:
    made = within(rules(0.2, 0.3, None, 0.4), Budget.parse("3 per 100d"))
    assert [rule.false_breaches() for rule in made] == [pytest.approx(0.01)] * 2 + [None, pytest.approx(0.01)]


def test_what_one_rule_does_not_need_the_others_get() -> None:
    made = within(rules(0.2, 0.004, 0.3, 0.0), Budget.parse("3 per 100d"))
    assert [rule.false_breaches() for rule in made] == pytest.approx([0.013, 0.004, 0.013, 0.0])


def test_within_a_budget_that_is_kept_nothing_changes() -> None:
    known = rules(0.001, None, 0.002)
    assert within(known, Budget.parse("3 per 100d")) == known
    assert within(known, None) is known
    assert within((), Budget.parse("3 per 100d")) == ()


def test_a_rule_that_cannot_keep_to_its_part_is_told() -> None:
    made = within(rules(0.2, 0.3, floor=0.05), Budget.parse("3 per 100d"))
    assert expected(made) == (pytest.approx(0.1), ())


def test_what_is_expected_is_the_sum_of_what_is_known() -> None:
    known = rules(0.2, None, 0.3)
    assert expected(known) == (pytest.approx(0.5), (known[1],))
    real = within((Threshold(metric="recall"), Trend(metric="recall")), Budget.parse("1 per 90d"))
    assert expected(real)[0] <= 1 / 90 * (1 + 1e-9)
