"""Every detector's docstring says how often it breaches with nothing wrong; its world is simulated to see."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from detectors.kinds import WORLDS, of_shares
from hindsight.detectors import DETECTORS, Threshold
from hindsight.domain.values import Verdict

SERIES: Final = 2000
FEWER: Final[dict[str, int]] = {
    "changepoint": 400,
    "compare": 500,
    "cusum": 1000,
    "ewma": 1000,
    "proxy_link": 700,
    "quality": 800,
}
"""Kinds that take long to judge a series, and how many they get."""

REFERENCES: Final = 30
"""Drawn references over which the chance of a breach is averaged."""

SAID: Final = re.compile(
    r"False breaches: (\d+(?:\.\d+)?) % of windows with nothing wrong(?=[,:;]? \(?[a-z0-9])"
)


def said(kind: str) -> float:
    """The share that the docstring gives, followed by the setting in words."""
    found = SAID.findall(" ".join((DETECTORS[kind].__doc__ or "").split()))
    assert len(found) == 1, f"{kind}: 'False breaches: 0.4 % of windows with nothing wrong' and the setting"
    return float(found[0]) / 100


@pytest.mark.parametrize("kind", DETECTORS)
def test_a_detector_is_wrong_as_often_as_its_docstring_says(kind: str) -> None:
    rng, series = np.random.default_rng(20260105), FEWER.get(kind, SERIES)
    breaches = judged = 0
    for _ in range(series):
        detector, shown = WORLDS[kind](rng)
        assert isinstance(detector, DETECTORS[kind])
        found = detector.examine(shown)
        breaches += found.verdict is Verdict.BREACH
        judged += found.verdict is not Verdict.INSUFFICIENT
    assert judged > 0.9 * series, "a world in which nothing can be judged says nothing"
    interval = binomtest(breaches, series).proportion_ci(0.999, method="exact")
    assert interval.low <= said(kind) <= interval.high, f"{kind}: {breaches} of {series}"


def words(kind: str) -> str:
    return " ".join((DETECTORS[kind].__doc__ or "").split())


def shares_of_threshold(detectors: Sequence[Threshold]) -> list[float]:
    """How often a day of 100 rows breaches: every count of hits by its chance, over drawn references."""
    rng, chances = np.random.default_rng(51), binom.pmf(np.arange(101), 100, 0.9)
    likely = np.flatnonzero(chances > 1e-8)
    found = np.zeros(len(detectors))
    for _ in range(REFERENCES):
        reference = rng.binomial(100, 0.9, size=28)
        for hits in likely:
            shown = of_shares(reference, int(hits))
            breaches = [each.examine(shown).verdict is Verdict.BREACH for each in detectors]
            found += chances[hits] * np.array(breaches) / REFERENCES
    return [float(each) for each in found]


def test_the_figures_of_the_threshold_are_those_of_all_days_there_are() -> None:
    rule, plain = shares_of_threshold(
        [Threshold(metric="accuracy"), Threshold(metric="accuracy", evidence=0)]
    )
    assert said("threshold") == pytest.approx(rule, rel=0.3)
    found = re.search(r"the plain rule breaches in (\d+\.\d+) % of them", words("threshold"))
    assert found is not None
    assert float(found[1]) / 100 == pytest.approx(plain, rel=0.1)
