"""The least that any answer costs: join the labels to the predictions, count and add up, in DuckDB."""

from __future__ import annotations

import duckdb
from measure import Measurement, options

QUERY = """
select count(*), count(actual), sum(score), sum(actual)
from (select id, score from '{predictions}' where ts >= '{start}' and ts < '{end}')
left join (select id, actual from '{labels}' where learnt >= '{learnt}' and learnt < '{known}') using (id)
"""

given = options()
measurement = Measurement()
with duckdb.connect(":memory:") as connection:
    connection.execute("SET TimeZone = 'UTC'")
    with measurement.stage("join"):
        rows = connection.execute(QUERY.format(**given)).fetchall()
measurement.report(predictions=rows[0][0], labelled=rows[0][1])
