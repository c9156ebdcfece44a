"""What a window leaves behind: small additive numbers that every metric is read from.

A kind of task is one file with a `Statistics`, its `Layout`, and one line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from hindsight.domain.spec import MonitorSpec
from hindsight.domain.values import Task
from hindsight.statistics.base import Layout, Statistics
from hindsight.statistics.binary import BinaryLayout, BinaryStatistics
from hindsight.statistics.multiclass import MulticlassLayout, MulticlassStatistics
from hindsight.statistics.quality import QualityStatistics
from hindsight.statistics.ranking import RankingLayout, RankingStatistics
from hindsight.statistics.regression import RegressionLayout, RegressionStatistics

LAYOUTS: Final[Mapping[Task, Callable[[MonitorSpec], Layout]]] = {
    Task.BINARY: BinaryLayout,
    Task.MULTICLASS: MulticlassLayout,
    Task.RANKING: RankingLayout,
    Task.REGRESSION: RegressionLayout,
}


def layout_of(spec: MonitorSpec) -> Layout:
    """How a monitor's statistics are coded."""
    return LAYOUTS[spec.task](spec)


__all__ = [
    "LAYOUTS",
    "BinaryStatistics",
    "Layout",
    "MulticlassStatistics",
    "QualityStatistics",
    "RankingStatistics",
    "RegressionStatistics",
    "Statistics",
    "layout_of",
]
