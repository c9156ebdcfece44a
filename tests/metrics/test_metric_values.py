"""Every metric of a binary model against scikit-learn, scipy, or its formula over the rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as oracle

from hindsight.domain.values import Direction, Task
from hindsight.metrics import METRICS, find
from hindsight.metrics.base import Argument
from hindsight.metrics.binary.curves import EDGES, harmonic
from hindsight.metrics.estimate import estimate
from hindsight.statistics import BinaryStatistics
from samples import Yes, bin_of, binary, held, some_yes, tallied

CLOSE: dict[str, Any] = {"rel": 1e-7, "abs": 2e-8}
"""Sums are held in billionths."""

NAN = math.nan


@dataclass(frozen=True)
class Rows:
    """Labelled rows as arrays, and the scores and decisions of all rows."""

    actual: Any
    predicted: Any
    score: Any
    all_scores: Any
    all_predicted: Any

    @classmethod
    def of(cls, rows: Sequence[Yes]) -> Rows:
        known = [row for row in rows if row.actual is not None]
        return cls(
            np.array([row.actual for row in known], dtype=int),
            np.array([row.predicted for row in known], dtype=int),
            np.array([row.score for row in known], dtype=float),
            np.array([row.score for row in rows], dtype=float),
            np.array([row.predicted for row in rows], dtype=int),
        )


def log_loss(rows: Rows) -> float:
    to_truth = np.where(rows.actual == 1, rows.score, 1.0 - rows.score)
    return float(-np.log(np.clip(to_truth, 1e-15, 1 - 1e-15)).mean())


def calibration_error(rows: Rows) -> float:
    """By groups of the score's first decimal, as the frozen bins round it."""
    group = np.array(
        [np.searchsorted(EDGES[59:149:10] - 1e-9, EDGES[bin_of(s)], "right") for s in rows.score]
    )
    gaps = [abs((rows.actual - rows.score)[group == g].sum()) for g in range(10)]
    return float(sum(gaps) / len(rows.actual))


def lift(rows: Rows, share: float) -> float:
    """Of bins: rows in order of bins from the top, and those of the bin of the cut in proportion."""
    left, found = share * len(rows.actual), 0.0
    bins = np.array([bin_of(score) for score in rows.score])
    for cell in sorted(set(bins.tolist()), reverse=True):
        inside = rows.actual[bins == cell]
        taken = min(left, len(inside))
        found += inside.sum() * taken / len(inside)
        left -= taken
    return float(found / (share * rows.actual.sum()))


def largest_distance(one: Any, other: Any) -> float:
    """As scipy does it, save that it warns of its p-value for a single row."""
    if min(len(one), len(other)) > 1:
        return float(stats.ks_2samp(one, other, method="asymp").statistic)
    return max(abs(float((one <= at).mean() - (other <= at).mean())) for at in [*one, *other])


def cost(rows: Rows, **prices: float) -> float:
    names = {(1, 1): "tp", (1, 0): "fp", (0, 1): "fn", (0, 0): "tn"}
    pairs = zip(rows.predicted.tolist(), rows.actual.tolist(), strict=True)
    return float(np.mean([prices.get(names[pair], 0.0) for pair in pairs]))


