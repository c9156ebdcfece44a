"""The least that any answer costs in PostgreSQL, under one plan: join, count and add up."""

from __future__ import annotations

import psycopg
from measure import Measurement, options, server_cpu

QUERY = """
select count(*), count(actual), sum(score), sum(actual)
from (select id, score from predictions where ts >= '{start}' and ts < '{end}') p
left join (select id, actual from labels where learnt >= '{learnt}' and learnt < '{known}') l using (id)
"""

given = options()
measurement = Measurement(server_cpu(given["server"]))
with psycopg.connect(given["address"]) as connection:
    for setting in given["settings"]:
        connection.execute(f"SET {setting}")
    with measurement.stage("join"):
        rows = connection.execute(QUERY.format(**given)).fetchall()
measurement.report(predictions=rows[0][0], labelled=rows[0][1])
