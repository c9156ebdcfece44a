"""Every detector kind, by the `type` that a monitor's file names: one file and one line here each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hindsight.detectors.base import BaseDetector, Finding, Point, Series
from hindsight.detectors.changepoint import Changepoint
from hindsight.detectors.compare import Compare
from hindsight.detectors.cusum import Cusum
from hindsight.detectors.drift import Drift
from hindsight.detectors.ewma import Ewma
from hindsight.detectors.feedback_loop import FeedbackLoop
from hindsight.detectors.missing import Missing
from hindsight.detectors.proxy_link import ProxyLink
from hindsight.detectors.quality import Quality
from hindsight.detectors.threshold import Threshold
from hindsight.detectors.trend import Trend
from hindsight.detectors.volume import Volume

DETECTORS: Final[Mapping[str, type[BaseDetector]]] = {
    "changepoint": Changepoint,
    "compare": Compare,
    "cusum": Cusum,
    "drift": Drift,
    "ewma": Ewma,
    "feedback_loop": FeedbackLoop,
    "missing": Missing,
    "proxy_link": ProxyLink,
    "quality": Quality,
    "threshold": Threshold,
    "trend": Trend,
    "volume": Volume,
}

__all__ = ["DETECTORS", "BaseDetector", "Finding", "Point", "Series"]
