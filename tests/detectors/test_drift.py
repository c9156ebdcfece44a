"""Features and answers that moved away from the reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from detectors import log_worlds
from detectors.log_worlds import REFERENCE, window
from detectors.points import day
from hindsight.detectors import Finding, Series
from hindsight.detectors.drift import LIMITS, Drift
from hindsight.domain.values import Horizon, IncidentClass, Severity, Span, Verdict
from hindsight.metrics import find
from worlds import monitor

BREACH, CLEAR, INSUFFICIENT = Verdict.BREACH, Verdict.CLEAR, Verdict.INSUFFICIENT


def seen(
    features: Mapping[str, tuple[float, float | None]],
    answers: Mapping[str, tuple[float, float]] | None = None,
) -> Series:
    """A window in which features are so far off (± error), and answers have a value and one before."""
    others = {
        name: Series(find(name), day(60, value, error, **window()), ())
        for name, (value, error) in features.items()
    }
    for name, (value, before) in (answers or {}).items():
        reference = day(0, before, 0.002, **REFERENCE)
        others[name] = Series(find(name), day(60, value, 0.002, **window()), (), reference=reference)
    return Series(find("volume"), day(60, 28_000.0, 170.0, **window()), (), others=others)


def found(features: Mapping[str, tuple[float, float | None]], **options: Any) -> Finding:
    return Drift(**options).examine(seen(features))


FLIGHTS = {
    "psi(temp)": (8.2, 0.9),
    "psi(distance)": (0.01, 0.01),
    "psi(dep_hour)": (0.02, 0.01),
    "psi(carrier)": (0.03, 0.02),
}


def test_the_temperature_drifts_and_the_hour_of_departure_does_not() -> None:
    told = found(FLIGHTS)
    assert (told.verdict, told.severity) == (BREACH, Severity.WARNING)
    assert told.reason == "temp (psi 8.2) moved far from the reference; 3 of 4 did not."
    assert told.details["drifted"] == ["psi(temp)"]
    assert list(told.details["distances"]) == ["psi(temp)", "psi(carrier)", "psi(dep_hour)", "psi(distance)"]
    calm = {name: value for name, value in FLIGHTS.items() if name != "psi(temp)"}
    assert found(calm).verdict is CLEAR
    assert "carrier (psi 0.03) is farthest, and may be 0.25" in found(calm).reason


@pytest.mark.parametrize(
    "value, error, verdict, severity",
    [
        (0.24, 0.001, CLEAR, None),
        (0.30, 0.05, CLEAR, Severity.WATCH),
        (0.40, 0.05, BREACH, Severity.WARNING),
        (0.40, None, CLEAR, Severity.WATCH),
    ],
)
def test_a_breach_is_surely_beyond_the_limit(
    value: float, error: float | None, verdict: Verdict, severity: Severity | None
) -> None:
    told = found({"psi(temp)": (value, error)})
    assert (told.verdict, told.severity) == (verdict, severity)


def test_among_many_features_one_needs_more_evidence() -> None:
    one = {"psi(f0)": (0.35, 0.05)}
    crowd = one | {f"psi(f{i})": (0.01, 0.01) for i in range(1, 30)}
    assert found(one).verdict is BREACH
    assert (found(crowd).verdict, found(crowd).severity) == (CLEAR, Severity.WATCH)
    many = crowd | {f"psi(f{i})": (0.36, 0.05) for i in range(1, 25)}
    assert len(found(many).details["drifted"]) == 25
    assert "and 22 more moved far" in found(many).reason


def test_answers_may_move_by_a_share_of_what_they_were() -> None:
    calm = {"psi(temp)": (0.01, 0.01)}
    for value, verdict in ((0.20, CLEAR), (0.24, CLEAR), (0.10, BREACH), (0.30, BREACH)):
        told = Drift().examine(seen(calm, {"mean_score": (value, 0.216)}))
        assert told.verdict is verdict
    assert "mean_score (up by 39% to 0.3)" in told.reason
    assert Drift(change=0.5).examine(seen(calm, {"mean_score": (0.3, 0.216)})).verdict is CLEAR


def test_an_answer_without_a_reference_is_left_out() -> None:
    series = seen({"psi(temp)": (0.01, 0.01)}, {"mean_score": (0.9, 0.2)})
    other = replace(series.others["mean_score"], reference=None, no_reference="the window begins too early")
    told = Drift().examine(replace(series, others=series.others | {"mean_score": other}))
    assert told.verdict is CLEAR
    assert list(told.details["distances"]) == ["psi(temp)"]
    fixed = replace(other, fixed=0.2)
    told = Drift().examine(replace(series, others=series.others | {"mean_score": fixed}))
    assert told.verdict is BREACH


def test_a_mean_near_nothing_is_measured_by_the_spread_or_not_at_all() -> None:
    moved = {"mean_prediction": (0.35, 0.05)}
    calm = {"psi(temp)": (0.01, 0.01)}
    wide = Drift().examine(seen(calm, moved | {"prediction_spread": (10.0, 10.0)}))
    assert wide.verdict is CLEAR
    assert wide.details["distances"]["mean_prediction"] == pytest.approx(0.03)
    narrow = Drift().examine(seen(calm, moved | {"prediction_spread": (1.0, 1.0)}))
    assert "mean_prediction (up by 30% of the spread to 0.35)" in narrow.reason
    alone = Drift().examine(seen(calm, {"mean_prediction": (0.35, 0.005)}))
    assert "mean_prediction" not in alone.details["distances"]
    assert Drift().examine(seen(calm, {"mean_prediction": (14.0, 10.0)})).verdict is BREACH


def test_answers_can_be_watched_without_a_feature() -> None:
    detector = Drift(metric="mean_score")
    assert list(detector.problems()) == []
    assert detector.sentence == "mean_score over 28d at 0d within 20% of the reference (95% sure)"
    assert Drift(metric="mean_score", predictions=False).needs_reference
    assert detector.others(monitor(metrics=("recall", "mean_score"))) == ("mean_score",)
    assert detector.examine(seen({}, {"mean_score": (0.3, 0.2)})).verdict is BREACH


def test_a_version_without_a_reference_is_told_that_its_answers_are_not_compared() -> None:
    series = seen({"psi(temp)": (0.01, 0.01)}, {"mean_score": (0.9, 0.2)})
    other = replace(series.others["mean_score"], reference=None, no_reference="it is new")
    told = Drift().examine(replace(series, others=series.others | {"mean_score": other}))
    assert told.reason.endswith("; mean_score not compared, for want of a reference.")


def test_one_feature_has_its_figures() -> None:
    told = found({"psi(temp)": (0.5, 0.01)}, metric="psi(temp)", predictions=False)
    assert (told.observed, told.upper) == (0.5, 0.25)
    assert Drift(metric="psi(temp)").usual_name == "drift:psi(temp):28d@0d"


def test_no_feature_with_a_value_is_insufficient() -> None:
    series = seen({"psi(temp)": (0.1, 0.01)})
    lacking = replace(series.others["psi(temp)"].latest, value=None, reason="3 of 28 days were not computed")
    other = replace(series.others["psi(temp)"], latest=lacking)
    told = Drift().examine(replace(series, others={"psi(temp)": other}))
    assert told.verdict is INSUFFICIENT
    assert told.reason == "3 of 28 days were not computed."


def test_limits_are_what_a_shift_of_half_a_deviation_makes() -> None:
    x = np.linspace(-9.0, 9.0, 20_001)
    p, q = stats.norm.pdf(x, 0.5), stats.norm.pdf(x)
    middle, step = (p + q) / 2.0, x[1] - x[0]
    exact = {
        "psi": ((p - q) * np.log(p / q)).sum() * step,
        "jensen_shannon": 0.5 * (p * np.log2(p / middle) + q * np.log2(q / middle)).sum() * step,
        "chi_square": 0.5 * ((p - q) ** 2 / (p + q)).sum() * step,
        "kolmogorov_smirnov": 2.0 * stats.norm.cdf(0.25) - 1.0,
        "wasserstein": 0.5 / (stats.norm.ppf(0.9) - stats.norm.ppf(0.1)),
    }
    for name, value in exact.items():
        assert LIMITS[name] == pytest.approx(value, rel=0.15), name


def test_it_asks_for_each_feature_and_the_answers_that_are_kept() -> None:
    spec = monitor(metrics=("recall", "psi", "mean_score", "wasserstein(a)"))
    spec = replace(spec, predictions=replace(spec.predictions, features=("a", "b")))
    assert Drift().others(spec) == ("psi(a)", "psi(b)", "mean_score")
    assert Drift(predictions=False).others(spec) == ("psi(a)", "psi(b)")
    assert Drift(metric="wasserstein(a)", predictions=False).others(spec) == ("wasserstein(a)",)
    assert Drift().carrier == "volume"
    assert Drift().at == Horizon(0)
    assert Drift().window == Span(28)


def test_it_is_wrong_as_seldom_as_its_docstring_says_on_the_limit() -> None:
    rng = np.random.default_rng(9)
    breaches = 0
    for _ in range(3000):
        detector, series = log_worlds.drift(rng)
        other = series.others["psi(a)"]
        latest = replace(other.latest, value=float(rng.normal(0.25, 0.03)), standard_error=0.03)
        others = series.others | {"psi(a)": replace(other, latest=latest)}
        breaches += detector.examine(replace(series, others=others)).verdict is BREACH
    low, high = stats.binomtest(breaches, 3000).proportion_ci(0.999)
    assert low <= 0.004 <= high


@pytest.mark.parametrize(
    "options, sentence",
    [
        (
            {"metric": "recall"},
            (
                "drift is measured by psi, jensen_shannon, chi_square, kolmogorov_smirnov, wasserstein, "
                "mean_shift, not by 'recall'"
            ),
        ),
        ({"limit": 0.0}, "`limit` is how far a feature may be off, more than 0, not 0.0"),
        ({"change": -0.1}, "`change` is the share by which an answer may move, more than 0, not -0.1"),
        ({"evidence": 1.0}, "evidence 1.0 is not between 0 and 1"),
        (
            {"segments": ("origin",)},
            "features are counted for all segments together, so `segments` does not go with drift",
        ),
    ],
)
def test_options_that_make_no_sense_are_told(options: dict[str, Any], sentence: str) -> None:
    assert list(Drift(**options).problems()) == [sentence]


def test_it_is_about_what_came_in() -> None:
    assert Drift().incident_class is IncidentClass.INPUTS
    assert Drift(metric="psi(temp)", predictions=False).sentence == (
        "psi(temp) over 28d at 0d not above 0.25 (95% sure)"
    )
