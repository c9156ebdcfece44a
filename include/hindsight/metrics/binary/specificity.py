"""Share of actual negatives that were predicted negative."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import BINARY, Family, Share, binary
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class Specificity(Share):
    """True negatives / rows that turned out negative."""

    name = "specificity"
    tasks = BINARY
    direction = Direction.HIGHER
    family = Family.DECISIONS
    adjustable = True
    undefined = "no row turned out negative"

    def terms(self, statistics: Statistics) -> Array:
        _, fp, _, tn = binary(statistics).confusion.T
        return np.stack([tn, tn + fp], axis=1)
