"""Area under the ROC curve of one class against all others."""

from __future__ import annotations

from hindsight.domain.bins import BINS
from hindsight.metrics.base import multiclass
from hindsight.metrics.binary.roc_auc import RocAuc
from hindsight.metrics.multiclass.of_class import OfClass
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array


class ClassAuc(OfClass, RocAuc):
    """The chance that a row of the class gets a higher score for it than another row, ties counting half.

    See `roc_auc` for its bound and row error.
    """

    name = "class_auc"
    adjustable = False
    undefined = "the labelled rows are all of this class or all of others"

    def terms(self, statistics: Statistics) -> Array:
        found = multiclass(statistics)
        return found.one_vs_rest[:, found.index(self.of)].reshape(len(found), 2 * BINS)
