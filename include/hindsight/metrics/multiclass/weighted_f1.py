"""Mean over classes of their F1, by how often they occur."""

from __future__ import annotations

from hindsight.metrics.multiclass.averages import Harmonic


class WeightedF1(Harmonic):
    """Mean of the classes' F1, a class counting by how many rows are of it: frequent classes rule.

    See `Average` for the row error.
    """

    name = "weighted_f1"
    by_support = True
