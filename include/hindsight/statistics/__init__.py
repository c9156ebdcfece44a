"""What a window leaves behind: small additive numbers that every metric is read from.

A statistic kind is one file with one class and one line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hindsight.domain.values import Task
from hindsight.statistics.base import Statistics
from hindsight.statistics.binary import BinaryStatistics
from hindsight.statistics.regression import RegressionStatistics

STATISTICS: Final[Mapping[Task, type[Statistics]]] = {
    Task.BINARY: BinaryStatistics,
    Task.REGRESSION: RegressionStatistics,
}

__all__ = ["STATISTICS", "BinaryStatistics", "RegressionStatistics", "Statistics"]
