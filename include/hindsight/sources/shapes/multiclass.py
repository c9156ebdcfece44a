"""A choice among classes, with a score for each or without."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import sqlalchemy as sa

from hindsight.domain.bins import BINS, SMALLEST
from hindsight.sources.base import Kind
from hindsight.sources.expressions import Column, bin_of, constant, flag, squarable
from hindsight.sources.relation import Relation
from hindsight.sources.shapes.base import Block, Shape
from hindsight.sources.shapes.derived import derived, numbers
from hindsight.statistics.multiclass import MulticlassLayout

UNKNOWN = -1
"""The code of a class that is none of the monitor's."""


class MulticlassShape(Shape):
    """Cells by decision, confidence and outcome, and class by class; see `MulticlassLayout`.

    Without a `prediction` column the class of the greatest score is what the model said, the first of them if
    several are as great.  A row's confidence is the score of the class it says.
    """

    layout: MulticlassLayout

    def answer(self) -> list[sa.Label[object]]:
        name = self.spec.predictions.columns.prediction
        said = [] if name is None else [self.class_of(self.log, name, "prediction").label("predicted")]
        return [*said, *(score.label(f"score_{i}") for i, score in enumerate(self.scores()))]

    def scores(self) -> list[Column]:
        """The score of each class, null unless it is in [0, 1]."""
        columns = self.spec.predictions.columns.scores
        if columns is None:
            return []
        if isinstance(columns, Mapping):
            return [self.log.share(columns[name], "scores") for name in self.layout.classes]
        array = self.log.column(columns, "scores")
        given = [self.log.engine.element(array, i + 1) for i in range(len(self.layout.classes))]
        inside = [sa.and_(raw >= constant(0.0), raw <= constant(1.0)) for raw in given]
        return [
            sa.case((good, squarable(raw)), else_=sa.null()) for good, raw in zip(inside, given, strict=True)
        ]

    def class_of(self, relation: Relation, name: str, role: str) -> Column:
        """The code of the class that a column names, `UNKNOWN` for another one, null for null."""
        column = relation.column(name, role, Kind.TEXT, Kind.NUMBER)
        classes = self.layout.classes
        same: list[tuple[Column, Column]] = []
        for i, named in enumerate(classes):
            if relation.kinds[name] is Kind.TEXT:
                same.append((column == named, constant(i)))
            elif (value := as_number(named)) is not None:
                same.append((column == constant(value), constant(i)))
        return sa.case(*same, (column.is_(None), sa.null()), else_=constant(UNKNOWN))

    def unusable(self, rows: sa.FromClause) -> list[tuple[Column, str]]:
        found: list[tuple[Column, str]] = []
        scores = [c for c in rows.c if c.name.startswith("score_")]
        if scores:
            found.append((sa.or_(*(score.is_(None) for score in scores)), "invalid_score"))
        if "predicted" in rows.c:
            found.append((rows.c.predicted.is_(None), "invalid_prediction"))
            found.append((rows.c.predicted == constant(UNKNOWN), "unknown_class"))
        return found

    def actual(self) -> Column:
        code = self.class_of(self.truth, self.spec.ground_truth.columns.actual, "actual")
        return sa.case((code >= constant(0), code), else_=sa.null())

    def blocks(self, joined: sa.FromClause) -> Iterator[Block]:
        rows = self.weighed(joined) if self.layout.scored else joined
        # An unknown class has no code of its own: its rows are set aside.
        said = sa.case((rows.c.predicted >= constant(0), rows.c.predicted * constant(BINS)))
        actual = rows.c.actual + constant(1)
        if not self.layout.scored:
            yield Block(rows, said, actual, [])
            return
        confidence, given = rows.c.confidence, rows.c.given
        kept = sa.case(
            (given < constant(SMALLEST), constant(SMALLEST)),
            (given > constant(1 - SMALLEST), constant(1 - SMALLEST)),
            else_=given,
        )
        loss, brier = -sa.func.ln(kept), rows.c.squares - constant(2.0) * given + constant(1.0)
        terms = [confidence, confidence * confidence, loss, loss * loss, brier, brier * brier]
        if self.layout.weighted:
            terms.append(confidence)
        yield Block(rows, said + bin_of(confidence), actual, terms)
        yield self.one_vs_rest(joined)

    def weighed(self, joined: sa.FromClause) -> sa.Subquery:
        """The rows with `predicted`, the scores of that and of the actual class, and the sum of squares."""
        rows = joined if "predicted" in joined.c else self.greatest(joined)
        scores = [rows.c[f"score_{i}"] for i in range(len(self.layout.classes))]
        squares: Column = constant(0.0)
        for score in scores:
            squares = squares + score * score
        confidence: list[sa.Label[object]] = []
        if "confidence" not in rows.c:
            confidence = [self.pick(rows.c.predicted, scores).label("confidence")]
        given = self.pick(rows.c.actual, scores).label("given")
        return sa.select(rows, *confidence, given, squares.label("squares")).subquery()

    def one_vs_rest(self, joined: sa.FromClause) -> Block:
        """Every labelled row once for each class."""
        count = len(self.layout.classes)
        each = numbers("number", count)
        rows = derived(
            self,
            joined,
            joined.c.learnt,
            joined.c.superseded,
            each.c.number,
            self.pick(each.c.number, [joined.c[f"score_{i}"] for i in range(count)]).label("score"),
            flag(joined.c.actual == each.c.number).label("hit"),
            where=[joined.c.reason == constant(0), joined.c.learnt.is_not(None)],
            times=each,
        )
        which = rows.c.number + constant(count)
        nothing = [sa.cast(sa.null(), sa.Double) for _ in self.layout.terms]
        return Block(rows, which * constant(BINS) + bin_of(rows.c.score), rows.c.hit + constant(1), nothing)

    def pick(self, which: Column, scores: Sequence[Column]) -> Column:
        """The score of a class by its code."""
        return sa.case(*((which == constant(i), score) for i, score in enumerate(scores)), else_=sa.null())

    def greatest(self, joined: sa.FromClause) -> sa.Subquery:
        """The rows with `predicted`, the class of the greatest score, and `confidence`, that score.

        Found in rounds, as in a cup: each halves the number of classes, so no expression grows long.
        """
        count = len(self.layout.classes)
        rows: sa.FromClause = sa.select(
            joined,
            *(joined.c[f"score_{i}"].label(f"top_{i}") for i in range(count)),
            *(constant(i).label(f"best_{i}") for i in range(count)),
        ).subquery()
        while count > 1:
            halves: list[sa.Label[object]] = []
            for i in range(0, count, 2):
                one: Column = rows.c[f"top_{i}"]
                place: Column = rows.c[f"best_{i}"]
                if i + 1 < count:
                    other = rows.c[f"top_{i + 1}"]
                    place = sa.case((other > one, rows.c[f"best_{i + 1}"]), else_=place)
                    one = sa.case((other > one, other), else_=one)
                halves += [one.label(f"top_{i // 2}"), place.label(f"best_{i // 2}")]
            count = (count + 1) // 2
            rows = sa.select(*(rows.c[c.name] for c in joined.c), *halves).subquery()
        return sa.select(
            *(rows.c[c.name] for c in joined.c),
            rows.c.best_0.label("predicted"),
            rows.c.top_0.label("confidence"),
        ).subquery()


def as_number(text: str) -> float | None:
    """The number that a text writes, None if it writes none."""
    try:
        return float(text)
    except ValueError:
        return None
