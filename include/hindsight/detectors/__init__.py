"""Every detector kind, by the `type` that a monitor's file names: one file and one line here each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hindsight.detectors.base import BaseDetector, Finding, Point, Series
from hindsight.detectors.threshold import Threshold
from hindsight.detectors.trend import Trend

DETECTORS: Final[Mapping[str, type[BaseDetector]]] = {
    "threshold": Threshold,
    "trend": Trend,
}

__all__ = ["DETECTORS", "BaseDetector", "Finding", "Point", "Series"]
