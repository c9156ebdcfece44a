"""How each kind of task is read from its logs: one file and one line here each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hindsight.domain.values import Task
from hindsight.sources.shapes.base import Shape
from hindsight.sources.shapes.binary import BinaryShape
from hindsight.sources.shapes.multiclass import MulticlassShape
from hindsight.sources.shapes.ranking import RankingShape
from hindsight.sources.shapes.regression import RegressionShape

SHAPES: Final[Mapping[Task, type[Shape]]] = {
    Task.BINARY: BinaryShape,
    Task.MULTICLASS: MulticlassShape,
    Task.RANKING: RankingShape,
    Task.REGRESSION: RegressionShape,
}

__all__ = ["SHAPES", "Shape"]
