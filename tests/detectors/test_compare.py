"""Two arms compared: what is recommended, when, and with which words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from math import inf, isfinite, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.arms import START, compare, drawn, experiment, looks, of_shares, point, world
from hindsight.detectors import Finding, Series
from hindsight.detectors.arms import Arms, decision
from hindsight.detectors.compare import Compare
from hindsight.detectors.contrast import Contrast
from hindsight.domain.values import Direction, Horizon, Maturity, Severity, Span, Verdict
from hindsight.metrics import find
from hindsight.pipeline.experiments import harmonic
from hindsight.statistics.base import Array

BREACH, CLEAR, INSUFFICIENT = Verdict.BREACH, Verdict.CLEAR, Verdict.INSUFFICIENT
LATENCY = "latency(0.99)"


def steady(share: float, days: int = 14, rows: int = 1000, swing: float = 0.0) -> Array:
    """(part, whole) of days at one share; every second day it is `swing` above, and else below."""
    shares = share + swing * np.where(np.arange(days) % 2, -1.0, 1.0)
    return np.column_stack([np.rint(shares * rows), np.full(days, float(rows))])


def judged(seen: Sequence[Arms], days: int = 14, **options: Any) -> Finding:
    found = compare(days, **options).examine(experiment(seen))
    assert found.reason.endswith(".")
    assert ".." not in found.reason
    json.dumps(found.details, allow_nan=False)
    assert found.details["recommendation"] in ("ship", "revert", "continue", "block")
    return found


def two(control: float, treatment: float, **options: Any) -> Finding:
    """The last look at two steady arms."""
    return judged(looks({"accuracy": (steady(control), steady(treatment))}), **options)


def guarded(gap: float, error: float, margin: float = 50.0, **options: Any) -> Finding:
    """Arms that are surely better by accuracy, with a latency that is so much worse."""
    seen = looks({"accuracy": (steady(0.70), steady(0.80))})
    value = Contrast(
        Direction.LOWER, point(200.0, error, 14_000), point(200.0 + gap, error, 14_000), 14, (0.0, 0.0, 0.0)
    )
    last = replace(seen[-1], contrasts={**seen[-1].contrasts, LATENCY: value})
    return judged([*seen[:-1], last], guardrails={LATENCY: margin}, **options)


def test_the_seed_experiment_goes_on() -> None:
    """578 of 5,000 against 638 of 5,000: 10.381 % more at p = 0.066390, which is no decision."""
    errors = [(share * (1 - share) / 4999) ** 0.5 for share in (0.1156, 0.1276)]
    contrast = Contrast(
        Direction.HIGHER, point(0.1156, errors[0], 5000), point(0.1276, errors[1], 5000), 10, (0.0, 0.0, 0.0)
    )
    arms = Arms(
        START,
        START + timedelta(days=9),
        rows=(5000, 5000),
        today=(500, 500),
        shared=10,
        each=5000.0,
        first=500.0,
        contrasts={"accuracy": contrast},
    )
    found = judged([arms], 10)
    assert (found.verdict, found.details["recommendation"]) == (CLEAR, "continue")
    assert found.details["lift_percent"] == pytest.approx(10.381, abs=5e-4)
    assert found.details["p_value"] == pytest.approx(0.066390, abs=5e-7)
    assert found.p_value == found.details["p_value_any_look"]
    assert found.details["p_value_any_look"] > 0.5
    low, high = found.details["interval"]
    assert low < 0.0 < 0.012 < high
    assert "That decides nothing, and does not say that the arms are equal" in found.reason


@pytest.mark.parametrize("spread", [0.0, 0.05])
def test_looking_every_day_is_safe(spread: float) -> None:
    """30 days of 500 rows a side with nothing between them; a t-test looked at daily errs in 26 %."""
    rng = np.random.default_rng(21)
    plan, trials, wrong, peeked = compare(30).plan, 100, 0, 0
    for _ in range(trials):
        control, treatment = drawn(rng, 30, (0.10, 0.10), 500, spread)
        wrong += decision(plan, looks({"accuracy": (control, treatment)})) is not None
        sums = control.cumsum(axis=0)[1:], treatment.cumsum(axis=0)[1:]
        shares = [each[:, 0] / each[:, 1] for each in sums]
        errors = [share * (1 - share) / each[:, 1] for share, each in zip(shares, sums, strict=True)]
        peeked += bool((abs(shares[1] - shares[0]) > 1.96 * np.sqrt(errors[0] + errors[1])).any())
    assert wrong <= 0.05 * trials
    assert peeked > 0.15 * trials


def test_a_real_difference_is_found() -> None:
    rng = np.random.default_rng(4)
    found = [decision(compare(30).plan, looks({"accuracy": drawn(rng, 30, (0.10, 0.12))})) for _ in range(30)]
    assert sum(each is not None and each[1] == 1 for each in found) >= 24
    assert not any(each is not None and each[1] == -1 for each in found)


def test_what_is_surely_better_is_shipped() -> None:
    found = two(0.70, 0.80)
    assert (found.verdict, found.details["recommendation"], found.severity) == (CLEAR, "ship", None)
    assert found.reason.startswith("Ship: accuracy is 0.8 in v2 against 0.7 in v1, +14.3%: better, by ")
    assert (found.lower, found.upper) == (None, None)
    assert found.details["surely"] == "better"
    low, high = found.details["lift_interval"]
    assert 5 < low < 14.3 < high < 25
    assert found.details["decided_on"] is not None


@pytest.mark.parametrize(
    "treatment, severity", [(0.66, Severity.WARNING), (0.55, Severity.CRITICAL)], ids=["worse", "far worse"]
)
def test_what_is_surely_worse_is_reverted(treatment: float, severity: Severity) -> None:
    found = two(0.70, treatment)
    assert (found.verdict, found.details["recommendation"]) == (BREACH, "revert")
    assert found.severity is severity
    assert (found.observed, found.expected, found.lower, found.upper) == (treatment, 0.7, 0.7, None)
    assert found.p_value is not None
    assert found.p_value < 0.05


def test_a_severity_of_the_file_comes_first() -> None:
    assert two(0.70, 0.55, severity=Severity.WARNING).severity is Severity.WARNING
    assert two(0.70, 0.80, severity=Severity.WARNING).severity is None


def test_lower_is_better_where_the_metric_says_so() -> None:
    contrast = of_shares("accuracy", steady(0.20), steady(0.10))
    seen = looks({"accuracy": (steady(0.20), steady(0.10))})
    last = replace(seen[-1], contrasts={"brier": replace(contrast, direction=Direction.LOWER)})
    found = compare(metric="brier").examine(experiment([last], "brier"))
    assert found.details["recommendation"] == "ship"
    assert found.details["lift_percent"] == pytest.approx(-50.0)
    worse = replace(
        contrast, direction=Direction.LOWER, control=contrast.treatment, treatment=contrast.control
    )
    found = compare(metric="brier").examine(experiment([replace(last, contrasts={"brier": worse})], "brier"))
    assert (found.verdict, found.lower, found.upper) == (BREACH, None, 0.1)


def test_a_difference_within_what_days_differ_by_decides_nothing() -> None:
    """The same totals; the treatment's days swing by twenty points."""
    calm = judged(looks({"accuracy": (steady(0.70), steady(0.74))}))
    wild = judged(looks({"accuracy": (steady(0.70), steady(0.74, swing=0.2))}))
    assert calm.details["difference"] == pytest.approx(wild.details["difference"])
    assert [each.details["recommendation"] for each in (calm, wild)] == ["ship", "continue"]


