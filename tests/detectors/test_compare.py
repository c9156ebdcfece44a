"""Two arms compared: what is recommended, when, and with which words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from math import inf, isfinite, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from detectors.arms import START, compare, decision, drawn, experiment, looks, of_shares, point, world
from hindsight.detectors import Finding, Series
from hindsight.detectors.arms import MISMATCH, Arms
from hindsight.detectors.compare import SUREST, Compare, looked
from hindsight.detectors.contrast import Contrast
from hindsight.detectors.methods.trials import ratio_p
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


def later(treatment: Array, control: float = 0.70) -> tuple[list[Arms], int]:
    """Looks at a treatment against a steady control, and how many days they are."""
    days = len(treatment)
    return looks({"accuracy": (steady(control, days), treatment)}), days


@pytest.mark.parametrize("better", [True, False])
def test_looks_decide_together_and_what_is_printed_is_what_decides(better: bool) -> None:
    """The days of the second week swing, so they alone would leave open what the first was sure of."""
    sign = 1 if better else -1
    weeks = steady(0.70 + sign * 0.06, 7), steady(0.70 + sign * 0.055, 7, swing=0.15)
    seen, _ = later(np.concatenate(weeks))
    early, then = judged(seen[:7]), judged(seen)
    alone = judged(seen[-1:])
    assert (alone.details["recommendation"], alone.details["surely"]) == ("continue", "not known")
    wanted = "ship" if better else "revert"
    assert early.details["recommendation"] == then.details["recommendation"] == wanted
    assert then.details["surely"] == early.details["surely"] == ("better" if better else "worse")
    assert then.details["decided_on"] == early.details["decided_on"]
    low, high = then.details["interval"]
    assert low > 0.0 if better else high < 0.0
    least, most = sorted((abs(low), abs(high)))
    assert (
        f" by {least:.3g} to {most:.3g} (95% sure at every look; by this look alone it is open)"
        in then.reason
    )
    lifts = then.details["lift_interval"]
    assert lifts[0] > 0.0 if better else lifts[1] < 0.0
    assert then.p_value is not None
    assert alone.p_value is not None
    assert then.p_value < 0.05 < alone.p_value
    if not better:
        assert (early.verdict, then.verdict, then.severity) == (BREACH, CLEAR, Severity.WATCH)
        assert (then.lower, then.upper) == (None, None)


@given(st.lists(st.floats(0.62, 0.78), min_size=3, max_size=14))
def test_a_decision_the_interval_and_the_p_value_go_together(rates: list[float]) -> None:
    seen, _ = later(np.array([[round(rate * 1000), 1000.0] for rate in rates]))
    told = judged(seen).details
    low, high = told["interval"]
    assert low <= told["difference"] <= high
    assert (told["surely"] != "not known") == (low > 0.0 or high < 0.0)
    assert (told["surely"] != "not known") == (told["p_value_any_look"] < 0.05)
    assert (told["surely"] == "not known") == (told["decided_on"] is None)


def test_what_was_better_and_is_surely_worse_is_reverted() -> None:
    seen, days = later(np.concatenate([steady(0.80, 7), steady(0.30, 23)]))
    found = judged(seen, days)
    assert (found.verdict, found.details["recommendation"]) == (BREACH, "revert")
    assert "; the effect changes with time, so earlier looks do not count since 2024-06-10" in found.reason
    assert found.details["decided_on"] > found.details["changed_on"]


def test_a_figure_that_leaves_what_earlier_looks_allowed_opens_the_question_again() -> None:
    seen, _ = later(np.concatenate([steady(0.80, 7), steady(0.58, 7)]))
    assert judged(seen[:7]).details["recommendation"] == "ship"
    found = judged(seen)
    assert (found.verdict, found.details["recommendation"]) == (CLEAR, "continue")
    assert found.details["changed_on"] == "2024-06-10"
    assert "the effect changes with time, so earlier looks do not count since 2024-06-10" in found.reason
    assert found.details["decided_on"] is None


def test_the_recommendation_does_not_flap() -> None:
    """Three bad days, three good ones, and then chance: a case in which it went to and fro."""
    for seed in range(4):
        rng, days = np.random.default_rng(seed), 40
        arms = steady(0.70, days), steady(0.70, days)
        arms[1][:6, 0] = [600, 600, 600, 800, 800, 800]
        for arm in arms:
            arm[6:, 0] = rng.binomial(1000, 0.7, size=days - 6)
        seen = looks({"accuracy": arms})
        said = [judged(seen[:day], days).details["recommendation"] for day in range(1, days + 1)]
        assert sum(one != other for one, other in pairwise(said)) <= 2


def test_chance_alone_rarely_says_that_the_effect_changes() -> None:
    rng = np.random.default_rng(5)
    found = [judged(looks({"accuracy": drawn(rng, 14, (0.30, 0.35))})).details for _ in range(100)]
    assert sum(told["changed_on"] is not None for told in found) <= 5


def test_a_guardrail_that_was_broken_stays_so_but_opens_nothing() -> None:
    """Like the metric that decides: by all looks together."""
    recall = np.concatenate([steady(0.63, 7), steady(0.635, 7, swing=0.15)])
    seen = looks({"accuracy": (steady(0.70), steady(0.80)), "recall": (steady(0.70), recall)})
    early, then = (judged(seen[:day], guardrails={"recall": 0.02}) for day in (7, 14))
    assert (early.verdict, early.details["recommendation"], early.p_value) == (BREACH, "block", None)
    assert (then.verdict, then.severity, then.details["recommendation"]) == (CLEAR, Severity.WATCH, "block")
    assert "where 0.02 is allowed (by this look alone it is open)" in then.reason
    assert judged(seen[-1:], guardrails={"recall": 0.02}).details["recommendation"] == "continue"


def test_a_day_whose_rows_were_not_shared_out_as_meant_decides_nothing_later() -> None:
    control, treatment = steady(0.70), np.concatenate([steady(0.95, 3, 850), steady(0.70, 11, 1020)])
    seen = looks({"accuracy": (control, treatment)})
    assert judged(seen[:3]).details["recommendation"] == "block"
    assert judged(seen[:3]).details["decided_on"] is None
    found = judged(seen)
    assert (found.details["decided_on"], found.details["changed_on"]) == (None, None)


def test_whoever_acts_on_a_decision_makes_no_mismatch() -> None:
    seen = looks({"accuracy": (steady(0.70), steady(0.80))})
    last, on = seen[-1], seen[-1].end + timedelta(days=1)
    after = replace(last, end=on, rows=(14_000, 17_000), today=(0, 3000), alone=1)
    found = judged([*seen, after], 20)
    assert (found.verdict, found.details["recommendation"]) == (CLEAR, "ship")
    assert found.details["sample_ratio"]["seen"] == 0.5
    undecided = looks({"accuracy": (steady(0.70), steady(0.701))})
    alone = replace(after, contrasts=undecided[-1].contrasts)
    assert judged([*undecided, alone], 20).details["recommendation"] == "block"


def test_labels_that_come_later_in_one_arm_decide_nothing() -> None:
    seen = looks({"accuracy": (steady(0.70), steady(0.80))})

    def known(control: float, treatment: float, look: Arms = seen[-1], **options: Any) -> Finding:
        contrast = look.contrasts["accuracy"]
        sides = replace(contrast.control, coverage=control), replace(contrast.treatment, coverage=treatment)
        odd = replace(contrast, control=sides[0], treatment=sides[1])
        return judged([replace(look, contrasts={"accuracy": odd})], **options)

    found = known(1.0, 0.9)
    assert (found.verdict, found.details["recommendation"]) == (INSUFFICIENT, "continue")
    late = "labels of v2 come later, or not at all: 90.0% of its rows have one against 100.0%"
    assert found.reason == f"accuracy is not judged: {late}."
    assert "labels of v1 come later" in known(0.9, 0.95).reason
    assert known(0.995, 0.990).details["recommendation"] == "ship", "half a point is no matter"
    few = looks({"accuracy": (steady(0.5, 14, 4), steady(0.5, 14, 4))})[-1]
    assert known(1.0, 0.97, few, minimum=2).verdict is CLEAR, "two rows in fifty may be chance"


def test_a_split_that_changes_with_time_decides_nothing() -> None:
    """Both arms do the same on every day; but the treatment has more of the later days, which are better."""
    rates, shares = np.repeat([0.70, 0.80], 7), np.repeat([0.2, 0.8], 7)
    arms = [np.column_stack([rates * whole, whole]) for whole in (2000 * (1 - shares), 2000 * shares)]
    seen = looks({"accuracy": (arms[0], arms[1])})
    for split in (0.5, None):
        found = judged(seen, split=split)
        assert (found.verdict, found.details["recommendation"]) == (INSUFFICIENT, "continue")
        moved = "the split changes with time (20.0% to 80.0% of a day's rows went to v2), so the arms are of"
        assert found.reason == f"{moved} other days: begin anew."
        assert found.details["decided_on"] is None
    assert judged(seen[:7], split=0.2).verdict is CLEAR


def test_a_ramp_with_nothing_between_the_arms_is_never_decided() -> None:
    rng, days, wrong = np.random.default_rng(2), 21, 0
    for _ in range(20):
        treated = rng.binomial(4000, np.linspace(0.05, 0.5, days))
        rate = np.linspace(0.70, 0.80, days)
        arms = [np.column_stack([rng.binomial(n, rate), n]).astype(float) for n in (4000 - treated, treated)]
        seen = looks({"accuracy": (arms[0], arms[1])})
        wrong += decision(compare(days, split=None).plan, seen) is not None
    assert wrong == 0


def test_paired_arms_of_different_rows_are_not_paired() -> None:
    seen = looks({"accuracy": (steady(0.70), steady(0.75, rows=600))})
    found = judged(seen, paired=True)
    assert (found.verdict, found.details["recommendation"]) == (INSUFFICIENT, "continue")
    assert found.reason == (
        "14,000 rows of v1 and 8,400 of v2 are not the same requests, and `paired` says that they are."
    )


@pytest.mark.parametrize("days, recommendation", [(6, "continue"), (7, "ship")])
def test_paired_arms_take_a_week_of_days(days: int, recommendation: str) -> None:
    seen, _ = later(steady(0.72, days, swing=0.002))
    found = judged(seen, paired=True)
    assert found.details["recommendation"] == recommendation
    assert ("6 shared days cannot say how days differ" in found.reason) == (days < 7)


def test_paired_days_that_all_differ_by_the_same_say_nothing() -> None:
    control = np.array([[540.0 + day % 2, 600.0] for day in range(14)])
    found = judged(looks({"accuracy": (control, control + np.array([1.0, 0.0]))}), paired=True)
    assert (found.details["recommendation"], found.details["interval"]) == ("continue", None)
    same = judged(looks({"accuracy": (control, control)}), paired=True)
    assert same.details["interval"][0] < 0.0 < same.details["interval"][1]


@pytest.mark.parametrize("rows, apart", [(600, 0.005), (1000, 0.002), (1000, 0.0004)])
def test_a_shadow_with_nothing_between_the_arms_is_rarely_decided(rows: int, apart: float) -> None:
    """Both arms answer alike but for few rows, in which either may be right."""
    rng, wrong, trials = np.random.default_rng(rows), 0, 60
    for _ in range(trials):
        right = rng.binomial(rows, 0.9, size=14)
        gained, lost = rng.binomial(rows, apart / 2, size=(2, 14))
        hits = right, right + gained - lost
        arms = [np.column_stack([each, np.full(14, rows)]).astype(float) for each in hits]
        seen = looks({"accuracy": (arms[0], arms[1])})
        wrong += decision(compare(14, paired=True).plan, seen) is not None
    assert wrong <= 0.05 * trials


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
    assert found.reason.endswith("; v2 had no row on 2024-06-16, so nobody met it on that day.")


def test_after_its_end_it_is_told_that_it_is_over() -> None:
    last = experiment(looks({"accuracy": (steady(0.80), steady(0.60))}))
    found = compare().examine(replace(last, over=True))
    assert (found.verdict, found.severity, found.lower, found.upper) == (CLEAR, None, None, None)
    assert found.reason.startswith(
        "the experiment is over since 2024-06-16; on its last day: Revert: accuracy is 0.6 in v2 against 0.8"
    )
    assert found.details == compare().examine(last).details


def test_it_is_judged_from_its_first_day_to_its_last() -> None:
    detector = compare(14)
    days = [START + timedelta(days=day) for day in (-1, 0, 13, 16, 17)]
    assert [detector.judges(day) for day in days] == [False, True, True, True, False]
    assert not detector.judges(datetime(2024, 6, 5, tzinfo=UTC))
    assert detector.reach == Span(17), "it reaches back to the first day from the last on which it is told"


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
    by_rows = 0.001 * looked(20)
    assert detector.false_breaches() == pytest.approx((0.025 + by_rows) / 20)
    assert compare(20, split=None).false_breaches() == pytest.approx(0.025 / 20)
    assert compare(20, paired=True).false_breaches() == pytest.approx(0.025 / 20)
    guarded = compare(20, guardrails={LATENCY: 1.0, "f1": 0.0})
    assert guarded.false_breaches() == pytest.approx((0.075 + by_rows) / 20)
    assert guarded.allowing(0.002).false_breaches() == pytest.approx(0.002)
    assert detector.allowing(1.0) is detector
    strict = detector.allowing(0.001)
    assert strict.significance == pytest.approx(2 * (0.02 - by_rows))
    assert strict.false_breaches() == pytest.approx(0.001)
    asked = [compare(14).allowing(a_day).significance for a_day in (2e-3, 1e-3, 8e-4, 7e-4, 6e-4, 1e-4, 1e-9)]
    assert asked == sorted(asked, reverse=True)
    assert asked[-1] == SUREST, "the sample ratio alone is more than that"


@pytest.mark.parametrize("days", [14, 30])
def test_a_mismatch_by_chance_is_no_likelier_than_is_said(days: int) -> None:
    """Rows counted on each of the days, with all as meant: 1,000 a day over 20,000 experiments."""
    shared = np.random.default_rng(days).binomial(1000, 0.5, size=(20_000, days)).cumsum(axis=1)
    total = 1000 * np.arange(1, days + 1)
    chi_square = (2 * shared - total) ** 2 / total
    first = int(shared[0, 0])
    assert ratio_p(1000 - first, first, 0.5) == pytest.approx(chi2.sf(chi_square[0, 0], 1))
    ever = (chi_square > chi2.isf(MISMATCH, 1)).any(axis=1).mean() / MISMATCH
    assert 0.5 * looked(days) < ever < looked(days)


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
        ({"control": "ALL"}, "control 'ALL' is no arm but all rows: name one"),
        ({"treatment": "ALL"}, "treatment 'ALL' is no arm but all rows: name one"),
        ({"column": "arm", "version": "ALL"}, "version 'ALL' is no arm but all rows: name one"),
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
    assert (one.length, one.reach) == (1, Span(4))


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
