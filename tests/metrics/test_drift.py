"""Drift metrics against stated formulas, and how often they speak when nothing, or something, has changed.

Rows of each bin are drawn at once, so a thousand windows of any size take a second.  The reference has 28
days of 2,000 rows, made anew a few times, for one reference is only one draw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from hindsight.domain.values import Task
from hindsight.metrics import find
from hindsight.metrics.base import Metric
from hindsight.metrics.estimate import of_windows
from hindsight.metrics.inputs.chance import chance_of
from hindsight.metrics.inputs.wasserstein import under
from hindsight.statistics.base import Array
from hindsight.statistics.cuts import CategoryCut, Cut, NumberCut, category_cut, number_cut, read_cut
from hindsight.statistics.inputs import InputLayout, InputStatistics
from samples import spec_of

GRID = stats.norm.ppf(np.linspace(0.0025, 0.9975, 200))
"""A feature of two hundred values, equally frequent."""

NUMBERS = ("psi", "jensen_shannon", "chi_square", "kolmogorov_smirnov", "wasserstein")
CATEGORIES = ("psi", "jensen_shannon", "chi_square")
REFERENCE = (28, 2000)


@dataclass(frozen=True)
class World:
    """A feature of some frequent values; each day tilts their shares by a normal number times `tilt`."""

    share: Array
    tilt: float = 0.0
    drift: float = 0.0

    def days(self, rng: np.random.Generator, days: int, rows: int) -> Array:
        """How often each value occurs: [days, values]."""
        place = np.linspace(-1.7, 1.7, len(self.share))
        away = self.drift + self.tilt * rng.standard_normal((days, 1))
        shares = self.share * np.exp(away * place)
        return rng.multinomial(rows, shares / shares.sum(axis=1, keepdims=True)).astype(float)


def number(values: Array, days: Array) -> NumberCut:
    """The cut of a number of which the days have some values so often."""
    ordered = np.repeat(values, days.sum(axis=0).astype(int))
    tiles = [part[-1] for part in np.array_split(ordered, 50) if len(part)]
    cut = number_cut([float(t) for t in tiles], float(ordered[0]))
    counts, sums = summed(cut, values, days)
    return replace(cut, counts=counts, sums=sums)


def summed(cut: NumberCut, values: Array, days: Array) -> tuple[Array, Array]:
    """What is kept of days that have some values so often."""
    place = np.searchsorted(cut.edges, values, side="right")
    z = (values - cut.centre) / cut.scale
    low, high = place == 0, place == cut.bins - 1
    weights = (np.ones_like(z), z, z * z, z * low, z * high, 1.0 * low, 1.0 * high)
    return days @ (place[:, None] == np.arange(cut.bins)), np.stack([days @ w for w in weights], axis=1)


def category(days: Array) -> CategoryCut:
    """The cut of a category of which the days have value i so often."""
    order = np.argsort(-days.sum(axis=0), kind="stable")
    cut = category_cut([str(i) for i in order if days[:, i].any()])
    return replace(cut, counts=placed(cut, days), sums=np.zeros((len(days), 7)))


def placed(cut: CategoryCut, days: Array) -> Array:
    counts = np.zeros((len(days), cut.bins))
    known = {value: i for i, value in enumerate(cut.values)}
    for i in range(days.shape[1]):
        place = known.get(str(i))
        counts[:, cut.unseen if place is None else min(place, cut.top)] += days[:, i]
    return counts


def read(cut: Cut, counts: Array, sums: Array | None = None) -> InputStatistics:
    """Statistics of days by the bins of a feature called f."""
    spec = spec_of(Task.BINARY)
    spec = replace(spec, predictions=replace(spec.predictions, features=("f",)))
    made = InputLayout(spec, {"f": ("basis", cut)}).zeros(len(counts))
    made.counts[:, 0, : cut.bins] = counts
    made.gaps[:, 0, 0] = made.rows[:, 0] = counts.sum(axis=1)
    if sums is not None:
        made.sums[:, 0] = sums
    return made


def of(name: str) -> Metric:
    return find(f"{name}(f)")


def loud(
    names: Sequence[str], world: World, now: World, rows: int, days: int, *, numeric: bool, windows: int = 200
) -> dict[str, float]:
    """In what part of windows each metric exceeds 1.645 standard errors."""
    rng = np.random.default_rng(5)
    found: dict[str, list[Array]] = {name: [] for name in names}
    for _ in range(6):
        reference = world.days(rng, *REFERENCE)
        drawn = now.days(rng, windows * days, rows // days)
        if numeric:
            cut: Cut = number(GRID, reference)
            assert isinstance(cut, NumberCut)
            statistics = read(cut, *summed(cut, GRID, drawn))
        else:
            cut = category(reference)
            assert isinstance(cut, CategoryCut)
            statistics = read(cut, placed(cut, drawn))
        for name in names:
            terms = of(name).terms(statistics)
            told = of_windows(of(name), [terms[i::days] for i in range(days)])
            found[name].append(told.value > 1.645 * told.standard_error)
    return {name: float(np.concatenate(hits).mean()) for name, hits in found.items()}


EVEN = World(np.full(200, 0.005))
ZIPF = World(1.0 / np.arange(1.0, 61.0) / (1.0 / np.arange(1.0, 61.0)).sum())


@pytest.mark.parametrize("tilt", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("rows, days", [(50, 1), (1000, 1), (100_000, 1), (350, 7), (28_000, 28)])
def test_without_drift_few_windows_exceed_their_error(tilt: float, rows: int, days: int) -> None:
    of_numbers = replace(EVEN, tilt=tilt)
    of_words = replace(ZIPF, tilt=tilt)
    told = loud(NUMBERS, of_numbers, of_numbers, rows, days, numeric=True, windows=100)
    assert max(told.values()) <= 0.065, told
    told = loud(CATEGORIES, of_words, of_words, rows, days, numeric=False, windows=100)
    assert max(told.values()) <= 0.065, told


def test_the_size_blind_index_speaks_where_nothing_has_changed() -> None:
    """What is subtracted is worth it: plain PSI exceeds the customary 0.1 in most windows of 100 rows."""
    rng = np.random.default_rng(1)
    cut = number(GRID, EVEN.days(rng, *REFERENCE))
    drawn, sums = summed(cut, GRID, EVEN.days(rng, 500, 100))
    ten = chance_of(cut).group
    p, q = (drawn @ ten + 0.5) / 105.0, chance_of(cut).share
    plain = ((p - q) * np.log(p / q)).sum(axis=1)
    assert (plain > 0.1).mean() > 0.3
    told = of("psi").value(of("psi").terms(read(cut, drawn, sums)))
    assert (told > 0.1).mean() < 0.1
    assert 0.0 <= told.mean() < 0.03


@pytest.mark.parametrize("rows, least", [(300, 0.8), (1000, 0.99)])
def test_a_real_drift_is_found(rows: int, least: float) -> None:
    """A tilt of 0.52 of the values is a PSI of 0.25."""
    p = np.exp(0.52 * np.linspace(-1.7, 1.7, 200))
    p, q = p / p.sum(), EVEN.share
    assert ((p - q) * np.log(p / q)).sum() == pytest.approx(0.25, abs=0.02)
    told = loud(NUMBERS, EVEN, replace(EVEN, drift=0.52), rows, 1, numeric=True, windows=50)
    assert min(told.values()) >= least, told
    told = loud(CATEGORIES, ZIPF, replace(ZIPF, drift=1.0), rows, 1, numeric=False, windows=50)
    assert min(told.values()) >= least, told


@pytest.mark.parametrize("tilt, near", [(0.0, 0.02), (0.2, 0.08)])
def test_the_value_is_that_of_the_shares_themselves_once_rows_are_many(tilt: float, near: float) -> None:
    """Against scipy on all values, for a drift that is much more than chance; what days differ by comes
    off.
    """
    rng = np.random.default_rng(2)
    cut = number(GRID, replace(EVEN, tilt=tilt).days(rng, 400, 20_000))
    now = replace(EVEN, drift=0.8).days(rng, 1, 3_000_000)
    statistics = read(cut, *summed(cut, GRID, now))
    p = now[0] / now.sum()
    ten = np.arange(200) // 20
    grouped = np.bincount(ten, p)

    def value(name: str) -> float:
        return float(of(name).value(of(name).terms(statistics))[0])

    assert value("psi") == pytest.approx(((grouped - 0.1) * np.log(grouped / 0.1)).sum(), rel=near)
    assert value("jensen_shannon") == pytest.approx(
        jensenshannon(grouped, np.full(10, 0.1), base=2) ** 2, rel=near
    )
    both = ((grouped - 0.1) ** 2 / (grouped + 0.1)).sum() / 2.0
    assert value("chi_square") == pytest.approx(both, rel=near)
    gap = np.abs(np.cumsum(p) - np.linspace(0.005, 1.0, 200)).max()
    assert value("kolmogorov_smirnov") == pytest.approx(gap, rel=2.0 * near)
    area = stats.wasserstein_distance(GRID, GRID, p) / cut.scale
    assert value("wasserstein") == pytest.approx(area, rel=near)


@pytest.mark.parametrize("name", NUMBERS)
def test_errors_are_the_spread_of_windows_at_most_and_shrink_with_rows(name: str) -> None:
    """With drift, where the value is about normal: no smaller than what it varies by, and not much larger."""
    rng = np.random.default_rng(3)
    cut = number(GRID, EVEN.days(rng, *REFERENCE))
    errors = []
    for rows in (400, 6400):
        statistics = read(cut, *summed(cut, GRID, replace(EVEN, drift=0.6).days(rng, 400, rows)))
        terms = of(name).terms(statistics)
        errors.append(of(name).row_error(terms).mean())
        spread = of(name).value(terms).std()
        assert 0.9 * spread < errors[-1] < 2.5 * spread
    # The reference's days, of 2,000 rows, cannot rule out that days differ a little.
    assert 1.8 < errors[0] / errors[1] < 4.0


@pytest.mark.parametrize("name", [*NUMBERS, "mean_shift"])
def test_pooling_days_is_pooling_rows(name: str) -> None:
    rng = np.random.default_rng(4)
    cut = number(GRID, EVEN.days(rng, *REFERENCE))
    drawn = replace(EVEN, drift=0.4).days(rng, 7, 300)
    terms = of(name).terms(read(cut, *summed(cut, GRID, drawn)))
    whole = of(name).terms(read(cut, *summed(cut, GRID, drawn.sum(axis=0, keepdims=True))))
    # A day is what rows of one day have in common, so only the value of independent rows is the same.
    chance = chance_of(cut)
    if chance.first == 0.0 and not chance.day.any():
        np.testing.assert_allclose(of(name).value(terms.sum(axis=0)[None]), of(name).value(whole), rtol=1e-9)
    alone = of(name).value(terms.sum(axis=0)[None])[0]
    assert alone == pytest.approx(of(name).value(whole)[0], abs=0.05)


def test_values_that_nobody_had_seen_are_drift() -> None:
    """A constant that becomes another one; and a category of which nothing is left."""
    constant = number(np.array([7.0]), np.full((28, 1), 100.0))
    assert constant.bins == 3
    for name in NUMBERS:
        moved = read(constant, *summed(constant, np.array([9.0]), np.array([[500.0]])))
        same = read(constant, *summed(constant, np.array([7.0]), np.array([[500.0]])))
        (value,), (error,) = (
            read_of(of(name).terms(moved)) for read_of in (of(name).value, of(name).row_error)
        )
        assert value > 0.5, name
        assert value > 1.645 * error, name
        np.testing.assert_array_equal(of(name).value(of(name).terms(same)), 0.0)
    word = category(np.full((28, 1), 100.0))
    moved = read(word, placed(word, np.array([[0.0, 500.0]])))
    assert of("chi_square").value(of("chi_square").terms(moved))[0] == pytest.approx(1.0, abs=0.02)
    assert of("jensen_shannon").value(of("jensen_shannon").terms(moved))[0] == pytest.approx(1.0, abs=0.02)
    assert of("unseen_share").value(of("unseen_share").terms(moved)).tolist() == [1.0]


@given(st.lists(st.floats(-1.0, 1.0), min_size=2, max_size=8))
def test_the_area_between_two_lines(gaps: list[float]) -> None:
    gap = np.array([gaps])
    fine = np.interp(np.linspace(0.0, len(gaps) - 1.0, 2001), np.arange(len(gaps)), gap[0])
    expected = np.trapezoid(np.abs(fine), dx=(len(gaps) - 1.0) / 2000.0)
    assert under(gap).sum() == pytest.approx(expected, abs=2e-3)


def test_the_spread_of_days_is_recovered_from_the_reference() -> None:
    """Days that are Dirichlet: U is then the identity, but for one direction, over the concentration + 1."""
    rng = np.random.default_rng(6)
    share, concentration, groups = np.full(10, 0.1), 199.0, 10
    days = np.stack([rng.multinomial(3000, rng.dirichlet(share * concentration)) for _ in range(400)])
    found = chance_of(category(days.astype(float)))
    assert found.first == pytest.approx((groups - 1) / 200.0, rel=0.1)
    assert found.second == pytest.approx((groups - 1) / 200.0**2, rel=0.2)
    independent = chance_of(category(rng.multinomial(3000, share, 400).astype(float)))
    assert independent.first < 0.05 * found.first


def test_one_day_of_reference_says_nothing_of_days() -> None:
    cut = number(GRID, EVEN.days(np.random.default_rng(7), 1, 5000))
    found = chance_of(cut)
    assert (found.first, found.second) == (0.0, 0.0)
    assert not found.day.any()
    told = of("psi").value(of("psi").terms(read(cut, cut.counts, cut.sums)))
    assert told.tolist() == [0.0]


@pytest.mark.parametrize("name", NUMBERS)
def test_a_reference_of_less_than_a_week_gives_a_value_without_an_error(name: str) -> None:
    """What days differ by is not known then, so nothing may be judged: one day would be wrong every third
    time.
    """
    rng = np.random.default_rng(9)
    world = replace(EVEN, tilt=0.3)
    for days, known in ((1, False), (6, False), (7, True)):
        cut = number(GRID, world.days(rng, days, 2000))
        terms = of(name).terms(read(cut, *summed(cut, GRID, world.days(rng, 20, 2000))))
        assert np.isfinite(of(name).value(terms)).all()
        assert (np.isfinite(of(name).row_error(terms)) == known).all(), days


def flags(*shares: float) -> Array:
    """Days of a thousand rows of which so many are 1."""
    return np.array([[1000.0 * (1.0 - share), 1000.0 * share] for share in shares])


def test_heavy_values_have_bins_of_their_own() -> None:
    """A flag that goes from 70 % to 30 %: the area is .40 of its range, and nine tenths do not exceed 1."""
    values = np.array([0.0, 1.0])
    cut = number(values, flags(*[0.7] * 28))
    statistics = read(cut, *summed(cut, values, flags(0.3)))
    for name, told in {"wasserstein": 0.4, "feature_p90": 1.0, "kolmogorov_smirnov": 0.4}.items():
        found = of(name).value(of(name).terms(statistics))[0]
        assert found == pytest.approx(told, abs=0.005), name
    whole = np.arange(6.0)
    cut = number(whole, np.full((28, 6), 100.0))
    assert (cut.counts > 0).sum(axis=1).tolist() == [6] * 28
    assert set(np.searchsorted(cut.edges, whole + 0.5, side="right")).isdisjoint(
        np.searchsorted(cut.edges, whole, side="right")
    )


def test_without_drift_few_windows_of_a_flag_exceed_their_error() -> None:
    """Few different values: the gap's square is less than that of continuous ones."""
    rng, values = np.random.default_rng(10), np.array([0.0, 1.0])
    loudest = dict.fromkeys(NUMBERS, 0.0)
    means = []
    for _ in range(6):
        cut = number(values, flags(*(rng.binomial(1000, 0.7, 28) / 1000.0)))
        statistics = read(cut, *summed(cut, values, flags(*(rng.binomial(1000, 0.7, 400) / 1000.0))))
        for name in NUMBERS:
            terms = of(name).terms(statistics)
            hits = of(name).value(terms) > 1.645 * of(name).row_error(terms)
            loudest[name] += hits.mean() / 6.0
        means.append((of("kolmogorov_smirnov").value(of("kolmogorov_smirnov").terms(statistics)) > 0).mean())
    assert max(loudest.values()) <= 0.065, loudest
    assert np.mean(means) > 0.2, "what chance gives of a flag is not overrated"