def test_what_days_do_to_both_arms_is_not_held_against_their_difference() -> None:
    found = judged(looks({"accuracy": (steady(0.70, swing=0.2), steady(0.74, swing=0.2))}))
    assert found.details["recommendation"] == "ship"


def test_one_day_says_nothing_of_how_days_differ() -> None:
    found = judged(looks({"accuracy": (steady(0.70, 1, 5000), steady(0.80, 1, 5000))}), 1)
    assert (found.verdict, found.details["recommendation"]) == (CLEAR, "continue")
    assert "1 shared day cannot say how days differ" in found.reason
    assert found.details["interval"] is found.details["lift_interval"] is None
    assert found.details["power"]["days_needed"] is None


def test_arms_that_answer_the_same_requests_have_only_the_error_of_days() -> None:
    seen = looks({"accuracy": (steady(0.70, rows=200), steady(0.72, rows=200, swing=0.005))})
    assert judged(seen).details["recommendation"] == "continue"
    found = judged(seen, paired=True)
    assert found.details["recommendation"] == "ship"
    assert found.details["sample_ratio"] == {"seen": 0.5, "expected": None, "p_value": None}


def test_what_an_earlier_look_was_sure_of_stays_decided() -> None:
    part = np.concatenate([steady(0.80, 7), steady(0.69, 3), steady(0.66, 4)])
    seen = looks({"accuracy": (steady(0.70), part)})
    early, then = judged(seen[:7]), judged(seen)
    assert early.details["recommendation"] == then.details["recommendation"] == "ship"
    assert then.details["surely"] == "not known"
    assert then.details["decided_on"] == early.details["decided_on"]
    assert f"; it was surely better on {early.details['decided_on']}." in then.reason


