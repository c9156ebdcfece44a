"""Mean over classes of their precision, by how often they occur."""

from __future__ import annotations

from hindsight.metrics.multiclass.averages import Precise


class WeightedPrecision(Precise):
    """Mean of the classes' precisions, a class counting by how many rows are of it.

    Classes that were never predicted are left out.
    See `Average` for the row error.
    """

    name = "weighted_precision"
    by_support = True
