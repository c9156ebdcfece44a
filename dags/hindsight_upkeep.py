"""The daily upkeep of all monitors: `hindsight_upkeep`.

* `remove_old` takes away results that are older than a monitor's `retention`.
* `send_unsent` sends what lies in the outbox, because its receiver was away or its sender died.
* `find_missing` fails with the days that should have been run by now and were not.
* `stale_silences` fails with the silences that seem to have outlived their reason, and who wanted them.

Each does its part for every monitor, and fails at the end with a sentence for each that could not be served.
"""

from airflow.sdk import DAG, CronTriggerTimetable

from failure_callbacks import ON_FAILURE
from hindsight.orchestration.steps import UpkeepStep

with DAG(
    dag_id="hindsight_upkeep",
    description="Retention, unsent messages, missing runs and stale silences of all monitors",
    schedule=CronTriggerTimetable("0 12 * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"on_failure_callback": ON_FAILURE},
    tags={"hindsight"},
    doc_md=__doc__,
) as dag:
    UpkeepStep(task_id="remove_old", retries=2)
    UpkeepStep(task_id="send_unsent", retries=2)
    UpkeepStep(task_id="find_missing", retries=0)
    UpkeepStep(task_id="stale_silences", retries=0)
