"""How many labels were learnt."""

from __future__ import annotations

import numpy as np

from hindsight.domain.values import Direction
from hindsight.metrics.base import ANY_TASK, Metric, Part, quality
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class LabelsLearnt(Metric):
    """Labels learnt in the window, of whatever prediction, usable or not.

    It is kept at horizon 0, so it falls on the very day on which a feed stops, long before the windows that
    lack its labels are due.  A rule for a feed that stopped is `{type: threshold, metric: labels_learnt,
    min: 1, evidence: 0, window: 3d, at: 0d}`.  The row error is Poisson's, never below 1.
    """

    name = "labels_learnt"
    tasks = ANY_TASK
    part = Part.QUALITY
    of_labels = True
    direction = Direction.HIGHER
    labelled = False
    extensive = True
    undefined = "no label was learnt in the window"

    def terms(self, statistics: Statistics) -> Array:
        return quality(statistics).learnt[:, None]

    def value(self, terms: Array) -> Array:
        return terms[:, 0]

    def row_error(self, terms: Array) -> Array:
        return np.sqrt(np.maximum(terms[:, 0], 1.0))

    def rows(self, terms: Array) -> Array:
        return terms[:, 0]
