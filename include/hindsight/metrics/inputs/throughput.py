"""Calls per hour."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import divide
from hindsight.metrics.inputs.calls import OfCalls
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class Throughput(OfCalls):
    """Logged rows but duplicates / hours of the days that have any: of a version, while it was in use.

    For days without any call watch `volume`, which is 0 then.  The row error is Poisson's.
    """

    name = "throughput"
    direction = Direction.NEITHER
    undefined = "there is no call"

    def terms(self, statistics: Statistics) -> Array:
        return self.calls(statistics)[:, :2]

    def value(self, terms: Array) -> Array:
        return divide(terms[:, 0], terms[:, 1] / 3600.0)

    def row_error(self, terms: Array) -> Array:
        return divide(np.sqrt(terms[:, 0]), terms[:, 1] / 3600.0)

    def rows(self, terms: Array) -> Array:
        return terms[:, 0]
