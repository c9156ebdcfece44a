"""Second moments of clusters: how much the rows of a customer, or of a session, go together.

A cluster's labelled rows are counted by decision and outcome; what is kept of a day are the sums over its
clusters of all products of these four counts, and the number of clusters.  From them follows the error of
every metric of the confusion matrix (see `hindsight.metrics.clusters`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import sqlalchemy as sa

from hindsight.domain.values import ALL
from hindsight.sources.expressions import Column, constant
from hindsight.sources.statement import Statement
from hindsight.statistics.binary import CELLS, CLUSTER_SUMS, PRODUCTS
from hindsight.windows import Calendar

Moments = dict[tuple[int, str, str], list[list[int]]]
"""By position of the day, version and segment: for each horizon the sums of `PRODUCTS`, then the clusters."""


def cluster_of(statement: Statement) -> sa.Label[Any]:
    """The cluster that a row names; one that names none is a cluster of its own."""
    log, columns = statement.log, statement.spec.predictions.columns
    assert columns.cluster is not None
    named = sa.cast(log.column(columns.cluster, "cluster"), sa.Text)
    alone: Column = sa.literal_column("'(row) '") + sa.cast(log.column(columns.id, "id"), sa.Text)
    return sa.case((named.is_(None), alone), else_=named).label("text_cluster")


def shared(statement: Statement, calendar: Calendar, within: int) -> sa.Select[Any]:
    """One cluster with rows on two days that lie less than so many days apart; no row if there is none."""
    name = statement.spec.predictions.columns.cluster
    assert name is not None
    column = statement.log.column(name, "cluster")
    placed = statement.placed(calendar, [column.label("cluster")])
    keys = [placed.c.cluster, placed.c.position]
    there = sa.and_(placed.c.position.is_not(None), placed.c.cluster.is_not(None))
    days = sa.select(*keys).where(there).group_by(*keys).subquery("days_of_clusters")
    before = sa.func.lag(days.c.position).over(partition_by=days.c.cluster, order_by=days.c.position)
    steps = sa.select(days.c.cluster, (days.c.position - before).label("step")).subquery("steps")
    return sa.select(steps.c.cluster).where(steps.c.step < constant(within)).limit(1)


def moments(statement: Statement, calendar: Calendar, alive: Collection[int] | None = None) -> sa.Select[Any]:
    """(position, version, which, segment, and per horizon the products' sums and the clusters).

    `which` is the number of the segment column, -1 for all rows.  Under `default_negative`, `alive` are the
    positions whose feed was alive at the last horizon.
    """
    joined = statement.joined(calendar, [cluster_of(statement)])
    labelled = sa.and_(joined.c.reason == constant(0), joined.c.learnt.is_not(None))
    parts = []
    for which in range(-1, len(statement.spec.segments)):
        segment: list[Column] = [] if which < 0 else [joined.c[f"segment_{which}"]]
        counts = [
            sa.func.sum(
                sa.case((counts_at(joined, calendar, horizon, *cell, alive), constant(1)), else_=constant(0))
            ).label(f"cell_{horizon}_{i}")
            for horizon in range(len(calendar.horizons))
            for i, cell in enumerate(CELLS)
        ]
        keys = [joined.c.position, joined.c.version, *segment, joined.c.text_cluster]
        of_cluster = (
            sa.select(*keys, *counts).where(labelled).group_by(*keys).subquery(f"clusters_{which + 1}")
        )
        groups = [of_cluster.c[column.name] for column in keys[:-1]]
        named = sa.cast(groups[2] if segment else sa.literal_column(f"'{ALL}'"), sa.Text)
        parts.append(
            sa.select(
                *groups[:2],
                constant(which).label("which"),
                named.label("segment"),
                *(s for horizon in range(len(calendar.horizons)) for s in sums_at(of_cluster, horizon)),
            ).group_by(*groups)
        )
    return sa.select(sa.union_all(*parts).subquery("moments"))


def counts_at(
    joined: sa.FromClause,
    calendar: Calendar,
    horizon: int,
    predicted: int,
    actual: int,
    alive: Collection[int] | None,
) -> Column:
    """Whether a row's label counts at a horizon, in this cell; see `moments`."""
    learnt: Column = sa.and_(
        joined.c.learnt <= constant(horizon),
        sa.or_(joined.c.superseded.is_(None), joined.c.superseded > constant(horizon)),
    )
    if alive is not None and horizon == len(calendar.horizons) - 1:
        silent = sa.and_(joined.c.learnt > constant(horizon), joined.c.first == constant(1))
        there = joined.c.position.in_([constant(position) for position in sorted(alive)] or [constant(-1)])
        learnt = sa.and_(there, sa.or_(learnt, silent))
    return sa.and_(
        joined.c.known <= constant(horizon),
        learnt,
        joined.c.predicted == constant(predicted),
        joined.c.actual == constant(actual),
    )


def sums_at(of_cluster: sa.Subquery, horizon: int) -> list[Column]:
    """The sums over clusters at a horizon."""
    cell = [of_cluster.c[f"cell_{horizon}_{i}"] for i in range(len(CELLS))]
    there = sa.case((cell[0] + cell[1] + cell[2] + cell[3] > constant(0), constant(1)), else_=constant(0))
    products = [cell[i] * cell[j] for i, j in PRODUCTS]
    return [
        sa.cast(sa.func.sum(each), sa.BigInteger).label(f"sum_{horizon}_{i}")
        for i, each in enumerate([*products, there])
    ]


def read(rows: Iterable[tuple[Any, ...]], segments: tuple[str, ...], horizons: int) -> Moments:
    """The statement's rows by group."""
    found: Moments = {}
    for position, version, which, segment, *sums in rows:
        name = ALL if which < 0 else f"{segments[which]}={segment}"
        whole = [int(each) for each in sums]
        found[position, version, name] = [
            whole[h * CLUSTER_SUMS : (h + 1) * CLUSTER_SUMS] for h in range(horizons)
        ]
    return found