OF_LABELS: dict[str, Callable[[Rows], float]] = {
    "accuracy": lambda r: oracle.accuracy_score(r.actual, r.predicted),
    "balanced_accuracy": lambda r: oracle.balanced_accuracy_score(r.actual, r.predicted),
    "brier": lambda r: oracle.brier_score_loss(r.actual, r.score, pos_label=1),
    "brier_skill": lambda r: 1 - np.mean((r.score - r.actual) ** 2) / np.var(r.actual),
    "calibration_error": calibration_error,
    "calibration_ratio": lambda r: float(r.score.sum() / r.actual.sum()),
    "cost": lambda r: oracle.zero_one_loss(r.actual, r.predicted),
    "cost(fp=1 fn=5)": lambda r: cost(r, fp=1, fn=5),
    "cost(tp=-2 tn=0.5 fn=1e3)": lambda r: cost(r, tp=-2, tn=0.5, fn=1e3),
    "f1": lambda r: oracle.f1_score(r.actual, r.predicted, zero_division=NAN),
    "f_beta": lambda r: oracle.fbeta_score(r.actual, r.predicted, beta=2, zero_division=NAN),
    "f_beta(0.5)": lambda r: oracle.fbeta_score(r.actual, r.predicted, beta=0.5, zero_division=NAN),
    "lift": lambda r: lift(r, 0.1),
    "lift(0.25)": lambda r: lift(r, 0.25),
    "lift(1)": lambda r: 1.0,
    "log_loss": log_loss,
    "mcc": lambda r: oracle.matthews_corrcoef(r.actual, r.predicted),
    "positive_rate": lambda r: float(np.mean(r.actual)),
    "precision": lambda r: oracle.precision_score(r.actual, r.predicted, zero_division=NAN),
    "recall": lambda r: oracle.recall_score(r.actual, r.predicted, zero_division=NAN),
    "specificity": lambda r: oracle.recall_score(r.actual, r.predicted, pos_label=0, zero_division=NAN),
    "value": lambda r: cost(r, tp=1, fp=-1),
    "value(tp=20 fp=-1)": lambda r: cost(r, tp=20, fp=-1),
}
OF_ALL_ROWS: dict[str, Callable[[Rows], float]] = {
    "confidence": lambda r: float(np.maximum(r.all_scores, 1 - r.all_scores).mean()),
    "decision_entropy": lambda r: stats.entropy(np.bincount(r.all_predicted, minlength=2)),
    "mean_score": lambda r: float(r.all_scores.mean()),
    "predicted_positive_rate": lambda r: float(r.all_predicted.mean()),
}
BOUNDED: dict[str, Callable[[Rows], float]] = {
    "average_precision": lambda r: oracle.average_precision_score(r.actual, r.score),
    "ks": lambda r: largest_distance(r.score[r.actual == 1], r.score[r.actual == 0]),
    "roc_auc": lambda r: oracle.roc_auc_score(r.actual, r.score),
}
"""Metrics that are read from bins of scores: off by no more than their bound."""

QUANTILES = {"score_quantile": 0.5, "score_quantile(0.05)": 0.05, "score_quantile(0.99)": 0.99}


def test_every_metric_is_held_against_something() -> None:
    checked = {name.partition("(")[0] for name in (*OF_LABELS, *OF_ALL_ROWS, *BOUNDED, *QUANTILES)}
    own = {metric.name for metric in held(Task.BINARY)}
    of_labels = {"coverage_gap", "score_coverage_gap", "unlabelled_range"}  # see test_label_coverage
    assert checked | of_labels | {"coverage", "volume", "score_spread"} == own


def value(name: str, statistics: BinaryStatistics) -> float:
    metric = find(name)
    return float(metric.value(metric.terms(statistics))[0])


def bound(name: str, statistics: BinaryStatistics) -> float:
    metric = find(name)
    found = metric.bound(metric.terms(statistics))
    assert found is not None
    return float(found[0])


def undefined(name: str, rows: Rows) -> bool:
    """Whether there is nothing to divide by."""
    name = name.partition("(")[0]
    one_class, no_positive = len(set(rows.actual.tolist())) < 2, not np.any(rows.actual == 1)
    no_yes = not np.any(rows.predicted == 1)
    return {
        "average_precision": no_positive,
        "balanced_accuracy": one_class,
        "brier_skill": one_class,
        "calibration_ratio": no_positive,
        "f1": no_positive and no_yes,
        "f_beta": no_positive and no_yes,
        "ks": one_class,
        "lift": no_positive,
        "mcc": one_class or len(set(rows.predicted.tolist())) < 2,
        "precision": no_yes,
        "recall": no_positive,
        "roc_auc": one_class,
        "specificity": not np.any(rows.actual == 0),
    }.get(name, len(rows.actual) == 0)


edges = st.sampled_from([0.0, 1.0, 0.5, 0.01, 0.99, 1e-8, 1e-9, 1 - 1e-9, 3e-4, 3.1e-4, 0.3, 0.7])
scores = st.one_of(edges, st.floats(0, 1), st.floats(0, 1e-3), st.floats(0.4, 0.42))
rows_of = st.lists(
    st.builds(Yes, st.just(0), scores, st.integers(0, 1), st.sampled_from([None, 0, 1])), max_size=40
)


