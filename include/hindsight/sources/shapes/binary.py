"""A yes/no decision, with a score or without."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from hindsight.domain.bins import BINS, SMALLEST
from hindsight.sources.expressions import Column, bin_of, constant
from hindsight.sources.shapes.base import Block, Shape


class BinaryShape(Shape):
    """Cells by decision, score bin and outcome; see `hindsight.statistics.binary.BinaryLayout`."""

    def answer(self) -> list[sa.Label[object]]:
        columns = self.spec.predictions.columns
        score: Column = constant(0.0)
        if columns.score is not None:
            score = self.log.share(columns.score, "score")
        if columns.prediction is not None:
            predicted = self.log.decision(columns.prediction, "prediction")
        else:
            threshold = constant(float(self.spec.predictions.threshold))
            predicted = sa.case((score >= threshold, constant(1)), else_=constant(0))
        return [score.label("score"), predicted.label("predicted")]

    def unusable(self, rows: sa.FromClause) -> list[tuple[Column, str]]:
        return [(rows.c.score.is_(None), "invalid_score"), (rows.c.predicted.is_(None), "invalid_prediction")]

    def actual(self) -> Column:
        return self.truth.decision(self.spec.ground_truth.columns.actual, "actual")

    def blocks(self, joined: sa.FromClause) -> Iterator[Block]:
        score, hit = joined.c.score, joined.c.actual == constant(1)
        # The chance given to what happened; not 1 - miss, which would round away the digits of a tiny score.
        given = sa.case((hit, score), else_=constant(1.0) - score)
        kept = sa.case(
            (given < constant(SMALLEST), constant(SMALLEST)),
            (given > constant(1 - SMALLEST), constant(1 - SMALLEST)),
            else_=given,
        )
        terms = [score, score * score, -sa.func.ln(kept)]
        if self.layout.weighted:
            terms += [score, score * score]
        yield Block(
            joined,
            joined.c.predicted * constant(BINS) + bin_of(score),
            joined.c.actual + constant(1),
            terms,
        )
