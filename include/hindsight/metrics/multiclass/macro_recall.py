"""Mean over classes of their recall."""

from __future__ import annotations

from hindsight.metrics.multiclass.averages import Recalled


class MacroRecall(Recalled):
    """Mean of the classes' recalls, each class counting alike: the balanced accuracy of a multiclass model.

    Classes that did not occur are left out.  Recall weighted by how often classes occur is `accuracy`.  See
    `Average` for the row error.
    """

    name = "macro_recall"