BAD: list[tuple[Callable[[InputStatistics], None], str]] = [
    (lambda s: s.gaps.__setitem__((0, 0), [5, 0, 0, 5]), "a day of the window has no bins"),
    (lambda s: s.gaps.__setitem__((0, 0), [5, 5, 0, 0]), "the feature has no value in the window"),
]


@pytest.mark.parametrize("change, reason", BAD)
@pytest.mark.parametrize("name", [*NUMBERS, "mean_shift", "feature_mean", "feature_p90", "feature_spread"])
def test_a_window_without_usable_values_has_a_reason(
    name: str, change: Callable[[InputStatistics], None], reason: str
) -> None:
    cut = number(GRID, EVEN.days(np.random.default_rng(8), *REFERENCE))
    statistics = read(cut, np.zeros((1, cut.bins)))
    change(statistics)
    terms = of(name).terms(statistics)
    assert np.isnan(of(name).value(terms)).all()
    assert np.isnan(of(name).row_error(terms)).all()
    assert of(name).why(terms)[0].startswith(reason)


def test_metrics_of_numbers_are_undefined_for_categories_and_the_other_way_round() -> None:
    word = category(np.full((3, 4), 10.0))
    terms = of("wasserstein").terms(read(word, placed(word, np.full((1, 4), 5.0))))
    assert of("wasserstein").why(terms) == ["the feature is of another kind than this metric is for"]
    assert np.isnan(of("wasserstein").value(terms)).all()
    cut = number(GRID, EVEN.days(np.random.default_rng(8), *REFERENCE))
    terms = of("unseen_share").terms(read(cut, *summed(cut, GRID, np.full((1, 200), 1.0))))
    assert of("unseen_share").why(terms) == ["the feature is of another kind than this metric is for"]


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50),
    st.integers(1, 5),
)
def test_every_cut_is_read_as_it_was_written(values: list[float], days: int) -> None:
    cut = number_cut(values, min(values))
    assert list(cut.edges) == sorted(set(cut.edges))
    assert cut.scale > 0
    rng = np.random.default_rng(days)
    counts = rng.integers(0, 9, (days, cut.bins)).astype(float)
    cut = replace(cut, counts=counts, sums=rng.standard_normal((days, 7)))
    again = read_cut(cut.written())
    assert isinstance(again, NumberCut)
    assert (again.edges, again.centre, again.scale) == (cut.edges, cut.centre, cut.scale)
    np.testing.assert_array_equal(again.counts, cut.counts)
    np.testing.assert_array_equal(again.sums, cut.sums)
    assert again.written() == cut.written()
    # Every value of the reference is in a bin of its own span, never in the outermost ones.
    inside = np.searchsorted(cut.edges, values, side="right")
    largest = max(values) < 1.7e308
    assert (inside >= 1).all()
    assert (inside <= cut.bins - 2).all() or not largest
