"""The bound on one window: what breaches, what does not, and what cannot be judged."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from commands import CHURN
from detectors.points import FIRST, day, share_day
from hindsight.config.loading import load
from hindsight.detectors import DETECTORS, Finding, Point, Series
from hindsight.detectors.threshold import Threshold
from hindsight.domain.values import (
    Direction,
    Horizon,
    IncidentClass,
    Maturity,
    Severity,
    Span,
    Verdict,
)
from hindsight.errors import ConfigError
from hindsight.metrics import EXPANDED, METRICS, find
from hindsight.metrics.expectation import Expected

ONE_OF = "a threshold takes either `min` and/or `max`, or `relative`, or `cost`"
BREACH, CLEAR, INSUFFICIENT = Verdict.BREACH, Verdict.CLEAR, Verdict.INSUFFICIENT


def point(value: float | None, error: float | None = 0.01, **changes: Any) -> Point:
    return day(27, value, error, **changes)


def series(
    value: float | None, error: float | None = 0.01, *, metric: str = "recall", **parts: Any
) -> Series:
    return Series(find(metric), point(value, error), (), **parts)


def threshold(metric: str = "recall", **options: Any) -> Threshold:
    return Threshold(metric=metric, **options)


def verdict(detector: Threshold, shown: Series) -> Verdict:
    found = detector.examine(shown)
    assert found.reason.endswith(".")
    assert len(found.reason) > 10
    return found.verdict


@pytest.mark.parametrize(
    "options, value, expected",
    [
        ({"min": 0.5}, 0.45, BREACH),
        ({"min": 0.5}, 0.5, CLEAR),
        ({"min": 0.5}, 0.55, CLEAR),
        ({"max": 0.5}, 0.55, BREACH),
        ({"max": 0.5}, 0.5, CLEAR),
        ({"max": 0.5}, 0.45, CLEAR),
        ({"min": 0.4, "max": 0.6}, 0.35, BREACH),
        ({"min": 0.4, "max": 0.6}, 0.5, CLEAR),
        ({"min": 0.4, "max": 0.6}, 0.65, BREACH),
    ],
)
def test_an_absolute_bound_is_inclusive(options: dict[str, float], value: float, expected: Verdict) -> None:
    for evidence in (0.0, 0.95):
        assert verdict(threshold(**options, evidence=evidence), series(value)) is expected


@pytest.mark.parametrize(
    "metric, relative, value, expected",
    [
        ("recall", -0.1, 0.71, BREACH),
        ("recall", -0.1, 0.72, CLEAR),
        ("recall", -0.1, 0.95, CLEAR),
        ("brier", 0.1, 0.89, BREACH),
        ("brier", 0.1, 0.88, CLEAR),
        ("brier", 0.1, 0.1, CLEAR),
        ("mean_score", -0.1, 0.71, BREACH),
        ("mean_score", 0.1, 0.89, BREACH),
    ],
)
def test_a_relative_bound_is_a_share_of_the_reference(
    metric: str, relative: float, value: float, expected: Verdict
) -> None:
    detector = threshold(metric, relative=relative, evidence=0.0)
    assert verdict(detector, series(value, metric=metric, reference=point(0.8))) is expected
    assert verdict(detector, series(value, metric=metric, fixed=0.8)) is expected


def test_a_relative_bound_on_a_negative_baseline_allows_a_share_of_its_size() -> None:
    detector = threshold("r2", relative=-0.5, evidence=0.0)
    assert verdict(detector, series(-0.4, metric="r2", fixed=-0.3)) is CLEAR
    assert verdict(detector, series(-0.46, metric="r2", fixed=-0.3)) is BREACH


def test_a_fixed_value_takes_the_place_of_the_reference() -> None:
    found = threshold(relative=-0.1).examine(series(0.6, reference=point(0.6), fixed=0.8))
    assert found.expected == 0.8
    assert found.verdict is BREACH


def test_evidence_wants_the_gap_to_be_larger_than_its_error_explains() -> None:
    shown = series(0.49, 0.01)
    assert verdict(threshold(min=0.5, evidence=0.0), shown) is BREACH
    found = threshold(min=0.5).examine(shown)
    assert found.verdict is CLEAR
    assert found.p_value == pytest.approx(0.1587, abs=1e-4)
    assert "only 84% sure" in found.reason
    assert verdict(threshold(min=0.5), series(0.4836, 0.01)) is CLEAR
    assert verdict(threshold(min=0.5), series(0.4834, 0.01)) is BREACH


def test_the_references_own_error_is_part_of_the_gaps() -> None:
    shown = series(0.70, 0.01, reference=point(0.80, 0.01))
    found = threshold(relative=-0.1).examine(shown)
    error = (0.01**2 + (0.9 * 0.01) ** 2) ** 0.5
    assert found.p_value is not None
    assert found.p_value == pytest.approx(0.0686, abs=1e-3)
    assert found.lower == pytest.approx(0.72)
    assert error > 0.01
    assert found.verdict is CLEAR
    sure = series(0.70, 0.01, reference=point(0.80, 0.0))
    assert verdict(threshold(relative=-0.1), sure) is BREACH


def test_no_error_at_all_leaves_no_doubt() -> None:
    assert verdict(threshold(min=0.5), series(0.4999, 0.0)) is BREACH


def test_an_unknown_error_is_no_evidence() -> None:
    found = threshold(min=0.5).examine(series(0.4, None))
    assert found.verdict is INSUFFICIENT
    assert "error is not known" in found.reason
    assert verdict(threshold(min=0.5, evidence=0.0), series(0.4, None)) is BREACH
    assert verdict(threshold(min=0.5), series(0.6, None)) is CLEAR


def test_a_finding_holds_what_it_rests_on() -> None:
    assert threshold(relative=-0.1).examine(series(0.6, reference=point(0.8))) == Finding(
        BREACH,
        "recall 0.6 is below its bound 0.72, -25.0% against 0.8 in the reference (more than 99.9999% sure).",
        observed=0.6,
        expected=0.8,
        lower=pytest.approx(0.72),
        upper=None,
        p_value=pytest.approx(0.0, abs=1e-6),
        severity=Severity.CRITICAL,
        details={
            "current": 0.6,
            "threshold": pytest.approx(0.72),
            "baseline": 0.8,
            "drop_percent": pytest.approx(25.0),
        },
    )


def test_an_adjusted_threshold_compares_with_what_the_scores_make_us_expect() -> None:
    detector = threshold(relative=-0.1, adjust="score_mix")
    baseline = Expected(0.5, 1e-4, 1e-4, 1e-4, 1e-6, 0.005)
    shown = series(0.5, 0.01, reference=point(0.8))
    judged = replace(shown, latest=replace(shown.latest, expected=baseline))
    found = detector.examine(judged)
    assert found.verdict is CLEAR
    assert found.expected == 0.5
    assert "expected of these scores" in found.reason
    low = replace(judged, latest=replace(judged.latest, value=0.4))
    assert verdict(detector, low) is BREACH
    assert verdict(threshold(relative=-0.1), judged) is BREACH


def excused(**parts: Any) -> Series:
    return series(0.1, **parts)


@pytest.mark.parametrize(
    "options, shown, said",
    [
        (
            {"min": 0.5},
            Series(METRICS["recall"], point(None, None, reason="no row turned out positive"), ()),
            "recall has no value: no row turned out positive.",
        ),
        (
            {"min": 0.5},
            Series(METRICS["recall"], point(0.1, maturity=Maturity.PROVISIONAL, coverage=0.4), ()),
            "only 40% of the predictions have a label.",
        ),
        (
            {"min": 0.5},
            Series(
                METRICS["recall"],
                point(0.1, maturity=Maturity.PROVISIONAL, reason="40% have a label, 80% are asked for"),
                (),
            ),
            "40% have a label, 80% are asked for.",
        ),
        (
            {"min": 0.5},
            Series(METRICS["recall"], point(0.1, maturity=Maturity.PENDING, coverage=None), ()),
            "no prediction has a label.",
        ),
        ({"relative": -0.1}, excused(), "the reference has no value."),
        ({"relative": -0.1}, excused(reference=point(None, None)), "the reference has no value."),
        (
            {"relative": -0.1},
            excused(no_reference="the window begins on 2024-03-28, not after the reference ends"),
            "the window begins on 2024-03-28, not after the reference ends.",
        ),
        (
            {"relative": -0.1, "adjust": "score_mix"},
            excused(reference=point(0.8)),
            "what to expect of these scores is not defined.",
        ),
        (
            {"relative": -0.1, "adjust": "score_mix"},
            excused(no_reference="this version has no prediction in the reference"),
            "this version has no prediction in the reference.",
        ),
    ],
)
def test_what_cannot_be_judged_is_insufficient_and_says_why(
    options: dict[str, Any], shown: Series, said: str
) -> None:
    found = threshold(**options).examine(shown)
    assert found.verdict is INSUFFICIENT
    assert found.reason == said


def test_coverage_is_judged_however_little_of_the_truth_is_in() -> None:
    shown = Series(METRICS["coverage"], point(0.1, maturity=Maturity.PROVISIONAL, coverage=0.1), ())
    detector = threshold("coverage", min=0.5)
    assert verdict(detector, shown) is BREACH
    assert detector.incident_class is IncidentClass.LABEL_HEALTH


def test_what_needs_no_labels_is_judged_before_any_is_in() -> None:
    shown = Series(METRICS["mean_score"], point(0.1, maturity=Maturity.PENDING, coverage=None), ())
    detector = threshold("mean_score", min=0.5)
    assert verdict(detector, shown) is BREACH
    assert detector.incident_class is IncidentClass.INPUTS


@pytest.mark.parametrize(
    "options, said",
    [
        ({"min": 0.5, "relative": -0.1}, [ONE_OF]),
        ({"max": 0.5, "cost": 3.0}, [ONE_OF]),
        ({"relative": -0.1, "cost": 3.0}, [ONE_OF]),
        ({"min": 0.6, "max": 0.6}, ["min 0.6 is not below max 0.6"]),
        ({"relative": 0.0}, ["`relative` is a share other than 0, such as -0.10"]),
        ({"relative": float("nan")}, ["`relative` is a share other than 0, such as -0.10"]),
        ({"min": 0.5, "adjust": "score_mix"}, ["`adjust` goes with `relative` or `cost`"]),
        ({"min": 0.5, "both": True}, ["`both` goes with `relative`"]),
        ({"cost": 3.0, "both": True}, ["`both` goes with `relative`"]),
        ({"cost": 0.0}, ["`cost` is what a window may cost too much, above 0, not 0.0"]),
        ({"cost": float("inf")}, ["`cost` is what a window may cost too much, above 0, not inf"]),
        (
            {"metric": "roc_auc", "cost": 3.0},
            ["`cost` is for a mean over rows, such as cost(fp=1 fn=5), not for 'roc_auc'"],
        ),
        (
            {"metric": "mean_score", "cost": 3.0},
            ["'mean_score' has no good direction, so no movement of it costs anything"],
        ),
        (
            {"metric": "volume"},
            ["'volume' grows with the window, so it takes `min` and/or `max`, not `relative`"],
        ),
        ({"min": 0.5, "evidence": 1.0}, ["evidence 1.0 is not in [0, 1)"]),
        ({"min": 0.5, "evidence": -0.1}, ["evidence -0.1 is not in [0, 1)"]),
        ({"relative": 0.1}, ["`relative` 0.1 allows recall to improve only so far: higher is better"]),
        (
            {"metric": "brier", "relative": -0.1},
            ["`relative` -0.1 allows brier to improve only so far: lower is better"],
        ),
        (
            {"metric": "brier", "relative": 0.1, "adjust": "score_mix"},
            [
                (
                    "'brier' cannot be adjusted for the score mix; these can: accuracy, average_precision, "
                    "balanced_accuracy, cost, f1, f_beta, mcc, positive_rate, precision, recall, roc_auc, "
                    "specificity, value"
                )
            ],
        ),
        ({}, []),
        ({"evidence": "none"}, []),
        ({"metric": "mean_score"}, []),
        ({"relative": 0.1, "both": True}, []),
        ({"metric": "cost(fp=1 fn=5)", "cost": 100.0, "adjust": "score_mix"}, []),
        ({"metric": "recall", "cost": 5.0}, []),
        ({"relative": -0.1}, []),
        ({"min": 0.5, "max": 0.9, "evidence": 0.0}, []),
        ({"metric": "mean_score", "relative": 0.1}, []),
        ({"metric": "mean_score", "relative": -0.1}, []),
    ],
)
def test_a_configuration_that_makes_no_sense_says_so(options: dict[str, Any], said: list[str]) -> None:
    assert list(threshold(**options).problems()) == said


def test_a_rule_reads_as_a_sentence() -> None:
    assert threshold(min=0.5, max=0.9).sentence == (
        "recall over 1d at 7d at least 0.5 and at most 0.9 (95% sure)"
    )
    assert threshold(relative=-0.05, adjust="score_mix", evidence=0.0, window=Span(28)).sentence == (
        "recall over 28d at 7d not more than 5% below what the reference makes us expect of its scores"
    )


def test_a_detector_is_named_after_what_it_does_unless_it_has_a_name() -> None:
    assert threshold(min=0.5, window=Span(7), at=Horizon(30)).name == "threshold:recall:7d@30d"
    assert threshold(min=0.5, name="floor").name == "floor"


def test_every_registered_detector_has_its_kind() -> None:
    assert all(kind == detector.kind for kind, detector in DETECTORS.items())


def test_a_count_is_not_compared_with_a_longer_reference() -> None:
    said = list(threshold("volume", relative=-0.5).problems())
    assert said == ["'volume' grows with the window, so it takes `min` and/or `max`, not `relative`"]


def test_an_error_of_zero_from_a_few_rows_is_no_certainty() -> None:
    few, many = (Series(METRICS["roc_auc"], point(0.0, 0.0, n=n), ()) for n in (4, 400))
    assert threshold("roc_auc", min=0.6).examine(few).verdict is INSUFFICIENT
    assert threshold("roc_auc", min=0.6).examine(many).verdict is BREACH


def test_a_negative_baseline_moves_its_bound_away_from_it() -> None:
    found = threshold("bias", relative=-0.5).examine(
        series(-17.0, 0.1, metric="bias", reference=point(-10.0, 0.1))
    )
    assert (found.verdict, found.lower) == (BREACH, -15.0)
    assert "-70.0% against -10 in the reference" in found.reason


@pytest.mark.parametrize(
    "metric", sorted(n for n, m in METRICS.items() if not m.extensive and m.argument not in EXPANDED)
)
def test_a_breach_of_any_metric_lies_outside_its_bounds_and_has_a_reason(metric: str) -> None:
    rng = np.random.default_rng(4)
    way = {Direction.HIGHER: -1, Direction.LOWER: 1, Direction.NEITHER: 1}[METRICS[metric].direction]
    detector = threshold(metric, relative=0.1 * way)
    assert list(detector.problems()) == []
    seen = set()
    for value in rng.normal(1, 0.3, 200):
        found = detector.examine(series(float(value), 0.05, metric=metric, reference=point(1.0, 0.02)))
        seen.add(found.verdict)
        outside = (found.lower is not None and value < found.lower) or (
            found.upper is not None and value > found.upper
        )
        assert found.verdict is not BREACH or outside
        assert found.reason.startswith(metric)
    assert seen == {BREACH, CLEAR}


@pytest.mark.parametrize("evidence", [0.9, 0.95, 0.99])
def test_a_value_that_sits_on_the_bound_breaches_as_seldom_as_the_evidence_says(evidence: float) -> None:
    rng = np.random.default_rng(13)
    observed, reference = rng.normal(0.72, 0.01, 4000), rng.normal(0.8, 0.008, 4000)
    detector = threshold(relative=-0.1, evidence=evidence)
    breaches = [
        detector.examine(series(float(o), 0.01, reference=point(float(r), 0.008))).verdict is BREACH
        for o, r in zip(observed, reference, strict=True)
    ]
    allowed = 1 - evidence
    assert np.mean(breaches) == pytest.approx(allowed, abs=3 * (allowed * evidence / 4000) ** 0.5)


def test_the_window_is_shown_with_its_first_and_last_day() -> None:
    shown = point(0.5, start=FIRST)
    assert (shown.end - shown.start).days == 27
    assert shown.usable
    assert not replace(shown, maturity=Maturity.PROVISIONAL).usable
    assert not replace(shown, value=None).usable


def test_what_is_only_perhaps_beyond_the_bound_is_something_to_watch() -> None:
    detector = threshold(min=0.5)
    found = detector.examine(series(0.49, 0.01))
    assert (found.verdict, found.severity) == (CLEAR, Severity.WATCH)
    assert found.reason == "recall 0.49 is below its bound 0.5, but that is only 84% sure."
    assert detector.severity_of(found) is Severity.WATCH
    assert detector.examine(series(0.51, 0.01)).severity is None
    nearly = detector.examine(series(0.5 - 0.0164, 0.01))
    assert nearly.reason.endswith("but that is only 94.9% sure.")


@pytest.mark.parametrize(
    "metric, baseline, current, bound, drop, expected",
    [
        ("accuracy", 0.95, 0.91, 0.9025, 4.21, CLEAR),
        ("accuracy", 0.95, 0.99, 0.9025, -4.21, CLEAR),
        ("precision", 0.90, 0.85, 0.855, 5.56, BREACH),
        ("recall", 0.88, 0.82, 0.836, 6.82, BREACH),
        ("f1", 0.89, 0.83, 0.8455, 6.74, BREACH),
    ],
)
def test_the_plain_rule_gives_the_numbers_that_people_know(
    metric: str, baseline: float, current: float, bound: float, drop: float, expected: Verdict
) -> None:
    """Accuracy falls by less than the 5 %, or rises; the other three fall by more."""
    detector = threshold(metric, evidence="none")
    assert detector.window == Span(1)
    assert list(detector.problems()) == []
    for fixed in ({"fixed": baseline}, {"reference": point(baseline, None)}):
        found = detector.examine(series(current, None, metric=metric, **fixed))
        assert found.verdict is expected
        assert found.details["current"] == current
        assert found.details["threshold"] == pytest.approx(bound)
        assert found.details["baseline"] == baseline
        assert found.details["drop_percent"] == pytest.approx(drop, abs=0.005)
        assert f"{-drop:+.1f}% against {baseline:.4g}" in found.reason


@pytest.mark.parametrize(
    "baseline, relative", [(0.9, -0.05), (0.7, -0.1), (0.3, -1 / 3), (0.1, -0.7), (1e6, -0.03), (-0.3, -0.1)]
)
def test_a_value_on_the_bound_is_not_beyond_it_whatever_floating_point_makes_of_it(
    baseline: float, relative: float
) -> None:
    detector = threshold("r2", relative=relative, evidence="none")
    bound = baseline - abs(relative * baseline)
    for noise in (1 - 4e-16, 1.0, 1 + 4e-16):
        assert verdict(detector, series(bound * noise, metric="r2", fixed=baseline)) is CLEAR
    assert verdict(detector, series(bound - 1e-6 * abs(baseline), metric="r2", fixed=baseline)) is BREACH


def test_evidence_none_is_no_evidence_at_all() -> None:
    assert threshold(evidence="none") == threshold(evidence=0.0)
    assert threshold(evidence="none").sure == 0.0
    assert "sure" not in threshold(evidence="none").sentence


@pytest.mark.parametrize(
    "metric, worse, better", [("recall", 0.94, 1.2), ("brier", 1.06, 0.5), ("log_loss", 1.06, 0.5)]
)
def test_with_nothing_said_a_metric_may_get_five_percent_worse(
    metric: str, worse: float, better: float
) -> None:
    detector = threshold(metric, evidence="none")
    assert detector.needs_reference
    assert verdict(detector, series(worse, metric=metric, fixed=1.0)) is BREACH
    assert verdict(detector, series((1 + worse) / 2, metric=metric, fixed=1.0)) is CLEAR
    assert verdict(detector, series(better, metric=metric, fixed=1.0)) is CLEAR


def test_with_nothing_said_a_metric_without_a_good_direction_may_move_to_neither_side() -> None:
    detector = threshold("mean_score", evidence="none")
    for value, expected in ((0.94, BREACH), (0.96, CLEAR), (1.04, CLEAR), (1.06, BREACH)):
        found = detector.examine(series(value, metric="mean_score", fixed=1.0))
        assert found.verdict is expected
        assert (found.lower, found.upper) == (pytest.approx(0.95), pytest.approx(1.05))
    assert "not more than 5% below or above the reference" in detector.sentence


@pytest.mark.parametrize("relative", [0.2, -0.2])
def test_both_sides_may_be_bounded_whatever_the_sign(relative: float) -> None:
    detector = threshold(relative=relative, both=True, evidence="none")
    assert list(detector.problems()) == []
    values = {0.79: BREACH, 0.81: CLEAR, 1.19: CLEAR, 1.21: BREACH}
    assert {value: verdict(detector, series(value, fixed=1.0)) for value in values} == values


def test_of_two_bounds_the_one_that_is_passed_decides() -> None:
    found = threshold(min=0.4, max=0.6).examine(series(0.9))
    assert found.reason.startswith("recall 0.9 is above its bound 0.6")
    assert found.details["threshold"] == 0.6


def test_no_share_of_a_baseline_of_zero_is_allowed() -> None:
    detector = threshold("brier", relative=0.5)
    clear = detector.examine(series(0.0, metric="brier", reference=point(0.0)))
    assert (clear.verdict, clear.upper, clear.details["drop_percent"]) == (CLEAR, 0.0, None)
    found = detector.examine(series(0.1, metric="brier", reference=point(0.0)))
    assert (found.verdict, found.severity) == (BREACH, Severity.WARNING)
    assert found.reason == "brier 0.1 is above its bound 0 (more than 99.9999% sure)."


@pytest.mark.parametrize(
    "options, value, metric, severity",
    [
        ({"relative": -0.1}, 0.70, "recall", Severity.WARNING),
        ({"relative": -0.1}, 0.60, "recall", Severity.CRITICAL),
        ({"relative": -0.1}, 0.63, "recall", Severity.WARNING),
        ({"relative": -0.1, "evidence": 0.0}, 0.63, "recall", Severity.CRITICAL),
        ({"relative": 0.1}, 0.93, "brier", Severity.WARNING),
        ({"relative": 0.1}, 1.03, "brier", Severity.CRITICAL),
        ({"relative": 0.1, "both": True}, 1.03, "mean_score", Severity.CRITICAL),
        ({"min": 0.7}, 0.1, "recall", Severity.WARNING),
    ],
)
def test_a_breach_is_critical_where_even_twice_the_movement_is_surely_passed(
    options: dict[str, Any], value: float, metric: str, severity: Severity
) -> None:
    detector = threshold(metric, **options)
    found = detector.examine(series(value, metric=metric, reference=point(0.8, 0.001)))
    assert found.verdict is BREACH
    assert found.severity is severity
    assert detector.severity_of(found) is severity
    told = threshold(metric, **options, severity=Severity.WATCH)
    assert told.severity_of(found) is Severity.WATCH


@pytest.mark.parametrize(
    "metric, value, expected, total",
    [
        ("cost(fp=1 fn=5)", 0.62, BREACH, "1,000 rows add up to 120 more against 0.5 in the reference"),
        ("cost(fp=1 fn=5)", 0.59, CLEAR, "1,000 rows add up to 90 more against 0.5 in the reference"),
        ("cost(fp=1 fn=5)", 0.1, CLEAR, "1,000 rows add up to 400 less against 0.5 in the reference"),
        ("value(tp=1)", 0.38, BREACH, "1,000 rows add up to 120 less against 0.5 in the reference"),
        ("value(tp=1)", 0.9, CLEAR, "1,000 rows add up to 400 more against 0.5 in the reference"),
        ("accuracy", 0.38, BREACH, "1,000 rows add up to 120 less against 0.5 in the reference"),
    ],
)
def test_a_cost_is_what_the_rows_of_a_window_add_up_to_beyond_the_baseline(
    metric: str, value: float, expected: Verdict, total: str
) -> None:
    detector = threshold(metric, cost=100.0)
    found = detector.examine(series(value, 0.004, metric=metric, reference=point(0.5, 0.001)))
    assert found.verdict is expected
    assert total in found.reason
    assert found.details["threshold"] == pytest.approx(0.4 if detector.ways == (-1,) else 0.6)


def test_a_cost_is_known_as_well_as_the_window_and_the_reference_are() -> None:
    detector = threshold("cost(fp=1 fn=5)", cost=100.0)
    assert detector.needs_reference
    shown = series(0.61, 0.006, metric="cost(fp=1 fn=5)", reference=point(0.5, 0.008, n=500))
    found = detector.examine(shown)
    assert found.p_value == pytest.approx(0.1587, abs=1e-4)
    assert (found.verdict, found.severity) == (CLEAR, Severity.WATCH)
    many = replace(shown, latest=replace(shown.latest, n=10_000, value=0.53))
    assert detector.examine(many).verdict is BREACH
    nothing = detector.examine(replace(shown, latest=replace(shown.latest, n=0)))
    assert nothing.reason == "cost(fp=1 fn=5) rests on no row that could cost anything."


def test_a_cost_reads_as_a_sentence() -> None:
    assert threshold("cost(fp=1 fn=5)", cost=100.0, adjust="score_mix").sentence == (
        "cost(fp=1 fn=5) over 1d at 7d adding up to not more than 100 more than what the reference makes us "
        "expect of its scores (95% sure)"
    )
    assert threshold("value", cost=2.5, evidence="none").sentence == (
        "value over 1d at 7d adding up to not more than 2.5 less than the reference"
    )


def test_the_plain_rule_cries_wolf_as_often_as_is_known_of_it() -> None:
    rng = np.random.default_rng(10)
    plain, default = threshold("accuracy", evidence="none"), threshold("accuracy")
    values = rng.binomial(100, 0.9, 3000) / 100
    shown = [series(float(v), 0.03, metric="accuracy", fixed=0.9) for v in values]
    assert np.mean([plain.examine(s).verdict is BREACH for s in shown]) == pytest.approx(0.073, abs=0.015)
    assert np.mean([default.examine(s).verdict is BREACH for s in shown]) < 0.005


def test_the_error_of_a_ratio_is_that_which_it_would_have_on_the_bound() -> None:
    assert find("calibration_ratio").error_grows
    detector = threshold("calibration_ratio", min=0.8, max=1.25)
    high = detector.examine(series(1.6, 0.24, metric="calibration_ratio"))
    assert high.p_value == pytest.approx(0.0310, abs=1e-4)  # 0.35 in errors of 0.24 * 1.25 / 1.6
    assert high.verdict is BREACH
    plain = threshold("brier", max=1.25).examine(series(1.6, 0.24, metric="brier"))
    assert plain.p_value == pytest.approx(0.0724, abs=1e-4)


@pytest.mark.parametrize(
    "written, made",
    [
        ("evidence: none", {"evidence": 0.0}),
        ("evidence: 0", {"evidence": 0.0}),
        ("relative: -0.2, evidence: 0.99", {"relative": -0.2, "evidence": 0.99}),
        ("relative: 0.2, both: true", {"relative": 0.2, "both": True}),
        ("cost: 12.5", {"cost": 12.5}),
    ],
)
def test_a_file_says_it_in_the_same_words(tmp_path: Path, written: str, made: dict[str, Any]) -> None:
    rule = "min: 0.99, window: 7d, at: 3d, evidence: 0}"
    (tmp_path / "churn.yaml").write_text(CHURN.replace(rule, f"window: 7d, at: 3d, {written}}}"))
    detector = load(tmp_path / "churn.yaml").detectors[0]
    assert detector == threshold(window=Span(7), at=Horizon(3), **made)


def test_a_file_that_asks_for_another_evidence_is_told_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "churn.yaml").write_text(CHURN.replace("evidence: 0", "evidence: some"))
    with pytest.raises(ConfigError, match="a number or 'none'"):
        load(tmp_path / "churn.yaml")


def mean_day(number: int, rows: np.ndarray) -> Point:
    """A day of a mean over rows, its error as metrics make it."""
    metric = find("mean_feedback")
    terms = np.array([[len(rows), rows.sum(), rows.sum()]], dtype=np.float64)  # each is 0 or 1
    error = float(metric.row_error(terms)[0])
    return day(number, float(metric.value(terms)[0]), error, n=len(rows))


@pytest.mark.parametrize("days", [0, 28], ids=["a pooled reference", "a reference of days"])
def test_rows_that_all_agree_are_no_certainty_of_a_rare_mean(days: int) -> None:
    """A hundred rows a day of which one in a hundred is 1: on a third of the days there is none."""
    rng, detector, at = np.random.default_rng(31), threshold("mean_feedback"), find("mean_feedback")
    singles = tuple(mean_day(i, rng.random(100) < 0.01) for i in range(days))
    reference = mean_day(27, rng.random(2800) < 0.01)
    breaches, none = 0, 0
    for _ in range(500):
        latest = mean_day(40, rng.random(100) < 0.01)
        none += latest.value == 0.0
        shown = Series(at, latest, (), reference=reference, reference_days=singles)
        breaches += detector.examine(shown).verdict is BREACH
    assert none > 100
    assert breaches <= 0.05 * 500
    dead = Series(at, mean_day(40, np.zeros(2000)), (), reference=reference, reference_days=singles)
    assert detector.examine(dead).verdict is BREACH


def days_of_reference(truth: np.ndarray, rng: np.random.Generator, rows: int) -> tuple[Point, ...]:
    return tuple(share_day(i, int(hits), rows) for i, hits in enumerate(rng.binomial(rows, truth)))


def test_days_that_differ_by_more_than_their_rows_breach_no_more_often_than_the_evidence_says() -> None:
    """The truth of a usual day is the bound; days scatter six times as much as counting makes them."""
    rng, rows, looked = np.random.default_rng(32), 1000, 1500
    scatter = (5 * 0.9 * 0.1 / rows) ** 0.5
    reference = days_of_reference(rng.normal(0.9, scatter, 60).clip(0, 1), rng, rows)
    pooled = share_day(59, sum(round((p.value or 0) * rows) for p in reference), 60 * rows)
    detector = threshold("accuracy")
    found = []
    for hits in rng.binomial(rows, rng.normal(0.855, scatter, looked).clip(0, 1)):
        latest = share_day(80, int(hits), rows)
        shown = Series(find("accuracy"), latest, (), reference=pooled, reference_days=reference)
        found.append(detector.examine(shown).verdict is BREACH)
    opened = sum(after and not before for before, after in itertools.pairwise(found))
    assert opened / looked <= (detector.false_breaches() or 0.0) * 1.35
    assert opened / looked >= (detector.false_breaches() or 0.0) * 0.5


def test_a_weekday_is_compared_with_its_like() -> None:
    """As good as ever: 0.92 on working days and 0.83 at weekends."""
    rng, rows = np.random.default_rng(33), 1000
    truth = np.tile([0.92] * 5 + [0.83] * 2, 60)
    reference = days_of_reference(truth[:35], rng, rows)
    pooled = share_day(34, sum(round((p.value or 0) * rows) for p in reference), 35 * rows)
    detector, found = threshold("accuracy"), []
    for number, hits in enumerate(rng.binomial(rows, truth)):
        latest = share_day(35 + number, int(hits), rows)
        shown = Series(find("accuracy"), latest, (), reference=pooled, reference_days=reference)
        found.append(detector.examine(shown))
    assert np.mean([each.verdict is BREACH for each in found]) < 0.01
    saturday = found[5]
    assert saturday.expected == pytest.approx(0.83, abs=0.015)
    assert "in the reference on such days" in saturday.reason
    assert saturday.details["days"] == "weekday effects from 35 days of the reference"
    low = share_day(35 + 5, 730, rows)
    bad = Series(find("accuracy"), low, (), reference=pooled, reference_days=reference)
    assert detector.examine(bad).verdict is BREACH


def test_single_days_are_asked_for_where_the_window_does_not_hold_every_weekday() -> None:
    assert threshold().reads_reference_days
    assert threshold(window=Span(72, "h")).reads_reference_days
    for detector in (
        threshold(window=Span(7)),
        threshold(window=Span.parse("week")),
        threshold(evidence="none"),
        threshold(min=0.5),
    ):
        assert not detector.reads_reference_days


def test_a_reference_of_too_few_days_says_so() -> None:
    few = tuple(share_day(i, 900, 1000) for i in range(5))
    shown = series(0.9, metric="accuracy", reference=point(0.9, 0.004), reference_days=few)
    found = threshold("accuracy").examine(shown)
    assert found.details["days"] == "5 of the reference's 5 days can be judged, and 14 are needed"


@pytest.mark.parametrize(
    "options, said",
    [
        ({"relative": -5.0}, "`relative` -5.0 lets all of it go: for 5 % write -0.05"),
        ({"relative": 5.0, "both": True}, "`relative` 5.0 lets all of it go: for 5 % write 0.05"),
        ({"min": 50.0}, "min 50.0 is no share: recall lies between 0 and 1"),
        ({"max": -0.1}, "max -0.1 is no share: recall lies between 0 and 1"),
        ({"evidence": 95.0}, "evidence 95.0 is not in [0, 1): write 0.95"),
    ],
)
def test_what_was_meant_in_percent_is_told_as_a_share(options: dict[str, Any], said: str) -> None:
    assert list(threshold(**options).problems()) == [said]


def test_a_rise_may_be_larger_than_what_it_starts_from() -> None:
    assert list(threshold("brier", relative=2.0).problems()) == []
    assert list(threshold("volume", min=5000.0).problems()) == []


def test_a_breach_never_says_that_it_is_certain() -> None:
    reason = threshold(min=0.5).examine(series(0.1, 0.001)).reason
    assert reason.endswith("(more than 99.9999% sure).")
