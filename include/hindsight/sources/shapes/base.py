"""The contract of a shape: how the columns of one kind of task become cells and terms."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from hindsight.domain.spec import MonitorSpec
from hindsight.sources.expressions import Column
from hindsight.sources.relation import Relation
from hindsight.statistics.base import Layout

STANDARD = ("position", "version", "reason", "known", "learnt", "superseded", "first", "remark")
"""What every row of a block says besides its cell: where it belongs and when its facts were known."""


@dataclass(frozen=True, slots=True)
class Block:
    """Rows to be counted, with the cell that each falls to and what is summed of it.

    `rows` has the columns of `STANDARD` and `segment_0`, `segment_1`, ….  `said` and `actual` are codes as
    the layout defines them; `actual` is null while it is unknown.  `terms` are the values of the layout's
    terms, in its order and as floats, each null where it does not apply.  `count` is how much a row counts,
    if not 1.
    """

    rows: sa.FromClause
    said: Column
    actual: Column
    terms: Sequence[Column]
    count: Column | None = None


class Shape(ABC):
    """How a kind of task is read from its logs; made anew for each statement.

    The statement takes `answer` from the prediction log and `actual` from the ground truth, sets aside the
    rows that are `unusable`, joins the two, and asks for the `blocks` to be counted.  Most tasks have one
    block; a further one may count other things of the same rows under codes of its own.
    """

    def __init__(self, spec: MonitorSpec, log: Relation, truth: Relation, layout: Layout) -> None:
        self.spec, self.log, self.truth, self.layout = spec, log, truth, layout

    @abstractmethod
    def answer(self) -> list[sa.Label[object]]:
        """The model's answer as clean, labelled columns of the prediction log, null where not usable."""

    @abstractmethod
    def unusable(self, rows: sa.FromClause) -> list[tuple[Column, str]]:
        """When a row with these columns does not count, and why: names of
        `hindsight.statistics.reasons.REASONS`.
        """

    @abstractmethod
    def actual(self) -> Column:
        """A label's value, null where it is not usable."""

    @abstractmethod
    def blocks(self, joined: sa.FromClause) -> Iterator[Block]:
        """What is counted; `joined` has `STANDARD`, the segments, the answer's columns and `actual`.

        Rows that were set aside have no answer: the statement counts them by their reason alone.
        """
