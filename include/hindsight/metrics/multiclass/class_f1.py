"""F1 of one class."""

from __future__ import annotations

import numpy as np

from hindsight.metrics.binary.f1 import F1
from hindsight.metrics.multiclass.of_class import OfClass
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class ClassF1(OfClass, F1):
    """Harmonic mean of the class's precision and recall; see `f1` for the row error."""

    name = "class_f1"
    adjustable = False
    undefined = "no labelled row was given this class or turned out to be of it"

    def terms(self, statistics: Statistics) -> Array:
        hits, predicted, actual = self.counts(statistics)
        return np.stack([hits, predicted + actual - 2.0 * hits], axis=1)
