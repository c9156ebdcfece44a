"""How label coverage hangs on the prediction, against pandas and simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from hindsight.domain.values import Direction
from hindsight.metrics import METRICS
from hindsight.metrics.estimate import measured
from hindsight.statistics import BinaryStatistics
from samples import Yes, bin_of, binary, some_yes, tallied

GAPS = ("coverage_gap", "score_coverage_gap", "unlabelled_range")


def frame(rows: Sequence[Yes]) -> pd.DataFrame:
    made = pd.DataFrame({"score": [r.score for r in rows], "yes": [r.predicted for r in rows]})
    made["bin"] = [bin_of(r.score) for r in rows]
    made["known"] = [r.actual is not None for r in rows]
    return made


def by_decision(rows: pd.DataFrame) -> float:
    share = rows.groupby("yes").known.mean()
    return float(share.get(1, np.nan) - share.get(0, np.nan))


def by_thirds(rows: pd.DataFrame) -> float:
    """Every row cut in three and dealt to thirds in the order of bins, those of a bin all alike."""
    if rows.empty:
        return float("nan")
    bins = rows.groupby("bin").agg(rows=("known", "size"), known=("known", "sum")).sort_index()
    many = int(bins.rows.sum())
    coverage = np.repeat((bins.known / bins.rows).to_numpy(), (bins.rows * 3).to_numpy())
    thirds = coverage.reshape(3, many).mean(axis=1)
    return float(thirds.max() - thirds.min())


def in_the_dark(rows: pd.DataFrame) -> float:
    """Bins one by one; those with fewer than 10 labels due wait for the next such, until 20 would be."""
    if not rows.known.any():
        return float("nan")
    bins = rows.groupby("bin").agg(rows=("known", "size"), known=("known", "sum")).sort_index()
    groups: dict[object, list[complex]] = {}
    passed = 0.0
    for at, (many, known) in bins.iterrows():
        due = many * rows.known.mean()
        groups.setdefault(("small", passed // 20) if due < 10 else at, []).append(many + 1j * known)
        passed += due if due < 10 else 0.0
    sums = [sum(each) for each in groups.values()]
    judged = [each for each in sums if each.real * rows.known.mean() >= 10]
    if sum(each.real for each in judged) < 0.9 * len(rows):
        return float("nan")
    dark = [each.real for each in judged if each.imag <= 0.1 * each.real * rows.known.mean()]
    return float(sum(dark) / len(rows))


ORACLES = {"coverage_gap": by_decision, "score_coverage_gap": by_thirds, "unlabelled_range": in_the_dark}


def value(name: str, statistics: BinaryStatistics) -> float:
    metric = METRICS[name]
    return float(metric.value(metric.terms(statistics))[0])


@pytest.mark.parametrize("name", GAPS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_gaps_are_those_of_the_rows_and_never_weighted(name: str, weighted: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = [replace(row, weight=float(rng.integers(1, 9))) for row in some_yes(rng, 1, 60 * 4 ** (seed % 4))]
    if seed > 3:  # no label above a half, as where the model blocks
        rows = [replace(row, actual=None) if row.score > 0.5 else row for row in rows]
    exact = ORACLES[name](frame(rows)) if rows else float("nan")
    assert value(name, binary(rows, weighted=weighted)) == pytest.approx(exact, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize(
    "name, rows, why",
    [
        ("coverage_gap", [Yes(0, 0.7, 1, 1)], "all predictions are the same decision"),
        ("score_coverage_gap", [], "there is no prediction"),
        ("unlabelled_range", [Yes(0, 0.7, 1, None)], "no prediction has a label"),
    ],
)
def test_what_cannot_be_said_is_undefined(name: str, rows: list[Yes], why: str) -> None:
    metric = METRICS[name]
    terms = metric.terms(binary(rows))
    assert np.isnan(metric.value(terms)).all()
    assert metric.why(terms) == [why]
    assert np.isnan(metric.row_error(terms)).all()


def labelled(rng: np.random.Generator, many: int, coverage: float = 0.6) -> BinaryStatistics:
    """A window with scores of all sizes, of which so many have a label whatever the score."""
    score = rng.random(many)
    actual = np.where(rng.random(many) < coverage, (rng.random(many) < score).astype(int), -1)
    return tallied(np.zeros(many, int), score, (score >= 0.5).astype(int), actual, 1)


@pytest.mark.parametrize("name", ["coverage_gap", "score_coverage_gap"])
def test_row_errors_are_those_of_many_windows(name: str) -> None:
    rng = np.random.default_rng(4)
    found = []
    for _ in range(300):
        score = rng.random(900)
        known = rng.random(900) < 0.2 + 0.6 * score
        actual = np.where(known, 1, -1)
        window = tallied(np.zeros(900, int), score, (score >= 0.5).astype(int), actual, 1)
        metric = METRICS[name]
        terms = metric.terms(window)
        found.append((metric.value(terms)[0], metric.row_error(terms)[0]))
    values, errors = np.array(found).T
    assert errors.mean() == pytest.approx(values.std(), rel=0.12)
    assert values.mean() == pytest.approx({"coverage_gap": 0.3, "score_coverage_gap": 0.4}[name], abs=0.01)


@pytest.mark.parametrize("many, chance", [(300, 0.08), (30_000, 0.008)])
def test_the_thirds_differ_by_chance_as_the_docstring_says(many: int, chance: float) -> None:
    rng = np.random.default_rng(5)
    values = [value("score_coverage_gap", labelled(rng, many)) for _ in range(60)]
    assert np.mean(values) == pytest.approx(chance, rel=0.15)


def test_scores_that_never_get_a_label_are_told_and_few_labels_for_all_are_not() -> None:
    rng = np.random.default_rng(6)
    assert [value("unlabelled_range", labelled(rng, 28_000, share)) for share in (0.9, 0.1)] == [0.0, 0.0]
    score = rng.random(28_000)
    actual = np.where((rng.random(28_000) < 0.6) & (score < 0.8), 1, -1)
    statistics = tallied(np.zeros(28_000, int), score, (score >= 0.5).astype(int), actual, 1)
    assert value("unlabelled_range", statistics) == pytest.approx(0.2, abs=0.01)
    assert value("coverage_gap", statistics) < -0.2


@pytest.mark.parametrize("many, least", [(300, 0.1), (1000, 0.16), (3000, 0.18)])
def test_a_small_window_shows_what_it_never_hears_of_or_says_that_it_cannot(many: int, least: float) -> None:
    rng = np.random.default_rng(2)
    found = []
    for _ in range(20):
        score = rng.random(many)
        actual = np.where((rng.random(many) < 0.6) & (score < 0.8), 1, -1)
        window = tallied(np.zeros(many, int), score, (score >= 0.5).astype(int), actual, 1)
        found.append(value("unlabelled_range", window))
    # What is dark beside what is not is lost where both are few.
    assert least < np.nanmean(found) < 0.22
    metric = METRICS["unlabelled_range"]
    terms = metric.terms(labelled(rng, 12))
    assert np.isnan(metric.value(terms)).all()
    assert np.isnan(metric.row_error(terms)).all()
    assert metric.why(terms) == ["too few predictions have a label to say of which scores none comes"]


def test_days_add_up_to_the_window() -> None:
    rng = np.random.default_rng(7)
    rows = [replace(row, day=i % 9) for i, row in enumerate(some_yes(rng, 1, 3000) or some_yes(rng, 1, 3000))]
    days, whole = binary(rows, 9), binary([replace(row, day=0) for row in rows])
    for name in GAPS:
        pooled = measured(METRICS[name], days, 9)
        assert pooled.value[0] == pytest.approx(value(name, whole), abs=1e-9, nan_ok=True)
        assert pooled.rows[0] == len(rows)


def test_a_breach_of_them_is_of_label_health() -> None:
    for name in GAPS:
        metric = METRICS[name]
        assert metric.of_labels
        assert metric.labelled
    assert METRICS["coverage_gap"].direction is Direction.NEITHER
