"""How long a call took on average."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import Mean
from hindsight.metrics.inputs.calls import OfCalls
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class MeanLatency(OfCalls, Mean):
    """The mean in milliseconds over calls that have a latency from 0 to 10⁸ ms; a few slow ones move it
    much.
    """

    name = "mean_latency"
    direction = Direction.LOWER
    column = "latency_ms"
    undefined = "no call has a latency"

    def terms(self, statistics: Statistics) -> Array:
        calls = self.calls(statistics)
        return np.stack([calls[:, 3], calls[:, 4] * 1e3, calls[:, 5] * 1e6], axis=1)
