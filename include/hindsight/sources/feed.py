"""What is asked of the two logs besides their join: how many rows, how new, how odd, and what landed late."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hindsight.domain.values import Task
from hindsight.sources.expressions import Column, constant, flag, instant, text
from hindsight.sources.statement import Statement, bucket, turn_of
from hindsight.windows import Calendar


def volume(statement: Statement, calendar: Calendar) -> sa.Select[Any]:
    """Rows of the prediction log per day: (position, rows)."""
    placed = statement.placed(calendar, [])
    keys: list[Column] = [placed.c.position]
    return sa.select(*keys, sa.func.count()).where(placed.c.position.is_not(None)).group_by(*keys)


def ids(statement: Statement, calendar: Calendar) -> sa.Subquery:
    """The named predictions of the days asked about: (position, id, version)."""
    log, columns = statement.log, statement.spec.predictions.columns
    said = [log.column(columns.id, "id").label("id"), statement.version().label("version")]
    placed = statement.placed(calendar, said)
    named = sa.and_(placed.c.position.is_not(None), placed.c.id.is_not(None))
    return sa.select(placed).where(named).subquery("named")


def hashes(statement: Statement, calendar: Calendar) -> sa.Select[Any] | None:
    """A 63-bit hash of id and version for each row; None where the engine works elsewhere or cannot hash.

    Where all hashes of the days differ, so do the ids; where two are equal it may be a coincidence.
    """
    if statement.engine.hash is None:
        return None
    named = ids(statement, calendar)
    hashed = getattr(sa.func, statement.engine.hash)(named.c.id, named.c.version)
    return sa.select(sa.cast(hashed.op(">>")(constant(1)), sa.BigInteger).label("hash"))


def repeated(statement: Statement, calendar: Calendar) -> sa.Select[Any]:
    """One id that a day holds more than once with the same version, and how often; else no row."""
    named = ids(statement, calendar)
    return (
        sa.select(named.c.id, sa.func.count())
        .group_by(named.c.position, named.c.id, named.c.version)
        .having(sa.func.count() > constant(1))
        .limit(1)
    )


def repeated_label(statement: Statement, calendar: Calendar) -> sa.Select[Any]:
    """One id that has more than one usable label for these days, and how many; no row if none has."""
    usable = statement.usable_labels(calendar)
    counted = sa.select(usable.c.id, sa.func.count()).group_by(usable.c.id)
    return counted.having(sa.func.count() > constant(1)).limit(1)


def watermark(statement: Statement, now: datetime) -> sa.Select[Any]:
    """The time of the newest label; one from the future, by a wrong clock, proves nothing of the feed."""
    truth = statement.truth
    time = truth.time(statement.spec.ground_truth.columns.time, "time")
    return sa.select(sa.func.max(time)).select_from(truth.rows).where(*truth.where(), time <= instant(now))


def newest(
    statement: Statement,
    calendar: Calendar,
    start: datetime,
    landed: tuple[datetime, datetime] | None = None,
) -> sa.Select[Any]:
    """The newest label of each day from an instant on, usable or not: (position, time).

    Position -1 is of all days before the calendar's.  So for each as-of the newest label before it is known.
    With `landed` only of the labels that landed in this span.
    """
    truth, columns = statement.truth, statement.spec.ground_truth.columns
    name, fresh = columns.time, []
    if landed is not None and columns.landed is not None:
        fresh = [truth.during(columns.landed, *landed)]
    time, end = truth.time(name, "time"), calendar.midnights[-1]
    rows = (
        sa.select(statement.day_of(time, calendar).label("position"), time.label("time"))
        .select_from(truth.rows)
        .where(*truth.where(), truth.during(name, start, end), time >= instant(start), time < instant(end))
        .where(*fresh)
        .subquery("times")
    )
    return sa.select(rows.c.position, sa.func.max(rows.c.time)).group_by(rows.c.position)


def changed(statement: Statement, calendar: Calendar) -> sa.Select[Any]:
    """Predictions whose label was changed, by their first and a later value: (position, known, first, last,
    learnt, until, predictions).

    `known`, `learnt` and `until` are buckets: the later value is the newest one known from the horizon at
    which it was learnt until the one at which the next was.  A regression or ranking tells only the
    direction: first is 0, and last 1 if it lies above the first, else -1.
    """
    usable = statement.usable_labels(calendar)
    differing = sa.func.min(usable.c.actual) < sa.func.max(usable.c.actual)
    ids_changed = sa.select(usable.c.id).group_by(usable.c.id).having(differing).cte("changed_ids")
    among = sa.select(ids_changed.c.id)
    named = statement.log.column(statement.spec.predictions.columns.id, "id")
    said = statement.said(calendar, conditions=[named.in_(among)])
    labels = statement.usable_labels(calendar)
    near = sa.and_(said.c.id == labels.c.id, labels.c.day >= said.c.position - constant(1))
    chain = [said.c.position, said.c.id, said.c.version]

    def in_turn(function: sa.FunctionElement[Any]) -> Column:
        return function.over(partition_by=chain, order_by=turn_of(labels))

    rows = (
        sa.select(
            said.c.position,
            said.c.known,
            labels.c.actual.label("last"),
            in_turn(sa.func.first_value(labels.c.actual)).label("first"),
            labels.c.day,
            in_turn(sa.func.lead(labels.c.day)).label("next_day"),
        )
        .select_from(said.join(labels, near))
        .where(said.c.reason == constant(0), labels.c.id.in_(among))
        .subquery("chains")
    )
    first: Column = rows.c.first
    last: Column = rows.c.last
    if statement.spec.task not in {Task.BINARY, Task.MULTICLASS}:
        first, last = constant(0), sa.case((last > first, constant(1)), else_=constant(-1))
    told = sa.select(
        rows.c.position,
        rows.c.known,
        sa.cast(first, sa.Integer).label("first"),
        sa.cast(last, sa.Integer).label("last"),
        bucket(rows.c.day - rows.c.position, calendar.horizons).label("learnt"),
        bucket(rows.c.next_day - rows.c.position, calendar.horizons).label("until"),
    ).where(rows.c.last != rows.c.first)
    events = told.subquery("events")
    keys = [events.c[name] for name in ("position", "known", "first", "last", "learnt", "until")]
    return sa.select(*keys, sa.func.count()).where(events.c.learnt < events.c.until).group_by(*keys)


def landed(statement: Statement, calendar: Calendar, before: datetime) -> sa.Select[Any]:
    """How many ids the days have, and how many of them have a label learnt before an instant."""
    truth, columns = statement.truth, statement.spec.ground_truth.columns
    said = sa.select(ids(statement, calendar).c.id).distinct().subquery("said_ids")
    learnt = (
        sa.select(truth.column(columns.id, "id").label("id"))
        .select_from(truth.rows)
        .where(
            *truth.where(),
            truth.during(columns.time, calendar.midnights[0], before),
            truth.time(columns.time, "time") < instant(before),
        )
        .distinct()
        .subquery("learnt_ids")
    )
    counts: list[Column] = [sa.func.count(said.c.id), sa.func.count(learnt.c.id)]
    return sa.select(*counts).select_from(said.outerjoin(learnt, said.c.id == learnt.c.id))


def touched(
    statement: Statement, calendar: Calendar, start: datetime, end: datetime
) -> sa.Select[Any] | None:
    """Which days were touched, from which horizon on, by rows that landed in [start, end): (position,
    bucket).

    A fact that was known at an as-of already used has changed what was known then.  None where no log says
    when a row landed.  The condition is on the bare `landed` columns, which an index serves.
    """
    log, truth = statement.log, statement.truth
    said, learnt = statement.spec.predictions.columns, statement.spec.ground_truth.columns
    parts: list[sa.Select[Any]] = []
    if said.landed is not None:
        log.time(said.landed, "landed")  # says so if there is no such column
        day = statement.day_of(statement.known_time(), calendar).label("day")
        fresh = log.during(said.landed, start, end)
        placed = statement.placed(calendar, [day], fresh, called="fresh")
        age = placed.c.day - placed.c.position
        known = bucket(age, calendar.horizons).label("bucket")
        parts.append(sa.select(placed.c.position, known).where(placed.c.position.is_not(None)))
    if learnt.landed is not None:
        truth.time(learnt.landed, "landed")
        fresh_labels = (
            sa.select(
                truth.column(learnt.id, "id").label("id"),
                statement.day_of(truth.time(learnt.time, "time"), calendar).label("day"),
            )
            .select_from(truth.rows)
            .where(*truth.where(), truth.during(learnt.landed, start, end))
            .subquery("fresh_labels")
        )
        named = ids(statement, calendar)
        age = fresh_labels.c.day - named.c.position
        parts.append(
            sa.select(named.c.position, bucket(age, calendar.horizons).label("bucket"))
            .select_from(fresh_labels.join(named, named.c.id == fresh_labels.c.id))
            .where(age >= constant(-1))
        )
    if not parts:
        return None
    found = (sa.union_all(*parts) if len(parts) > 1 else parts[0]).subquery("found")
    least: list[Column] = [found.c.position, sa.func.min(found.c.bucket)]
    return sa.select(*least).group_by(found.c.position)


def label_quality(statement: Statement, calendar: Calendar, lookback: int, last: int) -> sa.Select[Any]:
    """Labels learnt on each of the last days of the calendar, by what is odd about them.

    The calendar asks for consecutive days, the first `lookback` of which are only looked back on.  Gives
    (position, reason, rows).  A label is an `orphan_label` if none of the `lookback` days before it, nor its
    own, has a prediction of its id that was known by the end of its day, and `after_last_horizon` if only
    days more than `last` before it have one.
    """
    truth, columns = statement.truth, statement.spec.ground_truth.columns
    asked = calendar.asked[lookback:]
    start, end = calendar.midnights[asked[0]], calendar.midnights[asked[-1] + 1]
    time = truth.time(columns.time, "time")
    unusable = [statement.shape.actual().is_(None)]
    if columns.weight is not None:
        unusable.append(statement.label_weight().is_(None))
    learnt = (
        sa.select(
            statement.day_of(time, calendar).label("position"),
            truth.column(columns.id, "id").label("id"),
            flag(sa.or_(*unusable)).label("invalid"),
        )
        .select_from(truth.rows)
        .where(*truth.where(), truth.during(columns.time, start, end))
        .subquery("learnt")
    )
    keys = [learnt.c.position, learnt.c.id, learnt.c.invalid]
    labels = (
        sa.select(*keys, sa.func.count().label("rows"))
        .where(learnt.c.position >= constant(asked[0]), learnt.c.position <= constant(asked[-1]))
        .group_by(*keys)
        .cte("labels_of_days")
    )
    log, named = statement.log, statement.spec.predictions.columns
    # The day by whose end a prediction was known: a row that is logged later was not there yet.
    seen = statement.day_of(statement.known_time(), calendar)
    said = statement.placed(calendar, [log.column(named.id, "id").label("id"), seen.label("seen")])
    near = sa.and_(
        said.c.id == labels.c.id,
        said.c.seen <= labels.c.position,
        said.c.position <= labels.c.position,
        said.c.position >= labels.c.position - constant(lookback),
    )
    matched = (
        sa.select(*labels.c, sa.func.max(said.c.position).label("newest"))
        .select_from(labels.outerjoin(said, near))
        .group_by(*labels.c)
        .subquery("matched")
    )
    reason = sa.case(
        (matched.c.id.is_(None), text("null_label_id")),
        (matched.c.invalid == constant(1), text("invalid_label")),
        (matched.c.newest.is_(None), text("orphan_label")),
        (matched.c.newest < matched.c.position - constant(last), text("after_last_horizon")),
        else_=text("label"),
    )
    judged = sa.select(matched.c.position, reason.label("reason"), matched.c.rows).subquery("judged")
    total = sa.cast(sa.func.sum(judged.c.rows), sa.BigInteger)
    return sa.select(judged.c.position, judged.c.reason, total).group_by(judged.c.position, judged.c.reason)