def test_a_decision_that_the_figures_contradict_is_open_again() -> None:
    part = np.concatenate([steady(0.80, 7), steady(0.58, 7)])
    found = judged(looks({"accuracy": (steady(0.70), part)}))
    assert (found.verdict, found.details["recommendation"]) == (CLEAR, "continue")
    assert "and points the other way by now: the effect changes with time" in found.reason


def test_rows_that_are_shared_out_otherwise_than_meant_block() -> None:
    seen = looks({"accuracy": (steady(0.70), steady(0.90, rows=900))})
    found = judged(seen)
    assert (found.verdict, found.details["recommendation"]) == (BREACH, "block")
    assert found.severity is Severity.WARNING
    assert found.reason.startswith(
        "Block: 47.4% of 26,600 rows went to v2 where 50.0% were meant to, and chance does not do that"
    )
    assert found.details["sample_ratio"]["p_value"] < 0.001
    assert judged(seen, split=0.474).details["recommendation"] == "ship"
    assert judged(seen, split=None).details["recommendation"] == "ship"
    alone = judged([replace(seen[-1], alone=2)])
    assert "; on 2 days only one arm has rows." in alone.reason


@pytest.mark.parametrize(
    "gap, error, state, recommendation, verdict, severity",
    [
        (10.0, 3.0, "holds", "ship", CLEAR, None),
        (-10.0, 3.0, "holds", "ship", CLEAR, None),
        (45.0, 3.0, "open", "continue", CLEAR, None),
        (55.0, 3.0, "in doubt", "continue", CLEAR, Severity.WATCH),
        (80.0, 3.0, "broken", "block", BREACH, Severity.WARNING),
        (130.0, 3.0, "broken", "block", BREACH, Severity.CRITICAL),
    ],
)
def test_a_guardrail_is_a_test_of_non_inferiority(
    gap: float, error: float, state: str, recommendation: str, verdict: Verdict, severity: Severity | None
) -> None:
    found = guarded(gap, error)
    told = found.details["guardrails"][0]
    assert (told["metric"], told["margin"], told["state"]) == (LATENCY, 50.0, state)
    assert (found.details["recommendation"], found.verdict, found.severity) == (
        recommendation,
        verdict,
        severity,
    )
    if state == "broken":
        assert found.reason.startswith(f"Block: the guardrail {LATENCY} is ")
        assert "where 50 is allowed" in found.reason
        assert (found.lower, found.upper) == (None, None)
    if state == "open":
        assert (
            "but a guardrail is open: latency(0.99) is 245 against 200, worse by 45, surely " in found.reason
        )


def test_a_guardrail_of_which_nothing_is_known_is_open() -> None:
    seen = looks({"accuracy": (steady(0.70), steady(0.80))})
    found = judged(seen, guardrails={LATENCY: 50.0})
    assert found.details["recommendation"] == "continue"
    assert "but a guardrail is open: latency(0.99) is not known yet: it was not computed." in found.reason
    worse = judged(looks({"accuracy": (steady(0.80), steady(0.70))}), guardrails={LATENCY: 50.0})
    assert worse.details["recommendation"] == "revert"


def test_metrics_that_disagree_are_told() -> None:
    shares = {
        "accuracy": (steady(0.70), steady(0.80)),
        "recall": (steady(0.50), steady(0.30)),
        "precision": (steady(0.40), steady(0.60)),
    }
    found = judged(looks(shares), also=("recall", "precision"))
    assert found.details["recommendation"] == "ship"
    said = "The metrics disagree: the other way point recall 0.3 against 0.5 (95% sure)."
    assert found.reason.endswith(said)
    assert [each["metric"] for each in found.details["also"]] == ["recall", "precision"]
    assert [each["surely"] for each in found.details["also"]] == ["worse", "better"]


