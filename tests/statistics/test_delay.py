"""The distribution of label delays, from windows that were watched for different times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import hindsight
from hindsight.statistics.base import Array, Ints
from hindsight.statistics.delay import Delays

COMES = np.array([0.3, 0.25, 0.15, 0.1, 0.05, 0.05, 0.04, 0.03, 0.02, 0.01])
"""How many labels come at each age, of all that come."""

TRUE = np.cumsum(COMES)
WATCHED: Ints = np.array([9] * 20 + [0, 1, 4, 9] * 5)


def labels(seed: int, differ: bool = False) -> Array:
    """Labels of forty windows by age, also of ages that nobody saw; days may differ in how late they are."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(60.0 * COMES, len(WATCHED)) if differ else np.tile(COMES, (len(WATCHED), 1))
    return np.array([rng.multinomial(rng.poisson(80), share) for share in shares], dtype=float)


def found(counts: Array, watched: Ints) -> Delays:
    delays = Delays.of(counts, watched)
    assert delays is not None
    return delays


def test_windows_watched_to_the_end_give_plain_shares() -> None:
    counts = labels(1)
    whole = found(counts, np.full(len(counts), 9))
    np.testing.assert_allclose(whole.share, np.cumsum(counts.sum(axis=0)) / counts.sum())
    assert whole.labels == counts.sum()


def test_what_nobody_could_have_seen_does_not_count() -> None:
    counts = labels(2)
    unseen = np.where(np.arange(10) <= WATCHED[:, None], counts, 0.0)
    np.testing.assert_array_equal(found(counts, WATCHED).share, found(unseen, WATCHED).share)


@pytest.mark.parametrize("differ", [False, True])
def test_young_windows_do_not_make_labels_look_quick(differ: bool) -> None:
    many = [labels(seed, differ) for seed in range(200)]
    shares = np.mean([found(counts, WATCHED).share for counts in many], axis=0)
    np.testing.assert_allclose(shares, TRUE, atol=0.004)
    seen = [np.where(np.arange(10) <= WATCHED[:, None], counts, 0.0).sum(axis=0) for counts in many]
    naive = np.cumsum(np.sum(seen, axis=0)) / np.sum(seen)
    assert naive[0] > TRUE[0] + 0.02


@pytest.mark.parametrize("differ", [False, True])
def test_the_error_is_the_spread_between_worlds(differ: bool) -> None:
    many = [found(labels(seed, differ), WATCHED) for seed in range(300)]
    shares, errors = np.array([each.share for each in many]), np.array([each.error for each in many])
    ratio = shares.std(axis=0)[:-1] / errors.mean(axis=0)[:-1]
    assert ((ratio > 0.85) & (ratio < 1.15)).all()
    held = (np.abs(shares - TRUE) <= 1.96 * errors + 1e-12).mean(axis=0)
    assert (held >= 0.86).all()
    assert held[:5].min() >= 0.91


def test_days_that_differ_widen_the_error() -> None:
    alike, apart = found(labels(3), WATCHED), found(labels(3, differ=True), WATCHED)
    assert (apart.error[:4] > 1.2 * alike.error[:4]).all()


def test_quantiles_have_an_interval() -> None:
    delays = found(labels(4), WATCHED)
    for share, age in ((0.5, 1), (0.9, 5)):
        at, lower, upper = delays.quantile(share)
        assert at == age
        assert lower <= at
        assert upper is None or at <= upper
    assert delays.quantile(1.0)[0] == 9


def test_without_a_label_there_is_no_distribution() -> None:
    assert Delays.of(np.zeros((3, 5)), np.array([4, 4, 2])) is None


def test_the_reach_of_an_interval_is_written_once() -> None:
    package = Path(str(hindsight.__file__)).parent
    written = [path.name for path in package.rglob("*.py") if "1.95996" in path.read_text(encoding="utf-8")]
    assert written == ["values.py"]


def test_labels_of_one_age_only_come_at_that_age() -> None:
    delays = found(np.array([[0.0, 0.0, 7.0], [0.0, 0.0, 0.0]]), np.array([2, 1]))
    np.testing.assert_array_equal(delays.share, [0.0, 0.0, 1.0])
    assert delays.quantile(0.5) == (2, 2, 2)