def check(given_rows: Sequence[Yes]) -> None:
    statistics, rows = binary(given_rows), Rows.of(given_rows)
    for name, of_rows in OF_LABELS.items():
        found = value(name, statistics)
        if undefined(name, rows):
            assert math.isnan(found), name
        else:
            size = {"brier_skill": 1 / max(float(np.var(rows.actual)), 1e-9)}.get(name, 1.0)
            assert found == pytest.approx(of_rows(rows), rel=1e-7, abs=2e-8 * size), name
    for name, of_rows in BOUNDED.items():
        found = value(name, statistics)
        if undefined(name, rows):
            assert math.isnan(found), name
            assert math.isnan(bound(name, statistics)), name
        else:
            assert abs(found - of_rows(rows)) <= bound(name, statistics) + 1e-9, name
    if not undefined("roc_auc", rows):
        binned = oracle.roc_auc_score(rows.actual, [bin_of(score) for score in rows.score])
        assert value("roc_auc", statistics) == pytest.approx(binned, abs=1e-12)
    assert value("volume", statistics) == len(given_rows)
    if not given_rows:
        for name in ("coverage", "score_spread", *OF_ALL_ROWS, *QUANTILES):
            assert math.isnan(value(name, statistics)), name
        return
    assert value("coverage", statistics) == len(rows.actual) / len(given_rows)
    assert value("score_spread", statistics) == pytest.approx(np.std(rows.all_scores), abs=4e-5)
    for name, of_rows in OF_ALL_ROWS.items():
        assert value(name, statistics) == pytest.approx(of_rows(rows), **CLOSE), name
    assert bound("confidence", statistics) == 0.0
    for name, share in QUANTILES.items():
        exact = np.quantile(rows.all_scores, share, method="inverted_cdf")
        assert abs(value(name, statistics) - exact) <= bound(name, statistics) + 1e-12, name
        assert bound(name, statistics) <= 0.01 + 1e-12


@settings(max_examples=80, deadline=None)
@given(rows_of)
@example([])
@example([Yes(0, 0.5, 1, None)])
@example([Yes(0, 0.0, 0, 1), Yes(0, 1.0, 1, 0)])
@example([Yes(0, 0.3, 0, 0)] * 3)
@example([Yes(0, 0.3, 0, 1)] * 3)
@example([Yes(0, 1e-12, 0, 1)])
@example([Yes(0, s / 9, s % 2, s % 2) for s in range(10)])
def test_metrics_of_a_binary_model_are_those_of_its_rows(rows: list[Yes]) -> None:
    check(rows)


@pytest.mark.parametrize("seed", [5, 6])
def test_metrics_of_many_rows_are_those_of_the_rows(seed: int) -> None:
    check(some_yes(np.random.default_rng(seed), 1, 6000) or some_yes(np.random.default_rng(1), 1, 6000))


def fraud(seed: int, rows: int = 20_000) -> tuple[Any, Any]:
    """Scores with their mass near 3e-4 of what happens in 0.2 % of rows, and the outcomes."""
    rng = np.random.default_rng(seed)
    score = np.minimum(3e-4 * rng.lognormal(0, 1.5, rows), 1.0)
    return score, (rng.random(rows) < np.minimum(2.3 * score, 1)).astype(int)


@pytest.mark.parametrize("seed", range(5))
def test_ranks_of_fraud_like_scores_are_exact_to_a_thousandth(seed: int) -> None:
    score, actual = fraud(seed, 200_000)
    assert 0.0015 < actual.mean() < 0.0025
    assert 2.5e-4 < np.median(score) < 3.5e-4
    statistics = tallied(np.zeros(len(score), int), score, np.zeros(len(score), int), actual, 1)
    rows = Rows(actual, None, score, score, None)
    exact = {name: of_rows(rows) for name, of_rows in BOUNDED.items()}
    assert 0.7 < exact["roc_auc"] < 0.95
    assert abs(value("roc_auc", statistics) - exact["roc_auc"]) < 1e-3
    assert abs(value("average_precision", statistics) - exact["average_precision"]) < 4e-3
    assert abs(value("ks", statistics) - exact["ks"]) < 2e-2
    for name in exact:
        assert abs(value(name, statistics) - exact[name]) <= bound(name, statistics)
    assert bound("roc_auc", statistics) < 0.05
    median = value("score_quantile", statistics)
    assert abs(median - np.median(score)) <= bound("score_quantile", statistics) < 1e-4


def test_scores_in_bins_of_their_own_leave_no_doubt() -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        picked = rng.choice(np.arange(60, 140), 30, replace=False)
        score = 0.5 * (EDGES[picked] + EDGES[picked + 1])
        actual = rng.permutation(np.arange(30) % 3 == 0).astype(int)
        statistics = tallied(np.zeros(30, int), score, (score > 0.5).astype(int), actual, 1)
        rows = Rows(actual, None, score, score, None)
        for name, of_rows in BOUNDED.items():
            assert bound(name, statistics) == pytest.approx(0.0, abs=1e-9)
            assert value(name, statistics) == pytest.approx(of_rows(rows), abs=1e-9)


