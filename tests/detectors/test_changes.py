"""The division of a series into levels: the best there is, as others and exhaustion find it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pytest
import ruptures

from hindsight.detectors.methods.changes import changes, overdispersion


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("least", [1, 3, 7])
def test_with_equal_weights_it_is_what_ruptures_finds(seed: int, least: int) -> None:
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, 1.5, 4).repeat([15, 20, 9, 16])
    values = steps + rng.standard_normal(60)
    found = changes(values, np.ones(60), least=least, penalty=7.0)
    pelt = ruptures.Pelt(model="l2", min_size=least, jump=1).fit(values)
    assert found == pelt.predict(pen=7.0)[:-1]
    if found:
        optimal = ruptures.Dynp(model="l2", min_size=least, jump=1).fit(values)
        assert found == optimal.predict(n_bkps=len(found))[:-1]


def test_one_clear_step_is_where_binary_segmentation_puts_it() -> None:
    values = np.repeat([0.0, 3.0], [23, 17]) + np.random.default_rng(1).standard_normal(40)
    split = ruptures.Binseg(model="l2", min_size=3, jump=1).fit(values).predict(n_bkps=1)[:-1]
    assert changes(values, np.ones(40)) == split == [23]


def divisions(n: int, least: int) -> Iterator[list[int]]:
    for count in range(n // least):
        for begins in combinations(range(1, n), count):
            edges = [0, *begins, n]
            if min(np.diff(edges)) >= least:
                yield list(begins)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("least", [1, 2, 3])
def test_with_unequal_weights_it_is_the_cheapest_of_all_divisions(seed: int, least: int) -> None:
    rng = np.random.default_rng(seed)
    n, penalty = 10, 3.0
    errors = rng.uniform(0.3, 2.0, n)
    values = rng.normal(0, 2, 3).repeat([3, 4, 3]) + errors * rng.standard_normal(n)

    def cost(begins: list[int]) -> float:
        total = penalty * len(begins)
        for part in np.split(np.arange(n), begins):
            mean = np.average(values[part], weights=1 / errors[part] ** 2)
            total += float((((values[part] - mean) / errors[part]) ** 2).sum())
        return total

    assert changes(values, errors, least=least, penalty=penalty) == min(divisions(n, least), key=cost)


@pytest.mark.parametrize("scatter", [1.0, 6.0], ids=["rows alone", "days that differ"])
def test_noise_has_few_changes(scatter: float) -> None:
    rng = np.random.default_rng(4)
    found = [
        bool(changes(0.9 + 0.01 * scatter * rng.standard_normal(90), np.full(90, 0.01))) for _ in range(300)
    ]
    assert np.mean(found) <= 0.05


def test_overdispersion_is_of_neighbours_not_of_levels() -> None:
    rng = np.random.default_rng(5)
    values = np.repeat([0.0, 50.0], 200) + 2.0 * rng.standard_normal(400)
    assert overdispersion(values, np.ones(400)) == pytest.approx(4.0, rel=0.2)


def test_a_single_bad_day_is_no_change() -> None:
    values = np.full(40, 0.9) + 0.001 * (-1) ** np.arange(40)
    values[20] = 0.3
    assert 20 not in changes(values, np.full(40, 0.01), least=3) or 21 not in changes(
        values, np.full(40, 0.01)
    )
    assert changes(np.delete(values, 20), np.full(39, 0.01)) == []


def test_uncertain_days_do_not_make_a_level() -> None:
    values = np.repeat([0.9, 0.5, 0.9], [20, 4, 20]) + 0.004 * (-1) ** np.arange(44)
    sure = np.full(44, 0.01)
    doubtful = np.where((np.arange(44) >= 20) & (np.arange(44) < 24), 0.5, 0.01)
    assert changes(values, sure) == [20, 24]
    assert changes(values, doubtful) == []


def test_units_do_not_matter() -> None:
    values = np.repeat([0.9, 0.86], 20) + 0.01 * np.random.default_rng(6).standard_normal(40)
    errors = np.full(40, 0.01)
    assert changes(values, errors) == changes(1e9 * values, 1e9 * errors) == changes(values - 5e3, errors)


@pytest.mark.parametrize(
    "values",
    [
        [],
        [0.5],
        [0.5, 0.5],
        [0.5] * 30,
        [float("nan")] * 20,
        [float("inf")] * 20,
        [1e308, -1e308] * 10,
        [1e-320] * 10 + [0.0] * 10,
    ],
)
@pytest.mark.parametrize("error", [0.0, 1.0, float("nan"), float("inf"), 1e-300])
def test_odd_series_give_an_answer(values: list[float], error: float) -> None:
    found = changes(np.array(values), np.full(len(values), error))
    assert all(0 < index < len(values) for index in found)


def test_gaps_keep_their_places() -> None:
    values = np.repeat([0.9, 0.5], 20) + 0.004 * (-1) ** np.arange(40)
    values[[3, 19, 25]] = np.nan
    assert changes(values, np.full(40, 0.01)) == [20]


def test_without_any_error_the_scatter_alone_says_what_a_change_is() -> None:
    rng = np.random.default_rng(7)
    values = np.repeat([10.0, 14.0], 30) + rng.standard_normal(60)
    assert changes(values, np.zeros(60)) == [30]
    assert changes(values[:30], np.zeros(30)) == []
