"""Whether a proxy still follows the truth, and the correlations behind it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import signal, stats

from detectors.log_worlds import link_of, linked, of_days
from hindsight.detectors import Point, Series
from hindsight.detectors.methods.correlation import effective, kendall, link, ranks, spearman
from hindsight.detectors.proxy_link import ProxyLink
from hindsight.domain.values import Horizon, IncidentClass, Severity, Span, Verdict
from worlds import monitor

BREACH, CLEAR, INSUFFICIENT = Verdict.BREACH, Verdict.CLEAR, Verdict.INSUFFICIENT


@pytest.mark.parametrize(
    "now, before, verdict",
    [
        (0.8, 0.8, CLEAR),
        (0.95, 0.8, CLEAR),
        (0.7, 0.8, CLEAR),
        (0.0, 0.8, BREACH),
        (-0.8, 0.8, BREACH),
        (-0.8, -0.8, CLEAR),
        (0.0, -0.8, BREACH),
        (0.0, 0.0, INSUFFICIENT),
    ],
)
@pytest.mark.parametrize("method", ["spearman", "kendall"])
def test_a_link_that_is_lost_breaches(now: float, before: float, verdict: Verdict, method: str) -> None:
    detector, series = link_of(np.random.default_rng(5), now, before, method=method)
    told = detector.examine(series)
    assert told.verdict is verdict, told.reason
    if verdict is BREACH:
        assert told.severity is Severity.WARNING
        assert told.reason.startswith("mean_score follows recall with a correlation of ")
    if verdict is INSUFFICIENT:
        assert "did not surely follow recall in the reference" in told.reason


@pytest.mark.parametrize("now, verdict", [(0.8, CLEAR), (0.0, BREACH)])
def test_what_both_do_every_weekend_is_no_link(now: float, verdict: Verdict) -> None:
    detector, series = link_of(np.random.default_rng(3), now, 0.8)

    def weekly(points: tuple[Point, ...]) -> tuple[Point, ...]:
        return tuple(
            replace(each, value=(each.value or 0.0) + 0.1 * (each.end.weekday() > 4)) for each in points
        )

    def of(one: Series) -> Series:
        return replace(one, days=weekly(one.days), reference_days=weekly(one.reference_days))

    both = replace(of(series), others={name: of(other) for name, other in series.others.items()})
    assert detector.examine(both).verdict is verdict


def test_a_link_of_the_other_sign_is_told_and_how_sure_it_is() -> None:
    detector, series = link_of(np.random.default_rng(3), -0.8, 0.8)
    told = detector.examine(series)
    assert "it now goes the other way (more than 99.9999% sure)" in told.reason
    assert "100.0%" not in told.reason


def test_a_weaker_link_is_watched_until_it_is_sure() -> None:
    detector, series = link_of(np.random.default_rng(4), 0.4, 0.8)
    told = detector.examine(series)
    assert (told.verdict, told.severity) == (CLEAR, Severity.WATCH)
    assert "weaker, but not surely by more than 0.3" in told.reason
    assert replace(detector, weaker=0.05).examine(series).verdict is BREACH


def test_a_link_that_is_surely_none_breaches_though_the_loss_is_not_sure() -> None:
    rng = np.random.default_rng(1)
    truth, proxy = linked(rng, 0.0, 400, 100)
    old_truth, old_proxy = linked(rng, 0.6, 30)
    other = of_days("mean_score", proxy, reference=old_proxy[0], reference_days=old_proxy)
    series = of_days(
        "recall", truth, reference=old_truth[0], reference_days=old_truth, others={"mean_score": other}
    )
    told = ProxyLink(metric="recall", proxy="mean_score", past=Span(400)).examine(series)
    assert told.verdict is BREACH
    assert told.reason.endswith("surely less than 0.2, which is no link.")


def test_too_few_days_are_insufficient() -> None:
    detector, series = link_of(np.random.default_rng(5), 0.8, 0.8)
    few = replace(series, days=series.days[:27])
    assert detector.examine(few).reason == "27 days have both recall and mean_score; their link needs 28."
    short = replace(series, reference_days=series.reference_days[:20])
    assert detector.examine(short).reason.startswith("of the reference 20 days have both")
    gone = replace(series, others={})
    assert detector.examine(gone).reason == "mean_score is not known in the window."
    excused = replace(series, no_reference="the window begins too early")
    assert detector.examine(excused).reason == "the window begins too early."
    level = tuple(replace(each, value=0.5) for each in series.days)
    told = detector.examine(replace(series, days=level))
    assert told.reason == "the days have always the same recall or mean_score."


def test_days_are_paired_by_their_date() -> None:
    detector, series = link_of(np.random.default_rng(6), 0.8, 0.8)
    proxy = series.others["mean_score"]
    holes = replace(
        series, days=series.days[::2], others={"mean_score": replace(proxy, days=proxy.days[10:])}
    )
    told = detector.examine(holes)
    pairs = [(t.value, p.value) for t in series.days[::2] for p in proxy.days[10:] if t.end == p.end]
    assert len(pairs) == 40
    at = [t.end.weekday() for t in series.days[::2] for p in proxy.days[10:] if t.end == p.end]
    around = [
        [each - np.mean([x for x, other in zip(line, at, strict=True) if other == when])]
        for line in np.array(pairs).T
        for each, when in zip(line, at, strict=True)
    ]
    exact = stats.spearmanr(np.ravel(around[:40]), np.ravel(around[40:])).statistic
    assert told.details["correlation"] == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_correlations_are_those_of_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one = rng.normal(size=60)
    other = one + rng.normal(size=60)
    if seed % 2:  # ties
        one, other = np.round(one), np.round(other * 2) / 2
    assert ranks(one).tolist() == stats.rankdata(one).tolist()
    assert spearman(ranks(one), ranks(other)) == pytest.approx(stats.spearmanr(one, other).statistic)
    assert kendall(ranks(one), ranks(other)) == pytest.approx(stats.kendalltau(one, other).statistic)


@pytest.mark.parametrize("method", ["spearman", "kendall"])
def test_the_error_of_z_is_the_simulated_one(method: Any) -> None:
    rng = np.random.default_rng(8)
    found = []
    for _ in range(600):
        truth, noise = rng.normal(size=(2, 60))
        made = link(truth, 0.6 * truth + 0.8 * noise, method)
        assert made is not None
        found.append((made.z, made.error))
    z, error = np.array(found).T
    assert error.mean() == pytest.approx(z.std(), rel=0.12)


def test_days_that_hang_together_count_less() -> None:
    rng = np.random.default_rng(2)
    made, correlations = [], []
    for _ in range(400):
        one, other = (signal.lfilter([1.0], [1.0, -0.7], rng.normal(size=200))[50:] for _ in range(2))
        made.append(effective(one, other))
        correlations.append(spearman(ranks(one), ranks(other)))
    theory = 150 * (1 - 0.49) / (1 + 0.49)
    assert np.median(made) == pytest.approx(theory, rel=0.25)
    assert np.std(correlations) == pytest.approx(np.median(made) ** -0.5, rel=0.15)
    independent = [effective(*rng.normal(size=(2, 150))) for _ in range(200)]
    assert np.mean(independent) > 130
    assert max(independent) <= 150


def test_it_is_wrong_as_seldom_as_its_docstring_says_at_the_bound() -> None:
    rng = np.random.default_rng(9)
    found = [link_of(rng, 0.5, 0.8) for _ in range(400)]
    breaches = sum(detector.examine(series).verdict is BREACH for detector, series in found)
    low, high = stats.binomtest(breaches, 400).proportion_ci(0.999)
    assert low <= 0.009 <= high


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"proxy": "block_rate"}, "there is no metric 'block_rate', so it is no `proxy`"),
        (
            {"proxy": "psi"},
            "the metric 'psi' needs a feature of the prediction log in parentheses, so it is no `proxy`",
        ),
        (
            {"proxy": "precision"},
            "'precision' needs labels, so it is no `proxy`: name a metric that is kept at 0d",
        ),
        (
            {"metric": "volume"},
            "'volume' needs no labels, so it is not the truth: name a metric of outcomes",
        ),
        ({"past": Span(20)}, "`past` must hold at least 28d, not 20d"),
        ({"weaker": 0.0}, "`weaker` is how much correlation may be lost, between 0 and 1, not 0.0"),
        ({"least": 1.0}, "`least` is the correlation below which there is no link, in [0, 1), not 1.0"),
        ({"evidence": 0.3}, "evidence 0.3 is not between 0.5 and 1"),
    ],
)
def test_options_that_make_no_sense_are_told(options: dict[str, Any], sentence: str) -> None:
    detector = ProxyLink(**{"metric": "recall", "proxy": "mean_score"} | options)
    assert list(detector.problems()) == [sentence]


def test_it_asks_for_the_proxy_and_looks_far_back() -> None:
    detector = ProxyLink(metric="recall", proxy="mean_score")
    assert detector.others(monitor()) == ("mean_score",)
    assert (detector.reach, detector.window, detector.at) == (Span(90), Span(1), Horizon(7))
    assert detector.incident_class is IncidentClass.PERFORMANCE
    assert detector.name == "proxy_link:mean_score:recall:1d@7d"


def test_two_points_are_no_link() -> None:
    assert link(np.array([1.0, 2.0]), np.array([1.0, 2.0])) is None
    assert effective(np.ones(9), np.arange(9.0)) == 5.0
