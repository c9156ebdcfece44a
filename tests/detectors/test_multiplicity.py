"""Many segments judged at once: what chance alone makes of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr
from scipy.stats import false_discovery_control

from detectors import charted
from hindsight.detectors import BaseDetector, Finding, Threshold, Trend
from hindsight.detectors.charted import Charted
from hindsight.detectors.cusum import Cusum
from hindsight.detectors.ewma import Ewma
from hindsight.detectors.multiplicity import RATE, adjusted_p_values, beyond_chance, rate_of
from hindsight.domain.values import ALL, Budget, Severity, Span, Verdict

BREACH, CLEAR, INSUFFICIENT = Verdict.BREACH, Verdict.CLEAR, Verdict.INSUFFICIENT


def judged(p_value: float | None, level: float = 0.05, severity: Severity | None = None) -> Finding:
    """A finding as a detector at this level makes it of a p-value."""
    verdict = BREACH if p_value is None or p_value <= level else CLEAR
    return Finding(verdict, "recall is low.", p_value=p_value, severity=severity)


def segments(*p_values: float | None, version: str = "v1") -> dict[tuple[str, str], Finding]:
    return {(version, f"origin={number}"): judged(p) for number, p in enumerate(p_values)}


def verdicts(
    found: dict[tuple[str, str], Finding], detector: BaseDetector | None = None
) -> list[tuple[str, str]]:
    made = beyond_chance(detector or Threshold(metric="recall"), found)
    return [(finding.verdict.value, (finding.severity or Severity.OK).value) for finding in made.values()]


BENJAMINI_HOCHBERG = (
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
    0.7590, 1.0000,
)  # fmt: skip
"""The fifteen hypotheses of their paper (1995, section 3.2): the procedure rejects the first four at 5 %."""


def test_of_the_papers_fifteen_hypotheses_four_are_kept() -> None:
    found = verdicts(segments(*BENJAMINI_HOCHBERG))
    assert found == [("BREACH", "watch")] * 4 + [("CLEAR", "watch")] * 5 + [("CLEAR", "ok")] * 6


def test_what_falls_away_says_among_how_many() -> None:
    made = beyond_chance(Threshold(metric="recall"), segments(*BENJAMINI_HOCHBERG))
    fell, stands = made["v1", "origin=4"], made["v1", "origin=3"]
    assert fell.reason == (
        "recall is low; among 15 segments that is not beyond chance (false-discovery rate 5%)."
    )
    assert fell.details == {"segments_judged": 15, "adjusted_p_value": pytest.approx(0.0201 * 15 / 5)}
    assert stands.reason == "recall is low."
    assert stands.details == {"segments_judged": 15, "adjusted_p_value": pytest.approx(0.0095 * 15 / 4)}


@given(st.lists(st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1.0, 0.01])), max_size=40))
def test_adjusted_p_values_are_scipys(p_values: list[float]) -> None:
    expected = false_discovery_control(p_values) if p_values else []
    assert adjusted_p_values(p_values) == pytest.approx(list(expected))


def test_each_severity_of_a_segment_is_one_below_that_of_the_model() -> None:
    detector = Threshold(metric="recall")
    for given_, then in (
        (Severity.CRITICAL, Severity.WARNING),
        (Severity.WARNING, Severity.WATCH),
        (None, Severity.WATCH),
    ):
        finding = judged(1e-9, severity=given_)
        made = beyond_chance(detector, {("v1", ALL): finding, ("v1", "origin=EWR"): finding})
        assert made["v1", ALL] == finding
        assert made["v1", "origin=EWR"].severity is then
    told = replace(detector, severity=Severity.CRITICAL)
    assert verdicts(segments(1e-9), told) == [("BREACH", "warning")]


def test_versions_are_families_of_their_own() -> None:
    many = segments(*[0.5] * 50, version="v1")
    assert verdicts({**many, **segments(0.02, version="v2")})[-1] == ("BREACH", "watch")
    assert verdicts({**many, ("v1", "origin=EWR"): judged(0.02)})[-1] == ("CLEAR", "watch")


def test_the_whole_model_is_in_no_family() -> None:
    found = {("v1", ALL): judged(0.04), **segments(0.04, 0.9)}
    assert verdicts(found) == [("BREACH", "ok"), ("CLEAR", "watch"), ("CLEAR", "ok")]


def test_a_rule_without_evidence_takes_points_as_they_are() -> None:
    plain = Threshold(metric="recall", evidence="none")
    assert rate_of(plain) == 1.0
    assert verdicts(segments(0.04, *[0.5] * 50), plain)[0] == ("BREACH", "watch")


def test_the_rate_is_what_the_evidence_leaves() -> None:
    assert rate_of(Threshold(metric="recall", evidence=0.999)) == pytest.approx(0.001)
    assert rate_of(Trend(metric="recall")) == pytest.approx(0.01)
    strict = Threshold(metric="recall", evidence=0.999)
    assert verdicts(segments(0.0009, 0.0009), strict)[0] == ("BREACH", "watch")
    fell = beyond_chance(strict, segments(0.0009, 0.9))["v1", "origin=0"]
    assert fell.reason.endswith("among 2 segments that is not beyond chance (false-discovery rate 0.1%).")


@dataclass(frozen=True, kw_only=True)
class InSpreads(Threshold):
    """A rule whose evidence is no confidence."""

    evidence: float = 4.0


def test_evidence_in_other_units_is_no_rate() -> None:
    assert rate_of(InSpreads(metric="recall")) == RATE
    assert rate_of(InSpreads(metric="recall", evidence=0.5)) == 0.5


def test_a_breach_without_a_p_value_stands_and_counts_for_nobody() -> None:
    assert verdicts(segments(None, 0.03)) == [("BREACH", "watch"), ("BREACH", "watch")]


def test_what_could_not_be_judged_is_not_counted() -> None:
    unknown = {("v1", f"carrier={n}"): Finding(INSUFFICIENT, "too few rows.", p_value=0.9) for n in range(50)}
    found = verdicts({**segments(0.03), **unknown})
    assert found[0] == ("BREACH", "watch")
    assert set(found[1:]) == {("INSUFFICIENT", "ok")}


def test_no_segment_at_all_is_nothing_to_hold_to_account() -> None:
    assert beyond_chance(Threshold(metric="recall"), {}) == {}
    assert verdicts({("v1", ALL): judged(0.04)}) == [("BREACH", "ok")]


@pytest.mark.parametrize("common", [0.0, 0.5], ids=["segments by themselves", "segments that share rows"])
@pytest.mark.parametrize("broken", [0, 10])
def test_of_what_is_found_no_more_than_the_rate_is_so_by_chance(common: float, broken: int) -> None:
    """A hundred segments in 400 windows: alone, a twentieth of the sound ones would breach each time."""
    rng, sizes = np.random.default_rng(5), (400, 100)
    noise = rng.normal(size=sizes) * (1 - common) ** 0.5 + rng.normal(size=(400, 1)) * common**0.5
    noise[:, :broken] += 4.0
    detector, false_share, found_broken = Threshold(metric="recall"), [], 0
    for p_values in ndtr(-noise):
        made = list(beyond_chance(detector, segments(*map(float, p_values))).values())
        found = np.array([finding.verdict is BREACH for finding in made])
        false_share.append(found[broken:].sum() / max(found.sum(), 1))
        found_broken += int(found[:broken].sum())
    error = float(np.std(false_share)) / 400**0.5
    assert np.mean(false_share) <= 0.05 + 3 * error
    assert found_broken >= 0.75 * 400 * broken


def test_what_is_no_breach_lends_nothing_to_those_that_are() -> None:
    """Values on the good side of a bound for doubtful rows have p-values that others must not lean on."""
    alone = judged(0.04)
    shy = [Finding(CLEAR, "watched.", p_value=0.0001, severity=Severity.WATCH) for _ in range(3)]
    found = {("v1", f"origin={i}"): each for i, each in enumerate([alone, *shy])}
    made = beyond_chance(Threshold(metric="recall"), found)
    assert [each.verdict for each in made.values()] == [CLEAR] * 4
    assert made["v1", "origin=0"].details["adjusted_p_value"] > 0.05


def test_the_rate_of_a_chart_is_that_of_its_false_alarms() -> None:
    chart = Cusum(metric="accuracy", segments=("origin",), false_alarms=Budget(1, 1000))
    assert rate_of(chart) == 1 / 1000
    assert rate_of(Cusum(metric="bias")) == 1 / 2000
    assert rate_of(Ewma(metric="recall", window=Span(1, "h"))) == 1 / 48_000
    assert chart.false_breaches() == 2 / 1000
    assert chart.allowing(1 / 500).false_alarms == Budget(1, 1000)


@pytest.mark.parametrize("kind", [Cusum, Ewma])
def test_segments_of_a_chart_open_no_more_often_together_than_one_chart_does(kind: type[Charted]) -> None:
    """Ten segments with nothing wrong: each by itself opens ten times as often as all may together."""
    rng, many, past, later = np.random.default_rng(41), 10, 30, 50
    chart = kind(metric="accuracy", segments=("origin",), past=Span(past), false_alarms=Budget(1, 60))
    single = together = 0
    for _ in range(4):
        reference = [charted.accuracies(rng, 31) for _ in range(many)]
        days = [charted.accuracies(rng, past + later, first=31) for _ in range(many)]
        before: set[tuple[str, str]] = set()
        open_before = False
        for end in range(past, past + later):
            found = {
                ("v1", f"origin={i}"): chart.examine(charted.series(reference[i], days[i][end - past : end]))
                for i in range(many)
            }
            now = {key for key, each in found.items() if each.verdict is BREACH}
            stands = any(each.verdict is BREACH for each in beyond_chance(chart, found).values())
            single += len(now - before)
            together += stands and not open_before
            before, open_before = now, stands
    looked = 4 * later
    assert together <= looked / 60 + 3 * (looked / 60) ** 0.5
    assert single > 2 * together


def test_a_segment_that_fell_is_found_by_a_chart_among_a_hundred() -> None:
    rng = np.random.default_rng(42)
    chart = Cusum(metric="accuracy", segments=("origin",))
    reference = charted.accuracies(rng, 31)
    low = [replace(p, value=(p.value or 0) - 0.03) for p in charted.accuracies(rng, 56, first=31)]
    fallen = chart.examine(charted.series(reference, low))
    sound = {("v1", f"origin={i}"): Finding(CLEAR, "quiet.", p_value=0.5) for i in range(99)}
    assert beyond_chance(chart, {**sound, ("v1", "origin=Z"): fallen})["v1", "origin=Z"].verdict is BREACH