SHAPES = [(2, 1), (1, 2), (3, 2), (2, 3), (0, 3), (3, 0)]


@pytest.mark.parametrize("shape", SHAPES, ids=[f"{p} of {p + n}" for p, n in SHAPES])
@pytest.mark.parametrize("above", [(0, 0), (1, 2), (3, 1)])
def test_average_precision_is_the_mean_over_the_orders_in_a_bin_and_bounded_by_all(
    shape: tuple[int, int], above: tuple[int, int]
) -> None:
    (positive, negative), (before, wrong) = shape, above
    outcomes = [1] * positive + [0] * negative
    top = [(0.62 + 0.02 * i, y) for i, y in enumerate([1] * before + [0] * wrong)] + [(0.2, 1)]
    inside = [Yes(0, 0.505, 1, y) for y in outcomes]
    statistics = binary([*inside, *(Yes(0, score, 1, y) for score, y in top)])
    found, doubt = value("average_precision", statistics), bound("average_precision", statistics)

    def exact(order: Sequence[int], score: Sequence[float]) -> float:
        actual, given_score = [*order, *(y for _, y in top)], [*score, *(s for s, _ in top)]
        return float(oracle.average_precision_score(actual, given_score))

    orders = sorted(set(permutations(outcomes)))
    apart = [exact(order, np.linspace(0.509, 0.501, len(order)).tolist()) for order in orders]
    assert found == pytest.approx(np.mean(apart), abs=1e-9)
    ties = product([0.501, 0.503, 0.507][: 7 - len(outcomes)], repeat=len(outcomes))
    every = [exact(outcomes, score) for score in ties] + apart
    assert max(every) - found <= doubt + 1e-9
    assert found - min(every) <= doubt + 1e-9
    assert doubt == pytest.approx(max(max(every) - found, found - min(every)), abs=1e-9)


weights = st.sampled_from([0.25, 0.5, 1.0, 3.0, 10.0])
weighted_rows = st.lists(
    st.builds(Yes, st.just(0), scores, st.integers(0, 1), st.sampled_from([None, 0, 1]), weights),
    min_size=1,
    max_size=25,
)
WEIGHTED: dict[str, Callable[[Any, Any, Any, Any], float]] = {
    "accuracy": lambda y, d, s, w: oracle.accuracy_score(y, d, sample_weight=w),
    "brier": lambda y, d, s, w: oracle.brier_score_loss(y, s, sample_weight=w, pos_label=1),
    "f_beta": lambda y, d, s, w: oracle.fbeta_score(y, d, beta=2, sample_weight=w, zero_division=NAN),
    "mcc": lambda y, d, s, w: oracle.matthews_corrcoef(y, d, sample_weight=w),
    "calibration_ratio": lambda y, d, s, w: float((s * w).sum() / (y * w).sum()),
    "recall": lambda y, d, s, w: oracle.recall_score(y, d, sample_weight=w, zero_division=NAN),
}
WEIGHTED_BOUNDED: dict[str, Callable[[Any, Any, Any], float]] = {
    "average_precision": lambda y, s, w: oracle.average_precision_score(y, s, sample_weight=w),
    "roc_auc": lambda y, s, w: oracle.roc_auc_score(y, s, sample_weight=w),
}


@settings(max_examples=80, deadline=None)
@given(weighted_rows)
def test_metrics_of_weighted_labels_are_scikit_learns(given_rows: list[Yes]) -> None:
    statistics, rows = binary(given_rows, weighted=True), Rows.of(given_rows)
    weight = np.array([row.weight for row in given_rows if row.actual is not None])
    for name, of_rows in WEIGHTED.items():
        if undefined(name, rows):
            assert math.isnan(value(name, statistics)), name
        else:
            exact = of_rows(rows.actual, rows.predicted, rows.score, weight)
            assert value(name, statistics) == pytest.approx(exact, rel=1e-6, abs=2e-7), name
    for name, of_weights in WEIGHTED_BOUNDED.items():
        if not undefined(name, rows):
            doubt = abs(value(name, statistics) - of_weights(rows.actual, rows.score, weight))
            assert doubt <= bound(name, statistics) + 1e-8, name
    for name in ("mean_score", "predicted_positive_rate", "decision_entropy"):
        assert value(name, statistics) == pytest.approx(OF_ALL_ROWS[name](rows), **CLOSE), name
    doubt = abs(value("confidence", statistics) - OF_ALL_ROWS["confidence"](rows))
    assert doubt <= bound("confidence", statistics) + 1e-8


