"""F1 over all decisions of all classes at once."""

from __future__ import annotations

from hindsight.domain.values import Direction
from hindsight.metrics.base import MULTICLASS, Family, Share, multiclass
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class MicroF1(Share):
    """Right decisions / labelled decisions, for where each row has one class: `accuracy` by another name.

    With one class to a row, every wrong decision is a false positive of one class and a false negative of
    another.  So micro precision, micro recall, micro F1, recall weighted by support, and accuracy are the
    same number.
    """

    name = "micro_f1"
    tasks = MULTICLASS
    direction = Direction.HIGHER
    family = Family.DECISIONS
    undefined = "no prediction has a label"

    def terms(self, statistics: Statistics) -> Array:
        return multiclass(statistics).right