def test_an_undecided_metric_tells_what_others_are_sure_of() -> None:
    shares = {"accuracy": (steady(0.70), steady(0.701)), "recall": (steady(0.50), steady(0.70))}
    found = judged(looks(shares), also=("recall", "f1"))
    assert "The same way, and surely: recall 0.7 against 0.5 (95% sure)." in found.reason
    assert found.details["also"][1] == {"metric": "f1", "why": "it was not computed"}


def test_power_says_what_would_have_been_found_and_when() -> None:
    found = judged(looks({"accuracy": (steady(0.70), steady(0.701))}), effect=0.01)
    power = found.details["power"]
    assert power["effect_percent"] == 1.0
    assert 0.0 < power["power"] < 0.2
    assert 2.0 < power["smallest_effect_percent"] < 6.0
    assert power["days_needed"] > 14
    assert f"an effect of {power['smallest_effect_percent']:.3g}% is found by now in 80% of" in found.reason
    assert f", one of 1% after {power['days_needed']:,} days, and the experiment ends here." in found.reason
    longer = judged(looks({"accuracy": (steady(0.70), steady(0.701))}), 30, effect=0.01)
    assert "ends here" not in longer.reason


def test_what_was_needed_is_enough() -> None:
    """An experiment of as many days as was said finds the effect, or says that it can."""
    short = judged(looks({"accuracy": (steady(0.70), steady(0.70))}), effect=0.03)
    days = short.details["power"]["days_needed"]
    assert days > 14
    long = judged(looks({"accuracy": (steady(0.70, days), steady(0.70, days))}), effect=0.03)
    assert long.details["power"]["power"] == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize(
    "side, reason",
    [
        ({"n": 999}, "accuracy is not judged: v2 has 999 of the 1,000 rows that are asked for."),
        ({"value": None, "reason": "no label"}, "accuracy is not judged: it has no value in v2: no label."),
        ({"standard_error": None}, "accuracy is not judged: its error is not known in v2."),
        ({"value": 1e300}, "accuracy is not judged: it is out of all bounds in v2."),
        ({"value": inf}, "accuracy is not judged: it is out of all bounds in v2."),
        ({"value": nan}, "accuracy is not judged: it is out of all bounds in v2."),
        ({"standard_error": inf}, "accuracy is not judged: it is out of all bounds in v2."),
        (
            {"maturity": Maturity.PROVISIONAL, "reason": "40% of the predictions have a label"},
            "accuracy is not judged: 40% of the predictions have a label in v2.",
        ),
    ],
)
def test_what_is_not_known_well_enough_is_not_judged(side: dict[str, Any], reason: str) -> None:
    last = looks({"accuracy": (steady(0.70), steady(0.50))})[-1]
    contrast = last.contrasts["accuracy"]
    odd = replace(contrast, treatment=replace(contrast.treatment, **side))
    found = judged([replace(last, contrasts={"accuracy": odd})])
    assert (found.verdict, found.reason, found.severity) == (INSUFFICIENT, reason, None)
    assert found.details["recommendation"] == "continue"


def test_few_rows_that_agree_are_no_certainty() -> None:
    contrast = Contrast(Direction.HIGHER, point(0.5, 0.0, 20), point(0.9, 0.0, 20), 5, (0.0, 0.0, 0.0))
    arms = Arms(START, START, (20, 20), (4, 4), 5, 0, 20.0, 4.0, {"accuracy": contrast})
    found = judged([arms], minimum=2)
    assert found.reason == "accuracy is not judged: 20 rows of v1 agree, which may be by accident."


@pytest.mark.parametrize(
    "spread", [None, (0.0, 0.0, 0.0), (nan, nan, nan), (inf, 0.0, 0.0), (1e-300, 0.0, 1e-300)]
)
@pytest.mark.parametrize("value", [0.0, -0.7, 1e90, 0.7])
@pytest.mark.parametrize("days", [1, 2, 14])
def test_odd_figures_give_a_verdict_and_no_number_that_is_none(
    spread: tuple[float, float, float] | None, value: float, days: int
) -> None:
    contrast = Contrast(Direction.HIGHER, point(value, 0.0, 5000), point(value, 1e-200, 5000), days, spread)
    for rows, each in (((0, 0), 0.0), ((5000, 5000), 5000.0), ((5, 1), 1.6)):
        arms = Arms(START, START, rows, rows, days, 0, each, each, {"accuracy": contrast})
        judged([arms, arms])


