"""Parts of a change: the laws they obey, rows counted by hand, and how often chance is taken for a cause."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindsight.domain.values import Task
from hindsight.explanation.forms import Count, LeftOut, Ratio, Side, form_of, ratio_of
from hindsight.explanation.parts import Part, Split, split, standing_out
from hindsight.metrics import METRICS, find
from hindsight.metrics.base import Metric
from hindsight.statistics import BinaryStatistics
from hindsight.statistics.base import Array
from samples import MAKERS, Yes, binary, held, random_days

RECALL, AUC = find("recall"), find("roc_auc")


def parts_of(found: Split) -> list[Part]:
    return [*found.parts, *([found.rest] if found.rest else [])]


def named(found: Split) -> list[str]:
    return [part.segment for part in found.parts if part.stands_out]


def whole(side: Array) -> Array:
    total: Array = side.sum(axis=1)
    return total


def split_of(metric: Metric, before: Array, after: Array) -> Split:
    """The split of a column whose segments are all that there is."""
    names = [f"carrier=S{i}" for i in range(before.shape[1])]
    made = split(metric, "carrier", names, before, after, (whole(before), whole(after)))
    assert made is not None
    return made


def judged(metric: Metric, before: Array, after: Array) -> Split:
    (found,) = standing_out([split_of(metric, before, after)])
    return found


def shares(rng: np.random.Generator, days: int, rate: Array, weight: Array, rows: float = 400.0) -> Array:
    """Terms of a share by day and segment: days that differ, and rows that come as they come."""
    of = rng.poisson(rows * weight, (days, len(weight)))
    common = rng.normal(0.0, 0.05, (days, 1))
    part = rng.binomial(of, np.clip(rate + common + rng.normal(0.0, 0.02, of.shape), 0.01, 0.99))
    return np.stack([part, of], axis=2).astype(float)


WEIGHT = np.array([0.3, 0.25, 0.15, 0.1, 0.08, 0.06, 0.04, 0.02])
RATE = np.array([0.6, 0.4, 0.5, 0.3, 0.7, 0.45, 0.5, 0.55])

# --- laws ---------------------------------------------------------------------------------------

COUNTS = st.integers(0, 60)
SIDES = st.integers(1, 5).flatmap(
    lambda segments: st.tuples(
        *(
            st.lists(
                st.lists(st.tuples(COUNTS, COUNTS), min_size=segments, max_size=segments),
                min_size=1,
                max_size=10,
            )
            for _ in range(2)
        )
    )
)


def counted(side: Any) -> Array:
    """Hits and misses as (part, whole)."""
    hits, misses = np.array(side, dtype=float).transpose(2, 0, 1)
    return np.stack([hits, hits + misses], axis=2)


@given(SIDES)
def test_the_parts_of_a_ratio_add_up_to_its_change(sides) -> None:
    before, after = map(counted, sides)
    if not (whole(before)[:, 1].sum() and whole(after)[:, 1].sum()):
        assert (
            split(RECALL, "c", ["c=a"] * before.shape[1], before, after, (whole(before), whole(after)))
            is None
        )
        return
    found = split_of(RECALL, before, after)
    (old,), (new,) = (RECALL.value(whole(side).sum(axis=0)[None]) for side in (before, after))
    assert found.change == pytest.approx(new - old, abs=1e-12)
    assert math.fsum(part.total for part in parts_of(found)) == pytest.approx(found.change, abs=1e-12)
    assert (found.mix or 0.0) + (found.within or 0.0) == pytest.approx(found.change, abs=1e-12)
    for part in parts_of(found):
        assert part.mix is not None
        assert part.within is not None
        assert part.mix + part.within == pytest.approx(part.total, abs=1e-12)
        for value in (part.total, part.excess, part.error, part.p_value, part.mix_error, part.within_error):
            assert value is None or math.isfinite(value)


@given(SIDES, st.randoms(use_true_random=False))
def test_the_order_of_segments_changes_nothing(sides, draw) -> None:
    before, after = map(counted, sides)
    if not (whole(before)[:, 1].sum() and whole(after)[:, 1].sum()):
        return
    order = list(range(before.shape[1]))
    draw.shuffle(order)
    names = [f"c=S{i}" for i in order]
    straight = split_of(RECALL, before, after)
    wholes = whole(before), whole(after)
    turned = split(RECALL, "c", names, before[:, order], after[:, order], wholes)
    assert turned is not None
    by_name = {part.segment.partition("=")[2]: part for part in turned.parts}
    for part in straight.parts:
        other = by_name[part.segment.partition("=")[2]]
        assert other.total == pytest.approx(part.total, abs=1e-12)
        assert other.excess == pytest.approx(part.excess, abs=1e-12)


@given(SIDES)
def test_no_change_has_no_parts(sides) -> None:
    before = counted(sides[0])
    if not whole(before)[:, 1].sum():
        return
    found = judged(RECALL, before, before)
    assert found.change == 0.0
    assert all(part.total == 0.0 and part.mix == 0.0 and part.within == 0.0 for part in parts_of(found))
    assert named(found) == []


@given(SIDES)
def test_days_in_another_order_change_nothing(sides) -> None:
    before, after = map(counted, sides)
    if whole(before)[:, 1].sum() and whole(after)[:, 1].sum():
        straight, turned = split_of(RECALL, before, after), split_of(RECALL, before[::-1], after[::-1])
        for one, other in zip(straight.parts, turned.parts, strict=True):
            assert one.segment == other.segment
            assert one.error == pytest.approx(other.error, abs=1e-12) if one.error else not other.error


# --- what they are ------------------------------------------------------------------------------


def test_a_change_within_one_segment_and_a_change_of_mix_are_two_things() -> None:
    """By hand: a of 0.8 and b of 0.4, half each; then b falls to 0.2, or a becomes a quarter."""
    even = np.array([[[40.0, 50.0], [20.0, 50.0]]])
    fallen = np.array([[[40.0, 50.0], [10.0, 50.0]]])
    mixed = np.array([[[20.0, 25.0], [30.0, 75.0]]])
    a, b = sorted(split_of(RECALL, even, fallen).parts, key=lambda part: part.segment)
    assert (a.within, a.mix, b.within, b.mix) == pytest.approx((0.0, 0.0, -0.1, 0.0))
    a, b = sorted(split_of(RECALL, even, mixed).parts, key=lambda part: part.segment)
    # 0.6 became 0.5; a, 0.25 above the mean of both, lost a quarter of the rows, b, 0.15 below, won one.
    assert (a.within, b.within) == pytest.approx((0.0, 0.0))
    assert (a.mix, b.mix) == pytest.approx((-0.25 * 0.25, -0.15 * 0.25))
    assert (b.share_before, b.share_after, b.before, b.after) == pytest.approx((0.5, 0.75, 0.4, 0.4))


def test_a_segment_that_is_new_or_gone_is_mix() -> None:
    before = np.array([[[40.0, 50.0], [20.0, 50.0], [0.0, 0.0]]])
    after = np.array([[[40.0, 50.0], [0.0, 0.0], [5.0, 50.0]]])
    by_name = {part.segment: part for part in split_of(RECALL, before, after).parts}
    gone, new = by_name["carrier=S1"], by_name["carrier=S2"]
    assert (gone.within, gone.after, new.within, new.before) == (0.0, None, 0.0, None)
    assert gone.mix != 0.0
    assert new.mix is not None
    assert new.mix < 0.0


def test_what_the_segments_leave_is_a_rest_that_is_never_named() -> None:
    rng = np.random.default_rng(3)
    before = shares(rng, 28, RATE, WEIGHT)
    after = shares(rng, 28, np.where(np.arange(8) == 1, 0.1, RATE), WEIGHT)
    some = [0, 2, 3]
    names = [f"carrier=S{i}" for i in some]
    wholes = whole(before), whole(after)
    (found,) = standing_out([split(RECALL, "carrier", names, before[:, some], after[:, some], wholes)])  # type: ignore[list-item]
    assert found.rest is not None
    assert math.fsum(part.total for part in parts_of(found)) == pytest.approx(found.change, abs=1e-12)
    assert found.rest.p_value is None
    assert not found.rest.stands_out
    assert found.rest.total < 0.7 * found.change


@pytest.mark.parametrize(
    "name",
    ["accuracy", "precision", "specificity", "brier", "log_loss", "mean_score", "f1", "calibration_ratio"],
)
def test_ratios_of_rows_are_split_as_rows_say(name: str) -> None:
    """Against the definition, from single rows, with nothing of this package."""
    rng = np.random.default_rng(5)
    metric = find(name)
    sides, values = [], []
    for shift in (0.0, 0.3):
        rows = [
            Yes(0, float(s), int(s >= 0.5), int(rng.random() < min(max(s + shift * (k == 1), 0), 1)))
            for _ in range(3)
            for k in range(2)
            for s in rng.random(60)
        ]
        groups = [[row for i, row in enumerate(rows) if (i // 60) % 2 == k] for k in range(2)]
        sides.append(np.stack([metric.terms(binary(group)) for group in groups], axis=1))
        values.append([by_hand(name, group) for group in (*groups, rows)])
    found = split_of(metric, *sides)
    assert found.adds_up
    parts = sorted(found.parts, key=lambda part: part.segment)
    (old_a, old_b, old), (new_a, new_b, new) = values
    assert found.change == pytest.approx(new[0] / new[1] - old[0] / old[1], abs=1e-9)
    for part, was, now in zip(parts, (old_a, old_b), (new_a, new_b), strict=True):
        weight = (was[1] / old[1] + now[1] / new[1]) / 2
        within = weight * (now[0] / now[1] - was[0] / was[1])
        level = (now[0] / now[1] + was[0] / was[1] - new[0] / new[1] - old[0] / old[1]) / 2
        mix = (now[1] / new[1] - was[1] / old[1]) * level
        assert (part.within, part.mix) == pytest.approx((within, mix), abs=1e-9)


def by_hand(name: str, rows: list[Any]) -> tuple[float, float]:
    """Numerator and denominator of a metric, a row at a time."""
    y = np.array([row.actual for row in rows])
    s = np.array([row.score for row in rows])
    said = np.array([row.predicted for row in rows])
    tp, fp, fn = (said & y).sum(), (said & (1 - y)).sum(), ((1 - said) & y).sum()
    tn = len(rows) - tp - fp - fn
    found = {
        "accuracy": (tp + tn, len(rows)),
        "precision": (tp, tp + fp),
        "specificity": (tn, tn + fp),
        "brier": (((s - y) ** 2).sum(), len(rows)),
        "log_loss": (-np.where(y, np.log(s), np.log1p(-s)).sum(), len(rows)),
        "mean_score": (s.sum(), len(rows)),
        "f1": (2 * tp, 2 * tp + fp + fn),
        "calibration_ratio": (s.sum(), y.sum()),
    }[name]
    return float(found[0]), float(found[1])


PAIRS = [(task, metric) for task in MAKERS for metric in held(task)]


@pytest.mark.parametrize("task, metric", PAIRS, ids=[f"{m.name}-{t}" for t, m in PAIRS])
def test_what_is_split_as_a_ratio_is_one(task: Task, metric: Metric) -> None:
    terms = metric.terms(random_days(task, 7, 5, per_day=40))
    sums = ratio_of(metric)
    if sums is not None:
        numerator, denominator = (of(terms) for of in sums)
        value = np.divide(numerator, denominator, out=np.full(5, np.nan), where=denominator > 0)
        np.testing.assert_allclose(value, metric.value(terms), rtol=1e-12)


def test_each_kind_of_metric_has_its_form() -> None:
    side = Side(np.ones((2, 2)), 7)
    ratios = ("recall", "mae", "ctr", "coverage", "f1", "brier", "bias", "positive_rate")
    assert {type(form_of(METRICS[name], side, side)) for name in ratios} == {Ratio}
    others = ("roc_auc", "mcc", "r2", "rmse", "brier_skill", "balanced_accuracy")
    assert {type(form_of(METRICS[name], side, side)) for name in others} == {LeftOut}
    assert type(form_of(METRICS["volume"], side, side)) is Count


def test_a_segment_that_promises_positives_and_has_none_is_left_out_instead() -> None:
    """A calibration ratio there is infinite, and no weight makes a mean of it."""
    # (rows, positives, Σ score, Σ score of positives, Σ score²)
    before = np.array([[[100.0, 20.0, 20.0, 6.0, 6.0], [50.0, 10.0, 10.0, 3.0, 3.0]]])
    after = np.array([[[100.0, 20.0, 22.0, 6.0, 6.0], [50.0, 0.0, 9.0, 0.0, 3.0]]])
    found = split_of(find("calibration_ratio"), before, after)
    assert not found.adds_up
    assert all(part.mix is None and math.isfinite(part.total) for part in found.parts)


def test_a_count_is_compared_by_the_day() -> None:
    before = np.full((28, 2, 1), 100.0)
    after = np.stack([np.full(14, 100.0), np.full(14, 40.0)], axis=1)[..., None]
    found = judged(
        find("volume"), before + np.random.default_rng(2).normal(0, 5, before.shape).round(), after
    )
    assert found.change == pytest.approx(-60.0, abs=3.0)
    assert [part.segment for part in found.parts] == ["carrier=S1", "carrier=S0"]
    assert named(found) == ["carrier=S1"]


# --- errors and chance --------------------------------------------------------------------------


def test_intervals_hold_what_they_promise() -> None:
    """Of 28 days with a day effect; within and mix of the largest segment, whose truth is known."""
    rng = np.random.default_rng(11)
    later = RATE - 0.1 * (np.arange(8) == 0)
    shifted = WEIGHT + np.array([0.1, -0.1, 0, 0, 0, 0, 0, 0])
    w = (WEIGHT + shifted) / 2
    within = w[0] * -0.1
    whole_before, whole_after = (WEIGHT * RATE).sum(), (shifted * later).sum()
    mix = 0.1 * (RATE[0] + later[0] - whole_before - whole_after) / 2
    inside = np.zeros(2)
    for _ in range(120):
        found = split_of(RECALL, shares(rng, 28, RATE, WEIGHT), shares(rng, 28, later, shifted))
        first = next(part for part in found.parts if part.segment == "carrier=S0")
        assert first.within_error is not None
        assert first.mix_error is not None
        inside += [
            abs((first.within or 0) - within) <= 2.05 * first.within_error,
            abs((first.mix or 0) - mix) <= 2.05 * first.mix_error,
        ]
    assert (inside / 120 >= 0.90).all(), inside
    assert (inside / 120 <= 0.995).all(), inside


@pytest.mark.parametrize("days", [7, 28])
def test_noise_names_no_segment(days: int) -> None:
    """Nothing changed, or everything by the same: then nobody is to blame."""
    rng = np.random.default_rng(13)
    quiet = 0
    for i in range(80):
        drop = 0.2 * (i % 2)
        found = judged(RECALL, shares(rng, 31, RATE, WEIGHT), shares(rng, days, RATE - drop, WEIGHT))
        quiet += not named(found)
    assert quiet >= 72, quiet


@pytest.mark.parametrize("which", [0, 2, 5])
def test_a_fault_of_one_segment_is_named_first(which: int) -> None:
    rng = np.random.default_rng(17)
    hit = 0
    for _ in range(30):
        broken = np.where(np.arange(8) == which, 0.05, RATE)
        found = judged(RECALL, shares(rng, 31, RATE, WEIGHT), shares(rng, 28, broken, WEIGHT))
        hit += named(found)[:1] == [f"carrier=S{which}"]
        assert found.parts[0].within is not None
    assert hit >= 27, hit


def test_a_shift_of_mix_alone_changes_nothing_within() -> None:
    rng = np.random.default_rng(19)
    shifted = np.array([0.05, 0.2, 0.15, 0.3, 0.08, 0.06, 0.04, 0.12])
    days = [np.zeros(28), np.zeros(28)]
    for i in range(30):
        found = split_of(RECALL, shares(rng, 28, RATE, WEIGHT), shares(rng, 28, RATE, shifted))
        days[0][i % 28], days[1][i % 28] = found.within or 0.0, found.mix or 0.0
    expected = (shifted * RATE).sum() - (WEIGHT * RATE).sum()
    assert abs(days[0].mean()) < 0.01
    assert days[1].mean() == pytest.approx(expected, abs=0.005)


def auc_days(rng: np.random.Generator, days: int, lift: Array) -> Array:
    """Histograms of scores by day and segment: positives score higher by `lift`."""
    size = AUC.terms(BinaryStatistics.zeros(1)).shape[1]
    made = np.zeros((days, len(lift), size))
    for place, shift in ((0, 0.0 * lift), (size // 2, lift)):
        bins = np.clip(rng.normal(100 + shift[:, None], 20, (days, len(lift), 60)), 60, 140).astype(int)
        for d in range(days):
            for k in range(len(lift)):
                np.add.at(made[d, k], place + bins[d, k], 1.0)
    return made


def test_of_a_ranking_the_broken_segment_is_the_one_without_which_the_fall_is_gone() -> None:
    rng = np.random.default_rng(23)
    good = np.full(5, 25.0)
    broken = np.where(np.arange(5) == 3, -20.0, good)
    found = judged(AUC, auc_days(rng, 28, good), auc_days(rng, 28, broken))
    assert not found.adds_up
    assert named(found) == ["carrier=S3"]
    assert found.rest is None
    assert found.parts[0].total / found.change > 0.8


def test_discoveries_are_controlled_over_all_columns_together() -> None:
    """A p-value that would stand in a column of its own does not among a hundred others."""

    def part(i: int, p: float) -> Part:
        return Part(f"c=S{i}", -0.05, 0.01, 0.0, None, -0.05, 0.01, 0.1, 0.1, 0.5, 0.4, -0.04, p)

    alone = Split("c", -0.1, True, (part(0, 0.03),))
    crowd = Split("d", -0.1, True, tuple(part(i, 0.5) for i in range(1, 100)))
    assert named(standing_out([alone])[0]) == ["c=S0"]
    assert named(standing_out([alone, crowd])[0]) == []
    small = replace(alone.parts[0], excess=-0.005)
    assert named(standing_out([replace(alone, parts=(small,))])[0]) == [], "it is no notable part"
    aside = replace(alone.parts[0], excess=0.04)
    assert named(standing_out([replace(alone, parts=(aside,))])[0]) == [], "it got better"


@pytest.mark.parametrize("before, after", [(1, 1), (3, 28), (28, 2), (1, 31)])
def test_few_days_have_the_other_sides_scatter_or_none(before: int, after: int) -> None:
    rng = np.random.default_rng(29)
    found = judged(RECALL, shares(rng, before, RATE, WEIGHT), shares(rng, after, RATE, WEIGHT))
    for part in found.parts:
        assert part.error is not None
        assert part.error > 0
    if max(before, after) < 7:  # the rows alone
        first = next(part for part in found.parts if part.segment == "carrier=S0")
        assert first.error < 0.03  # type: ignore[operator]


def test_few_rows_are_not_judged() -> None:
    before = np.zeros((28, 2, 2))
    before[:, 0], before[:, 1] = (50.0, 100.0), (1.0, 1.0)
    after = before.copy()
    after[:, 1, 0] = 0.0
    found = split_of(RECALL, before, after)
    tiny = next(part for part in found.parts if part.segment == "carrier=S1")
    assert tiny.p_value is None
