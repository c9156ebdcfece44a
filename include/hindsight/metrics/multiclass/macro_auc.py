"""Mean over classes of the area under the ROC curve of each against all others."""

from __future__ import annotations

import numpy as np

from hindsight.domain.bins import BINS
from hindsight.domain.values import Direction
from hindsight.metrics.base import MULTICLASS, Family, Metric, divide, multiclass
from hindsight.metrics.binary.roc_auc import RocAuc
from hindsight.statistics import Statistics
from hindsight.statistics.base import Array

AREA = RocAuc()


class MacroAuc(Metric):
    """Mean of the classes' one-versus-rest areas, each class counting alike (Provost and Domingos, 2000).

    Classes that did not occur, or that every row is of, are left out.  `bound` is the mean of the classes'
    bounds.  The row error is the mean of the classes' DeLong errors, as if the areas rose and fell together:
    they do not quite, so it is on the wide side.
    """

    name = "macro_auc"
    tasks = MULTICLASS
    direction = Direction.HIGHER
    family = Family.ORDER
    needs_score = True
    undefined = "the labelled rows are all of one class"

    def terms(self, statistics: Statistics) -> Array:
        found = multiclass(statistics)
        return found.one_vs_rest.reshape(len(found), len(found.names) * 2 * BINS)

    def _mean(self, terms: Array, of_class: Array) -> Array:
        """The mean over the classes whose area is defined of a number per class, [batch * class]."""
        defined = ~np.isnan(AREA.value(self._classes(terms)))
        shape = (len(terms), terms.shape[1] // (2 * BINS))
        total = np.where(defined, of_class, 0.0).reshape(shape).sum(axis=1)
        return divide(total, defined.reshape(shape).sum(axis=1).astype(np.float64))

    def _classes(self, terms: Array) -> Array:
        return terms.reshape(-1, 2 * BINS)

    def value(self, terms: Array) -> Array:
        return self._mean(terms, AREA.value(self._classes(terms)))

    def row_error(self, terms: Array) -> Array:
        return self._mean(terms, AREA.row_error(self._classes(terms)))

    def rows(self, terms: Array) -> Array:
        # Every labelled row is there once for each class.
        rows: Array = terms[:, : 2 * BINS].sum(axis=1)
        return rows

    def bound(self, terms: Array) -> Array:
        return self._mean(terms, AREA.bound(self._classes(terms)))