def test_what_the_pipeline_cannot_compare_is_insufficient() -> None:
    arms = Arms(START, START, refused="the arm 'v2' has no prediction")
    found = judged([arms])
    assert (found.verdict, found.reason) == (INSUFFICIENT, "the arm 'v2' has no prediction.")
    plain = Series(find("accuracy"), point(0.7, 0.1, 10), ())
    assert compare().examine(plain).reason == "there are no arms to compare."


def test_a_treatment_that_nobody_meets_any_more_is_no_breach() -> None:
    seen = looks({"accuracy": (steady(0.80), steady(0.60))})
    found = judged([*seen[:-1], replace(seen[-1], today=(1000, 0))])
    assert (found.verdict, found.severity, found.lower) == (CLEAR, None, None)
    assert found.details["recommendation"] == "revert"
    assert found.reason.endswith("; v2 had no row on 2024-06-16, so nobody meets it now.")


def test_it_is_judged_from_its_first_day_to_its_last() -> None:
    detector = compare(14)
    days = [START + timedelta(days=day) for day in (-1, 0, 13, 14)]
    assert [detector.judges(day) for day in days] == [False, True, True, False]
    assert not detector.judges(datetime(2024, 6, 5, tzinfo=UTC))
    assert detector.reach == Span(14)


@pytest.mark.parametrize(
    "options, arms",
    [
        ({}, (("v1", "ALL"), ("v2", "ALL"))),
        ({"within": "served=true"}, (("v1", "served=true"), ("v2", "served=true"))),
        ({"column": "arm"}, (("ALL", "arm=v1"), ("ALL", "arm=v2"))),
        ({"column": "arm", "version": "7"}, (("7", "arm=v1"), ("7", "arm=v2"))),
    ],
)
def test_arms_are_versions_or_values_of_a_column(options: dict[str, Any], arms: Any) -> None:
    assert compare(**options).arms == arms


def test_its_names_tell_experiments_apart() -> None:
    one, other = compare(guardrails={LATENCY: 50.0}), compare(guardrails={LATENCY: 60.0})
    assert one.name == "compare:accuracy:v2/v1:2024-06-03@7d" == other.name
    assert one.digest != other.digest
    assert hash(one) == hash(other)
    assert one.sentence == (
        "accuracy of v2 against v1 from 2024-06-03 to 2024-06-16 at 7d, from 1,000 rows a side, "
        "latency(0.99) not worse by 50 (95% sure at every look)"
    )
    assert "of arm in" not in one.sentence
    assert " of v2 against v1 of arm from " in compare(column="arm").sentence
    assert " in served=true from " in compare(within="served=true").sentence


def test_a_budget_can_make_it_stricter_and_never_laxer() -> None:
    detector = compare(20)
    assert detector.false_breaches() == pytest.approx((0.025 + 0.01) / 20)
    assert detector.allowing(1.0) is detector
    strict = detector.allowing(0.001)
    assert strict.significance == pytest.approx(0.02)
    assert strict.false_breaches() == pytest.approx(0.001)
    assert detector.allowing(1e-9) is detector, "the sample ratio alone is more than that"


def test_a_window_with_nothing_wrong_rarely_breaches() -> None:
    rng = np.random.default_rng(30)
    found = []
    for _ in range(300):
        detector, series = world(rng)
        found.append(detector.examine(series).verdict)
    assert found.count(BREACH) <= 3
    assert found.count(CLEAR) >= 297


