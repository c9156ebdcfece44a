"""A world for every kind of detector in which nothing is wrong: the detector with its defaults, and a series.

`test_error_rates` simulates each world and holds the detector's docstring to it; `test_every_detector` takes
the detectors' options from here.  A new kind adds one line to `WORLDS`; its test module may make the world,
and takes points from `detectors.points`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

import numpy as np

from detectors import arms, charted, log_worlds
from detectors.points import FIRST, share_day
from hindsight.detectors import BaseDetector, Series, Threshold, Trend
from hindsight.metrics import find

World = Callable[[np.random.Generator], tuple[BaseDetector, Series]]


def threshold(rng: np.random.Generator) -> tuple[BaseDetector, Series]:
    """A day of 100 rows at the accuracy of the reference, 0.90, which rests on 28 such days."""
    return Threshold(metric="accuracy"), of_shares(
        rng.binomial(100, 0.9, size=28), int(rng.binomial(100, 0.9))
    )


def of_shares(reference: np.ndarray[Any, Any], hits: int) -> Series:
    """A day of 100 rows with so many hits, and the days of a reference."""
    days = tuple(share_day(number, int(each), 100) for number, each in enumerate(reference))
    rows = 100 * len(days)
    pooled = share_day(0, int(reference.sum()), rows, end=FIRST + timedelta(days=len(days) - 1))
    latest = share_day(40, hits, 100)
    return Series(find("accuracy"), latest, (), reference=pooled, reference_days=days)


def trend(rng: np.random.Generator) -> tuple[BaseDetector, Series]:
    """Four weeks of days with 1,000 rows each at an accuracy of 0.90."""
    hits = rng.binomial(1000, 0.9, size=28)
    days = tuple(share_day(number, int(each), 1000) for number, each in enumerate(hits))
    latest = share_day(27, int(hits.sum()), 28_000, start=FIRST)
    return Trend(metric="accuracy"), Series(find("accuracy"), latest, days)


WORLDS: Final[Mapping[str, World]] = {
    "changepoint": charted.changepoint,
    "compare": arms.world,
    "cusum": charted.cusum,
    "drift": log_worlds.drift,
    "ewma": charted.ewma,
    "feedback_loop": log_worlds.feedback_loop,
    "missing": log_worlds.missing,
    "proxy_link": log_worlds.proxy_link,
    "quality": log_worlds.quality,
    "threshold": threshold,
    "trend": trend,
    "volume": log_worlds.volume,
}
