"""The laws of addition for what came in, over every registered metric of it."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from functools import cache

import numpy as np
import pytest

from hindsight.domain.spec import CustomSum
from hindsight.domain.values import Task
from hindsight.metrics import METRICS, Metric
from hindsight.metrics.base import Argument, Part
from hindsight.metrics.estimate import estimate, measured
from hindsight.statistics.base import canonical
from hindsight.statistics.cuts import SUMS, CategoryCut, NumberCut, category_cut, number_cut
from hindsight.statistics.inputs import LATENCY_BINS, InputLayout, InputStatistics
from samples import spec_of

DAYS = 40
FEATURES = ("x", "word")


def asked() -> list[Metric]:
    """Every metric of what came in, of each feature."""
    found = [metric for metric in METRICS.values() if metric.part is Part.INPUTS]
    named = {Argument.FEATURE: FEATURES, Argument.CUSTOM: ("ratio",)}
    return [each for m in found for each in [m.given(a) for a in named.get(m.argument, ())] or [m]]


@cache
def layout() -> InputLayout:
    rng = np.random.default_rng(1)
    number = number_cut(np.sort(rng.standard_normal(50)).tolist(), -4.0)
    number = replace(number, counts=drawn(rng, number, 20), sums=totals(rng, number, 20))
    word = category_cut([f"w{i}" for i in range(70)])
    word = replace(word, counts=drawn(rng, word, 20), sums=np.zeros((20, SUMS)))
    spec = spec_of(Task.BINARY)
    log = replace(spec.predictions, features=FEATURES)
    spec = replace(spec, predictions=log, custom={"ratio": CustomSum("a", "b")})
    return InputLayout(spec, {"x": ("b1", number), "word": ("b2", word)})


def drawn(rng: np.random.Generator, cut: NumberCut | CategoryCut, days: int) -> np.ndarray:
    share = rng.dirichlet(np.ones(cut.bins))
    return rng.multinomial(900, share, size=days).astype(float)


def totals(rng: np.random.Generator, cut: NumberCut, days: int) -> np.ndarray:
    mean = rng.standard_normal(days)
    ends = np.zeros((days, 4))
    return np.column_stack([np.full(days, 900.0), 900.0 * mean, 900.0 * (mean**2 + 1.0), ends])


@cache
def history() -> InputStatistics:
    """Days by the way of stored payloads, some of them without a row and one without bins."""
    rng = np.random.default_rng(2)
    made = []
    for day in range(DAYS):
        if day % 9 == 4:
            made.append(None)
            continue
        calls = int(rng.integers(5, 200))
        place = np.unique(rng.integers(0, LATENCY_BINS, calls), return_counts=True)
        told = {
            "calls": calls + 2,
            "seconds": 86_400,
            "failed": int(rng.integers(0, 5)),
            "latency": {
                "bin": place[0].tolist(),
                "n": place[1].tolist(),
                "sums": [calls * 10**9, calls * 3 * 10**9],
                "invalid": 2,
            },
            "custom": {"ratio": [*(int(v) * 10**9 for v in rng.integers(1, 99, 5)), 0]},
            "features": {
                "x": feature(rng, layout().cuts["x"], calls)
                | {"sums": [calls, 10**9, calls * 10**9, 0, 0, 0, 0]},
                "word": feature(rng, layout().cuts["word"], calls),
            },
        }
        made.append(json.loads(canonical({"cell": [], "inputs": told})))
    return layout().parse(made)


def feature(rng: np.random.Generator, of: tuple[str, NumberCut | CategoryCut], rows: int) -> dict:
    basis, cut = of
    place = np.unique(rng.integers(0, cut.bins, rows), return_counts=True)
    return {
        "rows": rows + 3,
        "null": 2,
        "invalid": 1,
        "basis": basis,
        "bin": place[0].tolist(),
        "n": place[1].tolist(),
    }


metrics = pytest.mark.parametrize("metric", asked(), ids=lambda metric: metric.name)


def equal(one: object, other: object) -> None:
    np.testing.assert_array_equal(one, other)  # NaN equals NaN, everything else bit for bit


def test_statistics_add_in_any_order_and_nothing_is_zero() -> None:
    days = history()
    a, b, c = (days[i : i + 10] for i in (0, 10, 20))
    nothing = layout().zeros(10)
    for one, other in ((a + b, b + a), ((a + b) + c, a + (b + c)), (a + nothing, a)):
        for field in fields(one):
            np.testing.assert_allclose(
                getattr(one, field.name), getattr(other, field.name), rtol=1e-15, atol=0
            )
    assert (a + b).layout is layout()
    assert a.pooled().layout is layout()


@metrics
def test_a_batch_is_its_windows_one_by_one(metric: Metric) -> None:
    for length in (1, 7, 28):
        whole = estimate(metric, metric.terms(history()), length)
        for start in range(0, DAYS - length + 1, 5):
            alone = measured(metric, history()[start : start + length], length)
            equal(alone.value[0], whole.value[start])
            equal(alone.standard_error[0], whole.standard_error[start])
            equal(alone.rows[0], whole.rows[start])
            if whole.bound is not None and alone.bound is not None:
                equal(alone.bound[0], whole.bound[start])


@metrics
def test_a_window_has_a_value_with_an_error_or_a_reason(metric: Metric) -> None:
    whole = estimate(metric, metric.terms(history()), 1)
    there = np.isfinite(whole.value)
    known = np.isfinite(whole.standard_error[there])
    far_out = metric.name.startswith(("feature_p", "latency"))  # a tail of few rows has no error to speak of
    assert known.all() or far_out
    assert (whole.standard_error[there][known] >= 0).all()
    assert all(metric.why(whole.total)[i] for i in np.flatnonzero(~there))
    nothing = metric.terms(layout().zeros(2))
    assert np.isnan(metric.value(nothing)).all()
    assert metric.rows(nothing).tolist() == [0.0, 0.0]
    other_kind = "the feature is of another kind than this metric is for"
    assert there.any() or other_kind in metric.why(whole.total)


def test_segments_have_no_features() -> None:
    days = layout().parse([None, None], features=False)
    assert days.counts.size == days.gaps.size == 0
    assert days.latency.shape == (2, LATENCY_BINS)


def test_a_payload_of_another_basis_is_not_binned() -> None:
    told = {
        "calls": 9,
        "seconds": 1,
        "features": {"x": {"rows": 9, "null": 1, "invalid": 2, "basis": "old", "bin": [3], "n": [6]}},
    }
    days = layout().parse([{"cell": [], "inputs": told}])
    assert days.gaps[0, 0].tolist() == [9.0, 1.0, 2.0, 6.0]
    assert not days.counts.any()