@pytest.mark.parametrize(
    "options, problem",
    [
        ({"treatment": "v1"}, "control and treatment are both 'v1': name two arms"),
        (
            {"end": START - timedelta(days=1)},
            "the experiment ends on 2024-06-02, before it starts on 2024-06-03",
        ),
        (
            {"end": START + timedelta(days=120)},
            "the experiment lasts 121 days, and 120 at most are compared",
        ),
        (
            {"window": Span(7)},
            "a comparison pools all days from `start` on of its two arms, and takes no `window`",
        ),
        (
            {"segments": ("origin",)},
            "a comparison pools all days from `start` on of its two arms, and takes no `segments`",
        ),
        (
            {"column": "arm", "within": "served=true"},
            "`within` does not go with `column`: rows are counted by one column at a time",
        ),
        (
            {"version": "v1"},
            "`version` goes with `column`; without it, control and treatment are the versions",
        ),
        ({"within": "served"}, "within 'served' is no column and value such as 'served=true'"),
        ({"within": "=true"}, "within '=true' is no column and value such as 'served=true'"),
        ({"split": 0.0}, "split 0.0 is not between 0 and 1: it is the treatment's share of the rows"),
        ({"split": 1.0}, "split 1.0 is not between 0 and 1: it is the treatment's share of the rows"),
        ({"minimum": 1}, "minimum 1 is less than the 2 rows a side that an error takes"),
        ({"significance": 0.0}, "significance 0.0 is not above 0 and at most 0.5"),
        ({"significance": 0.6}, "significance 0.6 is not above 0 and at most 0.5"),
        ({"effect": 0.0}, "`effect` is the relative change worth finding, above 0, not 0.0"),
        (
            {"metric": "mean_score"},
            "'mean_score' has no good direction, so neither arm is better by it",
        ),
        (
            {"metric": "volume", "at": Horizon(0)},
            "'volume' says nothing of how an arm does, so arms are not compared by it",
        ),
        (
            {"also": ("coverage",)},
            "'coverage' says nothing of how an arm does, so arms are not compared by it",
        ),
        ({"also": ("psi(temp)",)}, "'psi(temp)' is of a feature, which is not of an arm's making"),
        (
            {"guardrails": {"mean_score": 0.1}},
            "'mean_score' has no good direction, so neither arm is better by it",
        ),
        (
            {"guardrails": {LATENCY: -1.0}},
            "the guardrail 'latency(0.99)' is by how much it may be worse, 0 or more, not -1.0",
        ),
        (
            {"also": ("accuracy",)},
            "'accuracy' is the metric that decides, and is named among the others again",
        ),
    ],
)
def test_what_makes_no_sense_is_a_sentence(options: dict[str, Any], problem: str) -> None:
    assert list(compare(**options).problems()) == [problem]


def test_a_sound_comparison_has_no_problem() -> None:
    sound = compare(also=("f1", "mean_score", "nonsense"), guardrails={LATENCY: 0.0}, split=None)
    assert list(sound.problems()) == []


def test_a_side_says_as_much_as_the_smaller_one_lets_it() -> None:
    assert harmonic(500.0, 500.0) == 500.0
    assert harmonic(1e9, 500.0) == pytest.approx(1000.0, rel=1e-5)


def test_an_experiment_of_one_day_has_dates() -> None:
    one = Compare(
        metric="f1", control="a", treatment="b", start=date(2024, 6, 3), end=date(2024, 6, 3), at=Horizon(7)
    )
    assert (one.length, one.reach) == (1, Span(1))


ANY = st.one_of(st.floats(), st.floats(-1, 1), st.sampled_from([0.0, 1e-300, 1e99, -1e99, 5e-324, nan, inf]))
ROWS = st.integers(0, 10**7)


@given(
    st.tuples(ANY, ANY),
    st.tuples(ANY.map(abs), ANY.map(abs)),
    st.tuples(ROWS, ROWS, ROWS, ROWS),
    st.one_of(st.none(), st.tuples(ANY, ANY, ANY)),
    st.integers(0, 120),
    st.sampled_from(Direction),
    st.booleans(),
)
def test_whatever_the_figures_are_there_is_a_verdict_in_finite_numbers(
    values: tuple[float, float],
    errors: tuple[float, float],
    rows: tuple[int, int, int, int],
    spread: tuple[float, float, float] | None,
    days: int,
    direction: Direction,
    paired: bool,
) -> None:
    points = [point(values[i], errors[i], rows[i], reason="there is nothing") for i in (0, 1)]
    contrast = Contrast(direction, points[0], points[1], days, spread)
    both = rows[2], rows[3]
    names = ("accuracy", "f1", LATENCY)
    arms = Arms(
        START, START, both, both, days, 0, harmonic(*both), float(rows[2]), dict.fromkeys(names, contrast)
    )
    found = judged([arms, arms], paired=paired, minimum=2, also=("f1",), guardrails={LATENCY: 0.1})
    for number in (found.observed, found.expected, found.lower, found.upper, found.p_value):
        assert number is None or isfinite(number)
    assert "nan" not in found.reason
