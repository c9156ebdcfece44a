"""Nulls, duplicates and other oddities: one verdict on all shares that are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from detectors.log_worlds import REFERENCE
from detectors.points import day, share_day
from hindsight.detectors import Finding, Series
from hindsight.detectors.methods.kept import kept
from hindsight.detectors.methods.shares import Level, adjusted, chance_above, level_of
from hindsight.detectors.quality import WORDS, Quality, odd
from hindsight.domain.spec import CustomSum
from hindsight.domain.values import IncidentClass, Severity, Task, Verdict
from hindsight.metrics import METRICS, find
from worlds import monitor

BREACH, CLEAR, INSUFFICIENT = Verdict.BREACH, Verdict.CLEAR, Verdict.INSUFFICIENT


def seen(shares: Mapping[str, tuple[int, int]], usual: Mapping[str, float] | None = None) -> Series:
    """A day on which so many of so many rows are odd, against a reference of 28 days of 1,000 rows."""
    others = {}
    for name, (part, whole) in shares.items():
        level = (usual or {}).get(name, 0.0)
        days = tuple(share_day(i, round(1000 * level), 1000) for i in range(28))
        reference = share_day(0, round(28_000 * level), 28_000, **REFERENCE)
        others[name] = Series(
            find(name), share_day(40, part, whole), (), reference=reference, reference_days=days
        )
    return Series(find("volume"), day(40, 1000.0, 30.0), (), others=others)


def found(shares: Mapping[str, tuple[int, int]], **options: Any) -> Finding:
    return Quality(**options).examine(seen(shares))


def test_the_weather_of_the_last_days_of_2013_breaches_and_small_gaps_are_watched() -> None:
    verdicts = [
        found({"null_share(temp)": (part, whole), "null_share(distance)": (0, whole)})
        for part, whole in ((776, 776), (97, 968), (63, 996), (54, 1000), (10, 1000))
    ]
    assert [each.verdict for each in verdicts] == [BREACH, BREACH, CLEAR, CLEAR, CLEAR]
    severities = [Severity.CRITICAL, Severity.WARNING, Severity.WATCH, Severity.WATCH, None]
    assert [each.severity for each in verdicts] == severities
    assert verdicts[0].reason == "temp is null in 100 % (usually 0 %)."
    assert verdicts[0].details["breaching"] == ["null_share(temp)"]
    assert verdicts[0].metric == "null_share(temp)"
    assert verdicts[0].upper == 0.05
    assert verdicts[0].details["shares"] == {"null_share(temp)": 1.0, "null_share(distance)": 0.0}
    assert "more than 5 points above, but not surely" in verdicts[2].reason
    assert verdicts[4].reason == "none of 2 odd shares is more than 5 points above the usual."


def test_the_worst_is_named_first_and_all_are_in_the_details() -> None:
    told = found(
        {
            "duplicate_share": (200, 1000),
            "null_share(temp)": (500, 1000),
            "orphan_share": (120, 1000),
            "invalid_share": (300, 1000),
            "unseen_share(carrier)": (10, 1000),
        }
    )
    assert told.verdict is BREACH
    assert told.reason == (
        "temp is null in 50 % (usually 0 %), answers cannot be used in 30 % (usually 0 %), rows repeat an id "
        "in 20 % (usually 0 %) and 1 more."
    )
    assert told.details["breaching"] == [
        *("null_share(temp)", "invalid_share", "duplicate_share", "orphan_share")
    ]
    assert len(told.details["shares"]) == 5


def test_a_share_is_held_against_its_own_level() -> None:
    usual = {"null_share(gust)": 0.4}
    for part, verdict in ((400, CLEAR), (440, CLEAR), (600, BREACH)):
        assert Quality().examine(seen({"null_share(gust)": (part, 1000)}, usual)).verdict is verdict
    fixed = seen({"null_share(gust)": (440, 1000)})
    other = fixed.others["null_share(gust)"]
    held = replace(other, reference=None, reference_days=(), fixed=0.4)
    assert Quality().examine(replace(fixed, others={"null_share(gust)": held})).verdict is CLEAR


def test_a_window_that_has_no_reference_is_not_held_against_nothing() -> None:
    series = seen({"null_share(gust)": (400, 1000), "duplicate_share": (0, 1000)})

    def without(name: str, why: str | None) -> Series:
        held = replace(series.others[name], reference=None, reference_days=(), no_reference=why)
        return replace(series, others=series.others | {name: held})

    told = Quality().examine(without("null_share(gust)", "the window begins too early"))
    assert told.verdict is CLEAR
    assert set(told.details["shares"]) == {"duplicate_share"}
    # A monitor that has no reference at all takes nothing for usual.
    assert Quality().examine(without("null_share(gust)", None)).verdict is BREACH
    early = without("null_share(gust)", "the window begins too early")
    alone = replace(early, others={"null_share(gust)": early.others["null_share(gust)"]})
    told = Quality().examine(alone)
    assert (told.verdict, told.reason) == (INSUFFICIENT, "the window begins too early.")


def test_rows_that_are_set_aside_for_a_reason_that_is_told_are_not_told_twice() -> None:
    told = found({"duplicate_share": (300, 1000), "set_aside_share": (300, 1000)})
    assert told.reason == "rows repeat an id in 30 % (usually 0 %)."
    assert told.details["breaching"] == ["duplicate_share"]
    more = found({"duplicate_share": (300, 1000), "set_aside_share": (700, 1000)})
    assert more.details["breaching"] == ["set_aside_share", "duplicate_share"]
    assert found({"set_aside_share": (300, 1000)}).details["breaching"] == ["set_aside_share"]


def test_what_days_differ_by_is_no_breach() -> None:
    rng = np.random.default_rng(2)
    shares = np.clip(rng.normal(0.3, 0.15, 28), 0.0, 1.0)
    days = tuple(share_day(i, round(1000 * share), 1000) for i, share in enumerate(shares))
    reference = share_day(0, round(28_000 * shares.mean()), 28_000, **REFERENCE)
    level = level_of(reference, days)
    assert level.between == pytest.approx(shares.std(ddof=1), rel=0.1)
    series = seen({"null_share(gust)": (520, 1000)})
    wild = replace(series.others["null_share(gust)"], reference=reference, reference_days=days)
    told = Quality().examine(replace(series, others={"null_share(gust)": wild}))
    assert (told.verdict, told.severity) == (CLEAR, Severity.WATCH)
    calm = replace(wild, reference_days=tuple(share_day(i, 300, 1000) for i in range(28)))
    assert Quality().examine(replace(series, others={"null_share(gust)": calm})).verdict is BREACH


def test_a_few_rows_prove_nothing() -> None:
    assert found({"null_share(temp)": (1, 2)}).verdict is CLEAR
    assert found({"null_share(temp)": (2, 20)}).severity is Severity.WATCH
    assert found({"null_share(temp)": (10, 20)}).verdict is BREACH


def test_among_many_shares_one_needs_more_evidence() -> None:
    one = {"null_share(f0)": (17, 200)}
    crowd = one | {f"null_share(f{i})": (9, 200) for i in range(1, 40)}
    assert found(one, evidence=0.95).verdict is BREACH
    told = found(crowd, evidence=0.95)
    assert (told.verdict, told.severity) == (CLEAR, Severity.WATCH)


def test_without_a_share_nothing_can_be_said() -> None:
    series = Series(find("volume"), day(40, 1000.0), ())
    assert Quality().examine(series).verdict is INSUFFICIENT
    empty = seen({"null_share(temp)": (0, 1)})
    other = replace(empty.others["null_share(temp)"], latest=day(40, None))
    told = Quality().examine(replace(empty, others={"null_share(temp)": other}))
    assert told.verdict is INSUFFICIENT


def test_it_asks_for_what_is_odd_and_kept_and_for_one_share_at_least() -> None:
    spec = monitor(metrics=("recall", "null_share", "duplicate_share", "contradiction_share", "psi"))
    spec = replace(spec, predictions=replace(spec.predictions, features=("a", "b")))
    assert Quality().others(spec) == ("null_share(a)", "null_share(b)", "duplicate_share")
    assert Quality(metric="coverage").others(spec) == ("contradiction_share",)
    bare = replace(spec, metrics=("recall",))
    assert Quality().others(bare) == ("set_aside_share",)
    assert Quality(metric="coverage").others(bare) == ("contradiction_share",)


def test_names_of_the_file_are_made_whole() -> None:
    spec = monitor(Task.MULTICLASS, metrics=("class_share", "custom", "lift(2)", "nothing", "accuracy"))
    spec = replace(spec, custom={"rate": CustomSum("1")})
    assert kept(spec) == (*(f"class_share({name})" for name in ("cat", "dog", "owl")), "accuracy")


def test_every_share_of_what_is_odd_is_looked_at_and_has_words() -> None:
    shares = {name for name in METRICS if name.endswith("_share") or name == "flip_rate"}
    made = {
        name: METRICS[name].given("a")
        if name.startswith(("null_share", "unseen", "feature_"))
        else METRICS[name]
        for name in shares
    }
    looked_at = {name for name in shares if odd(made[name], labelled=made[name].labelled)}
    assert looked_at == shares - {"default_share", "class_share"}
    assert looked_at <= set(WORDS)


@pytest.mark.parametrize("whole", [10, 100, 1000, 100_000])
@pytest.mark.parametrize("bound", [0.01, 0.05, 0.3])
def test_chance_is_the_binomial_and_with_days_the_beta_binomial_or_more(whole: int, bound: float) -> None:
    top = whole * bound + 6 * (whole * bound) ** 0.5 + 2
    for part in {int(x) for x in np.linspace(1, min(top, whole), 30)}:
        exact = stats.binom.sf(part - 1, whole, bound)
        assert chance_above(part, whole, bound) == pytest.approx(exact, rel=1e-9, abs=1e-300)
        size = 40.0
        variance = bound * (1 - bound) / (size + 1)
        of_days = stats.betabinom.sf(part - 1, whole, bound * size, (1 - bound) * size)
        told = chance_above(part, whole, bound, variance * (1 - 1 / whole))
        assert told == pytest.approx(of_days, abs=0.08)
        assert told >= 0.6 * of_days or of_days > 0.05 or whole < 100


def test_chance_at_the_ends() -> None:
    assert chance_above(0, 100, 0.1) == 1.0
    assert chance_above(5, 100, 0.0) == 0.0
    assert chance_above(100, 100, 1.0) == 1.0
    assert level_of(None, ()) == Level(0.0)


def test_p_values_are_adjusted_as_scipy_does() -> None:
    rng = np.random.default_rng(5)
    for many in (1, 2, 17):
        p_values = {f"m{i}": float(p) for i, p in enumerate(rng.random(many) ** 3)}
        exact = stats.false_discovery_control(list(p_values.values()))
        assert list(adjusted(p_values).values()) == pytest.approx(exact.tolist(), rel=1e-12)


@pytest.mark.parametrize(
    "options, sentence",
    [
        (
            {"metric": "recall"},
            (
                "a detector of quality judges all odd shares, not 'recall': leave `metric` out, or say "
                "`metric: coverage` for those that rest on labels"
            ),
        ),
        ({"margin": 1.5}, "`margin` is how far a share may rise, between 0 and 1, not 1.5"),
        ({"evidence": 1.0}, "evidence 1.0 is not between 0 and 1"),
        (
            {"segments": ("origin",)},
            "what is odd is counted for all segments together, so `segments` does not go with quality",
        ),
    ],
)
def test_options_that_make_no_sense_are_told(options: dict[str, Any], sentence: str) -> None:
    assert list(Quality(**options).problems()) == [sentence]


def test_it_is_about_the_quality_of_data() -> None:
    assert Quality().incident_class is IncidentClass.DATA_QUALITY
    assert Quality().name == "quality:1d@0d"
