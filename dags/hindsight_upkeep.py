"""The daily upkeep of all monitors: `hindsight_upkeep`.

* `remove_old` takes away results that are older than a monitor's `retention`.
* `send_unsent` sends what lies in the outbox, because its receiver was away or its sender died.
* `find_missing` fails with the days that should have been run by now and were not.

Each does its part for every monitor, and fails at the end with a sentence for each that could not be served.
"""

from airflow.sdk import DAG, CronTriggerTimetable

from hindsight.orchestration.steps import UpkeepStep

with DAG(
    dag_id="hindsight_upkeep",
    description="Retention, unsent messages and missing runs of all monitors",
    schedule=CronTriggerTimetable("0 12 * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    tags={"hindsight"},
    doc_md=__doc__,
) as dag:
    UpkeepStep(task_id="remove_old", retries=2)
    UpkeepStep(task_id="send_unsent", retries=2)
    UpkeepStep(task_id="find_missing", retries=0)
