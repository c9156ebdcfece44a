"""Every detector's docstring says how often it breaches with nothing wrong; its world is simulated to see."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import pytest
from scipy.stats import binomtest

from detectors.kinds import WORLDS
from hindsight.detectors import DETECTORS
from hindsight.domain.values import Verdict

SERIES: Final = 2000
FEWER: Final[dict[str, int]] = {
    "changepoint": 400,
    "cusum": 1000,
    "ewma": 1000,
    "proxy_link": 700,
    "quality": 800,
}
"""Kinds that take long to judge a series, and how many they get."""

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
