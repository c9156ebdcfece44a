"""The bound on one window: what breaches, what does not, and what cannot be judged."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from hindsight.detectors import DETECTORS, Finding, Point, Series
from hindsight.detectors.threshold import Threshold
from hindsight.domain.values import Direction, Horizon, IncidentClass, Maturity, Span, Status, Verdict
from hindsight.metrics import EXPANDED, METRICS
from hindsight.metrics.expectation import Expected

BREACH, CLEAR, INSUFFICIENT = Verdict.BREACH, Verdict.CLEAR, Verdict.INSUFFICIENT
DAY = date(2024, 6, 30)


def point(value: float | None, error: float | None = 0.01, **changes: Any) -> Point:
    made = Point(
        start=DAY,
        end=DAY,
        value=value,
        standard_error=error,
        n=1000,
        coverage=0.95,
        maturity=Maturity.MATURE,
        status=Status.OK if value is not None else Status.UNDEFINED,
    )
    return replace(made, **changes)


def series(
    value: float | None, error: float | None = 0.01, *, metric: str = "recall", **parts: Any
) -> Series:
    return Series(METRICS[metric], point(value, error), (), **parts)


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
        "recall 0.6 is below its bound 0.72, -25.0% against 0.8 in the reference (100.0% sure).",
        observed=0.6,
        expected=0.8,
        lower=pytest.approx(0.72),
        upper=None,
        p_value=pytest.approx(0.0, abs=1e-6),
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
        ({}, ["a threshold takes either `min` and/or `max`, or `relative`"]),
        ({"min": 0.5, "relative": -0.1}, ["a threshold takes either `min` and/or `max`, or `relative`"]),
        ({"min": 0.6, "max": 0.6}, ["min 0.6 is not below max 0.6"]),
        ({"relative": 0.0}, ["`relative` is a share other than 0, such as -0.10"]),
        ({"relative": float("nan")}, ["`relative` is a share other than 0, such as -0.10"]),
        ({"min": 0.5, "adjust": "score_mix"}, ["`adjust` goes with `relative`"]),
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
    shown = point(0.5, start=DAY - timedelta(days=27))
    assert (shown.end - shown.start).days == 27
    assert shown.usable
    assert not replace(shown, maturity=Maturity.PROVISIONAL).usable
    assert not replace(shown, value=None).usable
