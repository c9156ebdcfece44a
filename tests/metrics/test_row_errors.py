"""Row errors at the margin: few rows, spreads that are small against the bins, collapses, clusters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hindsight.domain.bins import SIGNED_BINS, SIZE_EDGES
from hindsight.domain.values import Task
from hindsight.metrics import find
from hindsight.metrics.estimate import measured
from hindsight.metrics.expectation import Baseline, expected
from hindsight.metrics.woodruff import around
from hindsight.statistics import BinaryStatistics, RegressionStatistics
from hindsight.statistics.base import Array
from hindsight.statistics.inputs import InputLayout, InputStatistics
from samples import CLASSES, Guess, Yes, binary, multiclass, regression, scored, spec_of

LEAST = {0.5: 4, 0.1: 35, 0.9: 35, 0.05: 73, 0.95: 73, 0.99: 381}


def calls(milliseconds: Array) -> InputStatistics:
    """Statistics of days by how long their calls took, [days, calls]."""
    made = InputLayout(spec_of(Task.BINARY), {}).zeros(len(milliseconds))
    place = np.searchsorted(SIZE_EDGES, milliseconds, side="right")
    for day, cells in enumerate(place):
        made.latency[day] = np.bincount(cells, minlength=made.latency.shape[1])
    return made


@pytest.mark.parametrize("share", LEAST)
def test_the_interval_of_a_share_needs_so_many_rows(share: float) -> None:
    low, high = around(np.array([LEAST[share] - 1.0, LEAST[share]]), share)
    assert np.isnan([low[0], high[0]]).all()
    assert 0 < low[1] < high[1] < LEAST[share]


@pytest.mark.parametrize("name, share", [("latency_p95", 0.95), ("latency_p50", 0.5)])
def test_intervals_of_latencies_hold_the_truth_or_are_not_known(name: str, share: float) -> None:
    metric, rng = find(name), np.random.default_rng(7)
    taken = 100.0 * rng.lognormal(0.0, 0.8, (1, 400_000))
    truth = float(np.quantile(taken, share))
    for rows in (5, LEAST[share] - 1, 2 * LEAST[share], 1000):
        terms = metric.terms(calls(100.0 * rng.lognormal(0.0, 0.8, (2000, rows))))
        error = metric.row_error(terms)
        if rows < LEAST[share]:
            assert np.isnan(error).all()
        else:
            covers = (np.abs(metric.value(terms) - truth) <= 1.96 * error + metric.bound(terms)).mean()
            assert covers >= 0.90, (rows, covers)
            assert error.mean() < 1.5 * metric.value(terms).std(), rows


@pytest.mark.parametrize("name", ["score_quantile(0.95)", "score_quantile(0.05)"])
def test_tails_of_few_scores_have_no_error(name: str) -> None:
    metric = find(name)
    made = binary([Yes(0, i / 80.0, 0, None) for i in range(72)])
    assert np.isnan(metric.row_error(metric.terms(made))).all()
    made = binary([Yes(0, i / 80.0, 0, None) for i in range(80)])
    assert metric.row_error(metric.terms(made))[0] > 0.01


def predictions(values: Array, unit: float = 1.0) -> RegressionStatistics:
    """Statistics of days by their predicted values, [days, rows]."""
    return regression(
        [Guess(day, float(v), None) for day, row in enumerate(values) for v in row], len(values), unit
    )


@pytest.mark.parametrize("mean, spread", [(1000.0, 15.0), (900_000.0, 26.0), (10.0, 20.0), (1000.0, 200.0)])
def test_a_spread_has_the_error_it_varies_by(mean: float, spread: float) -> None:
    metric = find("prediction_spread")
    rng = np.random.default_rng(3)
    terms = metric.terms(predictions(rng.normal(mean, spread, (150, 100))))
    values, errors = metric.value(terms), metric.row_error(terms)
    assert values.mean() == pytest.approx(spread, rel=0.02)
    assert errors.mean() == pytest.approx(values.std(), rel=0.2)


def test_the_spread_of_scores_in_one_bin_has_the_error_it_varies_by() -> None:
    metric, rng = find("score_spread"), np.random.default_rng(4)
    drawn = np.clip(rng.normal(0.505, 0.0015, (150, 100)), 0.5, 0.51)
    terms = metric.terms(binary([Yes(d, float(s), 1, None) for d, row in enumerate(drawn) for s in row], 150))
    values, errors = metric.value(terms), metric.row_error(terms)
    assert errors.mean() == pytest.approx(values.std(), rel=0.2)


@pytest.mark.parametrize("constant", [0.0, 0.5, 100.0 / 3.0, 1000.123456789123, 900_000.7])
def test_a_collapse_is_certain_and_a_single_row_is_not(constant: float) -> None:
    for name in ("prediction_spread", "rmse"):
        metric = find(name)
        many = metric.terms(regression([Guess(0, constant, constant)] * 40))
        assert (metric.value(many)[0], metric.row_error(many)[0]) == (0.0, 0.0), name
        one = metric.terms(regression([Guess(0, constant, constant)]))
        assert np.isnan(metric.row_error(one)[0]), name
    scores = find("score_spread")
    terms = scores.terms(binary([Yes(0, 0.5, 1, None)] * 40))
    assert (scores.value(terms)[0], scores.row_error(terms)[0]) == (0.0, 0.0)


def test_a_spread_that_sums_cannot_tell_is_undefined_not_none() -> None:
    metric = find("prediction_spread")
    terms = metric.terms(predictions(np.array([[900_000.0, 900_000.4] * 20])))
    assert np.isnan(metric.value(terms)[0])
    assert metric.why(terms) == ["the predictions differ by less than their sums can tell"]
    assert metric.why(np.zeros((1, 4 + SIGNED_BINS))) == ["there is no prediction"]


def test_r_squared_of_actuals_that_differ_little_against_their_size_is_defined() -> None:
    rng, metric = np.random.default_rng(5), find("r2")
    actual = rng.normal(900_000.0, 26.0, 2000)
    predicted = actual + rng.normal(0.0, 13.0, 2000)
    terms = metric.terms(regression([Guess(0, p, a) for p, a in zip(predicted, actual, strict=True)]))
    exact = 1.0 - ((predicted - actual) ** 2).sum() / ((actual - actual.mean()) ** 2).sum()
    assert metric.value(terms)[0] == pytest.approx(exact, abs=1e-3)


def test_rows_of_one_class_do_not_claim_to_be_certain() -> None:
    metric = find("prediction_entropy")
    terms = metric.terms(multiclass([])).copy()
    terms[:, 0] = 40.0
    assert len(CLASSES) > 1
    assert metric.value(terms)[0] == 0.0
    assert 0.02 < metric.row_error(terms)[0] < 0.3


def clustered(days: int, clusters: float) -> tuple[BinaryStatistics, BinaryStatistics]:
    rng = np.random.default_rng(6)
    window = scored(rng, lambda s: s, rng.beta(2, 3, (days, 400)), threshold=0.4)
    products = np.einsum("di,dj->dij", window.confusion, window.confusion)
    upper = products[:, *np.triu_indices(4)]
    made = np.column_stack([upper, np.full(days, clusters)])
    return window, replace(window, clusters=made)


def test_what_is_expected_knows_of_clusters() -> None:
    """Every day is one cluster of 400 rows; rows alone tell far too small an error."""
    plain, joined = clustered(5, 1.0)
    baseline = Baseline.of(plain)
    assert baseline is not None
    recall = find("recall")
    alone, together = (expected(recall, each, baseline) for each in (plain, joined))
    assert alone is not None
    assert together is not None
    whole = measured(recall, joined, 5).standard_error[0]
    assert together.row_error == pytest.approx(whole)
    _, single = clustered(1, 1.0)
    assert np.isnan(measured(recall, single, 1).standard_error).all()
    lonely = expected(recall, single, baseline)
    assert lonely is not None
    assert lonely.gap_error(0.9) is None