def test_f_beta_of_one_is_f1_with_its_error() -> None:
    statistics = binary(some_yes(np.random.default_rng(4), 1, 300))
    one, other = find("f_beta(1)"), METRICS["f1"]
    assert one.value(one.terms(statistics)) == pytest.approx(other.value(other.terms(statistics)))
    assert one.row_error(one.terms(statistics)) == pytest.approx(other.row_error(other.terms(statistics)))


@pytest.mark.parametrize("start", [0.0, 1.0, 2.5, 40.0, 1e6])
@pytest.mark.parametrize("number", [1.0, 3.0, 100.0])
def test_harmonic_numbers_are_the_sums(start: float, number: float) -> None:
    exact = sum(1.0 / (start + i) for i in range(1, int(number) + 1))
    low, high = harmonic(np.array([start, start + number]))
    assert high - low == pytest.approx(exact, abs=2e-10)


BAD = [
    ("lift(0)", "lift takes a share between 0 and 1, not '0'"),
    ("lift(x)", "lift takes a share between 0 and 1, not 'x'"),
    ("lift(nan)", "lift takes a share between 0 and 1, not 'nan'"),
    ("score_quantile(1)", "score_quantile takes a share between 0 and 1, not '1'"),
    ("f_beta(-1)", "f_beta takes a number above 0, not '-1'"),
    ("f_beta(1e9)", "f_beta takes a number above 0, not '1e9'"),
    ("cost(fp)", "cost takes prices such as 'fp=1 fn=5', not 'fp'"),
    ("cost()", "cost takes prices such as 'fp=1 fn=5', not ''"),
    ("cost(fp=1 fp=2)", "cost takes prices such as 'fp=1 fn=5', not 'fp=1 fp=2'"),
    ("cost(fp=0)", "cost takes prices such as 'fp=1 fn=5', not 'fp=0'"),
    ("cost(pf=1)", "cost takes prices such as 'fp=1 fn=5', not 'pf=1'"),
    ("value(tp=inf)", "value takes prices such as 'fp=1 fn=5', not 'tp=inf'"),
    ("recall(7)", "the metric 'recall' takes no argument"),
]


@pytest.mark.parametrize("name, sentence", BAD, ids=[name for name, _ in BAD])
def test_an_argument_that_makes_no_sense_is_refused_in_words(name: str, sentence: str) -> None:
    with pytest.raises(ValueError, match="^" + sentence.replace("(", r"\(").replace(")", r"\)")):
        find(name)


def test_an_argument_is_in_the_name_and_leaves_the_bare_metric_as_it_was() -> None:
    assert find("cost( fn=5   fp=1 )").name == "cost(fn=5 fp=1)"
    assert find("lift( 0.25 )").name == "lift(0.25)"
    assert find("lift").name == METRICS["lift"].name == "lift"
    assert find("value").direction is Direction.HIGHER
    assert find("cost").direction is Direction.LOWER
    assert METRICS["cost"].argument is Argument.TEXT


def test_mcc_says_which_of_its_ways_of_being_undefined_it_is() -> None:
    metric = METRICS["mcc"]
    one_class = binary([Yes(0, 0.7, 1, 1), Yes(0, 0.2, 0, 1)])
    one_answer = binary([Yes(0, 0.7, 1, 1), Yes(0, 0.6, 1, 0)])
    terms = np.concatenate([metric.terms(one_class), metric.terms(one_answer)])
    assert np.isnan(metric.value(terms)).all()
    assert metric.why(terms) == [
        "the labelled rows are all of one class",
        "all labelled rows got the same decision",
    ]


def test_the_bound_of_a_pooled_window_is_that_of_its_rows() -> None:
    rows = [replace(row, day=i % 9) for i, row in enumerate(some_yes(np.random.default_rng(9), 1, 900))]
    days = binary(rows, 9)
    for name in BOUNDED:
        metric = METRICS[name]
        pooled = estimate(metric, metric.terms(days), 9, days.rows)
        assert pooled.bound is not None
        assert pooled.bound[0] == pytest.approx(bound(name, days.pooled()), abs=1e-12)
        assert abs(pooled.value[0] - BOUNDED[name](Rows.of(rows))) <= pooled.bound[0] + 1e-9
